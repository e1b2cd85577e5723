import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import {
  type AccountFields,
  accountIdFromName,
  type BatchKind,
  checkBatchRecords,
  decodeAccount,
  decodeAction,
  decodeTransfer,
  encodeAccount,
  encodeAction,
  encodeTransfer,
  hasLeaf,
  isBatchLevel,
  isSuccess,
  participantOfId,
  RESULT,
  RESULT_CODES,
  type TransferFields,
  transferIdFromEndToEndId,
} from "../../../src/formats/index.js";
import { toHex } from "../../../src/primitives/index.js";
import { encoded, HDFC, id, makeBatch, SBI } from "../../fixtures/consortium.js";

const defaults = { asset: 356, rail: 3, participant: SBI };
const transfer: Required<TransferFields> = {
  id: id(SBI, 0x0102),
  debitAccountId: id(SBI, 0x0304),
  creditAccountId: id(HDFC, 0x0506),
  amount: "18446744073709551615",
  asset: 840,
  rail: 255,
  code: 65_535,
  flags: ["linked", "pending", "post_pending", "void_pending", "balancing_debit"],
  pendingId: id(SBI, 0x0708),
  timeoutSeconds: 0xffff_ffff,
  reference: id(0xab, 0x090a),
  remittance: id(0xcd, 0x0b0c),
  priority: 254,
};

describe("transfer records", () => {
  test("attack 103: every field comes back as it was", () => {
    expect(decodeTransfer(encoded(encodeTransfer(transfer, defaults)))).toEqual(transfer);
  });

  test("the layout is pinned", () => {
    expect(toHex(encoded(encodeTransfer({ ...transfer, amount: "258", timeoutSeconds: 259 }, defaults)))).toBe(
      [
        "00000002000000000000000000000102",
        "00000002000000000000000000000304",
        "00000003000000000000000000000506",
        "0201000000000000",
        "00000002000000000000000000000708",
        "000000ab00000000000000000000090a",
        "000000cd000000000000000000000b0c",
        "03010000",
        "48030000",
        "ffff",
        "ff",
        "fe",
        "1f00",
        "00000000000000000000",
      ].join(""),
    );
  });

  test("what is absent is zero, asset and rail are the rulebook's defaults", () => {
    const { id, debitAccountId, creditAccountId } = transfer;
    const record = encoded(encodeTransfer({ id, debitAccountId, creditAccountId, amount: "1" }, defaults));
    expect(decodeTransfer(record)).toMatchObject({ asset: 356, rail: 3, flags: [], timeoutSeconds: 0, code: 0 });
  });

  test.each<[string, object]>([
    ["id", { id: "02" }],
    ["id", { id: transfer.id.toUpperCase().replace("0", "A") }],
    ["debitAccountId", { debitAccountId: 5 }],
    ["amount", { amount: "1.005" }],
    ["amount", { amount: "01" }],
    ["amount", { amount: "-0" }],
    ["amount", { amount: "1e3" }],
    ["amount", { amount: " 100" }],
    ["amount", { amount: "0x10" }],
    ["amount", { amount: "١٠٠" }],
    ["amount", { amount: 100 }],
    ["amount", { amount: "18446744073709551616" }],
    ["rail", { rail: 256 }],
    ["asset", { asset: -1 }],
    ["code", { code: 1.5 }],
    ["timeoutSeconds", { timeoutSeconds: 2 ** 32 }],
    ["priority", { priority: Number.NaN }],
    ["flags", { flags: ["linked", "linked"] }],
    ["flags", { flags: ["toString"] }],
  ])("attack 90: a bad %s is named: %j", (field, changes) => {
    const result = encodeTransfer({ ...transfer, ...changes } as TransferFields, defaults);
    expect(result.ok ? undefined : result.fault.field).toBe(field);
  });
});

describe("account and action records", () => {
  test("come back as they were", () => {
    const account: Required<AccountFields> = {
      id: id(SBI, 1),
      owner: HDFC,
      asset: 840,
      kind: "settlement",
      flags: ["debits_must_not_exceed_credits", "credits_must_not_exceed_debits"],
      reference: id(7, 7),
    };
    expect(decodeAccount(encoded(encodeAccount(account, defaults)))).toEqual(account);
    const action = { id: id(SBI, 1), accountId: id(SBI, 2), action: "close", reference: id(7, 7) } as const;
    expect(decodeAction(encoded(encodeAction(action)))).toEqual(action);
  });

  test("an account belongs to the submitter and has the usual flags of its kind", () => {
    const flagsOf = (kind: AccountFields["kind"]) =>
      decodeAccount(encoded(encodeAccount({ id: id(SBI, 1), kind }, defaults)));
    expect(flagsOf("customer")).toMatchObject({ owner: SBI, asset: 356, flags: ["debits_must_not_exceed_credits"] });
    expect(flagsOf("clearing").flags).toEqual([]);
    expect(flagsOf("issuance").flags).toEqual(["credits_must_not_exceed_debits"]);
  });

  test("unknown words are refused", () => {
    expect(encodeAccount({ id: id(SBI, 1), kind: "constructor" as "customer" }, defaults).ok).toBe(false);
    expect(encodeAction({ id: id(SBI, 1), accountId: id(SBI, 2), action: "thaw" as "freeze" }).ok).toBe(false);
  });
});

describe("checkBatchRecords", () => {
  const good: Readonly<Record<string, Uint8Array>> = {
    create_transfers: encoded(encodeTransfer({ ...transfer, flags: [] }, defaults)),
    create_accounts: encoded(encodeAccount({ id: id(SBI, 1), kind: "customer" }, defaults)),
    manage_accounts: encoded(encodeAction({ id: id(SBI, 1), accountId: id(SBI, 2), action: "freeze" })),
    settle_set: new Uint8Array(128).fill(7, 0, 16),
  };
  const check = (kind: BatchKind, at: number, value: number) => {
    const record = (good[kind] as Uint8Array).slice();
    record[at] = value;
    return checkBatchRecords(kind, makeBatch(kind, SBI, [good[kind] as Uint8Array, record]).bytes);
  };

  test.each<[BatchKind, number, number, string]>([
    ["create_transfers", 116, 32, "unknown_flag"],
    ["create_transfers", 117, 1, "unknown_flag"],
    ...[118, 119, 120, 123, 124, 127].map(
      (at) => ["create_transfers", at, 1, "reserved_bytes_set"] as [BatchKind, number, number, string],
    ),
    ...[25, 28, 31, 48, 127].map(
      (at) => ["create_accounts", at, 1, "reserved_bytes_set"] as [BatchKind, number, number, string],
    ),
    ["create_accounts", 26, 4, "unknown_flag"],
    ["create_accounts", 27, 1, "unknown_flag"],
    ["create_accounts", 24, 0, "unknown_kind"],
    ["create_accounts", 24, 6, "unknown_kind"],
    ["create_accounts", 16, 0, "owner_zero"],
    ...[49, 51, 52, 127].map(
      (at) => ["manage_accounts", at, 1, "reserved_bytes_set"] as [BatchKind, number, number, string],
    ),
    ["manage_accounts", 48, 0, "unknown_action"],
    ["manage_accounts", 48, 8, "unknown_action"],
    ...[16, 31, 127].map((at) => ["settle_set", at, 1, "reserved_bytes_set"] as [BatchKind, number, number, string]),
  ])("%s: byte %i = %i is %s", (kind, at, value, fault) => {
    expect(check(kind, at, value)).toEqual({ index: 1, fault });
  });

  test("asset 0 is malformed; sound records of every kind pass", () => {
    const assetless = encoded(encodeTransfer({ ...transfer, asset: 0 }, defaults));
    expect(checkBatchRecords("create_transfers", makeBatch("create_transfers", SBI, [assetless]).bytes)).toEqual({
      index: 0,
      fault: "asset_zero",
    });
    for (const [kind, record] of Object.entries(good)) {
      expect(checkBatchRecords(kind as BatchKind, makeBatch(kind as BatchKind, SBI, [record]).bytes)).toBeUndefined();
    }
  });

  test("no byte of a well-formed record changes silently: it is another record or refused", () => {
    for (const [kind, record] of Object.entries(good)) {
      for (let at = 0; at < 128; at += 1) {
        const changed = record.slice();
        changed[at] = (changed[at] as number) ^ 1;
        const fault = checkBatchRecords(kind as BatchKind, makeBatch(kind as BatchKind, SBI, [changed]).bytes);
        const decode = {
          create_transfers: decodeTransfer,
          create_accounts: decodeAccount,
          manage_accounts: decodeAction,
          settle_set: (bytes: Uint8Array) => bytes.slice(0, 16),
        }[kind];
        if (fault === undefined) expect(decode?.(changed)).not.toEqual(decode?.(record));
      }
    }
  });
});

describe("derived ids", () => {
  test("begin with the participant and are pinned", () => {
    const account = accountIdFromName(sha256, SBI, "0001/42");
    const payment = transferIdFromEndToEndId(sha256, SBI, "0001/42");
    expect([participantOfId(account), participantOfId(payment)]).toEqual([SBI, SBI]);
    expect(account).toBe("0000000271d1daa71a277eee498e444a");
    expect(payment).toBe("0000000259917658913293e3260d1f21");
  });

  test("attack 103: naughty names give distinct ids; lone surrogates are refused", () => {
    const naughty = [
      "",
      " ",
      "N".repeat(140),
      "ﷺ",
      "👩‍👩‍👧‍👦",
      "\u0000",
      "é",
      "e\u0301",
      "<script>",
      "ÅÄÖ",
      "undefined",
    ];
    const ids = naughty.map((name) => accountIdFromName(sha256, SBI, name));
    expect(new Set(ids).size).toBe(naughty.length);
    expect(() => accountIdFromName(sha256, SBI, "\ud800")).toThrow(TypeError);
    expect(() => transferIdFromEndToEndId(sha256, SBI, "x\udfff")).toThrow(TypeError);
  });
});

describe("result codes", () => {
  test("are numbered by their place, each with a status, a reason and one line", () => {
    for (const [index, { code, name, status, reason, meaning }] of RESULT_CODES.entries()) {
      expect(code).toBe(index);
      expect(RESULT[name]).toBe(index);
      expect(reason === undefined).toBe(status !== "RJCT");
      expect(meaning).toMatch(/^[a-z][^\n]+[^.\n]$/);
    }
    expect(new Set(RESULT_CODES.map(({ name }) => name)).size).toBe(RESULT_CODES.length);
  });

  test("success, batch level and leaves", () => {
    expect(RESULT_CODES.filter(({ code }) => isSuccess(code)).map(({ name }) => name)).toEqual([
      "posted",
      "reserved",
      "voided",
      "expired",
      ...["settled", "queued", "held", "released", "returned", "proposed", "activated", "lapsed", "not_activated"],
      "applied",
    ]);
    expect(RESULT_CODES.filter(({ code }) => isBatchLevel(code)).map(({ name }) => name)).toEqual([
      "batch_malformed",
      "key_not_registered",
      "key_out_of_scope",
    ]);
    expect(hasLeaf("create_transfers", RESULT.insufficient_funds)).toBe(true);
    expect(hasLeaf("create_transfers", RESULT.not_authorised)).toBe(false);
    expect(hasLeaf("create_transfers", RESULT.exists)).toBe(false);
    expect(hasLeaf("create_accounts", RESULT.accounts_cap_exceeded)).toBe(false);
    expect(hasLeaf("create_accounts", RESULT.applied)).toBe(true);
  });
});

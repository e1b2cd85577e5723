import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeTransfer, TRANSFER_FLAGS, type TransferFields, type TransferFlag } from "../../../src/formats/index.js";
import { concatBytes, type Id128, type ParticipantNumber } from "../../../src/primitives/index.js";
import { readTransferList } from "../../../src/rpc/transfer-list.js";

const DEFAULTS = { asset: 356, rail: 2, participant: 1 as ParticipantNumber };

const transfer = {
  id: "00000001aaaaaaaaaaaaaaaaaaaaaaaa",
  debitAccountId: "00000001000000000000000000000001",
  creditAccountId: "00000002000000000000000000000002",
  amount: "2500",
};

const faultOf = (list: unknown): unknown => {
  const read = readTransferList(list, DEFAULTS);
  return read.ok ? undefined : read.fault.data;
};

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex") as Id128);
const fields: fc.Arbitrary<TransferFields> = fc.record(
  {
    id,
    debitAccountId: id,
    creditAccountId: id,
    amount: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(String),
    asset: fc.integer({ min: 1, max: 0xffff_ffff }),
    rail: fc.integer({ min: 0, max: 0xff }),
    code: fc.integer({ min: 0, max: 0xffff }),
    flags: fc.subarray(Object.keys(TRANSFER_FLAGS).filter((flag) => flag !== "linked") as TransferFlag[]),
    pendingId: id,
    timeoutSeconds: fc.integer({ min: 0, max: 0xffff_ffff }),
    reference: id,
    remittance: id,
    priority: fc.integer({ min: 0, max: 0xff }),
  },
  { requiredKeys: ["id", "debitAccountId", "creditAccountId", "amount"] },
);

test("the hot loop writes the same records as the format's own encoder", () => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1, maxLength: 20 }), (list) => {
      const expected = list.map((item) => {
        const encoded = encodeTransfer(item, DEFAULTS);
        return encoded.ok ? encoded.record : new Uint8Array();
      });
      const read = readTransferList(JSON.parse(JSON.stringify(list)), DEFAULTS);
      expect(read.ok && read.params).toEqual(concatBytes(...expected));
    }),
  );
});

describe("attack 90: amounts have one spelling", () => {
  test.each(["0", "1", "999999999999999", "1000000000000000", "9007199254740993", "18446744073709551615"])(
    "%s is an amount, to the last unit",
    (amount) => {
      const read = readTransferList([{ ...transfer, amount }], DEFAULTS);
      expect(read.ok && new DataView(read.params.buffer).getBigUint64(48, true)).toBe(BigInt(amount));
    },
  );

  test.each([
    0.1,
    1e3,
    9007199254740993,
    2500,
    "-0",
    "-1",
    "+1",
    "1.005",
    "1.0",
    " 100",
    "100 ",
    "1e3",
    "0x10",
    "00",
    "01",
    "\u0661\u0662",
    "\uff11",
    "1_000",
    "1,000",
    "",
    "18446744073709551616",
    "9".repeat(20),
    "1".repeat(40),
    null,
    true,
    ["1"],
    { toString: "1" },
  ])("%j is refused with its path", (amount) => {
    expect(faultOf([transfer, { ...transfer, amount }])).toEqual({
      path: "transfers[1].amount",
      reason: "not a decimal string of minor units below 2^64",
    });
  });
});

describe("fields of a transfer", () => {
  test.each<[string, unknown, string]>([
    ["id", transfer.id.toUpperCase(), "id"],
    ["id", `0x${transfer.id.slice(2)}`, "id"],
    ["id", transfer.id.slice(1), "id"],
    ["id", `${transfer.id}0`, "id"],
    ["debitAccountId", "g".repeat(32), "debitAccountId"],
    ["creditAccountId", "\u0130".repeat(32), "creditAccountId"],
    ["creditAccountId", `${"0".repeat(31)}\u0161`, "creditAccountId"],
    ["pendingId", null, "pendingId"],
    ["asset", 0, "asset"],
    ["asset", 2 ** 32, "asset"],
    ["rail", 256, "rail"],
    ["rail", "1", "rail"],
    ["code", -1, "code"],
    ["priority", 1.5, "priority"],
    ["timeoutSeconds", Number.NaN, "timeoutSeconds"],
    ["flags", "pending", "flags"],
    ["flags", ["pending", "pending"], "flags"],
    ["flags", ["toString"], "flags"],
    ["flags", [1], "flags"],
    ["constructor", 1, "constructor"],
    ["memo", "x", "memo"],
    ["x".repeat(500), 1, "x".repeat(64)],
  ])("%s: %j is refused with the path of the field", (field, value, path) => {
    expect(faultOf([{ ...transfer, [field]: value }])).toMatchObject({ path: `transfers[0].${path}` });
  });

  test("attack 89: a prototype among the fields is an unknown parameter", () => {
    const polluted = JSON.parse(`[{"__proto__":{"amount":"1"},"id":"${transfer.id}"}]`);
    expect(faultOf(polluted)).toEqual({ path: "transfers[0].__proto__", reason: "unknown parameter" });
  });

  test.each(["id", "debitAccountId", "creditAccountId", "amount"] as const)(
    "a transfer without %s is refused",
    (field) => {
      const { [field]: _, ...rest } = transfer;
      expect(faultOf([rest])).toEqual({ path: `transfers[0].${field}`, reason: "missing" });
    },
  );

  test.each([undefined, null, {}, "x", [], [[]], [null], [1], Array.from({ length: 8_191 }, () => transfer)])(
    "list %# is refused",
    (list) => {
      expect(faultOf(list)).toMatchObject({ path: expect.stringMatching(/^transfers/) });
    },
  );

  test("a chain of linked transfers may not leave its call open", () => {
    const linked = { ...transfer, flags: ["linked"] };
    expect(faultOf([linked, transfer])).toBeUndefined();
    expect(faultOf([transfer, linked])).toMatchObject({ path: "transfers[1].flags" });
  });
});

import { describe, expect, test } from "vitest";
import { encodeTransfer, RESULT_CODES, type TransferFields } from "../../../src/formats/index.js";
import type { Height } from "../../../src/primitives/index.js";
import {
  ACCOUNTS,
  ASHA,
  actions,
  BINA,
  BOOK,
  encoded,
  FUNDING,
  HARI,
  HDFC,
  HDFC_CLEARING,
  HDFC_SETTLEMENT,
  INR,
  ISSUANCE,
  id,
  makeBatch,
  makeGenesis,
  openings,
  PART,
  RBI,
  RTGS,
  Run,
  SBI,
  SBI_CLEARING,
  SBI_SETTLEMENT,
  START,
  transfers,
  UPI,
  USD,
} from "../../fixtures/consortium.js";

const MAX = "18446744073709551615";
const pay = (rest: number, changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: ASHA,
  creditAccountId: BINA,
  amount: "100",
  ...changes,
});

describe("routes of money", () => {
  test("LEDG-9: within a bank both customers' balances move and no settlement money", () => {
    const run = Run.of();
    expect(run.transfer(SBI, pay(1))).toEqual(["posted"]);
    expect(run.balances(ASHA)).toEqual([0, 100, 0, 100_000]);
    expect(run.balances(BINA)).toEqual([0, 0, 0, 100]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 0, 0, 50_000]);
  });

  test("LEDG-10: across banks settlement money moves in the same step", () => {
    const run = Run.of();
    expect(run.transfer(SBI, pay(1, { creditAccountId: HARI }))).toEqual(["posted"]);
    expect(run.balances(HARI)).toEqual([0, 0, 0, 100_100]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 100, 0, 50_000]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 0, 0, 50_100]);
  });

  test("LEDG-10: without liquidity the customers' leg does not move either", () => {
    const run = Run.of();
    expect(run.transfer(SBI, pay(1, { creditAccountId: HARI, amount: "50001" }))).toEqual(["insufficient_liquidity"]);
    expect(run.balances(ASHA)).toEqual([0, 0, 0, 100_000]);
    expect(run.transfer(SBI, pay(2, { creditAccountId: HARI, amount: "50000" }))).toEqual(["posted"]);
  });

  test("LEDG-10: a bank without a settlement account pays nobody across banks", () => {
    const accounts = ACCOUNTS.filter(({ id }) => id !== HDFC_SETTLEMENT);
    const funding = FUNDING.filter(({ credit }) => credit !== HDFC_SETTLEMENT);
    const run = Run.of(makeGenesis({ accounts, funding }));
    expect(run.transfer(SBI, pay(1, { creditAccountId: HARI }))).toEqual(["settlement_account_not_found"]);
  });

  test("LEDG-9: issue, pay between banks, redeem", () => {
    const run = Run.of();
    const settle = (rest: number, from: typeof SBI, debit: typeof ASHA, credit: typeof ASHA) =>
      run.transfer(from, { id: id(from, rest), debitAccountId: debit, creditAccountId: credit, amount: "10" });
    expect(settle(1, RBI, ISSUANCE, SBI_SETTLEMENT)).toEqual(["posted"]);
    expect(settle(2, SBI, SBI_SETTLEMENT, HDFC_SETTLEMENT)).toEqual(["posted"]);
    expect(settle(3, RBI, SBI_SETTLEMENT, ISSUANCE)).toEqual(["posted"]);
    expect(settle(4, HDFC, HDFC_SETTLEMENT, ISSUANCE)).toEqual(["posted"]);
    expect(settle(5, RBI, SBI_SETTLEMENT, HDFC_SETTLEMENT)).toEqual(["not_authorised"]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 20, 0, 50_010]);
    const [inr] = run.ledger.conservation();
    expect(inr?.issued).toBe(99_990n);
    expect(inr?.settlement).toBe(99_990n);
  });

  test.each([
    [SBI, ASHA, HDFC_CLEARING],
    [SBI, SBI_CLEARING, HARI],
    [SBI, ASHA, SBI_SETTLEMENT],
    [SBI, SBI_SETTLEMENT, ASHA],
    [SBI, SBI_CLEARING, SBI_SETTLEMENT],
    [SBI, SBI_CLEARING, HDFC_CLEARING],
    [RBI, ISSUANCE, ASHA],
    [SBI, ASHA, ISSUANCE],
  ])("LEDG-9: participant %i may not move money from %s to %s", (from, debit, credit) => {
    const run = Run.of();
    const record = { id: id(from, 1), debitAccountId: debit, creditAccountId: credit, amount: "1" };
    expect(run.transfer(from, record)).toEqual(["kinds_not_allowed"]);
  });
});

describe("attack 99: edges have fixed codes in fixed precedence", () => {
  test.each<[string, Partial<TransferFields>]>([
    ["accounts_must_be_different", { creditAccountId: ASHA }],
    ["amount_must_not_be_zero", { amount: "0" }],
    ["insufficient_funds", { amount: "100001" }],
    ["insufficient_funds", { amount: MAX }],
    ["debit_account_not_found", { debitAccountId: id(SBI, 0xdead) }],
    ["credit_account_not_found", { creditAccountId: id(HDFC, 0xdead) }],
    ["asset_not_found", { asset: 999 }],
    ["asset_mismatch", { asset: USD }],
    ["rail_not_found", { rail: 9 }],
    ["amount_below_rail_minimum", { rail: RTGS, amount: "19999" }],
    ["amount_above_rail_maximum", { rail: RTGS, amount: "90001" }],
    ["pending_id_must_be_zero", { pendingId: id(SBI, 5) }],
    ["timeout_reserved_for_pending", { timeoutSeconds: 1 }],
    ["rail_without_pending", { flags: ["pending"], timeoutSeconds: 1 }],
    ["timeout_out_of_range", { flags: ["pending"], rail: UPI }],
    ["timeout_out_of_range", { flags: ["pending"], rail: UPI, timeoutSeconds: 3_601 }],
    ["flags_are_mutually_exclusive", { flags: ["post_pending", "void_pending"], pendingId: id(SBI, 5) }],
    ["flags_are_mutually_exclusive", { flags: ["pending", "post_pending"], pendingId: id(SBI, 5) }],
    ["flags_are_mutually_exclusive", { flags: ["balancing_debit", "void_pending"], pendingId: id(SBI, 5) }],
    ["pending_id_must_not_be_zero", { flags: ["post_pending"] }],
    ["linked_event_chain_open", { flags: ["linked"] }],
  ])("LEDG-7: %s for %j", (code, changes) => {
    const run = Run.of();
    const before = run.ledger.account(ASHA);
    expect(run.transfer(SBI, pay(1, changes))).toEqual([code]);
    expect(run.ledger.account(ASHA)).toEqual(before);
    expect(run.ledger.transferPosition(id(SBI, 1))?.pending).toBe("none");
  });

  test("LEDG-7: everything wrong at once is told in the order of the table", () => {
    const run = Run.of();
    const bad = { debitAccountId: id(SBI, 1), creditAccountId: id(SBI, 1), amount: "0", asset: 999, rail: 9 };
    const steps: [string, Partial<TransferFields>][] = [
      ["pending_id_must_be_zero", { ...bad, pendingId: id(SBI, 9), timeoutSeconds: 9 }],
      ["timeout_reserved_for_pending", { ...bad, timeoutSeconds: 9 }],
      ["accounts_must_be_different", bad],
      ["asset_not_found", { ...bad, creditAccountId: id(SBI, 2) }],
      ["rail_not_found", { ...bad, creditAccountId: id(SBI, 2), asset: USD }],
      ["amount_must_not_be_zero", { ...bad, creditAccountId: id(SBI, 2), asset: USD, rail: RTGS }],
      ["amount_below_rail_minimum", { ...bad, creditAccountId: id(SBI, 2), asset: USD, rail: RTGS, amount: "1" }],
      ["debit_account_not_found", { ...bad, creditAccountId: id(SBI, 2), asset: USD, rail: BOOK, amount: "1" }],
      ["credit_account_not_found", { creditAccountId: id(SBI, 2), asset: USD }],
      ["asset_mismatch", { creditAccountId: HDFC_CLEARING, asset: USD }],
      ["kinds_not_allowed", { creditAccountId: HDFC_CLEARING, amount: MAX }],
    ];
    const results = run.transfer(SBI, ...steps.map(([, changes], index) => pay(100 + index, changes)));
    expect(results).toEqual(steps.map(([code]) => code));
    const numbers = results.map((name) => RESULT_CODES.findIndex((code) => code.name === name));
    expect(numbers).toEqual([...numbers].sort((left, right) => left - right));
  });

  test("LEDG-11: a balance that would pass 64 bits is a code, on either side", () => {
    const funding = [
      { debit: SBI_CLEARING, credit: ASHA, amount: MAX },
      { debit: HDFC_CLEARING, credit: HARI, amount: "10" },
    ];
    const run = Run.of(makeGenesis({ funding }));
    const deposit = (rest: number, credit: typeof ASHA) =>
      run.transfer(SBI, pay(rest, { debitAccountId: SBI_CLEARING, creditAccountId: credit, amount: "1" }));
    expect(deposit(1, ASHA)).toEqual(["balance_overflow"]);
    expect(deposit(2, BINA)).toEqual(["balance_overflow"]);
    expect(run.transfer(SBI, pay(3, { amount: MAX }))).toEqual(["posted"]);
    expect(run.ledger.account(BINA)?.creditsPosted).toBe(2n ** 64n - 1n);
  });

  test("LEDG-11: an account whose credits may not exceed its debits", () => {
    const run = Run.of();
    const loan = id(SBI, 0x10a);
    const flags = ["credits_must_not_exceed_debits"] as const;
    run.block([openings(SBI, [{ id: loan, kind: "customer", flags }])]);
    expect(run.transfer(SBI, pay(1, { creditAccountId: loan, amount: "5" }))).toEqual(["exceeds_debits"]);
    expect(run.transfer(SBI, pay(2, { debitAccountId: loan, amount: "5" }))).toEqual(["posted"]);
    expect(run.transfer(SBI, pay(3, { creditAccountId: loan, amount: "5" }))).toEqual(["posted"]);
  });
});

describe("rights", () => {
  test("attack 101, LEDG-5: a bank's key debits no other bank, and the attempt consumes no id", () => {
    const run = Run.of();
    const theft = pay(1, { debitAccountId: HARI, creditAccountId: ASHA });
    expect(run.transfer(SBI, theft)).toEqual(["not_authorised"]);
    expect(run.ledger.transferPosition(theft.id)).toBeUndefined();
    expect(run.history[0]?.executed.leaf.leafCount).toBe(0);
    expect(run.transfer(SBI, pay(1))).toEqual(["posted"]);
  });

  test("attack 101, LEDG-5: nobody squats on another bank's ids", () => {
    const run = Run.of();
    expect(run.transfer(SBI, pay(1, { id: id(HDFC, 1) }))).toEqual(["id_not_of_participant"]);
    expect(run.ledger.transferPosition(id(HDFC, 1))).toBeUndefined();
  });

  test("attack 101, LEDG-3: a key unknown, another bank's or out of scope has one code and no record is read", () => {
    const run = Run.of();
    const records = [pay(1), pay(2)];
    const unknown = transfers(SBI, records, { publicKey: new Uint8Array(32).fill(9) });
    const foreign = makeBatch(
      "create_transfers",
      SBI,
      [encoded(encodeTransfer(pay(1), { asset: INR, rail: BOOK, participant: SBI }))],
      {
        publicKey: Run.of()
          .ledger.keys()
          .find(({ participant }) => participant === HDFC)?.publicKey as Uint8Array,
      },
    );
    const { results, executed } = run.block([unknown, foreign, transfers(SBI, records, { key: 1 })]);
    expect(results).toEqual([["key_not_registered"], ["key_not_registered"], ["key_out_of_scope"]]);
    expect(executed.leaf.leafCount).toBe(0);
    expect(run.transfer(SBI, ...records)).toEqual(["posted", "posted"]);
  });

  test("LEDG-2, LEDG-3: foreign chains, a settle-set of no validator and malformed bytes get one code, not an exception", () => {
    const run = Run.of();
    const good = transfers(SBI, [pay(1)]);
    const foreign = { ...good, bytes: good.bytes.slice() };
    foreign.bytes[8] = 0;
    const reserved = { ...good, bytes: good.bytes.slice() };
    reserved.bytes[128 + 127] = 1;
    const govern = makeBatch("govern", SBI, [new Uint8Array(128)]);
    const settle = makeBatch("settle_set", SBI, [new Uint8Array(128)]);
    const short = { ...good, bytes: good.bytes.slice(0, 100) };
    expect(run.block([foreign, reserved, govern, settle, short, good]).results).toEqual([
      ["batch_malformed"],
      ["batch_malformed"],
      ["batch_malformed"],
      ["not_authorised"],
      ["batch_malformed"],
      ["posted"],
    ]);
  });
});

describe("order and time", () => {
  test("attack 100, LEDG-2: two transfers that need the same money: the first in block order wins", () => {
    const rich = { amount: "100000" };
    const one = Run.of();
    const first = one.block([transfers(SBI, [pay(1, rich)]), transfers(SBI, [pay(2, rich)])]);
    expect(first.results).toEqual([["posted"], ["insufficient_funds"]]);
    const two = Run.of();
    const second = two.block([transfers(SBI, [pay(2, rich)]), transfers(SBI, [pay(1, rich)])]);
    expect(second.results).toEqual([["posted"], ["insufficient_funds"]]);
    const three = Run.of();
    expect([three.transfer(SBI, pay(1, rich)), three.transfer(SBI, pay(2, rich))]).toEqual([
      ["posted"],
      ["insufficient_funds"],
    ]);
  });

  test("attack 104: the only clock is the block's timestamp", () => {
    const run = Run.of();
    run.block([transfers(SBI, [pay(1, { rail: UPI, flags: ["pending"], timeoutSeconds: 10 })])], START + 5);
    expect(run.ledger.nextDeadline()).toBe(START + 10_005);
    run.block([], START + 10_004);
    expect(run.ledger.pendingCount).toBe(1);
    run.block([], START + 10_005);
    expect(run.ledger.pendingCount).toBe(0);
  });

  test("blocks are applied in order, once", () => {
    const run = Run.of();
    const { block } = run.block([]);
    expect(() => run.ledger.apply(block)).toThrow("in order");
    expect(() => run.ledger.apply({ ...block, height: 3 as Height })).toThrow("in order");
  });
});

describe("LEDG-18: balancing_debit", () => {
  test("moves up to what is there", () => {
    const run = Run.of();
    const sweep = (rest: number, amount: string) => pay(rest, { amount, flags: ["balancing_debit"] });
    expect(run.transfer(SBI, sweep(1, "99000"), sweep(2, "5000"), sweep(3, "5000"))).toEqual([
      "posted",
      "posted",
      "insufficient_funds",
    ]);
    expect(run.balances(ASHA)).toEqual([0, 100_000, 0, 100_000]);
  });

  test("counts reservations as gone, and does not move less than the rail's minimum", () => {
    const run = Run.of();
    const reserve = pay(1, { rail: PART, amount: "85000", flags: ["pending"], timeoutSeconds: 10 });
    const sweep = pay(2, { rail: RTGS, amount: "30000", flags: ["balancing_debit"] });
    const rest = pay(3, { amount: "30000", flags: ["balancing_debit"] });
    expect(run.transfer(SBI, reserve, sweep, rest)).toEqual(["reserved", "insufficient_funds", "posted"]);
    expect(run.balances(ASHA)).toEqual([85_000, 15_000, 0, 100_000]);
  });

  test("an account that may go negative gives the whole amount", () => {
    const run = Run.of();
    const deposit = pay(1, { debitAccountId: SBI_CLEARING, creditAccountId: BINA, flags: ["balancing_debit"] });
    expect(run.transfer(SBI, deposit)).toEqual(["posted"]);
    expect(run.balances(BINA)).toEqual([0, 0, 0, 100]);
  });
});

describe("LEDG-12: freezing", () => {
  const freeze = (rest: number, account: typeof ASHA, action: "freeze" | "unfreeze" = "freeze") =>
    actions(RBI, [{ id: id(RBI, rest), accountId: account, action }]);

  test("a frozen account pays nothing and is still credited; unfrozen it pays again", () => {
    const run = Run.of();
    run.block([freeze(1, ASHA)]);
    expect(run.ledger.account(ASHA)?.frozen).toBe(true);
    const deposit = pay(2, { debitAccountId: SBI_CLEARING, creditAccountId: ASHA });
    expect(run.transfer(SBI, pay(1), deposit)).toEqual(["debit_account_frozen", "posted"]);
    run.block([freeze(3, ASHA, "unfreeze")]);
    expect(run.transfer(SBI, pay(3))).toEqual(["posted"]);
  });

  test("a frozen settlement account stops its bank's payments to others, not those within it", () => {
    const run = Run.of();
    run.block([freeze(1, SBI_SETTLEMENT)]);
    expect(run.transfer(SBI, pay(1, { creditAccountId: HARI }), pay(2))).toEqual([
      "settlement_account_frozen",
      "posted",
    ]);
  });

  test("LEDG-4: a freeze in the same block comes before the payments, wherever its batch lies", () => {
    const run = Run.of();
    expect(run.block([transfers(SBI, [pay(1)]), freeze(1, ASHA)]).results).toEqual([
      ["debit_account_frozen"],
      ["applied"],
    ]);
  });

  test("a pending debit of a frozen account is not posted, but voided", () => {
    const run = Run.of();
    run.transfer(SBI, pay(1, { rail: UPI, flags: ["pending"], timeoutSeconds: 60 }));
    run.block([freeze(1, ASHA)]);
    const end = (rest: number, flag: "post_pending" | "void_pending"): TransferFields =>
      pay(rest, { amount: "0", rail: UPI, flags: [flag], pendingId: id(SBI, 1) });
    expect(run.transfer(SBI, end(2, "post_pending"), end(3, "void_pending"))).toEqual([
      "debit_account_frozen",
      "voided",
    ]);
  });
});

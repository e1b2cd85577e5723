import { describe, expect, test } from "vitest";
import type { TransferFields } from "../../../src/formats/index.js";
import {
  ASHA,
  BINA,
  BOOK,
  HARI,
  HDFC,
  HDFC_SETTLEMENT,
  id,
  makeGenesis,
  PART,
  Run,
  SBI,
  SBI_SETTLEMENT,
  START,
  transfers,
  UPI,
  USD,
} from "../../fixtures/consortium.js";

const reserve = (rest: number, changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: ASHA,
  creditAccountId: HARI,
  amount: "100",
  rail: UPI,
  flags: ["pending"],
  timeoutSeconds: 60,
  ...changes,
});

const NOBODY = id(0, 0);
const end = (
  rest: number,
  flag: "post_pending" | "void_pending",
  of: number,
  changes: Partial<TransferFields> = {},
): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: NOBODY,
  creditAccountId: NOBODY,
  amount: "0",
  rail: UPI,
  flags: [flag],
  pendingId: id(SBI, of),
  ...changes,
});
const post = (rest: number, of: number, changes?: Partial<TransferFields>) => end(rest, "post_pending", of, changes);
const cancel = (rest: number, of: number, changes?: Partial<TransferFields>) => end(rest, "void_pending", of, changes);

describe("LEDG-15: two-phase transfers", () => {
  test("LEDG-10: across banks both legs are reserved, then posted", () => {
    const run = Run.of();
    expect(run.transfer(SBI, reserve(1))).toEqual(["reserved"]);
    expect(run.balances(ASHA)).toEqual([100, 0, 0, 100_000]);
    expect(run.balances(HARI)).toEqual([0, 0, 100, 100_000]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([100, 0, 0, 50_000]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 0, 100, 50_000]);
    expect(run.ledger.participant(SBI)?.pendings).toBe(1);
    expect(run.transfer(SBI, post(2, 1))).toEqual(["posted"]);
    expect(run.balances(ASHA)).toEqual([0, 100, 0, 100_000]);
    expect(run.balances(HARI)).toEqual([0, 0, 0, 100_100]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 100, 0, 50_000]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 0, 0, 50_100]);
    expect(run.ledger.participant(SBI)?.pendings).toBe(0);
    expect(run.ledger.transferPosition(id(SBI, 1))).toEqual({
      height: 1,
      index: 0,
      code: 1,
      kind: "transfer",
      pending: "posted",
      resolution: { height: 2, index: 0 },
    });
  });

  test("LEDG-11: reserved money cannot be spent or reserved again", () => {
    const run = Run.of();
    const all = reserve(1, { amount: "100000", rail: PART, creditAccountId: BINA });
    const spend = { ...reserve(2), rail: BOOK, flags: [], timeoutSeconds: 0, amount: "1" };
    expect(run.transfer(SBI, all, spend, reserve(3, { amount: "1" }))).toEqual([
      "reserved",
      "insufficient_funds",
      "insufficient_funds",
    ]);
  });

  test("a void gives everything back, once", () => {
    const run = Run.of();
    run.transfer(SBI, reserve(1));
    expect(run.transfer(SBI, cancel(2, 1), cancel(3, 1), post(4, 1))).toEqual([
      "voided",
      "pending_transfer_already_voided",
      "pending_transfer_already_voided",
    ]);
    expect(run.balances(ASHA)).toEqual([0, 0, 0, 100_000]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 0, 0, 50_000]);
  });

  test("a transfer is posted once", () => {
    const run = Run.of();
    run.transfer(SBI, reserve(1));
    expect(run.transfer(SBI, post(2, 1), post(3, 1), cancel(4, 1))).toEqual([
      "posted",
      "pending_transfer_already_posted",
      "pending_transfer_already_posted",
    ]);
  });

  test("only the participant that reserved may post or void, and trying consumes no id", () => {
    const run = Run.of();
    run.transfer(SBI, reserve(1));
    expect(run.transfer(HDFC, { ...post(2, 1), id: id(HDFC, 2) })).toEqual(["not_authorised"]);
    expect(run.transfer(HDFC, { ...cancel(2, 1), id: id(HDFC, 2) })).toEqual(["not_authorised"]);
    expect(run.ledger.transferPosition(id(HDFC, 2))).toBeUndefined();
  });

  test.each<[string, TransferFields]>([
    ["pending_transfer_not_found", post(9, 77)],
    ["pending_transfer_not_pending", post(9, 2)],
    ["pending_transfer_not_pending", post(9, 3)],
    ["pending_transfer_has_different_debit_account", post(9, 1, { debitAccountId: BINA })],
    ["pending_transfer_has_different_credit_account", post(9, 1, { creditAccountId: BINA })],
    ["pending_transfer_has_different_asset", post(9, 1, { asset: USD })],
    ["pending_transfer_has_different_rail", post(9, 1, { rail: PART })],
    ["exceeds_pending_amount", post(9, 1, { amount: "101" })],
    ["exceeds_pending_amount", cancel(9, 1, { amount: "101" })],
    ["partial_amount_not_allowed", post(9, 1, { amount: "99" })],
    ["partial_amount_not_allowed", cancel(9, 1, { amount: "99" })],
    ["timeout_reserved_for_pending", post(9, 1, { timeoutSeconds: 5 })],
    ["posted", post(9, 1, { amount: "100", debitAccountId: ASHA, creditAccountId: HARI })],
  ])("LEDG-7: %s for %j", (code, record) => {
    const run = Run.of();
    const plain = { ...reserve(2), rail: BOOK, flags: [], timeoutSeconds: 0 };
    const failed = reserve(3, { amount: "100001", rail: PART });
    expect(run.transfer(SBI, reserve(1), plain, failed)).toEqual(["reserved", "posted", "insufficient_funds"]);
    expect(run.transfer(SBI, record)).toEqual([code]);
  });

  test("a rail that allows parts: the rest is free again", () => {
    const run = Run.of();
    run.transfer(SBI, reserve(1, { rail: PART }));
    expect(run.transfer(SBI, post(2, 1, { rail: PART, amount: "30" }))).toEqual(["posted"]);
    expect(run.balances(ASHA)).toEqual([0, 30, 0, 100_000]);
    expect(run.balances(HARI)).toEqual([0, 0, 0, 100_030]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 30, 0, 50_000]);
  });

  test("LEDG-17: a participant has at most the rulebook's number of pending transfers", () => {
    const run = Run.of();
    const five = [1, 2, 3, 4, 5].map((rest) => reserve(rest, { amount: "1" }));
    expect(run.transfer(SBI, ...five)).toEqual([...Array(4).fill("reserved"), "pendings_cap_exceeded"]);
    expect(run.transfer(SBI, cancel(6, 2), reserve(7, { amount: "1" }))).toEqual(["voided", "reserved"]);
  });
});

describe("LEDG-16: expiry", () => {
  test("from the deadline on nothing is posted or voided, even before the sweep comes to it", () => {
    const run = Run.of();
    const rests = [1, 2, 3];
    run.block(
      [
        transfers(
          SBI,
          rests.map((rest) => reserve(rest, { amount: "1", timeoutSeconds: 1 })),
        ),
      ],
      START,
    );
    const batch = transfers(SBI, [post(4, 3), cancel(5, 3), post(6, 1)]);
    // The sweep takes two a block: the third is due and still reserved.
    expect(run.block([batch], START + 1_000).results).toEqual([Array(3).fill("pending_transfer_expired")]);
    expect(run.ledger.pendingCount).toBe(1);
    expect(run.balances(ASHA)[0]).toBe(1);
    run.block([], START + 1_001);
    expect(run.ledger.pendingCount).toBe(0);
    expect(run.balances(ASHA)).toEqual([0, 0, 0, 100_000]);
    expect(run.ledger.transferPosition(id(SBI, 3))?.pending).toBe("expired");
  });

  test("in the order of deadline and id, each exactly once, bounded per block", () => {
    const run = Run.of(makeGenesis({ rules: { expiriesPerBlockMax: 1 } }));
    const later = reserve(1, { amount: "1", timeoutSeconds: 2 });
    const sooner = [3, 2].map((rest) => reserve(rest, { amount: "1", timeoutSeconds: 1 }));
    run.block([transfers(SBI, [later, ...sooner])], START);
    const gone: number[] = [];
    for (let height = 0; height < 5; height += 1) {
      const { executed } = run.block([], START + 5_000 + height);
      expect(executed.leaf.leafCount).toBeLessThanOrEqual(1);
      for (const rest of [1, 2, 3]) {
        const { pending } = run.ledger.transferPosition(id(SBI, rest)) ?? {};
        if (pending === "expired" && !gone.includes(rest)) gone.push(rest);
      }
    }
    expect(gone).toEqual([2, 3, 1]);
    expect(run.ledger.nextDeadline()).toBeUndefined();
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 0, 0, 50_000]);
  });

  test("the earliest deadline is known, resolved transfers do not count", () => {
    const run = Run.of();
    run.block([transfers(SBI, [reserve(1, { timeoutSeconds: 5 }), reserve(2, { timeoutSeconds: 9 })])], START);
    expect(run.ledger.nextDeadline()).toBe(START + 5_000);
    run.block([transfers(SBI, [cancel(3, 1)])], START + 1);
    expect(run.ledger.nextDeadline()).toBe(START + 9_000);
  });
});

describe("LEDG-13: daily limit per account and rail", () => {
  const DAY = 86_400_000;

  test("counts initiations, gives back on void, expiry and partial post, starts anew each scheme day", () => {
    const rails = makeGenesis().rulebook.rails.map((rail) => ({ ...rail, partialPost: true }));
    const run = Run.of(makeGenesis({ rules: { rails } }));
    const morning = START - (START % DAY);
    const at = (offset: number, ...list: readonly TransferFields[]) =>
      run.block([transfers(SBI, list)], morning + offset).results[0];
    const direct = (rest: number, amount: string) => ({ ...reserve(rest, { amount }), flags: [], timeoutSeconds: 0 });
    expect(at(1, reserve(1, { amount: "600" }), direct(2, "400"), direct(3, "1"))).toEqual([
      "reserved",
      "posted",
      "account_daily_limit_exceeded",
    ]);
    expect(at(2, cancel(4, 1), direct(5, "601"), direct(6, "600"))).toEqual([
      "voided",
      "account_daily_limit_exceeded",
      "posted",
    ]);
    // 18:30 UTC is midnight in India.
    expect(at(66_600_000, reserve(7, { amount: "1000" }), direct(8, "1"))).toEqual([
      "reserved",
      "account_daily_limit_exceeded",
    ]);
    expect(at(66_600_001, post(9, 7, { amount: "300" }), direct(10, "701"), direct(11, "700"))).toEqual([
      "posted",
      "account_daily_limit_exceeded",
      "posted",
    ]);
    expect(at(66_600_002, direct(12, "1"))).toEqual(["account_daily_limit_exceeded"]);
  });

  test("an expiry of yesterday's reservation gives nothing to today", () => {
    const run = Run.of();
    const midnight = START - (START % DAY) + 66_600_000;
    const direct = (rest: number, amount: string) => ({ ...reserve(rest, { amount }), flags: [], timeoutSeconds: 0 });
    run.block([transfers(SBI, [reserve(1, { amount: "1000", timeoutSeconds: 10 })])], midnight - 1_000);
    run.block([transfers(SBI, [direct(2, "1000")])], midnight);
    const { results } = run.block([transfers(SBI, [direct(3, "1")])], midnight + 20_000);
    expect(run.ledger.transferPosition(id(SBI, 1))?.pending).toBe("expired");
    expect(results).toEqual([["account_daily_limit_exceeded"]]);
  });

  test("an expiry on the day of initiation gives the limit back", () => {
    const run = Run.of();
    const direct = (rest: number, amount: string) => ({ ...reserve(rest, { amount }), flags: [], timeoutSeconds: 0 });
    run.block([transfers(SBI, [reserve(1, { amount: "1000", timeoutSeconds: 1 })])], START);
    expect(run.block([transfers(SBI, [direct(2, "1000")])], START + 1_000).results).toEqual([["posted"]]);
  });

  test("other rails and other accounts have their own", () => {
    const run = Run.of();
    const direct = (rest: number, changes: Partial<TransferFields>) => ({
      ...reserve(rest, changes),
      flags: [],
      timeoutSeconds: 0,
    });
    const deposit = { ...direct(1, { amount: "5000", rail: BOOK }), creditAccountId: BINA };
    const mine = direct(2, { amount: "1000" });
    const hers = direct(3, { amount: "1000", debitAccountId: BINA });
    expect(run.transfer(SBI, deposit, mine, hers, direct(4, { amount: "1" }))).toEqual([
      "posted",
      "posted",
      "posted",
      "account_daily_limit_exceeded",
    ]);
  });
});

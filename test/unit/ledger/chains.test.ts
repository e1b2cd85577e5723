import { describe, expect, test } from "vitest";
import type { TransferFields } from "../../../src/formats/index.js";
import {
  ASHA,
  BINA,
  HARI,
  HDFC,
  id,
  makeGenesis,
  PART,
  Run,
  SBI,
  SBI_CLEARING,
  transfers,
  UPI,
} from "../../fixtures/consortium.js";

const pay = (rest: number, amount: string, changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: ASHA,
  creditAccountId: BINA,
  amount,
  ...changes,
});
const linked = (rest: number, amount: string, changes: Partial<TransferFields> = {}): TransferFields =>
  pay(rest, amount, { flags: ["linked"], ...changes });

describe("LEDG-14: chains", () => {
  test("a chain that holds moves all its money", () => {
    const run = Run.of();
    expect(run.transfer(SBI, linked(1, "10"), linked(2, "20"), pay(3, "30"), pay(4, "1"))).toEqual(
      Array(4).fill("posted"),
    );
    expect(run.balances(ASHA)).toEqual([0, 61, 0, 100_000]);
  });

  test("attack 98: one bad leg: none applied, everything but ids and results is as before", () => {
    const run = Run.of();
    const accounts = () => [ASHA, BINA, HARI].map((account) => run.ledger.account(account));
    const before = accounts();
    expect(run.transfer(SBI, linked(1, "10"), linked(2, "100001"), pay(3, "30"))).toEqual([
      "linked_event_failed",
      "insufficient_funds",
      "linked_event_failed",
    ]);
    expect(accounts()).toEqual(before);
    expect(run.history[0]?.executed.leaf.leafCount).toBe(3);
    // Consumed all the same: a new try needs new ids.
    expect(run.transfer(SBI, pay(3, "30"), linked(1, "10"), pay(4, "1"))).toEqual([
      "id_already_failed",
      "id_already_failed",
      "linked_event_failed",
    ]);
  });

  test("money passes through inside a chain and comes back when it fails", () => {
    const run = Run.of();
    const onward = (rest: number, amount: string) => pay(rest, amount, { debitAccountId: BINA, creditAccountId: HARI });
    expect(run.transfer(SBI, linked(1, "10"), onward(2, "11"))).toEqual(["linked_event_failed", "insufficient_funds"]);
    expect(run.balances(BINA)).toEqual([0, 0, 0, 0]);
    expect(run.transfer(SBI, linked(3, "10"), onward(4, "10"))).toEqual(["posted", "posted"]);
  });

  test("the last record of a batch cannot be linked: the chain fails unread", () => {
    const run = Run.of();
    expect(run.transfer(SBI, pay(1, "1"), linked(2, "10"), linked(3, "20"))).toEqual([
      "posted",
      "linked_event_failed",
      "linked_event_chain_open",
    ]);
    expect(run.balances(ASHA)).toEqual([0, 1, 0, 100_000]);
  });

  test("a leg without right fails the chain and keeps its id; legs after a failure are refused for their own reasons", () => {
    const run = Run.of();
    const foreign = linked(2, "1", { debitAccountId: HARI });
    const squat = { ...pay(9, "1"), id: id(HDFC, 9) };
    expect(run.transfer(SBI, linked(1, "10"), foreign, squat)).toEqual([
      "linked_event_failed",
      "not_authorised",
      "id_not_of_participant",
    ]);
    expect(run.ledger.transferPosition(id(SBI, 2))).toBeUndefined();
    expect(run.ledger.transferPosition(id(HDFC, 9))).toBeUndefined();
    expect(run.ledger.transferPosition(id(SBI, 1))?.code).toBeGreaterThan(4);
  });

  test("LEDG-6: a leg that exists fails the chain; a whole chain sent again exists leg by leg", () => {
    const run = Run.of();
    const chain = [linked(1, "10"), linked(2, "20"), pay(3, "30")];
    expect(run.transfer(SBI, ...chain)).toEqual(Array(3).fill("posted"));
    expect(run.transfer(SBI, ...chain)).toEqual(Array(3).fill("exists"));
    expect(run.transfer(SBI, linked(4, "1"), pay(3, "30"))).toEqual(["linked_event_failed", "exists"]);
    expect(run.balances(ASHA)).toEqual([0, 60, 0, 100_000]);
  });

  test("LEDG-6: a record repeated inside its own chain never reads as paid", () => {
    const run = Run.of();
    expect(run.transfer(SBI, linked(1, "10"), linked(1, "10"), pay(2, "1"))).toEqual([
      "linked_event_failed",
      "id_already_failed",
      "linked_event_failed",
    ]);
    expect(run.history[0]?.executed.leaf.leafCount).toBe(2);
  });

  test("reservations, posts and limits of a failed chain are undone", () => {
    const run = Run.of();
    const pending = { rail: UPI, timeoutSeconds: 60 };
    const nobody = id(0, 0);
    const post = (rest: number, of: number): TransferFields => ({
      id: id(SBI, rest),
      debitAccountId: nobody,
      creditAccountId: nobody,
      amount: "0",
      rail: UPI,
      flags: ["post_pending", "linked"],
      pendingId: id(SBI, of),
    });
    run.transfer(
      SBI,
      pay(1, "100", { ...pending, flags: ["pending"] }),
      pay(2, "200", { ...pending, flags: ["pending"] }),
    );
    const before = [run.ledger.account(ASHA), run.ledger.pendingCount, run.ledger.nextDeadline()];
    const reserve = pay(4, "300", { ...pending, flags: ["pending", "linked"] });
    expect(run.transfer(SBI, post(3, 1), reserve, post(5, 4), pay(6, "100001"))).toEqual([
      "linked_event_failed",
      "linked_event_failed",
      "linked_event_failed",
      "insufficient_funds",
    ]);
    expect([run.ledger.account(ASHA), run.ledger.pendingCount, run.ledger.nextDeadline()]).toEqual(before);
    expect(run.ledger.transferPosition(id(SBI, 1))?.pending).toBe("pending");
    expect(run.ledger.transferPosition(id(SBI, 4))?.pending).toBe("none");
    // The limit of 1,000 has 300 in it, not 600; both reservations still can be posted.
    const direct = (rest: number, amount: string) => pay(rest, amount, { rail: UPI });
    expect(run.transfer(SBI, direct(7, "701"), direct(8, "700"))).toEqual(["account_daily_limit_exceeded", "posted"]);
    expect(run.transfer(SBI, post(9, 2), post(10, 1), pay(11, "1"))).toEqual(Array(3).fill("posted"));
    expect(run.ledger.pendingCount).toBe(0);
  });

  test("a first initiation on a rail with a limit that its chain undoes leaves no trace in the state", () => {
    const rules = { checkpointBlocks: 1 };
    const plain = Run.of(makeGenesis({ rules }));
    const undone = Run.of(makeGenesis({ rules }));
    undone.transfer(SBI, linked(1, "10", { rail: UPI }), pay(2, "100001"));
    plain.transfer(SBI, linked(1, "10", { rail: UPI }), pay(2, "100001"));
    expect(undone.ledger.stateRoot).toBe(plain.ledger.stateRoot);
    expect(undone.transfer(SBI, pay(3, "1000", { rail: UPI }), pay(4, "1", { rail: UPI }))).toEqual([
      "posted",
      "account_daily_limit_exceeded",
    ]);
  });

  test("chains across banks and in two phases hold together", () => {
    const run = Run.of();
    const reserve = linked(1, "100", {
      creditAccountId: HARI,
      rail: PART,
      flags: ["linked", "pending"],
      timeoutSeconds: 9,
    });
    const deposit = pay(2, "5", { debitAccountId: SBI_CLEARING });
    const { results } = run.block([transfers(SBI, [reserve, deposit])]);
    expect(results).toEqual([["reserved", "posted"]]);
  });
});

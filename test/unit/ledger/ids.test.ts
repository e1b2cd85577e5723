import { describe, expect, test } from "vitest";
import type { TransferFields } from "../../../src/formats/index.js";
import { ASHA, actions, BINA, HARI, id, RBI, Run, SBI, SBI_CLEARING, UPI, USD } from "../../fixtures/consortium.js";

const pay = (changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, 1),
  debitAccountId: ASHA,
  creditAccountId: BINA,
  amount: "100",
  ...changes,
});

describe("LEDG-6: an id is consumed for ever", () => {
  test("attack 96: the same 128 bytes again are `exists` and move nothing, in the block and long after", () => {
    const run = Run.of();
    expect(run.transfer(SBI, pay(), pay())).toEqual(["posted", "exists"]);
    for (let height = 0; height < 50; height += 1) run.block([]);
    expect(run.transfer(SBI, pay())).toEqual(["exists"]);
    expect(run.balances(ASHA)).toEqual([0, 100, 0, 100_000]);
    expect(run.ledger.transferPosition(id(SBI, 1))).toMatchObject({ height: 1, index: 0, code: 0 });
    expect(run.history.at(-1)?.executed.leaf.leafCount).toBe(0);
  });

  test("attack 97: a transfer that failed for funds fails again after funding, and a new id pays", () => {
    const run = Run.of();
    const poor = pay({ debitAccountId: BINA, creditAccountId: ASHA });
    expect(run.transfer(SBI, poor)).toEqual(["insufficient_funds"]);
    const deposit = pay({ id: id(SBI, 2), debitAccountId: SBI_CLEARING, creditAccountId: BINA });
    expect(run.transfer(SBI, deposit, poor, { ...poor, id: id(SBI, 3) })).toEqual([
      "posted",
      "id_already_failed",
      "posted",
    ]);
    expect(run.ledger.transferPosition(id(SBI, 1))?.height).toBe(1);
  });

  test.each<[string, Partial<TransferFields>]>([
    ["debit_account", { debitAccountId: SBI_CLEARING }],
    ["credit_account", { creditAccountId: HARI }],
    ["amount", { amount: "101" }],
    ["pending_id", { pendingId: id(SBI, 9) }],
    ["reference", { reference: id(7, 7) }],
    ["remittance", { remittance: id(7, 7) }],
    ["timeout", { timeoutSeconds: 1 }],
    ["asset", { asset: USD }],
    ["purpose_code", { code: 1 }],
    ["rail", { rail: UPI }],
    ["priority", { priority: 1 }],
    ["flags", { flags: ["balancing_debit"] }],
  ])("attack 96: the same id with another %s says so, whether it had succeeded or failed", (field, changes) => {
    const run = Run.of();
    run.transfer(SBI, pay());
    expect(run.transfer(SBI, pay(changes))).toEqual([`exists_with_different_${field}`]);
    const failed = pay({ id: id(SBI, 2), amount: "100001" });
    const again = { ...failed, ...changes, ...(field === "amount" ? { amount: "7" } : {}) };
    expect(run.transfer(SBI, failed, again)).toEqual(["insufficient_funds", `exists_with_different_${field}`]);
  });

  test("LEDG-7: of several differences the first in the table is told", () => {
    const run = Run.of();
    run.transfer(SBI, pay());
    expect(
      run.transfer(SBI, pay({ amount: "1", rail: UPI, flags: ["linked"] }), pay({ priority: 3, code: 9 })),
    ).toEqual(["exists_with_different_amount", "exists_with_different_purpose_code"]);
  });

  test("transfers and account actions share their ids", () => {
    const run = Run.of();
    const action = { id: id(RBI, 5), accountId: ASHA, action: "freeze" } as const;
    expect(run.block([actions(RBI, [action])]).results).toEqual([["applied"]]);
    expect(run.transfer(RBI, { ...pay(), id: id(RBI, 5), debitAccountId: id(RBI, 0xf0) })).toEqual([
      "exists_with_different_content",
    ]);
  });

  test("ids that differ in one bit anywhere are different ids", () => {
    const run = Run.of();
    const rests = Array.from({ length: 96 }, (_, bit) => {
      const hex = (1n << BigInt(bit)).toString(16).padStart(24, "0");
      return `${id(SBI, 0).slice(0, 8)}${hex}` as typeof ASHA;
    });
    const results = run.transfer(SBI, ...rests.map((each) => pay({ id: each, amount: "1" })));
    expect(new Set(results)).toEqual(new Set(["posted"]));
    expect(new Set(run.transfer(SBI, ...rests.map((each) => pay({ id: each, amount: "1" }))))).toEqual(
      new Set(["exists"]),
    );
  });
});

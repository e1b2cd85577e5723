import { describe, expect, test } from "vitest";
import { sha256 } from "../../src/crypto/index.js";
import type { TransferFields } from "../../src/formats/index.js";
import { toHex } from "../../src/primitives/index.js";
import {
  ASHA,
  actions,
  BINA,
  HARI,
  id,
  openings,
  PART,
  RBI,
  Run,
  SBI,
  START,
  transfers,
  UPI,
} from "../fixtures/consortium.js";

/**
 * Roots that replicas sign, pinned. A change here is a new version of the protocol: nodes of the old and the
 * new one would disagree about the same blocks. It belongs in the changelog and in docs/formats.md.
 */
describe("the ledger's roots", () => {
  const pay = (rest: number, changes: Partial<TransferFields> = {}): TransferFields => ({
    id: id(SBI, rest),
    debitAccountId: ASHA,
    creditAccountId: HARI,
    amount: "100",
    reference: id(9, rest),
    remittance: id(8, rest),
    code: 7,
    priority: 1,
    ...changes,
  });
  const nobody = id(0, 0);

  test("genesis, a block of every kind of record, its resolution and an expiry", () => {
    const run = Run.of();
    const roots = [["genesis", run.ledger.stateRoot]];
    run.block(
      [
        openings(SBI, [{ id: id(SBI, 0x50), kind: "customer", reference: id(7, 7) }]),
        transfers(SBI, [
          pay(1),
          pay(2, { flags: ["linked"], creditAccountId: BINA }),
          pay(3, { amount: "100000" }),
          pay(4, { rail: UPI, flags: ["pending"], timeoutSeconds: 60 }),
          pay(5, { rail: PART, flags: ["pending"], timeoutSeconds: 1 }),
          pay(6, { flags: ["balancing_debit"], amount: "999999", creditAccountId: BINA }),
        ]),
        actions(RBI, [{ id: id(RBI, 1), accountId: HARI, action: "freeze" }]),
      ],
      START + 1_000,
    );
    const post = { debitAccountId: nobody, creditAccountId: nobody, rail: UPI, flags: ["post_pending"] } as const;
    run.block([transfers(SBI, [pay(7, { ...post, amount: "0", pendingId: id(SBI, 4) }), pay(1)])], START + 2_000);
    expect(run.history.map(({ results }) => results)).toEqual([
      [
        ["applied"],
        ["posted", "linked_event_failed", "insufficient_funds", "reserved", "reserved", "posted"],
        ["applied"],
      ],
      [["posted", "exists"]],
    ]);
    for (const { executed } of run.history) {
      roots.push(["receipts", executed.leaf.receiptsRoot], ["state", executed.leaf.stateRoot]);
      roots.push(["outcomes", toHex(sha256(executed.outcomes))]);
    }
    expect(roots).toMatchInlineSnapshot(`
      [
        [
          "genesis",
          "323b8b8bfc8e8a8d190c6afb800a261479a5ffda8d992837605e53157d387092",
        ],
        [
          "receipts",
          "4bb969427851af6705ee8fc3e0de64d88d1abfb5eb25a04b2b010a90ecc3a82a",
        ],
        [
          "state",
          "f0762f2fbd026d25a532bd1e771bb0f02a1c084aadc8f7797719950e7f6a37ea",
        ],
        [
          "outcomes",
          "3cfba467a11729bd9692733b6b409ade7228f2f8d002a5b14a8d2554997eb466",
        ],
        [
          "receipts",
          "8c82de5875380fa0bc7fe42a82ed505dd6fcb4528bbee3f6d6a6d25ab7eac306",
        ],
        [
          "state",
          "997f376c2b34e0a25dc39f1996d72c697a91ec5d3b3f77a66cdf76a12dedf00b",
        ],
        [
          "outcomes",
          "834f3c221b0f59cfeb40e88381cb5520ea777df29f18347db61691f0fa27ecfc",
        ],
      ]
    `);
  });
});

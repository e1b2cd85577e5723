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
          "ce67311df1eda57471101207f0251a8c3c31b5bd39a399d07a3162f370d6d80b",
        ],
        [
          "receipts",
          "678de68525135813203659ae7cf1d31ca8bc8358aff144b0331c25d65d030334",
        ],
        [
          "state",
          "c4197000652e9e373d3432aaf6d255d3df952fb541ecb9d69b16bfb2e29aeff0",
        ],
        [
          "outcomes",
          "e4a9c8f8b61b8c22d408f1cb1fa9f0b83f604d533870b27453832e23e030d3d2",
        ],
        [
          "receipts",
          "8c82de5875380fa0bc7fe42a82ed505dd6fcb4528bbee3f6d6a6d25ab7eac306",
        ],
        [
          "state",
          "68e13667a7cabbface6baafee53bd452c3e519383e5de73806450a1824d2885b",
        ],
        [
          "outcomes",
          "834f3c221b0f59cfeb40e88381cb5520ea777df29f18347db61691f0fa27ecfc",
        ],
      ]
    `);
  });
});

import { describe, expect, test } from "vitest";
import type { ActionFields, Rulebook, TransferFields } from "../../../src/formats/index.js";
import { Ledger } from "../../../src/ledger/index.js";
import type { Height, Id128, ParticipantNumber } from "../../../src/primitives/index.js";
import {
  ASHA,
  actions,
  BINA,
  CHAIN,
  HARI,
  HDFC,
  HDFC_SETTLEMENT,
  ISSUANCE,
  id,
  makeBatch,
  makeGenesis,
  RBI,
  RULEBOOK,
  Run,
  SBI,
  SBI_SETTLEMENT,
  START,
  transfers,
} from "../../fixtures/consortium.js";

const QUEUE = 9;
const rules: Partial<Rulebook> = {
  rails: [
    ...RULEBOOK.rails,
    {
      number: QUEUE,
      name: "RTGS Q",
      minimum: "1",
      maximum: "1000000",
      timeoutSecondsMax: 60,
      partialPost: false,
      onShortage: "queue",
      queueSecondsMax: 100,
    },
  ],
  participantCaps: { accounts: 8, pendings: 8, queued: 3 },
  expiriesPerBlockMax: 10,
};

/** SBI's settlement account holds 1,000, HDFC's 500. */
const genesis = makeGenesis({
  rules,
  validators: [SBI, HDFC].map((participant) => ({
    participant,
    consensusKey: "aa".repeat(32),
    proofOfPossession: "bb".repeat(32),
    networkKey: "cc".repeat(32),
    addresses: ["/ip4/127.0.0.1/tcp/1"],
  })),
  funding: [
    { debit: ISSUANCE, credit: SBI_SETTLEMENT, amount: "1000" },
    { debit: ISSUANCE, credit: HDFC_SETTLEMENT, amount: "500" },
    { debit: id(SBI, 0xc0), credit: ASHA, amount: "100000" },
    { debit: id(HDFC, 0xc0), credit: HARI, amount: "100000" },
  ],
});

const pay = (rest: number, amount: number, changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: ASHA,
  creditAccountId: HARI,
  amount: String(amount),
  rail: QUEUE,
  ...changes,
});
const payBack = (rest: number, amount: number, changes: Partial<TransferFields> = {}): TransferFields =>
  pay(rest, amount, { id: id(HDFC, rest), debitAccountId: HARI, creditAccountId: ASHA, ...changes });

const queue = (run: Run): readonly Id128[] => run.ledger.queuedTransfers().map((transfer) => transfer.id);
const settleSet = (from: ParticipantNumber, ids: readonly Id128[]) =>
  makeBatch(
    "settle_set",
    from,
    ids.map((text) => new Uint8Array(Buffer.from(text.padEnd(256, "0"), "hex"))),
  );
const reprioritise = (rest: number, of: number, priority: number): ActionFields => ({
  id: id(SBI, rest),
  accountId: id(SBI, of),
  action: "queue_reprioritise",
  priority,
});

describe("LEDG-28: a gross payment waits for its bank's liquidity", () => {
  test("the customers' money is reserved, the banks' is not", () => {
    const run = Run.of(genesis);
    expect(run.transfer(SBI, pay(1, 800), pay(2, 300))).toEqual(["posted", "queued"]);
    expect(run.balances(ASHA)).toEqual([300, 800, 0, 100_000]);
    expect(run.balances(HARI)).toEqual([0, 0, 300, 100_800]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 800, 0, 1_000]);
    expect(run.ledger.queuedTransfers()).toMatchObject([{ id: id(SBI, 2), bank: SBI, payee: HDFC, amount: 300n }]);
  });

  test("it is paid by the ledger as soon as there is enough, and asks for the block that does it", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_000), pay(2, 300));
    expect(run.ledger.nextDeadline()).toBe(START + 1_000 + 100_000);
    run.transfer(HDFC, payBack(1, 400));
    expect(run.ledger.nextDeadline()).toBe(START + 2_000);
    const { executed } = run.block([]);
    expect(executed.leaf.leafCount).toBe(1);
    expect(run.ledger.transferPosition(id(SBI, 2))).toMatchObject({ pending: "posted", resolution: { height: 3 } });
    expect(run.balances(ASHA)).toEqual([0, 1_300, 0, 100_400]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 1_300, 0, 1_400]);
    expect(queue(run)).toEqual([]);
  });

  test("by priority, then in the order of time; a smaller one does not overtake", () => {
    const run = Run.of(genesis);
    const results = run.transfer(SBI, pay(1, 1_000), pay(2, 300), pay(3, 200, { priority: 5 }), pay(4, 10));
    expect(results).toEqual(["posted", "queued", "queued", "queued"]);
    expect(queue(run)).toEqual([id(SBI, 3), id(SBI, 2), id(SBI, 4)]);
    run.transfer(HDFC, payBack(1, 250));
    run.block([]);
    expect(queue(run)).toEqual([id(SBI, 2), id(SBI, 4)]);
  });

  test("a new payment does not overtake one of its priority, but one of a lower priority", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 900), pay(2, 300));
    expect(run.transfer(SBI, pay(3, 50), pay(4, 50, { priority: 1 }))).toEqual(["queued", "posted"]);
  });

  test("its bank gives it another priority, and nobody else does", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_000), pay(2, 300), pay(3, 200));
    expect(run.block([actions(SBI, [reprioritise(9, 3, 7)])]).results).toEqual([["applied"]]);
    expect(queue(run)).toEqual([id(SBI, 3), id(SBI, 2)]);
    const foreign = { ...reprioritise(1, 3, 9), id: id(HDFC, 1) };
    expect(run.block([actions(HDFC, [foreign])]).results).toEqual([["not_authorised"]]);
    const unknown = [reprioritise(10, 1, 1), reprioritise(11, 77, 1)];
    expect(run.block([actions(SBI, unknown)]).results).toEqual([["transfer_not_queued", "pending_transfer_not_found"]]);
    expect(run.block([actions(SBI, [reprioritise(9, 3, 7)])]).results).toEqual([["exists"]]);
  });

  test("its bank withdraws it, nobody posts it by hand, and its time runs out", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_000), pay(2, 300), pay(3, 200));
    const end = (rest: number, of: number, flag: "post_pending" | "void_pending"): TransferFields =>
      pay(rest, 0, {
        debitAccountId: id(0, 0),
        creditAccountId: id(0, 0),
        pendingId: id(SBI, of),
        flags: [flag],
      });
    expect(run.transfer(SBI, end(4, 2, "post_pending"), end(5, 2, "void_pending"))).toEqual([
      "pending_transfer_queued",
      "voided",
    ]);
    expect(queue(run)).toEqual([id(SBI, 3)]);
    run.block([], START + 101_000);
    expect(run.ledger.transferPosition(id(SBI, 3))).toMatchObject({ pending: "expired" });
    expect(run.balances(ASHA)).toEqual([0, 1_000, 0, 100_000]);
    expect(run.ledger.participant(SBI)?.pendings).toBe(0);
  });

  test("a chain does not wait, and the rulebook's cap holds", () => {
    const run = Run.of(genesis);
    expect(run.transfer(SBI, pay(1, 10, { flags: ["linked"] }), pay(2, 1_300))).toEqual([
      "linked_event_failed",
      "insufficient_liquidity",
    ]);
    expect(run.transfer(SBI, ...[3, 4, 5, 6].map((rest) => pay(rest, 2_000)))).toEqual([
      ...["queued", "queued", "queued"],
      "queued_cap_exceeded",
    ]);
    expect(run.transfer(SBI, pay(7, 100, { flags: ["pending"], timeoutSeconds: 10 }))).toEqual(["reserved"]);
  });

  test("a chain that fails puts a withdrawn payment back into its place", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_000), pay(2, 300), pay(3, 200));
    const withdraw = pay(4, 0, {
      debitAccountId: id(0, 0),
      creditAccountId: id(0, 0),
      pendingId: id(SBI, 2),
      flags: ["void_pending", "linked"],
    });
    expect(run.transfer(SBI, withdraw, pay(5, 200_000))).toEqual(["linked_event_failed", "insufficient_funds"]);
    expect(queue(run)).toEqual([id(SBI, 2), id(SBI, 3)]);
    run.transfer(HDFC, payBack(1, 400));
    run.block([]);
    expect(queue(run)).toEqual([id(SBI, 3)]);
  });

  test("a frozen account's payment is passed over, and money stays conserved", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_000), pay(2, 300));
    run.block([transfers(SBI, [{ ...pay(3, 5_000), creditAccountId: BINA, rail: 0 }])]);
    run.transfer(SBI, pay(4, 100, { debitAccountId: BINA }));
    run.block([actions(RBI, [{ id: id(RBI, 1), accountId: ASHA, action: "freeze" }])]);
    run.transfer(HDFC, payBack(1, 350));
    run.block([]);
    expect(queue(run)).toEqual([id(SBI, 2)]);
    const [totals] = run.ledger.conservation();
    expect(totals?.debitsPosted).toBe(totals?.creditsPosted);
    expect(totals?.debitsPending).toBe(totals?.creditsPending);
    expect(totals?.settlement).toBe(totals?.issued);
  });
});

describe("LEDG-28: what cannot be paid any more does not hold up the rest", () => {
  test("a payment is not made after its time, even where a block cannot expire all", () => {
    const run = Run.of({ ...genesis, rulebook: { ...genesis.rulebook, expiriesPerBlockMax: 1 } });
    run.transfer(SBI, pay(1, 1_000), pay(2, 300), pay(3, 300), pay(4, 300));
    run.transfer(HDFC, payBack(1, 500));
    const late = START + 101_000;
    const states = () => [2, 3, 4].map((rest) => run.ledger.transferPosition(id(SBI, rest))?.pending);
    run.block([], late);
    expect(states()).toEqual(["expired", "pending", "pending"]);
    const { results } = run.block([settleSet(SBI, [id(SBI, 4)])], late);
    expect(results[0]).toEqual(["pending_transfer_expired"]);
    expect(states()).toEqual(["expired", "expired", "pending"]);
    run.block([], late);
    expect(states()).toEqual(["expired", "expired", "expired"]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 1_000, 0, 1_500]);
  });

  test("a closed settlement account gets nothing, and the payments to others go on", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_000), pay(2, 300));
    // HDFC pays all that it holds to nobody but the issuer, and closes its settlement account.
    const redeem = { id: id(RBI, 1), debitAccountId: HDFC_SETTLEMENT, creditAccountId: ISSUANCE, amount: "1500" };
    expect(run.block([transfers(RBI, [redeem])]).results).toEqual([["posted"]]);
    expect(
      run.block([actions(HDFC, [{ id: id(HDFC, 8), accountId: HDFC_SETTLEMENT, action: "close" }])]).results,
    ).toEqual([["applied"]]);
    const issue = { id: id(RBI, 2), debitAccountId: ISSUANCE, creditAccountId: SBI_SETTLEMENT, amount: "500" };
    run.block([transfers(RBI, [issue])]);
    run.block([settleSet(SBI, [id(SBI, 2)])]);
    expect(run.history.at(-1)?.results).toEqual([["settlement_account_not_found"]]);
    expect(run.ledger.findSettleSet(356)).toEqual([]);
    expect(run.ledger.transferPosition(id(SBI, 2))).toMatchObject({ pending: "pending" });
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 1_500, 0, 1_500]);
    const [totals] = run.ledger.conservation();
    expect(totals?.settlement).toBe(totals?.issued);
  });
});

describe("LEDG-20: a payer's settlement account that was closed while its payments wait", () => {
  test("is no damage: the state restored from its pages goes on the same way", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_400));
    const redeem = { id: id(RBI, 1), debitAccountId: SBI_SETTLEMENT, creditAccountId: ISSUANCE, amount: "1000" };
    run.block([transfers(RBI, [redeem])]);
    const close = { id: id(SBI, 8), accountId: SBI_SETTLEMENT, action: "close" } as const;
    expect(run.block([actions(SBI, [close])]).results).toEqual([["applied"]]);
    run.block([]);
    const pages = new Map(
      run.history.flatMap(({ executed }) => executed.checkpoint?.pages ?? []).map((page) => [page.key, page]),
    );
    const restored = new Run(Ledger.restore(genesis, CHAIN, 4 as Height, pages.values()));
    expect(restored.ledger.queuedTransfers()).toEqual(run.ledger.queuedTransfers());
    const late = START + 200_000;
    expect(restored.block([], late).executed.leaf).toEqual(run.block([], late).executed.leaf);
    expect(run.ledger.transferPosition(id(SBI, 1))).toMatchObject({ pending: "expired" });
  });
});

describe("LEDG-29: banks that wait for each other are paid in one step", () => {
  /** Each bank owes the other more than it holds. */
  function gridlocked(): Run {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_400), pay(2, 90));
    run.transfer(HDFC, payBack(1, 1_300));
    return run;
  }

  test("a set that covers itself is paid, whoever of the validators found it", () => {
    const run = gridlocked();
    expect(run.ledger.nextDeadline()).toBe(START + 1_000 + 100_000);
    const found = run.ledger.findSettleSet(356).map((transfer) => transfer.id);
    expect([...found].sort()).toEqual([id(SBI, 1), id(SBI, 2), id(HDFC, 1)].sort());
    const { results, executed } = run.block([settleSet(HDFC, found)]);
    expect(results).toEqual([["applied", "applied", "applied"]]);
    expect(executed.leaf.leafCount).toBe(3);
    expect(queue(run)).toEqual([]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 1_490, 0, 2_300]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 1_300, 0, 1_990]);
  });

  test("an order is not bypassed, nothing is short, and it is all or nothing", () => {
    const run = gridlocked();
    const refused = (from: ParticipantNumber, ids: readonly Id128[]): readonly string[] => [
      ...new Set(run.block([settleSet(from, ids)]).results[0]),
    ];
    expect(refused(SBI, [id(SBI, 2), id(HDFC, 1)])).toEqual(["settle_set_bypasses"]);
    expect(refused(SBI, [id(SBI, 1)])).toEqual(["settle_set_not_covered"]);
    expect(refused(SBI, [id(SBI, 1), id(SBI, 1), id(HDFC, 1)])).toEqual(["settle_set_repeats"]);
    expect(refused(SBI, [id(SBI, 1), id(HDFC, 1), id(HDFC, 9)])).toEqual(["pending_transfer_not_found"]);
    expect(refused(RBI, [id(SBI, 1), id(HDFC, 1)])).toEqual(["not_authorised"]);
    expect(queue(run)).toHaveLength(3);
  });

  test("a bank may be short of the whole and pay the first of its queue", () => {
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 1_400), pay(2, 5_000));
    run.transfer(HDFC, payBack(1, 1_300));
    const found = run.ledger.findSettleSet(356).map((transfer) => transfer.id);
    expect([...found].sort()).toEqual([id(SBI, 1), id(HDFC, 1)].sort());
    run.block([settleSet(SBI, found)]);
    expect(queue(run)).toEqual([id(SBI, 2)]);
  });

  test("the state restored from its pages pays the same", () => {
    const run = gridlocked();
    const pages = new Map(
      run.history.flatMap(({ executed }) => executed.checkpoint?.pages ?? []).map((page) => [page.key, page]),
    );
    const restored = new Run(Ledger.restore(genesis, CHAIN, 2 as Height, pages.values()));
    expect(restored.ledger.queuedTransfers()).toEqual(run.ledger.queuedTransfers());
    const batch = settleSet(
      SBI,
      run.ledger.findSettleSet(356).map((transfer) => transfer.id),
    );
    expect(restored.block([batch]).executed.leaf).toEqual(run.block([batch]).executed.leaf);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Rulebook, type RulebookRail, ZERO_ID } from "../../../src/formats/index.js";
import { Ledger, outcomeCount, type StatePage } from "../../../src/ledger/index.js";
import type { Height, Id128, ParticipantNumber } from "../../../src/primitives/index.js";
import {
  type Batch,
  type FullAction,
  type FullTransfer,
  ReferenceLedger,
} from "../../../src/simulator/checkers/reference-ledger/index.js";
import {
  ASHA,
  BINA,
  CHAIN,
  FUNDING,
  HARI,
  HDFC,
  HDFC_SETTLEMENT,
  INR,
  ISSUANCE,
  id,
  RBI,
  RULEBOOK,
  Run,
  SBI,
  SBI_CLEARING,
  SBI_SETTLEMENT,
  START,
  UPI,
} from "../../fixtures/consortium.js";
import {
  blocks,
  blurred,
  checkConservation,
  compare,
  genesis as everything,
  HDFC_RESERVE,
  NEFT,
  ordered,
  SBI_RESERVE,
} from "./stories.js";

/** Little settlement money, a rail with queues, and rules of all four kinds. */
const QUEUE = 20;
const rules: Partial<Rulebook> = {
  expiriesPerBlockMax: 3,
  participantCaps: { accounts: 8, pendings: 12, queued: 4 },
  rails: [
    ...everything.rulebook.rails,
    {
      ...(RULEBOOK.rails[UPI] as RulebookRail),
      ...{ number: QUEUE, name: "QUEUE", timeoutSecondsMax: 60, fee: "1" },
      ...{ onShortage: "queue" as const, queueSecondsMax: 45 },
    },
  ],
  screening: [
    { number: 1, holdSeconds: 40, kind: "purpose", codes: [7] },
    { number: 2, holdSeconds: 50, kind: "velocity", windowSeconds: 30, count: 9, sum: "1500", rails: [QUEUE, NEFT] },
    { number: 3, holdSeconds: 60, kind: "accounts", accounts: [SBI_RESERVE, HDFC_RESERVE, BINA], fourEyes: true },
    { number: 4, holdSeconds: 60, kind: "amount", minimum: "158" },
  ],
};
const genesis = {
  ...everything,
  rulebook: { ...everything.rulebook, ...rules },
  validators: [SBI, HDFC].map((participant) => ({
    participant,
    consensusKey: "aa".repeat(32),
    proofOfPossession: "bb".repeat(32),
    networkKey: "cc".repeat(32),
    addresses: ["/ip4/127.0.0.1/tcp/1"],
  })),
  funding: [
    ...FUNDING.filter(({ debit }) => debit !== ISSUANCE),
    { debit: ISSUANCE, credit: SBI_SETTLEMENT, amount: "150" },
    { debit: ISSUANCE, credit: HDFC_SETTLEMENT, amount: "120" },
    { debit: ISSUANCE, credit: SBI_RESERVE, amount: "250" },
    { debit: ISSUANCE, credit: HDFC_RESERVE, amount: "250" },
    { debit: SBI_CLEARING, credit: BINA, amount: "18446744073709451615" },
  ],
};

/** What is asked for about transfers that wait; which they are turns out when the block comes. */
interface Wish {
  readonly from: ParticipantNumber;
  readonly kind: "decision" | "settle-set";
  readonly picks: readonly number[];
  readonly key: number;
  readonly action: "release_hold" | "return_hold" | "queue_reprioritise";
  readonly isFound: boolean;
}

const wish = fc.record<Wish>({
  from: fc.constantFrom(SBI, SBI, HDFC, HDFC, RBI),
  kind: fc.constantFrom("decision", "decision", "decision", "settle-set"),
  picks: fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 4 }),
  key: fc.constantFrom(0, 1),
  action: fc.constantFrom("release_hold", "release_hold", "return_hold", "queue_reprioritise"),
  isFound: fc.boolean(),
});

const queueing = fc.record<FullTransfer & { readonly from: ParticipantNumber }>({
  from: fc.constantFrom(SBI, HDFC),
  id: fc.nat({ max: 5_000 }).map((rest) => id(SBI, 1_000 + rest)),
  debitAccountId: fc.constantFrom(ASHA, ASHA, ASHA, BINA),
  creditAccountId: fc.constant(HARI),
  amount: fc.oneof(fc.integer({ min: 1, max: 160 }), fc.integer({ min: 100, max: 130 })).map(String),
  asset: fc.constant(INR),
  rail: fc.constantFrom(QUEUE, QUEUE, QUEUE, NEFT),
  code: fc.constantFrom(0, 0, 0, 0, 0, 7),
  flags: fc.constantFrom([], [], [], [], [], ["linked" as const], ["balancing_debit" as const]),
  pendingId: fc.constant(ZERO_ID),
  timeoutSeconds: fc.constant(0),
  reference: fc.constant(ZERO_ID),
  remittance: fc.constant(ZERO_ID),
  priority: fc.constantFrom(0, 0, 0, 1, 5),
});

/** HDFC pays SBI's customers; ids begin with the payer's number. */
const turned = ({ from, ...fields }: FullTransfer & { readonly from: ParticipantNumber }): FullTransfer =>
  from === SBI
    ? fields
    : {
        ...fields,
        id: id(HDFC, Number.parseInt(fields.id.slice(8), 16)),
        debitAccountId: HARI,
        creditAccountId: fields.debitAccountId,
      };

const steps = fc.tuple(
  blocks,
  fc.array(
    fc.record({
      payments: fc.array(queueing, { minLength: 1, maxLength: 7, size: "max" }),
      wishes: fc.array(wish, { maxLength: 3 }),
      pauseMs: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 8_000 }) }, fc.constant(40_000)),
    }),
    { minLength: 6, maxLength: 20, size: "max" },
  ),
);

function batchOf(wished: Wish, serial: number, run: Run, model: ReferenceLedger): Batch {
  const { from, picks, key, action, kind } = wished;
  if (kind === "settle-set") {
    const found = run.ledger.findSettleSet(INR).map((transfer) => transfer.id as string);
    const queued = [SBI, HDFC].flatMap((bank) => model.waiting(bank, "queue"));
    const drawn = picks.map((pick) => queued[pick % queued.length] ?? id(SBI, 1));
    return { kind, from, list: wished.isFound && found.length > 0 ? found : drawn };
  }
  const candidates = model.waiting(from, (action === "queue_reprioritise") === (picks[0] ?? 0) < 11 ? "queue" : "hold");
  const list = picks.map((pick, index): FullAction => {
    const accountId = (candidates[pick % candidates.length] ?? id(from, 1_000 + pick)) as Id128;
    const priority = action === "queue_reprioritise" ? { priority: 1 + (pick % 7) } : {};
    return { id: id(from, 100_000 + serial * 10 + index), accountId, action, reference: ZERO_ID, ...priority };
  });
  return { kind: "actions", from, key: String(key), scopes: key === 0 ? ["submit", "approve"] : ["approve"], list };
}

const grouped = (payments: readonly (FullTransfer & { readonly from: ParticipantNumber })[]): Batch[] =>
  [SBI, HDFC].flatMap((from): Batch[] => {
    const list = payments.filter((payment) => payment.from === from).map(turned);
    return list.length === 0 ? [] : [{ kind: "transfers", from, list }];
  });

describe("queues and holds do what the reference model says", () => {
  test("LEDG-28 … LEDG-31: payments that wait, decisions and settle-sets among everything else", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.noBias(steps), ([story, waiting]) => {
        const run = Run.of(genesis);
        const model = new ReferenceLedger(genesis);
        let timestamp = START;
        for (const [index, { payments, wishes, pauseMs }] of waiting.entries()) {
          timestamp += pauseMs;
          const wished = wishes.map((each, number) => batchOf(each, index * 10 + number, run, model));
          const batches = [...grouped(payments), ...(story[index]?.batches ?? []), ...wished];
          const expected = model.block({ timestamp }, batches);
          const ran = run.block(batches.map(ordered), timestamp);
          for (const name of ran.results.flat()) seen.set(name, (seen.get(name) ?? 0) + 1);
          expect(blurred(ran.results)).toEqual(blurred(expected));
          expect(outcomeCount(ran.executed.outcomes)).toBe(model.outcomes.length);
          compare(run, model);
          checkConservation(run);
        }
      }),
      // Shrinking such long stories takes minutes; seed and path play one again.
      { numRuns: 80, endOnFailure: true },
    );
    for (const name of [
      "queued",
      "held",
      "approved_already",
      "queued_cap_exceeded",
      "settle_set_bypasses",
      "screened",
    ]) {
      expect(seen.get(name) ?? 0, name).toBeGreaterThan(0);
    }
  });

  test("LEDG-20: restored from any checkpoint, what waits goes on the same way", () => {
    fc.assert(
      fc.property(fc.noBias(steps), fc.nat({ max: 19 }), ([, waiting], stop) => {
        const whole = Run.of(genesis);
        const model = new ReferenceLedger(genesis);
        let timestamp = START;
        for (const [index, { payments, wishes, pauseMs }] of waiting.entries()) {
          timestamp += pauseMs;
          const wished = wishes.map((each, number) => batchOf(each, index * 10 + number, whole, model));
          const batches = [...grouped(payments), ...wished];
          model.block({ timestamp }, batches);
          whole.block(batches.map(ordered), timestamp);
        }
        const height = Math.max(2, Math.min(stop, waiting.length) & ~1);
        const pages = new Map<number, StatePage>();
        for (const { executed } of whole.history.slice(0, height)) {
          for (const page of executed.checkpoint?.pages ?? []) pages.set(page.key, page);
        }
        const rest = new Run(Ledger.restore(genesis, CHAIN, height as Height, pages.values(), { hashSeed: stop }));
        for (const { block, executed } of whole.history.slice(height)) {
          expect(rest.block(block.batches, block.timestamp).executed.leaf).toEqual(executed.leaf);
        }
        expect(rest.ledger.queuedTransfers()).toEqual(whole.ledger.queuedTransfers());
        expect(rest.ledger.heldTransfers(SBI)).toEqual(whole.ledger.heldTransfers(SBI));
      }),
      { numRuns: 30 },
    );
  });
});

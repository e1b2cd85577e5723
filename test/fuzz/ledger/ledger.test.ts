import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeTransfer, isSuccess, RESULT } from "../../../src/formats/index.js";
import { Ledger, outcomeAt, outcomeCount, type StatePage } from "../../../src/ledger/index.js";
import type { Height } from "../../../src/primitives/index.js";
import { type FullTransfer, ReferenceLedger } from "../../../src/simulator/checkers/reference-ledger/index.js";
import { ASHA, CHAIN, encoded, HARI, id, makeBatch, Run, SBI, START } from "../../fixtures/consortium.js";
import { blocks, blurred, checkConservation, compare, defaults, genesis, ordered } from "./stories.js";

describe("the ledger does what the reference model says", () => {
  test("attack 95, LEDG-1 … LEDG-27: any sequence of batches: same codes, balances, deadlines, leaves", () => {
    fc.assert(
      fc.property(fc.noBias(blocks), (story) => {
        const run = Run.of(genesis);
        const model = new ReferenceLedger(genesis);
        let timestamp = START;
        for (const { batches, pauseMs } of story) {
          timestamp += pauseMs;
          const expected = model.block({ timestamp }, batches);
          const ran = run.block(batches.map(ordered), timestamp);
          expect(blurred(ran.results)).toEqual(blurred(expected));
          expect(ran.executed.leaf.leafCount).toBe(model.outcomes.length);
          expect(outcomeCount(ran.executed.outcomes)).toBe(model.outcomes.length);
          compare(run, model);
          checkConservation(run);
          for (const [index, { result, amount, ...place }] of model.outcomes.entries()) {
            const outcome = outcomeAt(ran.executed.outcomes, index, (at) => ran.block.batches[at]?.bytes as Uint8Array);
            const isMoved = isSuccess(RESULT[result]);
            expect(outcome).toMatchObject({ ...place, code: RESULT[result], height: ran.block.height });
            if (isMoved) expect(outcome?.amount).toBe(amount);
          }
        }
      }),
      { numRuns: 250 },
    );
  });

  test("attack 102, LEDG-20: restarted from any checkpoint the same roots follow", () => {
    fc.assert(
      fc.property(fc.noBias(blocks), fc.nat({ max: 11 }), fc.integer(), (story, stop, hashSeed) => {
        const whole = Run.of(genesis);
        let timestamp = START;
        for (const { batches, pauseMs } of story) {
          timestamp += pauseMs;
          whole.block(batches.map(ordered), timestamp);
        }
        const pages = new Map<number, StatePage>();
        const height = Math.min(stop, story.length) & ~1;
        for (const { executed } of whole.history.slice(0, height)) {
          for (const page of executed.checkpoint?.pages ?? []) pages.set(page.key, page);
        }
        const restored =
          height === 0
            ? Ledger.fromGenesis(genesis, CHAIN, { hashSeed })
            : Ledger.restore(genesis, CHAIN, height as Height, pages.values(), { hashSeed });
        const rest = new Run(restored);
        for (const { block, executed } of whole.history.slice(height)) {
          expect(rest.block(block.batches, block.timestamp).executed.leaf).toEqual(executed.leaf);
        }
        expect(rest.ledger.stateRoot).toBe(whole.ledger.stateRoot);
      }),
      { numRuns: 60 },
    );
  });

  test("LEDG-2: bytes that only look like a batch get one code and change nothing", () => {
    const good = ordered({ kind: "transfers", from: SBI, list: [] as FullTransfer[] } as never, 1);
    const sound = makeBatch("create_transfers", SBI, [
      encoded(encodeTransfer({ id: id(SBI, 1), debitAccountId: ASHA, creditAccountId: HARI, amount: "1" }, defaults)),
    ]);
    fc.assert(
      fc.property(
        fc.nat({ max: sound.bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        fc.nat({ max: 320 }),
        (at, flip, cut) => {
          const run = Run.of(genesis);
          const bytes = sound.bytes.slice(0, sound.bytes.length - (cut > 310 ? cut : 0));
          if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ flip;
          const { results } = run.block([{ digest: good.digest, bytes }, sound]);
          expect(results.map((list) => list.length)).toEqual([1, 1]);
          checkConservation(run);
        },
      ),
      { numRuns: 200 },
    );
  });
});

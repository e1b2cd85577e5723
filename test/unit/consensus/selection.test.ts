import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BatchInfo } from "../../../src/consensus/index.js";
import { selectBatches } from "../../../src/consensus/selection.js";
import {
  BATCH_BYTES_MAX,
  BATCH_RECORDS_MAX,
  BLOCK_BATCHES_MAX,
  BLOCK_BYTES_MAX,
  BLOCK_TRANSFERS_MAX,
  type Digest,
  LANES,
  type Lane,
  participantNumber,
} from "../../../src/primitives/index.js";

interface Plan {
  readonly lane?: Lane;
  readonly participant?: number;
  readonly size?: number;
  readonly count?: number;
}

let made = 0;
function batch({ lane = "usual", participant = 1, size = 320, count = 1 }: Plan = {}): BatchInfo {
  made += 1;
  const digest = made.toString(16).padStart(64, "0") as Digest;
  return { digest, size, count, notAfter: 1, lane, participant: participantNumber(participant) };
}

const batches = (count: number, plan: Plan = {}): BatchInfo[] => Array.from({ length: count }, () => batch(plan));
const LARGEST = { size: BATCH_BYTES_MAX, count: BATCH_RECORDS_MAX };

/** What was selected, as the batches themselves. */
function select(candidates: readonly BatchInfo[]): readonly BatchInfo[] {
  const known = new Map(candidates.map((each) => [each.digest, each]));
  return selectBatches(candidates).map(({ digest }) => known.get(digest) as BatchInfo);
}

const inLane = (selected: readonly BatchInfo[], lane: Lane): number =>
  selected.filter((each) => each.lane === lane).length;
const of = (selected: readonly BatchInfo[], participant: number): number =>
  selected.filter((each) => each.participant === participantNumber(participant)).length;

describe("between lanes", () => {
  test("control comes first in a block, then urgent, then usual, each in the order of arrival", () => {
    const [usual, urgent, control, late] = [
      batch(),
      batch({ lane: "urgent" }),
      batch({ lane: "control" }),
      batch({ lane: "urgent" }),
    ];
    expect(select([usual, urgent, control, late])).toEqual([control, urgent, late, usual]);
  });

  test("a full lane of usual batches leaves an urgent one its place", () => {
    const last = batch({ lane: "urgent" });
    const selected = select([...batches(1_000), last]);
    expect(selected[0]).toBe(last);
    expect(selected).toHaveLength(BLOCK_BATCHES_MAX);
  });

  test("usual batches keep half of every block, however many are urgent", () => {
    const selected = select([...batches(1_000, { lane: "urgent" }), ...batches(1_000)]);
    expect(inLane(selected, "usual")).toBe(BLOCK_BATCHES_MAX / 2);
    expect(inLane(selected, "urgent")).toBe(BLOCK_BATCHES_MAX / 2);
  });

  test("what one lane leaves, the others get", () => {
    expect(inLane(select(batches(1_000, { lane: "urgent" })), "urgent")).toBe(BLOCK_BATCHES_MAX);
    expect(inLane(select([...batches(1_000), ...batches(10, { lane: "control" })]), "usual")).toBe(246);
  });

  test("every lane moves in every block, even if all batches are as large as they may be", () => {
    const selected = select(LANES.flatMap((lane) => batches(9, { lane, ...LARGEST })));
    for (const lane of LANES) expect(inLane(selected, lane), lane).toBeGreaterThanOrEqual(1);
  });
});

describe("between participants", () => {
  test.each<Lane>(["control", "urgent", "usual"])("attack 80: a bank's backlog delays that bank alone (%s)", (lane) => {
    const backlog = batches(5_000, { lane, participant: 1 });
    const other = batches(3, { lane, participant: 2 });
    const selected = select([...backlog, ...other]);
    expect(of(selected, 2)).toBe(3);
    expect(of(selected, 1)).toBe(BLOCK_BATCHES_MAX - 3);
  });

  test("turns go by bytes: large batches buy no larger share than small ones", () => {
    const large = batches(40, { participant: 1, size: 320_000, count: 100 });
    const small = batches(4_000, { participant: 2, size: 32_000, count: 10 });
    const selected = select([...large, ...small]);
    const bytes = (participant: number): number =>
      selected
        .filter((each) => each.participant === participantNumber(participant))
        .reduce((sum, { size }) => sum + size, 0);
    expect(Math.abs(bytes(1) - bytes(2))).toBeLessThanOrEqual(320_000);
  });

  test("a participant's own batches keep their order within a lane", () => {
    const own = batches(20, { participant: 1 });
    const selected = select([...own.slice(0, 10), ...batches(20, { participant: 2 }), ...own.slice(10)]);
    expect(selected.filter((each) => own.includes(each))).toEqual(own);
  });
});

test("no selection breaks a bound of the block, names a batch twice or leaves a block empty", () => {
  const plan = fc.record({
    lane: fc.constantFrom(...LANES),
    participant: fc.integer({ min: 1, max: 4 }),
    size: fc.integer({ min: 320, max: BATCH_BYTES_MAX }),
    count: fc.integer({ min: 1, max: BATCH_RECORDS_MAX }),
  });
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 400 }), (plans) => {
      const candidates = plans.map(batch);
      const selected = select(candidates);
      const sum = (value: (each: BatchInfo) => number): number => selected.reduce((all, each) => all + value(each), 0);
      expect(sum(({ size }) => size)).toBeLessThanOrEqual(BLOCK_BYTES_MAX);
      expect(sum(({ count }) => count)).toBeLessThanOrEqual(BLOCK_TRANSFERS_MAX);
      expect(selected.length).toBeLessThanOrEqual(BLOCK_BATCHES_MAX);
      expect(new Set(selected).size).toBe(selected.length);
      for (const lane of LANES) {
        const isThere = candidates.some((each) => each.lane === lane);
        expect(inLane(selected, lane) > 0).toBe(isThere);
      }
    }),
    { numRuns: 200 },
  );
});

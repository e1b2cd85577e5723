import { describe, expect, test } from "vitest";
import { type Simulation, simulate } from "../../src/simulator/index.js";

const ROUNDS = 4;
const ROUND_MS = 120;
const WARM_UP_MS = 550;
/** Short timeouts, so that each round sees several views and changes of view. */
const TIMING = { firstMs: 40, minMs: 25, maxMs: 60, capMs: 120 };

/**
 * Parts the network in two, an instance of each twin on either side: bit i of `split` says on which side the i-th
 * honest machine is.
 */
function part(simulation: Simulation, validators: number, twins: readonly number[], split: number): void {
  const sideOf = new Map<number, 0 | 1>();
  simulation.honest.forEach((node, at) => {
    sideOf.set(node.id, ((split >>> at) & 1) as 0 | 1);
  });
  for (const node of simulation.nodes) if (!sideOf.has(node.id)) sideOf.set(node.id, node.id < validators ? 0 : 1);
  for (const node of simulation.nodes) {
    for (const twin of twins) simulation.setTwinSide(node, twin, sideOf.get(node.id) as 0 | 1);
  }
  simulation.partition(
    [0, 1].map((side) => simulation.nodes.filter(({ id }) => sideOf.get(id) === side)),
    "swallowing",
  );
}

/** One history: a split for each round, then everything is whole again and has to become final. */
function play(validators: number, twins: readonly number[], splits: readonly number[]): Simulation {
  const simulation = simulate({ seed: 1, validators, twins, timing: TIMING, network: { delayMs: [1, 3] } });
  // Whole at first: machines take no submissions before they have heard of each other.
  simulation.runFor(WARM_UP_MS);
  simulation.load(40, WARM_UP_MS + ROUNDS * ROUND_MS);
  for (const split of splits) {
    part(simulation, validators, twins, split);
    simulation.runFor(ROUND_MS);
  }
  simulation.heal();
  simulation.settle(30_000);
  return simulation;
}

/** Digits of a number, lowest first. */
const digits = (number: number, base: number): number[] =>
  Array.from({ length: ROUNDS }, (_, at) => Math.floor(number / base ** at) % base);

function expectSound(simulation: Simulation, told: string): void {
  const detail = `${told}: ${simulation.summary()}`;
  expect(simulation.violations, detail).toEqual([]);
  expect(simulation.isSettled(), detail).toBe(true);
  expect(simulation.height, detail).toBeGreaterThan(2);
}

describe("attack 20: validators that live twice", () => {
  // Three honest machines split in 8 ways. Swapping all sides is the same history, so 4 do for the first round:
  // 2,048 histories for each twin, of which every 61st is played here; 61 and 8 have no common factor.
  test.each([0, 1, 2, 3])("n = 4, twin %i: splits in every round, through changes of view", (twin) => {
    for (let history = twin; history < 4 * 8 ** 3; history += 61) {
      expectSound(play(4, [twin], digits(history * 2, 8)), `twin ${twin}, history ${history}`);
    }
  });

  test.each([
    [0, 1],
    [2, 5],
    [3, 6],
  ])("n = 7, twins %i and %i: a sample of all splits", (first, second) => {
    for (let history = 7 * first; history < 32 ** 4; history += 150_001) {
      expectSound(play(7, [first, second], digits(history, 32)), `history ${history}`);
    }
  });

  test("attack 21: the same histories with two twins of four fork, and that is reported", () => {
    const apart = play(4, [0, 1], [1, 1, 2, 1]);
    expect(apart.violations[0]?.rule).toMatch(/^SAFE-1/u);
    expect(apart.forks().length).toBeGreaterThan(0);
  });
});

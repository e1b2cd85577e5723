import { expect, test } from "vitest";
import { type BehaviourName, simulate } from "../../../src/simulator/index.js";

/** One machine misses what was ordered and has to fetch it, with one liar among those it may ask. */
function catchUpBeside(behaviour: BehaviourName, seed: number, beforeMs: number) {
  const simulation = simulate({ seed, validators: 4, adversaries: { 0: [behaviour] } });
  simulation.load(10, beforeMs + 2_500);
  simulation.runFor(beforeMs);
  const late = simulation.nodes.slice(3);
  simulation.partition([simulation.nodes.filter((node) => !late.includes(node))]);
  simulation.runFor(1_500);
  simulation.partition([simulation.nodes]);
  simulation.runFor(1_000);
  simulation.heal();
  return simulation;
}

/**
 * A batch's digest leaves its signature out. An answer with the right digest and a broken signature ended
 * the request; the next one went to the same liar first, at the speed of the network, and for ever.
 */
test.each([2, 5, 9])("attack 63: a broken signature under the right digest does not end a fetch, seed %i", (seed) => {
  const simulation = catchUpBeside("corruptor", seed, 500);
  expect(simulation.settle(30_000), simulation.summary()).toBe(true);
  expect(simulation.violations).toEqual([]);
});

/**
 * Batches that nobody has were asked for without end. Blocks full of them filled the table of what is
 * wanted, and nothing else could be fetched any more.
 */
test.each([1, 2])("LIVE-3: batches that do not exist do not crowd out those that do, seed %i", (seed) => {
  const simulation = catchUpBeside("phantom", seed, 8_000);
  expect(simulation.settle(30_000), simulation.summary()).toBe(true);
  expect(simulation.violations).toEqual([]);
});

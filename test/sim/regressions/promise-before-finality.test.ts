import { expect, test } from "vitest";
import { simulate } from "../../../src/simulator/index.js";

/**
 * A batch that a peer had pushed was ordered by a block whose finality was still on its way to the disk. A client that
 * handed it in at that moment was told that it is admitted, though nothing of the promise was stored.
 */
test.each([1, 2, 3, 4, 5, 6])("attack 55: what is being stored is not promised yet, seed %i", (seed) => {
  const simulation = simulate({ seed, validators: 4, disk: { writeMs: [30, 80] } });
  simulation.load(60, 4_000);
  simulation.runFor(5_000);
  expect(simulation.violations).toEqual([]);
});

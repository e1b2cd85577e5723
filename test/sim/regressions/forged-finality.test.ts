import { expect, test } from "vitest";
import { simulate } from "../../../src/simulator/index.js";

/**
 * A finality proof of a view that was known final was admitted without a look at its signatures. One that
 * named another block stopped the replica for a fork that never was.
 */
test.each([1, 2, 3, 4, 5, 6, 7, 8])("SAFE-2: forged proofs of a known finality halt nobody, seed %i", (seed) => {
  const simulation = simulate({ seed, validators: 4, adversaries: { 2: ["forger"] } });
  simulation.load(8, 4_000);
  simulation.runFor(4_000);
  simulation.heal();
  expect(simulation.settle(30_000), simulation.summary()).toBe(true);
  expect(simulation.violations).toEqual([]);
  expect(simulation.height).toBeGreaterThan(10);
});

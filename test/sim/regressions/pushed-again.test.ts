import { expect, test } from "vitest";
import { simulate } from "../../../src/simulator/index.js";
import type { SimulatedNode } from "../../../src/simulator/node.js";

/**
 * A bank's node took in many small batches while nobody heard it. Then it pushed its four oldest again, and again, and no
 * others before these were final. Here nothing becomes final, since two of four are down: the other hears of all within ticks.
 */
test.each([1, 2, 3])("LIVE-5: all that nobody heard of is pushed again, not the oldest alone, seed %i", (seed) => {
  const simulation = simulate({ seed, validators: 4, network: { delayMs: [0.5, 2] } });
  simulation.runFor(700);
  const [alone, other, ...down] = simulation.nodes as [SimulatedNode, SimulatedNode, ...SimulatedNode[]];
  for (const node of down) node.crash();
  simulation.partition([[alone], [other]], "swallowing");
  const count = 40;
  for (let batch = 0; batch < count; batch += 1) simulation.submit(alone);
  simulation.runFor(100);
  const admitted = alone.replica?.pool().batches ?? 0;
  expect(admitted).toBeGreaterThan(count / 2);
  simulation.partition([simulation.nodes]);
  simulation.runFor(3_500);
  expect(other.replica?.pool().batches).toBe(admitted);
  expect(simulation.violations).toEqual([]);
});

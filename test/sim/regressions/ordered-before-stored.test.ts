import { expect, test } from "vitest";
import { simulate } from "../../../src/simulator/index.js";
import type { SimulatedNode } from "../../../src/simulator/node.js";

/**
 * A machine that had missed a batch learned that its block is final, and the block was on its way to the disk. A client that
 * handed the batch in at that moment was told its height, though a crash could still take the block.
 */
test.each([1, 2, 3, 4])("attack 55: the height of what is being stored is told to nobody, seed %i", (seed) => {
  const simulation = simulate({ seed, validators: 4, network: { delayMs: [0.5, 2] }, disk: { writeMs: [40, 60] } });
  simulation.runFor(700);
  const [giver, , , late] = simulation.nodes as [SimulatedNode, SimulatedNode, SimulatedNode, SimulatedNode];
  const early: number[] = [];
  let answers = 0;
  for (let round = 0; round < 12; round += 1) {
    // It hears votes and blocks, and of batches nothing.
    simulation.network.setLink(giver, late, "swallowing");
    simulation.submit(giver);
    const { height } = simulation;
    simulation.runUntil({ height: height + 1, limitMs: 5_000 });
    const digests = simulation.ledger.chain.slice(height).flatMap(({ body }) => body.map(({ digest }) => digest));
    for (let step = 0; step < 120; step += 1) {
      for (const digest of digests) {
        const bytes = giver.store.batch(digest);
        if (bytes === undefined) continue;
        late.submit(bytes, (verdict) => {
          answers += 1;
          if (verdict.type === "ordered" && verdict.height > (late.replica?.head().height ?? 0))
            early.push(verdict.height);
        });
      }
      simulation.runFor(1);
    }
  }
  expect(answers).toBeGreaterThan(100);
  expect(early).toEqual([]);
});

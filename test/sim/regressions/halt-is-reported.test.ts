import { expect, test } from "vitest";
import { Simulation } from "../../../src/simulator/index.js";

test("LIVE-1: a network that leaves view after view without a block says that it stands still, however long", () => {
  const silent = ["silent-leader"] as const;
  const simulation = new Simulation({
    seed: 1,
    validators: 4,
    adversaries: { 0: silent, 1: silent, 2: silent, 3: silent },
  });
  simulation.runFor(200);
  simulation.submit(simulation.nodes[0]);
  const stalled: (boolean | undefined)[] = [];
  for (let second = 5; second <= 25; second += 5) {
    simulation.runFor(5_000);
    stalled.push(simulation.nodes[0]?.replica?.consensus().stalled);
  }
  expect(stalled).toEqual([true, true, true, true, true]);
});

import { expect, test } from "vitest";
import { simulate } from "../../../src/simulator/index.js";

/**
 * A block that would expire a reservation was certified, but not final because COMMITs were lost. Since it
 * carried no batch, nobody counted it as work: the reservation stayed until the next payment came.
 */
test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
  "PACE-4: a certified block that meets a deadline is made final, seed %i",
  (seed) => {
    const simulation = simulate({ seed, validators: 4, network: { delayMs: [1, 120], lossRatio: 0.2 } });
    simulation.load(6, 5_000);
    simulation.runFor(3_000);
    // Only just a quorum is left, so that one lost COMMIT is one too many.
    const lost = simulation.nodes.slice(3);
    for (const node of lost) node.crash();
    simulation.runFor(3_000);
    simulation.heal({ except: lost });
    expect(simulation.settle(60_000), simulation.summary()).toBe(true);
    expect(simulation.violations).toEqual([]);
  },
);

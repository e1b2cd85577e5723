import { describe, expect, test } from "vitest";
import { Random, Simulation, type SimulationOptions } from "../../src/simulator/index.js";

/** Seven banks, of which four begin. */
function consortium(seed: number, options: Partial<SimulationOptions> = {}): Simulation {
  return new Simulation({ seed, validators: 4, joiners: 3, network: { delayMs: [0.5, 8] }, ...options });
}

/** Runs until an epoch has begun, or some virtual time has passed. */
function runToEpoch(simulation: Simulation, epoch: number, limitMs = 60_000): void {
  for (let passed = 0; passed < limitMs && simulation.epoch < epoch; passed += 250) {
    if (simulation.violations.length > 0) return;
    simulation.runFor(250);
  }
  simulation.demand(simulation.epoch >= epoch, `EPOCH-7: epoch ${epoch} begins`, () => simulation.summary());
}

function demandSettled(simulation: Simulation): void {
  simulation.heal({ behave: true });
  simulation.demand(simulation.settle(90_000), "LIVE-1: everything admitted becomes final", () => simulation.summary());
}

const seeds = [1, 2, 3];

describe("validators change at a boundary", () => {
  test.each(seeds)("EPOCH-1 to EPOCH-8: 4 → 7 → 5 under load, seed %i", (seed) => {
    const simulation = consortium(seed);
    simulation.load(6, 40_000);
    simulation.runFor(1_500);
    simulation.changeValidators([0, 1, 2, 3, 4, 5, 6]);
    runToEpoch(simulation, 1);
    simulation.runFor(1_500);
    simulation.changeValidators([1, 3, 4, 5, 6]);
    runToEpoch(simulation, 2);
    simulation.runFor(2_000);
    demandSettled(simulation);
    expect(simulation.violations).toEqual([]);
    expect(simulation.membersOf(1)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(simulation.membersOf(2)).toEqual([1, 3, 4, 5, 6]);
    const last = simulation.ledger.chain.filter(({ header }) => header.epoch === 2);
    expect(last.length).toBeGreaterThan(0);
  });
});

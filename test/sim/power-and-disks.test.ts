import { describe, expect, test } from "vitest";
import { Random, type Simulation, simulate } from "../../src/simulator/index.js";

type Machine = Simulation["nodes"][number];

const machine = (simulation: Simulation, index: number): Machine => simulation.nodes[index] as Machine;

function expectSettled(simulation: Simulation): void {
  simulation.heal();
  expect(simulation.settle(60_000), simulation.summary()).toBe(true);
  expect(simulation.violations, simulation.summary()).toEqual([]);
}

describe("attacks 50 and 57: power goes between any two effects", () => {
  const places = new Set<string>();

  test.each(Array.from({ length: 24 }, (_, index) => index + 1))(
    "right before effect %i from some moment on, four times over",
    (effects) => {
      const simulation = simulate({ seed: effects, validators: 4, disk: { writeMs: [1, 4] } });
      simulation.load(20, 3_000);
      simulation.runFor(700);
      for (let round = 0; round < 4; round += 1) {
        const node = machine(simulation, (effects + round) % 4);
        node.crashBeforeEffect(effects);
        simulation.runFor(250);
        node.start();
        simulation.runFor(150);
      }
      expectSettled(simulation);
      for (const fact of Object.keys(simulation.coverage.counts.facts)) places.add(fact);
    },
  );

  test("that were writes, their ends and frames", () => {
    const reached = [...places].filter((fact) => fact.startsWith("power gone")).sort();
    expect(reached).toEqual(["power gone before a done", "power gone before a send", "power gone before a write"]);
  });
});

describe("attack 54: a disk rots", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "its machine stops, gets an empty disk, follows and votes no more; the others go on, seed %i",
    (seed) => {
      const simulation = simulate({ seed, validators: 4 });
      const random = new Random(seed, "rot");
      const node = machine(simulation, 2);
      simulation.load(10, 6_000);
      simulation.runFor(2_500);
      // Everywhere, the state among it, which is read at the next start.
      const kinds = new Set<string>();
      for (let place = 0; place < 60; place += 1) kinds.add(node.store.damage(random).kind);
      node.crash();
      node.start();
      expect(node.isUp).toBe(false);
      simulation.runFor(4_000);
      expect(node.isUp).toBe(true);
      expect(node.mayVote).toBe(false);
      expect(kinds.size).toBeGreaterThan(5);
      expectSettled(simulation);
    },
  );

  test.each([1, 2, 3, 4])("a block that is asked for stops the machine in the middle of its work, seed %i", (seed) => {
    const simulation = simulate({ seed, validators: 4 });
    const [late, rotten] = [machine(simulation, 0), machine(simulation, 1)];
    simulation.load(10, 8_000);
    simulation.runFor(1_500);
    late.crash();
    simulation.runFor(3_000);
    const random = new Random(seed, "rot");
    for (let place = 0; place < 400; place += 1) rotten.store.damage(random);
    late.start();
    simulation.runFor(3_500);
    expect(simulation.coverage.counts.facts["store is damaged"]).toBeGreaterThan(0);
    expectSettled(simulation);
  });
});

describe("attack 55: disks are full", () => {
  test.each([1, 2, 3, 4, 5, 6])(
    "of all validators at some time; with room again everything goes on, seed %i",
    (seed) => {
      const simulation = simulate({ seed, validators: 4 });
      simulation.load(10, 6_000);
      simulation.runFor(1_500);
      for (const node of simulation.nodes) {
        node.store.isFull = true;
        simulation.runFor(400);
      }
      simulation.runFor(2_000);
      const { height } = simulation;
      simulation.runFor(1_000);
      expect(simulation.height).toBe(height);
      for (const node of simulation.nodes) node.store.isFull = false;
      expect(simulation.coverage.counts.facts["store failed"]).toBeGreaterThan(3);
      simulation.runFor(2_500);
      expectSettled(simulation);
    },
  );
});

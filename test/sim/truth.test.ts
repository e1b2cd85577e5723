import { describe, expect, test } from "vitest";
import { NEGATIVE_CONTROL, runSeed, simulate } from "../../src/simulator/index.js";

describe("attack 108: one seed is one history", () => {
  test.each([
    [3, 4],
    [11, 4],
    [2, 7],
  ])("seed %i with %i validators gives one digest", (seed, validators) => {
    const first = runSeed(seed, validators);
    const second = runSeed(seed, validators);
    expect(second.digest).toBe(first.digest);
    expect(second.events).toBe(first.events);
    expect(first.events).toBeGreaterThan(100);
  });

  test("other seeds give other histories", () => {
    const digests = new Set([1, 2, 3, 4].map((seed) => runSeed(seed, 4).digest));
    expect(digests.size).toBe(4);
  });
});

describe("the checkers have teeth", () => {
  test("attack 21: f + 1 twins fork the ledger, and that is reported", () => {
    const rules = Array.from({ length: 6 }, (_, index) => NEGATIVE_CONTROL.run(index + 1, 4)).map(
      ({ violations }) => violations[0]?.rule ?? "none",
    );
    expect(rules.filter((rule) => rule.startsWith("SAFE-1")).length).toBe(rules.length);
  });

  test("attacks 50 and 108: a disk that says done too early is found within ten seeds", () => {
    const rules = Array.from({ length: 10 }, (_, index) => {
      const simulation = simulate({ seed: index + 1, validators: 4, disk: { acknowledgesEarly: true } });
      simulation.load(10, 2_000);
      simulation.runFor(2_000);
      return simulation.violations[0]?.rule;
    });
    expect(rules).toContain("SAFE-4: the record is durable before the vote leaves");
  });

  test("a machine that never hears of finality fails the demand for progress", () => {
    const simulation = simulate({ seed: 1, validators: 4 });
    const [first, ...others] = simulation.nodes;
    simulation.partition([others, [first as (typeof others)[0]]]);
    simulation.load(10, 1_000);
    simulation.runFor(1_000);
    expect(simulation.settle(20_000)).toBe(false);
    simulation.heal();
    expect(simulation.settle(20_000)).toBe(true);
  });
});

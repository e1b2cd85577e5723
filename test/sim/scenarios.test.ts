import { describe, expect, test } from "vitest";
import { SCENARIOS } from "../../src/simulator/index.js";

/** The attacks that a scenario plays are named where it is written. */
describe.each(SCENARIOS)("$name: $what", ({ name, run }) => {
  test.each([1, 2])("seed %i", (seed) => {
    const simulation = run(seed, 4);
    const replay = `replay: npm run sim -- --validators 4 --scenario ${name} --seed ${seed}`;
    expect(simulation.violations, `${replay}\n${simulation.summary()}`).toEqual([]);
  });
});

test.each(["total-blackout", "twins", "conflicter", "poisoner", "silent-leader", "leader-down"])(
  "%s with seven validators, two of them faulty",
  (wanted) => {
    const scenario = SCENARIOS.find(({ name }) => name === wanted);
    const simulation = scenario?.run(1, 7);
    expect(simulation?.violations, simulation?.summary()).toEqual([]);
  },
);

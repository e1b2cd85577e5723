import { describe, expect, test } from "vitest";
import { SCENARIOS } from "../../src/simulator/index.js";

/** The attacks that a scenario plays. */
const ATTACKS: Readonly<Record<string, string>> = {
  "total-blackout": "attacks 39, 50 and 56",
  "lone-certificate-holder": "attack 47",
  "long-catch-up": "attacks 62 and 68",
  wiped: "attack 60",
  "wiped-beyond-quorum": "attack 60",
  twins: "attacks 20 and 52",
  "scattered-views": "attack 40",
  "slow-disk": "attack 61",
  hailstorm: "attack 59",
  equivocator: "attack 18",
  "silent-leader": "attack 38",
  "slow-leader": "attack 45",
  censor: "attack 44",
  "tail-forker": "attacks 26 and 27",
  "time-liar": "attacks 48 and 104",
  mutator: "attack 33",
  "field-mutator": "attack 33",
  conflicter: "attack 19",
  nuller: "attack 22",
  corruptor: "attacks 63 and 68",
  usurper: "attack 28",
  echo: "attacks 1 and 23",
  poisoner: "attack 10",
  forger: "attacks 2, 3 and 4",
  flooder: "attacks 41, 42, 62 and 71",
};
const CITED = SCENARIOS.map((scenario) => ({ ...scenario, attacks: ATTACKS[scenario.name] ?? "no attack" }));

test("every name in the table of attacks is a scenario", () => {
  const names = SCENARIOS.map(({ name }) => name);
  expect(Object.keys(ATTACKS).filter((name) => !names.includes(name))).toEqual([]);
});

describe.each(CITED)("$name ($attacks): $what", ({ name, run }) => {
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

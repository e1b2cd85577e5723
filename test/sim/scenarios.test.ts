import { describe, expect, test } from "vitest";
import { SCENARIOS } from "../../src/simulator/index.js";

/** The attacks that a scenario plays. */
const ATTACKS: Readonly<Record<string, string>> = {
  "total-blackout": "attacks 39, 50 and 56",
  "leader-down": "attack 38",
  "twins-enumerated": "attack 20",
  "foreign-batches": "attack 15",
  "old-backup": "attack 51",
  "one-way-link": "attack 46",
  receipts: "attack 94",
  "damaged-state": "attack 54",
  "forged-certificates": "attacks 2, 3, 4 and 15",
  "forged-commits": "attacks 3 and 4",
  "wrong-blocks": "attack 43",
  "wrong-links": "attack 27",
  accused: "attack 19",
  "false-alarm": "attack 41",
  "two-amounts": "attack 18",
  "byte-mutator": "attacks 33, 35 and 37",
  "masked-equivocator": "attack 19",
  "stale-voter": "attack 23",
  "wrong-epoch": "attack 24",
  impersonator: "attack 9",
  "batch-flooder": "attack 80",
  "duplicate-flooder": "attack 79",
  "signature-flooder": "attacks 10 and 81",
  "sync-poisoner": "attacks 62, 63 and 68",
  hoarder: "attacks 22, 26 and 47",
  accomplice: "attacks 18 and 19",
  misdirector: "attack 68",
  "greedy-reader": "attack 83",
  conjugate: "attack 11",
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
  conspiracy: "attacks 18, 19, 22, 26 and 47",
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

test.each([
  "total-blackout",
  "twins",
  "conflicter",
  "poisoner",
  "silent-leader",
  "leader-down",
  "accomplice",
  "conjugate",
  "conspiracy",
])("%s with seven validators, two of them faulty", (wanted) => {
  const scenario = SCENARIOS.find(({ name }) => name === wanted);
  const simulation = scenario?.run(1, 7);
  expect(simulation?.violations, simulation?.summary()).toEqual([]);
});

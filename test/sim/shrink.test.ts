import { describe, expect, test } from "vitest";
import { type Plan, parsePlan, runPlan, shrinkPlan } from "../../src/simulator/index.js";

/** A disk that says done too early, among faults that have nothing to do with it. */
const earlyDisk: Plan = parsePlan(
  JSON.stringify({
    options: {
      seed: 3,
      validators: 4,
      disk: { acknowledgesEarly: true, failureRatio: 0.001 },
      network: { lossRatio: 0.1, delayMs: [0.5, 20] },
      executionMs: { 2: 30 },
      adversaries: { 3: ["echo", "nuller"] },
    },
    faults: {
      fireMs: 4_000,
      batchesPerSecond: 10,
      meanMs: { crash: 1_500, partition: 2_000, pause: 900 },
      roles: { liar: [3] },
      lieOn: true,
    },
  }),
);

/** f + 1 validators that live twice. */
const tooManyTwins: Plan = parsePlan(
  JSON.stringify({
    options: { seed: 7, validators: 4, twins: [1, 2], executionMs: { 0: 40 }, skewMs: { 3: 100 } },
    faults: {
      fireMs: 9_000,
      batchesPerSecond: 6,
      roles: { twin: [1, 2] },
      meanMs: { "moving twins": 300, partition: 1_500, crash: 2_500, "slow link": 2_000 },
    },
  }),
);

const patience = { progress: () => {}, isTimeUp: () => false };

describe("shrinking", () => {
  test("a disk that says done too early is left alone with one submission", () => {
    const shrunk = shrinkPlan(earlyDisk, patience);
    expect(shrunk?.report.violations[0]?.rule).toBe(runPlan(earlyDisk).violations[0]?.rule);
    expect(shrunk?.report.violations[0]?.rule).toContain("durable before");
    expect(shrunk?.plan.options).toMatchObject({ seed: 3, validators: 4, disk: { acknowledgesEarly: true } });
    expect(Object.keys(shrunk?.plan.options ?? {}).filter((name) => !["adversaries", "salt"].includes(name))).toEqual([
      "seed",
      "validators",
      "disk",
    ]);
    expect(shrunk?.plan.options.adversaries).toEqual({});
    expect(shrunk?.plan.faults).toMatchObject({ meanMs: {}, roles: {}, lieOn: false });
    expect(shrunk?.plan.faults.onlySubmissions).toHaveLength(1);
  });

  test("attack 21: of f + 1 twins both are needed, and most else is not", () => {
    const shrunk = shrinkPlan(tooManyTwins, patience);
    const before = runPlan(tooManyTwins);
    expect(shrunk?.report.violations[0]?.rule).toBe(before.violations[0]?.rule);
    expect(shrunk?.plan.options.twins).toEqual([1, 2]);
    expect(shrunk?.plan.options.executionMs).toBeUndefined();
    expect(shrunk?.plan.faults.fireMs).toBeLessThan(tooManyTwins.faults.fireMs);
    expect(shrunk?.report.acts.length).toBeLessThan(before.acts.length);
  });

  test("what is left breaks the same rule again after a way through a file", () => {
    const shrunk = shrinkPlan(earlyDisk, patience);
    const again = runPlan(parsePlan(JSON.stringify(shrunk?.plan)));
    expect(again.digest).toBe(shrunk?.report.digest);
    expect(again.violations).toEqual(shrunk?.report.violations);
  });

  test("a history that breaks no rule is none to shrink, and time that is up ends it", () => {
    const plain = parsePlan('{ "options": { "seed": 1, "validators": 4 }, "faults": { "fireMs": 500 } }');
    expect(shrinkPlan(plain, patience)).toBeUndefined();
    expect(shrinkPlan(earlyDisk, { ...patience, isTimeUp: () => true })?.plan).toBe(earlyDisk);
  });
});

describe("a plan", () => {
  test("one act left out changes no other: their times and details come from streams of their own", () => {
    const options = { seed: 9, validators: 4 };
    const meanMs = { crash: 600, pause: 500, partition: 700 };
    const plan = (more: object): Plan =>
      parsePlan(JSON.stringify({ options, faults: { fireMs: 4_000, batchesPerSecond: 3, meanMs, ...more } }));
    const all = runPlan(plan({}));
    const { crash: _, ...others } = meanMs;
    const without = runPlan(plan({ meanMs: others }));
    expect(without.acts).toEqual(all.acts.filter((act) => !act.startsWith("crash")));
    expect(without.submissions).toBe(all.submissions);
    const only = runPlan(plan({ onlyActs: ["pause 2", "partition 1"], onlySubmissions: [1, 4] }));
    expect(only.acts.toSorted()).toEqual(["partition 1", "pause 2"]);
    expect(only.coverage.facts["submission admitted"]).toBeLessThanOrEqual(4);
  });

  test.each([
    ["{", /JSON/],
    ['{ "options": { "validators": 4 } }', /options\.seed/],
    ['{ "options": { "seed": 1, "validators": 3 } }', /from 4 to 31/],
    ['{ "options": { "seed": 1, "validators": 4, "adversaries": { "1": ["angel"] } } }', /no behaviour angel/],
    ['{ "options": { "seed": 1, "validators": 4 }, "faults": { "meanMs": { "flood": 1 } } }', /no fault flood/],
  ])("%s is refused with a reason", (text, reason) => {
    expect(() => parsePlan(text)).toThrow(reason);
  });
});

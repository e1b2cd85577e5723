import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { banksOf, parseScenario, profileOf, readScenario } from "../../../tools/faultnet/scenario.js";

const DIRECTORY = "config/scenarios";

const MINIMAL = `
story: nothing happens
banks: [SBI, HDFC, ICICI, AXIS]
sites: { West: [SBI, HDFC] }
seconds: 5
pass: [{ check: history }]
`;

describe("the language of scenarios", () => {
  test.each(readdirSync(DIRECTORY))("config/scenarios/%s is a scenario", (file) => {
    const parsed = readScenario(join(DIRECTORY, file));
    expect(parsed.ok ? [] : parsed.problems).toEqual([]);
  });

  test("what is left out has its default; a site stands for its banks, and all for every bank", () => {
    const parsed = parseScenario("minimal", MINIMAL);
    if (!parsed.ok) throw new Error(parsed.problems.join("; "));
    const { scenario } = parsed;
    expect(scenario).toMatchObject({ name: "minimal", scheme: "bls12381", timers: "lan", settleSeconds: 30 });
    expect(banksOf(scenario, ["West", "AXIS", "SBI"])).toEqual(["SBI", "HDFC", "AXIS"]);
    expect(banksOf(scenario, ["all"])).toEqual(["SBI", "HDFC", "ICICI", "AXIS"]);
  });

  test("a load of 0 calls a second means as fast as it is answered", () => {
    const parsed = parseScenario("minimal", MINIMAL);
    if (!parsed.ok) throw new Error(parsed.problems.join("; "));
    expect(profileOf(parsed.scenario, { callsPerSecond: 0, callers: 3 })).not.toHaveProperty("callsPerSecond");
    expect(profileOf(parsed.scenario, { callers: 3, payers: ["West"] })).toMatchObject({
      callers: 3,
      payers: ["SBI", "HDFC"],
    });
  });

  test.each([
    ["an unknown option", "colour: red", "colour"],
    ["an unknown action", "timeline: [{ at: 1, actions: [{ do: pray }] }]", "timeline.0"],
    ["an unknown member of an action", "timeline: [{ at: 1, actions: [{ do: kill, of: [SBI], hard: true }] }]", "hard"],
    [
      "a bank that nobody knows",
      "timeline: [{ at: 1, actions: [{ do: kill, of: [YES] }] }]",
      "YES is neither a bank nor a site",
    ],
    ["a behaviour that nobody knows", "byzantine: { SBI: [rude] }", "byzantine.SBI.0"],
    ["a key twice", "seconds: 6", "unique"],
  ])("%s is refused with its place", (_what, line, problem) => {
    const parsed = parseScenario("bad", `${MINIMAL}${line}\n`);
    expect(parsed.ok ? "" : parsed.problems.join("; ")).toContain(problem);
  });
});

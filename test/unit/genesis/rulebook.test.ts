import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseRulebook, rulebookDifferences, rulebookProblems } from "../../../src/genesis/index.js";

const DEFAULT = readFileSync("config/rulebook.default.yaml", "utf8");

describe("rulebooks", () => {
  test.each([
    "config/rulebook.default.yaml",
    "config/source.yaml",
    "config/india-2025.yaml",
    "config/examples/rulebook.czk.yaml",
  ])("%s is sound", (file) => {
    const parsed = parseRulebook(readFileSync(file, "utf8"));
    expect(parsed).toMatchObject({ ok: true });
    expect(parsed.ok && rulebookProblems(parsed.rulebook)).toEqual([]);
  });

  test("the source's values: immediate to ₹2,00,000, UPI ₹1,00,000 an account and day, hourly net windows", () => {
    const parsed = parseRulebook(readFileSync("config/source.yaml", "utf8"));
    const { rails, windowTimes } = parsed.ok ? parsed.rulebook : { rails: [], windowTimes: [] };
    expect(rails.find(({ name }) => name === "IMPS")?.maximum).toBe("20000000");
    expect(rails.find(({ name }) => name === "UPI")?.accountDailyMaximum).toBe("10000000");
    expect(rails.find(({ settlement }) => settlement === "net")?.name).toBe("NACH");
    expect(windowTimes).toEqual(Array.from({ length: 24 }, (_, hour) => hour * 3_600));
  });

  test("differences are named by number, whatever the order of the lists", () => {
    const parsed = parseRulebook(DEFAULT);
    const before = (parsed as Extract<typeof parsed, { ok: true }>).rulebook;
    const rails = [...before.rails].reverse().map((rail) => (rail.number === 1 ? { ...rail, maximum: "5" } : rail));
    const { windowTimes: _, ...rest } = before;
    expect(rulebookDifferences(before, { ...rest, rails })).toEqual([
      { member: "rail 1: maximum", before: "20000000", after: "5" },
      { member: "windowTimes", before: JSON.stringify(before.windowTimes), after: undefined },
    ]);
    expect(rulebookDifferences(before, before)).toEqual([]);
  });

  test("immediate payments go to ₹2,00,000, and UPI to ₹1,00,000 an account and day", () => {
    const parsed = parseRulebook(DEFAULT);
    const rails = parsed.ok ? parsed.rulebook.rails : [];
    expect(rails.find(({ name }) => name === "IMPS")?.maximum).toBe("20000000");
    expect(rails.find(({ name }) => name === "UPI")?.accountDailyMaximum).toBe("10000000");
  });

  test("amounts above 2^53 are kept exactly", () => {
    const parsed = parseRulebook(DEFAULT.replace("maximum: 100000000000\n", "maximum: 9007199254740993\n"));
    expect(parsed.ok && parsed.rulebook.rails.map(({ maximum }) => maximum)).toContain("9007199254740993");
  });

  test.each([
    ["defaultRail: 1", "defaultRial: 1", /default(Rail: missing|Rial: unknown member)/],
    ["exponent: 2", "exponent: 2.5", /assets\[0\]\.exponent: not an integer/],
    ["minimum: 1\n", "minimum: -1\n", /minimum: not an amount/],
    ["code: INR", "code: rupee", /assets\[0\]\.code/],
    ["partialPost: false", "partialPost: maybe", /partialPost: neither true nor false/],
    ["defaultAsset: 356", "defaultAsset: 356\ndefaultAsset: 356", /unique/i],
    ["assets:", "assets: [", /./],
  ])("%j instead of %j is refused", (right, wrong, problem) => {
    const parsed = parseRulebook(DEFAULT.replace(right, wrong));
    expect(parsed.ok ? "" : parsed.problems.join("; ")).toMatch(problem);
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

/**
 * The cases that broke other systems of this kind are numbered 1 to 108. Each is shown by a test that names
 * its number, or docs/protocol.md says in one sentence why it cannot occur.
 */
const CASES = 108;
const ROOT = resolve(import.meta.dirname, "../..");
const SECTION = "## Attacks that cannot occur";

const numbersIn = (text: string): number[] => (text.match(/\d+/gu) ?? []).map(Number);

/** Numbers after "attack" or "attacks", where a test's title can stand: within quotes, never in a comment. */
function cited(source: string): number[] {
  return source
    .split("\n")
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/u.test(line))
    .flatMap((line) => [...line.matchAll(/["`(][^"`]*?\battacks? (\d+(?:(?:, | and )\d+)*)/gu)])
    .flatMap((match) => numbersIn(match[1] ?? ""));
}

function byTests(): Set<number> {
  const files = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" });
  const tests = files.filter((name) => name.endsWith(".test.ts") && !name.startsWith("house"));
  return new Set(tests.flatMap((name) => cited(readFileSync(join(ROOT, "test", name), "utf8"))));
}

/** First column of the table in the section. */
function byDocument(): number[] {
  const protocol = readFileSync(join(ROOT, "docs", "protocol.md"), "utf8");
  const section = (protocol.split(`${SECTION}\n`)[1] ?? "").split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\| ([\d, ]+) \|[^|]*\| [^|]{20,}\|$/gmu)].flatMap((row) => numbersIn(row[1] ?? ""));
}

const all = Array.from({ length: CASES }, (_, index) => index + 1);

test("every attack has a test that names its number, or a sentence that says why it cannot occur", () => {
  const [shown, excluded] = [byTests(), new Set(byDocument())];
  expect(all.filter((number) => !shown.has(number) && !excluded.has(number))).toEqual([]);
});

test("no test names an attack that there is not", () => {
  expect([...byTests()].filter((number) => !all.includes(number))).toEqual([]);
  expect(byDocument().filter((number) => !all.includes(number))).toEqual([]);
});

test("what cannot occur is listed once, and no test claims to show it", () => {
  const excluded = byDocument();
  const shown = byTests();
  expect(excluded.length).toBeGreaterThan(5);
  expect(new Set(excluded).size).toBe(excluded.length);
  expect(excluded.filter((number) => shown.has(number))).toEqual([]);
});

test("the scan reads titles, and lists of numbers, and no comments", () => {
  expect(cited('test("attack 7: a point", () => {});')).toEqual([7]);
  expect(cited('describe("attacks 39, 46 and 59: faults", () => {});')).toEqual([39, 46, 59]);
  expect(cited("test(`SAFE-2, attack 3: $what`);")).toEqual([3]);
  expect(cited("// attack 8 is elsewhere")).toEqual([]);
  expect(cited(" * keeps the rest (attack 9)")).toEqual([]);
});

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { RESULT_CODES } from "../../src/formats/index.js";

const ROOT = resolve(import.meta.dirname, "../..");

test("docs/ledger.md lists every result code in precedence order, with its ISO 20022 status and reason", () => {
  const document = readFileSync(join(ROOT, "docs/ledger.md"), "utf8");
  const section = document.split("## Result codes\n")[1] ?? "";
  const rows = section.split("\n").filter((line) => /^\| \d/u.test(line));
  const expected = RESULT_CODES.map(
    ({ code, name, status, reason = "", meaning }) => `| ${code} | \`${name}\` | ${status} | ${reason} | ${meaning} |`,
  );
  expect(rows).toEqual(expected);
});

test("docs/ledger.md names the rules that src/ledger/index.ts has", () => {
  const rules = readFileSync(join(ROOT, "src/ledger/index.ts"), "utf8");
  const cited = readFileSync(join(ROOT, "docs/ledger.md"), "utf8").match(/LEDG-\d+/gu) ?? [];
  expect(cited.length).toBeGreaterThan(5);
  expect(cited.filter((rule) => !rules.includes(` * ${rule} `))).toEqual([]);
});

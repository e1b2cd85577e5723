import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { SCHEME_MUTATIONS } from "../../../tools/mutants/scheme.js";

const ROOT = resolve(import.meta.dirname, "../../..");

test.each(SCHEME_MUTATIONS)("$name still fits the code and names a test", ({ edits, caughtBy, rule }) => {
  for (const { file, search, replace } of edits) {
    expect(readFileSync(join(ROOT, file), "utf8").split(search)).toHaveLength(2);
    expect(replace).not.toBe(search);
  }
  expect(existsSync(join(ROOT, caughtBy))).toBe(true);
  expect(readFileSync(join(ROOT, "src/ledger/index.ts"), "utf8")).toContain(` * ${rule} `);
});

test("every mutation has a name of its own", () => {
  expect(new Set(SCHEME_MUTATIONS.map(({ name }) => name)).size).toBe(SCHEME_MUTATIONS.length);
});

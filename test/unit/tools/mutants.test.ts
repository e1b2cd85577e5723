import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SCENARIOS } from "../../../src/simulator/index.js";
import { EQUIVALENTS, MUTATIONS } from "../../../tools/mutants/catalogue.js";
import { edited, type Mutation, MutationError, mutatedFiles } from "../../../tools/mutants/mutation.js";
import { lineOf, markdown, rowsIn, withTable } from "../../../tools/mutants/report.js";
import type { Catch, Trial } from "../../../tools/mutants/trial.js";

const ROOT = join(import.meta.dirname, "../../..");

describe("attack 108: rules that can be taken out, to see that the simulator notices", () => {
  test.each([...MUTATIONS, ...EQUIVALENTS])("$name still fits the code", (mutation) => {
    expect(mutatedFiles(ROOT, mutation).size).toBeGreaterThan(0);
  });

  test("each has a name of its own, and histories that exist", () => {
    const names = [...MUTATIONS, ...EQUIVALENTS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const known = new Set(SCENARIOS.map(({ name }) => name));
    for (const { name, looks } of MUTATIONS) {
      expect(looks.length, name).toBeGreaterThan(0);
      for (const look of looks) {
        if ("scenario" in look) expect(known, name).toContain(look.scenario);
        if ("test" in look) expect(existsSync(join(ROOT, look.test)), name).toBe(true);
      }
    }
  });

  test("every safety rule of docs/protocol.md is among them", () => {
    expect(MUTATIONS.length).toBeGreaterThanOrEqual(35);
    const rules = new Set(MUTATIONS.map(({ rule }) => rule));
    for (let number = 1; number <= 11; number += 1) expect(rules).toContain(`SAFE-${number}`);
  });
});

describe("an edit", () => {
  const edit = { file: "a.ts", search: "b", replace: "$&" };

  test("replaces its text, whatever signs the new one holds", () => {
    expect(edited("abc", edit, "m")).toBe("a$&c");
  });

  test.each(["ac", "abcb"])("of a text that does not stand there once is an error that says which: %s", (source) => {
    expect(() => edited(source, edit, "some-rule")).toThrow(MutationError);
    expect(() => edited(source, edit, "some-rule")).toThrow(/some-rule: \d places in a.ts/);
  });

  test("that changes nothing is an error", () => {
    expect(() => edited("abc", { ...edit, replace: "b" }, "m")).toThrow(MutationError);
  });
});

describe("the report", () => {
  const mutation: Mutation = { name: "a-rule", rule: "SAFE-1", edits: [], looks: [{ swarm: 4, seeds: 9 }] };
  const look = { swarm: 4, seeds: 9 } as const;
  const caught: Catch = { look, seed: 3, rule: "some | rule", detail: "" };
  const trial: Trial = { played: new Map([[look, 3]]), caught: undefined, broken: undefined, seconds: 1 };

  test("says where and how soon a mutation was caught, and by which rule", () => {
    const result = { mutation, trial: { ...trial, caught } };
    expect(lineOf(result)).toContain("some | rule [swarm of 4, seed 3]");
    expect(markdown([mutation], [result], { equivalents: [] })).toContain(
      "| a-rule | SAFE-1 | some \\| rule | swarm of 4: 3 of 9 |",
    );
  });

  test("does not take code that does not load, or that nothing noticed, for caught", () => {
    expect(lineOf({ mutation, trial })).toContain("SURVIVED 3 histories");
    expect(lineOf({ mutation, trial: { ...trial, broken: "x\nSyntaxError" } })).toContain("DOES NOT LOAD: SyntaxError");
    expect(markdown([mutation], [{ mutation, trial }], { equivalents: [] })).toContain("**nothing**");
  });

  test("keeps the rows of what was not tried, and no row of what is no longer there", () => {
    const other = { ...mutation, name: "other" };
    const both = [mutation, other].map((one) => ({ mutation: one, trial: { ...trial, caught } }));
    const older = rowsIn(markdown([mutation, other], both, { equivalents: [] }));
    const table = markdown([mutation, { name: "newest" }], [{ mutation, trial }], { equivalents: [], older });
    expect(table).toContain("| a-rule | SAFE-1 | **nothing** | |");
    expect(table).not.toContain("| other |");
    expect(markdown([other], [], { equivalents: [], older })).toContain("| other | SAFE-1 | some");
  });

  test("replaces what stands between the marks of a document", () => {
    const document = "a\n<!-- mutants: begin -->\nold\n<!-- mutants: end -->\nb";
    expect(withTable(document, "new")).toBe("a\n<!-- mutants: begin -->\nnew\n<!-- mutants: end -->\nb");
    expect(() => withTable("a", "new")).toThrow();
  });
});

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { impurities } from "./purity.js";

const SRC = resolve(import.meta.dirname, "../../src");

/** The pure folders, and the replica, which reaches the world only through its ports. */
const PURE = ["primitives", "crypto", "formats", "consensus", "ledger", "mempool", "sync", "replica"];
const FOLDERS = [...PURE, "storage", "network", "rpc", "genesis", "node", "client", "cli", "simulator"];

const sourcesOf = (folder: string): string[] =>
  existsSync(join(SRC, folder))
    ? readdirSync(join(SRC, folder), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
    : [];

test("src has no folder outside the table", () => {
  expect(readdirSync(SRC).filter((name) => !FOLDERS.includes(name))).toEqual([]);
});

test.each(PURE)("%s is a function of its arguments", (folder) => {
  const found = sourcesOf(folder).flatMap((name) =>
    impurities(readFileSync(join(SRC, folder, name), "utf8")).map(
      ({ line, what }) => `src/${folder}/${name}:${line} ${what}`,
    ),
  );
  expect(found).toEqual([]);
});

test("the pure folders were read: primitives and formats alone hold a dozen files", () => {
  expect(PURE.flatMap(sourcesOf).length).toBeGreaterThan(12);
});

describe("the scan", () => {
  test.each([
    ["async function f() {}", "async"],
    ["const f = async () => 1;", "async"],
    ["class A { async f() {} }", "async"],
    ["await 1;", "await"],
    ["for await (const a of b) {}", "await"],
    ["type A = Promise<number>;", "Promise"],
    ["const a = Date.now();", "Date"],
    ["const a = new Date();", "Date"],
    ["const a = Math.random();", ".random"],
    ["crypto.getRandomValues(a);", ".getRandomValues"],
    ["process.exit(1);", "process"],
    ["const { env } = process;", "process"],
    ["setTimeout(f, 1);", "setTimeout"],
    ["console.log(1);", "console"],
    ["globalThis.setTimeout(f, 1);", "globalThis"],
    ["performance.now();", "performance"],
    ["a.localeCompare(b);", ".localeCompare"],
    ["a.sort();", ".sort() without a comparator"],
    ['const a = import("node:fs");', "import()"],
  ])("finds the fault of `%s`", (source, what) => {
    expect(impurities(source).map((impurity) => impurity.what)).toContain(what);
  });

  test.each([
    "// async, Date.now(), Math.random(), setTimeout\nexport const a = 'process.exit console.log';",
    "const a = { process: 1, async: 2 }; a.process;",
    "interface A { readonly console: string; fetch(): void }",
    "a.sort((left, right) => left - right);",
    "const asynchronous = Math.max(1, 2);",
  ])("finds nothing in `%s`", (source) => {
    expect(impurities(source)).toEqual([]);
  });

  test("names the line", () => {
    expect(impurities("const a = 1;\n\nprocess.exit();")).toEqual([{ line: 3, what: "process" }]);
  });
});

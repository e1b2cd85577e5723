import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const read = (path: string): string => readFileSync(resolve(import.meta.dirname, "../..", path), "utf8");
const manifest = JSON.parse(read("package.json")) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

test("every runtime dependency has its reason in ADR 0001, and every reason its dependency", () => {
  const rows = read("docs/adr/0001-dependencies.md").match(/^\| (?!package|---).*$/gm) ?? [];
  const explained = rows.flatMap((row) => (row.split("|")[1] ?? "").split(",").map((name) => name.trim()));
  expect(explained.toSorted(byCodeUnit)).toEqual(Object.keys(manifest.dependencies).toSorted(byCodeUnit));
});

test("every version is exact", () => {
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

const byCodeUnit = (left: string, right: string): number => (left < right ? -1 : 1);

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

/** What `npm run check:lint` prints for a source that stands alone. */
function lint(source: string): string {
  const directory = mkdtempSync(join(tmpdir(), "sabha-lint-"));
  try {
    for (const name of ["node_modules", "tsconfig.json", ".oxlintrc.json"])
      symlinkSync(join(ROOT, name), join(directory, name));
    writeFileSync(join(directory, "source.ts"), source);
    const program = join(ROOT, "node_modules/oxlint/bin/oxlint");
    const options = ["--type-aware", "--deny-warnings", "--config", ".oxlintrc.json", "source.ts"];
    const { stdout } = spawnSync(process.execPath, [program, ...options], { cwd: directory, encoding: "utf8" });
    return stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a promise that nobody waits for is found, which needs the type-aware half of the linter", () => {
  const work = "async function work(): Promise<void> {}\n";
  expect(lint(`${work}export function f(): void {\n  work();\n}\n`)).toContain("no-floating-promises");
  expect(lint(`${work}export async function f(): Promise<void> {\n  await work();\n}\n`)).toContain("0 errors");
});

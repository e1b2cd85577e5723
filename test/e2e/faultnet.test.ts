import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const directory = mkdtempSync(join(tmpdir(), "sabha-faultnet-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the fault network as `npm run build` left it. */
async function faultnet(
  ...words: readonly string[]
): Promise<{ readonly exitCode: number | null; readonly out: string }> {
  const child = spawn(process.execPath, ["dist/tools/faultnet/main.js", "--out", directory, ...words]);
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      out += chunk.toString("utf8");
    });
  }
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, out };
}

test("a killed node and a stalled line: no promise to a client is broken, and the report says so", async () => {
  const { exitCode, out } = await faultnet("test/e2e/faultnet-short.yaml");
  expect(out).toContain("PASSED");
  expect(exitCode, out).toBe(0);
  const report = JSON.parse(readFileSync(join(directory, "faultnet-short.json"), "utf8")) as {
    readonly passed: boolean;
    readonly verdicts: readonly { readonly name: string }[];
  };
  expect(report.passed).toBe(true);
  expect(report.verdicts.map(({ name }) => name)).toContain("acknowledged-final-once");
});

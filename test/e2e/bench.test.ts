import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Figures } from "../../tools/bench/measurement.js";

const directory = mkdtempSync(join(tmpdir(), "sabha-bench-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the benchmark as `npm run build` left it. */
async function bench(...words: readonly string[]): Promise<{ readonly exitCode: number | null; readonly out: string }> {
  const child = spawn(process.execPath, ["dist/tools/bench/main.js", ...words]);
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      out += chunk.toString("utf8");
    });
  }
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, out };
}

test("a short run: nodes flush for every block, every stage is timed, and all transfers are posted", async () => {
  const json = join(directory, "figures.json");
  const size = ["--accounts", "400", "--batch", "20", "--warmup", "1", "--seconds", "2"];
  const { exitCode, out } = await bench(...size, "--scheme", "ed25519", "--delay", "1", "--json", json);
  expect(exitCode, out).toBe(0);
  const figures = JSON.parse(readFileSync(json, "utf8")) as Figures;
  expect(figures.transfers).toBeGreaterThan(0);
  expect(figures.failed).toBe(0);
  expect(figures.blocks).toBeGreaterThan(0);
  // Three of four vote for each block, and wait for their disks before they do.
  expect(figures.fsyncs).toBeGreaterThanOrEqual(3 * figures.blocks);
  expect(figures.stages.filter(({ count }) => count === 0)).toEqual([]);
  expect(out).toContain("committed: final, durable");
});

test.each([
  [["--batch", "1,10"], "several values of --batch need --sweep"],
  [["--sweep", "--low-load"], "--low-load and --sweep exclude each other"],
  [["--rate", "5", "--low-load"], "--rate does not go with --low-load"],
  [["--validators", "3"], "whole number from 4 to 31"],
  [["--runs", "5", "--sweep"], "--runs does not go with --sweep"],
])("%j is refused with one sentence", async (words, sentence) => {
  const { exitCode, out } = await bench(...words);
  expect(exitCode).toBe(2);
  expect(out).toContain(sentence);
});

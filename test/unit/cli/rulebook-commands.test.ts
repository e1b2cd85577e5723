import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sabha } from "./terminal-recorder.js";

let directory: string;
const DEFAULT = "config/rulebook.default.yaml";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sabha-rulebook-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function changed(right: string, wrong: string): string {
  const file = join(directory, "changed.yaml");
  writeFileSync(file, readFileSync(DEFAULT, "utf8").replace(right, wrong));
  return file;
}

describe("sabha rulebook", () => {
  test("check explains a sound rulebook, each rail in a line", async () => {
    const { exitCode, out } = await sabha("rulebook", "check", "config/source.yaml");
    expect(exitCode).toBe(0);
    expect(out).toMatch(/net windows\s+24 a day/u);
    expect(out).toMatch(/3 UPI\s+gross\s+0\.01\s+100000\.00\s+100000\.00\s+300 s\s+acceptance/u);
  });

  test("check tells every fault and exits 1", async () => {
    const file = changed("minimum: 20000000\n", "minimum: 2000000000000000\n    onShortage: queue\n");
    const { exitCode, err } = await sabha("rulebook", "check", file);
    expect(exitCode).toBe(1);
    expect(err).toContain("rail RTGS has a minimum above its maximum");
    expect(err).toContain("rail RTGS has a queue without queueSecondsMax");
    expect(err).not.toMatch(/\n\s+at /u);
  });

  test("check and diff say which member is not one", async () => {
    const file = changed("defaultRail: 1", "defaultRial: 1");
    expect(await sabha("rulebook", "check", file)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/default/u),
    });
    expect((await sabha("rulebook", "diff", file, DEFAULT)).exitCode).toBe(1);
  });

  test("diff shows what changes between two files, and that nothing does", async () => {
    const file = changed("maximum: 20000000\n", "maximum: 50000000\n    fee: 5\n");
    const { out } = await sabha("rulebook", "diff", file, DEFAULT, "--json");
    expect(JSON.parse(out)).toEqual([
      { member: "rail 1: maximum", before: "20000000", after: "50000000" },
      { member: "rail 1: fee", after: "5" },
    ]);
    expect(await sabha("rulebook", "diff", DEFAULT, DEFAULT)).toMatchObject({
      exitCode: 0,
      out: "They say the same.\n",
    });
  });

  test.each([
    [["rulebook", "diff", DEFAULT], "say what to compare with"],
    [["rulebook", "simulate", DEFAULT, "--from", "1"], "say whose history"],
    [
      ["rulebook", "simulate", DEFAULT, "--from", "5", "--to", "4", "--rpc", "http://127.0.0.1:1"],
      "--to is below --from",
    ],
    [["governance", "list"], "say which node to ask"],
    [["governance", "list", "--rpc", "ftp://x"], "is not an http or https URL"],
    [["governance", "vote", "1", "maybe", "--rpc", "http://127.0.0.1:1"], "yes or no"],
    [["key", "rotate"], "say which node to ask"],
  ] as const)("%j is wrong use: %s", async (words, sentence) => {
    const { exitCode, err } = await sabha(...words);
    expect({ exitCode, err }).toEqual({ exitCode: 2, err: expect.stringContaining(sentence) });
  });

  test.each([
    ["governance", "propose", "validators"],
    ["governance", "accuse"],
    ["key", "rotate"],
    ["rulebook", "simulate"],
  ])("%s %s has help", async (...words) => {
    expect(await sabha(...words, "--help")).toMatchObject({ exitCode: 0, out: expect.stringContaining("Usage") });
  });
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { CampaignCoverage, RULES, recording, runSeed } from "../../src/simulator/index.js";
import { tracePage } from "../../tools/simulate/trace-page.js";

const folder = mkdtempSync(join(tmpdir(), "sabha-sim-"));
afterAll(() => rmSync(folder, { recursive: true }));

function sim(...options: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", "tools/simulate.ts", ...options], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("npm run sim", () => {
  test("plays every seed with every size in several processes, and says where to go on", () => {
    const { status, stdout, stderr } = sim(
      "--seeds",
      "3",
      "--validators",
      "4,5",
      "--from",
      "20",
      "--jobs",
      "2",
      "--json",
    );
    const { histories, next, failures, coverage } = JSON.parse(stdout);
    expect({ status, histories, next, failures }).toEqual({ status: 0, histories: 6, next: 23, failures: [] });
    expect(coverage.rules["SAFE-1"].histories).toBe(6);
    expect(stderr).toContain("6/6 histories");
    expect(stderr).toMatch(/rules \d+\/\d+, faults \d+\/\d+, liars \d+\/\d+/);
    expect(stderr).toContain("to go on: --from 23");
  });

  test("ends when its time is up, with whole seeds behind it", () => {
    const { status, stdout } = sim("--minutes", "0.02", "--validators", "4,5", "--json");
    const { histories, next } = JSON.parse(stdout);
    expect(status).toBe(0);
    expect(histories).toBe((next - 1) * 2);
    expect(histories).toBeGreaterThan(0);
  });

  test("a broken rule ends with 1; the plan that is left after shrinking does too, and can be drawn", () => {
    const plan = join(folder, "broken.json");
    const page = join(folder, "page.html");
    const broken = sim("--seed", "1", "--scenario", "too-many-twins");
    expect(broken.status).toBe(1);
    expect(broken.stdout).toContain("SAFE-1");
    expect(sim("--seed", "2", "--write-plan", plan).status).toBe(0);
    const read = JSON.parse(readFileSync(plan, "utf8"));
    expect(read.options).toMatchObject({ seed: 2, validators: 4 });
    expect(sim("--plan", plan, "--trace", page).status).toBe(0);
    expect(readFileSync(page, "utf8")).toContain("<!doctype html>");
  });

  test.each([
    [["--validators", "3"], "It takes sizes from 4 to 31"],
    [["--seeds", "many"], "It takes a whole number"],
    [["--seed", "1", "--validators", "4,7"], "one history has one size"],
    [["--plan", "/no/such/file"], "holds no plan"],
  ])("%j is refused with one sentence and 2", (options, sentence) => {
    const { status, stdout, stderr } = sim(...options);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

describe("the page of a history", () => {
  const { result, history } = recording(() => runSeed(7, 4));
  const html = tracePage({ title: "<seed 7>", history, violations: result.violations, summary: result.summary });
  const data = JSON.parse(/id="history">(.*)<\/script>/.exec(html)?.[1] ?? "");

  test("recording changes nothing of the history", () => {
    expect(result.digest).toBe(runSeed(7, 4).digest);
  });

  test("holds every message and loads nothing from anywhere", () => {
    expect(data.frames).toHaveLength(history.frames.length);
    expect(history.frames.length).toBeGreaterThan(100);
    expect(data.kinds).toEqual(expect.arrayContaining(["proposal", "PREPARE", "COMMIT", "push-batch"]));
    expect(html).not.toMatch(/https?:|src=|@import|<link/);
    expect(html).toContain("&lt;seed 7>");
  });

  test("a message arrives after it was sent, or not at all", () => {
    for (const { sentAt, arrivedAt, isTaken } of history.frames) {
      expect(arrivedAt ?? sentAt).toBeGreaterThanOrEqual(sentAt);
      if (!isTaken) expect(arrivedAt).toBeUndefined();
    }
    expect(history.frames.filter(({ arrivedAt }) => arrivedAt !== undefined).length).toBeGreaterThan(100);
  });
});

describe("coverage", () => {
  test("counts the rules that docs/protocol.md numbers", () => {
    const text = readFileSync("docs/protocol.md", "utf8");
    const rules = [...text.matchAll(/^\| ((?:SAFE|LIVE|PACE|SYNC|EPOCH)-\d+) \|/gm)].map(([, rule]) => rule);
    expect(new Set(RULES)).toEqual(new Set(rules));
  });

  test("adds histories up, and keeps what never happened with zeros", () => {
    const campaign = new CampaignCoverage();
    campaign.add(runSeed(1, 4).coverage);
    campaign.add(runSeed(2, 4).coverage);
    expect(campaign.rules().get("SAFE-1")?.histories).toBe(2);
    const faults = [...campaign.group("faults").values()];
    expect(faults.some(({ times }) => times === 0)).toBe(true);
    expect(faults.some(({ times }) => times > 0)).toBe(true);
  });
});

import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { COLLUDING_CONTROL, drawPlan, NEGATIVE_CONTROL, runSeed, simulate } from "../../src/simulator/index.js";

describe("attack 108: one seed is one history", () => {
  test.each([
    [3, 4],
    [11, 4],
    [2, 7],
  ])("seed %i with %i validators gives one digest", (seed, validators) => {
    const first = runSeed(seed, validators);
    const second = runSeed(seed, validators);
    expect(second.digest).toBe(first.digest);
    expect(second.events).toBe(first.events);
    expect(first.events).toBeGreaterThan(100);
  });

  test("other seeds give other histories", () => {
    const digests = new Set([1, 2, 3, 4].map((seed) => runSeed(seed, 4).digest));
    expect(digests.size).toBe(4);
  });
});

/** A seed whose history is played with real signatures; one in twenty is. */
const realSeed = Array.from({ length: 200 }, (_, index) => index + 1).find(
  (seed) => drawPlan(seed, 4).options.scheme !== "keyed-hash",
) as number;

const run = promisify(execFile);

/** The digest of a seed in a process of its own. */
async function digestElsewhere(
  seed: number,
  where: {
    readonly node?: string;
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<string> {
  const { node = process.execPath, flags = [], env = {} } = where;
  const command = [...flags, "--import", "tsx", "tools/simulate.ts", "--seed", String(seed), "--json"];
  const { stdout } = await run(node, command, { env: { ...process.env, ...env } });
  return (JSON.parse(stdout) as { digest: string }).digest;
}

/** Nodes of other versions on this machine: on the path, and where version managers put them. */
function otherNodes(): readonly string[] {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/bin"];
  for (const root of [`${process.env["HOME"]}/.nvm/versions/node`, "/usr/local/n/versions/node", "/opt/nodes"]) {
    if (existsSync(root)) folders.push(...readdirSync(root).map((version) => `${root}/${version}/bin`));
  }
  const nodes = [...new Set(folders.map((folder) => `${folder}/node`))].filter((path) => existsSync(path));
  return nodes.filter((path) => execFileSync(path, ["--version"], { encoding: "utf8" }).trim() !== process.version);
}

describe("attack 108: one seed is one history in every process", () => {
  test.each([
    ["another time zone", { env: { TZ: "Pacific/Chatham" } }],
    ["another language", { env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" } }],
    ["another order of hash tables", { flags: ["--hash-seed=7", "--random-seed=7"] }],
    [
      "another collector of garbage",
      { flags: ["--max-semi-space-size=1", "--stress-compaction", "--gc-interval=20000"] },
    ],
    ["no optimising compiler", { flags: ["--max-lazy", "--no-opt"] }],
  ])("%s", async (_, where) => {
    expect(await digestElsewhere(11, where)).toBe(runSeed(11, 4).digest);
  });

  test("real signatures", async () => {
    const where = { env: { TZ: "Asia/Kolkata", LC_ALL: "C" }, flags: ["--hash-seed=3"] };
    expect(await digestElsewhere(realSeed, where)).toBe(runSeed(realSeed, 4).digest);
  });

  test.skipIf(otherNodes().length === 0)("another version of Node", async () => {
    for (const node of otherNodes()) expect(await digestElsewhere(11, { node }), node).toBe(runSeed(11, 4).digest);
  });
});

describe("the checkers have teeth", () => {
  test("attack 21: f + 1 twins fork the ledger, and that is reported", () => {
    const rules = Array.from({ length: 6 }, (_, index) => NEGATIVE_CONTROL.run(index + 1, 4)).map(
      ({ violations }) => violations[0]?.rule ?? "none",
    );
    expect(rules.filter((rule) => rule.startsWith("SAFE-1")).length).toBe(rules.length);
  });

  test.each([
    ["twins that live on both sides", NEGATIVE_CONTROL, 4, 1],
    ["twins that live on both sides", NEGATIVE_CONTROL, 7, 6],
    ["accomplices who back both blocks of a leader", COLLUDING_CONTROL, 4, 1],
    ["accomplices who back both blocks of a leader", COLLUDING_CONTROL, 7, 1],
    ["accomplices who back both blocks of a leader", COLLUDING_CONTROL, 10, 1],
  ] as const)(
    "attack 21: f + 1 %s are convicted by certificates alone, and nobody else is",
    (_who, control, n, seed) => {
      const simulation = control.run(seed, n);
      expect(simulation.violations[0]?.rule).toMatch(/^SAFE-1/u);
      const convictions = simulation.convictions();
      expect(convictions.length).toBeGreaterThan(0);
      for (const { culprits, contradiction } of convictions) {
        expect(culprits.length, contradiction).toBeGreaterThan(Math.floor((n - 1) / 3));
        expect(culprits.filter((index) => simulation.isHonest(index))).toEqual([]);
      }
    },
  );

  test("without a fork nobody is convicted", () => {
    const simulation = simulate({ seed: 1, validators: 4, adversaries: { 3: ["accomplice", "equivocator"] } });
    simulation.load(10, 2_000);
    simulation.runFor(3_000);
    expect(simulation.height).toBeGreaterThan(5);
    expect(simulation.convictions()).toEqual([]);
  });

  test("attacks 50 and 108: a disk that says done too early is found within ten seeds", () => {
    const rules = Array.from({ length: 10 }, (_, index) => index).flatMap((index) => {
      const simulation = simulate({ seed: index + 1, validators: 4, disk: { acknowledgesEarly: true } });
      simulation.load(10, 2_000);
      simulation.runFor(2_000);
      return simulation.violations.map(({ rule }) => rule);
    });
    expect(rules).toContain("SAFE-4: the record is durable before the vote leaves");
    expect(rules).toContain("an admitted batch is durable before the client hears it");
  });

  test("a machine that never hears of finality fails the demand for progress", () => {
    const simulation = simulate({ seed: 1, validators: 4 });
    const [first, ...others] = simulation.nodes;
    simulation.partition([others, [first as (typeof others)[0]]]);
    simulation.load(10, 1_000);
    simulation.runFor(1_000);
    expect(simulation.settle(20_000)).toBe(false);
    simulation.heal();
    expect(simulation.settle(20_000)).toBe(true);
  });
});

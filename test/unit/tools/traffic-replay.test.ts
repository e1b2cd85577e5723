import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chain } from "../../../tools/traffic/chain.js";
import { readFigures } from "../../../tools/traffic/generator.js";
import { HistoryWriter, replay } from "../../../tools/traffic/history.js";
import { monthConsortium, runMonth } from "../../../tools/traffic/month.js";

const root = new URL("../../../", import.meta.url);
const figures = readFigures(readFileSync(new URL("config/examples/rbi-2012-12.csv", root), "utf8"));
const plan = { figures, count: 3_000, seed: 3, days: 3, customersPerBank: 3 };

describe("LEDG-20: the same history gives the same roots wherever it is replayed", () => {
  const directory = mkdtempSync(join(tmpdir(), "sabha-traffic-"));
  const file = join(directory, "history");
  const expected = { height: 0, stateRoot: "", resultsRoot: "" };

  beforeAll(() => {
    const { consortium, treasury } = monthConsortium(plan);
    const chain = new Chain(consortium);
    const writer = new HistoryWriter(file, consortium.genesisBytes);
    const report = runMonth(plan, chain, treasury, ({ timestamp, batches }) => writer.block(timestamp, batches));
    writer.close();
    Object.assign(expected, {
      height: report.blocks,
      stateRoot: report.stateRoot,
      resultsRoot: report.resultsRoot,
    });
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test("in this process", () => {
    const { ledger, stateRoot, resultsRoot } = replay(file);
    expect({ height: ledger.height, stateRoot, resultsRoot }).toEqual(expected);
  });

  test.each([
    { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
    { TZ: "America/St_Johns", LANG: "th_TH.UTF-8", LC_ALL: "th_TH.UTF-8" },
  ])("in the time zone $TZ and the locale $LC_ALL", (place) => {
    const program = fileURLToPath(new URL("tools/traffic.ts", root));
    const child = spawnSync(process.execPath, ["--import", "tsx", program, "--replay", file], {
      cwd: fileURLToPath(root),
      encoding: "utf8",
      env: { ...process.env, ...place },
    });
    expect(child.stderr).toBe("");
    expect(JSON.parse(child.stdout)).toEqual(expected);
  });
});

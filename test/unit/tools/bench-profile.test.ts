import { describe, expect, test } from "vitest";
import { type CpuProfile, callTree, moduleOf, selfTimes } from "../../../tools/bench/call-tree.js";
import { renderFlames } from "../../../tools/bench/flame-page.js";
import type { Figures } from "../../../tools/bench/measurement.js";
import { renderTop } from "../../../tools/bench/profile.js";
import { renderSweep } from "../../../tools/bench/sweep-page.js";

const frame = (functionName: string, url = "", lineNumber = 0) => ({ functionName, url, lineNumber });
const LEDGER = "file:///home/bank/sabha/dist/src/ledger/transfers.js";

/** Main calls apply twice, from two places; then the collector works, and nothing happens. */
const profile: CpuProfile = {
  startTime: 1_000,
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 5, 6] },
    { id: 2, callFrame: frame("main", "file:///home/bank/sabha/dist/src/node/node.js", 9), children: [3, 4] },
    { id: 3, callFrame: frame("apply", LEDGER, 4) },
    { id: 4, callFrame: frame("</script>", "file:///x/node_modules/@scope/name/index.js"), children: [7] },
    { id: 5, callFrame: frame("(garbage collector)") },
    { id: 6, callFrame: frame("(idle)") },
    { id: 7, callFrame: frame("apply", LEDGER, 4) },
  ],
  samples: [3, 7, 2, 5, 6, 3],
  timeDeltas: [1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
};
const ALL = { from: 0, to: 100 };

describe("profiles", () => {
  test("self times add up over all places of a function; idle time is none", () => {
    const root = callTree(profile, ALL);
    expect(root.totalMicros).toBe(5_000);
    expect(selfTimes(root, ({ name }) => name)).toEqual([
      { name: "apply src/ledger/transfers.js:5", micros: 3_000 },
      { name: "main src/node/node.js:10", micros: 1_000 },
      { name: "(garbage collector)", micros: 1_000 },
    ]);
    expect(selfTimes(root, ({ module }) => module).map(({ name }) => name)).toEqual([
      ...["src/ledger", "src/node", "(garbage collector)"],
    ]);
  });

  test("samples outside the measured window do not count", () => {
    const root = callTree(profile, { from: 3, to: 4 });
    expect(root.totalMicros).toBe(2_000);
    expect(selfTimes(root, ({ module }) => module).map(({ micros }) => micros)).toEqual([1_000, 1_000]);
  });

  test.each([
    ["file:///a/dist/src/network/link.js", "src/network"],
    ["file:///a/dist/tools/bench/main.js", "tools"],
    ["file:///a/node_modules/@libp2p/tcp/dist/src/index.js", "@libp2p/tcp"],
    ["file:///a/node_modules/x/node_modules/yamux/dist/src/index.js", "yamux"],
    ["node:internal/streams/writable", "node:internal"],
    ["", "native code"],
  ])("%s belongs to %s", (url, module) => {
    expect(moduleOf({ functionName: "f", url })).toBe(module);
  });

  test("the page loads nothing from elsewhere, and a function's name cannot end its script", () => {
    const page = renderFlames("BANK<1>", callTree(profile, ALL));
    expect(page).toContain("BANK&lt;1>");
    expect(page.match(/<\/script>/g)).toHaveLength(1);
    expect(page).not.toMatch(/(?:src|href)=/);
    const [, data] = /const root = (.*?\]);/s.exec(page) ?? [];
    expect(JSON.parse(data ?? "")).toEqual(expect.arrayContaining(["BANK<1>", 5]));
  });

  test("tables have the shares of the whole", () => {
    expect(renderTop("BANK1", callTree(profile, ALL))).toMatch(/src\/ledger +60\.0 % +3/);
  });
});

describe("the page of a sweep", () => {
  const figures = { transfersPerSecond: 1_000, latencyMs: { p50: 4, p99: 20 }, failed: 0 };
  const cpuMicrosPerTransfer = { nodes: 30, clients: 3, total: 33 };
  const point = (batch: number, validators: number) => ({
    ...({ ...figures, cpuMicrosPerTransfer } as unknown as Figures),
    ...{ batch, validators, delay: 0 },
  });

  test("each axis with several values has its plots, with a curve for each value of the others", () => {
    const page = renderSweep("ed25519", [point(1, 4), point(1_000, 4), point(1, 7), point(1_000, 7)]);
    expect(page.match(/<svg /g)).toHaveLength(4);
    expect(page).toContain("p99, validators 7");
    expect(page).not.toContain("over added one-way delay");
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("one point alone makes a table", () => {
    const page = renderSweep("ed25519", [point(1, 4)]);
    expect(page).not.toContain("<svg ");
    expect(page).toContain("<td>1,000</td>");
  });
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { History, HistoryEntry, Verdict } from "../../../tools/faultnet/history.js";
import { writeReport } from "../../../tools/faultnet/report.js";
import { episodesOf } from "../../../tools/faultnet/report-episodes.js";
import { figuresOf } from "../../../tools/faultnet/report-figures.js";
import { renderHtml } from "../../../tools/faultnet/report-html.js";
import { drawTimeline, linearTicks, logTicks } from "../../../tools/faultnet/report-plots.js";
import { renderTerminal } from "../../../tools/faultnet/report-terminal.js";
import { parseMetrics } from "../../../tools/faultnet/sampler.js";

const payment = (id: string, priority = 0) => ({
  ...{ id, debitAccountId: "a", creditAccountId: "b", amount: "5" },
  priority,
});
const by = (call: number) => ({ client: "SBI/0", node: "SBI", call });
const status = (height: number) => ({
  ...{ height, executedHeight: height, view: height, finalizedHash: "", resultsRoot: "" },
  ...{ stateHeight: 0, stateRoot: "", syncing: false },
});

/** Ten seconds: a payment of 200 ms, an urgent one that took two attempts and 3 s, one that was declined. */
const entries: readonly HistoryEntry[] = [
  { type: "sample", at: 0, node: "SBI", ready: true, status: status(0), viewTimeouts: 4 },
  { type: "submit", at: 1_000, ...by(1), attempt: 1, waitFor: "final", payments: [payment("1")] },
  { type: "answer", at: 1_200, ...by(1), results: [{ id: "1", status: "final", result: "posted", height: 1 }] },
  { type: "fault", at: 2_000, kind: "kill", target: "SBI", text: "SBI <killed>" },
  { type: "submit", at: 2_000, ...by(2), attempt: 1, waitFor: "final", payments: [payment("2", 1)] },
  { type: "busy", at: 2_010, ...by(2), retryAfterMs: 100 },
  { type: "sample", at: 3_000, node: "SBI", ready: false },
  { type: "fault", at: 4_000, kind: "restart", target: "SBI", text: "SBI is back", isHealing: true },
  { type: "submit", at: 4_500, ...by(3), attempt: 2, waitFor: "final", payments: [payment("2", 1)] },
  { type: "answer", at: 5_000, ...by(3), results: [{ id: "2", status: "final", result: "exists", height: 2 }] },
  { type: "submit", at: 6_000, ...by(4), attempt: 1, waitFor: "final", payments: [payment("3")] },
  {
    ...{ type: "answer", at: 6_100, ...by(4) },
    results: [{ id: "3", status: "final", result: "insufficient_funds", height: 3 }],
  },
  { type: "sample", at: 7_000, node: "SBI", ready: true, status: status(3), viewTimeouts: 2 },
  { type: "fault", at: 8_000, kind: "cut", target: "HDFC", text: "HDFC is cut off" },
  { type: "sample", at: 10_000, node: "SBI", ready: true, status: status(3), viewTimeouts: 3 },
];
const history: History = {
  startedAt: 0,
  nodes: [
    { name: "SBI", participant: 1, isHonest: true },
    { name: "HDFC", participant: 2, isHonest: false },
  ],
  entries,
  dropped: 0,
};
const verdicts: readonly Verdict[] = [
  { name: "kept", ok: true, sentence: "all is there", counts: { payments: 2 } },
  { name: "broken-one", ok: false, sentence: "transfer <1> is gone", counts: { violations: 1 } },
];

describe("the figures of a run", () => {
  const figures = figuresOf(history);

  test("count payments once, however many attempts they took, and waiting from the first attempt on", () => {
    expect(figures).toMatchObject({ payments: 3, attempts: 4, final: 2, declined: 1, busyAnswers: 1 });
    // From 1.0 s to 6.1 s.
    expect(figures.transfersPerSecond).toBe(0.4);
    expect(figures.latencyMs).toEqual({ p50: 200, p99: 200, max: 200 });
    expect(figures.urgentLatencyMs).toEqual({ p50: 3_000, p99: 3_000, max: 3_000 });
  });

  test("pictures begin when the first node answers", () => {
    const silent: HistoryEntry = { type: "sample", at: 0, node: "SBI", ready: false };
    const late = entries.map((entry) => ({ ...entry, at: entry.at + 5_200 }));
    expect(figures.from).toBe(0);
    expect(figuresOf({ ...history, entries: [silent, ...late] }).from).toBe(5);
  });

  test("votes to leave a view are counted anew where a node restarted", () => {
    expect(figures.viewChanges).toBe(3);
  });

  test("a line breaks where a node did not answer", () => {
    expect(figures.series.heights[0]?.points).toEqual([
      [0, 0],
      [3, null],
      [7, 3],
      [10, 3],
    ]);
  });

  test("a fault lasts until something at the same target takes it back", () => {
    expect(episodesOf(history)).toMatchObject([
      { number: 1, target: "SBI", from: 2, to: 4 },
      { number: 2, target: "HDFC", from: 8, to: undefined },
    ]);
  });
});

test("a fault of several nodes lasts until the last is back, one of the same kind takes its place, and remarks do not last", () => {
  const fault = (at: number, kind: string, target: string, isHealing = false): HistoryEntry => ({
    ...{ type: "fault", at: at * 1_000, kind, target, text: kind },
    ...(isHealing ? { isHealing } : {}),
  });
  const faults = [
    fault(1, "kill", "SBI,HDFC"),
    fault(2, "load", ""),
    fault(3, "restart", "SBI", true),
    fault(4, "seen", ""),
    fault(5, "load", ""),
    fault(6, "restart", "HDFC", true),
  ];
  expect(episodesOf({ ...history, entries: faults })).toMatchObject([
    { kind: "kill", from: 1, to: 6 },
    { kind: "load", from: 2, to: 5 },
    { kind: "restart", from: 3, to: undefined, nature: "healing" },
    { kind: "seen", from: 4, to: undefined, nature: "remark" },
    { kind: "load", from: 5, to: undefined },
  ]);
});

test("healed lines do not bring a killed node back", () => {
  const fault = (at: number, kind: string, target: string, isHealing = false): HistoryEntry => ({
    ...{ type: "fault", at: at * 1_000, kind, target, text: kind },
    ...(isHealing ? { isHealing } : {}),
  });
  const faults = [fault(1, "kill", "SBI"), fault(2, "cut", "SBI | HDFC"), fault(3, "heal", "all", true)];
  expect(episodesOf({ ...history, entries: faults })).toMatchObject([
    { kind: "kill", from: 1, to: undefined },
    { kind: "cut", from: 2, to: 3 },
  ]);
});

describe("summaries", () => {
  test("calls are counted where they began: before the first fault, until the last healing, after it", () => {
    const { phases } = figuresOf(history);
    const figures = phases.map(({ name, from, usual, urgent, busy }) => [name, from, usual.p50, urgent.p50, busy]);
    expect(figures).toEqual([
      ["before", 1, 200, 0, 0],
      ["during", 2, 0, 3_000, 1],
      ["after", 4, 100, 0, 0],
    ]);
  });

  test("recovery counts from the healing to a payment that began after it, and until all nodes are level", () => {
    expect(figuresOf(history).recoveries).toEqual([
      { at: 4, text: "SBI is back", firstFinalMs: 2_100, levelMs: 3_000 },
    ]);
  });

  test("every bank has the waiting of its own customers, and of its disk where it was measured", () => {
    const flushes = { count: 4, sumMs: 100, maxMs: 60 };
    const measured = entries.map((entry) => (entry.type === "sample" ? { ...entry, fsyncs: 9, flushes } : entry));
    const { banks, series } = figuresOf({ ...history, entries: measured });
    expect(banks[0]).toMatchObject({ name: "SBI", final: 3, busy: 1, fsyncs: 9 });
    expect(banks[0]?.flushMs).toEqual({ count: 16, mean: 25, max: 60 });
    expect(banks[1]).toMatchObject({ name: "HDFC (byzantine)", final: 0, flushMs: undefined });
    expect(series.flushes[0]?.points[0]).toEqual([0, 25]);
    expect(figuresOf(history).series.flushes).toEqual([]);
  });

  test("times are those since the load began", () => {
    const late = { ...history, entries: entries.map((entry) => ({ ...entry, at: entry.at + 30_000 })) };
    const { phases, episodes, to } = figuresOf(late, 30_000);
    expect([phases[1]?.from, episodes[0]?.from, to]).toEqual([2, 2, 10]);
  });
});

test("axes are divided at round numbers that hold all values", () => {
  expect(linearTicks([0, 37])).toEqual([0, 10, 20, 30, 40]);
  expect(linearTicks([])).toEqual([0, 0.5, 1]);
  expect(linearTicks([1], true)).toEqual([0, 1]);
  expect(logTicks([30, 400])).toEqual([20, 50, 100, 200, 500]);
  expect(logTicks([30, 4_000])).toEqual([20, 100, 1_000, 5_000]);
  expect(logTicks([])).toEqual([1, 10, 100]);
});

test("labels of faults at the same moment lie in lanes of their own", () => {
  const episodes = [1, 2, 3].map((number) => ({
    ...{ number, nature: "fault" as const, kind: "cut", target: "SBI", text: "links blink", from: 5 },
    to: undefined,
    isLasting: false,
  }));
  const heights = [...drawTimeline({ from: 0, to: 10, episodes }).matchAll(/y="(\d+)" class="label/g)].map(
    ([, y]) => y,
  );
  expect(new Set(heights).size).toBe(3);
});

test("the page is one file without anything from elsewhere, and text in it is escaped", () => {
  const page = renderHtml({ name: "a <b>", story: "x & y" }, figuresOf(history), verdicts);
  expect(page).not.toMatch(/<script|<link|<img|url\(|https?:/);
  expect(page).toContain("a &lt;b&gt;");
  expect(page).toContain("SBI &lt;killed&gt;");
  expect(page).toContain("transfer &lt;1&gt; is gone");
  expect(page.match(/NaN|undefined|Infinity/)).toBeNull();
});

test("the terminal's text says which promise is broken", () => {
  const text = renderTerminal({ name: "demo" }, figuresOf(history), verdicts);
  expect(text).toContain("demo: FAILED, 1 of 2 verdicts broken");
  expect(text).toMatch(/BROKEN {2}broken-one +transfer <1> is gone/);
  expect(text).toContain("2.0 – 4.0 s  SBI <killed>");
});

test("the history is kept beside the report of a run that failed, and only there", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sabha-report-"));
  try {
    const failed = await writeReport({ scenario: { name: "bad" }, history, verdicts, directory });
    expect(
      readFileSync(failed.historyPath as string, "utf8")
        .trim()
        .split("\n"),
    ).toHaveLength(1 + entries.length);
    expect(JSON.parse(readFileSync(failed.jsonPath, "utf8"))).toMatchObject({ passed: false, figures: { final: 2 } });
    const good = verdicts.filter(({ ok }) => ok);
    const passed = await writeReport({ scenario: { name: "good" }, history, verdicts: good, directory });
    expect(passed.historyPath).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("metrics are summed over their labels", () => {
  const text =
    '# HELP x y\nsabha_view 7\nsabha_view_timeouts_total{reason="timer"} 2\nsabha_view_timeouts_total{reason="peers"} 3\n';
  expect([...parseMetrics(text)]).toEqual([
    ["sabha_view", 7],
    ["sabha_view_timeouts_total", 5],
  ]);
});

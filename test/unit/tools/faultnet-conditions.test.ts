import { describe, expect, test } from "vitest";
import { judgeConditions } from "../../../tools/faultnet/conditions.js";
import type { HistoryEntry, Verdict } from "../../../tools/faultnet/history.js";
import { parseScenario } from "../../../tools/faultnet/scenario.js";

/** Seconds of a made-up run. */
const LOAD_AT = 10;
let calls = 0;

/** A call that began at a second after the load's beginning, with its answer after some milliseconds. */
function call(
  second: number,
  tookMs: number | undefined,
  options: { readonly isUrgent?: boolean; readonly busy?: number } = {},
): HistoryEntry[] {
  calls += 1;
  const id = `payment ${calls}`;
  const payment = { id, debitAccountId: "a", creditAccountId: "b", amount: "1", priority: options.isUrgent ? 1 : 0 };
  const at = (LOAD_AT + second) * 1_000;
  const entries: HistoryEntry[] = [];
  for (let attempt = 1; attempt <= (options.busy ?? 0) + 1; attempt += 1) {
    const by = { client: "SBI/0", node: "SBI", call: calls * 1_000 + attempt };
    entries.push({ type: "submit", at, ...by, attempt, waitFor: "final", payments: [payment] });
    if (attempt <= (options.busy ?? 0)) entries.push({ type: "busy", at, ...by, retryAfterMs: 1 });
    else if (tookMs !== undefined) {
      const results = [{ id, status: "final" as const, result: "posted", height: 1 }];
      entries.push({ type: "answer", at: at + tookMs, ...by, results });
    }
  }
  return entries;
}

const sample = (second: number, height: number, viewTimeouts: number): HistoryEntry => ({
  ...{ type: "sample", at: (LOAD_AT + second) * 1_000, node: "SBI", ready: true, viewTimeouts },
  status: {
    ...{ height, executedHeight: height, view: height, finalizedHash: "", resultsRoot: "" },
    ...{ stateHeight: 0, stateRoot: "", syncing: false },
  },
});

const healed = (second: number): HistoryEntry => ({
  ...{ type: "fault", at: (LOAD_AT + second) * 1_000, kind: "heal", target: "all", text: "healed", isHealing: true },
});

/** What a check says of a run. */
async function judge(
  check: string,
  entries: readonly HistoryEntry[],
  verdicts: readonly Verdict[] = [],
): Promise<readonly Verdict[]> {
  const text = `story: x\nbanks: [SBI, HDFC, ICICI, AXIS]\nseconds: 20\npass: [${check}]\n`;
  const parsed = parseScenario("made-up", text);
  if (!parsed.ok) throw new Error(parsed.problems.join("; "));
  const nodes = [{ name: "SBI", participant: 1, isHonest: true }];
  return judgeConditions({
    scenario: parsed.scenario,
    history: { startedAt: 0, nodes, entries, dropped: 0 },
    loadAt: LOAD_AT * 1_000,
    verdicts,
    nodes: [],
    genesisBytes: new Uint8Array(0),
  });
}

const passes = async (check: string, entries: readonly HistoryEntry[]): Promise<boolean> => {
  const verdicts = await judge(check, entries);
  return verdicts.length > 0 && verdicts.every(({ ok }) => ok);
};

describe("what a scenario demands", () => {
  const kept = "{ check: latency-kept, priority: high, before: [0, 5], during: [5, 15], quantile: 1, atMostTimes: 2 }";

  test.each<[string, boolean, readonly HistoryEntry[]]>([
    ["as fast as before", true, [...call(1, 100, { isUrgent: true }), ...call(6, 200, { isUrgent: true })]],
    ["slower than allowed", false, [...call(1, 100, { isUrgent: true }), ...call(6, 201, { isUrgent: true })]],
    [
      "slow usual calls beside",
      true,
      [...call(1, 100, { isUrgent: true }), ...call(6, 100, { isUrgent: true }), ...call(7, 900)],
    ],
    [
      "one that never got its answer",
      false,
      [
        ...call(1, 100, { isUrgent: true }),
        ...call(6, 100, { isUrgent: true }),
        ...call(7, undefined, { isUrgent: true }),
        ...call(19, 10),
      ],
    ],
    ["none before", false, call(6, 100, { isUrgent: true })],
    ["none during", false, call(1, 100, { isUrgent: true })],
  ])("urgent calls keep their latency: %s", async (_name, ok, entries) => {
    expect(await passes(kept, entries)).toBe(ok);
  });

  test("overload counts repetitions against what became final", async () => {
    const entries = [...call(6, 100, { busy: 2 }), ...call(7, 100, { busy: 2 })];
    expect(await passes("{ check: overload, during: [5, 15], atLeast: 3 }", entries)).toBe(true);
    expect(await passes("{ check: overload, during: [5, 15], atLeast: 3.1 }", entries)).toBe(false);
    expect(await passes("{ check: overload, during: [5, 15], atLeast: 0 }", call(6, undefined))).toBe(false);
  });

  test("throughput and latency look at their window alone", async () => {
    const entries = [...call(1, 5_000), ...call(6, 100), ...call(7, 300)];
    expect(await passes("{ check: throughput, during: [5, 7], atLeast: 1 }", entries)).toBe(true);
    expect(await passes("{ check: throughput, during: [7, 9], atLeast: 1 }", entries)).toBe(false);
    expect(await passes("{ check: latency, during: [5, 8], quantile: 1, atMostMs: 300 }", entries)).toBe(true);
    expect(await passes("{ check: latency, quantile: 1, atMostMs: 300 }", entries)).toBe(false);
    expect(await passes("{ check: latency, during: [10, 12], quantile: 1, atMostMs: 300 }", entries)).toBe(false);
  });

  test("recovery is a payment that began after the healing, not one that was under way", async () => {
    const check = "{ check: recovery, withinSeconds: 2 }";
    expect(await passes(check, [...call(4, 2_000), healed(5), ...call(6, 500)])).toBe(true);
    expect(await passes(check, [...call(4, 2_000), healed(5)])).toBe(false);
    expect(await passes(check, [healed(5), ...call(6, 1_500)])).toBe(false);
  });

  test("busy answers are bounded from below and above", async () => {
    const entries = call(6, 100, { busy: 2 });
    expect(await passes("{ check: busy-answers, during: [5, 15], atLeast: 2 }", entries)).toBe(true);
    expect(await passes("{ check: busy-answers, during: [5, 15], atLeast: 3 }", entries)).toBe(false);
    expect(await passes("{ check: busy-answers, atMost: 1 }", entries)).toBe(false);
  });

  test("blocks and view changes are counted within their window, over restarts", async () => {
    const entries = [sample(1, 3, 4), sample(6, 5, 6), sample(9, 9, 1), sample(14, 9, 2)];
    expect(await passes("{ check: blocks, of: [SBI], during: [5, 10], atLeast: 4, atMost: 4 }", entries)).toBe(true);
    expect(await passes("{ check: blocks, of: [SBI], during: [8, 15], atLeast: 1 }", entries)).toBe(false);
    expect(await passes("{ check: blocks, of: [SBI], during: [16, 18], atMost: 0 }", entries)).toBe(false);
    expect(await passes("{ check: view-changes, atLeast: 4, atMost: 4 }", entries)).toBe(true);
    expect(await passes("{ check: view-changes, during: [5, 15], atMost: 1 }", entries)).toBe(false);
  });

  test("a verdict that has to be broken passes when it is, and fails when it is not", async () => {
    const verdict = (ok: boolean): Verdict => ({ name: "one-chain-one-state", ok, sentence: "", counts: {} });
    const check = "{ check: history, broken: [one-chain-one-state] }";
    expect((await judge(check, [], [verdict(false)])).map(({ ok }) => ok)).toEqual([true]);
    expect((await judge(check, [], [verdict(true)])).map(({ ok }) => ok)).toEqual([false]);
    expect((await judge("{ check: history }", [], [verdict(false)])).map(({ ok }) => ok)).toEqual([false]);
  });
});

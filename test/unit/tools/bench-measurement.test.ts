import { describe, expect, test } from "vitest";
import { Latencies } from "../../../tools/bench/latencies.js";
import { Load } from "../../../tools/bench/load.js";
import { assertSynced, type Sample } from "../../../tools/bench/measurement.js";
import { grownHistogram, observations, parseMetrics, quantileMs } from "../../../tools/bench/metrics.js";
import { spreadsOf } from "../../../tools/bench/repeated.js";
import { type Interval, trendsOf } from "../../../tools/bench/sustain.js";

describe("latencies", () => {
  test("a quantile is within one percent of the sample at its place", () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 10_000; ms += 1) latencies.add(ms / 10);
    for (const share of [0.01, 0.5, 0.9, 0.99, 0.999]) {
      const exact = (Math.floor(share * 10_000) + 1) / 10;
      expect(Math.abs(latencies.quantile(share) - exact) / exact).toBeLessThan(0.0101);
    }
    expect(latencies.count).toBe(10_000);
    expect(latencies.max).toBe(1_000);
  });

  test("without samples, and after a new start, every quantile is 0; no quantile is above the greatest sample", () => {
    const latencies = new Latencies();
    expect(latencies.quantile(0.5)).toBe(0);
    latencies.add(7);
    expect(latencies.quantile(0.999)).toBeLessThanOrEqual(7);
    latencies.reset();
    expect([latencies.quantile(0.99), latencies.count, latencies.max]).toEqual([0, 0, 0]);
  });

  test.each([0, 1e12])("a time of %d ms has its bucket", (ms) => {
    const latencies = new Latencies();
    latencies.add(ms);
    expect(latencies.quantile(0.5)).toBeLessThanOrEqual(ms);
    expect(latencies.count).toBe(1);
  });
});

describe("histograms of nodes", () => {
  const exposition = (counts: readonly number[]) =>
    parseMetrics(
      `# TYPE t histogram\n${["0.001", "0.01", "+Inf"]
        .map((bound, index) => `t_bucket{le="${bound}",stage="sent"} ${counts[index]}`)
        .join("\n")}\nt_bucket{le="+Inf",stage="voted"} 1000\n`,
    );

  test("what was observed between two scrapes, over all nodes; a quantile lies inside its bucket", () => {
    const pair = { before: exposition([5, 5, 5]), after: exposition([10, 15, 15]) };
    const histogram = grownHistogram([pair, pair], "t", 'stage="sent"');
    expect(histogram.map(({ count }) => count)).toEqual([10, 20, 20]);
    expect(observations(histogram)).toBe(20);
    expect(quantileMs(histogram, 0.25)).toBeCloseTo(0.5);
    expect(quantileMs(histogram, 0.75)).toBeCloseTo(5.5);
  });

  test("above the last bound the bound is told; nothing observed is 0", () => {
    const beyond = grownHistogram([{ before: exposition([0, 0, 0]), after: exposition([0, 0, 9]) }], "t", "sent");
    expect(quantileMs(beyond, 0.5)).toBe(10);
    expect(quantileMs(grownHistogram([], "t"), 0.5)).toBe(0);
  });
});

describe("disks", () => {
  /** Of four nodes: what each flushed while ten blocks became final. */
  const sample = (flushes: readonly number[], blocks: number): Sample => ({
    at: 0,
    ownCpuMicros: 0,
    nodes: flushes.map((count, index) => ({
      ...{ name: `BANK${index}`, cpuMicros: 0, diskBytes: 0 },
      metrics: parseMetrics(`sabha_store_fsyncs ${count}\nsabha_finalized_blocks_total ${blocks}\n`),
    })),
  });
  const before = sample([100, 100, 100, 100], 50);

  test("a run is refused where fewer than a quorum waited for their disks as often as blocks became final", () => {
    expect(() => assertSynced(before, sample([110, 130, 109, 100], 60))).toThrow("do not wait for their disks");
    expect(() => assertSynced(before, sample([110, 130, 110, 100], 60))).not.toThrow();
  });
});

describe("load", () => {
  const caller = (answers: readonly number[]) => {
    let calls = 0;
    return {
      transfers: 10,
      busy: () => 0,
      close: () => undefined,
      send(): Promise<number> {
        calls += 1;
        const answer = answers[calls - 1];
        return answer === undefined ? Promise.reject(new Error("no more")) : Promise.resolve(answer);
      },
    };
  };

  test("what was not posted has failed, and each call counts once", async () => {
    const load = new Load([caller([10, 7])], { type: "closed", inFlight: 1 });
    await expect(load.run(60)).rejects.toThrow("no more");
    const { posted, failed, latencies } = load.count;
    expect([posted, failed, latencies.count]).toEqual([17, 3, 2]);
  });

  test("at an open pace, too, a call that fails ends the run", async () => {
    const load = new Load([caller([10])], { type: "open", transfersPerSecond: 1_000_000 });
    await expect(load.run(60)).rejects.toThrow("no more");
    expect(load.count.posted).toBe(10);
  });
});

describe("a long run", () => {
  test("its trends compare the last fifth with the first, per hour", () => {
    const intervals = Array.from({ length: 10 }, (_, index): Interval => {
      const number = index + 1;
      return {
        ...{ seconds: 10 * number, transfersPerSecond: 100, p50: 5, p99: number },
        ...{ memoryBytes: [number, 3 * number], diskBytes: [0, 0], diskBytesPerTransfer: 200 },
      };
    });
    const { p50, p99, memoryBytes } = trendsOf(intervals);
    expect(p50).toEqual({ first: 5, last: 5, perHour: 0 });
    // One a ten-second interval.
    expect(p99).toEqual({ first: 1.5, last: 9.5, perHour: 360 });
    expect(memoryBytes).toEqual({ first: 3, last: 19, perHour: 720 });
  });
});

test("several runs: least, median and greatest of what all of them have", () => {
  const results = [30, 10, 20].map((p50, run) => ({
    transfersPerSecond: 100 + run,
    latencyMs: { p50 },
    nodes: [{ cpuShare: 1 }],
    title: "x",
    ...(run === 0 ? { failed: 1 } : {}),
  }));
  expect(spreadsOf(results)).toEqual({
    transfersPerSecond: { least: 100, median: 101, greatest: 102 },
    "latencyMs.p50": { least: 10, median: 20, greatest: 30 },
  });
  expect(spreadsOf(results.slice(0, 2))["latencyMs.p50"]).toEqual({ least: 10, median: 10, greatest: 30 });
});

import { assertSynced, grownDisk, mean, memoryBytes, round, takeSample } from "./measurement.js";
import type { Options } from "./options.js";
import { count, mebibytes, table } from "./report.js";
import { inConsortium, pointOf, startLoad } from "./single-run.js";

const INTERVAL_SECONDS = 10;

/** One interval of a long run. */
export interface Interval {
  /** At its end, since the load began. */
  readonly seconds: number;
  readonly transfersPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly memoryBytes: readonly number[];
  readonly diskBytes: readonly number[];
  readonly diskBytesPerTransfer: number;
}

/** How something moved: its mean in the first fifth of the run, in the last, and what that makes an hour. */
export interface Trend {
  readonly first: number;
  readonly last: number;
  readonly perHour: number;
}

export interface SustainFigures {
  readonly intervals: readonly Interval[];
  readonly trends: Readonly<
    Record<"transfersPerSecond" | "p50" | "p99" | "memoryBytes" | "diskBytesPerTransfer", Trend>
  >;
}

/** Holds a load for a long time. */
export async function runSustain(options: Options, minutes: number): Promise<SustainFigures> {
  const wanted = Math.max(1, Math.round((60 * minutes) / INTERVAL_SECONDS));
  const intervals: Interval[] = [];
  await inConsortium(options, pointOf(options), async (consortium) => {
    const load = startLoad(consortium, options, pointOf(options).batch);
    await load.run(options.warmup);
    const startedAt = performance.now();
    let before = await takeSample(consortium);
    for (let number = 1; number <= wanted; number += 1) {
      load.restartCount();
      const from = performance.now();
      await load.run(Math.max(0, (startedAt - performance.now()) / 1_000 + number * INTERVAL_SECONDS));
      const { posted, latencies } = load.count;
      const rate = Math.round((1_000 * posted) / (performance.now() - from));
      const [p50, p99] = [0.5, 0.99].map((share) => round(latencies.quantile(share))) as [number, number];
      const after = await takeSample(consortium);
      assertSynced(before, after);
      const interval: Interval = {
        ...{ seconds: Math.round((performance.now() - startedAt) / 1_000), transfersPerSecond: rate, p50, p99 },
        memoryBytes: after.nodes.map(({ metrics }) => memoryBytes(metrics)),
        diskBytes: after.nodes.map(({ diskBytes }) => diskBytes),
        diskBytesPerTransfer: grownDisk(before, after) / Math.max(1, posted),
      };
      intervals.push(interval);
      process.stdout.write(lineOf(interval));
      before = after;
    }
    await load.stop();
  });
  const figures = { intervals, trends: trendsOf(intervals) };
  process.stdout.write(renderTrends(figures));
  return figures;
}

function lineOf(interval: Interval): string {
  const memory = interval.memoryBytes.map(mebibytes).join("/");
  const disk = interval.diskBytes.map(mebibytes).join("/");
  const latency = `p50 ${count(interval.p50)} p99 ${count(interval.p99)} ms`;
  const bytes = `${count(Math.round(interval.diskBytesPerTransfer))} bytes a transfer`;
  return `${String(interval.seconds).padStart(6)} s  ${count(interval.transfersPerSecond).padStart(8)} transfers/s  ${latency}  memory ${memory} MiB  disk ${disk} MiB, ${bytes}\n`;
}

/** First against last fifth of the intervals, at least one each. */
export function trendsOf(intervals: readonly Interval[]): SustainFigures["trends"] {
  const size = Math.max(1, Math.floor(intervals.length / 5));
  const hours = Math.max(1, intervals.length - size) * (INTERVAL_SECONDS / 3_600);
  const trend = (of: (interval: Interval) => number): Trend => {
    const first = mean(intervals.slice(0, size).map(of));
    const last = mean(intervals.slice(-size).map(of));
    return { first: round(first), last: round(last), perHour: round((last - first) / hours) };
  };
  return {
    transfersPerSecond: trend((interval) => interval.transfersPerSecond),
    p50: trend((interval) => interval.p50),
    p99: trend((interval) => interval.p99),
    memoryBytes: trend((interval) => mean(interval.memoryBytes)),
    diskBytesPerTransfer: trend((interval) => interval.diskBytesPerTransfer),
  };
}

function renderTrends({ trends }: SustainFigures): string {
  const { memoryBytes: memory } = trends;
  const mib = (bytes: number): number => round(bytes / 1_048_576, 1);
  const rows: (readonly [string, Trend])[] = [
    ["transfers/s", trends.transfersPerSecond],
    ["p50, ms", trends.p50],
    ["p99, ms", trends.p99],
    ["memory of a node, MiB", { first: mib(memory.first), last: mib(memory.last), perHour: mib(memory.perHour) }],
    ["disk of a node, bytes a transfer", trends.diskBytesPerTransfer],
  ];
  return `\n${table(
    ["mean of a fifth", "first", "last", "change an hour"],
    rows.map(([name, { first, last, perHour }]) => [name, ...[first, last, perHour].map(count)]),
  )}`;
}

import { join } from "node:path";
import { quorumOf } from "../../src/formats/index.js";
import type { Consortium } from "./consortium.js";
import type { Load } from "./load.js";
import { bytesUnder, cpuMicrosOf, grownHistogram, type Metrics, observations, quantileMs, scrape } from "./metrics.js";

/** Counters of all nodes and of this process at one moment. */
export interface Sample {
  /** Milliseconds of the monotonic clock; the same one in all processes of this machine. */
  readonly at: number;
  readonly ownCpuMicros: number;
  readonly nodes: readonly NodeSample[];
}

interface NodeSample {
  readonly name: string;
  readonly cpuMicros: number;
  readonly diskBytes: number;
  readonly metrics: Metrics;
}

/** @param banks whose nodes run now */
export async function takeSample(consortium: Consortium, banks = consortium.banks): Promise<Sample> {
  const { network } = consortium;
  const scrapes = await Promise.all(banks.map((bank) => scrape(network.url(bank))));
  const own = process.cpuUsage();
  return {
    at: monotonicMs(),
    ownCpuMicros: own.user + own.system,
    nodes: banks.map((name, index) => ({
      name,
      cpuMicros: cpuMicrosOf(network.pid(name)),
      diskBytes: bytesUnder(join(consortium.home(name), "data")),
      metrics: scrapes[index] as Metrics,
    })),
  };
}

/** The system's monotonic clock, in which V8 stamps the samples of its profiles too. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface StageFigures {
  readonly stage: string;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** What a window of a run came to. Times in milliseconds unless their name says otherwise. */
export interface Figures {
  readonly seconds: number;
  readonly transfersPerSecond: number;
  readonly latencyMs: Readonly<Record<"p50" | "p90" | "p99" | "p999" | "max", number>>;
  readonly transfers: number;
  readonly failed: number;
  readonly busyAnswers: number;
  readonly missedCalls: number;
  readonly blocks: number;
  readonly viewTimeouts: number;
  readonly cpuMicrosPerTransfer: { readonly nodes: number; readonly clients: number; readonly total: number };
  readonly networkBytesPerTransfer: number;
  /** Of one node: handed to the disk, and what its data has grown by. */
  readonly writtenBytesPerTransfer: number;
  readonly diskBytesPerTransfer: number;
  readonly fsyncs: number;
  readonly stages: readonly StageFigures[];
  readonly nodes: readonly NodeFigures[];
}

interface NodeFigures {
  readonly name: string;
  /** Of one core. */
  readonly cpuShare: number;
  readonly memoryBytes: number;
  /** By how much the event loop was late, beyond the 10 ms at which it is looked at. */
  readonly loopLagMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Runs a load for some seconds and tells what came of it; progress goes to standard error. */
export async function measure(
  consortium: Consortium,
  load: Load,
  times: { readonly warmup: number; readonly seconds: number },
): Promise<{ readonly figures: Figures; readonly before: Sample; readonly after: Sample }> {
  await load.run(times.warmup);
  const before = await takeSample(consortium);
  load.restartCount();
  const startedAt = performance.now();
  for (let second = 1; second <= times.seconds; second += 1) {
    await load.run(Math.max(0, startedAt / 1_000 + second - performance.now() / 1_000));
    const rate = Math.round((load.count.posted * 1_000) / (performance.now() - startedAt));
    process.stderr.write(`\r${second} s: ${rate.toLocaleString("en")} transfers/s   `);
  }
  process.stderr.write("\n");
  const seconds = (performance.now() - startedAt) / 1_000;
  const figures = figuresOf(load, seconds);
  const after = await takeSample(consortium);
  assertSynced(before, after);
  return { figures: { ...figures, ...resourcesOf(before, after, figures.transfers) }, before, after };
}

function figuresOf(load: Load, seconds: number) {
  const { latencies, posted, failed, missed } = load.count;
  return {
    seconds: round(seconds),
    transfersPerSecond: Math.round(posted / seconds),
    latencyMs: {
      p50: round(latencies.quantile(0.5)),
      p90: round(latencies.quantile(0.9)),
      p99: round(latencies.quantile(0.99)),
      p999: round(latencies.quantile(0.999)),
      max: round(latencies.max),
    },
    transfers: posted,
    failed,
    busyAnswers: load.busy,
    missedCalls: missed,
  };
}

function resourcesOf(before: Sample, after: Sample, transfers: number) {
  const pairs = after.nodes.map((node, index) => ({ before: before.nodes[index] as NodeSample, after: node }));
  const scrapes = pairs.map((pair) => ({ before: pair.before.metrics, after: pair.after.metrics }));
  const grown = (name: string): number => scrapes.reduce((sum, pair) => sum + growth(pair, name), 0);
  const sum = (of: (pair: (typeof pairs)[number]) => number): number =>
    pairs.reduce((total, pair) => total + of(pair), 0);
  const each = (value: number, digits = 2): number => round(value / Math.max(1, transfers), digits);
  const nodesCpu = sum((pair) => pair.after.cpuMicros - pair.before.cpuMicros);
  const ownCpu = after.ownCpuMicros - before.ownCpuMicros;
  const count = pairs.length;
  return {
    blocks: Math.round(grown("sabha_finalized_blocks_total") / count),
    viewTimeouts: sum(({ before: from, after: to }) => labelled(to.metrics) - labelled(from.metrics)),
    cpuMicrosPerTransfer: { nodes: each(nodesCpu), clients: each(ownCpu), total: each(nodesCpu + ownCpu) },
    networkBytesPerTransfer: each(grown("sabha_network_sent_bytes"), 0),
    writtenBytesPerTransfer: each(grown("sabha_store_written_bytes") / count, 0),
    diskBytesPerTransfer: each(sum((pair) => pair.after.diskBytes - pair.before.diskBytes) / count, 0),
    fsyncs: grown("sabha_store_fsyncs"),
    stages: stagesOf(scrapes),
    nodes: pairs.map((pair) => nodeFigures(pair.before, pair.after, (after.at - before.at) / 1_000)),
  };
}

const STAGES = ["sent", "proposed", "voted", "prepared", "committed", "executed", "stored", "answered"];

function stagesOf(scrapes: readonly { readonly before: Metrics; readonly after: Metrics }[]): readonly StageFigures[] {
  const row = (stage: string, name: string, labels?: string): StageFigures => {
    const histogram = grownHistogram(scrapes, name, labels);
    const [p50, p99] = [0.5, 0.99].map((share) => round(quantileMs(histogram, share))) as [number, number];
    return { stage, count: observations(histogram), p50, p99 };
  };
  return [
    ...STAGES.map((stage) => row(stage, "sabha_batch_stage_seconds", `stage="${stage}"`)),
    row("whole", "sabha_batch_seconds"),
    row("admitted", "sabha_batch_admitted_seconds"),
  ];
}

function nodeFigures(before: NodeSample, after: NodeSample, seconds: number): NodeFigures {
  const lag = (name: string): number =>
    round(Math.max(0, 1_000 * (after.metrics.get(`sabha_process_nodejs_eventloop_lag_${name}_seconds`) ?? 0) - 10));
  return {
    name: after.name,
    cpuShare: round((after.cpuMicros - before.cpuMicros) / (seconds * 1_000_000), 3),
    memoryBytes: memoryBytes(after.metrics),
    loopLagMs: { p50: lag("p50"), p99: lag("p99"), max: lag("max") },
  };
}

export const memoryBytes = (metrics: Metrics): number =>
  metrics.get("sabha_process_process_resident_memory_bytes") ?? 0;

/** Views that a node voted to leave, whatever the reason. */
const labelled = (metrics: Metrics): number =>
  [...metrics].reduce((sum, [key, value]) => sum + (key.startsWith("sabha_view_timeouts_total") ? value : 0), 0);

const growth = (pair: { readonly before: Metrics; readonly after: Metrics }, name: string): number =>
  (pair.after.get(name) ?? 0) - (pair.before.get(name) ?? 0);

/**
 * A validator waits for its disk before each vote, and a quorum votes for each block. Fewer flushes than that would mean
 * that the figures are those of a network which forgets what it signed.
 *
 * @throws where a quorum of nodes did not flush as often as blocks became final
 */
export function assertSynced(before: Sample, after: Sample): void {
  const counts = after.nodes.map((node, index) => {
    const pair = { before: before.nodes[index]?.metrics ?? new Map(), after: node.metrics };
    return {
      name: node.name,
      flushes: growth(pair, "sabha_store_fsyncs"),
      blocks: growth(pair, "sabha_finalized_blocks_total"),
    };
  });
  const waiting = counts.filter(({ flushes, blocks }) => flushes >= blocks).length;
  if (waiting >= quorumOf(counts.length)) return;
  const told = counts.map(({ name, flushes, blocks }) => `${name} ${flushes} for ${blocks} blocks`).join(", ");
  throw new Error(`nodes do not wait for their disks: flushes are ${told}`);
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Bytes by which a node's data directory grew, as a mean over the nodes. */
export const grownDisk = (before: Sample, after: Sample): number =>
  mean(after.nodes.map(({ diskBytes }, index) => diskBytes - (before.nodes[index]?.diskBytes ?? 0)));

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

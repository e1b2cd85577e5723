import type { History, NodeSample } from "./history.js";
import { type Episode, episodesOf } from "./report-episodes.js";
import {
  type BankSummary,
  banksOf,
  behindOf,
  type Phase,
  phasesOf,
  type Recovery,
  recoveriesOf,
} from "./report-summaries.js";

/** One curve over time; `y` is null where there is nothing to show, and a line breaks there. */
export interface Series {
  readonly name: string;
  /** Same colour as the curve before it, in dashes. */
  readonly isDashed?: true;
  /** Seconds since the load began, and a value. */
  readonly points: readonly (readonly [x: number, y: number | null])[];
}

/** Everything that a report shows of a run besides its verdicts. */
export interface Figures {
  /** Length of the run. */
  readonly seconds: number;
  /** What pictures show, seconds since the load began: from when the first node answered to the end. */
  readonly from: number;
  readonly to: number;
  readonly nodes: readonly string[];
  readonly payments: number;
  readonly attempts: number;
  readonly final: number;
  readonly declined: number;
  readonly busyAnswers: number;
  readonly timeouts: number;
  readonly lostConnections: number;
  readonly refusals: number;
  /** From the first attempt to the last answer. */
  readonly transfersPerSecond: number;
  /** First attempt to final answer, ms. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly urgentLatencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly viewChanges: number;
  readonly blocks: number;
  readonly episodes: readonly Episode[];
  readonly phases: readonly Phase[];
  readonly recoveries: readonly Recovery[];
  readonly banks: readonly BankSummary[];
  readonly series: {
    readonly throughput: readonly Series[];
    readonly latency: readonly Series[];
    readonly viewChanges: Series;
    readonly heights: readonly Series[];
    /** Blocks behind the first node. */
    readonly behind: readonly Series[];
    /** Milliseconds per flush; empty where it was not measured. */
    readonly flushes: readonly Series[];
    readonly cpu: readonly Series[];
    /** MiB. */
    readonly memory: readonly Series[];
  };
}

/** About so many points over the run, and none shorter than a second. */
const BUCKETS = 180;
const BUCKET_SECONDS_MIN = 1;
const MEBIBYTE = 1_048_576;

/** Computes the figures of a run from its history. @param loadAt when the load began, on the history's clock, ms */
export function figuresOf(recorded: History, loadAt = 0): Figures {
  const history = { ...recorded, entries: recorded.entries.map((entry) => ({ ...entry, at: entry.at - loadAt })) };
  const { entries } = history;
  const first = (entries[0]?.at ?? 0) / 1_000;
  const to = Math.max(1, (entries.at(-1)?.at ?? 0) / 1_000);
  const from = Math.min(to - 1, Math.floor(firstSignOfLife(history) / 1_000));
  const buckets = new Buckets(from, to);
  const load = new LoadFigures(buckets);
  for (const entry of entries) load.take(entry);
  const samples = entries.filter((entry): entry is NodeSample => entry.type === "sample");
  const nodes = history.nodes.map(({ name, isHonest }) => ({ name, label: isHonest ? name : `${name} (byzantine)` }));
  const perNode = (value: (sample: NodeSample) => number | undefined): readonly Series[] =>
    nodes.map(({ name, label }) => ({
      name: label,
      points: samples
        .filter((sample) => sample.node === name)
        .map((sample) => [sample.at / 1_000, value(sample) ?? null] as const),
    }));
  const honest = history.nodes.filter(({ isHonest }) => isHonest).map(({ name }) => name);
  const timeouts = viewTimeouts(samples, honest, buckets);
  const behind = behindOf(samples);
  const hasFlushes = samples.some(({ flushes }) => flushes !== undefined && flushes.count > 0);
  return {
    ...load.totals(),
    seconds: to - Math.min(0, first),
    from,
    to,
    nodes: nodes.map(({ label }) => label),
    viewChanges: timeouts.reduce((sum, value) => sum + value, 0),
    blocks: Math.max(0, ...samples.map(({ status }) => status?.height ?? 0)),
    episodes: episodesOf(history),
    phases: phasesOf(history),
    recoveries: recoveriesOf(history),
    banks: banksOf(history),
    series: {
      ...load.series(),
      viewChanges: { name: "views voted out", points: timeouts.map((value, index) => [buckets.at(index), value]) },
      heights: perNode(({ status }) => status?.executedHeight),
      behind: nodes.map(({ name, label }) => ({ name: label, points: behind.get(name) ?? [] })),
      flushes: hasFlushes
        ? perNode(({ flushes }) =>
            flushes === undefined || flushes.count === 0 ? undefined : flushes.sumMs / flushes.count,
          )
        : [],
      cpu: perNode(({ cpuShare }) => cpuShare),
      memory: perNode(({ residentBytes }) => (residentBytes === undefined ? undefined : residentBytes / MEBIBYTE)),
    },
  };
}

/** Milliseconds; before it only processes start. */
const firstSignOfLife = ({ entries }: History): number =>
  entries.find((entry) => entry.type !== "sample" || entry.status !== undefined)?.at ?? 0;

/** Equal stretches of the run. */
class Buckets {
  readonly count: number;
  readonly seconds: number;
  readonly #from: number;

  constructor(from: number, to: number) {
    const total = to - from;
    this.#from = from;
    this.seconds = Math.max(BUCKET_SECONDS_MIN, Math.ceil(total / BUCKETS));
    this.count = Math.max(1, Math.ceil(total / this.seconds));
  }

  of(atMs: number): number {
    return Math.min(this.count - 1, Math.max(0, Math.floor((atMs / 1_000 - this.#from) / this.seconds)));
  }

  /** Middle of a bucket, seconds. */
  at(index: number): number {
    return this.#from + (index + 0.5) * this.seconds;
  }

  counters(): number[] {
    return Array.from({ length: this.count }, () => 0);
  }
}

interface Pending {
  readonly since: number;
  readonly isUrgent: boolean;
}

/** What clients saw: counts, rates and waiting times. */
class LoadFigures {
  readonly #buckets: Buckets;
  readonly #waiting = new Map<string, Pending>();
  readonly #submitted: number[];
  readonly #final: number[];
  readonly #busy: number[];
  readonly #usual: number[][];
  readonly #urgent: number[][];
  #firstAt = Number.POSITIVE_INFINITY;
  #lastAt = 0;
  #payments = 0;
  #attempts = 0;
  #declined = 0;
  #timeouts = 0;
  #lostConnections = 0;
  #refusals = 0;
  readonly #callSizes = new Map<number, number>();

  constructor(buckets: Buckets) {
    this.#buckets = buckets;
    this.#submitted = buckets.counters();
    this.#final = buckets.counters();
    this.#busy = buckets.counters();
    this.#usual = buckets.counters().map(() => []);
    this.#urgent = buckets.counters().map(() => []);
  }

  take(entry: History["entries"][number]): void {
    const bucket = this.#buckets.of(entry.at);
    switch (entry.type) {
      case "submit":
        this.#firstAt = Math.min(this.#firstAt, entry.at);
        this.#attempts += 1;
        this.#callSizes.set(entry.call, entry.payments.length);
        if (entry.attempt > 1) return;
        this.#payments += entry.payments.length;
        add(this.#submitted, bucket, entry.payments.length);
        for (const { id, priority } of entry.payments)
          this.#waiting.set(id, { since: entry.at, isUrgent: priority > 0 });
        return;
      case "answer":
        this.#lastAt = entry.at;
        for (const { id, status, result } of entry.results) {
          const waiting = this.#waiting.get(id);
          if (waiting === undefined) continue;
          this.#waiting.delete(id);
          if (status !== "final") continue;
          if (result !== "posted" && result !== "exists") {
            this.#declined += 1;
            continue;
          }
          add(this.#final, bucket, 1);
          (waiting.isUrgent ? this.#urgent : this.#usual)[bucket]?.push(entry.at - waiting.since);
        }
        return;
      case "busy":
        add(this.#busy, bucket, this.#callSizes.get(entry.call) ?? 1);
        return;
      case "timeout":
        this.#timeouts += 1;
        return;
      case "connection-lost":
        this.#lostConnections += 1;
        return;
      case "refused":
        this.#refusals += 1;
        return;
      default:
        return;
    }
  }

  totals() {
    const final = sum(this.#final);
    const seconds = Math.max(1, (this.#lastAt - this.#firstAt) / 1_000);
    return {
      payments: this.#payments,
      attempts: this.#attempts,
      final,
      declined: this.#declined,
      busyAnswers: sum(this.#busy),
      timeouts: this.#timeouts,
      lostConnections: this.#lostConnections,
      refusals: this.#refusals,
      transfersPerSecond: Math.round((10 * final) / seconds) / 10,
      latencyMs: quantilesOf(this.#usual.flat()),
      urgentLatencyMs: quantilesOf(this.#urgent.flat()),
    };
  }

  series(): { readonly throughput: readonly Series[]; readonly latency: readonly Series[] } {
    const rate = (name: string, counts: readonly number[]): Series => ({
      name,
      points: counts.map((count, index) => [this.#buckets.at(index), count / this.#buckets.seconds]),
    });
    const latency = (name: string, samples: readonly (readonly number[])[], share: number): Series => ({
      name,
      points: samples.map((some, index) => [this.#buckets.at(index), quantile(sorted(some), share) ?? null]),
    });
    return {
      throughput: [
        rate("submitted", this.#submitted),
        rate("final", this.#final),
        ...(sum(this.#busy) > 0 ? [rate("answered busy", this.#busy)] : []),
      ],
      latency: [
        latency("usual p99", this.#usual, 0.99),
        { ...latency("usual p50", this.#usual, 0.5), isDashed: true },
        ...(this.#urgent.some((some) => some.length > 0)
          ? [
              latency("urgent p99", this.#urgent, 0.99),
              { ...latency("urgent p50", this.#urgent, 0.5), isDashed: true as const },
            ]
          : []),
      ],
    };
  }
}

/** Votes to leave a view per bucket: of the node that cast most, because all leave a view together. */
function viewTimeouts(samples: readonly NodeSample[], honest: readonly string[], buckets: Buckets): readonly number[] {
  const most = buckets.counters();
  for (const name of honest) {
    const own = buckets.counters();
    let last: number | undefined;
    for (const { node, at, viewTimeouts: count } of samples) {
      if (node !== name || count === undefined) continue;
      // A restarted node counts from nothing.
      if (last !== undefined) add(own, buckets.of(at), count >= last ? count - last : count);
      last = count;
    }
    own.forEach((value, index) => {
      most[index] = Math.max(most[index] ?? 0, value);
    });
  }
  return most;
}

function add(counts: number[], index: number, by: number): void {
  counts[index] = (counts[index] ?? 0) + by;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const sorted = (values: readonly number[]): readonly number[] => [...values].sort((left, right) => left - right);

/** Of sorted samples; undefined without samples. */
const quantile = (samples: readonly number[], share: number): number | undefined =>
  samples[Math.min(samples.length - 1, Math.floor(share * samples.length))];

function quantilesOf(samples: readonly number[]): {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
} {
  const all = sorted(samples);
  const at = (share: number): number => Math.round(quantile(all, share) ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: Math.round(all.at(-1) ?? 0) };
}

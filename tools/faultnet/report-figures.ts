import type { FaultEvent, History, NodeSample } from "./history.js";

/** One curve over time; `y` is null where there is nothing to show, and a line breaks there. */
export interface Series {
  readonly name: string;
  /** Seconds since the run began, and a value. */
  readonly points: readonly (readonly [x: number, y: number | null])[];
}

/** A fault with its end, where something took it back. */
export interface Episode {
  readonly number: number;
  /** A healing stands for itself where it ended nothing by itself. */
  readonly nature: "fault" | "healing" | "remark";
  readonly kind: string;
  readonly target: string;
  readonly text: string;
  /** Seconds. */
  readonly from: number;
  readonly to: number | undefined;
}

/** Everything that a report shows of a run besides its verdicts. */
export interface Figures {
  readonly seconds: number;
  /** When the first node answered: pictures begin there, seconds. */
  readonly from: number;
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
  readonly series: {
    readonly throughput: readonly Series[];
    readonly latency: readonly Series[];
    readonly viewChanges: Series;
    readonly heights: readonly Series[];
    readonly cpu: readonly Series[];
    /** MiB. */
    readonly memory: readonly Series[];
  };
}

/** About so many points over the run, and none shorter than a second. */
const BUCKETS = 180;
const BUCKET_SECONDS_MIN = 1;
const MEBIBYTE = 1_048_576;

/** Computes the figures of a run from its history. */
export function figuresOf(history: History): Figures {
  const seconds = Math.max(1, (history.entries.at(-1)?.at ?? 0) / 1_000);
  const buckets = new Buckets(seconds);
  const load = new LoadFigures(buckets);
  for (const entry of history.entries) load.take(entry);
  const samples = history.entries.filter((entry): entry is NodeSample => entry.type === "sample");
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
  return {
    ...load.totals(),
    seconds,
    from: Math.min(seconds - 1, Math.floor(firstSignOfLife(history) / 1_000)),
    nodes: nodes.map(({ label }) => label),
    viewChanges: timeouts.reduce((sum, value) => sum + value, 0),
    blocks: Math.max(0, ...samples.map(({ status }) => status?.height ?? 0)),
    episodes: episodesOf(history),
    series: {
      ...load.series(),
      viewChanges: { name: "views voted out", points: timeouts.map((value, index) => [buckets.at(index), value]) },
      heights: perNode(({ status }) => status?.executedHeight),
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

  constructor(total: number) {
    this.seconds = Math.max(BUCKET_SECONDS_MIN, Math.ceil(total / BUCKETS));
    this.count = Math.max(1, Math.ceil(total / this.seconds));
  }

  of(atMs: number): number {
    return Math.min(this.count - 1, Math.max(0, Math.floor(atMs / 1_000 / this.seconds)));
  }

  /** Middle of a bucket, seconds. */
  at(index: number): number {
    return (index + 0.5) * this.seconds;
  }

  counters(): number[] {
    return Array.from({ length: this.count }, () => 0);
  }
}

interface Waiting {
  readonly since: number;
  readonly isUrgent: boolean;
}

/** What clients saw: counts, rates and waiting times. */
class LoadFigures {
  readonly #buckets: Buckets;
  readonly #waiting = new Map<string, Waiting>();
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
        latency("p50", this.#usual, 0.5),
        latency("p99", this.#usual, 0.99),
        ...(this.#urgent.some((some) => some.length > 0) ? [latency("urgent p99", this.#urgent, 0.99)] : []),
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

/** Kinds that say what was seen or done, and do no harm. */
const REMARKS: ReadonlySet<string> = new Set(["note", "seen"]);

/**
 * Gives each fault its end: when all its targets were healed, or when a fault of the same kind at the same target took its
 * place (another load, another delay).
 */
export function episodesOf(history: History): readonly Episode[] {
  const faults = history.entries.filter((entry): entry is FaultEvent => entry.type === "fault");
  const all: { readonly fault: FaultEvent; to: number | undefined }[] = [];
  let open: { readonly episode: (typeof all)[number]; readonly ill: Set<string> }[] = [];
  for (const fault of faults) {
    const targets = targetsOf(fault);
    const before = open.length;
    open = open.filter(({ episode, ill }) => {
      if (fault.isHealing === true) for (const target of targets) ill.delete(target);
      const isHealed = fault.isHealing === true && (ill.size === 0 || fault.target === "all");
      const isReplaced = episode.fault.kind === fault.kind && episode.fault.target === fault.target;
      if (isHealed || isReplaced) episode.to = fault.at / 1_000;
      return !isHealed && !isReplaced;
    });
    if (fault.isHealing === true && open.length < before) continue;
    const episode = { fault, to: undefined };
    all.push(episode);
    if (fault.isHealing !== true && !REMARKS.has(fault.kind)) open.push({ episode, ill: new Set(targets) });
  }
  return all.map(({ fault, to }, index) => {
    const { kind, target, text, at, isHealing } = fault;
    const nature = isHealing === true ? "healing" : REMARKS.has(kind) ? "remark" : "fault";
    return { number: index + 1, nature, kind, target, text, from: at / 1_000, to };
  });
}

/** Names of nodes; a set of links is one target. */
const targetsOf = ({ target }: FaultEvent): readonly string[] => (target.includes("|") ? [target] : target.split(","));

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

import { type Delivery, deliveriesOf } from "./deliveries.js";
import type { FaultEvent, History, NodeSample } from "./history.js";
import { REMARKS } from "./report-episodes.js";

/** Waiting times, ms, of `count` calls from their first attempt to the final answer. */
export interface Waiting {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A stretch of the run, by when calls began. */
export interface Phase {
  readonly name: "before" | "during" | "after" | "all";
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  /** Payments that became final per second of the stretch. */
  readonly finalPerSecond: number;
  readonly usual: Waiting;
  readonly urgent: Waiting;
  readonly busy: number;
  /** Calls that never heard that they are final. */
  readonly neverFinal: number;
}

/** What one bank's customers and its machine went through. */
export interface BankSummary {
  readonly name: string;
  readonly final: number;
  readonly waiting: Waiting;
  readonly busy: number;
  readonly unanswered: number;
  /** Blocks that it had executed less than the first node, at most. */
  readonly behindMax: number;
  readonly viewTimeouts: number;
  /** Since the start of its newest process; undefined if it never told. */
  readonly fsyncs: number | undefined;
  /** Waiting for the disk per flush, where that was measured. */
  readonly flushMs: { readonly count: number; readonly mean: number; readonly max: number } | undefined;
}

/** How the network came back after a fault was taken back. */
export interface Recovery {
  /** Seconds, and what was taken back. */
  readonly at: number;
  readonly text: string;
  /** Until a payment that began afterwards was final, ms; undefined if none was. */
  readonly firstFinalMs: number | undefined;
  /** Until every honest node that answers again had executed what any had at the healing, ms; undefined if never. */
  readonly levelMs: number | undefined;
}

/** Before the first fault, until the last one was taken back, and after it; one stretch where nothing was done. */
export function phasesOf(history: History): readonly Phase[] {
  const faults = history.entries.filter((entry): entry is FaultEvent => entry.type === "fault");
  const harm = faults.filter(({ kind, isHealing }) => isHealing !== true && !REMARKS.has(kind));
  const deliveries = deliveriesOf(history);
  const begin = deliveries[0]?.firstAt ?? 0;
  const end = deliveries.reduce((last, { firstAt }) => Math.max(last, firstAt), begin);
  const phase = (name: Phase["name"], from: number, to: number): Phase => {
    const some = deliveries.filter(({ firstAt }) => firstAt >= from && firstAt < to);
    const final = deliveries.filter(({ finalAt }) => finalAt !== undefined && finalAt >= from && finalAt < to);
    return {
      name,
      from: from / 1_000,
      to: to / 1_000,
      finalPerSecond: payments(final) / Math.max(0.001, (to - from) / 1_000),
      usual: waitingOf(some.filter(({ isUrgent }) => !isUrgent)),
      urgent: waitingOf(some.filter(({ isUrgent }) => isUrgent)),
      busy: some.reduce((sum, { busy }) => sum + busy, 0),
      neverFinal: some.filter(({ finalAt }) => finalAt === undefined).length,
    };
  };
  const first = harm[0]?.at;
  if (first === undefined) return [phase("all", begin, end + 1)];
  const healed = faults.findLast(({ isHealing }) => isHealing === true)?.at;
  const over = healed === undefined || healed <= first ? end + 1 : healed;
  const stretches = [phase("before", begin, first), phase("during", first, over), phase("after", over, end + 1)];
  return stretches.filter(({ from, to }) => to > from);
}

export function banksOf(history: History): readonly BankSummary[] {
  const deliveries = deliveriesOf(history);
  const samples = history.entries.filter((entry): entry is NodeSample => entry.type === "sample");
  const behind = behindOf(samples);
  return history.nodes.map(({ name, isHonest }): BankSummary => {
    const own = deliveries.filter(({ node }) => node === name);
    const ofNode = samples.filter(({ node }) => node === name);
    const flushes = ofNode.flatMap(({ flushes: some }) => some ?? []);
    const count = flushes.reduce((sum, each) => sum + each.count, 0);
    const sumMs = flushes.reduce((sum, each) => sum + each.sumMs, 0);
    return {
      name: isHonest ? name : `${name} (byzantine)`,
      final: payments(own.filter(({ finalAt }) => finalAt !== undefined)),
      waiting: waitingOf(own),
      busy: own.reduce((sum, { busy }) => sum + busy, 0),
      unanswered: own.reduce((sum, { unanswered }) => sum + unanswered, 0),
      behindMax: Math.max(0, ...(behind.get(name) ?? []).map(([, blocks]) => blocks ?? 0)),
      viewTimeouts: increase(ofNode.flatMap(({ viewTimeouts }) => viewTimeouts ?? [])),
      fsyncs: ofNode.findLast(({ fsyncs }) => fsyncs !== undefined)?.fsyncs,
      flushMs:
        count === 0
          ? undefined
          : { count, mean: round(sumMs / count), max: round(Math.max(...flushes.map(({ maxMs }) => maxMs))) },
    };
  });
}

export function recoveriesOf(history: History): readonly Recovery[] {
  const healings = history.entries.filter(
    (entry): entry is FaultEvent => entry.type === "fault" && entry.isHealing === true,
  );
  const deliveries = deliveriesOf(history);
  const honest = new Set(history.nodes.filter(({ isHonest }) => isHonest).map(({ name }) => name));
  const samples = history.entries.filter(
    (entry): entry is NodeSample => entry.type === "sample" && honest.has(entry.node) && entry.status !== undefined,
  );
  return healings.map(({ at, text }): Recovery => {
    const finals = deliveries.flatMap(({ firstAt, finalAt }) => (firstAt >= at ? (finalAt ?? []) : []));
    const firstFinal = finals.reduce((least, finalAt) => Math.min(least, finalAt), Number.POSITIVE_INFINITY);
    const level = levelAt(samples, at);
    return {
      at: at / 1_000,
      text,
      firstFinalMs: finals.length === 0 ? undefined : Math.round(firstFinal - at),
      levelMs: level === undefined ? undefined : Math.round(level - at),
    };
  });
}

/** Per node and sample: seconds, and how many blocks less than the first node it had executed by then. */
export function behindOf(samples: readonly NodeSample[]): ReadonlyMap<string, (readonly [number, number | null])[]> {
  const behind = new Map<string, (readonly [number, number | null])[]>();
  let highest = 0;
  for (const { node, at, status } of samples) {
    const points = behind.get(node) ?? [];
    behind.set(node, points);
    points.push([at / 1_000, status === undefined ? null : Math.max(0, highest - status.executedHeight)]);
    highest = Math.max(highest, status?.executedHeight ?? 0);
  }
  return behind;
}

/** When the last of the nodes that answer from a moment on had executed what any had executed at that moment. */
function levelAt(samples: readonly NodeSample[], at: number): number | undefined {
  const height = ({ status }: NodeSample): number => status?.executedHeight ?? 0;
  const goal = samples.reduce((most, sample) => (sample.at <= at ? Math.max(most, height(sample)) : most), 0);
  const reached = new Map<string, number | undefined>();
  for (const sample of samples) {
    if (sample.at < at || reached.get(sample.node) !== undefined) continue;
    reached.set(sample.node, height(sample) >= goal ? sample.at : undefined);
  }
  const times = [...reached.values()];
  return times.length === 0 || times.includes(undefined) ? undefined : Math.max(...(times as number[]));
}

/** Sum of what a counter grew by; it begins again with the process. */
function increase(values: readonly number[]): number {
  return values.reduce((sum, value, index) => {
    const last = values[index - 1];
    return last === undefined ? sum : sum + (value >= last ? value - last : value);
  }, 0);
}

const payments = (deliveries: readonly Delivery[]): number =>
  deliveries.reduce((sum, { payments: some }) => sum + some.length, 0);

function waitingOf(deliveries: readonly Delivery[]): Waiting {
  const sorted = deliveries
    .flatMap(({ firstAt, finalAt }) => (finalAt === undefined ? [] : [finalAt - firstAt]))
    .sort((left, right) => left - right);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: Math.round(sorted.at(-1) ?? 0) };
}

const round = (value: number): number => Math.round(value * 10) / 10;

import { quantile } from "../local-network.js";
import { type Conviction, convict } from "./culprits.js";
import { type Delivery, deliveriesOf } from "./deliveries.js";
import { type AskedNode, clientOf } from "./final-state.js";
import type { FaultEvent, History, NodeSample, Verdict } from "./history.js";
import { banksOf, type Check, type Scenario } from "./scenario.js";

/** What pass conditions are judged by. */
export interface Evidence {
  readonly scenario: Scenario;
  readonly history: History;
  /** Time of the history's clock at which the load began. */
  readonly loadAt: number;
  /** The history checker's. */
  readonly verdicts: readonly Verdict[];
  /** Honest nodes that are up at the end. */
  readonly nodes: readonly AskedNode[];
  readonly genesisBytes: Uint8Array;
}

/** Judges every pass condition of the scenario. */
export async function judgeConditions(evidence: Evidence): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const check of evidence.scenario.pass) verdicts.push(...(await judgeOne(check, evidence)));
  return verdicts;
}

type During = readonly [number, number] | undefined;

async function judgeOne(check: Check, evidence: Evidence): Promise<readonly Verdict[]> {
  switch (check.check) {
    case "history":
      return historyVerdicts(check, evidence.verdicts);
    case "throughput":
      return [throughput(check, evidence)];
    case "latency":
      return [latency(check, evidence)];
    case "latency-kept":
      return [latencyKept(check, evidence)];
    case "overload":
      return [overload(check, evidence)];
    case "busy-answers":
      return [busyAnswers(check, evidence)];
    case "recovery":
      return [recovery(check, evidence)];
    case "view-changes":
      return [viewChanges(check, evidence)];
    case "blocks":
      return blocks(check, evidence);
    case "evidence":
      return [await signedEvidence(check, evidence)];
    case "fork-convicts":
      return [await forkConvicts(check, evidence)];
  }
}

/** The checker's own verdicts; those that have to be broken pass when they are. */
function historyVerdicts(
  { broken, ignored }: Extract<Check, { check: "history" }>,
  verdicts: readonly Verdict[],
): readonly Verdict[] {
  return verdicts
    .filter(({ name }) => !ignored.includes(name))
    .map((verdict) => {
      if (!broken.includes(verdict.name)) return verdict;
      const sentence = verdict.ok ? `not noticed: ${verdict.sentence}` : `noticed, as it must be: ${verdict.sentence}`;
      return { ...verdict, ok: !verdict.ok, sentence };
    });
}

const deliveries = ({ history }: Evidence): readonly Delivery[] => deliveriesOf(history);

const isWithin = (at: number | undefined, window: readonly [number, number]): boolean =>
  at !== undefined && within(at, window);

/** How long each call took that began in a window; one that never got its answer took until the end of the history. */
function waits(
  evidence: Evidence,
  window: readonly [number, number],
  priority: "any" | "usual" | "high",
): readonly number[] {
  const end = evidence.history.entries.at(-1)?.at ?? 0;
  return deliveries(evidence)
    .filter(({ firstAt }) => within(firstAt, window))
    .filter(({ isUrgent }) => priority === "any" || (priority === "high") === isUrgent)
    .map(({ firstAt, finalAt }) => (finalAt ?? end) - firstAt);
}

/** A window of the run on the history's clock. */
function windowOf({ history, loadAt, scenario }: Evidence, during: During): readonly [number, number] {
  if (during !== undefined) return [loadAt + during[0] * 1_000, loadAt + during[1] * 1_000];
  return [loadAt, Math.max(loadAt + scenario.seconds * 1_000, history.entries.at(-1)?.at ?? 0)];
}

const within = (at: number, [from, to]: readonly [number, number]): boolean => at >= from && at <= to;
const shown = (during: During): string => (during === undefined ? "" : ` from second ${during[0]} to ${during[1]}`);
const whole = (value: number): string => Math.round(value).toLocaleString("en");

function throughput(check: Extract<Check, { check: "throughput" }>, evidence: Evidence): Verdict {
  const seconds = check.during === undefined ? evidence.scenario.seconds : check.during[1] - check.during[0];
  const window = windowOf(evidence, check.during);
  const final = deliveries(evidence)
    .filter(({ finalAt }) => isWithin(finalAt, window))
    .reduce((sum, { payments }) => sum + payments.length, 0);
  const perSecond = final / seconds;
  return {
    name: "throughput",
    ok: perSecond >= check.atLeast,
    sentence: `${whole(perSecond)} payments a second became final${shown(check.during)}; wanted ${check.atLeast}`,
    counts: { final },
  };
}

function latency(check: Extract<Check, { check: "latency" }>, evidence: Evidence): Verdict {
  const window = windowOf(evidence, check.during);
  const { priority } = check;
  const samples = waits(evidence, window, priority);
  const value = quantile(samples, check.quantile);
  const whose = priority === "any" ? "" : ` of ${priority} priority`;
  return {
    name: `latency-${priority}`,
    ok: samples.length > 0 && value <= check.atMostMs,
    sentence: `${whole(value)} ms from first attempt to final at quantile ${check.quantile} of ${whole(samples.length)} calls${whose}${shown(check.during)}; at most ${check.atMostMs} ms wanted`,
    counts: { calls: samples.length, ms: Math.round(value) },
  };
}

function latencyKept(check: Extract<Check, { check: "latency-kept" }>, evidence: Evidence): Verdict {
  const { priority, quantile: share, atMostTimes } = check;
  const before = waits(evidence, windowOf(evidence, check.before), priority);
  const during = waits(evidence, windowOf(evidence, check.during), priority);
  const [usually, then] = [quantile(before, share), quantile(during, share)];
  const times = then / usually;
  return {
    name: `latency-kept-${priority}`,
    ok: before.length > 0 && during.length > 0 && times <= atMostTimes,
    sentence: `at quantile ${share} ${whole(during.length)} calls of ${priority} priority took ${whole(then)} ms${shown(check.during)} and ${whole(before.length)} took ${whole(usually)} ms${shown(check.before)}: ${times.toFixed(1)} times as long, at most ${atMostTimes} wanted`,
    counts: { beforeMs: Math.round(usually), duringMs: Math.round(then) },
  };
}

function overload(check: Extract<Check, { check: "overload" }>, evidence: Evidence): Verdict {
  const window = windowOf(evidence, check.during);
  let offered = 0;
  for (const entry of evidence.history.entries) {
    if (entry.type === "submit" && within(entry.at, window)) offered += entry.payments.length;
  }
  const final = deliveries(evidence)
    .filter(({ finalAt }) => isWithin(finalAt, window))
    .reduce((sum, { payments }) => sum + payments.length, 0);
  const times = offered / Math.max(1, final);
  return {
    name: "overload",
    ok: final > 0 && times >= check.atLeast,
    sentence: `clients offered ${whole(offered)} payments, with repetitions, and ${whole(final)} became final${shown(check.during)}: ${times.toFixed(1)} times what was carried; wanted ${check.atLeast}`,
    counts: { offered, final },
  };
}

function busyAnswers(check: Extract<Check, { check: "busy-answers" }>, evidence: Evidence): Verdict {
  const window = windowOf(evidence, check.during);
  const busy = evidence.history.entries.filter((entry) => entry.type === "busy" && within(entry.at, window)).length;
  const { atLeast, atMost } = check;
  return {
    name: "busy-answers",
    ok: busy >= atLeast && (atMost === undefined || busy <= atMost),
    sentence: `${whole(busy)} calls were answered with busy${shown(check.during)}; wanted ${atLeast} ${atMost === undefined ? "or more" : `to ${atMost}`}`,
    counts: { busy },
  };
}

function recovery(check: Extract<Check, { check: "recovery" }>, evidence: Evidence): Verdict {
  const healed = evidence.history.entries.findLast(
    (entry): entry is FaultEvent => entry.type === "fault" && entry.isHealing === true,
  );
  const after = healed?.at ?? evidence.loadAt;
  const finals = deliveries(evidence)
    .filter(({ firstAt }) => firstAt >= after)
    .flatMap(({ finalAt }) => finalAt ?? []);
  const tookMs = Math.min(...finals) - after;
  const ok = finals.length > 0 && tookMs <= check.withinSeconds * 1_000;
  const took = finals.length === 0 ? "nothing new became final" : `a new payment was final ${whole(tookMs)} ms`;
  return {
    name: "recovery",
    ok,
    sentence: `${took} after "${healed?.text ?? "the start"}"; at most ${check.withinSeconds} s wanted`,
    counts: finals.length === 0 ? {} : { ms: Math.round(tookMs) },
  };
}

/** Samples of one node within a window, in order. */
function samplesOf(evidence: Evidence, node: string, window: readonly [number, number]): readonly NodeSample[] {
  return evidence.history.entries.filter(
    (entry): entry is NodeSample => entry.type === "sample" && entry.node === node && within(entry.at, window),
  );
}

function viewChanges(check: Extract<Check, { check: "view-changes" }>, evidence: Evidence): Verdict {
  const window = windowOf(evidence, check.during);
  const honest = evidence.history.nodes.filter(({ isHonest }) => isHonest);
  const counts = honest.map(({ name }) => {
    let last: number | undefined;
    let sum = 0;
    for (const { viewTimeouts } of samplesOf(evidence, name, window)) {
      if (viewTimeouts === undefined) continue;
      // The counter begins again with the process.
      if (last !== undefined) sum += viewTimeouts >= last ? viewTimeouts - last : viewTimeouts;
      last = viewTimeouts;
    }
    return sum;
  });
  const most = Math.max(0, ...counts);
  return {
    name: "view-changes",
    ok: most >= check.atLeast && most <= check.atMost,
    sentence: `at most ${most} views were voted out by one node${shown(check.during)}; wanted ${check.atLeast} to ${check.atMost}`,
    counts: { most },
  };
}

function blocks(check: Extract<Check, { check: "blocks" }>, evidence: Evidence): readonly Verdict[] {
  const window = windowOf(evidence, check.during);
  return banksOf(evidence.scenario, check.of).map((bank) => {
    const heights = samplesOf(evidence, bank, window).flatMap(({ status }) => status?.executedHeight ?? []);
    const grown = heights.length === 0 ? 0 : Math.max(...heights) - Math.min(...heights);
    const { atLeast, atMost } = check;
    return {
      name: `blocks-${bank}`,
      ok: heights.length > 0 && grown >= atLeast && (atMost === undefined || grown <= atMost),
      sentence: `${bank} executed ${grown} blocks${shown(check.during)}; wanted ${atLeast} ${atMost === undefined ? "or more" : `to ${atMost}`}`,
      counts: { blocks: grown },
    };
  });
}

async function signedEvidence(check: Extract<Check, { check: "evidence" }>, evidence: Evidence): Promise<Verdict> {
  const accused = new Set<string>();
  let pairs = 0;
  for (const node of evidence.nodes) {
    const client = clientOf(node);
    for (const { name } of await client.getEvidence()) {
      accused.add(name);
      pairs += 1;
    }
    await client.close();
  }
  const wanted = banksOf(evidence.scenario, check.against);
  const innocent = [...accused].filter((name) => !wanted.includes(name));
  return {
    name: "evidence",
    ok: innocent.length === 0 && accused.size >= check.atLeast,
    sentence: `signed contradictions name ${[...accused].join(", ") || "nobody"}; wanted ${wanted.length === 0 ? "nobody" : `${check.atLeast} or more of ${wanted.join(", ")}`}`,
    counts: { accused: accused.size, pairs },
  };
}

async function forkConvicts(check: Extract<Check, { check: "fork-convicts" }>, evidence: Evidence): Promise<Verdict> {
  const convictions: readonly Conviction[] = await convict(evidence.nodes, evidence.genesisBytes);
  const wanted = banksOf(evidence.scenario, check.culprits);
  const wrong = convictions.flatMap(({ culprits }) => culprits.filter((name) => !wanted.includes(name)));
  const fewest = Math.min(...convictions.map(({ culprits }) => culprits.length));
  const [first] = convictions;
  const sentence =
    first === undefined
      ? "no two nodes hold contradictory final blocks"
      : `${first.nodes.join(" and ")} hold different final blocks at height ${first.height}: ${first.culprits.join(", ")} signed ${first.contradiction}`;
  return {
    name: "fork-convicts",
    ok: first !== undefined && wrong.length === 0 && fewest >= check.atLeast,
    sentence: wrong.length === 0 ? sentence : `${sentence}; but ${wrong.join(", ")} did nothing wrong`,
    counts: { forks: convictions.length },
  };
}

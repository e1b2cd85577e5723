import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { VALIDATORS_MAX, VALIDATORS_MIN } from "../../src/primitives/index.js";
import { PROCESS_BEHAVIOURS, type ProcessBehaviourName } from "../../src/simulator/index.js";

/*
 * The language of scenarios: a YAML file with a story for people, a consortium, its links, a load, a timeline of faults
 * and the conditions under which the run passes. Unknown names are refused everywhere.
 */
import { type LoadProfile, STEADY_PROFILE } from "./load.js";

const BEHAVIOURS = Object.keys(PROCESS_BEHAVIOURS) as [ProcessBehaviourName, ...ProcessBehaviourName[]];
const SECONDS_MAX = 3_600;
const name = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,15}$/, "is no name of a bank or site");
/** Names of banks, or of sites, which stand for the banks there. */
const names = z.array(name).min(1).max(VALIDATORS_MAX);
const seconds = z.number().min(0).max(SECONDS_MAX);
const milliseconds = z.number().min(0).max(60_000);
const share = z.number().min(0).max(1);
const count = z.int().min(0).max(1_000_000);

const distance = { latencyMs: milliseconds.default(0), jitterMs: milliseconds.default(0) };

const links = z.strictObject({
  ...distance,
  /** Distances that differ, between all banks of the first and all of the second list. */
  routes: z
    .array(z.strictObject({ between: z.tuple([names, names]), ...distance }))
    .max(200)
    .default([]),
});

/** What is left out is that of the steady profile, or stays as it was. */
const load = z
  .strictObject({
    callers: z.int().min(0).max(4_096),
    /** Over all callers; 0: each calls again as soon as it has its answer. */
    callsPerSecond: z.number().min(0).max(100_000),
    transfersPerCall: z.int().min(1).max(8_190),
    /** Of urgent calls; as many as usual ones where it is left out. */
    urgentTransfersPerCall: z.int().min(1).max(8_190),
    highPriorityShare: share,
    admittedShare: share,
    selfSignedShare: share,
    waitMs: z.int().min(100).max(60_000),
    attemptsMax: z.int().min(1).max(1_000),
    readsPerSecond: z.number().min(0).max(1_000),
    payers: names,
  })
  .partial();

/** Holds, or makes the run fail when it does not within its time. */
const condition = z.union([
  /** So many of `on`, or all, say that the consortium has halted; with `missing`, and name at least these. */
  z.strictObject({
    halted: z.strictObject({ on: names, missing: z.array(name).default([]), atLeast: z.int().min(1).optional() }),
  }),
  /** Every one of `on` has executed so many blocks more than when the step was reached. */
  z.strictObject({ blocks: z.strictObject({ on: names, more: count }) }),
  /** The process of every one of `on` has ended by itself, with this exit code. */
  z.strictObject({ ended: z.strictObject({ on: names, code: z.int() }) }),
  /** Nodes that are up answer reads and take submissions. */
  z.strictObject({ ready: z.strictObject({ on: names }) }),
]);

const between = z.tuple([names, names]);
const act = <K extends string, S extends z.ZodRawShape>(kind: K, shape: S) =>
  z.strictObject({ do: z.literal(kind), ...shape });

const action = z.discriminatedUnion("do", [
  /** `refuse`: connections are reset, new ones refused. `stall`: bytes get stuck, also one way only. */
  act("cut", {
    between,
    manner: z.enum(["refuse", "stall"]).default("refuse"),
    way: z.enum(["both", "there", "back"]).default("both"),
  }),
  act("slow", {
    between,
    latencyMs: milliseconds.optional(),
    jitterMs: milliseconds.optional(),
    kilobytesPerSecond: z.int().min(1).max(1_000_000).optional(),
  }),
  act("reset", { between }),
  /** Links are cut for `downMs`, then whole for `upMs`, for some seconds. */
  act("flicker", { between, seconds, downMs: milliseconds, upMs: milliseconds }),
  /** Takes back what was done to these links, or to all. */
  act("heal", { between: between.optional() }),
  act("kill", { of: names }),
  act("stop", { of: names }),
  act("start", { of: names, awaitReady: z.boolean().default(true) }),
  /** SIGSTOP and SIGCONT. */
  act("pause", { of: names }),
  act("resume", { of: names }),
  act("fill-disk", { of: names }),
  act("free-disk", { of: names }),
  act("slow-disk", { of: names, delayMs: milliseconds, jitterMs: milliseconds.default(0) }),
  act("misbehave", { of: names, really: z.boolean() }),
  /** With `isRelief`, the end of a rush: recovery counts from there. */
  act("load", { change: load, isRelief: z.boolean().default(false) }),
  act("note", { text: z.string().max(80) }),
]);

const actions = z.array(action).min(1).max(16);
const step = z.union([
  /** Seconds since the load began. */
  z.strictObject({ at: seconds, actions }),
  z.strictObject({ when: condition, withinSeconds: seconds.default(30), actions }),
]);

/** From and to, in seconds since the load began; the whole run where it is left out. */
const window = z.tuple([seconds, seconds]);
const during = window.optional();
const demand = <K extends string, S extends z.ZodRawShape>(kind: K, shape: S) =>
  z.strictObject({ check: z.literal(kind), ...shape });

const check = z.discriminatedUnion("check", [
  /**
   * What the history checker says: every promise to the clients held. Those that are named as broken have to be found
   * broken: that is how the checker is tried on networks with too many liars.
   */
  demand("history", { broken: z.array(z.string()).default([]), ignored: z.array(z.string()).default([]) }),
  /** Final payments per second. */
  demand("throughput", { during, atLeast: z.number().min(0) }),
  /** From the first attempt to the answer that says final. */
  demand("latency", {
    during,
    priority: z.enum(["any", "usual", "high"]).default("any"),
    quantile: share.default(0.99),
    atMostMs: z.number().min(0),
  }),
  /** At this quantile calls take at most so many times as long as before: a ratio, which a slow machine does not change. */
  demand("latency-kept", {
    before: window,
    during: window,
    priority: z.enum(["any", "usual", "high"]).default("any"),
    quantile: share.default(0.99),
    atMostTimes: z.number().min(1),
  }),
  /** Payments offered, repetitions included, for each that becomes final. */
  demand("overload", { during, atLeast: z.number().min(0) }),
  demand("busy-answers", { during, atLeast: count.default(0), atMost: count.optional() }),
  /** A call that began after the last fault was healed is final so soon after. */
  demand("recovery", { withinSeconds: seconds }),
  /** Votes to leave a view, of the honest node with most of them. */
  demand("view-changes", { during, atLeast: count.default(0), atMost: count }),
  /** Blocks that each of these nodes executes meanwhile: at least, at most. */
  demand("blocks", { during, of: names, atLeast: count.default(0), atMost: count.optional() }),
  /** Honest nodes hold signed evidence against so many of these, and against nobody else. */
  demand("evidence", { against: z.array(name), atLeast: count.default(1) }),
  /** Honest nodes hold contradictory final blocks; certificates convict so many, all of them among these. */
  demand("fork-convicts", { culprits: names, atLeast: count }),
]);

const scenario = z.strictObject({
  /** For people: what happens, to whom, and what is to be seen. */
  story: z.string().min(1).max(4_000),
  banks: z.array(name).min(VALIDATORS_MIN).max(VALIDATORS_MAX),
  sites: z.record(name, names).default({}),
  scheme: z.enum(["bls12381", "ed25519"]).default("bls12381"),
  timers: z.enum(["lan", "wan"]).default("lan"),
  /** Megabytes of the disk of each of these nodes, a file system of its own (needs root). */
  disks: z.strictObject({ of: names, megabytes: z.int().min(8).max(1_024) }).optional(),
  /** Largest share of one node in the pool, kilobytes: a small one is full soon. */
  poolKilobytes: z.int().min(128).max(32_768).optional(),
  /** Records after which a node signs what it shares among small calls; with 1, batches and so blocks fill up soonest. */
  recordsPerBatch: z.int().min(1).max(8_190).optional(),
  links: links.prefault({}),
  byzantine: z.record(name, z.array(z.enum(BEHAVIOURS)).min(1)).default({}),
  /** Validators that run twice with one key; the second process and `sees` never meet the first and the rest. */
  twins: z.strictObject({ of: names, sees: names }).optional(),
  load: load.prefault({}),
  seconds: z.number().min(1).max(SECONDS_MAX),
  /** How long the nodes may take to agree and stand still after the load has ended. */
  settleSeconds: seconds.default(30),
  timeline: z.array(step).max(100).default([]),
  pass: z.array(check).min(1).max(30),
});

export type Action = z.infer<typeof action>;
export type Condition = z.infer<typeof condition>;
export type Step = z.infer<typeof step>;
export type Check = z.infer<typeof check>;
export type ScenarioLoad = z.infer<typeof load>;
export interface Scenario extends z.infer<typeof scenario> {
  /** Name of the file without its ending. */
  readonly name: string;
}

export type ParsedScenario =
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads a scenario's file; every problem is a sentence that names the place. */
export function readScenario(path: string): ParsedScenario {
  return parseScenario(basename(path).replace(/\.ya?ml$/u, ""), readFileSync(path, "utf8"));
}

export function parseScenario(title: string, text: string): ParsedScenario {
  const document = parseDocument(text, { uniqueKeys: true });
  if (document.errors.length > 0) {
    return { ok: false, problems: document.errors.map(({ message }) => message.split("\n")[0] as string) };
  }
  const parsed = scenario.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`);
    return { ok: false, problems };
  }
  const problems = relations(parsed.data);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, scenario: { ...parsed.data, name: title } };
}

/** What a shape alone cannot say: every name that is used is that of a bank or a site. */
function relations(parsed: z.infer<typeof scenario>): string[] {
  const problems: string[] = [];
  const { banks, sites } = parsed;
  if (new Set(banks).size !== banks.length) problems.push("banks: a name stands there twice");
  for (const site of Object.keys(sites))
    if (banks.includes(site)) problems.push(`sites.${site}: is the name of a bank`);
  const known = new Set([...banks, ...Object.keys(sites), "all"]);
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) for (const [index, each] of value.entries()) visit(each, `${path}.${index}`);
    else if (typeof value === "object" && value !== null) {
      for (const [member, each] of Object.entries(value)) {
        const at = path === "" ? member : `${path}.${member}`;
        if (NAMING.has(member)) refuseUnknown(each, at);
        else visit(each, at);
      }
    }
  };
  const refuseUnknown = (value: unknown, at: string): void => {
    for (const each of [value].flat(3)) {
      if (typeof each === "string" && !known.has(each)) problems.push(`${at}: ${each} is neither a bank nor a site`);
    }
  };
  visit({ ...parsed, banks: undefined }, "");
  for (const [site, members] of Object.entries(sites)) refuseUnknown(members, `sites.${site}`);
  for (const bank of Object.keys(parsed.byzantine)) refuseUnknown(bank, "byzantine");
  return problems;
}

/** Members whose values are names of banks or sites. */
const NAMING = new Set(["of", "on", "between", "missing", "against", "culprits", "payers", "sees"]);

/** The load that a scenario asks for, over the steady one. */
export function profileOf(from: Pick<Scenario, "banks" | "sites">, given: ScenarioLoad): LoadProfile {
  const { callsPerSecond: steadyRate, ...steady } = STEADY_PROFILE;
  const { callsPerSecond = steadyRate, payers, ...rest } = given;
  const changes = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...steady,
    ...changes,
    ...(callsPerSecond === undefined || callsPerSecond === 0 ? {} : { callsPerSecond }),
    ...(payers === undefined ? {} : { payers: banksOf(from, payers) }),
  };
}

/** The banks that a list of banks and sites means; `all` means every one. */
export function banksOf(from: Pick<Scenario, "banks" | "sites">, list: readonly string[]): readonly string[] {
  const chosen = list.flatMap((each) => (each === "all" ? from.banks : (from.sites[each] ?? [each])));
  return [...new Set(chosen)];
}

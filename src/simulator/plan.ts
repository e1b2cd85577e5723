import type { SchemeName } from "../crypto/index.js";
import { VALIDATORS_MAX, VALIDATORS_MIN } from "../primitives/index.js";
import { BEHAVIOUR_NAMES, type BehaviourName } from "./adversaries/index.js";
import { FAULTS, ROLES, type RoleName, type Roles } from "./faults.js";
import { Random } from "./random.js";
import type { SimulationOptions } from "./simulation.js";

/** One history before it is played: plain data, so that it can be written down, changed and played again. */
export interface Plan {
  readonly options: SimulationOptions;
  readonly faults: FaultPlan;
}

/** What befalls the machines while they are under fire. */
export interface FaultPlan {
  /** Time under fire, ms. */
  readonly fireMs: number;
  readonly batchesPerSecond: number;
  /** Names of the conditions that the options hold, for coverage. */
  readonly conditions: readonly string[];
  /** Mean time between two acts, ms, by the name of the fault; one that is not here does not happen. */
  readonly meanMs: Readonly<Record<string, number>>;
  /** Validators that are faulty for good, by kind; liars, twins and broken clocks stand in the options too. */
  readonly roles: Roles;
  /** Whether every machine loses power at the moment before the healing. */
  readonly endsInBlackout: boolean;
  /** Whether liars go on lying after the network has healed. */
  readonly lieOn: boolean;
  /** Where it is there: the only acts that happen, each as "crash 3", the third of its kind. */
  readonly onlyActs?: readonly string[];
  /** Where it is there: the only submissions, by number, counted from 1. */
  readonly onlySubmissions?: readonly number[];
}

/** More time under fire where validators change, ms: votes take their time. */
const CHANGING_MS = 3_000;

/** What a condition is drawn for. */
interface Circumstances {
  readonly validators: number;
  readonly roles: Roles;
}

type Conditions = Omit<Partial<SimulationOptions>, "seed" | "validators">;

/** Trouble that lasts as long as the fire: drawn in a stream of its own, absent where the draw gives nothing. */
interface Condition {
  readonly name: string;
  readonly draw: (random: Random, circumstances: Circumstances) => Conditions | undefined;
}

/** A new condition is one entry here; what it sets is merged into the options. */
export const CONDITIONS: readonly Condition[] = [
  {
    name: "loss",
    draw: (random) => (random.chance(0.5) ? { network: { lossRatio: random.between(0, 0.3) } } : undefined),
  },
  {
    name: "late repetition",
    draw: (random) => (random.chance(0.3) ? { network: { replayRatio: random.between(0, 0.2) } } : undefined),
  },
  {
    name: "duplication",
    draw: (random) => (random.chance(0.2) ? { network: { duplicateRatio: random.between(0, 0.3) } } : undefined),
  },
  {
    name: "reordering",
    draw: (random) => (random.chance(0.2) ? { network: { reorderRatio: random.between(0, 0.2) } } : undefined),
  },
  {
    name: "corruption on the wire",
    draw: (random) => (random.chance(0.2) ? { network: { breakRatio: 10 ** random.between(-4, -2) } } : undefined),
  },
  {
    name: "stalling disk",
    draw: (random) => (random.chance(0.1) ? { disk: { stallRatio: 10 ** random.between(-3, -1.5) } } : undefined),
  },
  { name: "clock drift", draw: drawDrift },
  { name: "failing disk", draw: (random) => (random.chance(0.1) ? { disk: { failureRatio: 0.002 } } : undefined) },
  { name: "slow execution", draw: drawExecution },
];

/**
 * The history of a seed. Every kind of fault has a stream of its own: one more or less changes no other.
 *
 * @param joiners banks beside the first validators that may be voted in; drawn where it is absent
 */
export function drawPlan(seed: number, validators: number, joiners = drawJoiners(seed, validators)): Plan {
  const roles = drawRoles(new Random(seed, "roles"), validators);
  const circumstances = { validators, roles };
  let options = drawSetting(new Random(seed, "setting"), seed, circumstances);
  const conditions: string[] = [];
  for (const { name, draw } of CONDITIONS) {
    const condition = draw(new Random(seed, `condition ${name}`), circumstances);
    if (condition === undefined) continue;
    conditions.push(name);
    options = merged(options, condition);
  }
  const meanMs: Record<string, number> = {};
  for (const { name, draw } of FAULTS) {
    const mean = draw(new Random(seed, `rate of ${name}`), roles, joiners);
    if (mean !== undefined) meanMs[name] = mean;
  }
  const adversaries = drawBehaviours(seed, roles.liar ?? []);
  const random = new Random(seed, "plan");
  return {
    options: {
      ...options,
      ...(joiners > 0 ? { joiners } : {}),
      ...{ adversaries, twins: roles.twin ?? [], restored: roles["rolled-back"] ?? [] },
    },
    faults: {
      fireMs: random.integer(5_000, 12_000) + (joiners > 0 ? CHANGING_MS : 0),
      batchesPerSecond: random.pick([1, 3, 6, 12]),
      conditions,
      meanMs,
      roles,
      endsInBlackout: random.chance((roles.lost ?? []).length > 0 ? 0.6 : 0.2),
      lieOn: random.chance(0.5),
    },
  };
}

/**
 * Reads a plan from its file. Options and faults that are left out are the plainest ones, so that a history written by
 * hand may be short.
 *
 * @throws {SyntaxError} for anything but JSON
 * @throws {TypeError} where it is no plan
 */
export function parsePlan(text: string): Plan {
  const read: unknown = JSON.parse(text);
  const { options, faults } = (typeof read === "object" && read !== null ? read : {}) as Partial<Plan>;
  if (!Number.isSafeInteger(options?.seed)) throw new TypeError("options.seed has to be a whole number");
  if (options === undefined || !(options.validators >= VALIDATORS_MIN && options.validators <= VALIDATORS_MAX)) {
    throw new TypeError(`options.validators has to be from ${VALIDATORS_MIN} to ${VALIDATORS_MAX}`);
  }
  const names = Object.values(options.adversaries ?? {}).flat();
  const unknown = names.find((name) => !BEHAVIOUR_NAMES.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no behaviour ${unknown}`);
  const fault = Object.keys(faults?.meanMs ?? {}).find((wanted) => !FAULTS.some(({ name }) => name === wanted));
  if (fault !== undefined) throw new TypeError(`there is no fault ${fault}`);
  return { options, faults: { ...PLAIN_FAULTS, ...faults } };
}

const PLAIN_FAULTS: FaultPlan = {
  fireMs: 5_000,
  batchesPerSecond: 6,
  conditions: [],
  meanMs: {},
  roles: {},
  endsInBlackout: false,
  lieOn: false,
};

/** What every history has in one way or another: speeds, clocks, checkpoints, the scheme, a heartbeat or none. */
function drawSetting(random: Random, seed: number, { validators, roles }: Circumstances): SimulationOptions {
  const skewMs: Record<number, number> = {};
  for (let index = 0; index < validators; index += 1) {
    const isBroken = roles["bad-clock"]?.includes(index) === true;
    skewMs[index] = isBroken ? random.pick([-3_600_000, -5_000, 5_000, 3_600_000]) : random.between(-200, 200);
  }
  return {
    seed,
    validators,
    scheme: drawScheme(random),
    checkpointBlocks: random.pick([1, 4, 8, 16]),
    network: { delayMs: [random.between(0.2, 2), random.pick([3, 10, 40, 150])] },
    disk: { writeMs: random.pick([[0.1, 1] as const, [1, 10] as const, [0.2, 80] as const]) },
    timing: random.chance(0.15) ? { maxIdleMs: 1_500 } : {},
    skewMs,
  };
}

/** In one history of eight validators change: machines of other banks, mostly one or two, wait to be voted in. */
function drawJoiners(seed: number, validators: number): number {
  const random = new Random(seed, "joiners");
  return random.chance(1 / 8) ? Math.min(random.pick([1, 1, 2, 2, 3]), VALIDATORS_MAX - validators) : 0;
}

/** Each place of the budget of f is spent on one kind of faulty validator, or on none. */
function drawRoles(random: Random, validators: number): Roles {
  const faults = Math.floor((validators - 1) / 3);
  const everybody = Array.from({ length: validators }, (_, index) => index);
  const spent: { [Name in RoleName]?: number[] } = {};
  for (const index of random.sample(everybody, faults)) {
    let rest = random.fraction();
    for (const { name, share } of ROLES) {
      if (rest < share) {
        spent[name] = [...(spent[name] ?? []), index];
        break;
      }
      rest -= share;
    }
  }
  return spent;
}

function drawBehaviours(seed: number, liars: readonly number[]): Record<number, readonly BehaviourName[]> {
  const adversaries: Record<number, readonly BehaviourName[]> = {};
  // Some conspire: all do the same, with what each of them knows.
  const together = new Random(seed, "conspiracy");
  const shared = together.chance(0.35) ? together.sample(BEHAVIOUR_NAMES, together.integer(1, 3)) : undefined;
  for (const index of liars) {
    const random = new Random(seed, `liar ${index}`);
    adversaries[index] = shared ?? random.sample(BEHAVIOUR_NAMES, random.integer(1, 3));
  }
  return adversaries;
}

/** Real signatures on one seed in twenty: they behave the same and cost a hundred times more. */
function drawScheme(random: Random): SchemeName {
  if (!random.chance(0.05)) return "keyed-hash";
  return random.chance(0.5) ? "bls12381" : "ed25519";
}

/** Millionths to a tenth: quartz is off by tens of millionths, the clock of a moved or loaded virtual machine by more. */
function drawDrift(random: Random, { validators, roles }: Circumstances): Conditions | undefined {
  const driftRatio: Record<number, number> = {};
  for (let index = 0; index < validators; index += 1) {
    if (random.chance(0.5)) driftRatio[index] = (random.chance(0.5) ? 1 : -1) * 10 ** random.between(-6, -1);
  }
  return random.chance(0.3) ? { driftRatio, unsetClocks: roles["bad-clock"] ?? [] } : undefined;
}

function drawExecution(random: Random, { validators }: Circumstances): Conditions | undefined {
  const executionMs: Record<number, number> = {};
  for (let index = 0; index < validators; index += 1) {
    if (random.chance(0.12)) executionMs[index] = random.between(10, 200);
  }
  return Object.keys(executionMs).length > 0 ? { executionMs } : undefined;
}

function merged(options: SimulationOptions, more: Conditions = {}): SimulationOptions {
  return {
    ...options,
    ...more,
    network: { ...options.network, ...more.network },
    disk: { ...options.disk, ...more.disk },
    timing: { ...options.timing, ...more.timing },
  };
}

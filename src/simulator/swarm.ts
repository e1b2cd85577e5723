import type { SchemeName } from "../crypto/index.js";
import { BEHAVIOUR_NAMES, type BehaviourName } from "./adversaries/index.js";
import type { Violation } from "./checkers/index.js";
import type { LinkState } from "./network.js";
import type { SimulatedNode } from "./node.js";
import { Random } from "./random.js";
import { Simulation, type SimulationOptions } from "./simulation.js";

/** Which faults a seed has, and how strong they are. */
interface FaultPlan {
  readonly fireMs: number;
  readonly batchesPerSecond: number;
  /** Mean time between two faults of a kind, ms; Infinity: none. */
  readonly meanMs: {
    readonly crash: number;
    readonly crashAmidTurn: number;
    readonly blackout: number;
    readonly partition: number;
    readonly pause: number;
    readonly slowLink: number;
    readonly twinMove: number;
    readonly clockStep: number;
  };
  /** Validators with a broken clock. */
  readonly badClocks: readonly number[];
  readonly wiped: readonly number[];
  /** Honest validators that go down for good at some time under fire. */
  readonly lost: readonly number[];
  /** Whether every machine loses power at the moment before the healing. */
  readonly endsInBlackout: boolean;
  /** Whether liars go on lying after the network has healed. */
  readonly lieOn: boolean;
}

/** What came of one seed. */
export interface SeedReport {
  readonly seed: number;
  readonly digest: string;
  readonly violations: readonly Violation[];
  readonly height: number;
  readonly events: number;
  readonly summary: string;
}

/** After healing, virtual time for everything to become final, and for a settled network to show silence. */
const SETTLE_MS = 90_000;
const LAST_BLOCK_MS = 4_000;
const SILENCE_MS = 8_000;

/** Runs one seed: faults drawn by it for some seconds, then a healed network of which progress is demanded. */
export function runSeed(seed: number, validators: number): SeedReport {
  const random = new Random(seed, "plan");
  const { options, plan } = draw(random, seed, validators);
  const simulation = new Simulation(options);
  const nemesis = new Nemesis(simulation, plan, new Random(seed, "nemesis"));
  simulation.load(plan.batchesPerSecond, plan.fireMs);
  nemesis.begin();
  runGuarded(simulation, plan.fireMs);
  nemesis.end();
  if (simulation.violations.length === 0) demandProgress(simulation, options, plan);
  return {
    seed,
    digest: simulation.digest,
    violations: simulation.violations,
    height: simulation.height,
    events: simulation.events,
    summary: `${describe(options, plan)}\n${simulation.summary()}`,
  };
}

/** Stops early once a rule is broken: what follows a fork says nothing. */
function runGuarded(simulation: Simulation, ms: number): void {
  for (let passed = 0; passed < ms && simulation.violations.length === 0; passed += 500) simulation.runFor(500);
}

function demandProgress(simulation: Simulation, options: SimulationOptions, plan: FaultPlan): void {
  const lost = plan.lost.map((index) => simulation.nodes[index] as SimulatedNode);
  simulation.heal({ except: lost, behave: !plan.lieOn });
  const isSettled = simulation.settle(SETTLE_MS);
  simulation.demand(
    isSettled,
    "LIVE-1: after healing everything admitted becomes final and is executed",
    () => `${simulation.unfinished().length} batches are not; ${simulation.summary()}`,
  );
  const isQuiet = Object.keys(options.adversaries ?? {}).length === 0 || !plan.lieOn;
  if (!isSettled || !isQuiet || (options.twins ?? []).length > 0) return;
  if (options.timing?.maxIdleMs !== undefined) return;
  // What is under way may end first, and what a liar admitted may still be ordered.
  simulation.runFor(LAST_BLOCK_MS);
  while (!simulation.isSettled() && simulation.settle(SETTLE_MS)) simulation.runFor(LAST_BLOCK_MS);
  // A block that a liar dated ahead may become votable only now.
  const hasLied = Object.keys(options.adversaries ?? {}).length > 0;
  const isSilent = simulation.isSilent(SILENCE_MS) || (hasLied && simulation.isSilent(SILENCE_MS));
  simulation.demand(isSilent, "PACE-4: an idle network is silent", () => simulation.summary());
}

function draw(random: Random, seed: number, validators: number): { options: SimulationOptions; plan: FaultPlan } {
  const faults = Math.floor((validators - 1) / 3);
  // Each place of the budget is spent on one kind of faulty validator, or on none.
  const chosen = random.sample(
    Array.from({ length: validators }, (_, index) => index),
    faults,
  );
  const adversaries: Record<number, readonly BehaviourName[]> = {};
  const spent = { twins: [] as number[], badClocks: [] as number[], wiped: [] as number[], lost: [] as number[] };
  for (const index of chosen) {
    const kind = random.fraction();
    if (kind < 0.5) adversaries[index] = random.sample(BEHAVIOUR_NAMES, random.integer(1, 3));
    else if (kind < 0.65) spent.twins.push(index);
    else if (kind < 0.72) spent.badClocks.push(index);
    else if (kind < 0.8) spent.wiped.push(index);
    else if (kind < 0.95) spent.lost.push(index);
  }
  const skewMs: Record<number, number> = {};
  const executionMs: Record<number, number> = {};
  for (let index = 0; index < validators; index += 1) {
    skewMs[index] = spent.badClocks.includes(index)
      ? random.pick([-3_600_000, -5_000, 5_000, 3_600_000])
      : random.between(-200, 200);
    if (random.chance(0.12)) executionMs[index] = random.between(10, 200);
  }
  const slowest = random.pick([3, 10, 40, 150]);
  const options: SimulationOptions = {
    seed,
    validators,
    scheme: drawScheme(random),
    checkpointBlocks: random.pick([1, 4, 8, 16]),
    network: {
      delayMs: [random.between(0.2, 2), slowest],
      lossRatio: random.chance(0.5) ? random.between(0, 0.3) : 0,
      replayRatio: random.chance(0.3) ? random.between(0, 0.2) : 0,
    },
    disk: {
      writeMs: random.pick([[0.1, 1] as const, [1, 10] as const, [0.2, 80] as const]),
      failureRatio: random.chance(0.1) ? 0.002 : 0,
    },
    timing: random.chance(0.15) ? { maxIdleMs: 1_500 } : {},
    adversaries,
    twins: spent.twins,
    skewMs,
    executionMs,
  };
  const often = (probability: number, meanMs: number): number =>
    random.chance(probability) ? meanMs * random.between(0.5, 2) : Number.POSITIVE_INFINITY;
  const { twins: _, ...rest } = spent;
  const plan: FaultPlan = {
    ...rest,
    fireMs: random.integer(5_000, 12_000),
    batchesPerSecond: random.pick([1, 3, 6, 12]),
    meanMs: {
      crash: often(0.5, 2_000),
      crashAmidTurn: often(0.4, 1_500),
      blackout: often(0.25, 5_000),
      partition: often(0.5, 2_000),
      pause: often(0.2, 1_500),
      slowLink: often(0.2, 1_000),
      twinMove: often(spent.twins.length > 0 ? 0.8 : 0, 400),
      clockStep: often(spent.badClocks.length > 0 ? 0.5 : 0, 1_500),
    },
    endsInBlackout: random.chance(spent.lost.length > 0 ? 0.6 : 0.2),
    lieOn: random.chance(0.5),
  };
  return { options, plan };
}

/** Real signatures on one seed in twenty: they behave the same and cost a hundred times more. */
function drawScheme(random: Random): SchemeName {
  if (!random.chance(0.05)) return "keyed-hash";
  return random.chance(0.5) ? "bls12381" : "ed25519";
}

const describe = (options: SimulationOptions, plan: FaultPlan): string =>
  JSON.stringify({ ...options, ...plan }, (_key, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toFixed(2)) : value,
  );

/** Brings the faults of a plan upon a simulation while it is on fire. */
class Nemesis {
  readonly #simulation: Simulation;
  readonly #plan: FaultPlan;
  readonly #random: Random;
  #isOver = false;

  constructor(simulation: Simulation, plan: FaultPlan, random: Random) {
    this.#simulation = simulation;
    this.#plan = plan;
    this.#random = random;
  }

  begin(): void {
    const { meanMs, wiped, lost, fireMs } = this.#plan;
    this.#repeat(meanMs.crash, () => this.#crash(this.#random.pick(this.#simulation.nodes)));
    this.#repeat(meanMs.crashAmidTurn, () => this.#crashAmidTurn());
    this.#repeat(meanMs.blackout, () => this.#blackout());
    this.#repeat(meanMs.partition, () => this.#partition());
    this.#repeat(meanMs.pause, () => this.#random.pick(this.#simulation.nodes).pause(this.#random.between(50, 2_000)));
    this.#repeat(meanMs.slowLink, () => this.#slowLink());
    this.#repeat(meanMs.twinMove, () => this.#moveTwins());
    this.#repeat(meanMs.clockStep, () => this.#stepClocks());
    for (const index of lost) {
      this.#simulation.queue.at(this.#random.between(0, fireMs), () => this.#simulation.nodes[index]?.crash());
    }
    for (const index of wiped) {
      this.#simulation.queue.at(this.#random.between(1_000, fireMs - 1_000), () => this.#wipe(index));
    }
  }

  /** Nothing new happens; what is down comes up with the healing. */
  end(): void {
    this.#isOver = true;
    if (this.#plan.endsInBlackout) for (const node of this.#simulation.nodes) node.crash();
  }

  #repeat(meanMs: number, act: () => void): void {
    if (!Number.isFinite(meanMs)) return;
    this.#simulation.queue.after(-Math.log(1 - this.#random.fraction()) * meanMs, () => {
      if (this.#isOver) return;
      act();
      this.#repeat(meanMs, act);
    });
  }

  #crash(node: SimulatedNode, downMs = this.#random.between(0, 2_500)): void {
    node.crash();
    this.#restart(node, downMs);
  }

  #restart(node: SimulatedNode, downMs: number): void {
    if (this.#plan.lost.includes(node.id)) return;
    this.#simulation.queue.after(downMs, () => {
      if (!this.#isOver) node.start();
    });
  }

  /** Somewhere between two frames of a turn: some peers hear of it, others do not. */
  #crashAmidTurn(): void {
    const node = this.#random.pick(this.#simulation.nodes);
    node.crashAfterSends(this.#random.integer(1, 40));
    this.#restart(node, this.#random.between(500, 3_000));
  }

  #blackout(): void {
    for (const node of this.#simulation.nodes) this.#crash(node, this.#random.between(0, 800));
  }

  #partition(): void {
    const random = this.#random;
    const { nodes, network } = this.#simulation;
    const state: LinkState = random.pick(["refusing", "swallowing", "stalled"]);
    const shape = random.fraction();
    if (shape < 0.5) {
      const left = nodes.filter(() => random.chance(0.5));
      this.#simulation.partition([left, nodes.filter((node) => !left.includes(node))], state);
    } else if (shape < 0.75) {
      const alone = random.pick(nodes);
      this.#simulation.partition([nodes.filter((node) => node !== alone)], state);
    } else {
      // One direction of some links only.
      for (const from of nodes) for (const to of nodes) if (random.chance(0.3)) network.setLink(from, to, state);
    }
    this.#simulation.queue.after(random.between(100, 4_000), () => {
      if (!this.#isOver) for (const from of nodes) for (const to of nodes) network.setLink(from, to, "up");
    });
  }

  #slowLink(): void {
    const { nodes, network } = this.#simulation;
    network.slowDown(this.#random.pick(nodes), this.#random.pick(nodes), this.#random.between(0, 800));
  }

  #moveTwins(): void {
    for (const twin of this.#simulation.options.twins ?? []) {
      for (const peer of this.#simulation.nodes) {
        if (this.#random.chance(0.4)) this.#simulation.setTwinSide(peer, twin, this.#random.chance(0.5) ? 0 : 1);
      }
    }
  }

  #stepClocks(): void {
    for (const index of this.#plan.badClocks) {
      const node = this.#simulation.nodes[index] as SimulatedNode;
      node.skewMs = this.#random.between(-10_000, 10_000);
    }
  }

  #wipe(index: number): void {
    const node = this.#simulation.nodes[index] as SimulatedNode;
    node.wipe();
    this.#restart(node, this.#random.between(0, 1_000));
  }
}

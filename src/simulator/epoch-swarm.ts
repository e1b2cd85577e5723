import { BEHAVIOUR_NAMES, type BehaviourName } from "./adversaries/index.js";
import type { SimulatedNode } from "./node.js";
import { Random } from "./random.js";
import { Simulation } from "./simulation.js";
import type { SeedReport } from "./swarm.js";

/** Banks with a machine; the first four validate in the beginning. */
const BANKS = 7;
const FIRST = 4;
/** Under fire; then time for everything to become final. */
const FIRE_MS = 14_000;
const SETTLE_MS = 120_000;

const faultsOf = (n: number): number => Math.floor((n - 1) / 3);

/**
 * Runs one seed of changing validators: joiners, leavers and sizes between four and seven, with machines that crash,
 * lie, lose their disks or are cut off around the switches; then a healed network of which progress is demanded.
 */
export function runEpochSeed(seed: number): SeedReport {
  const random = new Random(seed, "epochs");
  const liar = random.chance(0.5) ? random.integer(0, FIRST - 1) : undefined;
  const wiped = liar === undefined && random.chance(0.3) ? random.integer(0, FIRST - 1) : undefined;
  const adversaries: Record<number, readonly BehaviourName[]> =
    liar === undefined ? {} : { [liar]: random.sample(BEHAVIOUR_NAMES, random.integer(1, 3)) };
  const simulation = new Simulation({
    seed,
    validators: FIRST,
    joiners: BANKS - FIRST,
    checkpointBlocks: random.pick([1, 4, 16]),
    network: {
      delayMs: [random.between(0.2, 2), random.pick([4, 20, 80])],
      lossRatio: random.chance(0.5) ? random.between(0, 0.2) : 0,
      replayRatio: random.chance(0.3) ? random.between(0, 0.2) : 0,
    },
    disk: { writeMs: random.pick([[0.1, 1] as const, [1, 30] as const]), failureRatio: 0 },
    adversaries,
    executionMs: random.chance(0.4) ? { [random.integer(0, BANKS - 1)]: random.between(20, 250) } : {},
  });
  simulation.load(random.pick([2, 6, 12]), FIRE_MS);
  const fire = new Fire(simulation, random);
  fire.begin();
  for (let passed = 0; passed < FIRE_MS && simulation.violations.length === 0; passed += 250) {
    simulation.runFor(250);
    if (wiped !== undefined && passed === 3_000) simulation.nodes[wiped]?.wipe();
  }
  fire.end();
  if (simulation.violations.length === 0) demandEnd(simulation);
  return {
    seed,
    digest: simulation.digest,
    violations: simulation.violations,
    height: simulation.height,
    events: simulation.events,
    acts: [],
    submissions: simulation.submissions,
    coverage: simulation.coverage.counts,
    summary: `${JSON.stringify({ liar, wiped, adversaries, epoch: simulation.epoch })}\n${simulation.summary()}`,
  };
}

function demandEnd(simulation: Simulation): void {
  simulation.heal({ behave: true });
  simulation.demand(
    simulation.settle(SETTLE_MS),
    "LIVE-1: after healing everything admitted becomes final and is executed, in whatever epoch",
    () => `${simulation.unfinished().length} batches are not; ${simulation.summary()}`,
  );
}

/** Changes of the set, and faults that gather around them. */
class Fire {
  readonly #simulation: Simulation;
  readonly #random: Random;
  #isOver = false;

  constructor(simulation: Simulation, random: Random) {
    this.#simulation = simulation;
    this.#random = random;
  }

  begin(): void {
    const random = this.#random;
    const often = (probability: number, meanMs: number): number =>
      random.chance(probability) ? meanMs : Number.POSITIVE_INFINITY;
    this.#repeat(2_500, () => this.#change());
    this.#repeat(often(0.6, 1_500), () => this.#crash(random.pick(this.#simulation.nodes)));
    this.#repeat(often(0.4, 1_500), () => {
      const node = random.pick(this.#simulation.nodes);
      node.crashAfterSends(random.integer(1, 40));
      this.#restart(node);
    });
    this.#repeat(often(0.3, 3_000), () => this.#partition());
    this.#repeat(often(0.2, 5_000), () => {
      for (const node of this.#simulation.nodes) this.#crash(node);
    });
  }

  end(): void {
    this.#isOver = true;
  }

  /** A set of which no more are faulty, now or for good, than it survives. */
  #change(): void {
    const random = this.#random;
    const indices = Array.from({ length: BANKS }, (_, index) => index);
    const members = random.sample(indices, random.integer(4, BANKS));
    const faulty = members.filter(
      (index) => !this.#simulation.isHonest(index) || this.#simulation.nodes[index]?.mayVote === false,
    );
    if (faulty.length > faultsOf(members.length)) return;
    this.#simulation.changeValidators(members);
  }

  #crash(node: SimulatedNode): void {
    node.crash();
    this.#restart(node);
  }

  #restart(node: SimulatedNode): void {
    this.#simulation.queue.after(this.#random.between(0, 2_500), () => {
      if (!this.#isOver) node.start();
    });
  }

  #partition(): void {
    const random = this.#random;
    const { nodes, network } = this.#simulation;
    const left = nodes.filter(() => random.chance(0.5));
    this.#simulation.partition(
      [left, nodes.filter((node) => !left.includes(node))],
      random.pick(["refusing", "swallowing"]),
    );
    this.#simulation.queue.after(random.between(100, 3_000), () => {
      if (!this.#isOver) for (const from of nodes) for (const to of nodes) network.setLink(from, to, "up");
    });
  }

  #repeat(meanMs: number, act: () => void): void {
    if (!Number.isFinite(meanMs)) return;
    this.#simulation.queue.after(-Math.log(1 - this.#random.fraction()) * meanMs, () => {
      if (this.#isOver) return;
      act();
      this.#repeat(meanMs, act);
    });
  }
}

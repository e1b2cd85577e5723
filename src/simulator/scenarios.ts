import { BEHAVIOUR_NAMES, type BehaviourName } from "./adversaries/index.js";
import { DIRECTED_SCENARIOS } from "./directed-scenarios.js";
import { FORGED_SCENARIOS } from "./forged-scenarios.js";
import type { SimulatedNode } from "./node.js";
import { Random } from "./random.js";
import { Simulation, type SimulationOptions } from "./simulation.js";
import { playTwinsCase, TwinsEnumeration } from "./twins.js";

/** A history that somebody thought of, played with the details of a seed. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly run: (seed: number, validators: number) => Simulation;
}

const SETTLE_MS = 90_000;
const SILENCE_MS = 6_000;

const LIVE = "LIVE-1: after healing everything admitted becomes final and is executed";

/** Heals, and demands that everything ends well. */
function demandSettled(simulation: Simulation, except: readonly SimulatedNode[] = [], behave = true): Simulation {
  simulation.heal({ except, behave });
  simulation.demand(simulation.settle(SETTLE_MS), LIVE, () => simulation.summary());
  return simulation;
}

function demandProgress(simulation: Simulation, heights: number, limitMs: number, rule: string): void {
  simulation.demand(simulation.progress({ heights, limitMs }), rule, () => simulation.summary());
}

function start(seed: number, validators: number, options: Partial<SimulationOptions> = {}): Simulation {
  return new Simulation({ seed, validators, network: { delayMs: [0.5, 8] }, ...options });
}

function baseline(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators);
  simulation.load(8, 4_000);
  simulation.runFor(4_000);
  demandSettled(simulation);
  simulation.runFor(3_000);
  simulation.demand(simulation.isSilent(SILENCE_MS), "PACE-4: an idle network is silent", () => simulation.summary());
  return simulation;
}

/** Everything stops at once, again and again; in the end f machines never come back (attacks 39, 50 and 56). */
function totalBlackout(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators, { disk: { writeMs: [0.5, 20] } });
  simulation.load(6, 9_000);
  for (let round = 0; round < 8; round += 1) {
    simulation.runFor(random.between(100, 900));
    for (const node of simulation.nodes) {
      if (random.chance(0.3)) node.crashAfterSends(random.integer(1, 6));
      else node.crash();
    }
    simulation.runFor(random.between(0, 50));
    for (const node of simulation.nodes) node.crash();
    for (const node of simulation.nodes) node.start();
  }
  const faults = Math.floor((validators - 1) / 3);
  return demandSettled(simulation, random.sample(simulation.nodes, faults));
}

/**
 * One machine hears every vote and is heard by nobody, so that it alone holds the certificate of a view
 * that the others skip; it leads early or late after healing (attack 47).
 */
function loneCertificateHolder(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators);
  simulation.load(6, 6_000);
  const { nodes, network } = simulation;
  for (let round = 0; round < 4; round += 1) {
    simulation.runFor(random.between(50, 600));
    const holder = random.pick(nodes);
    const leaderDelayMs = random.between(5, 60);
    for (const from of nodes) {
      for (const to of nodes) if (from !== to && to !== holder) network.setLink(from, to, "swallowing");
    }
    simulation.runFor(leaderDelayMs);
    const others = nodes.filter((node) => node !== holder);
    simulation.partition([others], "swallowing");
    simulation.runFor(random.between(200, 1_500));
    if (random.chance(0.4)) holder.crash();
    simulation.partition([nodes]);
    if (random.chance(0.5)) simulation.runFor(random.between(0, 300));
    holder.start();
  }
  return demandSettled(simulation);
}

/** f machines are down from the start: their views cost a round trip once they count as away. */
function leaderDown(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators);
  const down = random.sample(simulation.nodes, Math.floor((validators - 1) / 3));
  for (const node of down) node.crash();
  simulation.runFor(3_000);
  demandProgress(simulation, 20, 20_000, "PACE-5: views of leaders that are away are left at once");
  const left = simulation.coverage.counts.facts["timed out: leader-inactive"] ?? 0;
  simulation.demand(left > 0, "PACE-5: a leader that is away is not waited for", () => simulation.summary());
  return demandSettled(simulation, down);
}

/** One machine needs a third of a second for each block, then all do. */
function slowExecutor(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const slow = random.integer(0, validators - 1);
  const simulation = start(seed, validators, { executionMs: { [slow]: 300 } });
  simulation.load(8, 6_000);
  simulation.runFor(3_000);
  for (const node of simulation.nodes) node.executionMs = 250;
  simulation.runFor(3_000);
  demandSettled(simulation);
  return simulation;
}

/** A machine misses hundreds of blocks and fetches them in ranges under load (attacks 62 and 68). */
function longCatchUp(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators, { network: { delayMs: [0.2, 1] }, checkpointBlocks: 16 });
  const late = random.pick(simulation.nodes);
  const others = simulation.nodes.filter((node) => node !== late);
  if (random.chance(0.5)) late.crash();
  simulation.partition([others]);
  simulation.load(20, 20_000);
  simulation.demand(
    simulation.runUntil({ height: 400, limitMs: 60_000 }),
    "LIVE-2: a quorum makes progress without the rest",
    () => simulation.summary(),
  );
  simulation.partition([simulation.nodes]);
  // Far enough away that going back block by block does not get there first.
  for (const node of others) {
    simulation.network.slowDown(late, node, 40);
    simulation.network.slowDown(node, late, 40);
  }
  late.start();
  simulation.load(10, simulation.queue.now + 3_000);
  const isHere = simulation.settle(30_000);
  simulation.demand(isHere, "SYNC-1: a laggard catches up under load", () => simulation.summary());
  simulation.demand(simulation.rangesFetched > 0, "SYNC-1: through ranges", () => simulation.summary());
  return demandSettled(simulation);
}

/** f validators lose their disks: they follow and never vote again with that key (attacks 51 and 60). */
function wiped(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators);
  simulation.load(8, 6_000);
  for (const node of random.sample(simulation.nodes, Math.floor((validators - 1) / 3))) {
    simulation.runFor(random.between(300, 2_000));
    node.wipe();
    simulation.runFor(random.between(0, 500));
    node.start();
  }
  simulation.runFor(2_000);
  return demandSettled(simulation);
}

/** n − q + 1 validators lose their disks: the chain stands still, and nobody votes unsafely (attack 60). */
function wipedBeyondQuorum(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators);
  simulation.load(8, 2_000);
  simulation.runFor(2_000);
  const faults = Math.floor((validators - 1) / 3);
  const beyond = validators - Math.ceil((validators + faults + 1) / 2) + 1;
  for (const node of random.sample(simulation.nodes, beyond)) {
    node.wipe();
    node.start();
  }
  // What was certified before may still become final; then there is nobody to certify more.
  simulation.runFor(5_000);
  const { height } = simulation;
  simulation.load(4, simulation.queue.now + 3_000);
  simulation.runFor(20_000);
  simulation.demand(simulation.height === height, "SAFE-11: no quorum without the lost records", () =>
    simulation.summary(),
  );
  return simulation;
}

/** f validators run twice with one key; each life sees another part of the network (attacks 20 and 52). */
function twins(seed: number, validators: number): Simulation {
  return playTwins(seed, validators, Math.floor((validators - 1) / 3));
}

function playTwins(seed: number, validators: number, count: number): Simulation {
  const random = new Random(seed, "scenario");
  const indices = random.sample(
    Array.from({ length: validators }, (_, index) => index),
    count,
  );
  const simulation = start(seed, validators, { twins: indices });
  simulation.load(8, 8_000);
  const honest = simulation.honest;
  for (let round = 0; round < 10 && simulation.forks().length === 0; round += 1) {
    // Two sides of the network, each with its own life of every twin.
    const left = honest.filter(() => random.chance(0.5));
    for (const node of simulation.nodes) {
      const side = left.includes(node) || (!node.isHonest && node.id < validators) ? 0 : 1;
      for (const twin of indices) simulation.setTwinSide(node, twin, side);
    }
    const first = simulation.nodes.filter((node) => left.includes(node) || (!node.isHonest && node.id < validators));
    simulation.partition([first, simulation.nodes.filter((node) => !first.includes(node))], "swallowing");
    simulation.runFor(random.between(200, 1_500));
    simulation.partition([simulation.nodes]);
    simulation.runFor(random.between(0, 300));
  }
  return simulation.violations.length > 0 ? simulation : demandSettled(simulation);
}

/** Views of an enumerated history, and a step through all of them that has no factor in common with their number. */
const ENUMERATED_VIEWS = 4;
const ENUMERATION_STEP = 1_000_003;

/**
 * One of all histories of f twins in four views, the seed's: with four validators 8,192 seeds in a row play every one, with
 * more a sample without repetition (attack 20).
 */
function twinsEnumerated(seed: number, validators: number): Simulation {
  const enumeration = new TwinsEnumeration(validators, ENUMERATED_VIEWS);
  return playTwinsCase(enumeration.at(((seed % enumeration.size) * ENUMERATION_STEP) % enumeration.size));
}

/** f + 1 twins: more than can be borne, and the checkers have to see it (attack 21). */
function tooManyTwins(seed: number, validators: number): Simulation {
  return playTwins(seed, validators, Math.floor((validators - 1) / 3) + 1);
}

/** Every machine sits in another view when the network heals (attack 40). */
function scatteredViews(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators);
  simulation.load(6, 10_000);
  const { nodes } = simulation;
  for (let round = 0; round < 6; round += 1) {
    const quorum = random.sample(nodes, validators - Math.floor((validators - 1) / 3));
    simulation.partition([quorum], "refusing");
    simulation.runFor(random.between(300, 1_500));
    simulation.partition(nodes.map((node) => [node]));
    simulation.runFor(random.between(100, 800));
  }
  simulation.heal();
  simulation.demand(
    simulation.runUntil({ height: simulation.height + 3, limitMs: 10_000 }) || simulation.isSettled(),
    "LIVE-2: scattered views come together without waiting out the longest timer",
    () => simulation.summary(),
  );
  return demandSettled(simulation);
}

/** Disks of f validators take seconds for each write; the others go on (attack 61). */
function slowDisk(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators);
  const slow = random.sample(simulation.nodes, Math.floor((validators - 1) / 3));
  for (const node of slow) node.store.plan = { writeMs: [1_000, 5_000], failureRatio: 0 };
  demandProgress(simulation, 10, 30_000, "LIVE-2: a quorum with quick disks makes progress");
  return demandSettled(simulation);
}

/** Kills and restarts of at most f machines at a time, for long (attack 59). */
function hailstorm(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators, { network: { delayMs: [0.2, 3] } });
  const faults = Math.floor((validators - 1) / 3);
  simulation.load(15, 12_000);
  while (simulation.queue.now < 12_000 && simulation.violations.length === 0) {
    const victims = random.sample(simulation.nodes, faults);
    for (const node of victims) {
      if (random.chance(0.5)) node.crashAfterSends(random.integer(1, 30));
      else node.crash();
    }
    simulation.runFor(random.between(20, 500));
    for (const node of victims) {
      node.crash();
      node.start();
    }
  }
  return demandSettled(simulation);
}

/** Behaviours that sign what excludes itself, and say both to one machine. */
const SELF_CONTRADICTING: readonly BehaviourName[] = ["conflicter", "masked-equivocator", "nuller"];

/** One kind of Byzantine behaviour by f validators, while the network is good: the others go on. */
const withBehaviour = (behaviour: BehaviourName) => (seed: number, validators: number) => {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators, {
    adversaries: sameBehaviours(random, validators, [behaviour]),
    network: { delayMs: [0.5, 15] },
  });
  demandProgress(simulation, 12, 60_000, "LIVE-3: f liars do not stop the others");
  if (SELF_CONTRADICTING.includes(behaviour)) {
    const convicted = new Set(simulation.honest.flatMap(({ replica }) => replica?.evidence() ?? []).map(signerOf));
    const liars = Object.keys(simulation.options.adversaries ?? {});
    const detail = (): string => `convicted ${[...convicted].join()} of ${liars.join()}`;
    simulation.demand(
      convicted.size === liars.length,
      "SAFE-10: who signs both of what excludes itself is convicted",
      detail,
    );
  }
  return demandSettled(simulation, [], false);
};

const signerOf = ({ signer }: { readonly signer: number }): number => signer;

/** The same for f validators. */
function sameBehaviours(
  random: Random,
  validators: number,
  behaviours: readonly BehaviourName[],
): Record<number, readonly BehaviourName[]> {
  const everybody = Array.from({ length: validators }, (_, index) => index);
  const liars = random.sample(everybody, Math.floor((validators - 1) / 3));
  return Object.fromEntries(liars.map((index) => [index, behaviours]));
}

/** What makes liars stronger together than apart. */
const CONSPIRING: readonly BehaviourName[] = [
  "accomplice",
  "hoarder",
  "yes-man",
  "conjugate",
  "nuller",
  "tail-forker",
  "claim-liar",
  "repeater",
  "certificate-withholder",
  "proposal-withholder",
];

/** f colluders in one conspiracy, on a bad network between machines that crash; they never stop (attacks 18 to 22 and 47). */
function conspiracy(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const adversaries = sameBehaviours(random, validators, random.sample(CONSPIRING, 3));
  const network = { delayMs: [0.5, random.pick([5, 40])] as const, lossRatio: random.pick([0, 0.1, 0.2]) };
  const simulation = start(seed, validators, { adversaries, network });
  simulation.load(8, 8_000);
  for (let round = 0; round < 8 && simulation.violations.length === 0; round += 1) {
    const { honest, nodes } = simulation;
    const act = random.fraction();
    const victim = random.pick(honest);
    // Liars reach everybody, whatever befalls the others.
    const left = honest.filter(() => random.chance(0.5));
    const cut = (from: SimulatedNode, to: SimulatedNode): boolean =>
      from.isHonest && to.isHonest && left.includes(from) !== left.includes(to);
    if (act < 0.4) {
      for (const from of nodes) {
        for (const to of nodes) simulation.network.setLink(from, to, cut(from, to) ? "swallowing" : "up");
      }
    } else if (act < 0.7) victim.crash();
    simulation.runFor(random.between(200, 1_500));
    simulation.partition([nodes]);
    victim.start();
  }
  return simulation.violations.length > 0 ? simulation : demandSettled(simulation, [], false);
}

export const SCENARIOS: readonly Scenario[] = [
  { name: "baseline", what: "no faults: everything final, then silence", run: baseline },
  { name: "total-blackout", what: "all machines lose power together, repeatedly", run: totalBlackout },
  { name: "lone-certificate-holder", what: "one machine alone holds a view's certificate", run: loneCertificateHolder },
  { name: "leader-down", what: "f machines are down from the start", run: leaderDown },
  { name: "slow-executor", what: "execution is slower than agreement", run: slowExecutor },
  { name: "long-catch-up", what: "a machine misses 400 blocks", run: longCatchUp },
  { name: "wiped", what: "f validators lose their disks", run: wiped },
  {
    name: "wiped-beyond-quorum",
    what: "more validators lose their disks than a quorum can spare",
    run: wipedBeyondQuorum,
  },
  { name: "twins", what: "f validators run twice with one key", run: twins },
  {
    name: "twins-enumerated",
    what: "every split of the network in the first views, with f validators that live twice",
    run: twinsEnumerated,
  },
  { name: "scattered-views", what: "machines sit in different views when the network heals", run: scatteredViews },
  { name: "slow-disk", what: "f disks take seconds for each write", run: slowDisk },
  { name: "hailstorm", what: "kills and restarts without end", run: hailstorm },
  ...DIRECTED_SCENARIOS,
  ...FORGED_SCENARIOS,
  { name: "conspiracy", what: "f validators collude on a bad network", run: conspiracy },
  ...BEHAVIOUR_NAMES.map((name) => ({ name, what: `f validators: ${name}`, run: withBehaviour(name) })),
];

/** Not among the scenarios, since it has to end badly. */
export const NEGATIVE_CONTROL: Scenario = {
  name: "too-many-twins",
  what: "f + 1 validators run twice with one key: a fork that the checkers report",
  run: tooManyTwins,
};

/** f + 1 accomplices show each half of the others a block of its own and vote for both (attacks 18 and 21). */
function tooManyAccomplices(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const everybody = Array.from({ length: validators }, (_, index) => index);
  const liars = random.sample(everybody, Math.floor((validators - 1) / 3) + 1);
  const adversaries = Object.fromEntries(liars.map((index) => [index, ["accomplice"] as const]));
  const simulation = start(seed, validators, { adversaries });
  simulation.load(8, 8_000);
  for (let round = 0; round < 80 && simulation.forks().length === 0; round += 1) simulation.runFor(100);
  // The other half's finality is on its way: certificates of both are what convicts.
  simulation.runFor(500);
  return simulation;
}

/** Also one that has to end badly. */
export const COLLUDING_CONTROL: Scenario = {
  name: "too-many-accomplices",
  what: "f + 1 colluders back both blocks of a leader of theirs: a fork that the checkers report",
  run: tooManyAccomplices,
};

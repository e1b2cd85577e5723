import { VALIDATORS_MIN } from "../primitives/index.js";
import type { LinkState } from "./network.js";
import type { SimulatedNode } from "./node.js";
import type { Random } from "./random.js";
import type { Simulation } from "./simulation.js";

/** What an act of a fault has to work with. */
export interface FaultTools {
  readonly simulation: Simulation;
  /** This act's own stream: leaving out another act changes nothing here. */
  readonly random: Random;
  readonly roles: Roles;
  /** Time under fire, ms. */
  readonly fireMs: number;
  /** After some time, unless the fire is over by then. */
  later(delayMs: number, run: () => void): void;
  /** Power comes back after some time, unless the validator is lost for good. */
  restart(node: SimulatedNode, downMs: number): void;
}

/** A kind of fault that strikes again and again while the machines are under fire. */
export interface Fault {
  readonly name: string;
  /** Mean time between two acts in a history, ms; undefined where it does not happen. */
  readonly draw: (random: Random, roles: Roles, joiners: number) => number | undefined;
  readonly act: (tools: FaultTools) => void;
}

/** One way of being faulty for good, which takes one of the f places. */
interface Role {
  readonly name: string;
  /** Part of all places, of 1; what is missing to 1 stays unspent. */
  readonly share: number;
  /** What befalls the validator; nothing where the options say it all. */
  readonly begin?: (tools: FaultTools, node: SimulatedNode) => void;
}

const often =
  (probability: number, meanMs: number) =>
  (random: Random): number | undefined =>
    random.chance(probability) ? meanMs * random.between(0.5, 2) : undefined;

/** A new role is one entry here. */
export const ROLES = [
  { name: "liar", share: 0.45 },
  { name: "twin", share: 0.13 },
  { name: "bad-clock", share: 0.07 },
  { name: "wiped", share: 0.06, begin: wipe },
  {
    name: "lost",
    share: 0.12,
    begin: ({ random, fireMs, later }, node) => later(random.between(0, fireMs), () => node.crash()),
  },
  { name: "rotten", share: 0.07, begin: rot },
  { name: "rolled-back", share: 0.07, begin: rollBack },
] as const satisfies readonly Role[];

export type RoleName = (typeof ROLES)[number]["name"];
/** Validators by role. */
export type Roles = Readonly<Partial<Record<RoleName, readonly number[]>>>;

/** A new kind of fault is one entry here. */
export const FAULTS: readonly Fault[] = [
  {
    name: "crash",
    draw: often(0.5, 2_000),
    act: (tools) => crash(tools, tools.random.pick(tools.simulation.nodes), tools.random.between(0, 2_500)),
  },
  { name: "crash amid a turn", draw: often(0.4, 1_500), act: crashAmidTurn },
  { name: "crash between effects", draw: often(0.4, 1_500), act: crashBetweenEffects },
  {
    name: "some crash",
    draw: often(0.2, 3_000),
    act: (tools) => {
      const { random, simulation } = tools;
      for (const node of simulation.nodes) if (random.chance(0.5)) crash(tools, node, random.between(0, 1_500));
    },
  },
  {
    name: "blackout",
    draw: often(0.25, 5_000),
    act: (tools) => {
      for (const node of tools.simulation.nodes) crash(tools, node, tools.random.between(0, 800));
    },
  },
  { name: "partition", draw: often(0.5, 2_000), act: partition },
  { name: "ring partition", draw: often(0.15, 3_000), act: partitionRing },
  { name: "flapping links", draw: often(0.2, 2_500), act: flap },
  {
    name: "broken connections",
    draw: often(0.3, 1_500),
    act: ({ simulation: { network, nodes }, random }) => {
      // Two cables, or a switch that starts anew.
      const ratio = random.chance(0.3) ? 1 : 2 / nodes.length ** 2;
      for (const one of nodes) {
        for (const other of nodes) if (one.id < other.id && random.chance(ratio)) network.breakConnection(one, other);
      }
    },
  },
  { name: "narrow link", draw: often(0.2, 1_500), act: narrow },
  { name: "full disk", draw: often(0.15, 3_000), act: fillDisk },
  {
    name: "pause",
    draw: often(0.2, 1_500),
    act: ({ simulation, random }) => random.pick(simulation.nodes).pause(random.between(50, 2_000)),
  },
  {
    name: "slow link",
    draw: often(0.2, 1_000),
    act: ({ simulation: { network, nodes }, random }) =>
      network.slowDown(random.pick(nodes), random.pick(nodes), random.between(0, 800)),
  },
  {
    name: "moving twins",
    draw: (random, { twin = [] }) => (twin.length > 0 ? often(0.8, 400)(random) : undefined),
    act: moveTwins,
  },
  {
    name: "clock step",
    draw: (random, { "bad-clock": broken = [] }) => (broken.length > 0 ? often(0.5, 1_500)(random) : undefined),
    act: ({ simulation: { nodes }, random, roles }) => {
      for (const index of roles["bad-clock"] ?? []) {
        (nodes[index] as SimulatedNode).skewMs = random.between(-10_000, 10_000);
      }
    },
  },
  {
    name: "common clock step",
    draw: often(0.08, 4_000),
    act: ({ simulation, random }) => simulation.stepAllClocks(random.between(-3_000, 3_000)),
  },
  {
    name: "change of validators",
    draw: (random, _roles, joiners) => (joiners > 0 ? random.between(1_500, 4_000) : undefined),
    act: changeValidators,
  },
];

/** Banks vote for another set, of which no more are faulty than it survives. */
function changeValidators({ simulation, random, roles, fireMs }: FaultTools): void {
  const { validators, joiners = 0 } = simulation.options;
  const everybody = Array.from({ length: validators + joiners }, (_, index) => index);
  const members = random.sample(everybody, random.integer(VALIDATORS_MIN, everybody.length));
  const faulty = new Set(Object.values(roles).flat());
  const survived = Math.floor((members.length - 1) / 3);
  if (members.filter((index) => faulty.has(index)).length > survived) return;
  simulation.changeValidators(members, { untilMs: fireMs, random });
}

function crash(tools: FaultTools, node: SimulatedNode, downMs: number): void {
  node.crash();
  tools.restart(node, downMs);
}

/** Somewhere between two frames of a turn: some peers hear of it, others do not. */
function crashAmidTurn(tools: FaultTools): void {
  const { random, simulation } = tools;
  const node = random.pick(simulation.nodes);
  node.crashAfterSends(random.integer(1, 40));
  tools.restart(node, random.between(500, 3_000));
}

/** Right before or behind any write, its end, or a frame. */
function crashBetweenEffects(tools: FaultTools): void {
  const { random, simulation } = tools;
  const node = random.pick(simulation.nodes);
  node.crashBeforeEffect(random.integer(1, 40));
  tools.restart(node, random.between(500, 3_000));
}

/** Everybody reaches its neighbours only, so that each sees a majority and no two see the same. */
function partitionRing({ simulation, random, later }: FaultTools): void {
  const { nodes, network } = simulation;
  const state: LinkState = random.pick(["refusing", "swallowing", "stalled"]);
  const ring = random.sample(nodes, nodes.length);
  const reach = random.integer(1, Math.floor((nodes.length - 1) / 2));
  for (const [left, from] of ring.entries()) {
    for (const [right, to] of ring.entries()) {
      const apart = Math.min(Math.abs(left - right), nodes.length - Math.abs(left - right));
      if (apart > reach) network.setLink(from, to, state);
    }
  }
  later(random.between(200, 4_000), () => reconnect(simulation));
}

/** Some links, one way or both, come and go several times a second. */
function flap({ simulation, random, later }: FaultTools): void {
  const { nodes, network } = simulation;
  const state: LinkState = random.pick(["refusing", "swallowing", "stalled"]);
  const links = nodes.flatMap((from) => nodes.map((to) => [from, to] as const)).filter(() => random.chance(0.3));
  const periodMs = random.between(20, 300);
  const times = random.integer(2, 12);
  for (let at = 0; at < times; at += 1) {
    later(at * periodMs, () => {
      for (const [from, to] of links) network.setLink(from, to, at % 2 === 0 ? state : "up");
    });
  }
  later(times * periodMs, () => {
    for (const [from, to] of links) network.setLink(from, to, "up");
  });
}

/** Some directions carry 5 to 200 bytes in a millisecond: a batch holds up votes. */
function narrow({ simulation, random, later }: FaultTools): void {
  const { nodes, network } = simulation;
  const from = random.pick(nodes);
  const targets = random.chance(0.5) ? nodes : [random.pick(nodes)];
  const bytesPerMs = 5 * 40 ** random.fraction();
  for (const to of targets) network.narrow(from, to, bytesPerMs);
  later(random.between(500, 4_000), () => {
    for (const to of targets) network.narrow(from, to, Number.POSITIVE_INFINITY);
  });
}

/** Writes fail until somebody makes room; the machine is started again and again meanwhile. */
function fillDisk({ simulation, random, later }: FaultTools): void {
  const { store } = random.pick(simulation.nodes);
  store.isFull = true;
  later(random.between(200, 4_000), () => {
    store.isFull = false;
  });
}

function reconnect({ nodes, network }: Simulation): void {
  for (const from of nodes) for (const to of nodes) network.setLink(from, to, "up");
}

function partition({ simulation, random, later }: FaultTools): void {
  const { nodes, network } = simulation;
  const state: LinkState = random.pick(["refusing", "swallowing", "stalled"]);
  const shape = random.fraction();
  if (shape < 0.5) {
    const left = nodes.filter(() => random.chance(0.5));
    simulation.partition([left, nodes.filter((node) => !left.includes(node))], state);
  } else if (shape < 0.75) {
    const alone = random.pick(nodes);
    simulation.partition([nodes.filter((node) => node !== alone)], state);
  } else {
    // One direction of some links only.
    for (const from of nodes) for (const to of nodes) if (random.chance(0.3)) network.setLink(from, to, state);
  }
  later(random.between(100, 4_000), () => reconnect(simulation));
}

function moveTwins({ simulation, random, roles }: FaultTools): void {
  for (const twin of roles.twin ?? []) {
    for (const peer of simulation.nodes) {
      if (random.chance(0.4)) simulation.setTwinSide(peer, twin, random.chance(0.5) ? 0 : 1);
    }
  }
}

function wipe(tools: FaultTools, node: SimulatedNode): void {
  const { random, fireMs } = tools;
  tools.later(random.between(Math.min(1_000, fireMs / 2), Math.max(fireMs - 1_000, fireMs / 2)), () => {
    node.wipe();
    tools.restart(node, random.between(0, 1_000));
  });
}

/** Bits rot or writes go astray in a few places of a disk; sometimes the machine starts again soon and looks at it. */
function rot(tools: FaultTools, node: SimulatedNode): void {
  const { random, fireMs, later, simulation } = tools;
  for (let times = random.integer(1, 3); times > 0; times -= 1) {
    later(random.between(fireMs / 10, fireMs), () => {
      for (let places = random.integer(1, 8); places > 0; places -= 1) {
        simulation.note(`damage of ${node.name}: ${JSON.stringify(node.store.damage(random))}`);
      }
      if (random.chance(0.5)) crash(tools, node, random.between(0, 1_000));
    });
  }
}

/** An operator puts back what the disk held some time ago, though the machine has voted since. */
function rollBack(tools: FaultTools, node: SimulatedNode): void {
  const { random, fireMs, later, simulation } = tools;
  for (let times = random.integer(1, 2); times > 0; times -= 1) {
    const backedUpMs = random.between(0, fireMs * 0.8);
    later(backedUpMs, () => {
      node.backup = node.store.backup();
    });
    later(random.between(backedUpMs, fireMs), () => {
      if (random.chance(0.3)) {
        node.store.damage(random);
        crash(tools, node, random.between(0, 500));
      } else if (node.backup !== undefined) {
        simulation.restore(node, node.backup);
        tools.restart(node, random.between(0, 1_000));
      }
    });
  }
}

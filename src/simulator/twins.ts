import { Simulation } from "./simulation.js";

/** One history of validators that live twice: who they are, and how the network is split in each of the first views. */
export interface TwinsCase {
  readonly validators: number;
  readonly twins: readonly number[];
  /**
   * By view, from the first on. One life of every twin is on either side; bit i says on which side the i-th of the others
   * is.
   */
  readonly splits: readonly number[];
}

/** Machines take no submissions before they have heard of each other; until then nobody proposes. */
const WARM_UP_MS = 550;
/** A view that no side can leave is given up: the next split comes. */
const VIEW_MS = 150;
const SETTLE_MS = 30_000;
/** Short timeouts, so that a view which is split costs little. */
const TIMING = { firstMs: 40, minMs: 25, maxMs: 60, capMs: 120 };

/** n over k. */
function choose(from: number, count: number): number {
  let ways = 1;
  for (let at = 0; at < count; at += 1) ways = (ways * (from - at)) / (at + 1);
  return Math.round(ways);
}

/**
 * Everything that can happen to f twins of n in so many views, in order: every choice of twins, and for every view every
 * split of the others. Leaders rotate with the views, so every twin leads each part of the network in its turn. Swapping
 * both sides of all views is the same history, so the first split has half as many.
 */
export class TwinsEnumeration {
  readonly validators: number;
  readonly views: number;
  readonly size: number;
  readonly #faults: number;
  readonly #splits: number;

  constructor(validators: number, views: number) {
    this.validators = validators;
    this.views = views;
    this.#faults = Math.floor((validators - 1) / 3);
    this.#splits = 2 ** (validators - this.#faults);
    this.size = choose(validators, this.#faults) * (this.#splits / 2) * this.#splits ** (views - 1);
  }

  /** @param number counted from 0; taken modulo the size */
  at(number: number): TwinsCase {
    let rest = number % this.size;
    const digit = (base: number): number => {
      const value = rest % base;
      rest = Math.floor(rest / base);
      return value;
    };
    const splits = Array.from({ length: this.views }, (_, view) => digit(view === 0 ? this.#splits / 2 : this.#splits));
    return { validators: this.validators, twins: this.#twins(rest), splits };
  }

  /** The combination of f validators with this place in their order. */
  #twins(place: number): number[] {
    const twins: number[] = [];
    let rest = place;
    for (let index = 0; index < this.validators && twins.length < this.#faults; index += 1) {
      const withIt = choose(this.validators - index - 1, this.#faults - twins.length - 1);
      if (rest < withIt) twins.push(index);
      else rest -= withIt;
    }
    return twins;
  }
}

/** Splits the network in every view as the case says, then makes it whole; everything has to become final. */
export function playTwinsCase({ validators, twins, splits }: TwinsCase): Simulation {
  const simulation = new Simulation({ seed: 1, validators, twins, timing: TIMING, network: { delayMs: [1, 3] } });
  simulation.runFor(WARM_UP_MS);
  for (const [at, split] of splits.entries()) {
    part(simulation, { validators, twins, split });
    for (const node of simulation.honest) simulation.submit(node);
    const end = simulation.queue.now + VIEW_MS;
    while (simulation.queue.now < end && highestView(simulation) <= at + 1) simulation.runFor(1);
  }
  simulation.heal();
  const isSettled = simulation.settle(SETTLE_MS);
  simulation.demand(
    isSettled || simulation.violations.length > 0,
    "LIVE-1: after healing everything admitted becomes final and is executed",
    () => simulation.summary(),
  );
  return simulation;
}

const highestView = (simulation: Simulation): number =>
  Math.max(...simulation.honest.map(({ replica }) => replica?.consensus().view ?? 0));

function part(
  simulation: Simulation,
  {
    validators,
    twins,
    split,
  }: { readonly validators: number; readonly twins: readonly number[]; readonly split: number },
): void {
  const sides = new Map<number, 0 | 1>();
  simulation.honest.forEach((node, at) => {
    sides.set(node.id, ((split >>> at) & 1) as 0 | 1);
  });
  for (const node of simulation.nodes) if (!sides.has(node.id)) sides.set(node.id, node.id < validators ? 0 : 1);
  for (const node of simulation.nodes) {
    for (const twin of twins) simulation.setTwinSide(node, twin, sides.get(node.id) as 0 | 1);
  }
  const groups = [0, 1].map((side) => simulation.nodes.filter(({ id }) => sides.get(id) === side));
  simulation.partition(groups, "swallowing");
}

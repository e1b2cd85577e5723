import type { ValidatorIndex } from "../primitives/index.js";
import type { Channel } from "../replica/index.js";
import type { EventQueue } from "./event-queue.js";
import type { Random } from "./random.js";

/** How a simulated network behaves. */
export interface NetworkPlan {
  /** One-way delay of a frame, ms, drawn evenly. */
  readonly delayMs: readonly [number, number];
  /** Probability that a frame is lost. */
  readonly lossRatio: number;
  /** Probability that a frame comes once more, up to five seconds later. */
  readonly replayRatio: number;
}

export const CALM_NETWORK: NetworkPlan = { delayMs: [1, 5], lossRatio: 0, replayRatio: 0 };

/** One running instance; a validator has one, its twin makes two. */
export interface Endpoint {
  /** Place among all instances. */
  readonly id: number;
  readonly index: ValidatorIndex;
  /** Changes with each restart: frames under way to an earlier life are lost. */
  readonly life: number;
  deliver(from: ValidatorIndex, channel: Channel, frame: Uint8Array): void;
}

/** What becomes of frames on one link. */
export type LinkState = "up" | "refusing" | "swallowing" | "stalled";

const REPLAY_MS = 5_000;
const STALLED_MAX = 256;

interface Stalled {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly channel: Channel;
  readonly frame: Uint8Array;
}

/**
 * Directed links between instances. Frames of one channel keep their order or are lost; channels
 * overtake each other. A link that is not up refuses frames, swallows them, or holds them until it is.
 */
export class SimulatedNetwork {
  readonly #queue: EventQueue;
  readonly #random: Random;
  plan: NetworkPlan;
  readonly #links = new Map<number, LinkState>();
  /** Extra delay of a link, ms. */
  readonly #slow = new Map<number, number>();
  readonly #lastArrival = new Map<string, number>();
  #stalled: Stalled[] = [];

  constructor(queue: EventQueue, random: Random, plan: NetworkPlan) {
    this.#queue = queue;
    this.#random = random;
    this.plan = plan;
  }

  setLink(from: Endpoint, to: Endpoint, state: LinkState): void {
    this.#links.set(linkKey(from, to), state);
    if (state === "up") this.#release();
  }

  /** All links up and of equal speed; what was held is delivered. */
  heal(): void {
    this.#links.clear();
    this.#slow.clear();
    this.#release();
  }

  slowDown(from: Endpoint, to: Endpoint, extraMs: number): void {
    this.#slow.set(linkKey(from, to), extraMs);
  }

  send(from: Endpoint, to: Endpoint, channel: Channel, frame: Uint8Array): boolean {
    const state = this.#links.get(linkKey(from, to)) ?? "up";
    if (state === "refusing") return false;
    if (state === "swallowing") return true;
    if (state === "stalled") {
      if (this.#stalled.length < STALLED_MAX) this.#stalled.push({ from, to, channel, frame });
      return true;
    }
    if (this.#random.chance(this.plan.lossRatio)) return true;
    this.#carry({ from, to, channel, frame }, this.#delay(from, to));
    if (this.plan.replayRatio > 0 && this.#random.chance(this.plan.replayRatio)) {
      this.#carry({ from, to, channel, frame }, this.#delay(from, to) + this.#random.between(0, REPLAY_MS));
    }
    return true;
  }

  #delay(from: Endpoint, to: Endpoint): number {
    const [least, most] = this.plan.delayMs;
    return this.#random.between(least, most) + (this.#slow.get(linkKey(from, to)) ?? 0);
  }

  #carry({ from, to, channel, frame }: Stalled, delayMs: number): void {
    const key = `${from.id}:${to.id}:${channel}`;
    const at = Math.max(this.#queue.now + delayMs, this.#lastArrival.get(key) ?? 0);
    // A replayed frame comes late by itself and holds nothing up behind it.
    if (delayMs < REPLAY_MS / 5) this.#lastArrival.set(key, at);
    const { life } = to;
    this.#queue.at(at, () => {
      if (to.life === life) to.deliver(from.index, channel, frame);
    });
  }

  #release(): void {
    const waiting = this.#stalled;
    this.#stalled = [];
    for (const stalled of waiting) {
      const { from, to } = stalled;
      if ((this.#links.get(linkKey(from, to)) ?? "up") === "up") this.#carry(stalled, this.#delay(from, to));
      else this.#stalled.push(stalled);
    }
  }
}

const linkKey = (from: Endpoint, to: Endpoint): number => from.id * 1_024 + to.id;

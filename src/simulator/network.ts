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
  /** Probability that a frame comes twice, one after the other. */
  readonly duplicateRatio?: number;
  /** Probability that a frame is overtaken by those behind it, by up to half a second. */
  readonly reorderRatio?: number;
  /** Probability that a frame is damaged on the wire, which breaks the connection. */
  readonly breakRatio?: number;
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
const OVERTAKEN_MS = 500;
const STALLED_MAX = 256;
/** How long a broken connection stays away: production dials again after 100 ms at the earliest. */
const REDIAL_MS = [100, 1_500] as const;
/** Bytes that wait for a narrow link; frames beyond are refused, as by a full queue. */
const BACKLOG_BYTES_MAX = 65_536;

interface Parcel {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly channel: Channel;
  readonly frame: Uint8Array;
}

/** One connection carries all channels of a pair, both ways. */
interface Connection {
  /** Frames under way when it broke belong to an earlier one, and are lost. */
  generation: number;
  upAgainAt: number;
}

interface NarrowLink {
  readonly bytesPerMs: number;
  busyUntil: number;
}

/**
 * Directed links between instances. Frames of one channel keep their order or are lost; channels
 * overtake each other. A link that is not up refuses frames, swallows them, or holds them until it is.
 *
 * Production runs over authenticated streams. A damaged byte there fails its authentication: the connection
 * ends, what was under way on it in either direction is lost, and frames are refused until it is dialled again.
 * Damaged bytes reach a replica only from a peer that sent them so, and that is a liar's behaviour.
 * Frames that come twice, late or out of order go beyond such streams; the protocol's model allows them
 * (docs/protocol.md, "Model").
 */
export class SimulatedNetwork {
  readonly #queue: EventQueue;
  readonly #random: Random;
  plan: NetworkPlan;
  readonly #links = new Map<number, LinkState>();
  /** Extra delay of a link, ms. */
  readonly #slow = new Map<number, number>();
  readonly #narrow = new Map<number, NarrowLink>();
  readonly #connections = new Map<number, Connection>();
  readonly #lastArrival = new Map<string, number>();
  #stalled: Parcel[] = [];

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
    this.#narrow.clear();
    for (const connection of this.#connections.values()) connection.upAgainAt = 0;
    this.#release();
  }

  slowDown(from: Endpoint, to: Endpoint, extraMs: number): void {
    this.#slow.set(linkKey(from, to), extraMs);
  }

  /** One direction carries so few bytes that a large frame holds up those behind it, of all channels. */
  narrow(from: Endpoint, to: Endpoint, bytesPerMs: number): void {
    this.#narrow.set(linkKey(from, to), { bytesPerMs, busyUntil: this.#queue.now });
  }

  /** Ends the connection of two instances, as a reset or a byte that fails its authentication does. */
  breakConnection(one: Endpoint, other: Endpoint): void {
    const connection = this.#connection(one, other);
    if (this.#queue.now < connection.upAgainAt) return;
    connection.generation += 1;
    connection.upAgainAt = this.#queue.now + this.#random.between(...REDIAL_MS);
  }

  send(from: Endpoint, to: Endpoint, channel: Channel, frame: Uint8Array): boolean {
    const state = this.#links.get(linkKey(from, to)) ?? "up";
    if (state === "refusing" || this.#queue.now < this.#connection(from, to).upAgainAt) return false;
    if (state === "swallowing") return true;
    const parcel = { from, to, channel, frame };
    if (state === "stalled") {
      if (this.#stalled.length < STALLED_MAX) this.#stalled.push(parcel);
      return true;
    }
    const queuedMs = this.#queuedMs(parcel);
    if (queuedMs === undefined) return false;
    const { lossRatio, replayRatio, duplicateRatio = 0, reorderRatio = 0, breakRatio = 0 } = this.plan;
    if (this.#draw(lossRatio)) return true;
    const delayMs = queuedMs + this.#delay(from, to);
    if (this.#draw(breakRatio)) {
      this.#queue.after(delayMs, () => this.breakConnection(from, to));
      return true;
    }
    if (this.#draw(reorderRatio)) this.#carryLoose(parcel, delayMs + this.#random.between(0, OVERTAKEN_MS));
    else this.#carry(parcel, delayMs);
    if (this.#draw(duplicateRatio)) this.#carry(parcel, delayMs);
    if (this.#draw(replayRatio)) this.#carryLoose(parcel, delayMs + this.#random.between(0, REPLAY_MS));
    return true;
  }

  #draw(ratio: number): boolean {
    return ratio > 0 && this.#random.chance(ratio);
  }

  #delay(from: Endpoint, to: Endpoint): number {
    const [least, most] = this.plan.delayMs;
    return this.#random.between(least, most) + (this.#slow.get(linkKey(from, to)) ?? 0);
  }

  /** How long the frame and those before it need to get onto a narrow link; undefined where too much waits already. */
  #queuedMs({ from, to, frame }: Parcel): number | undefined {
    const link = this.#narrow.get(linkKey(from, to));
    if (link === undefined) return 0;
    const startsAt = Math.max(this.#queue.now, link.busyUntil);
    if ((startsAt - this.#queue.now) * link.bytesPerMs > BACKLOG_BYTES_MAX) return undefined;
    link.busyUntil = startsAt + frame.length / link.bytesPerMs;
    return link.busyUntil - this.#queue.now;
  }

  /** In order behind the frames of its channel, and lost with its connection. */
  #carry(parcel: Parcel, delayMs: number): void {
    const { from, to, channel } = parcel;
    const key = `${from.id}:${to.id}:${channel}`;
    const at = Math.max(this.#queue.now + delayMs, this.#lastArrival.get(key) ?? 0);
    this.#lastArrival.set(key, at);
    const connection = this.#connection(from, to);
    const { generation } = connection;
    this.#deliver(parcel, at, () => connection.generation === generation);
  }

  /** On its own: it holds nothing up, and nothing holds it up. */
  #carryLoose(parcel: Parcel, delayMs: number): void {
    this.#deliver(parcel, this.#queue.now + delayMs, () => true);
  }

  #deliver({ from, to, channel, frame }: Parcel, at: number, isWhole: () => boolean): void {
    const { life } = to;
    this.#queue.at(at, () => {
      if (to.life === life && isWhole()) to.deliver(from.index, channel, frame);
    });
  }

  #connection(one: Endpoint, other: Endpoint): Connection {
    const key = one.id < other.id ? linkKey(one, other) : linkKey(other, one);
    const known = this.#connections.get(key) ?? { generation: 0, upAgainAt: 0 };
    this.#connections.set(key, known);
    return known;
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

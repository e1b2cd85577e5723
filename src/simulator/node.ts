import { participantNumber, type ValidatorIndex, validatorIndex } from "../primitives/index.js";
import {
  type Channel,
  type Ports,
  Replica,
  type ReplicaEvent,
  type ReplicaOptions,
  type StoreWrite,
} from "../replica/index.js";
import { SimulatedStoreError, type SimulatedStoreFault } from "./damage.js";
import type { EventQueue } from "./event-queue.js";
import type { Endpoint } from "./network.js";
import type { Random } from "./random.js";
import { type DiskPlan, SimulatedStore } from "./store.js";
import type { Contents } from "./store-contents.js";

/** What a simulated machine needs of the world around it, and tells to the checkers. */
export interface NodeWorld {
  readonly queue: EventQueue;
  /** What a good UTC clock shows, ms. */
  wall(): number;
  record(what: string, content?: Uint8Array): void;
  /** A frame leaves; false when the peer is away. */
  send(node: SimulatedNode, to: ValidatorIndex, channel: Channel, frame: Uint8Array): boolean;
  observed(node: SimulatedNode, event: ReplicaEvent): void;
  writing(node: SimulatedNode, write: StoreWrite): void;
  /** A life begins over what the disk holds. */
  starting(node: SimulatedNode): void;
  /** Power goes in the middle of a turn. */
  dying(node: SimulatedNode, where: string): void;
  /** Its replica is there and has said nothing yet. */
  started(node: SimulatedNode, replica: Replica): void;
  /** The store would not open, or found damage in what was read: the process ended. */
  stopped(node: SimulatedNode, fault: SimulatedStoreFault): void;
  /** An exception came out of the replica. */
  threw(node: SimulatedNode, error: unknown): void;
}

export interface NodeOptions {
  readonly id: number;
  readonly name: string;
  readonly isHonest: boolean;
  /** Place among the validators of genesis, whose participants are numbered one above. */
  readonly index: ValidatorIndex;
  readonly replica: ReplicaOptions;
  readonly disk: DiskPlan;
  readonly random: Random;
  /** Difference of this machine's UTC clock from true time, ms. */
  readonly skewMs: number;
  /** By what part of itself this machine's time runs fast (above 0) or slow; its timers with it. */
  readonly driftRatio: number;
  /** Whether nobody sets its UTC clock right, so that drift adds up there; else only its timers are off. */
  readonly isClockUnset: boolean;
  /** Time that executing one block takes, ms; the whole machine is busy meanwhile. */
  readonly executionMs: number;
}

const TIMER_SLACK_MS = 1 / 32;

/** UTC of virtual time 0. */
export const START_WALL = 1_800_000_000_000;

/**
 * One machine with one replica over faked ports. It does one thing at a time: while it executes or is
 * paused, what arrives waits in order. A crash ends a life; a restart builds a new replica over what
 * the disk kept.
 */
export class SimulatedNode implements Endpoint {
  readonly id: number;
  readonly index: ValidatorIndex;
  readonly name: string;
  readonly isHonest: boolean;
  readonly store: SimulatedStore;
  replica: Replica | undefined;
  life = 0;
  skewMs: number;
  readonly driftRatio: number;
  executionMs: number;
  /** What an operator would put back if the disk broke. */
  backup: Contents | undefined;
  /** Whether this validator may vote: false once its disk was lost. */
  mayVote = true;
  /** How long work that is put off waits, ms: execution falls behind, and the machine is free meanwhile. */
  soonMs = 0;
  readonly #world: NodeWorld;
  readonly #options: NodeOptions;
  #busyUntil = 0;
  #waiting: (() => void)[] = [];
  /** Effects of this kind that are left to this life, when it has to end between two of them. */
  #untilCrash: { readonly of: "sends" | "effects"; left: number } | undefined;
  #isCrashing = false;
  #keys: ReplicaOptions["keys"];

  constructor(world: NodeWorld, options: NodeOptions) {
    this.#world = world;
    this.#options = options;
    this.id = options.id;
    this.index = options.index;
    this.#keys = options.replica.keys;
    this.name = options.name;
    this.isHonest = options.isHonest;
    this.skewMs = options.skewMs;
    this.driftRatio = options.driftRatio;
    this.executionMs = options.executionMs;
    const storePort = {
      now: () => world.queue.now,
      at: (time: number, what: string, run: () => void) => this.#schedule(time, what, run),
      dies: (before: "write" | "done") => this.#dies("effects", before),
    };
    this.store = new SimulatedStore(storePort, options.random, options.disk);
    this.store.observe = (write) => world.writing(this, write);
  }

  get isUp(): boolean {
    return this.replica !== undefined;
  }

  /** UTC clock of this machine, ms. */
  wall(): number {
    const driftMs = this.#options.isClockUnset ? this.#world.queue.now * this.driftRatio : 0;
    return this.#world.wall() + this.skewMs + driftMs;
  }

  /** Begins a life over what the disk holds. */
  start(): void {
    if (this.replica !== undefined) return;
    this.#world.record(`start ${this.name}`);
    this.life += 1;
    this.#busyUntil = this.#world.queue.now;
    this.#untilCrash = undefined;
    this.#turn(() => {
      this.#world.starting(this);
      const keys = this.#keys.map((key) => ({ ...key, mayVote: key.mayVote && this.mayVote }));
      const options = { ...this.#options.replica, keys };
      const replica = new Replica(options, this.#ports(), (event) => this.#world.observed(this, event));
      this.replica = replica;
      this.#world.started(this, replica);
      replica.start();
    });
  }

  /** Power is gone: everything in memory, and what the disk had not kept. */
  crash(): void {
    if (this.replica === undefined) return;
    this.#world.record(`crash ${this.name}`);
    this.life += 1;
    this.replica = undefined;
    this.#waiting = [];
    this.#untilCrash = undefined;
    this.#isCrashing = false;
    try {
      this.store.crash();
    } catch (error) {
      this.#world.threw(this, error);
    }
  }

  /** Crashes in the middle of the turn that makes the `sends`-th frame from now. */
  crashAfterSends(sends: number): void {
    this.#untilCrash = Number.isFinite(sends) ? { of: "sends", left: sends } : undefined;
  }

  /**
   * Crashes between two effects: right before the `effects`-th from now, be it a write that is asked for, one that is
   * on the disk and about to be called done, or a frame that is sent. Every place between them is one of these.
   */
  crashBeforeEffect(effects: number): void {
    this.#untilCrash = { of: "effects", left: effects };
  }

  /** Loses the disk too; the validator may never vote with this key again. */
  wipe(): void {
    this.crash();
    this.store.wipe();
    this.mayVote = false;
  }

  /** The owner makes a new key: it counts once an epoch names it. */
  renewKey(key: ReplicaOptions["keys"][number]): void {
    this.#keys = [key];
    this.mayVote = true;
  }

  /** The process does nothing for a while (a long collection, a stopped machine). */
  pause(ms: number): void {
    if (this.replica !== undefined) this.#occupy(ms);
  }

  submit(bytes: Uint8Array, done: Parameters<Replica["submit"]>[1]): void {
    this.#schedule(this.#world.queue.now, "submit", () => this.replica?.submit(bytes, done));
  }

  deliver(from: ValidatorIndex, channel: Channel, frame: Uint8Array): void {
    if (this.replica === undefined) return;
    this.#enter(() => {
      this.#world.record(`${from}>${this.name} ${channel}`, frame);
      this.replica?.receive(participantNumber(from + 1), channel, frame);
    });
  }

  #ports(): Ports {
    const { queue } = this.#world;
    return {
      clock: {
        now: () => this.#clock(),
        wall: () => this.wall(),
        soon: (callback) => this.#schedule(queue.now + this.soonMs, "soon", callback),
        after: (delayMs, callback) => this.#schedule(queue.now + this.#timerMs(delayMs), "timer", callback),
      },
      transport: { send: (to, channel, frame) => this.#send(validatorIndex(to - 1), channel, frame) },
      store: this.store,
    };
  }

  /** Monotonic clock of this machine, ms. */
  #clock(): number {
    return this.#world.queue.now * (1 + this.driftRatio);
  }

  /** True time that passes while this machine's clock counts a delay; a little more, since time has a grid. */
  #timerMs(delayMs: number): number {
    return this.driftRatio === 0 ? delayMs : delayMs / (1 + this.driftRatio) + TIMER_SLACK_MS;
  }

  #send(to: ValidatorIndex, channel: Channel, frame: Uint8Array): boolean {
    if (this.#dies("effects", "send")) return false;
    const isLast = this.#dies("sends", "send");
    const isTaken = this.#world.send(this, to, channel, frame);
    return isTaken && !isLast;
  }

  /** Whether this life ends at this effect; nothing more of the turn leaves or reaches the disk. */
  #dies(of: "sends" | "effects", effect: "write" | "done" | "send"): boolean {
    if (this.#isCrashing || this.#untilCrash?.of !== of) return this.#isCrashing;
    this.#untilCrash.left -= 1;
    if (this.#untilCrash.left > 0) return false;
    this.#world.dying(this, of === "sends" ? "after a send" : `before a ${effect}`);
    this.#isCrashing = true;
    this.store.isCutOff = true;
    return true;
  }

  /** Runs something of this life at a time, as one turn of the machine. */
  #schedule(time: number, what: string, run: () => void): void {
    const { life } = this;
    this.#world.queue.at(time, () => {
      if (this.life !== life) return;
      this.#enter(() => {
        this.#world.record(`${what} ${this.name}`);
        run();
      });
    });
  }

  #enter(run: () => void): void {
    if (this.#waiting.length > 0 || this.#world.queue.now < this.#busyUntil) this.#waiting.push(run);
    else this.#turn(run);
  }

  #turn(run: () => void): void {
    const executedBefore = this.replica?.executedHeight() ?? 0;
    try {
      run();
    } catch (error) {
      if (error instanceof SimulatedStoreError) this.#world.stopped(this, error.fault);
      else this.#world.threw(this, error);
      this.crash();
      return;
    }
    if (this.#isCrashing) {
      this.crash();
      return;
    }
    const executed = (this.replica?.executedHeight() ?? 0) - executedBefore;
    if (executed > 0 && this.executionMs > 0) this.#occupy(executed * this.executionMs);
  }

  #occupy(ms: number): void {
    const { queue } = this.#world;
    this.#busyUntil = Math.max(this.#busyUntil, queue.now) + ms;
    const { life } = this;
    queue.at(this.#busyUntil, () => {
      if (this.life === life) this.#drain();
    });
  }

  #drain(): void {
    const { life } = this;
    while (this.life === life && this.#world.queue.now >= this.#busyUntil) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#turn(next);
    }
  }
}

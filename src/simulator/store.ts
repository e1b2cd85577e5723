import type { ResultLeaf } from "../formats/index.js";
import type { StatePage } from "../ledger/index.js";
import type { Digest, Height } from "../primitives/index.js";
import type { FinalBlock, Store, StoredState, StoreFailure, StoreWrite } from "../replica/index.js";
import type { Random } from "./random.js";
import { apply, type Contents, copyContents, emptyContents, forgetUncheckpointed } from "./store-contents.js";

/** How a simulated disk behaves. */
export interface DiskPlan {
  /** Time of one write, ms, drawn evenly. */
  readonly writeMs: readonly [number, number];
  /** Probability that a write fails, and every later one of this life with it. */
  readonly failureRatio: number;
  /** A broken disk, to see that the checkers notice: it says done before anything is kept. */
  readonly acknowledgesEarly?: boolean;
}

interface Pending {
  readonly write: StoreWrite;
  isDone: boolean;
}

export interface StorePort {
  /** Runs the callback as an event of the store's own node, unless it crashed meanwhile. */
  at(time: number, what: string, run: () => void): void;
  now(): number;
}

/**
 * The `Store` port over memory, with the disk's worst manners. Writes take time and finish in order. A
 * crash keeps what a durable write whose `done` was called covers, loses a random suffix of the rest,
 * and of a write all or nothing; what was under way may or may not have reached the disk.
 */
export class SimulatedStore implements Store {
  readonly #port: StorePort;
  readonly #random: Random;
  plan: DiskPlan;
  /** What survives every crash. */
  #durable = emptyContents();
  /** What reads see. */
  #visible = emptyContents();
  /** Since the last durable write that is done, oldest first. */
  #tail: Pending[] = [];
  #busyUntil = 0;
  #failure: StoreFailure | undefined;
  /** Set while a crash in the middle of a turn is under way: nothing more reaches the disk. */
  isCutOff = false;
  /** Called with each write before it is begun, for checkers. */
  observe: (write: StoreWrite) => void = () => {};

  constructor(port: StorePort, random: Random, plan: DiskPlan) {
    this.#port = port;
    this.#random = random;
    this.plan = plan;
  }

  /** For checkers: what a crash at this moment certainly leaves. */
  get durable(): Contents {
    return this.#durable;
  }

  load(): StoredState {
    const { record, head, checkpoint, divergence, evidence, certificates, proposals, admitted, batches } =
      this.#visible;
    return {
      record,
      head,
      checkpoint,
      divergence,
      evidence: [...evidence],
      certificates: [...certificates.values()],
      proposals: [...proposals.values()].map(({ block }) => block),
      admitted: [...admitted].map((digest) => ({ digest, bytes: batches.get(digest) as Uint8Array })),
    };
  }

  write(write: StoreWrite, done: (failure?: StoreFailure) => void): void {
    if (this.isCutOff) return;
    this.observe(write);
    const [least, most] = this.plan.writeMs;
    this.#busyUntil = Math.max(this.#port.now(), this.#busyUntil) + this.#random.between(least, most);
    if (this.#failure === undefined && this.#random.chance(this.plan.failureRatio)) {
      this.#failure = { code: "STORE_IO", cause: "simulated" };
    }
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#port.at(this.#busyUntil, "disk-failed", () => done(failure));
      return;
    }
    if (this.plan.acknowledgesEarly === true) this.#port.at(this.#port.now(), "disk-lies", done);
    // Pages are the only bytes that their owner may change again.
    const kept = write.checkpoint === undefined ? write : { ...write, checkpoint: copyPages(write.checkpoint) };
    const pending: Pending = { write: kept, isDone: false };
    this.#tail.push(pending);
    this.#port.at(this.#busyUntil, "disk-done", () => {
      apply(this.#visible, pending.write);
      pending.isDone = true;
      if (pending.write.durable) this.#settle(this.#tail.indexOf(pending) + 1);
      if (this.plan.acknowledgesEarly !== true) done();
    });
  }

  /** What the machine finds when it comes back. */
  crash(): void {
    const done = this.#tail.filter((pending) => pending.isDone).length;
    const reached = this.#random.chance(0.3) ? this.#tail.length : done;
    this.#settle(this.#random.integer(0, reached));
    this.#tail = [];
    forgetUncheckpointed(this.#durable);
    this.#visible = copyContents(this.#durable);
    this.#busyUntil = 0;
    this.#failure = undefined;
    this.isCutOff = false;
  }

  /** What a backup made now would hold. */
  backup(): Contents {
    return copyContents(this.#durable);
  }

  /** A disk on which somebody put a backup. */
  restore(backup: Contents): void {
    this.#durable = copyContents(backup);
    forgetUncheckpointed(this.#durable);
    this.#visible = copyContents(this.#durable);
    this.#tail = [];
  }

  /** Loses everything: a new disk. */
  wipe(): void {
    this.#durable = emptyContents();
    this.#visible = emptyContents();
    this.#tail = [];
  }

  #settle(count: number): void {
    for (const { write } of this.#tail.splice(0, count)) apply(this.#durable, write);
  }

  block(height: Height): FinalBlock | undefined {
    return this.#visible.final[height - 1];
  }

  heightOf(hash: Digest): Height | undefined {
    return this.#visible.heights.get(hash);
  }

  batch(digest: Digest): Uint8Array | undefined {
    return this.#visible.batches.get(digest);
  }

  leaf(height: Height): ResultLeaf | undefined {
    return this.#visible.leaves[height - 1];
  }

  outcomes(height: Height): Uint8Array | undefined {
    return this.#visible.outcomes[height - 1];
  }

  treeNode(level: number, index: number): Uint8Array | undefined {
    return this.#visible.treeNodes.get(`${level}:${index}`);
  }

  *pages(): Generator<StatePage> {
    for (const key of [...this.#visible.pages.keys()].sort((left, right) => left - right)) {
      yield { key, bytes: this.#visible.pages.get(key) as Uint8Array };
    }
  }

  page(key: number): Uint8Array | undefined {
    return this.#visible.pages.get(key);
  }
}

const copyPages = (checkpoint: NonNullable<StoreWrite["checkpoint"]>): NonNullable<StoreWrite["checkpoint"]> => ({
  ...checkpoint,
  pages: checkpoint.pages.map(({ key, bytes }) => ({ key, bytes: bytes.slice() })),
});

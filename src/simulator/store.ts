import type { ResultLeaf } from "../formats/index.js";
import type { Checkpoint, StatePage } from "../ledger/index.js";
import type { Digest, Height } from "../primitives/index.js";
import type { FinalBlock, Store, StoredState, StoreFailure, StoreWrite } from "../replica/index.js";
import { corrupt, Damage, drawPlace, type Place, SimulatedStoreError } from "./damage.js";
import type { Random } from "./random.js";
import {
  addCheckpoint,
  apply,
  type Contents,
  copyContents,
  emptyContents,
  forgetUncheckpointed,
} from "./store-contents.js";

/** How a simulated disk behaves. */
export interface DiskPlan {
  /** Time of one write, ms, drawn evenly. */
  readonly writeMs: readonly [number, number];
  /** Probability that a write takes seconds: the disk is busy with something else, or about to fail. */
  readonly stallRatio?: number;
  /** Probability that a write or its fsync fails, and every later one of this life with it. */
  readonly failureRatio: number;
  /** A broken disk, to see that the checkers notice: it says done before anything is kept. */
  readonly acknowledgesEarly?: boolean;
}

const STALL_MS = [1_000, 5_000] as const;

/** How many times as long as a write saving a checkpoint takes at the most. */
const SAVING_WRITES_MAX = 20;

interface Pending {
  /** Without its checkpoint, which is saved behind. */
  readonly write: StoreWrite;
  isDone: boolean;
}

export interface StorePort {
  /** Runs the callback as an event of the store's own node, unless it crashed meanwhile. */
  at(time: number, what: string, run: () => void): void;
  now(): number;
  /** The machine is about to do this; true if its power goes right before. */
  dies(before: "write" | "done"): boolean;
}

/**
 * The `Store` port over memory, with the disk's worst manners. Writes take time and finish in order; what
 * a crash leaves is the weakest that `src/storage` promises:
 *
 * - A durable write whose `done` was called is there, and everything asked for before it: each synced batch of
 *   LevelDB repeats what was not synced yet. Other writes are there whole or not at all, since one record of
 *   LevelDB's log holds each; a torn record is dropped with its checksum. So a torn write is a lost one.
 * - What was asked for and not called done may or may not have reached the disk, a failed write too: after a
 *   failed fsync the kernel may keep either. Behind a failed write nothing reaches it any more.
 * - Writes behind the last durable one are lost from some point on, or each by itself, since the kernel writes
 *   pages back in any order and LevelDB skips the pages that are missing. Results count up to the newest
 *   checkpoint only.
 * - A checkpoint is saved beside the writes that follow it, the newest of those that came while another was being saved. A crash
 *   before that is over leaves the one before, whatever durable writes there were meanwhile.
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
  #unsaved: Checkpoint | undefined;
  #isSaving = false;
  #failure: StoreFailure | undefined;
  readonly #damage = new Damage();
  /** While it is set no write finds space, and most openings do not either. */
  isFull = false;
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

  /** For checkers: what reads give where nothing is damaged. */
  get visible(): Contents {
    return this.#visible;
  }

  /** @throws {SimulatedStoreError} where the store of production would refuse to open */
  load(): StoredState {
    if (this.isFull && this.#random.chance(0.7)) {
      throw new SimulatedStoreError({ code: "STORE_FULL", detail: "no space for LevelDB's new log" });
    }
    this.#damage.checkOpening(this.#visible);
    const { record, head, checkpoint, divergence, evidence, certificates, proposals, admitted } = this.#visible;
    return {
      record,
      head,
      checkpoint,
      divergence,
      evidence: [...evidence],
      certificates: [...certificates.values()],
      proposals: [...proposals.values()].map(({ block }) => block),
      admitted: [...admitted].map((digest) => ({ digest, bytes: this.#admittedBytes(digest) })),
    };
  }

  #admittedBytes(digest: Digest): Uint8Array {
    const bytes = this.batch(digest);
    if (bytes === undefined) throw corrupt(`batch index ${digest}`);
    return bytes;
  }

  write(write: StoreWrite, done: (failure?: StoreFailure) => void): void {
    if (this.isCutOff || this.#port.dies("write")) return;
    this.observe(write);
    this.#busyUntil = Math.max(this.#port.now(), this.#busyUntil) + this.#duration();
    const { checkpoint: lent, ...rest } = write;
    const checkpoint = lent && { ...lent, pages: lent.pages.map(({ key, bytes }) => ({ key, bytes: bytes.slice() })) };
    const pending: Pending = { write: rest, isDone: false };
    if (this.#failure === undefined) {
      this.#failure = this.#drawFailure();
      // Of the write that fails nobody knows what is on the disk; of those behind it nothing.
      if (this.#failure?.code !== "STORE_FULL") this.#tail.push(pending);
    }
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#port.at(this.#busyUntil, "disk-failed", () => done(failure));
      return;
    }
    if (this.plan.acknowledgesEarly === true) this.#port.at(this.#port.now(), "disk-lies", done);
    this.#port.at(this.#busyUntil, "disk-done", () => {
      apply(this.#visible, checkpoint === undefined ? rest : { ...rest, checkpoint });
      this.#damage.repairedBy(write);
      pending.isDone = true;
      if (write.durable) this.#settle(this.#tail.indexOf(pending) + 1);
      if (checkpoint !== undefined) this.#hold(checkpoint);
      if (this.plan.acknowledgesEarly === true || this.#port.dies("done")) return;
      done();
    });
  }

  #hold(checkpoint: Checkpoint): void {
    const pages = new Map([...(this.#unsaved?.pages ?? []), ...checkpoint.pages].map((page) => [page.key, page]));
    this.#unsaved = { ...checkpoint, pages: [...pages.values()] };
    this.#save();
  }

  #save(): void {
    const checkpoint = this.#unsaved;
    if (this.#isSaving || checkpoint === undefined) return;
    this.#unsaved = undefined;
    this.#isSaving = true;
    const ms = this.#duration() * this.#random.integer(1, SAVING_WRITES_MAX);
    this.#port.at(this.#port.now() + ms, "checkpoint-saved", () => {
      if (this.#failure !== undefined) return;
      this.#settle(this.#tail.filter(({ isDone }) => isDone).length);
      addCheckpoint(this.#durable, checkpoint);
      this.#isSaving = false;
      this.#save();
    });
  }

  #duration(): number {
    const { writeMs, stallRatio = 0 } = this.plan;
    const [least, most] = stallRatio > 0 && this.#random.chance(stallRatio) ? STALL_MS : writeMs;
    return this.#random.between(least, most);
  }

  #drawFailure(): StoreFailure | undefined {
    if (this.isFull) return { code: "STORE_FULL", cause: "simulated" };
    return this.#random.chance(this.plan.failureRatio) ? { code: "STORE_IO", cause: "simulated" } : undefined;
  }

  /** What the machine finds when it comes back. */
  crash(): void {
    const done = this.#tail.filter((pending) => pending.isDone).length;
    const reached = this.#random.chance(0.3) ? this.#tail.length : done;
    const kept = this.#tail.slice(0, this.#random.integer(0, reached));
    this.#tail = [];
    let durable = kept.length;
    while (durable > 0 && kept[durable - 1]?.write.durable !== true) durable -= 1;
    for (const { write } of kept.slice(0, durable)) apply(this.#durable, write);
    const hasHoles = this.#random.chance(0.5);
    for (const { write } of kept.slice(durable)) {
      const { executed: _, ...rest } = write;
      if (!hasHoles || this.#random.chance(0.5)) apply(this.#durable, rest);
    }
    this.#unsaved = undefined;
    this.#isSaving = false;
    forgetUncheckpointed(this.#durable);
    this.#visible = copyContents(this.#durable);
    this.#busyUntil = 0;
    this.#failure = undefined;
    this.isCutOff = false;
  }

  /** Something on the disk is not what was written there any more. @returns which place */
  damage(random: Random): Place {
    const place = drawPlace(random, this.#durable);
    this.#damage.add(place);
    return place;
  }

  /** For checkers: whether some reads give an error, or nothing, though the bytes were written. */
  get isDamaged(): boolean {
    return !this.#damage.isEmpty;
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
    this.#damage.clear();
    this.#tail = [];
  }

  /** Loses everything: a new disk. */
  wipe(): void {
    this.#durable = emptyContents();
    this.#visible = emptyContents();
    this.#damage.clear();
    this.#tail = [];
  }

  #settle(count: number): void {
    for (const { write } of this.#tail.splice(0, count)) apply(this.#durable, write);
  }

  // Reads; all throw a `SimulatedStoreError` for what is damaged.

  block(height: Height): FinalBlock | undefined {
    const block = this.#visible.final[height - 1];
    if (block !== undefined) this.#damage.check({ kind: "block", height });
    return block;
  }

  heightOf(hash: Digest): Height | undefined {
    return this.#damage.hides({ kind: "height index", hash }) ? undefined : this.#visible.heights.get(hash);
  }

  batch(digest: Digest): Uint8Array | undefined {
    if (this.#damage.hides({ kind: "batch index", digest })) return undefined;
    this.#damage.check({ kind: "batch", digest });
    return this.#visible.batches.get(digest);
  }

  leaf(height: Height): ResultLeaf | undefined {
    return this.#result(height, this.#visible.leaves[height - 1]);
  }

  outcomes(height: Height): Uint8Array | undefined {
    return this.#result(height, this.#visible.outcomes[height - 1]);
  }

  /** A node lies with the leaf that completed it. */
  treeNode(level: number, index: number): Uint8Array | undefined {
    return this.#result(((index + 1) * 2 ** level) as Height, this.#visible.treeNodes.get(`${level}:${index}`));
  }

  #result<T>(height: Height, value: T | undefined): T | undefined {
    if (value !== undefined) this.#damage.check({ kind: "result", height });
    return value;
  }

  *pages(): Generator<StatePage> {
    for (const key of [...this.#visible.pages.keys()].sort((left, right) => left - right)) {
      yield { key, bytes: this.page(key) as Uint8Array };
    }
  }

  page(key: number): Uint8Array | undefined {
    this.#damage.check({ kind: "page", key });
    return this.#visible.pages.get(key);
  }
}

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ResultLeaf, readCertificate } from "../formats/index.js";
import type { StatePage } from "../ledger/index.js";
import { assert, type Digest, type Height, toHex } from "../primitives/index.js";
import type { FinalBlock, Store, StoredBlock, StoredState, StoreFailure, StoreWrite } from "../replica/index.js";
import { classify, corrupt, StoreError } from "./fault.js";
import type { Journal } from "./journal.js";
import { batchKey, blockKey, executedKey, heightKey, stateOperations } from "./keyspace.js";
import type { Level } from "./level.js";
import type { PageFile } from "./page-file.js";
import type { Frame, SegmentLog } from "./segment-log.js";
import { encodeSnapshot, type StoredCheckpoint } from "./snapshot.js";
import {
  type LiveIndex,
  type Operation,
  type Stage,
  type StagedWrite,
  Staging,
  type UnsavedCheckpoint,
} from "./staging.js";
import {
  type ExecutedEntry,
  readEvidence,
  readExecutedEntry,
  readFinalBlock,
  readHeight,
  readLocation,
  readStoredBlock,
} from "./values.js";
import type { Witness } from "./witness.js";
import { unpackWords } from "./zero-words.js";

/** Writes are merged up to this many bytes; one larger write is carried out alone. */
const GROUP_BYTES_MAX = 8 * 1_048_576;
/** Changes that wait for LevelDB, and frames that wait for a flush, before one is made on their account. */
const HELD_BYTES_MAX = 4 * 1_048_576;
const UNSYNCED_LOG_BYTES_MAX = 64 * 1_048_576;
/** Frames of batches go to the journal too if all of a write has no more. */
const JOURNALED_BYTES_MAX = 32_768;

/** What is read back: far above the largest block's outcomes. */
const OUTCOMES_BYTES_MAX = 256 * 1_048_576;

/** Counts since opening. */
export interface StoreCounters {
  /** Calls of `write` that are done. */
  readonly writes: number;
  /** Physical writes that carried them. */
  readonly groups: number;
  readonly fsyncs: number;
  /** Handed to LevelDB and the logs; LevelDB's own rewriting is not counted. */
  readonly bytesWritten: number;
  /** Writes that wait now. */
  readonly queued: number;
}

/** What `openStore` found. */
export interface StoreParts {
  readonly path: string;
  readonly chainId: Digest;
  readonly level: Level;
  readonly batchLog: SegmentLog;
  readonly outcomeLog: SegmentLog;
  readonly journal: Journal;
  readonly pages: PageFile;
  readonly witness: Witness;
  readonly live: LiveIndex;
  readonly stage: Stage;
  readonly sequence: number;
}

/**
 * The `Store` of a node: LevelDB for everything small, behind a journal that is flushed in its place
 * (docs/adr/0004-journal.md); append-only logs for batches and outcomes (docs/adr/0002-batch-log.md); a file for the pages of
 * checkpoints, which are saved behind everything else (docs/adr/0005-page-file.md).
 *
 * Byte arrays given to `write` must not change until its `done` was called, and those of pages never. Memory is bounded by
 * what the caller lets wait, what is live (certificates, proposals, admissions), the changes that LevelDB has still to
 * get, and the pages of checkpoints on their way: at most twice the state.
 */
export class NodeStore implements Store {
  readonly path: string;
  readonly chainId: Digest;
  readonly #parts: StoreParts;
  readonly #staging: Staging;
  #stage: Stage;
  /** The newest checkpoint whose pages are held and that is not being saved. */
  #unsaved: UnsavedCheckpoint | undefined;
  #saving: Promise<void> | undefined;
  #queue: StagedWrite[] = [];
  #draining: Promise<void> | undefined;
  #failure: StoreError | undefined;
  #life: "open" | "closing" | "closed" = "open";
  #sequence: number;
  /** Number of the state in LevelDB. */
  #base: number;
  /** Index entries of batches whose frames are neither synced nor in the journal yet. */
  #unindexed: Operation[] = [];
  /** Whether the batch log has such frames. */
  #hasLooseFrames = false;
  /** Whether LevelDB has all there is. */
  #isSettled = true;
  #writes = 0;
  #groups = 0;
  #levelSyncs = 0;
  #levelBytes = 0;

  /** For `openStore`. */
  constructor(parts: StoreParts) {
    this.path = parts.path;
    this.chainId = parts.chainId;
    this.#parts = parts;
    this.#stage = parts.stage;
    this.#sequence = parts.sequence;
    this.#base = parts.sequence;
    const isIndexed = (digest: Digest): boolean => parts.level.getRaw(batchKey(digest)) !== undefined;
    const { stage, live, batchLog, outcomeLog } = parts;
    this.#staging = new Staging({ stage, live, batchLog, outcomeLog, isIndexed });
  }

  /** Height of the first block here; 0 while there is none. */
  get firstHeight(): Height {
    return this.#stage.snapshot.firstHeight;
  }

  /** Height of the newest final block; 0 while there is none. */
  get headHeight(): Height {
    return this.#stage.snapshot.head?.height ?? (0 as Height);
  }

  /** Results are readable up to here. */
  get executedHeight(): Height {
    return this.#stage.executedHeight;
  }

  /** Height of the newest checkpoint that a restart finds; 0 before the first. */
  get savedHeight(): Height {
    return this.#stage.snapshot.checkpoint?.height ?? (0 as Height);
  }

  get counters(): StoreCounters {
    return {
      writes: this.#writes,
      groups: this.#groups,
      fsyncs: this.#levelSyncs + sumOf(this.#files(), ({ fsyncs }) => fsyncs),
      bytesWritten: this.#levelBytes + sumOf(this.#files(), ({ bytesWritten }) => bytesWritten),
      queued: this.#queue.length,
    };
  }

  #files(): readonly Pick<SegmentLog, "fsyncs" | "bytesWritten">[] {
    const { journal, batchLog, outcomeLog, pages } = this.#parts;
    return [journal, batchLog, outcomeLog, pages];
  }

  /** For `verifyStore`, which looks underneath. */
  parts(): Pick<StoreParts, "level" | "batchLog" | "outcomeLog"> {
    return this.#parts;
  }

  /** Bytes of all files of the store. */
  async size(): Promise<number> {
    let bytes = 0;
    for (const entry of await readdir(this.path, { recursive: true })) {
      // LevelDB may have replaced the file meanwhile.
      const found = await stat(join(this.path, entry)).catch(() => undefined);
      if (found?.isFile()) bytes += found.size;
    }
    return bytes;
  }

  /** For a quiet store: what a restart would find now. */
  load(): StoredState {
    this.#assertUsable();
    assert(this.#draining === undefined, "load while a write is under way");
    const { snapshot } = this.#stage;
    const { level, live } = this.#parts;
    const checkpoint = snapshot.checkpoint;
    return {
      record: snapshot.record,
      certificates: live.certificates.sorted().map((key) => this.#found(level.decode(key, readCertificate), key)),
      proposals: live.proposals
        .sorted()
        .map((key): StoredBlock => this.#found(level.decode(key, readStoredBlock), key)),
      head: snapshot.head,
      checkpoint: checkpoint && { height: checkpoint.height, stateRoot: checkpoint.stateRoot },
      admitted: live.admitted.sorted().map((key) => {
        const digest = toHex(key.subarray(1)) as Digest;
        return { digest, bytes: this.#found(this.batch(digest), key) };
      }),
      divergence: snapshot.divergence,
      evidence: live.evidence.sorted().map((key) => this.#found(level.decode(key, readEvidence), key)),
    };
  }

  /** @throws {InvariantError} when the write does not continue what is stored */
  write(write: StoreWrite, done: (failure?: StoreFailure) => void): void {
    const unusable = this.#failure ?? (this.#life === "open" ? undefined : this.#closed());
    if (unusable !== undefined) {
      setImmediate(() => done(failureOf(unusable)));
      return;
    }
    this.#enqueue(this.#staging.stage(write, done));
  }

  #enqueue(staged: StagedWrite): void {
    this.#queue.push(staged);
    // On a later turn, so that `done` never comes inside and writes of one turn go together.
    this.#draining ??= Promise.resolve().then(() => this.#drain());
  }

  block(height: Height): FinalBlock | undefined {
    this.#assertUsable();
    const { firstHeight, head } = this.#stage.snapshot;
    if (head === undefined || height < firstHeight || height > head.height) return undefined;
    const found = this.#parts.level.decode(blockKey(height), readFinalBlock, height);
    if (found === undefined) throw corrupt(this.path, "a final block is missing", height);
    return { height, ...found };
  }

  heightOf(hash: Digest): Height | undefined {
    this.#assertUsable();
    const height = this.#parts.level.decode(heightKey(hash), readHeight);
    const head = this.#stage.snapshot.head;
    return height === undefined || head === undefined || height > head.height ? undefined : height;
  }

  batch(digest: Digest): Uint8Array | undefined {
    this.#assertUsable();
    const { batchLog, level } = this.#parts;
    const key = batchKey(digest);
    const unindexed = this.#staging.unindexed(digest);
    if (unindexed !== undefined && !batchLog.covers(unindexed)) return undefined;
    const location = unindexed ?? level.decode(key, readLocation);
    return location && this.#guarded(() => batchLog.read(location, key.subarray(1)));
  }

  leaf(height: Height): ResultLeaf | undefined {
    return this.#executed(height)?.leaf;
  }

  outcomes(height: Height): Uint8Array | undefined {
    const entry = this.#executed(height);
    if (entry === undefined) return undefined;
    const key = heightKey(entry.leaf.blockHash).subarray(1);
    const packed = this.#guarded(() => this.#parts.outcomeLog.read(entry.outcomes, key));
    return this.#found(unpackWords(packed, OUTCOMES_BYTES_MAX), key);
  }

  /** A node lies with the leaf that completed it. */
  treeNode(level: number, index: number): Uint8Array | undefined {
    const height = (index + 1) * 2 ** level;
    return Number.isSafeInteger(height) ? this.#executed(height as Height)?.nodes[level] : undefined;
  }

  *pages(): Generator<StatePage> {
    for (const key of this.#parts.pages.keys()) yield { key, bytes: this.page(key) as Uint8Array };
  }

  page(key: number): Uint8Array | undefined {
    this.#assertUsable();
    return this.#guarded(() => this.#parts.pages.page(key));
  }

  /** Refuses further writes, carries out those asked for, syncs all and gives the lock back; then reads fail too. */
  async close(): Promise<void> {
    if (this.#life !== "open") return;
    this.#life = "closing";
    this.#parts.pages.hurry();
    await this.#draining;
    await this.#saving;
    this.#life = "closed";
    const { level, batchLog, outcomeLog, journal, pages, witness } = this.#parts;
    try {
      await this.#settle();
      witness.close();
    } catch (error) {
      throw classify(error, this.path);
    } finally {
      journal.close();
      pages.close();
      batchLog.close();
      outcomeLog.close();
      await level.close();
    }
  }

  /** Returns when every checkpoint whose write is done would be found by a restart. */
  async checkpointsSaved(): Promise<void> {
    await this.#saving;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** For a quiet store: brings everything to where it belongs, so that LevelDB can be looked through. */
  async settle(): Promise<void> {
    await this.#saving;
    assert(this.#draining === undefined, "settle while a write is under way");
    await this.#settle();
  }

  async #settle(): Promise<void> {
    if (this.#failure === undefined && !this.#isSettled) await this.#flush(this.#stage);
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === undefined) {
      const group = this.#takeGroup();
      const after = (group[group.length - 1] as StagedWrite).after;
      try {
        await this.#commit(group, after);
      } catch (error) {
        this.#fail(classify(error, this.path), group);
        break;
      }
      for (const { after: stage, checkpoint, done } of group) {
        this.#stage = stage;
        this.#writes += 1;
        if (checkpoint !== undefined) this.#holdCheckpoint(checkpoint);
        done();
      }
      if (this.#unsaved !== undefined) this.#saving ??= this.#saveCheckpoints();
    }
    this.#draining = undefined;
  }

  /** Where one is being saved still, the newest goes next, with the pages of those that it overtakes. */
  #holdCheckpoint(checkpoint: UnsavedCheckpoint): void {
    this.#parts.pages.hold(checkpoint.pages);
    this.#unsaved = checkpoint;
  }

  /** Beside the writes that go on meanwhile; only the last step of each, a short one, takes its turn among them. */
  async #saveCheckpoints(): Promise<void> {
    const { pages, outcomeLog } = this.#parts;
    for (let next = this.#unsaved; next !== undefined && this.#failure === undefined; next = this.#unsaved) {
      this.#unsaved = undefined;
      try {
        const directory = await pages.write();
        await outcomeLog.sync();
        const { height, stateRoot, outcomesEnd } = next;
        const isSaved = await this.#saved({ height, stateRoot, outcomesEnd, directory });
        if (isSaved) pages.settle();
      } catch (error) {
        this.#fail(classify(error, this.path), []);
      }
    }
    this.#saving = undefined;
  }

  #saved(checkpoint: StoredCheckpoint): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#failure !== undefined) resolve(false);
      else this.#enqueue(this.#staging.stageCheckpoint(checkpoint, (failure) => resolve(failure === undefined)));
    });
  }

  #takeGroup(): StagedWrite[] {
    let count = 0;
    for (let bytes = 0; count < this.#queue.length; count += 1) {
      bytes += this.#queue[count]?.bytes ?? 0;
      if (count > 0 && bytes > GROUP_BYTES_MAX) break;
    }
    return this.#queue.splice(0, count);
  }

  /**
   * One physical write: frames to the logs, and everything else where readers see it. If anybody waits for the disk, all
   * of it goes to the journal if it is short, or else to the disk where it belongs; then the witness.
   */
  async #commit(group: readonly StagedWrite[], after: Stage): Promise<void> {
    const { level, batchLog, outcomeLog } = this.#parts;
    this.#isSettled = false;
    const frames = group.flatMap((write) => write.batchFrames);
    await batchLog.append(frames);
    await outcomeLog.append(group.flatMap((write) => write.outcomeFrames));
    const changes = group.flatMap((write) => write.operations);
    level.hold(changes);
    this.#unindexed.push(...group.flatMap((write) => write.indexed));
    this.#groups += 1;
    const bytes = group.reduce((sum, write) => sum + write.bytes, 0);
    const mustFlush =
      group.some((write) => write.savesCheckpoint) ||
      level.heldBytes > HELD_BYTES_MAX ||
      batchLog.unsyncedBytes > UNSYNCED_LOG_BYTES_MAX;
    if (mustFlush) await this.#flush(after);
    else if (!group.some((write) => write.durable)) this.#hasLooseFrames ||= frames.length > 0;
    else if (!(await this.#journal({ bytes, frames, changes, after }))) await this.#flush(after);
  }

  /** False where the journal has no room for it. */
  async #journal(write: {
    readonly bytes: number;
    readonly frames: readonly Frame[];
    readonly changes: readonly Operation[];
    readonly after: Stage;
  }): Promise<boolean> {
    const { batchLog, journal, level } = this.#parts;
    const isShort = write.bytes <= JOURNALED_BYTES_MAX && !this.#hasLooseFrames;
    // Long frames are flushed where they lie: writing them twice would cost more than a second flush.
    if (!isShort) {
      await batchLog.sync();
      this.#hasLooseFrames = false;
    }
    level.hold(this.#unindexed);
    const sequence = this.#sequence + 1;
    const entry = {
      base: this.#base,
      sequence,
      state: encodeSnapshot(write.after.snapshot, { sequence, batchesEnd: batchLog.appended }),
      operations: [...write.changes, ...this.#unindexed],
      frames: isShort ? write.frames : [],
    };
    if (!(await journal.add(entry))) return false;
    this.#synced(sequence);
    return true;
  }

  /** Everything to the disk where it belongs. */
  async #flush(after: Stage): Promise<void> {
    const { batchLog, level, journal } = this.#parts;
    await batchLog.sync();
    level.hold(this.#unindexed);
    const sequence = this.#sequence + 1;
    const state = encodeSnapshot(after.snapshot, { sequence, batchesEnd: batchLog.synced });
    this.#levelBytes += await level.flush(stateOperations(state));
    this.#levelSyncs += 1;
    this.#base = sequence;
    this.#isSettled = true;
    this.#hasLooseFrames = false;
    journal.restart();
    this.#synced(sequence);
  }

  #synced(sequence: number): void {
    this.#sequence = sequence;
    this.#staging.forgetIndexed(this.#unindexed);
    this.#unindexed = [];
    this.#parts.witness.raise(sequence);
  }

  /** After a failed write or sync nobody knows what is on the disk: nothing is tried again. */
  #fail(failure: StoreError, group: readonly StagedWrite[]): void {
    this.#failure = failure;
    const waiting = [...group, ...this.#queue];
    this.#queue = [];
    for (const { done } of waiting) done(failureOf(failure));
  }

  #executed(height: Height): ExecutedEntry | undefined {
    this.#assertUsable();
    if (height < 1 || height > this.#stage.executedHeight) return undefined;
    const entry = this.#parts.level.decode(executedKey(height), readExecutedEntry, height);
    if (entry === undefined) throw corrupt(this.path, "an executed block's result is missing", height);
    return entry;
  }

  #found<T>(value: T | undefined, key: Uint8Array): T {
    if (value === undefined) throw corrupt(this.path, `key ${toHex(key)} is missing`);
    return value;
  }

  #guarded<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw classify(error, this.path);
    }
  }

  #assertUsable(): void {
    if (this.#life === "closed") throw this.#closed();
  }

  #closed(): StoreError {
    return new StoreError({ code: "STORE_CLOSED", path: this.path });
  }
}

const sumOf = <T>(all: readonly T[], value: (each: T) => number): number =>
  all.reduce((sum, each) => sum + value(each), 0);

const failureOf = (error: StoreError): StoreFailure => ({ code: error.fault.code, cause: error });

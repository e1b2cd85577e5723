import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ResultLeaf, readCertificate } from "../formats/index.js";
import type { StatePage } from "../ledger/index.js";
import { assert, type Digest, type Height, toHex } from "../primitives/index.js";
import type { FinalBlock, Store, StoredBlock, StoredState, StoreFailure, StoreWrite } from "../replica/index.js";
import { classify, corrupt, StoreError } from "./fault.js";
import {
  batchKey,
  blockKey,
  checksumOf,
  executedKey,
  heightKey,
  pageKey,
  STATE_COPY_KEY,
  STATE_KEY,
  seal,
} from "./keyspace.js";
import type { Level } from "./level.js";
import type { SegmentLog } from "./segment-log.js";
import { encodeSnapshot } from "./snapshot.js";
import { type LiveIndex, type Operation, type Stage, type StagedWrite, Staging } from "./staging.js";
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
/** Changes that wait for a sync before one is made on their account. */
const UNSYNCED_BYTES_MAX = 4 * 1_048_576;
const UNSYNCED_LOG_BYTES_MAX = 64 * 1_048_576;

/** What is read back: far above the largest block's outcomes, and the largest page of any table. */
const OUTCOMES_BYTES_MAX = 256 * 1_048_576;
const PAGE_BYTES_MAX = 1_048_576;

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
  readonly witness: Witness;
  readonly live: LiveIndex;
  readonly stage: Stage;
  readonly sequence: number;
}

/**
 * The `Store` of a node: LevelDB for everything small, append-only logs for batches and outcomes
 * (docs/adr/0002-batch-log.md).
 *
 * Byte arrays given to `write` must not change until its `done` was called. Memory is bounded by what the
 * caller lets wait, what is live (certificates, proposals, admissions) and 12 bytes a state page.
 */
export class NodeStore implements Store {
  readonly path: string;
  readonly chainId: Digest;
  readonly #parts: StoreParts;
  readonly #staging: Staging;
  #stage: Stage;
  /** Page directory of the physical write under way: its pages may be visible already. */
  #nextDirectory: Stage["directory"];
  #queue: StagedWrite[] = [];
  #draining: Promise<void> | undefined;
  #failure: StoreError | undefined;
  #life: "open" | "closing" | "closed" = "open";
  #sequence: number;
  /** Changes since the last sync, repeated in the next one: LevelDB's log may have been switched between. */
  #unsynced: Operation[] = [];
  #unsyncedBytes = 0;
  /** Index entries of batches whose frames are not synced yet. */
  #unindexed: Operation[] = [];
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
    this.#nextDirectory = parts.stage.directory;
    this.#sequence = parts.sequence;
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

  get counters(): StoreCounters {
    return {
      writes: this.#writes,
      groups: this.#groups,
      fsyncs: this.#levelSyncs + this.#parts.batchLog.fsyncs + this.#parts.outcomeLog.fsyncs,
      bytesWritten: this.#levelBytes + this.#parts.batchLog.bytesWritten + this.#parts.outcomeLog.bytesWritten,
      queued: this.#queue.length,
    };
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
    this.#queue.push(this.#staging.stage(write, done));
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
    return this.#unpacked(packed, OUTCOMES_BYTES_MAX, key);
  }

  /** A node lies with the leaf that completed it. */
  treeNode(level: number, index: number): Uint8Array | undefined {
    const height = (index + 1) * 2 ** level;
    return Number.isSafeInteger(height) ? this.#executed(height as Height)?.nodes[level] : undefined;
  }

  *pages(): Generator<StatePage> {
    for (const key of [...this.#stage.directory.keys()].sort((left, right) => left - right)) {
      yield { key, bytes: this.#found(this.page(key), pageKey(key)) };
    }
  }

  page(key: number): Uint8Array | undefined {
    this.#assertUsable();
    const checksum = this.#stage.directory.get(key);
    if (checksum === undefined) return undefined;
    const bytes = this.#found(this.#parts.level.getRaw(pageKey(key)), pageKey(key));
    const got = checksumOf(pageKey(key), bytes);
    if (got !== checksum && got !== this.#nextDirectory.get(key)) {
      throw corrupt(this.path, `page ${key} of the state is not the newest checkpoint's`);
    }
    return this.#unpacked(bytes, PAGE_BYTES_MAX, pageKey(key));
  }

  /** Refuses further writes, carries out those asked for, syncs all and gives the lock back; then reads fail too. */
  async close(): Promise<void> {
    if (this.#life !== "open") return;
    this.#life = "closing";
    await this.#draining;
    this.#life = "closed";
    const { level, batchLog, outcomeLog, witness } = this.#parts;
    try {
      if (this.#failure === undefined && (this.#unsynced.length > 0 || this.#unindexed.length > 0)) {
        await this.#commit([], this.#stage);
      }
      witness.close();
    } catch (error) {
      throw classify(error, this.path);
    } finally {
      batchLog.close();
      outcomeLog.close();
      await level.close();
    }
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
      for (const { after: stage, done } of group) {
        this.#stage = stage;
        this.#writes += 1;
        done();
      }
    }
    this.#draining = undefined;
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
   * One physical write: frames to the logs; if anybody waits for the disk, the logs to the disk; then everything
   * else in one batch of LevelDB, synced too; then the witness. An empty group syncs what is not yet.
   */
  async #commit(group: readonly StagedWrite[], after: Stage): Promise<void> {
    const { level, batchLog, outcomeLog, witness } = this.#parts;
    this.#nextDirectory = after.directory;
    await batchLog.append(group.flatMap((write) => write.batchFrames));
    await outcomeLog.append(group.flatMap((write) => write.outcomeFrames));
    const changes = group.flatMap((write) => write.operations);
    this.#unindexed.push(...group.flatMap((write) => write.indexed));
    const bytes = group.reduce((sum, write) => sum + write.bytes, 0);
    const sync =
      group.length === 0 ||
      group.some((write) => write.durable) ||
      this.#unsyncedBytes + bytes > UNSYNCED_BYTES_MAX ||
      batchLog.unsyncedBytes > UNSYNCED_LOG_BYTES_MAX;
    if (sync) await batchLog.sync();
    if (group.some((write) => write.isCheckpoint)) await outcomeLog.sync();
    this.#sequence += 1;
    const stamp = { sequence: this.#sequence, batchesEnd: batchLog.synced };
    const payload = encodeSnapshot(after.snapshot, stamp);
    const state = [STATE_KEY, STATE_COPY_KEY].map((key) => ({ key, value: seal(key, payload) }));
    const repeated = sync ? [...this.#unsynced, ...this.#unindexed] : [];
    this.#levelBytes += await level.write([...repeated, ...changes, ...state], { sync });
    this.#groups += 1;
    if (!sync) {
      this.#unsynced.push(...changes);
      this.#unsyncedBytes += bytes;
      return;
    }
    this.#levelSyncs += 1;
    this.#staging.forgetIndexed(this.#unindexed);
    this.#unsynced = [];
    this.#unsyncedBytes = 0;
    this.#unindexed = [];
    witness.raise(this.#sequence);
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

  #unpacked(packed: Uint8Array, bytesMax: number, key: Uint8Array): Uint8Array {
    return this.#found(unpackWords(packed, bytesMax), key);
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

const failureOf = (error: StoreError): StoreFailure => ({ code: error.fault.code, cause: error });

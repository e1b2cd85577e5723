import { encodeCertificate, readBody, readHeader } from "../formats/index.js";
import type { StatePage } from "../ledger/index.js";
import { assert, type Digest, decode, fromHex, type Height, type Reader, toHex } from "../primitives/index.js";
import type { StoredBlock, StoreFailure, StoreWrite, TreeNode } from "../replica/index.js";
import { admittedKey, batchKey, blockKey, executedKey, heightKey, makeKey, seal } from "./keyspace.js";
import { addTotals, type LiveKeys } from "./live-keys.js";
import type { Frame, Location, SegmentLog } from "./segment-log.js";
import type { Snapshot, StoredCheckpoint } from "./snapshot.js";
import {
  encodeEvidence,
  encodeExecutedEntry,
  encodeFinalBlock,
  encodeHeight,
  encodeLocation,
  encodeStoredBlock,
} from "./values.js";
import { packWords } from "./zero-words.js";

/** One change in LevelDB; without a value it deletes. */
export interface Operation {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** The store's memory of itself after some write. */
export interface Stage {
  readonly snapshot: Snapshot;
  /** Results up to here are readable; after opening, the newest checkpoint's height. */
  readonly executedHeight: Height;
}

/** A checkpoint whose pages are not in their file yet. */
export interface UnsavedCheckpoint extends Omit<StoredCheckpoint, "directory"> {
  readonly pages: readonly StatePage[];
}

/** A write made ready: bytes encoded, places in the logs taken. */
export interface StagedWrite {
  readonly durable: boolean;
  /** To be saved once this is written. */
  readonly checkpoint: UnsavedCheckpoint | undefined;
  /** Whether it names a checkpoint that was saved. */
  readonly savesCheckpoint: boolean;
  readonly operations: readonly Operation[];
  /** Index entries; they are made durable only with the frames, or after them. */
  readonly indexed: readonly Operation[];
  readonly batchFrames: readonly Frame[];
  readonly outcomeFrames: readonly Frame[];
  /** Of values and frames, roughly. */
  readonly bytes: number;
  readonly after: Stage;
  readonly done: (failure?: StoreFailure) => void;
}

export interface LiveIndex {
  readonly certificates: LiveKeys;
  readonly proposals: LiveKeys;
  readonly admitted: LiveKeys;
  readonly evidence: LiveKeys;
}

export interface StagingParts {
  readonly stage: Stage;
  readonly live: LiveIndex;
  readonly batchLog: SegmentLog;
  readonly outcomeLog: SegmentLog;
  /** Whether LevelDB knows the place of a batch. */
  readonly isIndexed: (digest: Digest) => boolean;
}

/** Turns writes, in the order of the calls, into changes of the keys and the logs. Synchronous, touches no disk. */
export class Staging {
  readonly #parts: StagingParts;
  readonly #unindexed = new Map<Digest, Location>();
  #stage: Stage;

  constructor(parts: StagingParts) {
    this.#parts = parts;
    this.#stage = parts.stage;
  }

  /** Place of a batch whose index entry is not in LevelDB yet. */
  unindexed(digest: Digest): Location | undefined {
    return this.#unindexed.get(digest);
  }

  /** The index entries of these batches are in LevelDB now. */
  forgetIndexed(operations: readonly Operation[]): void {
    for (const { key } of operations) this.#unindexed.delete(digestOf(key));
  }

  /** @throws {InvariantError} when the write does not continue what is stored */
  stage(write: StoreWrite, done: (failure?: StoreFailure) => void): StagedWrite {
    const draft = new Draft(this.#parts, this.#stage, this.#unindexed);
    draft.addBatches(write);
    draft.addLive(write);
    if (write.finalized !== undefined) draft.addFinalized(write.finalized);
    draft.addResults(write);
    this.#stage = draft.finish(write);
    return { ...draft.contents(), savesCheckpoint: false, durable: isDurable(write), after: this.#stage, done };
  }

  /** The step that lets a checkpoint count whose pages and outcomes are on the disk. */
  stageCheckpoint(checkpoint: StoredCheckpoint, done: (failure?: StoreFailure) => void): StagedWrite {
    this.#stage = { ...this.#stage, snapshot: { ...this.#stage.snapshot, checkpoint } };
    return { ...NOTHING, savesCheckpoint: true, durable: true, after: this.#stage, done };
  }
}

const NOTHING = {
  checkpoint: undefined,
  operations: [],
  indexed: [],
  batchFrames: [],
  outcomeFrames: [],
  bytes: 0,
} as const;

/**
 * An admission promises the batch. And what the state counts and sums up has to be where that state is: what nobody waits for is written later than the next entry of the journal, or never. So only
 * results need not wait for the disk.
 */
const isDurable = (write: StoreWrite): boolean =>
  write.durable || write.finalized !== undefined || COUNTED.some((part) => (write[part] ?? []).length > 0);

const COUNTED = ["certificates", "proposals", "admitted", "dropAdmitted", "evidence"] as const;

const digestOf = (key: Uint8Array): Digest => toHex(key.subarray(1)) as Digest;

class Draft {
  readonly #parts: StagingParts;
  readonly #before: Stage;
  readonly #unindexed: Map<Digest, Location>;
  readonly #operations: Operation[] = [];
  readonly #indexed: Operation[] = [];
  readonly #batchFrames: Frame[] = [];
  readonly #outcomeFrames: Frame[] = [];
  #executedHeight: Height;
  #firstHeight: Height;
  #checkpoint: UnsavedCheckpoint | undefined;
  #bytes = 0;

  constructor(parts: StagingParts, before: Stage, unindexed: Map<Digest, Location>) {
    this.#parts = parts;
    this.#before = before;
    this.#unindexed = unindexed;
    this.#executedHeight = before.executedHeight;
    this.#firstHeight = before.snapshot.firstHeight;
  }

  /** A batch that is there already is not written again. */
  addBatches({ batches = [] }: StoreWrite): void {
    for (const { digest, bytes } of batches) {
      if (this.#holds(digest)) continue;
      const location = this.#parts.batchLog.reserve(bytes.length);
      const key = batchKey(digest);
      this.#unindexed.set(digest, location);
      this.#batchFrames.push({ location, key: key.subarray(1), bytes });
      this.#indexed.push({ key, value: seal(key, encodeLocation(location)) });
      this.#bytes += bytes.length;
    }
  }

  addLive({ certificates = [], proposals = [], admitted = [], dropAdmitted = [], evidence = [] }: StoreWrite): void {
    const { live } = this.#parts;
    for (const certificate of certificates) {
      const kind = { u8: certificate.kind.charCodeAt(0) };
      const key = makeKey("certificate", certificate.epoch, certificate.view, kind, certificate.hash);
      this.#putLive(live.certificates, key, encodeCertificate(certificate));
    }
    for (const block of proposals) {
      this.#putLive(live.proposals, makeKey("proposal", heightIn(block), block.hash), encodeStoredBlock(block));
    }
    for (const digest of admitted) {
      assert(this.#holds(digest), "a batch is admitted without its bytes");
      this.#putLive(live.admitted, admittedKey(digest), new Uint8Array(0));
    }
    for (const equivocation of evidence) {
      const { epoch, view, signer } = equivocation;
      this.#putLive(live.evidence, makeKey("evidence", epoch, view, { u8: signer }), encodeEvidence(equivocation));
    }
    for (const digest of dropAdmitted) this.#dropLive(live.admitted, admittedKey(digest));
  }

  addFinalized({ blocks, head }: NonNullable<StoreWrite["finalized"]>): void {
    const { live } = this.#parts;
    const before = this.#before.snapshot.head;
    let next = before === undefined ? blocks[0]?.height : before.height + 1;
    if (before === undefined && blocks[0] !== undefined) this.#firstHeight = blocks[0].height;
    for (const block of blocks) {
      assert(block.height === next, "finalised blocks do not continue the stored chain");
      next += 1;
      this.#put(blockKey(block.height), encodeFinalBlock(block));
      this.#put(heightKey(block.hash), encodeHeight(block.height));
      if (live.admitted.totals.count === 0) continue;
      for (const { digest } of read(block.body, readBody)) this.#dropLive(live.admitted, admittedKey(digest));
    }
    const last = blocks[blocks.length - 1];
    assert(last === undefined || last.hash === head.hash, "the head is not the last finalised block");
    const isBelow = (epoch: number, view: number) => epoch < head.epoch || (epoch === head.epoch && view < head.view);
    const past = live.certificates.removeWhere(isBelow);
    past.push(...live.proposals.removeWhere((height) => height <= head.height));
    for (const key of past) this.#operations.push({ key, value: undefined });
  }

  addResults({ executed, checkpoint }: StoreWrite): void {
    if (executed !== undefined) {
      const { leaf, outcomes, nodes } = executed;
      assert(leaf.height === this.#executedHeight + 1, "a result does not continue the stored ones");
      assertNodes(leaf.height, nodes);
      const bytes = packWords(outcomes);
      const location = this.#parts.outcomeLog.reserve(bytes.length);
      this.#outcomeFrames.push({ location, key: fromHex(leaf.blockHash) as Uint8Array, bytes });
      this.#put(executedKey(leaf.height), encodeExecutedEntry(leaf, location, nodes));
      this.#executedHeight = leaf.height;
      this.#bytes += bytes.length;
    }
    if (checkpoint === undefined) return;
    assert(checkpoint.height === this.#executedHeight, "a checkpoint is not at the executed height");
    this.#checkpoint = { ...checkpoint, outcomesEnd: this.#parts.outcomeLog.end };
  }

  finish(write: StoreWrite): Stage {
    const { snapshot } = this.#before;
    const { certificates, proposals, admitted, evidence } = this.#parts.live;
    return {
      snapshot: {
        record: write.record ?? snapshot.record,
        head: write.finalized?.head ?? snapshot.head,
        firstHeight: this.#firstHeight,
        checkpoint: snapshot.checkpoint,
        divergence: write.divergence ?? snapshot.divergence,
        live: addTotals([certificates.totals, proposals.totals, admitted.totals, evidence.totals]),
      },
      executedHeight: this.#executedHeight,
    };
  }

  contents(): Omit<StagedWrite, "savesCheckpoint" | "durable" | "after" | "done"> {
    return {
      operations: this.#operations,
      indexed: this.#indexed,
      batchFrames: this.#batchFrames,
      outcomeFrames: this.#outcomeFrames,
      checkpoint: this.#checkpoint,
      bytes: this.#bytes,
    };
  }

  #holds(digest: Digest): boolean {
    return this.#unindexed.has(digest) || this.#parts.isIndexed(digest);
  }

  /** @returns the checksum */
  #put(key: Uint8Array, payload: Uint8Array): number {
    const value = seal(key, payload);
    this.#operations.push({ key, value });
    this.#bytes += value.length;
    return new DataView(value.buffer).getUint32(0, true);
  }

  #putLive(keys: LiveKeys, key: Uint8Array, payload: Uint8Array): void {
    keys.put({ key, checksum: this.#put(key, payload) });
  }

  #dropLive(keys: LiveKeys, key: Uint8Array): void {
    if (keys.remove(key)) this.#operations.push({ key, value: undefined });
  }
}

/** Decodes bytes of our own replica; they were checked before they came here. */
function read<T>(bytes: Uint8Array, reader: (reader: Reader) => T): T {
  const decoded = decode(bytes, reader);
  assert(decoded.ok, "the replica stores what does not decode");
  return decoded.value;
}

const heightIn = (block: StoredBlock): Height => read(block.header, readHeader).height;

/** A leaf completes one subtree at each level until the first that it only half fills. */
function assertNodes(height: Height, nodes: readonly TreeNode[]): void {
  let size: number = height;
  for (const [level, node] of nodes.entries()) {
    assert(node.level === level && node.index === size - 1, "a tree node is not one that the leaf completes");
    assert(node.hash.length === 32, "a tree node is not a digest");
    assert(level === nodes.length - 1 || size % 2 === 0, "a tree node is not complete yet");
    size /= 2;
  }
  assert(!Number.isInteger(size), "a tree node is missing");
}

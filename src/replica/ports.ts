import type { SafetyRecord } from "../consensus/index.js";
import type { Certificate, CommitProof, ResultLeaf, VoteKind } from "../formats/index.js";
import type { Checkpoint, StatePage } from "../ledger/index.js";
import type { Digest, Epoch, Height, ParticipantNumber, ValidatorIndex, View } from "../primitives/index.js";

/**
 * What a replica needs of the world. Production implements these over timers, libp2p and classic-level,
 * the simulator over one seeded event queue; the replica cannot tell the difference. Every callback
 * arrives on a later turn, never inside the call that asked for it.
 */
export interface Ports {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly store: Store;
}

export interface Clock {
  /** Monotonic milliseconds since some start. */
  now(): number;
  /** UTC milliseconds; may jump. */
  wall(): number;
  /** Calls back on the next turn, after whatever arrived meanwhile. */
  soon(callback: () => void): void;
  /** Calls back once, not before `delayMs` have passed. Cannot be cancelled. */
  after(delayMs: number, callback: () => void): void;
}

/**
 * Independent ordered streams to each peer, so that bulk never delays votes: `consensus` for votes,
 * certificates and proposals, `batches` for pushed batches, `sync` for requests and their answers.
 */
export type Channel = "consensus" | "batches" | "sync";

/** Peers are named by participant: places among the validators change with the epoch. */
export interface Transport {
  /**
   * Queues one frame of at most FRAME_BYTES_MAX. Frames of one channel arrive in order or not at all.
   * Returns false, and drops the frame, when the peer is away or its queue is full: the protocol
   * repeats itself, so nothing here retries.
   */
  send(to: ParticipantNumber, channel: Channel, frame: Uint8Array): boolean;
}

/** A block on its way to finality or final: canonical header and body bytes under the header's hash. */
export interface StoredBlock {
  readonly hash: Digest;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** A finalised block, in its place in the ledger. */
export interface FinalBlock extends StoredBlock {
  readonly height: Height;
  /** Present where a CommitQC names this very block; others are final through a descendant. */
  readonly proof: CommitProof | undefined;
  /** Of a CLOSING block whose finality a DRAIN block shows: header of that one, and its proof. */
  readonly close?: { readonly header: Uint8Array; readonly proof: CommitProof } | undefined;
}

/** The newest finalised block. The last one of an epoch is the next one's view 0, and bears that epoch here. */
export interface FinalHead {
  readonly epoch: Epoch;
  readonly view: View;
  readonly height: Height;
  readonly hash: Digest;
  readonly timestamp: number;
}

/** Roots that q honest validators certified and this replica did not compute (docs/protocol.md, quarantine). */
export interface Divergence {
  /** Our roots agreed with a certified claim up to here … */
  readonly agreedHeight: Height;
  /** … and no longer here. */
  readonly divergedHeight: Height;
  readonly certified: { readonly resultsRoot: Digest; readonly stateRoot: Digest };
  readonly own: { readonly resultsRoot: Digest; readonly stateRoot: Digest };
}

/**
 * One atomic step: after a crash either all of it is there or none. Batch bytes may be appended to their log
 * first, since a batch without a reference is harmless. Steps take effect in the order of the calls, and a durable
 * one takes all before it to the disk; of those behind the last durable one a crash may take any.
 */
export interface StoreWrite {
  /** Whether `done` waits for the disk (fsync). */
  readonly durable: boolean;
  readonly batches?: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[];
  /** Batches that this node admitted: `load` returns those that are not final yet. */
  readonly admitted?: readonly Digest[];
  readonly record?: SafetyRecord;
  /** Certificates above the finalised view. */
  readonly certificates?: readonly Certificate[];
  /** Blocks above the finalised head that this replica voted for or fetched. */
  readonly proposals?: readonly StoredBlock[];
  /**
   * Ascending and hash-linked to the stored head. Also forgets certificates of views below the new
   * head's, proposals at or below its height, and admissions of batches that these blocks order.
   */
  readonly finalized?: { readonly blocks: readonly FinalBlock[]; readonly head: FinalHead };
  /** Admissions to forget without their being final: the batch expired. */
  readonly dropAdmitted?: readonly Digest[];
  readonly executed?: {
    readonly leaf: ResultLeaf;
    readonly outcomes: Uint8Array;
    /** Nodes of the results tree completed by this leaf, the leaf's own hash at level 0. */
    readonly nodes: readonly TreeNode[];
  };
  /**
   * At the height of `executed`, or of the newest result before. Reads show it from `done` on; a restart finds it some time later,
   * and the one before until then, whatever was written meanwhile. The bytes of its pages must not change any more.
   */
  readonly checkpoint?: Checkpoint;
  readonly divergence?: Divergence;
  /** Kept for good, at most EVIDENCE_MAX of them. */
  readonly evidence?: readonly Equivocation[];
}

/** Two votes of one signer that exclude each other; both signatures verified. */
export interface Equivocation {
  readonly signer: ValidatorIndex;
  readonly epoch: Epoch;
  readonly view: View;
  readonly votes: readonly [SignedVote, SignedVote];
}

export interface SignedVote {
  readonly kind: VoteKind;
  readonly hash: Digest;
  readonly signature: Uint8Array;
}

/** Root of the complete subtree over leaves index·2^level … (index+1)·2^level − 1. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** The disk let us down; after it the replica stops voting and the process exits. */
export interface StoreFailure {
  readonly code: string;
  readonly cause: unknown;
}

/** What a restart finds. */
export interface StoredState {
  readonly record: SafetyRecord | undefined;
  readonly certificates: readonly Certificate[];
  readonly proposals: readonly StoredBlock[];
  /** Absent before the first finalised block. */
  readonly head: FinalHead | undefined;
  /** Newest checkpoint; absent before the first. Blocks above it are executed again. */
  readonly checkpoint: { readonly height: Height; readonly stateRoot: Digest } | undefined;
  readonly admitted: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[];
  readonly divergence: Divergence | undefined;
  readonly evidence: readonly Equivocation[];
}

/**
 * Reads are synchronous and see every write whose `done` was called. All return `undefined` for what is
 * not there; a failed checksum throws a `StoreError`, which stops the node.
 */
export interface Store {
  load(): StoredState;
  write(write: StoreWrite, done: (failure?: StoreFailure) => void): void;
  /** Finalised block at a height. */
  block(height: Height): FinalBlock | undefined;
  /** Height of a finalised block. */
  heightOf(hash: Digest): Height | undefined;
  /** Signed batch bytes, whether or not a block orders them yet. */
  batch(digest: Digest): Uint8Array | undefined;
  leaf(height: Height): ResultLeaf | undefined;
  outcomes(height: Height): Uint8Array | undefined;
  treeNode(level: number, index: number): Uint8Array | undefined;
  /** Pages of the newest checkpoint, ascending by key. */
  pages(): Iterable<StatePage>;
  page(key: number): Uint8Array | undefined;
}

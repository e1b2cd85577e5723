import type { ResultLeaf } from "../formats/index.js";
import type { Digest, Epoch, Height } from "../primitives/index.js";

/** Newest protocol version that this program executes; genesis begins with 1. */
export const PROTOCOL_VERSION = 1;

/**
 * Governance has put a protocol version in force that this program does not know. Nothing of the block was
 * executed: a newer program goes on from here.
 */
export class ProtocolVersionError extends Error {
  override readonly name = "ProtocolVersionError";
  readonly code = "PROTOCOL_VERSION_UNKNOWN";
  readonly version: number;
  readonly height: number;

  constructor(version: number, height: number) {
    const since = height === 0 ? "" : ` from height ${height}`;
    super(`protocol version ${version} is in force${since}, and this program executes up to ${PROTOCOL_VERSION}`);
    this.version = version;
    this.height = height;
  }
}

/** One finalised batch: its signature and shape were checked before it was ordered. */
export interface OrderedBatch {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** Everything that execution may look at besides the state: the block's own header and batches. */
export interface OrderedBlock {
  readonly height: Height;
  readonly timestamp: number;
  readonly epoch: Epoch;
  readonly hash: Digest;
  readonly batches: readonly OrderedBatch[];
}

/** What executing one block produced. */
export interface ExecutedBlock {
  readonly leaf: ResultLeaf;
  /** Per batch, one result code per record; a batch-level refusal has one entry in all. */
  readonly codes: readonly Uint16Array[];
  /** Outcomes of the block in order, as the store keeps them and `outcomeAt` reads them. */
  readonly outcomes: Uint8Array;
  /** Present iff `leaf.height` is a checkpoint: every page of the state changed since the last one. */
  readonly checkpoint: Checkpoint | undefined;
}

/** Pages of the whole state at a height; applied over the older ones they give the state there. */
export interface Checkpoint {
  readonly height: Height;
  readonly stateRoot: Digest;
  readonly pages: readonly StatePage[];
}

/** A piece of the state. `key` is unique, below 2^48, and stable; `bytes` replaces the older content. */
export interface StatePage {
  readonly key: number;
  /**
   * As of the checkpoint, whenever it is read; to be taken anew for each use and not kept. For until the ledger changes
   * the page it is the ledger's own memory, and from then on a copy made before.
   */
  readonly bytes: Uint8Array;
}

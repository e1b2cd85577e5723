import type { ResultLeaf } from "../formats/index.js";
import type { Digest, Epoch, Height } from "../primitives/index.js";

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
  readonly bytes: Uint8Array;
}

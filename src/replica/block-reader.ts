import { hashOutcomeLeaves } from "../crypto/index.js";
import { type Body, parseBatch, type ResultLeaf, readBody, readHeader } from "../formats/index.js";
import { type BatchAt, type DecodedOutcome, type OutcomePointer, outcomeAt, outcomeLeaves } from "../ledger/index.js";
import { assert, type Digest, decode, type Height } from "../primitives/index.js";
import type { FinalBlock, Store } from "./ports.js";
import type { BlockView } from "./read-model.js";
import type { ReplicaView } from "./view.js";

/** Blocks whose leaves are kept, since receipts are mostly asked for right after a block; 8 MiB at most for each. */
const LEAVES_KEPT = 4;

/** The leaves of a block's receipts tree, 256 bytes each, and their hashes. */
export interface OutcomeLeaves {
  readonly leaves: Uint8Array;
  readonly hashes: Uint8Array;
}

/** Executed blocks as one place, whether the store shows them already or not yet. */
export class BlockReader {
  readonly #store: Store;
  readonly #replica: Pick<ReplicaView, "unwritten" | "executedHeight">;
  readonly #leaves = new Map<Height, OutcomeLeaves>();

  constructor(store: Store, replica: Pick<ReplicaView, "unwritten" | "executedHeight">) {
    this.#store = store;
    this.#replica = replica;
  }

  stored(height: Height): FinalBlock | undefined {
    return this.#store.block(height);
  }

  block(height: Height): BlockView | undefined {
    const stored = this.#store.block(height);
    if (stored === undefined) return undefined;
    return {
      hash: stored.hash,
      header: mustDecode(stored.header, readHeader),
      headerBytes: stored.header,
      batches: this.#body(stored).map(({ digest, size }, index) => ({
        digest,
        size,
        content: this.#content(height, digest, index),
      })),
      executed: height <= this.#replica.executedHeight(),
      proof: stored.proof,
    };
  }

  leaf(height: Height): ResultLeaf | undefined {
    return this.#replica.unwritten(height)?.leaf ?? this.#store.leaf(height);
  }

  /** The outcomes blob and the batches behind it; undefined above the executed height. */
  outcomes(height: Height): { readonly outcomes: Uint8Array; readonly batchAt: BatchAt } | undefined {
    const unwritten = this.#replica.unwritten(height);
    if (unwritten !== undefined) {
      return { outcomes: unwritten.outcomes, batchAt: (index) => batchOf(unwritten.batches[index]?.bytes) };
    }
    const outcomes = this.#store.outcomes(height);
    const stored = this.#store.block(height);
    if (outcomes === undefined || stored === undefined) return undefined;
    const body = this.#body(stored);
    const read = new Map<number, Uint8Array>();
    const batchAt = (index: number): Uint8Array => {
      const known = read.get(index);
      if (known !== undefined) return known;
      const digest = body[index]?.digest;
      const bytes = batchOf(digest === undefined ? undefined : this.#store.batch(digest));
      read.set(index, bytes);
      return bytes;
    };
    return { outcomes, batchAt };
  }

  outcome({ height, index }: OutcomePointer): DecodedOutcome | undefined {
    const block = this.outcomes(height);
    return block === undefined ? undefined : outcomeAt(block.outcomes, index, block.batchAt);
  }

  leaves(height: Height): OutcomeLeaves | undefined {
    const kept = this.#leaves.get(height);
    if (kept !== undefined) return kept;
    const block = this.outcomes(height);
    if (block === undefined) return undefined;
    const leaves = outcomeLeaves(block.outcomes, block.batchAt);
    const made = { leaves, hashes: hashOutcomeLeaves(leaves) };
    const [oldest] = this.#leaves.keys();
    if (this.#leaves.size >= LEAVES_KEPT && oldest !== undefined) this.#leaves.delete(oldest);
    this.#leaves.set(height, made);
    return made;
  }

  #body(stored: FinalBlock): Body {
    return mustDecode(stored.body, readBody);
  }

  #content(height: Height, digest: Digest, index: number): BlockView["batches"][number]["content"] {
    const bytes = this.#replica.unwritten(height)?.batches[index]?.bytes ?? this.#store.batch(digest);
    const parsed = bytes === undefined ? undefined : parseBatch(bytes);
    if (bytes === undefined || parsed?.ok !== true) return undefined;
    const { kind, participant, count, notAfter } = parsed.header;
    return { kind, participant, count, notAfter, bytes };
  }
}

/** Bytes of our own store that decoded when they came. */
function mustDecode<T>(bytes: Uint8Array, read: Parameters<typeof decode<T>>[1]): T {
  const decoded = decode(bytes, read);
  assert(decoded.ok, "a stored block decodes");
  return decoded.value;
}

function batchOf(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new StoreGapError("a batch that an executed block orders is not in the store");
  return bytes;
}

/**
 * The store lacks what it was given once. It cannot know that itself, for an index entry whose key rotted looks like
 * absence (docs/adr/0002-batch-log.md). The node ends, as with all damage.
 */
export class StoreGapError extends Error {
  override readonly name = "StoreGapError";
}

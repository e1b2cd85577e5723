import type { Block } from "../consensus/index.js";
import { sha256 } from "../crypto/index.js";
import {
  appendLeaf,
  type Body,
  type Claim,
  type CompactRange,
  completedNodes,
  hashResultLeaf,
  treeHead,
} from "../formats/index.js";
import {
  type ExecutedBlock,
  type Ledger,
  type OrderedBatch,
  type OrderedBlock,
  ProtocolVersionError,
} from "../ledger/index.js";
import { type Digest, type Height, height, toHex } from "../primitives/index.js";
import type { Clock, Store, StoreFailure } from "./ports.js";
import { decodeStored } from "./serving.js";
import type { UnwrittenBlock } from "./view.js";

/** Execution writes that may wait for the disk before the next block is executed. */
const WRITES_MAX = 8;
/** Blocks ahead of execution for which missing batches are asked for, and their bytes. */
const LOOKAHEAD_BLOCKS = 64;
const LOOKAHEAD_BYTES = 16 * 1_048_576;

export interface Execution {
  readonly block: Block;
  readonly executed: ExecutedBlock;
  /** Our own claim after this block. */
  readonly claim: Claim;
}

export interface ExecutorPort {
  readonly clock: Pick<Clock, "soon">;
  readonly store: Store;
  /** A batch that the pool still holds. */
  pooled(digest: Digest): Uint8Array | undefined;
  isStored(digest: Digest): boolean;
  /** Batches of finalised blocks that are nowhere here. */
  want(batches: Body): void;
  /** The block is executed; nothing is written yet. */
  executed(execution: Execution): void;
  /** The execution is written: clients may hear of it. */
  written(execution: Execution): void;
  failed(failure: StoreFailure): void;
}

/**
 * Executes finalised blocks in order, one a turn, and writes each in one atomic step that need not be
 * synced: lost execution is redone identically (docs/protocol.md).
 */
export class Executor {
  readonly #port: ExecutorPort;
  readonly #ledger: Ledger;
  #range: CompactRange;
  /** Finalised blocks not yet executed, as far as they fit in memory. */
  readonly #recent = new Map<Height, Block>();
  /** Executed blocks that the store does not show yet. */
  readonly #unwritten = new Map<Height, UnwrittenBlock>();
  #target: Height;
  #writes = 0;
  #isScheduled = false;
  #isStopped = false;

  constructor(
    port: ExecutorPort,
    start: { readonly ledger: Ledger; readonly range: CompactRange; readonly target: Height },
  ) {
    this.#port = port;
    this.#ledger = start.ledger;
    this.#range = start.range;
    this.#target = start.target;
  }

  get target(): Height {
    return this.#target;
  }

  /** See `ReplicaView.unwritten`. */
  unwritten(at: Height): UnwrittenBlock | undefined {
    return this.#unwritten.get(at);
  }

  /** These blocks are final and durable. */
  finalized(blocks: readonly Block[]): void {
    for (const block of blocks) {
      this.#target = block.header.height;
      if (this.#recent.size < 2 * LOOKAHEAD_BLOCKS) this.#recent.set(block.header.height, block);
    }
    this.run();
  }

  /** Executes nothing more: the store is about to close, and what is left is executed after the next start. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Executes the next block if all of it is here; called again whenever that may have changed. */
  run(): void {
    if (this.#isStopped || this.#isScheduled || this.#writes >= WRITES_MAX) return;
    const next = height(this.#ledger.height + 1);
    if (next > this.#target) return;
    const block = this.#blockAt(next);
    const batches = this.#batchesOf(block);
    if (batches === undefined) {
      this.#wantAhead(next);
      return;
    }
    this.#execute(block, batches);
    if (this.#ledger.height < this.#target) {
      this.#isScheduled = true;
      this.#port.clock.soon(() => {
        this.#isScheduled = false;
        this.run();
      });
    }
  }

  #execute(block: Block, batches: readonly OrderedBatch[]): void {
    const { height: at, timestamp, epoch } = block.header;
    const executed = this.#apply({ height: at, timestamp, epoch, hash: block.hash, batches });
    if (executed === undefined) return;
    this.#recent.delete(at);
    const leafHash = hashResultLeaf(sha256, executed.leaf);
    const nodes = completedNodes(sha256, this.#range, leafHash);
    this.#range = appendLeaf(sha256, this.#range, leafHash);
    const claim: Claim = {
      height: at,
      resultsRoot: toHex(treeHead(sha256, this.#range)) as Digest,
      stateHeight: executed.leaf.stateHeight,
      stateRoot: executed.leaf.stateRoot,
    };
    const execution = { block, executed, claim };
    this.#writes += 1;
    this.#unwritten.set(at, { leaf: executed.leaf, outcomes: executed.outcomes, batches });
    const write = {
      durable: false,
      batches: batches.filter((batch) => !this.#port.isStored(batch.digest)),
      executed: { leaf: executed.leaf, outcomes: executed.outcomes, nodes },
      ...(executed.checkpoint === undefined ? {} : { checkpoint: executed.checkpoint }),
    };
    this.#port.store.write(write, (failure) => {
      this.#writes -= 1;
      if (failure !== undefined) {
        this.#port.failed(failure);
        return;
      }
      this.#unwritten.delete(at);
      this.#port.written(execution);
      this.run();
    });
    this.#port.executed(execution);
  }

  /** Undefined where the rules of the block are of a later version than this program: a newer one goes on from here. */
  #apply(block: OrderedBlock): ExecutedBlock | undefined {
    try {
      return this.#ledger.apply(block);
    } catch (error) {
      if (!(error instanceof ProtocolVersionError)) throw error;
      this.#isStopped = true;
      this.#port.failed({ code: error.code, cause: error });
      return undefined;
    }
  }

  #blockAt(at: Height): Block {
    const recent = this.#recent.get(at);
    if (recent !== undefined) return recent;
    const stored = this.#port.store.block(at);
    if (stored === undefined) throw new Error(`finalised block ${at} is not in the store`);
    return decodeStored(stored);
  }

  #batchesOf(block: Block): OrderedBatch[] | undefined {
    const batches: OrderedBatch[] = [];
    for (const { digest } of block.body) {
      const bytes = this.#find(digest);
      if (bytes === undefined) return undefined;
      batches.push({ digest, bytes });
    }
    return batches;
  }

  #find(digest: Digest): Uint8Array | undefined {
    return this.#port.pooled(digest) ?? this.#port.store.batch(digest);
  }

  #wantAhead(next: Height): void {
    const missing: { digest: Digest; size: number }[] = [];
    let bytes = 0;
    const last = Math.min(this.#target, next + LOOKAHEAD_BLOCKS);
    for (let at = next; at <= last && bytes < LOOKAHEAD_BYTES; at = height(at + 1)) {
      for (const reference of this.#blockAt(at).body) {
        if (this.#isHere(reference.digest)) continue;
        missing.push(reference);
        bytes += reference.size;
      }
    }
    this.#port.want(missing);
  }

  #isHere(digest: Digest): boolean {
    return this.#port.pooled(digest) !== undefined || this.#port.isStored(digest);
  }
}

import { sha256 } from "../crypto/index.js";
import { OUTCOME_LEAF_BYTES, type ResultLeaf, treeHeadAt } from "../formats/index.js";
import type { Ledger, StateTable, StateTableView } from "../ledger/index.js";
import { type Digest, type Height, toHex } from "../primitives/index.js";
import type { BlockReader } from "./block-reader.js";
import type { Store } from "./ports.js";

/** What one block's execution gave, and the head of the results tree with it as the last leaf. */
export interface ResultView {
  readonly leaf: ResultLeaf;
  readonly resultsRoot: Digest;
}

/** Leaves of a block's receipts tree, 256 bytes each, from an index on; `count` is that of the whole block. */
export interface OutcomeLeavesView {
  readonly count: number;
  readonly leaves: readonly Uint8Array[];
}

/** The newest checkpoint: its root, and the roots below it. */
export interface StateRootsView {
  readonly height: Height;
  readonly stateRoot: Digest;
  readonly tables: readonly StateTableView[];
  /** Of the table asked for. */
  readonly pageRoots: readonly Digest[];
}

/**
 * Answers with which two nodes are compared step by step: from the log's head at a height down to the outcome,
 * and from the state root down to the page, where they first differ.
 */
export class Comparison {
  readonly #source: { readonly store: Store; readonly blocks: BlockReader; readonly ledger: Ledger };

  constructor(source: { readonly store: Store; readonly blocks: BlockReader; readonly ledger: Ledger }) {
    this.#source = source;
  }

  /** Undefined above the executed height, and while the block is on its way to the store. */
  result(height: Height): ResultView | undefined {
    const leaf = this.#source.blocks.leaf(height);
    const root = treeHeadAt(sha256, (level, index) => this.#source.store.treeNode(level, index), height);
    return leaf === undefined || root === undefined ? undefined : { leaf, resultsRoot: toHex(root) as Digest };
  }

  outcomeLeaves(
    height: Height,
    range: { readonly from: number; readonly limit: number },
  ): OutcomeLeavesView | undefined {
    const leaves = this.#source.blocks.leaves(height)?.leaves;
    if (leaves === undefined) return undefined;
    const count = leaves.length / OUTCOME_LEAF_BYTES;
    const end = Math.min(count, range.from + range.limit);
    return {
      count,
      leaves: Array.from({ length: Math.max(0, end - range.from) }, (_, offset) => {
        const at = (range.from + offset) * OUTCOME_LEAF_BYTES;
        return leaves.slice(at, at + OUTCOME_LEAF_BYTES);
      }),
    };
  }

  stateRoots(pages?: { readonly table: StateTable; readonly from: number; readonly limit: number }): StateRootsView {
    const { ledger } = this.#source;
    return {
      height: ledger.stateHeight,
      stateRoot: ledger.stateRoot,
      tables: ledger.stateTables(),
      pageRoots: pages === undefined ? [] : ledger.statePageRoots(pages.table, pages.from, pages.limit),
    };
  }

  /** Entries of a page as the newest checkpoint wrote them. */
  statePage(table: StateTable, page: number): Uint8Array | undefined {
    return this.#source.store.page(this.#source.ledger.statePageKey(table, page));
  }
}

import type { Sha256 } from "../crypto/index.js";
import { concatBytes, equalBytes } from "../primitives/index.js";
import { OUTCOME_LEAF_BYTES } from "./outcome.js";

/**
 * Verification of the SHA-256 tree of 64-byte pairs whose root mixes in the number of leaves; a block's
 * receipts and the tables of the state use it. `countedRoot` and `countedPath` of crypto build it.
 */
export interface CountedPath {
  /** 32 bytes. */
  readonly leaf: Uint8Array;
  readonly index: number;
  /** Leaves in the list, before padding. */
  readonly count: number;
  /** Siblings from the bottom up, ⌈log2 count⌉ of them. */
  readonly path: readonly Uint8Array[];
}

/** The root that a path leads to; undefined if it has not the shape that index and count demand. */
export function countedRootOf(sha256: Sha256, { leaf, index, count, path }: CountedPath): Uint8Array | undefined {
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(index)) return undefined;
  if (index < 0 || index >= count || leaf.length !== 32) return undefined;
  let node = leaf;
  let place = index;
  let width = count;
  for (const sibling of path) {
    if (width === 1 || sibling.length !== 32) return undefined;
    node = sha256(place % 2 === 0 ? concatBytes(node, sibling) : concatBytes(sibling, node));
    place = Math.floor(place / 2);
    width = Math.ceil(width / 2);
  }
  return width === 1 ? mixInCount(sha256, node, count) : undefined;
}

/** Whether a leaf stands at its index under `root`. Never throws, whatever the proof holds. */
export function verifyCountedPath(sha256: Sha256, proof: CountedPath & { readonly root: Uint8Array }): boolean {
  const root = countedRootOf(sha256, proof);
  return root !== undefined && equalBytes(root, proof.root);
}

/** Hash of one outcome leaf of 256 bytes: the root of the tree over its eight chunks of 32 bytes. */
export function hashOutcomeLeaf(sha256: Sha256, leaf: Uint8Array): Uint8Array | undefined {
  if (leaf.length !== OUTCOME_LEAF_BYTES) return undefined;
  let nodes = leaf;
  while (nodes.length > 32) {
    const parents = new Uint8Array(nodes.length / 2);
    for (let at = 0; at < nodes.length; at += 64) parents.set(sha256(nodes.subarray(at, at + 64)), at / 2);
    nodes = parents;
  }
  return nodes;
}

function mixInCount(sha256: Sha256, top: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(top);
  new DataView(bytes.buffer).setBigUint64(32, BigInt(count), true);
  return sha256(bytes);
}

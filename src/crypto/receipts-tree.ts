import { hashInto } from "@chainsafe/hashtree";
import { assert } from "../primitives/index.js";
import { sha256, unshared } from "./hash.js";

const DIGEST_BYTES = 32;
const PAIR_BYTES = 64;
const OUTCOME_LEAF_BYTES = 256;
const LEVELS_MAX = 32;

/** Roots of complete subtrees over zero leaves, by level: what pads a list to a power of two. */
const ZERO_SUBTREES: readonly Uint8Array[] = zeroSubtrees();

/**
 * Root of the SHA-256 tree over a list, its length mixed in: H(tree root ‖ length as u64 ‖ zeros to
 * 64 bytes). The list is padded with zero leaves to the next power of two; the padding itself costs
 * nothing. The length fixes the depth, so no inner node can pass as a leaf.
 *
 * @param leaves 32 bytes each, in order
 */
export function countedRoot(leaves: Uint8Array): Uint8Array {
  const { top, count } = climb(leaves, () => undefined);
  return mixInCount(top, count);
}

/**
 * Siblings of a leaf from the bottom up, ⌈log2 length⌉ digests; `verifyCountedPath` of formats checks them.
 *
 * @param index of the leaf, below the number of leaves
 */
export function countedPath(leaves: Uint8Array, index: number): readonly Uint8Array[] {
  assert(Number.isInteger(index) && index >= 0 && index < leaves.length / DIGEST_BYTES, "no leaf at this index");
  const path: Uint8Array[] = [];
  climb(leaves, (nodes, level) => {
    const sibling = Math.floor(index / 2 ** level) ^ 1;
    const start = sibling * DIGEST_BYTES;
    const inside = start < nodes.length;
    path.push(inside ? nodes.slice(start, start + DIGEST_BYTES) : (ZERO_SUBTREES[level] as Uint8Array).slice());
  });
  return path;
}

/** Hashes each block of 64 bytes to 32, all in one call of native code. */
export function hashPairs(blocks: Uint8Array): Uint8Array {
  const digests = new Uint8Array(blocks.length / 2);
  hashPairsInto(blocks, digests);
  return digests;
}

/** Two, of which each level's digests go to the one where the level below is not. */
const rooms: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];

/**
 * `hashPairs` again and again: the nodes some levels above nodes that fill whole subtrees. Fresh memory for each level would cost
 * as much as hashing, so the digests lie in memory that the next call uses again.
 */
export function hashLevels(nodes: Uint8Array, levels: number): Uint8Array {
  let current = nodes;
  for (let level = 0; level < levels; level += 1) {
    const which = level % 2;
    const length = current.length / 2;
    if ((rooms[which] as Uint8Array).length < length) rooms[which] = new Uint8Array(length);
    const above = (rooms[which] as Uint8Array).subarray(0, length);
    hashPairsInto(current, above);
    current = above;
  }
  return current;
}

function hashPairsInto(blocks: Uint8Array, digests: Uint8Array): void {
  assert(blocks.length % PAIR_BYTES === 0, "blocks of 64 bytes");
  if (blocks.length > 0) hashInto(unshared(blocks), digests);
}

/** Hashes each outcome leaf of 256 bytes to 32: the root of the tree over its eight chunks. */
export function hashOutcomeLeaves(leaves: Uint8Array): Uint8Array {
  assert(leaves.length % OUTCOME_LEAF_BYTES === 0, "leaves of 256 bytes");
  return hashLevels(leaves, 3).slice();
}

/** Walks up level by level; `visit` sees the nodes of each level below the root, without padding. */
function climb(
  leaves: Uint8Array,
  visit: (nodes: Uint8Array, level: number) => void,
): { readonly top: Uint8Array; readonly count: number } {
  assert(leaves.length % DIGEST_BYTES === 0, "leaves of 32 bytes");
  const count = leaves.length / DIGEST_BYTES;
  if (count === 0) return { top: ZERO_SUBTREES[0] as Uint8Array, count };
  let nodes = unshared(leaves);
  for (let level = 0; nodes.length > DIGEST_BYTES; level += 1) {
    visit(nodes, level);
    if (nodes.length % PAIR_BYTES !== 0) {
      const padded = new Uint8Array(nodes.length + DIGEST_BYTES);
      padded.set(nodes);
      padded.set(ZERO_SUBTREES[level] as Uint8Array, nodes.length);
      nodes = padded;
    }
    nodes = hashPairs(nodes);
  }
  return { top: nodes, count };
}

function mixInCount(top: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(PAIR_BYTES);
  bytes.set(top);
  new DataView(bytes.buffer).setBigUint64(DIGEST_BYTES, BigInt(count), true);
  return sha256(bytes);
}

function zeroSubtrees(): readonly Uint8Array[] {
  const roots: Uint8Array[] = [new Uint8Array(DIGEST_BYTES)];
  for (let level = 1; level < LEVELS_MAX; level += 1) {
    const pair = new Uint8Array(PAIR_BYTES);
    pair.set(roots[level - 1] as Uint8Array);
    pair.set(roots[level - 1] as Uint8Array, DIGEST_BYTES);
    roots.push(sha256(pair));
  }
  return roots;
}

import type { Sha256 } from "../crypto/index.js";
import { equalBytes } from "../primitives/index.js";

/**
 * The append-only tree of RFC 9162 (§2.1) over the result leaves of all blocks: its head at size x is
 * the `resultsRoot` of a claim at height x. Sizes and indices are numbers up to 2^53 − 1, so halving
 * replaces the shifts of the RFC's algorithms.
 */

/** Peaks of the tree over the first `size` leaves, largest subtree first (≤ 53 digests). */
export interface CompactRange {
  readonly size: number;
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY_RANGE: CompactRange = { size: 0, peaks: [] };

/** Root of the complete subtree over leaves index·2^level … (index+1)·2^level − 1. */
export interface CompleteNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** Looks up a complete subtree; undefined for one that is not stored. */
export type NodeReader = (level: number, index: number) => Uint8Array | undefined;

/** §2.1.1: an inner node; the prefix keeps it apart from any leaf. */
function parentHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(65);
  bytes[0] = 1;
  bytes.set(left, 1);
  bytes.set(right, 33);
  return sha256(bytes);
}

/** The range one leaf longer. */
export function appendLeaf(sha256: Sha256, range: CompactRange, leafHash: Uint8Array): CompactRange {
  const completed = completedNodes(sha256, range, leafHash);
  const top = completed[completed.length - 1] as CompleteNode;
  const kept = range.peaks.slice(0, range.peaks.length - top.level);
  return { size: range.size + 1, peaks: [...kept, top.hash] };
}

/** Subtrees that the next leaf completes, the leaf itself at level 0 first. */
export function completedNodes(sha256: Sha256, range: CompactRange, leafHash: Uint8Array): readonly CompleteNode[] {
  const nodes: CompleteNode[] = [{ level: 0, index: range.size, hash: leafHash }];
  let index = range.size;
  for (let level = 0; index % 2 === 1; level += 1) {
    const left = range.peaks[range.peaks.length - 1 - level] as Uint8Array;
    const right = nodes[level] as CompleteNode;
    index = (index - 1) / 2;
    nodes.push({ level: level + 1, index, hash: parentHash(sha256, left, right.hash) });
  }
  return nodes;
}

/** Tree head: the hash of nothing for an empty tree. */
export function treeHead(sha256: Sha256, range: CompactRange): Uint8Array {
  if (range.size === 0) return sha256(new Uint8Array(0));
  let root = range.peaks[range.peaks.length - 1] as Uint8Array;
  for (let index = range.peaks.length - 2; index >= 0; index -= 1)
    root = parentHash(sha256, range.peaks[index] as Uint8Array, root);
  return root;
}

/** Head of the tree over the first `size` leaves; undefined if `nodeAt` lacks a subtree. */
export function treeHeadAt(sha256: Sha256, nodeAt: NodeReader, size: number): Uint8Array | undefined {
  return size === 0 ? treeHead(sha256, EMPTY_RANGE) : rangeHash(sha256, nodeAt, 0, size);
}

/**
 * §2.1.3.1: siblings of leaf `index` in the tree of `size` leaves, from the bottom up.
 *
 * @returns undefined if there is no such leaf or `nodeAt` lacks a subtree
 */
export function inclusionPath(
  sha256: Sha256,
  tree: { readonly size: number; readonly nodeAt: NodeReader },
  index: number,
): readonly Uint8Array[] | undefined {
  if (!isCount(index) || !isCount(tree.size) || index >= tree.size) return undefined;
  const path: Uint8Array[] = [];
  let start = 0;
  let size = tree.size;
  while (size > 1) {
    const split = splitOf(size);
    const goesLeft = index - start < split;
    const sibling = goesLeft
      ? rangeHash(sha256, tree.nodeAt, start + split, size - split)
      : rangeHash(sha256, tree.nodeAt, start, split);
    if (sibling === undefined) return undefined;
    path.push(sibling);
    if (!goesLeft) start += split;
    size = goesLeft ? split : size - split;
  }
  return path.reverse();
}

/**
 * §2.1.4.1: shows that the first `first` leaves of the tree are the tree of size `first`. Empty where
 * the sizes are equal and, beyond the RFC, where `first` is 0.
 *
 * @returns undefined if `first` is above the size or `nodeAt` lacks a subtree
 */
export function consistencyPath(
  sha256: Sha256,
  tree: { readonly size: number; readonly nodeAt: NodeReader },
  first: number,
): readonly Uint8Array[] | undefined {
  if (!isCount(first) || !isCount(tree.size) || first > tree.size) return undefined;
  if (first === 0) return [];
  const path: Uint8Array[] = [];
  let start = 0;
  let size = tree.size;
  // Follow the border of the first tree; `known` while the subtree is one that the verifier holds itself.
  let known = true;
  while (first - start < size) {
    const split = splitOf(size);
    const goesLeft = first - start <= split;
    const other = goesLeft
      ? rangeHash(sha256, tree.nodeAt, start + split, size - split)
      : rangeHash(sha256, tree.nodeAt, start, split);
    if (other === undefined) return undefined;
    path.push(other);
    if (!goesLeft) {
      start += split;
      known = false;
    }
    size = goesLeft ? split : size - split;
  }
  if (known) return path.reverse();
  const border = rangeHash(sha256, tree.nodeAt, start, size);
  return border === undefined ? undefined : [...path, border].reverse();
}

export interface InclusionClaim {
  /** Hash of the leaf itself. */
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** §2.1.3.2. Never throws, whatever the proof holds. */
export function verifyInclusionPath(sha256: Sha256, proof: InclusionClaim): boolean {
  if (!isCount(proof.index) || !isCount(proof.size) || proof.index >= proof.size) return false;
  let node = proof.index;
  let last = proof.size - 1;
  let hash = proof.leafHash;
  for (const sibling of proof.path) {
    if (last === 0 || sibling.length !== 32) return false;
    if (node % 2 === 1 || node === last) {
      hash = parentHash(sha256, sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = parentHash(sha256, hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(hash, proof.root);
}

export interface ConsistencyClaim {
  readonly first: { readonly size: number; readonly root: Uint8Array };
  readonly second: { readonly size: number; readonly root: Uint8Array };
  readonly path: readonly Uint8Array[];
}

/** §2.1.4.2, and the two cases that the RFC leaves out: equal sizes and an empty first tree. Never throws. */
export function verifyConsistencyPath(sha256: Sha256, { first, second, path }: ConsistencyClaim): boolean {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) return false;
  if (path.some((hash) => hash.length !== 32)) return false;
  if (first.size === second.size) return path.length === 0 && equalBytes(first.root, second.root);
  if (first.size === 0) return path.length === 0 && equalBytes(first.root, treeHead(sha256, EMPTY_RANGE));
  const hashes = isPowerOfTwo(first.size) ? [first.root, ...path] : path;
  const start = hashes[0];
  if (start === undefined) return false;
  let node = first.size - 1;
  let last = second.size - 1;
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let firstHash = start;
  let secondHash = start;
  for (const hash of hashes.slice(1)) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      firstHash = parentHash(sha256, hash, firstHash);
      secondHash = parentHash(sha256, hash, secondHash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      secondHash = parentHash(sha256, secondHash, hash);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(firstHash, first.root) && equalBytes(secondHash, second.root);
}

/** Hash of `size` leaves from `start`, which is a multiple of the next power of two of `size`. */
function rangeHash(sha256: Sha256, nodeAt: NodeReader, start: number, size: number): Uint8Array | undefined {
  if (isPowerOfTwo(size)) return nodeAt(Math.log2(size), start / size);
  const split = splitOf(size);
  const left = rangeHash(sha256, nodeAt, start, split);
  const right = rangeHash(sha256, nodeAt, start + split, size - split);
  return left === undefined || right === undefined ? undefined : parentHash(sha256, left, right);
}

/** Largest power of two below `size`, for sizes above 1. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

function isPowerOfTwo(size: number): boolean {
  let power = 1;
  while (power < size) power *= 2;
  return power === size;
}

const half = (value: number): number => Math.floor(value / 2);
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

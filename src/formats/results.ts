import type { Sha256 } from "../crypto/index.js";
import { type Digest, type Height, type Reader, utf8, Writer } from "../primitives/index.js";

/** What one executed block leaves behind; leaf h (index h − 1) of the RFC 9162 results tree. */
export interface ResultLeaf {
  readonly height: Height;
  readonly timestamp: number;
  readonly blockHash: Digest;
  /** Root of the block's outcome leaves, their count mixed in. */
  readonly receiptsRoot: Digest;
  readonly leafCount: number;
  /** The newest checkpoint at most `height`, and the root over the whole state there. */
  readonly stateHeight: Height;
  readonly stateRoot: Digest;
}

const LEAF_TAG = utf8("sabha/res/1");

export function encodeResultLeaf(leaf: ResultLeaf): Uint8Array {
  const writer = new Writer(160).fixed(LEAF_TAG).u64(leaf.height).u64(leaf.timestamp).hex(leaf.blockHash);
  return writer.hex(leaf.receiptsRoot).u32(leaf.leafCount).u64(leaf.stateHeight).hex(leaf.stateRoot).finish();
}

export function readResultLeaf(reader: Reader): ResultLeaf {
  const tag = reader.fixed(LEAF_TAG.length);
  if (tag.some((byte, index) => byte !== LEAF_TAG[index])) reader.refuse("not a result leaf");
  return {
    height: reader.u64() as Height,
    timestamp: reader.u64(),
    blockHash: reader.digest(),
    receiptsRoot: reader.digest(),
    leafCount: reader.u32(),
    stateHeight: reader.u64() as Height,
    stateRoot: reader.digest(),
  };
}

/** Peaks of the RFC 9162 tree over the first `size` leaves, largest subtree first (≤ 53 digests). */
export interface CompactRange {
  readonly size: number;
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY_RANGE: CompactRange = { size: 0, peaks: [] };

const node = (sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(65);
  bytes[0] = 1;
  bytes.set(left, 1);
  bytes.set(right, 33);
  return sha256(bytes);
};

/** RFC 9162 §2.1.1 leaf hash. */
export function hashResultLeaf(sha256: Sha256, leaf: ResultLeaf): Uint8Array {
  const bytes = encodeResultLeaf(leaf);
  const prefixed = new Uint8Array(bytes.length + 1);
  prefixed.set(bytes, 1);
  return sha256(prefixed);
}

/** The range one leaf longer. */
export function appendLeaf(sha256: Sha256, range: CompactRange, leafHash: Uint8Array): CompactRange {
  const peaks = [...range.peaks];
  let carry = leafHash;
  for (let size = range.size; size % 2 === 1; size = (size - 1) / 2)
    carry = node(sha256, peaks.pop() as Uint8Array, carry);
  peaks.push(carry);
  return { size: range.size + 1, peaks };
}

/** RFC 9162 tree head: the hash of nothing for an empty tree. */
export function treeHead(sha256: Sha256, range: CompactRange): Uint8Array {
  if (range.size === 0) return sha256(new Uint8Array(0));
  let root = range.peaks[range.peaks.length - 1] as Uint8Array;
  for (let index = range.peaks.length - 2; index >= 0; index -= 1)
    root = node(sha256, range.peaks[index] as Uint8Array, root);
  return root;
}

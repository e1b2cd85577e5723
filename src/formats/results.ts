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

/** RFC 9162 §2.1.1 leaf hash. */
export function hashResultLeaf(sha256: Sha256, leaf: ResultLeaf): Uint8Array {
  const bytes = encodeResultLeaf(leaf);
  const prefixed = new Uint8Array(bytes.length + 1);
  prefixed.set(bytes, 1);
  return sha256(prefixed);
}

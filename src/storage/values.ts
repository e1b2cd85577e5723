import {
  encodeResultLeaf,
  type ResultLeaf,
  readCommitProof,
  readResultLeaf,
  readVoteKind,
  writeCommitProof,
  writeVoteKind,
} from "../formats/index.js";
import {
  type Digest,
  type Epoch,
  type Height,
  type Reader,
  type ValidatorIndex,
  type View,
  Writer,
} from "../primitives/index.js";
import type { Equivocation, FinalBlock, SignedVote, StoredBlock, TreeNode } from "../replica/index.js";
import type { Location } from "./segment-log.js";

/** Payloads of the values in LevelDB, in the canonical binary form of `Writer`. */

export interface Meta {
  readonly version: number;
  readonly chainId: Digest;
}

export const encodeMeta = (meta: Meta): Uint8Array => new Writer(40).u32(meta.version).hex(meta.chainId).finish();

/** Only the version, so that an unknown layout is named and not taken for damage. */
export const readMetaVersion = (payload: Uint8Array): number | undefined =>
  payload.length < 4 ? undefined : new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0, true);

export const readMeta = (reader: Reader): Meta => ({ version: reader.u32(), chainId: reader.digest() });

/** A signature of the longest vote. */
const VOTE_SIGNATURE_BYTES_MAX = 96;

export function encodeEvidence({ signer, epoch, view, votes }: Equivocation): Uint8Array {
  const writer = new Writer(320).u8(signer).u64(epoch).u64(view);
  for (const { kind, hash, signature } of votes) writeVoteKind(writer, kind).hex(hash).variable(signature);
  return writer.finish();
}

export function readEvidence(reader: Reader): Equivocation {
  const vote = (): SignedVote => ({
    kind: readVoteKind(reader),
    hash: reader.digest(),
    signature: reader.variable(VOTE_SIGNATURE_BYTES_MAX).slice(),
  });
  return {
    signer: reader.u8() as ValidatorIndex,
    epoch: reader.u64() as Epoch,
    view: reader.u64() as View,
    votes: [vote(), vote()],
  };
}

/** Blocks that consensus admits are far smaller; this only keeps a length field from being believed. */
const BLOCK_PART_BYTES_MAX = 2 ** 30;

export function encodeStoredBlock(block: StoredBlock): Uint8Array {
  const writer = new Writer(64 + block.header.length + block.body.length);
  return writer.hex(block.hash).variable(block.header).variable(block.body).finish();
}

export const readStoredBlock = (reader: Reader): StoredBlock => ({
  hash: reader.digest(),
  header: reader.variable(BLOCK_PART_BYTES_MAX),
  body: reader.variable(BLOCK_PART_BYTES_MAX),
});

export function encodeFinalBlock(block: FinalBlock): Uint8Array {
  const writer = new Writer(1_024 + block.header.length + block.body.length).fixed(encodeStoredBlock(block));
  writer.optional(block.proof, (proof) => writeCommitProof(writer, proof));
  writer.optional(block.close, ({ header, proof }) => writeCommitProof(writer.variable(header), proof));
  return writer.finish();
}

export const readFinalBlock = (reader: Reader): StoredBlock & Pick<FinalBlock, "proof" | "close"> => {
  const block = { ...readStoredBlock(reader), proof: reader.optional(() => readCommitProof(reader)) };
  const close = reader.optional(() => ({
    header: reader.variable(BLOCK_PART_BYTES_MAX).slice(),
    proof: readCommitProof(reader),
  }));
  return close === undefined ? block : { ...block, close };
};

/** What lies under a block's hash. */
export const encodeHeight = (height: Height): Uint8Array => new Writer(8).u64(height).finish();
export const readHeight = (reader: Reader): Height => reader.u64() as Height;

/** What one executed block left: its leaf, where its outcomes are, and the tree nodes it completed. */
export interface ExecutedEntry {
  readonly leaf: ResultLeaf;
  readonly outcomes: Location;
  /** Hashes by level from 0. */
  readonly nodes: readonly Uint8Array[];
}

export function encodeExecutedEntry(leaf: ResultLeaf, outcomes: Location, nodes: readonly TreeNode[]): Uint8Array {
  const writer = new Writer(320).fixed(encodeResultLeaf(leaf));
  writeLocation(writer, outcomes);
  writer.u8(nodes.length);
  for (const node of nodes) writer.fixed(node.hash);
  return writer.finish();
}

export function readExecutedEntry(reader: Reader): ExecutedEntry {
  const leaf = readResultLeaf(reader);
  const outcomes = readLocation(reader);
  const count = reader.u8();
  const nodes: Uint8Array[] = [];
  for (let level = 0; level < count; level += 1) nodes.push(reader.fixed(32));
  return { leaf, outcomes, nodes };
}

export function encodeLocation(location: Location): Uint8Array {
  const writer = new Writer(16);
  writeLocation(writer, location);
  return writer.finish();
}

function writeLocation(writer: Writer, location: Location): void {
  writer.u32(location.segment).u64(location.offset).u32(location.length);
}

export const readLocation = (reader: Reader): Location => ({
  segment: reader.u32(),
  offset: reader.u64(),
  length: reader.u32(),
});

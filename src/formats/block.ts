import type { Sha256 } from "../crypto/index.js";
import {
  assert,
  BLOCK_BATCHES_MAX,
  concatBytes,
  type Digest,
  type Epoch,
  HEADER_SKIPS_MAX,
  type Height,
  type Reader,
  toHex,
  utf8,
  type ValidatorIndex,
  type View,
  Writer,
} from "../primitives/index.js";
import {
  type Certificate,
  type CommitProof,
  readCertificate,
  readSuccessors,
  type Successor,
  writeCertificate,
  writeSuccessors,
} from "./certificate.js";

/** Reference to an ordered batch; `size` is the length of the signed batch in bytes. */
export interface BatchReference {
  readonly digest: Digest;
  readonly size: number;
}

export type Body = readonly BatchReference[];

/** Results of finalised ancestors that a header vouches for (docs/protocol.md, "claim"). */
export interface Claim {
  readonly height: Height;
  /** RFC 9162 tree head over the result leaves 1 … height. */
  readonly resultsRoot: Digest;
  /** The checkpoint, at most `height`, over whose whole state `stateRoot` is the root. */
  readonly stateHeight: Height;
  readonly stateRoot: Digest;
}

/** NORMAL orders batches; CLOSING ends an epoch; DRAIN only helps to finalise a CLOSING block. */
export type BlockType = "NORMAL" | "CLOSING" | "DRAIN";

const TYPE_CODES = { NORMAL: 1, CLOSING: 2, DRAIN: 3 } as const;
const TYPES: readonly (BlockType | undefined)[] = [undefined, "NORMAL", "CLOSING", "DRAIN"];

export interface Header {
  readonly version: 1;
  readonly chainId: Digest;
  readonly epoch: Epoch;
  readonly view: View;
  readonly height: Height;
  readonly parentHash: Digest;
  readonly parentView: View;
  /** PrepareQC of the parent; absent iff the parent is the epoch's anchor. */
  readonly parentCertificate: Certificate | undefined;
  /** One TC for every view strictly between `parentView` and `view`, ascending. */
  readonly skips: readonly Certificate[];
  /** UTC, milliseconds. */
  readonly timestamp: number;
  readonly proposer: ValidatorIndex;
  readonly batchesRoot: Digest;
  readonly executed: Claim;
  readonly valsetHash: Digest;
  readonly type: BlockType;
  /**
   * CLOSING and DRAIN: the validators of the next epoch. A DRAIN repeats them, so that one certified header of either
   * type proves by itself who follows (EPOCH-6).
   */
  readonly nextSet?: readonly Successor[];
  /** DRAIN: the CLOSING block that it helps to finalise. */
  readonly closing?: BlockReference;
}

/** A block by hash and height. */
export interface BlockReference {
  readonly hash: Digest;
  readonly height: Height;
}

/**
 * Why an epoch is over: a CommitQC pair on its CLOSING block, or on a DRAIN block behind it. The header alone tells the
 * anchor of the next epoch and its validators (EPOCH-6).
 */
export interface EpochClose {
  readonly header: Header;
  /** Hash of that header. */
  readonly hash: Digest;
  readonly proof: CommitProof;
}

/** The CLOSING block that a header of type CLOSING or DRAIN makes the last one of its epoch. */
export function closedBlock({ header, hash }: Pick<EpochClose, "header" | "hash">): BlockReference | undefined {
  return header.type === "CLOSING" ? { hash, height: header.height } : header.closing;
}

const HEADER_TAG = utf8("sabha/hdr/1");
const BODY_TAG = utf8("sabha/body/1");

export const blockHash = (sha256: Sha256, headerBytes: Uint8Array): Digest =>
  toHex(sha256(concatBytes(HEADER_TAG, headerBytes))) as Digest;

export const batchesRoot = (sha256: Sha256, body: Body): Digest =>
  toHex(sha256(concatBytes(BODY_TAG, encodeBody(body)))) as Digest;

export function encodeHeader(header: Header): Uint8Array {
  const writer = new Writer(1_024);
  writer.u8(header.version).hex(header.chainId).u64(header.epoch).u64(header.view).u64(header.height);
  writer.hex(header.parentHash).u64(header.parentView);
  writer.optional(header.parentCertificate, (certificate) => writeCertificate(writer, certificate));
  writer.list(header.skips, (certificate) => writeCertificate(writer, certificate));
  writer.u64(header.timestamp).u8(header.proposer).hex(header.batchesRoot);
  writer.u64(header.executed.height).hex(header.executed.resultsRoot);
  writer.u64(header.executed.stateHeight).hex(header.executed.stateRoot);
  writer.hex(header.valsetHash).u8(TYPE_CODES[header.type]);
  const { type, nextSet, closing } = header;
  assert((nextSet !== undefined) === (type !== "NORMAL"), "blocks that end an epoch name the next set");
  assert((closing !== undefined) === (type === "DRAIN"), "a DRAIN names the block that it helps to finalise");
  if (nextSet !== undefined) writeSuccessors(writer, nextSet);
  if (closing !== undefined) writer.hex(closing.hash).u64(closing.height);
  return writer.finish();
}

export function readHeader(reader: Reader): Header {
  const version = reader.u8();
  if (version !== 1) reader.refuse(`header version ${version}`);
  const header = readCommonHeader(reader);
  if (header.type === "NORMAL") return header;
  const nextSet = readSuccessors(reader);
  if (header.type === "CLOSING") return { ...header, nextSet };
  return { ...header, nextSet, closing: { hash: reader.digest(), height: reader.u64() as Height } };
}

function readCommonHeader(reader: Reader): Header {
  return {
    version: 1,
    chainId: reader.digest(),
    epoch: reader.u64() as Epoch,
    view: reader.u64() as View,
    height: reader.u64() as Height,
    parentHash: reader.digest(),
    parentView: reader.u64() as View,
    parentCertificate: reader.optional(() => readCertificate(reader)),
    skips: reader.list(HEADER_SKIPS_MAX, () => readCertificate(reader)),
    timestamp: reader.u64(),
    proposer: reader.u8() as ValidatorIndex,
    batchesRoot: reader.digest(),
    executed: {
      height: reader.u64() as Height,
      resultsRoot: reader.digest(),
      stateHeight: reader.u64() as Height,
      stateRoot: reader.digest(),
    },
    valsetHash: reader.digest(),
    type: TYPES[reader.u8()] ?? reader.refuse("unknown block type"),
  };
}

export function encodeBody(body: Body): Uint8Array {
  const writer = new Writer(64 + body.length * 36);
  writer.list(body, (reference) => writer.hex(reference.digest).u32(reference.size));
  return writer.finish();
}

export const readBody = (reader: Reader): Body =>
  reader.list(BLOCK_BATCHES_MAX, () => ({ digest: reader.digest(), size: reader.u32() }));

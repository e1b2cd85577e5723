import { type Sha256 } from "../crypto/index.js";
import type { Certificate } from "../formats/index.js";
import {
  batchesRoot,
  blockHash,
  type CommitProof,
  type EpochClose,
  encodeBody,
  encodeHeader,
  type Header,
  readBody,
  readCertificate,
  readCommitProof,
  readHeader,
  readVoteKind,
  writeCertificate,
  writeCommitProof,
  writeVoteKind,
} from "../formats/index.js";
import {
  BATCH_BYTES_MAX,
  type Decoded,
  type Digest,
  decode,
  type Epoch,
  FETCH_BATCHES_MAX,
  FETCH_BLOCKS_MAX,
  FETCH_CERTIFICATES_MAX,
  FRAME_BYTES_MAX,
  type Height,
  type Reader,
  type ValidatorIndex,
  type View,
  Writer,
  ZERO_DIGEST,
} from "../primitives/index.js";
import type { AgreementMessage, Block, Vote } from "./events.js";

/** Requests and answers beside agreement; every answer is checked by hash, digest or certificate. */
export type FetchMessage =
  | { readonly type: "push-batch"; readonly bytes: Uint8Array }
  | { readonly type: "get-batches"; readonly digests: readonly Digest[] }
  | { readonly type: "batches"; readonly batches: readonly Uint8Array[] }
  | { readonly type: "get-certificates"; readonly first: View; readonly last: View }
  | { readonly type: "certificates"; readonly certificates: readonly Certificate[] }
  /** The block and up to `count − 1` of its ancestors, newest first. */
  | { readonly type: "get-blocks"; readonly hash: Digest; readonly count: number }
  | { readonly type: "blocks"; readonly blocks: readonly Block[] }
  /** Finalised blocks from a height on, ascending, under a proof of the last one. */
  | { readonly type: "get-range"; readonly from: Height; readonly count: number }
  | {
      readonly type: "range";
      readonly blocks: readonly Block[];
      readonly proof: CommitProof | undefined;
      /** The DRAIN block that the proof names, where the last block ends an epoch and has no CommitQC of its own. */
      readonly drain: Header | undefined;
    };

export type Message = AgreementMessage | FetchMessage;

const CODES: Readonly<Record<Message["type"], number>> = {
  proposal: 1,
  vote: 2,
  certificate: 3,
  "commit-proof": 4,
  status: 5,
  "epoch-close": 6,
  "push-batch": 16,
  "get-batches": 17,
  batches: 18,
  "get-certificates": 19,
  certificates: 20,
  "get-blocks": 21,
  blocks: 22,
  "get-range": 23,
  range: 24,
};

/** Version of the peer protocol, the first byte of each frame. */
const WIRE_VERSION = 1;

/** Canonical bytes of one frame. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new Writer(512);
  writer.u8(WIRE_VERSION).u8(CODES[message.type]);
  switch (message.type) {
    case "proposal": {
      const { block, signature, commitProof } = message.proposal;
      writeBlock(writer, block);
      writer.variable(signature).optional(commitProof, (proof) => writeCommitProof(writer, proof));
      break;
    }
    case "vote":
      writeVote(writer, message.vote);
      break;
    case "certificate":
      writeCertificate(writer, message.certificate);
      break;
    case "commit-proof":
      writeCommitProof(writer, message.proof);
      break;
    case "status": {
      const { epoch, view, finalizedView, finalizedHeight } = message.status;
      writer.u64(epoch).u64(view).u64(finalizedView).u64(finalizedHeight);
      break;
    }
    case "epoch-close":
      writer.variable(encodeHeader(message.close.header));
      writeCommitProof(writer, message.close.proof);
      break;
    default:
      writeFetch(writer, message);
  }
  return writer.finish();
}

function writeFetch(writer: Writer, message: FetchMessage): void {
  switch (message.type) {
    case "push-batch":
      writer.variable(message.bytes);
      break;
    case "get-batches":
      writer.list(message.digests, (digest) => writer.hex(digest));
      break;
    case "batches":
      writer.list(message.batches, (bytes) => writer.variable(bytes));
      break;
    case "get-certificates":
      writer.u64(message.first).u64(message.last);
      break;
    case "certificates":
      writer.list(message.certificates, (certificate) => writeCertificate(writer, certificate));
      break;
    case "get-blocks":
      writer.hex(message.hash).u32(message.count);
      break;
    case "blocks":
      writer.list(message.blocks, (block) => writeBlock(writer, block));
      break;
    case "get-range":
      writer.u64(message.from).u32(message.count);
      break;
    case "range":
      writer.list(message.blocks, (block) => writeBlock(writer, block));
      writer.optional(message.proof, (proof) => writeCommitProof(writer, proof));
      writer.optional(message.drain, (header) => writer.variable(encodeHeader(header)));
      break;
  }
}

/** A header that ends an epoch and the proof that names it; signatures are not checked here. */
export function readEpochClose(sha256: Sha256, headerBytes: Uint8Array, proof: CommitProof): Decoded<EpochClose> {
  return decode(headerBytes, (reader) => {
    const header = readHeader(reader);
    const hash = blockHash(sha256, headerBytes);
    const { commit } = proof;
    if (header.type === "NORMAL") reader.refuse("a block that ends no epoch");
    if (commit.hash !== hash || commit.epoch !== header.epoch || commit.view !== header.view)
      reader.refuse("a proof of another block");
    return { header, hash, proof };
  });
}

/**
 * Decodes one frame. Hashes of blocks are computed here; no signature is checked yet.
 *
 * @param from the connection's validator: a vote by anybody else is refused (attack 9); undefined where the caller
 *   compares signers itself, since a place among the validators is one of an epoch
 */
export function decodeMessage(sha256: Sha256, from: ValidatorIndex | undefined, frame: Uint8Array): Decoded<Message> {
  return decode(frame, (reader) => {
    const version = reader.u8();
    if (version !== WIRE_VERSION) reader.refuse(`wire version ${version}`);
    return readMessage(reader, sha256, from);
  });
}

function readMessage(reader: Reader, sha256: Sha256, from: ValidatorIndex | undefined): Message {
  const code = reader.u8();
  switch (code) {
    case CODES.proposal: {
      const block = readBlock(reader, sha256);
      const signature = reader.variable(SIGNATURE_BYTES_MAX).slice();
      return {
        type: "proposal",
        proposal: { block, signature, commitProof: reader.optional(() => readCommitProof(reader)) },
      };
    }
    case CODES.vote:
      return { type: "vote", vote: readVote(reader, from) };
    case CODES.certificate: {
      const certificate = readCertificate(reader);
      if (certificate.kind === "COMMIT") reader.refuse("a CommitQC without its PrepareQC");
      return { type: "certificate", certificate };
    }
    case CODES["commit-proof"]:
      return { type: "commit-proof", proof: readCommitProof(reader) };
    case CODES.status:
      return {
        type: "status",
        status: {
          epoch: reader.u64() as Epoch,
          view: reader.u64() as View,
          finalizedView: reader.u64() as View,
          finalizedHeight: reader.u64() as Height,
        },
      };
    case CODES["epoch-close"]: {
      const close = readEpochClose(sha256, reader.variable(FRAME_BYTES_MAX), readCommitProof(reader));
      return { type: "epoch-close", close: close.ok ? close.value : reader.refuse(close.fault.detail) };
    }
    default:
      return readFetch(reader, sha256, code);
  }
}

function readFetch(reader: Reader, sha256: Sha256, code: number): FetchMessage {
  switch (code) {
    case CODES["push-batch"]:
      return { type: "push-batch", bytes: reader.variable(BATCH_BYTES_MAX).slice() };
    case CODES["get-batches"]:
      return { type: "get-batches", digests: reader.list(FETCH_BATCHES_MAX, () => reader.digest()) };
    case CODES.batches:
      return {
        type: "batches",
        batches: reader.list(FETCH_BATCHES_MAX, () => reader.variable(BATCH_BYTES_MAX).slice()),
      };
    case CODES["get-certificates"]:
      return { type: "get-certificates", first: reader.u64() as View, last: reader.u64() as View };
    case CODES.certificates:
      return { type: "certificates", certificates: reader.list(FETCH_CERTIFICATES_MAX, () => readCertificate(reader)) };
    case CODES["get-blocks"]:
      return { type: "get-blocks", hash: reader.digest(), count: reader.u32() };
    case CODES.blocks:
      return { type: "blocks", blocks: reader.list(FETCH_BLOCKS_MAX, () => readBlock(reader, sha256)) };
    case CODES["get-range"]:
      return { type: "get-range", from: reader.u64() as Height, count: reader.u32() };
    case CODES.range:
      return {
        type: "range",
        blocks: reader.list(FETCH_BLOCKS_MAX, () => readBlock(reader, sha256)),
        proof: reader.optional(() => readCommitProof(reader)),
        drain: reader.optional(() => {
          const header = decode(reader.variable(FRAME_BYTES_MAX), readHeader);
          if (!header.ok) return reader.refuse(`header: ${header.fault.detail}`);
          return header.value.type === "DRAIN" ? header.value : reader.refuse("no DRAIN block");
        }),
      };
    default:
      return reader.refuse(`unknown message ${code}`);
  }
}

const SIGNATURE_BYTES_MAX = 96;

function writeBlock(writer: Writer, block: Block): void {
  writer.variable(encodeHeader(block.header)).variable(encodeBody(block.body));
}

/** A block whose body is the one that its header names. */
function readBlock(reader: Reader, sha256: Sha256): Block {
  return decodeBlock(reader, sha256, reader.variable(FRAME_BYTES_MAX), reader.variable(FRAME_BYTES_MAX));
}

function decodeBlock(reader: Reader, sha256: Sha256, headerBytes: Uint8Array, bodyBytes: Uint8Array): Block {
  const header = decode(headerBytes, readHeader);
  const body = decode(bodyBytes, readBody);
  if (!header.ok) return reader.refuse(`header: ${header.fault.detail}`);
  if (!body.ok) return reader.refuse(`body: ${body.fault.detail}`);
  if (batchesRoot(sha256, body.value) !== header.value.batchesRoot) reader.refuse("the body is not the header's");
  return { hash: blockHash(sha256, headerBytes), header: header.value, body: body.value };
}

/** A stored block; its bytes were checked when they were stored. */
export function blockFromBytes(sha256: Sha256, headerBytes: Uint8Array, bodyBytes: Uint8Array): Decoded<Block> {
  return decode(new Uint8Array(0), (reader) => decodeBlock(reader, sha256, headerBytes, bodyBytes));
}

/** Also the form in which evidence is kept. */
function writeVote(writer: Writer, vote: Vote): void {
  writeVoteKind(writer, vote.kind)
    .u64(vote.epoch)
    .u64(vote.view)
    .hex(vote.hash)
    .u8(vote.signer)
    .variable(vote.signature);
  writer.optional(vote.certificate, (certificate) => writeCertificate(writer, certificate));
}

function readVote(reader: Reader, from: ValidatorIndex | undefined): Vote {
  const kind = readVoteKind(reader);
  const epoch = reader.u64() as Epoch;
  const view = reader.u64() as View;
  const hash = reader.digest();
  const signer = reader.u8() as ValidatorIndex;
  if ((kind === "TIMEOUT") !== (hash === ZERO_DIGEST)) reader.refuse("only a TIMEOUT has no block, and always");
  if (from !== undefined && signer !== from) reader.refuse("a vote in another validator's name");
  const signature = reader.variable(SIGNATURE_BYTES_MAX).slice();
  return { kind, epoch, view, hash, signer, signature, certificate: reader.optional(() => readCertificate(reader)) };
}

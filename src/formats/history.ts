import { BLOCK_BATCHES_MAX, BLOCK_BYTES_MAX, type Reader, utf8, Writer } from "../primitives/index.js";
import { type CommitProof, readCommitProof, writeCommitProof } from "./certificate.js";

/**
 * An exported history: this line, then one frame per block from height 1 on, each a little-endian u32 length and
 * `header ‖ body ‖ commit proof, if the block has one ‖ its batches in order`. All that is in it can be checked
 * against the genesis file, so the file itself needs no checksum.
 */
export const HISTORY_MAGIC = utf8("sabha/history/1\n");

/** A header may carry the certificates of very many skipped views, a block 4 MiB of batches. */
const HEADER_BYTES_MAX = 16 * 1_048_576;
const BODY_BYTES_MAX = 65_536;
export const HISTORY_FRAME_BYTES_MAX = HEADER_BYTES_MAX + 2 * BLOCK_BYTES_MAX;

/** One block with everything that its execution reads. */
export interface HistoryBlock {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  /** Present where a CommitQC names this very block. */
  readonly proof: CommitProof | undefined;
  /** Signed batches in the order of the body. */
  readonly batches: readonly Uint8Array[];
}

export function encodeHistoryBlock({ header, body, proof, batches }: HistoryBlock): Uint8Array {
  const size = batches.reduce((sum, bytes) => sum + bytes.length + 4, header.length + body.length + 1_024);
  const writer = new Writer(size).variable(header).variable(body);
  writer.optional(proof, (pair) => writeCommitProof(writer, pair));
  writer.list(batches, (bytes) => writer.variable(bytes));
  return writer.finish();
}

export function readHistoryBlock(reader: Reader): HistoryBlock {
  return {
    header: reader.variable(HEADER_BYTES_MAX),
    body: reader.variable(BODY_BYTES_MAX),
    proof: reader.optional(() => readCommitProof(reader)),
    batches: reader.list(BLOCK_BATCHES_MAX, () => reader.variable(BLOCK_BYTES_MAX)),
  };
}

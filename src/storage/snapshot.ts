import { encodeSafetyRecord, readSafetyRecord, type SafetyRecord } from "../consensus/index.js";
import { type Digest, type Epoch, type Height, Reader, type View, Writer } from "../primitives/index.js";
import type { Divergence, FinalHead } from "../replica/index.js";
import type { Extent } from "./page-file.js";
import type { Position } from "./segment-log.js";

/** Layout of everything under the store's directory; another number is refused. */
export const LAYOUT_VERSION = 4;

/** Number and checksum of the certificates, proposals and admissions that must be found at opening. */
export interface LiveTotals {
  readonly count: number;
  /** Sum of their checksums modulo 2^32. */
  readonly sum: number;
}

export interface StoredCheckpoint {
  readonly height: Height;
  readonly stateRoot: Digest;
  /** Length of the outcomes log at that height; what is behind it is executed again. */
  readonly outcomesEnd: Position;
  /** The page file's directory. */
  readonly directory: Extent;
}

/**
 * Everything that changes in place, written anew with every physical write; in LevelDB twice, under keys that lie far
 * apart. All else hangs from it: heights below the head must be found, live keys must add up, pages must
 * match the directory, the directory its checksum here. So an entry that LevelDB lost, or an older
 * version that shows through where a newer one rotted, is noticed.
 */
export interface Snapshot {
  readonly record: SafetyRecord | undefined;
  readonly head: FinalHead | undefined;
  /** Height of the first block here; blocks from it to the head are all present. */
  readonly firstHeight: Height;
  readonly checkpoint: StoredCheckpoint | undefined;
  readonly divergence: Divergence | undefined;
  readonly live: LiveTotals;
}

/** What a physical write adds to the snapshot of its last step. */
export interface Stamp {
  /** Number of this physical write; from 0, the creation. */
  readonly sequence: number;
  /** The batch log up to here was synced before, or stands in the journal. */
  readonly batchesEnd: Position;
}

export const EMPTY_SNAPSHOT: Snapshot = {
  record: undefined,
  head: undefined,
  firstHeight: 0 as Height,
  checkpoint: undefined,
  divergence: undefined,
  live: { count: 0, sum: 0 },
};

const RECORD_BYTES_MAX = 256;

export function encodeSnapshot(snapshot: Snapshot, stamp: Stamp): Uint8Array {
  const writer = new Writer(640).u64(stamp.sequence);
  writePosition(writer, stamp.batchesEnd);
  writer.optional(snapshot.record, (record) => writer.variable(encodeSafetyRecord(record)));
  writer.optional(snapshot.head, (head) => {
    writer.u64(head.epoch).u64(head.view).u64(head.height).hex(head.hash).u64(head.timestamp);
  });
  writer.u64(snapshot.firstHeight);
  writer.optional(snapshot.checkpoint, (checkpoint) => {
    writer.u64(checkpoint.height).hex(checkpoint.stateRoot);
    writePosition(writer, checkpoint.outcomesEnd);
    const { first, length, checksum } = checkpoint.directory;
    writer.u32(first).u32(length).u32(checksum);
  });
  writer.optional(snapshot.divergence, (divergence) => writeDivergence(writer, divergence));
  return writer.u32(snapshot.live.count).u32(snapshot.live.sum).finish();
}

export function readSnapshot(reader: Reader): { readonly snapshot: Snapshot; readonly stamp: Stamp } {
  const stamp = { sequence: reader.u64(), batchesEnd: readPosition(reader) };
  const snapshot = {
    record: reader.optional(() => readSafetyRecord(new Reader(reader.variable(RECORD_BYTES_MAX)))),
    head: reader.optional(() => ({
      epoch: reader.u64() as Epoch,
      view: reader.u64() as View,
      height: reader.u64() as Height,
      hash: reader.digest(),
      timestamp: reader.u64(),
    })),
    firstHeight: reader.u64() as Height,
    checkpoint: reader.optional(() => ({
      height: reader.u64() as Height,
      stateRoot: reader.digest(),
      outcomesEnd: readPosition(reader),
      directory: { first: reader.u32(), length: reader.u32(), checksum: reader.u32() },
    })),
    divergence: reader.optional(() => readDivergence(reader)),
    live: { count: reader.u32(), sum: reader.u32() },
  };
  return { snapshot, stamp };
}

function writePosition(writer: Writer, position: Position): void {
  writer.u32(position.segment).u64(position.offset);
}

const readPosition = (reader: Reader): Position => ({ segment: reader.u32(), offset: reader.u64() });

function writeDivergence(writer: Writer, divergence: Divergence): void {
  writer.u64(divergence.agreedHeight).u64(divergence.divergedHeight);
  for (const roots of [divergence.certified, divergence.own]) writer.hex(roots.resultsRoot).hex(roots.stateRoot);
}

function readDivergence(reader: Reader): Divergence {
  const roots = () => ({ resultsRoot: reader.digest(), stateRoot: reader.digest() });
  return {
    agreedHeight: reader.u64() as Height,
    divergedHeight: reader.u64() as Height,
    certified: roots(),
    own: roots(),
  };
}

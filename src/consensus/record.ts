import { type Digest, type Epoch, type Reader, type View, Writer } from "../primitives/index.js";

/**
 * All that a validator must remember so as never to contradict itself: its votes in the newest view in
 * which it voted (SAFE-3). Durable before any of those votes leaves; about 60 bytes.
 */
export interface SafetyRecord {
  readonly epoch: Epoch;
  readonly view: View;
  /** The one block that it may vote for in this view; absent while it only timed out. */
  readonly hash: Digest | undefined;
  readonly prepared: boolean;
  readonly committed: boolean;
  readonly timedOut: boolean;
}

export function encodeSafetyRecord(record: SafetyRecord): Uint8Array {
  const writer = new Writer(64).u8(1).u64(record.epoch).u64(record.view);
  writer.optional(record.hash, (hash) => writer.hex(hash));
  return writer.u8(Number(record.prepared)).u8(Number(record.committed)).u8(Number(record.timedOut)).finish();
}

export function readSafetyRecord(reader: Reader): SafetyRecord {
  if (reader.u8() !== 1) reader.refuse("unknown version of the safety record");
  const flag = (): boolean => {
    const value = reader.u8();
    return value > 1 ? reader.refuse("flag is neither 0 nor 1") : value === 1;
  };
  return {
    epoch: reader.u64() as Epoch,
    view: reader.u64() as View,
    hash: reader.optional(() => reader.digest()),
    prepared: flag(),
    committed: flag(),
    timedOut: flag(),
  };
}

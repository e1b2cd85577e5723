import type { Ed25519, Sha256 } from "../crypto/index.js";
import {
  BATCH_RECORDS_MAX,
  concatBytes,
  type Digest,
  fromHex,
  type ParticipantNumber,
  RECORD_BYTES,
  toHex,
  utf8,
  Writer,
} from "../primitives/index.js";

/**
 * A batch is what a participant signs: a 128-byte header, `count` records of 128 bytes, an Ed25519
 * signature. It is read in place everywhere; offsets below are bytes, integers little-endian.
 *
 * 0 version u8 (1) · 1 kind u8 · 2 reserved u16 · 4 count u32 · 8 chainId 32 · 40 participant u32 ·
 * 44 reserved u32 · 48 publicKey 32 · 80 notAfter u64 (ms, block time) · 88 salt 32 · 120 reserved 8
 */
export const BATCH_HEADER_BYTES = 128;
const BATCH_SIGNATURE_BYTES = 64;

export type BatchKind = "create_accounts" | "manage_accounts" | "create_transfers" | "govern" | "settle_set";

const KIND_CODES = { create_accounts: 1, manage_accounts: 2, create_transfers: 3, govern: 4, settle_set: 5 } as const;
const KINDS: readonly (BatchKind | undefined)[] = [
  undefined,
  "create_accounts",
  "manage_accounts",
  "create_transfers",
  "govern",
  "settle_set",
];

export interface BatchHeader {
  readonly kind: BatchKind;
  readonly count: number;
  readonly chainId: Digest;
  readonly participant: ParticipantNumber;
  readonly publicKey: Uint8Array;
  /** Last block timestamp (ms) at which the batch may be ordered. */
  readonly notAfter: number;
  readonly salt: Uint8Array;
}

export type BatchFault =
  | "wrong_length"
  | "unknown_version"
  | "unknown_kind"
  | "count_out_of_range"
  | "reserved_bytes_set"
  | "time_out_of_range";

export type ParsedBatch =
  | { readonly ok: true; readonly header: BatchHeader }
  | { readonly ok: false; readonly fault: BatchFault };

const BATCH_TAG = utf8("sabha/batch/1");
const SIGNATURE_TAG = utf8("sabha/batch-signature/1");

/** Shape only: no signature check, no look at the records. Never throws. */
export function parseBatch(bytes: Uint8Array): ParsedBatch {
  if (bytes.length < BATCH_HEADER_BYTES + RECORD_BYTES + BATCH_SIGNATURE_BYTES)
    return { ok: false, fault: "wrong_length" };
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.getUint8(0) !== 1) return { ok: false, fault: "unknown_version" };
  const kind = KINDS[data.getUint8(1)];
  if (kind === undefined) return { ok: false, fault: "unknown_kind" };
  const count = data.getUint32(4, true);
  if (count < 1 || count > BATCH_RECORDS_MAX) return { ok: false, fault: "count_out_of_range" };
  if (bytes.length !== batchBytes(count)) return { ok: false, fault: "wrong_length" };
  if (data.getUint16(2, true) !== 0 || data.getUint32(44, true) !== 0 || data.getBigUint64(120, true) !== 0n) {
    return { ok: false, fault: "reserved_bytes_set" };
  }
  const notAfter = data.getBigUint64(80, true);
  if (notAfter > BigInt(Number.MAX_SAFE_INTEGER)) return { ok: false, fault: "time_out_of_range" };
  return {
    ok: true,
    header: {
      kind,
      count,
      chainId: toHex(bytes.subarray(8, 40)) as Digest,
      participant: data.getUint32(40, true) as ParticipantNumber,
      publicKey: bytes.subarray(48, 80),
      notAfter: Number(notAfter),
      salt: bytes.subarray(88, 120),
    },
  };
}

/** Length of a signed batch with `count` records. */
export const batchBytes = (count: number): number => BATCH_HEADER_BYTES + count * RECORD_BYTES + BATCH_SIGNATURE_BYTES;

/** H("sabha/batch/1" ‖ signed bytes): independent of the signature, so rewrapping gives no second digest. */
export const batchDigest = (sha256: Sha256, bytes: Uint8Array): Digest =>
  toHex(sha256(concatBytes(BATCH_TAG, bytes.subarray(0, bytes.length - BATCH_SIGNATURE_BYTES)))) as Digest;

/** The strict check that is part of block validity; the key's registration is judged in execution. */
export function verifyBatchSignature(ed25519: Pick<Ed25519, "verify">, bytes: Uint8Array, digest: Digest): boolean {
  return ed25519.verify(bytes.slice(48, 80), signedMessage(digest), bytes.slice(bytes.length - BATCH_SIGNATURE_BYTES));
}

/** Signs `records` (count × 128 bytes) as one batch. */
export function signBatch(
  crypto: { readonly sha256: Sha256; readonly ed25519: Pick<Ed25519, "sign"> },
  batch: Omit<BatchHeader, "count"> & { readonly records: Uint8Array; readonly secretKey: Uint8Array },
): { readonly bytes: Uint8Array; readonly digest: Digest } {
  const count = batch.records.length / RECORD_BYTES;
  const writer = new Writer(batchBytes(count));
  writer.u8(1).u8(KIND_CODES[batch.kind]).u16(0).u32(count).hex(batch.chainId).u32(batch.participant).u32(0);
  writer.fixed(batch.publicKey).u64(batch.notAfter).fixed(batch.salt).fixed(new Uint8Array(8)).fixed(batch.records);
  const unsigned = writer.fixed(new Uint8Array(BATCH_SIGNATURE_BYTES)).finish();
  const digest = batchDigest(crypto.sha256, unsigned);
  unsigned.set(crypto.ed25519.sign(batch.secretKey, signedMessage(digest)), unsigned.length - BATCH_SIGNATURE_BYTES);
  return { bytes: unsigned, digest };
}

const signedMessage = (digest: Digest): Uint8Array => concatBytes(SIGNATURE_TAG, fromHex(digest) as Uint8Array);

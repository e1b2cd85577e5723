import type { Sha256 } from "../crypto/index.js";
import { concatBytes, RECORD_BYTES } from "../primitives/index.js";

/**
 * What became of one record, as a block's receipts tree commits to it (LEDG, "What a block proves").
 *
 * The leaf is 256 bytes: the record 128 ‖ outcome 64 ‖ debit commitment 32 ‖ credit commitment 32. All
 * integers are little-endian. The outcome's 64 bytes:
 *
 * 0 code u16 · 2 kind u8 · 3 reserved · 4 participant u32 · 8 actual amount u64 · 16 height u64 ·
 * 24 timestamp u64 · 32 batch index u32 · 36 record index u32 · 40 reserved 24
 */
export const OUTCOME_BYTES = 64;
const COMMITMENT_BYTES = 32;
export const OUTCOME_LEAF_BYTES = RECORD_BYTES + OUTCOME_BYTES + 2 * COMMITMENT_BYTES;

/** Offsets inside the 64 bytes of an outcome. */
const OUTCOME_FIELDS = {
  code: 0,
  kind: 2,
  participant: 4,
  amount: 8,
  height: 16,
  timestamp: 24,
  batchIndex: 32,
  recordIndex: 36,
} as const;

/** Offsets inside the 256 bytes of a leaf. */
export const OUTCOME_LEAF_FIELDS = { record: 0, outcome: 128, debitCommitment: 192, creditCommitment: 224 } as const;

/** First result of a record, or its later resolution by the system (an expiry, a release from a queue). */
export const OUTCOME_KIND = { first: 1, resolution: 2 } as const;
export type OutcomeKind = keyof typeof OUTCOME_KIND;

/** The account that a commitment is about. */
export const COMMITMENT_SIDE = { debit: 0, credit: 1 } as const;
export type CommitmentSide = keyof typeof COMMITMENT_SIDE;

export interface Outcome {
  /** Result code, see `result-codes.ts`. */
  readonly code: number;
  readonly kind: OutcomeKind;
  /** Number of the participant whose batch carried the record. */
  readonly participant: number;
  /** Minor units that moved or were reserved; may be less than the record asked for. */
  readonly amount: bigint;
  readonly height: number;
  /** Block time, UTC milliseconds. */
  readonly timestamp: number;
  /** Place of the batch in its block and of the record in its batch. */
  readonly batchIndex: number;
  readonly recordIndex: number;
}

/** Writes the 64 bytes at `offset`; the ledger's hot loop writes the fields itself. */
export function writeOutcome(bytes: Uint8Array, offset: number, outcome: Outcome): void {
  const data = new DataView(bytes.buffer, bytes.byteOffset + offset, OUTCOME_BYTES);
  data.setUint16(OUTCOME_FIELDS.code, outcome.code, true);
  data.setUint8(OUTCOME_FIELDS.kind, OUTCOME_KIND[outcome.kind]);
  data.setUint8(3, 0);
  data.setUint32(OUTCOME_FIELDS.participant, outcome.participant, true);
  data.setBigUint64(OUTCOME_FIELDS.amount, outcome.amount, true);
  data.setBigUint64(OUTCOME_FIELDS.height, BigInt(outcome.height), true);
  data.setBigUint64(OUTCOME_FIELDS.timestamp, BigInt(outcome.timestamp), true);
  data.setUint32(OUTCOME_FIELDS.batchIndex, outcome.batchIndex, true);
  data.setUint32(OUTCOME_FIELDS.recordIndex, outcome.recordIndex, true);
  bytes.fill(0, offset + 40, offset + OUTCOME_BYTES);
}

/** Reads the 64 bytes at `offset`; undefined where they are not an outcome's one encoding. */
export function readOutcome(bytes: Uint8Array, offset: number): Outcome | undefined {
  if (offset < 0 || offset + OUTCOME_BYTES > bytes.length) return undefined;
  const data = new DataView(bytes.buffer, bytes.byteOffset + offset, OUTCOME_BYTES);
  const code = data.getUint8(OUTCOME_FIELDS.kind);
  if (code !== OUTCOME_KIND.first && code !== OUTCOME_KIND.resolution) return undefined;
  if (data.getUint8(3) !== 0) return undefined;
  for (let reserved = 40; reserved < OUTCOME_BYTES; reserved += 1) if (data.getUint8(reserved) !== 0) return undefined;
  const height = Number(data.getBigUint64(OUTCOME_FIELDS.height, true));
  const timestamp = Number(data.getBigUint64(OUTCOME_FIELDS.timestamp, true));
  if (!Number.isSafeInteger(height) || !Number.isSafeInteger(timestamp)) return undefined;
  return {
    code: data.getUint16(OUTCOME_FIELDS.code, true),
    kind: code === OUTCOME_KIND.first ? "first" : "resolution",
    participant: data.getUint32(OUTCOME_FIELDS.participant, true),
    amount: data.getBigUint64(OUTCOME_FIELDS.amount, true),
    height,
    timestamp,
    batchIndex: data.getUint32(OUTCOME_FIELDS.batchIndex, true),
    recordIndex: data.getUint32(OUTCOME_FIELDS.recordIndex, true),
  };
}

/** Four unsigned 64-bit balances in minor units. */
export interface Balances {
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
}

const BALANCES_BYTES = 32;

export function encodeBalances(balances: Balances): Uint8Array {
  const bytes = new Uint8Array(BALANCES_BYTES);
  const data = new DataView(bytes.buffer);
  data.setBigUint64(0, balances.debitsPending, true);
  data.setBigUint64(8, balances.debitsPosted, true);
  data.setBigUint64(16, balances.creditsPending, true);
  data.setBigUint64(24, balances.creditsPosted, true);
  return bytes;
}

/** @param bytes at least 32 bytes from `offset` */
export function readBalances(bytes: Uint8Array, offset = 0): Balances {
  const data = new DataView(bytes.buffer, bytes.byteOffset + offset, BALANCES_BYTES);
  return {
    debitsPending: data.getBigUint64(0, true),
    debitsPosted: data.getBigUint64(8, true),
    creditsPending: data.getBigUint64(16, true),
    creditsPosted: data.getBigUint64(24, true),
  };
}

/**
 * H(salt ‖ record index u32 ‖ side u8 ‖ zeros to 32): hides a commitment. Each side has its own, so
 * opening one commitment of a receipt does not open the other.
 *
 * @param salt the 32 bytes of the batch that carried the record
 */
export function blindingOf(
  sha256: Sha256,
  of: { readonly salt: Uint8Array; readonly recordIndex: number; readonly side: CommitmentSide },
): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(of.salt);
  const data = new DataView(bytes.buffer);
  data.setUint32(32, of.recordIndex, true);
  data.setUint8(36, COMMITMENT_SIDE[of.side]);
  return sha256(bytes);
}

/** What a commitment hides: balances of the account and of its bank's settlement account, after the record. */
export interface CommitmentOpening {
  /** 32 bytes, see `encodeBalances`; zeros where there is no such account. */
  readonly account: Uint8Array;
  readonly settlement: Uint8Array;
  readonly blinding: Uint8Array;
}

/** H(H(account ‖ settlement) ‖ blinding). */
export const commitmentOf = (sha256: Sha256, opening: CommitmentOpening): Uint8Array =>
  sha256(concatBytes(sha256(concatBytes(opening.account, opening.settlement)), opening.blinding));

import type { Sha256 } from "../crypto/index.js";
import {
  type Digest,
  fromHex,
  type Height,
  type Id128,
  isDigest,
  isId128,
  RECORD_BYTES,
  toHex,
} from "../primitives/index.js";
import { BATCH_HEADER_BYTES } from "./batch.js";
import type { KeyScope } from "./genesis.js";
import type { ProposalKind } from "./rulebook.js";

/**
 * The records of a batch of kind `govern`: either one proposal (a head, then its content in records of
 * 128 raw bytes, zeros after the end), or ballots, changes of the sender's own keys and statements that its node is
 * ready to validate, one a record.
 * Integers little-endian; reserved bytes are zero and checked.
 *
 * head: 0 id 16 · 16 type u8 (1) · 17 kind u8 · 18 flags u16 · 20 content length u32 · 24 effective height
 * u64, 0 for the block after the vote · 32 SHA-256 of the content 32 · 64 voting seconds u32, 0 for the
 * rulebook's · 68 reserved 60
 *
 * ballot: 0 id 16 · 16 type u8 (2) · 17 choice u8 · 18 reserved 2 · 20 protocol version that the voter's
 * node runs u32 · 24 reserved 8 · 32 proposal 16 · 48 reserved 80
 *
 * own key: 0 id 16 · 16 type u8 (3) · 17 change u8 · 18 scopes u16 · 20 reserved 4 · 24 effective height
 * u64, 0 for this very block · 32 public key 32 · 64 reserved 64
 *
 * readiness: 0 id 16 · 16 type u8 (4) · 17 reserved 7 · 24 height that the newcomer's node has executed u64 ·
 * 32 proposal 16 · 48 state root 32 · 80 reserved 48
 */
const GOVERN_TYPES = { proposal: 1, ballot: 2, key: 3, ready: 4 } as const;
export type GovernType = keyof typeof GOVERN_TYPES;

/** Offsets of the fields that execution reads in place. */
export const GOVERN_FIELDS = {
  type: 16,
  /** Kind of a proposal, choice of a ballot, change of a key. */
  what: 17,
  flags: 18,
  contentLength: 20,
  runs: 20,
  effectiveHeight: 24,
  executedHeight: 24,
  contentHash: 32,
  proposal: 32,
  publicKey: 32,
  stateRoot: 48,
  votingSeconds: 64,
} as const;

export const PROPOSAL_KINDS = {
  rulebook: 1,
  participant: 2,
  keys: 3,
  validators: 4,
  version: 5,
  evidence: 6,
} as const satisfies Record<ProposalKind, number>;

/** Says that a set which survives fewer faults is meant. */
export const PROPOSAL_FLAGS = { accept_faults: 1 } as const;

export const BALLOT_CHOICES = { yes: 1, no: 2 } as const;
export type BallotChoice = keyof typeof BALLOT_CHOICES;

export const KEY_CHANGES = { add: 1, revoke: 2 } as const;
export type KeyChange = keyof typeof KEY_CHANGES;

/** Bits of a key's scopes. */
export const SCOPE_BITS = { submit: 1, approve: 2, govern: 4 } as const satisfies Record<KeyScope, number>;
const SCOPES_MASK = 7;

/** Largest content of a proposal: a rulebook with limits for a thousand banks, or 31 validators, fits. */
export const PROPOSAL_CONTENT_BYTES_MAX = 262_144;

export interface ProposalHead {
  readonly id: Id128;
  readonly kind: ProposalKind;
  readonly acceptFaults: boolean;
  readonly contentLength: number;
  /** First block in which it is in force; 0: the block after the vote. */
  readonly effectiveHeight: Height;
  readonly contentHash: Digest;
  /** Seconds of block time in which ballots count; 0: as long as the rulebook allows. */
  readonly votingSeconds: number;
}

export interface BallotFields {
  readonly id: Id128;
  readonly proposalId: Id128;
  readonly choice: BallotChoice;
  /** Newest protocol version that the voter's node executes. */
  readonly runs: number;
}

export interface KeyFields {
  readonly id: Id128;
  readonly change: KeyChange;
  /** Lower-case hexadecimal. */
  readonly publicKey: string;
  /** Of a key to add; none for one to revoke. */
  readonly scopes: readonly KeyScope[];
  /** Block from which it counts, or counts no longer; 0: the block that orders the record. */
  readonly effectiveHeight: Height;
}

/** A proposed validator says that its node has caught up (LEDG-48). */
export interface ReadyFields {
  readonly id: Id128;
  readonly proposalId: Id128;
  /** The last height that its node has executed. */
  readonly executedHeight: Height;
  /** What its node computed as the root of the state that the proposal names. */
  readonly stateRoot: Digest;
}

/**
 * The records of one proposal, ready to be signed.
 *
 * @param proposal `content` between 1 and `PROPOSAL_CONTENT_BYTES_MAX` bytes
 * @throws {RangeError} for fields that no record can hold
 */
export function encodeProposal(
  sha256: Sha256,
  proposal: Omit<ProposalHead, "contentLength" | "contentHash"> & { readonly content: Uint8Array },
): Uint8Array {
  const { content } = proposal;
  if (content.length < 1 || content.length > PROPOSAL_CONTENT_BYTES_MAX)
    throw new RangeError(`a proposal's content has 1 to ${PROPOSAL_CONTENT_BYTES_MAX} bytes`);
  const records = new Uint8Array(RECORD_BYTES * (1 + Math.ceil(content.length / RECORD_BYTES)));
  const data = openRecord(records, 0, "proposal", proposal.id);
  data.setUint8(GOVERN_FIELDS.what, PROPOSAL_KINDS[proposal.kind]);
  data.setUint16(GOVERN_FIELDS.flags, proposal.acceptFaults ? PROPOSAL_FLAGS.accept_faults : 0, true);
  data.setUint32(GOVERN_FIELDS.contentLength, content.length, true);
  data.setBigUint64(GOVERN_FIELDS.effectiveHeight, BigInt(counted(proposal.effectiveHeight)), true);
  records.set(sha256(content), GOVERN_FIELDS.contentHash);
  data.setUint32(GOVERN_FIELDS.votingSeconds, unsigned(proposal.votingSeconds), true);
  records.set(content, RECORD_BYTES);
  return records;
}

/** @throws {RangeError} for fields that no record can hold */
export function encodeBallot(fields: BallotFields): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const data = openRecord(record, 0, "ballot", fields.id);
  data.setUint8(GOVERN_FIELDS.what, BALLOT_CHOICES[fields.choice]);
  data.setUint32(GOVERN_FIELDS.runs, unsigned(fields.runs), true);
  record.set(idBytes(fields.proposalId), GOVERN_FIELDS.proposal);
  return record;
}

/** @throws {RangeError} for fields that no record can hold */
export function encodeKeyChange(fields: KeyFields): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const data = openRecord(record, 0, "key", fields.id);
  const publicKey = isDigest(fields.publicKey) ? fromHex(fields.publicKey) : undefined;
  if (publicKey === undefined) throw new RangeError("a public key has 32 bytes in lower-case hexadecimal");
  data.setUint8(GOVERN_FIELDS.what, KEY_CHANGES[fields.change]);
  data.setUint16(GOVERN_FIELDS.flags, scopeBits(fields.change === "add" ? fields.scopes : []), true);
  data.setBigUint64(GOVERN_FIELDS.effectiveHeight, BigInt(counted(fields.effectiveHeight)), true);
  record.set(publicKey, GOVERN_FIELDS.publicKey);
  return record;
}

/** @throws {RangeError} for fields that no record can hold */
export function encodeReady(fields: ReadyFields): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const data = openRecord(record, 0, "ready", fields.id);
  const root = isDigest(fields.stateRoot) ? fromHex(fields.stateRoot) : undefined;
  if (root === undefined) throw new RangeError("a state root has 32 bytes in lower-case hexadecimal");
  data.setBigUint64(GOVERN_FIELDS.executedHeight, BigInt(counted(fields.executedHeight)), true);
  record.set(idBytes(fields.proposalId), GOVERN_FIELDS.proposal);
  record.set(root, GOVERN_FIELDS.stateRoot);
  return record;
}

export const scopeBits = (scopes: readonly KeyScope[]): number =>
  scopes.reduce((bits, scope) => bits | SCOPE_BITS[scope], 0);

/** What a well formed governance record says. */
export type GovernRecord =
  | ({ readonly type: "proposal" } & ProposalHead)
  | ({ readonly type: "ballot" } & BallotFields)
  | ({ readonly type: "key" } & KeyFields)
  | ({ readonly type: "ready" } & ReadyFields);

/** @param record at least 128 bytes from `offset`; undefined where they are no governance record */
export function decodeGovernRecord(record: Uint8Array, offset = 0): GovernRecord | undefined {
  if (offset < 0 || offset + RECORD_BYTES > record.length) return undefined;
  const data = new DataView(record.buffer, record.byteOffset + offset, RECORD_BYTES);
  if (recordFault(data, 0) !== undefined) return undefined;
  const hex = (at: number, length: number): string => toHex(record.subarray(offset + at, offset + at + length));
  const id = hex(0, 16) as Id128;
  const what = data.getUint8(GOVERN_FIELDS.what);
  const effectiveHeight = Number(data.getBigUint64(GOVERN_FIELDS.effectiveHeight, true)) as Height;
  switch (data.getUint8(GOVERN_FIELDS.type)) {
    case GOVERN_TYPES.proposal:
      return {
        ...{ type: "proposal", id, kind: nameOf(what, PROPOSAL_KINDS), effectiveHeight },
        acceptFaults: (data.getUint16(GOVERN_FIELDS.flags, true) & PROPOSAL_FLAGS.accept_faults) !== 0,
        contentLength: data.getUint32(GOVERN_FIELDS.contentLength, true),
        contentHash: hex(GOVERN_FIELDS.contentHash, 32) as Digest,
        votingSeconds: data.getUint32(GOVERN_FIELDS.votingSeconds, true),
      };
    case GOVERN_TYPES.ballot:
      return {
        ...{ type: "ballot", id, choice: nameOf(what, BALLOT_CHOICES) },
        runs: data.getUint32(GOVERN_FIELDS.runs, true),
        proposalId: hex(GOVERN_FIELDS.proposal, 16) as Id128,
      };
    case GOVERN_TYPES.ready:
      return {
        ...{ type: "ready", id, executedHeight: effectiveHeight },
        proposalId: hex(GOVERN_FIELDS.proposal, 16) as Id128,
        stateRoot: hex(GOVERN_FIELDS.stateRoot, 32) as Digest,
      };
    default: {
      const bits = data.getUint16(GOVERN_FIELDS.flags, true);
      const scopes = (Object.keys(SCOPE_BITS) as KeyScope[]).filter((scope) => (bits & SCOPE_BITS[scope]) !== 0);
      const publicKey = hex(GOVERN_FIELDS.publicKey, 32);
      return { type: "key", id, change: nameOf(what, KEY_CHANGES), publicKey, scopes, effectiveHeight };
    }
  }
}

/** The content of the proposal that a govern batch carries; shares memory with the batch. */
export function proposalContent(batch: Uint8Array): Uint8Array {
  const data = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const length = data.getUint32(BATCH_HEADER_BYTES + GOVERN_FIELDS.contentLength, true);
  const start = BATCH_HEADER_BYTES + RECORD_BYTES;
  return batch.subarray(start, start + length);
}

/** Whether the first record of a well formed govern batch is a proposal's head. */
export const isProposalBatch = (batch: Uint8Array): boolean =>
  batch[BATCH_HEADER_BYTES + GOVERN_FIELDS.type] === GOVERN_TYPES.proposal;

export type GovernFault =
  | "reserved_bytes_set"
  | "unknown_flag"
  | "unknown_kind"
  | "unknown_type"
  | "unknown_action"
  | "wrong_content_length"
  | "height_out_of_range"
  | "scopes_missing";

/**
 * Shape of the records of a signed govern batch, read in place: part of block validity, needs no state.
 *
 * @returns the first bad record, or undefined where all are well formed
 */
export function checkGovernRecords(
  batch: Uint8Array,
): { readonly index: number; readonly fault: GovernFault } | undefined {
  const data = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const count = data.getUint32(4, true);
  if (isProposalBatch(batch)) {
    const fault = recordFault(data, BATCH_HEADER_BYTES) ?? contentFault(data, batch, count);
    return fault === undefined ? undefined : { index: 0, fault };
  }
  for (let index = 0; index < count; index += 1) {
    const at = BATCH_HEADER_BYTES + index * RECORD_BYTES;
    // A proposal stands alone in its batch.
    const isHead = data.getUint8(at + GOVERN_FIELDS.type) === GOVERN_TYPES.proposal;
    const fault = isHead ? "unknown_type" : recordFault(data, at);
    if (fault !== undefined) return { index, fault };
  }
  return undefined;
}

function contentFault(data: DataView, batch: Uint8Array, count: number): GovernFault | undefined {
  const length = data.getUint32(BATCH_HEADER_BYTES + GOVERN_FIELDS.contentLength, true);
  if (count - 1 !== Math.ceil(length / RECORD_BYTES)) return "wrong_content_length";
  const start = BATCH_HEADER_BYTES + RECORD_BYTES;
  const end = BATCH_HEADER_BYTES + count * RECORD_BYTES;
  for (let at = start + length; at < end; at += 1) if (batch[at] !== 0) return "reserved_bytes_set";
  return undefined;
}

function recordFault(data: DataView, at: number): GovernFault | undefined {
  switch (data.getUint8(at + GOVERN_FIELDS.type)) {
    case GOVERN_TYPES.proposal:
      return headFault(data, at);
    case GOVERN_TYPES.ballot:
      return ballotFault(data, at);
    case GOVERN_TYPES.key:
      return keyFault(data, at);
    case GOVERN_TYPES.ready:
      return readyFault(data, at);
    default:
      return "unknown_type";
  }
}

function headFault(data: DataView, at: number): GovernFault | undefined {
  if (!isNumberOf(data.getUint8(at + GOVERN_FIELDS.what), PROPOSAL_KINDS)) return "unknown_kind";
  if ((data.getUint16(at + GOVERN_FIELDS.flags, true) & ~PROPOSAL_FLAGS.accept_faults) !== 0) return "unknown_flag";
  const length = data.getUint32(at + GOVERN_FIELDS.contentLength, true);
  if (length < 1 || length > PROPOSAL_CONTENT_BYTES_MAX) return "wrong_content_length";
  return heightFault(data, at) ?? zeroFault(data, at, 68);
}

function ballotFault(data: DataView, at: number): GovernFault | undefined {
  if (!isNumberOf(data.getUint8(at + GOVERN_FIELDS.what), BALLOT_CHOICES)) return "unknown_kind";
  const isZero = data.getUint16(at + 18, true) === 0 && data.getBigUint64(at + 24, true) === 0n;
  return isZero ? zeroFault(data, at, 48) : "reserved_bytes_set";
}

function keyFault(data: DataView, at: number): GovernFault | undefined {
  const change = data.getUint8(at + GOVERN_FIELDS.what);
  if (!isNumberOf(change, KEY_CHANGES)) return "unknown_action";
  const scopes = data.getUint16(at + GOVERN_FIELDS.flags, true);
  if ((scopes & ~SCOPES_MASK) !== 0) return "unknown_flag";
  if ((change === KEY_CHANGES.add) !== (scopes !== 0)) return "scopes_missing";
  if (data.getUint32(at + 20, true) !== 0) return "reserved_bytes_set";
  return heightFault(data, at) ?? zeroFault(data, at, 64);
}

function readyFault(data: DataView, at: number): GovernFault | undefined {
  const isZero =
    data.getUint8(at + GOVERN_FIELDS.what) === 0 &&
    data.getUint16(at + 18, true) === 0 &&
    data.getUint32(at + 20, true) === 0;
  if (!isZero) return "reserved_bytes_set";
  return heightFault(data, at) ?? zeroFault(data, at, 80);
}

const heightFault = (data: DataView, at: number): GovernFault | undefined =>
  data.getBigUint64(at + GOVERN_FIELDS.effectiveHeight, true) > BigInt(Number.MAX_SAFE_INTEGER)
    ? "height_out_of_range"
    : undefined;

function zeroFault(data: DataView, at: number, from: number): GovernFault | undefined {
  for (let reserved = from; reserved < RECORD_BYTES; reserved += 4)
    if (data.getUint32(at + reserved, true) !== 0) return "reserved_bytes_set";
  return undefined;
}

function openRecord(records: Uint8Array, offset: number, type: GovernType, id: Id128): DataView {
  records.set(idBytes(id), offset);
  const data = new DataView(records.buffer, records.byteOffset + offset, RECORD_BYTES);
  data.setUint8(GOVERN_FIELDS.type, GOVERN_TYPES[type]);
  return data;
}

function idBytes(id: Id128): Uint8Array {
  const bytes = isId128(id) ? fromHex(id) : undefined;
  if (bytes === undefined) throw new RangeError("an id has 16 bytes in lower-case hexadecimal");
  return bytes;
}

function counted(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a height`);
  return value;
}

function unsigned(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new RangeError(`${value} is not an unsigned 32-bit integer`);
  return value;
}

const isNumberOf = (number: number, numbers: Readonly<Record<string, number>>): boolean =>
  Object.values(numbers).includes(number);

/** The name of a number that was checked. */
function nameOf<Name extends string>(number: number, numbers: Readonly<Record<Name, number>>): Name {
  const names = Object.keys(numbers) as Name[];
  return names.find((name) => numbers[name] === number) ?? (names[0] as Name);
}

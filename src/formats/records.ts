import type { Sha256 } from "../crypto/index.js";
import {
  concatBytes,
  fromHex,
  type Id128,
  isId128,
  type ParticipantNumber,
  RECORD_BYTES,
  toHex,
  utf8,
} from "../primitives/index.js";
import { BATCH_HEADER_BYTES, type BatchKind } from "./batch.js";
import type { AccountKind } from "./genesis.js";
import { checkGovernRecords, type GovernFault } from "./governance.js";

/**
 * The three kinds of 128-byte records that a batch carries. Integers are little-endian except the first
 * four bytes of an id: those are its creator's participant number big-endian, so that it reads naturally
 * in hexadecimal. Reserved bytes are zero and checked.
 *
 * transfer: 0 id 16 · 16 debit account 16 · 32 credit account 16 · 48 amount u64 · 56 pending id 16 ·
 * 72 reference 16 · 88 remittance hash 16 · 104 timeout seconds u32 · 108 asset u32 · 112 purpose code u16 ·
 * 114 rail u8 · 115 priority u8 · 116 flags u16 · 118 reserved 10
 *
 * account: 0 id 16 · 16 owner u32 · 20 asset u32 · 24 kind u8 · 25 reserved · 26 flags u16 · 28 reserved 4 ·
 * 32 reference 16 · 48 reserved 80
 *
 * account action: 0 id 16 · 16 account 16 · 32 reference 16 · 48 action u8 · 49 priority u8 · 50 reserved 78
 *
 * settle-set: 0 id of a queued transfer 16 · 16 reserved 112
 */
export const TRANSFER_FIELDS = {
  id: 0,
  debitAccount: 16,
  creditAccount: 32,
  amount: 48,
  pendingId: 56,
  reference: 72,
  remittance: 88,
  timeoutSeconds: 104,
  asset: 108,
  purposeCode: 112,
  rail: 114,
  priority: 115,
  flags: 116,
  reserved: 118,
} as const;

/** Bits of a transfer's flags. */
export const TRANSFER_FLAGS = { linked: 1, pending: 2, post_pending: 4, void_pending: 8, balancing_debit: 16 } as const;
export type TransferFlag = keyof typeof TRANSFER_FLAGS;
const TRANSFER_FLAGS_MASK = 31;

/** Bits of an account's flags that its opening record may set. */
export const ACCOUNT_FLAGS = { debits_must_not_exceed_credits: 1, credits_must_not_exceed_debits: 2 } as const;
export type AccountFlag = keyof typeof ACCOUNT_FLAGS;
const ACCOUNT_FLAGS_MASK = 3;

/** Numbers of the account kinds. */
export const ACCOUNT_KINDS = { customer: 1, clearing: 2, settlement: 3, issuance: 4, reserve: 5 } as const;

/**
 * `cut_window` names the authority's issuance account of an asset: its open window of net settlement is cut
 * before its time. The last three name a transfer in place of an account: one on hold, whose release or return an
 * `approve` key signs, or one in its bank's queue.
 */
export const ACCOUNT_ACTIONS = {
  freeze: 1,
  unfreeze: 2,
  close: 3,
  cut_window: 4,
  release_hold: 5,
  return_hold: 6,
  queue_reprioritise: 7,
} as const;
export type AccountAction = keyof typeof ACCOUNT_ACTIONS;

export const ZERO_ID = "0".repeat(32) as Id128;

/** A transfer in JSON; what is absent is zero, except asset and rail, which the rulebook supplies. */
export interface TransferFields {
  readonly id: Id128;
  readonly debitAccountId: Id128;
  readonly creditAccountId: Id128;
  /** Minor units, a decimal string. */
  readonly amount: string;
  readonly asset?: number;
  readonly rail?: number;
  /** Purpose code. */
  readonly code?: number;
  readonly flags?: readonly TransferFlag[];
  readonly pendingId?: Id128;
  readonly timeoutSeconds?: number;
  readonly reference?: Id128;
  readonly remittance?: Id128;
  readonly priority?: number;
}

export interface AccountFields {
  readonly id: Id128;
  readonly kind: AccountKind;
  /** Absent: the submitting participant. */
  readonly owner?: ParticipantNumber;
  readonly asset?: number;
  /** Absent: what is usual for the kind, see `usualAccountFlags`. */
  readonly flags?: readonly AccountFlag[];
  readonly reference?: Id128;
}

export interface ActionFields {
  readonly id: Id128;
  readonly accountId: Id128;
  readonly action: AccountAction;
  readonly reference?: Id128;
  /** The new one, with `queue_reprioritise` only; higher is more urgent. */
  readonly priority?: number;
}

/** Why fields make no record. */
export interface RecordFault {
  readonly field: string;
  readonly detail: string;
}

export type Encoded =
  | { readonly ok: true; readonly record: Uint8Array }
  | { readonly ok: false; readonly fault: RecordFault };

/** What the rulebook and the submitter supply where a record's fields are silent. */
export interface RecordDefaults {
  readonly asset: number;
  readonly rail: number;
  readonly participant: ParticipantNumber;
}

/** Flags of an account that does not ask for others: nobody but clearing and issuance may go negative. */
export const usualAccountFlags = (kind: AccountKind): number =>
  kind === "customer" || kind === "settlement" || kind === "reserve"
    ? ACCOUNT_FLAGS.debits_must_not_exceed_credits
    : kind === "issuance"
      ? ACCOUNT_FLAGS.credits_must_not_exceed_debits
      : 0;

/** Fields as a transfer record; never throws because of what they hold. */
export function encodeTransfer(fields: TransferFields, defaults: RecordDefaults): Encoded {
  const writer = new RecordWriter();
  const at = TRANSFER_FIELDS;
  writer.id("id", at.id, fields.id).id("debitAccountId", at.debitAccount, fields.debitAccountId);
  writer.id("creditAccountId", at.creditAccount, fields.creditAccountId).amount("amount", at.amount, fields.amount);
  writer.id("pendingId", at.pendingId, fields.pendingId ?? ZERO_ID);
  writer.id("reference", at.reference, fields.reference ?? ZERO_ID);
  writer.id("remittance", at.remittance, fields.remittance ?? ZERO_ID);
  writer.number("timeoutSeconds", at.timeoutSeconds, 4, fields.timeoutSeconds ?? 0);
  writer.number("asset", at.asset, 4, fields.asset ?? defaults.asset);
  writer.number("code", at.purposeCode, 2, fields.code ?? 0).number("rail", at.rail, 1, fields.rail ?? defaults.rail);
  writer.number("priority", at.priority, 1, fields.priority ?? 0);
  return writer.flags("flags", at.flags, fields.flags ?? [], TRANSFER_FLAGS).finish();
}

/** @param record at least 128 bytes from `offset` that `checkBatchRecords` accepts */
export function decodeTransfer(record: Uint8Array, offset = 0): Required<TransferFields> {
  const data = new DataView(record.buffer, record.byteOffset + offset, RECORD_BYTES);
  const id = (at: number): Id128 => toHex(record.subarray(offset + at, offset + at + 16)) as Id128;
  return {
    id: id(TRANSFER_FIELDS.id),
    debitAccountId: id(TRANSFER_FIELDS.debitAccount),
    creditAccountId: id(TRANSFER_FIELDS.creditAccount),
    amount: data.getBigUint64(TRANSFER_FIELDS.amount, true).toString(),
    asset: data.getUint32(TRANSFER_FIELDS.asset, true),
    rail: data.getUint8(TRANSFER_FIELDS.rail),
    code: data.getUint16(TRANSFER_FIELDS.purposeCode, true),
    flags: flagNames(data.getUint16(TRANSFER_FIELDS.flags, true), TRANSFER_FLAGS),
    pendingId: id(TRANSFER_FIELDS.pendingId),
    timeoutSeconds: data.getUint32(TRANSFER_FIELDS.timeoutSeconds, true),
    reference: id(TRANSFER_FIELDS.reference),
    remittance: id(TRANSFER_FIELDS.remittance),
    priority: data.getUint8(TRANSFER_FIELDS.priority),
  };
}

/** Fields as an account record; never throws because of what they hold. */
export function encodeAccount(fields: AccountFields, defaults: RecordDefaults): Encoded {
  const writer = new RecordWriter();
  writer.id("id", 0, fields.id).number("owner", 16, 4, fields.owner ?? defaults.participant);
  writer.number("asset", 20, 4, fields.asset ?? defaults.asset).word("kind", 24, fields.kind, ACCOUNT_KINDS);
  if (fields.flags === undefined) writer.number("flags", 26, 2, usualAccountFlags(fields.kind));
  else writer.flags("flags", 26, fields.flags, ACCOUNT_FLAGS);
  return writer.id("reference", 32, fields.reference ?? ZERO_ID).finish();
}

/** @param record at least 128 bytes from `offset` that `checkBatchRecords` accepts */
export function decodeAccount(record: Uint8Array, offset = 0): Required<AccountFields> {
  const data = new DataView(record.buffer, record.byteOffset + offset, RECORD_BYTES);
  return {
    id: toHex(record.subarray(offset, offset + 16)) as Id128,
    owner: data.getUint32(16, true) as ParticipantNumber,
    asset: data.getUint32(20, true),
    kind: nameOf(data.getUint8(24), ACCOUNT_KINDS) ?? "customer",
    flags: flagNames(data.getUint16(26, true), ACCOUNT_FLAGS),
    reference: toHex(record.subarray(offset + 32, offset + 48)) as Id128,
  };
}

/** Fields as an account action record; never throws because of what they hold. */
export function encodeAction(fields: ActionFields): Encoded {
  const writer = new RecordWriter().id("id", 0, fields.id).id("accountId", 16, fields.accountId);
  return writer
    .id("reference", 32, fields.reference ?? ZERO_ID)
    .word("action", 48, fields.action, ACCOUNT_ACTIONS)
    .number("priority", 49, 1, fields.action === "queue_reprioritise" ? (fields.priority ?? 0) : 0)
    .finish();
}

/** @param record at least 128 bytes from `offset` that `checkBatchRecords` accepts */
export function decodeAction(
  record: Uint8Array,
  offset = 0,
): Required<Omit<ActionFields, "priority">> & Pick<ActionFields, "priority"> {
  const id = (at: number): Id128 => toHex(record.subarray(offset + at, offset + at + 16)) as Id128;
  const action = nameOf(record[offset + 48] as number, ACCOUNT_ACTIONS) ?? "freeze";
  const priority = record[offset + 49] as number;
  return { id: id(0), accountId: id(16), reference: id(32), action, ...(priority === 0 ? {} : { priority }) };
}

export type RecordsFault = GovernFault | "asset_zero" | "owner_zero";

/**
 * Shape of the records of a signed batch, read in place: part of block validity, needs no state.
 *
 * @param bytes the whole batch, of a length that `parseBatch` accepted
 * @returns the first bad record, or undefined where all are well formed
 */
export function checkBatchRecords(
  kind: BatchKind,
  bytes: Uint8Array,
): { readonly index: number; readonly fault: RecordsFault } | undefined {
  const check = kind === "govern" ? undefined : RECORD_CHECKS[kind];
  if (check === undefined) return checkGovernRecords(bytes);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = data.getUint32(4, true);
  for (let index = 0; index < count; index += 1) {
    const fault = check(data, BATCH_HEADER_BYTES + index * RECORD_BYTES);
    if (fault !== undefined) return { index, fault };
  }
  return undefined;
}

function transferFault(data: DataView, at: number): RecordsFault | undefined {
  const flags = data.getUint32(at + TRANSFER_FIELDS.flags, true);
  if (((flags >>> 16) | data.getUint32(at + 120, true) | data.getUint32(at + 124, true)) !== 0)
    return "reserved_bytes_set";
  if ((flags & ~TRANSFER_FLAGS_MASK) !== 0) return "unknown_flag";
  return data.getUint32(at + TRANSFER_FIELDS.asset, true) === 0 ? "asset_zero" : undefined;
}

function accountFault(data: DataView, at: number): RecordsFault | undefined {
  if (data.getUint8(at + 25) !== 0 || data.getUint32(at + 28, true) !== 0) return "reserved_bytes_set";
  for (let reserved = 48; reserved < RECORD_BYTES; reserved += 4)
    if (data.getUint32(at + reserved, true) !== 0) return "reserved_bytes_set";
  if ((data.getUint16(at + 26, true) & ~ACCOUNT_FLAGS_MASK) !== 0) return "unknown_flag";
  if (data.getUint32(at + 16, true) === 0) return "owner_zero";
  if (data.getUint32(at + 20, true) === 0) return "asset_zero";
  const kind = data.getUint8(at + 24);
  return kind < ACCOUNT_KINDS.customer || kind > ACCOUNT_KINDS.reserve ? "unknown_kind" : undefined;
}

function actionFault(data: DataView, at: number): RecordsFault | undefined {
  const isReprioritise = data.getUint8(at + 48) === ACCOUNT_ACTIONS.queue_reprioritise;
  if (data.getUint32(at + 48, true) >>> (isReprioritise ? 16 : 8) !== 0) return "reserved_bytes_set";
  for (let reserved = 52; reserved < RECORD_BYTES; reserved += 4)
    if (data.getUint32(at + reserved, true) !== 0) return "reserved_bytes_set";
  const action = data.getUint8(at + 48);
  return action < ACCOUNT_ACTIONS.freeze || action > ACCOUNT_ACTIONS.queue_reprioritise ? "unknown_action" : undefined;
}

function settleSetFault(data: DataView, at: number): RecordsFault | undefined {
  for (let reserved = 16; reserved < RECORD_BYTES; reserved += 4)
    if (data.getUint32(at + reserved, true) !== 0) return "reserved_bytes_set";
  return undefined;
}

const RECORD_CHECKS = {
  create_transfers: transferFault,
  create_accounts: accountFault,
  manage_accounts: actionFault,
  settle_set: settleSetFault,
} as const;

/** The participant whose number an id begins with. */
export const participantOfId = (id: Id128): ParticipantNumber =>
  Number.parseInt(id.slice(0, 8), 16) as ParticipantNumber;

const ACCOUNT_TAG = utf8("sabha/account/1");
const TRANSFER_TAG = utf8("sabha/id/1");
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Account id that everyone derives alike from its bank's own name for it: participant ‖ 12 bytes of a hash.
 *
 * @throws {TypeError} for text with a lone surrogate, since two such names could give one id
 */
export const accountIdFromName = (sha256: Sha256, participant: ParticipantNumber, name: string): Id128 =>
  derivedId(sha256, ACCOUNT_TAG, participant, name);

/**
 * Transfer id out of a file's end-to-end id, so that sending a file twice is the same transfers:
 * participant ‖ SHA-256("sabha/id/1" ‖ end-to-end id) cut to 12 bytes.
 *
 * @throws {TypeError} for text with a lone surrogate, since two such names could give one id
 */
export const transferIdFromEndToEndId = (sha256: Sha256, participant: ParticipantNumber, endToEndId: string): Id128 =>
  derivedId(sha256, TRANSFER_TAG, participant, endToEndId);

function derivedId(sha256: Sha256, tag: Uint8Array, participant: ParticipantNumber, text: string): Id128 {
  if (LONE_SURROGATE.test(text)) throw new TypeError("a name with a lone surrogate has no UTF-8 form");
  const digest = sha256(concatBytes(tag, utf8(text)));
  return (participant.toString(16).padStart(8, "0") + toHex(digest.subarray(0, 12))) as Id128;
}

const AMOUNT = /^(?:0|[1-9][0-9]{0,19})$/;

/** Fills one record and remembers the first field that does not fit. */
class RecordWriter {
  readonly #bytes = new Uint8Array(RECORD_BYTES);
  readonly #data = new DataView(this.#bytes.buffer);
  #fault: RecordFault | undefined;

  id(field: string, at: number, value: unknown): this {
    const bytes = isId128(value) ? fromHex(value) : undefined;
    if (bytes === undefined) return this.#refuse(field, "not 16 bytes in lower-case hexadecimal");
    this.#bytes.set(bytes, at);
    return this;
  }

  amount(field: string, at: number, value: unknown): this {
    const amount = typeof value === "string" && AMOUNT.test(value) ? BigInt(value) : undefined;
    if (amount === undefined || amount > 0xffff_ffff_ffff_ffffn)
      return this.#refuse(field, "not a decimal string of minor units below 2^64");
    this.#data.setBigUint64(at, amount, true);
    return this;
  }

  number(field: string, at: number, bytes: 1 | 2 | 4, value: unknown): this {
    const limit = 2 ** (8 * bytes);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= limit)
      return this.#refuse(field, `not an integer from 0 to ${limit - 1}`);
    if (bytes === 4) this.#data.setUint32(at, value, true);
    else if (bytes === 2) this.#data.setUint16(at, value, true);
    else this.#data.setUint8(at, value);
    return this;
  }

  word(field: string, at: number, value: string, numbers: Readonly<Record<string, number>>): this {
    const number = Object.hasOwn(numbers, value) ? numbers[value] : undefined;
    return number === undefined
      ? this.#refuse(field, `not one of ${Object.keys(numbers).join(", ")}`)
      : this.number(field, at, 1, number);
  }

  flags(field: string, at: number, names: readonly string[], bits: Readonly<Record<string, number>>): this {
    let flags = 0;
    for (const name of names) {
      const bit = Object.hasOwn(bits, name) ? bits[name] : undefined;
      if (bit === undefined || (flags & bit) !== 0)
        return this.#refuse(field, `each of ${Object.keys(bits).join(", ")} at most once`);
      flags |= bit;
    }
    return this.number(field, at, 2, flags);
  }

  finish(): Encoded {
    return this.#fault === undefined ? { ok: true, record: this.#bytes } : { ok: false, fault: this.#fault };
  }

  #refuse(field: string, detail: string): this {
    this.#fault ??= { field, detail };
    return this;
  }
}

const nameOf = <Name extends string>(number: number, numbers: Readonly<Record<Name, number>>): Name | undefined =>
  (Object.keys(numbers) as Name[]).find((name) => numbers[name] === number);

const flagNames = <Name extends string>(flags: number, bits: Readonly<Record<Name, number>>): Name[] =>
  (Object.keys(bits) as Name[]).filter((name) => (flags & bits[name]) !== 0);

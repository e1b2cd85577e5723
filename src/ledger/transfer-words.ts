import { BATCH_HEADER_BYTES, TRANSFER_FIELDS, TRANSFER_FLAGS } from "../formats/index.js";
import { RECORD_BYTES } from "../primitives/index.js";

/** Where a transfer's fields lie in 32-bit words, inside its record and inside a signed batch. */
export const HEADER_WORDS = BATCH_HEADER_BYTES / 4;
export const RECORD_WORDS = RECORD_BYTES / 4;
export const COUNT_WORD = 1;
export const SALT_WORD = 22;
export const SALT_WORDS = 8;

export const ID = TRANSFER_FIELDS.id / 4;
export const DEBIT = TRANSFER_FIELDS.debitAccount / 4;
export const CREDIT = TRANSFER_FIELDS.creditAccount / 4;
export const AMOUNT = TRANSFER_FIELDS.amount / 4;
export const PENDING_ID = TRANSFER_FIELDS.pendingId / 4;
export const TIMEOUT = TRANSFER_FIELDS.timeoutSeconds / 4;
export const ASSET = TRANSFER_FIELDS.asset / 4;
const PURPOSE_RAIL_PRIORITY = TRANSFER_FIELDS.purposeCode / 4;
export const FLAGS = TRANSFER_FIELDS.flags / 4;

export const LINKED = TRANSFER_FLAGS.linked;
export const PENDING = TRANSFER_FLAGS.pending;
export const POST = TRANSFER_FLAGS.post_pending;
export const VOID = TRANSFER_FLAGS.void_pending;
export const BALANCING = TRANSFER_FLAGS.balancing_debit;

export const purposeAt = (words: Uint32Array, at: number): number =>
  (words[at + PURPOSE_RAIL_PRIORITY] as number) & 0xffff;

/** Higher is more urgent. */
export const priorityAt = (words: Uint32Array, at: number): number =>
  (words[at + PURPOSE_RAIL_PRIORITY] as number) >>> 24;

/** Number of the rail of the record whose words begin at `words[at]`. */
export const railAt = (words: Uint32Array, at: number): number =>
  ((words[at + PURPOSE_RAIL_PRIORITY] as number) >>> 16) & 0xff;

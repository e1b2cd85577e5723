import { RESULT } from "../formats/index.js";
import { type Height, type Id128, toHex } from "../primitives/index.js";
import { pointerAt } from "./accounts.js";
import { EntryTable } from "./entry-table.js";
import { IdIndex, mix } from "./id-index.js";
import { countAt, writeCount } from "./limbs.js";
import type { IdPosition, PendingState } from "./views.js";

/**
 * Entry of a consumed id of a transfer or account action, 64 bytes; offsets in 32-bit words:
 *
 * 0 id 4 · 4 result code (low 16 bits), kind (8), pending state (8) · 5 index of its outcome ·
 * 6 height of its outcome 2 · 8 fingerprint of the record 2 · 10 fingerprints of its twelve fields, a
 * byte each, 3 · 13 while pending its place among the pendings, later the resolving outcome's index ·
 * 14 resolving outcome's height 2
 *
 * Fingerprints tell `exists` from `exists_with_different_…` without reading the batch. They are no
 * cryptography: a record made to collide fools only the creator of the id.
 */
const ID_WORDS = 16;
const ID_PAGE_ENTRIES = 256;
const CODE_AND_KIND = 4;
const OUTCOME_INDEX = 5;
const OUTCOME_HEIGHT = 6;
const FINGERPRINT = 8;
const FIELD_FINGERPRINTS = 10;
const PLACE = 13;
const RESOLUTION_HEIGHT = 14;

export const KIND_TRANSFER = 1;
export const KIND_ACTION = 2;
export const KIND_GOVERNANCE = 3;
const KIND_NAMES = { [KIND_TRANSFER]: "transfer", [KIND_ACTION]: "action", [KIND_GOVERNANCE]: "governance" } as const;

export const STATE_NONE = 0;
export const STATE_PENDING = 1;
export const STATE_POSTED = 2;
export const STATE_VOIDED = 3;
export const STATE_EXPIRED = 4;
const STATE_NAMES: readonly PendingState[] = ["none", "pending", "posted", "voided", "expired"];

/** Code of a difference in each field, in the order of the field fingerprints and of precedence. */
const DIFFERENT: readonly number[] = [
  RESULT.exists_with_different_debit_account,
  RESULT.exists_with_different_credit_account,
  RESULT.exists_with_different_amount,
  RESULT.exists_with_different_pending_id,
  RESULT.exists_with_different_reference,
  RESULT.exists_with_different_remittance,
  RESULT.exists_with_different_timeout,
  RESULT.exists_with_different_asset,
  RESULT.exists_with_different_purpose_code,
  RESULT.exists_with_different_rail,
  RESULT.exists_with_different_priority,
  RESULT.exists_with_different_flags,
];

/** The table of consumed ids: it only grows, and a retry finds its first result in it for ever. */
export class SeenIds {
  readonly table = new EntryTable(ID_WORDS, ID_PAGE_ENTRIES);
  readonly index: IdIndex;
  readonly #scratch = new Uint32Array(5);
  #height = 0 as Height;

  constructor(hashSeed: number) {
    this.index = new IdIndex(this.table, hashSeed);
  }

  /** Ids consumed from here on have their first result in this block. */
  openBlock(height: Height): void {
    this.#height = height;
  }

  /**
   * Consumes the id of the record at `record[at]` with its first result. Plain arguments, since an object
   * for each transfer would cost more than all the rest of this.
   *
   * @param outcome index of its outcome in the block
   */
  consume(record: Uint32Array, at: number, code: number, kind: number, outcome: number): number {
    const index = this.table.append();
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    for (let word = 0; word < 4; word += 1) words[base + word] = record[at + word] as number;
    words[base + CODE_AND_KIND] = code | (kind << 16);
    words[base + OUTCOME_INDEX] = outcome;
    writeCount(words, base + OUTCOME_HEIGHT, this.#height);
    fingerprint(record, at, this.#scratch);
    words.set(this.#scratch, base + FINGERPRINT);
    this.index.insert(index);
    return index;
  }

  /** The result of a record whose id was consumed before: the code depends on content and first result. */
  compare(index: number, record: Uint32Array, at: number): number {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const scratch = this.#scratch;
    fingerprint(record, at, scratch);
    if (scratch[0] === words[base + FINGERPRINT] && scratch[1] === words[base + FINGERPRINT + 1]) {
      return this.codeOf(index) <= RESULT.applied ? RESULT.exists : RESULT.id_already_failed;
    }
    if (this.kindOf(index) !== KIND_TRANSFER) return RESULT.exists_with_different_content;
    for (let field = 0; field < DIFFERENT.length; field += 1) {
      const shift = (field & 3) * 8;
      const mine = ((scratch[2 + (field >> 2)] as number) >>> shift) & 0xff;
      const first = ((words[base + FIELD_FINGERPRINTS + (field >> 2)] as number) >>> shift) & 0xff;
      if (mine !== first) return DIFFERENT[field] as number;
    }
    return RESULT.exists_with_different_content;
  }

  idOf(index: number): Id128 {
    const base = this.table.baseOf(index);
    return toHex(new Uint8Array(this.table.wordsOf(index).slice(base, base + 4).buffer)) as Id128;
  }

  codeOf(index: number): number {
    return (this.table.wordsOf(index)[this.table.baseOf(index) + CODE_AND_KIND] as number) & 0xffff;
  }

  kindOf(index: number): number {
    return ((this.table.wordsOf(index)[this.table.baseOf(index) + CODE_AND_KIND] as number) >>> 16) & 0xff;
  }

  stateOf(index: number): number {
    return (this.table.wordsOf(index)[this.table.baseOf(index) + CODE_AND_KIND] as number) >>> 24;
  }

  placeOf(index: number): number {
    return this.table.wordsOf(index)[this.table.baseOf(index) + PLACE] as number;
  }

  /** The transfer is pending and lies at `place` among the pendings. */
  setPending(index: number, place: number): void {
    this.#setState(index, STATE_PENDING);
    this.table.wordsOf(index)[this.table.baseOf(index) + PLACE] = place;
  }

  /** The transfer is pending no longer. */
  resolve(index: number, state: number, height: number, outcome: number): void {
    this.#setState(index, state);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words[base + PLACE] = outcome;
    writeCount(words, base + RESOLUTION_HEIGHT, height);
  }

  /** A transfer of a failed chain: what it had done was undone, its id stays consumed. */
  fail(index: number, code: number): void {
    this.table.touch(index);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words[base + CODE_AND_KIND] = code | (KIND_TRANSFER << 16);
    words.fill(0, base + PLACE, base + ID_WORDS);
  }

  /** Whether one id comes before another, byte by byte. */
  precedes(left: number, right: number): boolean {
    const leftWords = this.table.wordsOf(left);
    const rightWords = this.table.wordsOf(right);
    for (let word = 0; word < 4; word += 1) {
      const mine = swapBytes(leftWords[this.table.baseOf(left) + word] as number);
      const other = swapBytes(rightWords[this.table.baseOf(right) + word] as number);
      if (mine !== other) return mine < other;
    }
    return false;
  }

  position(index: number): IdPosition {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const state = STATE_NAMES[this.stateOf(index)] ?? "none";
    return {
      height: countAt(words, base + OUTCOME_HEIGHT) as Height,
      index: words[base + OUTCOME_INDEX] as number,
      code: this.codeOf(index),
      kind: KIND_NAMES[this.kindOf(index) as keyof typeof KIND_NAMES] ?? "transfer",
      pending: state,
      resolution:
        state === "none" || state === "pending" ? undefined : pointerAt(words, base + RESOLUTION_HEIGHT, base + PLACE),
    };
  }

  #setState(index: number, state: number): void {
    this.table.touch(index);
    const words = this.table.wordsOf(index);
    const at = this.table.baseOf(index) + CODE_AND_KIND;
    words[at] = ((words[at] as number) & 0x00ff_ffff) | (state << 24);
  }
}

/**
 * Fingerprints of a record without its id: two words over all of it, then a byte for each of the
 * twelve fields of a transfer. Part of the protocol, since the state root covers them.
 */
function fingerprint(record: Uint32Array, at: number, out: Uint32Array): void {
  let first = 0x243f_6a88;
  let second = 0x85a3_08d3;
  for (let word = at + 4; word < at + 30; word += 1) {
    const value = record[word] as number;
    first = mix(first, value);
    second = Math.imul(second ^ value, 0x9e37_79b1);
    second ^= second >>> 15;
  }
  out[0] = mix(first, second);
  out[1] = second;
  const last = record[at + 28] as number;
  out[2] =
    idByte(record, at + 4) |
    (idByte(record, at + 8) << 8) |
    (byteOf(mix(record[at + 12] as number, record[at + 13] as number)) << 16) |
    (idByte(record, at + 14) << 24);
  out[3] =
    idByte(record, at + 18) |
    (idByte(record, at + 22) << 8) |
    (byteOf(record[at + 26] as number) << 16) |
    (byteOf(record[at + 27] as number) << 24);
  out[4] =
    byteOf(last & 0xffff) |
    (byteOf((last >>> 16) & 0xff) << 8) |
    (byteOf(last >>> 24) << 16) |
    (byteOf(record[at + 29] as number) << 24);
}

const idByte = (record: Uint32Array, at: number): number =>
  byteOf(
    mix(mix(mix(record[at] as number, record[at + 1] as number), record[at + 2] as number), record[at + 3] as number),
  );

/** The word whose little-endian bytes are the big-endian bytes of another. */
export const swapBytes = (word: number): number =>
  ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;

/** A byte in which every bit of the word has a say. */
const byteOf = (word: number): number => Math.imul(word ^ (word >>> 16), 0x9e37_79b1) >>> 24;

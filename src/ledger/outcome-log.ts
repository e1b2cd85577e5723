import { OUTCOME_KIND } from "../formats/index.js";
import type { Height } from "../primitives/index.js";
import { type Accounts, BALANCES, NEWEST_HEIGHT, NEWEST_INDEX } from "./accounts.js";
import { writeCount } from "./limbs.js";
import { PARTICIPANT_NEWEST_HEIGHT, PARTICIPANT_NEWEST_INDEX, type Participants } from "./participants.js";

/**
 * The outcomes of one block as the store keeps them: a header, one entry per outcome in order, a tail.
 * Records are not repeated, since the block's batches hold them, except for the system's own outcomes.
 * All integers little-endian; offsets in 32-bit words.
 *
 * Header, 32 bytes: 0 number of outcomes · 1 version (1) · 2 height 2 · 4 timestamp 2 · 6 reserved 2
 *
 * Entry, 128 bytes: 0 code (low 16 bits), kind (8), parts (8) · 1 submitter · 2 amount 2 · 4 batch index ·
 * 5 record index · 6 height of the debit account's outcome before 2 · 8 its index · 9 index of the credit
 * account's outcome before · 10 its height 2 · 12 place of its tail in words from the tail's start ·
 * 13 index of the submitter's outcome before · 14 its height 2 · 16 debit account's balances after 8 ·
 * 24 credit account's balances after 8
 *
 * Tail of an outcome, by its parts: both settlement accounts' balances after, 16 words (bit 0); record 32
 * and salt 8 of an outcome of the system's own (bit 1); number of words that follow, and the rows of a window's
 * settlement report (bit 2).
 */
export const LOG_HEADER_WORDS = 8;
export const LOG_ENTRY_WORDS = 32;
export const LOG_VERSION = 1;
export const ENTRY_SUBMITTER = 1;
export const ENTRY_AMOUNT = 2;
export const ENTRY_BATCH = 4;
export const ENTRY_RECORD = 5;
export const ENTRY_DEBIT_HEIGHT = 6;
export const ENTRY_DEBIT_INDEX = 8;
export const ENTRY_CREDIT_INDEX = 9;
export const ENTRY_CREDIT_HEIGHT = 10;
export const ENTRY_TAIL = 12;
export const ENTRY_SUBMITTER_INDEX = 13;
export const ENTRY_SUBMITTER_HEIGHT = 14;
export const ENTRY_DEBIT_BALANCES = 16;
export const ENTRY_CREDIT_BALANCES = 24;

export const PART_SETTLEMENT = 1;
export const PART_SYSTEM = 2;
export const PART_REPORT = 4;

/** Batch index of the system's own outcomes. */
export const NO_BATCH = 0xffff_ffff;

/** Writes the log of the block in execution; one buffer serves all blocks. */
export class OutcomeLog {
  readonly #accounts: Accounts;
  readonly #participants: Participants;
  #entries = new Uint32Array(LOG_ENTRY_WORDS * 1_024);
  #tail = new Uint32Array(1_024);
  #tailWords = 0;
  #height = 0;
  #timestamp = 0;
  /** Outcomes so far: the next one's index. */
  count = 0;
  #countAtBegin = 0;
  #tailAtBegin = 0;

  constructor(accounts: Accounts, participants: Participants) {
    this.#accounts = accounts;
    this.#participants = participants;
  }

  /** Starts the log of a block. */
  open(height: Height, timestamp: number): void {
    this.#height = height;
    this.#timestamp = timestamp;
    this.count = 0;
    this.#tailWords = 0;
  }

  begin(): void {
    this.#countAtBegin = this.count;
    this.#tailAtBegin = this.#tailWords;
  }

  rollback(): void {
    this.count = this.#countAtBegin;
    this.#tailWords = this.#tailAtBegin;
  }

  /** Adds the outcome of a record; the sides follow with `debit`, `credit` and `settlement`. */
  add(code: number, submitter: number, batch: number, record: number): void {
    const at = this.count * LOG_ENTRY_WORDS;
    if (at + LOG_ENTRY_WORDS > this.#entries.length) this.#entries = doubled(this.#entries);
    const entries = this.#entries;
    entries.fill(0, at, at + LOG_ENTRY_WORDS);
    const kind = batch === NO_BATCH ? OUTCOME_KIND.resolution : OUTCOME_KIND.first;
    entries[at] = code | (kind << 16);
    entries[at + ENTRY_SUBMITTER] = submitter;
    entries[at + ENTRY_BATCH] = batch;
    entries[at + ENTRY_RECORD] = record;
    const table = this.#participants.table;
    table.touch(submitter - 1);
    const words = table.wordsOf(submitter - 1);
    const base = table.baseOf(submitter - 1);
    entries[at + ENTRY_SUBMITTER_HEIGHT] = words[base + PARTICIPANT_NEWEST_HEIGHT] as number;
    entries[at + ENTRY_SUBMITTER_HEIGHT + 1] = words[base + PARTICIPANT_NEWEST_HEIGHT + 1] as number;
    entries[at + ENTRY_SUBMITTER_INDEX] = words[base + PARTICIPANT_NEWEST_INDEX] as number;
    writeCount(words, base + PARTICIPANT_NEWEST_HEIGHT, this.#height);
    words[base + PARTICIPANT_NEWEST_INDEX] = this.count;
    this.count += 1;
  }

  /** What the last outcome moved, reserved or released. */
  amount(low: number, high: number): void {
    const at = (this.count - 1) * LOG_ENTRY_WORDS;
    this.#entries[at + ENTRY_AMOUNT] = low;
    this.#entries[at + ENTRY_AMOUNT + 1] = high;
  }

  /** The debit account of the last outcome, already changed and touched; it becomes its newest outcome. */
  debit(account: number): void {
    this.#side(account, ENTRY_DEBIT_BALANCES, ENTRY_DEBIT_HEIGHT, ENTRY_DEBIT_INDEX);
  }

  /** The credit account of the last outcome. */
  credit(account: number): void {
    this.#side(account, ENTRY_CREDIT_BALANCES, ENTRY_CREDIT_HEIGHT, ENTRY_CREDIT_INDEX);
  }

  /** Both settlement accounts of the last outcome, already changed; at most once, before `system`. */
  settlement(debit: number, credit: number): void {
    const at = this.#reserveTail(16, PART_SETTLEMENT);
    const table = this.#accounts.table;
    for (let word = 0; word < 8; word += 1) {
      this.#tail[at + word] = table.wordsOf(debit)[table.baseOf(debit) + BALANCES + word] as number;
      this.#tail[at + 8 + word] = table.wordsOf(credit)[table.baseOf(credit) + BALANCES + word] as number;
    }
  }

  /** Record and salt of the last outcome, which is the system's own. */
  system(record: Uint32Array, salt: Uint32Array): void {
    const at = this.#reserveTail(40, PART_SYSTEM);
    this.#tail.set(record, at);
    this.#tail.set(salt, at + 32);
  }

  /** Rows of the window that the last outcome settled; after `system`. */
  report(rows: Uint32Array): void {
    const at = this.#reserveTail(1 + rows.length, PART_REPORT);
    this.#tail[at] = rows.length;
    this.#tail.set(rows, at + 1);
  }

  /** The log of the block as one array of its own. */
  finish(): Uint8Array {
    const entryWords = this.count * LOG_ENTRY_WORDS;
    const log = new Uint32Array(LOG_HEADER_WORDS + entryWords + this.#tailWords);
    log[0] = this.count;
    log[1] = LOG_VERSION;
    writeCount(log, 2, this.#height);
    writeCount(log, 4, this.#timestamp);
    log.set(this.#entries.subarray(0, entryWords), LOG_HEADER_WORDS);
    log.set(this.#tail.subarray(0, this.#tailWords), LOG_HEADER_WORDS + entryWords);
    return new Uint8Array(log.buffer);
  }

  #side(account: number, balancesAt: number, heightAt: number, indexAt: number): void {
    const entries = this.#entries;
    const at = (this.count - 1) * LOG_ENTRY_WORDS;
    const words = this.#accounts.table.wordsOf(account);
    const base = this.#accounts.table.baseOf(account);
    for (let word = 0; word < 8; word += 1) {
      entries[at + balancesAt + word] = words[base + BALANCES + word] as number;
    }
    entries[at + heightAt] = words[base + NEWEST_HEIGHT] as number;
    entries[at + heightAt + 1] = words[base + NEWEST_HEIGHT + 1] as number;
    entries[at + indexAt] = words[base + NEWEST_INDEX] as number;
    writeCount(words, base + NEWEST_HEIGHT, this.#height);
    words[base + NEWEST_INDEX] = this.count - 1;
  }

  #reserveTail(words: number, part: number): number {
    while (this.#tailWords + words > this.#tail.length) this.#tail = doubled(this.#tail);
    const entry = (this.count - 1) * LOG_ENTRY_WORDS;
    const parts = (this.#entries[entry] as number) >>> 24;
    if (parts === 0) this.#entries[entry + ENTRY_TAIL] = this.#tailWords;
    this.#entries[entry] = (this.#entries[entry] as number) | (part << 24);
    const at = this.#tailWords;
    this.#tailWords += words;
    return at;
  }
}

function doubled(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(words.length * 2);
  grown.set(words);
  return grown;
}

import { EntryTable } from "./entry-table.js";
import { countAt, writeCount } from "./limbs.js";
import { type SeenIds, STATE_PENDING } from "./seen-ids.js";

/**
 * Entry of a transfer that is pending, 256 bytes; offsets in 32-bit words:
 *
 * 0 record 32 · 32 salt of its batch 8 · 40 reserved amount 2 · 42 deadline (block
 * time, ms) 2 · 44 index of its id · 45 debit account · 46 credit account · 47 paying bank's settlement account, on a
 * net rail its reserve account, plus one, 0 for none · 48 other bank's settlement account plus one · 49 submitter ·
 * 50 index of its record in its batch · 51 scheme day of its initiation · 52 leg between the banks (low 8 bits) and
 * the flags below; while it waits without a leg, bits 16 … 23 say which it will have · 53 fee 2 · 55 window of its
 * initiation, where its bank's sum is counted · 56 screening rule that holds it · 57 key that approved its release, plus
 * one · 58 reserved 6
 *
 * The table stays dense: the last entry moves into the place of one that was resolved.
 */
const PENDING_WORDS = 64;
const PENDING_PAGE_ENTRIES = 32;
export const SALT = 32;
export const RESERVED_AMOUNT = 40;
export const DEADLINE = 42;
export const ID_INDEX = 44;
export const DEBIT = 45;
export const CREDIT = 46;
export const DEBIT_SETTLEMENT = 47;
export const CREDIT_SETTLEMENT = 48;
export const SUBMITTER = 49;
export const RECORD_INDEX = 50;
export const SCHEME_DAY = 51;
export const LEG = 52;
export const FEE = 53;
export const WINDOW = 55;

export const LEG_MASK = 0xff;
/** The beneficiary's bank posts or voids, nobody else. */
export const NEEDS_ACCEPTANCE = 0x100;
/** It waits in its bank's queue, or for a decision of its bank: only the customers' money is reserved. */
export const QUEUED = 0x200;
export const HELD = 0x400;
/** Its release needs the approval of two keys. */
export const NEEDS_TWO = 0x800;
export const LATER_LEG_SHIFT = 16;
export const RULE = 56;
export const APPROVED_BY = 57;

/** Stale heap entries tolerated before the heap is built anew. */
const STALE_MAX = 1_024;

/** The table of pending transfers and, derived from it, the order in which they expire. */
export class Pendings {
  readonly table = new EntryTable(PENDING_WORDS, PENDING_PAGE_ENTRIES);
  readonly #ids: SeenIds;
  /** Binary heap by (deadline, id); entries of resolved transfers stay until they surface. */
  #deadlines: number[] = [];
  #heapIds: number[] = [];

  constructor(ids: SeenIds) {
    this.#ids = ids;
  }

  /** Adds an entry whose words the caller writes at once, and schedules its expiry. */
  add(idIndex: number, deadline: number): number {
    const place = this.table.append();
    const words = this.table.wordsOf(place);
    const base = this.table.baseOf(place);
    words[base + ID_INDEX] = idIndex;
    writeCount(words, base + DEADLINE, deadline);
    this.#ids.setPending(idIndex, place);
    this.#push(deadline, idIndex);
    return place;
  }

  /** Removes the entry at `place`; its id must have been resolved before. */
  remove(place: number): void {
    const last = this.table.count - 1;
    if (place !== last) {
      this.table.touch(place);
      const from = this.table.baseOf(last);
      const moved = this.table.wordsOf(last).subarray(from, from + PENDING_WORDS);
      this.table.wordsOf(place).set(moved, this.table.baseOf(place));
      this.#ids.setPending(moved[ID_INDEX] as number, place);
    }
    this.table.removeLast();
  }

  /** Another deadline for an entry, and its place in the order of expiry; the old one is stale from here on. */
  postpone(place: number, deadline: number): void {
    this.table.touch(place);
    const words = this.table.wordsOf(place);
    const base = this.table.baseOf(place);
    writeCount(words, base + DEADLINE, deadline);
    this.#push(deadline, words[base + ID_INDEX] as number);
  }

  /** Earliest deadline of a pending transfer. */
  nextDeadline(): number | undefined {
    while (this.#heapIds.length > 0 && this.#isStale(this.#heapIds[0] as number, this.#deadlines[0] as number))
      this.#pop();
    return this.#deadlines[0];
  }

  #isStale(idIndex: number, deadline: number): boolean {
    if (this.#ids.stateOf(idIndex) !== STATE_PENDING) return true;
    const place = this.#ids.placeOf(idIndex);
    return countAt(this.table.wordsOf(place), this.table.baseOf(place) + DEADLINE) !== deadline;
  }

  /** Place of the pending transfer that expires first, if it is due. */
  due(timestamp: number): number | undefined {
    const deadline = this.nextDeadline();
    return deadline === undefined || deadline > timestamp ? undefined : this.#ids.placeOf(this.#heapIds[0] as number);
  }

  /** Builds the order of expiry anew if the table was restored or too much of the heap is stale. */
  tidy(): void {
    if (this.#heapIds.length <= this.table.count * 2 + STALE_MAX && this.#heapIds.length >= this.table.count) return;
    this.#deadlines = [];
    this.#heapIds = [];
    for (let place = 0; place < this.table.count; place += 1) {
      const words = this.table.wordsOf(place);
      const base = this.table.baseOf(place);
      this.#push(countAt(words, base + DEADLINE), words[base + ID_INDEX] as number);
    }
  }

  #push(deadline: number, idIndex: number): void {
    let slot = this.#heapIds.length;
    this.#deadlines.push(deadline);
    this.#heapIds.push(idIndex);
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (!this.#before(slot, parent)) return;
      this.#swap(slot, parent);
      slot = parent;
    }
  }

  #pop(): void {
    const last = this.#heapIds.length - 1;
    this.#swap(0, last);
    this.#deadlines.pop();
    this.#heapIds.pop();
    for (let slot = 0; ; ) {
      let first = slot;
      for (const child of [2 * slot + 1, 2 * slot + 2]) {
        if (child < last && this.#before(child, first)) first = child;
      }
      if (first === slot) return;
      this.#swap(slot, first);
      slot = first;
    }
  }

  #swap(left: number, right: number): void {
    const deadline = this.#deadlines[left] as number;
    this.#deadlines[left] = this.#deadlines[right] as number;
    this.#deadlines[right] = deadline;
    const id = this.#heapIds[left] as number;
    this.#heapIds[left] = this.#heapIds[right] as number;
    this.#heapIds[right] = id;
  }

  #before(left: number, right: number): boolean {
    const leftDeadline = this.#deadlines[left] as number;
    const rightDeadline = this.#deadlines[right] as number;
    if (leftDeadline !== rightDeadline) return leftDeadline < rightDeadline;
    return this.#ids.precedes(this.#heapIds[left] as number, this.#heapIds[right] as number);
  }
}

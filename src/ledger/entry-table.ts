import { assert } from "../primitives/index.js";
import type { StatePage } from "./contract.js";

/** A page that was given away. */
type Lent = { -readonly [Name in keyof StatePage]: StatePage[Name] };

/** Entries of one memory segment: growth adds a segment and never copies what is there. */
const SEGMENT_SHIFT = 13;
const SEGMENT_ENTRIES = 1 << SEGMENT_SHIFT;
const SEGMENT_MASK = SEGMENT_ENTRIES - 1;

/** What a page may be since the last checkpoint. */
const UNCHANGED = 0;
const CHANGED = 1;
/** Changed, hashed, and not changed again. */
const HASHED = 2;

/**
 * Append-ordered array of fixed-width entries, cut into pages: one table of the state (state-root.ts).
 *
 * Entries are 32-bit little-endian words. Whoever writes into an entry calls `touch` first: it marks the
 * page for the next checkpoint and, between `begin` and `commit`, keeps the old words for `rollback`.
 */
export class EntryTable {
  readonly entryWords: number;
  readonly pageEntries: number;
  readonly #segments: Uint32Array[] = [];
  #count = 0;
  /** `UNCHANGED`, `CHANGED` or `HASHED`, a byte a page. */
  #changes = new Uint8Array(64);
  #changedPages: number[] = [];
  /** `takeFull` gave the full pages before this, or they were there at the last checkpoint. */
  #hashedEnd = 0;
  /** Pages that show this table's memory until they change. */
  readonly #lent: (Lent | undefined)[] = [];
  #journaling = false;
  #countAtBegin = 0;
  #savedIndexes: number[] = [];
  #savedWords: number[] = [];

  /** @param pageEntries a power of two, at most the 8,192 entries of a segment */
  constructor(entryWords: number, pageEntries: number) {
    assert(SEGMENT_ENTRIES % pageEntries === 0, "pages fill segments");
    this.entryWords = entryWords;
    this.pageEntries = pageEntries;
  }

  get count(): number {
    return this.#count;
  }

  /** The words among which entry `index` lies, from `baseOf(index)` on. */
  wordsOf(index: number): Uint32Array {
    return this.#segments[index >>> SEGMENT_SHIFT] as Uint32Array;
  }

  baseOf(index: number): number {
    return (index & SEGMENT_MASK) * this.entryWords;
  }

  /** Must precede every write into an entry. */
  touch(index: number): void {
    const page = Math.floor(index / this.pageEntries);
    if (this.#changes[page] !== CHANGED) this.#markChanged(page);
    if (this.#journaling && index < this.#countAtBegin) this.#save(index);
  }

  /** Adds a zero entry at the end and returns its index; the caller may write into it at once. */
  append(): number {
    const index = this.#count;
    if (index >>> SEGMENT_SHIFT === this.#segments.length) {
      this.#segments.push(new Uint32Array(SEGMENT_ENTRIES * this.entryWords));
    }
    this.#count = index + 1;
    const page = Math.floor(index / this.pageEntries);
    if (this.#changes[page] !== CHANGED) this.#markChanged(page);
    return index;
  }

  /** Drops the last entry. */
  removeLast(): void {
    const last = this.#count - 1;
    assert(last >= 0, "an entry to remove");
    this.touch(last);
    const base = this.baseOf(last);
    this.wordsOf(last).fill(0, base, base + this.entryWords);
    this.#count = last;
    // The page before loses its neighbour in the tree when this one empties.
    if (last > 0 && last % this.pageEntries === 0) this.touch(last - 1);
  }

  /** From here until `commit` or `rollback` every change can be undone. */
  begin(): void {
    this.#journaling = true;
    this.#countAtBegin = this.#count;
  }

  commit(): void {
    this.#journaling = false;
    this.#savedIndexes.length = 0;
    this.#savedWords.length = 0;
  }

  /** Undoes every change since `begin`. */
  rollback(): void {
    while (this.#count > this.#countAtBegin) this.removeLast();
    this.#count = this.#countAtBegin;
    this.rollbackKeeping();
  }

  /** Undoes changes since `begin` to entries that were there before; those appended since then stay. */
  rollbackKeeping(): void {
    for (let saved = this.#savedIndexes.length - 1; saved >= 0; saved -= 1) {
      const index = this.#savedIndexes[saved] as number;
      const words = this.wordsOf(index);
      const base = this.baseOf(index);
      for (let word = 0; word < this.entryWords; word += 1) {
        words[base + word] = this.#savedWords[saved * this.entryWords + word] as number;
      }
    }
    this.commit();
  }

  get pageCount(): number {
    return Math.ceil(this.#count / this.pageEntries);
  }

  /**
   * Pages changed since the last call, ascending, and which of them are not hashed; those at or beyond `pageCount` have
   * become empty.
   */
  takeChanged(): { readonly changed: readonly number[]; readonly unhashed: readonly number[] } {
    const changed = this.#changedPages.sort((left, right) => left - right);
    const unhashed = changed.filter((page) => this.#changes[page] === CHANGED);
    for (const page of changed) this.#changes[page] = UNCHANGED;
    this.#changedPages = [];
    this.#hashedEnd = this.#fullPages();
    return { changed, unhashed };
  }

  /** Pages that have become full since the last call, as hashed: `takeChanged` has them among the others if they change again. */
  takeFull(): readonly number[] {
    const pages: number[] = [];
    for (let page = this.#hashedEnd; page < this.#fullPages(); page += 1) {
      this.#changes[page] = HASHED;
      pages.push(page);
    }
    this.#hashedEnd += pages.length;
    return pages;
  }

  #fullPages(): number {
    return Math.floor(this.#count / this.pageEntries);
  }

  /** Counts every page as changed: nobody has them yet. */
  touchAll(): void {
    for (let page = 0; page < this.pageCount; page += 1) this.#markChanged(page);
  }

  /** A page as it is now, whatever becomes of it. */
  lend(page: number, key: number): StatePage {
    const lent: Lent = { key, bytes: this.pageView(page) };
    this.#lent[page] = lent;
    return lent;
  }

  /** Pages of one memory segment. */
  get segmentPages(): number {
    return SEGMENT_ENTRIES / this.pageEntries;
  }

  /** The used entries of a page, as a copy. */
  pageBytes(page: number): Uint8Array {
    return this.pageView(page).slice();
  }

  /** The used entries of a page, or of some of one segment that follow each other, in the table's own memory. */
  pageView(page: number, pages = 1): Uint8Array {
    const first = page * this.pageEntries;
    const entries = Math.max(0, Math.min(pages * this.pageEntries, this.#count - first));
    if (entries === 0) return new Uint8Array(0);
    const words = this.wordsOf(first);
    return new Uint8Array(words.buffer, words.byteOffset + this.baseOf(first) * 4, entries * this.entryWords * 4);
  }

  /** Appends the entries of a page that `pageBytes` gave. */
  appendPage(bytes: Uint8Array): void {
    const words = new Uint32Array(bytes.slice().buffer);
    for (let offset = 0; offset < words.length; offset += this.entryWords) {
      const index = this.append();
      this.wordsOf(index).set(words.subarray(offset, offset + this.entryWords), this.baseOf(index));
    }
  }

  /** Before the first change to a page since the last checkpoint, or since it was hashed. */
  #markChanged(page: number): void {
    if (page >= this.#changes.length) {
      const grown = new Uint8Array(Math.max(page + 1, this.#changes.length * 2));
      grown.set(this.#changes);
      this.#changes = grown;
    }
    const lent = this.#lent[page];
    if (lent !== undefined) {
      lent.bytes = lent.bytes.slice();
      this.#lent[page] = undefined;
    }
    if (this.#changes[page] === UNCHANGED) this.#changedPages.push(page);
    this.#changes[page] = CHANGED;
  }

  #save(index: number): void {
    const words = this.wordsOf(index);
    const base = this.baseOf(index);
    this.#savedIndexes.push(index);
    for (let word = 0; word < this.entryWords; word += 1) this.#savedWords.push(words[base + word] as number);
  }
}

/** Typed arrays show numbers in the machine's byte order; the formats are little-endian. */
assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "a little-endian machine");

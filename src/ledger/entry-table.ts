import { assert } from "../primitives/index.js";

/** Entries of one memory segment: growth adds a segment and never copies what is there. */
const SEGMENT_SHIFT = 13;
const SEGMENT_ENTRIES = 1 << SEGMENT_SHIFT;
const SEGMENT_MASK = SEGMENT_ENTRIES - 1;

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
  #dirty = new Uint8Array(64);
  #dirtyPages: number[] = [];
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
    if (this.#dirty[page] !== 1) this.#markDirty(page);
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
    if (this.#dirty[page] !== 1) this.#markDirty(page);
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

  /** Pages touched since the last call, ascending; those at or beyond `pageCount` have become empty. */
  takeDirtyPages(): number[] {
    const pages = this.#dirtyPages.sort((left, right) => left - right);
    for (const page of pages) this.#dirty[page] = 0;
    this.#dirtyPages = [];
    return pages;
  }

  /** Counts every page as touched: nobody has them yet. */
  touchAll(): void {
    for (let page = 0; page < this.pageCount; page += 1) if (this.#dirty[page] !== 1) this.#markDirty(page);
  }

  /** Pages of one memory segment. */
  get segmentPages(): number {
    return SEGMENT_ENTRIES / this.pageEntries;
  }

  /** The used entries of a page, or of some of one segment that follow each other, as a copy. */
  pageBytes(page: number, pages = 1): Uint8Array {
    const first = page * this.pageEntries;
    const entries = Math.max(0, Math.min(pages * this.pageEntries, this.#count - first));
    if (entries === 0) return new Uint8Array(0);
    const base = this.baseOf(first);
    const words = this.wordsOf(first).slice(base, base + entries * this.entryWords);
    return new Uint8Array(words.buffer);
  }

  /** Appends the entries of a page that `pageBytes` gave. */
  appendPage(bytes: Uint8Array): void {
    const words = new Uint32Array(bytes.slice().buffer);
    for (let offset = 0; offset < words.length; offset += this.entryWords) {
      const index = this.append();
      this.wordsOf(index).set(words.subarray(offset, offset + this.entryWords), this.baseOf(index));
    }
  }

  #markDirty(page: number): void {
    if (page >= this.#dirty.length) {
      const grown = new Uint8Array(Math.max(page + 1, this.#dirty.length * 2));
      grown.set(this.#dirty);
      this.#dirty = grown;
    }
    this.#dirty[page] = 1;
    this.#dirtyPages.push(page);
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

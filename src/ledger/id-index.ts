import type { EntryTable } from "./entry-table.js";

const CAPACITY_MIN = 1_024;
/** Slots of the old array that each insertion moves while the index grows: done long before the next growth. */
const MOVED_PER_INSERT = 8;

/**
 * Finds entries of a table by the 128-bit id in their first four words. Open addressing over typed
 * arrays; a slot is the id's hash and the entry's index plus one, so that growing never reads the table
 * and is spread over later insertions instead of stalling one block.
 *
 * Derived from the table and local: the hash is seeded so that nobody can choose ids that collide.
 */
export class IdIndex {
  readonly #table: EntryTable;
  readonly #seed: number;
  #slots = new Int32Array(CAPACITY_MIN * 2);
  #mask = CAPACITY_MIN - 1;
  #used = 0;
  #old: Int32Array | undefined;
  #oldCursor = 0;

  constructor(table: EntryTable, seed: number) {
    this.#table = table;
    this.#seed = seed | 0;
  }

  /** Index of the entry with the id whose four words begin at `words[at]`; −1 if there is none. */
  findAt(words: Uint32Array, at: number): number {
    return this.findHashed(this.hashAt(words, at), words, at);
  }

  /** `findAt` for an id that was hashed before. */
  findHashed(hash: number, words: Uint32Array, at: number): number {
    const found = this.#probe(this.#slots, this.#mask, hash, words, at);
    if (found >= 0 || this.#old === undefined) return found;
    return this.#probe(this.#old, this.#old.length / 2 - 1, hash, words, at);
  }

  /**
   * Reads the first slot that `findHashed` will look at and returns what is there, for nothing: many such
   * reads in a row wait for memory together, those of `findHashed` one after the other.
   */
  warm(hash: number): number {
    return this.#slots[(hash & this.#mask) * 2] as number;
  }

  /** Adds an entry whose id is not in the index. */
  insert(index: number): void {
    const hash = this.hashAt(this.#table.wordsOf(index), this.#table.baseOf(index));
    if (this.#old !== undefined) this.#move(this.#old);
    else if (this.#used * 2 >= this.#mask) this.#grow();
    this.#place(hash, index + 1);
  }

  /** Signed 32-bit hash; murmur3's mixing, which spreads every bit of random or counting ids. */
  hashAt(words: Uint32Array, at: number): number {
    let hash = this.#seed;
    hash = mix(hash, words[at] as number);
    hash = mix(hash, words[at + 1] as number);
    hash = mix(hash, words[at + 2] as number);
    hash = mix(hash, words[at + 3] as number);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85eb_ca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2_ae35);
    return hash ^ (hash >>> 16);
  }

  #probe(slots: Int32Array, mask: number, hash: number, words: Uint32Array, at: number): number {
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot * 2 + 1] as number;
      if (entry === 0) return -1;
      if (slots[slot * 2] !== hash) continue;
      const found = this.#table.wordsOf(entry - 1);
      const base = this.#table.baseOf(entry - 1);
      if (
        found[base] === words[at] &&
        found[base + 1] === words[at + 1] &&
        found[base + 2] === words[at + 2] &&
        found[base + 3] === words[at + 3]
      ) {
        return entry - 1;
      }
    }
  }

  #place(hash: number, entry: number): void {
    const slots = this.#slots;
    let slot = hash & this.#mask;
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    slots[slot * 2] = hash;
    slots[slot * 2 + 1] = entry;
    this.#used += 1;
  }

  #grow(): void {
    this.#old = this.#slots;
    this.#oldCursor = 0;
    this.#mask = this.#mask * 2 + 1;
    this.#slots = new Int32Array((this.#mask + 1) * 2);
    this.#used = 0;
    this.#move(this.#old);
  }

  #move(old: Int32Array): void {
    const end = Math.min(this.#oldCursor + MOVED_PER_INSERT, old.length / 2);
    for (let slot = this.#oldCursor; slot < end; slot += 1) {
      const entry = old[slot * 2 + 1] as number;
      if (entry !== 0) this.#place(old[slot * 2] as number, entry);
    }
    this.#oldCursor = end;
    if (end === old.length / 2) this.#old = undefined;
  }
}

/** One round of murmur3. */
export function mix(hash: number, word: number): number {
  let value = Math.imul(word, 0xcc9e_2d51);
  value = (value << 15) | (value >>> 17);
  const mixed = hash ^ Math.imul(value, 0x1b87_3593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}

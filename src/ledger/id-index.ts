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
  #slots = new Uint32Array(CAPACITY_MIN * 2);
  #mask = CAPACITY_MIN - 1;
  #used = 0;
  #old: Uint32Array | undefined;
  #oldCursor = 0;

  constructor(table: EntryTable, seed: number) {
    this.#table = table;
    this.#seed = seed | 0;
  }

  /** Index of the entry with the id whose four words begin at `words[at]`; −1 if there is none. */
  findAt(words: Uint32Array, at: number): number {
    const word0 = words[at] as number;
    const word1 = words[at + 1] as number;
    const word2 = words[at + 2] as number;
    const word3 = words[at + 3] as number;
    const hash = this.#hash(word0, word1, word2, word3);
    const found = this.#probe(this.#slots, this.#mask, hash, word0, word1, word2, word3);
    if (found >= 0 || this.#old === undefined) return found;
    return this.#probe(this.#old, this.#old.length / 2 - 1, hash, word0, word1, word2, word3);
  }

  /** Adds an entry whose id is not in the index. */
  insert(index: number): void {
    const words = this.#table.wordsOf(index);
    const base = this.#table.baseOf(index);
    const hash = this.#hash(
      words[base] as number,
      words[base + 1] as number,
      words[base + 2] as number,
      words[base + 3] as number,
    );
    if (this.#old !== undefined) this.#move(this.#old);
    else if (this.#used * 2 >= this.#mask) this.#grow();
    this.#place(hash, index + 1);
  }

  #probe(
    slots: Uint32Array,
    mask: number,
    hash: number,
    word0: number,
    word1: number,
    word2: number,
    word3: number,
  ): number {
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot * 2 + 1] as number;
      if (entry === 0) return -1;
      if (slots[slot * 2] !== hash) continue;
      const words = this.#table.wordsOf(entry - 1);
      const base = this.#table.baseOf(entry - 1);
      if (
        words[base] === word0 &&
        words[base + 1] === word1 &&
        words[base + 2] === word2 &&
        words[base + 3] === word3
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
    this.#slots = new Uint32Array((this.#mask + 1) * 2);
    this.#used = 0;
    this.#move(this.#old);
  }

  #move(old: Uint32Array): void {
    const end = Math.min(this.#oldCursor + MOVED_PER_INSERT, old.length / 2);
    for (let slot = this.#oldCursor; slot < end; slot += 1) {
      const entry = old[slot * 2 + 1] as number;
      if (entry !== 0) this.#place(old[slot * 2] as number, entry);
    }
    this.#oldCursor = end;
    if (end === old.length / 2) this.#old = undefined;
  }

  /** 32 bits, unsigned; murmur3's mixing, which spreads every bit of random or counting ids. */
  #hash(word0: number, word1: number, word2: number, word3: number): number {
    let hash = this.#seed;
    hash = mix(hash, word0);
    hash = mix(hash, word1);
    hash = mix(hash, word2);
    hash = mix(hash, word3);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85eb_ca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}

/** One round of murmur3. */
export function mix(hash: number, word: number): number {
  let value = Math.imul(word, 0xcc9e_2d51);
  value = (value << 15) | (value >>> 17);
  const mixed = hash ^ Math.imul(value, 0x1b87_3593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}

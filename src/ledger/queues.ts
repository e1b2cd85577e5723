import { EntryTable } from "./entry-table.js";

/**
 * Entry of a transfer that waits in its bank's queue for liquidity, 32 bytes; offsets in words:
 *
 * 0 index of its id · 1 asset · 2 paying bank · 3 priority · 4 reserved 4
 *
 * Ids are consumed in the order of execution, so the index of its id is also its place in time. The table stays dense:
 * the last entry moves into the place of one that left.
 */
const QUEUE_WORDS = 8;
const QUEUE_PAGE_ENTRIES = 256;
const ID_INDEX = 0;
const ASSET = 1;
const BANK = 2;
const PRIORITY = 3;

const KEY_BASE = 0x1_0000_0000;

/** One bank's queue in one asset; `ids` are indices of the waiting transfers' ids, the first to be paid first. */
export interface BankQueue {
  readonly asset: number;
  readonly bank: number;
  readonly ids: readonly number[];
}

/** The queues of all banks: by priority, higher first, then in the order of time (LEDG-28). */
export class Queues {
  readonly table = new EntryTable(QUEUE_WORDS, QUEUE_PAGE_ENTRIES);
  /** By asset and bank. */
  readonly #queues = new Map<number, number[]>();
  /** By index of the id: the entry. */
  readonly #entries = new Map<number, number>();
  readonly #counts = new Map<number, number>();

  add(idIndex: number, of: { readonly asset: number; readonly bank: number; readonly priority: number }): void {
    const index = this.table.append();
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words[base + ID_INDEX] = idIndex;
    words[base + ASSET] = of.asset;
    words[base + BANK] = of.bank;
    words[base + PRIORITY] = of.priority;
    this.#enter(index);
  }

  remove(idIndex: number): void {
    const index = this.#entries.get(idIndex) as number;
    this.#leave(index);
    const last = this.table.count - 1;
    if (index !== last) {
      this.table.touch(index);
      const from = this.table.baseOf(last);
      const moved = this.table.wordsOf(last).subarray(from, from + QUEUE_WORDS);
      this.table.wordsOf(index).set(moved, this.table.baseOf(index));
      this.#entries.set(moved[ID_INDEX] as number, index);
    }
    this.table.removeLast();
  }

  /** Moves a transfer to the place that another priority gives it. */
  reprioritise(idIndex: number, priority: number): void {
    const index = this.#entries.get(idIndex) as number;
    this.#leave(index);
    this.table.touch(index);
    this.table.wordsOf(index)[this.table.baseOf(index) + PRIORITY] = priority;
    this.#enter(index);
  }

  /** Whether a bank has a transfer in the queue that one of this priority may not overtake. */
  blocks(asset: number, bank: number, priority: number): boolean {
    const first = this.#queues.get(keyOf(asset, bank))?.[0];
    return first !== undefined && this.#priorityOf(first) >= priority;
  }

  /** Transfers of a bank that wait, in all assets. */
  countOf(bank: number): number {
    return this.#counts.get(bank) ?? 0;
  }

  of(asset: number, bank: number): readonly number[] {
    return this.#queues.get(keyOf(asset, bank)) ?? [];
  }

  /** Every queue that is not empty, ascending by asset, then bank. */
  all(): readonly BankQueue[] {
    return [...this.#queues]
      .sort(([left], [right]) => left - right)
      .map(([key, ids]) => ({ asset: Math.floor(key / KEY_BASE), bank: key % KEY_BASE, ids }));
  }

  priorityOf(idIndex: number): number {
    return this.#priorityOf(idIndex);
  }

  /** The table after a chain that was undone; the order is built anew. */
  rollback(): void {
    this.table.rollback();
    this.rebuild();
  }

  /**
   * Builds the order of a restored table.
   *
   * @returns false where a transfer is listed twice
   */
  rebuild(): boolean {
    this.#queues.clear();
    this.#entries.clear();
    this.#counts.clear();
    for (let index = 0; index < this.table.count; index += 1) {
      if (this.#entries.has(this.#word(index, ID_INDEX))) return false;
      this.#enter(index);
    }
    return true;
  }

  /** For the check of a restored table: whose transfer an entry says it is. */
  entry(index: number): { readonly idIndex: number; readonly asset: number; readonly bank: number } {
    return { idIndex: this.#word(index, ID_INDEX), asset: this.#word(index, ASSET), bank: this.#word(index, BANK) };
  }

  #enter(index: number): void {
    const idIndex = this.#word(index, ID_INDEX);
    const bank = this.#word(index, BANK);
    const key = keyOf(this.#word(index, ASSET), bank);
    this.#entries.set(idIndex, index);
    this.#counts.set(bank, (this.#counts.get(bank) ?? 0) + 1);
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, [idIndex]);
    else queue.splice(this.#placeIn(queue, idIndex), 0, idIndex);
  }

  #leave(index: number): void {
    const idIndex = this.#word(index, ID_INDEX);
    const bank = this.#word(index, BANK);
    const key = keyOf(this.#word(index, ASSET), bank);
    const queue = this.#queues.get(key) as number[];
    queue.splice(queue.indexOf(idIndex), 1);
    if (queue.length === 0) this.#queues.delete(key);
    this.#entries.delete(idIndex);
    const count = (this.#counts.get(bank) as number) - 1;
    if (count === 0) this.#counts.delete(bank);
    else this.#counts.set(bank, count);
  }

  /** Where a transfer belongs in a queue, by halving. */
  #placeIn(queue: readonly number[], idIndex: number): number {
    const priority = this.#priorityOf(idIndex);
    let from = 0;
    let to = queue.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = queue[middle] as number;
      const otherPriority = this.#priorityOf(other);
      const isBefore = otherPriority > priority || (otherPriority === priority && other < idIndex);
      if (isBefore) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #priorityOf(idIndex: number): number {
    return this.#word(this.#entries.get(idIndex) as number, PRIORITY);
  }

  #word(index: number, word: number): number {
    return this.table.wordsOf(index)[this.table.baseOf(index) + word] as number;
  }
}

const keyOf = (asset: number, bank: number): number => asset * KEY_BASE + bank;

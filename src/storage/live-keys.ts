import { toHex } from "../primitives/index.js";
import { keyInteger } from "./keyspace.js";
import type { LiveTotals } from "./snapshot.js";

/** A key that a later write will delete, in memory so that deleting needs no search. */
export interface LiveKey {
  readonly key: Uint8Array;
  /** Of the value under it. */
  readonly checksum: number;
}

/**
 * Keys of one kind that come and go: certificates above the finalised view, proposals above the finalised
 * height, admissions that are not final. Bounded by what the replica keeps of them.
 */
export class LiveKeys {
  readonly #keys = new Map<string, LiveKey>();
  #sum = 0;

  get totals(): LiveTotals {
    return { count: this.#keys.size, sum: this.#sum };
  }

  put(entry: LiveKey): void {
    this.remove(entry.key);
    this.#keys.set(toHex(entry.key), entry);
    this.#sum = (this.#sum + entry.checksum) >>> 0;
  }

  /** False if it was not there. */
  remove(key: Uint8Array): boolean {
    const name = toHex(key);
    const entry = this.#keys.get(name);
    if (entry === undefined) return false;
    this.#keys.delete(name);
    this.#sum = (this.#sum - entry.checksum) >>> 0;
    return true;
  }

  /** Removes and returns the keys for which the integers behind the kind byte say so. */
  removeWhere(isPast: (first: number, second: number) => boolean): Uint8Array[] {
    const removed = [...this.#keys.values()].filter(({ key }) => isPast(keyInteger(key, 1), keyInteger(key, 9)));
    for (const { key } of removed) this.remove(key);
    return removed.map(({ key }) => key);
  }

  /** In the order of the keys. */
  sorted(): Uint8Array[] {
    return [...this.#keys.keys()].sort().map((name) => (this.#keys.get(name) as LiveKey).key);
  }
}

/** Totals of several kinds together. */
export function addTotals(all: readonly LiveTotals[]): LiveTotals {
  return all.reduce((left, right) => ({ count: left.count + right.count, sum: (left.sum + right.sum) >>> 0 }));
}

import { EntryTable } from "./entry-table.js";
import { addTo, compareAmounts, subtractFrom } from "./limbs.js";
import type { Rail } from "./rules.js";

/**
 * Entry of what an account has sent on a rail in its latest scheme day, 32 bytes; offsets in words:
 *
 * 0 account's index · 1 rail · 2 scheme day · 3 reserved · 4 sum of initiations 2 · 6 reserved 2
 *
 * Block time never runs back, so a day that is over is never asked for again and one entry per account
 * and rail is enough: the first initiation of a new day starts it at zero.
 *
 * What a bank has sent on a net rail in a window is counted alike: its reserve account stands for the bank, rail +
 * `OF_BANK` for the rail and the window's number for the day.
 */
const LIMIT_WORDS = 8;
const LIMIT_PAGE_ENTRIES = 256;
const ACCOUNT = 0;
const RAIL = 1;
const DAY = 2;
const SUM = 4;

/** Added to a rail's number where a bank's sum in a window is counted. */
export const OF_BANK = 256;

/** The counter of an account that never initiated anything. */
const NOTHING = new Uint32Array(LIMIT_WORDS);

/** Counters against the limits per (account, rail) and (bank, rail); only rails with a limit have any. */
export class Limits {
  readonly table = new EntryTable(LIMIT_WORDS, LIMIT_PAGE_ENTRIES);
  /** By rail, then account: index of the counter plus one. */
  readonly #counters: (Uint32Array | undefined)[] = [];

  /** Whether the account may initiate so much more on the rail that day. */
  allows(account: number, rail: Rail, day: number, low: number, high: number): boolean {
    return this.#isWithin(account, rail.number, day, low, high, rail.dailyMaximumLow, rail.dailyMaximumHigh);
  }

  /** Whether the bank with this reserve account may initiate so much more on the rail in that window. */
  allowsBank(reserve: number, rail: Rail, window: number, low: number, high: number): boolean {
    const key = rail.number + OF_BANK;
    return this.#isWithin(reserve, key, window, low, high, rail.windowMaximumLow, rail.windowMaximumHigh);
  }

  #isWithin(
    account: number,
    rail: number,
    day: number,
    low: number,
    high: number,
    maximumLow: number,
    maximumHigh: number,
  ): boolean {
    const index = this.#find(account, rail);
    const words = index < 0 ? NOTHING : this.table.wordsOf(index);
    const base = index < 0 ? 0 : this.table.baseOf(index);
    const isToday = words[base + DAY] === day;
    const sumLow = (isToday ? (words[base + SUM] as number) : 0) + low;
    const carry = sumLow >= 0x1_0000_0000 ? 1 : 0;
    const sumHigh = (isToday ? (words[base + SUM + 1] as number) : 0) + high + carry;
    if (sumHigh !== maximumHigh) return sumHigh < maximumHigh;
    return sumLow - carry * 0x1_0000_0000 <= maximumLow;
  }

  /** Counts an initiation that is allowed. */
  count(account: number, rail: number, day: number, low: number, high: number): void {
    let index = this.#find(account, rail);
    if (index < 0) {
      index = this.table.append();
      const words = this.table.wordsOf(index);
      words[this.table.baseOf(index) + ACCOUNT] = account;
      words[this.table.baseOf(index) + RAIL] = rail;
      this.register(index, account + 1);
    } else this.table.touch(index);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    if (words[base + DAY] !== day) {
      words[base + DAY] = day;
      words.fill(0, base + SUM, base + SUM + 2);
    }
    addTo(words, base + SUM, low, high);
  }

  /** Gives back to the day of initiation what was not paid in the end; a day that is over needs nothing. */
  giveBack(account: number, rail: number, day: number, low: number, high: number): void {
    const index = this.#find(account, rail);
    if (index < 0) return;
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    if (words[base + DAY] !== day) return;
    this.table.touch(index);
    const isCounted = compareAmounts(words[base + SUM] as number, words[base + SUM + 1] as number, low, high) >= 0;
    // An initiation from before the rail had a limit was never counted.
    if (isCounted) subtractFrom(words, base + SUM, low, high);
    else words.fill(0, base + SUM, base + SUM + 2);
  }

  /**
   * Makes an entry findable, for a table restored from pages too.
   *
   * @returns false for an entry that names no account or rail
   */
  register(index: number, accounts: number): boolean {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const account = words[base + ACCOUNT] as number;
    const rail = words[base + RAIL] as number;
    if (account >= accounts || rail >= 2 * OF_BANK) return false;
    let counters = this.#counters[rail] ?? new Uint32Array(1_024);
    if (account >= counters.length) {
      const grown = new Uint32Array(Math.max(account + 1, counters.length * 2));
      grown.set(counters);
      counters = grown;
    }
    counters[account] = index + 1;
    this.#counters[rail] = counters;
    return true;
  }

  /** An entry beyond the table's end, left by a chain that was undone, counts as absent. */
  #find(account: number, rail: number): number {
    const index = (this.#counters[rail]?.[account] ?? 0) - 1;
    if (index >= this.table.count) return -1;
    if (index < 0) return -1;
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    return words[base + ACCOUNT] === account && words[base + RAIL] === rail ? index : -1;
  }
}

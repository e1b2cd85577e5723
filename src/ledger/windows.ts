import type { SettlementRow } from "../formats/index.js";
import type { Height, ParticipantNumber } from "../primitives/index.js";
import { EntryTable } from "./entry-table.js";
import { addTo, amountAt, countAt, writeCount } from "./limbs.js";
import type { WindowState, WindowView } from "./views.js";

/**
 * Entry of a settlement window of an asset, 64 bytes; offsets in 32-bit words:
 *
 * 0 asset · 1 number, from 1 · 2 state · 3 who cut it · 4 block time of the first initiation 2, 0 before it · 6 block
 * time of the cut 2 · 8 height of the outcome that settled it 2 · 10 that outcome's index · 11 rows · 12 payments 2 ·
 * 14 reserved 2
 *
 * The newest entry of an asset is its open window; it comes with the first initiation, and with each cut the next one.
 */
const WINDOW_WORDS = 16;
const WINDOW_PAGE_ENTRIES = 64;
const ASSET = 0;
const NUMBER = 1;
const STATE = 2;
const CUT_BY = 3;
const OPENED = 4;
const CLOSED = 6;
const OUTCOME_HEIGHT = 8;
const OUTCOME_INDEX = 10;
const ROWS = 11;
const PAYMENTS = 12;

const STATE_OPEN = 1;
const STATE_CLOSED = 2;
const STATE_SETTLED = 3;
const STATE_NAMES: readonly WindowState[] = ["open", "open", "closed", "settled"];
export const CUT_BY_TIME = 1;
export const CUT_BY_AUTHORITY = 2;

/**
 * Entry of what one bank paid another in a window that is not settled, 32 bytes: 0 index of the window · 1 payer ·
 * 2 payee · 3 reserved · 4 payments 2 · 6 sum 2. The last entry moves into the place of one that is removed.
 */
const ROW_WORDS = 8;
const ROW_PAGE_ENTRIES = 256;
const ROW_WINDOW = 0;
const ROW_PAYER = 1;
const ROW_PAYEE = 2;
const ROW_PAYMENTS = 4;
const ROW_SUM = 6;

/** More than there are participants, so that a key of window, payer and payee is exact. */
const KEY_BASE = 2_048;

/** Settlement windows of all assets, and who paid whom in those that are not settled. */
export class Windows {
  readonly table = new EntryTable(WINDOW_WORDS, WINDOW_PAGE_ENTRIES);
  readonly rows = new EntryTable(ROW_WORDS, ROW_PAGE_ENTRIES);
  /** By asset: index of its newest window. */
  readonly #newest = new Map<number, number>();
  /** Cut and not settled, in the order of the cuts. */
  #unsettled: number[] = [];
  readonly #rowIndices = new Map<number, number>();

  /** Number of the window into which the next payment of an asset counts. */
  openNumber(asset: number): number {
    const index = this.openOf(asset);
    return index < 0 ? 1 : this.#word(index, NUMBER);
  }

  /** Index of the open window of an asset; −1 before the first initiation. */
  openOf(asset: number): number {
    const index = this.#newest.get(asset) ?? -1;
    // A window that a chain opened and took back is beyond the end, or another asset's by now.
    return index >= 0 && index < this.table.count && this.#word(index, ASSET) === asset ? index : -1;
  }

  /** An initiation on a net rail: from now on the window has a time at which it is due. */
  initiate(asset: number, timestamp: number): void {
    let index = this.openOf(asset);
    if (index < 0) index = this.#open(asset, 1);
    if (countAt(this.table.wordsOf(index), this.table.baseOf(index) + OPENED) !== 0) return;
    this.table.touch(index);
    writeCount(this.table.wordsOf(index), this.table.baseOf(index) + OPENED, timestamp);
  }

  /** Counts a payment into the open window of the asset; its sums are known to fit. */
  count(
    payment: { readonly asset: number; readonly payer: number; readonly payee: number; readonly timestamp: number },
    low: number,
    high: number,
  ): void {
    this.initiate(payment.asset, payment.timestamp);
    const window = this.openOf(payment.asset);
    const row = this.#touchedRow(window, payment.payer, payment.payee);
    this.table.touch(window);
    addTo(this.table.wordsOf(window), this.table.baseOf(window) + PAYMENTS, 1, 0);
    addTo(this.rows.wordsOf(row), this.rows.baseOf(row) + ROW_PAYMENTS, 1, 0);
    addTo(this.rows.wordsOf(row), this.rows.baseOf(row) + ROW_SUM, low, high);
  }

  /** Whether any payment has been counted into a window. */
  hasPayments(index: number): boolean {
    return this.#word(index, ROWS) > 0;
  }

  /** Block time of the first initiation in an open window; 0 if there was none. */
  openedAt(index: number): number {
    return countAt(this.table.wordsOf(index), this.table.baseOf(index) + OPENED);
  }

  /** The open windows by asset, ascending. */
  open(): readonly { readonly asset: number; readonly index: number }[] {
    const found: { readonly asset: number; readonly index: number }[] = [];
    for (const asset of this.#newest.keys()) {
      const index = this.openOf(asset);
      if (index >= 0) found.push({ asset, index });
    }
    return found.sort((left, right) => left.asset - right.asset);
  }

  /** Ends the open window. Without payments only its number is used up; else it waits for settlement. */
  cut(index: number, closedAt: number, by: number): void {
    this.table.touch(index);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const number = (words[base + NUMBER] as number) + 1;
    if (!this.hasPayments(index)) {
      words[base + NUMBER] = number;
      writeCount(words, base + OPENED, 0);
      return;
    }
    words[base + STATE] = STATE_CLOSED;
    words[base + CUT_BY] = by;
    writeCount(words, base + CLOSED, closedAt);
    this.#unsettled.push(index);
    this.#open(words[base + ASSET] as number, number);
  }

  get unsettled(): readonly number[] {
    return this.#unsettled;
  }

  /** A closed window's rows are done with; its entry says where the report is. */
  settle(index: number, height: number, outcome: number): void {
    this.#unsettled = this.#unsettled.filter((other) => other !== index);
    this.table.touch(index);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words[base + STATE] = STATE_SETTLED;
    writeCount(words, base + OUTCOME_HEIGHT, height);
    words[base + OUTCOME_INDEX] = outcome;
    for (let row = this.rows.count - 1; row >= 0; row -= 1) {
      if (this.#rowWord(row, ROW_WINDOW) === index) this.#removeRow(row);
    }
  }

  /** Who paid whom in a window that is not settled, ascending by payer, then payee. */
  rowsOf(index: number): readonly SettlementRow[] {
    const found: SettlementRow[] = [];
    for (let row = 0; row < this.rows.count; row += 1) {
      if (this.#rowWord(row, ROW_WINDOW) !== index) continue;
      const words = this.rows.wordsOf(row);
      const base = this.rows.baseOf(row);
      found.push({
        payer: words[base + ROW_PAYER] as ParticipantNumber,
        payee: words[base + ROW_PAYEE] as ParticipantNumber,
        payments: countAt(words, base + ROW_PAYMENTS),
        sum: amountAt(words, base + ROW_SUM),
      });
    }
    return found.sort((left, right) => left.payer - right.payer || left.payee - right.payee);
  }

  view(index: number): WindowView {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const height = countAt(words, base + OUTCOME_HEIGHT);
    const closedAt = countAt(words, base + CLOSED);
    const cutBy = words[base + CUT_BY];
    return {
      asset: words[base + ASSET] as number,
      number: words[base + NUMBER] as number,
      state: STATE_NAMES[words[base + STATE] as number] ?? "open",
      cutBy: cutBy === CUT_BY_TIME ? "time" : cutBy === CUT_BY_AUTHORITY ? "authority" : undefined,
      openedAt: countAt(words, base + OPENED),
      closedAt: closedAt === 0 ? undefined : closedAt,
      payments: countAt(words, base + PAYMENTS),
      rows: words[base + ROWS] as number,
      settlement: height === 0 ? undefined : { height: height as Height, index: words[base + OUTCOME_INDEX] as number },
    };
  }

  /** Index of a window by its number; windows of an asset have ascending numbers. */
  find(asset: number, number: number): number {
    for (let index = this.table.count - 1; index >= 0; index -= 1) {
      if (this.#word(index, ASSET) === asset && this.#word(index, NUMBER) === number) return index;
    }
    return -1;
  }

  /**
   * Builds what is derived from restored tables.
   *
   * @param isBank whether a participant exists
   * @returns false for tables that no ledger could have written
   */
  restore(isBank: (participant: number) => boolean): boolean {
    for (let index = 0; index < this.table.count; index += 1) if (!this.#restoreWindow(index)) return false;
    for (const index of this.#newest.values()) if (this.#word(index, STATE) !== STATE_OPEN) return false;
    const rowsOf = new Map<number, number>();
    for (let row = 0; row < this.rows.count; row += 1) {
      const [window, payer, payee] = [ROW_WINDOW, ROW_PAYER, ROW_PAYEE].map((word) => this.#rowWord(row, word)) as [
        number,
        number,
        number,
      ];
      if (window >= this.table.count || this.#word(window, STATE) === STATE_SETTLED) return false;
      if (!isBank(payer) || !isBank(payee) || this.#rowIndices.has(keyOf(window, payer, payee))) return false;
      this.#rowIndices.set(keyOf(window, payer, payee), row);
      rowsOf.set(window, (rowsOf.get(window) ?? 0) + 1);
    }
    for (const index of [...this.#newest.values(), ...this.#unsettled]) {
      if (this.#word(index, ROWS) !== (rowsOf.get(index) ?? 0)) return false;
    }
    return true;
  }

  #restoreWindow(index: number): boolean {
    const [asset, state] = [this.#word(index, ASSET), this.#word(index, STATE)];
    const before = this.#newest.get(asset);
    if (asset === 0 || state < STATE_OPEN || state > STATE_SETTLED) return false;
    if (before !== undefined) {
      if (this.#word(before, STATE) === STATE_OPEN || this.#word(before, NUMBER) >= this.#word(index, NUMBER))
        return false;
    }
    this.#newest.set(asset, index);
    if (state === STATE_CLOSED) this.#unsettled.push(index);
    return true;
  }

  #open(asset: number, number: number): number {
    const index = this.table.append();
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words[base + ASSET] = asset;
    words[base + NUMBER] = number;
    words[base + STATE] = STATE_OPEN;
    this.#newest.set(asset, index);
    return index;
  }

  #touchedRow(window: number, payer: number, payee: number): number {
    const key = keyOf(window, payer, payee);
    const known = this.#rowIndices.get(key) ?? -1;
    if (known >= 0 && known < this.rows.count && this.#isRow(known, window, payer, payee)) {
      this.rows.touch(known);
      return known;
    }
    const row = this.rows.append();
    const words = this.rows.wordsOf(row);
    const base = this.rows.baseOf(row);
    words[base + ROW_WINDOW] = window;
    words[base + ROW_PAYER] = payer;
    words[base + ROW_PAYEE] = payee;
    this.#rowIndices.set(key, row);
    this.table.touch(window);
    const windowWords = this.table.wordsOf(window);
    const rowsAt = this.table.baseOf(window) + ROWS;
    windowWords[rowsAt] = (windowWords[rowsAt] as number) + 1;
    return row;
  }

  #isRow(row: number, window: number, payer: number, payee: number): boolean {
    const words = this.rows.wordsOf(row);
    const base = this.rows.baseOf(row);
    return (
      words[base + ROW_WINDOW] === window && words[base + ROW_PAYER] === payer && words[base + ROW_PAYEE] === payee
    );
  }

  #removeRow(row: number): void {
    const key = (index: number): number =>
      keyOf(this.#rowWord(index, ROW_WINDOW), this.#rowWord(index, ROW_PAYER), this.#rowWord(index, ROW_PAYEE));
    this.#rowIndices.delete(key(row));
    const last = this.rows.count - 1;
    if (row !== last) {
      this.rows.touch(row);
      const from = this.rows.baseOf(last);
      this.rows.wordsOf(row).set(this.rows.wordsOf(last).subarray(from, from + ROW_WORDS), this.rows.baseOf(row));
      this.#rowIndices.set(key(row), row);
    }
    this.rows.removeLast();
  }

  #word(index: number, word: number): number {
    return this.table.wordsOf(index)[this.table.baseOf(index) + word] as number;
  }

  #rowWord(row: number, word: number): number {
    return this.rows.wordsOf(row)[this.rows.baseOf(row) + word] as number;
  }
}

const keyOf = (window: number, payer: number, payee: number): number => (window * KEY_BASE + payer) * KEY_BASE + payee;

import { PARTICIPANTS_MAX } from "../formats/index.js";
import { EntryTable } from "./entry-table.js";
import { addTo, amountAt, subtractFrom } from "./limbs.js";
import type { PositionView } from "./views.js";

/** What the entries themselves say. */
export type PositionEntry = Omit<PositionView, "cap" | "reserve">;

/**
 * Entry of what a bank owes and is owed in an asset between the banks on net rails, 128 bytes; offsets in words:
 *
 * 0 asset · 1 participant · 2 debits of the open window 2 · 4 its credits 2 · 6 debits of pending transfers 2 · 8 their
 * credits 2 · 10 exposure of closed windows that are not settled: the sum of each one's debits over credits 2 · 12 their
 * debits 2 · 14 their credits 2 · 16 exclusive or of the salts of all batches that posted into it 8 · 24 reserved 8
 *
 * Debits are what others must get from this bank. An entry stays once it is there: one per bank and asset.
 */
const POSITION_WORDS = 32;
const POSITION_PAGE_ENTRIES = 64;
const ASSET = 0;
const PARTICIPANT = 1;
export const OPEN_DEBITS = 2;
export const OPEN_CREDITS = 4;
export const PENDING_DEBITS = 6;
export const PENDING_CREDITS = 8;
const CLOSED_EXPOSURE = 10;
const CLOSED_DEBITS = 12;
const CLOSED_CREDITS = 14;
const SALT = 16;
const SALT_WORDS = 8;

const BASE = 0x1_0000_0000;
/** Neither side of a position reaches 2^63, so that sums of a few always fit. */
const SIDE_HIGH_END = BASE / 2;

/** The position of a bank that never paid on a net rail. */
const NOTHING = new Uint32Array(POSITION_WORDS);

/** Positions of all banks. Sums come as two words in `low` and `high`; `high` may pass 32 bits. */
export class Positions {
  readonly table = new EntryTable(POSITION_WORDS, POSITION_PAGE_ENTRIES);
  /** By asset, then participant: index plus one. */
  readonly #indices = new Map<number, Uint32Array>();
  #words: Uint32Array = NOTHING;
  #base = 0;
  low = 0;
  high = 0;

  /**
   * What a bank could have to pay for windows that are not settled and for pending transfers, once another amount
   * counts into the open window: no window's credits offset another's debits (LEDG-22).
   */
  measureExposure(asset: number, participant: number, openLow = 0, openHigh = 0): void {
    this.#read(asset, participant);
    const words = this.#words;
    const base = this.#base;
    let low = (words[base + OPEN_DEBITS] as number) + openLow - (words[base + OPEN_CREDITS] as number);
    let high = (words[base + OPEN_DEBITS + 1] as number) + openHigh - (words[base + OPEN_CREDITS + 1] as number);
    if (high * BASE + low < 0) low = high = 0;
    low += (words[base + PENDING_DEBITS] as number) + (words[base + CLOSED_EXPOSURE] as number);
    high += (words[base + PENDING_DEBITS + 1] as number) + (words[base + CLOSED_EXPOSURE + 1] as number);
    this.#normalise(low, high);
  }

  /** Adds to the sum measured last. */
  add64(low: number, high: number): void {
    this.#normalise(this.low + low, this.high + high);
  }

  /** Debits that are not settled yet, those of pending transfers included, and an amount. */
  measureDebits(asset: number, participant: number, low = 0, high = 0): void {
    this.#measureSide(asset, participant, OPEN_DEBITS, PENDING_DEBITS, CLOSED_DEBITS, low, high);
  }

  /** Credits that are not settled yet, those of pending transfers included, and an amount. */
  measureCredits(asset: number, participant: number, low = 0, high = 0): void {
    this.#measureSide(asset, participant, OPEN_CREDITS, PENDING_CREDITS, CLOSED_CREDITS, low, high);
  }

  /** Whether the sum measured last is one that a side of a position may have. */
  get isWithinSide(): boolean {
    return this.high < SIDE_HIGH_END;
  }

  /** Whether nothing is pending or waits for settlement. */
  isIdle(asset: number, participant: number): boolean {
    this.measureDebits(asset, participant);
    if (this.low !== 0 || this.high !== 0) return false;
    this.measureCredits(asset, participant);
    return this.low === 0 && this.high === 0;
  }

  /** Adds to `OPEN_DEBITS`, `OPEN_CREDITS`, `PENDING_DEBITS` or `PENDING_CREDITS`; the caller has checked that it fits. */
  add(asset: number, participant: number, field: number, low: number, high: number): void {
    const index = this.#touched(asset, participant);
    addTo(this.table.wordsOf(index), this.table.baseOf(index) + field, low, high);
  }

  subtract(asset: number, participant: number, field: number, low: number, high: number): void {
    const index = this.#touched(asset, participant);
    subtractFrom(this.table.wordsOf(index), this.table.baseOf(index) + field, low, high);
  }

  /** Mixes a batch's salt into what hides the bank's settlements from others. */
  mixSalt(asset: number, participant: number, salt: Uint32Array, at: number): void {
    const index = this.#touched(asset, participant);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index) + SALT;
    for (let word = 0; word < SALT_WORDS; word += 1) {
      words[base + word] = (words[base + word] as number) ^ (salt[at + word] as number);
    }
  }

  saltOf(asset: number, participant: number): Uint32Array {
    this.#read(asset, participant);
    return this.#words.slice(this.#base + SALT, this.#base + SALT + SALT_WORDS);
  }

  /** Moves the bank's part of the open window, which is cut, to the closed ones. */
  close(asset: number, participant: number): void {
    this.#measureOpen(asset, participant);
    const index = this.#touched(asset, participant);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    addTo(words, base + CLOSED_EXPOSURE, this.low, this.high);
    addTo(words, base + CLOSED_DEBITS, words[base + OPEN_DEBITS] as number, words[base + OPEN_DEBITS + 1] as number);
    addTo(words, base + CLOSED_CREDITS, words[base + OPEN_CREDITS] as number, words[base + OPEN_CREDITS + 1] as number);
    words.fill(0, base + OPEN_DEBITS, base + PENDING_DEBITS);
  }

  /** Takes the bank's part of a closed window out, which is settled. */
  settle(asset: number, participant: number, part: { readonly debits: bigint; readonly credits: bigint }): void {
    const index = this.#touched(asset, participant);
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const take = (field: number, amount: bigint): void =>
      subtractFrom(words, base + field, Number(amount & 0xffff_ffffn), Number(amount >> 32n));
    if (part.debits > part.credits) take(CLOSED_EXPOSURE, part.debits - part.credits);
    take(CLOSED_DEBITS, part.debits);
    take(CLOSED_CREDITS, part.credits);
  }

  /** Makes an entry of a restored table findable; false for one without a bank, or a second one of a bank. */
  register(index: number): boolean {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const participant = words[base + PARTICIPANT] as number;
    const indices = this.#indicesOf(words[base + ASSET] as number);
    if (participant === 0 || participant > PARTICIPANTS_MAX || indices[participant] !== 0) return false;
    indices[participant] = index + 1;
    return true;
  }

  entries(): readonly PositionEntry[] {
    return Array.from({ length: this.table.count }, (_, index) => {
      const words = this.table.wordsOf(index);
      const base = this.table.baseOf(index);
      const [asset, participant] = [words[base + ASSET] as number, words[base + PARTICIPANT] as number];
      this.measureExposure(asset, participant);
      return {
        asset,
        participant: participant as PositionView["participant"],
        openDebits: amountAt(words, base + OPEN_DEBITS),
        openCredits: amountAt(words, base + OPEN_CREDITS),
        pendingDebits: amountAt(words, base + PENDING_DEBITS),
        pendingCredits: amountAt(words, base + PENDING_CREDITS),
        closedDebits: amountAt(words, base + CLOSED_DEBITS),
        closedCredits: amountAt(words, base + CLOSED_CREDITS),
        exposure: (BigInt(this.high) << 32n) | BigInt(this.low),
      };
    });
  }

  #measureOpen(asset: number, participant: number): void {
    this.#read(asset, participant);
    const words = this.#words;
    const base = this.#base;
    const low = (words[base + OPEN_DEBITS] as number) - (words[base + OPEN_CREDITS] as number);
    const high = (words[base + OPEN_DEBITS + 1] as number) - (words[base + OPEN_CREDITS + 1] as number);
    if (high * BASE + low < 0) this.#normalise(0, 0);
    else this.#normalise(low, high);
  }

  #measureSide(
    asset: number,
    participant: number,
    open: number,
    pending: number,
    closed: number,
    low: number,
    high: number,
  ): void {
    this.#read(asset, participant);
    const words = this.#words;
    const base = this.#base;
    const lows =
      (words[base + open] as number) + (words[base + pending] as number) + (words[base + closed] as number) + low;
    const highs =
      (words[base + open + 1] as number) +
      (words[base + pending + 1] as number) +
      (words[base + closed + 1] as number) +
      high;
    this.#normalise(lows, highs);
  }

  /** Carries, also downwards. */
  #normalise(low: number, high: number): void {
    const carry = Math.floor(low / BASE);
    this.low = low - carry * BASE;
    this.high = high + carry;
  }

  #read(asset: number, participant: number): void {
    const index = this.#find(asset, participant);
    this.#words = index < 0 ? NOTHING : this.table.wordsOf(index);
    this.#base = index < 0 ? 0 : this.table.baseOf(index);
  }

  #touched(asset: number, participant: number): number {
    let index = this.#find(asset, participant);
    if (index >= 0) {
      this.table.touch(index);
      return index;
    }
    index = this.table.append();
    this.table.wordsOf(index)[this.table.baseOf(index) + ASSET] = asset;
    this.table.wordsOf(index)[this.table.baseOf(index) + PARTICIPANT] = participant;
    this.#indicesOf(asset)[participant] = index + 1;
    return index;
  }

  /** An entry left by a chain that was undone counts as absent: it is beyond the end, or another's by now. */
  #find(asset: number, participant: number): number {
    const index = (this.#indices.get(asset)?.[participant] ?? 0) - 1;
    if (index < 0 || index >= this.table.count) return -1;
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    return words[base + ASSET] === asset && words[base + PARTICIPANT] === participant ? index : -1;
  }

  #indicesOf(asset: number): Uint32Array {
    let indices = this.#indices.get(asset);
    if (indices === undefined) {
      indices = new Uint32Array(PARTICIPANTS_MAX + 1);
      this.#indices.set(asset, indices);
    }
    return indices;
  }
}

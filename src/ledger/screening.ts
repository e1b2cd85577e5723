import type { ScreeningRule } from "../formats/index.js";
import { fromHex } from "../primitives/index.js";
import { EntryTable } from "./entry-table.js";
import { addTo, compareAmounts, highOf, lowOf } from "./limbs.js";
import { alignedWords } from "./words.js";

/** What a screening rule looks at of a transfer that nothing else speaks against. */
export interface Screened {
  readonly rail: number;
  readonly purpose: number;
  readonly debit: number;
  readonly credit: number;
  readonly low: number;
  readonly high: number;
}

/** A rule as execution reads it. */
interface PreparedRule {
  readonly number: number;
  readonly holdSeconds: number;
  readonly needsTwo: boolean;
  /** Absent: all rails. */
  readonly rails: ReadonlySet<number> | undefined;
  readonly hits: (transfer: Screened, timestamp: number) => boolean;
}

/** What became of screening: the rule that hit, and how its hold goes on. */
export interface Hold {
  readonly rule: number;
  readonly holdSeconds: number;
  readonly needsTwo: boolean;
}

/**
 * Entry of what an account initiated in the latest window of a velocity rule, 32 bytes; offsets in words:
 *
 * 0 account's index · 1 rule's number · 2 window · 3 count · 4 sum 2 · 6 reserved 2
 */
const VELOCITY_WORDS = 8;
const VELOCITY_PAGE_ENTRIES = 256;
const ACCOUNT = 0;
const RULE = 1;
const WINDOW = 2;
const COUNT = 3;
const SUM = 4;

/** Counters of velocity rules, one per (account, rule): block time never runs back, so one window is enough. */
export class Velocities {
  readonly table = new EntryTable(VELOCITY_WORDS, VELOCITY_PAGE_ENTRIES);
  /** By rule, then account: index of the counter. */
  readonly #counters = new Map<number, Map<number, number>>();

  /** Count and sum of the window so far. */
  read(account: number, rule: number, window: number): { count: number; low: number; high: number } {
    const index = this.#find(account, rule);
    if (index < 0) return { count: 0, low: 0, high: 0 };
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    if (words[base + WINDOW] !== window) return { count: 0, low: 0, high: 0 };
    return {
      count: words[base + COUNT] as number,
      low: words[base + SUM] as number,
      high: words[base + SUM + 1] as number,
    };
  }

  count(account: number, rule: number, window: number, low: number, high: number): void {
    let index = this.#find(account, rule);
    if (index >= 0) this.table.touch(index);
    else {
      index = this.table.append();
      this.table.wordsOf(index)[this.table.baseOf(index) + ACCOUNT] = account;
      this.table.wordsOf(index)[this.table.baseOf(index) + RULE] = rule;
      this.register(index);
    }
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    if (words[base + WINDOW] !== window) {
      words[base + WINDOW] = window;
      words.fill(0, base + COUNT, base + SUM + 2);
    }
    words[base + COUNT] = Math.min(0xffff_ffff, (words[base + COUNT] as number) + 1);
    // A sum that would not fit stays at the top: it is above every bound.
    const sumHigh = (words[base + SUM + 1] as number) + high;
    if (sumHigh >= 0xffff_ffff) words.fill(0xffff_ffff, base + SUM, base + SUM + 2);
    else addTo(words, base + SUM, low, high);
  }

  /** Makes an entry of a restored table findable; false for a second one of an account and rule. */
  register(index: number): boolean {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const rule = words[base + RULE] as number;
    const account = words[base + ACCOUNT] as number;
    let counters = this.#counters.get(rule);
    if (counters === undefined) {
      counters = new Map();
      this.#counters.set(rule, counters);
    }
    const known = counters.get(account);
    counters.set(account, index);
    return known === undefined || known >= this.table.count;
  }

  accountOf(index: number): number {
    return this.table.wordsOf(index)[this.table.baseOf(index) + ACCOUNT] as number;
  }

  /** An entry left by a chain that was undone counts as absent. */
  #find(account: number, rule: number): number {
    const index = this.#counters.get(rule)?.get(account) ?? -1;
    if (index < 0 || index >= this.table.count) return -1;
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    return words[base + ACCOUNT] === account && words[base + RULE] === rule ? index : -1;
  }
}

/** The screening rules of a rulebook, prepared: the first that hits, in the rulebook's order, holds the transfer. */
export class Screening {
  readonly #rules: readonly PreparedRule[];
  readonly #velocities: readonly (ScreeningRule & { readonly kind: "velocity" })[];
  readonly #counters: Velocities;

  constructor(
    rules: readonly ScreeningRule[],
    state: { readonly velocities: Velocities; readonly idOf: (account: number) => Uint32Array },
  ) {
    this.#counters = state.velocities;
    this.#velocities = rules.filter((rule) => rule.kind === "velocity");
    this.#rules = rules.map((rule) => ({
      number: rule.number,
      holdSeconds: rule.holdSeconds,
      needsTwo: rule.fourEyes === true,
      rails: rule.rails === undefined ? undefined : new Set(rule.rails),
      hits: hitsOf(rule, state),
    }));
  }

  hold(transfer: Screened, timestamp: number): Hold | undefined {
    for (const rule of this.#rules) {
      if (rule.rails !== undefined && !rule.rails.has(transfer.rail)) continue;
      if (rule.hits(transfer, timestamp)) {
        return { rule: rule.number, holdSeconds: rule.holdSeconds, needsTwo: rule.needsTwo };
      }
    }
    return undefined;
  }

  /** Counts an initiation that was accepted, held ones included. */
  count(transfer: Screened, timestamp: number): void {
    for (const { number, rails, windowSeconds } of this.#velocities) {
      if (rails !== undefined && !rails.includes(transfer.rail)) continue;
      const { debit, low, high } = transfer;
      this.#counters.count(debit, number, windowOf(timestamp, windowSeconds), low, high);
    }
  }
}

/** Number of a window of block time, as an unsigned 32-bit integer. */
const windowOf = (timestamp: number, windowSeconds: number): number =>
  Math.floor(timestamp / (windowSeconds * 1_000)) >>> 0;

function hitsOf(
  rule: ScreeningRule,
  state: { readonly velocities: Velocities; readonly idOf: (account: number) => Uint32Array },
): PreparedRule["hits"] {
  switch (rule.kind) {
    case "accounts": {
      const listed = new Set(rule.accounts.map((id) => alignedWords(fromHex(id) as Uint8Array).join()));
      return ({ debit, credit }) => listed.has(state.idOf(debit).join()) || listed.has(state.idOf(credit).join());
    }
    case "amount": {
      const minimum = BigInt(rule.minimum);
      return ({ low, high }) => compareAmounts(low, high, lowOf(minimum), highOf(minimum)) >= 0;
    }
    case "purpose": {
      const codes = new Set(rule.codes);
      return ({ purpose }) => codes.has(purpose);
    }
    case "velocity":
      return velocityHits(rule, state.velocities);
  }
}

function velocityHits(
  rule: ScreeningRule & { readonly kind: "velocity" },
  velocities: Velocities,
): PreparedRule["hits"] {
  const { number, windowSeconds, count } = rule;
  const sumMax = rule.sum === undefined ? undefined : BigInt(rule.sum);
  return ({ debit, low, high }, timestamp) => {
    const seen = velocities.read(debit, number, windowOf(timestamp, windowSeconds));
    if (count !== undefined && seen.count + 1 > count) return true;
    if (sumMax === undefined) return false;
    const sum = seen.low + low + (seen.high + high) * 0x1_0000_0000;
    // Doubles are exact to 2^53; above it the comparison goes by words.
    if (sum <= Number.MAX_SAFE_INTEGER) return BigInt(sum) > sumMax;
    const carry = seen.low + low >= 0x1_0000_0000 ? 1 : 0;
    const sumLow = seen.low + low - carry * 0x1_0000_0000;
    const sumHigh = seen.high + high + carry;
    return sumHigh > 0xffff_ffff || compareAmounts(sumLow, sumHigh, lowOf(sumMax), highOf(sumMax)) > 0;
  };
}

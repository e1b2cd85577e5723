import type { Rulebook } from "../../formats/index.js";

/** What one bank has paid and got, or will if all that is pending is posted. */
interface Part {
  debits: bigint;
  credits: bigint;
}

interface Window {
  readonly asset: number;
  /** Block time of its first initiation; undefined before. */
  openedAt: number | undefined;
  /** By bank. */
  readonly parts: Map<number, Part>;
}

/** A payment between two banks, in money of an asset. */
interface Between {
  readonly asset: number;
  readonly payer: number;
  readonly payee: number;
}

/** What a settled window leaves for one bank; above zero it pays. */
export interface SettledPart {
  readonly asset: number;
  readonly bank: number;
  readonly net: bigint;
}

const DAY_MS = 86_400_000;

/** Net settlement (LEDG-21 … 24) as plainly as it can be said: who owes what, in which window. */
export class ReferenceWindows {
  readonly #rulebook: Rulebook;
  /** By asset. */
  #open = new Map<number, Window>();
  /** Cut and not settled, in the order of the cuts. */
  #closed: Window[] = [];
  /** By asset and bank: reserved on net rails. */
  #pending = new Map<string, Part>();

  constructor(rulebook: Rulebook) {
    this.#rulebook = rulebook;
  }

  /** @returns what puts everything back to where it is now */
  snapshot(): () => void {
    const kept = structuredClone({ open: this.#open, closed: this.#closed, pending: this.#pending });
    return () => {
      this.#open = kept.open;
      this.#closed = kept.closed;
      this.#pending = kept.pending;
    };
  }

  /** @param amount with the fee */
  count({ asset, payer, payee }: Between, amount: bigint, timestamp: number): void {
    const { parts } = this.#initiated(asset, timestamp);
    partOf(parts, payer).debits += amount;
    partOf(parts, payee).credits += amount;
  }

  /** @param amount with the fee; below zero it is free again */
  reserve({ asset, payer, payee }: Between, amount: bigint, timestamp: number): void {
    if (amount > 0n) this.#initiated(asset, timestamp);
    partOf(this.#pending, `${asset}:${payer}`).debits += amount;
    partOf(this.#pending, `${asset}:${payee}`).credits += amount;
  }

  #initiated(asset: number, timestamp: number): Window {
    const window = this.#open.get(asset) ?? { asset, openedAt: undefined, parts: new Map() };
    window.openedAt ??= timestamp;
    this.#open.set(asset, window);
    return window;
  }

  /** What a bank may have to pay, if `more` were counted into the open window besides (LEDG-22). */
  exposure(bank: number, asset: number, more = 0n): bigint {
    const owed = (window: Window | undefined, extra: bigint): bigint => {
      const { debits, credits } = window?.parts.get(bank) ?? { debits: 0n, credits: 0n };
      const net = debits + extra - credits;
      return net > 0n ? net : 0n;
    };
    let sum = owed(this.#open.get(asset), more) + (this.#pending.get(`${asset}:${bank}`)?.debits ?? 0n);
    for (const window of this.#closed) if (window.asset === asset) sum += owed(window, 0n);
    return sum;
  }

  /** All that a bank has paid, or got, and that is not settled, what is pending included. */
  unsettled(bank: number, asset: number, side: keyof Part): bigint {
    let sum = this.#pending.get(`${asset}:${bank}`)?.[side] ?? 0n;
    for (const window of [...this.#closed, ...this.#open.values()]) {
      if (window.asset === asset) sum += window.parts.get(bank)?.[side] ?? 0n;
    }
    return sum;
  }

  hasPayments(asset: number): boolean {
    return (this.#open.get(asset)?.parts.size ?? 0) > 0;
  }

  cut(asset: number): void {
    const window = this.#open.get(asset);
    this.#open.delete(asset);
    if (window !== undefined && window.parts.size > 0) this.#closed.push(window);
  }

  /** Cuts what a window time has passed since it was opened. */
  cutDue(timestamp: number): void {
    const due = [...this.#open.values()]
      .map(({ asset, openedAt }) => ({ asset, time: openedAt === undefined ? undefined : this.#timeAfter(openedAt) }))
      .filter(({ time }) => time !== undefined && time <= timestamp)
      .sort((left, right) => (left.time ?? 0) - (right.time ?? 0) || left.asset - right.asset);
    for (const { asset } of due) this.cut(asset);
  }

  /** The first window time of the scheme's clock behind a moment. */
  #timeAfter(moment: number): number | undefined {
    const offsetMs = this.#rulebook.schemeDayOffsetSeconds * 1_000;
    const day = Math.floor((moment + offsetMs) / DAY_MS);
    const times = [day, day + 1].flatMap((each) =>
      (this.#rulebook.windowTimes ?? []).map((seconds) => each * DAY_MS + seconds * 1_000 - offsetMs),
    );
    return times.find((time) => time > moment);
  }

  /** Ends all closed windows. @returns one list for each of them, ascending by bank */
  settle(): readonly (readonly SettledPart[])[] {
    return this.#closed
      .splice(0)
      .map(({ asset, parts }) =>
        [...parts]
          .map(([bank, { debits, credits }]) => ({ asset, bank, net: debits - credits }))
          .sort((left, right) => left.bank - right.bank),
      );
  }
}

function partOf<Key>(parts: Map<Key, Part>, key: Key): Part {
  const part = parts.get(key) ?? { debits: 0n, credits: 0n };
  parts.set(key, part);
  return part;
}

import type { FinalNode } from "./final-state.js";
import type { History, Payment, TransferReading, Verdict } from "./history.js";

/** What clients heard of one payment, over all attempts. */
export interface Fate {
  readonly payment: Payment;
  attempts: number;
  /** Attempts that a node answered with `busy`. */
  busy: number;
  /** A node said that the batch expired before it was ordered. */
  hasExpired: boolean;
  /** Honest nodes' words that it is final. */
  readonly finals: Acknowledgement[];
  /** Honest nodes' words that they keep it, and when. */
  readonly admissions: { readonly node: string; readonly at: number }[];
}

export interface Acknowledgement {
  readonly node: string;
  readonly result: string;
  readonly height: number;
}

/** Folds a history into one fate per payment, in the order of their first attempts. */
export function fatesOf(history: History): ReadonlyMap<string, Fate> {
  const fates = new Map<string, Fate>();
  const calls = new Map<number, readonly Payment[]>();
  const honest = honestNames(history);
  const each = (call: number, change: (fate: Fate) => void): void => {
    for (const { id } of calls.get(call) ?? []) change(fates.get(id) as Fate);
  };
  for (const entry of history.entries) {
    if (entry.type === "submit") {
      calls.set(entry.call, entry.payments);
      for (const payment of entry.payments) {
        const fate = fates.get(payment.id) ?? newFate(payment);
        fates.set(payment.id, fate);
        fate.attempts += 1;
      }
    } else if (entry.type === "busy") {
      each(entry.call, (fate) => (fate.busy += 1));
    } else if (entry.type === "refused" && entry.code === "expired") {
      each(entry.call, (fate) => (fate.hasExpired = true));
    } else if (entry.type === "answer" && honest.has(entry.node)) {
      for (const { id, status, result, height } of entry.results) {
        const fate = fates.get(id);
        if (status === "admitted") fate?.admissions.push({ node: entry.node, at: entry.at });
        else fate?.finals.push({ node: entry.node, result: result ?? "", height: height ?? -1 });
      }
    }
  }
  return fates;
}

const newFate = (payment: Payment): Fate => ({
  payment,
  attempts: 0,
  busy: 0,
  hasExpired: false,
  finals: [],
  admissions: [],
});

export const honestNames = (history: History): ReadonlySet<string> =>
  new Set(history.nodes.filter((node) => node.isHonest).map((node) => node.name));

/** Participant number in the first four bytes of an id. */
export const participantOf = (id: string): number => Number.parseInt(id.slice(0, 8), 16);

/** One node's blocks, by transfer. */
export interface NodeBook {
  readonly node: FinalNode;
  /** Lowest height whose block it holds; above its executed height if it holds none. */
  readonly firstHeight: number;
  readonly outcomes: ReadonlyMap<string, { readonly transfer: TransferReading; times: number }>;
}

export function bookOf(node: FinalNode): NodeBook {
  const outcomes = new Map<string, { readonly transfer: TransferReading; times: number }>();
  for (const { transfers } of node.blocks) {
    for (const transfer of transfers) {
      const known = outcomes.get(transfer.id);
      if (known === undefined) outcomes.set(transfer.id, { transfer, times: 1 });
      else known.times += 1;
    }
  }
  return { node, firstHeight: node.blocks[0]?.height ?? node.status.executedHeight + 1, outcomes };
}

/** Results with which money moved. */
export const hasPaid = (transfer: TransferReading): boolean => transfer.result === "posted";

/** Counts what a check looked at and keeps the first thing that was wrong. */
export class Findings {
  readonly #name: string;
  readonly #counts: Record<string, number> = {};
  #violations = 0;
  #first = "";

  constructor(name: string) {
    this.#name = name;
  }

  count(what: string, by = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + by;
  }

  wrong(what: string): void {
    this.#violations += 1;
    if (this.#violations === 1) this.#first = what;
  }

  /** @param sentence what holds if nothing was wrong; may use the counts */
  verdict(sentence: (count: (what: string) => string) => string): Verdict {
    const shown = (what: string): string => (this.#counts[what] ?? 0).toLocaleString("en");
    const ok = this.#violations === 0;
    const more = this.#violations > 1 ? `, and ${(this.#violations - 1).toLocaleString("en")} more` : "";
    return {
      name: this.#name,
      ok,
      sentence: ok ? sentence(shown) : `${this.#first}${more}`,
      counts: { ...this.#counts, violations: this.#violations },
    };
  }
}

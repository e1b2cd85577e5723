import type { History, Payment } from "./history.js";

/** One call's payments over all attempts, by a client that waits for finality. */
export interface Delivery {
  readonly payments: readonly Payment[];
  readonly isUrgent: boolean;
  /** That the first attempt went to. */
  readonly node: string;
  readonly firstAt: number;
  /** When a node, honest or a liar, called them final; undefined if none did. */
  finalAt: number | undefined;
  /** Attempts that were answered with `busy`. */
  busy: number;
  /** Attempts whose answer did not come in time, or at all. */
  unanswered: number;
}

/** Folds a history into deliveries, in the order of their first attempts. */
export function deliveriesOf(history: History): readonly Delivery[] {
  const all = new Map<string, Delivery>();
  const calls = new Map<number, Delivery>();
  for (const entry of history.entries) {
    if (entry.type === "submit") {
      const { payments, at, call, node, waitFor } = entry;
      const [first] = payments;
      if (first === undefined || waitFor !== "final") continue;
      const isUrgent = first.priority > 0;
      const begun = { payments, isUrgent, node, firstAt: at, finalAt: undefined, busy: 0, unanswered: 0 };
      const delivery = all.get(first.id) ?? begun;
      all.set(first.id, delivery);
      calls.set(call, delivery);
    } else if ("call" in entry) {
      const delivery = calls.get(entry.call);
      if (delivery === undefined) continue;
      if (entry.type === "answer") delivery.finalAt ??= entry.at;
      else if (entry.type === "busy") delivery.busy += 1;
      else delivery.unanswered += 1;
    }
  }
  return [...all.values()];
}

import type { ParticipantNumber } from "../primitives/index.js";
import type { QueuedTransferView } from "./views.js";

/** The queues of one asset, and what each bank's settlement account holds. */
export interface Gridlock {
  /** Banks' queues in order; frozen transfers are left out by whoever asks. */
  readonly queued: readonly QueuedTransferView[];
  readonly liquidityOf: (bank: ParticipantNumber) => bigint;
}

/**
 * Looks for a set of queued transfers that banks can pay at once although none of them could alone: from all of them
 * the last of a bank that would be short is taken out until no bank is (Bech and Soramäki, "Gridlock resolution in
 * interbank payment systems", 2001). What is left begins every bank's queue, so no order is bypassed.
 *
 * The ledger checks a set whoever found it, so nothing here needs to be the same everywhere.
 *
 * @returns ids, none where nothing can be paid
 */
export function findSettleSet({ queued, liquidityOf }: Gridlock): readonly QueuedTransferView[] {
  const queues = new Map<ParticipantNumber, QueuedTransferView[]>();
  const balances = new Map<ParticipantNumber, bigint>();
  const add = (bank: ParticipantNumber, amount: bigint): void => {
    balances.set(bank, (balances.get(bank) ?? liquidityOf(bank)) + amount);
  };
  for (const transfer of queued) {
    const queue = queues.get(transfer.bank);
    if (queue === undefined) queues.set(transfer.bank, [transfer]);
    else queue.push(transfer);
    add(transfer.bank, -transfer.amount);
    add(transfer.payee, transfer.amount);
  }
  for (let isShort = true; isShort; ) {
    isShort = false;
    for (const [bank, queue] of queues) {
      while ((balances.get(bank) as bigint) < 0n && queue.length > 0) {
        const last = queue.pop() as QueuedTransferView;
        add(last.bank, last.amount);
        add(last.payee, -last.amount);
        isShort = true;
      }
    }
  }
  return [...queues.values()].flat();
}

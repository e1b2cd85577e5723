import type { HeldTransferView, Ledger, QueuedTransferView } from "../ledger/index.js";
import type { ParticipantNumber } from "../primitives/index.js";

/** Transfers that wait: in queues for liquidity, and the own bank's on hold. */
export class Waiting {
  readonly #ledger: Ledger;
  readonly #participant: ParticipantNumber;

  /** @param participant of the node itself: nobody else's holds are shown */
  constructor(ledger: Ledger, participant: ParticipantNumber) {
    this.#ledger = ledger;
    this.#participant = participant;
  }

  /** By asset and bank, each queue in the order in which it is paid. */
  queued(query: { readonly asset?: number; readonly participant?: ParticipantNumber }): readonly QueuedTransferView[] {
    return this.#ledger
      .queuedTransfers()
      .filter(({ asset }) => query.asset === undefined || asset === query.asset)
      .filter(({ bank }) => query.participant === undefined || bank === query.participant);
  }

  /** Queued transfers that can be paid together now; none where none can. */
  settleSet(asset: number): readonly QueuedTransferView[] {
    return this.#ledger.findSettleSet(asset);
  }

  held(): readonly HeldTransferView[] {
    return this.#ledger.heldTransfers(this.#participant);
  }
}

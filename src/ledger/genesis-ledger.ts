import type { Genesis } from "../formats/index.js";
import { InvariantError } from "../primitives/index.js";

/** Why a genesis file gives no ledger; `detail` is one sentence for the people who wrote the file. */
export interface GenesisLedgerFault {
  readonly code: "PARTICIPANTS" | "KEYS" | "RULEBOOK" | "ACCOUNT" | "FUNDING";
  readonly detail: string;
}

/** Thrown by `Ledger.fromGenesis` only. */
export class GenesisLedgerError extends Error {
  override readonly name = "GenesisLedgerError";
  readonly code = "GENESIS_LEDGER";
  readonly faults: readonly GenesisLedgerFault[];

  constructor(faults: readonly GenesisLedgerFault[]) {
    super(faults[0]?.detail ?? "genesis gives no ledger");
    this.faults = faults;
  }
}

/** Everything wrong with the participants, rulebook, accounts and funding of a genesis; empty if sound. */
export function checkGenesisLedger(_genesis: Genesis): readonly GenesisLedgerFault[] {
  throw new InvariantError("not built yet");
}

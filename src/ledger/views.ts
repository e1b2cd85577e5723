import type { AccountKind, Balances, KeyScope, ParticipantRole } from "../formats/index.js";
import type { Digest, Height, Id128, ParticipantNumber } from "../primitives/index.js";
import type { StateTable } from "./state-root.js";

/** Place of an outcome: leaf `index` of the block at `height`. */
export interface OutcomePointer {
  readonly height: Height;
  readonly index: number;
}

export interface AccountView extends Balances {
  readonly id: Id128;
  readonly owner: ParticipantNumber;
  readonly asset: number;
  readonly kind: AccountKind;
  readonly debitsMustNotExceedCredits: boolean;
  readonly creditsMustNotExceedDebits: boolean;
  readonly frozen: boolean;
  readonly closed: boolean;
  /** The bank's own key for the account; zeros where it gave none. */
  readonly reference: Id128;
  /** Its newest outcome, where a newest-first listing starts; undefined before the first block touches it. */
  readonly newest: OutcomePointer | undefined;
}

/** What became of a transfer that was reserved first. */
export type PendingState = "none" | "pending" | "posted" | "voided" | "expired";

export interface IdPosition extends OutcomePointer {
  /** First result, a number of the result code table. */
  readonly code: number;
  readonly kind: "transfer" | "action";
  readonly pending: PendingState;
  /** The outcome that posted, voided or expired it. */
  readonly resolution: OutcomePointer | undefined;
}

export interface ParticipantView {
  readonly number: ParticipantNumber;
  readonly role: ParticipantRole;
  /** Accounts it has opened, closed ones included. */
  readonly accounts: number;
  /** Its transfers that are pending now. */
  readonly pendings: number;
  /** The newest outcome of a record that it submitted, where its listing starts. */
  readonly newest: OutcomePointer | undefined;
}

export interface KeyView {
  readonly publicKey: Uint8Array;
  readonly participant: ParticipantNumber;
  readonly scopes: readonly KeyScope[];
}

/** Sums over all accounts of one asset; debits equal credits, posted and pending alike. */
export interface AssetTotals extends Balances {
  readonly asset: number;
  /** Debits minus credits posted on issuance accounts: settlement money in circulation. */
  readonly issued: bigint;
  /** Credits minus debits posted on settlement accounts; equals `issued`. */
  readonly settlement: bigint;
}

/** One table of the state at the newest checkpoint. */
export interface StateTableView {
  readonly name: StateTable;
  readonly entries: number;
  readonly root: Digest;
  /** Entries that one page root covers; 0 for a table that is not in use. */
  readonly pageEntries: number;
  readonly entryBytes: number;
}

import type { AccountKind, Balances, BallotChoice, KeyScope, ParticipantRole, ProposalKind } from "../formats/index.js";
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
  readonly kind: "transfer" | "action" | "governance";
  readonly pending: PendingState;
  /** The outcome that posted, voided or expired it. */
  readonly resolution: OutcomePointer | undefined;
}

export interface ParticipantView {
  readonly number: ParticipantNumber;
  readonly name: string;
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
  /** First block in which it counts. */
  readonly activeFrom: Height;
  /** First block in which it counts no longer; undefined while nobody has revoked it. */
  readonly revokedFrom: Height | undefined;
}

export type WindowState = "open" | "closed" | "settled";

/** A window of net settlement. */
export interface WindowView {
  readonly asset: number;
  /** From 1; ascending, with gaps for windows in which nothing was posted. */
  readonly number: number;
  readonly state: WindowState;
  readonly cutBy: "time" | "authority" | undefined;
  /** Block times, UTC milliseconds; 0 while nothing was initiated in it. */
  readonly openedAt: number;
  readonly closedAt: number | undefined;
  /** Payments between banks that were posted in it. */
  readonly payments: number;
  /** Pairs of payer and payee. */
  readonly rows: number;
  /** The outcome that tells of the whole window, once it is settled. */
  readonly settlement: OutcomePointer | undefined;
}

/** What a bank owes and is owed on net rails, minor units. */
export interface PositionView {
  readonly asset: number;
  readonly participant: ParticipantNumber;
  readonly openDebits: bigint;
  readonly openCredits: bigint;
  readonly pendingDebits: bigint;
  readonly pendingCredits: bigint;
  /** Of windows that are cut and not settled. */
  readonly closedDebits: bigint;
  readonly closedCredits: bigint;
  /** What its reserve must cover. */
  readonly exposure: bigint;
  /** The most that the exposure may be, whatever the reserve holds; undefined: the reserve alone bounds it. */
  readonly cap: bigint | undefined;
  /** What the reserve account holds and has not reserved otherwise. */
  readonly reserve: bigint;
}

/** Sums over all accounts of one asset; debits equal credits, posted and pending alike. */
export interface AssetTotals extends Balances {
  readonly asset: number;
  /** Debits minus credits posted on issuance accounts: settlement money in circulation. */
  readonly issued: bigint;
  /** Credits minus debits posted on settlement and reserve accounts; equals `issued`. */
  readonly settlement: bigint;
  /** Net debits and net credits of all banks in unsettled windows and pending transfers; they are equal. */
  readonly owed: bigint;
  readonly due: bigint;
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

/** Where a proposal stands: takes ballots, waits for its height, or how it ended. */
export type ProposalState = "open" | "passed" | "activated" | "lapsed" | "not_activated";

/** A newcomer's statement that its node has caught up. */
export interface ReadyView {
  readonly participant: ParticipantNumber;
  /** Of the newest ballot or statement. */
  readonly height: Height;
}

export interface BallotView extends ReadyView {
  readonly choice: BallotChoice;
  /** Newest protocol version that the voter's node said it runs. */
  readonly runs: number;
}

export interface ProposalView {
  readonly id: Id128;
  readonly kind: ProposalKind;
  readonly state: ProposalState;
  readonly proposer: ParticipantNumber;
  readonly acceptFaults: boolean;
  /** First block in which it is in force; 0: the block after it passes. */
  readonly effectiveHeight: Height;
  readonly proposedHeight: Height;
  /** Block time (ms) from which no ballot counts. */
  readonly deadline: number;
  readonly passedHeight: Height | undefined;
  /** Block time (ms) before which it is not put in force; undefined until it passed. */
  readonly earliest: number | undefined;
  /** The outcome with which it ended. */
  readonly resolution: OutcomePointer | undefined;
  /** Canonical JSON. */
  readonly content: Uint8Array;
  readonly ballots: readonly BallotView[];
  /** Of a change of validators: the state root that newcomers have to state (LEDG-48). */
  readonly stateRoot: Digest | undefined;
  /** Newcomers that have stated that they are ready. */
  readonly ready: readonly ReadyView[];
}

/** A transfer in its bank's queue for liquidity. */
export interface QueuedTransferView {
  readonly id: Id128;
  readonly asset: number;
  /** The paying bank, whose queue it is, and the one that gets the money. */
  readonly bank: ParticipantNumber;
  readonly payee: ParticipantNumber;
  /** With the rail's fee. */
  readonly amount: bigint;
  readonly priority: number;
  /** Block time, ms, at which it leaves the queue unpaid. */
  readonly deadline: number;
  /** Passed over: its debit account is frozen, the other bank has closed its account, or its time has run out. */
  readonly isFrozen: boolean;
}

/** A transfer that a screening rule put on hold, for its own bank's eyes. */
export interface HeldTransferView {
  readonly id: Id128;
  readonly asset: number;
  readonly amount: bigint;
  /** Number of the screening rule. */
  readonly rule: number;
  readonly deadline: number;
  /** Approvals that its release still needs. */
  readonly approvalsLeft: 1 | 2;
}

import type { BatchKind } from "./batch.js";

/**
 * Result codes: the only answers that execution gives. Their order is their precedence and part of the
 * protocol: of several codes that fit, the smaller number is the result, success only where none fits.
 * New codes are inserted by a new protocol version, never by moving old ones within a version.
 */

/**
 * ISO 20022 payment status that a result stands for: settled, pending, rejected. `RJCT` of a voided or
 * expired transfer means that the payment was not made, which is the very result asked for.
 */
export type IsoStatus = "ACSC" | "PDNG" | "RJCT";

export interface ResultCode {
  readonly code: number;
  readonly name: ResultName;
  readonly status: IsoStatus;
  /** Reason of the ISO 20022 external status reason code set; absent where nothing was refused. */
  readonly reason: string | undefined;
  /** One line for people. */
  readonly meaning: string;
}

const TABLE = [
  // Success.
  ["posted", "ACSC", "", "the money moved, for good"],
  ["reserved", "PDNG", "", "the money is reserved and not paid yet"],
  ["voided", "RJCT", "MS03", "the reserved money is free again because its bank voided the transfer"],
  ["expired", "RJCT", "AB03", "the reserved money is free again because the time to post it ran out"],
  ["settled", "ACSC", "", "the window's net positions are settled between the banks, for good"],
  ["queued", "PDNG", "", "the money is reserved and waits for its bank's liquidity"],
  ["held", "PDNG", "", "the money is reserved and waits for a decision of its bank"],
  ["released", "ACSC", "", "the queued or held transfer was paid: the money moved, for good"],
  ["returned", "RJCT", "MS03", "the held money is free again because its bank returned the transfer"],
  ["proposed", "PDNG", "", "the proposal is open for ballots"],
  ["activated", "ACSC", "", "the proposal passed and is in force from this block on"],
  ["lapsed", "RJCT", "AB03", "the proposal did not pass in its time"],
  ["not_activated", "RJCT", "NARR", "the proposal passed, but no longer fitted when its time came"],
  ["applied", "ACSC", "", "the account was opened, or the action on it done"],
  // The whole batch: one code, no record read, no id consumed.
  ["batch_malformed", "RJCT", "FF01", "the batch is not well formed"],
  ["key_not_registered", "RJCT", "AG01", "the signing key is not a key of the participant"],
  ["key_out_of_scope", "RJCT", "AG01", "the signing key may not sign this kind of batch"],
  // No right to the id or to what it touches: no id consumed.
  ["id_not_of_participant", "RJCT", "AG01", "the id does not begin with the participant's number"],
  ["not_authorised", "RJCT", "AG01", "the participant may not do this to the account or transfer"],
  // The id was consumed before: its first result stands.
  ["exists_with_different_debit_account", "RJCT", "DUPL", "the id was used with another debit account"],
  ["exists_with_different_credit_account", "RJCT", "DUPL", "the id was used with another credit account"],
  ["exists_with_different_amount", "RJCT", "DUPL", "the id was used with another amount"],
  ["exists_with_different_pending_id", "RJCT", "DUPL", "the id was used with another pending id"],
  ["exists_with_different_reference", "RJCT", "DUPL", "the id was used with another reference"],
  ["exists_with_different_remittance", "RJCT", "DUPL", "the id was used with another remittance hash"],
  ["exists_with_different_timeout", "RJCT", "DUPL", "the id was used with another timeout"],
  ["exists_with_different_asset", "RJCT", "DUPL", "the id was used with another asset"],
  ["exists_with_different_purpose_code", "RJCT", "DUPL", "the id was used with another purpose code"],
  ["exists_with_different_rail", "RJCT", "DUPL", "the id was used with another rail"],
  ["exists_with_different_priority", "RJCT", "DUPL", "the id was used with another priority"],
  ["exists_with_different_flags", "RJCT", "DUPL", "the id was used with other flags"],
  ["exists_with_different_owner", "RJCT", "DUPL", "the account id was used for another owner"],
  ["exists_with_different_kind", "RJCT", "DUPL", "the account id was used for another kind of account"],
  ["exists_with_different_content", "RJCT", "DUPL", "the id was used with other content"],
  ["exists", "RJCT", "DUPL", "the very same record succeeded before; nothing was done again"],
  ["id_already_failed", "RJCT", "DUPL", "the very same record failed before; a new try needs a new id"],
  // Chains.
  ["linked_event_chain_open", "RJCT", "FF01", "the last record of a batch is linked to a next one"],
  ["linked_event_failed", "RJCT", "AG01", "another transfer of the chain failed, so this one did too"],
  // The record by itself and the rulebook.
  ["flags_are_mutually_exclusive", "RJCT", "FF01", "these flags exclude each other"],
  ["pending_id_must_be_zero", "RJCT", "FF01", "only a post or a void names a pending transfer"],
  ["pending_id_must_not_be_zero", "RJCT", "FF01", "a post or a void names the pending transfer"],
  ["timeout_reserved_for_pending", "RJCT", "FF01", "only a pending transfer has a timeout"],
  ["accounts_must_be_different", "RJCT", "AG01", "debit and credit account are the same"],
  ["asset_not_found", "RJCT", "AM03", "the rulebook has no such asset"],
  ["rail_not_found", "RJCT", "FF05", "the rulebook has no such rail"],
  ["rail_without_pending", "RJCT", "AG01", "the rail has no pending transfers"],
  ["acceptance_required", "RJCT", "AG01", "on this rail a transfer is pending until the beneficiary's bank accepts it"],
  ["timeout_out_of_range", "RJCT", "AG01", "the timeout is zero or longer than the rail allows"],
  ["amount_must_not_be_zero", "RJCT", "AM01", "the amount is zero"],
  ["amount_below_rail_minimum", "RJCT", "AM06", "the amount is below the rail's minimum"],
  ["amount_above_rail_maximum", "RJCT", "AM02", "the amount is above the rail's maximum"],
  // The pending transfer that a post or void names.
  ["pending_transfer_not_found", "RJCT", "NARR", "there is no transfer with the pending id"],
  ["pending_transfer_not_pending", "RJCT", "NARR", "the transfer with the pending id never was pending"],
  ["pending_transfer_already_posted", "RJCT", "NARR", "the pending transfer was posted before"],
  ["pending_transfer_already_voided", "RJCT", "NARR", "the pending transfer was voided before"],
  ["pending_transfer_expired", "RJCT", "AB03", "the pending transfer's time ran out"],
  ["pending_transfer_has_different_debit_account", "RJCT", "NARR", "the pending transfer debits another account"],
  ["pending_transfer_has_different_credit_account", "RJCT", "NARR", "the pending transfer credits another account"],
  ["pending_transfer_has_different_asset", "RJCT", "NARR", "the pending transfer is in another asset"],
  ["pending_transfer_has_different_rail", "RJCT", "NARR", "the pending transfer is on another rail"],
  [
    "pending_transfer_queued",
    "RJCT",
    "NARR",
    "the pending transfer waits for its bank's liquidity: nobody posts it by hand",
  ],
  ["pending_transfer_held", "RJCT", "NARR", "the pending transfer is on hold: an approve key releases or returns it"],
  ["exceeds_pending_amount", "RJCT", "AM09", "more than the pending transfer reserved"],
  ["partial_amount_not_allowed", "RJCT", "AM09", "less than reserved, where only the whole may be posted or voided"],
  // Transfers that wait.
  ["transfer_not_queued", "RJCT", "NARR", "the transfer does not wait in its bank's queue"],
  ["transfer_not_held", "RJCT", "NARR", "the transfer is not on hold"],
  ["approved_already", "RJCT", "NARR", "this key approved before: the second approval is another person's"],
  ["settle_set_repeats", "RJCT", "NARR", "the settle-set names a transfer twice, or transfers in two assets"],
  [
    "settle_set_bypasses",
    "RJCT",
    "NARR",
    "the settle-set passes over a transfer that stands before in its bank's queue",
  ],
  ["settle_set_not_covered", "RJCT", "AM23", "after the settle-set a bank's settlement account would be short"],
  // Accounts.
  ["account_not_found", "RJCT", "AC01", "there is no such account"],
  ["debit_account_not_found", "RJCT", "AC02", "there is no such debit account"],
  ["credit_account_not_found", "RJCT", "AC03", "there is no such credit account"],
  ["asset_mismatch", "RJCT", "AM03", "the accounts are not in the asset of the transfer"],
  ["kinds_not_allowed", "RJCT", "AG01", "money does not move between accounts of these kinds and owners"],
  ["settlement_account_not_found", "RJCT", "AG01", "one of the banks has no settlement account in the asset"],
  ["reserve_account_not_found", "RJCT", "AG01", "the paying bank has no reserve account in the asset"],
  ["account_closed", "RJCT", "AC04", "the account is closed"],
  ["debit_account_closed", "RJCT", "AC04", "the debit account is closed"],
  ["credit_account_closed", "RJCT", "AC07", "the credit account is closed"],
  ["debit_account_frozen", "RJCT", "AC06", "the debit account is frozen"],
  ["settlement_account_frozen", "RJCT", "AC06", "the paying bank's settlement account is frozen"],
  ["reserve_account_frozen", "RJCT", "AC06", "the paying bank's reserve account is frozen"],
  ["account_frozen", "RJCT", "AC06", "the account is frozen"],
  ["account_not_frozen", "RJCT", "NARR", "the account is not frozen"],
  ["account_not_empty", "RJCT", "NARR", "the account still has a balance or pending transfers"],
  ["owner_not_found", "RJCT", "AG01", "there is no such participant, or it may hold no accounts"],
  ["flags_not_allowed", "RJCT", "AG01", "this kind of account has fixed limits"],
  ["settlement_account_exists", "RJCT", "AG01", "the bank has a settlement account in the asset"],
  ["reserve_account_exists", "RJCT", "AG01", "the bank has a reserve account in the asset"],
  ["window_not_open", "RJCT", "NARR", "no payment has been counted into the open window of the asset"],
  // Governance.
  ["proposals_cap_exceeded", "RJCT", "AG01", "as many proposals are open as the rulebook allows"],
  ["keys_cap_exceeded", "RJCT", "AG01", "the participant has, or changes, as many keys as it may"],
  ["effective_height_out_of_range", "RJCT", "AG01", "the effective height has passed already"],
  ["voting_time_out_of_range", "RJCT", "AG01", "the voting time is shorter or longer than allowed"],
  ["proposal_not_found", "RJCT", "NARR", "there is no such proposal"],
  ["proposal_not_open", "RJCT", "NARR", "the proposal takes no ballots any more"],
  ["content_not_valid", "RJCT", "FF01", "the proposal's content is not what its kind asks for"],
  ["version_not_run", "RJCT", "AG01", "the voter's node does not run the version that it votes for"],
  ["evidence_not_valid", "RJCT", "NARR", "the two votes do not prove that a validator contradicted itself"],
  ["possession_not_proven", "RJCT", "AG01", "a validator does not prove that it holds its consensus key"],
  ["validators_out_of_range", "RJCT", "AG01", "fewer validators than survive a fault, or more than a set may have"],
  ["faults_not_accepted", "RJCT", "AG01", "the change survives fewer faults, and does not say that this is meant"],
  ["key_exists", "RJCT", "DUPL", "the key is or was somebody's key already"],
  ["key_not_found", "RJCT", "NARR", "the participant has no such key in force"],
  ["change_not_allowed", "RJCT", "AG01", "the change does not fit the rules, participants and accounts there are"],
  // Quotas and limits.
  ["accounts_cap_exceeded", "RJCT", "AG01", "the owner has as many accounts as the rulebook allows"],
  ["pendings_cap_exceeded", "RJCT", "AG01", "the bank has as many pending transfers as the rulebook allows"],
  ["queued_cap_exceeded", "RJCT", "AG01", "the bank has as many queued transfers as the rulebook allows"],
  ["account_daily_limit_exceeded", "RJCT", "AM14", "more than the account may send on the rail in one scheme day"],
  ["bank_window_limit_exceeded", "RJCT", "AM14", "more than the bank may send on the rail in one window"],
  ["net_debit_cap_exceeded", "RJCT", "AM23", "more than the bank may owe in windows that are not settled"],
  // Arithmetic and money.
  ["balance_overflow", "RJCT", "AM12", "a balance would not fit in 64 bits"],
  ["insufficient_funds", "RJCT", "AM04", "the debit account does not hold the amount"],
  ["exceeds_debits", "RJCT", "AM04", "the credit account may not be credited more than it was debited"],
  ["screened", "RJCT", "RR04", "a screening rule hits a transfer that cannot wait, since it is part of a chain"],
  ["insufficient_liquidity", "RJCT", "AM23", "the paying bank's settlement account does not hold the amount"],
  ["insufficient_reserve", "RJCT", "AM23", "the reserve account does not hold the amount beside what the bank owes"],
  // What a newcomer states about its own node.
  ["readiness_not_proven", "RJCT", "NARR", "the newcomer's node is behind, or has computed another state"],
] as const;

export type ResultName = (typeof TABLE)[number][0];

/** Every result code, at the index that is its number. */
export const RESULT_CODES: readonly ResultCode[] = TABLE.map(([name, status, reason, meaning], code) => {
  return { code, name, status, reason: reason === "" ? undefined : reason, meaning };
});

/** Numbers by name, for example `RESULT.posted`. */
export const RESULT = Object.fromEntries(TABLE.map(([name], code) => [name, code])) as {
  readonly [Name in ResultName]: number;
};

/** The code with a number; undefined for a number that this version of the protocol does not know. */
export const resultCode = (code: number): ResultCode | undefined => RESULT_CODES[code];

/** Whether the record did what it asked for (a void and an expiry included). */
export const isSuccess = (code: number): boolean => code <= RESULT.applied;

/** Whether the code answers for the whole batch: its records were not read. */
export const isBatchLevel = (code: number): boolean =>
  code >= RESULT.batch_malformed && code <= RESULT.key_out_of_scope;

/**
 * Whether a record with this result left an outcome leaf of its own: refusals without right and duplicates
 * leave none, nor does an account that was not opened (its id stays free).
 */
export const hasLeaf = (kind: BatchKind, code: number): boolean =>
  isSuccess(code) || (kind !== "create_accounts" && code > RESULT.id_already_failed);

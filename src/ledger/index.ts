/**
 * Pure money: accounts, transfers, the rulebook, and the roots that prove them. Its rules:
 *
 * LEDG-1  Conservation. Per asset, debits equal credits, posted and pending alike, and settlement accounts
 *         hold what issuance accounts have issued less what was redeemed.
 * LEDG-2  Totality. Each record of an ordered batch gets exactly one result code, never an exception; the
 *         result depends on the earlier blocks and this block only.
 * LEDG-3  Batches. A key that is not the participant's at the block's height, or out of scope, a kind not in
 *         force or malformed bytes give one code for the batch: no record is read, no id consumed.
 * LEDG-4  Order in a block: activations, due expiries, due window cuts, settlement, account batches of an authority,
 *         then all other batches in order.
 * LEDG-5  Right. An id that does not begin with the participant's number, and an account or pending transfer
 *         that it has no right to, are refused before the id is looked up, and consume no id.
 * LEDG-6  Ids of transfers and account actions are consumed for ever by their first result, good or bad. The
 *         same record again is `exists` or `id_already_failed`, another one `exists_with_different_…`. An
 *         account that was refused leaves its id free.
 * LEDG-7  Precedence. Of several codes that fit, the smallest number is the result (formats/result-codes.ts).
 * LEDG-8  Opening. A bank opens customer and clearing accounts for itself; the asset's authority opens
 *         settlement accounts, one per bank and asset, and its own issuance accounts.
 * LEDG-9  Routes. Customer and clearing within a bank, customer to customer, settlement to settlement, and
 *         issuance and settlement; nothing else. An account's owner debits it; the issuer redeems.
 * LEDG-10 Gross. Customer to customer across banks moves settlement money in the same step and phase, or
 *         fails with `insufficient_liquidity`.
 * LEDG-11 Limits of an account. Debits, pending ones included, never exceed credits where its flags say so, nor
 *         the reverse; a balance that would pass 64 bits is a code.
 * LEDG-12 Frozen: no debit, no post of a pending debit; credits, voids and expiry go on. Closed: nothing. Only an
 *         authority freezes and unfreezes; the owner closes an account that is empty and not frozen.
 * LEDG-13 Rails. Minimum, maximum; per (account, rail, scheme day) a sum of initiations, given back on void,
 *         expiry and partial post to the day of initiation.
 * LEDG-14 Chains. Linked transfers and the next one succeed or fail together; a failed chain changes nothing
 *         but consumes all its ids, those refused for lack of right excepted.
 * LEDG-15 Pending. The participant that reserved (but see LEDG-25) posts the exact amount, less where the rail allows
 *         parts, or voids, once; from the deadline on neither is possible.
 * LEDG-16 Expiry. Due pending transfers expire by (deadline, id), at most `expiriesPerBlockMax` a block, each
 *         exactly once.
 * LEDG-17 Caps. A participant has at most the rulebook's number of accounts and of pending transfers.
 * LEDG-18 Balancing. A `balancing_debit` moves up to its amount: what a limited debit account holds.
 * LEDG-19 Outcomes. Each consumed id, opened account and expiry leaves one leaf, in order of execution; nothing
 *         else does. A failed record's leaf commits to zero balances.
 * LEDG-20 State root. It covers every table that execution reads and is a function of the blocks alone: not
 *         of hash seeds, restarts, checkpoints restored from, or how blocks reached the node.
 * LEDG-21 Net. On a net rail customers' money moves at once and no bank's: the payment counts, by payer and payee,
 *         into the open window of its asset. The payer's bank has a reserve account, the other a settlement account.
 * LEDG-22 Exposure. What a bank may have to pay, the sum over unsettled windows of max(0, debits − credits) and its
 *         pending debits, never exceeds its cap when it grows, nor ever its reserve, which nothing else takes below it.
 * LEDG-23 Windows. A block whose time has reached a window time cuts the windows opened before it, and the authority
 *         cuts when it likes; payments of the block count into the next one. Closed windows settle in the order of
 *         the cuts, before any batch: debtors' reserves pay, creditors' settlement accounts get, sums are zero. One
 *         leaf for each bank, one for the window with the root of its report. Empty windows leave nothing behind.
 * LEDG-24 Settlement cannot fail: the accounts it needs stay open and have room, and freezing does not stop it.
 * LEDG-25 Acceptance. On such a rail every transfer is pending until the beneficiary's bank, alone, posts the exact
 *         amount or voids. How a transfer that is over has ended everybody who names it is told.
 * LEDG-26 Turnaround. There a timeout of 0 means the rail's turnaround time, the longest one; at its end the ledger
 *         gives the money back of itself.
 * LEDG-27 Fees. For a payment between banks the payer's bank pays the other the rail's fee with the amount, in the
 *         same phase and the same way; a void or expiry costs none, a part the whole.
 * LEDG-28 Queue. On such a rail a payment between banks that lacks nothing but its bank's liquidity waits, its customers'
 *         money reserved, in the order of priority, then of time; none overtakes its bank's own of the same or a higher
 *         priority. Each block pays, before any batch, what the heads allow; passed over are those whose debit account
 *         is frozen, whose other bank has closed its account, and whose time is over. Its bank gives it another priority
 *         or withdraws it; after `queueSecondsMax` it expires.
 * LEDG-29 Settle-set. A validator names queued payments that are paid at once: if each settlement account keeps its
 *         bounds after the whole, and each bank's are the first of its queue; all or nothing, under one code.
 * LEDG-30 Hold. The first screening rule that hits a transfer which nothing else but liquidity speaks against reserves
 *         the customers' money and lets it wait. Initiations that are accepted, held and queued ones included, count
 *         for velocity. In a chain nothing waits.
 * LEDG-31 Decision. Only an `approve` key of the initiating bank releases or returns it, two keys release it where the
 *         rule says so; from its deadline on nobody does, and the money is free. What is released is judged once more
 *         for freezing, caps, liquidity and reserve; if it asked for two phases, it is reserved, for its own time.
 *
 * LEDG-41 Proposals. Validators of the block's epoch and the authority put whole contents to the vote, at most
 *         `participantCaps.proposals` each at a time, those refused in the same block included; content is judged by
 *         the rules it will be judged by again when its time comes, and stays on the ledger for ever.
 * LEDG-42 Ballots. Each validator of the block's epoch has one, which it may change until the proposal passes, at the
 *         threshold of its kind, or its deadline in block time or its effective height comes: then it lapses.
 * LEDG-43 Activation. What passed comes into force first thing in the block at its effective height, at least one
 *         block after the vote, in the order of proposal; what fits no longer is `not_activated` as a whole. A rulebook
 *         leaves no account without its asset and no pending transfer without its rail.
 * LEDG-44 Validators. Four to thirty-one banks that prove their keys; a set that survives fewer faults says so; one
 *         decision an epoch (EPOCH-1). Evidence is two votes of one signer, epoch and view that exclude each other,
 *         verified in execution; its effect is the set without the signer.
 * LEDG-45 Keys. A participant adds and revokes its own with a `govern` key, from this block or a later height on.
 *         Others' keys: proposed by the authority, passed by the validators, and those added count no earlier than
 *         `keyDelaySeconds` of block time after the vote. A key is one participant's for ever; a revoked one never
 *         comes back. At most 16 keys at a time, and 64 changes in a block.
 * LEDG-46 Participants are added with the next number; a role changes only where nothing hangs on it.
 * LEDG-47 Versions. A yes to a protocol version counts only from a node that runs it. A ledger that does not know the
 *         version in force stops before it executes anything under it.
 * LEDG-48 Newcomers. A change of validators comes into force only once every bank in it that does not validate in the
 *         block's epoch has stated, signed with its own `govern` key, that its node has executed all but the last 256
 *         blocks, and the root it computed of the state at the newest checkpoint before the proposal; the ledger
 *         compares that with its own. Until then a change that passed waits, and its time for ballots ends that too.
 */
export * from "./contract.js";
export { checkGenesisLedger, GenesisLedgerError, type GenesisLedgerFault } from "./genesis-ledger.js";
export type { Preflight, ProposalDraft } from "./governance.js";
export type { GovernanceFault } from "./governance-judge.js";
export { Ledger, type LedgerOptions } from "./ledger.js";
export type { NextSetView } from "./next-set.js";
export * from "./outcomes.js";
export { rulebookFaults } from "./rulebook-faults.js";
export { StatePagesError } from "./state-pages.js";
export { STATE_TABLES, type StateTable } from "./state-root.js";
export * from "./views.js";

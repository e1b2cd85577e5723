import { participantOfId, type ResultName, type RulebookRail } from "../../../formats/index.js";
import type { FullTransfer } from "./batches.js";
import { type Account, available, type Books, isLimited, LIMIT, type Pending, ZERO } from "./books.js";
import type { Posting } from "./posting.js";
import type { Windows } from "./windows.js";

/** Who may pay whom (LEDG-9), as "debit's kind credit's kind": within a bank, and wherever the accounts are. */
const WITHIN = new Set([
  "customer clearing",
  "clearing customer",
  "settlement reserve",
  "reserve settlement",
  "customer customer",
]);
const ANYWHERE = new Set([
  "customer customer",
  "settlement settlement",
  "settlement issuance",
  "issuance settlement",
  "reserve issuance",
  "issuance reserve",
]);

/** Everything that speaks against a transfer, one list for each record; the smallest code is the result. */
export class TransferFaults {
  readonly #books: Books;
  readonly #windows: Windows;
  readonly #posting: Posting;

  constructor(books: Books, windows: Windows, posting: Posting) {
    this.#books = books;
    this.#windows = windows;
    this.#posting = posting;
  }

  /** No right to it, or its id was used before (LEDG-5, LEDG-6). */
  rightAndId(from: number, record: FullTransfer): ResultName[] {
    const found: ResultName[] = [];
    if (participantOfId(record.id) !== from) found.push("id_not_of_participant");
    if (record.flags.includes("post_pending") || record.flags.includes("void_pending")) {
      if (record.pendingId !== ZERO && !this.#mayResolve(from, record.pendingId)) found.push("not_authorised");
    } else {
      const debit = this.#books.accounts.get(record.debitAccountId);
      const credit = this.#books.accounts.get(record.creditAccountId);
      const isBanks = debit?.kind === "settlement" || debit?.kind === "reserve";
      const redeems = isBanks && credit?.kind === "issuance" && credit.owner === from;
      if (debit !== undefined && debit.owner !== from && !redeems) found.push("not_authorised");
    }
    const repetition = this.#books.repetition(record.id, JSON.stringify(record));
    return repetition === undefined ? found : [...found, repetition];
  }

  #mayResolve(from: number, id: string): boolean {
    const isOwn = participantOfId(id as FullTransfer["id"]) === from;
    const state = this.#books.seen.get(id)?.state ?? "none";
    if (state === "none") return isOwn;
    if (state !== "pending") return true;
    const { record } = this.#books.pendings.get(id) as Pending;
    if (this.#books.rail(record.rail)?.acceptance !== true) return isOwn;
    return this.#books.account(record.creditAccountId).owner === from;
  }

  /** All but liquidity that speaks against a transfer with accounts of its own, and that too. */
  initiation(from: number, record: FullTransfer): ResultName[] {
    const found: ResultName[] = [];
    const { assets, participantCaps } = this.#books.rulebook;
    const isPending = record.flags.includes("pending");
    const rail = this.#books.rail(record.rail);
    const asked = BigInt(record.amount);
    if (record.pendingId !== ZERO) found.push("pending_id_must_be_zero");
    if (record.timeoutSeconds > 0 && !isPending) found.push("timeout_reserved_for_pending");
    if (record.debitAccountId === record.creditAccountId) found.push("accounts_must_be_different");
    if (!assets.some(({ number }) => number === record.asset)) found.push("asset_not_found");
    if (rail === undefined) found.push("rail_not_found");
    else {
      const longest = rail.acceptance === true ? (rail.turnaroundSeconds ?? 0) : rail.timeoutSecondsMax;
      const isNamed = record.timeoutSeconds > 0 || rail.acceptance === true;
      if (!isPending && rail.acceptance === true) found.push("acceptance_required");
      if (isPending && rail.timeoutSecondsMax === 0) found.push("rail_without_pending");
      else if (isPending && (!isNamed || record.timeoutSeconds > longest)) found.push("timeout_out_of_range");
      if (asked < BigInt(rail.minimum)) found.push("amount_below_rail_minimum");
      if (asked > BigInt(rail.maximum)) found.push("amount_above_rail_maximum");
    }
    if (asked === 0n) found.push("amount_must_not_be_zero");
    if (isPending && this.#books.pendingsOf(from) >= participantCaps.pendings) found.push("pendings_cap_exceeded");
    return [...found, ...this.#accounts(record), ...this.#money(record)];
  }

  #accounts(record: FullTransfer): ResultName[] {
    const books = this.#books;
    const debit = books.accounts.get(record.debitAccountId);
    const credit = books.accounts.get(record.creditAccountId);
    if (debit === undefined) return ["debit_account_not_found"];
    if (credit === undefined) return ["credit_account_not_found"];
    const found: ResultName[] = [];
    if (debit.asset !== record.asset || credit.asset !== record.asset) found.push("asset_mismatch");
    const route = `${debit.kind} ${credit.kind}`;
    const isAllowed = ANYWHERE.has(route) || (debit.owner === credit.owner && WITHIN.has(route));
    if (!isAllowed) found.push("kinds_not_allowed");
    const leg = books.leg(record);
    if (leg !== "none") {
      const payer = books.own(debit.owner, record.asset, leg === "net" ? "reserve" : "settlement");
      const isPayeeThere = books.own(credit.owner, record.asset, "settlement") !== undefined;
      if (!isPayeeThere) found.push("settlement_account_not_found");
      if (payer === undefined) found.push(leg === "net" ? "reserve_account_not_found" : "settlement_account_not_found");
      if (payer?.frozen === true) found.push(leg === "net" ? "reserve_account_frozen" : "settlement_account_frozen");
    }
    if (debit.closed) found.push("debit_account_closed");
    if (credit.closed) found.push("credit_account_closed");
    if (debit.frozen) found.push("debit_account_frozen");
    return found;
  }

  #money(record: FullTransfer): ResultName[] {
    const books = this.#books;
    const debit = books.accounts.get(record.debitAccountId);
    const credit = books.accounts.get(record.creditAccountId);
    const rail = books.rail(record.rail);
    if (debit === undefined || credit === undefined || rail === undefined) return [];
    const found: ResultName[] = [];
    const amount = this.#posting.amount(record);
    const isBalancing = record.flags.includes("balancing_debit");
    if (isBalancing && (amount === 0n || amount < BigInt(rail.minimum))) found.push("insufficient_funds");
    const sent = books.sent.get(`${record.debitAccountId}/${record.rail}/${books.day}`) ?? 0n;
    if (rail.accountDailyMaximum !== undefined && sent + amount > BigInt(rail.accountDailyMaximum))
      found.push("account_daily_limit_exceeded");
    const [mine, theirs] = books.settlements(record);
    const leg = amount + books.fee(record);
    if (!fitsDebit(debit, amount) || !fitsCredit(credit, amount)) found.push("balance_overflow");
    if (!fitsDebit(mine, leg) || !fitsCredit(theirs, leg)) found.push("balance_overflow");
    if (books.leg(record) === "net") found.push(...this.net(record, amount, leg));
    const owed = debit.kind === "reserve" ? this.#windows.exposure(debit.owner, debit.asset) : 0n;
    if (debit.kind === "reserve" && available(debit) - owed < amount) found.push("insufficient_reserve");
    if (isLimited(debit) && available(debit) < amount) found.push("insufficient_funds");
    const isIssuers = credit.flags.includes("credits_must_not_exceed_debits");
    if (isIssuers && credit.creditsPending + credit.creditsPosted + amount > credit.debitsPosted)
      found.push("exceeds_debits");
    if (mine !== undefined && available(mine) < leg) found.push("insufficient_liquidity");
    return found;
  }

  /** What speaks against counting a payment into the window, or reserving room for it (LEDG-22, LEDG-24). */
  net(record: FullTransfer, amount: bigint, leg: bigint): ResultName[] {
    const found: ResultName[] = [];
    const books = this.#books;
    const windows = this.#windows;
    const { asset } = record;
    const [payer, payee] = books.banks(record);
    const maximum = books.rail(record.rail)?.bankWindowMaximum;
    const sent = books.sent.get(this.#posting.bankKey(record, windows.openNumber(asset))) ?? 0n;
    if (maximum !== undefined && sent + amount > BigInt(maximum)) found.push("bank_window_limit_exceeded");
    const isPending = record.flags.includes("pending");
    const exposure = isPending ? windows.exposure(payer, asset) + leg : windows.exposure(payer, asset, leg);
    const cap = this.capOf(payer, asset);
    if (cap !== undefined && exposure > cap) found.push("net_debit_cap_exceeded");
    const outgoing = windows.unsettled(payer, asset, "payer") + leg;
    const incoming = windows.unsettled(payee, asset, "payee") + leg;
    const settlement = books.own(payee, asset, "settlement");
    if (outgoing >= LIMIT / 2n || incoming >= LIMIT / 2n || !fitsCredit(settlement, incoming))
      found.push("balance_overflow");
    const reserve = books.own(payer, asset, "reserve");
    if (reserve !== undefined && available(reserve) < exposure) found.push("insufficient_reserve");
    return found;
  }

  /** The most that a bank may owe in windows. */
  capOf(bank: number, asset: number): bigint | undefined {
    const { netDebitCaps = [], netDebitCapDefault } = this.#books.rulebook;
    const named = netDebitCaps.find((entry) => entry.participant === bank && entry.asset === asset)?.cap;
    const cap = named ?? netDebitCapDefault;
    return cap === undefined ? undefined : BigInt(cap);
  }

  /** All that speaks against a post or a void. */
  resolution(record: FullTransfer): ResultName[] {
    const found: ResultName[] = [];
    const isPost = record.flags.includes("post_pending");
    if (record.flags.filter((flag) => flag !== "linked").length > 1) found.push("flags_are_mutually_exclusive");
    if (record.timeoutSeconds > 0) found.push("timeout_reserved_for_pending");
    if (record.pendingId === ZERO) return [...found, "pending_id_must_not_be_zero"];
    switch (this.#books.seen.get(record.pendingId)?.state) {
      case undefined:
        return [...found, "pending_transfer_not_found"];
      case "none":
        return [...found, "pending_transfer_not_pending"];
      case "posted":
        return [...found, "pending_transfer_already_posted"];
      case "voided":
        return [...found, "pending_transfer_already_voided"];
      case "expired":
        return [...found, "pending_transfer_expired"];
      case "pending":
        return [...found, ...this.#ofPending(record, this.#books.pendings.get(record.pendingId) as Pending, isPost)];
    }
  }

  #ofPending(record: FullTransfer, pending: Pending, isPost: boolean): ResultName[] {
    const found: ResultName[] = [];
    const books = this.#books;
    if (pending.waits?.in === "queue" && isPost) found.push("pending_transfer_queued");
    if (pending.waits?.in === "hold") found.push("pending_transfer_held");
    if (books.timestamp >= pending.deadline) found.push("pending_transfer_expired");
    const differs = (mine: string, other: string): boolean => mine !== ZERO && mine !== other;
    if (differs(record.debitAccountId, pending.record.debitAccountId))
      found.push("pending_transfer_has_different_debit_account");
    if (differs(record.creditAccountId, pending.record.creditAccountId))
      found.push("pending_transfer_has_different_credit_account");
    if (record.asset !== pending.record.asset) found.push("pending_transfer_has_different_asset");
    if (record.rail !== pending.record.rail) found.push("pending_transfer_has_different_rail");
    const amount = BigInt(record.amount);
    if (amount > pending.amount) found.push("exceeds_pending_amount");
    const rail = books.rail(pending.record.rail) as RulebookRail;
    const mayBePart = isPost && rail.partialPost;
    if (amount !== 0n && amount < pending.amount && !mayBePart) found.push("partial_amount_not_allowed");
    if (!isPost) return found;
    const { owner, asset, frozen } = books.account(pending.record.debitAccountId);
    if (frozen) found.push("debit_account_frozen");
    if (books.settlements(pending.record)[0]?.frozen === true) found.push("settlement_account_frozen");
    if (books.leg(pending.record) === "net" && books.own(owner, asset, "reserve")?.frozen === true)
      found.push("reserve_account_frozen");
    return found;
  }
}

/** Whether a balance holds so much more; an account that is not there has room for all. */
export const fitsDebit = (account: Account | undefined, more: bigint): boolean =>
  account === undefined || account.debitsPending + account.debitsPosted + more < LIMIT;

export const fitsCredit = (account: Account | undefined, more: bigint): boolean =>
  account === undefined || account.creditsPending + account.creditsPosted + more < LIMIT;

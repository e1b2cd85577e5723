import { RESULT } from "../formats/index.js";
import { BATCH_RECORDS_MAX, type Height } from "../primitives/index.js";
import {
  ASSET,
  CLEARING,
  CLOSED,
  CREDITS_LIMITED,
  CREDITS_PENDING,
  CREDITS_POSTED,
  CUSTOMER,
  DEBITS_LIMITED,
  DEBITS_PENDING,
  DEBITS_POSTED,
  FROZEN,
  ISSUANCE,
  KIND_AND_FLAGS,
  KIND_MASK,
  OWNER,
  RESERVE,
  SETTLEMENT,
} from "./accounts.js";
import { compareAmounts, countAt, fitsBelowHalf, subtractFrom, sumFits, sumWithin } from "./limbs.js";
import * as pending from "./pendings.js";
import type { Rail } from "./rules.js";
import type { Hold } from "./screening.js";
import { STATE_EXPIRED, STATE_NONE, STATE_PENDING, STATE_POSTED, STATE_VOIDED, swapBytes } from "./seen-ids.js";
import type { State } from "./state.js";
import * as record from "./transfer-words.js";
import { BALANCING, PENDING, POST, VOID } from "./transfer-words.js";

/** Read for every transfer; a property of the table of all codes would cost a look-up each. */
const POSTED = RESULT.posted;
const RESERVED = RESULT.reserved;
const QUEUED = RESULT.queued;
const HELD = RESULT.held;
const QUEUED_PENDING = RESULT.pending_transfer_queued;
const HELD_PENDING = RESULT.pending_transfer_held;

/**
 * What moves between the banks beside the customers' money: nothing, settlement money, their positions. Last, nothing,
 * where a reserve account is debited, which must keep what its bank owes.
 */
const LEG_NONE = 0;
export const LEG_GROSS = 1;
export const LEG_NET = 2;
const LEG_RESERVE = 3;

/** Records that are prepared together: what they touch stays in the processor's cache until it is used. */
export const PREPARED_MAX = 512;

const recordAt = (index: number): number => record.HEADER_WORDS + index * record.RECORD_WORDS;

/** What a block tells execution. */
export interface BlockTime {
  readonly height: Height;
  /** UTC, milliseconds. */
  readonly timestamp: number;
  readonly schemeDay: number;
}

/**
 * Judges transfers one at a time, in the order of the result codes, and changes nothing. What it found
 * on the way stays in its fields for whoever performs the transfer, so that no object is made for it.
 */
export class TransferJudge {
  readonly #state: State;
  #words: Uint32Array = new Uint32Array(0);
  #participant = 0;
  #prefix = 0;
  #timestamp = 0;
  #day = 0;
  /** By record: indices of its debit and credit account. */
  readonly #debits = new Int32Array(BATCH_RECORDS_MAX);
  readonly #credits = new Int32Array(BATCH_RECORDS_MAX);
  readonly #hashes = new Int32Array(PREPARED_MAX * 3);
  /** Indices of the accounts; −1 where there is none. On a net rail the paying bank's reserve is `debitSettlement`. */
  debit = -1;
  credit = -1;
  debitSettlement = -1;
  creditSettlement = -1;
  /** What moves between the banks, between which of them, and how much: the amount and the rail's fee. */
  leg = LEG_NONE;
  asset = 0;
  payer = 0;
  payee = 0;
  legLow = 0;
  legHigh = 0;
  feeLow = 0;
  feeHigh = 0;
  /** How long a reservation lasts. */
  timeoutSeconds = 0;
  /** Why a transfer that is held waits. */
  hold: Hold | undefined;
  /** Whether a transfer that lacks liquidity, or that screening hits, fails instead of waiting. */
  isChained = false;
  /** Of a pending transfer: whether it waits without a leg (`QUEUED`, `HELD`), and which leg it will have. */
  waiting = 0;
  laterLeg = LEG_NONE;
  /** What moves: balancing and partial posts may make it less than the record says. */
  low = 0;
  high = 0;
  /** The consumed id that equals the record's own, or −1. */
  seen = -1;
  /** Place of the pending transfer that a post or void resolves. */
  place = -1;

  constructor(state: State) {
    this.#state = state;
  }

  openBlock(block: BlockTime): void {
    this.#timestamp = block.timestamp;
    this.#day = block.schemeDay;
  }

  /** @param words the whole signed batch */
  openBatch(words: Uint32Array, participant: number): void {
    this.#words = words;
    this.#participant = participant;
    this.#prefix = swapBytes(participant);
  }

  /**
   * Looks up the accounts of the records `from` … `to`−1, which no transfer opens or removes. One record at
   * a time would wait for memory at every step; here hashes come first, then reads that depend on
   * nothing, so that the processor waits for many at once. Ids are only warmed up: a transfer before may
   * still consume them.
   *
   * @returns a number without a meaning, which keeps the reads from being optimised away
   */
  prepare(from: number, to: number): number {
    const words = this.#words;
    const accounts = this.#state.accounts.index;
    const ids = this.#state.ids.index;
    const hashes = this.#hashes;
    const count = to - from;
    let warmed = 0;
    for (let index = 0, at = recordAt(from); index < count; index += 1, at += record.RECORD_WORDS) {
      const slot = index * 3;
      hashes[slot] = accounts.hashAt(words, at + record.DEBIT);
      hashes[slot + 1] = accounts.hashAt(words, at + record.CREDIT);
      hashes[slot + 2] = ids.hashAt(words, at + record.ID);
      warmed ^= accounts.warm(hashes[slot] as number) ^ accounts.warm(hashes[slot + 1] as number);
      warmed ^= ids.warm(hashes[slot + 2] as number);
    }
    for (let index = 0, at = recordAt(from); index < count; index += 1, at += record.RECORD_WORDS) {
      const slot = index * 3;
      this.#debits[from + index] = accounts.findHashed(hashes[slot] as number, words, at + record.DEBIT);
      this.#credits[from + index] = accounts.findHashed(hashes[slot + 1] as number, words, at + record.CREDIT);
    }
    return warmed;
  }

  /** The code of a record; a success means that it may be performed. */
  judge(at: number): number {
    const refusal = this.judgeRight(at);
    if (refusal !== 0) return refusal;
    const flags = this.#words[at + record.FLAGS] as number;
    return (flags & (POST | VOID)) === 0 ? this.#judgeInitiation(at, flags) : this.#judgeResolution(at, flags);
  }

  /** Right to the id and the account, then whether the id was consumed before; 0 if nothing speaks against it. */
  judgeRight(at: number): number {
    const words = this.#words;
    if (words[at + record.ID] !== this.#prefix) return RESULT.id_not_of_participant;
    const flags = words[at + record.FLAGS] as number;
    if ((flags & (POST | VOID)) !== 0) {
      if (!this.#mayResolve(at)) return RESULT.not_authorised;
    } else {
      const index = ((at - record.HEADER_WORDS) / record.RECORD_WORDS) | 0;
      this.debit = this.#debits[index] as number;
      this.credit = this.#credits[index] as number;
      if (this.debit >= 0 && !this.#mayDebit()) return RESULT.not_authorised;
    }
    this.seen = this.#state.ids.index.findAt(words, at + record.ID);
    return this.seen < 0 ? 0 : this.#state.ids.compare(this.seen, words, at);
  }

  /** The owner may debit an account; the issuer may take settlement and reserve money back. */
  #mayDebit(): boolean {
    const table = this.#state.accounts.table;
    const debit = table.wordsOf(this.debit);
    const debitBase = table.baseOf(this.debit);
    if (debit[debitBase + OWNER] === this.#participant) return true;
    if (this.credit < 0) return false;
    const credit = table.wordsOf(this.credit);
    const creditBase = table.baseOf(this.credit);
    return (
      isBanksOwn((debit[debitBase + KIND_AND_FLAGS] as number) & KIND_MASK) &&
      ((credit[creditBase + KIND_AND_FLAGS] as number) & KIND_MASK) === ISSUANCE &&
      credit[creditBase + OWNER] === this.#participant
    );
  }

  /**
   * Whoever reserved may post and void, and its number begins the pending transfer's id; where the beneficiary's bank
   * must accept, that bank alone. How a transfer that is over has ended everybody is told.
   */
  #mayResolve(at: number): boolean {
    const words = this.#words;
    const isOwn = words[at + record.PENDING_ID] === this.#prefix || this.#isZeroId(at + record.PENDING_ID);
    const { accounts, ids, pendings } = this.#state;
    const seen = ids.index.findAt(words, at + record.PENDING_ID);
    const state = seen < 0 ? STATE_NONE : ids.stateOf(seen);
    if (state === STATE_NONE) return isOwn;
    if (state !== STATE_PENDING) return true;
    const place = ids.placeOf(seen);
    const entry = pendings.table.wordsOf(place);
    const base = pendings.table.baseOf(place);
    if (((entry[base + pending.LEG] as number) & pending.NEEDS_ACCEPTANCE) === 0) return isOwn;
    const credit = entry[base + pending.CREDIT] as number;
    return accounts.table.wordsOf(credit)[accounts.table.baseOf(credit) + OWNER] === this.#participant;
  }

  #isZeroId(at: number): boolean {
    const words = this.#words;
    return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0;
  }

  #judgeInitiation(at: number, flags: number): number {
    const words = this.#words;
    const rules = this.#state.rules;
    if (!this.#isZeroId(at + record.PENDING_ID)) return RESULT.pending_id_must_be_zero;
    const timeout = words[at + record.TIMEOUT] as number;
    if (timeout !== 0 && (flags & PENDING) === 0) return RESULT.timeout_reserved_for_pending;
    if (this.#sameAccounts(at)) return RESULT.accounts_must_be_different;
    if (!rules.hasAsset(words[at + record.ASSET] as number)) return RESULT.asset_not_found;
    const rail = rules.rail(record.railAt(words, at));
    if (rail === undefined) return RESULT.rail_not_found;
    if ((flags & PENDING) !== 0) {
      if (rail.timeoutSecondsMax === 0) return RESULT.rail_without_pending;
      this.timeoutSeconds = timeout === 0 ? rail.timeoutSecondsUsual : timeout;
      if (this.timeoutSeconds === 0 || timeout > rail.timeoutSecondsMax) return RESULT.timeout_out_of_range;
    } else if (rail.needsAcceptance) return RESULT.acceptance_required;
    this.low = words[at + record.AMOUNT] as number;
    this.high = words[at + record.AMOUNT + 1] as number;
    if (this.low === 0 && this.high === 0) return RESULT.amount_must_not_be_zero;
    if (compareAmounts(this.low, this.high, rail.minimumLow, rail.minimumHigh) < 0) {
      return RESULT.amount_below_rail_minimum;
    }
    if (compareAmounts(this.low, this.high, rail.maximumLow, rail.maximumHigh) > 0) {
      return RESULT.amount_above_rail_maximum;
    }
    const refusal = this.#judgeAccounts(words[at + record.ASSET] as number, rail);
    if (refusal !== 0) return refusal;
    const isEnough = (flags & BALANCING) === 0 || this.#balance(rail);
    if ((flags & PENDING) !== 0) {
      const cap = rules.rulebook.participantCaps.pendings;
      if (this.#state.participants.pendingsOf(this.#participant) >= cap) return RESULT.pendings_cap_exceeded;
    }
    if (rail.hasDailyMaximum && !this.#state.limits.allows(this.debit, rail, this.#day, this.low, this.high)) {
      return RESULT.account_daily_limit_exceeded;
    }
    if (this.leg !== LEG_NONE) this.#setLeg(rail.feeLow, rail.feeHigh);
    if (this.leg === LEG_NET) {
      const excess = this.#judgeWindow(rail, (flags & PENDING) !== 0);
      if (excess !== 0) return excess;
    }
    const verdict = this.#judgeMoney(isEnough);
    if (verdict !== 0) return verdict;
    if (this.#state.screening !== undefined) {
      const held = this.#screen(at, rail.number);
      // What a reserve account holds back covers what its bank owes no longer, so that is judged before it waits.
      const uncovered = held === HELD && this.leg === LEG_RESERVE ? this.#judgeShortage(false) : 0;
      if (uncovered !== 0) return uncovered;
      if (held !== 0) return held;
    }
    const shortage = this.leg === LEG_NONE ? 0 : this.#judgeShortage((flags & PENDING) !== 0);
    if (rail.queues && this.leg === LEG_GROSS && (flags & PENDING) === 0) return this.#judgeQueue(at, rail, shortage);
    if (shortage !== 0) return shortage;
    return (flags & PENDING) !== 0 ? RESERVED : POSTED;
  }

  /** 0 if no screening rule hits; a transfer within a chain cannot wait. */
  #screen(at: number, rail: number): number {
    const { debit, credit, low, high } = this;
    const purpose = record.purposeAt(this.#words, at);
    this.hold = this.#state.screening?.hold({ rail, purpose, debit, credit, low, high }, this.#timestamp);
    if (this.hold === undefined) return 0;
    if (this.isChained) return RESULT.screened;
    const cap = this.#state.rules.rulebook.participantCaps.pendings;
    if (this.#state.participants.pendingsOf(this.#participant) >= cap) return RESULT.pendings_cap_exceeded;
    this.timeoutSeconds = this.hold.holdSeconds;
    return HELD;
  }

  /** On a rail with queues: a payment waits for liquidity, and never overtakes its bank's own of its priority. */
  #judgeQueue(at: number, rail: Rail, shortage: number): number {
    const { queues, rules } = this.#state;
    const mustWait = shortage !== 0 || queues.blocks(this.asset, this.payer, record.priorityAt(this.#words, at));
    if (!mustWait) return POSTED;
    if (this.isChained) return RESULT.insufficient_liquidity;
    const { pendings, queued = pendings } = rules.rulebook.participantCaps;
    if (queues.countOf(this.payer) >= queued) return RESULT.queued_cap_exceeded;
    this.timeoutSeconds = rail.queueSecondsMax;
    return QUEUED;
  }

  /**
   * Whether a transfer that waits can be paid now (or, where the beneficiary's bank has to accept it, reserved); its
   * place, sides and leg stay in the fields.
   *
   * @returns 0, or the code of what speaks against it
   */
  judgeWaiting(place: number, isPending: boolean): number {
    const { table } = this.#state.pendings;
    const entry = table.wordsOf(place);
    const base = table.baseOf(place);
    this.place = place;
    this.takeSides(entry, base);
    this.leg = this.laterLeg;
    this.takeBanks(entry, base);
    this.low = entry[base + pending.RESERVED_AMOUNT] as number;
    this.high = entry[base + pending.RESERVED_AMOUNT + 1] as number;
    this.#setLeg(entry[base + pending.FEE] as number, entry[base + pending.FEE + 1] as number);
    const refusal = this.#judgeBanksAccounts();
    // A reserve account that is debited has reserved the amount since the transfer began to wait.
    if (refusal !== 0 || this.leg === LEG_NONE || this.leg === LEG_RESERVE) return refusal;
    if (this.leg === LEG_NET) {
      this.#measureExposure(isPending);
      const { positions, rules } = this.#state;
      const cap = rules.netDebitCap(this.asset, this.payer);
      if (compareAmounts(positions.low, positions.high, cap.low, cap.high) > 0) return RESULT.net_debit_cap_exceeded;
    }
    if (this.debitSettlement >= 0 && !this.#fitsLeg()) return RESULT.balance_overflow;
    return this.#judgeShortage(isPending);
  }

  /** While a transfer waited nothing kept the banks' accounts open, for nothing on them was reserved. */
  #judgeBanksAccounts(): number {
    if (this.creditSettlement >= 0 && this.#has(this.creditSettlement, CLOSED)) {
      return RESULT.settlement_account_not_found;
    }
    if (this.debitSettlement >= 0 && this.#has(this.debitSettlement, CLOSED)) {
      return this.leg === LEG_NET ? RESULT.reserve_account_not_found : RESULT.settlement_account_not_found;
    }
    return this.#judgeFrozen();
  }

  /** The banks move the amount and the fee; within a bank nothing. */
  #setLeg(feeLow: number, feeHigh: number): void {
    const low = this.low + feeLow;
    const carry = low >= 0x1_0000_0000 ? 1 : 0;
    this.legLow = low - carry * 0x1_0000_0000;
    this.legHigh = this.high + feeHigh + carry;
    this.feeLow = feeLow;
    this.feeHigh = feeHigh;
  }

  #sameAccounts(at: number): boolean {
    const words = this.#words;
    for (let word = 0; word < 4; word += 1)
      if (words[at + record.DEBIT + word] !== words[at + record.CREDIT + word]) return false;
    return true;
  }

  /** Both accounts, their kinds, the settlement leg, closing and freezing. */
  #judgeAccounts(asset: number, rail: Rail): number {
    if (this.debit < 0) return RESULT.debit_account_not_found;
    if (this.credit < 0) return RESULT.credit_account_not_found;
    const accounts = this.#state.accounts;
    const debit = accounts.table.wordsOf(this.debit);
    const credit = accounts.table.wordsOf(this.credit);
    const debitBase = accounts.table.baseOf(this.debit);
    const creditBase = accounts.table.baseOf(this.credit);
    if (debit[debitBase + ASSET] !== asset || credit[creditBase + ASSET] !== asset) return RESULT.asset_mismatch;
    const debitFlags = debit[debitBase + KIND_AND_FLAGS] as number;
    const creditFlags = credit[creditBase + KIND_AND_FLAGS] as number;
    const debitOwner = debit[debitBase + OWNER] as number;
    const creditOwner = credit[creditBase + OWNER] as number;
    const route = routeOf(debitFlags & KIND_MASK, creditFlags & KIND_MASK, debitOwner === creditOwner);
    if (route === ROUTE_NONE) return RESULT.kinds_not_allowed;
    this.asset = asset;
    this.payer = debitOwner;
    this.payee = creditOwner;
    this.debitSettlement = -1;
    this.creditSettlement = -1;
    this.leg = route === ROUTE_FROM_RESERVE ? LEG_RESERVE : LEG_NONE;
    if (route === ROUTE_ACROSS) {
      this.leg = rail.isNet ? LEG_NET : LEG_GROSS;
      this.creditSettlement = accounts.settlementOf(asset, creditOwner);
      if (rail.isNet) {
        if (this.creditSettlement < 0) return RESULT.settlement_account_not_found;
        this.debitSettlement = accounts.reserveOf(asset, debitOwner);
        if (this.debitSettlement < 0) return RESULT.reserve_account_not_found;
      } else {
        this.debitSettlement = accounts.settlementOf(asset, debitOwner);
        if (this.debitSettlement < 0 || this.creditSettlement < 0) return RESULT.settlement_account_not_found;
      }
    }
    if ((debitFlags & CLOSED) !== 0) return RESULT.debit_account_closed;
    if ((creditFlags & CLOSED) !== 0) return RESULT.credit_account_closed;
    return this.#judgeFrozen();
  }

  #judgeFrozen(): number {
    if (this.#has(this.debit, FROZEN)) return RESULT.debit_account_frozen;
    if (this.debitSettlement < 0 || !this.#has(this.debitSettlement, FROZEN)) return 0;
    return this.leg === LEG_NET ? RESULT.reserve_account_frozen : RESULT.settlement_account_frozen;
  }

  #has(account: number, flag: number): boolean {
    const table = this.#state.accounts.table;
    return ((table.wordsOf(account)[table.baseOf(account) + KIND_AND_FLAGS] as number) & flag) !== 0;
  }

  /** Cuts the amount down to what a limited debit account holds; false if that is nothing or below the minimum. */
  #balance(rail: Rail): boolean {
    const table = this.#state.accounts.table;
    const words = table.wordsOf(this.debit);
    const base = table.baseOf(this.debit);
    if (((words[base + KIND_AND_FLAGS] as number) & DEBITS_LIMITED) === 0) return true;
    const { positions } = this.#state;
    positions.low = 0;
    positions.high = 0;
    if (this.leg === LEG_RESERVE) positions.measureExposure(this.asset, this.payer);
    if (holds(words, base, this.low + positions.low, this.high + positions.high)) return true;
    // A limited account's debits never exceed its credits, so this cannot wrap.
    const held = ON_ACCOUNT;
    held[0] = words[base + CREDITS_POSTED] as number;
    held[1] = words[base + CREDITS_POSTED + 1] as number;
    subtractFrom(held, 0, words[base + DEBITS_POSTED] as number, words[base + DEBITS_POSTED + 1] as number);
    subtractFrom(held, 0, words[base + DEBITS_PENDING] as number, words[base + DEBITS_PENDING + 1] as number);
    subtractFrom(held, 0, positions.low, positions.high);
    this.low = held[0] as number;
    this.high = held[1] as number;
    if (this.low === 0 && this.high === 0) return false;
    return compareAmounts(this.low, this.high, rail.minimumLow, rail.minimumHigh) >= 0;
  }

  /** What the bank has sent on the rail in this window, then what it may owe in all. */
  #judgeWindow(rail: Rail, isPending: boolean): number {
    const { limits, positions, rules, windows } = this.#state;
    if (rail.hasWindowMaximum) {
      const window = windows.openNumber(this.asset);
      const isWithin = limits.allowsBank(this.debitSettlement, rail, window, this.low, this.high);
      if (!isWithin) return RESULT.bank_window_limit_exceeded;
    }
    this.#measureExposure(isPending);
    const cap = rules.netDebitCap(this.asset, this.payer);
    return compareAmounts(positions.low, positions.high, cap.low, cap.high) > 0 ? RESULT.net_debit_cap_exceeded : 0;
  }

  /** The paying bank's exposure with this transfer: a pending one counts in full, the window's credits offset others. */
  #measureExposure(isPending: boolean): void {
    const { positions } = this.#state;
    if (!isPending) positions.measureExposure(this.asset, this.payer, this.legLow, this.legHigh);
    else {
      positions.measureExposure(this.asset, this.payer);
      positions.add64(this.legLow, this.legHigh);
    }
  }

  /** What a leg between the banks, or a debit of a reserve account, needs of the paying bank's money. */
  #judgeShortage(isPending: boolean): number {
    const { accounts, positions } = this.#state;
    const payer = this.leg === LEG_RESERVE ? this.debit : this.debitSettlement;
    const words = accounts.table.wordsOf(payer);
    const base = accounts.table.baseOf(payer);
    if (this.leg === LEG_GROSS) {
      return holds(words, base, this.legLow, this.legHigh) ? 0 : RESULT.insufficient_liquidity;
    }
    if (this.leg === LEG_NET) this.#measureExposure(isPending);
    else {
      positions.measureExposure(this.asset, this.payer);
      positions.add64(this.low, this.high);
    }
    return holds(words, base, positions.low, positions.high) ? 0 : RESULT.insufficient_reserve;
  }

  /** Overflow of any balance or position, then funds. */
  #judgeMoney(isEnough: boolean): number {
    const table = this.#state.accounts.table;
    const low = this.low;
    const high = this.high;
    const debit = table.wordsOf(this.debit);
    const debitBase = table.baseOf(this.debit);
    const credit = table.wordsOf(this.credit);
    const creditBase = table.baseOf(this.credit);
    if (!fitsDebits(debit, debitBase, low, high)) return RESULT.balance_overflow;
    if (!fitsCredits(credit, creditBase, low, high)) {
      return RESULT.balance_overflow;
    }
    if (((credit[creditBase + KIND_AND_FLAGS] as number) & KIND_MASK) === SETTLEMENT) {
      if (!this.#leavesRoom(this.credit, low, high)) return RESULT.balance_overflow;
    }
    if (this.debitSettlement >= 0 && !this.#fitsLeg()) return RESULT.balance_overflow;
    if (!isEnough) return RESULT.insufficient_funds;
    if (((debit[debitBase + KIND_AND_FLAGS] as number) & DEBITS_LIMITED) !== 0) {
      if (!holds(debit, debitBase, low, high)) return RESULT.insufficient_funds;
    }
    if (((credit[creditBase + KIND_AND_FLAGS] as number) & CREDITS_LIMITED) !== 0) {
      const [first, second] = [creditBase + CREDITS_PENDING, creditBase + CREDITS_POSTED];
      if (!sumWithin(credit, first, second, creditBase + DEBITS_POSTED, low, high)) return RESULT.exceeds_debits;
    }
    return 0;
  }

  #fitsLeg(): boolean {
    const table = this.#state.accounts.table;
    const { legLow: low, legHigh: high } = this;
    if (this.leg === LEG_GROSS) {
      const debit = table.wordsOf(this.debitSettlement);
      if (!fitsDebits(debit, table.baseOf(this.debitSettlement), low, high)) return false;
      return this.#leavesRoom(this.creditSettlement, low, high);
    }
    const { positions } = this.#state;
    positions.measureDebits(this.asset, this.payer, low, high);
    if (!positions.isWithinSide) return false;
    positions.measureCredits(this.asset, this.payee, low, high);
    return positions.isWithinSide && this.#leavesRoom(this.creditSettlement, low, high);
  }

  /**
   * Whether a settlement account can be credited an amount and, later, all that its bank may get from windows: so no
   * settlement ever finds it full. Positions stay below 2^63, so the lower half needs no look at them.
   */
  #leavesRoom(account: number, low: number, high: number): boolean {
    const { accounts, positions } = this.#state;
    const words = accounts.table.wordsOf(account);
    const base = accounts.table.baseOf(account);
    if (fitsBelowHalf(words, base + CREDITS_PENDING, base + CREDITS_POSTED, low, high)) return true;
    const asset = words[base + ASSET] as number;
    positions.measureCredits(asset, words[base + OWNER] as number, low, high);
    return sumFits(words, base + CREDITS_PENDING, base + CREDITS_POSTED, positions.low, positions.high);
  }

  #judgeResolution(at: number, flags: number): number {
    const words = this.#words;
    const isPost = (flags & POST) !== 0;
    if ((flags & (PENDING | VOID | BALANCING)) !== (isPost ? 0 : VOID)) return RESULT.flags_are_mutually_exclusive;
    if (this.#isZeroId(at + record.PENDING_ID)) return RESULT.pending_id_must_not_be_zero;
    if (words[at + record.TIMEOUT] !== 0) return RESULT.timeout_reserved_for_pending;
    const ids = this.#state.ids;
    const seen = ids.index.findAt(words, at + record.PENDING_ID);
    if (seen < 0) return RESULT.pending_transfer_not_found;
    switch (ids.stateOf(seen)) {
      case STATE_NONE:
        return RESULT.pending_transfer_not_pending;
      case STATE_POSTED:
        return RESULT.pending_transfer_already_posted;
      case STATE_VOIDED:
        return RESULT.pending_transfer_already_voided;
      case STATE_EXPIRED:
        return RESULT.pending_transfer_expired;
    }
    this.place = ids.placeOf(seen);
    const table = this.#state.pendings.table;
    const entry = table.wordsOf(this.place);
    const base = table.baseOf(this.place);
    if (countAt(entry, base + pending.DEADLINE) <= this.#timestamp) return RESULT.pending_transfer_expired;
    const waiting = (entry[base + pending.LEG] as number) & (pending.QUEUED | pending.HELD);
    const refusal = this.#judgeAgreement(at, entry, base, isPost);
    // What is queued its bank may withdraw; what is held only an approve key ends.
    if (waiting === pending.QUEUED && isPost && (refusal === 0 || refusal > QUEUED_PENDING)) return QUEUED_PENDING;
    if (waiting === pending.HELD && (refusal === 0 || refusal > HELD_PENDING)) return HELD_PENDING;
    if (refusal !== 0 || !isPost) return refusal === 0 ? RESULT.voided : refusal;
    const frozen = this.#judgeFrozen();
    return frozen === 0 ? POSTED : frozen;
  }

  /** What a post or void says must agree with the pending transfer, where it says anything. */
  #judgeAgreement(at: number, entry: Uint32Array, base: number, isPost: boolean): number {
    const words = this.#words;
    this.takeSides(entry, base);
    if (!this.#agrees(at + record.DEBIT, entry, base + record.DEBIT))
      return RESULT.pending_transfer_has_different_debit_account;
    if (!this.#agrees(at + record.CREDIT, entry, base + record.CREDIT))
      return RESULT.pending_transfer_has_different_credit_account;
    if (words[at + record.ASSET] !== entry[base + record.ASSET]) return RESULT.pending_transfer_has_different_asset;
    const rail = record.railAt(words, at);
    if (rail !== record.railAt(entry, base)) return RESULT.pending_transfer_has_different_rail;
    const reservedLow = entry[base + pending.RESERVED_AMOUNT] as number;
    const reservedHigh = entry[base + pending.RESERVED_AMOUNT + 1] as number;
    this.low = words[at + record.AMOUNT] as number;
    this.high = words[at + record.AMOUNT + 1] as number;
    if (this.low === 0 && this.high === 0) {
      this.low = reservedLow;
      this.high = reservedHigh;
    }
    const order = compareAmounts(this.low, this.high, reservedLow, reservedHigh);
    if (order > 0) return RESULT.exceeds_pending_amount;
    this.#setLeg(entry[base + pending.FEE] as number, entry[base + pending.FEE + 1] as number);
    const isExact = ((entry[base + pending.LEG] as number) & pending.NEEDS_ACCEPTANCE) !== 0;
    const mayBePart = isPost && !isExact && this.#state.rules.rail(rail)?.partialPost === true;
    return order < 0 && !mayBePart ? RESULT.partial_amount_not_allowed : 0;
  }

  takeSides(entry: Uint32Array, base: number): void {
    this.debit = entry[base + pending.DEBIT] as number;
    this.credit = entry[base + pending.CREDIT] as number;
    this.debitSettlement = (entry[base + pending.DEBIT_SETTLEMENT] as number) - 1;
    this.creditSettlement = (entry[base + pending.CREDIT_SETTLEMENT] as number) - 1;
    const leg = entry[base + pending.LEG] as number;
    this.leg = leg & pending.LEG_MASK;
    this.waiting = leg & (pending.QUEUED | pending.HELD);
    this.laterLeg = (leg >>> pending.LATER_LEG_SHIFT) & pending.LEG_MASK;
    if (this.leg === LEG_NET) this.takeBanks(entry, base);
  }

  /** The banks of a pending transfer. */
  takeBanks(entry: Uint32Array, base: number): void {
    const { table } = this.#state.accounts;
    this.asset = entry[base + record.ASSET] as number;
    this.payer = table.wordsOf(this.debit)[table.baseOf(this.debit) + OWNER] as number;
    this.payee = table.wordsOf(this.credit)[table.baseOf(this.credit) + OWNER] as number;
  }

  /** Whether the id at `words[at]` is zero or the one at `entry[other]`. */
  #agrees(at: number, entry: Uint32Array, other: number): boolean {
    if (this.#isZeroId(at)) return true;
    for (let word = 0; word < 4; word += 1) if (this.#words[at + word] !== entry[other + word]) return false;
    return true;
  }
}

const ROUTE_NONE = 0;
const ROUTE_WITHIN = 1;
const ROUTE_ACROSS = 2;
const ROUTE_FROM_RESERVE = 3;

/** The closed table of who may pay whom (LEDG-9): not at all, by one double entry, or with a settlement leg. */
function routeOf(debitKind: number, creditKind: number, isSameOwner: boolean): number {
  switch (debitKind) {
    case CUSTOMER:
      if (creditKind === CUSTOMER) return isSameOwner ? ROUTE_WITHIN : ROUTE_ACROSS;
      return creditKind === CLEARING && isSameOwner ? ROUTE_WITHIN : ROUTE_NONE;
    case CLEARING:
      return creditKind === CUSTOMER && isSameOwner ? ROUTE_WITHIN : ROUTE_NONE;
    case SETTLEMENT:
      if (creditKind === RESERVE) return isSameOwner ? ROUTE_WITHIN : ROUTE_NONE;
      return creditKind === SETTLEMENT || creditKind === ISSUANCE ? ROUTE_WITHIN : ROUTE_NONE;
    case RESERVE:
      if (creditKind === ISSUANCE) return ROUTE_FROM_RESERVE;
      return creditKind === SETTLEMENT && isSameOwner ? ROUTE_FROM_RESERVE : ROUTE_NONE;
    case ISSUANCE:
      return creditKind === SETTLEMENT || creditKind === RESERVE ? ROUTE_WITHIN : ROUTE_NONE;
    default:
      return ROUTE_NONE;
  }
}

/** Kinds of a bank's accounts that the issuer may debit back. */
const isBanksOwn = (kind: number): boolean => kind === SETTLEMENT || kind === RESERVE;

/** Whether debits pending + debits posted + amount fit in 64 bits. */
const fitsDebits = (words: Uint32Array, base: number, low: number, high: number): boolean =>
  sumFits(words, base + DEBITS_PENDING, base + DEBITS_POSTED, low, high);

/** Whether credits pending + credits posted + amount fit in 64 bits. */
const fitsCredits = (words: Uint32Array, base: number, low: number, high: number): boolean =>
  sumFits(words, base + CREDITS_PENDING, base + CREDITS_POSTED, low, high);

/** Whether debits pending + debits posted + amount ≤ credits posted: the account holds the amount. */
const holds = (words: Uint32Array, base: number, low: number, high: number): boolean =>
  sumWithin(words, base + DEBITS_PENDING, base + DEBITS_POSTED, base + CREDITS_POSTED, low, high);

const ON_ACCOUNT = new Uint32Array(2);

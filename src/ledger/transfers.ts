import { sha256 } from "../crypto/index.js";
import { RESULT } from "../formats/index.js";
import type { Height } from "../primitives/index.js";
import { CREDITS_PENDING, CREDITS_POSTED, DEBITS_PENDING, DEBITS_POSTED } from "./accounts.js";
import { addTo, subtractFrom } from "./limbs.js";
import { OF_BANK } from "./limits.js";
import { NO_BATCH } from "./outcome-log.js";
import * as pending from "./pendings.js";
import type { Rail } from "./rules.js";
import { KIND_TRANSFER, STATE_EXPIRED, STATE_POSTED, STATE_VOIDED } from "./seen-ids.js";
import { SettlementLegs } from "./settlement-legs.js";
import type { State } from "./state.js";
import { type BlockTime, LEG_GROSS, LEG_NET, PREPARED_MAX, TransferJudge } from "./transfer-judge.js";
import {
  COUNT_WORD,
  FLAGS,
  HEADER_WORDS,
  LINKED,
  POST,
  priorityAt,
  purposeAt,
  RECORD_WORDS,
  railAt,
  SALT_WORD,
  SALT_WORDS,
  TIMEOUT,
  VOID,
} from "./transfer-words.js";

/** Read for every transfer; a property of the table of all codes would cost a look-up each. */
const APPLIED = RESULT.applied;
const POSTED = RESULT.posted;
const RESERVED = RESULT.reserved;
const QUEUED = RESULT.queued;
const HELD = RESULT.held;
const ID_ALREADY_FAILED = RESULT.id_already_failed;
const LINKED_EVENT_FAILED = RESULT.linked_event_failed;

const GIVEN_BACK = new Uint32Array(2);
const WITH_FEE = new Uint32Array(2);

/**
 * Executes the transfers of batches and the expiry of pending ones: each is judged first and performed
 * only when nothing speaks against it.
 */
export class TransferExecution {
  readonly #state: State;
  readonly #judge: TransferJudge;
  readonly #legs: SettlementLegs;
  #height = 0 as Height;
  #timestamp = 0;
  #day = 0;
  #words: Uint32Array = new Uint32Array(0);
  #participant = 0;
  #batch = 0;
  /** Records of the batch that the judge has looked up accounts for. */
  #prepared = 0;

  constructor(state: State) {
    this.#state = state;
    this.#judge = new TransferJudge(state);
    this.#legs = new SettlementLegs(state, this.#judge);
  }

  openBlock(block: BlockTime): void {
    this.#height = block.height;
    this.#state.ids.openBlock(block.height);
    this.#timestamp = block.timestamp;
    this.#day = block.schemeDay;
    this.#judge.openBlock(block);
  }

  /** @param words the whole signed batch, well formed and signed by a key in scope */
  execute(words: Uint32Array, participant: number, batch: number): Uint16Array {
    this.#words = words;
    this.#participant = participant;
    this.#batch = batch;
    this.#judge.openBatch(words, participant);
    const count = words[COUNT_WORD] as number;
    const codes = new Uint16Array(count);
    this.#prepared = 0;
    for (let record = 0; record < count; ) {
      this.#prepareTo(record + 1, count);
      const flags = words[HEADER_WORDS + record * RECORD_WORDS + FLAGS] as number;
      if ((flags & LINKED) !== 0) record = this.#executeChain(codes, record, count);
      else {
        codes[record] = this.#executeOne(record);
        record += 1;
      }
    }
    return codes;
  }

  /** Expires due pending transfers, by (deadline, id), at most `limit` of them; each exactly once (LEDG-16). */
  expireDue(limit: number): void {
    const state = this.#state;
    for (let expired = 0; expired < limit; expired += 1) {
      const place = state.pendings.due(this.#timestamp);
      if (place === undefined) return;
      this.free(place, RESULT.expired, STATE_EXPIRED);
    }
  }

  /** Ends a pending transfer without paying it, by the ledger itself: its money is free again. */
  free(place: number, code: number, stateAfter: number): void {
    const judge = this.#judge;
    const { table } = this.#state.pendings;
    const entry = table.wordsOf(place);
    const base = table.baseOf(place);
    judge.place = place;
    judge.takeSides(entry, base);
    judge.low = entry[base + pending.RESERVED_AMOUNT] as number;
    judge.high = entry[base + pending.RESERVED_AMOUNT + 1] as number;
    this.#release(place);
    this.#resolve(stateAfter, this.#logSystem(code, entry, base));
  }

  /** Whether a transfer that waits can be paid, or reserved, now; 0, or the code of what speaks against it. */
  judgeWaiting(place: number, isPending: boolean): number {
    return this.#judge.judgeWaiting(place, isPending);
  }

  /** Pays the transfer that `judgeWaiting` has just found payable. */
  payWaiting(): void {
    const judge = this.#judge;
    const { table } = this.#state.pendings;
    const entry = table.wordsOf(judge.place);
    const base = table.baseOf(judge.place);
    const { leg } = judge;
    // While it waited it had no leg, so there is none to take back.
    judge.leg = 0;
    this.#release(judge.place);
    judge.leg = leg;
    this.#move(DEBITS_POSTED, CREDITS_POSTED);
    if (leg !== 0) this.#legs.post(this.#timestamp, entry, base + pending.SALT);
    this.#resolve(STATE_POSTED, this.#logSystem(RESULT.released, entry, base));
  }

  /** Lets the held transfer that `judgeWaiting` has just found good wait for its post, as it asked for. */
  reserveHeld(): void {
    const judge = this.#judge;
    const { pendings, rules } = this.#state;
    const entry = pendings.table.wordsOf(judge.place);
    const base = pendings.table.baseOf(judge.place);
    pendings.table.touch(judge.place);
    entry[base + pending.LEG] = judge.leg | ((entry[base + pending.LEG] as number) & pending.NEEDS_ACCEPTANCE);
    entry.fill(0, base + pending.RULE, base + pending.APPROVED_BY + 1);
    if (judge.leg !== 0) this.#legs.reserve(this.#timestamp);
    const usual = rules.rail(railAt(entry, base))?.timeoutSecondsUsual ?? 0;
    const timeout = (entry[base + TIMEOUT] as number) || usual || 1;
    pendings.postpone(judge.place, this.#timestamp + timeout * 1_000);
  }

  /** An outcome of a pending transfer that no batch brought about; returns its index. */
  #logSystem(code: number, entry: Uint32Array, base: number): number {
    const { log } = this.#state;
    const outcome = log.count;
    const submitter = entry[base + pending.SUBMITTER] as number;
    log.add(code, submitter, NO_BATCH, entry[base + pending.RECORD_INDEX] as number);
    this.#logSides();
    log.system(entry.subarray(base, base + RECORD_WORDS), resolutionSalt(entry, base + pending.SALT));
    return outcome;
  }

  /** Prepares records ahead until at least the first `end` of the batch's `count` are prepared. */
  #prepareTo(end: number, count: number): void {
    while (this.#prepared < end) {
      const to = Math.min(count, this.#prepared + PREPARED_MAX);
      this.#judge.prepare(this.#prepared, to);
      this.#prepared = to;
    }
  }

  #executeOne(record: number): number {
    const at = HEADER_WORDS + record * RECORD_WORDS;
    const code = this.#judge.judge(at);
    if (code <= APPLIED) this.#perform(at, record, code);
    else if (code > ID_ALREADY_FAILED) this.#consume(at, record, code);
    return code;
  }

  /** A chain succeeds or fails as a whole; a failed one consumes all its ids. Returns the record after it. */
  #executeChain(codes: Uint16Array, first: number, count: number): number {
    let last = first;
    while (last < count && this.#isLinked(last)) last += 1;
    const isOpen = last === count;
    const end = isOpen ? count : last + 1;
    this.#prepareTo(end, count);
    if (isOpen) {
      this.#failChain(codes, { first, failed: count - 1, end, code: RESULT.linked_event_chain_open, done: 0 });
      return end;
    }
    const state = this.#state;
    state.begin();
    this.#judge.isChained = true;
    const idsBefore = state.ids.table.count;
    for (let record = first; record < end; record += 1) {
      const at = HEADER_WORDS + record * RECORD_WORDS;
      let code = this.#judge.judge(at);
      if (code <= APPLIED) {
        this.#perform(at, record, code);
        codes[record] = code;
        continue;
      }
      // A repetition of a transfer of this very chain, which now fails: it must not read as paid.
      if (code === RESULT.exists && this.#judge.seen >= idsBefore) code = RESULT.id_already_failed;
      state.rollback();
      this.#judge.isChained = false;
      this.#failChain(codes, { first, failed: record, end, code, done: record - first });
      return end;
    }
    state.commit();
    this.#judge.isChained = false;
    return end;
  }

  /** The first `done` transfers had succeeded and been undone: their ids are consumed already, in order. */
  #failChain(
    codes: Uint16Array,
    chain: { first: number; failed: number; end: number; code: number; done: number },
  ): void {
    const ids = this.#state.ids;
    const undone = ids.table.count - chain.done;
    for (let record = chain.first; record < chain.end; record += 1) {
      const at = HEADER_WORDS + record * RECORD_WORDS;
      if (record - chain.first < chain.done) {
        codes[record] = LINKED_EVENT_FAILED;
        this.#state.log.add(LINKED_EVENT_FAILED, this.#participant, this.#batch, record);
        ids.fail(undone + record - chain.first, LINKED_EVENT_FAILED);
        continue;
      }
      const own = record === chain.failed ? chain.code : LINKED_EVENT_FAILED;
      const refusal = this.#judge.judgeRight(at);
      const code = refusal === 0 || refusal > own ? own : refusal;
      codes[record] = code;
      if (code > ID_ALREADY_FAILED) this.#consume(at, record, code);
    }
  }

  #isLinked(record: number): boolean {
    return ((this.#words[HEADER_WORDS + record * RECORD_WORDS + FLAGS] as number) & LINKED) !== 0;
  }

  /** Consumes an id with a failure: nothing else changes. */
  #consume(at: number, record: number, code: number): void {
    const state = this.#state;
    const outcome = state.log.count;
    state.log.add(code, this.#participant, this.#batch, record);
    state.ids.consume(this.#words, at, code, KIND_TRANSFER, outcome);
  }

  #perform(at: number, record: number, code: number): void {
    const state = this.#state;
    const flags = this.#words[at + FLAGS] as number;
    const isResolution = (flags & (POST | VOID)) !== 0;
    if (isResolution) this.#release(this.#judge.place);
    if (code === POSTED) {
      this.#move(DEBITS_POSTED, CREDITS_POSTED);
      if (this.#judge.leg !== 0) this.#legs.post(this.#timestamp, this.#words);
    } else if (code === RESERVED) {
      this.#move(DEBITS_PENDING, CREDITS_PENDING);
      if (this.#judge.leg !== 0) this.#legs.reserve(this.#timestamp);
    } else if (code === QUEUED || code === HELD) this.#move(DEBITS_PENDING, CREDITS_PENDING);
    const outcome = state.log.count;
    state.log.add(code, this.#participant, this.#batch, record);
    this.#logSides();
    const seen = state.ids.consume(this.#words, at, code, KIND_TRANSFER, outcome);
    if (isResolution) this.#resolve(code === POSTED ? STATE_POSTED : STATE_VOIDED, outcome);
    else {
      const rail = state.rules.rail(railAt(this.#words, at));
      if (rail?.isCounted === true) this.#count(rail);
      if (state.screening !== undefined) this.#countVelocity(at, rail?.number ?? 0);
      if (code !== POSTED) this.#reserve(at, record, seen, code);
    }
  }

  /** Counts an initiation against the limits of its account and of its bank. */
  #count(rail: Rail): void {
    const { limits, windows } = this.#state;
    const { asset, debit, debitSettlement, low, high } = this.#judge;
    if (rail.hasDailyMaximum) limits.count(debit, rail.number, this.#day, low, high);
    if (rail.hasWindowMaximum && this.#judge.leg === LEG_NET) {
      limits.count(debitSettlement, rail.number + OF_BANK, windows.openNumber(asset), low, high);
    }
  }

  #countVelocity(at: number, rail: number): void {
    const { debit, credit, low, high } = this.#judge;
    const purpose = purposeAt(this.#words, at);
    this.#state.screening?.count({ rail, purpose, debit, credit, low, high }, this.#timestamp);
  }

  /** Adds the amount to a balance of both accounts. */
  #move(debits: number, credits: number): void {
    this.#add(this.#judge.debit, debits);
    this.#add(this.#judge.credit, credits);
  }

  #add(account: number, balance: number): void {
    const table = this.#state.accounts.table;
    table.touch(account);
    addTo(table.wordsOf(account), table.baseOf(account) + balance, this.#judge.low, this.#judge.high);
  }

  #logSides(): void {
    const log = this.#state.log;
    log.amount(this.#judge.low, this.#judge.high);
    log.debit(this.#judge.debit);
    log.credit(this.#judge.credit);
    if (this.#judge.leg === LEG_GROSS) log.settlement(this.#judge.debitSettlement, this.#judge.creditSettlement);
  }

  /** Takes the whole reservation of a pending transfer back. */
  #release(place: number): void {
    const table = this.#state.pendings.table;
    const entry = table.wordsOf(place);
    const at = table.baseOf(place) + pending.RESERVED_AMOUNT;
    const fee = table.baseOf(place) + pending.FEE;
    const low = entry[at] as number;
    const high = entry[at + 1] as number;
    this.#subtract(this.#judge.debit, DEBITS_PENDING, low, high);
    this.#subtract(this.#judge.credit, CREDITS_PENDING, low, high);
    if (this.#judge.leg === 0) return;
    addTo(WITH_FEE, 0, low, high);
    addTo(WITH_FEE, 0, entry[fee] as number, entry[fee + 1] as number);
    this.#legs.release(WITH_FEE[0] as number, WITH_FEE[1] as number);
    WITH_FEE.fill(0);
  }

  #subtract(account: number, balance: number, low: number, high: number): void {
    const table = this.#state.accounts.table;
    table.touch(account);
    subtractFrom(table.wordsOf(account), table.baseOf(account) + balance, low, high);
  }

  #reserve(at: number, record: number, seen: number, code: number): void {
    const state = this.#state;
    const place = state.pendings.add(seen, this.#timestamp + this.#judge.timeoutSeconds * 1_000);
    const entry = state.pendings.table.wordsOf(place);
    const base = state.pendings.table.baseOf(place);
    entry.set(this.#words.subarray(at, at + RECORD_WORDS), base);
    entry.set(this.#words.subarray(SALT_WORD, SALT_WORD + SALT_WORDS), base + pending.SALT);
    entry[base + pending.RESERVED_AMOUNT] = this.#judge.low;
    entry[base + pending.RESERVED_AMOUNT + 1] = this.#judge.high;
    entry[base + pending.DEBIT] = this.#judge.debit;
    entry[base + pending.CREDIT] = this.#judge.credit;
    entry[base + pending.DEBIT_SETTLEMENT] = this.#judge.debitSettlement + 1;
    entry[base + pending.CREDIT_SETTLEMENT] = this.#judge.creditSettlement + 1;
    entry[base + pending.SUBMITTER] = this.#participant;
    entry[base + pending.RECORD_INDEX] = record;
    entry[base + pending.SCHEME_DAY] = this.#day;
    const needsAcceptance = state.rules.rail(railAt(entry, base))?.needsAcceptance === true;
    const leg =
      code === RESERVED ? this.#judge.leg : this.#waitFlags(code) | (this.#judge.leg << pending.LATER_LEG_SHIFT);
    entry[base + pending.LEG] = leg | (needsAcceptance ? pending.NEEDS_ACCEPTANCE : 0);
    if (code === HELD) entry[base + pending.RULE] = this.#judge.hold?.rule ?? 0;
    if (code === QUEUED) {
      const { asset, payer: bank } = this.#judge;
      state.queues.add(seen, { asset, bank, priority: priorityAt(this.#words, at) });
    }
    if (this.#judge.leg !== 0) {
      entry[base + pending.FEE] = this.#judge.feeLow;
      entry[base + pending.FEE + 1] = this.#judge.feeHigh;
      entry[base + pending.WINDOW] = state.windows.openNumber(this.#judge.asset);
    }
    state.participants.countPending(this.#participant, 1);
  }

  #waitFlags(code: number): number {
    if (code === QUEUED) return pending.QUEUED;
    return pending.HELD | (this.#judge.hold?.needsTwo === true ? pending.NEEDS_TWO : 0);
  }

  /** Ends the pending transfer at `#place`: the limit gets back what was not paid. */
  #resolve(stateAfter: number, outcome: number): void {
    const state = this.#state;
    const entry = state.pendings.table.wordsOf(this.#judge.place);
    const base = state.pendings.table.baseOf(this.#judge.place);
    const back = GIVEN_BACK;
    back[0] = entry[base + pending.RESERVED_AMOUNT] as number;
    back[1] = entry[base + pending.RESERVED_AMOUNT + 1] as number;
    if (stateAfter === STATE_POSTED) subtractFrom(back, 0, this.#judge.low, this.#judge.high);
    const rail = railAt(entry, base);
    const day = entry[base + pending.SCHEME_DAY] as number;
    state.limits.giveBack(this.#judge.debit, rail, day, back[0] as number, back[1] as number);
    if (this.#judge.leg === LEG_NET || this.#judge.laterLeg === LEG_NET) {
      const window = entry[base + pending.WINDOW] as number;
      state.limits.giveBack(this.#judge.debitSettlement, rail + OF_BANK, window, back[0] as number, back[1] as number);
    }
    state.participants.countPending(entry[base + pending.SUBMITTER] as number, -1);
    const idIndex = entry[base + pending.ID_INDEX] as number;
    if (((entry[base + pending.LEG] as number) & pending.QUEUED) !== 0) state.queues.remove(idIndex);
    state.ids.resolve(idIndex, stateAfter, this.#height, outcome);
    state.pendings.remove(this.#judge.place);
  }
}

/**
 * Salt of an outcome that the system itself adds to a record: H(batch salt ‖ 32 bytes of ones). With the
 * batch's own salt, opening the commitment of the reservation would open that of its expiry too.
 */
export function resolutionSalt(words: Uint32Array, at: number): Uint32Array {
  const preimage = new Uint8Array(64).fill(0xff);
  preimage.set(new Uint8Array(words.slice(at, at + SALT_WORDS).buffer));
  return new Uint32Array(sha256(preimage).slice().buffer);
}

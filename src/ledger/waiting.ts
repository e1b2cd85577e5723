import { ACCOUNT_ACTIONS, RESULT } from "../formats/index.js";
import type { ParticipantNumber } from "../primitives/index.js";
import { ASSET, CREDITS_PENDING, CREDITS_POSTED, DEBITS_PENDING, DEBITS_POSTED, OWNER } from "./accounts.js";
import { amountAt, countAt } from "./limbs.js";
import * as pending from "./pendings.js";
import { STATE_PENDING, STATE_VOIDED } from "./seen-ids.js";
import type { State } from "./state.js";
import { COUNT_WORD, FLAGS, HEADER_WORDS, PENDING, ASSET as RECORD_ASSET, RECORD_WORDS } from "./transfer-words.js";
import type { TransferExecution } from "./transfers.js";
import type { HeldTransferView, QueuedTransferView } from "./views.js";

/** Where an action names the transfer that it is about, and another priority. */
const ACTION_TRANSFER = 4;
const ACTION = 12;

/** Who signed a batch of actions, and what for. */
export interface Decider {
  readonly participant: number;
  /** Index of the key among all keys. */
  readonly key: number;
  readonly mayApprove: boolean;
  readonly maySubmit: boolean;
}

/** No balance passes 64 bits. */
const U64 = 1n << 64n;

/**
 * Transfers that wait: in their banks' queues for liquidity, or on hold for a decision. Only the customers' money is
 * reserved meanwhile; the leg between the banks is judged when they are paid (LEDG-28 … LEDG-31).
 */
export class WaitingTransfers {
  readonly #state: State;
  readonly #transfers: TransferExecution;
  #timestamp = 0;

  constructor(state: State, transfers: TransferExecution) {
    this.#state = state;
    this.#transfers = transfers;
  }

  openBlock(block: { readonly timestamp: number }): void {
    this.#timestamp = block.timestamp;
  }

  /** Pays what banks can pay from the heads of their queues, looking at `limit` transfers at most. */
  releaseQueued(limit: number): void {
    for (const _ of this.#payable(limit)) this.#transfers.payWaiting();
  }

  /** Whether the next block would pay something from a queue: then it is due now. */
  isReleaseDue(limit: number): boolean {
    return this.#payable(limit).next().done !== true;
  }

  /** Stops at each queued transfer that has just been found payable, looking at `limit` of them at most. */
  *#payable(limit: number): Generator<void, void, undefined> {
    let looked = 0;
    for (const { ids } of this.#state.queues.all()) {
      // A copy, since whoever is stopped for may pay, which takes the transfer out of its queue.
      for (const idIndex of [...ids]) {
        if (looked === limit) return;
        looked += 1;
        const code = this.#judgeQueued(idIndex);
        if (code === 0) yield;
        else if (!isPassedOver(code)) break;
      }
    }
  }

  /** 0 if a queued transfer can be paid now. From its deadline on it is not, even where a block cannot expire all. */
  #judgeQueued(idIndex: number): number {
    const { ids, pendings } = this.#state;
    const place = ids.placeOf(idIndex);
    const deadline = countAt(pendings.table.wordsOf(place), pendings.table.baseOf(place) + pending.DEADLINE);
    return deadline <= this.#timestamp ? RESULT.pending_transfer_expired : this.#transfers.judgeWaiting(place, false);
  }

  /** Right to decide about the transfer that an action names; 0 if nothing speaks against it. */
  judgeRight(words: Uint32Array, at: number, by: Decider): number {
    const mayDecide = this.#isDecision(words, at) ? by.mayApprove : by.maySubmit;
    // The number of whoever initiated it begins the transfer's id, as it begins the action's.
    return mayDecide && words[at + ACTION_TRANSFER] === words[at] ? 0 : RESULT.not_authorised;
  }

  /** Does what an action asks for, whose right was judged; 0, or the code of what speaks against it. */
  decide(words: Uint32Array, at: number, by: Decider): number {
    const { ids, pendings, queues } = this.#state;
    const idIndex = ids.index.findAt(words, at + ACTION_TRANSFER);
    const missing = this.#isDecision(words, at) ? RESULT.transfer_not_held : RESULT.transfer_not_queued;
    if (idIndex < 0) return RESULT.pending_transfer_not_found;
    if (ids.stateOf(idIndex) !== STATE_PENDING) return missing;
    const place = ids.placeOf(idIndex);
    const entry = pendings.table.wordsOf(place);
    const base = pendings.table.baseOf(place);
    if (countAt(entry, base + pending.DEADLINE) <= this.#timestamp) return RESULT.pending_transfer_expired;
    const flags = entry[base + pending.LEG] as number;
    const action = (words[at + ACTION] as number) & 0xff;
    if (action === ACCOUNT_ACTIONS.queue_reprioritise) {
      if ((flags & pending.QUEUED) === 0) return missing;
      queues.reprioritise(idIndex, ((words[at + ACTION] as number) >>> 8) & 0xff);
      return 0;
    }
    if ((flags & pending.HELD) === 0) return missing;
    if (action === ACCOUNT_ACTIONS.release_hold) return this.#release(place, by.key);
    this.#transfers.free(place, RESULT.returned, STATE_VOIDED);
    return 0;
  }

  #isDecision(words: Uint32Array, at: number): boolean {
    return ((words[at + ACTION] as number) & 0xff) !== ACCOUNT_ACTIONS.queue_reprioritise;
  }

  /** The first of two approvals is only noted; the money moves with the last. */
  #release(place: number, key: number): number {
    const { pendings } = this.#state;
    const entry = pendings.table.wordsOf(place);
    const base = pendings.table.baseOf(place);
    if (((entry[base + pending.LEG] as number) & pending.NEEDS_TWO) !== 0) {
      const first = entry[base + pending.APPROVED_BY] as number;
      if (first === key + 1) return RESULT.approved_already;
      if (first === 0) {
        pendings.table.touch(place);
        entry[base + pending.APPROVED_BY] = key + 1;
        return 0;
      }
    }
    const isPending = ((entry[base + FLAGS] as number) & PENDING) !== 0;
    const refusal = this.#transfers.judgeWaiting(place, isPending);
    if (refusal !== 0) return refusal;
    if (isPending) this.#transfers.reserveHeld();
    else this.#transfers.payWaiting();
    return 0;
  }

  /**
   * Pays a set of queued transfers at once, so that banks which wait for each other's payments need only what they owe
   * in the end. All or nothing: every record gets the same code.
   *
   * @param words the whole signed batch, whose records begin with the ids of queued transfers
   */
  settleSet(words: Uint32Array): Uint16Array {
    const count = words[COUNT_WORD] as number;
    const places: number[] = [];
    let refusal = 0;
    for (let record = 0; record < count && refusal === 0; record += 1) {
      const idIndex = this.#state.ids.index.findAt(words, HEADER_WORDS + record * RECORD_WORDS);
      refusal = this.#judgeMember(idIndex);
      if (refusal === 0) places.push(this.#state.ids.placeOf(idIndex));
    }
    if (refusal === 0) refusal = this.#judgeSet(places);
    if (refusal === 0) this.#pay(places);
    return new Uint16Array(count).fill(refusal === 0 ? RESULT.applied : refusal);
  }

  #judgeMember(idIndex: number): number {
    const { ids, pendings } = this.#state;
    if (idIndex < 0) return RESULT.pending_transfer_not_found;
    if (ids.stateOf(idIndex) !== STATE_PENDING) return RESULT.transfer_not_queued;
    const place = ids.placeOf(idIndex);
    const flags = pendings.table.wordsOf(place)[pendings.table.baseOf(place) + pending.LEG] as number;
    if ((flags & pending.QUEUED) === 0) return RESULT.transfer_not_queued;
    const code = this.#judgeQueued(idIndex);
    // Liquidity is what the set as a whole is judged by.
    return code === RESULT.insufficient_liquidity ? 0 : code;
  }

  #judgeSet(places: readonly number[]): number {
    const members = places.map((place) => this.#view(place));
    const ids = new Set(members.map(({ idIndex }) => idIndex));
    if (ids.size !== members.length || members.some(({ asset }) => asset !== members[0]?.asset)) {
      return RESULT.settle_set_repeats;
    }
    const flows = new Map<number, { out: bigint; in: bigint; count: number }>();
    const flowOf = (account: number): { out: bigint; in: bigint; count: number } => {
      const known = flows.get(account) ?? { out: 0n, in: 0n, count: 0 };
      flows.set(account, known);
      return known;
    };
    for (const { from, to, amount } of members) {
      flowOf(from).out += amount;
      flowOf(from).count += 1;
      flowOf(to).in += amount;
    }
    for (const { asset, bank, from } of members) {
      if (this.#passesOver(asset, bank, ids, flowOf(from).count)) return RESULT.settle_set_bypasses;
    }
    for (const [account, flow] of flows) if (!this.#covers(account, flow)) return RESULT.settle_set_not_covered;
    return 0;
  }

  /** Whether a bank's transfers in the set are not the first of its queue; those passed over do not count. */
  #passesOver(asset: number, bank: number, ids: ReadonlySet<number>, count: number): boolean {
    let found = 0;
    for (const idIndex of this.#state.queues.of(asset, bank)) {
      if (found === count) return false;
      if (ids.has(idIndex)) found += 1;
      else if (!isPassedOver(this.#judgeQueued(idIndex))) return true;
    }
    return found !== count;
  }

  /** Whether a settlement account keeps all bounds after the simultaneous step. */
  #covers(account: number, flow: { readonly out: bigint; readonly in: bigint }): boolean {
    const { table } = this.#state.accounts;
    const words = table.wordsOf(account);
    const base = table.baseOf(account);
    const [debits, credits] = [DEBITS_POSTED, CREDITS_POSTED].map((at) => amountAt(words, base + at)) as [
      bigint,
      bigint,
    ];
    const debitsPending = amountAt(words, base + DEBITS_PENDING);
    const creditsPending = amountAt(words, base + CREDITS_PENDING);
    const isCovered = debits + debitsPending + flow.out <= credits + flow.in;
    // Each credit fitted for itself when it was queued; here they come together.
    return isCovered && debits + debitsPending + flow.out < U64 && credits + creditsPending + flow.in < U64 / 2n;
  }

  /** In the order of their ids, whatever order the set was written in. */
  #pay(places: readonly number[]): void {
    const ids = places.map((place) => this.#view(place).idIndex).sort((left, right) => left - right);
    for (const idIndex of ids) {
      this.#transfers.judgeWaiting(this.#state.ids.placeOf(idIndex), false);
      this.#transfers.payWaiting();
    }
  }

  /** Every transfer in a queue, banks and queues in order. */
  queued(): readonly QueuedTransferView[] {
    const { ids, queues } = this.#state;
    return queues.all().flatMap(({ asset, ids: waiting }) =>
      waiting.map((idIndex) => {
        const { amount, bank, payee, deadline } = this.#view(ids.placeOf(idIndex));
        const priority = queues.priorityOf(idIndex);
        return {
          id: ids.idOf(idIndex),
          asset,
          bank,
          payee,
          amount,
          priority,
          deadline,
          isFrozen: isPassedOver(this.#judgeQueued(idIndex)),
        };
      }),
    );
  }

  /** Transfers on hold that a participant initiated. */
  held(participant: number): readonly HeldTransferView[] {
    const { ids, pendings } = this.#state;
    const views: HeldTransferView[] = [];
    for (let place = 0; place < pendings.table.count; place += 1) {
      const entry = pendings.table.wordsOf(place);
      const base = pendings.table.baseOf(place);
      const flags = entry[base + pending.LEG] as number;
      if ((flags & pending.HELD) === 0 || entry[base + pending.SUBMITTER] !== participant) continue;
      const isFirst = (flags & pending.NEEDS_TWO) !== 0 && entry[base + pending.APPROVED_BY] === 0;
      views.push({
        id: ids.idOf(entry[base + pending.ID_INDEX] as number),
        asset: entry[base + RECORD_ASSET] as number,
        amount: amountAt(entry, base + pending.RESERVED_AMOUNT),
        rule: entry[base + pending.RULE] as number,
        deadline: countAt(entry, base + pending.DEADLINE),
        approvalsLeft: isFirst ? 2 : 1,
      });
    }
    return views;
  }

  /** What a bank's settlement account holds beside what is reserved; 0 without one. */
  liquidityOf(asset: number, bank: number): bigint {
    const { accounts } = this.#state;
    const account = accounts.settlementOf(asset, bank);
    if (account < 0) return 0n;
    const words = accounts.table.wordsOf(account);
    const base = accounts.table.baseOf(account);
    const amount = (at: number): bigint => amountAt(words, base + at);
    return amount(CREDITS_POSTED) - amount(DEBITS_POSTED) - amount(DEBITS_PENDING);
  }

  #view(place: number): {
    idIndex: number;
    asset: number;
    bank: ParticipantNumber;
    payee: ParticipantNumber;
    from: number;
    to: number;
    amount: bigint;
    deadline: number;
  } {
    const { accounts, pendings } = this.#state;
    const entry = pendings.table.wordsOf(place);
    const base = pendings.table.baseOf(place);
    const ownerOf = (account: number): number =>
      accounts.table.wordsOf(account)[accounts.table.baseOf(account) + OWNER] as number;
    const from = (entry[base + pending.DEBIT_SETTLEMENT] as number) - 1;
    const to = (entry[base + pending.CREDIT_SETTLEMENT] as number) - 1;
    return {
      idIndex: entry[base + pending.ID_INDEX] as number,
      asset: accounts.table.wordsOf(from)[accounts.table.baseOf(from) + ASSET] as number,
      bank: ownerOf(from) as ParticipantNumber,
      payee: ownerOf(to) as ParticipantNumber,
      from,
      to,
      amount: amountAt(entry, base + pending.RESERVED_AMOUNT) + amountAt(entry, base + pending.FEE),
      deadline: countAt(entry, base + pending.DEADLINE),
    };
  }
}

/** It alone cannot be paid, and its bank's other payments need not wait for it. */
const isPassedOver = (code: number): boolean =>
  code === RESULT.debit_account_frozen ||
  code === RESULT.settlement_account_not_found ||
  code === RESULT.pending_transfer_expired;

import { CREDITS_PENDING, CREDITS_POSTED, DEBITS_PENDING, DEBITS_POSTED } from "./accounts.js";
import { addTo, subtractFrom } from "./limbs.js";
import { OPEN_CREDITS, OPEN_DEBITS, PENDING_CREDITS, PENDING_DEBITS } from "./positions.js";
import type { State } from "./state.js";
import { LEG_GROSS, LEG_NET, type TransferJudge } from "./transfer-judge.js";
import { SALT_WORD } from "./transfer-words.js";

/**
 * What moves between the banks beside the customers' money: settlement money at once on gross rails, the banks'
 * positions on net ones. The judge says which, between whom and how much, and has seen to it that it fits.
 */
export class SettlementLegs {
  readonly #state: State;
  readonly #judge: TransferJudge;

  constructor(state: State, judge: TransferJudge) {
    this.#state = state;
    this.#judge = judge;
  }

  /** @param salted the words of the batch that pays, or of the transfer that waited, with its salt at `saltAt` */
  post(timestamp: number, salted: Uint32Array, saltAt = SALT_WORD): void {
    const judge = this.#judge;
    const { legLow: low, legHigh: high } = judge;
    if (judge.leg === LEG_GROSS) {
      this.#add(judge.debitSettlement, DEBITS_POSTED, low, high);
      this.#add(judge.creditSettlement, CREDITS_POSTED, low, high);
    } else if (judge.leg === LEG_NET) {
      const { positions, windows } = this.#state;
      const { asset, payer, payee } = judge;
      positions.add(asset, payer, OPEN_DEBITS, low, high);
      positions.add(asset, payee, OPEN_CREDITS, low, high);
      positions.mixSalt(asset, payer, salted, saltAt);
      positions.mixSalt(asset, payee, salted, saltAt);
      windows.count({ asset, payer, payee, timestamp }, low, high);
    }
  }

  reserve(timestamp: number): void {
    const judge = this.#judge;
    const { legLow: low, legHigh: high } = judge;
    if (judge.leg === LEG_GROSS) {
      this.#add(judge.debitSettlement, DEBITS_PENDING, low, high);
      this.#add(judge.creditSettlement, CREDITS_PENDING, low, high);
    } else if (judge.leg === LEG_NET) {
      const { positions, windows } = this.#state;
      positions.add(judge.asset, judge.payer, PENDING_DEBITS, low, high);
      positions.add(judge.asset, judge.payee, PENDING_CREDITS, low, high);
      windows.initiate(judge.asset, timestamp);
    }
  }

  /** Takes a reservation of the judge's leg back, of an amount with the fee. */
  release(low: number, high: number): void {
    const judge = this.#judge;
    if (judge.leg === LEG_GROSS) {
      this.#subtract(judge.debitSettlement, DEBITS_PENDING, low, high);
      this.#subtract(judge.creditSettlement, CREDITS_PENDING, low, high);
    } else if (judge.leg === LEG_NET) {
      this.#state.positions.subtract(judge.asset, judge.payer, PENDING_DEBITS, low, high);
      this.#state.positions.subtract(judge.asset, judge.payee, PENDING_CREDITS, low, high);
    }
  }

  #add(account: number, balance: number, low: number, high: number): void {
    const { table } = this.#state.accounts;
    table.touch(account);
    addTo(table.wordsOf(account), table.baseOf(account) + balance, low, high);
  }

  #subtract(account: number, balance: number, low: number, high: number): void {
    const { table } = this.#state.accounts;
    table.touch(account);
    subtractFrom(table.wordsOf(account), table.baseOf(account) + balance, low, high);
  }
}

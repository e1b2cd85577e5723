import type { ResultName, TransferFields } from "../../src/formats/index.js";
import type { OrderedBatch } from "../../src/ledger/index.js";
import { BATCH_RECORDS_MAX, type Id128, type ParticipantNumber } from "../../src/primitives/index.js";
import { Chain, resultNames, systemOutcomes } from "./chain.js";
import {
  bankNumber,
  customerOf,
  DAY_MS,
  INR,
  idOf,
  MONTH_START,
  makeConsortium,
  RTGS,
  type Treasury,
} from "./consortium.js";
import { type BankFigures, monthOfPayments, type Payment } from "./generator.js";

/** What becomes of a gross payment that its bank cannot pay at once. */
export type Policy = "reject" | "queue" | "queue and settle-sets";
export const POLICIES: readonly Policy[] = ["reject", "queue", "queue and settle-sets"];

export interface LiquidityPlan {
  readonly figures: readonly BankFigures[];
  /** Payments of one day over both systems, of which those of RTGS are played. */
  readonly count: number;
  readonly seed: number;
  readonly customersPerBank: number;
}

/** One day under one policy with a part of the liquidity that plain gross needs to reject nothing. */
export interface LiquidityResult {
  readonly policy: Policy;
  /** Per cent of the way from the net need to the gross need. */
  readonly share: number;
  /** Of all banks together. */
  readonly liquidity: bigint;
  readonly asked: bigint;
  readonly settled: bigint;
  readonly payments: number;
  readonly settledPayments: number;
  /** Of what settled, by count. */
  readonly meanDelaySeconds: number;
  readonly settleSets: number;
}

const BLOCK_MS = 60_000;

/** The RTGS payments of a day, in the order of time. */
export const dayOfPayments = (plan: LiquidityPlan): readonly Payment[] =>
  [...monthOfPayments({ ...plan, days: 1 })].filter(({ system }) => system === "rtgs");

/** What each bank must begin with. */
export interface Needs {
  /** So that plain gross, one payment after the other, rejects nothing. */
  readonly gross: readonly bigint[];
  /** So that the day's payments can be settled at all: what the bank sends in the end more than it gets. */
  readonly net: readonly bigint[];
}

export function needsOf(banks: number, payments: readonly Payment[]): Needs {
  const balances = new Array<bigint>(banks).fill(0n);
  const lowest = new Array<bigint>(banks).fill(0n);
  for (const { payer, payee, paise } of inOrderOfExecution(payments)) {
    balances[payer.bank] = (balances[payer.bank] as bigint) - paise;
    balances[payee.bank] = (balances[payee.bank] as bigint) + paise;
    if ((balances[payer.bank] as bigint) < (lowest[payer.bank] as bigint)) {
      lowest[payer.bank] = balances[payer.bank] as bigint;
    }
  }
  return {
    gross: lowest.map((balance) => -balance),
    net: balances.map((balance) => (balance < 0n ? -balance : 0n)),
  };
}

/** A block holds one batch for each bank, in the order of their first payments. */
function inOrderOfExecution(payments: readonly Payment[]): readonly Payment[] {
  return [...slotsOf(payments).values()].flatMap((slot) => [...byBank(slot).values()].flat());
}

const slotsOf = (payments: readonly Payment[]): ReadonlyMap<number, readonly Payment[]> =>
  grouped(payments, ({ at }) => Math.floor(at / BLOCK_MS));

const byBank = (payments: readonly Payment[]): ReadonlyMap<number, readonly Payment[]> =>
  grouped(payments, ({ payer }) => payer.bank);

function grouped(payments: readonly Payment[], keyOf: (payment: Payment) => number): ReadonlyMap<number, Payment[]> {
  const groups = new Map<number, Payment[]>();
  for (const payment of payments) {
    const group = groups.get(keyOf(payment));
    if (group === undefined) groups.set(keyOf(payment), [payment]);
    else group.push(payment);
  }
  return groups;
}

export function playDay(
  plan: LiquidityPlan,
  payments: readonly Payment[],
  day: { readonly policy: Policy; readonly share: number; readonly needs: Needs },
): LiquidityResult {
  const run = new DayRun(plan, day);
  const slots = slotsOf(payments);
  // The last block comes before anything has waited too long: what is not paid by then was not paid that day.
  for (let slot = 0; slot < DAY_MS / BLOCK_MS; slot += 1) run.block(slot, slots.get(slot) ?? []);
  return run.result(payments);
}

class DayRun {
  readonly #chain: Chain;
  readonly #policy: Policy;
  readonly #share: number;
  readonly #liquidity: bigint;
  readonly #asked = new Map<Id128, { readonly at: number; readonly paise: bigint }>();
  #transfers = 0;
  #settled = 0n;
  #settledPayments = 0;
  #delays = 0;
  #settleSets = 0;

  constructor(
    plan: LiquidityPlan,
    { policy, share, needs }: { readonly policy: Policy; readonly share: number; readonly needs: Needs },
  ) {
    this.#policy = policy;
    this.#share = share;
    const liquidity = needs.gross.map((gross, bank) => {
      const net = needs.net[bank] as bigint;
      return net + ((gross - net) * BigInt(share)) / 100n;
    });
    this.#liquidity = liquidity.reduce((sum, amount) => sum + amount, 0n);
    const nothing = plan.figures.map(() => 0n);
    const treasury: Treasury = {
      liquidity,
      reserves: nothing,
      caps: nothing,
      // More than any customer sends: this is about the banks' money.
      deposits: plan.figures.map(() => 10n ** 17n),
    };
    this.#chain = new Chain(
      makeConsortium({
        banks: plan.figures.map(({ bank }) => bank),
        customersPerBank: plan.customersPerBank,
        treasury,
        onShortage: policy === "reject" ? "reject" : "queue",
        queueSecondsMax: 2 * (DAY_MS / 1_000),
      }),
    );
  }

  block(slot: number, payments: readonly Payment[]): void {
    const timestamp = MONTH_START + (slot + 1) * BLOCK_MS;
    const batches: OrderedBatch[] = [];
    const lists: (readonly TransferFields[])[] = [];
    if (this.#policy === "queue and settle-sets") {
      const found = this.#chain.ledger.findSettleSet(INR).slice(0, BATCH_RECORDS_MAX);
      // A set that is written before it is paid: the release at the start of the block may overtake it.
      if (found.length > 0) batches.push(this.#chain.settleSet(found[0]?.bank as ParticipantNumber, ids(found)));
    }
    const sets = batches.length;
    for (const [bank, paid] of byBank(payments)) {
      const list = paid.map((payment) => this.#transferOf(payment));
      lists.push(list);
      batches.push(this.#chain.transfers(bankNumber(bank), list));
    }
    if (batches.length === 0 && (this.#chain.ledger.nextDeadline() ?? Infinity) > timestamp) return;
    const executed = this.#chain.apply(timestamp, batches);
    if (sets === 1 && resultNames(executed.codes[0] as Uint16Array)[0] === "applied") this.#settleSets += 1;
    for (const { name, id } of systemOutcomes(executed, batches)) {
      if (name === "released" && id !== undefined) this.#settle(id, timestamp);
    }
    for (const [index, list] of lists.entries()) {
      const names = resultNames(executed.codes[index + sets] as Uint16Array);
      for (const [record, { id }] of list.entries()) this.#count(id, names[record] as ResultName, timestamp);
    }
  }

  #transferOf({ payer, payee, paise }: Payment): TransferFields {
    this.#transfers += 1;
    const id = idOf(bankNumber(payer.bank), "transfer", this.#transfers);
    this.#asked.set(id, { at: 0, paise });
    return {
      id,
      debitAccountId: customerOf(payer.bank, payer.customer),
      creditAccountId: customerOf(payee.bank, payee.customer),
      amount: paise.toString(),
      rail: RTGS,
    };
  }

  #count(id: Id128, name: ResultName, timestamp: number): void {
    const { paise } = this.#asked.get(id) as { readonly paise: bigint };
    this.#asked.set(id, { at: timestamp, paise });
    if (name === "posted") this.#settle(id, timestamp);
  }

  #settle(id: Id128, timestamp: number): void {
    const { at, paise } = this.#asked.get(id) as { readonly at: number; readonly paise: bigint };
    this.#settled += paise;
    this.#settledPayments += 1;
    this.#delays += (timestamp - at) / 1_000;
  }

  result(payments: readonly Payment[]): LiquidityResult {
    return {
      policy: this.#policy,
      share: this.#share,
      liquidity: this.#liquidity,
      asked: payments.reduce((sum, { paise }) => sum + paise, 0n),
      settled: this.#settled,
      payments: payments.length,
      settledPayments: this.#settledPayments,
      meanDelaySeconds: this.#settledPayments === 0 ? 0 : this.#delays / this.#settledPayments,
      settleSets: this.#settleSets,
    };
  }
}

const ids = (found: readonly { readonly id: Id128 }[]): readonly Id128[] => found.map(({ id }) => id);

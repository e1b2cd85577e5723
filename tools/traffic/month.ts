import type { ResultName, TransferFields } from "../../src/formats/index.js";
import type { OrderedBatch } from "../../src/ledger/index.js";
import type { Digest, Id128, ParticipantNumber } from "../../src/primitives/index.js";
import { Chain, resultNames, type SystemOutcome, systemOutcomes } from "./chain.js";
import {
  BOOK,
  bankNumber,
  type Consortium,
  customerOf,
  DAY_MS,
  HOUR_MS,
  INR,
  ISSUANCE,
  idOf,
  MONTH_START,
  makeConsortium,
  monthTreasury,
  NEFT,
  RBI,
  RTGS,
  reserveOf,
  settlementOf,
  type Treasury,
} from "./consortium.js";
import { type BankFigures, monthOfPayments, type Payment } from "./generator.js";

export interface MonthPlan {
  readonly figures: readonly BankFigures[];
  readonly count: number;
  readonly seed: number;
  readonly days: number;
  readonly customersPerBank: number;
}

/** A block as it was made: what each participant asked for, in the order of the batches. */
export interface TrafficBlock {
  readonly timestamp: number;
  readonly orders: readonly { readonly from: ParticipantNumber; readonly list: readonly TransferFields[] }[];
}

/** A block as it was executed. */
export interface ExecutedTraffic extends TrafficBlock {
  readonly batches: readonly OrderedBatch[];
  /** Per order and record. */
  readonly results: readonly (readonly ResultName[])[];
  readonly system: readonly SystemOutcome[];
}

/** Count and value in paise. */
export interface Tally {
  count: number;
  paise: bigint;
}

export interface MonthReport {
  /** By "rail result"; what waited is counted under how it ended as well. */
  readonly results: ReadonlyMap<string, Tally>;
  readonly blocks: number;
  readonly windows: number;
  /** Sum of what net debtors paid in all windows. */
  readonly settled: bigint;
  readonly stateRoot: Digest;
  readonly resultsRoot: Digest;
}

/** Payments of so much time share a block. */
const BLOCK_MS = 300_000;
const QUEUE_SECONDS = 14_400;
const RAIL_NAMES = { [BOOK]: "BOOK", [RTGS]: "RTGS", [NEFT]: "NEFT" } as const;

export function monthConsortium(plan: MonthPlan): { readonly consortium: Consortium; readonly treasury: Treasury } {
  const treasury = monthTreasury(plan.figures, plan);
  const consortium = makeConsortium({
    banks: plan.figures.map(({ bank }) => bank),
    customersPerBank: plan.customersPerBank,
    treasury,
    onShortage: "queue",
    queueSecondsMax: QUEUE_SECONDS,
  });
  return { consortium, treasury };
}

/** Runs the month and lets `observe` see every block after its execution. */
export function runMonth(
  plan: MonthPlan,
  chain: Chain,
  treasury: Treasury,
  observe: (block: ExecutedTraffic) => void,
): MonthReport {
  const run = new MonthRun(plan, chain, treasury, observe);
  for (const [end, payments] of inSlots(monthOfPayments(plan), plan.days * DAY_MS)) run.slot(end, payments);
  return run.finish();
}

/** The payments of each stretch of block time, empty ones included, with its end. */
function* inSlots(payments: Iterable<Payment>, until: number): Generator<[number, Payment[]], void, undefined> {
  let end = BLOCK_MS;
  let slot: Payment[] = [];
  for (const payment of payments) {
    for (; payment.at >= end; end += BLOCK_MS) {
      yield [end, slot];
      slot = [];
    }
    slot.push(payment);
  }
  for (; end <= until; end += BLOCK_MS) {
    yield [end, slot];
    slot = [];
  }
}

class MonthRun {
  readonly #plan: MonthPlan;
  readonly #chain: Chain;
  readonly #treasury: Treasury;
  readonly #observe: (block: ExecutedTraffic) => void;
  readonly #results = new Map<string, Tally>();
  /** Amounts of what waits. */
  readonly #waiting = new Map<Id128, bigint>();
  readonly #windows = new Set<number>();
  #settled = 0n;
  #transfers = 0;

  constructor(plan: MonthPlan, chain: Chain, treasury: Treasury, observe: (block: ExecutedTraffic) => void) {
    this.#plan = plan;
    this.#chain = chain;
    this.#treasury = treasury;
    this.#observe = observe;
  }

  slot(end: number, payments: readonly Payment[]): void {
    const timestamp = MONTH_START + end;
    const isMorning = (end - BLOCK_MS) % DAY_MS === 0;
    const isDue = (this.#chain.ledger.nextDeadline() ?? Infinity) <= timestamp;
    if (payments.length === 0 && !isMorning && !isDue) return;
    const orders = new Map<ParticipantNumber, TransferFields[]>();
    if (isMorning) this.#morning(orders);
    for (const payment of payments) this.#add(orders, bankNumber(payment.payer.bank), this.#paymentOf(payment));
    this.#block(timestamp, orders);
  }

  /** The last window is settled, what still waits has expired, and the state root is the newest. */
  finish(): MonthReport {
    const end = MONTH_START + this.#plan.days * DAY_MS + QUEUE_SECONDS * 1_000 + HOUR_MS;
    const { ledger } = this.#chain;
    let timestamp = end;
    do this.#block(timestamp++, new Map());
    while (ledger.height !== ledger.stateHeight);
    return {
      results: this.#results,
      blocks: ledger.height,
      windows: this.#windows.size,
      settled: this.#settled,
      stateRoot: this.#chain.stateRoot,
      resultsRoot: this.#chain.resultsRoot,
    };
  }

  /** Each morning the Reserve Bank lends or takes back, and the banks fill their reserves, up to what they began with. */
  #morning(orders: Map<ParticipantNumber, TransferFields[]>): void {
    const { ledger } = this.#chain;
    for (const bank of this.#plan.figures.keys()) {
      const held = ledger.account(reserveOf(bank));
      const reserve = held === undefined ? 0n : held.creditsPosted - held.debitsPosted;
      const missing = (this.#treasury.reserves[bank] as bigint) - reserve;
      const target = (this.#treasury.liquidity[bank] as bigint) + (missing > 0n ? missing : 0n);
      const change = target - ledger.liquidityOf(INR, bankNumber(bank));
      if (change > 0n) this.#add(orders, RBI, this.#book(RBI, ISSUANCE, settlementOf(bank), change));
      if (change < 0n) this.#add(orders, RBI, this.#book(RBI, settlementOf(bank), ISSUANCE, -change));
      if (missing > 0n) {
        const from = bankNumber(bank);
        this.#add(orders, from, this.#book(from, settlementOf(bank), reserveOf(bank), missing));
      }
    }
  }

  /** Up to what is there: queues may have paid from it in the same block. */
  #book(from: ParticipantNumber, debitAccountId: Id128, creditAccountId: Id128, paise: bigint): TransferFields {
    return {
      id: this.#nextId(from),
      debitAccountId,
      creditAccountId,
      amount: paise.toString(),
      rail: BOOK,
      flags: debitAccountId === ISSUANCE ? [] : ["balancing_debit"],
    };
  }

  #paymentOf({ system, payer, payee, paise }: Payment): TransferFields {
    return {
      id: this.#nextId(bankNumber(payer.bank)),
      debitAccountId: customerOf(payer.bank, payer.customer),
      creditAccountId: customerOf(payee.bank, payee.customer),
      amount: paise.toString(),
      rail: system === "rtgs" ? RTGS : NEFT,
      // One in ten is urgent.
      priority: this.#transfers % 10 === 0 ? 1 : 0,
    };
  }

  #nextId(from: ParticipantNumber): Id128 {
    this.#transfers += 1;
    return idOf(from, "transfer", this.#transfers);
  }

  #add(orders: Map<ParticipantNumber, TransferFields[]>, from: ParticipantNumber, transfer: TransferFields): void {
    const list = orders.get(from);
    if (list === undefined) orders.set(from, [transfer]);
    else list.push(transfer);
  }

  #block(timestamp: number, byParticipant: ReadonlyMap<ParticipantNumber, readonly TransferFields[]>): void {
    const orders = [...byParticipant].map(([from, list]) => ({ from, list }));
    const batches = orders.map(({ from, list }) => this.#chain.transfers(from, list));
    const executed = this.#chain.apply(timestamp, batches);
    const results = executed.codes.map(resultNames);
    const system = systemOutcomes(executed, batches);
    for (const [index, { list }] of orders.entries()) {
      for (const [record, transfer] of list.entries()) this.#count(transfer, results[index]?.[record] as ResultName);
    }
    for (const outcome of system) this.#countSystem(outcome);
    this.#observe({ timestamp, orders, batches, results, system });
  }

  #count({ id, rail, amount }: TransferFields, name: ResultName): void {
    const paise = BigInt(amount);
    if (name === "queued") this.#waiting.set(id, paise);
    this.#tally(`${RAIL_NAMES[rail as keyof typeof RAIL_NAMES]} ${name}`, paise);
  }

  #countSystem({ name, id, position }: SystemOutcome): void {
    if (position !== undefined) {
      this.#windows.add(position.window);
      if (position.debits > position.credits) this.#settled += position.debits - position.credits;
    } else if (id !== undefined) this.#tally(`RTGS ${name}`, this.#waiting.get(id) as bigint);
  }

  #tally(key: string, paise: bigint): void {
    const known = this.#results.get(key);
    if (known === undefined) this.#results.set(key, { count: 1, paise });
    else {
      known.count += 1;
      known.paise += paise;
    }
  }
}

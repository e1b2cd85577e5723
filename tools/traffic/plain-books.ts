import type { Genesis, TransferFields } from "../../src/formats/index.js";

/**
 * The month once more, as somebody with paper would do it: maps of bigints, the rules of this traffic only, and not a
 * line of src/ledger. What it says and what the ledger says must be the same.
 */
export interface PlainAccount {
  readonly owner: number;
  readonly kind: string;
  debitsPending: bigint;
  debitsPosted: bigint;
  creditsPending: bigint;
  creditsPosted: bigint;
}

interface Waiting {
  readonly transfer: TransferFields;
  readonly payer: number;
  readonly priority: number;
  readonly turn: number;
  readonly deadline: number;
}

const HOUR_MS = 3_600_000;

export class PlainBooks {
  readonly accounts = new Map<string, PlainAccount>();
  /** Owed (and, below zero, due) of each bank in the open window. */
  readonly nets = new Map<number, bigint>();
  /** How many windows have settled, and the largest exposures that there were. */
  windows = 0;
  readonly #start: number;
  readonly #caps: ReadonlyMap<number, bigint>;
  readonly #net: ReadonlySet<number>;
  readonly #queues: ReadonlyMap<number, number>;
  #openedAt: number | undefined;
  #waiting: Waiting[] = [];
  #turns = 0;
  #now = 0;

  constructor(genesis: Genesis) {
    const { rails, netDebitCaps = [] } = genesis.rulebook;
    this.#start = genesis.timestamp;
    this.#caps = new Map(netDebitCaps.map(({ participant, cap }) => [participant, BigInt(cap)]));
    this.#net = new Set(rails.filter(({ settlement }) => settlement === "net").map(({ number }) => number));
    this.#queues = new Map(rails.map(({ number, queueSecondsMax }) => [number, queueSecondsMax ?? 0]));
    const zeros = { debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n };
    for (const { id, owner, kind } of genesis.accounts) this.accounts.set(id, { owner, kind, ...zeros });
    for (const { debit, credit, amount } of genesis.funding) this.#book(debit, credit, BigInt(amount), "Posted");
  }

  /** Result names per order. */
  block(timestamp: number, orders: readonly { readonly list: readonly TransferFields[] }[]): string[][] {
    this.#now = timestamp;
    this.#expire();
    this.#settle();
    this.#release();
    return orders.map(({ list }) => list.map((transfer) => this.#transfer(transfer)));
  }

  #expire(): void {
    for (const { transfer, deadline } of this.#waiting) {
      if (deadline <= this.#now)
        this.#book(transfer.debitAccountId, transfer.creditAccountId, -of(transfer), "Pending");
    }
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > this.#now);
  }

  /** Windows end with the hours; whoever owes pays from the reserve. */
  #settle(): void {
    const hour = (time: number): number => Math.floor((time - this.#start) / HOUR_MS);
    if (this.#openedAt === undefined || hour(this.#now) === hour(this.#openedAt)) return;
    let sum = 0n;
    for (const [bank, net] of this.nets) {
      sum += net;
      if (net > 0n) this.#own(bank, "reserve").debitsPosted += net;
      else this.#own(bank, "settlement").creditsPosted -= net;
    }
    if (sum !== 0n) throw new Error(`a window's positions sum to ${sum}`);
    this.windows += 1;
    this.nets.clear();
    this.#openedAt = undefined;
  }

  #release(): void {
    const banks = [...new Set(this.#waiting.map(({ payer }) => payer))].sort((left, right) => left - right);
    for (const bank of banks) {
      const queue = this.#waiting.filter(({ payer }) => payer === bank);
      queue.sort((left, right) => right.priority - left.priority || left.turn - right.turn);
      for (const waiting of queue) {
        const { transfer } = waiting;
        if (held(this.#own(bank, "settlement")) < of(transfer)) break;
        this.#book(transfer.debitAccountId, transfer.creditAccountId, -of(transfer), "Pending");
        this.#pay(transfer);
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      }
    }
  }

  #transfer(transfer: TransferFields): string {
    const debit = this.#account(transfer.debitAccountId);
    const credit = this.#account(transfer.creditAccountId);
    if (debit.kind !== "customer") return this.#treasury(transfer, debit);
    if (this.#net.has(transfer.rail as number)) return this.#netTransfer(transfer, debit, credit);
    if (held(debit) < of(transfer)) return "insufficient_funds";
    const priority = transfer.priority ?? 0;
    const isBlocked = this.#waiting.some((other) => other.payer === debit.owner && other.priority >= priority);
    if (!isBlocked && held(this.#own(debit.owner, "settlement")) >= of(transfer)) {
      this.#pay(transfer);
      return "posted";
    }
    const deadline = this.#now + (this.#queues.get(transfer.rail as number) as number) * 1_000;
    this.#waiting.push({ transfer, payer: debit.owner, priority, turn: this.#turns++, deadline });
    this.#book(transfer.debitAccountId, transfer.creditAccountId, of(transfer), "Pending");
    return "queued";
  }

  #treasury(transfer: TransferFields, debit: PlainAccount): string {
    const there = debit.kind === "issuance" ? of(transfer) : held(debit);
    const amount = there < of(transfer) ? there : of(transfer);
    if (amount === 0n) return "insufficient_funds";
    this.#book(transfer.debitAccountId, transfer.creditAccountId, amount, "Posted");
    return "posted";
  }

  #netTransfer(transfer: TransferFields, debit: PlainAccount, credit: PlainAccount): string {
    const owed = (this.nets.get(debit.owner) ?? 0n) + of(transfer);
    if (owed > (this.#caps.get(debit.owner) as bigint)) return "net_debit_cap_exceeded";
    if (held(debit) < of(transfer)) return "insufficient_funds";
    if (owed > held(this.#own(debit.owner, "reserve"))) return "insufficient_reserve";
    this.#openedAt ??= this.#now;
    this.nets.set(debit.owner, owed);
    this.nets.set(credit.owner, (this.nets.get(credit.owner) ?? 0n) - of(transfer));
    this.#book(transfer.debitAccountId, transfer.creditAccountId, of(transfer), "Posted");
    return "posted";
  }

  /** A payment and the settlement money that pays for it. */
  #pay(transfer: TransferFields): void {
    this.#book(transfer.debitAccountId, transfer.creditAccountId, of(transfer), "Posted");
    const payer = this.#account(transfer.debitAccountId).owner;
    const payee = this.#account(transfer.creditAccountId).owner;
    this.#own(payer, "settlement").debitsPosted += of(transfer);
    this.#own(payee, "settlement").creditsPosted += of(transfer);
  }

  #book(debit: string, credit: string, amount: bigint, phase: "Pending" | "Posted"): void {
    this.#account(debit)[`debits${phase}`] += amount;
    this.#account(credit)[`credits${phase}`] += amount;
  }

  readonly #owned = new Map<string, PlainAccount>();

  #own(owner: number, kind: "settlement" | "reserve"): PlainAccount {
    if (this.#owned.size === 0) {
      for (const account of this.accounts.values()) this.#owned.set(`${account.owner} ${account.kind}`, account);
    }
    return this.#owned.get(`${owner} ${kind}`) as PlainAccount;
  }

  #account(id: string): PlainAccount {
    return this.accounts.get(id) as PlainAccount;
  }
}

const of = ({ amount }: TransferFields): bigint => BigInt(amount);
const held = ({ creditsPosted, debitsPosted, debitsPending }: PlainAccount): bigint =>
  creditsPosted - debitsPosted - debitsPending;

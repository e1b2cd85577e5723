import { type Balances, decodeTransfer, type Genesis, isSuccess, RESULT, ZERO_ID } from "../../formats/index.js";
import type { AccountView, DecodedOutcome, Ledger } from "../../ledger/index.js";
import type { Id128, ParticipantNumber } from "../../primitives/index.js";

type Book = { -readonly [Column in keyof Balances]: bigint };

interface Account {
  readonly owner: ParticipantNumber;
  readonly asset: number;
  readonly book: Book;
}

interface Reservation {
  readonly debit: Id128;
  readonly credit: Id128;
  readonly amount: bigint;
  /** While a transfer waits, the banks' settlement accounts reserve nothing. */
  readonly hasNoLeg?: boolean;
}

/**
 * The money once more, kept from the outcomes alone: what a bank's own books would say if it believed
 * every result code. Knows nothing of rules, funds or limits.
 */
export class BalanceReplay {
  readonly #accounts = new Map<Id128, Account>();
  readonly #settlements = new Map<string, Id128>();
  readonly #reservations = new Map<Id128, Reservation>();

  constructor(genesis: Genesis) {
    for (const { id, owner, asset, kind } of genesis.accounts) {
      this.#open(id, owner, asset);
      if (kind === "settlement") this.#settlements.set(`${owner}:${asset}`, id);
    }
    for (const { debit, credit, amount } of genesis.funding) {
      const value = BigInt(amount);
      this.#book(debit, "debitsPosted", value);
      this.#book(credit, "creditsPosted", value);
    }
  }

  apply(outcome: DecodedOutcome): void {
    if (!isSuccess(outcome.code)) return;
    switch (outcome.subject) {
      case "account": {
        const view = new DataView(outcome.record.buffer, outcome.record.byteOffset);
        const id = hexOf(outcome.record.subarray(0, 16));
        this.#open(id, view.getUint32(16, true) as ParticipantNumber, view.getUint32(20, true));
        return;
      }
      case "action":
      case "proposal":
      case "ballot":
      case "key":
        return;
      case "settlement":
        return;
      case "expiry":
        this.#release(decodeTransfer(outcome.record).id);
        return;
      case "release":
        this.#ended(outcome);
        return;
      case "transfer":
        this.#transfer(outcome);
        return;
    }
  }

  /** A transfer that waited was paid, or given back. */
  #ended({ record, code, amount }: DecodedOutcome): void {
    const reservation = this.#release(decodeTransfer(record).id);
    if (reservation === undefined || code !== RESULT.released) return;
    const { debit, credit } = reservation;
    this.#move({ debit, credit, amount }, "Posted", 1n);
  }

  #transfer({ record, code, amount }: DecodedOutcome): void {
    const fields = decodeTransfer(record);
    if (code === RESULT.reserved || code === RESULT.queued || code === RESULT.held) {
      const { id, debitAccountId: debit, creditAccountId: credit } = fields;
      const reservation = { debit, credit, amount, hasNoLeg: code !== RESULT.reserved };
      this.#move(reservation, "Pending", 1n);
      this.#reservations.set(id, reservation);
      return;
    }
    if (fields.pendingId === ZERO_ID) {
      this.#move({ debit: fields.debitAccountId, credit: fields.creditAccountId, amount }, "Posted", 1n);
      return;
    }
    const reservation = this.#release(fields.pendingId);
    if (code === RESULT.posted && reservation !== undefined) this.#move({ ...reservation, amount }, "Posted", 1n);
  }

  #release(id: Id128): Reservation | undefined {
    const reservation = this.#reservations.get(id);
    if (reservation === undefined) return undefined;
    this.#reservations.delete(id);
    this.#move(reservation, "Pending", -1n);
    return reservation;
  }

  /** Both sides, and between two banks their settlement accounts with them. */
  #move({ debit, credit, amount, hasNoLeg }: Reservation, state: "Pending" | "Posted", sign: 1n | -1n): void {
    this.#book(debit, `debits${state}`, sign * amount);
    this.#book(credit, `credits${state}`, sign * amount);
    const payer = this.#accounts.get(debit);
    const payee = this.#accounts.get(credit);
    if (payer === undefined || payee === undefined || payer.owner === payee.owner || hasNoLeg === true) return;
    const from = this.#settlements.get(`${payer.owner}:${payer.asset}`);
    const to = this.#settlements.get(`${payee.owner}:${payee.asset}`);
    // Between settlement accounts the money moves once.
    if (from === undefined || to === undefined || from === debit || to === credit) return;
    this.#book(from, `debits${state}`, sign * amount);
    this.#book(to, `credits${state}`, sign * amount);
  }

  /** First account whose balances are others on the ledger; undefined if all agree. */
  difference(ledger: Pick<Ledger, "account">): string | undefined {
    for (const [id, { book }] of this.#accounts) {
      const account = ledger.account(id);
      if (account === undefined) return `account ${id} is missing`;
      const column = COLUMNS.find((name) => account[name] !== book[name]);
      if (column !== undefined) return `account ${id} ${column}: ${account[column]} where ${book[column]} was booked`;
    }
    return undefined;
  }

  #open(id: Id128, owner: ParticipantNumber, asset: number): void {
    const book = { debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n };
    this.#accounts.set(id, { owner, asset, book });
  }

  #book(id: Id128, column: keyof Balances, amount: bigint): void {
    const account = this.#accounts.get(id);
    if (account !== undefined) account.book[column] += amount;
  }
}

const COLUMNS: readonly (keyof Balances & keyof AccountView)[] = [
  "debitsPending",
  "debitsPosted",
  "creditsPending",
  "creditsPosted",
];

const hexOf = (bytes: Uint8Array): Id128 =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") as Id128;

import type { ResultName, RulebookRail } from "../../../formats/index.js";
import type { FullTransfer } from "./batches.js";
import { available, type Books, isLimited, type Pending, type Place, type Wait } from "./books.js";
import type { Windows } from "./windows.js";

/** Moves the money of transfers that were judged good. */
export class Posting {
  readonly #books: Books;
  readonly #windows: Windows;

  constructor(books: Books, windows: Windows) {
    this.#books = books;
    this.#windows = windows;
  }

  /** What an initiation moves: all of it, or what is there. */
  amount(record: FullTransfer): bigint {
    const asked = BigInt(record.amount);
    const debit = this.#books.account(record.debitAccountId);
    if (!record.flags.includes("balancing_debit") || !isLimited(debit)) return asked;
    const owed = debit.kind === "reserve" ? this.#windows.exposure(debit.owner, debit.asset) : 0n;
    const there = available(debit) - owed;
    return there < 0n ? 0n : there < asked ? there : asked;
  }

  initiate(record: FullTransfer, result: ResultName, { from, recordIndex }: Place): bigint {
    const books = this.#books;
    const amount = this.amount(record);
    const fee = books.fee(record);
    const hit = books.hit(record, amount);
    const window = this.#windows.openNumber(record.asset);
    for (const key of this.#limitKeys(record, books.day, window)) this.#count(key, amount);
    books.countVelocity(record, amount);
    const phase = result === "posted" ? "Posted" : "Pending";
    this.#moveCustomers(record, phase, amount);
    if (result === "posted" || result === "reserved") this.moveLeg(record, phase, amount + fee);
    if (result === "posted") return amount;
    const rail = books.rail(record.rail) as RulebookRail;
    let waits: Wait | undefined;
    let seconds = record.timeoutSeconds === 0 ? (rail.turnaroundSeconds ?? 0) : record.timeoutSeconds;
    if (result === "held" && hit !== undefined) {
      waits = { in: "hold", rule: hit };
      seconds = hit.holdSeconds;
    } else if (result === "queued") {
      waits = { in: "queue", priority: record.priority, turn: books.turns++ };
      seconds = rail.queueSecondsMax as number;
    }
    const deadline = books.timestamp + seconds * 1_000;
    const of = { record, amount, fee, window, legs: books.legAccounts(record) };
    books.pendings.set(record.id, { ...of, deadline, day: books.day, by: from, recordIndex, waits });
    return amount;
  }

  /** Ends a pending transfer; its limits get back what is not paid. */
  resolve(id: string, state: "posted" | "voided" | "expired", posted: bigint): void {
    const books = this.#books;
    const { record, amount, day, fee, window, waits } = books.pendings.get(id) as Pending;
    this.#moveCustomers(record, "Pending", -amount);
    if (waits === undefined) this.moveLeg(record, "Pending", -amount - fee);
    if (posted > 0n) {
      this.#moveCustomers(record, "Posted", posted);
      this.moveLeg(record, "Posted", posted + fee);
    }
    for (const key of this.#limitKeys(record, day, window)) this.#count(key, posted - amount);
    const seen = books.seen.get(id);
    if (seen !== undefined) books.seen.set(id, { ...seen, state });
    books.pendings.delete(id);
  }

  /** Ends a pending transfer as the ledger does by itself, with an outcome of its own. */
  end(id: string, result: "expired" | "released" | "returned"): void {
    const { by, recordIndex, amount } = this.#books.pendings.get(id) as Pending;
    const state = result === "released" ? "posted" : result === "returned" ? "voided" : "expired";
    this.resolve(id, state, result === "released" ? amount : 0n);
    this.#books.leaveByItself(result, by, recordIndex, amount);
  }

  /** What the banks move beside it, fee included; below zero: back again. */
  moveLeg(record: FullTransfer, phase: "Pending" | "Posted", amount: bigint): void {
    const books = this.#books;
    const [mine, theirs] = books.settlements(record);
    if (mine !== undefined) mine[`debits${phase}`] += amount;
    if (theirs !== undefined) theirs[`credits${phase}`] += amount;
    if (books.leg(record) !== "net" || amount < 0n) return;
    if (phase === "Pending") this.#windows.initiate(record.asset);
    else this.#windows.count(record.asset, books.banks(record), amount);
  }

  #moveCustomers(record: FullTransfer, phase: "Pending" | "Posted", amount: bigint): void {
    this.#books.account(record.debitAccountId)[`debits${phase}`] += amount;
    this.#books.account(record.creditAccountId)[`credits${phase}`] += amount;
  }

  #limitKeys(record: FullTransfer, day: number, window: number): string[] {
    const keys = [`${record.debitAccountId}/${record.rail}/${day}`];
    if (this.#books.leg(record) === "net") keys.push(this.bankKey(record, window));
    return keys;
  }

  /** Under which a bank's payments on a rail in a window are summed. */
  bankKey(record: FullTransfer, window: number): string {
    return `bank ${this.#books.banks(record)[0]}/${record.asset}/${record.rail}/${window}`;
  }

  #count(key: string, amount: bigint): void {
    this.#books.sent.set(key, (this.#books.sent.get(key) ?? 0n) + amount);
  }
}

import { participantOfId, type ResultName } from "../../../formats/index.js";
import type { Batch, FullAction, FullTransfer } from "./batches.js";
import { type Account, available, type Books, consumes, first, LIMIT, type Pending, type Place } from "./books.js";
import type { Posting } from "./posting.js";
import { fitsCredit, fitsDebit, type TransferFaults } from "./transfer-faults.js";

type Actions = Extract<Batch, { readonly kind: "actions" }>;

/** Transfers that wait in queues or on hold, and what banks decide about them (LEDG-28 to LEDG-31). */
export class Waiting {
  readonly #books: Books;
  readonly #posting: Posting;
  readonly #faults: TransferFaults;

  constructor(books: Books, posting: Posting, faults: TransferFaults) {
    this.#books = books;
    this.#posting = posting;
    this.#faults = faults;
  }

  /**
   * What screening and queues make of a transfer that at most the banks' money speaks against.
   *
   * @param found all that speaks against it
   * @returns undefined where that decides
   */
  verdict(
    from: number,
    record: FullTransfer,
    found: readonly ResultName[],
    isChained: boolean,
  ): ResultName | undefined {
    const books = this.#books;
    const isShort = found.includes("insufficient_liquidity") || found.includes("insufficient_reserve");
    if (found.some((name) => name !== "insufficient_liquidity" && name !== "insufficient_reserve")) return undefined;
    const { pendings, queued = pendings } = books.rulebook.participantCaps;
    if (books.hit(record, this.#posting.amount(record)) !== undefined) {
      if (isChained) return "screened";
      if (books.pendingsOf(from) >= pendings) return "pendings_cap_exceeded";
      const isOwed = isShort && books.account(record.debitAccountId).kind === "reserve";
      return isOwed ? "insufficient_reserve" : "held";
    }
    const isQueueing = books.rail(record.rail)?.onShortage === "queue" && books.leg(record) === "gross";
    if (!isQueueing || record.flags.includes("pending")) return undefined;
    const [bank] = books.banks(record);
    const queue = [...books.pendings.values()].filter(
      (other) => other.waits?.in === "queue" && books.banks(other.record)[0] === bank,
    );
    const isBlocked = queue.some(
      ({ record: other, waits }) =>
        other.asset === record.asset && waits?.in === "queue" && waits.priority >= record.priority,
    );
    if (!isShort && !isBlocked) return undefined;
    if (isChained) return "insufficient_liquidity";
    return queue.length >= queued ? "queued_cap_exceeded" : "queued";
  }

  /** Ids of a bank's transfers that wait, the oldest first. */
  of(bank: number, wait: "queue" | "hold"): readonly string[] {
    return [...this.#books.pendings].filter(([, { by, waits }]) => by === bank && waits?.in === wait).map(([id]) => id);
  }

  /** All queues with something in them, in order. */
  #queues(): [string, Pending][][] {
    const queues = new Map<number, [string, Pending][]>();
    for (const entry of this.#books.pendings) {
      const [, { record, waits }] = entry;
      if (waits?.in !== "queue") continue;
      const key = record.asset * 2 ** 32 + this.#books.banks(record)[0];
      queues.set(key, [...(queues.get(key) ?? []), entry]);
    }
    const orderOf = ({ waits }: Pending): number => (waits?.in === "queue" ? waits.turn - waits.priority * 1e9 : 0);
    return [...queues]
      .sort(([left], [right]) => left - right)
      .map(([, queue]) => queue.sort(([, left], [, right]) => orderOf(left) - orderOf(right)));
  }

  /** Pays what banks can pay from the heads of their queues. */
  releaseQueued(): void {
    this.#lookAtHeads((id) => this.#posting.end(id, "released"));
  }

  /** Whether the next block would pay something from a queue. */
  get isReleaseDue(): boolean {
    let isDue = false;
    this.#lookAtHeads(() => {
      isDue = true;
    });
    return isDue;
  }

  #lookAtHeads(payable: (id: string) => void): void {
    let looked = 0;
    for (const queue of this.#queues()) {
      for (const [id, pending] of queue) {
        if (looked === this.#books.rulebook.expiriesPerBlockMax) return;
        looked += 1;
        const fault = this.#queuedFault(pending);
        if (fault === undefined) payable(id);
        else if (!isPassedOver(fault)) break;
      }
    }
  }

  #queuedFault(pending: Pending): ResultName | undefined {
    return pending.deadline <= this.#books.timestamp ? "pending_transfer_expired" : this.#waitingFault(pending);
  }

  /** Why the leg of a transfer that waits cannot be done now. */
  #waitingFault({ record, amount, fee, legs }: Pending): ResultName | undefined {
    const found: ResultName[] = [];
    const books = this.#books;
    const leg = books.leg(record);
    const [payer, payee] = legs.map((id) => (id === undefined ? undefined : books.account(id)));
    if (payee?.closed === true) found.push("settlement_account_not_found");
    if (payer?.closed === true)
      found.push(leg === "net" ? "reserve_account_not_found" : "settlement_account_not_found");
    if (books.account(record.debitAccountId).frozen) found.push("debit_account_frozen");
    if (payer?.frozen === true) found.push(leg === "net" ? "reserve_account_frozen" : "settlement_account_frozen");
    if (leg === "net" && found.length === 0) {
      const faults = this.#faults.net(record, amount, amount + fee);
      found.push(...faults.filter((name) => name !== "bank_window_limit_exceeded"));
    }
    if (leg === "gross" && payer !== undefined && payee !== undefined) {
      if (!fitsDebit(payer, amount + fee) || !fitsCredit(payee, amount + fee)) found.push("balance_overflow");
      if (available(payer) < amount + fee) found.push("insufficient_liquidity");
    }
    return found.length === 0 ? undefined : first(found);
  }

  /** One code for all records of a settle-set, whoever signed it. */
  settleSet(ids: readonly string[]): ResultName {
    const fault = this.#setFault(ids);
    if (fault !== undefined) return fault;
    const order = [...this.#books.pendings.keys()];
    for (const id of order.filter((each) => ids.includes(each))) this.#posting.end(id, "released");
    return "applied";
  }

  #setFault(ids: readonly string[]): ResultName | undefined {
    const members: Pending[] = [];
    for (const id of ids) {
      const seen = this.#books.seen.get(id);
      if (seen === undefined) return "pending_transfer_not_found";
      const pending = this.#books.pendings.get(id);
      if (seen.state !== "pending" || pending?.waits?.in !== "queue") return "transfer_not_queued";
      const fault = this.#queuedFault(pending);
      if (fault !== undefined && fault !== "insufficient_liquidity") return fault;
      members.push(pending);
    }
    if (new Set(ids).size < ids.length || members.some(({ record }) => record.asset !== members[0]?.record.asset))
      return "settle_set_repeats";
    for (const queue of this.#queues()) {
      const last = queue.findLastIndex(([id]) => ids.includes(id));
      const isBypassed = queue
        .slice(0, last + 1)
        .some(([id, pending]) => !ids.includes(id) && !isPassedOver(this.#queuedFault(pending)));
      if (isBypassed) return "settle_set_bypasses";
    }
    for (const id of new Set(members.flatMap(({ legs }) => legs))) {
      const account = this.#books.account(id as string);
      const sumOf = (side: number): bigint =>
        members.reduce((sum, { legs, amount, fee }) => (legs[side] === id ? sum + amount + fee : sum), 0n);
      if (!isCovered(account, sumOf(0), sumOf(1))) return "settle_set_not_covered";
    }
    return undefined;
  }

  /** An action about a transfer that waits. */
  decide(batch: Actions, fields: FullAction, place: Place): ResultName {
    const books = this.#books;
    const { from, key = "", scopes = ["submit", "approve"] } = batch;
    if (participantOfId(fields.id) !== from) return "id_not_of_participant";
    const scope = fields.action === "queue_reprioritise" ? "submit" : "approve";
    if (!scopes.includes(scope) || participantOfId(fields.accountId) !== from) return "not_authorised";
    const content = JSON.stringify(fields);
    const result = books.repetition(fields.id, content) ?? this.#decisionFault(fields, key) ?? "applied";
    if (!consumes(result) && result !== "applied") return result;
    books.leave(result, place);
    books.seen.set(fields.id, { content, success: result === "applied", state: "none" });
    return result;
  }

  #decisionFault({ action, accountId, priority }: FullAction, key: string): ResultName | undefined {
    const books = this.#books;
    const pending = books.pendings.get(accountId);
    const missing = action === "queue_reprioritise" ? "transfer_not_queued" : "transfer_not_held";
    if (!books.seen.has(accountId)) return "pending_transfer_not_found";
    if (pending === undefined) return missing;
    if (pending.deadline <= books.timestamp) return "pending_transfer_expired";
    const { waits } = pending;
    if (action === "queue_reprioritise") {
      if (waits?.in !== "queue") return missing;
      waits.priority = priority ?? 0;
      return undefined;
    }
    if (waits?.in !== "hold") return missing;
    if (action === "return_hold") {
      this.#posting.end(accountId, "returned");
      return undefined;
    }
    if (waits.rule.fourEyes === true) {
      if (waits.approvedBy === key) return "approved_already";
      if (waits.approvedBy === undefined) {
        waits.approvedBy = key;
        return undefined;
      }
    }
    return this.#release(accountId, pending);
  }

  #release(id: string, pending: Pending): ResultName | undefined {
    const fault = this.#waitingFault(pending);
    if (fault !== undefined) return fault;
    const { record, amount, fee } = pending;
    if (!record.flags.includes("pending")) {
      this.#posting.end(id, "released");
      return undefined;
    }
    this.#posting.moveLeg(record, "Pending", amount + fee);
    const seconds = record.timeoutSeconds || (this.#books.rail(record.rail)?.turnaroundSeconds ?? 0) || 1;
    const deadline = this.#books.timestamp + seconds * 1_000;
    this.#books.pendings.set(id, { ...pending, deadline, waits: undefined });
    return undefined;
  }
}

/** It alone cannot be paid, and others need not wait for it. */
const isPassedOver = (fault: ResultName | undefined): boolean =>
  fault === "debit_account_frozen" || fault === "settlement_account_not_found" || fault === "pending_transfer_expired";

/** Whether a settlement account keeps all bounds after a simultaneous step. */
const isCovered = (account: Account, out: bigint, into: bigint): boolean =>
  available(account) + into >= out &&
  fitsDebit(account, out) &&
  account.creditsPending + account.creditsPosted + into < LIMIT / 2n;

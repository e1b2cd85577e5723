import { checkBatchRecords, type Genesis, parseBatch, type ResultName } from "../../../formats/index.js";
import { toHex } from "../../../primitives/index.js";
import { Accounts } from "./accounts.js";
import { type Batch, decodeBatch, type FullTransfer, type Ordered } from "./batches.js";
import { type Account, Books, consumes, first, isGood, type Outcome, type Pending, type Place } from "./books.js";
import { Governance } from "./governance.js";
import { Posting } from "./posting.js";
import { TransferFaults } from "./transfer-faults.js";
import { Waiting } from "./waiting.js";
import { Windows } from "./windows.js";

/** When a block is, and where in the chain; what is left out follows from the block before. */
interface BlockPlace {
  readonly timestamp: number;
  readonly height?: number;
  readonly epoch?: number;
}

const DECISIONS: readonly string[] = ["release_hold", "return_hold", "queue_reprioritise"];
/** Why a wrong record of a chain makes the chain fail. */
const CHAIN_OPEN = "linked_event_chain_open";

/**
 * The ledger's rules (LEDG-1 to LEDG-47, `src/ledger/index.ts`) once more, slow and plain: maps of big integers, a copy
 * of everything before a chain, and for each record the set of all codes that fit, of which the smallest is the result
 * (LEDG-7). Shares record formats, code numbers and cryptography with the ledger, and none of its code.
 */
export class ReferenceLedger {
  readonly #books: Books;
  readonly #windows: Windows;
  readonly #posting: Posting;
  readonly #faults: TransferFaults;
  readonly #waiting: Waiting;
  readonly #accounts: Accounts;
  readonly #governance: Governance;
  #height = 0;

  constructor(genesis: Genesis) {
    const books = new Books(genesis);
    this.#books = books;
    this.#windows = new Windows(books);
    this.#posting = new Posting(books, this.#windows);
    this.#faults = new TransferFaults(books, this.#windows, this.#posting);
    this.#waiting = new Waiting(books, this.#posting, this.#faults);
    this.#accounts = new Accounts(books, this.#windows);
    this.#governance = new Governance(books, genesis);
  }

  /** Executes a block of batches whose keys are good. @returns the names of their results, by batch */
  block(at: BlockPlace, batches: readonly Batch[]): ResultName[][] {
    return this.#execute(
      at,
      batches.map((batch) => ({ from: batch.from, isActions: batch.kind === "actions", read: () => batch })),
    );
  }

  /** Executes a block of signed batches, as they stand in it. @returns the names of their results, by batch */
  execute(at: Required<BlockPlace>, batches: readonly Uint8Array[]): ResultName[][] {
    return this.#execute(
      at,
      batches.map((bytes) => this.#ordered(bytes)),
    );
  }

  #ordered(bytes: Uint8Array): Ordered {
    const parsed = parseBatch(bytes);
    if (!parsed.ok || checkBatchRecords(parsed.header.kind, bytes) !== undefined)
      return { from: 0, isActions: false, read: () => "batch_malformed" };
    const { header } = parsed;
    const { kind, participant: from, publicKey } = header;
    const isActions = kind === "manage_accounts";
    const read = (): Batch | ResultName => {
      const scopes = this.#governance.scopesOf(toHex(publicKey), from);
      if (scopes === undefined) return "key_not_registered";
      const needed = kind === "govern" ? ["govern"] : isActions ? ["submit", "approve"] : ["submit"];
      if (!needed.some((scope) => scopes.includes(scope))) return "key_out_of_scope";
      const ofActions = (["submit", "approve"] as const).filter((scope) => scopes.includes(scope));
      return decodeBatch(header, bytes, ofActions);
    };
    return { from, isActions, read };
  }

  #execute(
    { timestamp, height = this.#height + 1, epoch = 0 }: BlockPlace,
    batches: readonly Ordered[],
  ): ResultName[][] {
    this.#books.timestamp = timestamp;
    this.#books.outcomes = [];
    this.#height = height;
    this.#governance.open(height, epoch);
    this.#expire();
    this.#windows.cutDue();
    this.#windows.settle();
    this.#waiting.releaseQueued();
    const results: ResultName[][] = batches.map(() => []);
    const roles = this.#books.roles;
    // The authority's orders come first, so that no payment overtakes a freeze (LEDG-4).
    const goesFirst = ({ isActions, from }: Ordered): boolean => isActions && roles.get(from) === "authority";
    const order = batches.map((batch) => goesFirst(batch));
    for (const turn of [true, false]) {
      for (const [index, batch] of batches.entries()) {
        if (order[index] !== turn) continue;
        const read = batch.read();
        results[index] = typeof read === "string" ? [read] : this.#batch(read, index);
      }
    }
    return results;
  }

  /** What the last block left behind, in order. */
  get outcomes(): readonly Outcome[] {
    return this.#books.outcomes;
  }

  get accounts(): ReadonlyMap<string, Readonly<Account>> {
    return this.#books.accounts;
  }

  /** How each id was used first, and what became of it if it reserved money. */
  get seen(): ReadonlyMap<string, { readonly success: boolean; readonly state: string }> {
    return this.#books.seen;
  }

  /** Block time at which something is due of itself. */
  get nextDeadline(): number | undefined {
    const { pendings, closed, open, timestamp } = this.#books;
    const deadlines = [...pendings.values()].map(({ deadline }) => deadline);
    for (const { closedAt } of closed.slice(0, 1)) deadlines.push(closedAt);
    for (const window of open.values()) {
      const time = this.#windows.dueTime(window);
      if (time !== undefined && window.rows.size > 0) deadlines.push(time);
    }
    if (this.#waiting.isReleaseDue) deadlines.push(timestamp);
    const ofProposals = this.#governance.nextDeadline;
    if (ofProposals !== undefined) deadlines.push(ofProposals);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  /** Ids of a bank's transfers that wait, the oldest first. */
  waiting(from: number, wait: "queue" | "hold"): readonly string[] {
    return this.#waiting.of(from, wait);
  }

  /** What a bank may have to pay in windows. */
  exposure(bank: number, asset: number): bigint {
    return this.#windows.exposure(bank, asset);
  }

  /** The most that a bank may come to owe in windows; undefined where its reserve alone bounds it. */
  capOf(bank: number, asset: number): bigint | undefined {
    return this.#faults.capOf(bank, asset);
  }

  /** Due reservations end by (deadline, id), a few in each block (LEDG-16). */
  #expire(): void {
    const { pendings, timestamp, rulebook } = this.#books;
    const due = [...pendings].filter(([, { deadline }]) => deadline <= timestamp);
    due.sort(([leftId, left], [rightId, right]) => left.deadline - right.deadline || (leftId < rightId ? -1 : 1));
    for (const [id] of due.slice(0, rulebook.expiriesPerBlockMax)) this.#posting.end(id, "expired");
  }

  #batch(batch: Batch, batchIndex: number): ResultName[] {
    const { from } = batch;
    const place = (recordIndex: number): Place => ({ from, batchIndex, recordIndex });
    switch (batch.kind) {
      case "transfers":
        return this.#transfers(batch.list, place);
      case "openings":
        return batch.list.map((fields, index) => this.#accounts.open(fields, place(index)));
      case "actions":
        return batch.list.map((fields, index) =>
          DECISIONS.includes(fields.action)
            ? this.#waiting.decide(batch, fields, place(index))
            : this.#accounts.act(batch, fields, place(index)),
        );
      case "settle-set": {
        const may = this.#governance.isValidator(from);
        const result = may ? this.#waiting.settleSet(batch.list) : "not_authorised";
        return batch.list.map(() => result);
      }
      case "proposal":
        return [this.#governance.propose(batch, place(0))];
      case "governing":
        return batch.list.map((record, index) => this.#governance.govern(record, place(index)));
    }
  }

  #transfers(list: readonly FullTransfer[], place: (index: number) => Place): ResultName[] {
    const results: ResultName[] = [];
    while (results.length < list.length) {
      const begin = results.length;
      const rest = list.slice(begin);
      const last = rest.findIndex(({ flags }) => !flags.includes("linked"));
      const chain = last < 0 ? rest : rest.slice(0, last + 1);
      if (chain.length === 1 && last === 0) results.push(this.#single(chain[0] as FullTransfer, place(begin)));
      else results.push(...this.#chain(chain, (index) => place(begin + index), last < 0));
    }
    return results;
  }

  #single(record: FullTransfer, place: Place): ResultName {
    const result = this.#judge(record, place.from, false);
    if (isGood(result)) this.#perform(record, result, place);
    else this.#consume(record, result, place);
    return result;
  }

  /** All or nothing, and every id that it has a right to is used up either way (LEDG-14). */
  #chain(chain: readonly FullTransfer[], place: (index: number) => Place, isOpen: boolean): ResultName[] {
    const before = new Set(chain.map(({ id }) => id).filter((id) => this.#books.seen.has(id)));
    const undo = this.#books.snapshot();
    let failed = isOpen ? chain.length - 1 : -1;
    let reason: ResultName = CHAIN_OPEN;
    const results: ResultName[] = [];
    for (const [index, record] of isOpen ? [] : chain.entries()) {
      const result = this.#judge(record, place(index).from, true);
      results.push(result);
      if (isGood(result)) {
        this.#perform(record, result, place(index));
        continue;
      }
      failed = index;
      // A repetition within the chain must not read as paid.
      reason = result === "exists" && !before.has(record.id) ? "id_already_failed" : result;
      break;
    }
    if (failed < 0) return results;
    undo();
    return chain.map((record, index) => {
      const own = index === failed ? reason : "linked_event_failed";
      const result = first([...this.#faults.rightAndId(place(index).from, record), own]);
      this.#consume(record, result, place(index));
      return result;
    });
  }

  /** A failure that uses up the id, unless it is one of those that do not. */
  #consume(record: FullTransfer, result: ResultName, place: Place): void {
    if (!consumes(result)) return;
    this.#books.leave(result, place);
    this.#books.seen.set(record.id, { content: JSON.stringify(record), success: false, state: "none" });
  }

  #judge(record: FullTransfer, from: number, isChained: boolean): ResultName {
    const { flags } = record;
    const found = this.#faults.rightAndId(from, record);
    if (flags.includes("post_pending") || flags.includes("void_pending")) {
      found.push(...this.#faults.resolution(record));
      if (found.length > 0) return first(found);
      return flags.includes("void_pending") ? "voided" : "posted";
    }
    found.push(...this.#faults.initiation(from, record));
    const wait = this.#waiting.verdict(from, record, found, isChained);
    if (wait !== undefined) return wait;
    if (found.length > 0) return first(found);
    return flags.includes("pending") ? "reserved" : "posted";
  }

  #perform(record: FullTransfer, result: ResultName, place: Place): void {
    const books = this.#books;
    let amount: bigint;
    if (result === "voided" || record.flags.includes("post_pending")) {
      const pending = books.pendings.get(record.pendingId) as Pending;
      amount = record.amount === "0" ? pending.amount : BigInt(record.amount);
      const state = result === "voided" ? "voided" : "posted";
      this.#posting.resolve(record.pendingId, state, result === "voided" ? 0n : amount);
    } else amount = this.#posting.initiate(record, result, place);
    books.leave(result, place, amount);
    const isPending = result === "reserved" || result === "held" || result === "queued";
    const content = JSON.stringify(record);
    books.seen.set(record.id, { content, success: true, state: isPending ? "pending" : "none" });
  }
}

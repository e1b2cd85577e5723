import {
  type AccountKind,
  type Balances,
  decodeAccount,
  decodeAction,
  decodeGovernRecord,
  decodeSettlement,
  decodeTransfer,
  type Genesis,
  isSuccess,
  parseProposalContent,
  proposalContent,
  RESULT,
  type Rulebook,
  type RulebookRail,
  ZERO_ID,
} from "../../formats/index.js";
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
  /** Whether its release reserves the money once more, until it is posted. */
  readonly isTwoPhase?: boolean;
  readonly rail: RulebookRail | undefined;
}

/** What each bank paid and got in one window. */
type Window = Map<ParticipantNumber, { debits: bigint; credits: bigint }>;

/**
 * The money once more, kept from the outcomes alone: what a bank's own books would say if it believed
 * every result code. Knows nothing of rules, funds or limits.
 */
export class BalanceReplay {
  readonly #accounts = new Map<Id128, Account>();
  readonly #settlements = new Map<string, Id128>();
  readonly #reserves = new Map<string, Id128>();
  #rails: ReadonlyMap<number, RulebookRail> = new Map();
  /** Rulebooks that were proposed, by the proposal's id. */
  readonly #proposed = new Map<Id128, Rulebook>();
  /** By asset: the window that payments count into, and those that are cut and not settled, oldest first. */
  readonly #openWindows = new Map<number, Window>();
  readonly #closed = new Map<number, Window[]>();
  #fault: string | undefined;
  readonly #reservations = new Map<Id128, Reservation>();

  constructor(genesis: Genesis) {
    this.#follow(genesis.rulebook);
    for (const { id, owner, asset, kind } of genesis.accounts) {
      this.#open(id, owner, asset);
      this.#register(id, owner, asset, kind);
    }
    for (const { debit, credit, amount } of genesis.funding) {
      const value = BigInt(amount);
      this.#book(debit, "debitsPosted", value);
      this.#book(credit, "creditsPosted", value);
    }
  }

  #register(id: Id128, owner: ParticipantNumber, asset: number, kind: AccountKind): void {
    if (kind === "settlement") this.#settlements.set(`${owner}:${asset}`, id);
    if (kind === "reserve") this.#reserves.set(`${owner}:${asset}`, id);
  }

  #follow({ rails }: Rulebook): void {
    this.#rails = new Map(rails.map((rail) => [rail.number, rail]));
  }

  /** @param batchAt batches of the block, by index */
  apply(outcome: DecodedOutcome, batchAt: (index: number) => Uint8Array): void {
    if (!isSuccess(outcome.code)) return;
    switch (outcome.subject) {
      case "account": {
        const { id, owner, asset, kind } = decodeAccount(outcome.record);
        this.#open(id, owner, asset);
        this.#register(id, owner, asset, kind);
        return;
      }
      case "action": {
        this.#act(decodeAction(outcome.record));
        return;
      }
      case "settlement":
        this.#settle(outcome.record);
        return;
      case "proposal":
        this.#propose(outcome, batchAt);
        return;
      case "ballot":
      case "key":
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

  #act({ action, accountId }: ReturnType<typeof decodeAction>): void {
    const account = this.#accounts.get(accountId);
    if (action === "cut_window" && account !== undefined) this.#cut(account.asset);
    if (action === "close" && account !== undefined) {
      const place = `${account.owner}:${account.asset}`;
      for (const owned of [this.#settlements, this.#reserves]) if (owned.get(place) === accountId) owned.delete(place);
    }
    // One decision is enough in these rulebooks where a transfer has two phases.
    const held = action === "release_hold" ? this.#release(accountId) : undefined;
    if (held === undefined) return;
    const reservation = { ...held, hasNoLeg: held.isTwoPhase !== true };
    this.#move(reservation, "Pending", 1n);
    this.#reservations.set(accountId, reservation);
  }

  /** A rulebook is proposed, or comes into force: fees change with it. */
  #propose({ record, code, batchIndex }: DecodedOutcome, batchAt: (index: number) => Uint8Array): void {
    const head = decodeGovernRecord(record);
    if (head?.type !== "proposal" || head.kind !== "rulebook") return;
    if (code === RESULT.proposed) {
      const parsed = parseProposalContent("rulebook", proposalContent(batchAt(batchIndex)));
      if (parsed.ok && parsed.value.kind === "rulebook") this.#proposed.set(head.id, parsed.value.content);
    }
    const inForce = code === RESULT.activated ? this.#proposed.get(head.id) : undefined;
    if (inForce !== undefined) this.#follow(inForce);
  }

  /** A transfer that waited was paid, or given back. */
  #ended({ record, code, amount }: DecodedOutcome): void {
    const reservation = this.#release(decodeTransfer(record).id);
    if (reservation === undefined || code !== RESULT.released) return;
    const { debit, credit, rail } = reservation;
    this.#move({ debit, credit, amount, rail }, "Posted", 1n);
  }

  #transfer({ record, code, amount }: DecodedOutcome): void {
    const fields = decodeTransfer(record);
    const rail = this.#rails.get(fields.rail);
    if (code === RESULT.reserved || code === RESULT.queued || code === RESULT.held) {
      const { id, debitAccountId: debit, creditAccountId: credit } = fields;
      const isTwoPhase = fields.flags.includes("pending");
      const reservation = { debit, credit, amount, rail, isTwoPhase, hasNoLeg: code !== RESULT.reserved };
      this.#move(reservation, "Pending", 1n);
      this.#reservations.set(id, reservation);
      return;
    }
    if (fields.pendingId === ZERO_ID) {
      const { debitAccountId: debit, creditAccountId: credit } = fields;
      this.#move({ debit, credit, amount, rail }, "Posted", 1n);
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

  /** Both sides, and between two banks their settlement accounts or their window with them, fee included. */
  #move(moved: Reservation, state: "Pending" | "Posted", sign: 1n | -1n): void {
    const { debit, credit, amount, rail, hasNoLeg } = moved;
    this.#book(debit, `debits${state}`, sign * amount);
    this.#book(credit, `credits${state}`, sign * amount);
    const payer = this.#accounts.get(debit);
    const payee = this.#accounts.get(credit);
    if (payer === undefined || payee === undefined || payer.owner === payee.owner || hasNoLeg === true) return;
    const from = this.#settlements.get(`${payer.owner}:${payer.asset}`);
    const to = this.#settlements.get(`${payee.owner}:${payee.asset}`);
    // Between settlement accounts the money moves once.
    if (from === undefined || to === undefined || from === debit || to === credit) return;
    const leg = amount + BigInt(rail?.fee ?? 0);
    if (rail?.settlement !== "net") {
      this.#book(from, `debits${state}`, sign * leg);
      this.#book(to, `credits${state}`, sign * leg);
    } else if (state === "Posted") {
      this.#part(payer.asset, payer.owner).debits += leg;
      this.#part(payer.asset, payee.owner).credits += leg;
    }
  }

  #part(asset: number, bank: ParticipantNumber): { debits: bigint; credits: bigint } {
    const window: Window = this.#openWindows.get(asset) ?? new Map();
    this.#openWindows.set(asset, window);
    const part = window.get(bank) ?? { debits: 0n, credits: 0n };
    window.set(bank, part);
    return part;
  }

  #cut(asset: number): Window[] {
    const closed = this.#closed.get(asset) ?? [];
    closed.push(this.#openWindows.get(asset) ?? new Map());
    this.#closed.set(asset, closed);
    this.#openWindows.delete(asset);
    return closed;
  }

  /** Windows settle before the block's payments, so one that nobody was seen to cut was cut by time just now. */
  #settle(record: Uint8Array): void {
    const settled = decodeSettlement(record);
    const { asset } = settled.type === "summary" ? settled.summary : settled.position;
    const waiting = this.#closed.get(asset) ?? [];
    const window = (waiting.length > 0 ? waiting : this.#cut(asset))[0] as Window;
    if (settled.type === "summary") {
      if (window.size > 0)
        this.#fault ??= `window ${settled.summary.window} settled without bank ${[...window.keys()][0]}`;
      this.#closed.get(asset)?.shift();
      return;
    }
    const { bank, debits, credits } = settled.position;
    const own = window.get(bank);
    if (own?.debits !== debits || own.credits !== credits) {
      this.#fault ??= `bank ${bank} settled ${debits} against ${credits} where ${own?.debits} against ${own?.credits} was booked`;
    }
    window.delete(bank);
    const net = debits - credits;
    if (net > 0n) this.#book(this.#reserves.get(`${bank}:${asset}`), "debitsPosted", net);
    if (net < 0n) this.#book(this.#settlements.get(`${bank}:${asset}`), "creditsPosted", -net);
  }

  /** First account whose balances are others on the ledger; undefined if all agree. */
  difference(ledger: Pick<Ledger, "account">): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
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

  #book(id: Id128 | undefined, column: keyof Balances, amount: bigint): void {
    const account = id === undefined ? undefined : this.#accounts.get(id);
    if (account !== undefined) account.book[column] += amount;
  }
}

const COLUMNS: readonly (keyof Balances & keyof AccountView)[] = [
  "debitsPending",
  "debitsPosted",
  "creditsPending",
  "creditsPosted",
];

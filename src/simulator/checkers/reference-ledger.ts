import {
  type BatchHeader,
  decodeAccount,
  decodeAction,
  decodeTransfer,
  type Genesis,
  isSuccess,
  parseBatch,
  RESULT,
  type TransferFields,
  usualAccountFlags,
  ZERO_ID,
} from "../../formats/index.js";
import { type Id128, type ParticipantNumber, RECORD_BYTES } from "../../primitives/index.js";

/** Bytes of a batch before its records, and of a record that its id is compared by: all but the id itself. */
const BATCH_HEADER = 128;
const COMPARED = [16, 120] as const;
const TOO_MUCH = 2n ** 64n;
/** Batch index of what the ledger does by itself. */
const BY_ITSELF = 0xffff_ffff;

/** What the rules say that a record leaves behind. */
export interface ExpectedOutcome {
  readonly code: number;
  readonly participant: number;
  readonly batchIndex: number;
  readonly recordIndex: number;
  readonly amount: bigint;
}

interface Account {
  readonly id: Id128;
  readonly owner: ParticipantNumber;
  readonly asset: number;
  readonly kind: string;
  /** Debits may not exceed credits (1), or the reverse (2). */
  readonly limits: number;
  isFrozen: boolean;
  isClosed: boolean;
  debitsPosted: bigint;
  creditsPosted: bigint;
  debitsPending: bigint;
  creditsPending: bigint;
}

type Column = "debitsPosted" | "creditsPosted" | "debitsPending" | "creditsPending";

/** First use of an id, and what became of it if it reserved money. */
interface Used {
  readonly record: Uint8Array;
  readonly isAction: boolean;
  code: number;
  reservation: Reservation | undefined;
  fate: "pending" | "posted" | "voided" | "expired" | undefined;
}

interface Reservation extends Legs {
  readonly fields: Required<TransferFields>;
  readonly amount: bigint;
  readonly deadline: number;
  readonly participant: ParticipantNumber;
  readonly recordIndex: number;
}

/** Debited and credited accounts; the banks' settlement accounts follow where money crosses. */
interface Legs {
  readonly debits: readonly Account[];
  readonly credits: readonly Account[];
}

interface Verdict extends Legs {
  readonly code: number;
  readonly amount: bigint;
  readonly resolves: Used | undefined;
}

/** Where in a block a record stands. */
interface Place {
  readonly participant: ParticipantNumber;
  readonly batchIndex: number;
  readonly recordIndex: number;
  readonly timestamp: number;
}

const NOWHERE: Omit<Verdict, "code"> = { amount: 0n, debits: [], credits: [], resolves: undefined };

/**
 * The ledger's rules (LEDG-4 … 19, `src/ledger/index.ts`) once more, as plainly as they can be said: a record is
 * judged by everything that speaks against it, and the smallest code counts (LEDG-7). Shares record formats and code
 * numbers with the ledger and none of its code. Rails with daily limits are not covered.
 */
export class ReferenceLedger {
  readonly #genesis: Genesis;
  readonly #accounts = new Map<Id128, Account>();
  readonly #used = new Map<Id128, Used>();
  /** By participant: transfers that are pending. */
  readonly #pendings = new Map<number, number>();
  #outcomes: ExpectedOutcome[] = [];
  /** Takes back what a chain has done so far; undefined outside of chains. */
  #undo: (() => void)[] | undefined;

  constructor(genesis: Genesis) {
    this.#genesis = genesis;
    for (const { id, owner, asset, kind } of genesis.accounts)
      this.#open({ id, owner, asset, kind, limits: usualAccountFlags(kind) });
    for (const { debit, credit, amount } of genesis.funding) {
      this.#add(this.#accounts.get(debit), "debitsPosted", BigInt(amount));
      this.#add(this.#accounts.get(credit), "creditsPosted", BigInt(amount));
    }
  }

  /**
   * Executes a block.
   *
   * @returns all outcomes in order, and the codes of each batch, `undefined` where the batch was not read
   */
  execute(block: { readonly timestamp: number; readonly batches: readonly Uint8Array[] }): {
    readonly outcomes: readonly ExpectedOutcome[];
    readonly codes: readonly (readonly number[] | undefined)[];
  } {
    this.#outcomes = [];
    this.#expire(block.timestamp);
    const codes: (readonly number[] | undefined)[] = block.batches.map(() => undefined);
    const headers = block.batches.map((bytes) => this.#readable(bytes));
    // An authority's orders come first, so that no payment overtakes a freeze (LEDG-4).
    for (const isFirst of [true, false]) {
      for (const [batchIndex, header] of headers.entries()) {
        if (header === undefined || this.#goesFirst(header) !== isFirst) continue;
        codes[batchIndex] = this.#batch(header, block.batches[batchIndex] as Uint8Array, {
          batchIndex,
          timestamp: block.timestamp,
        });
      }
    }
    return { outcomes: this.#outcomes, codes };
  }

  #readable(bytes: Uint8Array): BatchHeader | undefined {
    const parsed = parseBatch(bytes);
    if (!parsed.ok) return undefined;
    const known = this.#genesis.participants.find(({ number }) => number === parsed.header.participant);
    return known === undefined ? undefined : parsed.header;
  }

  #roleOf(participant: number): string | undefined {
    return this.#genesis.participants.find(({ number }) => number === participant)?.role;
  }

  #goesFirst = ({ kind, participant }: BatchHeader): boolean =>
    kind === "manage_accounts" && this.#roleOf(participant) === "authority";

  #batch(header: BatchHeader, bytes: Uint8Array, at: Pick<Place, "batchIndex" | "timestamp">): number[] {
    const { kind, count, participant } = header;
    const records = Array.from({ length: count }, (_, index) =>
      bytes.slice(BATCH_HEADER + index * RECORD_BYTES, BATCH_HEADER + (index + 1) * RECORD_BYTES),
    );
    const place = (recordIndex: number): Place => ({ ...at, participant, recordIndex });
    if (kind === "create_accounts") return records.map((record, index) => this.#openAccount(record, place(index)));
    if (kind === "manage_accounts") return records.map((record, index) => this.#manage(record, place(index)));
    return this.#transfers(records, place);
  }

  // Transfers.

  #transfers(records: readonly Uint8Array[], place: (index: number) => Place): number[] {
    const codes: number[] = [];
    while (codes.length < records.length) {
      const first = codes.length;
      let end = first;
      while (end < records.length && decodeTransfer(records[end] as Uint8Array).flags.includes("linked")) end += 1;
      const isOpen = end === records.length;
      if (!isOpen) end += 1;
      if (end === first + 1 && !isOpen) codes.push(this.#transfer(records[first] as Uint8Array, place(first)));
      else codes.push(...this.#chain(records.slice(first, end), (index) => place(first + index), isOpen));
    }
    return codes;
  }

  #transfer(record: Uint8Array, place: Place): number {
    const verdict = this.#judge(record, place);
    if (isSuccess(verdict.code)) this.#perform(record, verdict, place);
    else this.#refuse(record, verdict.code, place);
    return verdict.code;
  }

  /** All or nothing, and every id that it has a right to is used up either way (LEDG-14). */
  #chain(records: readonly Uint8Array[], place: (index: number) => Place, isOpen: boolean): number[] {
    const outcomes = this.#outcomes.length;
    const own = new Set<Id128>();
    let failed = isOpen ? records.length - 1 : -1;
    let reason: number = RESULT.linked_event_chain_open;
    this.#undo = [];
    for (let index = 0; index < records.length && failed < 0; index += 1) {
      const record = records[index] as Uint8Array;
      const { id } = decodeTransfer(record);
      const verdict = this.#judge(record, place(index));
      if (isSuccess(verdict.code)) this.#perform(record, verdict, place(index));
      else {
        failed = index;
        reason = verdict.code === RESULT.exists && own.has(id) ? RESULT.id_already_failed : verdict.code;
      }
      own.add(id);
    }
    const undo = this.#undo;
    this.#undo = undefined;
    if (failed < 0) return this.#outcomes.slice(outcomes).map(({ code }) => code);
    for (const take of undo.reverse()) take();
    this.#outcomes.length = outcomes;
    const done = isOpen ? 0 : failed;
    return records.map((record, index) => {
      const code = index === failed ? reason : RESULT.linked_event_failed;
      const refusal = index < done ? undefined : this.#refusalOf(record, place(index).participant);
      const smaller = refusal === undefined ? code : Math.min(refusal, code);
      this.#refuse(record, smaller, place(index));
      return smaller;
    });
  }

  /** A failure uses up the id, unless there was no right to it or it had been used (LEDG-5, LEDG-6). */
  #refuse(record: Uint8Array, code: number, place: Place): void {
    if (code <= RESULT.id_already_failed) return;
    this.#use(record, { code, isAction: false });
    this.#leave(code, 0n, place);
  }

  #use(record: Uint8Array, first: Pick<Used, "code" | "isAction">): Used {
    const { id } = decodeTransfer(record);
    const used: Used = { ...first, record, reservation: undefined, fate: undefined };
    this.#used.set(id, used);
    this.#undo?.push(() => this.#used.delete(id));
    return used;
  }

  #leave(code: number, amount: bigint, { participant, batchIndex, recordIndex }: Omit<Place, "timestamp">): void {
    this.#outcomes.push({ code, participant, batchIndex, recordIndex, amount });
  }

  #judge(record: Uint8Array, place: Place): Verdict {
    const refusal = this.#refusalOf(record, place.participant);
    if (refusal !== undefined) return { ...NOWHERE, code: refusal };
    const fields = decodeTransfer(record);
    const isResolution = fields.flags.includes("post_pending") || fields.flags.includes("void_pending");
    return isResolution ? this.#judgeResolution(fields, place) : this.#judgeInitiation(fields, place);
  }

  /** No right to it, or used before. */
  #refusalOf(record: Uint8Array, participant: ParticipantNumber): number | undefined {
    const fields = decodeTransfer(record);
    if (creatorOf(fields.id) !== participant) return RESULT.id_not_of_participant;
    if (fields.flags.includes("post_pending") || fields.flags.includes("void_pending")) {
      if (fields.pendingId !== ZERO_ID && creatorOf(fields.pendingId) !== participant) return RESULT.not_authorised;
    } else {
      const debit = this.#accounts.get(fields.debitAccountId);
      const credit = this.#accounts.get(fields.creditAccountId);
      const isRedemption = debit?.kind === "settlement" && credit?.kind === "issuance" && credit.owner === participant;
      if (debit !== undefined && debit.owner !== participant && !isRedemption) return RESULT.not_authorised;
    }
    const used = this.#used.get(fields.id);
    return used === undefined ? undefined : repetitionOf(used, record);
  }

  #judgeInitiation(fields: Required<TransferFields>, { participant }: Place): Verdict {
    const against: number[] = [];
    const say = (isWrong: boolean | undefined, code: number): void => void (isWrong === true && against.push(code));
    const { rulebook } = this.#genesis;
    const isPending = fields.flags.includes("pending");
    const rail = rulebook.rails.find(({ number }) => number === fields.rail);
    const debit = this.#accounts.get(fields.debitAccountId);
    const credit = this.#accounts.get(fields.creditAccountId);
    let amount = BigInt(fields.amount);
    say(fields.pendingId !== ZERO_ID, RESULT.pending_id_must_be_zero);
    say(fields.timeoutSeconds !== 0 && !isPending, RESULT.timeout_reserved_for_pending);
    say(fields.debitAccountId === fields.creditAccountId, RESULT.accounts_must_be_different);
    say(!rulebook.assets.some(({ number }) => number === fields.asset), RESULT.asset_not_found);
    say(rail === undefined, RESULT.rail_not_found);
    say(isPending && rail?.timeoutSecondsMax === 0, RESULT.rail_without_pending);
    say(
      isPending &&
        rail !== undefined &&
        (fields.timeoutSeconds === 0 || fields.timeoutSeconds > rail.timeoutSecondsMax),
      RESULT.timeout_out_of_range,
    );
    say(amount === 0n, RESULT.amount_must_not_be_zero);
    say(rail !== undefined && amount < BigInt(rail.minimum), RESULT.amount_below_rail_minimum);
    say(rail !== undefined && amount > BigInt(rail.maximum), RESULT.amount_above_rail_maximum);
    say(debit === undefined, RESULT.debit_account_not_found);
    say(credit === undefined, RESULT.credit_account_not_found);
    if (debit === undefined || credit === undefined) return { ...NOWHERE, code: Math.min(...against) };
    say(debit.asset !== fields.asset || credit.asset !== fields.asset, RESULT.asset_mismatch);
    const route = routeOf(debit, credit);
    say(route === "none", RESULT.kinds_not_allowed);
    const [payer, payee] = [this.#settlementOf(debit), this.#settlementOf(credit)];
    say(route === "across" && (payer === undefined || payee === undefined), RESULT.settlement_account_not_found);
    say(debit.isClosed, RESULT.debit_account_closed);
    say(credit.isClosed, RESULT.credit_account_closed);
    say(debit.isFrozen, RESULT.debit_account_frozen);
    say(route === "across" && payer?.isFrozen, RESULT.settlement_account_frozen);
    say(
      isPending && (this.#pendings.get(participant) ?? 0) >= rulebook.participantCaps.pendings,
      RESULT.pendings_cap_exceeded,
    );
    if (fields.flags.includes("balancing_debit") && (debit.limits & 1) !== 0) {
      const held = debit.creditsPosted - debit.debitsPosted - debit.debitsPending;
      if (held < amount) amount = held;
      say(amount <= 0n || (rail !== undefined && amount < BigInt(rail.minimum)), RESULT.insufficient_funds);
    }
    const debits = route === "across" && payer !== undefined ? [debit, payer] : [debit];
    const credits = route === "across" && payee !== undefined ? [credit, payee] : [credit];
    const isTooMuch =
      debits.some((account) => account.debitsPosted + account.debitsPending + amount >= TOO_MUCH) ||
      credits.some((account) => account.creditsPosted + account.creditsPending + amount >= TOO_MUCH);
    say(isTooMuch, RESULT.balance_overflow);
    say((debit.limits & 1) !== 0 && !holds(debit, amount), RESULT.insufficient_funds);
    say(
      (credit.limits & 2) !== 0 && credit.creditsPosted + credit.creditsPending + amount > credit.debitsPosted,
      RESULT.exceeds_debits,
    );
    say(route === "across" && payer !== undefined && !holds(payer, amount), RESULT.insufficient_liquidity);
    const code = against.length > 0 ? Math.min(...against) : isPending ? RESULT.reserved : RESULT.posted;
    return { code, amount, debits, credits, resolves: undefined };
  }

  #judgeResolution(fields: Required<TransferFields>, { timestamp }: Place): Verdict {
    const isPost = fields.flags.includes("post_pending");
    const others = fields.flags.filter(
      (flag) => flag !== "linked" && flag !== (isPost ? "post_pending" : "void_pending"),
    );
    const refused = (code: number): Verdict => ({ ...NOWHERE, code });
    if (others.length > 0) return refused(RESULT.flags_are_mutually_exclusive);
    if (fields.pendingId === ZERO_ID) return refused(RESULT.pending_id_must_not_be_zero);
    if (fields.timeoutSeconds !== 0) return refused(RESULT.timeout_reserved_for_pending);
    const used = this.#used.get(fields.pendingId);
    if (used === undefined) return refused(RESULT.pending_transfer_not_found);
    const { reservation, fate } = used;
    if (reservation === undefined || fate === undefined) return refused(RESULT.pending_transfer_not_pending);
    if (fate === "posted") return refused(RESULT.pending_transfer_already_posted);
    if (fate === "voided") return refused(RESULT.pending_transfer_already_voided);
    if (fate === "expired" || reservation.deadline <= timestamp) return refused(RESULT.pending_transfer_expired);
    const against: number[] = [];
    const say = (isWrong: boolean | undefined, code: number): void => void (isWrong === true && against.push(code));
    const { fields: first, debits, credits } = reservation;
    const isOther = (said: Id128, was: Id128): boolean => said !== ZERO_ID && said !== was;
    say(isOther(fields.debitAccountId, first.debitAccountId), RESULT.pending_transfer_has_different_debit_account);
    say(isOther(fields.creditAccountId, first.creditAccountId), RESULT.pending_transfer_has_different_credit_account);
    say(fields.asset !== first.asset, RESULT.pending_transfer_has_different_asset);
    say(fields.rail !== first.rail, RESULT.pending_transfer_has_different_rail);
    const amount = BigInt(fields.amount) === 0n ? reservation.amount : BigInt(fields.amount);
    const rail = this.#genesis.rulebook.rails.find(({ number }) => number === first.rail);
    say(amount > reservation.amount, RESULT.exceeds_pending_amount);
    say(amount < reservation.amount && !(isPost && rail?.partialPost === true), RESULT.partial_amount_not_allowed);
    say(isPost && debits[0]?.isFrozen, RESULT.debit_account_frozen);
    say(isPost && debits[1]?.isFrozen, RESULT.settlement_account_frozen);
    const code = against.length > 0 ? Math.min(...against) : isPost ? RESULT.posted : RESULT.voided;
    return { code, amount, debits, credits, resolves: used };
  }

  #perform(record: Uint8Array, verdict: Verdict, place: Place): void {
    const { code, amount, resolves, debits, credits } = verdict;
    const fields = decodeTransfer(record);
    if (resolves !== undefined) this.#release(resolves, code === RESULT.posted ? "posted" : "voided");
    if (code === RESULT.posted) this.#move(verdict, "Posted", amount);
    if (code === RESULT.reserved) this.#move(verdict, "Pending", amount);
    const used = this.#use(record, { code, isAction: false });
    if (code === RESULT.reserved) {
      const { participant, recordIndex, timestamp } = place;
      const deadline = timestamp + fields.timeoutSeconds * 1_000;
      used.reservation = { fields, amount, deadline, participant, recordIndex, debits, credits };
      used.fate = "pending";
      this.#count(participant, 1);
    }
    this.#leave(code, amount, place);
  }

  #release(used: Used, fate: "posted" | "voided" | "expired"): void {
    const reservation = used.reservation as Reservation;
    this.#move(reservation, "Pending", -reservation.amount);
    this.#count(reservation.participant, -1);
    used.fate = fate;
    this.#undo?.push(() => {
      used.fate = "pending";
    });
  }

  /** Due reservations end by (deadline, id), a few in each block (LEDG-16). */
  #expire(timestamp: number): void {
    const due = [...this.#used]
      .filter(([, { fate, reservation }]) => fate === "pending" && (reservation?.deadline ?? 0) <= timestamp)
      .map(([id, used]) => ({ id, used, reservation: used.reservation as Reservation }))
      .sort((left, right) => left.reservation.deadline - right.reservation.deadline || (left.id < right.id ? -1 : 1));
    for (const { used, reservation } of due.slice(0, this.#genesis.rulebook.expiriesPerBlockMax)) {
      this.#release(used, "expired");
      const { participant, recordIndex, amount } = reservation;
      this.#leave(RESULT.expired, amount, { participant, batchIndex: BY_ITSELF, recordIndex });
    }
  }

  #move({ debits, credits }: Legs, state: "Posted" | "Pending", amount: bigint): void {
    for (const account of debits) this.#add(account, `debits${state}`, amount);
    for (const account of credits) this.#add(account, `credits${state}`, amount);
  }

  #add(account: Account | undefined, column: Column, amount: bigint): void {
    if (account === undefined) return;
    account[column] += amount;
    this.#undo?.push(() => {
      account[column] -= amount;
    });
  }

  #count(participant: number, by: number): void {
    this.#pendings.set(participant, (this.#pendings.get(participant) ?? 0) + by);
    this.#undo?.push(() => this.#pendings.set(participant, (this.#pendings.get(participant) ?? 0) - by));
  }

  #settlementOf({ owner, asset }: Account): Account | undefined {
    for (const account of this.#accounts.values()) {
      if (account.kind === "settlement" && account.owner === owner && account.asset === asset && !account.isClosed)
        return account;
    }
    return undefined;
  }

  // Accounts.

  /** Customers' and clearing accounts by their own bank; nobody in these histories opens others. */
  #openAccount(record: Uint8Array, place: Place): number {
    const { id, owner, asset, kind, flags } = decodeAccount(record);
    const { assets } = this.#genesis.rulebook;
    if (creatorOf(id) !== place.participant) return RESULT.id_not_of_participant;
    const isBank = this.#roleOf(place.participant) === "bank";
    if ((kind !== "customer" && kind !== "clearing") || !isBank || owner !== place.participant)
      return RESULT.not_authorised;
    const known = this.#accounts.get(id);
    // Names that come again come with the same fields.
    if (known !== undefined) return RESULT.exists;
    if (!assets.some(({ number }) => number === asset)) return RESULT.asset_not_found;
    const owned = [...this.#accounts.values()].filter((account) => account.owner === owner).length;
    if (owned >= this.#genesis.rulebook.participantCaps.accounts) return RESULT.accounts_cap_exceeded;
    const limits = flags.reduce((sum, flag) => sum + (flag === "debits_must_not_exceed_credits" ? 1 : 2), 0);
    this.#open({ id, owner, asset, kind, limits });
    this.#leave(RESULT.applied, 0n, place);
    return RESULT.applied;
  }

  #open(account: Pick<Account, "id" | "owner" | "asset" | "kind" | "limits">): void {
    const empty = { debitsPosted: 0n, creditsPosted: 0n, debitsPending: 0n, creditsPending: 0n };
    this.#accounts.set(account.id, { ...account, ...empty, isFrozen: false, isClosed: false });
  }

  #manage(record: Uint8Array, place: Place): number {
    const { id, accountId, action } = decodeAction(record);
    const account = this.#accounts.get(accountId);
    if (creatorOf(id) !== place.participant) return RESULT.id_not_of_participant;
    const isAuthority = this.#roleOf(place.participant) === "authority";
    const isAllowed = action === "close" ? account === undefined || account.owner === place.participant : isAuthority;
    if (!isAllowed) return RESULT.not_authorised;
    const used = this.#used.get(id);
    if (used !== undefined) return repetitionOf(used, record);
    if (action !== "close" && action !== "freeze" && action !== "unfreeze") throw new Error(`no rule for ${action}`);
    const code = account === undefined ? RESULT.account_not_found : actionCode(account, action);
    if (code === RESULT.applied && account !== undefined) {
      if (action === "close") account.isClosed = true;
      else account.isFrozen = action === "freeze";
    }
    this.#use(record, { code, isAction: true });
    this.#leave(code, 0n, place);
    return code;
  }
}

function actionCode(account: Account, action: "freeze" | "unfreeze" | "close"): number {
  if (account.isClosed) return RESULT.account_closed;
  if (action === "unfreeze") return account.isFrozen ? RESULT.applied : RESULT.account_not_frozen;
  if (account.isFrozen) return RESULT.account_frozen;
  if (action === "freeze") return RESULT.applied;
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = account;
  const isEmpty = debitsPosted === creditsPosted && debitsPending === 0n && creditsPending === 0n;
  return isEmpty ? RESULT.applied : RESULT.account_not_empty;
}

/** The participant whose number an id begins with. */
const creatorOf = (id: Id128): number => Number.parseInt(id.slice(0, 8), 16);

/** The same record again says how it ended; another one under its id is told from it by its smallest difference. */
function repetitionOf(used: Used, record: Uint8Array): number {
  const [from, to] = COMPARED;
  const isSame = record.subarray(from, to).every((byte, index) => byte === used.record[from + index]);
  if (isSame) return isSuccess(used.code) ? RESULT.exists : RESULT.id_already_failed;
  if (used.isAction) return RESULT.exists_with_different_content;
  const [mine, first] = [decodeTransfer(record), decodeTransfer(used.record)];
  if (mine.debitAccountId !== first.debitAccountId) return RESULT.exists_with_different_debit_account;
  if (mine.creditAccountId !== first.creditAccountId) return RESULT.exists_with_different_credit_account;
  if (mine.amount !== first.amount) return RESULT.exists_with_different_amount;
  return RESULT.exists_with_different_content;
}

/** Whether a code says that an id was used with other content; which field shows is a matter of fingerprints. */
export const isDifference = (code: number): boolean =>
  code >= RESULT.exists_with_different_debit_account && code <= RESULT.exists_with_different_content;

const holds = ({ debitsPosted, debitsPending, creditsPosted }: Account, amount: bigint): boolean =>
  debitsPosted + debitsPending + amount <= creditsPosted;

/** Who may pay whom (LEDG-9). */
function routeOf(debit: Account, credit: Account): "none" | "within" | "across" {
  const isSameOwner = debit.owner === credit.owner;
  switch (`${debit.kind} ${credit.kind}`) {
    case "customer customer":
      return isSameOwner ? "within" : "across";
    case "customer clearing":
    case "clearing customer":
      return isSameOwner ? "within" : "none";
    case "settlement settlement":
    case "settlement issuance":
    case "issuance settlement":
      return "within";
    default:
      return "none";
  }
}

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
import { ReferenceWindows } from "./reference-windows.js";

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

/** Debited and credited account, and how the banks settle where money crosses between them. */
interface Legs {
  readonly debit: Account | undefined;
  readonly credit: Account | undefined;
  /** Gross: money moves between the two settlement accounts with the customers'. Net: it counts into a window. */
  readonly settles: "gross" | "net" | "not";
  readonly payer: Account | undefined;
  readonly payee: Account | undefined;
  readonly fee: bigint;
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

const NO_LEGS: Legs = {
  debit: undefined,
  credit: undefined,
  settles: "not",
  payer: undefined,
  payee: undefined,
  fee: 0n,
};
const NOWHERE: Omit<Verdict, "code"> = { ...NO_LEGS, amount: 0n, resolves: undefined };

/**
 * The ledger's rules (LEDG-4 … 27, `src/ledger/index.ts`) once more, as plainly as they can be said: a record is
 * judged by everything that speaks against it, and the smallest code counts (LEDG-7). Shares record formats and code
 * numbers with the ledger and none of its code. Limits by day or window, queues, holds and settle-sets are not covered
 * (`covers`); what validators decide is left to the checkers of epochs, and changes nothing here.
 */
export class ReferenceLedger {
  readonly #genesis: Genesis;
  readonly #accounts = new Map<Id128, Account>();
  readonly #used = new Map<Id128, Used>();
  /** By participant: transfers that are pending. */
  readonly #pendings = new Map<number, number>();
  readonly #windows: ReferenceWindows;
  #timestamp = 0;
  #outcomes: ExpectedOutcome[] = [];
  /** Takes back what a chain has done so far; undefined outside of chains. */
  #undo: (() => void)[] | undefined;

  constructor(genesis: Genesis) {
    this.#genesis = genesis;
    this.#windows = new ReferenceWindows(genesis.rulebook);
    for (const { id, owner, asset, kind } of genesis.accounts)
      this.#open({ id, owner, asset, kind, limits: usualAccountFlags(kind) });
    for (const { debit, credit, amount } of genesis.funding) {
      this.#add(this.#accounts.get(debit), "debitsPosted", BigInt(amount));
      this.#add(this.#accounts.get(credit), "creditsPosted", BigInt(amount));
    }
  }

  /** Whether the rules said here are all that a batch can meet. */
  covers(bytes: Uint8Array): boolean {
    const parsed = parseBatch(bytes);
    if (!parsed.ok) return true;
    const { kind, count } = parsed.header;
    const { rails, screening } = this.#genesis.rulebook;
    const isPlain = rails.every(
      ({ accountDailyMaximum, bankWindowMaximum, onShortage }) =>
        accountDailyMaximum === undefined && bankWindowMaximum === undefined && onShortage !== "queue",
    );
    if (kind === "settle_set" || screening !== undefined || !isPlain) return false;
    if (kind !== "manage_accounts") return true;
    const actions = Array.from({ length: count }, (_, index) => decodeAction(recordAt(bytes, index)).action);
    return actions.every((action) => isAccountAction(action) || action === "cut_window");
  }

  /**
   * Executes a block.
   *
   * @returns all outcomes in order but those of governance, and the codes of each batch, `undefined` where the batch was
   *   not read
   */
  execute(block: { readonly timestamp: number; readonly batches: readonly Uint8Array[] }): {
    readonly outcomes: readonly ExpectedOutcome[];
    readonly codes: readonly (readonly number[] | undefined)[];
  } {
    this.#outcomes = [];
    this.#timestamp = block.timestamp;
    this.#expire(block.timestamp);
    this.#windows.cutDue(block.timestamp);
    this.#settleWindows();
    const codes: (readonly number[] | undefined)[] = block.batches.map(() => undefined);
    const headers = block.batches.map((bytes) => this.#readable(bytes));
    // An authority's orders come first, so that no payment overtakes a freeze (LEDG-4).
    for (const isFirst of [true, false]) {
      for (const [batchIndex, header] of headers.entries()) {
        if (header === undefined || header.kind === "govern" || this.#goesFirst(header) !== isFirst) continue;
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
    const records = Array.from({ length: count }, (_, index) => recordAt(bytes, index));
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
    this.#undo = [this.#windows.snapshot()];
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
      if (fields.pendingId !== ZERO_ID && !this.#mayResolve(participant, fields.pendingId))
        return RESULT.not_authorised;
    } else {
      const debit = this.#accounts.get(fields.debitAccountId);
      const credit = this.#accounts.get(fields.creditAccountId);
      const isOfBank = debit?.kind === "settlement" || debit?.kind === "reserve";
      const isRedemption = isOfBank && credit?.kind === "issuance" && credit.owner === participant;
      if (debit !== undefined && debit.owner !== participant && !isRedemption) return RESULT.not_authorised;
    }
    const used = this.#used.get(fields.id);
    return used === undefined ? undefined : repetitionOf(used, record);
  }

  /** Who reserved, or, where it has to accept, the beneficiary's bank; how it ended everybody is told (LEDG-15, LEDG-25). */
  #mayResolve(participant: ParticipantNumber, id: Id128): boolean {
    const { reservation, fate } = this.#used.get(id) ?? {};
    if (fate !== undefined && fate !== "pending") return true;
    if (reservation === undefined || this.#railOf(reservation.fields.rail)?.acceptance !== true)
      return creatorOf(id) === participant;
    return reservation.credit?.owner === participant;
  }

  #railOf(rail: number): Genesis["rulebook"]["rails"][number] | undefined {
    return this.#genesis.rulebook.rails.find(({ number }) => number === rail);
  }

  #judgeInitiation(fields: Required<TransferFields>, { participant }: Place): Verdict {
    const against: number[] = [];
    const say = (isWrong: boolean | undefined, code: number): void => void (isWrong === true && against.push(code));
    const { rulebook } = this.#genesis;
    const isPending = fields.flags.includes("pending");
    const rail = this.#railOf(fields.rail);
    const debit = this.#accounts.get(fields.debitAccountId);
    const credit = this.#accounts.get(fields.creditAccountId);
    let amount = BigInt(fields.amount);
    say(fields.pendingId !== ZERO_ID, RESULT.pending_id_must_be_zero);
    say(fields.timeoutSeconds !== 0 && !isPending, RESULT.timeout_reserved_for_pending);
    say(fields.debitAccountId === fields.creditAccountId, RESULT.accounts_must_be_different);
    say(!rulebook.assets.some(({ number }) => number === fields.asset), RESULT.asset_not_found);
    say(rail === undefined, RESULT.rail_not_found);
    say(isPending && rail?.timeoutSecondsMax === 0, RESULT.rail_without_pending);
    const mustAccept = rail?.acceptance === true;
    const longest = mustAccept ? (rail?.turnaroundSeconds ?? 0) : (rail?.timeoutSecondsMax ?? 0);
    const isTimely = fields.timeoutSeconds <= longest && (mustAccept || fields.timeoutSeconds > 0);
    say(mustAccept && !isPending, RESULT.acceptance_required);
    say(isPending && rail !== undefined && !isTimely, RESULT.timeout_out_of_range);
    say(amount === 0n, RESULT.amount_must_not_be_zero);
    say(rail !== undefined && amount < BigInt(rail.minimum), RESULT.amount_below_rail_minimum);
    say(rail !== undefined && amount > BigInt(rail.maximum), RESULT.amount_above_rail_maximum);
    say(debit === undefined, RESULT.debit_account_not_found);
    say(credit === undefined, RESULT.credit_account_not_found);
    if (debit === undefined || credit === undefined) return { ...NOWHERE, code: Math.min(...against) };
    say(debit.asset !== fields.asset || credit.asset !== fields.asset, RESULT.asset_mismatch);
    const route = routeOf(debit, credit);
    say(route === "none", RESULT.kinds_not_allowed);
    const settles = route !== "across" ? "not" : rail?.settlement === "net" ? "net" : "gross";
    const payer = this.#ofBank(debit, settles === "net" ? "reserve" : "settlement");
    const payee = this.#ofBank(credit, "settlement");
    const fee = settles === "not" ? 0n : BigInt(rail?.fee ?? 0);
    const isPayerMissing = settles !== "not" && payer === undefined;
    say(settles !== "not" && payee === undefined, RESULT.settlement_account_not_found);
    say(isPayerMissing, settles === "net" ? RESULT.reserve_account_not_found : RESULT.settlement_account_not_found);
    say(debit.isClosed, RESULT.debit_account_closed);
    say(credit.isClosed, RESULT.credit_account_closed);
    say(debit.isFrozen, RESULT.debit_account_frozen);
    say(settles === "gross" && payer?.isFrozen, RESULT.settlement_account_frozen);
    say(settles === "net" && payer?.isFrozen, RESULT.reserve_account_frozen);
    say(
      isPending && (this.#pendings.get(participant) ?? 0) >= rulebook.participantCaps.pendings,
      RESULT.pendings_cap_exceeded,
    );
    if (fields.flags.includes("balancing_debit") && (debit.limits & 1) !== 0) {
      const owed = debit.kind === "reserve" ? this.#windows.exposure(debit.owner, debit.asset) : 0n;
      const held = debit.creditsPosted - debit.debitsPosted - debit.debitsPending - owed;
      if (held < amount) amount = held;
      say(amount <= 0n || (rail !== undefined && amount < BigInt(rail.minimum)), RESULT.insufficient_funds);
    }
    const leg = amount + fee;
    const isTooMuch =
      debitsWith(debit, amount) >= TOO_MUCH ||
      creditsWith(credit, amount) >= TOO_MUCH ||
      (settles === "gross" && payer !== undefined && debitsWith(payer, leg) >= TOO_MUCH) ||
      (settles === "gross" && payee !== undefined && creditsWith(payee, leg) >= TOO_MUCH);
    say(isTooMuch, RESULT.balance_overflow);
    if (settles === "net") against.push(...this.#againstNet({ debit, credit, payer, payee }, leg, isPending));
    const isReserveShort =
      debit.kind === "reserve" && !holds(debit, amount + this.#windows.exposure(debit.owner, debit.asset));
    say(isReserveShort, RESULT.insufficient_reserve);
    say((debit.limits & 1) !== 0 && !holds(debit, amount), RESULT.insufficient_funds);
    say(
      (credit.limits & 2) !== 0 && credit.creditsPosted + credit.creditsPending + amount > credit.debitsPosted,
      RESULT.exceeds_debits,
    );
    say(settles === "gross" && payer !== undefined && !holds(payer, leg), RESULT.insufficient_liquidity);
    const code = against.length > 0 ? Math.min(...against) : isPending ? RESULT.reserved : RESULT.posted;
    return { code, amount, debit, credit, settles, payer, payee, fee, resolves: undefined };
  }

  /** What speaks against counting a payment into the window, or reserving room for it (LEDG-22, LEDG-24). */
  #againstNet(
    { debit, credit, payer, payee }: Pick<Legs, "payer" | "payee"> & { debit: Account; credit: Account },
    leg: bigint,
    isPending: boolean,
  ): number[] {
    const against: number[] = [];
    const { asset, owner: bank } = debit;
    const { netDebitCaps = [], netDebitCapDefault } = this.#genesis.rulebook;
    const exposure = isPending ? this.#windows.exposure(bank, asset) + leg : this.#windows.exposure(bank, asset, leg);
    const named = netDebitCaps.find((cap) => cap.participant === bank && cap.asset === asset)?.cap;
    const cap = named ?? netDebitCapDefault;
    if (cap !== undefined && exposure > BigInt(cap)) against.push(RESULT.net_debit_cap_exceeded);
    const outgoing = this.#windows.unsettled(bank, asset, "debits") + leg;
    const incoming = this.#windows.unsettled(credit.owner, asset, "credits") + leg;
    const isTooMuch =
      outgoing >= TOO_MUCH / 2n ||
      incoming >= TOO_MUCH / 2n ||
      (payee !== undefined && creditsWith(payee, incoming) >= TOO_MUCH);
    if (isTooMuch) against.push(RESULT.balance_overflow);
    if (payer !== undefined && !holds(payer, exposure)) against.push(RESULT.insufficient_reserve);
    return against;
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
    const { fields: first, debit, credit, settles, payer, payee, fee } = reservation;
    const isOther = (said: Id128, was: Id128): boolean => said !== ZERO_ID && said !== was;
    say(isOther(fields.debitAccountId, first.debitAccountId), RESULT.pending_transfer_has_different_debit_account);
    say(isOther(fields.creditAccountId, first.creditAccountId), RESULT.pending_transfer_has_different_credit_account);
    say(fields.asset !== first.asset, RESULT.pending_transfer_has_different_asset);
    say(fields.rail !== first.rail, RESULT.pending_transfer_has_different_rail);
    const amount = BigInt(fields.amount) === 0n ? reservation.amount : BigInt(fields.amount);
    const rail = this.#railOf(first.rail);
    say(amount > reservation.amount, RESULT.exceeds_pending_amount);
    say(amount < reservation.amount && !(isPost && rail?.partialPost === true), RESULT.partial_amount_not_allowed);
    say(isPost && debit?.isFrozen, RESULT.debit_account_frozen);
    say(isPost && settles === "gross" && payer?.isFrozen, RESULT.settlement_account_frozen);
    say(isPost && settles === "net" && payer?.isFrozen, RESULT.reserve_account_frozen);
    const code = against.length > 0 ? Math.min(...against) : isPost ? RESULT.posted : RESULT.voided;
    return { code, amount, debit, credit, settles, payer, payee, fee, resolves: used };
  }

  #perform(record: Uint8Array, verdict: Verdict, place: Place): void {
    const { code, amount, resolves, debit, credit, settles, payer, payee, fee } = verdict;
    const fields = decodeTransfer(record);
    if (resolves !== undefined) this.#release(resolves, code === RESULT.posted ? "posted" : "voided");
    if (code === RESULT.posted) this.#move(verdict, "Posted", amount);
    if (code === RESULT.reserved) this.#move(verdict, "Pending", amount);
    const used = this.#use(record, { code, isAction: false });
    if (code === RESULT.reserved) {
      const { participant, recordIndex, timestamp } = place;
      const turnaround = this.#railOf(fields.rail)?.turnaroundSeconds ?? 0;
      const deadline = timestamp + (fields.timeoutSeconds === 0 ? turnaround : fields.timeoutSeconds) * 1_000;
      const legs = { debit, credit, settles, payer, payee, fee };
      used.reservation = { fields, amount, deadline, participant, recordIndex, ...legs };
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

  /** Below zero: back again, and the fee with it. */
  #move(legs: Legs, state: "Posted" | "Pending", amount: bigint): void {
    const { debit, credit, settles, payer, payee, fee } = legs;
    this.#add(debit, `debits${state}`, amount);
    this.#add(credit, `credits${state}`, amount);
    const leg = amount < 0n ? amount - fee : amount + fee;
    if (settles === "gross") {
      this.#add(payer, `debits${state}`, leg);
      this.#add(payee, `credits${state}`, leg);
    }
    if (settles !== "net" || debit === undefined || credit === undefined) return;
    const between = { asset: debit.asset, payer: debit.owner, payee: credit.owner };
    if (state === "Posted") this.#windows.count(between, leg, this.#timestamp);
    else this.#windows.reserve(between, leg, this.#timestamp);
  }

  /** One outcome for each bank of a window, and one of the asset's issuer for the whole (LEDG-23). */
  #settleWindows(): void {
    const leave = (participant: number, amount: bigint): void =>
      this.#leave(RESULT.settled, amount, {
        participant: participant as ParticipantNumber,
        batchIndex: BY_ITSELF,
        recordIndex: 0,
      });
    for (const parts of this.#windows.settle()) {
      for (const { asset, bank, net } of parts) {
        const own = { owner: bank, asset };
        if (net > 0n) this.#add(this.#ofBank(own, "reserve"), "debitsPosted", net);
        if (net < 0n) this.#add(this.#ofBank(own, "settlement"), "creditsPosted", -net);
        leave(bank, net < 0n ? -net : net);
      }
      const asset = parts[0]?.asset;
      const issuance = [...this.#accounts.values()].find((each) => each.kind === "issuance" && each.asset === asset);
      leave(issuance?.owner ?? 0, 0n);
    }
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

  #ofBank({ owner, asset }: { readonly owner: number; readonly asset: number }, kind: string): Account | undefined {
    for (const account of this.#accounts.values()) {
      if (account.kind === kind && account.owner === owner && account.asset === asset && !account.isClosed)
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
    const isOwner = account === undefined || account.owner === place.participant;
    const isIssuers = isOwner && (account === undefined || account.kind === "issuance");
    const isAllowed = action === "close" ? isOwner : isAuthority && (action !== "cut_window" || isIssuers);
    if (!isAllowed) return RESULT.not_authorised;
    const used = this.#used.get(id);
    if (used !== undefined) return repetitionOf(used, record);
    const code = account === undefined ? RESULT.account_not_found : this.#actionCode(account, action);
    if (code === RESULT.applied && account !== undefined) {
      if (action === "close") account.isClosed = true;
      else if (action === "cut_window") this.#windows.cut(account.asset);
      else account.isFrozen = action === "freeze";
    }
    this.#use(record, { code, isAction: true });
    this.#leave(code, 0n, place);
    return code;
  }

  #actionCode(account: Account, action: string): number {
    if (account.isClosed) return RESULT.account_closed;
    const { owner, asset, kind } = account;
    if (action === "cut_window") return this.#windows.hasPayments(asset) ? RESULT.applied : RESULT.window_not_open;
    if (action === "unfreeze") return account.isFrozen ? RESULT.applied : RESULT.account_not_frozen;
    if (account.isFrozen) return RESULT.account_frozen;
    if (action === "freeze") return RESULT.applied;
    const { debitsPosted, creditsPosted, debitsPending, creditsPending } = account;
    const isEmpty = debitsPosted === creditsPosted && debitsPending === 0n && creditsPending === 0n;
    const isOwing =
      (kind === "settlement" || kind === "reserve") &&
      this.#windows.unsettled(owner, asset, "debits") + this.#windows.unsettled(owner, asset, "credits") > 0n;
    return isEmpty && !isOwing ? RESULT.applied : RESULT.account_not_empty;
  }
}

const isAccountAction = (action: string): action is "freeze" | "unfreeze" | "close" =>
  action === "freeze" || action === "unfreeze" || action === "close";

const recordAt = (bytes: Uint8Array, index: number): Uint8Array =>
  bytes.slice(BATCH_HEADER + index * RECORD_BYTES, BATCH_HEADER + (index + 1) * RECORD_BYTES);

const debitsWith = ({ debitsPosted, debitsPending }: Account, more: bigint): bigint =>
  debitsPosted + debitsPending + more;

const creditsWith = ({ creditsPosted, creditsPending }: Account, more: bigint): bigint =>
  creditsPosted + creditsPending + more;

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
    case "settlement reserve":
    case "reserve settlement":
      return isSameOwner ? "within" : "none";
    case "settlement settlement":
    case "settlement issuance":
    case "issuance settlement":
    case "reserve issuance":
    case "issuance reserve":
      return "within";
    default:
      return "none";
  }
}

import {
  type AccountFields,
  type ActionFields,
  type Genesis,
  participantOfId,
  RESULT,
  type ResultName,
  type Rulebook,
  type RulebookRail,
  type TransferFields,
} from "../../../src/formats/index.js";

/**
 * The ledger's rules once more, slow and plain: maps of bigints, a copy of everything before a chain, and
 * for each record the set of all codes that fit, of which the smallest is the result (LEDG-7).
 */
export type FullTransfer = Required<TransferFields>;
export type Batch =
  | { readonly kind: "transfers"; readonly from: number; readonly list: readonly FullTransfer[] }
  | { readonly kind: "openings"; readonly from: number; readonly list: readonly Required<AccountFields>[] }
  | {
      readonly kind: "actions";
      readonly from: number;
      readonly list: readonly Required<Omit<ActionFields, "priority">>[];
    };

interface Account {
  readonly owner: number;
  readonly asset: number;
  readonly kind: string;
  readonly flags: readonly string[];
  readonly reference: string;
  frozen: boolean;
  closed: boolean;
  debitsPending: bigint;
  debitsPosted: bigint;
  creditsPending: bigint;
  creditsPosted: bigint;
}

interface Pending {
  readonly record: FullTransfer;
  readonly amount: bigint;
  readonly deadline: number;
  readonly day: number;
  readonly by: number;
}

interface Seen {
  readonly content: string;
  readonly success: boolean;
  state: "none" | "pending" | "posted" | "voided" | "expired";
}

interface Books {
  readonly accounts: Map<string, Account>;
  readonly seen: Map<string, Seen>;
  readonly pendings: Map<string, Pending>;
  readonly sent: Map<string, bigint>;
}

const LIMIT = 2n ** 64n;
const ZERO = "0".repeat(32);

export class ReferenceModel {
  readonly #rulebook: Rulebook;
  readonly #roles: ReadonlyMap<number, string>;
  #books: Books = { accounts: new Map(), seen: new Map(), pendings: new Map(), sent: new Map() };
  #timestamp = 0;
  leaves = 0;

  constructor(genesis: Genesis) {
    this.#rulebook = genesis.rulebook;
    this.#roles = new Map(genesis.participants.map(({ number, role }) => [number, role]));
    for (const { id, owner, asset, kind } of genesis.accounts) {
      const flags =
        kind === "clearing"
          ? []
          : [kind === "issuance" ? "credits_must_not_exceed_debits" : "debits_must_not_exceed_credits"];
      this.#books.accounts.set(id, emptyAccount({ owner, asset, kind, flags, reference: ZERO }));
    }
    for (const { debit, credit, amount } of genesis.funding) {
      this.#account(debit).debitsPosted += BigInt(amount);
      this.#account(credit).creditsPosted += BigInt(amount);
    }
  }

  /** Result names per batch. */
  block(timestamp: number, batches: readonly Batch[]): string[][] {
    this.#timestamp = timestamp;
    this.leaves = 0;
    this.#expire();
    const results: string[][] = batches.map(() => []);
    const isFirst = (batch: Batch): boolean => batch.kind === "actions" && this.#roles.get(batch.from) === "authority";
    for (const turn of [true, false]) {
      for (const [index, batch] of batches.entries()) if (isFirst(batch) === turn) results[index] = this.#batch(batch);
    }
    return results;
  }

  get accounts(): ReadonlyMap<string, Readonly<Account>> {
    return this.#books.accounts;
  }

  get seen(): ReadonlyMap<string, Readonly<Seen>> {
    return this.#books.seen;
  }

  get nextDeadline(): number | undefined {
    const deadlines = [...this.#books.pendings.values()].map(({ deadline }) => deadline);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  #expire(): void {
    const due = [...this.#books.pendings].filter(([, { deadline }]) => deadline <= this.#timestamp);
    due.sort(([leftId, left], [rightId, right]) => left.deadline - right.deadline || (leftId < rightId ? -1 : 1));
    for (const [id] of due.slice(0, this.#rulebook.expiriesPerBlockMax)) {
      this.#resolve(id, "expired", 0n);
      this.leaves += 1;
    }
  }

  #batch(batch: Batch): string[] {
    switch (batch.kind) {
      case "transfers":
        return this.#transfers(batch.from, batch.list);
      case "openings":
        return batch.list.map((fields) => this.#open(batch.from, fields));
      case "actions":
        return batch.list.map((fields) => this.#act(batch.from, fields));
    }
  }

  #transfers(from: number, list: readonly FullTransfer[]): string[] {
    const results: string[] = [];
    while (results.length < list.length) {
      const rest = list.slice(results.length);
      const last = rest.findIndex(({ flags }) => !flags.includes("linked"));
      const chain = last < 0 ? rest : rest.slice(0, last + 1);
      if (chain.length === 1 && last === 0) results.push(this.#single(from, chain[0] as FullTransfer));
      else results.push(...this.#chain(from, chain, last < 0));
    }
    return results;
  }

  #single(from: number, record: FullTransfer): string {
    const result = this.#judge(from, record);
    if (isGood(result)) this.#perform(from, record, result);
    else this.#consume(record, result);
    return result;
  }

  #chain(from: number, chain: readonly FullTransfer[], isOpen: boolean): string[] {
    const before = structuredClone(this.#books);
    const leavesBefore = this.leaves;
    let failed = isOpen ? chain.length - 1 : -1;
    let reason: ResultName = "linked_event_chain_open";
    const results: string[] = [];
    for (const [index, record] of isOpen ? [] : chain.entries()) {
      const result = this.#judge(from, record);
      results.push(result);
      if (isGood(result)) {
        this.#perform(from, record, result);
        continue;
      }
      failed = index;
      reason = result === "exists" && !before.seen.has(record.id) ? "id_already_failed" : result;
      break;
    }
    if (failed < 0) return results;
    this.#books = before;
    this.leaves = leavesBefore;
    return chain.map((record, index) => {
      const own = index === failed ? reason : "linked_event_failed";
      const result = first([...this.#rightAndId(from, record), own]);
      this.#consume(record, result);
      return result;
    });
  }

  /** A failure that consumes the id, unless it is one of those that do not. */
  #consume(record: FullTransfer, result: string): void {
    if (RESULT[result as ResultName] <= RESULT.id_already_failed) return;
    this.leaves += 1;
    this.#books.seen.set(record.id, { content: JSON.stringify(record), success: false, state: "none" });
  }

  #judge(from: number, record: FullTransfer): ResultName {
    const isResolution = record.flags.includes("post_pending") || record.flags.includes("void_pending");
    const found = [...this.#rightAndId(from, record)];
    found.push(...(isResolution ? this.#resolutionFaults(record) : this.#initiationFaults(from, record)));
    if (found.length > 0) return first(found);
    if (record.flags.includes("pending")) return "reserved";
    return record.flags.includes("void_pending") ? "voided" : "posted";
  }

  #rightAndId(from: number, record: FullTransfer): ResultName[] {
    const found: ResultName[] = [];
    if (participantOfId(record.id) !== from) found.push("id_not_of_participant");
    if (record.flags.includes("post_pending") || record.flags.includes("void_pending")) {
      if (record.pendingId !== ZERO && participantOfId(record.pendingId) !== from) found.push("not_authorised");
    } else {
      const debit = this.#books.accounts.get(record.debitAccountId);
      const credit = this.#books.accounts.get(record.creditAccountId);
      const redeems = debit?.kind === "settlement" && credit?.kind === "issuance" && credit.owner === from;
      if (debit !== undefined && debit.owner !== from && !redeems) found.push("not_authorised");
    }
    const seen = this.#books.seen.get(record.id);
    if (seen !== undefined) {
      if (seen.content !== JSON.stringify(record)) found.push("exists_with_different_content");
      else found.push(seen.success ? "exists" : "id_already_failed");
    }
    return found;
  }

  #initiationFaults(from: number, record: FullTransfer): ResultName[] {
    const found: ResultName[] = [];
    const isPending = record.flags.includes("pending");
    const rail = this.#rail(record.rail);
    const asked = BigInt(record.amount);
    if (record.pendingId !== ZERO) found.push("pending_id_must_be_zero");
    if (record.timeoutSeconds > 0 && !isPending) found.push("timeout_reserved_for_pending");
    if (record.debitAccountId === record.creditAccountId) found.push("accounts_must_be_different");
    if (!this.#rulebook.assets.some(({ number }) => number === record.asset)) found.push("asset_not_found");
    if (rail === undefined) found.push("rail_not_found");
    else {
      if (isPending && rail.timeoutSecondsMax === 0) found.push("rail_without_pending");
      else if (isPending && (record.timeoutSeconds === 0 || record.timeoutSeconds > rail.timeoutSecondsMax))
        found.push("timeout_out_of_range");
      if (asked < BigInt(rail.minimum)) found.push("amount_below_rail_minimum");
      if (asked > BigInt(rail.maximum)) found.push("amount_above_rail_maximum");
    }
    if (asked === 0n) found.push("amount_must_not_be_zero");
    if (isPending && this.#pendingsOf(from) >= this.#rulebook.participantCaps.pendings)
      found.push("pendings_cap_exceeded");
    found.push(...this.#accountFaults(record), ...this.#moneyFaults(record));
    return found;
  }

  #accountFaults(record: FullTransfer): ResultName[] {
    const debit = this.#books.accounts.get(record.debitAccountId);
    const credit = this.#books.accounts.get(record.creditAccountId);
    if (debit === undefined) return ["debit_account_not_found"];
    if (credit === undefined) return ["credit_account_not_found"];
    const found: ResultName[] = [];
    if (debit.asset !== record.asset || credit.asset !== record.asset) found.push("asset_mismatch");
    const isWithin = debit.owner === credit.owner;
    const route = `${debit.kind} ${credit.kind}${isWithin ? " within" : ""}`;
    const within = ["customer customer", "customer clearing", "clearing customer"].map((pair) => `${pair} within`);
    const anywhere = ["settlement settlement", "settlement issuance", "issuance settlement"];
    const isAllowed =
      within.includes(route) || anywhere.includes(route.replace(" within", "")) || route === "customer customer";
    if (!isAllowed) found.push("kinds_not_allowed");
    if (route === "customer customer") {
      const [mine, theirs] = this.#settlements(record);
      if (mine === undefined || theirs === undefined) found.push("settlement_account_not_found");
      if (mine?.frozen === true) found.push("settlement_account_frozen");
    }
    if (debit.closed) found.push("debit_account_closed");
    if (credit.closed) found.push("credit_account_closed");
    if (debit.frozen) found.push("debit_account_frozen");
    return found;
  }

  #moneyFaults(record: FullTransfer): ResultName[] {
    const debit = this.#books.accounts.get(record.debitAccountId);
    const credit = this.#books.accounts.get(record.creditAccountId);
    const rail = this.#rail(record.rail);
    if (debit === undefined || credit === undefined || rail === undefined) return [];
    const found: ResultName[] = [];
    const amount = this.#amount(record);
    const isBalancing = record.flags.includes("balancing_debit");
    if (isBalancing && (amount === 0n || amount < BigInt(rail.minimum))) found.push("insufficient_funds");
    const sent = this.#books.sent.get(`${record.debitAccountId}/${record.rail}/${this.#day()}`) ?? 0n;
    if (rail.accountDailyMaximum !== undefined && sent + amount > BigInt(rail.accountDailyMaximum))
      found.push("account_daily_limit_exceeded");
    const [mine, theirs] = this.#settlements(record);
    const debits = mine === undefined ? [debit] : [debit, mine];
    const credits = theirs === undefined ? [credit] : [credit, theirs];
    if (debits.some((account) => account.debitsPending + account.debitsPosted + amount >= LIMIT))
      found.push("balance_overflow");
    if (credits.some((account) => account.creditsPending + account.creditsPosted + amount >= LIMIT))
      found.push("balance_overflow");
    if (isLimited(debit) && available(debit) < amount) found.push("insufficient_funds");
    if (credit.flags.includes("credits_must_not_exceed_debits")) {
      if (credit.creditsPending + credit.creditsPosted + amount > credit.debitsPosted) found.push("exceeds_debits");
    }
    if (mine !== undefined && available(mine) < amount) found.push("insufficient_liquidity");
    return found;
  }

  /** What an initiation moves: all of it, or what is there. */
  #amount(record: FullTransfer): bigint {
    const asked = BigInt(record.amount);
    const debit = this.#account(record.debitAccountId);
    if (!record.flags.includes("balancing_debit") || !isLimited(debit)) return asked;
    const there = available(debit);
    return there < 0n ? 0n : there < asked ? there : asked;
  }

  #resolutionFaults(record: FullTransfer): ResultName[] {
    const found: ResultName[] = [];
    const isPost = record.flags.includes("post_pending");
    const others = record.flags.filter((flag) => flag !== "linked");
    if (others.length > 1) found.push("flags_are_mutually_exclusive");
    if (record.timeoutSeconds > 0) found.push("timeout_reserved_for_pending");
    if (record.pendingId === ZERO) return [...found, "pending_id_must_not_be_zero"];
    const state = this.#books.seen.get(record.pendingId)?.state;
    if (state === undefined) return [...found, "pending_transfer_not_found"];
    if (state === "none") return [...found, "pending_transfer_not_pending"];
    if (state === "posted") return [...found, "pending_transfer_already_posted"];
    if (state === "voided") return [...found, "pending_transfer_already_voided"];
    if (state === "expired") return [...found, "pending_transfer_expired"];
    const pending = this.#books.pendings.get(record.pendingId) as Pending;
    if (this.#timestamp >= pending.deadline) found.push("pending_transfer_expired");
    const differs = (mine: string, other: string): boolean => mine !== ZERO && mine !== other;
    if (differs(record.debitAccountId, pending.record.debitAccountId))
      found.push("pending_transfer_has_different_debit_account");
    if (differs(record.creditAccountId, pending.record.creditAccountId))
      found.push("pending_transfer_has_different_credit_account");
    if (record.asset !== pending.record.asset) found.push("pending_transfer_has_different_asset");
    if (record.rail !== pending.record.rail) found.push("pending_transfer_has_different_rail");
    const amount = BigInt(record.amount);
    if (amount > pending.amount) found.push("exceeds_pending_amount");
    const mayBePart = isPost && this.#rail(record.rail)?.partialPost === true;
    if (amount !== 0n && amount < pending.amount && !mayBePart) found.push("partial_amount_not_allowed");
    if (isPost && this.#account(pending.record.debitAccountId).frozen) found.push("debit_account_frozen");
    if (isPost && this.#settlements(pending.record)[0]?.frozen === true) found.push("settlement_account_frozen");
    return found;
  }

  #perform(from: number, record: FullTransfer, result: ResultName): void {
    this.leaves += 1;
    const isResolution = result === "voided" || record.flags.includes("post_pending");
    const seen: Seen = {
      content: JSON.stringify(record),
      success: true,
      state: result === "reserved" ? "pending" : "none",
    };
    if (isResolution) {
      const { amount } = this.#books.pendings.get(record.pendingId) as Pending;
      const posted = result === "voided" ? 0n : record.amount === "0" ? amount : BigInt(record.amount);
      this.#resolve(record.pendingId, result === "voided" ? "voided" : "posted", posted);
    } else {
      const amount = this.#amount(record);
      const key = `${record.debitAccountId}/${record.rail}/${this.#day()}`;
      this.#books.sent.set(key, (this.#books.sent.get(key) ?? 0n) + amount);
      this.#move(record, result === "reserved" ? "Pending" : "Posted", amount);
      const deadline = this.#timestamp + record.timeoutSeconds * 1_000;
      if (result === "reserved")
        this.#books.pendings.set(record.id, { record, amount, deadline, day: this.#day(), by: from });
    }
    this.#books.seen.set(record.id, seen);
  }

  #resolve(id: string, state: "posted" | "voided" | "expired", posted: bigint): void {
    const { record, amount, day } = this.#books.pendings.get(id) as Pending;
    this.#move(record, "Pending", -amount);
    if (posted > 0n) this.#move(record, "Posted", posted);
    const key = `${record.debitAccountId}/${record.rail}/${day}`;
    this.#books.sent.set(key, (this.#books.sent.get(key) ?? 0n) - (amount - posted));
    (this.#books.seen.get(id) as Seen).state = state;
    this.#books.pendings.delete(id);
  }

  #move(record: FullTransfer, phase: "Pending" | "Posted", amount: bigint): void {
    const [mine, theirs] = this.#settlements(record);
    for (const account of [this.#account(record.debitAccountId), mine])
      if (account !== undefined) account[`debits${phase}`] += amount;
    for (const account of [this.#account(record.creditAccountId), theirs])
      if (account !== undefined) account[`credits${phase}`] += amount;
  }

  /** Settlement accounts of both banks, where the transfer goes from customer to customer across banks. */
  #settlements(record: FullTransfer): [Account | undefined, Account | undefined] {
    const debit = this.#books.accounts.get(record.debitAccountId);
    const credit = this.#books.accounts.get(record.creditAccountId);
    const isAcross = debit?.kind === "customer" && credit?.kind === "customer" && debit.owner !== credit.owner;
    if (!isAcross) return [undefined, undefined];
    const of = (owner: number): Account | undefined =>
      [...this.#books.accounts.values()].find(
        (account) =>
          account.kind === "settlement" && account.owner === owner && account.asset === record.asset && !account.closed,
      );
    return [of(debit.owner), of(credit.owner)];
  }

  #open(from: number, fields: Required<AccountFields>): string {
    const found: ResultName[] = [];
    const { accounts } = this.#books;
    const role = this.#roles.get(from);
    const isCustomers = fields.kind === "customer" || fields.kind === "clearing";
    if (participantOfId(fields.id) !== from) found.push("id_not_of_participant");
    const issuer =
      [...accounts.values()].find(({ kind, asset }) => kind === "issuance" && asset === fields.asset)?.owner ?? from;
    const may = isCustomers
      ? role === "bank" && fields.owner === from
      : role === "authority" && issuer === from && (fields.kind === "settlement" || fields.owner === from);
    if (!may) found.push("not_authorised");
    const old = accounts.get(fields.id);
    if (old !== undefined) {
      if (old.reference !== fields.reference) found.push("exists_with_different_reference");
      if (old.asset !== fields.asset) found.push("exists_with_different_asset");
      if ([...old.flags].sort().join() !== [...fields.flags].sort().join()) found.push("exists_with_different_flags");
      if (old.owner !== fields.owner) found.push("exists_with_different_owner");
      if (old.kind !== fields.kind) found.push("exists_with_different_kind");
      found.push("exists");
    }
    if (!this.#rulebook.assets.some(({ number }) => number === fields.asset)) found.push("asset_not_found");
    if (this.#roles.get(fields.owner) !== (fields.kind === "issuance" ? "authority" : "bank"))
      found.push("owner_not_found");
    const fixed = { settlement: "debits_must_not_exceed_credits", issuance: "credits_must_not_exceed_debits" };
    if ((fields.kind === "settlement" || fields.kind === "issuance") && fields.flags.join() !== fixed[fields.kind])
      found.push("flags_not_allowed");
    const mine = [...accounts.values()].filter(({ owner }) => owner === fields.owner);
    const hasSettlement = mine.some(
      ({ kind, asset, closed }) => kind === "settlement" && asset === fields.asset && !closed,
    );
    if (fields.kind === "settlement" && hasSettlement) found.push("settlement_account_exists");
    if (mine.length >= this.#rulebook.participantCaps.accounts) found.push("accounts_cap_exceeded");
    if (found.length > 0) return first(found);
    accounts.set(fields.id, emptyAccount(fields));
    this.leaves += 1;
    return "applied";
  }

  #act(from: number, fields: Required<Omit<ActionFields, "priority">>): string {
    const found: ResultName[] = [];
    const account = this.#books.accounts.get(fields.accountId);
    if (participantOfId(fields.id) !== from) found.push("id_not_of_participant");
    if (fields.action !== "close" && this.#roles.get(from) !== "authority") found.push("not_authorised");
    if (fields.action === "close" && account !== undefined && account.owner !== from) found.push("not_authorised");
    const content = JSON.stringify(fields);
    const seen = this.#books.seen.get(fields.id);
    if (seen !== undefined) {
      found.push(
        seen.content !== content ? "exists_with_different_content" : seen.success ? "exists" : "id_already_failed",
      );
    }
    if (account === undefined) found.push("account_not_found");
    else {
      if (account.closed) found.push("account_closed");
      if (account.frozen && fields.action !== "unfreeze") found.push("account_frozen");
      if (!account.frozen && fields.action === "unfreeze") found.push("account_not_frozen");
      const isEmpty =
        account.debitsPending === 0n && account.creditsPending === 0n && account.debitsPosted === account.creditsPosted;
      if (fields.action === "close" && !isEmpty) found.push("account_not_empty");
    }
    const result = found.length > 0 ? first(found) : "applied";
    if (result !== "applied" && RESULT[result] <= RESULT.id_already_failed) return result;
    this.leaves += 1;
    this.#books.seen.set(fields.id, { content, success: result === "applied", state: "none" });
    if (result !== "applied" || account === undefined) return result;
    if (fields.action === "close") account.closed = true;
    else account.frozen = fields.action === "freeze";
    return result;
  }

  #account(id: string): Account {
    return this.#books.accounts.get(id) as Account;
  }

  #rail(number: number): RulebookRail | undefined {
    return this.#rulebook.rails.find((rail) => rail.number === number);
  }

  #day(): number {
    return Math.floor((Math.floor(this.#timestamp / 1_000) + this.#rulebook.schemeDayOffsetSeconds) / 86_400);
  }

  #pendingsOf(participant: number): number {
    return [...this.#books.pendings.values()].filter(({ by }) => by === participant).length;
  }
}

const emptyAccount = (fields: Pick<Account, "owner" | "asset" | "kind" | "flags" | "reference">): Account => ({
  owner: fields.owner,
  asset: fields.asset,
  kind: fields.kind,
  flags: fields.flags,
  reference: fields.reference,
  frozen: false,
  closed: false,
  debitsPending: 0n,
  debitsPosted: 0n,
  creditsPending: 0n,
  creditsPosted: 0n,
});

const isLimited = (account: Account): boolean => account.flags.includes("debits_must_not_exceed_credits");
const available = (account: Account): bigint => account.creditsPosted - account.debitsPosted - account.debitsPending;
const isGood = (result: string): boolean => RESULT[result as ResultName] <= RESULT.applied;

/** The smallest of the codes that fit. */
const first = (found: readonly ResultName[]): ResultName =>
  found.reduce((best, name) => (RESULT[name] < RESULT[best] ? name : best));

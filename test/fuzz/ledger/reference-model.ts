import {
  type AccountFields,
  type ActionFields,
  type Genesis,
  participantOfId,
  RESULT,
  type ResultName,
  type Rulebook,
  type RulebookRail,
  type ScreeningRule,
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
      /** The bank's n-th key: the first may do everything, the second approve only. */
      readonly key?: number;
      readonly list: readonly ActionRecord[];
    }
  | { readonly kind: "settle-set"; readonly from: number; readonly list: readonly string[] };
export type ActionRecord = Required<Omit<ActionFields, "priority">> & Pick<ActionFields, "priority">;

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
  readonly fee: bigint;
  /** Number of the window of its initiation. */
  readonly window: number;
  /** The banks' own accounts that its leg will move: the payer's settlement or reserve, the other's settlement. */
  readonly legs: readonly (string | undefined)[];
  waits?: Wait | undefined;
}

/** Why a transfer has no leg yet. */
type Wait =
  | { readonly in: "queue"; priority: number; readonly turn: number }
  | { readonly in: "hold"; readonly rule: ScreeningRule; approvedBy?: number };

/** Who paid whom: sums by "payer/payee". */
interface Window {
  readonly asset: number;
  readonly number: number;
  openedAt: number;
  closedAt: number;
  readonly rows: Map<string, bigint>;
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
  /** By "account/rule/window": what velocity rules have counted. */
  readonly velocities: Map<string, { count: number; sum: bigint }>;
  /** By asset. */
  readonly open: Map<number, Window>;
  closed: Window[];
}

const LIMIT = 2n ** 64n;
const ZERO = "0".repeat(32);

export class ReferenceModel {
  readonly #rulebook: Rulebook;
  readonly #roles: ReadonlyMap<number, string>;
  readonly #validators: ReadonlySet<number>;
  #books: Books = {
    accounts: new Map(),
    seen: new Map(),
    pendings: new Map(),
    sent: new Map(),
    velocities: new Map(),
    open: new Map(),
    closed: [],
  };
  #timestamp = 0;
  #turns = 0;
  #isChained = false;
  leaves = 0;

  constructor(genesis: Genesis) {
    this.#rulebook = genesis.rulebook;
    this.#validators = new Set(genesis.validators.map(({ participant }) => participant));
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
    this.#cutDue();
    this.#settle();
    this.#releaseQueued();
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
    for (const { closedAt } of this.#books.closed.slice(0, 1)) deadlines.push(closedAt);
    for (const window of this.#books.open.values()) {
      const time = this.#dueTime(window);
      if (time !== undefined && window.rows.size > 0) deadlines.push(time);
    }
    let looked = 0;
    for (const queue of this.#queues()) {
      for (const [, pending] of queue) {
        if (looked === this.#rulebook.expiriesPerBlockMax) break;
        looked += 1;
        const code = this.#queuedFault(pending);
        if (code === undefined) deadlines.push(this.#timestamp);
        if (!isPassedOver(code)) break;
      }
    }
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  /** Ids of a bank's transfers that wait, the oldest first. */
  waiting(from: number, wait: Wait["in"]): readonly string[] {
    return [...this.#books.pendings].filter(([, { by, waits }]) => by === from && waits?.in === wait).map(([id]) => id);
  }

  /** All queues with something in them, in order. */
  #queues(): [string, Pending][][] {
    const queues = new Map<number, [string, Pending][]>();
    for (const entry of this.#books.pendings) {
      const [, { record, waits }] = entry;
      if (waits?.in !== "queue") continue;
      const key = record.asset * 2 ** 32 + this.#account(record.debitAccountId).owner;
      queues.set(key, [...(queues.get(key) ?? []), entry]);
    }
    const orderOf = ({ waits }: Pending): number => (waits?.in === "queue" ? waits.turn - waits.priority * 1e9 : 0);
    return [...queues]
      .sort(([left], [right]) => left - right)
      .map(([, queue]) => queue.sort(([, left], [, right]) => orderOf(left) - orderOf(right)));
  }

  #releaseQueued(): void {
    let looked = 0;
    for (const queue of this.#queues()) {
      for (const [id, pending] of queue) {
        if (looked === this.#rulebook.expiriesPerBlockMax) return;
        looked += 1;
        const code = this.#queuedFault(pending);
        if (isPassedOver(code)) continue;
        if (code !== undefined) break;
        this.#resolve(id, "posted", pending.amount);
        this.leaves += 1;
      }
    }
  }

  #queuedFault(pending: Pending): ResultName | undefined {
    return pending.deadline <= this.#timestamp ? "pending_transfer_expired" : this.#waitingFault(pending);
  }

  /** Why the leg of a transfer that waits cannot be done now. */
  #waitingFault({ record, amount, fee, legs }: Pending): ResultName | undefined {
    const found: ResultName[] = [];
    const leg = this.#leg(record);
    const [payer, payee] = legs.map((id) => (id === undefined ? undefined : this.#account(id)));
    if (payee?.closed === true) found.push("settlement_account_not_found");
    if (payer?.closed === true) {
      found.push(leg === "net" ? "reserve_account_not_found" : "settlement_account_not_found");
    }
    if (this.#account(record.debitAccountId).frozen) found.push("debit_account_frozen");
    if (payer?.frozen === true) found.push(leg === "net" ? "reserve_account_frozen" : "settlement_account_frozen");
    if (leg === "net" && found.length === 0) {
      found.push(
        ...this.#netFaults(record, amount, amount + fee).filter((name) => name !== "bank_window_limit_exceeded"),
      );
    }
    if (leg === "gross" && payer !== undefined && payee !== undefined) {
      if (payer.debitsPending + payer.debitsPosted + amount + fee >= LIMIT) found.push("balance_overflow");
      if (payee.creditsPending + payee.creditsPosted + amount + fee >= LIMIT) found.push("balance_overflow");
      if (available(payer) < amount + fee) found.push("insufficient_liquidity");
    }
    return found.length === 0 ? undefined : first(found);
  }

  #settleSet(from: number, ids: readonly string[]): string[] {
    const fault = this.#validators.has(from) ? this.#settleSetFault(ids) : "not_authorised";
    if (fault === undefined) {
      for (const id of ids) this.#resolve(id, "posted", (this.#books.pendings.get(id) as Pending).amount);
      this.leaves += ids.length;
    }
    return ids.map(() => fault ?? "applied");
  }

  #settleSetFault(ids: readonly string[]): ResultName | undefined {
    const members: Pending[] = [];
    for (const id of ids) {
      const seen = this.#books.seen.get(id);
      if (seen === undefined) return "pending_transfer_not_found";
      const pending = this.#books.pendings.get(id);
      if (seen.state !== "pending" || pending?.waits?.in !== "queue") return "transfer_not_queued";
      const code = this.#queuedFault(pending);
      if (code !== undefined && code !== "insufficient_liquidity") return code;
      members.push(pending);
    }
    if (new Set(ids).size < ids.length || members.some(({ record }) => record.asset !== members[0]?.record.asset))
      return "settle_set_repeats";
    for (const queue of this.#queues()) {
      const last = queue.findLastIndex(([id]) => ids.includes(id));
      const isBypassed = queue.slice(0, last + 1).some(([id, pending]) => {
        return !ids.includes(id) && !isPassedOver(this.#queuedFault(pending));
      });
      if (isBypassed) return "settle_set_bypasses";
    }
    for (const id of new Set(members.flatMap(({ legs }) => legs))) {
      const account = this.#account(id as string);
      const sumOf = (side: number): bigint =>
        members.reduce((sum, { legs, amount, fee }) => (legs[side] === id ? sum + amount + fee : sum), 0n);
      if (available(account) + sumOf(1) < sumOf(0)) return "settle_set_not_covered";
      if (account.debitsPending + account.debitsPosted + sumOf(0) >= LIMIT) return "settle_set_not_covered";
      if (account.creditsPending + account.creditsPosted + sumOf(1) >= LIMIT / 2n) return "settle_set_not_covered";
    }
    return undefined;
  }

  /** The first rule that a transfer hits. */
  #hit(record: FullTransfer): ScreeningRule | undefined {
    const amount = this.#amount(record);
    return (this.#rulebook.screening ?? []).find((rule) => {
      if (rule.rails !== undefined && !rule.rails.includes(record.rail)) return false;
      switch (rule.kind) {
        case "accounts":
          return [record.debitAccountId, record.creditAccountId].some((id) => rule.accounts.includes(id));
        case "amount":
          return amount >= BigInt(rule.minimum);
        case "purpose":
          return rule.codes.includes(record.code);
        case "velocity": {
          const { count, sum } = this.#velocity(record, rule);
          return count >= (rule.count ?? Infinity) || (rule.sum !== undefined && sum + amount > BigInt(rule.sum));
        }
      }
    });
  }

  #velocity(record: FullTransfer, rule: ScreeningRule & { readonly kind: "velocity" }): { count: number; sum: bigint } {
    const window = Math.floor(this.#timestamp / (rule.windowSeconds * 1_000));
    const key = `${record.debitAccountId}/${rule.number}/${window}`;
    const counted = this.#books.velocities.get(key) ?? { count: 0, sum: 0n };
    this.#books.velocities.set(key, counted);
    return counted;
  }

  #expire(): void {
    const due = [...this.#books.pendings].filter(([, { deadline }]) => deadline <= this.#timestamp);
    due.sort(([leftId, left], [rightId, right]) => left.deadline - right.deadline || (leftId < rightId ? -1 : 1));
    for (const [id] of due.slice(0, this.#rulebook.expiriesPerBlockMax)) {
      this.#resolve(id, "expired", 0n);
      this.leaves += 1;
    }
  }

  /** The first moment after the first initiation at which the scheme's clock shows a window time. */
  #dueTime({ openedAt }: Window): number | undefined {
    if (openedAt === 0) return undefined;
    const offset = this.#rulebook.schemeDayOffsetSeconds * 1_000;
    const day = Math.floor((openedAt + offset) / 86_400_000);
    const moments = [day, day + 1].flatMap((each) =>
      (this.#rulebook.windowTimes ?? []).map((seconds) => each * 86_400_000 + seconds * 1_000 - offset),
    );
    return moments.find((moment) => moment > openedAt);
  }

  #cutDue(): void {
    const due = [...this.#books.open.values()].filter(
      (window) => (this.#dueTime(window) ?? Infinity) <= this.#timestamp,
    );
    due.sort((left, right) => left.asset - right.asset);
    for (const window of due) this.#cut(window.asset);
  }

  #cut(asset: number): void {
    const window = this.#books.open.get(asset) as Window;
    window.closedAt = this.#timestamp;
    if (window.rows.size > 0) this.#books.closed.push(window);
    this.#books.open.set(asset, { asset, number: window.number + 1, openedAt: 0, closedAt: 0, rows: new Map() });
  }

  #settle(): void {
    for (const window of this.#books.closed) {
      const banks = new Set([...window.rows.keys()].flatMap((pair) => pair.split("/").map(Number)));
      let sum = 0n;
      for (const bank of banks) {
        const net = netOf(window, bank);
        sum += net;
        if (net > 0n) (this.#own(bank, window.asset, "reserve") as Account).debitsPosted += net;
        if (net < 0n) (this.#own(bank, window.asset, "settlement") as Account).creditsPosted -= net;
      }
      if (sum !== 0n) throw new Error("net positions do not sum to zero");
      this.leaves += banks.size + 1;
    }
    this.#books.closed = [];
  }

  /** What a bank may have to pay. */
  exposure(bank: number, asset: number, more = 0n): bigint {
    const part = (window: Window, extra = 0n): bigint => {
      const net = netOf(window, bank) + extra;
      return net > 0n ? net : 0n;
    };
    let sum = more;
    const open = this.#books.open.get(asset);
    if (open !== undefined) sum = part(open, more);
    for (const window of this.#books.closed) if (window.asset === asset) sum += part(window);
    for (const pending of this.#books.pendings.values()) {
      if (pending.waits !== undefined || this.#leg(pending.record) !== "net" || pending.record.asset !== asset)
        continue;
      if (this.#account(pending.record.debitAccountId).owner === bank) sum += pending.amount + pending.fee;
    }
    return sum;
  }

  /** All that a bank has paid or got on net rails and that is not settled, pending transfers included. */
  #unsettled(bank: number, asset: number, side: "payer" | "payee"): bigint {
    let sum = 0n;
    const open = this.#books.open.get(asset);
    const windows = [...this.#books.closed.filter((window) => window.asset === asset), ...(open ? [open] : [])];
    for (const window of windows) {
      for (const [pair, paid] of window.rows) {
        if (Number(pair.split("/")[side === "payer" ? 0 : 1]) === bank) sum += paid;
      }
    }
    for (const pending of this.#books.pendings.values()) {
      if (pending.waits !== undefined || this.#leg(pending.record) !== "net" || pending.record.asset !== asset)
        continue;
      const account = side === "payer" ? pending.record.debitAccountId : pending.record.creditAccountId;
      if (this.#account(account).owner === bank) sum += pending.amount + pending.fee;
    }
    return sum;
  }

  #own(owner: number, asset: number, kind: string): Account | undefined {
    return [...this.#books.accounts.values()].find(
      (account) => account.kind === kind && account.owner === owner && account.asset === asset && !account.closed,
    );
  }

  #leg(record: FullTransfer): "none" | "gross" | "net" {
    const debit = this.#books.accounts.get(record.debitAccountId);
    const credit = this.#books.accounts.get(record.creditAccountId);
    const isAcross = debit?.kind === "customer" && credit?.kind === "customer" && debit.owner !== credit.owner;
    if (!isAcross) return "none";
    return this.#rail(record.rail)?.settlement === "net" ? "net" : "gross";
  }

  #fee(record: FullTransfer): bigint {
    return this.#leg(record) === "none" ? 0n : BigInt(this.#rail(record.rail)?.fee ?? 0);
  }

  #openNumber(asset: number): number {
    return this.#books.open.get(asset)?.number ?? 1;
  }

  #initiate(asset: number): Window {
    const window = this.#books.open.get(asset) ?? { asset, number: 1, openedAt: 0, closedAt: 0, rows: new Map() };
    if (window.openedAt === 0) window.openedAt = this.#timestamp;
    this.#books.open.set(asset, window);
    return window;
  }

  #batch(batch: Batch): string[] {
    switch (batch.kind) {
      case "transfers":
        return this.#transfers(batch.from, batch.list);
      case "openings":
        return batch.list.map((fields) => this.#open(batch.from, fields));
      case "actions":
        return batch.list.map((fields) => this.#act(batch.from, fields, batch.key ?? 0));
      case "settle-set":
        return this.#settleSet(batch.from, batch.list);
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
      this.#isChained = true;
      const result = this.#judge(from, record);
      this.#isChained = false;
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
    const wait = isResolution ? undefined : this.#wait(from, record, found);
    if (wait !== undefined) return wait;
    if (found.length > 0) return first(found);
    if (record.flags.includes("pending")) return "reserved";
    return record.flags.includes("void_pending") ? "voided" : "posted";
  }

  /** What screening and queues make of a transfer that at most the banks' money speaks against. */
  #wait(from: number, record: FullTransfer, found: readonly ResultName[]): ResultName | undefined {
    const isShort = found.includes("insufficient_liquidity") || found.includes("insufficient_reserve");
    if (found.some((name) => name !== "insufficient_liquidity" && name !== "insufficient_reserve")) return undefined;
    const { pendings, queued = pendings } = this.#rulebook.participantCaps;
    if (this.#hit(record) !== undefined) {
      if (this.#isChained) return "screened";
      if (this.#pendingsOf(from) >= pendings) return "pendings_cap_exceeded";
      const isOwed = isShort && this.#account(record.debitAccountId).kind === "reserve";
      return isOwed ? "insufficient_reserve" : "held";
    }
    const rail = this.#rail(record.rail) as RulebookRail;
    if (rail.onShortage !== "queue" || this.#leg(record) !== "gross" || record.flags.includes("pending"))
      return undefined;
    const { owner } = this.#account(record.debitAccountId);
    const queue = [...this.#books.pendings.values()].filter(
      (other) => other.waits?.in === "queue" && this.#account(other.record.debitAccountId).owner === owner,
    );
    const isBlocked = queue.some(
      ({ record: other, waits }) =>
        other.asset === record.asset && waits?.in === "queue" && waits.priority >= record.priority,
    );
    if (!isShort && !isBlocked) return undefined;
    if (this.#isChained) return "insufficient_liquidity";
    return queue.length >= queued ? "queued_cap_exceeded" : "queued";
  }

  #rightAndId(from: number, record: FullTransfer): ResultName[] {
    const found: ResultName[] = [];
    if (participantOfId(record.id) !== from) found.push("id_not_of_participant");
    if (record.flags.includes("post_pending") || record.flags.includes("void_pending")) {
      if (record.pendingId !== ZERO && !this.#mayResolve(from, record.pendingId)) found.push("not_authorised");
    } else {
      const debit = this.#books.accounts.get(record.debitAccountId);
      const credit = this.#books.accounts.get(record.creditAccountId);
      const isBanks = debit?.kind === "settlement" || debit?.kind === "reserve";
      const redeems = isBanks && credit?.kind === "issuance" && credit.owner === from;
      if (debit !== undefined && debit.owner !== from && !redeems) found.push("not_authorised");
    }
    const seen = this.#books.seen.get(record.id);
    if (seen !== undefined) {
      if (seen.content !== JSON.stringify(record)) found.push("exists_with_different_content");
      else found.push(seen.success ? "exists" : "id_already_failed");
    }
    return found;
  }

  #mayResolve(from: number, id: string): boolean {
    const isOwn = participantOfId(id as FullTransfer["id"]) === from;
    const state = this.#books.seen.get(id)?.state ?? "none";
    if (state === "none") return isOwn;
    if (state !== "pending") return true;
    const { record } = this.#books.pendings.get(id) as Pending;
    if (this.#rail(record.rail)?.acceptance !== true) return isOwn;
    return this.#account(record.creditAccountId).owner === from;
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
      const longest = rail.acceptance === true ? (rail.turnaroundSeconds ?? 0) : rail.timeoutSecondsMax;
      const isNamed = record.timeoutSeconds > 0 || rail.acceptance === true;
      if (!isPending && rail.acceptance === true) found.push("acceptance_required");
      if (isPending && rail.timeoutSecondsMax === 0) found.push("rail_without_pending");
      else if (isPending && (!isNamed || record.timeoutSeconds > longest)) found.push("timeout_out_of_range");
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
    within.push("settlement reserve within", "reserve settlement within");
    const anywhere = ["settlement settlement", "settlement issuance", "issuance settlement"];
    anywhere.push("reserve issuance", "issuance reserve");
    const isAllowed =
      within.includes(route) || anywhere.includes(route.replace(" within", "")) || route === "customer customer";
    if (!isAllowed) found.push("kinds_not_allowed");
    if (this.#leg(record) === "net") {
      const reserve = this.#own(debit.owner, record.asset, "reserve");
      if (this.#own(credit.owner, record.asset, "settlement") === undefined) found.push("settlement_account_not_found");
      if (reserve === undefined) found.push("reserve_account_not_found");
      if (reserve?.frozen === true) found.push("reserve_account_frozen");
    } else if (route === "customer customer") {
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
    const leg = amount + this.#fee(record);
    const overflows = (pending: bigint, posted: bigint, more: bigint): boolean => pending + posted + more >= LIMIT;
    if (overflows(debit.debitsPending, debit.debitsPosted, amount)) found.push("balance_overflow");
    if (overflows(credit.creditsPending, credit.creditsPosted, amount)) found.push("balance_overflow");
    if (mine !== undefined && overflows(mine.debitsPending, mine.debitsPosted, leg)) found.push("balance_overflow");
    if (theirs !== undefined && overflows(theirs.creditsPending, theirs.creditsPosted, leg))
      found.push("balance_overflow");
    if (this.#leg(record) === "net") found.push(...this.#netFaults(record, amount, leg));
    if (debit.kind === "reserve" && available(debit) - this.exposure(debit.owner, debit.asset) < amount)
      found.push("insufficient_reserve");
    if (isLimited(debit) && available(debit) < amount) found.push("insufficient_funds");
    if (credit.flags.includes("credits_must_not_exceed_debits")) {
      if (credit.creditsPending + credit.creditsPosted + amount > credit.debitsPosted) found.push("exceeds_debits");
    }
    if (mine !== undefined && available(mine) < leg) found.push("insufficient_liquidity");
    return found;
  }

  #netFaults(record: FullTransfer, amount: bigint, leg: bigint): ResultName[] {
    const found: ResultName[] = [];
    const { asset } = record;
    const payer = this.#account(record.debitAccountId).owner;
    const payee = this.#account(record.creditAccountId).owner;
    const maximum = this.#rail(record.rail)?.bankWindowMaximum;
    const sent = this.#books.sent.get(`bank ${payer}/${asset}/${record.rail}/${this.#openNumber(asset)}`) ?? 0n;
    if (maximum !== undefined && sent + amount > BigInt(maximum)) found.push("bank_window_limit_exceeded");
    const isPending = record.flags.includes("pending");
    const exposure = isPending ? this.exposure(payer, asset) + leg : this.exposure(payer, asset, leg);
    const { netDebitCaps = [], netDebitCapDefault } = this.#rulebook;
    const named = netDebitCaps.find((entry) => entry.participant === payer && entry.asset === asset)?.cap;
    const cap = named ?? netDebitCapDefault;
    if (cap !== undefined && exposure > BigInt(cap)) found.push("net_debit_cap_exceeded");
    if (this.#unsettled(payer, asset, "payer") + leg >= LIMIT / 2n) found.push("balance_overflow");
    const incoming = this.#unsettled(payee, asset, "payee") + leg;
    if (incoming >= LIMIT / 2n) found.push("balance_overflow");
    const settlement = this.#own(payee, asset, "settlement");
    if (settlement !== undefined && settlement.creditsPending + settlement.creditsPosted + incoming >= LIMIT)
      found.push("balance_overflow");
    const reserve = this.#own(payer, asset, "reserve");
    if (reserve !== undefined && available(reserve) < exposure) found.push("insufficient_reserve");
    return found;
  }

  /** What an initiation moves: all of it, or what is there. */
  #amount(record: FullTransfer): bigint {
    const asked = BigInt(record.amount);
    const debit = this.#account(record.debitAccountId);
    if (!record.flags.includes("balancing_debit") || !isLimited(debit)) return asked;
    const owed = debit.kind === "reserve" ? this.exposure(debit.owner, debit.asset) : 0n;
    const there = available(debit) - owed;
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
    if (pending.waits?.in === "queue" && isPost) found.push("pending_transfer_queued");
    if (pending.waits?.in === "hold") found.push("pending_transfer_held");
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
    const mayBePart = isPost && this.#rail(pending.record.rail)?.partialPost === true;
    if (amount !== 0n && amount < pending.amount && !mayBePart) found.push("partial_amount_not_allowed");
    if (isPost && this.#account(pending.record.debitAccountId).frozen) found.push("debit_account_frozen");
    if (isPost && this.#settlements(pending.record)[0]?.frozen === true) found.push("settlement_account_frozen");
    const { owner, asset } = this.#account(pending.record.debitAccountId);
    if (isPost && this.#leg(pending.record) === "net" && this.#own(owner, asset, "reserve")?.frozen === true)
      found.push("reserve_account_frozen");
    return found;
  }

  #perform(from: number, record: FullTransfer, result: ResultName): void {
    this.leaves += 1;
    const isResolution = result === "voided" || record.flags.includes("post_pending");
    const waits = result === "held" || result === "queued";
    const seen: Seen = {
      content: JSON.stringify(record),
      success: true,
      state: result === "reserved" || waits ? "pending" : "none",
    };
    if (isResolution) {
      const { amount } = this.#books.pendings.get(record.pendingId) as Pending;
      const posted = result === "voided" ? 0n : record.amount === "0" ? amount : BigInt(record.amount);
      this.#resolve(record.pendingId, result === "voided" ? "voided" : "posted", posted);
    } else this.#initiation(from, record, result);
    this.#books.seen.set(record.id, seen);
  }

  #initiation(from: number, record: FullTransfer, result: ResultName): void {
    const amount = this.#amount(record);
    const fee = this.#fee(record);
    const hit = this.#hit(record);
    const key = `${record.debitAccountId}/${record.rail}/${this.#day()}`;
    this.#books.sent.set(key, (this.#books.sent.get(key) ?? 0n) + amount);
    const window = this.#openNumber(record.asset);
    if (this.#leg(record) === "net") {
      const bank = `bank ${this.#account(record.debitAccountId).owner}/${record.asset}/${record.rail}/${window}`;
      this.#books.sent.set(bank, (this.#books.sent.get(bank) ?? 0n) + amount);
    }
    for (const rule of this.#rulebook.screening ?? []) {
      if (rule.kind !== "velocity" || rule.rails?.includes(record.rail) === false) continue;
      const counted = this.#velocity(record, rule);
      counted.count += 1;
      counted.sum += amount;
    }
    const phase = result === "posted" ? "Posted" : "Pending";
    this.#moveCustomers(record, phase, amount);
    if (result === "posted" || result === "reserved") this.#moveLeg(record, phase, amount + fee);
    if (result === "posted") return;
    const rail = this.#rail(record.rail) as RulebookRail;
    let waits: Wait | undefined;
    let seconds = record.timeoutSeconds === 0 ? (rail.turnaroundSeconds ?? 0) : record.timeoutSeconds;
    if (result === "held" && hit !== undefined) {
      waits = { in: "hold", rule: hit };
      seconds = hit.holdSeconds;
    } else if (result === "queued") {
      waits = { in: "queue", priority: record.priority, turn: this.#turns++ };
      seconds = rail.queueSecondsMax as number;
    }
    const deadline = this.#timestamp + seconds * 1_000;
    const legs = this.#legAccounts(record);
    this.#books.pendings.set(record.id, {
      record,
      amount,
      deadline,
      day: this.#day(),
      by: from,
      fee,
      window,
      legs,
      waits,
    });
  }

  #resolve(id: string, state: "posted" | "voided" | "expired", posted: bigint): void {
    const { record, amount, day, fee, window, waits } = this.#books.pendings.get(id) as Pending;
    this.#moveCustomers(record, "Pending", -amount);
    if (waits === undefined) this.#moveLeg(record, "Pending", -amount - fee);
    if (posted > 0n) {
      this.#moveCustomers(record, "Posted", posted);
      this.#moveLeg(record, "Posted", posted + fee);
    }
    const bank = `bank ${this.#account(record.debitAccountId).owner}/${record.asset}/${record.rail}/${window}`;
    if (this.#leg(record) === "net") {
      this.#books.sent.set(bank, (this.#books.sent.get(bank) as bigint) - (amount - posted));
    }
    const key = `${record.debitAccountId}/${record.rail}/${day}`;
    this.#books.sent.set(key, (this.#books.sent.get(key) ?? 0n) - (amount - posted));
    (this.#books.seen.get(id) as Seen).state = state;
    this.#books.pendings.delete(id);
  }

  #moveCustomers(record: FullTransfer, phase: "Pending" | "Posted", amount: bigint): void {
    this.#account(record.debitAccountId)[`debits${phase}`] += amount;
    this.#account(record.creditAccountId)[`credits${phase}`] += amount;
  }

  /** What the banks move beside it, fee included. */
  #moveLeg(record: FullTransfer, phase: "Pending" | "Posted", amount: bigint): void {
    const [mine, theirs] = this.#settlements(record);
    if (mine !== undefined) mine[`debits${phase}`] += amount;
    if (theirs !== undefined) theirs[`credits${phase}`] += amount;
    if (this.#leg(record) !== "net" || amount < 0n) return;
    const { rows } = this.#initiate(record.asset);
    if (phase === "Pending") return;
    const [payer, payee] = [record.debitAccountId, record.creditAccountId].map((id) => this.#account(id).owner);
    rows.set(`${payer}/${payee}`, (rows.get(`${payer}/${payee}`) ?? 0n) + amount);
  }

  #legAccounts(record: FullTransfer): readonly (string | undefined)[] {
    const idOf = (account: Account | undefined): string | undefined =>
      [...this.#books.accounts].find(([, other]) => other === account)?.[0];
    const [payer, payee] = [record.debitAccountId, record.creditAccountId].map((id) => this.#account(id).owner);
    const leg = this.#leg(record);
    if (leg === "none") return [];
    return [
      idOf(this.#own(payer as number, record.asset, leg === "net" ? "reserve" : "settlement")),
      idOf(this.#own(payee as number, record.asset, "settlement")),
    ];
  }

  /** Settlement accounts of both banks, where settlement money moves with the customers'. */
  #settlements(record: FullTransfer): [Account | undefined, Account | undefined] {
    const debit = this.#books.accounts.get(record.debitAccountId);
    const credit = this.#books.accounts.get(record.creditAccountId);
    if (debit === undefined || credit === undefined || this.#leg(record) !== "gross") return [undefined, undefined];
    const { asset } = record;
    return [this.#own(debit.owner, asset, "settlement"), this.#own(credit.owner, asset, "settlement")];
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
      : role === "authority" && issuer === from && (fields.kind !== "issuance" || fields.owner === from);
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
    const limited = "debits_must_not_exceed_credits";
    const fixed = { settlement: limited, reserve: limited, issuance: "credits_must_not_exceed_debits" };
    if (!isCustomers && fields.flags.join() !== fixed[fields.kind as keyof typeof fixed])
      found.push("flags_not_allowed");
    if (fields.kind === "reserve" && this.#own(fields.owner, fields.asset, "reserve") !== undefined)
      found.push("reserve_account_exists");
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

  /** An action about a transfer that waits; releases and returns leave a leaf of their own besides. */
  #decide(from: number, fields: ActionRecord, key: number): string {
    const isReprioritise = fields.action === "queue_reprioritise";
    if (participantOfId(fields.id) !== from) return "id_not_of_participant";
    if ((isReprioritise && key !== 0) || participantOfId(fields.accountId) !== from) return "not_authorised";
    const content = JSON.stringify(fields);
    const seen = this.#books.seen.get(fields.id);
    if (seen !== undefined) {
      if (seen.content !== content) return "exists_with_different_content";
      return seen.success ? "exists" : "id_already_failed";
    }
    const fault = this.#decisionFault(fields, key);
    this.leaves += 1;
    this.#books.seen.set(fields.id, { content, success: fault === undefined, state: "none" });
    return fault ?? "applied";
  }

  #decisionFault({ action, accountId, priority }: ActionRecord, key: number): ResultName | undefined {
    const pending = this.#books.pendings.get(accountId);
    const missing = action === "queue_reprioritise" ? "transfer_not_queued" : "transfer_not_held";
    if (!this.#books.seen.has(accountId)) return "pending_transfer_not_found";
    if (pending === undefined) return missing;
    if (pending.deadline <= this.#timestamp) return "pending_transfer_expired";
    const { waits } = pending;
    if (action === "queue_reprioritise") {
      if (waits?.in !== "queue") return missing;
      waits.priority = priority ?? 0;
      return undefined;
    }
    if (waits?.in !== "hold") return missing;
    if (action === "return_hold") {
      this.#resolve(accountId, "voided", 0n);
      this.leaves += 1;
      return undefined;
    }
    if (waits.rule.fourEyes === true) {
      if (waits.approvedBy === key) return "approved_already";
      if (waits.approvedBy === undefined) {
        waits.approvedBy = key;
        return undefined;
      }
    }
    const fault = this.#waitingFault(pending);
    if (fault !== undefined) return fault;
    if (pending.record.flags.includes("pending")) this.#reserveHeld(accountId, pending);
    else {
      this.#resolve(accountId, "posted", pending.amount);
      this.leaves += 1;
    }
    return undefined;
  }

  #reserveHeld(id: string, pending: Pending): void {
    const { record, amount, fee } = pending;
    this.#moveLeg(record, "Pending", amount + fee);
    const seconds = record.timeoutSeconds || (this.#rail(record.rail)?.turnaroundSeconds ?? 0) || 1;
    const deadline = this.#timestamp + seconds * 1_000;
    this.#books.pendings.set(id, { ...pending, deadline, waits: undefined });
  }

  #act(from: number, fields: ActionRecord, key: number): string {
    if (DECISIONS.includes(fields.action)) return this.#decide(from, fields, key);
    const found: ResultName[] = [];
    if (key !== 0) found.push("not_authorised");
    const account = this.#books.accounts.get(fields.accountId);
    if (participantOfId(fields.id) !== from) found.push("id_not_of_participant");
    if (fields.action !== "close" && this.#roles.get(from) !== "authority") found.push("not_authorised");
    if (fields.action === "close" && account !== undefined && account.owner !== from) found.push("not_authorised");
    const isIssuers = account?.kind === "issuance" && account.owner === from;
    if (fields.action === "cut_window" && account !== undefined && !isIssuers) found.push("not_authorised");
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
      if (account.frozen && fields.action !== "unfreeze" && fields.action !== "cut_window")
        found.push("account_frozen");
      const hasPayments = (this.#books.open.get(account.asset)?.rows.size ?? 0) > 0;
      if (fields.action === "cut_window" && !hasPayments) found.push("window_not_open");
      const isBanks = account.kind === "settlement" || account.kind === "reserve";
      const isOwing = (["payer", "payee"] as const).some(
        (side) => this.#unsettled(account.owner, account.asset, side) > 0n,
      );
      if (fields.action === "close" && isBanks && isOwing) found.push("account_not_empty");
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
    else if (fields.action === "cut_window") this.#cut(account.asset);
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

/** What a bank owes in a window; below zero: what it gets. */
const netOf = (window: Window, bank: number): bigint => {
  let net = 0n;
  for (const [pair, sum] of window.rows) {
    const [payer, payee] = pair.split("/").map(Number);
    if (payer === bank) net += sum;
    if (payee === bank) net -= sum;
  }
  return net;
};

const DECISIONS: readonly string[] = ["release_hold", "return_hold", "queue_reprioritise"];

/** It alone cannot be paid, and others need not wait for it. */
const isPassedOver = (code: ResultName | undefined): boolean =>
  code === "debit_account_frozen" || code === "settlement_account_not_found" || code === "pending_transfer_expired";

const isLimited = (account: Account): boolean => account.flags.includes("debits_must_not_exceed_credits");
const available = (account: Account): bigint => account.creditsPosted - account.debitsPosted - account.debitsPending;
const isGood = (result: string): boolean => RESULT[result as ResultName] <= RESULT.applied;

/** The smallest of the codes that fit. */
const first = (found: readonly ResultName[]): ResultName =>
  found.reduce((best, name) => (RESULT[name] < RESULT[best] ? name : best));

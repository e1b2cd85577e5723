import {
  type Genesis,
  RESULT,
  type ResultName,
  type Rulebook,
  type RulebookRail,
  type ScreeningRule,
} from "../../../formats/index.js";
import type { FullTransfer } from "./batches.js";

/** Batch index of what the ledger does by itself. */
const BY_ITSELF = 0xffff_ffff;
/** No balance reaches it. */
export const LIMIT = 2n ** 64n;
export const ZERO = "0".repeat(32);

/** Where in a block a record stands, and whose it is. */
export interface Place {
  readonly from: number;
  readonly batchIndex: number;
  readonly recordIndex: number;
}

/** What the rules say that a record, or the ledger by itself, leaves behind. */
export interface Outcome {
  readonly result: ResultName;
  readonly participant: number;
  readonly batchIndex: number;
  readonly recordIndex: number;
  readonly amount: bigint;
}

export interface Account {
  readonly id: string;
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

/** A transfer that reserves money. */
export interface Pending {
  readonly record: FullTransfer;
  readonly amount: bigint;
  readonly deadline: number;
  readonly day: number;
  readonly by: number;
  readonly recordIndex: number;
  readonly fee: bigint;
  /** Number of the window of its initiation. */
  readonly window: number;
  /** The banks' own accounts that its leg will move: the payer's settlement or reserve, the other's settlement. */
  readonly legs: readonly (string | undefined)[];
  readonly waits?: Wait | undefined;
}

/** Why a transfer has no leg yet. */
export type Wait =
  | { readonly in: "queue"; priority: number; readonly turn: number }
  | { readonly in: "hold"; readonly rule: ScreeningRule; approvedBy?: string };

/** Who paid whom: sums by "payer/payee". */
export interface Window {
  readonly asset: number;
  readonly number: number;
  openedAt: number;
  closedAt: number;
  readonly rows: Map<string, bigint>;
}

/** The first use of an id: replaced, never changed. */
interface Seen {
  readonly content: string;
  readonly success: boolean;
  readonly state: "none" | "pending" | "posted" | "voided" | "expired";
}

/** All that the reference ledger remembers of money: maps of big integers. */
export class Books {
  rulebook: Rulebook;
  /** Participants' roles by number. */
  readonly roles: Map<number, string>;
  accounts = new Map<string, Account>();
  seen = new Map<string, Seen>();
  pendings = new Map<string, Pending>();
  /** What was initiated on rails with limits, by account and day, or by bank and window. */
  sent = new Map<string, bigint>();
  /** By "account/rule/window": what velocity rules have counted. */
  velocities = new Map<string, { readonly count: number; readonly sum: bigint }>();
  /** By asset. */
  open = new Map<number, Window>();
  closed: Window[] = [];
  outcomes: Outcome[] = [];
  /** Of the block in execution. */
  timestamp = 0;
  turns = 0;

  constructor(genesis: Genesis) {
    this.rulebook = genesis.rulebook;
    this.roles = new Map(genesis.participants.map(({ number, role }) => [number, role]));
    for (const { id, owner, asset, kind } of genesis.accounts) {
      const usual = kind === "issuance" ? "credits_must_not_exceed_debits" : "debits_must_not_exceed_credits";
      this.openAccount({ id, owner, asset, kind, flags: kind === "clearing" ? [] : [usual], reference: ZERO });
    }
    for (const { debit, credit, amount } of genesis.funding) {
      this.account(debit).debitsPosted += BigInt(amount);
      this.account(credit).creditsPosted += BigInt(amount);
    }
  }

  /** @returns what puts back all that transfers can change */
  snapshot(): () => void {
    const accounts = new Map([...this.accounts].map(([id, account]) => [id, { ...account }]));
    const open = new Map([...this.open].map(([asset, window]) => [asset, { ...window, rows: new Map(window.rows) }]));
    const seen = new Map(this.seen);
    const pendings = new Map(this.pendings);
    const sent = new Map(this.sent);
    const velocities = new Map(this.velocities);
    const outcomes = [...this.outcomes];
    return () => Object.assign(this, { accounts, open, seen, pendings, sent, velocities, outcomes });
  }

  leave(result: ResultName, { from, batchIndex, recordIndex }: Place, amount = 0n): void {
    this.outcomes.push({ result, participant: from, batchIndex, recordIndex, amount });
  }

  leaveByItself(result: ResultName, participant: number, recordIndex = 0, amount = 0n): void {
    this.outcomes.push({ result, participant, batchIndex: BY_ITSELF, recordIndex, amount });
  }

  openAccount(fields: Pick<Account, "id" | "owner" | "asset" | "kind" | "flags" | "reference">): void {
    const { id, owner, asset, kind, flags, reference } = fields;
    const empty = { debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n };
    this.accounts.set(id, { id, owner, asset, kind, flags, reference, frozen: false, closed: false, ...empty });
  }

  /** @param id an account that is there */
  account(id: string): Account {
    return this.accounts.get(id) as Account;
  }

  rail(number: number): RulebookRail | undefined {
    return this.rulebook.rails.find((rail) => rail.number === number);
  }

  /** A bank's open account of a kind that it has one of. */
  own(owner: number, asset: number, kind: "settlement" | "reserve"): Account | undefined {
    for (const account of this.accounts.values()) {
      if (account.kind === kind && account.owner === owner && account.asset === asset && !account.closed)
        return account;
    }
    return undefined;
  }

  /** What moves between the banks with a transfer of the customers. */
  leg(record: FullTransfer): "none" | "gross" | "net" {
    const debit = this.accounts.get(record.debitAccountId);
    const credit = this.accounts.get(record.creditAccountId);
    const isAcross = debit?.kind === "customer" && credit?.kind === "customer" && debit.owner !== credit.owner;
    if (!isAcross) return "none";
    return this.rail(record.rail)?.settlement === "net" ? "net" : "gross";
  }

  fee(record: FullTransfer): bigint {
    return this.leg(record) === "none" ? 0n : BigInt(this.rail(record.rail)?.fee ?? 0);
  }

  /** Settlement accounts of both banks, where settlement money moves with the customers'. */
  settlements(record: FullTransfer): readonly [Account | undefined, Account | undefined] {
    if (this.leg(record) !== "gross") return [undefined, undefined];
    const [payer, payee] = this.banks(record);
    return [this.own(payer, record.asset, "settlement"), this.own(payee, record.asset, "settlement")];
  }

  /** The banks' own accounts that a transfer moves, or will when it has waited. */
  legAccounts(record: FullTransfer): readonly (string | undefined)[] {
    const leg = this.leg(record);
    if (leg === "none") return [];
    const [payer, payee] = this.banks(record);
    const paying = this.own(payer, record.asset, leg === "net" ? "reserve" : "settlement");
    return [paying?.id, this.own(payee, record.asset, "settlement")?.id];
  }

  /** Owners of both accounts, which are there. */
  banks(record: FullTransfer): readonly [number, number] {
    return [this.account(record.debitAccountId).owner, this.account(record.creditAccountId).owner];
  }

  /** Scheme day of the block. */
  get day(): number {
    return Math.floor((Math.floor(this.timestamp / 1_000) + this.rulebook.schemeDayOffsetSeconds) / 86_400);
  }

  pendingsOf(participant: number): number {
    let count = 0;
    for (const { by } of this.pendings.values()) if (by === participant) count += 1;
    return count;
  }

  /** What the first use of an id says of another record with it. */
  repetition(id: string, content: string): ResultName | undefined {
    const seen = this.seen.get(id);
    if (seen === undefined) return undefined;
    if (seen.content !== content) return "exists_with_different_content";
    return seen.success ? "exists" : "id_already_failed";
  }

  /** The first rule of screening that a transfer hits. */
  hit(record: FullTransfer, amount: bigint): ScreeningRule | undefined {
    return (this.rulebook.screening ?? []).find((rule) => {
      if (rule.rails !== undefined && !rule.rails.includes(record.rail)) return false;
      switch (rule.kind) {
        case "accounts":
          return [record.debitAccountId, record.creditAccountId].some((id) => rule.accounts.includes(id));
        case "amount":
          return amount >= BigInt(rule.minimum);
        case "purpose":
          return rule.codes.includes(record.code);
        case "velocity": {
          const { count, sum } = this.velocities.get(this.#velocityKey(record, rule)) ?? { count: 0, sum: 0n };
          return count >= (rule.count ?? Infinity) || (rule.sum !== undefined && sum + amount > BigInt(rule.sum));
        }
      }
    });
  }

  /** Counts an accepted initiation for all velocity rules that look at it. */
  countVelocity(record: FullTransfer, amount: bigint): void {
    for (const rule of this.rulebook.screening ?? []) {
      if (rule.kind !== "velocity" || rule.rails?.includes(record.rail) === false) continue;
      const key = this.#velocityKey(record, rule);
      const { count, sum } = this.velocities.get(key) ?? { count: 0, sum: 0n };
      this.velocities.set(key, { count: count + 1, sum: sum + amount });
    }
  }

  #velocityKey(record: FullTransfer, rule: ScreeningRule & { readonly kind: "velocity" }): string {
    return `${record.debitAccountId}/${rule.number}/${Math.floor(this.timestamp / (rule.windowSeconds * 1_000))}`;
  }
}

/** What an account holds beside what is reserved. */
export const available = (account: Account): bigint =>
  account.creditsPosted - account.debitsPosted - account.debitsPending;

export const isLimited = (account: Account): boolean => account.flags.includes("debits_must_not_exceed_credits");

export const isGood = (result: ResultName): boolean => RESULT[result] <= RESULT.applied;

/** Whether a failure uses up its id: those for lack of right, and repetitions, do not. */
export const consumes = (result: ResultName): boolean => RESULT[result] > RESULT.id_already_failed;

/** The smallest of the codes that fit (LEDG-7). */
export const first = (found: readonly ResultName[]): ResultName =>
  found.reduce((best, name) => (RESULT[name] < RESULT[best] ? name : best));

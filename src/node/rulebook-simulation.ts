import {
  BATCH_HEADER_BYTES,
  decodeTransfer,
  type Genesis,
  parseBatch,
  RESULT,
  type Rulebook,
  resultCode,
} from "../formats/index.js";
import { Ledger, type OrderedBlock } from "../ledger/index.js";
import { assert, type Digest, type Height, RECORD_BYTES } from "../primitives/index.js";

/** A transfer whose result would have been another one. */
export interface ChangedResult {
  readonly height: Height;
  readonly id: string;
  /** Minor units as asked for. */
  readonly amount: bigint;
  readonly asset: number;
  readonly before: string;
  readonly after: string;
}

/** How many transfers would have had another result of one kind, and how much they asked for. */
export interface ResultChange {
  readonly before: string;
  readonly after: string;
  readonly asset: number;
  readonly count: number;
  readonly sum: bigint;
}

/** Transfers of one rail and asset that moved money, as it was and as it would have been. */
export interface RailTotals {
  readonly rail: number;
  readonly asset: number;
  readonly before: { readonly count: number; readonly sum: bigint };
  readonly after: { readonly count: number; readonly sum: bigint };
}

export interface SettlementBalance {
  readonly participant: string;
  readonly asset: number;
  readonly before: bigint;
  readonly after: bigint;
}

/** What a stretch of history would have been under another rulebook. */
export interface SimulationReport {
  readonly from: Height;
  readonly to: Height;
  readonly blocks: number;
  readonly transfers: number;
  readonly changes: readonly ResultChange[];
  readonly totals: readonly RailTotals[];
  /** The first changed results, at most `EXAMPLES_MAX`. */
  readonly examples: readonly ChangedResult[];
  /** Settlement accounts whose balance at the end differs. */
  readonly balances: readonly SettlementBalance[];
}

const EXAMPLES_MAX = 100;

interface Tally {
  count: number;
  sum: bigint;
}

/**
 * Replays a history twice: as it was, and from a height on under another rulebook. Both states are copies in memory;
 * the roots of the second belong to no chain. A rulebook that governance put in force in the stretch does not replace
 * the supposed one.
 */
export class RulebookSimulation {
  readonly #proposed: Rulebook;
  readonly #from: Height;
  readonly #actual: Ledger;
  readonly #supposed: Ledger;
  readonly #changes = new Map<string, Tally & Pick<ResultChange, "before" | "after" | "asset">>();
  readonly #totals = new Map<string, { rail: number; asset: number; before: Tally; after: Tally }>();
  readonly #examples: ChangedResult[] = [];
  #blocks = 0;
  #transfers = 0;

  /** @param from first height that is executed under the proposed rulebook, at least 1 */
  constructor(options: {
    readonly genesis: Genesis;
    readonly chainId: Digest;
    readonly proposed: Rulebook;
    readonly from: Height;
  }) {
    const { genesis, chainId, proposed, from } = options;
    this.#proposed = proposed;
    this.#from = from;
    this.#actual = Ledger.fromGenesis(genesis, chainId);
    this.#supposed = Ledger.fromGenesis(genesis, chainId);
  }

  /** Blocks from height 1 on, in order. */
  apply(block: OrderedBlock): void {
    if (block.height === this.#from) this.#supposed.supposeRulebook(this.#proposed);
    const before = this.#actual.apply(block).codes;
    const after = this.#supposed.apply(block).codes;
    if (block.height < this.#from) return;
    this.#blocks += 1;
    for (const [index, { bytes }] of block.batches.entries())
      this.#compare(block.height, bytes, before[index] ?? NO_CODES, after[index] ?? NO_CODES);
  }

  report(): SimulationReport {
    return {
      from: this.#from,
      to: this.#actual.height,
      blocks: this.#blocks,
      transfers: this.#transfers,
      changes: [...this.#changes.values()].sort((left, right) => right.count - left.count),
      totals: [...this.#totals.values()].sort((left, right) => left.rail - right.rail || left.asset - right.asset),
      examples: this.#examples,
      balances: this.#balances(),
    };
  }

  #compare(height: Height, bytes: Uint8Array, before: Uint16Array, after: Uint16Array): void {
    const parsed = parseBatch(bytes);
    if (!parsed.ok || parsed.header.kind !== "create_transfers") return;
    for (let record = 0; record < parsed.header.count; record += 1) {
      const codes = { before: codeOf(before, record), after: codeOf(after, record) };
      const fields = decodeTransfer(bytes, BATCH_HEADER_BYTES + record * RECORD_BYTES);
      const amount = BigInt(fields.amount);
      this.#transfers += 1;
      this.#count(fields.rail, fields.asset, amount, codes);
      if (codes.before === codes.after) continue;
      const [was, would] = [nameOf(codes.before), nameOf(codes.after)];
      const change = { before: was, after: would, asset: fields.asset };
      const key = `${was} ${would} ${fields.asset}`;
      const tally = this.#changes.get(key) ?? { ...change, count: 0, sum: 0n };
      this.#changes.set(key, { ...tally, count: tally.count + 1, sum: tally.sum + amount });
      if (this.#examples.length < EXAMPLES_MAX) this.#examples.push({ height, id: fields.id, amount, ...change });
    }
  }

  #count(rail: number, asset: number, amount: bigint, codes: { before: number; after: number }): void {
    const key = `${rail} ${asset}`;
    const zero = (): Tally => ({ count: 0, sum: 0n });
    const totals = this.#totals.get(key) ?? { rail, asset, before: zero(), after: zero() };
    this.#totals.set(key, totals);
    for (const side of ["before", "after"] as const) {
      if (codes[side] !== RESULT.posted) continue;
      totals[side].count += 1;
      totals[side].sum += amount;
    }
  }

  #balances(): SettlementBalance[] {
    const balances: SettlementBalance[] = [];
    for (const { number, name } of this.#actual.participants()) {
      for (const account of this.#actual.accountsOf(number, 0, Number.MAX_SAFE_INTEGER).accounts) {
        if (account.kind !== "settlement" && account.kind !== "reserve") continue;
        const other = this.#supposed.account(account.id);
        assert(other !== undefined, "both histories open the same settlement accounts");
        const [before, after] = [account, other].map((view) => view.creditsPosted - view.debitsPosted) as [
          bigint,
          bigint,
        ];
        if (before !== after) balances.push({ participant: name, asset: account.asset, before, after });
      }
    }
    return balances;
  }
}

const NO_CODES = new Uint16Array(1);

/** A batch that was refused as a whole has one code for all its records. */
const codeOf = (codes: Uint16Array, record: number): number => (codes.length === 1 ? codes[0] : codes[record]) ?? 0;

const nameOf = (code: number): string => resultCode(code)?.name ?? `code_${code}`;

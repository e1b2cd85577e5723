import { OUTCOME_LEAF_BYTES, OUTCOME_LEAF_FIELDS, readOutcome, resultCode } from "../formats/index.js";
import { fromHex, toHex } from "../primitives/index.js";
import { firstHeight } from "./halving.js";
import type { SabhaClient } from "./sabha-client.js";
import type { BlockResult } from "./types.js";

/** What each of two nodes says about the same thing. */
export interface Difference<T> {
  readonly left: T;
  readonly right: T;
}

/** One outcome as a node has it; the commitments hide the balances behind it. */
export interface OutcomeSummary {
  readonly id: string;
  readonly debitAccountId: string;
  readonly creditAccountId: string;
  readonly result: string;
  /** Minor units, a decimal string. */
  readonly amount: string;
  readonly debitCommitment: string;
  readonly creditCommitment: string;
}

/** Where two nodes first differ. */
export type Bisection =
  | { readonly type: "equal"; readonly height: number }
  /** Other blocks at one height: a fork, which the two finality proofs of the height explain. */
  | { readonly type: "blocks"; readonly height: number; readonly hashes: Difference<string> }
  /** The same block, executed with another outcome; `accounts` are those whose balances differ after it. */
  | {
      readonly type: "outcome";
      readonly height: number;
      readonly index: number;
      readonly outcome: Difference<OutcomeSummary | undefined>;
      readonly accounts: readonly string[];
    }
  /** Outcomes are equal and the state behind them is not: entry `entry` of a table, counted from 0. */
  | {
      readonly type: "state";
      readonly height: number;
      readonly table: string;
      readonly entry: number;
      readonly content: Difference<string>;
      /** The account, where the table holds accounts. */
      readonly account: string | undefined;
    }
  /** Roots of a checkpoint differ which one of the nodes no longer keeps. */
  | { readonly type: "checkpoint"; readonly height: number; readonly stateRoots: Difference<string> };

type Nodes = Difference<SabhaClient>;

/**
 * Finds the first height, outcome and account on which two nodes differ. The log's head at a height stands for all
 * results up to it, so halving finds the first height in some twenty questions.
 *
 * @param onStep called with each height that was compared
 */
export async function bisect(
  left: SabhaClient,
  right: SabhaClient,
  onStep: (height: number) => void = () => undefined,
): Promise<Bisection> {
  const nodes = { left, right };
  const [one, two] = await both(nodes, (node) => node.getStatus());
  if (one.chainId !== two.chainId)
    throw new RangeError(`the nodes are of two chains: ${one.chainId} and ${two.chainId}`);
  const top = Math.min(one.executedHeight, two.executedHeight);
  const height = await firstHeight(top, async (at) => {
    onStep(at);
    const [mine, yours] = await both(nodes, (node) => node.getResult(at));
    return mine.resultsRoot !== yours.resultsRoot;
  });
  if (height === undefined) return compareState(nodes, top);
  const [mine, yours] = await both(nodes, (node) => node.getResult(height));
  if (mine.blockHash !== yours.blockHash) {
    return { type: "blocks", height, hashes: { left: mine.blockHash, right: yours.blockHash } };
  }
  if (mine.receiptsRoot !== yours.receiptsRoot || mine.leafCount !== yours.leafCount) {
    return compareOutcomes(nodes, height);
  }
  return compareCheckpoint(nodes, mine, yours);
}

async function compareOutcomes(nodes: Nodes, height: number): Promise<Bisection> {
  for (let from = 0; ; ) {
    const [mine, yours] = await both(nodes, (node) => node.getOutcomeLeaves(height, from));
    const length = Math.max(mine.leaves.length, yours.leaves.length);
    for (let offset = 0; offset < length; offset += 1) {
      const leaves = { left: mine.leaves[offset], right: yours.leaves[offset] };
      if (leaves.left === leaves.right) continue;
      const outcome = { left: summaryOf(leaves.left), right: summaryOf(leaves.right) };
      return { type: "outcome", height, index: from + offset, outcome, accounts: accountsIn(outcome) };
    }
    if (length === 0) throw new RangeError("a node's receipts root is not that of its outcomes");
    from += length;
  }
}

/** Accounts whose commitments differ; all that either names where one node has no such outcome. */
function accountsIn({ left, right }: Difference<OutcomeSummary | undefined>): readonly string[] {
  const accounts = new Set<string>();
  for (const [side, commitment] of [
    ["debitAccountId", "debitCommitment"],
    ["creditAccountId", "creditCommitment"],
  ] as const) {
    if (left?.[commitment] === right?.[commitment]) continue;
    for (const outcome of [left, right]) if (outcome !== undefined) accounts.add(outcome[side]);
  }
  return [...accounts];
}

function summaryOf(hex: string | undefined): OutcomeSummary | undefined {
  const leaf = hex === undefined ? undefined : fromHex(hex);
  if (leaf?.length !== OUTCOME_LEAF_BYTES) return undefined;
  const outcome = readOutcome(leaf, OUTCOME_LEAF_FIELDS.outcome);
  const part = (from: number, length: number): string => toHex(leaf.subarray(from, from + length));
  return {
    id: part(0, 16),
    debitAccountId: part(16, 16),
    creditAccountId: part(32, 16),
    result: outcome === undefined ? "unreadable" : (resultCode(outcome.code)?.name ?? `code_${outcome.code}`),
    amount: String(outcome?.amount ?? 0n),
    debitCommitment: part(OUTCOME_LEAF_FIELDS.debitCommitment, 32),
    creditCommitment: part(OUTCOME_LEAF_FIELDS.creditCommitment, 32),
  };
}

/** Equal outcomes, another state root: pages tell where, as long as both nodes still keep that checkpoint. */
async function compareCheckpoint(nodes: Nodes, mine: BlockResult, yours: BlockResult): Promise<Bisection> {
  const found = await compareState(nodes, mine.height);
  if (found.type === "state") return found;
  return {
    type: "checkpoint",
    height: mine.height,
    stateRoots: { left: mine.stateRoot, right: yours.stateRoot },
  };
}

/** Compares the newest checkpoints where they are of one height; the rest is equal up to `height`. */
async function compareState(nodes: Nodes, height: number): Promise<Bisection> {
  const [mine, yours] = await both(nodes, (node) => node.getStateRoots());
  if (mine.height !== yours.height || mine.stateRoot === yours.stateRoot) return { type: "equal", height };
  for (const [slot, table] of mine.tables.entries()) {
    const other = yours.tables[slot];
    if (other === undefined || other.root === table.root) continue;
    return compareTable(nodes, mine.height, table);
  }
  return { type: "checkpoint", height: mine.height, stateRoots: { left: mine.stateRoot, right: yours.stateRoot } };
}

async function compareTable(
  nodes: Nodes,
  height: number,
  table: { readonly name: string; readonly pageEntries: number; readonly entryBytes: number },
): Promise<Bisection> {
  const page = await firstPage(nodes, table.name);
  const [mine, yours] = await both(nodes, (node) => node.getStatePage(table.name, page));
  const digits = table.entryBytes * 2;
  let at = 0;
  while (at < Math.max(mine.length, yours.length) && mine.slice(at, at + digits) === yours.slice(at, at + digits)) {
    at += digits;
  }
  const content = { left: mine.slice(at, at + digits), right: yours.slice(at, at + digits) };
  const id = (content.left === "" ? content.right : content.left).slice(0, 32);
  return {
    type: "state",
    height,
    table: table.name,
    entry: page * table.pageEntries + at / digits,
    content,
    account: table.name === "accounts" ? id : undefined,
  };
}

async function firstPage(nodes: Nodes, table: string): Promise<number> {
  for (let from = 0; ; ) {
    const [mine, yours] = await both(nodes, (node) => node.getStateRoots({ table, from }));
    const length = Math.max(mine.pageRoots.length, yours.pageRoots.length);
    for (let offset = 0; offset < length; offset += 1) {
      if (mine.pageRoots[offset] !== yours.pageRoots[offset]) return from + offset;
    }
    if (length === 0) throw new RangeError(`the roots of table ${table} differ, and those of its pages do not`);
    from += length;
  }
}

const both = <T>({ left, right }: Nodes, ask: (node: SabhaClient) => Promise<T>): Promise<[T, T]> =>
  Promise.all([ask(left), ask(right)]);

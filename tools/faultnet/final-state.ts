import { setTimeout as sleep } from "node:timers/promises";
import { type Account, type Block, SabhaClient, SabhaError, type Transfer } from "../../src/client/index.js";
import { type CanonicalJson, canonicalJson } from "../../src/formats/index.js";
import { utf8 } from "../../src/primitives/index.js";
import type { AccountReading, StatusReading, TransferReading } from "./history.js";
import { accountReading, transferReading } from "./load-reads.js";
import { statusReading } from "./sampler.js";

/** Everything that one node holds at the end, as it tells a client who asks. */
export interface FinalNode {
  readonly name: string;
  readonly status: StatusReading;
  /** Executed blocks, ascending without gaps; the first may lie above 1 where a node caught up from a snapshot. */
  readonly blocks: readonly FinalBlock[];
  /** By account id: every account. */
  readonly accounts: ReadonlyMap<string, AccountReading>;
  /** By transfer id: what the node answers for each payment of the history, where it knows one. */
  readonly transfers: ReadonlyMap<string, TransferReading>;
}

export interface FinalBlock {
  readonly height: number;
  readonly hash: string;
  /** Results and state that the header vouches for. */
  readonly claim: {
    readonly height: number;
    readonly resultsRoot: string;
    readonly stateHeight: number;
    readonly stateRoot: string;
  };
  readonly transfers: readonly TransferReading[];
}

/** A receipt file as a node handed it out, for a payment of the history. */
export interface FinalReceipt {
  readonly node: string;
  readonly id: string;
  /** Undefined where the node gave none in time. */
  readonly bytes: Uint8Array | undefined;
}

/** A node to ask at the end. */
export interface AskedNode {
  readonly name: string;
  readonly url: string;
  /** Reads need one where a node does not listen on loopback. */
  readonly token?: string;
}

export interface FinalState {
  /** Height that every node should have executed when it was read. */
  readonly goal: number;
  readonly nodes: readonly FinalNode[];
  /** Names of nodes that did not answer, each with what went wrong. */
  readonly silent: readonly { readonly name: string; readonly reason: string }[];
  readonly receipts: readonly FinalReceipt[];
}

export interface CollectOptions {
  readonly nodes: readonly AskedNode[];
  /** Every payment of the history. */
  readonly ids: readonly string[];
  /** Those that have to become final before the state counts as settled. */
  readonly awaitedIds: readonly string[];
  /** Payments whose receipts are asked for, of one node each in turn. */
  readonly receiptIds: readonly string[];
  /** How long to wait until everything awaited is final and executed on all nodes, ms. */
  readonly settleMs: number;
}

const IDS_PER_LOOKUP = 1_000;
/** Payments that each node is asked for by id, beside those that its blocks do not have. */
const LOOKUPS_MAX = 8_000;
const ACCOUNTS_PER_PAGE = 500;
/** Blocks asked for at once. */
const BLOCKS_AHEAD = 4;
const RECEIPT_WAIT_MS = 10_000;
const READ_MS = 30_000;
const POLL_MS = 250;

/** Waits until the network has settled, and reads what every node holds. Never rejects because of a node. */
export async function collectFinalState(options: CollectOptions): Promise<FinalState> {
  const goal = await settle(options);
  const blocks = new BlockPool();
  const nodes: FinalNode[] = [];
  const receipts: FinalReceipt[] = [];
  const silent: { readonly name: string; readonly reason: string }[] = [];
  // One after the other, so that blocks which are the same need room only once.
  for (const [turn, node] of options.nodes.entries()) {
    const receiptIds = options.receiptIds.filter((_, index) => index % options.nodes.length === turn);
    try {
      await withClient(node, async (client) => {
        nodes.push(await readNode(client, node.name, options.ids, blocks));
        for (const id of receiptIds) receipts.push({ node: node.name, id, bytes: await receiptOf(client, id) });
      });
    } catch (error) {
      silent.push({ name: node.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { goal, nodes, silent, receipts };
}

/**
 * Returns when everything awaited is final and every node has executed it, or when the time is up. Idle chains go on with
 * empty blocks, so nodes need not stand still: each has to reach the height at which the last awaited payment was seen.
 *
 * @returns that height
 */
async function settle({ nodes, awaitedIds, settleMs }: CollectOptions): Promise<number> {
  const deadline = performance.now() + settleMs;
  // What was promised last becomes final last.
  let missing = awaitedIds.slice(-LOOKUPS_MAX);
  let goal: number | undefined;
  while (performance.now() < deadline && nodes.length > 0) {
    if (missing.length > 0) missing = await stillMissing(nodes, missing);
    const heights = await Promise.all(nodes.map(executedHeight));
    if (missing.length === 0) goal ??= Math.max(...heights);
    if (goal !== undefined && Math.min(...heights) >= goal) return goal;
    await sleep(POLL_MS);
  }
  return goal ?? Math.max(0, ...(await Promise.all(nodes.map(executedHeight))));
}

/** 0 for a node that does not answer. */
const executedHeight = (node: AskedNode): Promise<number> =>
  withClient(node, async (client) => (await client.getStatus()).executedHeight).catch(() => 0);

/** Ids that the first node to answer does not know yet. */
async function stillMissing(nodes: readonly AskedNode[], ids: readonly string[]): Promise<string[]> {
  for (const node of nodes) {
    try {
      return await withClient(node, async (client) => {
        const missing: string[] = [];
        for (const some of chunks(ids)) {
          const transfers = await client.getTransfers(some);
          missing.push(...some.filter((_, index) => (transfers[index] ?? null) === null));
        }
        return missing;
      });
    } catch {
      // The next one may answer; who stays silent is reported at the end.
    }
  }
  return [...ids];
}

async function readNode(
  client: SabhaClient,
  name: string,
  ids: readonly string[],
  pool: BlockPool,
): Promise<FinalNode> {
  const status = statusReading(await client.getStatus());
  const blocks = await readBlocks(client, status.executedHeight, pool);
  const inBlocks = new Map(blocks.flatMap((block) => block.transfers.map((transfer) => [transfer.id, transfer])));
  const transfers = new Map<string, TransferReading>();
  // Of many, every few: the blocks tell the same of all, and those that they lack are all asked for.
  const stride = Math.ceil(ids.length / LOOKUPS_MAX);
  const asked: string[] = [];
  for (const [index, id] of ids.entries()) {
    const known = inBlocks.get(id);
    if (known === undefined || index % stride === 0) asked.push(id);
    else transfers.set(id, known);
  }
  for (const some of chunks(asked)) {
    for (const transfer of await client.getTransfers(some)) {
      if (transfer === null) continue;
      const reading = transferReading(transfer);
      const known = inBlocks.get(reading.id);
      transfers.set(reading.id, known !== undefined && isSame(known, reading) ? known : reading);
    }
  }
  return { name, status, blocks, accounts: await readAccounts(client), transfers };
}

async function readBlocks(client: SabhaClient, newest: number, pool: BlockPool): Promise<readonly FinalBlock[]> {
  const blocks: FinalBlock[] = [];
  // Downwards, because a node that caught up from a snapshot holds the newer ones only.
  for (let top = newest; top >= 1; top -= BLOCKS_AHEAD) {
    const heights = Array.from({ length: Math.min(BLOCKS_AHEAD, top) }, (_, index) => top - index);
    const found = await Promise.all(heights.map((height) => blockAt(client, height)));
    for (const block of found) {
      if (block === undefined) return blocks.reverse();
      blocks.push(pool.share(finalBlock(block)));
    }
  }
  return blocks.reverse();
}

async function blockAt(client: SabhaClient, height: number): Promise<Block | undefined> {
  try {
    return await client.getBlock(height, { full: true });
  } catch (error) {
    if (error instanceof SabhaError && error.code === "not_found") return undefined;
    throw error;
  }
}

const finalBlock = ({ height, hash, claim, transfers }: Block): FinalBlock => ({
  height,
  hash,
  claim,
  transfers: (transfers ?? []).map((transfer: Transfer) => transferReading(transfer)),
});

async function readAccounts(client: SabhaClient): Promise<ReadonlyMap<string, AccountReading>> {
  const accounts = new Map<string, AccountReading>();
  let cursor: string | undefined;
  do {
    const page = await client.listAccounts({ limit: ACCOUNTS_PER_PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const account of page.items as readonly Account[]) accounts.set(account.id, accountReading(account));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return accounts;
}

async function receiptOf(client: SabhaClient, id: string): Promise<Uint8Array | undefined> {
  try {
    const receipt: CanonicalJson = await client.getReceipt(id, { timeoutMs: RECEIPT_WAIT_MS });
    return utf8(canonicalJson(receipt));
  } catch (error) {
    if (error instanceof SabhaError) return undefined;
    throw error;
  }
}

/** A client for reads. */
export const clientOf = (
  { url, token }: AskedNode,
  options: { readonly timeoutMs?: number; readonly retries?: number } = {},
): SabhaClient => new SabhaClient({ url, ...(token === undefined ? {} : { token }), ...options });

async function withClient<T>(node: AskedNode, use: (client: SabhaClient) => Promise<T>): Promise<T> {
  const client = clientOf(node, { timeoutMs: READ_MS, retries: 3 });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Keeps one copy of what several nodes tell alike: a history has as many transfers as one node, not as all. */
class BlockPool {
  readonly #blocks = new Map<number, FinalBlock>();

  share(block: FinalBlock): FinalBlock {
    const known = this.#blocks.get(block.height);
    if (known === undefined) {
      this.#blocks.set(block.height, block);
      return block;
    }
    return JSON.stringify(known) === JSON.stringify(block) ? known : block;
  }
}

/** Whether two readings of a transfer agree in every field. */
export const isSame = (left: TransferReading, right: TransferReading): boolean =>
  left === right ||
  (left.id === right.id &&
    left.result === right.result &&
    left.height === right.height &&
    left.index === right.index &&
    left.debitAccountId === right.debitAccountId &&
    left.creditAccountId === right.creditAccountId &&
    left.amount === right.amount &&
    left.priority === right.priority);

function* chunks(ids: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < ids.length; start += IDS_PER_LOOKUP) yield ids.slice(start, start + IDS_PER_LOOKUP);
}

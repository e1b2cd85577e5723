import { setTimeout as sleep } from "node:timers/promises";
import type { Account, ChainStatus, Transfer } from "../../src/client/index.js";
import type { AccountReading, HistoryEntry, Recorder, TransferReading } from "./history.js";
import { statusReading } from "./sampler.js";

/** A node that answers reads. */
interface Readable {
  readonly name: string;
  readonly url: string;
  /** Bearer token; one that listens on loopback answers without. */
  readonly token: string;
}

/** What readers ask, and whom. */
export interface ReadingOptions {
  readonly nodes: readonly Readable[];
  readonly recorder: Recorder;
  readonly accounts: readonly string[];
  /** Ids of recent payments; grows and changes meanwhile. */
  readonly recentTransfers: readonly string[];
  /** Over all nodes together. */
  readonly readsPerSecond: () => number;
}

const ACCOUNTS_PER_READ = 8;
const TRANSFERS_PER_READ = 16;
const PATIENCE_MS = 2_000;

/** One reader per node, each with one question under way; a node that does not answer is asked again later. */
export function startReading(options: ReadingOptions): { stop(): Promise<void> } {
  let isOver = false;
  const readers = options.nodes.map(async (node, number) => {
    for (let turn = number; !isOver; turn += 1) {
      const perNode = options.readsPerSecond() / options.nodes.length;
      await sleep(perNode > 0 ? (1_000 / perNode) * (0.5 + Math.random()) : PATIENCE_MS);
      if (isOver || perNode <= 0) continue;
      const entry = await read(node, turn, options).catch(() => undefined);
      if (entry !== undefined) options.recorder.add(entry);
    }
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(readers);
    },
  };
}

/** Asks for the height, the thing, and the height again in one request, which a node answers in this order. */
async function read(
  node: Readable,
  turn: number,
  { recorder, accounts, recentTransfers }: ReadingOptions,
): Promise<HistoryEntry | undefined> {
  const by = { client: `reader@${node.name}`, node: node.name };
  const kind = turn % 3;
  if (kind === 0 || recentTransfers.length === 0) {
    const [status] = (await ask(node, [["chain_getStatus", {}]])) as [ChainStatus];
    return { type: "read-status", at: recorder.now(), ...by, status: statusReading(status) };
  }
  const ids = kind === 1 ? some(accounts, ACCOUNTS_PER_READ) : some(recentTransfers, TRANSFERS_PER_READ);
  const method = kind === 1 ? "ledger_getAccounts" : "ledger_getTransfers";
  const answers = await ask(node, [
    ["chain_getStatus", {}],
    [method, { ids }],
    ["chain_getStatus", {}],
  ]);
  const [before, things, after] = answers as [ChainStatus, readonly unknown[], ChainStatus];
  const at = recorder.now();
  const heights = { heightBefore: before.executedHeight, heightAfter: after.height };
  if (kind === 2) {
    const transfers = (things as readonly (Transfer | null)[]).map((transfer) =>
      transfer === null ? null : transferReading(transfer),
    );
    return { type: "read-transfers", at, ...by, ...heights, ids, transfers };
  }
  const readings = (things as readonly (Account | null)[]).flatMap((account) =>
    account === null ? [] : [accountReading(account)],
  );
  return { type: "read-accounts", at, ...by, ...heights, accounts: readings };
}

/** The parts of an account that a history keeps. */
export const accountReading = ({ id, debitsPosted, creditsPosted }: Account): AccountReading => ({
  id,
  debitsPosted,
  creditsPosted,
});

/** The parts of a transfer that a history keeps. */
export function transferReading(transfer: Transfer): TransferReading {
  const { id, result, height, index, debitAccountId, creditAccountId, amount, priority } = transfer;
  return { id, result, height, index, debitAccountId, creditAccountId, amount, priority };
}

/** Answers in the order of the questions. @throws {Error} if there is no answer, or an error among them */
async function ask(
  { url, token }: Readable,
  questions: readonly (readonly [string, object])[],
): Promise<readonly unknown[]> {
  const requests = questions.map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params }));
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(requests),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const answers = (await response.json()) as readonly { readonly id: number; readonly result?: unknown }[];
  return questions.map((_, id) => {
    const answer = answers.find((candidate) => candidate.id === id);
    if (answer?.result === undefined) throw new Error("the node did not answer this question");
    return answer.result;
  });
}

function some(list: readonly string[], count: number): readonly string[] {
  const picked = new Set<string>();
  for (let turn = 0; turn < count; turn += 1) picked.add(list[Math.floor(Math.random() * list.length)] as string);
  return [...picked];
}

import { bookOf, type Fate, Findings, fatesOf, honestNames, type NodeBook } from "./fates.js";
import { type AskedNode, collectFinalState, type FinalState } from "./final-state.js";
import type { FaultEvent, History, Verdict } from "./history.js";
import { checkBalances, checkReachable, checkReceipts, checkRoots, genesisSums } from "./ledger-checks.js";
import { checkAcknowledged, checkAdmitted, checkBusy, checkNothingTwice } from "./payment-checks.js";
import { checkReadsExplained, checkReadsForward } from "./read-checks.js";

export interface CheckOptions {
  /** Honest nodes that are up again at the end and have to know everything. */
  readonly finalNodes: readonly AskedNode[];
  readonly genesisBytes: Uint8Array;
  /** How long to wait until everything promised is final and all have executed it, ms; default 60,000. */
  readonly settleMs?: number;
  /** Receipts asked of each node; default 3. A check in portable code takes a good part of a second. */
  readonly receiptsPerNode?: number;
  /** Time now on the history's clock, `Recorder.now()`; default: of its last entry. */
  readonly askedAt?: number;
}

const SETTLE_MS = 60_000;
const RECEIPTS_PER_NODE = 3;

/**
 * Reads what every node holds at the end, over JSON-RPC, and judges the run: every verdict is derived anew from what
 * clients sent and heard, and nothing is believed because one node says so.
 */
export async function checkHistory(history: History, options: CheckOptions): Promise<readonly Verdict[]> {
  const fates = fatesOf(history);
  const awaitedIds = [...fates.values()]
    .filter(({ admissions, finals }) => admissions.length > 0 || finals.some(({ result }) => result === "posted"))
    .map(({ payment }) => payment.id);
  const state = await collectFinalState({
    nodes: options.finalNodes,
    ids: [...fates.keys()],
    awaitedIds,
    receiptIds: receiptIds(fates, (options.receiptsPerNode ?? RECEIPTS_PER_NODE) * options.finalNodes.length),
    settleMs: options.settleMs ?? SETTLE_MS,
  });
  return judge(history, state, options);
}

/** Payments called final, evenly over the run, so that every fault has some near it. */
function receiptIds(fates: ReadonlyMap<string, Fate>, count: number): readonly string[] {
  const ids = [...fates.values()]
    .filter(({ finals }) => finals.some(({ result }) => result === "posted"))
    .map(({ payment }) => payment.id);
  const chosen = new Set<string>();
  for (let turn = 0; turn < count && ids.length > 0; turn += 1) {
    chosen.add(ids[Math.floor((turn * (ids.length - 1)) / Math.max(1, count - 1))] as string);
  }
  return [...chosen];
}

/** The verdicts, from a history and the nodes' state alone; pure, so that it can be tried on made-up ones. */
export function judge(
  history: History,
  state: FinalState,
  { genesisBytes, askedAt }: Pick<CheckOptions, "genesisBytes" | "askedAt">,
): readonly Verdict[] {
  const honest = honestNames(history);
  // The node with the longest memory first: it is the reference where one is needed.
  const books = state.nodes
    .filter(({ name }) => honest.has(name))
    .map(bookOf)
    .sort((left, right) => left.firstHeight - right.firstHeight);
  const [reference] = books;
  const genesis = genesisSums(genesisBytes);
  const faults = history.entries.filter((entry): entry is FaultEvent => entry.type === "fault");
  const dishonest = new Set(history.nodes.filter((node) => !node.isHonest).map((node) => node.participant));
  const fates = fatesOf(history);
  const payments = { fates, books, faults, dishonest, askedAt: askedAt ?? history.entries.at(-1)?.at ?? 0 };
  return [
    checkComplete(history, fates.size, reference),
    checkReachable(books, state),
    checkRoots(history, books, honest),
    checkAcknowledged(payments),
    checkAdmitted(payments),
    checkNothingTwice(payments),
    checkBusy(payments),
    checkBalances(fates, books, { dishonest, genesis }),
    checkReadsForward(history, honest, faults),
    checkReadsExplained(history, honest, { book: reference, genesis, faults }),
    checkReceipts(state, books, { genesisBytes, fates, dishonest }),
  ];
}

/** A history with gaps proves nothing, and one without payments little. */
function checkComplete(history: History, payments: number, reference: NodeBook | undefined): Verdict {
  const findings = new Findings("history-complete");
  findings.count("entries", history.entries.length);
  findings.count("payments", payments);
  if (payments === 0) findings.wrong("no client paid anything");
  if (history.dropped > 0) findings.wrong(`${history.dropped} entries found no room in the history`);
  if (reference !== undefined && reference.firstHeight > 1) {
    findings.wrong(`no node holds the blocks below height ${reference.firstHeight}`);
  }
  return findings.verdict(
    (count) => `${count("entries")} entries about ${count("payments")} payments, none of them dropped`,
  );
}

import { describe, expect, test } from "vitest";
import { decodeTransfer, encodeReceipt } from "../../../src/formats/index.js";
import type { FinalNode, FinalReceipt } from "../../../tools/faultnet/final-state.js";
import {
  type AccountReading,
  type History,
  type HistoryEntry,
  type Payment,
  Recorder,
  type StatusReading,
  type TransferReading,
  type Verdict,
} from "../../../tools/faultnet/history.js";
import { judge } from "../../../tools/faultnet/history-checker.js";
import { provenChain } from "../../fixtures/proven-chain.js";

type Mutable<T> =
  T extends ReadonlyMap<infer Key, infer Value>
    ? Map<Key, Mutable<Value>>
    : T extends Uint8Array
      ? T
      : T extends object
        ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
        : T;

/** A made-up run, for tests to spoil. */
interface Run {
  readonly entries: HistoryEntry[];
  readonly nodes: Mutable<FinalNode>[];
  readonly receipts: FinalReceipt[];
  silent: { readonly name: string; readonly reason: string }[];
  dropped: number;
}

const chain = provenChain("ed25519");
const HONEST = ["ANDHRA", "BARODA", "CANARA"];
const LAST = 8;
const BLOCKS = Array.from({ length: LAST }, (_, index) => index + 1);

const idOf = (bank: number, number: number): string =>
  bank.toString(16).padStart(8, "0") + number.toString(16).padStart(24, "0");

/** The payment of the block with its number: from an account of the first bank to one of the second. */
const paymentOf = (number: number): Payment => ({
  id: idOf(1, number),
  debitAccountId: idOf(1, 0xaa),
  creditAccountId: idOf(2, 0xbb),
  amount: String(100 + number),
  priority: number % 2,
});

const transferOf = (number: number): TransferReading => ({
  ...paymentOf(number),
  result: "posted",
  height: number,
  index: 0,
});

const statusAt = (height: number): StatusReading => ({
  height,
  executedHeight: height,
  view: height + 1,
  finalizedHash: `hash ${height}`,
  resultsRoot: `results ${height}`,
  stateHeight: height - (height % 4),
  stateRoot: `state ${height - (height % 4)}`,
  syncing: false,
});

/** What both accounts stand at after a height. */
function accountsAt(height: number): AccountReading[] {
  const paid = BLOCKS.filter((number) => number <= height).reduce((sum, number) => sum + 100 + number, 0);
  return [
    { id: idOf(1, 0xaa), debitsPosted: String(paid), creditsPosted: "0" },
    { id: idOf(2, 0xbb), debitsPosted: "0", creditsPosted: String(paid) },
  ];
}

function finalNode(name: string): Mutable<FinalNode> {
  return {
    name,
    status: statusAt(LAST),
    blocks: BLOCKS.map((height) => ({
      height,
      hash: `hash ${height}`,
      claim: {
        height: height - 1,
        resultsRoot: `results ${height - 1}`,
        stateHeight: 0,
        stateRoot: "state 0",
      },
      transfers: [transferOf(height)],
    })),
    accounts: new Map(accountsAt(LAST).map((account) => [account.id, account])),
    transfers: new Map(BLOCKS.map((number) => [idOf(1, number), transferOf(number)])),
  };
}

/** One call per payment: the fourth is answered with busy first, the fifth is lost first, the sixth only admitted. */
function soundRun(): Run {
  const entries: HistoryEntry[] = [];
  let call = 0;
  let at = 0;
  const submit = (number: number, attempt: number) => {
    call += 1;
    at += 10;
    const by = { client: "ANDHRA/0", node: "ANDHRA", call };
    const waitFor = number === 6 ? "admitted" : "final";
    entries.push({ type: "submit", at, ...by, attempt, waitFor, payments: [paymentOf(number)] });
    at += 10;
    return { at, ...by };
  };
  for (const number of BLOCKS) {
    if (number === 4) entries.push({ type: "busy", ...submit(number, 1), retryAfterMs: 5 });
    if (number === 5) entries.push({ type: "connection-lost", ...submit(number, 1) });
    const by = submit(number, number === 4 || number === 5 ? 2 : 1);
    const id = idOf(1, number);
    if (number === 6) entries.push({ type: "answer", ...by, results: [{ id, status: "admitted" }] });
    else entries.push({ type: "answer", ...by, results: [{ id, status: "final", result: "posted", height: number }] });
    for (const node of HONEST) {
      entries.push({ type: "sample", at, node, ready: true, status: statusAt(number) });
      const read = { at, client: `reader@${node}`, node, heightBefore: number, heightAfter: number };
      entries.push({ type: "read-accounts", ...read, accounts: accountsAt(number) });
      const ids = [idOf(1, 1), idOf(1, number), idOf(1, LAST)];
      const transfers = [transferOf(1), transferOf(number), number === LAST ? transferOf(LAST) : null];
      entries.push({ type: "read-transfers", ...read, ids, transfers });
    }
  }
  return { entries, nodes: HONEST.map(finalNode), receipts: [], silent: [], dropped: 0 };
}

function verdictsOf(run: Run): ReadonlyMap<string, Verdict> {
  const nodes = [...HONEST, "DENA"].map((name, index) => ({
    name,
    participant: index + 1,
    isHonest: name !== "DENA",
  }));
  const history: History = { startedAt: 0, nodes, entries: run.entries, dropped: run.dropped };
  const { receipts, silent } = run;
  const state = { goal: LAST, nodes: run.nodes as readonly FinalNode[], silent, receipts };
  const verdicts = judge(history, state, { genesisBytes: chain.genesisBytes });
  return new Map(verdicts.map((verdict) => [verdict.name, verdict]));
}

const nodeOf = (run: Run, name: string): Mutable<FinalNode> =>
  run.nodes.find((node) => node.name === name) as Mutable<FinalNode>;
const blockOf = (run: Run, name: string, height: number): Mutable<FinalNode["blocks"][number]> =>
  nodeOf(run, name).blocks[height - 1] as Mutable<FinalNode["blocks"][number]>;

/** Replaces the first entry that a test picks. */
function spoil(run: Run, pick: (entry: HistoryEntry) => boolean, change: (entry: HistoryEntry) => HistoryEntry): void {
  const index = run.entries.findIndex(pick);
  run.entries[index] = change(run.entries[index] as HistoryEntry);
}

const isReadOf =
  (type: "read-accounts" | "read-transfers", height: number) =>
  (entry: HistoryEntry): boolean =>
    entry.type === type && entry.node === "BARODA" && entry.heightBefore === height;

describe("what the history checker says of a sound run", () => {
  test("every verdict holds, with the counts of what was looked at", () => {
    const verdicts = verdictsOf(soundRun());
    expect([...verdicts.values()].filter(({ ok }) => !ok)).toEqual([]);
    expect(verdicts.get("acknowledged-final-once")?.counts).toMatchObject({ paid: 7, compared: 21 });
    expect(verdicts.get("admitted-final-or-expired")?.counts).toMatchObject({ admitted: 1, final: 1 });
    expect(verdicts.get("busy-lost-nothing")?.counts).toMatchObject({ busyAnswers: 1, paidLater: 1 });
    expect(verdicts.get("reads-explained")?.counts).toMatchObject({ balanceReads: 24, transferReads: 24 });
  });

  test("a repetition that hears `exists` is a word about the first attempt", () => {
    const run = soundRun();
    spoil(
      run,
      (entry) => entry.type === "answer" && entry.results[0]?.id === idOf(1, 5),
      (entry) => ({
        ...(entry as Extract<HistoryEntry, { type: "answer" }>),
        results: [{ id: idOf(1, 5), status: "final", result: "exists", height: 7 }],
      }),
    );
    expect(verdictsOf(run).get("acknowledged-final-once")?.ok).toBe(true);
  });

  test("what a byzantine node says binds nobody", () => {
    const run = soundRun();
    const by = { at: 1, client: "DENA/0", node: "DENA", call: 1_000 };
    run.entries.push({ type: "submit", ...by, attempt: 1, waitFor: "final", payments: [{ ...paymentOf(99) }] });
    const answer = { id: idOf(1, 99), status: "final", result: "posted", height: 3 } as const;
    run.entries.push({ type: "answer", ...by, results: [answer] });
    run.entries.push({
      type: "sample",
      at: 2,
      node: "DENA",
      ready: true,
      status: { ...statusAt(3), finalizedHash: "fork" },
    });
    expect([...verdictsOf(run).values()].filter(({ ok }) => !ok)).toEqual([]);
  });

  test("a node that was wiped may read back, and may have lost what only it admitted", () => {
    const run = soundRun();
    for (const node of run.nodes) {
      node.blocks = node.blocks.map((block) => (block.height === 6 ? { ...block, transfers: [] } : block));
      node.transfers.delete(idOf(1, 6));
    }
    run.entries.push({ type: "fault", at: 400, kind: "wipe", target: "ANDHRA", text: "ANDHRA loses its disk" });
    run.entries.push({ type: "sample", at: 500, node: "ANDHRA", ready: true, status: statusAt(2) });
    const verdicts = verdictsOf(run);
    expect(verdicts.get("reads-forward")?.ok).toBe(true);
    expect(verdicts.get("admitted-final-or-expired")?.counts).toMatchObject({ lostWithNode: 1, violations: 0 });
  });
});

describe("what the history checker notices", () => {
  test.each<readonly [violation: string, broken: string, spoil: (run: Run) => void]>([
    [
      "an acknowledged payment is on no ledger",
      "acknowledged-final-once",
      (run) => {
        for (const { blocks } of run.nodes) (blocks[2] as { transfers: unknown[] }).transfers = [];
      },
    ],
    [
      "one node lacks an acknowledged payment",
      "acknowledged-final-once",
      (run) => {
        blockOf(run, "BARODA", 3).transfers = [];
      },
    ],
    [
      "an acknowledged payment stands at another height",
      "acknowledged-final-once",
      (run) => {
        spoilTransfer(run, { height: 4 });
      },
    ],
    [
      "an acknowledged payment has another amount",
      "acknowledged-final-once",
      (run) => {
        spoilTransfer(run, { amount: "1" });
      },
    ],
    [
      "an acknowledged payment went to another account",
      "acknowledged-final-once",
      (run) => {
        spoilTransfer(run, { creditAccountId: idOf(2, 0xcc) });
      },
    ],
    [
      "an acknowledged payment was declined after all",
      "acknowledged-final-once",
      (run) => {
        spoilTransfer(run, { result: "insufficient_funds" });
      },
    ],
    [
      "a node answers by id other than from its block",
      "acknowledged-final-once",
      (run) => {
        nodeOf(run, "CANARA").transfers.delete(idOf(1, 3));
      },
    ],
    [
      "a repetition finds other content under the id",
      "acknowledged-final-once",
      (run) => {
        spoil(
          run,
          (entry) => entry.type === "answer",
          (entry) => ({
            ...(entry as Extract<HistoryEntry, { type: "answer" }>),
            results: [{ id: idOf(1, 1), status: "final", result: "exists_with_different_amount", height: 2 }],
          }),
        );
      },
    ],
    [
      "an admitted payment disappears",
      "admitted-final-or-expired",
      (run) => {
        for (const node of run.nodes) {
          (node.blocks[5] as { transfers: unknown[] }).transfers = [];
          node.transfers.delete(idOf(1, 6));
        }
      },
    ],
    [
      "an admitted payment is final on two of three nodes",
      "admitted-final-or-expired",
      (run) => {
        blockOf(run, "BARODA", 6).transfers = [];
      },
    ],
    [
      "a payment is on a ledger twice",
      "nothing-twice-or-from-nowhere",
      (run) => {
        blockOf(run, "BARODA", 7).transfers.push(transferOf(2));
      },
    ],
    [
      "a payment is there that nobody sent",
      "nothing-twice-or-from-nowhere",
      (run) => {
        blockOf(run, "CANARA", 7).transfers.push({ ...transferOf(7), id: idOf(1, 0x77), index: 1 });
      },
    ],
    [
      "a payment answered only with busy is on the ledger",
      "busy-lost-nothing",
      (run) => {
        run.entries.splice(
          run.entries.findIndex((entry) => entry.type === "submit" && entry.attempt === 2),
          2,
        );
      },
    ],
    [
      "a payment answered with busy and then acknowledged is gone",
      "busy-lost-nothing",
      (run) => {
        for (const { blocks } of run.nodes) (blocks[3] as { transfers: unknown[] }).transfers = [];
      },
    ],
    [
      "a balance is off by one on one node",
      "balances-follow",
      (run) => {
        const account = accountsAt(LAST)[1] as AccountReading;
        nodeOf(run, "BARODA").accounts.set(account.id, { ...account, creditsPosted: "837" });
      },
    ],
    [
      "money appears in an account that nobody looks at",
      "balances-follow",
      (run) => {
        nodeOf(run, "BARODA").accounts.set(idOf(3, 1), { id: idOf(3, 1), debitsPosted: "0", creditsPosted: "1" });
      },
    ],
    [
      "a node's height goes back",
      "reads-forward",
      (run) => {
        run.entries.push({ type: "sample", at: 900, node: "BARODA", ready: true, status: statusAt(5) });
      },
    ],
    [
      "a client reads an older height than before",
      "reads-forward",
      (run) => {
        const read = { at: 900, client: "reader@BARODA", node: "BARODA", heightBefore: 5, heightAfter: 8 };
        run.entries.push({ type: "read-accounts", ...read, accounts: accountsAt(8) });
      },
    ],
    [
      "a transfer reads otherwise than before",
      "reads-forward",
      (run) => {
        spoil(run, isReadOf("read-transfers", 6), (entry) => {
          const read = entry as Extract<HistoryEntry, { type: "read-transfers" }>;
          return { ...read, transfers: [{ ...transferOf(1), amount: "5" }, ...read.transfers.slice(1)] };
        });
      },
    ],
    [
      "a balance read fits no height",
      "reads-explained",
      (run) => {
        spoil(run, isReadOf("read-accounts", 6), (entry) => ({
          ...(entry as Extract<HistoryEntry, { type: "read-accounts" }>),
          accounts: [{ id: idOf(1, 0xaa), debitsPosted: "102", creditsPosted: "0" }],
        }));
      },
    ],
    [
      "two balances of one read are of different heights",
      "reads-explained",
      (run) => {
        spoil(run, isReadOf("read-accounts", 6), (entry) => ({
          ...(entry as Extract<HistoryEntry, { type: "read-accounts" }>),
          heightAfter: 7,
          accounts: [accountsAt(6)[0] as AccountReading, accountsAt(7)[1] as AccountReading],
        }));
      },
    ],
    [
      "a balance goes back within what the heights allow",
      "reads-explained",
      (run) => {
        const read = { at: 900, client: "reader@BARODA", node: "BARODA", heightBefore: 5, heightAfter: 8 };
        run.entries.push({ type: "read-accounts", ...read, accounts: accountsAt(7) });
      },
    ],
    [
      "a final transfer is not to be read",
      "reads-explained",
      (run) => {
        spoil(run, isReadOf("read-transfers", 6), (entry) => ({
          ...(entry as Extract<HistoryEntry, { type: "read-transfers" }>),
          transfers: [null, null, null],
        }));
      },
    ],
    [
      "a read shows a transfer that never was",
      "reads-explained",
      (run) => {
        spoil(run, isReadOf("read-transfers", 6), (entry) => ({
          ...(entry as Extract<HistoryEntry, { type: "read-transfers" }>),
          ids: [idOf(1, 0x77)],
          transfers: [{ ...transferOf(6), id: idOf(1, 0x77) }],
        }));
      },
    ],
    [
      "a sample shows another block at a height",
      "one-chain-one-state",
      (run) => {
        const status = { ...statusAt(3), finalizedHash: "another" };
        run.entries.push({ type: "sample", at: 0, node: "CANARA", ready: true, status });
      },
    ],
    [
      "a sample shows other results at a height",
      "one-chain-one-state",
      (run) => {
        const status = { ...statusAt(3), resultsRoot: "another" };
        run.entries.push({ type: "sample", at: 0, node: "CANARA", ready: true, status });
      },
    ],
    [
      "a node ends with another state",
      "one-chain-one-state",
      (run) => {
        nodeOf(run, "CANARA").status.stateRoot = "another";
      },
    ],
    [
      "a header claims other results than a node has",
      "one-chain-one-state",
      (run) => {
        blockOf(run, "CANARA", 5).claim.resultsRoot = "another";
      },
    ],
    [
      "a header vouches for another state than a node has",
      "one-chain-one-state",
      (run) => {
        blockOf(run, "CANARA", 5).claim.stateRoot = "another";
      },
    ],
    [
      "two nodes hold different blocks at a height",
      "one-chain-one-state",
      (run) => {
        blockOf(run, "CANARA", 5).hash = "another";
      },
    ],
    [
      "a node does not answer at the end",
      "nodes-level",
      (run) => {
        run.nodes.pop();
        run.silent = [{ name: "CANARA", reason: "no connection" }];
      },
    ],
    [
      "a node stays behind",
      "nodes-level",
      (run) => {
        nodeOf(run, "CANARA").status.executedHeight = 5;
      },
    ],
    [
      "the history has gaps",
      "history-complete",
      (run) => {
        run.dropped = 1;
      },
    ],
    [
      "nobody paid",
      "history-complete",
      (run) => {
        run.entries.splice(0, run.entries.length, ...run.entries.filter(({ type }) => type === "sample"));
      },
    ],
    [
      "a receipt is missing",
      "receipts-verify",
      (run) => {
        run.receipts.push({ node: "ANDHRA", id: idOf(1, 1), bytes: undefined });
      },
    ],
    [
      "a receipt does not verify",
      "receipts-verify",
      (run) => {
        const text = new TextDecoder().decode(encodeReceipt(chain.receipt()));
        const spoilt = new TextEncoder().encode(text.replace(/("index": )2/, "$13"));
        run.receipts.push({ node: "ANDHRA", id: provenId(), bytes: spoilt });
      },
    ],
    [
      "a receipt is for another payment",
      "receipts-verify",
      (run) => {
        run.receipts.push({ node: "ANDHRA", id: idOf(1, 1), bytes: encodeReceipt(chain.receipt()) });
      },
    ],
    [
      "a receipt proves a payment of another amount than the client sent",
      "receipts-verify",
      (run) => {
        const sent = { ...paymentOf(1), ...provenPayment(), amount: "1" };
        const by = { at: 1, client: "ANDHRA/0", node: "ANDHRA", call: 1_000 };
        run.entries.push({ type: "submit", ...by, attempt: 1, waitFor: "final", payments: [sent] });
        run.receipts.push({ node: "ANDHRA", id: provenId(), bytes: encodeReceipt(chain.receipt()) });
      },
    ],
    [
      "a receipt proves another result than the ledger has",
      "receipts-verify",
      (run) => {
        const other = { ...transferOf(7), ...provenPayment(), result: "insufficient_funds", index: 1 };
        blockOf(run, "ANDHRA", 7).transfers.push(other);
        run.receipts.push({ node: "ANDHRA", id: provenId(), bytes: encodeReceipt(chain.receipt()) });
      },
    ],
  ])("%s", (_violation, broken, change) => {
    const run = soundRun();
    change(run);
    const verdict = verdictsOf(run).get(broken);
    expect(verdict?.ok).toBe(false);
    expect(verdict?.counts["violations"]).toBeGreaterThan(0);
  });

  test("a receipt that verifies is counted", () => {
    const run = soundRun();
    const bytes = encodeReceipt(chain.receipt());
    run.receipts.push({ node: "ANDHRA", id: provenId(), bytes });
    expect(verdictsOf(run).get("receipts-verify")).toMatchObject({ ok: true, counts: { receipts: 1 } });
  });
});

/** Id of the record that the fixture's receipt is about. */
const provenId = (): string => Buffer.from(chain.receipt().outcome.leaf.subarray(0, 16)).toString("hex");

/** That record as a client would have sent it. */
function provenPayment(): Payment {
  const { id, debitAccountId, creditAccountId, amount, priority } = decodeTransfer(chain.receipt().outcome.leaf);
  return { id, debitAccountId, creditAccountId, amount, priority };
}

/** The third payment as BARODA has it, in its block and by its id. */
function spoilTransfer(run: Run, change: Partial<TransferReading>): void {
  const transfer = { ...transferOf(3), ...change };
  blockOf(run, "BARODA", 3).transfers = [transfer];
  nodeOf(run, "BARODA").transfers.set(transfer.id, transfer);
}

test("a recorder that is full counts what it could not keep", () => {
  const recorder = new Recorder([], 1);
  recorder.fault({ kind: "kill", target: "ANDHRA", text: "first" });
  recorder.fault({ kind: "kill", target: "BARODA", text: "second" });
  expect(recorder.history()).toMatchObject({ dropped: 1, entries: [{ text: "first" }] });
});

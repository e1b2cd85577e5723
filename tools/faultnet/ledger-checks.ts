import { verifyReceipt } from "../../src/client/proofs.js";
import { decodeTransfer, parseGenesis, RESULT_CODES } from "../../src/formats/index.js";
import { type Fate, Findings, hasPaid, type NodeBook, participantOf } from "./fates.js";
import type { FinalState } from "./final-state.js";
import type { History, Payment, StatusReading, Verdict } from "./history.js";

/** Debits and credits of an account, posted. */
export interface Sums {
  debits: bigint;
  credits: bigint;
}

/** Balances with which accounts begin, as the genesis file funds them. @throws {RangeError} if it cannot be read */
export function genesisSums(genesisBytes: Uint8Array): ReadonlyMap<string, Sums> {
  const parsed = parseGenesis(genesisBytes);
  if (!parsed.ok) throw new RangeError("the genesis file cannot be read");
  const sums = new Map<string, Sums>(parsed.genesis.accounts.map(({ id }) => [id, { debits: 0n, credits: 0n }]));
  for (const { debit, credit, amount } of parsed.genesis.funding) {
    sumOf(sums, debit).debits += BigInt(amount);
    sumOf(sums, credit).credits += BigInt(amount);
  }
  return sums;
}

export function sumOf(sums: Map<string, Sums>, account: string): Sums {
  const known = sums.get(account);
  if (known !== undefined) return known;
  const fresh = { debits: 0n, credits: 0n };
  sums.set(account, fresh);
  return fresh;
}

/**
 * Accounts of the load stand where they began plus the payments that are final, counted with the amounts that clients
 * meant; and on no node did money appear or vanish.
 */
export function checkBalances(
  fates: ReadonlyMap<string, Fate>,
  books: readonly NodeBook[],
  { dishonest, genesis }: { readonly dishonest: ReadonlySet<number>; readonly genesis: ReadonlyMap<string, Sums> },
): Verdict {
  const findings = new Findings("balances-follow");
  const [reference] = books;
  if (reference === undefined) return findings.verdict(() => "no node to ask");
  const expected = new Map([...genesis].map(([id, sums]) => [id, { ...sums }]));
  const accounts = new Set<string>();
  for (const { payment } of fates.values()) {
    accounts.add(payment.debitAccountId).add(payment.creditAccountId);
    const found = reference.outcomes.get(payment.id)?.transfer;
    // A liar may change what its own bank's clients gave it to sign.
    if (found !== undefined && hasPaid(found))
      pay(expected, dishonest.has(participantOf(payment.id)) ? found : payment);
  }
  for (const [id, { transfer }] of reference.outcomes) {
    // What a lying node's bank paid besides, with its own key.
    if (!fates.has(id) && dishonest.has(participantOf(id)) && hasPaid(transfer)) pay(expected, transfer);
  }
  for (const { node } of books) {
    for (const id of accounts) {
      findings.count("balances");
      const found = node.accounts.get(id);
      const { debits, credits } = sumOf(expected, id);
      if (found?.debitsPosted === String(debits) && found.creditsPosted === String(credits)) continue;
      const stands = found === undefined ? "is missing" : `stands at ${found.debitsPosted} / ${found.creditsPosted}`;
      findings.wrong(`account ${id} ${stands} on ${node.name}, and its payments make ${debits} / ${credits}`);
    }
    let difference = 0n;
    for (const { debitsPosted, creditsPosted } of node.accounts.values()) {
      difference += BigInt(debitsPosted) - BigInt(creditsPosted);
    }
    if (difference !== 0n) findings.wrong(`debits and credits of all accounts differ by ${difference} on ${node.name}`);
  }
  return findings.verdict(
    (count) =>
      `${accounts.size} accounts on ${books.length} nodes (${count("balances")} balances) stand where genesis and the final payments put them, and debits equal credits`,
  );
}

function pay(
  sums: Map<string, Sums>,
  payment: { readonly debitAccountId: string; readonly creditAccountId: string; readonly amount: string },
): void {
  sumOf(sums, payment.debitAccountId).debits += BigInt(payment.amount);
  sumOf(sums, payment.creditAccountId).credits += BigInt(payment.amount);
}

/** Every honest node that was ever asked, live or at the end, has one block, one result and one state per height. */
export function checkRoots(history: History, books: readonly NodeBook[], honest: ReadonlySet<string>): Verdict {
  const findings = new Findings("one-chain-one-state");
  const places = new Map<string, { readonly value: string; readonly node: string }>();
  const put = (kind: "block" | "results" | "state", node: string, height: number, value: string): void => {
    findings.count(kind);
    const place = `${kind} at height ${height}`;
    const known = places.get(place);
    if (known === undefined) places.set(place, { value, node });
    else if (known.value !== value) {
      findings.wrong(`${place}: ${known.value.slice(0, 16)}… on ${known.node}, ${value.slice(0, 16)}… on ${node}`);
    }
  };
  const putStatus = (node: string, status: StatusReading): void => {
    put("block", node, status.height, status.finalizedHash);
    if (status.executedHeight === status.height) put("results", node, status.height, status.resultsRoot);
    put("state", node, status.stateHeight, status.stateRoot);
  };
  for (const entry of history.entries) {
    if (entry.type !== "sample" && entry.type !== "read-status") continue;
    if (entry.status !== undefined && honest.has(entry.node)) putStatus(entry.node, entry.status);
  }
  for (const { node } of books) {
    putStatus(node.name, node.status);
    for (const { height, hash, claim } of node.blocks) {
      put("block", node.name, height, hash);
      put("results", node.name, claim.height, claim.resultsRoot);
      put("state", node.name, claim.stateHeight, claim.stateRoot);
    }
  }
  return findings.verdict(
    (count) =>
      `${count("block")} block hashes, ${count("results")} results roots and ${count("state")} state roots over all nodes and samples: one per height`,
  );
}

/** Nodes that should be there answer, and have executed what the others have. */
export function checkReachable(books: readonly NodeBook[], { goal, silent }: FinalState): Verdict {
  const findings = new Findings("nodes-level");
  for (const { name, reason } of silent) findings.wrong(`${name} does not answer at the end: ${reason}`);
  if (books.length === 0) findings.wrong("no honest node answers at the end");
  for (const { node, firstHeight } of books) {
    findings.count("nodes");
    if (firstHeight > 1) findings.count("withoutOldBlocks");
    if (node.status.executedHeight < goal) {
      findings.wrong(`${node.name} has executed up to height ${node.status.executedHeight}, others up to ${goal}`);
    }
  }
  return findings.verdict(
    (count) => `${count("nodes")} nodes answer and have executed everything up to height ${goal}`,
  );
}

/** Receipts that nodes handed out prove, with the genesis file alone, what the ledger says and clients meant. */
export function checkReceipts(
  { receipts }: Pick<FinalState, "receipts">,
  books: readonly NodeBook[],
  {
    genesisBytes,
    fates,
    dishonest,
  }: {
    readonly genesisBytes: Uint8Array;
    readonly fates: ReadonlyMap<string, Fate>;
    readonly dishonest: ReadonlySet<number>;
  },
): Verdict {
  const findings = new Findings("receipts-verify");
  for (const { node, id, bytes } of receipts) {
    findings.count("receipts");
    if (bytes === undefined) {
      findings.wrong(`${node} gave no receipt of ${id}`);
      continue;
    }
    const verified = verifyReceipt(genesisBytes, bytes);
    const found = books.find((book) => book.node.name === node)?.outcomes.get(id)?.transfer;
    if (!verified.ok) {
      findings.wrong(`the receipt of ${id} from ${node} fails its check ${verified.check}: ${verified.detail}`);
    } else if (verified.proven.id !== id) {
      findings.wrong(`the receipt of ${id} from ${node} is for ${verified.proven.id}`);
    } else if (!dishonest.has(participantOf(id)) && !isOf(verified.proven.record, fates.get(id)?.payment)) {
      findings.wrong(`the receipt of ${id} from ${node} proves another payment than the client sent`);
    } else if (found !== undefined) {
      const { code, height } = verified.proven.outcome;
      const result = RESULT_CODES[code]?.name;
      if (result !== found.result || height !== found.height) {
        findings.wrong(
          `the receipt of ${id} from ${node} says ${result} at height ${height}, its ledger another thing`,
        );
      }
    }
  }
  return findings.verdict(
    (count) => `${count("receipts")} receipts verify offline with the genesis file alone, and prove what clients sent`,
  );
}

/** Whether a record is the payment; a receipt that nobody asked for on a client's behalf is not judged. */
function isOf(record: Uint8Array, payment: Payment | undefined): boolean {
  if (payment === undefined) return true;
  const { debitAccountId, creditAccountId, amount, priority } = decodeTransfer(record);
  return (
    debitAccountId === payment.debitAccountId &&
    creditAccountId === payment.creditAccountId &&
    amount === payment.amount &&
    priority === payment.priority
  );
}

import { hasLeaf, isSuccess, RESULT, type ResultName } from "../../src/formats/index.js";
import { type Acknowledgement, type Fate, Findings, hasPaid, type NodeBook, participantOf } from "./fates.js";
import { isSame } from "./final-state.js";
import type { FaultEvent, Payment, TransferReading, Verdict } from "./history.js";

/** Longest time between admission and order: batches signed by a node are void after it, ms. */
const NOT_AFTER_MS = 300_000;
/** Faults that take a node's memory, or part of it: its promises to keep something end there. */
const FORGETTING = new Set(["wipe", "restore"]);

/** What payments are judged by. */
export interface PaymentCase {
  readonly fates: ReadonlyMap<string, Fate>;
  /** Honest nodes that answered at the end. */
  readonly books: readonly NodeBook[];
  readonly faults: readonly FaultEvent[];
  /** Participant numbers of nodes that run with an adversary. */
  readonly dishonest: ReadonlySet<number>;
  /** Time of the history's clock at which the nodes were asked. */
  readonly askedAt: number;
}

/** Whether a fault made a node forget after a time. */
export const hasForgotten = (faults: readonly FaultEvent[], node: string, after: number): boolean =>
  faults.some(({ kind, target, at }) => FORGETTING.has(kind) && at >= after && target.split(",").includes(node));

/** Whatever a node called final is there, once, with the same content and height, on every node. */
export function checkAcknowledged({ fates, books }: PaymentCase): Verdict {
  const findings = new Findings("acknowledged-final-once");
  for (const fate of fates.values()) {
    if (fate.finals.length === 0) continue;
    findings.count(fate.finals.some(({ result }) => result === "posted" || result === "exists") ? "paid" : "declined");
    for (const book of books) for (const said of fate.finals) checkWord(findings, fate, said, book);
  }
  return findings.verdict(
    (count) =>
      `${count("paid")} payments called final (and ${count("declined")} declined) are there once, alike and at the same height on ${books.length} nodes`,
  );
}

function checkWord(findings: Findings, { payment, finals }: Fate, said: Acknowledgement, book: NodeBook): void {
  const { name } = book.node;
  const what = `payment ${payment.id}, called ${said.result} at height ${said.height} by ${said.node},`;
  if (said.result.startsWith("exists_with_different")) {
    findings.wrong(`${what} is on the ledger with other content`);
    return;
  }
  if (!leavesTrace(said.result)) return;
  const earliest = Math.min(...finals.map(({ height }) => height));
  const found = book.outcomes.get(payment.id);
  if (found === undefined) {
    // A node that caught up from a snapshot does not hold the blocks below it, whatever was in them.
    if (earliest >= book.firstHeight) findings.wrong(`${what} is not on the ledger of ${name}`);
    return;
  }
  findings.count("compared");
  const { transfer, times } = found;
  const known = book.node.transfers.get(payment.id);
  if (times > 1) findings.wrong(`${what} is ${times} times on the ledger of ${name}`);
  else if (!isWord(said, transfer)) {
    findings.wrong(`${what} is ${transfer.result} at height ${transfer.height} on ${name}`);
  } else if (!hasContent(transfer, payment)) findings.wrong(`${what} has other content on ${name}`);
  else if (known === undefined || !isSame(known, transfer)) {
    findings.wrong(`${what} reads by its id other than in its block on ${name}`);
  }
}

/** Whether a result stays on the ledger under the transfer's id; duplicates answer for one that did. */
function leavesTrace(result: string): boolean {
  if (result === "exists" || result === "id_already_failed") return true;
  const code = RESULT[result as ResultName];
  return code !== undefined && hasLeaf("create_transfers", code);
}

/** Whether an answer is true of the transfer as it stands on the ledger. */
function isWord(said: Acknowledgement, transfer: TransferReading): boolean {
  const succeeded = isSuccess(RESULT[transfer.result as ResultName]);
  if (said.result === "exists") return succeeded && transfer.height <= said.height;
  if (said.result === "id_already_failed") return !succeeded && transfer.height <= said.height;
  return said.result === transfer.result && said.height === transfer.height;
}

const hasContent = (transfer: TransferReading, payment: Payment): boolean =>
  transfer.debitAccountId === payment.debitAccountId &&
  transfer.creditAccountId === payment.creditAccountId &&
  transfer.amount === payment.amount &&
  transfer.priority === payment.priority;

/** What a node took on is final in the end, or has a reason not to be. */
export function checkAdmitted({ fates, books, faults, askedAt }: PaymentCase): Verdict {
  const findings = new Findings("admitted-final-or-expired");
  for (const { payment, admissions, hasExpired } of fates.values()) {
    if (admissions.length === 0) continue;
    findings.count("admitted");
    const without = books.find(({ outcomes, firstHeight }) => !outcomes.has(payment.id) && firstHeight <= 1);
    if (without === undefined) findings.count("final");
    else if (books.some(({ outcomes }) => outcomes.has(payment.id))) {
      findings.wrong(`payment ${payment.id} is final on other nodes and not on ${without.node.name}`);
    } else if (hasExpired || admissions.every(({ at }) => askedAt - at > NOT_AFTER_MS)) findings.count("expired");
    else if (admissions.every(({ node, at }) => isLost({ books, faults }, node, at))) {
      findings.count("lostWithNode");
    } else findings.wrong(`payment ${payment.id} was admitted by ${admissions[0]?.node} and never became final`);
  }
  return findings.verdict(
    (count) =>
      `of ${count("admitted")} payments that nodes admitted, ${count("final")} are final, ${count("expired")} expired, ${count("lostWithNode")} went down with the only disk that held them`,
  );
}

const isLost = ({ books, faults }: Pick<PaymentCase, "books" | "faults">, name: string, at: number): boolean =>
  books.every(({ node }) => node.name !== name) || hasForgotten(faults, name, at);

/** No id is on a ledger twice, and nothing is there that no client sent. */
export function checkNothingTwice({ fates, books, dishonest }: PaymentCase): Verdict {
  const findings = new Findings("nothing-twice-or-from-nowhere");
  const accounts = new Set(
    [...fates.values()].flatMap(({ payment }) => [payment.debitAccountId, payment.creditAccountId]),
  );
  for (const { node, outcomes } of books) {
    for (const [id, { transfer, times }] of outcomes) {
      findings.count("outcomes");
      if (times > 1) findings.wrong(`transfer ${id} is ${times} times on the ledger of ${node.name}`);
      // A bank whose node lies still holds its own key, and may pay with it.
      const isOurs = accounts.has(transfer.debitAccountId) && !dishonest.has(participantOf(id));
      if (isOurs && !fates.has(id)) findings.wrong(`${node.name} holds transfer ${id}, which no client sent`);
    }
  }
  for (const { payment, finals } of fates.values()) {
    if (finals.length === 0 && books[0]?.outcomes.has(payment.id) === true) findings.count("finalUnheard");
  }
  return findings.verdict(
    (count) =>
      `${count("outcomes")} outcomes over all nodes, each id once and each sent by a client; of ${count("finalUnheard")} the client had no final answer`,
  );
}

/** `busy` means that nothing was taken, and nobody's acknowledged payment fell to it. */
export function checkBusy({ fates, books }: PaymentCase): Verdict {
  const findings = new Findings("busy-lost-nothing");
  const reference = books[0];
  for (const { payment, busy, attempts, finals } of fates.values()) {
    if (busy === 0) continue;
    findings.count("busyAnswers", busy);
    findings.count("payments");
    const found = reference?.outcomes.get(payment.id)?.transfer;
    if (busy === attempts && found !== undefined) {
      findings.wrong(`payment ${payment.id} was answered only with busy and is on the ledger`);
    }
    const isAcknowledged = finals.some(({ result }) => result === "posted");
    if (!isAcknowledged) continue;
    findings.count("paidLater");
    if (found === undefined || !hasPaid(found)) {
      if (reference !== undefined && reference.firstHeight <= 1) {
        findings.wrong(`payment ${payment.id} was answered with busy, later called final, and is not on the ledger`);
      }
    }
  }
  return findings.verdict(
    (count) =>
      `${count("busyAnswers")} answers of busy to ${count("payments")} payments; ${count("paidLater")} of these were paid at a later attempt and none was taken in silence`,
  );
}

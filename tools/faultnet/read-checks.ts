import { Findings, hasPaid, type NodeBook } from "./fates.js";
import type { FaultEvent, History, ReadAccountsEvent, ReadTransfersEvent, Verdict } from "./history.js";
import { type Sums, sumOf } from "./ledger-checks.js";
import { hasForgotten } from "./payment-checks.js";

/**
 * Per client and node, the executed height never goes back, and a transfer that was read once reads the same for ever.
 * A node that says it is catching up promises nothing, and one whose disk was replaced begins anew.
 */
export function checkReadsForward(
  history: History,
  honest: ReadonlySet<string>,
  faults: readonly FaultEvent[],
): Verdict {
  const findings = new Findings("reads-forward");
  const heights = new Map<string, { readonly height: number; readonly at: number }>();
  const transfers = new Map<string, string>();
  const advance = (client: string, { node, at }: { node: string; at: number }, height: number): void => {
    findings.count("heights");
    const key = `${client} at ${node}`;
    const known = heights.get(key);
    if (known !== undefined && height < known.height && !hasForgotten(faults, node, known.at)) {
      findings.wrong(`${client} read height ${known.height} of ${node}, and ${height} afterwards`);
    }
    heights.set(key, { height, at });
  };
  for (const entry of history.entries) {
    if (!("node" in entry) || !honest.has(entry.node)) continue;
    if (entry.type === "sample" || entry.type === "read-status") {
      const { status } = entry;
      if (status === undefined || status.syncing) continue;
      advance(entry.type === "sample" ? "the sampler" : entry.client, entry, status.executedHeight);
    } else if (entry.type === "read-accounts" || entry.type === "read-transfers") {
      advance(entry.client, entry, entry.heightBefore);
      if (entry.type === "read-transfers") checkSeen(findings, transfers, entry);
    }
  }
  return findings.verdict(
    (count) =>
      `${count("heights")} heights that clients read never went back, and ${count("transfersAgain")} repeated reads of a transfer gave the same`,
  );
}

function checkSeen(findings: Findings, seen: Map<string, string>, { node, transfers }: ReadTransfersEvent): void {
  for (const transfer of transfers) {
    if (transfer === null) continue;
    const key = `${transfer.id} at ${node}`;
    const reads = JSON.stringify(transfer);
    const known = seen.get(key);
    if (known === undefined) seen.set(key, reads);
    else {
      findings.count("transfersAgain");
      if (known !== reads) findings.wrong(`transfer ${transfer.id} first read as ${known} on ${node}, later ${reads}`);
    }
  }
}

/**
 * Every balance and transfer that was read is the ledger's at one height between those that the node named before and
 * after the read, for all accounts of a read together, and for the reads of one client at one node in their order.
 */
export function checkReadsExplained(
  history: History,
  honest: ReadonlySet<string>,
  {
    book,
    genesis,
    faults,
  }: {
    readonly book: NodeBook | undefined;
    readonly genesis: ReadonlyMap<string, Sums>;
    readonly faults: readonly FaultEvent[];
  },
): Verdict {
  const findings = new Findings("reads-explained");
  if (book === undefined || book.firstHeight > 1) {
    return findings.verdict(() => "no node holds all blocks, so reads were not explained");
  }
  const ledger = new LedgerOverTime(book, genesis);
  const seen = new Map<string, { readonly height: number; readonly at: number }>();
  for (const entry of history.entries) {
    if (entry.type === "read-accounts" && honest.has(entry.node)) {
      findings.count("balanceReads");
      const key = `${entry.client} at ${entry.node}`;
      const known = seen.get(key);
      const isBound = known !== undefined && !hasForgotten(faults, entry.node, known.at);
      const height = ledger.heightOf(entry, isBound ? known.height : 0);
      if (height !== undefined) seen.set(key, { height, at: entry.at });
      else {
        const read = entry.accounts.map(
          ({ id, debitsPosted, creditsPosted }) => `${id} ${debitsPosted}/${creditsPosted}`,
        );
        findings.wrong(
          `no height from ${entry.heightBefore} to ${entry.heightAfter} explains what ${entry.node} answered: ${read.slice(0, 3).join(", ")}`,
        );
      }
    } else if (entry.type === "read-transfers" && honest.has(entry.node)) {
      findings.count("transferReads");
      checkTransfersRead(findings, book, entry);
    }
  }
  return findings.verdict(
    (count) =>
      `${count("balanceReads")} reads of balances and ${count("transferReads")} of transfers each show the ledger at one height`,
  );
}

function checkTransfersRead(findings: Findings, book: NodeBook, entry: ReadTransfersEvent): void {
  const { node, ids, transfers, heightBefore, heightAfter } = entry;
  ids.forEach((id, index) => {
    const read = transfers[index] ?? null;
    const real = book.outcomes.get(id)?.transfer;
    if (read === null) {
      if (real !== undefined && real.height <= heightBefore) {
        findings.wrong(
          `transfer ${id} of height ${real.height} was not to be read on ${node} at height ${heightBefore}`,
        );
      }
    } else if (real === undefined || real.height !== read.height || real.result !== read.result) {
      findings.wrong(`transfer ${id} was read as ${read.result} at ${read.height} on ${node}, which is not so`);
    } else if (read.height > heightAfter) {
      findings.wrong(`transfer ${id} of height ${read.height} was read on ${node}, which stood at ${heightAfter}`);
    }
  });
}

/** Balances of every account at every height, from the blocks. */
class LedgerOverTime {
  /** Per account, ascending: the sums from a height on. */
  readonly #steps = new Map<string, { readonly height: number; readonly debits: bigint; readonly credits: bigint }[]>();

  constructor(book: NodeBook, genesis: ReadonlyMap<string, Sums>) {
    const now = new Map([...genesis].map(([id, sums]) => [id, { ...sums }]));
    for (const [id, { debits, credits }] of genesis) this.#steps.set(id, [{ height: 0, debits, credits }]);
    for (const { height, transfers } of book.node.blocks) {
      for (const transfer of transfers) {
        if (!hasPaid(transfer)) continue;
        const amount = BigInt(transfer.amount);
        sumOf(now, transfer.debitAccountId).debits += amount;
        sumOf(now, transfer.creditAccountId).credits += amount;
        this.#note(transfer.debitAccountId, height, now);
        this.#note(transfer.creditAccountId, height, now);
      }
    }
  }

  #note(account: string, height: number, now: Map<string, Sums>): void {
    const steps = this.#steps.get(account) ?? [];
    this.#steps.set(account, steps);
    if (steps.at(-1)?.height === height) steps.pop();
    steps.push({ height, ...sumOf(now, account) });
  }

  /** The lowest height, from `lowest` on, at which the accounts stood as they were read. */
  heightOf({ accounts, heightBefore, heightAfter }: ReadAccountsEvent, lowest: number): number | undefined {
    for (let height = Math.max(heightBefore, lowest); height <= heightAfter; height += 1) {
      const fits = accounts.every(({ id, debitsPosted, creditsPosted }) => {
        const sums = this.#at(id, height);
        return String(sums.debits) === debitsPosted && String(sums.credits) === creditsPosted;
      });
      if (fits) return height;
    }
    return undefined;
  }

  /** The last step at or below a height, by bisection. */
  #at(account: string, height: number): Sums {
    const steps = this.#steps.get(account) ?? [];
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((steps[middle] as { height: number }).height <= height) low = middle + 1;
      else high = middle;
    }
    return steps[low - 1] ?? { debits: 0n, credits: 0n };
  }
}

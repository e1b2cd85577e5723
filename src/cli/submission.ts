import { type SabhaClient, SabhaError, type SubmitResult, type TransferRequest } from "../client/index.js";

/** What became of one transfer. */
export interface Outcome {
  /** Name of a result code. */
  readonly result: string;
  readonly height: number | undefined;
}

/** How to send many transfers through one node. */
export interface SubmissionPlan {
  readonly client: Pick<SabhaClient, "submitTransfers" | "getTransfers">;
  /** Transfers of one call. */
  readonly chunk: number;
  /** Calls at a time. */
  readonly inFlight: number;
  /** How long one call may wait for finality, milliseconds. */
  readonly waitMs: number;
  /** How long to go on without any progress, milliseconds. */
  readonly patienceMs: number;
  /** Final height before the first call: what is final above it, this run has made final. */
  readonly startHeight: number;
  readonly now: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
  /** Called after each chunk with the number of transfers that are final. */
  readonly progress: (done: number) => void;
}

export interface Submitted {
  /** By position; absent where the node never said. */
  readonly outcomes: readonly (Outcome | undefined)[];
  /** Why the rest was given up; absent where all is known. */
  readonly gaveUp: SabhaError | undefined;
}

/** A call that gave one of these may be repeated: the same ids make it safe. */
const REPEATABLE: readonly string[] = [
  "busy",
  "syncing",
  "stopping",
  "timeout",
  "expired",
  "unreachable",
  "no_answer",
  "bad_answer",
  "internal_error",
];
const PAUSE_MS = { first: 200, most: 5_000 };

/**
 * Sends transfers in chunks, several at a time, until each is final. A chunk without an answer is sent
 * again as it was: the ledger does each id once, whatever became of the earlier call.
 */
export async function submitAll(transfers: readonly TransferRequest[], plan: SubmissionPlan): Promise<Submitted> {
  const outcomes: (Outcome | undefined)[] = new Array<Outcome | undefined>(transfers.length).fill(undefined);
  const state = { next: 0, done: 0, progressAt: plan.now(), gaveUp: undefined as SabhaError | undefined };
  const worker = async (): Promise<void> => {
    while (state.gaveUp === undefined && state.next < transfers.length) {
      const from = state.next;
      state.next += plan.chunk;
      const part = transfers.slice(from, from + plan.chunk);
      const answer = await submitPart(part, plan, state);
      if (answer === undefined) return;
      for (const [index, outcome] of answer.entries()) outcomes[from + index] = outcome;
      state.done += part.length;
      state.progressAt = plan.now();
      plan.progress(state.done);
    }
  };
  await Promise.all(Array.from({ length: plan.inFlight }, worker));
  return { outcomes, gaveUp: state.gaveUp };
}

async function submitPart(
  part: readonly TransferRequest[],
  plan: SubmissionPlan,
  state: { readonly progressAt: number; gaveUp: SabhaError | undefined },
): Promise<readonly Outcome[] | undefined> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const results = await plan.client.submitTransfers(part, { waitFor: "final", timeoutMs: plan.waitMs });
      return attempt === 0
        ? results.map((result) => outcomeOf(result, plan.startHeight))
        : await settleRepeats(results, plan);
    } catch (error) {
      if (!(error instanceof SabhaError)) throw error;
      const waited = plan.now() - state.progressAt;
      if (!REPEATABLE.includes(error.code) || waited > plan.patienceMs) state.gaveUp ??= error;
      if (state.gaveUp !== undefined) return undefined;
      await plan.sleep(pauseAfter(error, attempt));
    }
  }
}

/** As long as the node asks for, or twice as long as last time. */
function pauseAfter(error: SabhaError, attempt: number): number {
  const asked = error.data["retryAfterMs"];
  const own = Math.min(PAUSE_MS.most, PAUSE_MS.first * 2 ** Math.min(attempt, 10));
  return typeof asked === "number" && asked >= 0 ? Math.min(asked, PAUSE_MS.most) : own;
}

/** The client repeats lost calls too and then tells the first result, which may be an earlier run's. */
const outcomeOf = ({ result, status, height }: SubmitResult, startHeight: number): Outcome => ({
  result: result === "posted" && height !== undefined && height <= startHeight ? "exists" : (result ?? status),
  height,
});

/**
 * After a lost answer, "exists" may mean that this run's own first call succeeded. The height at which a
 * transfer became final tells: above the start it was this run, at or below it an earlier one.
 */
async function settleRepeats(results: readonly SubmitResult[], plan: SubmissionPlan): Promise<readonly Outcome[]> {
  const repeats = results.filter(({ result }) => result === "exists" || result === "id_already_failed");
  const found = new Map<string, Outcome>();
  for (let from = 0; from < repeats.length; from += READ_MAX) {
    const ids = repeats.slice(from, from + READ_MAX).map(({ id }) => id);
    for (const transfer of await plan.client.getTransfers(ids)) {
      if (transfer === null || transfer.height <= plan.startHeight) continue;
      found.set(transfer.id, { result: transfer.result, height: transfer.height });
    }
  }
  return results.map((result) => found.get(result.id) ?? outcomeOf(result, plan.startHeight));
}

/** Ids of one read. */
const READ_MAX = 500;

import { describe, expect, test } from "vitest";
import { type SubmissionPlan, submitAll } from "../../../src/cli/submission.js";
import { SabhaError, type SubmitResult, type Transfer, type TransferRequest } from "../../../src/client/index.js";

const transfers: readonly TransferRequest[] = Array.from({ length: 10 }, (_, index) => ({
  id: String(index),
  debitAccountId: "a",
  creditAccountId: "b",
  amount: 1n,
}));

/** A ledger in memory that does each id once; `lose` says which calls get no answer, and why. */
function ledger(lose: (call: number) => { readonly code: string; readonly applied: boolean } | undefined): {
  readonly heights: Map<string, number>;
  readonly client: SubmissionPlan["client"];
} {
  const heights = new Map<string, number>();
  let call = 0;
  const apply = (part: readonly TransferRequest[]): readonly SubmitResult[] =>
    part.map(({ id }) => {
      const result = heights.has(id) ? "exists" : "posted";
      if (result === "posted") heights.set(id, 100 + call);
      return { id, status: "final", result, height: 100 + call };
    });
  const client: SubmissionPlan["client"] = {
    submitTransfers: (part) => {
      call += 1;
      const lost = lose(call);
      if (lost === undefined) return Promise.resolve(apply(part));
      if (lost.applied) apply(part);
      return Promise.reject(new SabhaError("lost", { code: lost.code }));
    },
    getTransfers: (ids) =>
      Promise.resolve(
        ids.map((id) => {
          const height = heights.get(id);
          return height === undefined ? null : ({ id, height, result: "posted" } as Transfer);
        }),
      ),
  };
  return { heights, client };
}

function plan(client: SubmissionPlan["client"], changes: Partial<SubmissionPlan> = {}): SubmissionPlan {
  let clock = 0;
  return {
    client,
    chunk: 3,
    inFlight: 2,
    waitMs: 1_000,
    patienceMs: 60_000,
    startHeight: 50,
    now: () => clock,
    sleep: (delayMs) => {
      clock += delayMs;
      return Promise.resolve();
    },
    progress: () => undefined,
    ...changes,
  };
}

const results = (submitted: Awaited<ReturnType<typeof submitAll>>): readonly (string | undefined)[] =>
  submitted.outcomes.map((outcome) => outcome?.result);

describe("sending many transfers", () => {
  test("each is sent once and answered in its place", async () => {
    const { client, heights } = ledger(() => undefined);
    const submitted = await submitAll(transfers, plan(client));
    expect(results(submitted)).toEqual(transfers.map(() => "posted"));
    expect(heights.size).toBe(10);
  });

  test.each(["busy", "timeout", "unreachable", "no_answer", "syncing"])(
    "attack 96: after %s the same transfers are sent again, and none counts twice",
    async (code) => {
      const { client } = ledger((call) => (call % 2 === 1 ? { code, applied: true } : undefined));
      const submitted = await submitAll(transfers, plan(client));
      expect(submitted.gaveUp).toBeUndefined();
      expect(results(submitted)).toEqual(transfers.map(() => "posted"));
    },
  );

  test("what an earlier run made final is existing, even after a lost answer", async () => {
    const { client, heights } = ledger((call) => (call === 1 ? { code: "timeout", applied: true } : undefined));
    for (const { id } of transfers) heights.set(id, 7);
    expect(results(await submitAll(transfers, plan(client)))).toEqual(transfers.map(() => "exists"));
  });

  test("a refusal that repeating cannot mend ends it", async () => {
    const { client } = ledger(() => ({ code: "unauthorized", applied: false }));
    const submitted = await submitAll(transfers, plan(client));
    expect(submitted.gaveUp?.code).toBe("unauthorized");
    expect(results(submitted)).toEqual(transfers.map(() => undefined));
  });

  test("without progress it gives up when its patience ends, and says what it knows", async () => {
    const { client } = ledger((call) => (call > 2 ? { code: "unreachable", applied: false } : undefined));
    const submitted = await submitAll(transfers, plan(client));
    expect(submitted.gaveUp?.code).toBe("unreachable");
    expect(results(submitted).filter((result) => result === "posted")).toHaveLength(6);
  });
});

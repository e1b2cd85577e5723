import { describe, expect, test } from "vitest";
import { TRANSFER_FIELDS } from "../../../src/formats/index.js";
import type { Digest, Height } from "../../../src/primitives/index.js";
import type { ReplicaFact, SubmitVerdict } from "../../../src/replica/index.js";
import { type SubmissionLimits, Submitter } from "../../../src/rpc/index.js";

const NAMES = ["posted", "exists", "insufficient_funds", "key_not_registered"];

/** A replica, a clock and a signer whose every step the test decides. */
class Bench {
  readonly submitted: { readonly bytes: Uint8Array; readonly done: (verdict: SubmitVerdict) => void }[] = [];
  readonly submitter: Submitter;
  now = 0;
  executed = 0;
  codes: Uint16Array | undefined;
  #listener: (fact: ReplicaFact) => void = () => undefined;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];

  constructor(limits: Partial<SubmissionLimits> = {}) {
    this.submitter = new Submitter({
      replica: {
        submit: (bytes, done) => this.submitted.push({ bytes, done }),
        subscribe: (listener) => {
          this.#listener = listener;
          return () => undefined;
        },
        executedHeight: () => this.executed as Height,
      },
      // "Signing" is the identity and a digest the bytes' own text: what matters here is who is in which batch.
      sign: ({ records, notAfter }) => {
        this.notAfter = notAfter;
        return { bytes: records, digest: digestOf(records) };
      },
      digestOf,
      codesOf: () => this.codes,
      resultName: (code) => NAMES[code] ?? "?",
      clock: {
        wall: () => 1_000_000 + this.now,
        now: () => this.now,
        after: (delayMs, callback) => {
          const timer = { at: this.now + delayMs, callback };
          this.#timers.push(timer);
          return () => {
            this.#timers = this.#timers.filter((other) => other !== timer);
          };
        },
      },
      limits: { delayMs: 5, ...limits },
    });
  }

  notAfter = 0;

  /** A call of `count` records that are all `mark`. */
  call(mark: number, count: number, waitFor: "admitted" | "final" = "final", signal = new AbortController().signal) {
    const records = usual(mark, count);
    return this.submitter.submitRecords({ kind: "create_transfers", records, waitFor, timeoutMs: 1_000, signal });
  }

  /** A call of `count` records that are all `mark`, and urgent. */
  urgent(mark: number, count: number) {
    const records = new Uint8Array(count * 128).fill(mark);
    for (let at = 0; at < records.length; at += 128) {
      records[at + TRANSFER_FIELDS.priority] = 1;
      records[at + TRANSFER_FIELDS.flags] = 0;
    }
    const signal = new AbortController().signal;
    return this.submitter.submitRecords({
      kind: "create_transfers",
      records,
      waitFor: "final",
      timeoutMs: 1_000,
      signal,
    });
  }

  batch(mark: number, count: number, waitFor: "admitted" | "final" = "final", signal = new AbortController().signal) {
    const bytes = new Uint8Array(count * 128).fill(mark);
    return this.submitter.submitBatch({ bytes, waitFor, timeoutMs: 1_000, signal });
  }

  pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.now = Math.max(this.now, due.at);
      due.callback();
    }
    this.now = end;
  }

  admit(index: number): void {
    const { bytes, done } = this.#at(index);
    done({ type: "admitted", digest: digestOf(bytes) });
  }

  answer(index: number, verdict: SubmitVerdict): void {
    this.#at(index).done(verdict);
  }

  execute(index: number, codes: readonly number[], height = 7): void {
    const digest = digestOf(this.#at(index).bytes);
    const batches = [{ digest, codes: Uint16Array.from(codes) }];
    this.#listener({ type: "executed", height: height as Height, batches });
  }

  drop(index: number): void {
    this.#listener({ type: "batch-dropped", digest: digestOf(this.#at(index).bytes) });
  }

  /** First bytes of the records of each batch. */
  marks(): number[][] {
    return this.submitted.map(({ bytes }) =>
      Array.from({ length: bytes.length / 128 }, (_, index) => bytes[index * 128] as number),
    );
  }

  #at(index: number): (typeof this.submitted)[number] {
    const submitted = this.submitted[index];
    if (submitted === undefined) throw new Error(`no batch ${index}`);
    return submitted;
  }
}

function usual(mark: number, count: number): Uint8Array {
  const records = new Uint8Array(count * 128).fill(mark);
  for (let at = 0; at < records.length; at += 128) {
    records.fill(0, at + TRANSFER_FIELDS.priority, at + TRANSFER_FIELDS.reserved);
  }
  return records;
}

const digestOf = (bytes: Uint8Array): Digest => Buffer.from(bytes).toString("base64") as Digest;

describe("coalescing", () => {
  test("an idle node sends the first call at once, and later small ones together", () => {
    const bench = new Bench();
    void bench.call(1, 1);
    bench.pass(0);
    expect(bench.marks()).toEqual([[1]]);
    void bench.call(2, 2);
    void bench.call(3, 1);
    bench.pass(4);
    expect(bench.marks()).toEqual([[1]]);
    bench.pass(1);
    expect(bench.marks()).toEqual([[1], [2, 2, 3]]);
  });

  test("the records of one call never span two batches", () => {
    const bench = new Bench({ flushRecords: 8_190 });
    void bench.call(1, 5_000);
    void bench.call(2, 4_000);
    bench.pass(10);
    expect(bench.marks().map((marks) => [marks.length, new Set(marks).size])).toEqual([
      [5_000, 1],
      [4_000, 1],
    ]);
  });

  test("kinds are never mixed in a batch", () => {
    const bench = new Bench();
    void bench.call(1, 1);
    void bench.submitter.submitRecords({
      kind: "create_accounts",
      records: new Uint8Array(128).fill(2),
      waitFor: "final",
      timeoutMs: 1_000,
      signal: new AbortController().signal,
    });
    bench.pass(0);
    expect(bench.marks()).toEqual([[1], [2]]);
  });

  test("urgent and usual calls never share a batch, and the urgent one is signed first", () => {
    const bench = new Bench();
    void bench.call(1, 2);
    void bench.urgent(2, 1);
    void bench.call(3, 1);
    void bench.urgent(4, 1);
    bench.pass(0);
    expect(bench.marks()).toEqual([
      [2, 4],
      [1, 1, 3],
    ]);
  });

  test("a shared batch stays within the records that one may have, and a larger call stands alone", () => {
    const bench = new Bench({ flushRecords: 4 });
    void bench.call(1, 3);
    void bench.call(2, 3);
    void bench.call(3, 6);
    void bench.call(4, 1);
    bench.pass(5);
    expect(bench.marks().map(([mark, ...rest]) => [mark, rest.length + 1])).toEqual([
      [1, 3],
      [2, 3],
      [3, 6],
      [4, 1],
    ]);
  });

  test("a batch may be ordered for five minutes", () => {
    const bench = new Bench();
    void bench.call(1, 1);
    bench.pass(0);
    expect(bench.notAfter).toBe(1_300_000);
  });

  test("while admissions are under way calls wait, and go when one is done", () => {
    const bench = new Bench({ admissionsMax: 1 });
    void bench.call(1, 1);
    bench.pass(0);
    void bench.call(2, 1);
    bench.pass(50);
    expect(bench.marks()).toEqual([[1]]);
    bench.admit(0);
    bench.pass(5);
    expect(bench.marks()).toEqual([[1], [2]]);
  });
});

describe("answers", () => {
  test("each caller hears the results of its own records, in its own order", async () => {
    const bench = new Bench();
    const first = bench.call(1, 2);
    const second = bench.call(2, 1);
    bench.pass(0);
    bench.admit(0);
    bench.execute(0, [0, 1, 2]);
    expect(await first).toMatchObject({ type: "final", height: 7, results: ["posted", "exists"] });
    expect(await second).toMatchObject({ type: "final", height: 7, results: ["insufficient_funds"] });
  });

  test("a refusal of the whole batch is everybody's result", async () => {
    const bench = new Bench();
    const calls = [bench.call(1, 2), bench.call(2, 1)];
    bench.pass(0);
    bench.execute(0, [3]);
    for (const call of calls) expect(await call).toMatchObject({ type: "final", results: ["key_not_registered"] });
  });

  test('"admitted" is said when the pool has it, "final" is not', async () => {
    const bench = new Bench();
    const admitted = bench.call(1, 1, "admitted");
    const final = bench.call(2, 1, "final");
    bench.pass(0);
    bench.admit(0);
    expect(await admitted).toMatchObject({ type: "admitted" });
    bench.execute(0, [0, 0]);
    expect(await final).toMatchObject({ type: "final" });
  });

  test.each<[SubmitVerdict, string]>([
    [{ type: "busy", retryAfterMs: 30 }, "busy"],
    [{ type: "unavailable", reason: "syncing" }, "unavailable"],
    [{ type: "refused", fault: "unknown_participant", detail: "" }, "refused"],
  ])("the pool's verdict %j reaches every caller of the batch", async (verdict, type) => {
    const bench = new Bench();
    const calls = [bench.call(1, 1, "admitted"), bench.call(2, 1)];
    bench.pass(0);
    bench.answer(0, verdict);
    for (const call of calls) expect(await call).toMatchObject({ type });
  });

  test("a batch that can no longer be ordered is expired", async () => {
    const bench = new Bench();
    const call = bench.call(1, 1);
    bench.pass(0);
    bench.admit(0);
    bench.drop(0);
    expect(await call).toMatchObject({ type: "expired" });
  });

  test("after its time a caller hears that it may still become final", async () => {
    const bench = new Bench();
    const call = bench.call(1, 1);
    bench.pass(0);
    bench.admit(0);
    bench.pass(1_000);
    expect(await call).toMatchObject({ type: "timeout", digest: digestOf(usual(1, 1)) });
    bench.execute(0, [0]);
  });

  test("stopping answers whoever waits, in a batch or not", async () => {
    const bench = new Bench({ admissionsMax: 1 });
    const placed = bench.call(1, 1);
    bench.pass(0);
    const queued = bench.call(2, 1);
    bench.submitter.stop();
    for (const call of [placed, queued, bench.call(3, 1)]) {
      expect(await call).toEqual({ type: "unavailable", reason: "stopping" });
    }
  });
});

describe("batches that were signed elsewhere", () => {
  test("the result may come before the verdict", async () => {
    const bench = new Bench();
    const call = bench.batch(1, 2);
    bench.execute(0, [0, 1]);
    expect(await call).toMatchObject({ type: "final", results: ["posted", "exists"] });
    bench.admit(0);
  });

  test("one that a block ordered long ago answers from what the ledger remembers", async () => {
    const bench = new Bench();
    bench.executed = 9;
    bench.codes = Uint16Array.of(0, 2);
    const call = bench.batch(1, 2);
    bench.answer(0, { type: "ordered", digest: digestOf(new Uint8Array(256).fill(1)), height: 5 as Height });
    expect(await call).toMatchObject({ type: "final", height: 5, results: ["posted", "insufficient_funds"] });
  });

  test("one that is final and not yet executed waits for its execution", async () => {
    const bench = new Bench();
    const call = bench.batch(1, 1);
    bench.answer(0, { type: "ordered", digest: digestOf(new Uint8Array(128).fill(1)), height: 5 as Height });
    bench.execute(0, [0], 5);
    expect(await call).toMatchObject({ type: "final", height: 5, results: ["posted"] });
  });

  test("attack 79: the same batch many times has one result for everybody", async () => {
    const bench = new Bench();
    const calls = Array.from({ length: 50 }, () => bench.batch(1, 1));
    for (let index = 0; index < 50; index += 1) bench.admit(index);
    bench.execute(0, [0]);
    const outcomes = await Promise.all(calls);
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
  });
});

describe("bounds", () => {
  test("attack 80: more queued records than the limit are busy, and the rest is unharmed", async () => {
    const bench = new Bench({ queuedRecordsMax: 10, admissionsMax: 1, flushRecords: 100 });
    void bench.call(9, 1);
    bench.pass(0);
    const kept = bench.call(1, 8);
    expect(await bench.call(2, 3)).toEqual({ type: "busy", retryAfterMs: 100 });
    bench.admit(0);
    bench.pass(5);
    bench.execute(
      1,
      Array.from({ length: 8 }, () => 0),
    );
    expect(await kept).toMatchObject({ type: "final" });
  });

  test("more waiting callers than the limit are busy until others have gone", async () => {
    const bench = new Bench({ waitersMax: 2 });
    const gone = new AbortController();
    const first = bench.batch(1, 1, "final", gone.signal);
    void bench.batch(1, 1);
    expect(await bench.batch(1, 1)).toMatchObject({ type: "busy" });
    gone.abort();
    expect(await first).toMatchObject({ type: "timeout" });
    const next = bench.batch(1, 1);
    bench.execute(0, [0]);
    expect(await next).toMatchObject({ type: "final" });
  });

  test("a crowd of usual calls takes neither queue, nor slots, nor waiters of urgent ones", async () => {
    const bench = new Bench({ queuedRecordsMax: 4, admissionsMax: 1, waitersMax: 3, flushRecords: 2 });
    const crowd = Array.from({ length: 9 }, (_, mark) => bench.call(mark + 1, 2));
    const busy = await Promise.all(crowd.slice(3));
    expect(new Set(busy.map(({ type }) => type))).toEqual(new Set(["busy"]));
    const urgent = bench.urgent(77, 1);
    bench.pass(5);
    const index = bench.marks().findIndex(([mark]) => mark === 77);
    bench.admit(index);
    bench.execute(index, [0]);
    expect(await urgent).toMatchObject({ type: "final", results: ["posted"] });
  });

  test("a client that has gone does not take its admitted records with it", () => {
    const bench = new Bench();
    const gone = new AbortController();
    void bench.call(1, 1, "final", gone.signal);
    gone.abort();
    bench.pass(0);
    expect(bench.marks()).toEqual([[1]]);
  });
});

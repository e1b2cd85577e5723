import { BATCH_HEADER_BYTES, type BatchKind, parseBatch } from "../formats/index.js";
import { laneOf } from "../mempool/index.js";
import {
  assert,
  BATCH_RECORDS_MAX,
  type Digest,
  type Height,
  LANES,
  type Lane,
  RECORD_BYTES,
} from "../primitives/index.js";
import type { ReplicaFact, ReplicaView, SubmitVerdict } from "../replica/index.js";
import type { BatchSubmission, RecordsSubmission, SubmissionOptions, SubmissionOutcome } from "./ports.js";

/** Local settings of submission; every queue has its bound here, and each lane all of them for itself. */
export interface SubmissionLimits {
  /** Least time between two batches made of small calls, ms; an idle node sends the first call at once. */
  readonly delayMs: number;
  /** A shared batch has no more, and is signed at once when so many records wait; a call that has more stands alone. */
  readonly flushRecords: number;
  /** Records of calls that are in no batch yet. */
  readonly queuedRecordsMax: number;
  /** Calls without an answer. */
  readonly waitersMax: number;
  /** Own batches on their way into the pool. */
  readonly admissionsMax: number;
  /** How long a batch may be ordered after it was signed, ms; below NOT_AFTER_WINDOW_MS. */
  readonly notAfterMs: number;
}

const SUBMISSION_LIMITS: SubmissionLimits = {
  delayMs: 2,
  flushRecords: 4_096,
  queuedRecordsMax: 8 * BATCH_RECORDS_MAX,
  waitersMax: 16_384,
  admissionsMax: 16,
  notAfterMs: 300_000,
};

export interface SubmitterOptions {
  readonly replica: Pick<ReplicaView, "submit" | "subscribe" | "executedHeight">;
  /** Signs for the node's own participant, with a fresh salt. */
  readonly sign: (batch: { readonly kind: BatchKind; readonly records: Uint8Array; readonly notAfter: number }) => {
    readonly bytes: Uint8Array;
    readonly digest: Digest;
  };
  readonly digestOf: (batch: Uint8Array) => Digest;
  /** Codes of a batch in an executed block, as `ExecutedBlock.codes`; for batches that are older than the call. */
  readonly codesOf: (digest: Digest, height: Height) => Uint16Array | undefined;
  readonly resultName: (code: number) => string;
  readonly clock: SubmitterClock;
  readonly limits?: Partial<SubmissionLimits>;
}

export interface SubmitterClock {
  /** UTC milliseconds. */
  wall(): number;
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back once after `delayMs`, with 0 on the next turn; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** One caller who waits. */
interface Waiter {
  readonly waitFor: "admitted" | "final";
  readonly settle: (outcome: SubmissionOutcome) => void;
  /** The batch that holds its records, once there is one. */
  placed: Placed | undefined;
}

interface QueuedCall {
  readonly waiter: Waiter;
  readonly records: Uint8Array;
}

/** What is under way in one lane. */
interface Traffic {
  readonly queues: Map<BatchKind, QueuedCall[]>;
  queuedRecords: number;
  waiters: number;
  admissions: number;
}

interface Placed {
  readonly waiter: Waiter;
  readonly digest: Digest;
  /** First record and number of records in the batch; the caller of a signed batch has all of them. */
  readonly offset: number;
  readonly count: number | undefined;
}

const QUEUE_RETRY_MS = 100;

/**
 * Brings clients' records into batches and answers them when the ledger has. Small calls of one lane that come
 * close together share one signed batch; the records of one call stay together and in order, so a chain of
 * linked transfers never spans two batches. No lane waits for another's records or takes its room. Ids make all of it safe to repeat, so nothing here retries.
 */
export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #limits: SubmissionLimits;
  readonly #traffic: { readonly [L in Lane]: Traffic } = { control: idle(), urgent: idle(), usual: idle() };
  /** Callers by the digest of the batch that they wait for. */
  readonly #placed = new Map<Digest, Set<Placed>>();
  readonly #unsubscribe: () => void;
  #lastFlush = Number.NEGATIVE_INFINITY;
  #cancelFlush: (() => void) | undefined;
  #stopped = false;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    this.#limits = { ...SUBMISSION_LIMITS, ...options.limits };
    this.#unsubscribe = options.replica.subscribe((fact) => this.#onFact(fact));
  }

  /** Signs and submits records of the node's own participant; never rejects. */
  submitRecords(submission: RecordsSubmission): Promise<SubmissionOutcome> {
    const count = submission.records.length / RECORD_BYTES;
    assert(Number.isInteger(count) && count >= 1 && count <= BATCH_RECORDS_MAX, "records of one batch");
    const lane = laneOf(submission.kind, submission.records);
    return this.#wait(lane, submission, (waiter) => {
      const traffic = this.#traffic[lane];
      if (traffic.queuedRecords + count > this.#limits.queuedRecordsMax) {
        waiter.settle({ type: "busy", retryAfterMs: QUEUE_RETRY_MS });
        return;
      }
      const queue = traffic.queues.get(submission.kind) ?? [];
      traffic.queues.set(submission.kind, queue);
      queue.push({ waiter, records: submission.records });
      traffic.queuedRecords += count;
      this.#scheduleFlush(lane);
    });
  }

  /** Submits a batch that its participant signed; never rejects. */
  submitBatch(submission: BatchSubmission): Promise<SubmissionOutcome> {
    const digest = this.#options.digestOf(submission.bytes);
    return this.#wait(laneOfBatch(submission.bytes), submission, (waiter) => {
      this.#place({ waiter, digest, offset: 0, count: undefined });
      this.#options.replica.submit(submission.bytes, (verdict) => this.#onVerdict(digest, [waiter], verdict));
    });
  }

  /** Answers everybody who still waits. */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#cancelFlush?.();
    const outcome: SubmissionOutcome = { type: "unavailable", reason: "stopping" };
    for (const lane of LANES) {
      const { queues } = this.#traffic[lane];
      for (const queue of queues.values()) for (const call of queue) call.waiter.settle(outcome);
      queues.clear();
    }
    for (const digest of [...this.#placed.keys()]) {
      for (const { waiter } of this.#waitersOf(digest)) waiter.settle(outcome);
    }
  }

  /** A promise with one settlement, a deadline and an end when the client has gone. */
  #wait(lane: Lane, options: SubmissionOptions, start: (waiter: Waiter) => void): Promise<SubmissionOutcome> {
    if (this.#stopped) return Promise.resolve({ type: "unavailable", reason: "stopping" });
    const traffic = this.#traffic[lane];
    if (traffic.waiters >= this.#limits.waitersMax) {
      return Promise.resolve({ type: "busy", retryAfterMs: QUEUE_RETRY_MS });
    }
    traffic.waiters += 1;
    return new Promise((resolve) => {
      let settled = false;
      const settle = (outcome: SubmissionOutcome): void => {
        if (settled) return;
        settled = true;
        traffic.waiters -= 1;
        cancelTimeout();
        options.signal.removeEventListener("abort", onGone);
        this.#forget(waiter);
        resolve(outcome);
      };
      const waiter: Waiter = { waitFor: options.waitFor, settle, placed: undefined };
      const onGone = (): void => settle({ type: "timeout", digest: waiter.placed?.digest });
      const cancelTimeout = this.#options.clock.after(options.timeoutMs, onGone);
      options.signal.addEventListener("abort", onGone, { once: true });
      start(waiter);
    });
  }

  #scheduleFlush(lane: Lane): void {
    if (this.#traffic[lane].queuedRecords >= this.#limits.flushRecords) {
      this.#flush();
    } else if (this.#cancelFlush === undefined) {
      const delayMs = Math.max(0, this.#lastFlush + this.#limits.delayMs - this.#options.clock.now());
      this.#cancelFlush = this.#options.clock.after(delayMs, () => this.#flush());
    }
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    for (const lane of LANES) {
      const traffic = this.#traffic[lane];
      for (const [kind, queue] of traffic.queues) {
        while (queue.length > 0 && traffic.admissions < this.#limits.admissionsMax) this.#sendBatch(lane, kind, queue);
        if (queue.length === 0) traffic.queues.delete(kind);
      }
    }
    this.#lastFlush = this.#options.clock.now();
  }

  #sendBatch(lane: Lane, kind: BatchKind, queue: QueuedCall[]): void {
    const traffic = this.#traffic[lane];
    let count = 0;
    let taken = 0;
    for (; taken < queue.length; taken += 1) {
      const more = (queue[taken] as QueuedCall).records.length / RECORD_BYTES;
      if (taken > 0 && count + more > this.#limits.flushRecords) break;
      count += more;
    }
    const calls = queue.splice(0, taken);
    traffic.queuedRecords -= count;
    const records = joinRecords(calls, count);
    const notAfter = this.#options.clock.wall() + this.#limits.notAfterMs;
    const { bytes, digest } = this.#options.sign({ kind, records, notAfter });
    let offset = 0;
    for (const { waiter, records: own } of calls) {
      const ownCount = own.length / RECORD_BYTES;
      this.#place({ waiter, digest, offset, count: ownCount });
      offset += ownCount;
    }
    traffic.admissions += 1;
    this.#options.replica.submit(bytes, (verdict) => {
      traffic.admissions -= 1;
      const waiters = calls.map((call) => call.waiter);
      this.#onVerdict(digest, waiters, verdict);
      if (traffic.queuedRecords > 0) this.#scheduleFlush(lane);
    });
  }

  #place(placed: Placed): void {
    placed.waiter.placed = placed;
    const others = this.#placed.get(placed.digest);
    if (others === undefined) this.#placed.set(placed.digest, new Set([placed]));
    else others.add(placed);
  }

  #forget(waiter: Waiter): void {
    const { placed } = waiter;
    if (placed === undefined) return;
    const all = this.#placed.get(placed.digest);
    all?.delete(placed);
    if (all?.size === 0) this.#placed.delete(placed.digest);
  }

  #onVerdict(digest: Digest, waiters: readonly Waiter[], verdict: SubmitVerdict): void {
    switch (verdict.type) {
      case "admitted":
        for (const waiter of waiters) if (waiter.waitFor === "admitted") waiter.settle({ type: "admitted", digest });
        break;
      case "ordered": {
        for (const waiter of waiters) if (waiter.waitFor === "admitted") waiter.settle({ type: "admitted", digest });
        const codes =
          verdict.height <= this.#options.replica.executedHeight()
            ? this.#options.codesOf(digest, verdict.height)
            : undefined;
        if (codes !== undefined) this.#onExecuted(digest, verdict.height, codes);
        break;
      }
      case "busy":
      case "refused":
      case "unavailable":
        for (const waiter of waiters) waiter.settle(verdict);
        break;
    }
  }

  #onFact(fact: ReplicaFact): void {
    if (fact.type === "executed") {
      for (const { digest, codes } of fact.batches) this.#onExecuted(digest, fact.height, codes);
    } else if (fact.type === "batch-dropped") {
      for (const { waiter } of this.#waitersOf(fact.digest)) {
        waiter.settle({ type: "expired", digest: fact.digest });
      }
    }
  }

  #onExecuted(digest: Digest, height: Height, codes: Uint16Array): void {
    const waiters = this.#waitersOf(digest);
    if (waiters.length === 0) return;
    const names = Array.from(codes, (code) => this.#options.resultName(code));
    for (const { waiter, offset, count } of waiters) {
      // One code for the whole batch: it was refused as such, or it has one record.
      const all = count === undefined || names.length === 1;
      waiter.settle({ type: "final", digest, height, results: all ? names : names.slice(offset, offset + count) });
    }
  }

  #waitersOf(digest: Digest): readonly Placed[] {
    return [...(this.#placed.get(digest) ?? [])];
  }
}

const idle = (): Traffic => ({ queues: new Map(), queuedRecords: 0, waiters: 0, admissions: 0 });

/** A malformed batch is refused later; where it waits until then does not matter. */
function laneOfBatch(bytes: Uint8Array): Lane {
  const parsed = parseBatch(bytes);
  if (!parsed.ok) return "usual";
  const { kind, count } = parsed.header;
  return laneOf(kind, bytes.subarray(BATCH_HEADER_BYTES, BATCH_HEADER_BYTES + count * RECORD_BYTES));
}

function joinRecords(calls: readonly QueuedCall[], count: number): Uint8Array {
  if (calls.length === 1) return (calls[0] as QueuedCall).records;
  const joined = new Uint8Array(count * RECORD_BYTES);
  let offset = 0;
  for (const { records } of calls) {
    joined.set(records, offset);
    offset += records.length;
  }
  return joined;
}

/** The process's own clock and timers; timers do not keep a stopping process alive. */
export const systemClock: SubmitterClock = {
  wall: () => Date.now(),
  now: () => performance.now(),
  after(delayMs, callback) {
    if (delayMs <= 0) {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

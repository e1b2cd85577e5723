import { setTimeout as sleep } from "node:timers/promises";
import type { Caller } from "./callers.js";
import { Latencies } from "./latencies.js";

/** How calls follow each other. */
export type Pace =
  /** Each caller keeps so many calls under way: the most that the nodes take. */
  | { readonly type: "closed"; readonly inFlight: number }
  /** So many transfers a second over all callers, whether or not answers come; latency counts from when a call was due. */
  | { readonly type: "open"; readonly transfersPerSecond: number };

/** Transfers of one caller that may be without an answer at an open pace; calls due beyond are not made, and counted. */
const OPEN_TRANSFERS_MAX = 262_144;
const OPEN_CALLS_MAX = 4_096;

const POLL_SECONDS = 0.1;

/** What callers have been told since `restartCount`. */
export interface LoadCount {
  readonly latencies: Latencies;
  posted: number;
  /** Final, but not posted. */
  failed: number;
  /** Calls that were not made in time: the machine does not reach the pace. */
  missed: number;
}

/** Callers at work until they are stopped. */
export class Load {
  readonly #callers: readonly Caller[];
  readonly #count: LoadCount = { latencies: new Latencies(), posted: 0, failed: 0, missed: 0 };
  readonly #work: Promise<unknown>;
  #busyBefore = 0;
  #isOver = false;

  constructor(callers: readonly Caller[], pace: Pace) {
    this.#callers = callers;
    const loops = callers.flatMap((caller, index) =>
      pace.type === "closed"
        ? Array.from({ length: pace.inFlight }, () => this.#closedLoop(caller))
        : [this.#openLoop(caller, pace.transfersPerSecond / callers.length, index / callers.length)],
    );
    this.#work = Promise.all(loops);
    // Whoever waits hears of it; nobody may be waiting yet.
    this.#work.catch(() => undefined);
  }

  get count(): Readonly<LoadCount> {
    return this.#count;
  }

  /** Answers `busy` since `restartCount`. */
  get busy(): number {
    return this.#busy() - this.#busyBefore;
  }

  restartCount(): void {
    this.#count.latencies.reset();
    this.#count.posted = 0;
    this.#count.failed = 0;
    this.#count.missed = 0;
    this.#busyBefore = this.#busy();
  }

  /** Waits, and rejects as soon as a caller heard what it should not. */
  async run(seconds: number): Promise<void> {
    await Promise.race([sleep(seconds * 1_000), this.#work]);
  }

  /**
   * Waits until so many transfers are posted, and tells how far it is.
   *
   * @returns seconds that it took
   */
  async untilPosted(transfers: number): Promise<number> {
    const startedAt = performance.now();
    while (this.#count.posted < transfers) {
      await this.run(POLL_SECONDS);
      const posted = this.#count.posted.toLocaleString("en");
      process.stderr.write(`\r${posted} of ${transfers.toLocaleString("en")} transfers   `);
    }
    process.stderr.write("\n");
    return (performance.now() - startedAt) / 1_000;
  }

  /** Lets what is under way end. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#work;
    for (const caller of this.#callers) caller.close();
  }

  #busy(): number {
    return this.#callers.reduce((sum, caller) => sum + caller.busy(), 0);
  }

  async #closedLoop(caller: Caller): Promise<void> {
    while (!this.#isOver) await this.#call(caller, performance.now());
  }

  /** @param offset share of an interval by which this caller is behind the first one */
  async #openLoop(caller: Caller, transfersPerSecond: number, offset: number): Promise<void> {
    const intervalMs = (1_000 * caller.transfers) / transfersPerSecond;
    const startedAt = performance.now() + offset * intervalMs;
    const underWayMax = Math.max(1, Math.min(OPEN_CALLS_MAX, Math.floor(OPEN_TRANSFERS_MAX / caller.transfers)));
    let underWay = 0;
    const failures: Error[] = [];
    let idle: () => void = () => undefined;
    for (let calls = 0; !this.#isOver && failures.length === 0; calls += 1) {
      const dueAt = startedAt + calls * intervalMs;
      const waitMs = dueAt - performance.now();
      // The last stretch of a wait is too short for a timer: the call goes out a little early, and counts from then.
      if (waitMs >= 1) await sleep(waitMs);
      if (underWay >= underWayMax) {
        this.#count.missed += 1;
        await sleep(1);
        continue;
      }
      underWay += 1;
      this.#call(caller, Math.min(dueAt, performance.now()))
        .catch((error: unknown) => {
          failures.push(error instanceof Error ? error : new Error(String(error)));
        })
        .finally(() => {
          underWay -= 1;
          if (underWay === 0 || failures.length > 0) idle();
        });
    }
    if (underWay > 0 && failures.length === 0)
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    if (failures[0] !== undefined) throw failures[0];
  }

  async #call(caller: Caller, from: number): Promise<void> {
    const posted = await caller.send();
    this.#count.latencies.add(performance.now() - from);
    this.#count.posted += posted;
    this.#count.failed += caller.transfers - posted;
  }
}

/**
 * What a fault run leaves behind: everything that its clients sent and heard, every fault that was injected, and what
 * the nodes said of themselves meanwhile. The checker judges from this alone, together with the nodes' state at the end.
 *
 * Times are milliseconds of this machine's monotonic clock since the run began; all heights, views and counts are safe
 * integers, amounts decimal strings of minor units, ids lower-case hex, nodes the names of their banks.
 */

/** One node of the run. */
export interface RunNode {
  readonly name: string;
  /** Participant number in the genesis file. */
  readonly participant: number;
  /** False for a node that runs with an adversary: what it says binds nobody. */
  readonly isHonest: boolean;
}

/** A payment as a client meant it; every attempt at it carries the same content. */
export interface Payment {
  readonly id: string;
  readonly debitAccountId: string;
  readonly creditAccountId: string;
  readonly amount: string;
  /** 0 for usual payments, above for urgent ones. */
  readonly priority: number;
}

/** What every client event has. */
interface ByClient {
  /** When it happened at the client. */
  readonly at: number;
  readonly client: string;
  readonly node: string;
}

/** The answer to one attempt; `call` joins it with its `submit`. */
interface OfCall extends ByClient {
  readonly call: number;
}

/** One JSON-RPC call leaves a client. Several calls with the same payments are attempts at the same thing. */
export interface SubmitEvent extends OfCall {
  readonly type: "submit";
  /** 1 for the first attempt at these payments. */
  readonly attempt: number;
  readonly waitFor: "admitted" | "final";
  readonly payments: readonly Payment[];
}

/** The node's word for each payment, in their order. */
export interface AnswerEvent extends OfCall {
  readonly type: "answer";
  readonly results: readonly PaymentAnswer[];
}

export interface PaymentAnswer {
  readonly id: string;
  readonly status: "admitted" | "final";
  /** Name of the result code, with `final`. */
  readonly result?: string;
  readonly height?: number;
}

/** The node took nothing of the call. */
export interface BusyEvent extends OfCall {
  readonly type: "busy";
  readonly retryAfterMs: number;
}

/** Another JSON-RPC error: `syncing`, `stopping`, `expired`, `refused`, … */
export interface RefusedEvent extends OfCall {
  readonly type: "refused";
  readonly code: string;
}

/** Nobody knows what became of the payments: the node gave up waiting (`node`), or the client did. */
export interface TimeoutEvent extends OfCall {
  readonly type: "timeout";
  readonly by: "node" | "client";
}

/** No connection, or one that broke before the answer: what became of the payments is not known. */
export interface ConnectionLostEvent extends OfCall {
  readonly type: "connection-lost";
}

/** Balances of accounts as one read gave them. */
export interface AccountReading {
  readonly id: string;
  readonly debitsPosted: string;
  readonly creditsPosted: string;
}

/** A transfer as one read gave it. */
export interface TransferReading {
  readonly id: string;
  readonly result: string;
  readonly height: number;
  readonly index: number;
  readonly debitAccountId: string;
  readonly creditAccountId: string;
  readonly amount: string;
  readonly priority: number;
}

/** What the node said of itself right before and right after a read, in one request that it answers in order. */
interface BetweenHeights {
  /** Executed and written before the read. */
  readonly heightBefore: number;
  /** Final after the read: a node may answer from a final block that it has executed and not yet written. */
  readonly heightAfter: number;
}

/** Balances. */
export interface ReadAccountsEvent extends ByClient, BetweenHeights {
  readonly type: "read-accounts";
  readonly accounts: readonly AccountReading[];
}

/** Transfers by id; `null` where the node knew none. */
export interface ReadTransfersEvent extends ByClient, BetweenHeights {
  readonly type: "read-transfers";
  readonly ids: readonly string[];
  readonly transfers: readonly (TransferReading | null)[];
}

/** The node's own statement of where it stands. */
export interface ReadStatusEvent extends ByClient {
  readonly type: "read-status";
  readonly status: StatusReading;
}

export interface StatusReading {
  /** Newest final block. */
  readonly height: number;
  readonly executedHeight: number;
  readonly view: number;
  /** Hash of the block at `height`. */
  readonly finalizedHash: string;
  /**
   * The node's own root of all results that it has executed, perhaps some not yet written: it belongs to `executedHeight`
   * for certain only where that is `height`.
   */
  readonly resultsRoot: string;
  /** The node's own state root at the checkpoint `stateHeight`. */
  readonly stateHeight: number;
  readonly stateRoot: string;
  /** Catching up: it answers nothing from its state, and its heights bind it to nothing. */
  readonly syncing: boolean;
}

export type ClientEvent =
  | SubmitEvent
  | AnswerEvent
  | BusyEvent
  | RefusedEvent
  | TimeoutEvent
  | ConnectionLostEvent
  | ReadAccountsEvent
  | ReadTransfersEvent
  | ReadStatusEvent;

/** A fault, or its end, as it was injected. */
export interface FaultEvent {
  readonly type: "fault";
  readonly at: number;
  /** Machine-readable, for example `kill`, `restart`, `cut`, `heal`, `delay`, `load`. */
  readonly kind: string;
  /** Nodes or links concerned, for example `SBI` or `SBI-HDFC`. */
  readonly target: string;
  /** For people, short: it is written on the time axis. */
  readonly text: string;
  /** True where it takes an earlier fault back. */
  readonly isHealing?: boolean;
}

/** One node, asked twice a second. Numbers are absent where the node did not answer. */
export interface NodeSample {
  readonly type: "sample";
  readonly at: number;
  readonly node: string;
  readonly status?: StatusReading;
  readonly ready: boolean;
  /** Validators it is connected with. */
  readonly peers?: number;
  readonly poolBatches?: number;
  readonly poolBytes?: number;
  /** Votes to leave a view since the process started. */
  readonly viewTimeouts?: number;
  /** Disk flushes since the process started. */
  readonly fsyncs?: number;
  /** Steps of the store that waited for the disk since the last sample, where that is measured. */
  readonly flushes?: Flushes;
  /** Of the process since the last sample, 1 for one whole core. */
  readonly cpuShare?: number;
  readonly residentBytes?: number;
}

/** How long steps of a store waited for the disk, queueing included. */
export interface Flushes {
  readonly count: number;
  readonly sumMs: number;
  readonly maxMs: number;
}

export type HistoryEntry = ClientEvent | FaultEvent | NodeSample;

/** A run, complete unless `dropped` says otherwise. */
export interface History {
  /** UTC milliseconds at time 0. */
  readonly startedAt: number;
  readonly nodes: readonly RunNode[];
  /** In the order in which they were recorded; `at` never decreases within one client. */
  readonly entries: readonly HistoryEntry[];
  /** Entries that found no room; a history that lacks some proves nothing. */
  readonly dropped: number;
}

/** What the checker found about one promise. */
export interface Verdict {
  /** Short and stable, kebab-case. */
  readonly name: string;
  readonly ok: boolean;
  /** One sentence; names the first violation where there is one. */
  readonly sentence: string;
  /** How much was looked at, and how much of it was wrong. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A run of fifteen minutes under full load makes far fewer. */
const ENTRIES_MAX = 4_000_000;

/** Collects a history. */
export class Recorder {
  readonly #nodes: readonly RunNode[];
  readonly #startedAt = Date.now();
  readonly #origin = performance.now();
  readonly #entries: HistoryEntry[] = [];
  readonly #entriesMax: number;
  #dropped = 0;

  constructor(nodes: readonly RunNode[], entriesMax = ENTRIES_MAX) {
    this.#nodes = nodes;
    this.#entriesMax = entriesMax;
  }

  /** Milliseconds since the run began. */
  now(): number {
    return performance.now() - this.#origin;
  }

  add(entry: HistoryEntry): void {
    if (this.#entries.length < this.#entriesMax) this.#entries.push(entry);
    else this.#dropped += 1;
  }

  /** Notes a fault that is injected now. */
  fault(fault: Omit<FaultEvent, "type" | "at">): void {
    this.add({ type: "fault", at: this.now(), ...fault });
  }

  history(): History {
    return { startedAt: this.#startedAt, nodes: this.#nodes, entries: [...this.#entries], dropped: this.#dropped };
  }
}

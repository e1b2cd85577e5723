import { setTimeout as sleep } from "node:timers/promises";
import { newTransferId, SabhaClient, SabhaError } from "../../src/client/index.js";
import { sha256 } from "../../src/crypto/index.js";
import { chainIdOf, type Genesis, parseGenesis } from "../../src/formats/index.js";
import type { Digest, ParticipantNumber } from "../../src/primitives/index.js";
import type { ClientEvent, Payment, Recorder } from "./history.js";
import { startReading } from "./load-reads.js";

/** A node that clients talk with, and the bank whose customers pay there. */
export interface LoadNode {
  readonly name: string;
  readonly url: string;
  readonly participant: number;
  /** Bearer token with scope `submit`. */
  readonly token: string;
  /** The bank's operation key: its clients may then sign themselves and turn to other nodes. */
  readonly key?: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
}

/** How hard and in which manner clients press; may change during a run. */
export interface LoadProfile {
  /** Callers, each with one call under way; spread evenly over the nodes. */
  readonly callers: number;
  /** Over all callers; absent: each calls again as soon as it has its answer. */
  readonly callsPerSecond?: number;
  readonly transfersPerCall: number;
  /** The same for urgent calls; absent: as many. */
  readonly urgentTransfersPerCall?: number;
  /** Share of the calls whose payments are urgent, 0 … 1. */
  readonly highPriorityShare: number;
  /** Share of the calls that are content with `admitted`. */
  readonly admittedShare: number;
  /** Share of the calls that the bank signs itself, so that a later attempt may go to another node; needs keys. */
  readonly selfSignedShare: number;
  /** How long a node may wait for finality, ms. */
  readonly waitMs: number;
  /** Attempts at the same payments before a caller gives them up. */
  readonly attemptsMax: number;
  /** Reads over all nodes together. */
  readonly readsPerSecond: number;
  /** Names of the nodes whose banks pay; absent: all. */
  readonly payers?: readonly string[];
}

/** A steady load that leaves the machine room for the nodes. */
export const STEADY_PROFILE: LoadProfile = {
  callers: 24,
  callsPerSecond: 60,
  transfersPerCall: 10,
  highPriorityShare: 0.1,
  admittedShare: 0.1,
  selfSignedShare: 0.1,
  waitMs: 5_000,
  attemptsMax: 20,
  readsPerSecond: 20,
};

export interface LoadOptions {
  readonly nodes: readonly LoadNode[];
  /** Bytes of the genesis file; its customer accounts pay each other. */
  readonly genesis: Uint8Array;
  readonly profile: LoadProfile;
  readonly recorder: Recorder;
}

export interface RunningLoad {
  setProfile(profile: LoadProfile): void;
  /** Ends when every call under way has its answer or its timeout. */
  stop(): Promise<void>;
}

/** Callers of all profiles together; each has a connection of its own. */
const CALLERS_MAX = 4_096;
/** After so many payments callers rest: a history has its bounds. */
const PAYMENTS_MAX = 1_000_000;
/** What a client waits beyond the time that it gave the node, ms. */
const CLIENT_PATIENCE_MS = 3_000;
/** Customers of each bank that take part. */
const ACCOUNTS_PER_BANK = 64;
const PRIORITY_HIGH = 1;
/** Between two attempts at the same payments, growing, with a random half so that callers do not march in step. */
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 2_000;
/** Ids that readers ask for. */
const RECENT_MAX = 1_024;

/**
 * Starts clients that pay, repeat what got no clear answer with the same ids, and read in between, all over JSON-RPC.
 * Everything they send and hear is recorded.
 *
 * @throws {RangeError} for more than 4,096 callers, or if fewer than two banks have customers
 */
export function startLoad(options: LoadOptions): RunningLoad {
  return new Load(options);
}

/** One call's payments on their way, however many attempts it takes. */
interface Delivery {
  readonly client: string;
  readonly payer: LoadNode;
  readonly payments: readonly Payment[];
  readonly waitFor: "admitted" | "final";
  readonly isSelfSigned: boolean;
}

class Load implements RunningLoad {
  readonly #options: LoadOptions;
  readonly #chainId: Digest;
  readonly #customers: ReadonlyMap<number, readonly string[]>;
  readonly #pacer = new Pacer();
  readonly #callers = new Map<number, Promise<void>>();
  readonly #clients = new Map<string, SabhaClient>();
  readonly #recent: string[] = [];
  readonly #reads: { stop(): Promise<void> };
  #profile: LoadProfile;
  #calls = 0;
  #payments = 0;
  #isOver = false;

  constructor(options: LoadOptions) {
    const parsed = parseGenesis(options.genesis);
    if (!parsed.ok) throw new RangeError("the genesis file cannot be read");
    this.#options = options;
    this.#chainId = chainIdOf(sha256, options.genesis);
    this.#customers = customersOf(parsed.genesis);
    if (this.#customers.size < 2) throw new RangeError("fewer than two banks have customers");
    this.#profile = options.profile;
    this.#reads = startReading({
      nodes: options.nodes,
      recorder: options.recorder,
      accounts: [...this.#customers.values()].flat(),
      recentTransfers: this.#recent,
      readsPerSecond: () => this.#profile.readsPerSecond,
    });
    this.setProfile(options.profile);
  }

  setProfile(profile: LoadProfile): void {
    if (profile.callers > CALLERS_MAX) throw new RangeError(`more than ${CALLERS_MAX} callers`);
    this.#profile = profile;
    this.#pacer.setRate(profile.callsPerSecond);
    for (let number = 0; number < profile.callers; number += 1) {
      if (this.#isOver || this.#callers.has(number)) continue;
      const ended = this.#callOnAndOn(number).finally(() => this.#callers.delete(number));
      this.#callers.set(number, ended);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#pacer.stop();
    await Promise.all([...this.#callers.values(), this.#reads.stop()]);
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  async #callOnAndOn(number: number): Promise<void> {
    for (;;) {
      await this.#pacer.next();
      const payer = this.#payer(number);
      const isWanted = number < this.#profile.callers && this.#payments < PAYMENTS_MAX;
      if (this.#isOver || !isWanted || payer === undefined) return;
      const { admittedShare, selfSignedShare } = this.#profile;
      await this.#deliver({
        client: `${payer.name}/${number}`,
        payer,
        payments: this.#newPayments(payer),
        waitFor: Math.random() < admittedShare ? "admitted" : "final",
        isSelfSigned: payer.key !== undefined && Math.random() < selfSignedShare,
      });
    }
  }

  #payer(number: number): LoadNode | undefined {
    const { payers } = this.#profile;
    const nodes = this.#options.nodes.filter(
      ({ name, participant }) => payers?.includes(name) !== false && this.#customers.has(participant),
    );
    return nodes[number % nodes.length];
  }

  #newPayments(payer: LoadNode): readonly Payment[] {
    const { transfersPerCall, urgentTransfersPerCall, highPriorityShare } = this.#profile;
    const priority = Math.random() < highPriorityShare ? PRIORITY_HIGH : 0;
    const length = priority > 0 ? (urgentTransfersPerCall ?? transfersPerCall) : transfersPerCall;
    const own = this.#customers.get(payer.participant) ?? [];
    const others = [...this.#customers].filter(([bank]) => bank !== payer.participant).map(([, accounts]) => accounts);
    const payments = Array.from({ length }, (): Payment => {
      return {
        id: newTransferId(payer.participant),
        debitAccountId: pick(own),
        creditAccountId: pick(pick(others)),
        amount: String(100 + Math.floor(Math.random() * 900)),
        priority,
      };
    });
    this.#payments += payments.length;
    const { id } = payments[0] as Payment;
    if (this.#recent.length < RECENT_MAX) this.#recent.push(id);
    else this.#recent[Math.floor(Math.random() * RECENT_MAX)] = id;
    return payments;
  }

  /** Tries until there is a clear answer, with the same ids; a self-signed call turns to another node each time. */
  async #deliver(delivery: Delivery): Promise<void> {
    const { nodes } = this.#options;
    const home = nodes.indexOf(delivery.payer);
    for (let attempt = 1; attempt <= this.#profile.attemptsMax; attempt += 1) {
      const node = delivery.isSelfSigned ? nodes[(home + attempt - 1) % nodes.length] : delivery.payer;
      const heard = await this.#attempt(delivery, node ?? delivery.payer, attempt);
      if (heard.type === "answer") return;
      const grown = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** (attempt - 1));
      const asked = heard.type === "busy" ? heard.retryAfterMs : 0;
      await sleep(Math.max(asked, grown) * (1 + Math.random() / 2));
      if (this.#isOver) return;
    }
  }

  async #attempt(delivery: Delivery, node: LoadNode, attempt: number): Promise<ClientEvent> {
    const { recorder } = this.#options;
    const { client, payments, waitFor } = delivery;
    this.#calls += 1;
    const by = { client, node: node.name, call: this.#calls };
    recorder.add({ type: "submit", at: recorder.now(), ...by, attempt, waitFor, payments });
    const heard = await this.#submit(delivery, node);
    const event = { at: recorder.now(), ...by, ...heard };
    recorder.add(event);
    return event;
  }

  async #submit(delivery: Delivery, node: LoadNode): Promise<Heard> {
    const { waitMs } = this.#profile;
    try {
      const results = await this.#client(delivery, node).submitTransfers(delivery.payments, {
        waitFor: delivery.waitFor,
        timeoutMs: waitMs,
      });
      return { type: "answer", results };
    } catch (error) {
      return heardOf(error);
    }
  }

  /** One client per node and way of signing, without retries of its own: each attempt is recorded. */
  #client({ payer, isSelfSigned }: Delivery, node: LoadNode): SabhaClient {
    const name = isSelfSigned ? `${payer.name}→${node.name}` : node.name;
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const options = { url: node.url, retries: 0, timeoutMs: CLIENT_PATIENCE_MS };
    const { key } = payer;
    const client =
      isSelfSigned && key !== undefined
        ? new SabhaClient({
            ...options,
            key: { ...key, participant: payer.participant as ParticipantNumber, chainId: this.#chainId },
          })
        : new SabhaClient({ ...options, token: node.token });
    this.#clients.set(name, client);
    return client;
  }
}

type Unplaced<Event> = Event extends ClientEvent ? Omit<Event, "at" | "client" | "node" | "call"> : never;
/** What a client hears of a call, without when and where. */
type Heard = Unplaced<Extract<ClientEvent, { readonly call: number }>>;

/** What an error tells a client about its payments. */
function heardOf(error: unknown): Heard {
  if (!(error instanceof SabhaError)) throw error;
  switch (error.code) {
    case "busy": {
      const asked = error.data["retryAfterMs"];
      return { type: "busy", retryAfterMs: typeof asked === "number" ? asked : 0 };
    }
    case "timeout":
      return { type: "timeout", by: "node" };
    case "no_answer":
      return { type: "timeout", by: "client" };
    case "unreachable":
    case "bad_answer":
      return { type: "connection-lost" };
    default:
      return { type: "refused", code: error.code };
  }
}

/** Lets callers through at a rate; debt of more than a second is forgiven, so that a stall is no excuse for a burst. */
class Pacer {
  #periodMs = 0;
  #nextAt = 0;
  #isOver = false;

  setRate(perSecond: number | undefined): void {
    this.#periodMs = perSecond === undefined ? 0 : 1_000 / perSecond;
    this.#nextAt = performance.now();
  }

  stop(): void {
    this.#isOver = true;
  }

  async next(): Promise<void> {
    if (this.#periodMs === 0 || this.#isOver) return;
    const now = performance.now();
    const slot = Math.max(this.#nextAt, now - 1_000);
    this.#nextAt = slot + this.#periodMs;
    if (slot > now) await sleep(slot - now);
  }
}

/** Customer accounts in the default asset by participant number, the first few of each. */
function customersOf(genesis: Genesis): ReadonlyMap<number, readonly string[]> {
  const customers = new Map<number, string[]>();
  for (const { id, owner, asset, kind } of genesis.accounts) {
    if (kind !== "customer" || asset !== genesis.rulebook.defaultAsset) continue;
    const accounts = customers.get(owner) ?? [];
    customers.set(owner, accounts);
    if (accounts.length < ACCOUNTS_PER_BANK) accounts.push(id);
  }
  return customers;
}

function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T;
}

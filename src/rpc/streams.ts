import { participantOfId } from "../formats/index.js";
import type { Height, Id128, ParticipantNumber } from "../primitives/index.js";
import type { RpcLimits } from "./limits.js";
import type { NodeApi, OutcomeView } from "./ports.js";
import { renderBlock, renderEvent, renderTransfer } from "./render.js";

/**
 * Subscriptions of one connection. A subscription is a cursor into the executed ledger and nothing else: items are
 * read when the socket can take them, so there is no queue that could overflow, a resumed stream has no gap, and a
 * slow consumer costs no memory. One that takes nothing for too long is disconnected and resumes by its cursor.
 */
export type StreamName = "blocks" | "transfers" | "events";

export interface StreamFilter {
  readonly accountId?: Id128 | undefined;
  /** Whose batch it was, or whose account it touches. */
  readonly participant?: ParticipantNumber | undefined;
}

/** The socket as the streams need it. */
export interface StreamSocket {
  /** Sends one text; `flushed` is called when it has left this process. */
  send(text: string, flushed: () => void): void;
  bufferedBytes(): number;
  /** Ends the connection with a reason that the client sees. */
  end(reason: string): void;
}

export interface StreamTimers {
  /** On a later turn. */
  soon(callback: () => void): void;
  after(delayMs: number, callback: () => void): () => void;
}

/** The last item that the client has; the next one lies behind it. */
interface Position {
  readonly height: Height;
  /** Outcome within the block; absent: the whole block is behind. */
  readonly index: number | undefined;
}

interface Subscription {
  readonly id: string;
  readonly stream: StreamName;
  readonly filter: StreamFilter;
  position: Position;
  /** Height of the newest cursor that the client has heard. */
  toldHeight: number;
}

/** Outcomes read, and at most sent, in one turn; other work of the node goes between. */
const OUTCOMES_PER_TURN = 256;
const BLOCKS_PER_TURN = 32;
/** A filtered stream says where it is at least this often, so that resuming does not start far back. */
const SILENT_HEIGHTS_MAX = 1_024;

export class Streams {
  readonly #api: NodeApi;
  readonly #socket: StreamSocket;
  readonly #timers: StreamTimers;
  readonly #limits: Pick<RpcLimits, "subscriptionsPerConnectionMax" | "socketBufferBytesMax" | "slowConsumerMs">;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #unsubscribe: () => void;
  #nextId = 1;
  #isPumpDue = false;
  #cancelSlowTimer: (() => void) | undefined;
  #ended = false;

  constructor(options: {
    readonly api: NodeApi;
    readonly socket: StreamSocket;
    readonly timers: StreamTimers;
    readonly limits: Pick<RpcLimits, "subscriptionsPerConnectionMax" | "socketBufferBytesMax" | "slowConsumerMs">;
  }) {
    this.#api = options.api;
    this.#socket = options.socket;
    this.#timers = options.timers;
    this.#limits = options.limits;
    this.#unsubscribe = options.api.subscribe((fact) => {
      if (fact.type === "executed") this.#pumpSoon();
    });
  }

  /** @returns the id, or why there can be no such subscription */
  add(
    stream: StreamName,
    from: string | undefined,
    filter: StreamFilter,
  ): { readonly ok: true; readonly id: string } | { readonly ok: false; readonly fault: "too_many" | "bad_cursor" } {
    if (this.#subscriptions.size >= this.#limits.subscriptionsPerConnectionMax) return { ok: false, fault: "too_many" };
    const position =
      from === undefined ? { height: this.#api.status().executedHeight, index: undefined } : parseCursor(from);
    if (position === undefined) return { ok: false, fault: "bad_cursor" };
    const id = String(this.#nextId);
    this.#nextId += 1;
    this.#subscriptions.set(id, { id, stream, filter, position, toldHeight: position.height });
    this.#pumpSoon();
    return { ok: true, id };
  }

  remove(id: string): boolean {
    return this.#subscriptions.delete(id);
  }

  /** The connection is gone. */
  end(): void {
    this.#ended = true;
    this.#unsubscribe();
    this.#subscriptions.clear();
    this.#cancelSlowTimer?.();
  }

  #pumpSoon(): void {
    if (this.#isPumpDue || this.#ended || this.#subscriptions.size === 0) return;
    this.#isPumpDue = true;
    // Always a turn of its own: the answer to chain_subscribe leaves before the first item.
    this.#timers.soon(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#ended) return;
    let hasMore = false;
    for (const subscription of this.#subscriptions.values()) {
      if (this.#socket.bufferedBytes() >= this.#limits.socketBufferBytesMax) {
        this.#pause();
        return;
      }
      const moved =
        subscription.stream === "blocks" ? this.#pumpBlocks(subscription) : this.#pumpOutcomes(subscription);
      hasMore ||= moved;
    }
    if (hasMore) this.#pumpSoon();
  }

  /** Goes on when something has left, and gives up when nothing does. */
  #pause(): void {
    this.#cancelSlowTimer ??= this.#timers.after(this.#limits.slowConsumerMs, () => {
      this.#socket.end("slow consumer: resume from the last cursor");
      this.end();
    });
  }

  /** Something has left the socket. */
  resume(): void {
    this.#cancelSlowTimer?.();
    this.#cancelSlowTimer = undefined;
    this.#pumpSoon();
  }

  /** @returns whether there may be more to send at once */
  #pumpBlocks(subscription: Subscription): boolean {
    const executed = this.#api.status().executedHeight;
    const items: unknown[] = [];
    let { height } = subscription.position;
    while (height < executed && items.length < BLOCKS_PER_TURN) {
      height = (height + 1) as Height;
      const block = this.#api.block(height);
      if (block === undefined) break;
      items.push(renderBlock(block, false));
    }
    if (items.length === 0) return false;
    this.#send(subscription, { height, index: undefined }, items);
    return height < executed;
  }

  #pumpOutcomes(subscription: Subscription): boolean {
    const executed = this.#api.status().executedHeight;
    const items: unknown[] = [];
    let position = subscription.position;
    for (let read = 0, blocks = 0; read < OUTCOMES_PER_TURN && blocks < BLOCKS_PER_TURN; blocks += 1) {
      const isWithin = position.index !== undefined;
      const height = (isWithin ? position.height : position.height + 1) as Height;
      if (height > executed) break;
      const from = position.index === undefined ? 0 : position.index + 1;
      const page = this.#api.outcomes(height, { from, limit: OUTCOMES_PER_TURN - read });
      if (page === undefined) break;
      for (const outcome of page.items) {
        if (isWanted(subscription, outcome)) items.push(render(outcome));
      }
      read += page.items.length;
      const next = from + page.items.length;
      position = { height, index: next >= page.count ? undefined : next - 1 };
    }
    const hasMoved = position !== subscription.position;
    const isSilent = position.height - subscription.toldHeight >= SILENT_HEIGHTS_MAX;
    if (items.length > 0 || isSilent) this.#send(subscription, position, items);
    else subscription.position = position;
    return hasMoved && position.height <= executed;
  }

  #send(subscription: Subscription, position: Position, items: readonly unknown[]): void {
    subscription.position = position;
    subscription.toldHeight = position.height;
    const params = {
      subscription: subscription.id,
      stream: subscription.stream,
      cursor: position.index === undefined ? String(position.height) : `${position.height}:${position.index}`,
      items,
    };
    const text = JSON.stringify({ jsonrpc: "2.0", method: "chain_subscription", params });
    this.#socket.send(text, () => this.resume());
  }
}

/** `height` or `height:index`, both canonical; undefined for anything else. */
function parseCursor(text: string): Position | undefined {
  const match = /^(0|[1-9][0-9]{0,15})(?::(0|[1-9][0-9]{0,9}))?$/.exec(text);
  const height = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(height)) return undefined;
  return { height: height as Height, index: match[2] === undefined ? undefined : Number(match[2]) };
}

const render = (outcome: OutcomeView): unknown =>
  outcome.type === "transfer" ? renderTransfer(outcome.transfer) : renderEvent(outcome);

function isWanted({ stream, filter }: Subscription, outcome: OutcomeView): boolean {
  if ((outcome.type === "transfer") !== (stream === "transfers")) return false;
  const accounts = accountsOf(outcome);
  const submitter = outcome.type === "transfer" ? outcome.transfer.participant : outcome.participant;
  if (filter.accountId !== undefined && !accounts.includes(filter.accountId)) return false;
  if (filter.participant === undefined || submitter === filter.participant) return true;
  return accounts.some((id) => participantOfId(id) === filter.participant);
}

function accountsOf(outcome: OutcomeView): readonly Id128[] {
  switch (outcome.type) {
    case "transfer":
      return [outcome.transfer.debitAccountId, outcome.transfer.creditAccountId];
    case "transfer-expired":
    case "transfer-released":
      return [outcome.debitAccountId, outcome.creditAccountId];
    case "account-opened":
    case "account-action":
      return [outcome.accountId];
    case "window-settled":
    case "position-settled":
    case "proposal":
    case "ballot":
    case "key":
    case "ready":
      return [];
  }
}

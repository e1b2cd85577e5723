import { WebSocket } from "ws";
import { SabhaError } from "./errors.js";
import { errorOf, retryDelayMs } from "./transport.js";
import type { StreamItem, StreamName, SubscriptionFilter } from "./types.js";

export interface SubscriptionOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly stream: StreamName;
  readonly from: string;
  readonly filter: SubscriptionFilter | undefined;
  readonly signal: AbortSignal;
  /** Connections that may fail one after the other before the stream gives up. */
  readonly retries: number;
}

/** Messages taken from the socket and not yet by the reader; beyond it the socket waits. */
const MESSAGES_MAX = 16;
const MESSAGE_BYTES_MAX = 64 * 1_048_576;
const textDecoder = new TextDecoder();

/** One message of a stream. */
interface Delivery {
  readonly cursor: string;
  readonly items: readonly StreamItem["item"][];
}

/**
 * Items of a stream for ever. Each connection starts behind the last item that the reader took, so a lost one leaves
 * neither a gap nor a repetition.
 *
 * @throws {SabhaError} what the node refuses, or `unreachable` after all retries
 */
export async function* followStream(options: SubscriptionOptions): AsyncGenerator<StreamItem, void, undefined> {
  let cursor = options.from;
  let failures = 0;
  while (!options.signal.aborted) {
    const connection = new StreamConnection(options, cursor);
    try {
      for (;;) {
        const delivery = await connection.next();
        if (delivery === undefined) break;
        failures = 0;
        for (const [index, item] of delivery.items.entries()) {
          cursor = index === delivery.items.length - 1 ? delivery.cursor : cursorOf(options.stream, item);
          yield { stream: options.stream, cursor, item };
        }
        cursor = delivery.cursor;
      }
    } finally {
      connection.close();
    }
    if (options.signal.aborted) return;
    if (connection.refusal !== undefined) throw connection.refusal;
    failures += 1;
    if (failures > options.retries) {
      throw new SabhaError(`no connection to ${options.url}`, { code: "unreachable" });
    }
    await pause(retryDelayMs(undefined, failures), options.signal);
  }
}

const cursorOf = (stream: StreamName, item: StreamItem["item"]): string => {
  const { height, index } = item as { readonly height: number; readonly index?: number };
  return stream === "blocks" || index === undefined ? String(height) : `${height}:${index}`;
};

/** One WebSocket with one subscription. */
class StreamConnection {
  /** Why the node does not want this subscription; trying again would not help. */
  refusal: SabhaError | undefined;
  readonly #socket: WebSocket;
  readonly #deliveries: Delivery[] = [];
  readonly #onAbort = (): void => this.close();
  readonly #signal: AbortSignal;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: SubscriptionOptions, from: string) {
    this.#signal = options.signal;
    this.#socket = new WebSocket(options.url.replace(/^http/, "ws"), {
      maxPayload: MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
      handshakeTimeout: 10_000,
      ...(options.token === undefined ? {} : { headers: { authorization: `Bearer ${options.token}` } }),
    });
    const { stream, filter } = options;
    this.#socket.on("open", () => {
      const params = { stream, from, ...(filter === undefined ? {} : { filter }) };
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "chain_subscribe", params }));
    });
    this.#socket.on("message", (data) => this.#onMessage(textDecoder.decode(data as Uint8Array)));
    this.#socket.on("close", () => this.#end());
    // "close" follows; the reason does not matter, since the next connection tries again.
    this.#socket.on("error", () => this.#end());
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The next delivery, or `undefined` when the connection has ended. */
  async next(): Promise<Delivery | undefined> {
    while (this.#deliveries.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const delivery = this.#deliveries.shift();
    if (this.#socket.isPaused && this.#deliveries.length < MESSAGES_MAX) this.#socket.resume();
    return delivery;
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#socket.terminate();
    this.#end();
  }

  #onMessage(text: string): void {
    const message = parseMessage(text);
    if (message?.error !== undefined) {
      this.refusal = errorOf(message.error);
      this.#socket.close();
      this.#end();
    } else if (message?.method === "chain_subscription" && message.params !== undefined) {
      this.#deliveries.push(message.params);
      if (this.#deliveries.length >= MESSAGES_MAX) this.#socket.pause();
      this.#wake?.();
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

interface StreamMessage {
  readonly method?: string;
  readonly params?: Delivery;
  readonly error?: Parameters<typeof errorOf>[0];
}

function parseMessage(text: string): StreamMessage | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal.addEventListener("abort", finish, { once: true });
  });
}

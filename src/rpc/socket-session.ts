import type { RawData, WebSocket } from "ws";
import type { RpcLimits } from "./limits.js";
import type { Authentication } from "./method.js";
import type { RpcMetrics } from "./metrics.js";
import type { NodeApi } from "./ports.js";
import type { RpcService } from "./service.js";
import { Streams } from "./streams.js";

/** RFC 6455 status codes. */
const GOING_AWAY = 1001;
const NOT_TEXT = 1003;
const TRY_AGAIN_LATER = 1013;

/** Text of a close frame is at most 123 bytes. */
const SLOW_CONSUMER = "slow consumer: resume from the last cursor";

/**
 * One WebSocket connection. Messages are answered in their order, except that calls which wait for the chain do not
 * hold up others. While the client does not read its answers, nothing more is taken from it.
 */
export class SocketSession {
  readonly #socket: WebSocket;
  readonly #service: RpcService;
  readonly #limits: RpcLimits;
  readonly #authentication: Authentication;
  readonly #streams: Streams;
  readonly #gone = new AbortController();
  #pending = 0;

  constructor(options: {
    readonly socket: WebSocket;
    readonly api: NodeApi;
    readonly service: RpcService;
    readonly limits: RpcLimits;
    readonly metrics: RpcMetrics;
    readonly authentication: Authentication;
  }) {
    const { socket, metrics } = options;
    this.#socket = socket;
    this.#service = options.service;
    this.#limits = options.limits;
    this.#authentication = options.authentication;
    this.#streams = new Streams({
      api: options.api,
      limits: options.limits,
      timers: {
        soon: (callback) => void setImmediate(callback),
        after: (delayMs, callback) => {
          const timer = setTimeout(callback, delayMs).unref();
          return () => clearTimeout(timer);
        },
      },
      socket: {
        send: (text, flushed) => this.#send(text, flushed),
        bufferedBytes: () => socket.bufferedAmount,
        end: () => {
          metrics.droppedSlowConsumer();
          this.#end(TRY_AGAIN_LATER, SLOW_CONSUMER);
        },
      },
    });
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("close", () => this.#close());
    // The library closes the connection itself; a client that breaks the protocol is nothing to log.
    socket.on("error", () => undefined);
  }

  /** Ends the connection because the server stops. */
  stop(): void {
    this.#end(GOING_AWAY, "the node is stopping");
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (isBinary) {
      this.#end(NOT_TEXT, "JSON-RPC is text");
      return;
    }
    this.#pending += 1;
    if (this.#isFull()) this.#socket.pause();
    const call = { authentication: this.#authentication, signal: this.#gone.signal, streams: this.#streams };
    void this.#service.answer(bytesOf(data), call).then((text) => {
      if (text !== undefined) this.#send(text, () => this.#streams.resume());
      this.#pending -= 1;
      this.#takeMore();
    });
  }

  #isFull(): boolean {
    return (
      this.#pending >= this.#limits.callsPerConnectionMax ||
      this.#socket.bufferedAmount >= this.#limits.socketBufferBytesMax
    );
  }

  #takeMore(): void {
    if (this.#socket.isPaused && !this.#isFull()) this.#socket.resume();
  }

  #send(text: string, flushed: () => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(text, () => {
      this.#takeMore();
      flushed();
    });
  }

  /** Says goodbye, and does not wait for a client that does not listen. */
  #end(code: number, reason: string): void {
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), 1_000).unref();
    this.#close();
  }

  #close(): void {
    this.#gone.abort();
    this.#streams.end();
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

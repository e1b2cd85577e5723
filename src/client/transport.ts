import { SabhaError } from "./errors.js";

/** Where to send calls and how patiently. */
export interface TransportOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly retries: number;
}

export interface CallOptions {
  /** Longest wait for one answer, ms. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** An answer, and whether earlier attempts may have had an effect already. */
export interface Answered {
  readonly result: unknown;
  readonly attempts: number;
}

const FIRST_DELAY_MS = 100;
const DELAY_MS_MAX = 5_000;
/** Errors that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set(["busy", "syncing", "stopping", "unreachable", "no_answer"]);

const STANDARD_CODES: Readonly<Record<number, string>> = {
  [-32700]: "parse_error",
  [-32600]: "invalid_request",
  [-32601]: "method_not_found",
  [-32602]: "invalid_params",
  [-32603]: "internal_error",
};

/** JSON-RPC over HTTP with retries; `fetch` keeps connections alive. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #closed = new AbortController();
  #nextId = 1;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * Calls until there is an answer that does not pass by itself. Repeating is safe for every method of the
   * interface: reads change nothing, and submissions carry ids.
   *
   * @throws {SabhaError} the last error, after all retries
   */
  async call(method: string, params: unknown, options: CallOptions): Promise<Answered> {
    for (let attempts = 1; ; attempts += 1) {
      try {
        return { result: await this.#callOnce(method, params, options), attempts };
      } catch (error) {
        const isOver = options.signal?.aborted === true || this.#closed.signal.aborted;
        const isPassing = error instanceof SabhaError && PASSING.has(error.code);
        if (isOver || !isPassing || attempts > this.#options.retries) throw error;
        await this.#pause(retryDelayMs(error, attempts), options.signal);
      }
    }
  }

  close(): void {
    this.#closed.abort();
  }

  async #callOnce(method: string, params: unknown, { timeoutMs, signal }: CallOptions): Promise<unknown> {
    const id = this.#nextId;
    this.#nextId += 1;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signals = [deadline, this.#closed.signal, ...(signal === undefined ? [] : [signal])];
    let text: string;
    try {
      const response = await fetch(this.#options.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(this.#options.token === undefined ? {} : { authorization: `Bearer ${this.#options.token}` }),
        },
        body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
        signal: AbortSignal.any(signals),
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      if (deadline.aborted) {
        throw new SabhaError(`no answer from ${this.#options.url} within ${timeoutMs} ms`, { code: "no_answer" });
      }
      throw new SabhaError(`no connection to ${this.#options.url}`, { code: "unreachable" }, { cause: error });
    }
    return resultOf(text, id);
  }

  async #pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, delayMs);
      signal?.addEventListener("abort", finish, { once: true });
    });
    signal?.throwIfAborted();
  }
}

/** Doubling from 100 ms, and never before the node asked for it; the random half keeps clients apart. */
export function retryDelayMs(error: unknown, attempts: number): number {
  const asked = error instanceof SabhaError ? error.data["retryAfterMs"] : undefined;
  const grown = Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** (attempts - 1));
  const delayMs = Math.max(grown, typeof asked === "number" ? Math.min(asked, DELAY_MS_MAX) : 0);
  return delayMs * (1 + Math.random() / 2);
}

/** The result in a JSON-RPC answer. @throws {SabhaError} its error, or `bad_answer` */
function resultOf(text: string, id: number): unknown {
  const answer = parseAnswer(text);
  if (answer === undefined) throw new SabhaError("the answer is not JSON-RPC 2.0", { code: "bad_answer" });
  if (answer.error !== undefined) throw errorOf(answer.error);
  if (answer.id !== id) throw new SabhaError("the answer is not to the question", { code: "bad_answer" });
  return answer.result;
}

interface JsonRpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** An error of a node as a client sees it. */
export function errorOf(error: JsonRpcError): SabhaError {
  const data =
    typeof error.data === "object" && error.data !== null ? (error.data as Readonly<Record<string, unknown>>) : {};
  const own = data["code"];
  const code = typeof own === "string" ? own : (STANDARD_CODES[error.code] ?? "unknown_error");
  return new SabhaError(error.message, { code, rpcCode: error.code, data });
}

function parseAnswer(
  text: string,
): { readonly id?: unknown; readonly result?: unknown; readonly error?: JsonRpcError } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const answer = value as { readonly jsonrpc?: unknown; readonly result?: unknown; readonly error?: JsonRpcError };
    return answer.jsonrpc === "2.0" && (answer.result !== undefined || isError(answer.error)) ? answer : undefined;
  } catch {
    return undefined;
  }
}

const isError = (error: unknown): error is JsonRpcError =>
  typeof error === "object" &&
  error !== null &&
  typeof (error as JsonRpcError).code === "number" &&
  typeof (error as JsonRpcError).message === "string";

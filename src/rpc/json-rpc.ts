import { INTERNAL_ERROR, invalidRequest, METHOD_NOT_FOUND, PARSE_ERROR, type RpcFault, serverError } from "./errors.js";

/**
 * JSON-RPC 2.0 (jsonrpc.org/specification) over any transport: text in, text or nothing out. It knows
 * no method of ours; authorisation, readiness and parameters are checked behind `invoke`.
 */

export type RequestId = string | number | null;

export type Answer = { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly fault: RpcFault };

export interface Target {
  /** Whether the method may wait for the chain; others run one after the other within a batch. */
  readonly waits: boolean;
  /** @param params an object, an array, or `undefined` where the request has none */
  invoke(params: object | undefined): Answer | Promise<Answer>;
}

export interface DispatchOptions {
  /** The target of a method, or `undefined` if there is none of that name. */
  readonly target: (method: string) => Target | undefined;
  readonly batchMax: number;
  /** Objects and arrays inside each other. */
  readonly depthMax: number;
  readonly responseBytesMax: number;
  /** Something threw: never because of a client, so somebody has to know. */
  readonly onThrow: (error: unknown, method: string) => void;
}

/** Reads one message. Bytes that are no JSON, not UTF-8 or nested too deeply come back as the fault to answer with. */
function parseMessage(
  bytes: Uint8Array,
  depthMax: number,
):
  | { readonly ok: true; readonly value: unknown; readonly text: string }
  | { readonly ok: false; readonly fault: RpcFault } {
  const fault = nestingFault(bytes, depthMax);
  if (fault !== undefined) return { ok: false, fault };
  try {
    const text = utf8Decoder.decode(bytes);
    return { ok: true, value: JSON.parse(text), text };
  } catch {
    return { ok: false, fault: PARSE_ERROR };
  }
}

/** Answers one message; `undefined` where the specification wants no answer. Never throws because of a client. */
export async function dispatch(bytes: Uint8Array, options: DispatchOptions): Promise<string | undefined> {
  const parsed = parseMessage(bytes, options.depthMax);
  if (!parsed.ok) return errorText(null, parsed.fault);
  const { value, text } = parsed;
  if (!Array.isArray(value)) return answer(value, text, options, { bytesLeft: options.responseBytesMax });
  if (value.length === 0) return errorText(null, invalidRequest("a batch has at least one request"));
  if (value.length > options.batchMax) {
    return errorText(null, serverError("too_large", { limit: "batch", batchMax: options.batchMax }));
  }
  return answerBatch(value, text, options);
}

async function answerBatch(
  requests: readonly unknown[],
  text: string,
  options: DispatchOptions,
): Promise<string | undefined> {
  const budget = { bytesLeft: options.responseBytesMax };
  const answers: Promise<string | undefined>[] = [];
  for (const request of requests) {
    const answered = answer(request, text, options, budget);
    answers.push(answered);
    // Reads one by one, so that the budget is known before the next makes its answer; waiting calls at once.
    if (!mayWait(request, options)) await answered;
  }
  const texts = (await Promise.all(answers)).filter((item) => item !== undefined);
  return texts.length === 0 ? undefined : `[${texts.join(",")}]`;
}

function mayWait(request: unknown, options: DispatchOptions): boolean {
  const method = (request as { method?: unknown } | null)?.method;
  return typeof method === "string" && options.target(method)?.waits === true;
}

interface Budget {
  bytesLeft: number;
}

async function answer(
  request: unknown,
  text: string,
  options: DispatchOptions,
  budget: Budget,
): Promise<string | undefined> {
  const checked = checkRequest(request, text);
  if (!checked.ok) return errorText(checked.id, checked.fault);
  const { id, method, params } = checked;
  const answered = await invoke(method, params, options);
  if (id === undefined) return undefined;
  if (!answered.ok) return errorText(id, answered.fault);
  if (budget.bytesLeft <= 0) return errorText(id, serverError("too_large", { limit: "response" }));
  const result = JSON.stringify(answered.result ?? null);
  budget.bytesLeft -= result.length;
  if (budget.bytesLeft < 0) return errorText(id, serverError("too_large", { limit: "response" }));
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
}

async function invoke(method: string, params: object | undefined, options: DispatchOptions): Promise<Answer> {
  const target = options.target(method);
  if (target === undefined) return { ok: false, fault: METHOD_NOT_FOUND };
  try {
    return await target.invoke(params);
  } catch (error) {
    options.onThrow(error, method);
    return { ok: false, fault: INTERNAL_ERROR };
  }
}

type CheckedRequest =
  | {
      readonly ok: true;
      /** Absent for a notification. */
      readonly id: RequestId | undefined;
      readonly method: string;
      readonly params: object | undefined;
    }
  | { readonly ok: false; readonly id: RequestId; readonly fault: RpcFault };

function checkRequest(request: unknown, text: string): CheckedRequest {
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    return { ok: false, id: null, fault: invalidRequest("a request is an object") };
  }
  const { jsonrpc, method, params } = request as Record<string, unknown>;
  const hasId = Object.hasOwn(request, "id");
  const id = hasId ? (request as { id: unknown }).id : undefined;
  if (hasId && !isExactId(id, text)) {
    return {
      ok: false,
      id: null,
      fault: invalidRequest("an id is text, null or an integer below 2^53 without exponent"),
    };
  }
  const refuse = (reason: string): CheckedRequest => ({
    ok: false,
    id: (id ?? null) as RequestId,
    fault: invalidRequest(reason),
  });
  if (jsonrpc !== "2.0") return refuse('jsonrpc is "2.0"');
  if (typeof method !== "string") return refuse("method is text");
  if (params !== undefined && (typeof params !== "object" || params === null)) {
    return refuse("params is an object or an array");
  }
  return { ok: true, id: id as RequestId | undefined, method, params: params as object | undefined };
}

/**
 * An answer carries its request's id unchanged. `JSON.parse` rounds numbers, so a number is taken only where the body
 * spells it exactly as it would be echoed.
 */
function isExactId(id: unknown, text: string): boolean {
  if (id === null || typeof id === "string") return true;
  if (typeof id !== "number" || !Number.isSafeInteger(id) || Object.is(id, -0)) return false;
  const spelling = String(id);
  let found = false;
  for (const match of text.matchAll(NUMERIC_ID)) {
    if (!CANONICAL_INTEGER.test(match[1] as string)) return false;
    found ||= match[1] === spelling;
  }
  return found;
}

const NUMERIC_ID = /"id"\s*:\s*(-?[0-9][^\s,}\]]*)/g;
const CANONICAL_INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const errorText = (id: RequestId, fault: RpcFault): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${JSON.stringify(fault)}}`;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Place of the quote that ends a text. Most of a long body is one text of hexadecimal digits, found by native code. */
function endOfText(bytes: Uint8Array, start: number): number {
  let end = bytes.indexOf(QUOTE, start);
  if (end < 0) return bytes.length;
  for (let index = bytes.subarray(0, end).indexOf(BACKSLASH, start); index >= 0 && index < end; ) {
    // What stands behind a backslash is no end.
    if (index + 1 === end) end = bytes.indexOf(QUOTE, end + 1);
    if (end < 0) return bytes.length;
    index = bytes.subarray(0, end).indexOf(BACKSLASH, index + 2);
  }
  return end;
}

/**
 * Judges nesting before parsing, because a parser's memory grows with it. Brackets that are never closed are a parse
 * error whatever their number; everything else that is malformed is left to the parser.
 */
function nestingFault(bytes: Uint8Array, depthMax: number): RpcFault | undefined {
  let depth = 0;
  let deepest = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number;
    if (byte === QUOTE) {
      index = endOfText(bytes, index + 1);
    } else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth -= 1;
    }
  }
  if (deepest <= depthMax) return undefined;
  return depth === 0 ? serverError("too_large", { limit: "depth", depthMax }) : PARSE_ERROR;
}

import { z } from "zod";
import { type RpcFault, type ServerErrorCode, serverError } from "./errors.js";
import type { Answer } from "./json-rpc.js";
import type { RpcLimits } from "./limits.js";
import type { CheckedParams } from "./params.js";
import { checkParams } from "./params.js";
import type { NodeApi, TokenScope } from "./ports.js";
import type { Streams } from "./streams.js";

/** What a caller showed: nothing, a token that nobody made, or one with scopes. */
export type Authentication =
  | { readonly type: "anonymous" }
  | { readonly type: "unknown-token" }
  | { readonly type: "token"; readonly scopes: readonly TokenScope[] };

/** The circumstances of one call. */
export interface Call {
  readonly authentication: Authentication;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** Present over WebSocket. */
  readonly streams: Streams | undefined;
}

/** What every method works with. */
export interface MethodContext {
  readonly api: NodeApi;
  readonly limits: RpcLimits;
}

/** `read` is open to everybody where the server is configured so; the others always need a token. */
export type MethodScope = "read" | "submit" | "approve" | "govern";

/**
 * One entry of the table: everything that the server, the OpenRPC document and the tests know of a method.
 */
export interface Method {
  readonly name: string;
  readonly summary: string;
  readonly scope: MethodScope;
  /** `latest` is refused while the node catches up, and marked unsafe where its results are contradicted. */
  readonly answersFrom: "latest" | "anything";
  /** May wait for the chain. */
  readonly waits: boolean;
  readonly webSocketOnly: boolean;
  readonly params: z.ZodObject;
  readonly result: z.ZodType;
  readonly errors: readonly ServerErrorCode[];
  readonly invoke: (params: object | undefined, call: Call) => Answer | Promise<Answer>;
}

interface MethodDefinition<Shape extends z.ZodRawShape, Params> {
  readonly name: string;
  readonly summary: string;
  readonly scope?: MethodScope;
  readonly answersFrom?: "latest" | "anything";
  readonly waits?: boolean;
  readonly webSocketOnly?: boolean;
  readonly params: Shape;
  /** In place of the schema, where checking by schema would cost too much; accepts the same values. */
  readonly check?: (raw: object | undefined) => CheckedParams<Params>;
  readonly result: z.ZodType;
  readonly errors?: readonly ServerErrorCode[];
  readonly handle: (params: Params, call: Call) => Answer | Promise<Answer>;
}

/** Completes a definition with the checks that are the same for all methods. */
export function defineMethod<Shape extends z.ZodRawShape, Params = z.output<z.ZodObject<Shape>>>(
  context: MethodContext,
  definition: MethodDefinition<Shape, Params>,
): Method {
  const schema = z.strictObject(definition.params);
  const check =
    definition.check ?? ((raw: object | undefined) => checkParams(schema, raw) as unknown as CheckedParams<Params>);
  const answersFrom = definition.answersFrom ?? "anything";
  return {
    name: definition.name,
    summary: definition.summary,
    scope: definition.scope ?? "read",
    answersFrom,
    waits: definition.waits ?? false,
    webSocketOnly: definition.webSocketOnly ?? false,
    params: schema,
    result: definition.result,
    errors: definition.errors ?? [],
    invoke: async (raw, call) => {
      const checked = check(raw);
      if (!checked.ok) return checked;
      const fault = answersFrom === "latest" ? readFault(context.api) : undefined;
      if (fault !== undefined) return failed(fault);
      const answer = await definition.handle(checked.params, call);
      return answersFrom === "latest" ? marked(context.api, answer) : answer;
    },
  };
}

export const succeeded = (result: unknown): Answer => ({ ok: true, result });
export const failed = (fault: RpcFault): Answer => ({ ok: false, fault });

/** Why the newest state must not be read now. */
function readFault(api: NodeApi): RpcFault | undefined {
  const readiness = api.ready();
  if (readiness.ready || readiness.reason === "diverged") return undefined;
  return serverError(readiness.reason === "stopping" ? "stopping" : "syncing");
}

/** Why nothing may be submitted now. */
export function submitFault(api: NodeApi): RpcFault | undefined {
  const readiness = api.ready();
  if (readiness.ready) return undefined;
  switch (readiness.reason) {
    case "starting":
    case "syncing":
      return serverError("syncing");
    case "diverged":
      return serverError("diverged");
    case "stopping":
      return serverError("stopping");
  }
}

/** Says on every object, once this node's results are contradicted, that they must not be relied on. */
function marked(api: NodeApi, answer: Answer): Answer {
  const readiness = api.ready();
  if (!answer.ok || readiness.ready || readiness.reason !== "diverged") return answer;
  const mark = (value: unknown): unknown =>
    typeof value === "object" && value !== null ? { ...value, unsafe: true } : value;
  return succeeded(Array.isArray(answer.result) ? answer.result.map(mark) : mark(answer.result));
}

/** Whether the caller may use a method. */
export function accessFault(
  method: Pick<Method, "scope">,
  authentication: Authentication,
  openReads: boolean,
): RpcFault | undefined {
  if (authentication.type === "unknown-token") return serverError("unauthorized");
  if (method.scope === "read" && openReads) return undefined;
  if (authentication.type === "anonymous") return serverError("unauthorized");
  // Every token may read: whoever may submit has to see what became of it.
  if (method.scope === "read" || authentication.scopes.includes(method.scope)) return undefined;
  return serverError("forbidden", { scope: method.scope });
}

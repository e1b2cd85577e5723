/** Every error the server answers with: numeric codes of JSON-RPC 2.0 and stable names of our own. */

export type ServerErrorCode =
  | "busy"
  | "syncing"
  | "unauthorized"
  | "forbidden"
  | "too_large"
  | "not_found"
  | "timeout"
  | "refused"
  | "expired"
  | "not_yet_proven"
  | "diverged"
  | "stopping";

/** Numeric codes of our own errors; the name travels in `data.code` and is the one to match on. */
export const SERVER_ERRORS: Readonly<Record<ServerErrorCode, { readonly code: number; readonly message: string }>> = {
  busy: { code: -32000, message: "The node is busy; try again after data.retryAfterMs" },
  syncing: { code: -32001, message: "The node is catching up and does not answer from old data" },
  unauthorized: { code: -32002, message: "A valid bearer token is needed" },
  forbidden: { code: -32003, message: "The bearer token lacks the scope that this method needs" },
  too_large: { code: -32004, message: "The request or its answer is over the limit" },
  not_found: { code: -32005, message: "There is no such thing on this node" },
  timeout: { code: -32006, message: "Not final in time; it may still become final, and asking again is safe" },
  refused: { code: -32007, message: "The batch can never be ordered" },
  expired: {
    code: -32008,
    message: "The batch was not ordered before its last moment; submitting the ids again is safe",
  },
  not_yet_proven: { code: -32009, message: "Final, but no later certificate proves the result yet; ask again" },
  diverged: { code: -32010, message: "This node's results contradict certified ones; it takes no submissions" },
  stopping: { code: -32011, message: "The node is stopping" },
};

/** An error answer as a value; `data.code` is there for our own errors. */
export interface RpcFault {
  readonly code: number;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export const PARSE_ERROR: RpcFault = { code: -32700, message: "Parse error" };
export const INVALID_REQUEST: RpcFault = { code: -32600, message: "Invalid Request" };
export const METHOD_NOT_FOUND: RpcFault = { code: -32601, message: "Method not found" };
export const INTERNAL_ERROR: RpcFault = { code: -32603, message: "Internal error" };

export const invalidRequest = (reason: string): RpcFault => ({ ...INVALID_REQUEST, data: { reason } });

/**
 * Wrong parameters.
 *
 * @param path of the wrong field, for example `transfers[3].amount`; never holds client text beyond a field's name
 */
export const invalidParams = (path: string, reason: string): RpcFault => ({
  code: -32602,
  message: path === "" ? `Invalid params: ${reason}` : `Invalid params: ${path}: ${reason}`,
  data: { path, reason },
});

export const serverError = (code: ServerErrorCode, data: Readonly<Record<string, unknown>> = {}): RpcFault => ({
  ...SERVER_ERRORS[code],
  data: { code, ...data },
});

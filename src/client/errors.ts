/**
 * A call that did not give an answer. Match on `code`, which is stable: the `data.code` of the node's error
 * (`busy`, `syncing`, `unauthorized`, `forbidden`, `too_large`, `not_found`, `timeout`, `refused`, …), or
 * `parse_error`, `invalid_request`, `method_not_found`, `invalid_params`, `internal_error`, or one of the
 * client's own: `unreachable` (no connection, even after retries), `no_answer` (connected, but nothing came in
 * time), `bad_answer` (not JSON-RPC).
 */
export class SabhaError extends Error {
  override readonly name = "SabhaError";
  readonly code: string;
  /** Numeric JSON-RPC code; absent for the client's own. */
  readonly rpcCode: number | undefined;
  /** `data` of the JSON-RPC error, for example `{code, retryAfterMs}` or `{code, ids}`. */
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    message: string,
    fault: { readonly code: string; readonly rpcCode?: number; readonly data?: Readonly<Record<string, unknown>> },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = fault.code;
    this.rpcCode = fault.rpcCode;
    this.data = fault.data ?? {};
  }
}

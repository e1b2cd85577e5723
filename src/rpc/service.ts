import { METHOD_NOT_FOUND, type RpcFault } from "./errors.js";
import { type Answer, dispatch, type Target } from "./json-rpc.js";
import type { RpcLimits } from "./limits.js";
import { type Authentication, accessFault, type Call, type Method } from "./method.js";
import type { RpcMetrics } from "./metrics.js";
import type { RpcLog, TokenVerifier } from "./ports.js";

export interface ServiceOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly limits: RpcLimits;
  readonly metrics: RpcMetrics;
  readonly log: RpcLog;
  /** Whether reads need no token. */
  readonly openReads: boolean;
  /** A handler threw: an invariant broke or the machine failed, and the process may have to end. */
  readonly onThrow: (error: unknown) => void;
}

/** One message of either transport to its answer: method table, access, metrics. */
export class RpcService {
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** @returns the answer's text, or `undefined` where there is none to give */
  answer(bytes: Uint8Array, call: Call): Promise<string | undefined> {
    const { limits, log, onThrow } = this.#options;
    return dispatch(bytes, {
      target: (name) => this.#target(name, call),
      batchMax: limits.batchMax,
      depthMax: limits.depthMax,
      responseBytesMax: limits.responseBytesMax,
      onThrow: (error, method) => {
        log.error({ method: this.#options.methods.has(method) ? method : "unknown", error }, "RPC handler failed");
        onThrow(error);
      },
    });
  }

  #target(name: string, call: Call): Target | undefined {
    const method = this.#options.methods.get(name);
    const isServed = method !== undefined && (!method.webSocketOnly || call.streams !== undefined);
    if (!isServed) return { waits: false, invoke: () => this.#unknown() };
    return { waits: method.waits, invoke: (params) => this.#invoke(method, params, call) };
  }

  #unknown(): Answer {
    this.#options.metrics.requested("unknown", outcomeOf(METHOD_NOT_FOUND), 0);
    return { ok: false, fault: METHOD_NOT_FOUND };
  }

  async #invoke(method: Method, params: object | undefined, call: Call): Promise<Answer> {
    const started = performance.now();
    const answer = await this.#answer(method, params, call);
    const seconds = (performance.now() - started) / 1_000;
    this.#options.metrics.requested(method.name, answer.ok ? "ok" : outcomeOf(answer.fault), seconds);
    return answer;
  }

  #answer(method: Method, params: object | undefined, call: Call): Answer | Promise<Answer> {
    const fault = accessFault(method, call.authentication, this.#options.openReads);
    return fault === undefined ? method.invoke(params, call) : { ok: false, fault };
  }
}

const outcomeOf = (fault: RpcFault): string => {
  const code = fault.data?.["code"];
  return typeof code === "string" ? code : String(fault.code);
};

/** What the `Authorization` header shows. Anything but one bearer token is a token that nobody made. */
export function authenticate(header: string | undefined, tokens: TokenVerifier): Authentication {
  if (header === undefined) return { type: "anonymous" };
  const token = /^Bearer ([A-Za-z0-9._~+/=-]{1,512})$/i.exec(header)?.[1];
  const scopes = token === undefined ? undefined : tokens.scopesOf(token);
  return scopes === undefined ? { type: "unknown-token" } : { type: "token", scopes };
}

import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import websocket from "@fastify/websocket";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Registry } from "prom-client";
import { type BrowserGuard, browserFault } from "./browser-guard.js";
import { INVALID_REQUEST, type RpcFault, serverError } from "./errors.js";
import { BodyBudget, BodyError, readBody } from "./http-body.js";
import { errorText } from "./json-rpc.js";
import { RPC_LIMITS, type RpcLimits } from "./limits.js";
import { rpcMetrics } from "./metrics.js";
import type { NodeApi, RpcLog, TokenVerifier } from "./ports.js";
import { authenticate, RpcService } from "./service.js";
import { SocketSession } from "./socket-session.js";
import { methodTable } from "./table.js";

export interface RpcServerOptions {
  readonly api: NodeApi;
  /** Address to listen on; loopback unless an operator decides otherwise. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly tokens: TokenVerifier;
  readonly log: RpcLog;
  readonly limits?: Partial<RpcLimits>;
  /** Whether reads need no token; by default on loopback only. */
  readonly openReads?: boolean;
  readonly guard?: Partial<BrowserGuard>;
  readonly registry?: Registry;
  readonly version?: string;
  /** A handler threw: a broken invariant or a failed disk. The client hears -32603; the node may have to end. */
  readonly onThrow?: (error: unknown) => void;
}

export interface RpcServer {
  readonly url: string;
  readonly port: number;
  /** Takes no more, ends every connection and frees the port. */
  stop(): Promise<void>;
}

/** Why there is no server. */
export interface RpcServerFault {
  readonly code: "PORT_BUSY" | "PORT_FORBIDDEN" | "ADDRESS_UNAVAILABLE" | "LISTEN_FAILED";
  readonly host: string;
  readonly port: number;
}

/** The machine does not let us listen. Match on `fault.code`. */
export class RpcServerError extends Error {
  override readonly name = "RpcServerError";
  readonly fault: RpcServerFault;

  constructor(fault: RpcServerFault, options?: ErrorOptions) {
    super(`${fault.code}: ${fault.host} port ${fault.port}`, options);
    this.fault = fault;
  }
}

const LISTEN_FAULTS: Readonly<Record<string, RpcServerFault["code"]>> = {
  EADDRINUSE: "PORT_BUSY",
  EACCES: "PORT_FORBIDDEN",
  EADDRNOTAVAIL: "ADDRESS_UNAVAILABLE",
};

/** Bodies that may be arriving at one time, in longest bodies. */
const BODIES_AT_ONCE = 16;
const WEB_SOCKETS_MAX = 100;
const WEB_SOCKET_MESSAGE_BYTES_MAX = 4 * 1_048_576;
const HEADER_BYTES_MAX = 16_384;
const NO_BODY = new Uint8Array(0);
const JSON_TYPE = "application/json; charset=utf-8";

/**
 * Serves JSON-RPC over HTTP and WebSocket at `/`, and `/healthz`, `/readyz`, `/metrics`.
 *
 * @throws {RpcServerError} when the address cannot be listened on
 */
export async function createRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const limits: RpcLimits = { ...RPC_LIMITS, ...options.limits };
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    connectionTimeout: 0,
    keepAliveTimeout: 72_000,
    requestTimeout: limits.requestTimeoutMs,
    forceCloseConnections: true,
    return503OnClosing: false,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
  });
  app.server.maxConnections = limits.connectionsMax;
  const sessions = new Set<SocketSession>();
  await addRoutes(app, options, limits, sessions);
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    await app.close();
    const code = LISTEN_FAULTS[(error as { code?: string }).code ?? ""] ?? "LISTEN_FAILED";
    throw new RpcServerError({ code, host: options.host, port: options.port }, { cause: error });
  }
  const { port } = app.server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    port,
    async stop() {
      for (const session of sessions) session.stop();
      await app.close();
    },
  };
}

async function addRoutes(
  app: FastifyInstance,
  options: RpcServerOptions,
  limits: RpcLimits,
  sessions: Set<SocketSession>,
): Promise<void> {
  const { api, tokens } = options;
  const metrics = rpcMetrics(options.registry);
  const guard = { allowedHosts: [], allowedOrigins: [], ...options.guard };
  const service = new RpcService({
    methods: methodTable({ api, limits }, options.version ?? "0"),
    limits,
    metrics,
    log: options.log,
    openReads: options.openReads ?? isLoopback(options.host),
    onThrow: options.onThrow ?? (() => undefined),
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff").header("cache-control", "no-store");
    const fault = browserFault(request.headers, guard);
    if (fault === undefined) return undefined;
    metrics.refusedByGuard();
    return refuse(reply, 403, { ...INVALID_REQUEST, data: { reason: fault } });
  });
  parseJsonBodies(app, limits);
  app.setErrorHandler((error, _request, reply) => refuseTransport(error, reply, options.log));
  app.setNotFoundHandler((_request, reply) =>
    refuse(reply, 404, { ...INVALID_REQUEST, data: { reason: "JSON-RPC is at POST /" } }),
  );
  await app.register(websocket, {
    options: {
      maxPayload: Math.min(limits.bodyBytesMax, WEB_SOCKET_MESSAGE_BYTES_MAX),
      perMessageDeflate: false,
    },
  });
  app.post("/", async (request, reply) => {
    const call = {
      authentication: authenticate(request.headers.authorization, tokens),
      signal: goneSignal(reply),
      streams: undefined,
    };
    const text = await service.answer((request.body as Uint8Array | undefined) ?? NO_BODY, call);
    return text === undefined ? reply.code(204).send() : reply.type(JSON_TYPE).send(text);
  });
  app.route({
    method: "GET",
    url: "/",
    handler: (_request, reply) => refuse(reply, 405, { ...INVALID_REQUEST, data: { reason: "JSON-RPC is at POST /" } }),
    wsHandler: (socket, request) => {
      if (sessions.size >= WEB_SOCKETS_MAX) {
        socket.close(1013, "too many connections");
        return;
      }
      const authentication = authenticate(request.headers.authorization, tokens);
      const session = new SocketSession({ socket, api, service, limits, metrics, authentication });
      sessions.add(session);
      socket.on("close", () => sessions.delete(session));
    },
  });
  addProbes(app, api);
}

function addProbes(app: FastifyInstance, api: NodeApi): void {
  app.get("/healthz", (_request, reply) => reply.type(JSON_TYPE).send('{"ok":true}'));
  app.get("/readyz", (_request, reply) => {
    const readiness = api.ready();
    return reply
      .code(readiness.ready ? 200 : 503)
      .type(JSON_TYPE)
      .send(JSON.stringify(readiness));
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type("text/plain; version=0.0.4; charset=utf-8").send(await api.metrics()),
  );
}

/** Bodies arrive as bytes: the dispatcher reads JSON itself, so that it can answer -32700 and keep ids exact. */
function parseJsonBodies(app: FastifyInstance, limits: RpcLimits): void {
  const budget = new BodyBudget(BODIES_AT_ONCE * limits.bodyBytesMax);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (_request: FastifyRequest, payload: IncomingMessage) =>
    readBody(payload, limits.bodyBytesMax, budget),
  );
}

function refuseTransport(error: unknown, reply: FastifyReply, log: RpcLog): FastifyReply {
  const { statusCode, code } = error as { readonly statusCode?: number; readonly code?: string };
  if (statusCode === 415) {
    return refuse(reply, 415, { ...INVALID_REQUEST, data: { reason: "the content type is application/json" } });
  }
  if (error instanceof BodyError || statusCode === 413 || code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    // The rest of the body is not read, so the connection cannot be used again.
    reply.header("connection", "close");
    const isBusy = error instanceof BodyError && error.code === "busy";
    const fault = isBusy ? serverError("busy", { retryAfterMs: 1_000 }) : serverError("too_large", { limit: "body" });
    return refuse(reply, isBusy ? 503 : 413, fault);
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return refuse(reply, statusCode, INVALID_REQUEST);
  log.error({ error }, "HTTP request failed");
  return refuse(reply, 500, { code: -32603, message: "Internal error" });
}

function refuse(reply: FastifyReply, statusCode: number, fault: RpcFault): FastifyReply {
  const { raw } = reply.request;
  // The HTTP server has let go of the socket of an upgrade, so nobody else would close it.
  if (raw.headers.upgrade !== undefined) reply.raw.once("finish", () => raw.socket.destroySoon());
  return reply.code(statusCode).type(JSON_TYPE).send(errorText(null, fault));
}

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

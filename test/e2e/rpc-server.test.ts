import { createHash } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { Registry } from "prom-client";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createRpcServer, type RpcServer, RpcServerError, type RpcServerOptions } from "../../src/rpc/index.js";
import { FakeNode, idOf } from "../fixtures/fake-node.js";

const TOKEN = "sabha_submit_secret";
const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const servers: RpcServer[] = [];

async function serve(
  options: Partial<RpcServerOptions> = {},
): Promise<{ node: FakeNode; url: string; registry: Registry }> {
  const node = new FakeNode();
  const registry = new Registry();
  const server = await createRpcServer({
    api: node,
    host: "127.0.0.1",
    port: 0,
    tokens: { scopesOf: (token) => (hash(token) === hash(TOKEN) ? ["submit"] : undefined) },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    registry,
    ...options,
  });
  servers.push(server);
  return { node, url: server.url, registry };
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

const post = (url: string, body: string | Uint8Array | ReadableStream, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: body as NonNullable<RequestInit["body"]>,
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit);

const call = async (url: string, method: string, params: object, headers: Record<string, string> = {}) =>
  (await (await post(url, JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }), headers)).json()) as {
    result?: unknown;
    error?: { code: number; data?: unknown };
  };

describe("over HTTP", () => {
  test("an answer is JSON with status 200, a notification has none", async () => {
    const { url } = await serve();
    const answer = await post(url, '{"jsonrpc":"2.0","id":1,"method":"chain_getStatus"}');
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await answer.json()).toMatchObject({ id: 1, result: { version: "1.2.3" } });
    const notified = await post(url, '{"jsonrpc":"2.0","method":"chain_getStatus"}');
    expect([notified.status, await notified.text()]).toEqual([204, ""]);
  });

  test("a body that is no JSON, or none, is a parse error", async () => {
    const { url } = await serve();
    for (const body of ["{", "", Uint8Array.of(0xff)]) {
      expect(await (await post(url, body)).json()).toMatchObject({ id: null, error: { code: -32700 } });
    }
  });

  test("attack 92: another content type is refused, so that no form can be posted here", async () => {
    const { url } = await serve();
    const answer = await post(url, '{"jsonrpc":"2.0","id":1,"method":"chain_getStatus"}', {
      "content-type": "text/plain",
    });
    expect(answer.status).toBe(415);
  });

  test("attack 92: a rebound host name and a foreign page are refused before anything is read", async () => {
    const { url, registry } = await serve();
    const { port } = new URL(url);
    const statusFor = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const sent = request({ host: "127.0.0.1", port, method: "POST", path: "/", headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        sent.on("error", reject);
        sent.end("{}");
      });
    const type = { "content-type": "application/json" };
    expect(await statusFor({ ...type, host: `attacker.example:${port}` })).toBe(403);
    expect(await statusFor({ ...type, origin: "http://attacker.example" })).toBe(403);
    expect(await statusFor({ ...type, origin: url })).toBe(200);
    expect(await registry.metrics()).toContain("sabha_rpc_foreign_pages_total 2");
  });

  test("attack 87: a long body is refused by its promise, and an endless one at the limit", async () => {
    const { url } = await serve({ limits: { bodyBytesMax: 10_000 } });
    const promised = await post(url, "x".repeat(10_001));
    expect(promised.status).toBe(413);
    expect(await promised.json()).toMatchObject({
      error: { code: -32004, data: { code: "too_large", limit: "body" } },
    });
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(1_000).fill(0x20));
      },
    });
    const refused = await post(url, endless).then(
      (answer) => answer.status,
      () => "cut off",
    );
    expect([413, "cut off"]).toContain(refused);
    expect(pulled).toBeLessThan(10_000);
    expect((await call(url, "chain_getStatus", {})).result).toBeDefined();
  });

  test("submissions need a token that somebody made", async () => {
    const { node, url } = await serve();
    const params = {
      transfers: [{ id: idOf(1, 7), debitAccountId: idOf(1, 1), creditAccountId: idOf(2, 2), amount: "1" }],
    };
    const codeWith = async (authorization: string | undefined) =>
      (await call(url, "ledger_submitTransfers", params, authorization === undefined ? {} : { authorization })).error
        ?.data;
    expect(await codeWith(undefined)).toEqual({ code: "unauthorized" });
    expect(await codeWith("Bearer wrong")).toEqual({ code: "unauthorized" });
    expect(await codeWith(`Basic ${TOKEN}`)).toEqual({ code: "unauthorized" });
    expect(await codeWith(`Bearer ${TOKEN} x`)).toEqual({ code: "unauthorized" });
    expect(node.records).toEqual([]);
    expect(await codeWith(`Bearer ${TOKEN}`)).toBeUndefined();
    expect(node.records.length).toBe(1);
  });

  test("8,190 transfers fit into one call", async () => {
    const { node, url } = await serve();
    const transfers = Array.from({ length: 8_190 }, (_, index) => ({
      id: idOf(1, index),
      debitAccountId: idOf(1, 1),
      creditAccountId: idOf(2, 2),
      amount: String(index + 1),
      reference: idOf(1, index),
    }));
    const answer = await call(url, "ledger_submitTransfers", { transfers }, { authorization: `Bearer ${TOKEN}` });
    expect((answer.result as unknown[]).length).toBe(8_190);
    expect(node.records[0]?.records.length).toBe(8_190 * 128);
  });

  test("a client that hangs up stops waiting on the node", async () => {
    const { node, url } = await serve();
    let gone: AbortSignal | undefined;
    const waiting = new Promise<void>((arrived) => {
      node.submitRecords = (submission) => {
        gone = submission.signal;
        arrived();
        return new Promise(() => undefined);
      };
    });
    const hangUp = new AbortController();
    const transfers = [{ id: idOf(1, 7), debitAccountId: idOf(1, 1), creditAccountId: idOf(2, 2), amount: "1" }];
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ledger_submitTransfers", params: { transfers } });
    const answer = fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
      body,
      signal: hangUp.signal,
    }).catch(() => "hung up");
    await waiting;
    const aborted = new Promise<void>((resolve) => gone?.addEventListener("abort", () => resolve(), { once: true }));
    hangUp.abort();
    expect(await answer).toBe("hung up");
    await aborted;
    expect(gone?.aborted).toBe(true);
  });

  test("subscriptions do not exist here", async () => {
    const { url } = await serve();
    expect((await call(url, "chain_subscribe", { stream: "blocks" })).error?.code).toBe(-32601);
    expect((await call(url, "settlement_getNothing", {})).error?.code).toBe(-32601);
  });

  test("probes and metrics", async () => {
    const { node, url, registry } = await serve();
    await call(url, "chain_getStatus", {});
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    node.readiness = { ready: false, reason: "syncing" };
    const notReady = await fetch(`${url}/readyz`);
    expect([notReady.status, await notReady.json()]).toEqual([503, { ready: false, reason: "syncing" }]);
    expect(await (await fetch(`${url}/metrics`)).text()).toBe("sabha_up_total 1\n");
    const metrics = await registry.metrics();
    expect(metrics).toContain('sabha_rpc_requests_total{method="chain_getStatus",outcome="ok"} 1');
    for (const name of metrics.matchAll(/^# TYPE (\S+)/gm)) expect(name[1]).toMatch(/_(?:total|seconds|bytes)$/);
    expect((await fetch(`${url}/other`)).status).toBe(404);
    expect((await fetch(url)).status).toBe(405);
  });

  test("a busy port is a typed failure", async () => {
    const { url } = await serve();
    const port = Number(new URL(url).port);
    const failure = await serve({ port }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RpcServerError);
    expect((failure as RpcServerError).fault).toEqual({ code: "PORT_BUSY", host: "127.0.0.1", port });
  });

  test("stopping ends connections that would stay", async () => {
    const { url } = await serve();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    socket.write("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    await servers.pop()?.stop();
    await closed;
  });
});

/** A WebSocket whose messages the test awaits one by one. */
async function open(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url.replace("http", "ws"), { headers });
  const messages: unknown[] = [];
  let wake: () => void = () => undefined;
  socket.on("message", (data) => {
    messages.push(JSON.parse((data as Buffer).toString("utf8")));
    wake();
  });
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  const next = async (): Promise<unknown> => {
    while (messages.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return messages.shift();
  };
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once("close", (code, reason) => resolve({ code, reason: String(reason) })),
  );
  return { socket, next, closed };
}

describe("over WebSocket", () => {
  test("the same methods and errors, and streams after the answer that opens them", async () => {
    const { node, url } = await serve();
    node.append(2);
    const { socket, next } = await open(url);
    socket.send('{"jsonrpc":"2.0","id":1,"method":"chain_getStatus"}');
    expect(await next()).toMatchObject({ id: 1, result: { height: 1 } });
    socket.send("{");
    expect(await next()).toMatchObject({ id: null, error: { code: -32700 } });
    socket.send('{"jsonrpc":"2.0","id":2,"method":"chain_subscribe","params":{"stream":"transfers","from":"0"}}');
    expect(await next()).toEqual({ jsonrpc: "2.0", id: 2, result: { subscription: "1" } });
    expect(await next()).toMatchObject({
      method: "chain_subscription",
      params: { cursor: "1", items: [{ index: 0 }, { index: 1 }] },
    });
    node.append(1);
    expect(await next()).toMatchObject({ params: { cursor: "2" } });
    socket.send('{"jsonrpc":"2.0","id":3,"method":"chain_unsubscribe","params":{"subscription":"1"}}');
    expect(await next()).toEqual({ jsonrpc: "2.0", id: 3, result: true });
    socket.terminate();
  });

  test("attack 92: a foreign page gets no socket", async () => {
    const { url } = await serve();
    const failure = await open(url, { origin: "http://attacker.example" }).catch((error: unknown) => error);
    expect(String(failure)).toContain("403");
    const elsewhere = await open(`${url}/elsewhere`).catch((error: unknown) => error);
    expect(String(elsewhere)).toContain("404");
  });

  test("a message over the limit ends the connection", async () => {
    const { url } = await serve({ limits: { bodyBytesMax: 1_000 } });
    const { socket, closed } = await open(url);
    socket.send("x".repeat(1_001));
    expect((await closed).code).toBe(1009);
  });

  test("binary messages are not JSON-RPC", async () => {
    const { url } = await serve();
    const { socket, closed } = await open(url);
    socket.send(Uint8Array.of(1), { binary: true });
    expect((await closed).code).toBe(1003);
  });

  test("a client that does not read is disconnected, and its cursor still good", async () => {
    const { node, url } = await serve({ limits: { socketBufferBytesMax: 1, slowConsumerMs: 200 } });
    const padding = "x".repeat(20_000);
    for (let height = 0; height < 8; height += 1) node.append(256, { padding });
    const { socket, next, closed } = await open(url);
    socket.send('{"jsonrpc":"2.0","id":1,"method":"chain_subscribe","params":{"stream":"transfers","from":"0"}}');
    await next();
    socket.pause();
    // The socket's buffers are full and nothing is read: the server gives up, which a paused reader sees later.
    while (node.listeners > 0) await new Promise((resolve) => setImmediate(resolve));
    socket.resume();
    await closed;
    const again = await open(url);
    again.socket.send(
      '{"jsonrpc":"2.0","id":1,"method":"chain_subscribe","params":{"stream":"transfers","from":"7:255"}}',
    );
    await again.next();
    expect(await again.next()).toMatchObject({ params: { items: { length: 256, 0: { height: 8, index: 0 } } } });
    again.socket.terminate();
  });

  test("stopping the server says goodbye", async () => {
    const { url } = await serve();
    const { closed } = await open(url);
    await servers.pop()?.stop();
    expect(await closed).toEqual({ code: 1001, reason: "the node is stopping" });
  });
});

import { afterEach, describe, expect, test } from "vitest";
import {
  newTransferId,
  SabhaClient,
  type SabhaClientOptions,
  SabhaError,
  type StreamItem,
} from "../../src/client/index.js";
import { ed25519, sha256 } from "../../src/crypto/index.js";
import {
  batchDigest,
  decodeAccount,
  decodeAction,
  decodeTransfer,
  type Genesis,
  parseBatch,
  verifyBatchSignature,
} from "../../src/formats/index.js";
import type { Digest, ParticipantNumber } from "../../src/primitives/index.js";
import { createRpcServer, type RpcServer } from "../../src/rpc/index.js";
import { digestOf, FakeNode, idOf } from "../fixtures/fake-node.js";
import { genesisFile } from "../fixtures/proven-chain.js";

const servers: RpcServer[] = [];
const clients: SabhaClient[] = [];

async function serve(node = new FakeNode(), port = 0): Promise<{ node: FakeNode; server: RpcServer }> {
  const server = await createRpcServer({
    api: node,
    host: "127.0.0.1",
    port,
    tokens: { scopesOf: (token) => (token === "good" ? ["submit"] : undefined) },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  servers.push(server);
  return { node, server };
}

function clientOf(url: string, options: Partial<SabhaClientOptions> = {}): SabhaClient {
  const client = new SabhaClient({ url, token: "good", ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) await server.stop();
});

const TRANSFER = { id: idOf(1, 7), debitAccountId: idOf(1, 1), creditAccountId: idOf(2, 2), amount: 2_500n };

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const failure = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(SabhaError);
  return (failure as SabhaError).code;
};

describe("calls", () => {
  test("every read has its method", async () => {
    const { node, server } = await serve();
    node.append(2);
    const client = clientOf(server.url);
    expect(await client.getStatus()).toMatchObject({ height: 1 });
    expect(await client.getAccounts([idOf(1, 1), idOf(1, 2)])).toMatchObject([{ kind: "customer" }, null]);
    expect(await client.listAccounts({ limit: 1 })).toMatchObject({ items: [{}], cursor: "1:1" });
    expect(await client.getTransfers([idOf(1, 100_000)])).toMatchObject([{ result: "posted" }]);
    expect(await client.listTransfers()).toMatchObject({ cursor: "1:0" });
    expect(await client.getBlock(1, { full: true })).toMatchObject({ header: "010203" });
    expect(await client.getBlock(digestOf(1))).toMatchObject({ height: 1 });
    expect(await client.getFinality(1)).toMatchObject({ commit: { signers: [0, 1, 3] } });
    expect(new TextDecoder().decode(await client.getGenesis())).toContain("Test consortium");
    expect(await client.getConsensusStatus()).toMatchObject({ halt: { missing: ["HDFC", "ICICI"] } });
    expect(await client.getEvidence()).toMatchObject([{ name: "AXIS" }]);
    expect(await client.getPeers()).toMatchObject([{ name: "HDFC" }]);
    expect(await client.discover()).toMatchObject({ openrpc: "1.3.2" });
    node.proof = { type: "proven", proof: { format: "sabha/receipt/1" } };
    expect(await client.getReceipt(idOf(1, 7), { timeoutMs: 10 })).toEqual({ format: "sabha/receipt/1" });
    expect(await client.getBalanceProof(idOf(1, 1), 0)).toEqual({ format: "sabha/receipt/1" });
  });

  test("errors have stable codes", async () => {
    const { server } = await serve();
    const client = clientOf(server.url, { retries: 0 });
    expect(await codeOf(client.getBlock(99))).toBe("not_found");
    expect(await codeOf(client.getBlock("zz"))).toBe("invalid_params");
    expect(await codeOf(client.call("gov_abdicate", {}))).toBe("method_not_found");
    expect(await codeOf(clientOf(server.url, { token: "bad", retries: 0 }).submitTransfers([TRANSFER]))).toBe(
      "unauthorized",
    );
    expect(await codeOf(clientOf("http://127.0.0.1:9", { retries: 0 }).getStatus())).toBe("unreachable");
  });

  test("busy and syncing are waited out", async () => {
    const { node, server } = await serve();
    node.outcomesOfSubmissions = [
      { type: "busy", retryAfterMs: 1 },
      { type: "unavailable", reason: "syncing" },
      { type: "admitted", digest: digestOf(1) },
    ];
    expect(await clientOf(server.url).submitTransfers([TRANSFER])).toEqual([{ id: TRANSFER.id, status: "admitted" }]);
    expect(node.records.length).toBe(3);
  });

  test("a lost connection is retried until the node is back", async () => {
    const { node, server } = await serve();
    const client = clientOf(server.url);
    await client.getStatus();
    await servers.pop()?.stop();
    const answer = client.getStatus();
    await serve(node, server.port);
    expect(await answer).toMatchObject({ version: "1.2.3" });
  });

  test("what an attempt before the answer had done counts as this call's result", async () => {
    const { node, server } = await serve();
    node.append(1);
    const final = (result: string) =>
      ({ type: "final", digest: digestOf(1), height: 9 as never, results: [result] }) as const;
    const transfer = { ...TRANSFER, id: idOf(1, 100_000) };
    const client = clientOf(server.url);
    node.outcomesOfSubmissions = [{ type: "busy", retryAfterMs: 1 }, final("exists")];
    expect(await client.submitTransfers([transfer], { waitFor: "final" })).toEqual([
      { id: transfer.id, status: "final", result: "posted", height: 1 },
    ]);
    node.outcomesOfSubmissions = [final("exists")];
    expect(await client.submitTransfers([transfer], { waitFor: "final" })).toMatchObject([
      { result: "exists", height: 9 },
    ]);
  });

  test("a timeout is told with its ids, not repeated", async () => {
    const { node, server } = await serve();
    node.outcomesOfSubmissions = [{ type: "timeout", digest: undefined }];
    const failure = await clientOf(server.url)
      .submitTransfers([TRANSFER], { waitFor: "final", timeoutMs: 5 })
      .catch((error: unknown) => error as SabhaError);
    expect(failure).toMatchObject({ code: "timeout", data: { ids: [TRANSFER.id] } });
    expect(node.records.length).toBe(1);
  });

  test("an aborted call ends with the reason", async () => {
    const { node, server } = await serve();
    node.submitRecords = () => new Promise(() => undefined);
    const abort = new AbortController();
    const call = clientOf(server.url).submitTransfers([TRANSFER], { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
  });
});

describe("signing on the client", () => {
  const GENESIS = genesisFile("ed25519");

  async function signing(): Promise<{ node: FakeNode; client: SabhaClient; publicKey: Uint8Array }> {
    const { node, server } = await serve();
    node.genesisBytes = () => GENESIS;
    node.outcomesOfSubmissions = [{ type: "final", digest: digestOf(1), height: 3 as never, results: ["posted"] }];
    const { publicKey, secretKey } = ed25519.keysFromSeed(new Uint8Array(32).fill(7));
    const key = { participant: 1 as ParticipantNumber, chainId: digestOf(0xc) as Digest, publicKey, secretKey };
    const options: SabhaClientOptions = { url: server.url, key };
    const client = new SabhaClient(options);
    clients.push(client);
    return { node, client, publicKey };
  }

  test("needs no token and gives batches that validators accept", async () => {
    const { node, client, publicKey } = await signing();
    expect(await client.submitTransfers([TRANSFER], { waitFor: "final" })).toEqual([
      { id: TRANSFER.id, status: "final", result: "posted", height: 3 },
    ]);
    const bytes = node.batches[0]?.bytes as Uint8Array;
    const parsed = parseBatch(bytes);
    expect(parsed).toMatchObject({
      ok: true,
      header: { kind: "create_transfers", count: 1, participant: 1, chainId: digestOf(0xc) },
    });
    expect(parsed.ok && parsed.header.publicKey).toEqual(publicKey);
    expect(verifyBatchSignature(ed25519, bytes, batchDigest(sha256, bytes))).toBe(true);
    const { defaultAsset, defaultRail } = (JSON.parse(new TextDecoder().decode(GENESIS)) as Genesis).rulebook;
    expect(decodeTransfer(bytes, 128)).toMatchObject({
      id: TRANSFER.id,
      amount: "2500",
      asset: defaultAsset,
      rail: defaultRail,
    });
  });

  test("accounts and actions are signed alike", async () => {
    const { node, client } = await signing();
    await client.createAccounts([{ id: idOf(1, 5), kind: "customer" }]);
    await client.manageAccounts([{ id: idOf(1, 6), accountId: idOf(1, 5), action: "freeze" }]);
    expect(decodeAccount(node.batches[0]?.bytes as Uint8Array, 128)).toMatchObject({
      id: idOf(1, 5),
      owner: 1,
      kind: "customer",
    });
    expect(decodeAction(node.batches[1]?.bytes as Uint8Array, 128)).toMatchObject({
      accountId: idOf(1, 5),
      action: "freeze",
    });
  });

  test("a retry sends the very same batch, an expired one is signed anew", async () => {
    const { node, client } = await signing();
    const final = node.outcomesOfSubmissions[0] as (typeof node.outcomesOfSubmissions)[number];
    node.outcomesOfSubmissions = [{ type: "busy", retryAfterMs: 1 }, { type: "expired", digest: digestOf(1) }, final];
    await client.submitTransfers([TRANSFER], { waitFor: "final" });
    const digests = node.batches.map(({ bytes }) => batchDigest(sha256, bytes));
    expect(digests[0]).toBe(digests[1]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  test("wrong fields are told before anything is sent", async () => {
    const { node, client } = await signing();
    const failure = await client.submitTransfers([{ ...TRANSFER, amount: "1.5" }]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "invalid_params", data: { path: "transfers[0].amount" } });
    expect(node.batches).toEqual([]);
  });

  test("a new id begins with its participant and never repeats", () => {
    const ids = Array.from({ length: 100 }, () => newTransferId(0x0102));
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^00000102[0-9a-f]{24}$/);
  });
});

describe("streams", () => {
  const take = async (stream: AsyncGenerator<StreamItem>, count: number): Promise<string[]> => {
    const cursors: string[] = [];
    while (cursors.length < count) {
      const { value, done } = await stream.next();
      if (done === true) break;
      cursors.push(value.cursor);
    }
    return cursors;
  };

  test("a node that restarts leaves neither a gap nor a repetition", async () => {
    const { node, server } = await serve();
    node.append(3);
    const stream = clientOf(server.url).subscribe("transfers", { from: "0" });
    expect(await take(stream, 2)).toEqual(["1:0", "1:1"]);
    await servers.pop()?.stop();
    node.append(2);
    await serve(node, server.port);
    expect(await take(stream, 3)).toEqual(["1", "2:0", "2"]);
    await stream.return();
  });

  test("without a cursor a stream starts now, and ends with close", async () => {
    const { node, server } = await serve();
    node.append(1);
    const client = clientOf(server.url);
    const stream = client.subscribe("blocks");
    const first = take(stream, 1);
    while (node.listeners === 0) await new Promise((resolve) => setImmediate(resolve));
    node.append(0);
    expect(await first).toEqual(["2"]);
    const rest = take(stream, 1);
    await client.close();
    expect(await rest).toEqual([]);
  });

  test("what the node refuses is not tried again", async () => {
    const { server } = await serve();
    const stream = clientOf(server.url).subscribe("blocks", { from: "nonsense" });
    expect(await codeOf(stream.next())).toBe("invalid_params");
  });

  test("more than the client can hold waits in the node", async () => {
    const { node, server } = await serve();
    for (let height = 0; height < 60; height += 1) node.append(256);
    const stream = clientOf(server.url).subscribe("transfers", { from: "0" });
    const cursors = await take(stream, 60 * 256);
    expect(new Set(cursors).size).toBe(60 * 256);
    expect(cursors[cursors.length - 1]).toBe("60");
    await stream.return();
  });
});

import { describe, expect, test } from "vitest";
import { decodeTransfer } from "../../../src/formats/index.js";
import { RPC_LIMITS } from "../../../src/rpc/limits.js";
import { accessFault, type Call, type Method } from "../../../src/rpc/method.js";
import { methodTable } from "../../../src/rpc/table.js";
import { digestOf, FakeNode, idOf } from "../../fixtures/fake-node.js";

const CALL: Call = {
  authentication: { type: "anonymous" },
  signal: new AbortController().signal,
  streams: undefined,
};

function setUp() {
  const node = new FakeNode();
  node.append(2, { opens: true });
  node.append(1);
  const table = methodTable({ api: node, limits: RPC_LIMITS }, "1.2.3");
  const call = async (name: string, params?: object) => {
    const method = table.get(name);
    if (method === undefined) throw new Error(`no method ${name}`);
    const answer = await method.invoke(params, CALL);
    return answer.ok ? answer.result : answer.fault;
  };
  return { node, table, call };
}

const TRANSFER = {
  id: idOf(1, 77),
  debitAccountId: idOf(1, 1),
  creditAccountId: idOf(2, 2),
  amount: "2500",
};

/** Calls with answers, one at least for every method. */
const ANSWERED: readonly [string, object | undefined][] = [
  ["ledger_submitTransfers", { transfers: [TRANSFER] }],
  ["ledger_createAccounts", { accounts: [{ id: idOf(1, 5), kind: "customer" }] }],
  ["ledger_manageAccounts", { actions: [{ id: idOf(1, 6), accountId: idOf(1, 1), action: "freeze" }] }],
  ["ledger_getAccounts", { ids: [idOf(1, 1), idOf(1, 2)] }],
  ["ledger_listAccounts", { limit: 1 }],
  ["ledger_getTransfers", { ids: [idOf(1, 100_000), idOf(1, 3)] }],
  ["ledger_listTransfers", { accountId: idOf(1, 1) }],
  ["chain_getStatus", undefined],
  ["chain_getBlock", { height: 1 }],
  ["chain_getBlock", { height: "1", full: true }],
  ["chain_getBlock", { hash: digestOf(2) }],
  ["chain_getFinality", { height: 1 }],
  ["chain_getGenesis", {}],
  ["consensus_getStatus", {}],
  ["consensus_getEvidence", {}],
  ["net_getPeers", {}],
  ["rpc.discover", {}],
];

describe("the table of methods", () => {
  test.each(ANSWERED)("%s %j answers as its schema says", async (name, params) => {
    const { table, call } = setUp();
    const answer = await call(name, params);
    (table.get(name) as Method).result.parse(JSON.parse(JSON.stringify(answer)));
  });

  test("what is not in the table does not exist", () => {
    const { table } = setUp();
    for (const name of ["ledger_mint", "gov_decree", "__proto__"]) expect(table.has(name)).toBe(false);
  });

  test("the OpenRPC document has every method with its parameters, result and errors", async () => {
    const { table, call } = setUp();
    const document = (await call("rpc.discover")) as {
      openrpc: string;
      methods: { name: string; params: { name: string; required: boolean }[]; result: object; errors: object[] }[];
    };
    expect(document.openrpc).toBe("1.3.2");
    expect(document.methods.map((method) => method.name)).toEqual([...table.keys()]);
    const submit = document.methods.find((method) => method.name === "ledger_submitTransfers");
    expect(submit?.params.map(({ name, required }) => [name, required])).toEqual([
      ["transfers", true],
      ["waitFor", false],
      ["timeoutMs", false],
    ]);
    expect(submit?.errors).toContainEqual(expect.objectContaining({ code: -32000, data: { code: "busy" } }));
    expect(JSON.stringify(document)).not.toContain(
      '"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array"',
    );
  });

  test.each<[string, object, string]>([
    ["chain_getStatus", { verbose: true }, "verbose"],
    ["ledger_getAccounts", { ids: [idOf(1, 1), "x"] }, "ids[1]"],
    ["ledger_getAccounts", { ids: [] }, "ids"],
    ["ledger_getAccounts", {}, "ids"],
    ["ledger_getAccounts", { ids: [idOf(1, 1)], __proto__: null, constructor: 1 }, "constructor"],
    ["ledger_listAccounts", { limit: 501 }, "limit"],
    ["ledger_listAccounts", { cursor: "nonsense" }, "cursor"],
    ["ledger_listAccounts", { participant: 0 }, "participant"],
    ["chain_getBlock", { height: -1 }, "height"],
    ["chain_getBlock", { height: "01" }, "height"],
    ["chain_getBlock", { height: "9007199254740993" }, "height"],
    ["chain_getBlock", {}, ""],
    ["chain_getBlock", { height: 1, hash: digestOf(1) }, ""],
    ["chain_getBlock", { hash: digestOf(10).toUpperCase() }, "hash"],
    ["ledger_submitTransfers", { transfers: [TRANSFER], waitFor: "maybe" }, "waitFor"],
    ["ledger_submitTransfers", { transfers: [TRANSFER], timeoutMs: 10 ** 9 }, "timeoutMs"],
    ["ledger_submitTransfers", { transfers: [{ ...TRANSFER, amount: "1.0" }] }, "transfers[0].amount"],
    ["ledger_submitTransfers", { transfers: [TRANSFER], memo: 1 }, "memo"],
    [
      "ledger_createAccounts",
      { accounts: [{ id: idOf(1, 5), kind: "customer", balance: "5" }] },
      "accounts[0].balance",
    ],
    ["ledger_createAccounts", { accounts: [{ id: idOf(1, 5), kind: "savings" }] }, "accounts[0].kind"],
    [
      "ledger_manageAccounts",
      { actions: [{ id: idOf(1, 6), accountId: idOf(1, 1), action: "drain" }] },
      "actions[0].action",
    ],
    ["ledger_submitBatch", { batch: "XY" }, "batch"],
    ["ledger_getReceipt", { transferId: "1" }, "transferId"],
    ["ledger_getAccounts", [[idOf(1, 1)], "more"], "[1]"],
  ])("%s %j is refused with the path of the wrong field", async (name, params, path) => {
    expect(await setUp().call(name, params)).toMatchObject({ code: -32602, data: { path } });
  });

  test("parameters by position are those by name", async () => {
    const { call } = setUp();
    expect(await call("chain_getBlock", [1])).toEqual(await call("chain_getBlock", { height: 1 }));
  });

  test("amounts are decimal strings to the last unit", async () => {
    const { call } = setUp();
    expect(await call("ledger_getAccounts", { ids: [idOf(1, 1)] })).toMatchObject([
      { creditsPosted: "18446744073709551615", debitsPosted: "1" },
    ]);
    expect(await call("ledger_getTransfers", { ids: [idOf(1, 100_000)] })).toMatchObject([
      { amount: "9007199254740993" },
    ]);
  });

  test("a full block has its bytes, its batches and its outcomes", async () => {
    const { call } = setUp();
    expect(await call("chain_getBlock", { height: 1, full: true })).toMatchObject({
      header: "010203",
      batches: [{ bytes: "0405", kind: "create_transfers" }, { digest: digestOf(8) }],
      transfers: [{ index: 0 }, { index: 1 }],
      events: [{ type: "account-opened", index: 2 }],
    });
  });
});

describe("submissions", () => {
  test("transfers reach the node as records with the rulebook's defaults", async () => {
    const { node, call } = setUp();
    await call("ledger_submitTransfers", { transfers: [TRANSFER, { ...TRANSFER, id: idOf(1, 78) }], waitFor: "final" });
    const [submission] = node.records;
    expect(submission).toMatchObject({
      kind: "create_transfers",
      waitFor: "final",
      timeoutMs: RPC_LIMITS.waitMsDefault,
    });
    expect(decodeTransfer(submission?.records as Uint8Array, 128)).toMatchObject({
      id: idOf(1, 78),
      asset: 356,
      rail: 1,
    });
  });

  test("final results are paired with their ids", async () => {
    const { node, call } = setUp();
    node.outcomesOfSubmissions = [
      { type: "final", digest: digestOf(1), height: 9 as never, results: ["posted", "insufficient_funds"] },
    ];
    const transfers = [TRANSFER, { ...TRANSFER, id: idOf(1, 78) }];
    expect(await call("ledger_submitTransfers", { transfers, waitFor: "final" })).toEqual([
      { id: idOf(1, 77), status: "final", result: "posted", height: 9 },
      { id: idOf(1, 78), status: "final", result: "insufficient_funds", height: 9 },
    ]);
  });

  test("a refusal of the whole batch is the result of each record", async () => {
    const { node, call } = setUp();
    node.outcomesOfSubmissions = [
      { type: "final", digest: digestOf(1), height: 9 as never, results: ["key_not_registered"] },
    ];
    const transfers = [TRANSFER, { ...TRANSFER, id: idOf(1, 78) }];
    expect(await call("ledger_submitTransfers", { transfers })).toMatchObject([
      { result: "key_not_registered" },
      { result: "key_not_registered" },
    ]);
  });

  test.each([
    [
      { type: "busy", retryAfterMs: 50 },
      { code: -32000, data: { code: "busy", retryAfterMs: 50 } },
    ],
    [
      { type: "timeout", digest: digestOf(1) },
      { code: -32006, data: { code: "timeout", ids: [idOf(1, 77)], digest: digestOf(1) } },
    ],
    [
      { type: "timeout", digest: undefined },
      { code: -32006, data: { code: "timeout", ids: [idOf(1, 77)] } },
    ],
    [
      { type: "expired", digest: digestOf(1) },
      { code: -32008, data: { code: "expired", ids: [idOf(1, 77)] } },
    ],
    [
      { type: "refused", fault: "unknown_participant", detail: "d" },
      { code: -32007, data: { code: "refused", reason: "unknown_participant" } },
    ],
    [
      { type: "unavailable", reason: "stopping" },
      { code: -32011, data: { code: "stopping" } },
    ],
  ] as const)("%j becomes its error", async (outcome, fault) => {
    const { node, call } = setUp();
    node.outcomesOfSubmissions = [outcome];
    expect(await call("ledger_submitTransfers", { transfers: [TRANSFER] })).toMatchObject(fault);
  });

  test("a batch that is none is refused before it reaches the pool", async () => {
    const { node, call } = setUp();
    expect(await call("ledger_submitBatch", { batch: "00".repeat(400) })).toMatchObject({
      data: { code: "refused", reason: "malformed_batch" },
    });
    expect(node.batches).toEqual([]);
  });
});

describe("attack 93: a node that is behind", () => {
  test.each(["ledger_getAccounts", "ledger_getTransfers"])("%s says syncing instead of old data", async (name) => {
    const { node, call } = setUp();
    node.readiness = { ready: false, reason: "syncing" };
    expect(await call(name, { ids: [idOf(1, 1)] })).toMatchObject({ code: -32001, data: { code: "syncing" } });
  });

  test("it takes no submission", async () => {
    const { node, call } = setUp();
    node.readiness = { ready: false, reason: "syncing" };
    expect(await call("ledger_submitTransfers", { transfers: [TRANSFER] })).toMatchObject({
      data: { code: "syncing" },
    });
    expect(node.records).toEqual([]);
  });

  test("its status is open, and says so", async () => {
    const { node, call } = setUp();
    node.readiness = { ready: false, reason: "syncing" };
    expect(await call("chain_getStatus")).toMatchObject({ syncing: true });
  });

  test("a diverged node marks every object unsafe and takes nothing", async () => {
    const { node, call } = setUp();
    node.readiness = { ready: false, reason: "diverged" };
    const accounts = await call("ledger_getAccounts", { ids: [idOf(1, 1), idOf(1, 2)] });
    expect(accounts).toEqual([expect.objectContaining({ unsafe: true }), null]);
    expect(await call("ledger_listTransfers", {})).toMatchObject({ unsafe: true });
    expect(await call("ledger_submitTransfers", { transfers: [TRANSFER] })).toMatchObject({
      data: { code: "diverged" },
    });
  });
});

describe("proofs", () => {
  test("a receipt that is not there yet says so", async () => {
    const { node, call } = setUp();
    expect(await call("ledger_getReceipt", { transferId: idOf(1, 1) })).toMatchObject({ data: { code: "not_found" } });
    node.proof = { type: "not_yet_proven", height: 4 as never };
    expect(await call("ledger_getReceipt", { transferId: idOf(1, 1) })).toMatchObject({
      data: { code: "not_yet_proven", height: 4 },
    });
  });

  test("a caller may wait for the block that proves it", async () => {
    const { node, call } = setUp();
    const receipt = call("ledger_getReceipt", { transferId: idOf(1, 1), timeoutMs: 60_000 });
    expect(node.listeners).toBe(1);
    node.append(0);
    node.proof = { type: "proven", proof: { format: "sabha/receipt/1" } };
    node.append(0);
    expect(await receipt).toEqual({ format: "sabha/receipt/1" });
    expect(node.listeners).toBe(0);
  });
});

describe("access", () => {
  const token = (...scopes: ("submit" | "read" | "admin" | "govern")[]) => ({ type: "token", scopes }) as const;

  test.each([
    ["read", { type: "anonymous" }, true, undefined],
    ["read", { type: "anonymous" }, false, "unauthorized"],
    ["read", token("submit"), false, undefined],
    ["read", { type: "unknown-token" }, true, "unauthorized"],
    ["submit", { type: "anonymous" }, true, "unauthorized"],
    ["submit", { type: "unknown-token" }, true, "unauthorized"],
    ["submit", token("read"), true, "forbidden"],
    ["submit", token("read", "submit"), true, undefined],
    ["govern", token("submit"), true, "forbidden"],
    ["govern", token("govern"), false, undefined],
  ] as const)("scope %s for %j with open reads %s: %s", (scope, authentication, openReads, code) => {
    expect(accessFault({ scope }, authentication, openReads)?.data?.["code"]).toBe(code);
  });

  test("what the node signs needs a token; what a bank signed itself does not", () => {
    const { table } = setUp();
    const scoped = [...table.values()].filter((method) => method.scope === "submit").map((method) => method.name);
    expect(scoped).toEqual([
      "ledger_submitTransfers",
      "ledger_createAccounts",
      "ledger_manageAccounts",
      "settlement_submitSettleSet",
    ]);
  });
});

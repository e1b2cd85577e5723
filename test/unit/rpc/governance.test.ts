import { describe, expect, test } from "vitest";
import { BATCH_HEADER_BYTES, decodeGovernRecord, proposalContent } from "../../../src/formats/index.js";
import { RPC_LIMITS } from "../../../src/rpc/limits.js";
import type { Call, Method } from "../../../src/rpc/method.js";
import { methodTable } from "../../../src/rpc/table.js";
import { RULEBOOK } from "../../fixtures/consortium.js";
import { digestOf, FakeNode } from "../../fixtures/fake-node.js";
import {
  ballot,
  contentBytes,
  HDFC,
  id,
  proposal,
  SBI,
  VALIDATORS,
  validatorOf,
  YES,
} from "../../fixtures/governance.js";

const call: Call = {
  authentication: { type: "token", scopes: ["govern"] },
  signal: new AbortController().signal,
  streams: undefined,
};

function setUp() {
  const node = new FakeNode();
  const table = methodTable({ api: node, limits: RPC_LIMITS }, "0.0.0-test");
  const ask = async (name: string, params: object): Promise<unknown> => {
    const method = table.get(name) as Method;
    const answer = await method.invoke(params, call);
    if (!answer.ok) return answer.fault;
    return method.result.parse(JSON.parse(JSON.stringify(answer.result)));
  };
  return { node, table, ask };
}

const version = { kind: "version", content: { version: 2 } };

describe("governance over JSON-RPC", () => {
  test("what the node signs needs a token of scope govern; reading and trying out needs none", () => {
    const methods = [...setUp().table.values()].filter(({ name }) => name.startsWith("gov_"));
    expect(methods.map(({ name, scope }) => [name, scope])).toEqual([
      ["gov_propose", "govern"],
      ["gov_vote", "govern"],
      ["gov_sayReady", "govern"],
      ["gov_changeKeys", "govern"],
      ["gov_preflight", "read"],
      ["gov_getProposals", "read"],
      ["gov_getParticipants", "read"],
      ["gov_getRules", "read"],
    ]);
  });

  test("gov_propose signs a head and its content as one batch, and answers with the one id", async () => {
    const { node, ask } = setUp();
    const answer = await ask("gov_propose", { proposal: { id: id(SBI, 1), ...version, effectiveHeight: 9 } });
    expect(answer).toEqual([{ id: id(SBI, 1), status: "admitted" }]);
    const bytes = node.batches[0]?.bytes as Uint8Array;
    expect(decodeGovernRecord(bytes, BATCH_HEADER_BYTES)).toMatchObject({
      type: "proposal",
      kind: "version",
      effectiveHeight: 9,
    });
    expect(proposalContent(bytes)).toEqual(contentBytes(version.content));
  });

  test("gov_propose with dryRun submits nothing and tells the result", async () => {
    const { node, ask } = setUp();
    expect(await ask("gov_propose", { proposal: version, dryRun: true })).toMatchObject({ threshold: 3, voters: 4 });
    expect(node.batches).toEqual([]);
    expect(await ask("gov_propose", { proposal: version })).toMatchObject({
      code: -32602,
      data: { path: "proposal.id" },
    });
  });

  test.each([null, 1.5, { deep: [null] }])("content that has no canonical encoding is refused: %j", async (value) => {
    const { ask } = setUp();
    const answer = await ask("gov_preflight", { proposal: { kind: "version", content: { version: value } } });
    expect(answer).toMatchObject({ code: -32602, data: { path: "proposal.content" } });
  });

  test("gov_vote and gov_changeKeys make the records that they say", async () => {
    const { node, ask } = setUp();
    await ask("gov_vote", { id: id(SBI, 2), proposalId: id(SBI, 1), choice: "no" });
    const key = "ab".repeat(32);
    const change = { id: id(SBI, 3), change: "add", publicKey: key, scopes: ["govern"] };
    expect(await ask("gov_changeKeys", { changes: [change] })).toEqual([{ id: id(SBI, 3), status: "admitted" }]);
    const records = node.batches.map(({ bytes }) => decodeGovernRecord(bytes, BATCH_HEADER_BYTES));
    expect(records).toMatchObject([
      { type: "ballot", proposalId: id(SBI, 1), choice: "no", runs: 1 },
      { type: "key", change: "add", publicKey: key, scopes: ["govern"], effectiveHeight: 0 },
    ]);
    expect(await ask("gov_changeKeys", { changes: [{ ...change, scopes: [] }] })).toMatchObject({
      data: { path: "changes[0].scopes" },
    });
  });

  test("LEDG-48: gov_sayReady states what the node's own ledger says, and knows which proposals ask for it", async () => {
    const { node, ask } = setUp();
    const content = { validators: [...VALIDATORS, YES].map(validatorOf) };
    node.governed.block([proposal(1, { kind: "validators", content }), proposal(2, version as never)]);
    await ask("gov_sayReady", { id: id(SBI, 3), proposalId: id(SBI, 1) });
    expect(decodeGovernRecord(node.batches[0]?.bytes as Uint8Array, BATCH_HEADER_BYTES)).toMatchObject({
      ...{ type: "ready", proposalId: id(SBI, 1), executedHeight: 1 },
      stateRoot: node.governed.proposal(id(SBI, 1)).stateRoot,
    });
    for (const proposalId of [id(SBI, 2), id(SBI, 9)])
      expect(await ask("gov_sayReady", { id: id(SBI, 4), proposalId })).toMatchObject({ data: { path: "proposalId" } });
  });

  test("a proposal's result is one, for all its records", async () => {
    const { node, ask } = setUp();
    node.outcomesOfSubmissions = [{ type: "final", digest: digestOf(1), height: 4 as never, results: ["proposed"] }];
    const answer = await ask("gov_propose", { proposal: { id: id(SBI, 1), kind: "rulebook", content: RULEBOOK } });
    expect(answer).toEqual([{ id: id(SBI, 1), status: "final", result: "proposed", height: 4 }]);
  });

  test("gov_preflight shows the arithmetic of a smaller set before anybody has signed it", async () => {
    const { ask } = setUp();
    const content = { validators: VALIDATORS.slice(1).map(validatorOf) };
    const answer = await ask("gov_preflight", { proposal: { kind: "validators", content } });
    expect(answer).toMatchObject({
      result: "validators_out_of_range",
      validators: { before: { faults: 1, quorum: 3 }, after: { faults: 0 } },
      effects: ["n 4 → 3", "leaving: SBI", "survives 0 faults instead of 1", expect.any(String), expect.any(String)],
    });
  });

  test("proposals with their ballots, participants with their keys, and the rules in force", async () => {
    const { node, ask } = setUp();
    node.governed.block([proposal(1, version as never), ballot(HDFC, id(SBI, 1), "no", 1)]);
    expect(await ask("gov_getProposals", {})).toMatchObject({
      count: 1,
      proposals: [{ id: id(SBI, 1), state: "open", ballots: [{ participant: HDFC, choice: "no" }] }],
    });
    expect(await ask("gov_getProposals", { ids: [id(SBI, 1)] })).toMatchObject({
      proposals: [{ content: { version: 2 } }],
    });
    expect(await ask("gov_getProposals", { ids: [id(SBI, 2)] })).toEqual({ count: 1, proposals: [] });
    const { participants } = (await ask("gov_getParticipants", {})) as { participants: readonly object[] };
    expect(participants[SBI - 1]).toMatchObject({ name: "SBI", role: "bank", isValidator: true });
    expect(participants[YES - 1]).toMatchObject({ name: "YES", isValidator: false, keys: [{ activeFrom: 0 }] });
    expect(await ask("gov_getRules", {})).toMatchObject({
      height: 1,
      protocolVersion: 1,
      epoch: 0,
      rulebook: RULEBOOK,
    });
  });
});

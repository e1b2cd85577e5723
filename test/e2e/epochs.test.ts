import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKey } from "../../src/node/index.js";
import { type Node, startNode } from "../../src/node/node.js";
import { freePorts, sabha, until } from "../fixtures/command-line.js";

const BANKS = ["SBI", "HDFC", "ICICI", "AXIS", "YES"];
const nodes = new Map<string, Node>();
let directory: string;
let network: string;
const home = (name: string): string => join(network, name);

async function rpc<T>(name: string, method: string, params: object = {}): Promise<T> {
  const answer = await fetch(nodes.get(name)?.rpcUrl ?? "", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return ((await answer.json()) as { readonly result: T }).result;
}

interface Consensus {
  readonly epoch: number;
  readonly validators: readonly { readonly name: string; readonly isSelf: boolean; readonly connected: boolean }[];
}
const namesIn = ({ validators }: Consensus): string[] => validators.map(({ name }) => name).sort();
const consensus = (name: string): Promise<Consensus> => rpc(name, "consensus_getStatus");
const heightOf = async (name: string): Promise<number> =>
  (await rpc<{ readonly executedHeight: number }>(name, "chain_getStatus")).executedHeight;

const start = async (name: string): Promise<void> => {
  const path = join(home(name), "config.yaml");
  writeFileSync(path, readFileSync(path, "utf8").replace(/level: "?\w+"?/u, "level: error"));
  nodes.set(name, await startNode(home(name), "test"));
};

/** A bank of genesis gets the keys of a validator, ports of its own and a card. */
async function makeCandidate(name: string, port: number): Promise<string> {
  createKey(home(name), { purpose: "consensus", participant: name, algorithm: "bls12381" }, undefined);
  createKey(home(name), { purpose: "network", participant: name, algorithm: "ed25519" }, undefined);
  const path = join(home(name), "config.yaml");
  const text = readFileSync(path, "utf8")
    .replace(/listen: .*/u, `listen: /ip4/127.0.0.1/tcp/${port}`)
    .replace(/port: \d+/u, `port: ${port + 1}`);
  writeFileSync(path, text);
  const card = join(directory, `${name}.card.json`);
  expect(await sabha("genesis", "card", "--home", home(name), "--out", card)).toMatchObject({ exitCode: 0, err: "" });
  return card;
}

async function propose(...words: readonly string[]): Promise<string> {
  const command = ["governance", "propose", "validators", ...words, "--home", home("SBI"), "--json"];
  const ran = await sabha(...command);
  expect(ran, ran.err).toMatchObject({ exitCode: 0 });
  return (JSON.parse(ran.out) as { readonly id: string }).id;
}

async function vote(id: string, voters: readonly string[]): Promise<void> {
  for (const voter of voters) {
    const ran = await sabha(
      "governance",
      "vote",
      id,
      "yes",
      "--home",
      home(voter),
      "--rpc",
      nodes.get("SBI")?.rpcUrl ?? "",
    );
    expect(ran, ran.err).toMatchObject({ exitCode: 0 });
  }
}

const inEpoch = (epoch: number, names: readonly string[]): Promise<void> =>
  until(async () => {
    const seen = await Promise.all(names.map(consensus));
    return seen.every((status) => status.epoch === epoch);
  });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sabha-epochs-"));
  network = join(directory, "network");
  const basePort = await freePorts(10, 20_003 + 2 * ((process.pid * 11) % 5_000));
  const words = ["--banks", BANKS.join(","), "--validators", BANKS.slice(0, 4).join(",")];
  const made = await sabha("genesis", "network", ...words, "--base-port", String(basePort), "--out", network);
  expect(made).toMatchObject({ exitCode: 0, err: "" });
  for (const name of BANKS.slice(0, 4)) await start(name);
  await makeCandidate("YES", basePort + 8);
});
afterAll(async () => {
  for (const node of nodes.values()) await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

// One story: each test begins where the one before it ended.
describe("validators change in a network over libp2p", () => {
  let id: string;
  let early: string;

  test("EPOCH-8: a bank that a proposal names follows before it is decided", { timeout: 120_000 }, async () => {
    const paid = await sabha(
      ...["transfer", "--home", home("SBI"), "--from", "SBI/customer-1", "--to", "HDFC/customer-1"],
      ...["--amount", "1.00", "--json"],
    );
    early = (JSON.parse(paid.out) as { readonly id: string }).id;
    id = await propose("--add", join(directory, "YES.card.json"));
    await start("YES");
    await until(async () => (await heightOf("YES")) >= (await heightOf("SBI")) && (await heightOf("YES")) > 0);
    expect(namesIn(await consensus("YES"))).toEqual(["AXIS", "HDFC", "ICICI", "SBI"]);
    expect((await consensus("YES")).validators.some(({ isSelf }) => isSelf)).toBe(false);
  });

  test("EPOCH-4: it says that it is ready, and joins at the boundary", { timeout: 120_000 }, async () => {
    const url = nodes.get("YES")?.rpcUrl ?? "";
    const said = await sabha("governance", "ready", id, "--home", home("YES"), "--rpc", url);
    expect(said, said.err).toMatchObject({ exitCode: 0 });
    await vote(id, ["SBI", "HDFC", "ICICI"]);
    await inEpoch(1, BANKS);
    const { validators } = await consensus("YES");
    expect(namesIn({ epoch: 1, validators })).toEqual(["AXIS", "HDFC", "ICICI", "SBI", "YES"]);
    expect(validators.find(({ name }) => name === "YES")?.isSelf).toBe(true);
  });

  test("EPOCH-4, EPOCH-8: one leaves, and the newcomer's vote is needed from then on", {
    timeout: 180_000,
  }, async () => {
    await vote(await propose("--remove", "AXIS", "--accept-faults"), ["SBI", "HDFC", "ICICI", "YES"]);
    const staying = BANKS.filter((name) => name !== "AXIS");
    await inEpoch(2, staying);
    await nodes.get("AXIS")?.stop();
    nodes.delete("AXIS");
    await nodes.get("HDFC")?.stop();
    nodes.delete("HDFC");
    const paid = await sabha(
      ...["transfer", "--home", home("SBI"), "--from", "SBI/customer-1", "--to", "ICICI/customer-1"],
      ...["--amount", "2.00", "--json"],
    );
    expect(JSON.parse(paid.out)).toMatchObject({ result: "posted" });
  });

  test("EPOCH-6: receipts of the first and of the newest epoch verify from genesis alone", {
    timeout: 120_000,
  }, async () => {
    const file = join(directory, "early.json");
    const got = await sabha("receipt", "get", early, "--home", home("ICICI"), "--out", file);
    expect(got, got.err).toMatchObject({ exitCode: 0 });
    const genesis = join(network, "genesis.json");
    expect(await sabha("receipt", "verify", file, "--genesis", genesis)).toMatchObject({ exitCode: 0 });
    const paid = await sabha(
      ...["transfer", "--home", home("SBI"), "--from", "SBI/customer-1", "--to", "YES/customer-1"],
      ...["--amount", "3.00", "--json"],
    );
    const late = (JSON.parse(paid.out) as { readonly id: string }).id;
    const newest = join(directory, "late.json");
    expect(
      await sabha(
        "receipt",
        "get",
        late,
        "--home",
        home("YES"),
        "--rpc",
        nodes.get("YES")?.rpcUrl ?? "",
        "--out",
        newest,
      ),
    ).toMatchObject({
      exitCode: 0,
    });
    expect(readFileSync(newest, "utf8")).toContain('"epochs"');
    expect(await sabha("receipt", "verify", newest, "--genesis", genesis)).toMatchObject({ exitCode: 0 });
  });
});

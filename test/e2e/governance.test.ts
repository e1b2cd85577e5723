import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, sabha, until } from "../fixtures/command-line.js";

let directory: string;
let network: string;
let basePort: number;
const home = (name: string): string => join(network, name);
const url = (index: number): string => `http://127.0.0.1:${basePort + 2 * index + 1}`;

async function rpc<T>(index: number, method: string, params: object = {}): Promise<T> {
  const answer = await fetch(url(index), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return ((await answer.json()) as { readonly result: T }).result;
}

const executed = async (index: number): Promise<number> =>
  (await rpc<{ readonly executedHeight: number }>(index, "chain_getStatus")).executedHeight;

async function proposed(...words: readonly string[]): Promise<string> {
  const ran = await sabha("governance", "propose", ...words, "--home", home("SBI"), "--json");
  expect(ran).toMatchObject({ exitCode: 0 });
  const answer = JSON.parse(ran.out) as { readonly id: string; readonly result: string };
  expect(answer.result).toBe("proposed");
  return answer.id;
}

async function passed(id: string, ...options: readonly string[]): Promise<void> {
  for (const voter of ["SBI", "HDFC", "ICICI"]) {
    const words = ["governance", "vote", id, "yes", "--home", home(voter), "--rpc", url(0), ...options];
    expect(await sabha(...words)).toMatchObject({ exitCode: 0 });
  }
}

const activated = (id: string): Promise<void> =>
  until(async () => {
    const { proposals } = await rpc<{ proposals: { state: string }[] }>(0, "gov_getProposals", { ids: [id] });
    return proposals[0]?.state === "activated";
  });

const transfer = async (bank: string, amount: string): Promise<string> => {
  const words = ["--from", `${bank}/customer-1`, "--to", "HDFC/customer-2", "--amount", amount, "--json"];
  const ran = await sabha("transfer", "--home", home(bank), ...words);
  return (JSON.parse(ran.out) as { readonly result: string }).result;
};

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sabha-governance-"));
  network = join(directory, "network");
  basePort = await freePorts(8, 20_001 + 2 * ((process.pid * 7) % 5_000));
  const words = ["genesis", "network", "--banks", "SBI,HDFC,ICICI,AXIS"];
  const reserves = ["--reserve-funding", "1000000"];
  const made = await sabha(...words, ...reserves, "--base-port", String(basePort), "--out", network);
  expect(made).toMatchObject({ exitCode: 0, err: "" });
  expect(await sabha("devnet", "up", "--dir", network)).toMatchObject({ exitCode: 0 });
});
afterAll(async () => {
  await sabha("devnet", "down", "--dir", network);
  rmSync(directory, { recursive: true, force: true });
});

// One story: each test begins where the one before it ended.
describe("governance of a network of real processes, through the command line", () => {
  test("the rulebook changes at its height: payments of before stand, those after meet the new limit", async () => {
    expect(await transfer("SBI", "150000.00")).toBe("posted");
    const file = join(directory, "smaller.yaml");
    const text = readFileSync("config/rulebook.default.yaml", "utf8");
    writeFileSync(file, text.replace("maximum: 20000000\n", "maximum: 10000000\n"));
    const diff = await sabha("rulebook", "diff", file, "--home", home("SBI"), "--json");
    expect(JSON.parse(diff.out)).toEqual([{ member: "rail 1: maximum", before: "20000000", after: "10000000" }]);
    const id = await proposed("rulebook", file);
    await passed(id);
    await activated(id);
    expect(await transfer("SBI", "150000.00")).toBe("amount_above_rail_maximum");
    expect(await transfer("SBI", "100000.00")).toBe("posted");

    const receipt = join(directory, "proposal.json");
    const fetched = await sabha("receipt", "get", id, "--home", home("HDFC"), "--out", receipt);
    expect(fetched).toMatchObject({ exitCode: 0 });
    const verified = await sabha("receipt", "verify", receipt, "--genesis", join(network, "genesis.json"));
    expect(verified).toMatchObject({ exitCode: 0, out: expect.stringMatching(/activated/u) });

    const simulated = await sabha("rulebook", "simulate", file, "--rpc", url(1), "--from", "1", "--json");
    expect(JSON.parse(simulated.out)).toMatchObject({
      transfers: 3,
      changes: [{ before: "posted", after: "amount_above_rail_maximum", count: 1, sum: "15000000" }],
    });
  });

  test("a preflight shows the arithmetic of a smaller set, and nothing of it happens", async () => {
    const words = [
      "governance",
      "propose",
      "validators",
      "--remove",
      "AXIS",
      "--dry-run",
      "--home",
      home("SBI"),
      "--json",
    ];
    const ran = await sabha(...words);
    expect(ran).toMatchObject({ exitCode: 1, err: expect.stringContaining("3 validators where 4 to 31 are allowed") });
    expect(JSON.parse(ran.out)).toMatchObject({
      result: "validators_out_of_range",
      validators: { before: { faults: 1, quorum: 3 }, after: { faults: 0 } },
    });
  });

  test("a bank joins by vote and uses its keys through another bank's node", async () => {
    const pnb = join(directory, "PNB");
    expect(await sabha("genesis", "keys", "--home", pnb, "--participant", "PNB", "--no-validator")).toMatchObject({
      exitCode: 0,
    });
    const card = join(directory, "pnb.card.json");
    expect(await sabha("genesis", "card", "--home", pnb, "--out", card)).toMatchObject({ exitCode: 0 });
    const id = await proposed("participant", card);
    await passed(id);
    await activated(id);
    // Another node executes the same block a moment sooner or later.
    let number: number | undefined;
    await until(async () => {
      const answer = await rpc<{ participants: { name: string; number: number }[] }>(2, "gov_getParticipants");
      number = answer.participants.find(({ name }) => name === "PNB")?.number;
      return number !== undefined;
    });
    expect(number).toBe(6);

    copyFileSync(join(network, "genesis.json"), join(pnb, "genesis.json"));
    const config = join(pnb, "config.yaml");
    writeFileSync(config, readFileSync(config, "utf8").replace("participantNumber: 0", `participantNumber: ${number}`));
    const rotated = await sabha("key", "rotate", "--home", pnb, "--rpc", url(2), "--overlap-blocks", "0", "--json");
    expect(rotated).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(rotated.out)).toMatchObject({ revokedFrom: 0 });
  });

  test("LEDG-8: the authority opens what a newcomer needs, and the newcomer its own clearing account", async () => {
    const open = async (by: string, ...words: readonly string[]): Promise<Record<string, never>> => {
      const ran = await sabha("account", "open", ...words, "--home", by, "--rpc", url(0), "--json");
      expect(ran, ran.err).toMatchObject({ exitCode: 0 });
      return JSON.parse(ran.out) as Record<string, never>;
    };
    const settlement = await open(home("RBI"), "settlement", "PNB", "--fund", "5000.00");
    expect(settlement).toMatchObject({ opened: { result: "applied" }, funded: { result: "posted" } });
    const again = await open(home("RBI"), "settlement", "PNB", "--fund", "5000.00");
    expect(again).toMatchObject({ opened: { result: "exists" }, funded: { result: "exists" } });
    await open(home("RBI"), "reserve", "PNB", "--fund", "100.00");
    await open(join(directory, "PNB"), "clearing", "PNB");
    const accounts = await rpc<{ items: { kind: string; creditsPosted: string }[] }>(0, "ledger_listAccounts", {
      participant: 6,
    });
    expect(accounts.items.map(({ kind, creditsPosted }) => [kind, creditsPosted])).toEqual([
      ["settlement", "500000"],
      ["reserve", "10000"],
      ["clearing", "0"],
    ]);
    const shown = await sabha("account", "show", "SBI/reserve:INR", "--home", home("SBI"), "--json");
    expect(JSON.parse(shown.out)).toMatchObject({ kind: "reserve", creditsPosted: "100000000" });
    const foreign = await sabha("account", "open", "reserve", "HDFC", "--home", home("AXIS"));
    expect(foreign).toMatchObject({ exitCode: 1 });
  });

  test("the keys of a bank whose node is down are rotated through another's, with an overlap", async () => {
    const { pid } = JSON.parse(readFileSync(join(home("AXIS"), "node.pid"), "utf8")) as { readonly pid: number };
    process.kill(pid, "SIGKILL");
    const words = ["key", "rotate", "--home", home("AXIS"), "--rpc", url(0), "--overlap-blocks", "3", "--json"];
    const rotated = await sabha(...words);
    expect(rotated).toMatchObject({ exitCode: 0 });
    const { publicKey, revoked, revokedFrom } = JSON.parse(rotated.out) as Record<string, never>;
    await until(async () => (await executed(0)) >= Number(revokedFrom));
    expect(await sabha("devnet", "up", "--dir", network)).toMatchObject({ exitCode: 0 });
    expect(await transfer("AXIS", "1.00")).toBe("posted");
    const { participants } = await rpc<{ participants: { name: string; keys: object[] }[] }>(3, "gov_getParticipants");
    expect(participants.find(({ name }) => name === "AXIS")?.keys).toEqual([
      { publicKey: revoked, scopes: ["submit", "approve", "govern"], activeFrom: 0, revokedFrom },
      { publicKey, scopes: ["submit", "approve", "govern"], activeFrom: expect.any(Number) },
    ]);
  });

  test("LEDG-47: nodes stop with exit code 3 before they execute under a version that they do not know", async () => {
    const id = await proposed("version", "2");
    const honest = await sabha("governance", "vote", id, "yes", "--home", home("SBI"));
    expect(honest).toMatchObject({ exitCode: 1, err: expect.stringContaining("does not run the version") });
    await passed(id, "--runs", "2");
    await until(async () => (await sabha("devnet", "status", "--dir", network)).exitCode !== 0);
    const node = await sabha("node", "--home", home("SBI"));
    expect(node).toMatchObject({ exitCode: 3, err: expect.stringContaining("upgrade sabha and start the node again") });
    expect(node.err).not.toMatch(/\n\s+at /u);
  });
});

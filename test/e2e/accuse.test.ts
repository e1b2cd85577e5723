import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SabhaClient } from "../../src/client/index.js";
import { LocalNetwork } from "../../tools/local-network.js";
import { freePorts, until } from "../fixtures/command-line.js";
import { sabha } from "../unit/cli/terminal-recorder.js";

const HONEST = ["SBI", "HDFC", "ICICI", "YES"];
/** As `npm run build` leaves them. */
const NODE = ["dist/src/cli/main.js", "node"];
/** Votes for two blocks of one view: each peer gets another vote. */
const LIAR = ["dist/tools/faultnet/byzantine-node.js", "--behaviours", "conflicter"];

const directory = mkdtempSync(join(tmpdir(), "sabha-accuse-"));
const network = new LocalNetwork(join(directory, "network"));
const home = (name: string): string => join(network.directory, name);
const clients = new Map<string, SabhaClient>();
const client = (name: string): SabhaClient => clients.get(name) as SabhaClient;

async function run(...words: readonly string[]): Promise<string> {
  const ran = await sabha(...words);
  expect(ran, ran.err).toMatchObject({ exitCode: 0 });
  return ran.out;
}

const pay = async (): Promise<unknown> => {
  const words = ["--from", "SBI/customer-1", "--to", "HDFC/customer-1", "--amount", "1.00", "--json"];
  return JSON.parse(await run("transfer", "--home", home("SBI"), ...words));
};

beforeAll(async () => {
  const basePort = await freePorts(10, 20_007 + 2 * ((process.pid * 17) % 5_000));
  const words = ["--banks", [...HONEST, "AXIS"].join(), "--base-port", String(basePort), "--out", network.directory];
  await run("genesis", "network", ...words);
  for (const name of HONEST) clients.set(name, new SabhaClient({ url: network.url(name) }));
  for (const name of HONEST) network.launch(name, NODE);
  network.launch("AXIS", LIAR);
  await Promise.all([...HONEST, "AXIS"].map((name) => network.untilReady(name)));
});
afterAll(async () => {
  for (const one of clients.values()) await one.close();
  await network.stopAll();
  rmSync(directory, { recursive: true, force: true });
});

test("LEDG-44, attack 19: a validator that contradicts itself is put to the vote with one command, and is out", async () => {
  expect(await pay()).toMatchObject({ result: "posted" });
  await until(async () => {
    const evidence = await client("SBI").getEvidence();
    if (evidence.length === 0) await pay();
    return evidence.some(({ name }) => name === "AXIS");
  });
  const innocent = await sabha("governance", "accuse", "HDFC", "--home", home("SBI"));
  expect(innocent).toMatchObject({ exitCode: 1, err: expect.stringContaining("no evidence against HDFC") });
  const { id } = JSON.parse(await run("governance", "accuse", "--home", home("SBI"), "--json")) as { id: string };
  for (const name of HONEST) await run("governance", "vote", id, "yes", "--home", home(name));
  await until(async () => {
    const seen = await Promise.all(HONEST.map((name) => client(name).getConsensusStatus()));
    return seen.every(({ epoch }) => epoch === 1);
  });
  const { validators, quorum } = await client("YES").getConsensusStatus();
  expect(validators.map(({ name }) => name).sort()).toEqual([...HONEST].sort());
  expect(quorum).toBe(3);
  expect(await pay()).toMatchObject({ result: "posted" });
});

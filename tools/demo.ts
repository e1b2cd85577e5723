import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SabhaClient, type SubmitResult } from "../src/client/index.js";
import { verifyReceipt } from "../src/client/proofs.js";
import { sha256 } from "../src/crypto/index.js";
import {
  accountIdFromName,
  type CanonicalJson,
  canonicalJson,
  transferIdFromEndToEndId,
} from "../src/formats/index.js";
import { readHome } from "../src/node/index.js";
import { freePorts, LocalNetwork, quantile, sabha, until } from "./local-network.js";

const BANKS = ["SBI", "HDFC", "ICICI", "AXIS"] as const;
const BASE_PORT = 26_600;
const CALLERS = 16;
const PAYMENTS_EACH_PHASE = 400;
const keep = process.argv.includes("--keep");

const started = performance.now();
const directory = mkdtempSync(join(tmpdir(), "sabha-demo-"));
const network = new LocalNetwork(join(directory, "network"));
function say(text: string): void {
  const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(5);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

async function demonstrate(): Promise<void> {
  say(`genesis of a consortium of ${BANKS.join(", ")} and the RBI as authority`);
  const basePort = await freePorts(2 * BANKS.length, BASE_PORT);
  sabha("genesis", "network", "--banks", BANKS.join(","), "--out", network.directory, "--base-port", String(basePort));
  for (const bank of BANKS) network.launch(bank);
  await Promise.all(BANKS.map((bank) => network.untilReady(bank)));
  say("four nodes are up: real processes, libp2p between them, LevelDB below");

  const client = new SabhaClient({ url: network.url("SBI"), token: network.token("SBI"), timeoutMs: 60_000 });
  const payments = new Payments(client);
  await payments.make(PAYMENTS_EACH_PHASE);
  say(`${PAYMENTS_EACH_PHASE} interbank payments through SBI are final`);

  const viewsBefore = (await client.getConsensusStatus()).view;
  const victim = await killLeader(client);
  say(`killed the leader, ${victim} (SIGKILL)`);
  await payments.make(PAYMENTS_EACH_PHASE);
  const viewsAfter = (await client.getConsensusStatus()).view;
  say(`the other three went on: ${PAYMENTS_EACH_PHASE} more payments are final`);

  network.launch(victim);
  await network.untilReady(victim);
  await until(
    60_000,
    `${victim} caught up`,
    async () => (await statusOf(victim)).executedHeight >= (await statusOf("SBI")).executedHeight - 1,
  );
  say(`${victim} is back and has caught up to height ${(await statusOf(victim)).executedHeight}`);
  await payments.make(PAYMENTS_EACH_PHASE / 4);

  const receipt = await proveLast(client, payments.lastId);
  const roots = await equalRoots();
  say(
    `all nodes have the results root ${roots.resultsRoot.slice(0, 16)}… at height ${roots.height} and the state root ${roots.stateRoot.slice(0, 16)}… at height ${roots.stateHeight}`,
  );
  await client.close();
  const figures: readonly (readonly [string, string])[] = [
    ["wall time", `${((performance.now() - started) / 1_000).toFixed(1)} s`],
    ["transfers final", String(payments.final)],
    [
      "submit to final, ms",
      `p50 ${quantile(payments.latenciesMs, 0.5).toFixed(1)}, p99 ${quantile(payments.latenciesMs, 0.99).toFixed(1)}`,
    ],
    ["views from the kill to the last payment", String(viewsAfter - viewsBefore)],
    ["views voted out", String(await viewChanges())],
    ["receipt", receipt],
    ["state roots equal", "yes"],
  ];
  process.stdout.write("\nSummary\n");
  for (const [label, value] of figures) process.stdout.write(`  ${label.padEnd(42)}${value}\n`);
}

/** Interbank payments from SBI's customers, one JSON-RPC call each, a few callers at a time. */
class Payments {
  readonly latenciesMs: number[] = [];
  final = 0;
  lastId = "";
  readonly #client: SabhaClient;
  readonly #accounts: ReadonlyMap<string, string>;
  #sequence = 0;

  constructor(client: SabhaClient) {
    this.#client = client;
    const { genesis } = readHome(join(network.directory, "SBI"));
    const numbers = new Map(genesis.participants.map(({ name, number }) => [name, number]));
    this.#accounts = new Map(
      BANKS.flatMap((bank) => {
        const number = numbers.get(bank);
        if (number === undefined) throw new Error(`${bank} is not in the genesis file`);
        return [1, 2, 3, 4].map(
          (customer) => [`${bank}/${customer}`, accountIdFromName(sha256, number, `customer-${customer}`)] as const,
        );
      }),
    );
    const own = numbers.get("SBI");
    if (own === undefined) throw new Error("SBI is not in the genesis file");
    this.#transferId = (text) => transferIdFromEndToEndId(sha256, own, text);
  }

  readonly #transferId: (endToEndId: string) => string;

  async make(count: number): Promise<void> {
    const last = this.#sequence + count;
    const caller = async (): Promise<void> => {
      while (this.#sequence < last) await this.#pay((this.#sequence += 1));
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
  }

  async #pay(sequence: number): Promise<void> {
    const id = this.#transferId(`DEMO-${sequence}`);
    const creditor = BANKS[1 + (sequence % 3)];
    const transfer = {
      id,
      debitAccountId: this.#accounts.get(`SBI/${1 + (sequence % 4)}`) as string,
      creditAccountId: this.#accounts.get(`${creditor}/${1 + (sequence % 4)}`) as string,
      amount: String(100 + (sequence % 9_900)),
    };
    const begun = performance.now();
    const [result] = (await this.#client.submitTransfers([transfer], { waitFor: "final", timeoutMs: 30_000 })) as [
      SubmitResult,
    ];
    if (result.result !== "posted" && result.result !== "exists")
      throw new Error(`payment ${sequence} ended as ${result.result}`);
    this.latenciesMs.push(performance.now() - begun);
    this.final += 1;
    this.lastId = id;
  }
}

/** Waits until a node other than SBI's, through which the payments go, leads; kills it. */
async function killLeader(client: SabhaClient): Promise<string> {
  for (;;) {
    const status = await client.getConsensusStatus();
    const leader = status.validators.find(({ index }) => index === status.leader);
    if (leader === undefined || leader.name === "SBI") continue;
    await network.kill(leader.name);
    return leader.name;
  }
}

const statusOf = async (bank: string): ReturnType<SabhaClient["getStatus"]> => {
  const client = new SabhaClient({ url: network.url(bank) });
  try {
    return await client.getStatus();
  } finally {
    await client.close();
  }
};

/** Takes a receipt of the last payment and checks it with nothing but the genesis file. */
async function proveLast(client: SabhaClient, id: string): Promise<string> {
  const receipt = (await client.getReceipt(id, { timeoutMs: 20_000 })) as CanonicalJson;
  const file = join(directory, "receipt.json");
  writeFileSync(file, canonicalJson(receipt));
  const verdict = verifyReceipt(readFileSync(join(network.directory, "genesis.json")), readFileSync(file));
  if (!verdict.ok) throw new Error(`the receipt does not verify: ${JSON.stringify(verdict)}`);
  say(`receipt of payment ${id}: verified offline with genesis.json alone`);
  return "verified offline";
}

interface Roots {
  readonly height: number;
  readonly resultsRoot: string;
  readonly stateHeight: number;
  readonly stateRoot: string;
}

/** Waits until all nodes stand at one height, and demands equal roots there. */
async function equalRoots(): Promise<Roots> {
  let roots: Roots | undefined;
  await until(30_000, "all nodes stand at one height", async () => {
    const all = await Promise.all(BANKS.map(statusOf));
    const [first] = all;
    if (first === undefined || !all.every(({ executedHeight }) => executedHeight === first.executedHeight))
      return false;
    if (
      !all.every(({ resultsRoot, stateRoot }) => resultsRoot === first.resultsRoot && stateRoot === first.stateRoot)
    ) {
      throw new Error(`roots differ at height ${first.executedHeight}`);
    }
    roots = { ...first, height: first.executedHeight };
    return true;
  });
  return roots as Roots;
}

async function viewChanges(): Promise<number> {
  const metrics = await (await fetch(`${network.url("SBI")}/metrics`)).text();
  let sum = 0;
  for (const [, value] of metrics.matchAll(/^sabha_view_timeouts_total\{[^}]*\} (\d+)$/gm)) sum += Number(value);
  return sum;
}

/** Hands the nodes over to `sabha devnet`, which knows how to stop them later. */
async function keepRunning(): Promise<void> {
  await network.stopAll();
  sabha("devnet", "up", "--dir", network.directory);
  process.stdout.write("\nThe network stays up:\n");
  for (const bank of BANKS) {
    process.stdout.write(`  ${bank.padEnd(6)} ${network.url(bank)}   home ${join(network.directory, bank)}\n`);
  }
  process.stdout.write(`\nTry:          npx sabha status --home ${join(network.directory, "SBI")}\n`);
  process.stdout.write(`Stop it with: npx sabha devnet down --dir ${network.directory}\n`);
}

try {
  await demonstrate();
} catch (error) {
  process.stderr.write(`the demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write(`logs: ${network.directory}/*/node.log\n`);
  await network.stopAll();
  process.exit(1);
}
if (keep) await keepRunning();
else {
  await network.stopAll();
  rmSync(directory, { recursive: true, force: true });
}

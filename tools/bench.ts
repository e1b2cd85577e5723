import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { SabhaClient } from "../src/client/index.js";
import { ed25519, sha256 } from "../src/crypto/index.js";
import { accountIdFromName, signBatch } from "../src/formats/index.js";
import { readHome, readOperationKey } from "../src/node/index.js";
import { BATCH_RECORDS_MAX, fromHex, NOT_AFTER_WINDOW_MS, RECORD_BYTES } from "../src/primitives/index.js";
import { freePorts, LocalNetwork, quantile, sabha } from "./local-network.js";

interface Options {
  readonly validators: number;
  readonly batch: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly accounts: number;
  readonly inFlight: number;
  readonly clients: number;
  readonly scheme: string;
  readonly basePort: number;
  readonly json?: string;
  readonly profile?: string;
}

const whole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`a whole number from ${min} to ${max}`);
    return value;
  };

const program = new Command("bench")
  .description("Runs a consortium of real processes under load and measures durable, executed transfers.")
  .option("--validators <n>", "validators", whole(4, 31), 4)
  .option("--batch <n>", "transfers per signed batch", whole(1, BATCH_RECORDS_MAX), 1_000)
  .option("--seconds <s>", "measured time", whole(1, 3_600), 20)
  .option("--warmup <s>", "time before measuring", whole(0, 600), 3)
  .option("--accounts <n>", "customer accounts over all banks", whole(8, 2_000_000), 10_000)
  .option("--in-flight <n>", "batches that each client keeps under way", whole(1, 256), 4)
  .option("--clients <n>", "validators that take submissions; 0: all", whole(0, 31), 0)
  .option("--scheme <name>", "certificate scheme: bls12381 or ed25519", "bls12381")
  .option("--base-port <n>", "first port to try", whole(1_024, 65_000), 28_600)
  .option("--profile <dir>", "write a CPU profile of each node there")
  .option("--json <file>", "write the figures there");

async function bench(options: Options): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "sabha-bench-"));
  const banks = Array.from({ length: options.validators }, (_, index) => `BANK${String(index + 1).padStart(2, "0")}`);
  const { profile } = options;
  const flags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  const network = new LocalNetwork(join(directory, "network"), flags);
  try {
    process.stderr.write(`making a consortium of ${banks.length} banks with ${options.accounts} accounts\n`);
    const basePort = await freePorts(2 * banks.length, options.basePort);
    const accounts = createNetwork(directory, banks, { ...options, basePort });
    for (const bank of banks) network.launch(bank);
    await Promise.all(banks.map((bank) => network.untilReady(bank)));
    const figures = await run(network, banks, accounts, options);
    report(figures);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  } finally {
    await network.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

function createNetwork(directory: string, banks: readonly string[], options: Options): number {
  const each = Math.ceil(options.accounts / banks.length);
  const rows = ["participant,account,funding"];
  for (const bank of banks)
    for (let index = 0; index < each; index += 1) rows.push(`${bank},customer-${index},1000000`);
  const file = join(directory, "accounts.csv");
  writeFileSync(file, `${rows.join("\n")}\n`);
  sabha(
    ...["genesis", "network", "--banks", banks.join(","), "--out", join(directory, "network"), "--accounts", file],
    ...["--scheme", options.scheme, "--base-port", String(options.basePort), "--settlement-funding", "100000000000"],
  );
  return each;
}

/** Sends transfers of one bank's customers to those of the others. */
class Client {
  readonly latenciesMs: number[] = [];
  succeeded = 0;
  failed = 0;
  readonly #rpc: SabhaClient;
  readonly #sign: (records: Uint8Array) => Uint8Array;
  readonly #own: readonly Uint8Array[];
  readonly #others: readonly Uint8Array[];
  readonly #batch: number;
  readonly #template: Uint8Array;
  #sequence = 0;

  constructor(network: LocalNetwork, bank: string, ids: ReadonlyMap<string, readonly Uint8Array[]>, batch: number) {
    const home = readHome(join(network.directory, bank));
    const key = readOperationKey(home);
    const { number } = home.participant;
    this.#rpc = new SabhaClient({ url: network.url(bank), timeoutMs: 120_000 });
    this.#own = ids.get(bank) ?? [];
    this.#others = [...ids].filter(([name]) => name !== bank).flatMap(([, accounts]) => accounts);
    this.#batch = batch;
    this.#template = new Uint8Array(RECORD_BYTES);
    const view = new DataView(this.#template.buffer);
    view.setUint32(0, number, false);
    view.setBigUint64(48, 100n, true);
    view.setUint32(108, home.genesis.rulebook.defaultAsset, true);
    view.setUint8(114, home.genesis.rulebook.defaultRail);
    crypto.getRandomValues(this.#template.subarray(4, 12));
    this.#sign = (records) =>
      signBatch(
        { sha256, ed25519 },
        {
          kind: "create_transfers",
          chainId: home.chainId,
          participant: number,
          publicKey: key.publicKey,
          secretKey: key.secretKey,
          notAfter: Date.now() + NOT_AFTER_WINDOW_MS / 2,
          salt: crypto.getRandomValues(new Uint8Array(32)),
          records,
        },
      ).bytes;
  }

  /** One caller: sends a batch, waits until it is final, and again. */
  async loop(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const batch = this.#sign(this.#records());
      const started = performance.now();
      const results = await this.#rpc.submitBatch(batch, { waitFor: "final", timeoutMs: 60_000 });
      this.latenciesMs.push(performance.now() - started);
      for (const { result } of results) {
        if (result === "posted") this.succeeded += 1;
        else this.failed += 1;
      }
    }
  }

  startMeasuring(): void {
    this.latenciesMs.length = 0;
    this.succeeded = 0;
    this.failed = 0;
  }

  #records(): Uint8Array {
    const records = new Uint8Array(this.#batch * RECORD_BYTES);
    const view = new DataView(records.buffer);
    for (let index = 0; index < this.#batch; index += 1) {
      const at = index * RECORD_BYTES;
      records.set(this.#template, at);
      view.setUint32(at + 12, this.#sequence, true);
      this.#sequence += 1;
      records.set(pick(this.#own), at + 16);
      records.set(pick(this.#others), at + 32);
    }
    return records;
  }
}

const pick = (accounts: readonly Uint8Array[]): Uint8Array =>
  accounts[Math.floor(Math.random() * accounts.length)] as Uint8Array;

interface Figures {
  readonly transfersPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number };
  readonly cpuMicrosPerTransfer: number;
  readonly validators: number;
  readonly batch: number;
  readonly scheme: string;
  readonly seconds: number;
  readonly transfers: number;
  readonly failed: number;
  readonly blocks: number;
  readonly networkBytesPerTransfer: number;
  readonly diskBytesPerTransfer: number;
  readonly fsyncs: number;
  readonly nodes: readonly { readonly name: string; readonly cpuShare: number; readonly memoryBytes: number }[];
}

interface Sample {
  readonly at: number;
  readonly cpuMicros: readonly number[];
  readonly ownCpuMicros: number;
  readonly metrics: readonly ReadonlyMap<string, number>[];
}

async function run(
  network: LocalNetwork,
  banks: readonly string[],
  accountsEach: number,
  options: Options,
): Promise<Figures> {
  const { genesis } = readHome(join(network.directory, banks[0] as string));
  const ids = new Map(
    banks.map((bank) => {
      const number = genesis.participants.find(({ name }) => name === bank)?.number;
      if (number === undefined) throw new Error(`${bank} is not in the genesis file`);
      const names = Array.from({ length: accountsEach }, (_, index) => `customer-${index}`);
      return [bank, names.map((name) => fromHex(accountIdFromName(sha256, number, name)) as Uint8Array)] as const;
    }),
  );
  const submitting = options.clients === 0 ? banks : banks.slice(0, options.clients);
  const clients = submitting.map((bank) => new Client(network, bank, ids, options.batch));
  let isOver = false;
  const loops = clients.flatMap((client) => Array.from({ length: options.inFlight }, () => client.loop(() => isOver)));
  const finished = Promise.all(loops);
  finished.catch(() => undefined);
  await Promise.race([sleep(options.warmup * 1_000), finished]);
  for (const client of clients) client.startMeasuring();
  const before = await sample(network, banks);
  for (let second = 1; second <= options.seconds; second += 1) {
    await Promise.race([sleep(1_000), finished]);
    const sum = clients.reduce((total, client) => total + client.succeeded, 0);
    process.stderr.write(`\r${second} s: ${Math.round(sum / second).toLocaleString("en")} transfers/s   `);
  }
  process.stderr.write("\n");
  const transfers = clients.reduce((sum, client) => sum + client.succeeded, 0);
  const failed = clients.reduce((sum, client) => sum + client.failed, 0);
  const latencies = clients.flatMap((client) => client.latenciesMs);
  const after = await sample(network, banks);
  isOver = true;
  await finished;
  return figuresOf(before, after, { banks, transfers, failed, latencies, options });
}

async function sample(network: LocalNetwork, banks: readonly string[]): Promise<Sample> {
  const own = process.cpuUsage();
  return {
    at: performance.now(),
    cpuMicros: banks.map((bank) => cpuMicrosOf(network.pid(bank))),
    ownCpuMicros: own.user + own.system,
    metrics: await Promise.all(
      banks.map(async (bank) => parseMetrics(await (await fetch(`${network.url(bank)}/metrics`)).text())),
    ),
  };
}

/** User and system time of a process, from /proc; clock ticks are 10 ms on Linux. */
function cpuMicrosOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function parseMetrics(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+) ([0-9.e+-]+)$/.exec(line);
    if (match?.[1] !== undefined) values.set(match[1], Number(match[2]));
  }
  return values;
}

function figuresOf(
  before: Sample,
  after: Sample,
  load: {
    readonly banks: readonly string[];
    readonly transfers: number;
    readonly failed: number;
    readonly latencies: readonly number[];
    readonly options: Options;
  },
): Figures {
  const { banks, transfers, failed, latencies, options } = load;
  const seconds = (after.at - before.at) / 1_000;
  const grown = (name: string): number =>
    after.metrics.reduce(
      (sum, metrics, index) => sum + (metrics.get(name) ?? 0) - (before.metrics[index]?.get(name) ?? 0),
      0,
    );
  const nodeCpu = after.cpuMicros.map((cpu, index) => cpu - (before.cpuMicros[index] ?? 0));
  const cpu = nodeCpu.reduce((sum, micros) => sum + micros, 0) + after.ownCpuMicros - before.ownCpuMicros;
  const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
  return {
    transfersPerSecond: Math.round(transfers / seconds),
    latencyMs: {
      p50: round(quantile(latencies, 0.5)),
      p90: round(quantile(latencies, 0.9)),
      p99: round(quantile(latencies, 0.99)),
      p999: round(quantile(latencies, 0.999)),
    },
    cpuMicrosPerTransfer: round(cpu / Math.max(1, transfers)),
    validators: options.validators,
    batch: options.batch,
    scheme: options.scheme,
    seconds: round(seconds),
    transfers,
    failed,
    blocks: Math.round(grown("sabha_finalized_blocks_total") / banks.length),
    networkBytesPerTransfer: round(grown("sabha_network_sent_bytes") / Math.max(1, transfers)),
    diskBytesPerTransfer: round(grown("sabha_store_written_bytes") / Math.max(1, transfers) / banks.length),
    fsyncs: grown("sabha_store_fsyncs"),
    nodes: banks.map((name, index) => ({
      name,
      cpuShare: round((nodeCpu[index] ?? 0) / (seconds * 1_000_000), 3),
      memoryBytes: after.metrics[index]?.get("sabha_process_process_resident_memory_bytes") ?? 0,
    })),
  };
}

function report(figures: Figures): void {
  const lines = [
    ["transfers/s, durable and executed", figures.transfersPerSecond.toLocaleString("en")],
    [
      "submit to final, ms",
      `p50 ${figures.latencyMs.p50}, p90 ${figures.latencyMs.p90}, p99 ${figures.latencyMs.p99}, p99.9 ${figures.latencyMs.p999}`,
    ],
    ["CPU of all processes per transfer, µs", String(figures.cpuMicrosPerTransfer)],
    ["transfers; failed", `${figures.transfers}; ${figures.failed}`],
    ["blocks", String(figures.blocks)],
    [
      "bytes per transfer: network, disk of one node",
      `${figures.networkBytesPerTransfer}, ${figures.diskBytesPerTransfer}`,
    ],
    ["fsyncs of all nodes", String(figures.fsyncs)],
    ...figures.nodes.map(({ name, cpuShare, memoryBytes }) => [
      name,
      `${Math.round(cpuShare * 100)} % of a core, ${Math.round(memoryBytes / 1_048_576)} MiB`,
    ]),
  ];
  const width = Math.max(...lines.map(([label]) => (label as string).length));
  const { validators, batch, scheme, seconds } = figures;
  process.stdout.write(`${validators} validators, batches of ${batch}, ${scheme}, ${seconds} s on this machine\n`);
  for (const [label, value] of lines) process.stdout.write(`  ${(label as string).padEnd(width)}  ${value}\n`);
}

program.parse();
await bench(program.opts<Options>());

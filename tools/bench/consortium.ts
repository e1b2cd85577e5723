import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../../src/crypto/index.js";
import { accountIdFromName, type Genesis } from "../../src/formats/index.js";
import { readHome } from "../../src/node/index.js";
import { fromHex, toHex } from "../../src/primitives/index.js";
import { LinkThread } from "../faultnet/links-thread.js";
import { freePorts, LocalNetwork, sabha } from "../local-network.js";

export interface ConsortiumPlan {
  readonly validators: number;
  readonly accounts: number;
  readonly scheme: string;
  readonly checkpointBlocks: number;
  readonly basePort: number;
  /** Added one-way delay between each two nodes. */
  readonly delayMs: number;
  /** Of the Node.js runtime, for each node. */
  readonly nodeFlags: readonly string[];
}

/** From here on nodes are set up as between sites. */
const WAN_DELAY_MS = 10;

const RULEBOOK = fileURLToPath(new URL("../../../config/rulebook.default.yaml", import.meta.url));
const SETTLEMENT_FUNDING = "100000000000";
const CUSTOMER_FUNDING = "1000000";

/** Homes, accounts and processes of one run, in a temporary directory. */
export class Consortium {
  readonly banks: readonly string[];
  readonly network: LocalNetwork;
  readonly accounts: AccountBook;
  readonly #directory: string;
  readonly #links: LinkThread | undefined;

  private constructor(parts: {
    readonly banks: readonly string[];
    readonly network: LocalNetwork;
    readonly accounts: AccountBook;
    readonly directory: string;
    readonly links: LinkThread | undefined;
  }) {
    this.banks = parts.banks;
    this.network = parts.network;
    this.accounts = parts.accounts;
    this.#directory = parts.directory;
    this.#links = parts.links;
  }

  /** Founds a consortium and starts its nodes; returns once all of them are ready. */
  static async start(plan: ConsortiumPlan): Promise<Consortium> {
    const { validators, accounts, delayMs } = plan;
    const banks = Array.from({ length: validators }, (_, index) => `BANK${String(index + 1).padStart(2, "0")}`);
    const apart = delayMs === 0 ? "" : `, ${delayMs} ms apart`;
    process.stderr.write(`making a consortium of ${validators} banks with ${accounts} accounts${apart}\n`);
    const directory = mkdtempSync(join(tmpdir(), "sabha-bench-"));
    // Also where somebody interrupts the run.
    process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
    // As docs/operations.md says nodes are best started.
    process.env["GLIBC_TUNABLES"] ??= "glibc.malloc.hugetlb=1";
    const network = new LocalNetwork(join(directory, "network"), plan.nodeFlags);
    const links = delayMs === 0 ? undefined : new LinkThread();
    try {
      const basePort = await freePorts(2 * validators, plan.basePort);
      const perBank = Math.ceil(accounts / validators);
      found(directory, banks, { ...plan, basePort, perBank });
      if (links !== undefined) await setApart(network, banks, { basePort, delayMs, links });
      const { genesis } = readHome(join(network.directory, banks[0] as string));
      const consortium = new Consortium({
        ...{ banks, network, directory, links },
        accounts: new AccountBook(genesis, banks, perBank),
      });
      await consortium.#launch();
      return consortium;
    } catch (error) {
      await network.stopAll();
      await links?.close();
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  home(bank: string): string {
    return join(this.network.directory, bank);
  }

  async #launch(): Promise<void> {
    for (const bank of this.banks) this.network.launch(bank);
    // Genesis with a million accounts takes its time.
    await Promise.all(this.banks.map((bank) => this.network.untilReady(bank, 300_000)));
  }

  /** Ends the nodes; profiles are written by then. */
  async close(): Promise<void> {
    await this.network.stopAll();
    await this.#links?.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function found(
  directory: string,
  banks: readonly string[],
  plan: Pick<ConsortiumPlan, "scheme" | "checkpointBlocks" | "basePort"> & { readonly perBank: number },
): void {
  const rows = ["participant,account,funding"];
  for (const bank of banks)
    for (let index = 0; index < plan.perBank; index += 1)
      rows.push(`${bank},${accountName(index)},${CUSTOMER_FUNDING}`);
  const file = join(directory, "accounts.csv");
  writeFileSync(file, `${rows.join("\n")}\n`);
  const usual = readFileSync(RULEBOOK, "utf8");
  const rulebook = join(directory, "rulebook.yaml");
  writeFileSync(rulebook, usual.replace(/^checkpointBlocks: .*$/m, `checkpointBlocks: ${plan.checkpointBlocks}`));
  sabha(
    ...["genesis", "network", "--banks", banks.join(","), "--out", join(directory, "network"), "--accounts", file],
    ...["--scheme", plan.scheme, "--base-port", String(plan.basePort), "--settlement-funding", SETTLEMENT_FUNDING],
    ...["--rulebook", rulebook],
  );
}

/** Every way between two nodes through a proxy of its own that delays it, as the fault network does it. */
async function setApart(
  network: LocalNetwork,
  banks: readonly string[],
  { basePort, delayMs, links }: { readonly basePort: number; readonly delayMs: number; readonly links: LinkThread },
): Promise<void> {
  const distance = { latencyMs: delayMs, jitterMs: 0 };
  const endpoints = banks.map((name, index) => ({ name, port: basePort + 2 * index }));
  for (const from of endpoints) {
    const lines: string[] = [];
    for (const to of endpoints) {
      if (to === from) continue;
      const port = await links.open({ from, to, there: distance, back: distance, isApart: false });
      lines.push(`${to.name}: [/ip4/127.0.0.1/tcp/${port}]\n`);
    }
    const home = join(network.directory, from.name);
    writeFileSync(join(home, "peers.yaml"), lines.join(""));
    setOptions(join(home, "config.yaml"), {
      peersFile: '"peers.yaml"',
      profile: delayMs >= WAN_DELAY_MS ? '"wan"' : '"lan"',
    });
  }
}

/** @param options values as YAML, by names that stand once in the file */
function setOptions(path: string, options: Readonly<Record<string, string>>): void {
  let text = readFileSync(path, "utf8");
  for (const [name, value] of Object.entries(options)) {
    const line = new RegExp(`^( *)${name}: .*$`, "m");
    if (!line.test(text)) throw new Error(`${path} has no option ${name}`);
    text = text.replace(line, `$1${name}: ${value}`);
  }
  rmSync(path);
  writeFileSync(path, text);
}

const accountName = (index: number): string => `customer-${index}`;

/** Four 32-bit words an id. */
export const ID_WORDS = 4;

/** Ids of all customers' accounts, bank by bank, ready to be copied into records. */
export class AccountBook {
  readonly genesis: Genesis;
  readonly perBank: number;
  readonly #banks: readonly string[];
  readonly #ids: Uint8Array;

  constructor(genesis: Genesis, banks: readonly string[], perBank: number) {
    this.genesis = genesis;
    this.perBank = perBank;
    this.#banks = banks;
    this.#ids = new Uint8Array(banks.length * perBank * 16);
    for (const [place, bank] of banks.entries()) {
      const number = genesis.participants.find(({ name }) => name === bank)?.number;
      if (number === undefined) throw new Error(`${bank} is not in the genesis file`);
      for (let index = 0; index < perBank; index += 1) {
        const id = fromHex(accountIdFromName(sha256, number, accountName(index))) as Uint8Array;
        this.#ids.set(id, (place * perBank + index) * 16);
      }
    }
  }

  /** Words of all ids. */
  get words(): Uint32Array {
    return new Uint32Array(this.#ids.buffer);
  }

  /** Place among the ids of a bank's first account. */
  firstOf(bank: string): number {
    return this.#banks.indexOf(bank) * this.perBank;
  }

  /** Place of some account of the bank whose first one is given. */
  pickOwn(first: number): number {
    return first + Math.floor(Math.random() * this.perBank);
  }

  /** Of some account of another bank. */
  pickOther(first: number): number {
    const all = this.#banks.length * this.perBank;
    return (first + this.perBank + Math.floor(Math.random() * (all - this.perBank))) % all;
  }

  hex(place: number): string {
    return toHex(this.#ids.subarray(16 * place, 16 * place + 16));
  }
}

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts, LocalNetwork, sabha } from "../local-network.js";
import { fillDisk, freeDisk, mountDisk, unmountDisk } from "./disks.js";
import type { AskedNode } from "./final-state.js";
import type { Flushes } from "./history.js";
import type { Distance, Endpoint } from "./links.js";
import { LinkThread } from "./links-thread.js";
import { LOOPBACK, Namespaces, type Place } from "./namespaces.js";
import { banksOf, type Scenario } from "./scenario.js";

/** Runs beside each other begin to look for free ports in different places, below those that the system gives out. */
const FIRST_PORT = 16_000 + (process.pid % 200) * 64;
const BYZANTINE_NODE = fileURLToPath(new URL("byzantine-node.js", import.meta.url));
const SLOW_DISK_NODE = fileURLToPath(new URL("slow-disk-node.js", import.meta.url));
/** What a validator's second process is called. */
const twinOf = (bank: string): string => `${bank}-twin`;

/** What one instance of a run is: a process with a home. */
interface Instance extends Pick<Endpoint, "name" | "port"> {
  readonly bank: string;
  readonly place: Place;
  /** Program in place of the command line. */
  readonly program: readonly string[] | undefined;
}

/**
 * A consortium of real processes from a new genesis, every link through a proxy. Each node finds its peers in a file of
 * its own, since the proxies know who dials only by the port that is dialled.
 */
export class FaultNetwork {
  readonly directory: string;
  readonly processes: LocalNetwork;
  readonly links = new LinkThread();
  readonly #scenario: Scenario;
  readonly #instances: Instance[] = [];
  readonly #disks = new Map<string, string>();
  readonly #flushes = new Map<string, Flushes>();
  #isClosed = false;

  /** Nodes live in these, where that was asked for. */
  readonly #namespaces: Namespaces | undefined;

  private constructor(directory: string, scenario: Scenario, inNamespaces: boolean) {
    this.#namespaces = inNamespaces ? new Namespaces() : undefined;
    this.directory = join(directory, "network");
    this.#scenario = scenario;
    this.processes = new LocalNetwork(this.directory);
  }

  /** Makes homes, proxies and disks; starts nothing yet. */
  static async create(directory: string, scenario: Scenario, inNamespaces = false): Promise<FaultNetwork> {
    const network = new FaultNetwork(directory, scenario, inNamespaces);
    await network.#create();
    return network;
  }

  get honest(): readonly string[] {
    return this.#scenario.banks.filter((bank) => this.isHonest(bank));
  }

  isHonest(bank: string): boolean {
    return this.#scenario.byzantine[bank] === undefined && !this.#twins.includes(bank);
  }

  /** What is wrong from the beginning. */
  get standingFaults(): readonly { readonly target: string; readonly text: string }[] {
    const liars = Object.entries(this.#scenario.byzantine);
    return [
      ...liars.map(([bank, behaviours]) => ({ target: bank, text: `${bank} lies: ${behaviours.join(", ")}` })),
      ...this.#twins.map((bank) => ({ target: bank, text: `${bank} lives twice` })),
    ];
  }

  url(bank: string): string {
    return this.processes.url(bank);
  }

  node(bank: string): AskedNode {
    return { name: bank, url: this.url(bank), token: this.processes.token(bank) };
  }

  get genesis(): Uint8Array {
    return readFileSync(join(this.directory, "genesis.json"));
  }

  /** All processes of these banks. */
  launch(banks: readonly string[]): void {
    for (const { name, bank, program, place } of this.#of(banks)) {
      const heard = (message: unknown): void => this.#onMessage(bank, message);
      this.processes.launch(name, program, { heard, enter: place.enter });
    }
  }

  /** What a bank's node told of its disk since the last call; only the program for slow disks tells. */
  takeFlushes(bank: string): Flushes | undefined {
    const flushes = this.#flushes.get(bank);
    this.#flushes.delete(bank);
    return flushes;
  }

  async untilReady(banks: readonly string[], limitMs: number): Promise<void> {
    await Promise.all(this.#of(banks).map(({ name }) => this.processes.untilReady(name, limitMs)));
  }

  async kill(banks: readonly string[]): Promise<void> {
    await Promise.all(this.#of(banks).map(({ name }) => this.processes.kill(name)));
  }

  async stop(banks: readonly string[]): Promise<void> {
    await Promise.all(this.#of(banks).map(({ name }) => this.processes.stop(name)));
  }

  signal(banks: readonly string[], signal: "SIGSTOP" | "SIGCONT"): void {
    for (const { name } of this.#of(banks)) this.processes.signal(name, signal);
  }

  tell(banks: readonly string[], message: Readonly<Record<string, unknown>>): void {
    for (const { name } of this.#of(banks)) this.processes.tell(name, message);
  }

  /** Every ordered pair of processes with one in each list, in both orders where `way` says so. */
  eachLink(
    between: readonly [readonly string[], readonly string[]],
    visit: (from: string, to: string, isBack: boolean) => void,
  ): void {
    const [left, right] = between.map((list) => this.#of(banksOf(this.#scenario, list)).map(({ name }) => name));
    for (const from of left ?? []) {
      for (const to of right ?? []) {
        if (from === to) continue;
        visit(from, to, false);
        visit(to, from, true);
      }
    }
  }

  fillDisk(bank: string): void {
    fillDisk(this.#diskOf(bank));
  }

  freeDisk(bank: string): void {
    freeDisk(this.#diskOf(bank));
  }

  /** Ends every process and gives back ports and disks; a second time does nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { name } of this.#instances) this.processes.signal(name, "SIGCONT");
    await Promise.all(this.#instances.map(({ name }) => this.processes.kill(name)));
    await this.links.close();
    for (const path of this.#disks.values()) unmountDisk(path);
    this.#disks.clear();
    this.#namespaces?.close();
  }

  get #twins(): readonly string[] {
    const { twins } = this.#scenario;
    return twins === undefined ? [] : banksOf(this.#scenario, twins.of);
  }

  #of(banks: readonly string[]): readonly Instance[] {
    return this.#instances.filter(({ bank }) => banks.includes(bank));
  }

  #diskOf(bank: string): string {
    const path = this.#disks.get(bank);
    if (path === undefined) throw new Error(`${bank} has no disk of its own: name it under "disks"`);
    return path;
  }

  async #create(): Promise<void> {
    const { banks, scheme } = this.#scenario;
    const twins = this.#twins;
    const first = await freePorts(2 * (banks.length + twins.length), FIRST_PORT);
    sabha(
      ...["genesis", "network", "--banks", banks.join(","), "--out", this.directory],
      ...["--scheme", scheme, "--base-port", String(first), "--settlement-funding", "100000000000"],
    );
    for (const [index, bank] of banks.entries()) this.#addInstance(bank, bank, first + 2 * index);
    for (const [index, bank] of twins.entries()) {
      cpSync(join(this.directory, bank), join(this.directory, twinOf(bank)), { recursive: true });
      this.#addInstance(bank, twinOf(bank), first + 2 * (banks.length + index));
    }
    for (const instance of this.#instances) await this.#writeSettings(instance);
    for (const bank of this.#scenario.disks === undefined ? [] : banksOf(this.#scenario, this.#scenario.disks.of)) {
      const path = join(this.directory, bank, "data");
      mkdirSync(path, { mode: 0o700 });
      mountDisk(path, this.#scenario.disks?.megabytes ?? 0);
      this.#disks.set(bank, path);
    }
  }

  #onMessage(bank: string, message: unknown): void {
    const { count, sumMs, maxMs } = message as Flushes;
    const known = this.#flushes.get(bank) ?? { count: 0, sumMs: 0, maxMs: 0 };
    this.#flushes.set(bank, {
      count: known.count + count,
      sumMs: known.sumMs + sumMs,
      maxMs: Math.max(known.maxMs, maxMs),
    });
  }

  #addInstance(bank: string, name: string, port: number): void {
    // A liar's two lives say what any node says, and do not mind what the other one signed.
    const behaviours = this.#scenario.byzantine[bank] ?? (this.#twins.includes(bank) ? [] : undefined);
    // Where one disk is slowed, all are measured: who waits for it, and who does not.
    const slow = this.#scenario.timeline.some(({ actions }) => actions.some((action) => action.do === "slow-disk"));
    const isLiar = behaviours !== undefined || this.#twins.includes(bank);
    const asLiar = [BYZANTINE_NODE, "--behaviours", (behaviours ?? []).join(",")];
    const program = isLiar ? asLiar : slow ? [SLOW_DISK_NODE] : undefined;
    const place = this.#namespaces?.add() ?? LOOPBACK;
    this.#instances.push({ name, bank, port, program, place });
  }

  async #writeSettings(instance: Instance): Promise<void> {
    const { timers, poolKilobytes, recordsPerBatch } = this.#scenario;
    const path = join(this.directory, instance.name, "config.yaml");
    let text = readFileSync(path, "utf8");
    const set = (option: string, value: string): void => {
      const line = new RegExp(`^( *)${option}: .*$`, "m");
      if (!line.test(text)) throw new Error(`${path} has no option ${option}`);
      text = text.replace(line, `$1${option}: ${value}`);
    };
    set("listen", JSON.stringify(`/ip4/${instance.place.host}/tcp/${instance.port}`));
    set("host", JSON.stringify(instance.place.host));
    set("port", String(instance.port + 1));
    set("peersFile", '"peers.yaml"');
    set("profile", JSON.stringify(timers));
    if (poolKilobytes !== undefined) {
      set("bytesPerReplicaMax", String(poolKilobytes * 1_024));
    }
    if (poolKilobytes !== undefined || recordsPerBatch !== undefined) {
      // Several shared batches fit into the pool.
      set("recordsMax", String(recordsPerBatch ?? Math.min(4_096, poolKilobytes ?? 4_096)));
    }
    rmSync(path);
    writeFileSync(path, text);
    const lines: string[] = [];
    for (const bank of this.#scenario.banks) {
      if (bank === instance.bank) continue;
      const port = await this.#openLink(instance, this.#peerOf(instance, bank));
      lines.push(`${bank}: [/ip4/${instance.place.gateway}/tcp/${port}]\n`);
    }
    writeFileSync(join(this.directory, instance.name, "peers.yaml"), lines.join(""));
  }

  #openLink(from: Instance, to: Instance): Promise<number> {
    return this.links.open({
      from: endpointOf(from),
      to: endpointOf(to),
      there: distance(this.#scenario, from.bank, to.bank),
      back: distance(this.#scenario, to.bank, from.bank),
      isApart: this.#isApart(from.name, to.name),
    });
  }

  /** Which process of a bank an instance dials: those on the twins' side know the second ones only. */
  #peerOf(instance: Instance, bank: string): Instance {
    const name = this.#isTwinSide(instance.name) && this.#twins.includes(bank) ? twinOf(bank) : bank;
    const peer = this.#instances.find((other) => other.name === name);
    if (peer === undefined) throw new Error(`no process ${name}`);
    return peer;
  }

  #isTwinSide(instance: string): boolean {
    const { twins } = this.#scenario;
    return (
      instance.endsWith("-twin") || (twins !== undefined && banksOf(this.#scenario, twins.sees).includes(instance))
    );
  }

  /** A process of a double life only meets its own side. */
  #isApart(from: string, to: string): boolean {
    const isDouble = this.#twins.includes(bankOfInstance(from)) || this.#twins.includes(bankOfInstance(to));
    return isDouble && this.#isTwinSide(from) !== this.#isTwinSide(to);
  }
}

const endpointOf = ({ name, port, place: { host, gateway } }: Instance): Endpoint => ({ name, port, host, gateway });

const bankOfInstance = (name: string): string => name.replace(/-twin$/, "");

function distance(scenario: Scenario, from: string, to: string): Distance {
  const { latencyMs, jitterMs, routes } = scenario.links;
  const route = routes.find(({ between: [left, right] }) => {
    const [here, there] = [banksOf(scenario, left), banksOf(scenario, right)];
    return (here.includes(from) && there.includes(to)) || (here.includes(to) && there.includes(from));
  });
  return route === undefined ? { latencyMs, jitterMs } : { latencyMs: route.latencyMs, jitterMs: route.jitterMs };
}

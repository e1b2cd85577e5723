import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The command line as `npm run build` leaves it. */
const CLI = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));

/** Runs one command of the command line and returns its standard output. */
export function sabha(...words: readonly string[]): string {
  const result = spawnSync(process.execPath, [CLI, ...words], { encoding: "utf8", maxBuffer: 64 * 1_048_576 });
  if (result.status !== 0) throw new Error(`sabha ${words.join(" ")} ended with ${result.status}: ${result.stderr}`);
  return result.stdout;
}

/** Real node processes of one `genesis network` directory, as children of this process. */
export class LocalNetwork {
  readonly directory: string;
  readonly #children = new Map<string, ChildProcess>();
  readonly #nodeFlags: readonly string[];

  /** @param nodeFlags flags of the Node.js runtime for each node, for example `--cpu-prof` */
  constructor(directory: string, nodeFlags: readonly string[] = []) {
    this.directory = directory;
    this.#nodeFlags = nodeFlags;
    process.once("exit", () => {
      for (const child of this.#children.values()) child.kill("SIGKILL");
    });
  }

  /** Starts a home's node and waits until it is ready. Its output goes to `node.log` in the home. */
  async start(name: string): Promise<void> {
    this.launch(name);
    await this.untilReady(name);
  }

  /**
   * @param program another program than the command line, with its words; the home follows as `--home`, and it may
   *   be told things with `tell`
   * @param around `heard`: called with every message of that program; `enter`: words that start the runtime elsewhere,
   *   for example in a network namespace
   */
  launch(
    name: string,
    program?: readonly string[],
    around: { readonly heard?: (message: unknown) => void; readonly enter?: readonly string[] } = {},
  ): void {
    const home = join(this.directory, name);
    const output = openSync(join(home, "node.log"), "a");
    const { heard, enter = [] } = around;
    const command = [...enter, process.execPath, ...this.#nodeFlags, ...(program ?? [CLI, "node"]), "--home", home];
    const child = spawn(command[0] as string, command.slice(1), {
      stdio: program === undefined ? ["ignore", output, output] : ["ignore", output, output, "ipc"],
    });
    closeSync(output);
    if (heard !== undefined) child.on("message", heard);
    this.#children.set(name, child);
  }

  async untilReady(name: string, limitMs = 60_000): Promise<void> {
    const url = this.url(name);
    const child = this.#children.get(name);
    await until(limitMs, `${name} is ready`, async () => {
      if (child !== undefined && child.exitCode !== null)
        throw new Error(`${name} ended: see ${join(this.directory, name, "node.log")}`);
      const answer = await fetch(`${url}/readyz`).catch(() => undefined);
      return answer?.ok === true;
    });
  }

  /** A message to a program that was launched in place of the command line. */
  tell(name: string, message: Readonly<Record<string, unknown>>): void {
    this.#children.get(name)?.send(message);
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#children.get(name)?.kill(signal);
  }

  /** Exit code of a node that ended by itself; undefined while it runs, and for one that was ended. */
  exitCode(name: string): number | undefined {
    return this.#children.get(name)?.exitCode ?? undefined;
  }

  pid(name: string): number {
    return this.#children.get(name)?.pid ?? 0;
  }

  /** JSON-RPC address, as the home's settings have it. */
  url(name: string): string {
    const config = readFileSync(join(this.directory, name, "config.yaml"), "utf8");
    const [, host, port] = /^rpc:$[^]*?^ {2}host: "?([\d.]+)"?$[^]*?^ {2}port: (\d+)$/m.exec(config) ?? [];
    return `http://${host}:${port}`;
  }

  token(name: string): string {
    return readFileSync(join(this.directory, name, "keys", "submit.token"), "utf8").trim();
  }

  /** Ends a node at once, as a power cut would. */
  async kill(name: string): Promise<void> {
    await this.#end(name, "SIGKILL");
  }

  /** Ends a node as an operator would. */
  async stop(name: string): Promise<void> {
    await this.#end(name, "SIGTERM");
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((name) => this.#end(name, "SIGTERM")));
  }

  async #end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined) return;
    this.#children.delete(name);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}

/** Waits until a condition holds, asking every 50 ms. */
export async function until(limitMs: number, what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await sleep(50);
  }
}

/** The value at a quantile of unsorted samples; 0 without samples. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** First of `count` neighbouring ports that are all free on loopback now, from `from` on. */
export async function freePorts(count: number, from: number): Promise<number> {
  for (let base = from; base + count <= 65_535; base += count) {
    const ports = Array.from({ length: count }, (_, index) => base + index);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${count} neighbouring ports are free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

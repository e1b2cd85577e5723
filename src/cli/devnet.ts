import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SabhaClient } from "../client/index.js";
import { type Home, readHome, replaceFile } from "../node/index.js";
import { CommandFailure } from "./failure.js";
import { processIdentity } from "./process-identity.js";

/** One validator's home in the directory of a network. */
export interface DevnetNode {
  readonly name: string;
  readonly home: string;
  readonly rpcUrl: string;
  readonly p2p: string;
  readonly participant: number;
  readonly chainId: string;
}

/** A process that this tool started and that still runs. */
export interface RunningNode {
  readonly pid: number;
  readonly identity: string;
}

const pidFile = (node: DevnetNode): string => join(node.home, "node.pid");
export const logFile = (node: DevnetNode): string => join(node.home, "node.log");

/** The validators' homes of a directory that `sabha genesis network` made, in the order of their ports. */
export function devnetNodes(directory: string): readonly DevnetNode[] {
  const root = resolve(directory);
  if (!existsSync(join(root, "genesis.json"))) {
    throw new CommandFailure(
      2,
      `${directory} holds no network: make one with sabha genesis network --out ${directory}`,
    );
  }
  const homes = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, "config.yaml")))
    .map((entry) => readHome(join(root, entry.name)))
    .filter((home) => home.validator !== undefined);
  if (homes.length === 0) throw new CommandFailure(2, `${directory} has no validator's home in it`);
  return homes.map(nodeOf).sort((left, right) => left.port - right.port);
}

function nodeOf({ path, config, participant, chainId }: Home): DevnetNode & { readonly port: number } {
  const { host, port } = config.rpc;
  const address = host.includes(":") ? `[${host}]` : host;
  const rpcUrl = `http://${address}:${port}`;
  const { name, number } = participant;
  return { name, home: path, rpcUrl, p2p: config.p2p.listen, participant: number, chainId, port };
}

/** The node's process; `undefined` where none runs that this tool started. */
export function runningNode(node: DevnetNode): RunningNode | undefined {
  let noted: { readonly pid?: unknown; readonly identity?: unknown };
  try {
    noted = JSON.parse(readFileSync(pidFile(node), "utf8")) as typeof noted;
  } catch {
    return undefined;
  }
  const { pid, identity } = noted;
  if (typeof pid !== "number" || typeof identity !== "string" || processIdentity(pid) !== identity) return undefined;
  return { pid, identity };
}

/** Starts a node as a process of its own that outlives this one; its output goes to `node.log`. */
export function startNode(node: DevnetNode): ChildProcess {
  const log = openSync(logFile(node), "a", 0o600);
  try {
    const main = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "main.ts" : "main.js", import.meta.url));
    const child = spawn(process.execPath, [...process.execArgv, main, "node", "--home", node.home], {
      detached: true,
      stdio: ["ignore", log, log],
    });
    const identity = child.pid === undefined ? undefined : processIdentity(child.pid);
    if (identity !== undefined) {
      replaceFile({ path: pidFile(node), what: "the process id" }, `${JSON.stringify({ pid: child.pid, identity })}\n`);
    }
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** What a running node says about itself. */
export interface NodeHealth {
  readonly ready: boolean;
  readonly height: number;
  readonly executedHeight: number;
}

/** Asks a node how it is; `undefined` where nobody answers, or somebody else does at its port. */
export async function healthOf(node: DevnetNode): Promise<NodeHealth | undefined> {
  const client = new SabhaClient({ url: node.rpcUrl, timeoutMs: 2_000, retries: 0 });
  try {
    const { height, executedHeight, chainId, participant } = await client.getStatus();
    if (chainId !== node.chainId || participant !== node.participant) return undefined;
    const answer = await fetch(`${node.rpcUrl}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return { ready: answer.ok, height, executedHeight };
  } catch {
    return undefined;
  } finally {
    await client.close();
  }
}

/** Asks the node's process to end, and makes it end where it has not after `patienceMs`. */
export async function stopNode(node: DevnetNode, patienceMs: number): Promise<"stopped" | "killed" | "not running"> {
  const running = runningNode(node);
  if (running === undefined) {
    rmSync(pidFile(node), { force: true });
    return "not running";
  }
  signal(running, "SIGTERM");
  const deadline = performance.now() + patienceMs;
  while (isSame(running) && performance.now() < deadline) await pause(50);
  const late = isSame(running);
  if (late) signal(running, "SIGKILL");
  while (isSame(running)) await pause(50);
  rmSync(pidFile(node), { force: true });
  return late ? "killed" : "stopped";
}

const isSame = ({ pid, identity }: RunningNode): boolean => processIdentity(pid) === identity;

function signal(running: RunningNode, name: "SIGTERM" | "SIGKILL"): void {
  if (!isSame(running)) return;
  try {
    process.kill(running.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Resolves after a while. */
export const pause = (delayMs: number): Promise<void> => new Promise((done) => void setTimeout(done, delayMs));

/** The last line of a node's log, for the sentence that says why it ended. */
export function lastLogLine(node: DevnetNode): string {
  try {
    return readFileSync(logFile(node), "utf8").trimEnd().split("\n").at(-1) ?? "";
  } catch {
    return "";
  }
}

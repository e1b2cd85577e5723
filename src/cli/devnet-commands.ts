import { join } from "node:path";
import type { Command } from "commander";
import { wholeNumber } from "./arguments.js";
import {
  type DevnetNode,
  devnetNodes,
  healthOf,
  lastLogLine,
  logFile,
  pause,
  runningNode,
  startNode,
  stopNode,
} from "./devnet.js";
import { CommandFailure } from "./failure.js";
import { count, printJson, printTable, type Terminal } from "./terminal.js";

interface DevnetFlags {
  readonly dir: string;
  readonly json?: true;
}

/** Longer than a node takes to stop. */
const STOP_PATIENCE_MS = 12_000;

/** `sabha devnet …`: all nodes of a network as processes of this machine. */
export function addDevnetCommands(program: Command, terminal: Terminal): void {
  const devnet = program.command("devnet").description("run all nodes of a genesis network on this machine");
  const withDirectory = (command: Command): Command =>
    command
      .requiredOption("--dir <dir>", "the directory that sabha genesis network made")
      .option("--json", "print the result as JSON");
  withDirectory(devnet.command("up").description("start every node that does not run, and wait until all are ready"))
    .option("--timeout <seconds>", "how long to wait", wholeNumber(1, 600), 60)
    .addHelpText("after", "\nEach home gets node.log and node.pid.\n\nExample:\n  sabha devnet up --dir demo")
    .action((flags: DevnetFlags & { readonly timeout: number }) => up(flags, terminal));
  withDirectory(devnet.command("down").description("stop every node that devnet up started"))
    .addHelpText("after", "\nExample:\n  sabha devnet down --dir demo")
    .action((flags: DevnetFlags) => down(flags, terminal));
  withDirectory(devnet.command("status").description("which nodes run, and how far they are"))
    .addHelpText(
      "after",
      "\nExits 0 where all are ready and 1 where one is not.\n\nExample:\n  sabha devnet status --dir demo",
    )
    .action((flags: DevnetFlags) => status(flags, terminal));
}

async function up(flags: DevnetFlags & { readonly timeout: number }, terminal: Terminal): Promise<void> {
  const nodes = devnetNodes(flags.dir);
  for (const node of nodes) if (runningNode(node) === undefined) startNode(node);
  const deadline = performance.now() + flags.timeout * 1000;
  for (const node of nodes) await untilReady(node, deadline, flags.timeout);
  if (flags.json === true) {
    printJson(
      terminal,
      nodes.map(({ name, home, rpcUrl, p2p }) => ({ name, home, rpcUrl, p2p })),
    );
    return;
  }
  printTable(
    terminal,
    [{ title: "node" }, { title: "process", align: "right" }, { title: "JSON-RPC" }, { title: "log" }],
    nodes.map((node) => [node.name, String(runningNode(node)?.pid ?? "-"), node.rpcUrl, logFile(node)]),
  );
  const [first] = nodes;
  terminal.out(
    `\nAll ${nodes.length} nodes are ready. Try: sabha status --home ${join(flags.dir, first?.name ?? "")}\n`,
  );
}

async function untilReady(node: DevnetNode, deadline: number, seconds: number): Promise<void> {
  while ((await healthOf(node))?.ready !== true) {
    const hasEnded = runningNode(node) === undefined;
    if (hasEnded || performance.now() > deadline) {
      const sentence = hasEnded ? "has ended" : `is not ready after ${seconds} s`;
      const details = [lastLogLine(node), `its log is ${logFile(node)}`];
      throw new CommandFailure(3, `the node of ${node.name} ${sentence}`, details);
    }
    await pause(100);
  }
}

async function down(flags: DevnetFlags, terminal: Terminal): Promise<void> {
  const nodes = devnetNodes(flags.dir);
  const results = await Promise.all(
    nodes.map(async (node) => ({ name: node.name, result: await stopNode(node, STOP_PATIENCE_MS) })),
  );
  if (flags.json === true) printJson(terminal, results);
  else
    printTable(
      terminal,
      [{ title: "node" }, { title: "result" }],
      results.map(({ name, result }) => [name, result]),
    );
}

/** What one node says about itself. */
interface NodeLine {
  readonly name: string;
  readonly pid: number | undefined;
  readonly ready: boolean;
  readonly height: number | undefined;
  readonly executedHeight: number | undefined;
  readonly rpcUrl: string;
}

async function status(flags: DevnetFlags, terminal: Terminal): Promise<void> {
  const lines = await Promise.all(devnetNodes(flags.dir).map(lineOf));
  if (flags.json === true) printJson(terminal, lines);
  else {
    printTable(
      terminal,
      [
        { title: "node" },
        { title: "process", align: "right" },
        { title: "state" },
        { title: "final height", align: "right" },
        { title: "executed", align: "right" },
        { title: "JSON-RPC" },
      ],
      lines.map(({ name, pid, ready, height, executedHeight, rpcUrl }) => [
        name,
        pid === undefined ? "-" : String(pid),
        pid === undefined ? "not running" : ready ? "ready" : "not ready",
        height === undefined ? "-" : count(height),
        executedHeight === undefined ? "-" : count(executedHeight),
        rpcUrl,
      ]),
    );
  }
  const missing = lines.filter(({ ready }) => !ready).map(({ name }) => name);
  if (missing.length > 0) throw new CommandFailure(1, `not ready: ${missing.join(", ")}`);
}

async function lineOf(node: DevnetNode): Promise<NodeLine> {
  const { name, rpcUrl } = node;
  const pid = runningNode(node)?.pid;
  const health = pid === undefined ? undefined : await healthOf(node);
  const { ready = false, height, executedHeight } = health ?? {};
  return { name, pid, ready, height, executedHeight, rpcUrl };
}

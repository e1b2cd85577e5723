import type { Command } from "commander";
import { addToken, checkStore, homePath, readSettings, runNode, TOKEN_SCOPES, type TokenScope } from "../node/index.js";
import { oneOf } from "./arguments.js";
import { CommandFailure, failWith } from "./failure.js";
import { packageVersion } from "./package.js";
import { count, printFields, printJson, type Terminal } from "./terminal.js";

/** `sabha node …` and `sabha store …`: running one node, and offline work on its data. */
export function addNodeCommands(program: Command, terminal: Terminal): void {
  const node = program
    .command("node")
    .description("run one node in the foreground; SIGTERM or SIGINT stops it")
    .enablePositionalOptions()
    .option("--home <dir>", "the node's home")
    .addHelpText("after", "\nExample:\n  sabha node --home demo/SBI")
    .action(({ home }: { readonly home?: string }) => {
      // Not a required option of commander's: its subcommands would have to repeat it before their name.
      if (home === undefined) throw new CommandFailure(2, "say whose node to run: --home DIR");
      return runNode(home, packageVersion());
    });
  addTokenCommand(node, terminal);
  addStore(program, terminal);
}

interface TokenFlags {
  readonly home: string;
  readonly scope: TokenScope;
}

function addTokenCommand(node: Command, terminal: Terminal): void {
  node
    .command("token")
    .description("make a bearer token; it is printed once, the home keeps its hash only")
    .requiredOption("--home <dir>", "the node's home")
    .option("--scope <scope>", `what it allows: ${TOKEN_SCOPES.join(", ")}`, oneOf(...TOKEN_SCOPES), "submit")
    .addHelpText(
      "after",
      "\nA running node knows the token after its next start.\n\nExample:\n  sabha node token --home demo/SBI --scope submit > token",
    )
    .action(({ home, scope }: TokenFlags) => {
      const settings = readSettings(home);
      const token = addToken(homePath(settings, settings.config.rpc.tokenFile), scope, Date.now());
      terminal.out(`${token}\n`);
    });
}

interface StoreFlags {
  readonly home: string;
  readonly json?: true;
}

function addStore(program: Command, terminal: Terminal): void {
  const store = program.command("store").description("offline work on a stopped node's data");
  store
    .command("verify")
    .description("check every checksum, hash link, batch and result of a stopped node")
    .requiredOption("--home <dir>", "the node's home")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExits 0 where everything holds and 1 where something does not.\n\nExample:\n  sabha store verify --home demo/SBI",
    )
    .action(({ home, json }: StoreFlags) => verify(home, json === true, terminal));
}

async function verify(home: string, asJson: boolean, terminal: Terminal): Promise<void> {
  const { directory, report } = await checkStore(home, ({ part, done, total }) => {
    if (terminal.errIsTty) terminal.err(`\r${part}: ${count(done)}${total === undefined ? "" : ` of ${count(total)}`}`);
  });
  if (terminal.errIsTty) terminal.err("\n");
  if (asJson) printJson(terminal, report);
  else {
    const { counts } = report;
    printFields(terminal, [
      ["store", directory],
      ["chain id", report.chainId ?? "unknown"],
      ["final height", `${count(report.height)}, executed ${count(report.executedHeight)}`],
      ["blocks", count(counts.blocks)],
      ["batches", `${count(counts.batches)}, ${count(counts.batchBytes)} bytes`],
      ["to be fetched", `${count(counts.batchesToFetch)} batches`],
      ["results", count(counts.results)],
      ["checks", report.ok ? "all hold" : `${count(report.faultCount)} FAIL`],
    ]);
  }
  if (report.ok) return;
  const faults = report.faults.map(({ detail, height }) =>
    height === undefined ? detail : `height ${height}: ${detail}`,
  );
  failWith(1, directory, faults.slice(0, 20));
}

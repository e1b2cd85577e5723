import { Command, CommanderError } from "commander";
import { HomeError } from "../node/index.js";
import { addAccountCommands } from "./account-commands.js";
import { addAuditCommand } from "./audit-command.js";
import { addBisectCommand } from "./bisect-command.js";
import { addBlockCommand } from "./block-command.js";
import { addDevnetCommands } from "./devnet-commands.js";
import { CommandFailure } from "./failure.js";
import { addGenesisCommands } from "./genesis-commands.js";
import { addGovernanceCommands } from "./governance-commands.js";
import { addKeyCommands } from "./key-commands.js";
import { addNodeCommands } from "./node-commands.js";
import { packageVersion } from "./package.js";
import { addProofCommands } from "./proof-commands.js";
import { addReceiptCommands } from "./receipt-commands.js";
import { addRulebookCommands } from "./rulebook-commands.js";
import { addSettlementCommands } from "./settlement-commands.js";
import { addStatusCommand } from "./status-command.js";
import { addStoreCommands } from "./store-commands.js";
import { addSubmitCommand } from "./submit-command.js";
import { printable, type Terminal } from "./terminal.js";
import { addTransferCommand } from "./transfer-command.js";
import { addWaitingCommands } from "./waiting-commands.js";

/**
 * Runs one command line.
 *
 * @param words what follows `sabha`
 * @returns the exit code: 0 done, 1 the thing checked does not hold, 2 wrong use, 3 the node cannot go on
 */
export async function run(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await buildProgram(terminal).parseAsync([...words], { from: "user" });
    return 0;
  } catch (error) {
    return report(error, terminal);
  }
}

function buildProgram(terminal: Terminal): Command {
  const program = new Command("sabha")
    .description("A ledger that banks run together and none of them controls.")
    .version(packageVersion(), "--version", "print the version")
    .helpCommand(false)
    .enablePositionalOptions()
    .showHelpAfterError("(see --help)")
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride();
  addGenesisCommands(program, terminal);
  addNodeCommands(program, terminal);
  addDevnetCommands(program, terminal);
  addStatusCommand(program, terminal);
  addTransferCommand(program, terminal);
  addAccountCommands(program, terminal);
  addSubmitCommand(program, terminal);
  addReceiptCommands(program, terminal);
  addProofCommands(program, terminal);
  addBlockCommand(program, terminal);
  addSettlementCommands(program, terminal);
  addGovernanceCommands(program, terminal);
  addKeyCommands(program, terminal);
  addRulebookCommands(program, terminal);
  addBisectCommand(program, terminal);
  addStoreCommands(program, terminal);
  addWaitingCommands(program, terminal);
  addAuditCommand(program, terminal);
  program.addHelpText(
    "after",
    `
Exit codes: 0 done; 1 the thing checked does not hold; 2 wrong use; 3 the node cannot go on.

A first network:
  sabha genesis network --banks SBI,HDFC,ICICI,AXIS --out demo
  sabha devnet up --dir demo
  sabha transfer --home demo/SBI --from SBI/customer-1 --to HDFC/customer-2 --amount 500.00`,
  );
  return program;
}

/** One clear sentence on standard error, and the exit code. What nobody foresaw shows where it happened. */
function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof CommandFailure) {
    terminal.err(`sabha: ${printable(error.message)}\n`);
    for (const detail of error.details) terminal.err(`  ${printable(detail)}\n`);
    return error.exitCode;
  }
  if (error instanceof HomeError || isMachineFailure(error)) {
    terminal.err(`sabha: ${printable(error.message)}\n`);
    return error instanceof HomeError && error.fault.code === "FILE_EXISTS" ? 2 : 3;
  }
  terminal.err(`sabha: this is a mistake in sabha itself: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 3;
}

/**
 * What the machine refused: a typed error of one of our parts, or a system call that failed. A node's
 * failure is known by its name, since its class comes with the whole node.
 */
const isMachineFailure = (error: unknown): error is Error =>
  error instanceof Error &&
  (error.name === "NodeFailure" || "fault" in error || ("syscall" in error && "code" in error));

import { Command, CommanderError } from "commander";
import { HomeError } from "../node/index.js";
import { CommandFailure } from "./failure.js";
import { addGenesisCommands } from "./genesis-commands.js";
import { packageVersion } from "./package.js";
import { printable, type Terminal } from "./terminal.js";

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
    .showHelpAfterError("(see --help)")
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride();
  addGenesisCommands(program, terminal);
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
  if (error instanceof HomeError) {
    terminal.err(`sabha: ${printable(error.message)}\n`);
    return 3;
  }
  terminal.err(`sabha: this is a mistake in sabha itself: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 3;
}

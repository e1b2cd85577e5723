import type { Command } from "commander";
import { addToken, homePath, readSettings, runNode, TOKEN_SCOPES, type TokenScope } from "../node/index.js";
import { oneOf } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { packageVersion } from "./package.js";
import type { Terminal } from "./terminal.js";

/** `sabha node …`: running one node. */
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

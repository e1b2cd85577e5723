import type { Command } from "commander";
import { findFork, SabhaClient } from "../client/index.js";
import { type ProvingBlock, verifyConsistency, verifyForkProof } from "../client/proofs.js";
import { canonicalJson } from "../genesis/index.js";
import { createFile } from "../node/index.js";
import { readInput, wholeNumber } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { onTarget, onUrls, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, type Terminal } from "./terminal.js";

/** `sabha log …` and `sabha fork-proof …`: what the log itself proves, and who broke it. */
export function addProofCommands(program: Command, terminal: Terminal): void {
  const log = program.command("log").description("proofs about the append-only log of all results");
  addLogProof(log, terminal);
  addLogVerify(log, terminal);
  const fork = program
    .command("fork-proof")
    .description("two final blocks that exclude each other, and who signed both");
  addForkMake(fork, terminal);
  addForkVerify(fork, terminal);
}

interface LogFlags extends TargetFlags {
  readonly from: number;
  readonly to?: number;
  readonly out?: string;
}

function addLogProof(log: Command, terminal: Terminal): void {
  withTarget(log.command("proof").description("fetch the proof that the log of one height begins that of a later one"))
    .requiredOption("--from <height>", "the earlier height", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option(
      "--to <height>",
      "the later one; the newest proven where it is left out",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option("--out <file>", "write it here instead of printing it")
    .addHelpText("after", "\nExample:\n  sabha log proof --from 100 --home demo/SBI --out log.json")
    .action(({ from, to, out, ...flags }: LogFlags) =>
      onTarget(flags, async ({ client }) => {
        const file = canonicalJson(await client.getConsistencyProof(from, to));
        if (out === undefined) terminal.out(file);
        else {
          createFile({ path: out, what: "the proof" }, file);
          terminal.out(`Wrote ${out}. Check it with: sabha log verify ${out} --genesis genesis.json\n`);
        }
      }),
    );
}

interface VerifyFlags {
  readonly genesis: string;
  readonly json?: true;
}

const withGenesis = (command: Command, what: string): Command =>
  command
    .argument("<file>", what)
    .requiredOption("--genesis <file>", "the consortium's genesis file")
    .option("--json", "print the result as JSON");

function addLogVerify(log: Command, terminal: Terminal): void {
  withGenesis(log.command("verify").description("check such a proof against the genesis file, offline"), "the proof")
    .addHelpText(
      "after",
      "\nExits 0 where every check holds and 1 where one does not.\n\nExample:\n  sabha log verify log.json --genesis demo/genesis.json",
    )
    .action((file: string, { genesis, json }: VerifyFlags) => {
      const result = verifyConsistency(readInput(genesis, "the genesis file"), readInput(file, "the proof"));
      const { chainId, first, second } = proven(result, { file, json, terminal });
      if (json === true) printJson(terminal, { ok: true, chainId, first, second });
      else {
        printFields(terminal, [
          ["proof", "every check holds"],
          ["chain id", chainId],
          ["log up to", `height ${count(first.height)}, root ${first.resultsRoot}`],
          ["begins that up to", `height ${count(second.height)}, root ${second.resultsRoot}`],
          ["proven by", `${blockText(first.provenBy)} and ${blockText(second.provenBy)}`],
        ]);
      }
    });
}

interface MakeFlags {
  readonly rpc: string;
  readonly peer: string;
  readonly out: string;
}

function addForkMake(fork: Command, terminal: Terminal): void {
  fork
    .command("make")
    .description("compare the final blocks of two nodes; where they exclude each other, write the proof")
    .requiredOption("--rpc <url>", "one node's JSON-RPC")
    .requiredOption("--peer <url>", "the other's")
    .requiredOption("--out <file>", "where the proof goes")
    .addHelpText(
      "after",
      "\nExits 0 where a fork was found and written, and 1 where the books agree.\n\nExample:\n  sabha fork-proof make --rpc http://127.0.0.1:26601 --peer http://127.0.0.1:26611 --out fork.json",
    )
    .action(({ rpc, peer, out }: MakeFlags) =>
      onUrls([rpc, peer], async ([left, right]) => {
        const found = await findFork(left as SabhaClient, right as SabhaClient);
        if (found === undefined)
          throw new CommandFailure(1, "the two nodes have the same final blocks: there is no fork");
        createFile({ path: out, what: "the fork proof" }, new TextDecoder().decode(found.proof));
        terminal.out(`The books differ from height ${count(found.height)} on. Wrote ${out}.\n`);
        terminal.out(`See who signed both with: sabha fork-proof verify ${out} --genesis genesis.json\n`);
      }),
    );
}

function addForkVerify(fork: Command, terminal: Terminal): void {
  withGenesis(
    fork.command("verify").description("name the banks behind two conflicting certificates, offline"),
    "the proof",
  )
    .addHelpText(
      "after",
      "\nExits 0 where the proof holds and 1 where it accuses nobody.\n\nExample:\n  sabha fork-proof verify fork.json --genesis demo/genesis.json",
    )
    .action((file: string, { genesis, json }: VerifyFlags) => {
      const result = verifyForkProof(readInput(genesis, "the genesis file"), readInput(file, "the proof"));
      const { chainId, blocks, contradiction, view, culprits } = proven(result, { file, json, terminal });
      if (json === true) {
        printJson(terminal, { ok: true, chainId, blocks, contradiction, view, culprits });
        return;
      }
      const [one, other] = contradiction;
      printFields(terminal, [
        ["fork", "proven: both blocks are final, and they exclude each other"],
        ["chain id", chainId],
        ["one block", blockText(blocks[0])],
        ["the other", blockText(blocks[1])],
        ["contradiction", `${one} and ${one === other ? "another " : ""}${other} in view ${count(view)}`],
        ["signed both", culprits.join(", ")],
      ]);
    });
}

/** What a proof shows, or the end of the command with the check that failed. */
function proven<T>(
  result:
    | { readonly ok: true; readonly proven: T }
    | { readonly ok: false; readonly check: string; readonly detail: string },
  { file, json, terminal }: { readonly file: string; readonly json: true | undefined; readonly terminal: Terminal },
): T {
  if (result.ok) return result.proven;
  if (json === true) printJson(terminal, { ok: false, check: result.check, detail: result.detail });
  throw new CommandFailure(1, `${file} proves nothing: ${result.detail} (check ${result.check})`);
}

const blockText = ({ height, view, hash, signers }: ProvingBlock): string =>
  `height ${count(height)}, view ${count(view)}, ${hash.slice(0, 16)}…, signed by ${signers.join(", ")}`;

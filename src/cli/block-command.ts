import type { Command } from "commander";
import type { Block } from "../client/index.js";
import type { Directory } from "../genesis/index.js";
import { CommandFailure } from "./failure.js";
import { onTarget, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** `sabha block`: a final block, its batches and, with --full, its transfers. */
export function addBlockCommand(program: Command, terminal: Terminal): void {
  withTarget(program.command("block").description("show a final block"))
    .argument("[block]", "height or hash (default: the newest)")
    .option("--full", "with the transfers and the bytes of header and batches")
    .addHelpText("after", "\nExample:\n  sabha block 42 --rpc http://127.0.0.1:26601 --full")
    .action((text: string | undefined, flags: TargetFlags & { readonly full?: true }) =>
      onTarget(flags, async ({ client, directory }) => {
        const at = text === undefined ? (await client.getStatus()).height : blockOf(text);
        const block = await client.getBlock(at, { full: flags.full === true });
        if (flags.json === true) printJson(terminal, block);
        else printBlock(terminal, block, directory);
      }),
    );
}

function blockOf(text: string): number | string {
  if (/^[0-9a-f]{64}$/u.test(text)) return text;
  if (/^(?:0|[1-9][0-9]{0,15})$/u.test(text)) return Number(text);
  throw new CommandFailure(2, `${text} is neither a height nor a block hash`);
}

function printBlock(terminal: Terminal, block: Block, directory: Directory): void {
  printFields(terminal, [
    ["height", count(block.height)],
    ["hash", block.hash],
    ["parent", block.parentHash],
    ["time", new Date(block.timestamp).toISOString()],
    ["view", `${count(block.view)} of epoch ${block.epoch}${skipped(block.skippedViews)}`],
    ["proposer", directory.genesisValidatorName(block.proposer)],
    ["type", block.type],
    ["results root", `${block.claim.resultsRoot} up to height ${count(block.claim.height)}`],
    ["state root", `${block.claim.stateRoot} at height ${count(block.claim.stateHeight)}`],
    ["executed here", block.executed ? "yes" : "not yet"],
  ]);
  if (block.batches.length > 0) {
    terminal.out("\n");
    printTable(
      terminal,
      [{ title: "batch" }, { title: "kind" }, { title: "from" }, { title: "records", align: "right" }],
      block.batches.map(({ digest, kind, participant, count: records }) => [
        digest,
        kind ?? "?",
        participant === undefined ? "?" : directory.nameOf(participant),
        records === undefined ? "?" : count(records),
      ]),
    );
  }
  if (block.transfers === undefined || block.transfers.length === 0) return;
  terminal.out("\n");
  printTable(
    terminal,
    [
      { title: "transfer" },
      { title: "debit" },
      { title: "credit" },
      { title: "amount", align: "right" },
      { title: "result" },
    ],
    block.transfers.map((transfer) => [
      transfer.id,
      transfer.debitAccountId,
      transfer.creditAccountId,
      directory.display(BigInt(transfer.amount), transfer.asset),
      transfer.result,
    ]),
  );
}

const skipped = (views: readonly number[]): string =>
  views.length === 0 ? "" : `, after ${count(views.length)} skipped ${views.length === 1 ? "view" : "views"}`;

import type { Command } from "commander";
import { type Bisection, bisect, type OutcomeSummary, SabhaClient } from "../client/index.js";
import { CommandFailure } from "./failure.js";
import { onTarget, onUrls, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, type Terminal } from "./terminal.js";

interface BisectFlags extends TargetFlags {
  readonly peer: string;
}

/** `sabha bisect`: the first height, transfer and account on which two nodes differ. */
export function addBisectCommand(program: Command, terminal: Terminal): void {
  withTarget(
    program.command("bisect").description("find the first height, transfer and account on which two nodes differ"),
  )
    .requiredOption("--peer <url>", "the other node's JSON-RPC")
    .addHelpText(
      "after",
      "\nExits 0 where the nodes agree as far as both go, and 1 where they differ.\n\nExample:\n  sabha bisect --home demo/SBI --peer http://127.0.0.1:26611",
    )
    .action(({ peer, ...flags }: BisectFlags) =>
      onTarget(flags, async ({ client, url }) => {
        await onUrls([peer], async ([other]) => {
          const found = await bisect(client, other as SabhaClient, (height) => {
            if (terminal.errIsTty) terminal.err(`\rcomparing height ${count(height)}  `);
          });
          if (terminal.errIsTty) terminal.err("\r");
          if (flags.json === true) printJson(terminal, found);
          else printFields(terminal, fieldsOf(found, url, peer));
          if (found.type !== "equal")
            throw new CommandFailure(1, `${url} and ${peer} differ at height ${count(found.height)}`);
        });
      }),
    );
}

function fieldsOf(found: Bisection, left: string, right: string): readonly (readonly [string, string])[] {
  const height = ["height", count(found.height)] as const;
  switch (found.type) {
    case "equal":
      return [["result", `every result up to height ${count(found.height)} is the same`]];
    case "blocks":
      return [
        ["differs", "the block itself: the chain has forked (see sabha fork-proof make)"],
        height,
        [left, found.hashes.left],
        [right, found.hashes.right],
      ];
    case "outcome":
      return [
        ["differs", `outcome ${count(found.index)} of the block`],
        height,
        [left, outcomeText(found.outcome.left)],
        [right, outcomeText(found.outcome.right)],
        ["accounts", found.accounts.join(", ") || "none: only the result differs"],
      ];
    case "state":
      return [
        ["differs", `entry ${count(found.entry)} of table ${found.table}, of the checkpoint`],
        height,
        ...(found.account === undefined ? [] : [["account", found.account] as const]),
        [left, found.content.left || "no such entry"],
        [right, found.content.right || "no such entry"],
      ];
    case "checkpoint":
      return [
        ["differs", "the state root of a checkpoint that is no longer kept; look again after the next one"],
        height,
        [left, found.stateRoots.left],
        [right, found.stateRoots.right],
      ];
  }
}

const outcomeText = (outcome: OutcomeSummary | undefined): string =>
  outcome === undefined ? "no such outcome" : `${outcome.id}: ${outcome.result}, ${outcome.amount}`;

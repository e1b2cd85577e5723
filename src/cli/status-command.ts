import type { Command } from "commander";
import type { ChainStatus, ConsensusStatus } from "../client/index.js";
import { onTarget, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** `sabha status`: where the ledger stands as one node sees it, and who takes part. */
export function addStatusCommand(program: Command, terminal: Terminal): void {
  withTarget(program.command("status").description("where the ledger stands, and which validators take part"))
    .addHelpText("after", "\nExample:\n  sabha status --rpc http://127.0.0.1:26601")
    .action((flags: TargetFlags) =>
      onTarget(flags, async ({ client, directory }) => {
        const [chain, consensus] = [await client.getStatus(), await client.getConsensusStatus()];
        if (flags.json === true) printJson(terminal, { chain, consensus });
        else printStatus(terminal, chain, consensus, directory.nameOf(chain.participant));
      }),
    );
}

function printStatus(terminal: Terminal, chain: ChainStatus, consensus: ConsensusStatus, node: string): void {
  printFields(terminal, [
    ["consortium", chain.name],
    ["node", `${node}, sabha ${chain.version}`],
    ["chain id", chain.chainId],
    ["final height", `${count(chain.height)}, at ${new Date(chain.finalizedTimestamp).toISOString()}`],
    ["executed height", count(chain.executedHeight)],
    ["block", chain.finalizedHash],
    ["state root", `${chain.stateRoot} at height ${count(chain.stateHeight)}`],
    ["view", `${count(consensus.view)} of epoch ${consensus.epoch}, leader ${consensus.leaderName}`],
    ["quorum", `${consensus.quorum} of ${consensus.validators.length}, margin ${consensus.quorumMargin}`],
    ["state", stateOf(chain, consensus)],
  ]);
  terminal.out("\n");
  printTable(
    terminal,
    [{ title: "validator" }, { title: "connection" }, { title: "last vote" }, { title: "view", align: "right" }],
    consensus.validators.map(({ name, isSelf, connected, lastVote }) => [
      name,
      isSelf ? "this node" : connected ? "connected" : "away",
      lastVote === undefined ? "-" : `${lastVote.kind} ${(lastVote.agoMs / 1000).toFixed(1)} s ago`,
      lastVote === undefined ? "-" : count(lastVote.view),
    ]),
  );
}

function stateOf(chain: ChainStatus, consensus: ConsensusStatus): string {
  if (chain.diverged) return "DIVERGED: its own results contradict certified ones; do not trust its reads";
  const isAlone = chain.targetHeight === undefined && consensus.halt !== undefined;
  if (chain.syncing && !isAlone) {
    return chain.targetHeight === undefined ? "catching up" : `catching up to height ${count(chain.targetHeight)}`;
  }
  if (consensus.halt !== undefined) {
    return `HALTED: ${consensus.halt.reason}; missing: ${consensus.halt.missing.join(", ") || "nobody"}`;
  }
  return "in step";
}

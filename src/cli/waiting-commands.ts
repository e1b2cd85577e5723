import type { Command } from "commander";
import { newTransferId, type QueuedTransfer, SabhaClient, type SubmitResult } from "../client/index.js";
import { describeResult } from "../genesis/index.js";
import { passphraseOf, readHome, readKey, readPassphrase } from "../node/index.js";
import { isId128 } from "../primitives/index.js";
import { wholeNumber } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { onTarget, type Target, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

const WAIT_MS = 60_000;
const FINAL = { waitFor: "final", timeoutMs: WAIT_MS } as const;

/** `sabha queue …` and `sabha hold …`: transfers that wait for liquidity, and for a decision. */
export function addWaitingCommands(program: Command, terminal: Terminal): void {
  const queue = program.command("queue").description("gross payments that wait for their banks' liquidity");
  addQueueList(queue, terminal);
  addPrioritise(queue, terminal);
  addGridlock(queue, terminal);
  const hold = program.command("hold").description("transfers that screening holds, for their own bank");
  addHoldList(hold, terminal);
  addDecision(hold, terminal, "release");
  addDecision(hold, terminal, "return");
}

interface QueueFlags extends TargetFlags {
  readonly asset?: string;
  readonly participant?: string;
  readonly submit?: true;
}

function addQueueList(queue: Command, terminal: Terminal): void {
  withTarget(queue.command("list").description("every queue in the order in which it is paid"))
    .option("--asset <code>", "for example INR (default: all)")
    .option("--participant <name>", "only this bank's")
    .addHelpText("after", "\nExample:\n  sabha queue list --home demo/SBI")
    .action((flags: QueueFlags) =>
      onTarget(flags, async (target) => {
        const bank = flags.participant === undefined ? undefined : target.directory.participant(flags.participant);
        if (flags.participant !== undefined && bank === undefined) {
          throw new CommandFailure(2, `there is no participant ${flags.participant}`);
        }
        const asset = flags.asset === undefined ? {} : { asset: assetOf(target, flags.asset) };
        const query = { ...asset, ...(bank === undefined ? {} : { participant: bank.number }) };
        const queued = await target.client.getQueue(query);
        if (flags.json === true) printJson(terminal, queued);
        else printQueue(terminal, target, queued);
      }),
    );
}

function addPrioritise(queue: Command, terminal: Terminal): void {
  withTarget(queue.command("prioritise").description("give a queued transfer of the own bank another priority"))
    .argument("<id>", "the transfer's id")
    .argument("<priority>", "0 to 255; higher is paid first", wholeNumber(0, 255))
    .addHelpText(
      "after",
      "\nA queued transfer is withdrawn by voiding it: sabha transfer with the flag void_pending.\n\nExample:\n  sabha queue prioritise 00000002… 9 --home demo/SBI",
    )
    .action((id: string, priority: number, flags: TargetFlags) =>
      onTarget(flags, async ({ client, participant }) => {
        const action = {
          id: newTransferId(participant),
          accountId: idOf(id),
          action: "queue_reprioritise",
          priority,
        } as const;
        const [answer] = await client.manageAccounts([action], FINAL);
        done(answer, `${id} has priority ${priority} now`, "the new priority", terminal, flags);
      }),
    );
}

function addGridlock(queue: Command, terminal: Terminal): void {
  withTarget(
    queue
      .command("gridlock")
      .description("find queued payments that can be paid together although banks wait for each other"),
  )
    .option("--asset <code>", "for example INR (default: the rulebook's)")
    .option("--submit", "have them paid, signed as the validator's")
    .addHelpText(
      "after",
      "\nWhoever finds a set may submit it: the ledger checks that nobody is short and no bank's own order is bypassed.\n\nExample:\n  sabha queue gridlock --home demo/SBI --submit",
    )
    .action((flags: QueueFlags) =>
      onTarget(flags, async (target) => {
        const asset = flags.asset === undefined ? {} : { asset: assetOf(target, flags.asset) };
        const found = await target.client.findSettleSet(asset);
        if (flags.submit !== true || found.length === 0) {
          if (flags.json === true) printJson(terminal, found);
          else if (found.length === 0) terminal.out("No set of queued payments can be paid together now.\n");
          else printQueue(terminal, target, found);
          return;
        }
        const [answer] = await target.client.submitSettleSet(
          found.map((transfer) => transfer.id),
          FINAL,
        );
        done(answer, `${count(found.length)} queued payments were paid together`, "the settle-set", terminal, flags);
      }),
    );
}

function addHoldList(hold: Command, terminal: Terminal): void {
  withTarget(hold.command("list").description("the own bank's transfers on hold; needs a token of scope approve"))
    .addHelpText("after", "\nExample:\n  sabha hold list --rpc http://127.0.0.1:26601 --token-file approve.token")
    .action((flags: TargetFlags) =>
      onTarget(flags, async ({ client, directory }) => {
        const holds = await client.getHolds();
        if (flags.json === true) {
          printJson(terminal, holds);
          return;
        }
        printTable(
          terminal,
          [
            { title: "transfer" },
            { title: "amount", align: "right" },
            { title: "rule", align: "right" },
            { title: "approvals left", align: "right" },
            { title: "returned at" },
          ],
          holds.map(({ id, amount, asset, rule, approvalsLeft, deadline }) => [
            id,
            directory.display(BigInt(amount), asset),
            count(rule),
            count(approvalsLeft),
            new Date(deadline).toISOString(),
          ]),
        );
      }),
    );
}

interface DecisionFlags extends TargetFlags {
  readonly key?: string;
}

function addDecision(hold: Command, terminal: Terminal, decision: "release" | "return"): void {
  const what = decision === "release" ? "let a transfer on hold be paid" : "give the money of a transfer on hold back";
  withTarget(hold.command(decision).description(what))
    .argument("<id>", "the transfer's id")
    .option("--key <file>", "sign here with this operation key, which needs the scope approve; needs --home")
    .addHelpText(
      "after",
      `\nWhere the rule asks for four eyes, two keys release: the second person signs with --key.\n\nExample:\n  sabha hold ${decision} 00000002… --home demo/SBI --key second/operation.key`,
    )
    .action((id: string, flags: DecisionFlags) =>
      onTarget(flags, async (target) => {
        const decider = signer(target, flags);
        try {
          const entry = { id: newTransferId(target.participant), transferId: idOf(id), decision } as const;
          const [answer] = await decider.decideHolds([entry], FINAL);
          done(answer, `${id}: the decision to ${decision} it is on the ledger`, "the decision", terminal, flags);
        } finally {
          if (decider !== target.client) await decider.close();
        }
      }),
    );
}

/** The client that decides: the target's own, or one that signs with a key of the command line. */
function signer({ client, url, participant }: Target, flags: DecisionFlags): SabhaClient {
  if (flags.key === undefined) return client;
  if (flags.home === undefined) throw new CommandFailure(2, "--key needs --home, which says for whom it signs");
  const home = readHome(flags.home);
  const passphrase = flags.passphraseFile === undefined ? passphraseOf(home) : readPassphrase(flags.passphraseFile);
  const { publicKey, secretKey } = readKey(home.path, "operation", passphrase, flags.key);
  return new SabhaClient({ url, key: { participant, chainId: home.chainId, publicKey, secretKey } });
}

function printQueue(terminal: Terminal, { directory }: Target, queued: readonly QueuedTransfer[]): void {
  printTable(
    terminal,
    [
      { title: "bank" },
      { title: "priority", align: "right" },
      { title: "transfer" },
      { title: "to" },
      { title: "amount", align: "right" },
      { title: "leaves unpaid at" },
    ],
    queued.map(({ bank, priority, id, payee, amount, asset, deadline, isFrozen }) => [
      directory.nameOf(bank),
      count(priority),
      isFrozen ? `${id} (frozen)` : id,
      directory.nameOf(payee),
      directory.display(BigInt(amount), asset),
      new Date(deadline).toISOString(),
    ]),
  );
  if (queued.length === 0) terminal.out("Nothing waits.\n");
}

function done(
  answer: SubmitResult | undefined,
  sentence: string,
  what: string,
  terminal: Terminal,
  flags: TargetFlags,
): void {
  const result = answer?.result ?? answer?.status ?? "nothing";
  if (flags.json === true) printJson(terminal, answer);
  if (result !== "applied") throw new CommandFailure(1, `${what} was refused: ${describeResult(result).meaning}`);
  if (flags.json !== true) printFields(terminal, [["done", sentence]]);
}

function idOf(text: string): string {
  if (!isId128(text)) throw new CommandFailure(2, `${text} is not an id of 32 hexadecimal digits`);
  return text;
}

function assetOf({ directory }: Target, code: string): number {
  const asset = directory.asset(code);
  if (asset === undefined) throw new CommandFailure(2, `there is no asset ${code}`);
  return asset.number;
}

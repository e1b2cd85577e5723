import type { Command } from "commander";
import { newTransferId, type TransferRequest } from "../client/index.js";
import { describeResult } from "../genesis/index.js";
import { isId128 } from "../primitives/index.js";
import { wholeNumber } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { onTarget, type Target, type TargetFlags, withTarget } from "./target.js";
import { printFields, printJson, type Terminal } from "./terminal.js";

interface TransferFlags extends TargetFlags {
  readonly from?: string;
  readonly to?: string;
  readonly amount?: string;
  readonly asset?: string;
  readonly rail?: string;
  readonly code?: number;
  readonly reference?: string;
  readonly id?: string;
  readonly endToEndId?: string;
  readonly pending?: true;
  readonly timeoutSeconds?: number;
  readonly post?: string;
  readonly void?: string;
  readonly wait: number;
}

const TRANSFER_HELP = `
An account is BANK/NAME, for example SBI/customer-1, or its id in 32 hexadecimal digits.
The id of the transfer is printed before it is sent. Where the answer is lost, send again with --id: the
same transfer is never made twice.

Examples:
  sabha transfer --home demo/SBI --from SBI/customer-1 --to HDFC/customer-2 --amount 500.00
  sabha transfer --home demo/SBI --from SBI/customer-1 --to SBI/customer-2 --amount 9.50 --pending --timeout-seconds 60
  sabha transfer --home demo/SBI --post 00000005…`;

/** `sabha transfer`: one transfer, or the second step of a pending one. */
export function addTransferCommand(program: Command, terminal: Terminal): void {
  withTarget(program.command("transfer").description("move money between two accounts and wait until it is final"))
    .option("--from <account>", "the account to debit; it belongs to the bank that signs")
    .option("--to <account>", "the account to credit")
    .option("--amount <amount>", "decimal, for example 500.00; with --post less than reserved where the rail allows it")
    .option("--asset <code>", "for example INR (default: the rulebook's)")
    .option("--rail <name>", "for example IMPS (default: the rulebook's)")
    .option("--code <number>", "purpose code", wholeNumber(0, 65_535))
    .option("--reference <hex>", "the bank's own key, 32 hexadecimal digits")
    .option("--id <hex>", "id of the transfer, to send one again (default: a new one)")
    .option("--end-to-end-id <text>", "make the id from this text, so that the same text is the same transfer")
    .option("--pending", "reserve the money; --post or --void ends it")
    .option("--timeout-seconds <seconds>", "how long a pending transfer may last", wholeNumber(1, 4_294_967_295))
    .option("--post <id>", "pay what this pending transfer reserved")
    .option("--void <id>", "release what this pending transfer reserved")
    .option("--wait <seconds>", "how long to wait until it is final", wholeNumber(1, 600), 30)
    .addHelpText("after", TRANSFER_HELP)
    .action((flags: TransferFlags) => onTarget(flags, (target) => transfer(target, flags, terminal)));
}

async function transfer(target: Target, flags: TransferFlags, terminal: Terminal): Promise<void> {
  const id = transferId(target, flags);
  const second = flags.post ?? flags.void;
  const request =
    second === undefined ? firstStep(target.directory, flags, id) : await secondStep(target, flags, id, second);
  terminal.err(`transfer ${id}\n`);
  const [answer] = await target.client.submitTransfers([request], { waitFor: "final", timeoutMs: flags.wait * 1000 });
  if (answer === undefined) throw new CommandFailure(3, "the node answered without a result; asking again is safe");
  const result = answer.result ?? answer.status;
  if (flags.json === true) printJson(terminal, answer);
  else {
    printFields(terminal, [
      ["transfer", id],
      ["result", result],
      ["height", answer.height === undefined ? "-" : String(answer.height)],
    ]);
  }
  const good = ["posted", "reserved", "voided", "exists"].includes(result);
  if (!good) throw new CommandFailure(1, `the transfer was refused: ${describeResult(result).meaning}`);
}

function transferId(target: Target, flags: TransferFlags): string {
  if (flags.id !== undefined && flags.endToEndId !== undefined) {
    throw new CommandFailure(2, "--id and --end-to-end-id exclude each other");
  }
  if (flags.endToEndId !== undefined) {
    const id = target.directory.transferOf(target.participant, flags.endToEndId);
    if (id === undefined) throw new CommandFailure(2, "an end-to-end id has 1 to 64 printable characters");
    return id;
  }
  if (flags.id === undefined) return newTransferId(target.participant);
  if (!isId128(flags.id)) throw new CommandFailure(2, `${flags.id} is not an id of 32 hexadecimal digits`);
  return flags.id;
}

function firstStep(directory: Target["directory"], flags: TransferFlags, id: string): TransferRequest {
  const { from, to, amount } = flags;
  if (from === undefined || to === undefined || amount === undefined) {
    throw new CommandFailure(2, "a transfer needs --from, --to and --amount");
  }
  const asset = directory.asset(flags.asset);
  if (asset === undefined) throw new CommandFailure(2, `the rulebook has no asset ${flags.asset}`);
  const rail = directory.rail(flags.rail);
  if (rail === undefined) throw new CommandFailure(2, `the rulebook has no rail ${flags.rail}`);
  const minorUnits = directory.amount(amount, asset);
  if (minorUnits === undefined) throw new CommandFailure(2, `${amount} is not an amount of ${asset.code}`);
  return {
    id,
    debitAccountId: account(directory, from),
    creditAccountId: account(directory, to),
    amount: String(minorUnits),
    asset: asset.number,
    rail: rail.number,
    flags: flags.pending === true ? ["pending"] : [],
    ...(flags.code === undefined ? {} : { code: flags.code }),
    ...(flags.reference === undefined ? {} : { reference: flags.reference }),
    ...(flags.timeoutSeconds === undefined ? {} : { timeoutSeconds: flags.timeoutSeconds }),
  };
}

/** Accounts, asset and rail of a post or a void are those of the pending transfer. */
async function secondStep(
  { client, directory }: Target,
  flags: TransferFlags,
  id: string,
  pendingId: string,
): Promise<TransferRequest> {
  if (flags.post !== undefined && flags.void !== undefined) {
    throw new CommandFailure(2, "--post and --void exclude each other");
  }
  if (!isId128(pendingId)) throw new CommandFailure(2, `${pendingId} is not an id of 32 hexadecimal digits`);
  const [pending] = await client.getTransfers([pendingId]);
  if (pending === null || pending === undefined) throw new CommandFailure(1, `there is no transfer ${pendingId}`);
  const asset = directory.assetOf(pending.asset);
  const amount = flags.amount === undefined || asset === undefined ? undefined : directory.amount(flags.amount, asset);
  if (flags.amount !== undefined && amount === undefined)
    throw new CommandFailure(2, `${flags.amount} is not an amount`);
  return {
    id,
    debitAccountId: pending.debitAccountId,
    creditAccountId: pending.creditAccountId,
    amount: amount === undefined ? pending.amount : String(amount),
    asset: pending.asset,
    rail: pending.rail,
    flags: [flags.post === undefined ? "void_pending" : "post_pending"],
    pendingId,
  };
}

function account(directory: Target["directory"], text: string): string {
  const id = directory.account(text);
  if (id === undefined) throw new CommandFailure(2, `${text} is no account: write BANK/NAME or 32 hexadecimal digits`);
  return id;
}

import type { Command } from "commander";
import { Governor, type SubmitResult } from "../client/index.js";
import { infrastructureName } from "../genesis/index.js";
import type { Id128, ParticipantNumber } from "../primitives/index.js";
import { oneOf } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { requireResult, WAIT_MS } from "./governance-target.js";
import { onTarget, type Target, type TargetFlags, withTarget } from "./target.js";
import { printFields, printJson, type Terminal } from "./terminal.js";

type Kind = "settlement" | "reserve" | "clearing";

interface OpenFlags extends TargetFlags {
  readonly asset?: string;
  readonly fund?: string;
}

const OPEN_HELP = `
The authority opens and funds settlement and reserve accounts, one of each per bank and asset; the money comes from
its issuance account. A bank opens its own clearing account. Genesis has opened those of the first banks; what
this command opens has names of its own: RBI/settlement:INR:PNB, RBI/reserve:INR:PNB, PNB/clearing:INR.
Opening an account again, with the same funding, changes nothing.

Examples:
  sabha account open settlement PNB --fund 1000000.00 --home demo/RBI
  sabha account open clearing PNB --home PNB`;

/** `sabha account open`: the accounts of a bank that came after genesis. */
export function addOpen(account: Command, terminal: Terminal): void {
  withTarget(
    account.command("open").description("open a bank's settlement or reserve account (the authority), or clearing"),
  )
    .argument("<kind>", "settlement, reserve or clearing", oneOf("settlement", "reserve", "clearing"))
    .argument("<bank>", "whose it is")
    .option("--asset <code>", "for example INR (default: the rulebook's)")
    .option("--fund <amount>", "put this much into it, from the authority's issuance account")
    .addHelpText("after", OPEN_HELP)
    .action((kind: Kind, bank: string, flags: OpenFlags) =>
      onTarget(flags, (target) => open(target, { kind, bank }, flags, terminal)),
    );
}

const FINAL = { waitFor: "final", timeoutMs: WAIT_MS } as const;

async function open(
  target: Target,
  { kind, bank }: { readonly kind: Kind; readonly bank: string },
  flags: OpenFlags,
  terminal: Terminal,
): Promise<void> {
  const { client, directory, participant } = target;
  const asset = directory.asset(flags.asset);
  if (asset === undefined) throw new CommandFailure(2, `the rulebook has no asset ${flags.asset}`);
  const amount = flags.fund === undefined ? 0n : directory.amount(flags.fund, asset);
  if (amount === undefined) throw new CommandFailure(2, `${flags.fund} is not an amount of ${asset.code}`);
  if (kind === "clearing" && amount > 0n) throw new CommandFailure(2, "a clearing account is not funded");
  const owner = await ownerOf(target, bank);
  const name = infrastructureName(kind, asset.code);
  // An id begins with the number of whoever opens it, so that the authority's accounts for banks bear their names too.
  const id = directory.accountOf(participant, kind === "clearing" ? name : `${name}:${bank}`) as Id128;
  const [opened] = await client.createAccounts([{ id, kind, owner, asset: asset.number }], FINAL);
  requireResult(opened as SubmitResult, ["applied", "exists"], "the account");
  const funded = amount === 0n ? undefined : await fund(target, { id, asset: asset.number, code: asset.code, amount });
  if (flags.json === true) printJson(terminal, { id, opened, ...(funded === undefined ? {} : { funded }) });
  else {
    printFields(terminal, [
      ["account", `${id}, ${kind} of ${bank}`],
      ["result", opened?.result ?? ""],
      ...(funded === undefined ? [] : ([["funded", directory.display(amount, asset.number)]] as const)),
    ]);
  }
}

/** Also of a bank that governance added. */
async function ownerOf({ client }: Target, bank: string): Promise<ParticipantNumber> {
  const found = (await new Governor(client).participants()).find(({ name }) => name === bank);
  if (found === undefined) throw new CommandFailure(2, `there is no participant ${bank}`);
  return found.number as ParticipantNumber;
}

async function fund(
  { client, directory, participant }: Target,
  to: { readonly id: Id128; readonly asset: number; readonly code: string; readonly amount: bigint },
): Promise<SubmitResult> {
  const { id, asset, code, amount } = to;
  const rail = directory.railFor(amount)?.number;
  if (rail === undefined) throw new CommandFailure(2, "no rail of the rulebook carries such an amount");
  const transfer = {
    id: directory.transferOf(participant, `fund:${id}`) as Id128,
    debitAccountId: directory.accountOf(participant, infrastructureName("issuance", code)) as Id128,
    creditAccountId: id,
    ...{ amount, asset, rail },
  };
  const [funded] = await client.submitTransfers([transfer], FINAL);
  requireResult(funded as SubmitResult, ["posted", "exists"], "the funding");
  return funded as SubmitResult;
}

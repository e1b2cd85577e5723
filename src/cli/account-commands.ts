import type { Command } from "commander";
import type { Account, AccountRequest, SubmitResult, TransferRequest } from "../client/index.js";
import { describeResult, infrastructureName, parseCsv } from "../genesis/index.js";
import { addOpen } from "./account-opening.js";
import { nameList, readTextInput, wholeNumber } from "./arguments.js";
import { CommandFailure, failWith } from "./failure.js";
import { onTarget, type Target, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** `sabha account …`: opening and looking at accounts. */
export function addAccountCommands(program: Command, terminal: Terminal): void {
  const account = program.command("account").description("open accounts and look at them");
  addCreate(account, terminal);
  addOpen(account, terminal);
  addShow(account, terminal);
  addList(account, terminal);
}

/** An account to open, and what to put into it. */
interface Opening {
  /** Line of the file, from 1; 0 for one from the command line. */
  readonly line: number;
  readonly name: string;
  readonly asset: string;
  /** Decimal text; empty: nothing. */
  readonly funding: string;
}

interface CreateFlags extends TargetFlags {
  readonly file?: string;
  readonly asset?: string;
  readonly fund?: string;
}

/** Records of one call. */
const CHUNK = 1_000;
const WAIT_MS = 60_000;
/** Repetitions of each call: half a minute on a busy node. */
const BULK_RETRIES = 10;

const CREATE_HELP = `
A file is CSV with the header account[,participant][,funding][,asset]; the accounts file of genesis is one.
Rows of other participants are left to them. Funding is decimal and comes from the bank's clearing account.
Opening an account again, with the same funding, changes nothing.

Examples:
  sabha account create customer-9 --home demo/SBI --fund 25000.00
  sabha account create --file accounts.csv --home demo/SBI`;

function addCreate(account: Command, terminal: Terminal): void {
  withTarget(account.command("create").description("open customer accounts of the bank that signs"))
    .argument("[names]", "the bank's own names of the accounts, with commas between them", nameList)
    .option("--file <file>", "accounts to open, CSV")
    .option("--asset <code>", "for example INR (default: the rulebook's)")
    .option("--fund <amount>", "put this much into each, from the bank's clearing account")
    .addHelpText("after", CREATE_HELP)
    .action((names: readonly string[] | undefined, flags: CreateFlags) =>
      onTarget(flags, (target) => create(target, names ?? [], flags, terminal), BULK_RETRIES),
    );
}

async function create(target: Target, names: readonly string[], flags: CreateFlags, terminal: Terminal): Promise<void> {
  const { openings, others } = readOpenings(target, names, flags);
  const requests = planOpenings(target, openings);
  const opened = await sendAll(requests.accounts, (part) =>
    target.client.createAccounts(part, { waitFor: "final", timeoutMs: WAIT_MS }),
  );
  const funded = await sendAll(requests.fundings, (part) =>
    target.client.submitTransfers(part, { waitFor: "final", timeoutMs: WAIT_MS }),
  );
  const tally = (results: readonly SubmitResult[], good: string): number =>
    results.filter(({ result }) => result === good).length;
  const summary = {
    opened: tally(opened, "applied"),
    existing: tally(opened, "exists"),
    funded: tally(funded, "posted"),
    fundedBefore: tally(funded, "exists"),
    failed: [...opened, ...funded].filter(({ result }) => !["applied", "posted", "exists"].includes(result ?? "")),
    rowsOfOthers: others,
  };
  if (flags.json === true) printJson(terminal, summary);
  else {
    printFields(terminal, [
      ["opened", count(summary.opened)],
      ["existing", count(summary.existing)],
      ["funded", `${count(summary.funded)}, ${count(summary.fundedBefore)} before`],
      ["failed", count(summary.failed.length)],
      ["rows of other participants", count(others)],
    ]);
  }
  if (summary.failed.length > 0) {
    const sentences = summary.failed.map(({ id, result }) => `${id}: ${describeResult(result ?? "no result").meaning}`);
    failWith(1, "not everything was opened and funded", sentences.slice(0, 20));
  }
}

function readOpenings(
  { directory, participant }: Target,
  names: readonly string[],
  flags: CreateFlags,
): { readonly openings: readonly Opening[]; readonly others: number } {
  const asset = flags.asset ?? "";
  const funding = flags.fund ?? "";
  const named = names.map((name) => ({ line: 0, name, asset, funding }));
  if (flags.file === undefined) {
    if (named.length === 0) throw new CommandFailure(2, "name the accounts to open, or give --file");
    return { openings: named, others: 0 };
  }
  const columns = { required: ["account"], optional: ["participant", "funding", "asset"] };
  const parsed = parseCsv(readTextInput(flags.file, "the accounts file"), columns);
  if (!parsed.ok)
    return failWith(
      2,
      flags.file,
      parsed.problems.map(({ line, problem }) => `line ${line}: ${problem}`),
    );
  const own = directory.nameOf(participant);
  const rows = parsed.rows.filter(({ fields }) => (fields["participant"] ?? own) === own);
  const openings = rows.map(({ line, fields }) => ({
    line,
    name: fields["account"] as string,
    asset: fields["asset"] || asset,
    funding: fields["funding"] || funding,
  }));
  return { openings: [...named, ...openings], others: parsed.rows.length - rows.length };
}

/** Everything is checked before anything is sent. */
function planOpenings(
  { directory, participant }: Target,
  openings: readonly Opening[],
): { readonly accounts: readonly AccountRequest[]; readonly fundings: readonly TransferRequest[] } {
  const accounts: AccountRequest[] = [];
  const fundings: TransferRequest[] = [];
  const problems: string[] = [];
  for (const { line, name, asset: code, funding } of openings) {
    const refuse = (problem: string): number => problems.push(line === 0 ? problem : `line ${line}: ${problem}`);
    const id = directory.accountOf(participant, name);
    const asset = directory.asset(code === "" ? undefined : code);
    const amount = asset === undefined || funding === "" ? 0n : directory.amount(funding, asset);
    const transferId = id === undefined ? undefined : directory.transferOf(participant, `fund:${id}`);
    const clearing = directory.accountOf(participant, infrastructureName("clearing", asset?.code ?? ""));
    if (id === undefined) refuse("an account's name has 1 to 64 printable characters");
    else if (asset === undefined) refuse(`the rulebook has no asset ${code}`);
    else if (amount === undefined) refuse(`${funding} is not an amount of ${asset.code}`);
    else {
      accounts.push({ id, kind: "customer", asset: asset.number });
      if (amount > 0n && transferId !== undefined && clearing !== undefined) {
        const rail = directory.railFor(amount)?.number;
        if (rail === undefined) refuse(`no rail of the rulebook carries ${funding}`);
        else
          fundings.push({
            id: transferId,
            debitAccountId: clearing,
            creditAccountId: id,
            amount,
            asset: asset.number,
            rail,
          });
      }
    }
  }
  return problems.length > 0 ? failWith(2, "", problems.slice(0, 20)) : { accounts, fundings };
}

async function sendAll<T>(
  items: readonly T[],
  send: (part: readonly T[]) => Promise<readonly SubmitResult[]>,
): Promise<readonly SubmitResult[]> {
  const results: SubmitResult[] = [];
  for (let from = 0; from < items.length; from += CHUNK) results.push(...(await send(items.slice(from, from + CHUNK))));
  return results;
}

function addShow(account: Command, terminal: Terminal): void {
  withTarget(account.command("show").description("one account with its balances"))
    .argument("<account>", "BANK/NAME, or the id in 32 hexadecimal digits")
    .addHelpText("after", "\nExample:\n  sabha account show SBI/customer-1 --home demo/SBI")
    .action((text: string, flags: TargetFlags) =>
      onTarget(flags, async ({ client, directory }) => {
        const id = directory.account(text);
        if (id === undefined) {
          throw new CommandFailure(2, `${text} is no account: write BANK/NAME or 32 hexadecimal digits`);
        }
        const [found] = await client.getAccounts([id]);
        if (found === null || found === undefined) throw new CommandFailure(1, `there is no account ${text} (${id})`);
        if (flags.json === true) {
          printJson(terminal, found);
          return;
        }
        const money = (minorUnits: bigint): string => directory.display(minorUnits, found.asset);
        printFields(terminal, [
          ["account", `${found.id}, ${found.kind} of ${directory.nameOf(found.owner)}`],
          ["balance", money(balanceOf(found))],
          ["available", money(availableOf(found))],
          ["debits", `${money(BigInt(found.debitsPosted))} posted, ${money(BigInt(found.debitsPending))} pending`],
          ["credits", `${money(BigInt(found.creditsPosted))} posted, ${money(BigInt(found.creditsPending))} pending`],
          ["flags", found.flags.join(", ") || "none"],
        ]);
      }),
    );
}

const balanceOf = ({ creditsPosted, debitsPosted }: Account): bigint => BigInt(creditsPosted) - BigInt(debitsPosted);
const availableOf = (account: Account): bigint => balanceOf(account) - BigInt(account.debitsPending);

interface ListFlags extends TargetFlags {
  readonly participant?: string;
  readonly limit: number;
}

function addList(account: Command, terminal: Terminal): void {
  withTarget(account.command("list").description("accounts with their balances"))
    .option("--participant <name>", "only this participant's")
    .option("--limit <number>", "at most so many", wholeNumber(1, 1_000_000), 100)
    .addHelpText("after", "\nExample:\n  sabha account list --participant SBI --home demo/SBI")
    .action((flags: ListFlags) =>
      onTarget(flags, async (target) => {
        const { directory } = target;
        const accounts = await listAccounts(target, flags);
        if (flags.json === true) {
          printJson(terminal, accounts);
          return;
        }
        printTable(
          terminal,
          [
            { title: "account" },
            { title: "bank" },
            { title: "kind" },
            { title: "balance", align: "right" },
            { title: "flags" },
          ],
          accounts.map((found) => [
            found.id,
            directory.nameOf(found.owner),
            found.kind,
            directory.display(balanceOf(found), found.asset),
            found.flags.filter((flag) => flag === "frozen" || flag === "closed").join(" "),
          ]),
        );
      }),
    );
}

async function listAccounts({ client, directory }: Target, flags: ListFlags): Promise<readonly Account[]> {
  const participant = flags.participant === undefined ? undefined : directory.participant(flags.participant);
  if (flags.participant !== undefined && participant === undefined) {
    throw new CommandFailure(2, `there is no participant ${flags.participant}`);
  }
  const accounts: Account[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listAccounts({
      limit: Math.min(1_000, flags.limit - accounts.length),
      ...(participant === undefined ? {} : { participant: participant.number }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    accounts.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined && accounts.length < flags.limit);
  return accounts;
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { describeResult } from "../genesis/index.js";
import { replaceFile } from "../node/index.js";
import { readTextInput, wholeNumber } from "./arguments.js";
import { CommandFailure, failWith } from "./failure.js";
import { type Order, parseOrders } from "./order-file.js";
import { type Submitted, submitAll } from "./submission.js";
import { onTarget, type Target, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

interface SubmitFlags extends TargetFlags {
  readonly rail?: string;
  readonly chunk: number;
  readonly inFlight: number;
  readonly wait: number;
  readonly patience: number;
  readonly failures?: string;
}

const SUBMIT_HELP = `
The file is CSV with the header
  end_to_end_id,debtor_bank,debtor_account,creditor_bank,creditor_account,amount,currency,purpose
Banks are named as in genesis, accounts as their banks name them; the debtor bank of every row is the bank
that signs. Purpose is a number, or a word such as household, insurance, leasing, loan, rent, salary, tax,
utilities, supplier; others count as 65535.

The whole file is checked before anything is sent. Ids are made from the end-to-end ids: sending a file
again, for example after this command was interrupted, never pays twice.

Exits 0 where every row is final and succeeded, 1 where some failed, 3 where the node could not go on.

Example:
  sabha submit orders.csv --home demo/SBI --failures failures.csv`;

/** `sabha submit FILE.csv`: a file of payment orders, each final exactly once. */
export function addSubmitCommand(program: Command, terminal: Terminal): void {
  withTarget(program.command("submit").description("send a file of payment orders and wait until each is final"))
    .argument("<file>", "payment orders, CSV")
    .option("--rail <name>", "for example IMPS (default: the rulebook's)")
    .option("--failures <file>", "write the rows that failed, and why, to this CSV file")
    .option("--chunk <rows>", "orders of one call", wholeNumber(1, 8_190), 500)
    .option("--in-flight <calls>", "calls at a time", wholeNumber(1, 64), 4)
    .option("--wait <seconds>", "how long one call may wait for finality", wholeNumber(1, 600), 30)
    .option("--patience <seconds>", "how long to go on without progress", wholeNumber(1, 86_400), 300)
    .addHelpText("after", SUBMIT_HELP)
    .action((file: string, flags: SubmitFlags) => onTarget(flags, (target) => submit(target, file, flags, terminal)));
}

async function submit(target: Target, file: string, flags: SubmitFlags, terminal: Terminal): Promise<void> {
  const { directory, participant } = target;
  const rail = directory.rail(flags.rail);
  if (rail === undefined) throw new CommandFailure(2, `the rulebook has no rail ${flags.rail}`);
  const text = readTextInput(file, "the orders");
  const parsed = parseOrders(text, { directory, signer: participant, rail: rail.number });
  if (!parsed.ok) return failWith(2, file, parsed.problems);
  const started = performance.now();
  const submitted = await send(target, parsed.orders, flags, terminal);
  const summary = summarize(parsed.orders, submitted, performance.now() - started);
  if (flags.json === true) printJson(terminal, jsonSummary(summary, target));
  else printSummary(terminal, summary, target);
  if (flags.failures !== undefined) writeFailures(flags.failures, summary.failures);
  if (submitted.gaveUp !== undefined) {
    const sentence = `${count(summary.unknown)} orders are not known to be final (${submitted.gaveUp.message})`;
    throw new CommandFailure(3, `${sentence}; send the file again, which never pays twice`);
  }
  if (summary.failures.length > 0) {
    throw new CommandFailure(1, `${count(summary.failures.length)} of ${count(summary.rows)} orders failed`);
  }
}

async function send(
  { client }: Target,
  orders: readonly Order[],
  flags: SubmitFlags,
  terminal: Terminal,
): Promise<Submitted> {
  const { height } = await client.getStatus();
  const total = count(orders.length);
  const progress = (done: number): void => {
    if (terminal.errIsTty) terminal.err(`\r${count(done)} of ${total} final`);
  };
  const submitted = await submitAll(
    orders.map(({ transfer }) => transfer),
    {
      client,
      chunk: flags.chunk,
      inFlight: flags.inFlight,
      waitMs: flags.wait * 1000,
      patienceMs: flags.patience * 1000,
      startHeight: height,
      now: () => performance.now(),
      sleep: (delayMs) => sleep(delayMs),
      progress,
    },
  );
  if (terminal.errIsTty) terminal.err("\n");
  return submitted;
}

interface Failure {
  readonly order: Order;
  readonly result: string;
}

/** What became of a file. */
interface Summary {
  readonly rows: number;
  readonly posted: number;
  readonly existing: number;
  readonly unknown: number;
  readonly failures: readonly Failure[];
  /** Failed rows by result code. */
  readonly failed: ReadonlyMap<string, number>;
  /** Minor units by asset number: posted by this run, and existing from earlier ones. */
  readonly postedSum: ReadonlyMap<number, bigint>;
  readonly existingSum: ReadonlyMap<number, bigint>;
  readonly elapsedMs: number;
}

function summarize(orders: readonly Order[], { outcomes }: Submitted, elapsedMs: number): Summary {
  const failures: Failure[] = [];
  const failed = new Map<string, number>();
  const sums = { posted: new Map<number, bigint>(), exists: new Map<number, bigint>() };
  const counts = { posted: 0, exists: 0 };
  let unknown = 0;
  for (const [index, order] of orders.entries()) {
    const result = outcomes[index]?.result;
    if (result === undefined) unknown += 1;
    else if (result === "posted" || result === "exists") {
      const { asset, amount } = order.transfer;
      counts[result] += 1;
      sums[result].set(asset, (sums[result].get(asset) ?? 0n) + amount);
    } else {
      failures.push({ order, result });
      failed.set(result, (failed.get(result) ?? 0) + 1);
    }
  }
  return {
    rows: orders.length,
    posted: counts.posted,
    existing: counts.exists,
    unknown,
    failures,
    failed,
    postedSum: sums.posted,
    existingSum: sums.exists,
    elapsedMs,
  };
}

function printSummary(terminal: Terminal, summary: Summary, { directory }: Target): void {
  const money = (sums: ReadonlyMap<number, bigint>): string =>
    [...sums].map(([asset, sum]) => directory.display(sum, asset)).join(" and ") || "-";
  const rows = [
    ["posted", count(summary.posted), money(summary.postedSum)],
    ["existing", count(summary.existing), money(summary.existingSum)],
    ...[...summary.failed].map(([code, number]) => [`failed: ${code}`, count(number), describeResult(code).meaning]),
    ...(summary.unknown > 0 ? [["unknown", count(summary.unknown), "-"]] : []),
  ];
  printTable(terminal, [{ title: "orders" }, { title: "rows", align: "right" }, { title: "sum" }], rows);
  const seconds = Math.max(summary.elapsedMs, 1) / 1000;
  terminal.out("\n");
  printFields(terminal, [
    ["rows", count(summary.rows)],
    ["time", `${seconds.toFixed(1)} s, ${count(Math.round(summary.posted / seconds))} posted a second`],
  ]);
}

function jsonSummary(summary: Summary, { directory }: Target): unknown {
  const sums = (values: ReadonlyMap<number, bigint>): Readonly<Record<string, string>> =>
    Object.fromEntries(
      [...values].map(([asset, sum]) => [directory.assetOf(asset)?.code ?? String(asset), directory.plain(sum, asset)]),
    );
  return {
    rows: summary.rows,
    posted: summary.posted,
    existing: summary.existing,
    failed: Object.fromEntries(summary.failed),
    unknown: summary.unknown,
    postedSum: sums(summary.postedSum),
    existingSum: sums(summary.existingSum),
    elapsedMs: Math.round(summary.elapsedMs),
  };
}

function writeFailures(path: string, failures: readonly Failure[]): void {
  const quoted = (text: string): string => (/[",]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = failures.map(({ order: { line, endToEndId, transfer }, result }) =>
    [String(line), quoted(endToEndId), transfer.id, result, quoted(describeResult(result).meaning)].join(","),
  );
  replaceFile(
    { path, what: "the list of failures" },
    `${["line,end_to_end_id,id,result,meaning", ...lines].join("\n")}\n`,
  );
}

import type { Command } from "commander";
import type { SettlementReport, SettlementWindow } from "../client/index.js";
import { wholeNumber } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { onTarget, type Target, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** `sabha settlement …`: windows of net settlement, positions in them, and the reports that banks reconcile by. */
export function addSettlementCommands(program: Command, terminal: Terminal): void {
  const settlement = program.command("settlement").description("windows of net settlement, positions and reports");
  addWindows(settlement, terminal);
  addWindow(settlement, terminal);
  addPositions(settlement, terminal);
  addReport(settlement, terminal);
}

interface SettlementFlags extends TargetFlags {
  readonly asset?: string;
}

interface BankFlags extends SettlementFlags {
  readonly participant?: string;
  readonly csv?: true;
}

const WINDOW_NUMBER = wholeNumber(1, 0xffff_ffff);

const withAsset = (command: Command): Command =>
  withTarget(command).option("--asset <code>", "for example INR (default: the rulebook's)");

function addWindows(settlement: Command, terminal: Terminal): void {
  withAsset(settlement.command("windows").description("windows of net settlement, newest first"))
    .option("--limit <number>", "at most so many", wholeNumber(1, 1_000), 20)
    .addHelpText("after", "\nExample:\n  sabha settlement windows --home demo/SBI")
    .action((flags: SettlementFlags & { readonly limit: number }) =>
      onTarget(flags, async (target) => {
        const { items } = await target.client.listWindows({ ...assetOf(target, flags), limit: flags.limit });
        if (flags.json === true) printJson(terminal, items);
        else printWindows(terminal, target, items);
      }),
    );
}

function addWindow(settlement: Command, terminal: Terminal): void {
  withAsset(settlement.command("window").description("a window, and what each bank paid and got in it"))
    .argument("[number]", "the window (default: the newest)", WINDOW_NUMBER)
    .addHelpText("after", "\nExample:\n  sabha settlement window 7 --home demo/SBI")
    .action((window: number | undefined, flags: SettlementFlags) =>
      onTarget(flags, async (target) => {
        const found = await target.client.getWindow({ ...assetOf(target, flags), ...numbered(window) });
        if (flags.json === true) {
          printJson(terminal, found);
          return;
        }
        printHead(terminal, target, found);
        printTable(
          terminal,
          [
            { title: "bank" },
            ...["paid", "got", "net", "payments"].map((title) => ({ title, align: "right" as const })),
          ],
          found.positions.map((position) => [
            target.directory.nameOf(position.participant),
            ...[position.debits, position.credits, position.net].map((amount) =>
              target.directory.display(BigInt(amount), found.asset),
            ),
            count(position.payments),
          ]),
        );
      }),
    );
}

function addPositions(settlement: Command, terminal: Terminal): void {
  withAsset(settlement.command("positions").description("what each bank owes now on net rails, and what bounds it"))
    .option("--participant <name>", "only this bank's")
    .addHelpText("after", "\nExample:\n  sabha settlement positions --home demo/SBI")
    .action((flags: BankFlags) =>
      onTarget(flags, async (target) => {
        const query = { ...(flags.asset === undefined ? {} : assetOf(target, flags)), ...bankOf(target, flags) };
        const positions = await target.client.getPositions(query);
        if (flags.json === true) {
          printJson(terminal, positions);
          return;
        }
        printTable(
          terminal,
          [
            { title: "bank" },
            ...["window pays", "window gets", "pending", "exposure", "reserve", "cap"].map((title) => ({
              title,
              align: "right" as const,
            })),
          ],
          positions.map((position) => {
            const show = (amount: string): string => target.directory.display(BigInt(amount), position.asset);
            return [
              target.directory.nameOf(position.participant),
              show(position.openDebits),
              show(position.openCredits),
              show(position.pendingDebits),
              show(position.exposure),
              show(position.reserve),
              position.cap === undefined ? "-" : show(position.cap),
            ];
          }),
        );
      }),
    );
}

const REPORT_HELP = `
Two banks that see the same report root have the same report: the root stands in the window's own outcome, which a
receipt proves. CSV has a line for each pair of banks, amounts in minor units.

Examples:
  sabha settlement report 7 --home demo/SBI
  sabha settlement report 7 --participant SBI --csv --home demo/SBI > window-7.csv`;

function addReport(settlement: Command, terminal: Terminal): void {
  withAsset(settlement.command("report").description("who paid whom in a window, and the root to compare it by"))
    .argument("[number]", "the window (default: the newest)", WINDOW_NUMBER)
    .option("--participant <name>", "only what this bank paid and got")
    .option("--csv", "print the rows as CSV")
    .addHelpText("after", REPORT_HELP)
    .action((window: number | undefined, flags: BankFlags) =>
      onTarget(flags, async (target) => {
        if (flags.csv === true && flags.json === true) throw new CommandFailure(2, "either --csv or --json");
        const query = { ...assetOf(target, flags), ...numbered(window), ...bankOf(target, flags) };
        const report = await target.client.getReport(query);
        if (flags.json === true) printJson(terminal, report);
        else if (flags.csv === true) printCsv(terminal, target, report);
        else printReport(terminal, target, report);
      }),
    );
}

function printReport(terminal: Terminal, target: Target, report: SettlementReport): void {
  printHead(terminal, target, report);
  printTable(
    terminal,
    [{ title: "payer" }, { title: "payee" }, { title: "payments", align: "right" }, { title: "sum", align: "right" }],
    report.rows.map((row) => [
      target.directory.nameOf(row.payer),
      target.directory.nameOf(row.payee),
      count(row.payments),
      target.directory.display(BigInt(row.sum), report.asset),
    ]),
  );
}

/** Names of participants hold letters, digits, hyphens and underscores only: no field needs quotes. */
function printCsv(terminal: Terminal, { directory }: Target, report: SettlementReport): void {
  terminal.out("asset,window,state,payer,payee,payments,sum,report_root\n");
  for (const { payer, payee, payments, sum } of report.rows) {
    const names = [directory.nameOf(payer), directory.nameOf(payee)];
    const fields = [report.asset, report.window, report.state, ...names, payments, sum, report.reportRoot ?? ""];
    terminal.out(`${fields.join(",")}\n`);
  }
}

function printHead(
  terminal: Terminal,
  { directory }: Target,
  found: SettlementWindow & { readonly reportRoot?: string },
): void {
  printFields(terminal, [
    ["window", `${count(found.window)} of ${codeOf(directory, found.asset)}, ${found.state}`],
    ["first payment", time(found.openedAt)],
    ["cut", found.closedAt === undefined ? "-" : `${time(found.closedAt)} by ${cutter(found)}`],
    ["payments", count(found.payments)],
    ["report root", found.reportRoot ?? "-"],
  ]);
  terminal.out("\n");
}

function printWindows(terminal: Terminal, { directory }: Target, windows: readonly SettlementWindow[]): void {
  printTable(
    terminal,
    [
      { title: "window", align: "right" },
      { title: "asset" },
      { title: "state" },
      { title: "first payment" },
      { title: "cut" },
      { title: "payments", align: "right" },
    ],
    windows.map((found) => [
      count(found.window),
      codeOf(directory, found.asset),
      found.state,
      time(found.openedAt),
      found.closedAt === undefined ? "-" : `${time(found.closedAt)} by ${cutter(found)}`,
      count(found.payments),
    ]),
  );
}

const cutter = ({ cutBy }: SettlementWindow): string => (cutBy === "authority" ? "the authority" : "time");
const codeOf = (directory: Target["directory"], asset: number): string =>
  directory.assetOf(asset)?.code ?? String(asset);
const time = (milliseconds: number): string => new Date(milliseconds).toISOString();
const numbered = (window: number | undefined): { readonly window?: number } => (window === undefined ? {} : { window });

function assetOf({ directory }: Target, { asset }: SettlementFlags): { readonly asset?: number } {
  const found = directory.asset(asset);
  if (found === undefined) throw new CommandFailure(2, `the rulebook has no asset ${asset ?? ""}`);
  return { asset: found.number };
}

function bankOf({ directory }: Target, { participant }: BankFlags): { readonly participant?: number } {
  if (participant === undefined) return {};
  const found = directory.participant(participant);
  if (found === undefined) throw new CommandFailure(2, `there is no participant ${participant}`);
  return { participant: found.number };
}

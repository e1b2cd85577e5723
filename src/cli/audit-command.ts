import { statSync } from "node:fs";
import type { Command } from "commander";
import { AuditFault, type AuditReport, auditHistory } from "../node/index.js";
import { readInput } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** Below this many records a rate says more about starting up than about records. */
const RATE_RECORDS_MIN = 10_000;

interface AuditFlags {
  readonly genesis: string;
  readonly json?: true;
}

/** `sabha audit`: a whole exported history, verified without the network. */
export function addAuditCommand(program: Command, terminal: Terminal): void {
  program
    .command("audit")
    .description("verify a whole exported history against the genesis file, offline: every signature and every result")
    .argument("<file>", "what sabha store export wrote")
    .requiredOption("--genesis <file>", "the consortium's genesis file")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExits 0 where everything holds and 1 at the first thing that does not.\n\nExample:\n  sabha audit history.sabha --genesis demo/genesis.json",
    )
    .action((file: string, flags: AuditFlags) => audit(file, flags, terminal));
}

async function audit(file: string, { genesis, json }: AuditFlags, terminal: Terminal): Promise<void> {
  const started = performance.now();
  const total = sizeOf(file);
  try {
    const report = await auditHistory(readInput(genesis, "the genesis file"), file, ({ height, bytes }) => {
      if (terminal.errIsTty) terminal.err(`\rblock ${count(height)}, ${Math.floor((100 * bytes) / total)} %`);
    });
    if (terminal.errIsTty) terminal.err("\n");
    const seconds = (performance.now() - started) / 1_000;
    if (json === true) printJson(terminal, { ok: true, ...report, seconds, ...perMillion(report, seconds) });
    else print(report, seconds, terminal);
  } catch (error) {
    if (!(error instanceof AuditFault)) throw error;
    if (terminal.errIsTty) terminal.err("\n");
    if (json === true) printJson(terminal, { ok: false, height: error.height, detail: error.message });
    throw new CommandFailure(1, `${file} does not hold at height ${count(error.height)}: ${error.message}`);
  }
}

function sizeOf(file: string): number {
  try {
    return Math.max(1, statSync(file).size);
  } catch (error) {
    throw new CommandFailure(2, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function print(report: AuditReport, seconds: number, terminal: Terminal): void {
  const { secondsPerMillion } = perMillion(report, seconds);
  printFields(terminal, [
    ["history", "everything holds"],
    ["chain id", report.chainId],
    [
      "blocks",
      `${count(report.height)}, final up to ${count(report.finalHeight)}, results proven up to ${count(report.provenHeight)}`,
    ],
    ["batches", `${count(report.batches)} with ${count(report.records)} records, every signature checked`],
    ["certificates", count(report.certificates)],
    ["results root", report.resultsRoot],
    ["state root", report.stateRoot],
    [
      "time",
      `${seconds.toFixed(1)} s${secondsPerMillion === undefined ? "" : `, ${secondsPerMillion.toFixed(1)} s for a million records`}`,
    ],
  ]);
  terminal.out("\n");
  printTable(
    terminal,
    [{ title: "result" }, { title: "records", align: "right" }],
    Object.entries(report.results).map(([name, records]) => [name, count(records)]),
  );
}

const perMillion = ({ records }: AuditReport, seconds: number): { readonly secondsPerMillion?: number } =>
  records < RATE_RECORDS_MIN ? {} : { secondsPerMillion: (seconds * 1e6) / records };

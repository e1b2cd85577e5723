import type { Command } from "commander";
import { backUpStore, checkStore, exportStore, restoreStore } from "../node/index.js";
import { failWith } from "./failure.js";
import { count, printFields, printJson, type Terminal } from "./terminal.js";

type StoreReport = Awaited<ReturnType<typeof checkStore>>["report"];
type StoreProgress = Parameters<Parameters<typeof checkStore>[1]>[0];

interface StoreFlags {
  readonly home: string;
  readonly json?: true;
}

/** `sabha store …`: offline work on a stopped node's data. */
export function addStoreCommands(program: Command, terminal: Terminal): void {
  const store = program.command("store").description("offline work on a stopped node's data");
  store
    .command("verify")
    .description("check every checksum, hash link, batch and result of a stopped node")
    .requiredOption("--home <dir>", "the node's home")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExits 0 where everything holds and 1 where something does not.\n\nExample:\n  sabha store verify --home demo/SBI",
    )
    .action(({ home, json }: StoreFlags) => verify(home, json === true, terminal));
  addExport(store, terminal);
  addBackup(store, terminal);
  addRestore(store, terminal);
}

function addExport(store: Command, terminal: Terminal): void {
  store
    .command("export")
    .description("write the whole history into one file, for sabha audit")
    .requiredOption("--home <dir>", "the node's home")
    .requiredOption("--out <file>", "where it goes; the file must not exist")
    .addHelpText("after", "\nExample:\n  sabha store export --home demo/SBI --out history.sabha")
    .action(async ({ home, out }: StoreFlags & { readonly out: string }) => {
      const height = await exportStore(home, out, (done, total) => {
        if (terminal.errIsTty) terminal.err(`\rblock ${count(done)} of ${count(total)}`);
      });
      if (terminal.errIsTty) terminal.err("\n");
      terminal.out(
        `Wrote ${out}: blocks 1 to ${count(height)}. Check it with: sabha audit ${out} --genesis genesis.json\n`,
      );
    });
}

function addBackup(store: Command, terminal: Terminal): void {
  store
    .command("backup")
    .description("copy the data of a stopped node into a new directory, and check the copy")
    .requiredOption("--home <dir>", "the node's home")
    .requiredOption("--out <dir>", "where it goes; the directory must not exist")
    .addHelpText(
      "after",
      "\nKeys are not in it: keep keys/ apart.\n\nExample:\n  sabha store backup --home demo/SBI --out backups/SBI",
    )
    .action(async ({ home, out }: StoreFlags & { readonly out: string }) => {
      const report = await backUpStore(home, out, progress(terminal));
      if (terminal.errIsTty) terminal.err("\n");
      if (!report.ok) failWith(1, `the copy ${out}`, faultsOf(report));
      terminal.out(`Wrote ${out}: blocks up to height ${count(report.height)}, every check holds.\n`);
    });
}

function addRestore(store: Command, terminal: Terminal): void {
  store
    .command("restore")
    .description("put a backup into a home that has no data")
    .requiredOption("--home <dir>", "the node's home")
    .requiredOption("--from <dir>", "the backup")
    .addHelpText(
      "after",
      "\nA node that voted after its backup was made does not vote again with that key: it finds out by itself,\nand follows the others.\n\nExample:\n  sabha store restore --home demo/SBI --from backups/SBI",
    )
    .action(async ({ home, from }: StoreFlags & { readonly from: string }) => {
      const { height } = await restoreStore(home, from);
      terminal.out(`Restored blocks up to height ${count(height)}. The node fetches what is newer when it starts.\n`);
    });
}

const progress =
  (terminal: Terminal) =>
  ({ part, done, total }: StoreProgress): void => {
    if (terminal.errIsTty) terminal.err(`\r${part}: ${count(done)}${total === undefined ? "" : ` of ${count(total)}`}`);
  };

const faultsOf = (report: StoreReport): readonly string[] =>
  report.faults
    .slice(0, 20)
    .map(({ detail, height }) => (height === undefined ? detail : `height ${height}: ${detail}`));

async function verify(home: string, asJson: boolean, terminal: Terminal): Promise<void> {
  const { directory, report } = await checkStore(home, progress(terminal));
  if (terminal.errIsTty) terminal.err("\n");
  if (asJson) printJson(terminal, report);
  else {
    const { counts } = report;
    printFields(terminal, [
      ["store", directory],
      ["chain id", report.chainId ?? "unknown"],
      ["final height", `${count(report.height)}, executed ${count(report.executedHeight)}`],
      ["blocks", count(counts.blocks)],
      ["batches", `${count(counts.batches)}, ${count(counts.batchBytes)} bytes`],
      ["to be fetched", `${count(counts.batchesToFetch)} batches`],
      ["results", count(counts.results)],
      ["checks", report.ok ? "all hold" : `${count(report.faultCount)} FAIL`],
    ]);
  }
  if (report.ok) return;
  failWith(1, directory, faultsOf(report));
}

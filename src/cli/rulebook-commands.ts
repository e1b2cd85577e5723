import type { Command } from "commander";
import { type Block, Governor } from "../client/index.js";
import { Directory, parseRulebook, type Rulebook, rulebookDifferences, rulebookProblems } from "../genesis/index.js";
import { RulebookSimulation, readHome, type SimulationReport, simulateRulebook } from "../node/index.js";
import { type Digest, type Epoch, fromHex, type Height } from "../primitives/index.js";
import { readTextInput, wholeNumber } from "./arguments.js";
import { CommandFailure, failWith } from "./failure.js";
import { onTarget, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** `sabha rulebook …`: looking at a rulebook before it is put to the vote. */
export function addRulebookCommands(program: Command, terminal: Terminal): void {
  const rulebook = program.command("rulebook").description("check a rulebook, compare it, try it on history");
  addCheck(rulebook, terminal);
  addDiff(rulebook, terminal);
  addSimulate(rulebook, terminal);
}

function readFile(file: string): Rulebook {
  const parsed = parseRulebook(readTextInput(file, "the rulebook"));
  return parsed.ok ? parsed.rulebook : failWith(1, file, parsed.problems);
}

/** A rulebook that could be in force. */
function readSound(file: string): Rulebook {
  const rulebook = readFile(file);
  const problems = rulebookProblems(rulebook);
  return problems.length === 0 ? rulebook : failWith(1, file, problems);
}

const isOnline = (flags: TargetFlags): boolean => flags.rpc !== undefined || flags.home !== undefined;

function addCheck(rulebook: Command, terminal: Terminal): void {
  withTarget(rulebook.command("check").description("explain a rulebook and everything that is wrong with it"))
    .argument("<file>", "the rulebook, YAML")
    .addHelpText(
      "after",
      `
With --rpc or --home also whether it fits the accounts, participants and pending transfers of that network.
Exits 0 where nothing is wrong and 1 where something is.

Example:
  sabha rulebook check config/source.yaml`,
    )
    .action(async (file: string, flags: TargetFlags) => {
      const parsed = readFile(file);
      const problems = [...rulebookProblems(parsed)];
      if (problems.length === 0 && isOnline(flags)) {
        await onTarget(flags, async ({ client }) => {
          const preflight = await new Governor(client).preflight({ kind: "rulebook", content: parsed });
          if (preflight.result !== "not_authorised" && preflight.result !== "proposed")
            problems.push(...preflight.problems);
        });
      }
      if (flags.json === true) printJson(terminal, { ok: problems.length === 0, problems, rulebook: parsed });
      else if (problems.length === 0) explain(terminal, parsed);
      if (problems.length > 0) failWith(1, file, problems);
    });
}

/** What a rulebook says, for people. */
function explain(terminal: Terminal, rulebook: Rulebook): void {
  const { assets, defaultAsset, governance, windowTimes, screening } = rulebook;
  const asset = assets.find(({ number }) => number === defaultAsset) ?? assets[0];
  const money = (text: string | undefined): string => {
    const exponent = asset?.exponent ?? 0;
    const digits = (text ?? "").padStart(exponent + 1, "0");
    if (text === undefined) return "-";
    return exponent === 0 ? text : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
  };
  printFields(terminal, [
    ["assets", assets.map(({ code, number, exponent }) => `${code} (${number}, ${exponent} decimals)`).join(", ")],
    [
      "scheme day",
      `begins at UTC ${rulebook.schemeDayOffsetSeconds >= 0 ? "minus" : "plus"} ${Math.abs(rulebook.schemeDayOffsetSeconds)} s`,
    ],
    [
      "net windows",
      windowTimes === undefined
        ? "cut by the authority only"
        : `${windowTimes.length} a day: ${windowTimes.slice(0, 24).map(clock).join(" ")}`,
    ],
    ["screening", `${screening?.length ?? 0} rules`],
    [
      "ballots",
      governance === undefined
        ? "a quorum, within 7 days"
        : `${JSON.stringify(governance.thresholds ?? {})}, within ${governance.votingSecondsMax} s`,
    ],
    ["problems", "none"],
  ]);
  terminal.out("\n");
  printTable(
    terminal,
    [
      { title: "rail" },
      { title: "settles" },
      { title: "minimum", align: "right" },
      { title: "maximum", align: "right" },
      { title: "account a day", align: "right" },
      { title: "pending", align: "right" },
      { title: "other" },
    ],
    rulebook.rails.map((rail) => [
      ...[`${rail.number} ${rail.name}`, rail.settlement ?? "gross", money(rail.minimum), money(rail.maximum)],
      ...[money(rail.accountDailyMaximum), rail.timeoutSecondsMax === 0 ? "-" : `${rail.timeoutSecondsMax} s`],
      [
        ...(rail.acceptance === true ? ["acceptance"] : []),
        ...(rail.onShortage === "queue" ? ["queues"] : []),
        ...(rail.partialPost ? ["parts"] : []),
        ...(rail.fee === undefined ? [] : [`fee ${money(rail.fee)}`]),
      ].join(" "),
    ]),
  );
}

const clock = (seconds: number): string =>
  `${String(Math.floor(seconds / 3_600)).padStart(2, "0")}:${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}`;

function addDiff(rulebook: Command, terminal: Terminal): void {
  withTarget(rulebook.command("diff").description("what a rulebook changes, against another or the one in force"))
    .argument("<file>", "the new rulebook")
    .argument("[other]", "the rulebook to compare with (default: the one in force at --rpc or --home)")
    .addHelpText("after", "\nExample:\n  sabha rulebook diff new.yaml --home demo/SBI")
    .action(async (file: string, other: string | undefined, flags: TargetFlags) => {
      const after = readFile(file);
      if (other !== undefined) {
        printDifferences(terminal, readFile(other), after, flags.json === true);
        return;
      }
      if (!isOnline(flags))
        throw new CommandFailure(2, "say what to compare with: another file, --rpc URL or --home DIR");
      await onTarget(flags, async ({ client }) => {
        const { rulebook: before } = await new Governor(client).rules();
        printDifferences(terminal, before, after, flags.json === true);
      });
    });
}

function printDifferences(terminal: Terminal, before: Rulebook, after: Rulebook, asJson: boolean): void {
  const differences = rulebookDifferences(before, after);
  if (asJson) printJson(terminal, differences);
  else if (differences.length === 0) terminal.out("They say the same.\n");
  else {
    printTable(
      terminal,
      [{ title: "member" }, { title: "before", align: "right" }, { title: "after", align: "right" }],
      differences.map(({ member, before: was, after: is }) => [member, was ?? "-", is ?? "-"]),
    );
  }
}

interface SimulateFlags extends TargetFlags {
  readonly from: number;
  readonly to?: number;
}

function addSimulate(rulebook: Command, terminal: Terminal): void {
  const heights = wholeNumber(1, Number.MAX_SAFE_INTEGER);
  withTarget(
    rulebook.command("simulate").description("replay history under a rulebook and show what would have changed"),
  )
    .argument("<file>", "the rulebook, YAML")
    .requiredOption("--from <height>", "first block under the rulebook", heights)
    .option("--to <height>", "last block (default: the newest)", heights)
    .addHelpText(
      "after",
      `
--home reads the data of a stopped node; --rpc fetches the blocks of a running one. Both replay from genesis, on
copies in memory, and change nothing.

Example:
  sabha rulebook simulate new.yaml --rpc http://127.0.0.1:26601 --from 1000 --to 5000`,
    )
    .action(async (file: string, flags: SimulateFlags) => {
      const proposed = readSound(file);
      if (flags.to !== undefined && flags.to < flags.from) throw new CommandFailure(2, "--to is below --from");
      if (!isOnline(flags)) throw new CommandFailure(2, "say whose history: --home DIR or --rpc URL");
      const range = {
        proposed,
        from: flags.from as Height,
        ...(flags.to === undefined ? {} : { to: flags.to as Height }),
      };
      const show = (height: number): void => {
        if (terminal.errIsTty && height % 100 === 0) terminal.err(`\rheight ${count(height)}`);
      };
      if (flags.rpc === undefined && flags.home !== undefined) {
        const home = readHome(flags.home);
        const report = await simulateRulebook(flags.home, range, show);
        printReport(terminal, new Directory(home.genesis, home.chainId), report, flags.json === true);
      } else {
        await onTarget(flags, async ({ client, directory }) => {
          const { genesis, chainId } = directory;
          const simulation = new RulebookSimulation({ genesis, chainId, ...range });
          const last = range.to ?? (await client.getStatus()).executedHeight;
          for (let height = 1; height <= last; height += 1) {
            simulation.apply(orderedBlock(await client.getBlock(height, { full: true })));
            show(height);
          }
          printReport(terminal, directory, simulation.report(), flags.json === true);
        });
      }
    });
}

type OrderedBlock = Parameters<RulebookSimulation["apply"]>[0];

function orderedBlock(block: Block): OrderedBlock {
  const batches = block.batches.map(({ digest, bytes: hex }) => {
    const bytes = hex === undefined ? undefined : fromHex(hex);
    if (bytes === undefined)
      throw new CommandFailure(3, `the node no longer has the batches of height ${block.height}`);
    return { digest: digest as Digest, bytes };
  });
  const { height, timestamp, epoch, hash } = block;
  return { height: height as Height, timestamp, epoch: epoch as Epoch, hash: hash as Digest, batches };
}

function printReport(terminal: Terminal, directory: Directory, report: SimulationReport, asJson: boolean): void {
  if (asJson) {
    printJson(terminal, report);
    return;
  }
  const { changes, totals, balances, examples } = report;
  const changed = changes.reduce((sum, change) => sum + change.count, 0);
  printFields(terminal, [
    ["heights", `${count(report.from)} to ${count(report.to)}, ${count(report.blocks)} blocks`],
    ["transfers", count(report.transfers)],
    ["other result", changed === 0 ? "none" : count(changed)],
  ]);
  if (totals.length > 0) {
    terminal.out("\n");
    printTable(
      terminal,
      [
        { title: "rail" },
        { title: "posted", align: "right" },
        { title: "sum", align: "right" },
        { title: "would be posted", align: "right" },
        { title: "sum", align: "right" },
      ],
      totals.map(({ rail, asset, before, after }) => [
        ...[String(rail), count(before.count), directory.display(before.sum, asset)],
        ...[count(after.count), directory.display(after.sum, asset)],
      ]),
    );
  }
  if (changes.length > 0) {
    terminal.out("\n");
    printTable(
      terminal,
      [
        { title: "result" },
        { title: "would be" },
        { title: "transfers", align: "right" },
        { title: "sum", align: "right" },
      ],
      changes.map(({ before, after, asset, count: number, sum }) => [
        before,
        after,
        count(number),
        directory.display(sum, asset),
      ]),
    );
  }
  if (balances.length > 0) {
    terminal.out("\n");
    printTable(
      terminal,
      [{ title: "settlement of" }, { title: "balance", align: "right" }, { title: "would be", align: "right" }],
      balances.map(({ participant, asset, before, after }) => [
        participant,
        directory.display(before, asset),
        directory.display(after, asset),
      ]),
    );
  }
  if (examples.length === 0) return;
  terminal.out("\n");
  printTable(
    terminal,
    [
      { title: "height", align: "right" },
      { title: "transfer" },
      { title: "amount", align: "right" },
      { title: "result" },
      { title: "would be" },
    ],
    examples
      .slice(0, 20)
      .map(({ height, id, amount, asset, before, after }) => [
        ...[count(height), id, directory.display(amount, asset), before, after],
      ]),
  );
}

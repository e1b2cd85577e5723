import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { writeReport } from "./report.js";
import { runScenario } from "./run.js";
import { readScenario, type Scenario } from "./scenario.js";

const SCENARIOS = fileURLToPath(new URL("../../../config/scenarios", import.meta.url));

interface Options {
  readonly all?: true;
  readonly keep?: true;
  readonly out: string;
}

const program = new Command("faultnet")
  .description(
    "Runs scenarios of faults against consortiums of real processes, and judges what their clients were told.",
  )
  .argument("[scenarios...]", "scenario files, or names of those in config/scenarios")
  .option("--all", "every scenario of config/scenarios")
  .option("--keep", "keep homes and logs of runs that passed")
  .option("--out <dir>", "where reports go", "faultnet-reports");

/** @returns whether it passed, or was skipped for a reason */
async function runOne(scenario: Scenario, options: Options): Promise<boolean> {
  const started = performance.now();
  const say = (text: string): void => {
    const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(6);
    process.stdout.write(`${seconds} s  ${text}\n`);
  };
  process.stdout.write(`\n${scenario.name}\n`);
  const outcome = await runScenario(scenario, { say, keep: options.keep === true });
  if (outcome.type === "skipped") {
    say(`skipped: ${outcome.reason}`);
    return true;
  }
  const { verdicts, history } = outcome;
  const report = await writeReport({ scenario, history, verdicts, directory: options.out });
  process.stdout.write(`${report.terminalText}\n`);
  say(`report: ${report.htmlPath}, ${report.jsonPath}`);
  say(outcome.ok ? "passed" : `FAILED; homes and logs: ${outcome.directory}`);
  return outcome.ok;
}

async function main(words: readonly string[], options: Options): Promise<number> {
  const paths = options.all === true ? allScenarios() : words.map(pathOf);
  if (paths.length === 0) program.help({ error: true });
  const scenarios: Scenario[] = [];
  for (const path of paths) {
    const parsed = readScenario(path);
    if (parsed.ok) scenarios.push(parsed.scenario);
    else for (const problem of parsed.problems) process.stderr.write(`${path}: ${problem}\n`);
  }
  if (scenarios.length < paths.length) return 2;
  const failed: string[] = [];
  for (const scenario of scenarios) {
    const passed = await runOne(scenario, options).catch((error: unknown) => {
      process.stderr.write(`${scenario.name} broke off: ${error instanceof Error ? error.message : String(error)}\n`);
      return false;
    });
    if (!passed) failed.push(scenario.name);
  }
  if (scenarios.length > 1) {
    process.stdout.write(`\n${scenarios.length - failed.length} of ${scenarios.length} scenarios passed\n`);
  }
  if (failed.length > 0) process.stdout.write(`failed: ${failed.join(", ")}\n`);
  return failed.length === 0 ? 0 : 1;
}

const allScenarios = (): readonly string[] =>
  readdirSync(SCENARIOS)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .map((file) => join(SCENARIOS, file));

const pathOf = (word: string): string => (word.endsWith(".yaml") ? word : join(SCENARIOS, `${word}.yaml`));

program.parse();
// Homes are removed and processes ended before this one goes, whatever ends it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
process.exit(await main(program.args, program.opts<Options>()));

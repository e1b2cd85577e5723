import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { whyNoNamespaces } from "./namespaces.js";
import { writeReport } from "./report.js";
import { runScenario } from "./run.js";
import { readScenario, type Scenario } from "./scenario.js";

const SCENARIOS = fileURLToPath(new URL("../../../config/scenarios", import.meta.url));

interface Options {
  readonly all?: true;
  readonly keep?: true;
  readonly namespaces?: true;
  readonly out: string;
}

const program = new Command("faultnet")
  .description(
    "Runs scenarios of faults against consortiums of real processes, and judges what their clients were told.",
  )
  .argument("[scenarios...]", "scenario files, or names of those in config/scenarios")
  .option("--all", "every scenario of config/scenarios")
  .option("--keep", "keep homes and logs of runs that passed")
  .option("--namespaces", "every node in a network namespace of its own (root, iproute2)")
  .option("--out <dir>", "where reports go", "faultnet-reports");

interface Finished {
  readonly name: string;
  readonly result: "passed" | "skipped" | "FAILED";
  readonly seconds: number;
}

async function runOne(scenario: Scenario, options: Options): Promise<Finished["result"]> {
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1_000;
  const say = (text: string): void => {
    process.stdout.write(`${elapsed().toFixed(1).padStart(6)} s  ${text}\n`);
  };
  const outcome = await runScenario(scenario, {
    say,
    keep: options.keep === true,
    inNamespaces: options.namespaces === true,
  });
  if (outcome.type === "skipped") {
    say(`skipped: ${outcome.reason}`);
    return "skipped";
  }
  const { verdicts, history, loadAt } = outcome;
  const report = await writeReport({
    ...{ scenario, history, verdicts, loadAt },
    ...{ directory: options.out, wallSeconds: elapsed() },
  });
  process.stdout.write(`${report.terminalText}\n`);
  say(`report: ${report.htmlPath}, ${report.jsonPath}`);
  say(outcome.ok ? "passed" : `FAILED; homes and logs: ${outcome.directory}`);
  return outcome.ok ? "passed" : "FAILED";
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
  const missing = options.namespaces === true ? whyNoNamespaces() : undefined;
  if (missing !== undefined) {
    process.stderr.write(`--namespaces cannot be had here: ${missing}\n`);
    return 2;
  }
  const expected = scenarios.map((scenario) => expectedSeconds(scenario, options.out));
  const finished: Finished[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    const left = expected.slice(index).reduce((sum, seconds) => sum + seconds, 0);
    const place = scenarios.length === 1 ? "" : `[${index + 1}/${scenarios.length}] `;
    const rest = scenarios.length === 1 ? "" : `, ${minutes(left)} to the end of all`;
    process.stdout.write(`\n${place}${scenario.name}: about ${Math.round(expected[index] as number)} s${rest}\n`);
    const started = performance.now();
    const result = await runOne(scenario, options).catch((error: unknown): Finished["result"] => {
      process.stderr.write(`${scenario.name} broke off: ${error instanceof Error ? error.message : String(error)}\n`);
      return "FAILED";
    });
    finished.push({ name: scenario.name, result, seconds: (performance.now() - started) / 1_000 });
  }
  if (scenarios.length > 1) process.stdout.write(summary(finished));
  return finished.some(({ result }) => result === "FAILED") ? 1 : 0;
}

/** As long as last time, or a guess: processes start one after the other, and every node is asked for everything. */
function expectedSeconds({ name, seconds, banks }: Scenario, directory: string): number {
  try {
    const { wallSeconds } = JSON.parse(readFileSync(join(directory, `${name}.json`), "utf8")) as {
      readonly wallSeconds?: number;
    };
    if (wallSeconds !== undefined) return wallSeconds;
  } catch {
    // Not run here yet.
  }
  return seconds + 8 + 2 * banks.length;
}

function summary(finished: readonly Finished[]): string {
  const lines = finished.map(
    ({ name, result, seconds }) => `  ${name.padEnd(30)}${`${seconds.toFixed(0)} s`.padStart(6)}  ${result}\n`,
  );
  const total = finished.reduce((sum, { seconds }) => sum + seconds, 0);
  const passed = finished.filter(({ result }) => result === "passed").length;
  return `\n${lines.join("")}\n${passed} of ${finished.length} scenarios passed in ${minutes(total)}\n`;
}

const minutes = (seconds: number): string => `${(seconds / 60).toFixed(1)} min`;

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

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { NEGATIVE_CONTROL, runSeed, SCENARIOS, type SeedReport, type Violation } from "../src/simulator/index.js";

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly seed?: number;
  readonly validators: number;
  readonly scenario?: string;
  readonly jobs: number;
  /** Set for children only: every how many seeds, and reports go to the parent. */
  readonly stride?: number;
}

/** What a run of one seed says to the parent; a line of the report. */
interface Outcome {
  readonly seed: number;
  readonly height: number;
  readonly digest: string;
  readonly violations: readonly Violation[];
  readonly summary: string;
}

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("not a count");
  return value;
};

const program = new Command("simulate")
  .description("Runs the deterministic simulator; exits with 1 if a rule was broken.")
  .option("--seeds <count>", "how many seeds", count, 100)
  .option("--from <seed>", "the first of them", count, 1)
  .option("--seed <seed>", "run this one alone, and say all about it", count)
  .option("--validators <count>", "size of the consortium", count, 4)
  .option(
    "--scenario <name>",
    `a named history instead of drawn faults: ${SCENARIOS.map(({ name }) => name).join(", ")}`,
  )
  .option("--jobs <count>", "processes", count, 1)
  .option("--stride <count>", "for children of this program", count)
  .parse();
const options = program.opts<Options>();
const scenario = [...SCENARIOS, NEGATIVE_CONTROL].find(({ name }) => name === options.scenario);
if (options.scenario !== undefined && scenario === undefined) program.error(`no scenario ${options.scenario}`);

function play(seed: number): Outcome {
  if (scenario === undefined) {
    const { height, digest, violations, summary }: SeedReport = runSeed(seed, options.validators);
    return { seed, height, digest, violations, summary };
  }
  const simulation = scenario.run(seed, options.validators);
  const { height, digest, violations } = simulation;
  return { seed, height, digest, violations, summary: simulation.summary() };
}

const replayCommand = (seed: number): string => {
  const extra = options.scenario === undefined ? "" : ` --scenario ${options.scenario}`;
  return `npm run sim -- --validators ${options.validators}${extra} --seed ${seed}`;
};

function describe({ seed, violations }: Outcome): string {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  return `seed ${seed}: ${first?.rule} at ${first?.atMs} ms: ${first?.detail}${more}\n  replay: ${replayCommand(seed)}\n`;
}

/** Counts outcomes and shows them as they come. */
class Report {
  readonly #startedAt = performance.now();
  #done = 0;
  #heights = 0;
  #bad = 0;

  add(outcome: Outcome): void {
    this.#done += 1;
    this.#heights += outcome.height;
    if (outcome.violations.length > 0) {
      this.#bad += 1;
      process.stdout.write(`${process.stdout.isTTY ? "\r" : ""}${describe(outcome)}`);
    }
    if (process.stdout.isTTY) process.stdout.write(`\r${this.#line()}`);
    else if (this.#done % 100 === 0) process.stdout.write(`${this.#line()}\n`);
  }

  finish(): void {
    process.stdout.write(`${process.stdout.isTTY ? "\r" : ""}${this.#line()}\n`);
    process.exitCode = this.#bad > 0 ? 1 : 0;
  }

  #line(): string {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const rate = (this.#done / seconds).toFixed(1);
    return `${this.#done}/${options.seeds} seeds, ${this.#heights} blocks, ${rate} seeds/s, ${this.#bad} with a broken rule`;
  }
}

function* seeds(): Generator<number> {
  for (let seed = options.from; seed < options.from + options.seeds; seed += options.stride ?? 1) yield seed;
}

/** One child plays every `jobs`-th seed. */
function startChild(first: number, report: Report): ChildProcess {
  const args = process.argv.slice(2).filter((_, index, all) => !isOneOf(all, index, ["--from", "--seeds", "--jobs"]));
  const own = ["--from", String(options.from + first), "--seeds", String(options.seeds - first)];
  const child = fork(fileURLToPath(import.meta.url), [...args, ...own, "--stride", String(options.jobs)]);
  child.on("message", (outcome: Outcome) => report.add(outcome));
  return child;
}

const isOneOf = (all: readonly string[], index: number, names: readonly string[]): boolean =>
  names.includes(all[index] ?? "") || names.includes(all[index - 1] ?? "");

function runAlone(seed: number): void {
  const outcome = play(seed);
  process.stdout.write(`${outcome.summary}\ndigest ${outcome.digest}\n`);
  for (const { rule, detail, atMs } of outcome.violations) process.stdout.write(`at ${atMs} ms: ${rule}: ${detail}\n`);
  process.exitCode = outcome.violations.length > 0 ? 1 : 0;
}

if (options.seed !== undefined) {
  runAlone(options.seed);
} else if (options.stride !== undefined) {
  for (const seed of seeds()) process.send?.(play(seed));
  process.disconnect();
} else if (options.jobs <= 1) {
  const report = new Report();
  for (const seed of seeds()) report.add(play(seed));
  report.finish();
} else {
  const report = new Report();
  const children = Array.from({ length: options.jobs }, (_, first) => startChild(first, report));
  let running = children.length;
  for (const child of children) {
    child.on("exit", (code) => {
      if (code !== 0) program.error(`a child ended with ${code}`);
      running -= 1;
      if (running === 0) report.finish();
    });
  }
}

import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { calibrationLoop, median } from "./calibration.js";
import type { Case, CaseMaker } from "./cases/case.js";
import { DISK_CASES } from "./cases/disk.js";
import { executionCases } from "./cases/execution.js";
import { LINK_CASES } from "./cases/links.js";
import { MESSAGE_CASES } from "./cases/messages.js";
import { count, table } from "./report.js";

interface Options {
  readonly accounts: number;
  readonly seconds: number;
  readonly only?: string;
  readonly json?: string;
}

interface Measured {
  readonly name: string;
  readonly what: string;
  readonly operationsPerSecond: number;
  readonly microsPerOperation: number;
  /** Absent where an operation is not about transfers. */
  readonly microsPerTransfer?: number;
  /** Time of one operation in runs of the calibration loop. */
  readonly loops: number;
}

const ROUNDS_MIN = 5;
const WARM_UP_OPERATIONS = 3;
/** Operations of a round, between two calibrations. */
const ROUND_MS = 40;

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 2_000_000)
    throw new InvalidArgumentError("It must be a whole number from 1 to 2000000.");
  return value;
};

const program = new Command("bench:micro")
  .description("Takes the time of the parts that every transfer passes, each for itself on one thread.")
  .option("--accounts <n>", "accounts of the ledger", positive, 1_000_000)
  .option("--seconds <s>", "time for each part", positive, 3)
  .option("--only <word>", "parts whose name begins so")
  .option("--json <file>", "write the figures there")
  .addHelpText(
    "after",
    `
The last column counts runs of a fixed loop of arithmetic that took as long as one operation, timed in turn with it: compare that
between machines, and between runs on a machine whose speed drifts.`,
  );

/** In rounds, each with a calibration of its own before it: the host's speed changes meanwhile. */
async function measureCase(one: Case, seconds: number): Promise<Measured> {
  for (let index = 0; index < WARM_UP_OPERATIONS; index += 1) await timed(one);
  const times: number[] = [];
  const ratios: number[] = [];
  const deadline = performance.now() + 1_000 * seconds;
  for (let rounds = 0; rounds < ROUNDS_MIN || performance.now() < deadline; rounds += 1) {
    const loopMs = calibrationLoop();
    let spent = 0;
    let operations = 0;
    while (spent < ROUND_MS) {
      spent += await timed(one);
      operations += 1;
    }
    times.push(spent / operations);
    ratios.push(spent / operations / loopMs);
  }
  const ms = median(times);
  return {
    name: one.name,
    what: one.what,
    operationsPerSecond: rounded(1_000 / ms),
    microsPerOperation: rounded(1_000 * ms),
    ...(one.transfers === 0 ? {} : { microsPerTransfer: rounded((1_000 * ms) / one.transfers) }),
    loops: rounded(median(ratios)),
  };
}

async function timed(one: Case): Promise<number> {
  one.prepare?.();
  const startedAt = performance.now();
  const running = one.run();
  if (running !== undefined) await running;
  return performance.now() - startedAt;
}

/** Three digits that mean something. */
const rounded = (value: number): number => Number(value.toPrecision(3));

async function run(options: Options): Promise<number> {
  const all: readonly CaseMaker[] = [
    ...MESSAGE_CASES,
    ...executionCases(options.accounts),
    ...DISK_CASES,
    ...LINK_CASES,
  ];
  const chosen = all.filter(({ name }) => name.startsWith(options.only ?? ""));
  if (chosen.length === 0) {
    process.stderr.write(
      `bench:micro: no part's name begins with ${options.only}: ${all.map(({ name }) => name).join(", ")}\n`,
    );
    return 2;
  }
  for (let index = 0; index < WARM_UP_OPERATIONS; index += 1) calibrationLoop();
  const measured: Measured[] = [];
  for (const { name, make } of chosen) {
    process.stderr.write(`${name}\n`);
    const one = await make();
    measured.push(await measureCase(one, options.seconds));
    await one.close?.();
  }
  const loopMs = median(Array.from({ length: 9 }, calibrationLoop));
  process.stdout.write(
    table(
      ["part", "operations/s", "µs an operation", "µs a transfer", "calibration loops"],
      measured.map(({ name, operationsPerSecond, microsPerOperation, microsPerTransfer, loops }) => [
        name,
        ...[operationsPerSecond, microsPerOperation].map(count),
        microsPerTransfer === undefined ? "" : count(microsPerTransfer),
        String(loops),
      ]),
    ),
  );
  const names = measured.map(({ name, what }) => `  ${name}: ${what}\n`);
  process.stdout.write(`  the calibration loop took ${loopMs.toFixed(2)} ms\n\n${names.join("")}`);
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ calibrationLoopMs: loopMs, parts: measured }, null, 2)}\n`);
  return 0;
}

program.parse();
process.exitCode = await run(program.opts<Options>());

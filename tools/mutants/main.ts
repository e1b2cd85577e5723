import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { EQUIVALENTS, MUTATIONS } from "./catalogue.js";
import { type Look, lookName, type Mutation, mutatedFiles, withSeeds } from "./mutation.js";
import { isCaught, json, lineOf, markdown, type Result, rowsIn, withTable } from "./report.js";
import { Scratch, type Trial } from "./trial.js";

interface Options {
  readonly only?: string;
  readonly jobs: number;
  readonly seeds?: number;
  readonly json?: boolean;
  readonly list?: boolean;
  readonly writeDocs?: boolean;
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const DOCUMENT = join(ROOT, "docs/testing.md");

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("not a count");
  return value;
};

const program = new Command("mutants")
  .description("Takes rules out of a copy of the code, one at a time; exits with 1 if the simulator misses one.")
  .option("--only <names>", "mutations whose name begins with one of these, separated by commas")
  .option("--jobs <count>", "processes", count, 1)
  .option("--seeds <count>", "histories to look at, in place of each mutation's own number", count)
  .option("--list", "names them and runs nothing")
  .option("--json", "prints the result as JSON")
  .option("--write-docs", "writes the table into docs/testing.md")
  .parse();
const options = program.opts<Options>();

const isWanted = (name: string): boolean =>
  options.only === undefined || options.only.split(",").some((start) => name.startsWith(start));
const wanted = MUTATIONS.filter(({ name }) => isWanted(name)).map(
  (mutation): Mutation =>
    options.seeds === undefined
      ? mutation
      : { ...mutation, looks: mutation.looks.map((look) => withSeeds(look, options.seeds as number)) },
);
if (wanted.length === 0) program.error(`no mutation is called ${options.only}`);

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** Each job has a copy of its own and takes the next mutation whenever it is free. */
async function tryAll(scratches: readonly Scratch[]): Promise<readonly Result[]> {
  const results = new Map<Mutation, Result>();
  const waiting = [...wanted];
  const work = async (scratch: Scratch): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = { mutation: next, trial: await scratch.try(next) };
      results.set(next, result);
      progress(`[${results.size}/${wanted.length}] ${lineOf(result)}`);
    }
  };
  await Promise.all(scratches.map(work));
  return wanted.map((mutation) => results.get(mutation) as Result);
}

/** The same histories of the code as it is: what is caught in a mutant must be no fault of the simulator. */
function controlLooks(results: readonly Result[]): Look[] {
  const looks = new Map<string, Look>();
  for (const { trial } of results) {
    for (const [look, played] of trial.played) {
      const known = looks.get(lookName(look));
      if (known === undefined || known.seeds < played) looks.set(lookName(look), withSeeds(look, played));
    }
  }
  return [...looks.values()];
}

async function control(scratch: Scratch, results: readonly Result[]): Promise<Trial | undefined> {
  const looks = controlLooks(results);
  if (looks.length === 0) return undefined;
  const trial = await scratch.control(looks);
  const { caught } = trial;
  const verdict =
    caught === undefined ? "no rule is broken" : `${caught.rule} [${lookName(caught.look)}, seed ${caught.seed}]`;
  progress(`control, the same histories without a mutation: ${trial.broken ?? verdict}, ${trial.seconds.toFixed(0)} s`);
  return trial;
}

/** Rows of mutations that were not tried stay as they are. */
function writeDocument(results: readonly Result[]): void {
  const document = readFileSync(DOCUMENT, "utf8");
  const table = markdown(MUTATIONS, results, { equivalents: EQUIVALENTS, older: rowsIn(document) });
  writeFileSync(DOCUMENT, withTable(document, table));
}

async function run(): Promise<void> {
  // Before anything is played: each of them has to fit the code as it is now.
  for (const mutation of wanted) mutatedFiles(ROOT, mutation);
  const scratches = Array.from({ length: options.jobs }, () => new Scratch(ROOT, join(ROOT, "node_modules")));
  const removeAll = (): void => {
    for (const scratch of scratches) scratch.remove();
  };
  process.once("SIGINT", () => {
    removeAll();
    process.exit(130);
  });
  try {
    const results = await tryAll(scratches);
    const trial = await control(scratches[0] as Scratch, results);
    const table = markdown(wanted, results, { equivalents: EQUIVALENTS });
    process.stdout.write(`${options.json === true ? json(results, trial) : table}\n`);
    if (options.writeDocs === true) writeDocument(results);
    const missed = results.filter((result) => !isCaught(result));
    progress(`${results.length - missed.length} of ${results.length} mutations are caught`);
    const isSound = trial === undefined || (trial.caught === undefined && trial.broken === undefined);
    process.exitCode = missed.length === 0 && isSound ? 0 : 1;
  } finally {
    removeAll();
  }
}

if (options.list === true) {
  for (const { name, rule, looks } of wanted)
    process.stdout.write(`${name}  ${rule}  ${looks.map(lookName).join(", ")}\n`);
} else {
  await run();
}

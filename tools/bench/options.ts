import { Command, InvalidArgumentError, Option } from "commander";
import { BATCH_RECORDS_MAX } from "../../src/primitives/index.js";

/** What is measured, and of which consortium. Lists have one entry but for a sweep. */
export interface Options {
  readonly validators: readonly number[];
  readonly batch: readonly number[];
  /** One way, between each two nodes, milliseconds. */
  readonly delay: readonly number[];
  readonly seconds: number;
  readonly warmup: number;
  readonly accounts: number;
  readonly checkpointBlocks: number;
  readonly inFlight: number;
  /** 0: all. */
  readonly clients: number;
  readonly scheme: "bls12381" | "ed25519";
  readonly basePort: number;
  /** Transfers per second; closed loop where it is left out. */
  readonly rate?: number;
  readonly single?: number;
  readonly lowLoad?: true;
  readonly sweep?: true;
  readonly sustain?: number;
  readonly catchUp?: number;
  readonly underLoad?: true;
  readonly restart?: number;
  readonly runs?: number;
  readonly profile?: string;
  readonly json?: string;
  readonly html: string;
}

/** As the command line of sabha ends where it was used wrongly. */
const WRONG_USE = 2;

const SWEPT_BATCHES = [1, 10, 100, 1_000, 4_000, BATCH_RECORDS_MAX];

const whole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };

/** Minutes, for a trial run a part of one. */
function minutes(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_080)) throw new InvalidArgumentError("It must be minutes, more than 0 up to 10080.");
  return value;
}

const list =
  (min: number, max: number) =>
  (text: string): number[] =>
    text.split(",").map(whole(min, max));

const EXAMPLES = `
Examples:
  npm run bench -- --seconds 20 --json figures.json         the most that the machine gives
  npm run bench -- --rate 15000                             latency at a given load, open loop
  npm run bench -- --low-load --scheme ed25519              latency of one transfer at a time
  npm run bench -- --single 64                              64 callers with one transfer a request, one node
  npm run bench -- --single 64 --in-flight 64               64 WebSockets with 64 such calls under way on each
  npm run bench -- --batch 1000 --delay 25                  as if the banks were 25 ms apart
  npm run bench -- --sweep --batch 1,100,4000 --validators 4,7
  npm run bench -- --sustain 60                             an hour, every 10 s a line
  npm run bench -- --runs 5 --batch 8190                    five times: median and range
  npm run bench -- --profile profiles --seconds 10          where the nodes' time goes
  npm run bench -- --catch-up 200000                        a node that was away
  npm run bench -- --restart 500000                         from start to ready

All processes share this machine. Figures on a machine that does something else mean nothing; docs/performance.md
says how to measure.`;

/** The command line of the benchmark. Ends the process with one sentence where the options make no sense. */
export function readOptions(words: readonly string[]): Options {
  const program = new Command("bench")
    .description("Runs a consortium of real processes under load and measures durable, executed transfers.")
    .option("--validators <n>", "validators; several with --sweep", list(4, 31), [4])
    .option("--batch <n>", "transfers per signed batch; several with --sweep", list(1, BATCH_RECORDS_MAX))
    .option("--delay <ms>", "added one-way delay between nodes; several with --sweep", list(0, 5_000), [0])
    .option("--seconds <s>", "measured time", whole(1, 3_600), 20)
    .option("--warmup <s>", "time before measuring", whole(0, 600), 3)
    .option("--checkpoint-blocks <n>", "blocks between two roots over the whole state", whole(1, 1_000_000), 64)
    .option("--accounts <n>", "customer accounts over all banks", whole(8, 2_000_000), 10_000)
    .option(
      "--in-flight <n>",
      "batches that each client keeps under way; with --single: calls on each connection",
      whole(1, 256),
    )
    .option("--clients <n>", "validators that take submissions; 0: all", whole(0, 31))
    .addOption(new Option("--scheme <name>", "certificate scheme").choices(["bls12381", "ed25519"]).default("bls12381"))
    .option("--rate <n>", "transfers per second, sent whether or not answers come", whole(1, 10_000_000))
    .option("--single <n>", "connections to one node, each with one transfer per request", whole(1, 1_000))
    .option("--low-load", "one client, one transfer at a time")
    .option("--sweep", "every combination of the lists, one table and one page")
    .option("--sustain <minutes>", "a line every 10 s, and how latency and memory move", minutes)
    .option("--catch-up <n>", "stop a node for so many transfers and see it come back", whole(1, 100_000_000))
    .option("--under-load", "with --catch-up: the load goes on meanwhile")
    .option("--restart <n>", "from start to ready with so many transfers on disk", whole(1, 100_000_000))
    .option("--runs <n>", "measure so often, each time anew; least, median and greatest at the end", whole(2, 99))
    .option("--profile <dir>", "a CPU profile and a flame graph of each node there, and tables of them")
    .option("--json <file>", "write the figures there")
    .option("--html <file>", "page of a sweep", "bench-sweep.html")
    .option("--base-port <n>", "first port to try", whole(1_024, 65_000), 28_600)
    .addHelpText("after", EXAMPLES)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : WRONG_USE));
  program.parse(words, { from: "user" });
  const given = program.opts<Partial<Options> & Pick<Options, "validators" | "delay">>();
  const fault = faultOf(given);
  if (fault !== undefined) program.error(`error: ${fault}`);
  const isSingle = given.lowLoad === true;
  return {
    ...(given as Options),
    batch: given.batch ?? (isSingle ? [1] : given.sweep === true ? SWEPT_BATCHES : [1_000]),
    inFlight: given.inFlight ?? (isSingle || given.single !== undefined ? 1 : 4),
    clients: given.clients ?? (isSingle ? 1 : 0),
  };
}

const MODES = ["lowLoad", "single", "sweep", "sustain", "catchUp", "restart"] as const;
const WORDS: Readonly<Record<(typeof MODES)[number], string>> = {
  lowLoad: "--low-load",
  single: "--single",
  sweep: "--sweep",
  sustain: "--sustain",
  catchUp: "--catch-up",
  restart: "--restart",
};

/** As a node has it. */
const WEB_SOCKETS_MAX = 100;

/** Why options exclude each other; undefined where they fit. */
function faultOf(given: Partial<Options>): string | undefined {
  const modes = MODES.filter((mode) => given[mode] !== undefined).map((mode) => WORDS[mode]);
  if (modes.length > 1) return `${modes.join(" and ")} exclude each other`;
  for (const name of ["validators", "batch", "delay"] as const) {
    if ((given[name]?.length ?? 1) > 1 && given.sweep === undefined) return `several values of --${name} need --sweep`;
  }
  if (given.underLoad === true && given.catchUp === undefined) return "--under-load belongs to --catch-up";
  const isPaced = given.rate !== undefined;
  if (isPaced && (given.lowLoad === true || given.catchUp !== undefined || given.restart !== undefined))
    return `--rate does not go with ${modes.join(", ")}`;
  if (isPaced && given.inFlight !== undefined) return "with --rate nobody waits for answers: leave out --in-flight";
  if (given.profile !== undefined && (given.sweep ?? given.sustain ?? given.catchUp ?? given.restart) !== undefined)
    return `--profile does not go with ${modes.join(", ")}`;
  const once = [given.sweep, given.sustain, given.profile].some((mode) => mode !== undefined);
  if (given.runs !== undefined && once) return "--runs does not go with --sweep, --sustain and --profile";
  if (given.single !== undefined && (given.batch ?? given.clients) !== undefined)
    return "--single has one transfer a request and one node: leave out --batch and --clients";
  if ((given.single ?? 0) > WEB_SOCKETS_MAX && (given.inFlight ?? 1) > 1)
    return `a node takes ${WEB_SOCKETS_MAX} WebSockets, over which --single has several calls under way`;
  return undefined;
}

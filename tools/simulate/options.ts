import { Command, CommanderError, InvalidArgumentError } from "commander";
import { VALIDATORS_MAX, VALIDATORS_MIN } from "../../src/primitives/index.js";
import { COLLUDING_CONTROL, NEGATIVE_CONTROL, SCENARIOS, type Scenario } from "../../src/simulator/index.js";

const JOBS_MAX = 64;

/** Many histories: every seed from `from` on with every size, or the named scenarios with them. */
export interface Campaign {
  readonly kind: "campaign";
  readonly from: number;
  /** How many seeds; Infinity where the time alone decides. */
  readonly seeds: number;
  readonly validators: readonly number[];
  /** Wall clock for handing out seeds, ms; Infinity without a limit. */
  readonly limitMs: number;
  readonly jobs: number;
  readonly scenarios: readonly (string | undefined)[];
  readonly json: boolean;
}

/** One history. */
export type Subject =
  | { readonly seed: number; readonly validators: number; readonly scenario: string | undefined }
  | { readonly planFile: string };

export interface Single {
  readonly kind: "single";
  readonly subject: Subject;
  readonly traceFile: string | undefined;
  readonly writePlanFile: string | undefined;
  readonly json: boolean;
}

export interface Shrink {
  readonly kind: "shrink";
  readonly subject: Subject;
  /** Where the smaller plan goes. */
  readonly outFile: string;
  /** Wall clock for trying, ms. */
  readonly limitMs: number;
}

export type Task = Campaign | Single | Shrink;

interface Flags {
  readonly seeds?: number;
  readonly from?: number;
  readonly validators: readonly number[];
  readonly minutes?: number;
  readonly jobs?: number;
  readonly scenario?: string;
  readonly seed?: number;
  readonly plan?: string;
  readonly shrink?: boolean;
  readonly out?: string;
  readonly trace?: string;
  readonly writePlan?: string;
  readonly json?: boolean;
}

const DEFAULT_SEEDS = 100;
const DEFAULT_SHRINK_MINUTES = 5;
const MINUTE_MS = 60_000;

const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(
      most === Number.MAX_SAFE_INTEGER
        ? `It takes a whole number from ${least} on.`
        : `It takes a whole number from ${least} to ${most}.`,
    );
  };

const minutes = (text: string): number => {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError("It takes minutes above 0, such as 3 or 0.5.");
};

function sizes(text: string): readonly number[] {
  const isListed = /^\d+(,\d+)*$/.test(text);
  const list = text.split(",").map(Number);
  if (isListed && list.every((size) => size >= VALIDATORS_MIN && size <= VALIDATORS_MAX)) return [...new Set(list)];
  throw new InvalidArgumentError(`It takes sizes from ${VALIDATORS_MIN} to ${VALIDATORS_MAX}, such as 4 or 4,7,10.`);
}

const SOME_SEED = Number.MAX_SAFE_INTEGER;

const PROGRAM = (): Command =>
  new Command("sim")
    .usage("[options]        (npm run sim -- [options])")
    .description(
      "Plays histories of simulated consortiums: faults drawn by a seed, then a healed network that must go on.",
    )
    .option("--validators <sizes>", "sizes of the consortium, such as 4 or 4,7,10", sizes, [VALIDATORS_MIN])
    .option(
      "--seeds <count>",
      `a campaign: how many seeds, each with every size (${DEFAULT_SEEDS})`,
      integer(1, SOME_SEED),
    )
    .option("--from <seed>", "a campaign's first seed (1)", integer(0, SOME_SEED))
    .option("--minutes <time>", "a campaign ends after this time, and says where to go on", minutes)
    .option("--jobs <count>", "processes of a campaign (1)", integer(1, JOBS_MAX))
    .option("--scenario <name>", `a named history in place of drawn faults, or "all": ${names().join(", ")}`)
    .option("--seed <seed>", "plays one history and tells all about it", integer(0, SOME_SEED))
    .option("--plan <file>", "plays the history that a file holds")
    .option("--write-plan <file>", "writes down the plan of the history")
    .option("--trace <file>", "draws the history as a page of messages between lifelines (HTML)")
    .option("--shrink", "looks for a smaller history that breaks the same rule")
    .option("--out <file>", "where --shrink writes the smaller plan (shrunk-<seed>.json)")
    .option("--json", "writes the result to standard output as one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  npm run sim -- --seeds 1000 --validators 4,7,10 --jobs 2
  npm run sim -- --minutes 30 --from 20000 --jobs 2
  npm run sim -- --seed 1234 --validators 7 --trace trace.html
  npm run sim -- --seed 1234 --shrink
  npm run sim -- --plan shrunk-1234.json

Exit code: 0 no rule was broken, 1 a rule was broken, 2 the options make no sense.`,
    )
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
    .exitOverride();

/** Commander puts a sentence of ours behind one of its own; both on one line. */
const oneLine = (text: string): string => `${text.trim().replaceAll("\n", " ")}\n`;

const names = (): readonly string[] => [...SCENARIOS, NEGATIVE_CONTROL, COLLUDING_CONTROL].map(({ name }) => name);

/** The scenario of that name. */
export const scenarioNamed = (wanted: string): Scenario | undefined =>
  [...SCENARIOS, NEGATIVE_CONTROL, COLLUDING_CONTROL].find(({ name }) => name === wanted);

/** What the command line asks for. Ends the process with 2, and one sentence, where it makes no sense. */
export function readTask(argv: readonly string[]): Task {
  const program = PROGRAM();
  try {
    const flags = program.parse(argv, { from: "user" }).opts<Flags>();
    const fault = contradiction(flags);
    if (fault !== undefined) program.error(`error: ${fault}`);
    return taskOf(flags);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exit(error.exitCode === 0 ? 0 : 2);
  }
}

/** Why these options do not go together. */
function contradiction(flags: Flags): string | undefined {
  const { seed, plan, scenario, shrink, trace, writePlan, validators } = flags;
  const isSingle = seed !== undefined || plan !== undefined;
  const ofCampaign = (["seeds", "from", "minutes", "jobs"] as const).filter((name) => flags[name] !== undefined);
  if (scenario !== undefined && scenario !== "all" && scenarioNamed(scenario) === undefined) {
    return `there is no scenario ${scenario}; --help lists them`;
  }
  if (seed !== undefined && plan !== undefined) return "--seed and --plan each name one history; give one of them";
  if (plan !== undefined && scenario !== undefined) return "--plan is a whole history; it goes with no --scenario";
  if (shrink !== true && isSingle && ofCampaign.length > 0)
    return `--${ofCampaign[0]} is for campaigns, not for one history`;
  if (shrink === true && ofCampaign.some((name) => name !== "minutes")) return "--shrink is about one history";
  if (seed !== undefined && validators.length > 1) return "one history has one size: give one number to --validators";
  if (seed !== undefined && scenario === "all")
    return "one history is of one scenario; --scenario all is for campaigns";
  if (!isSingle) {
    const wanting = [shrink && "--shrink", trace && "--trace", writePlan && "--write-plan"].find(Boolean);
    if (wanting) return `${wanting} needs one history: --seed with --validators, or --plan`;
  }
  if (shrink === true && scenario !== undefined)
    return "a scenario is written by hand and does not shrink; --seed or --plan do";
  if (shrink === true && (trace !== undefined || writePlan !== undefined)) {
    return "--shrink writes a plan to --out; trace that one afterwards";
  }
  if (writePlan !== undefined && scenario !== undefined) return "a scenario is written by hand and has no plan";
  return undefined;
}

function taskOf(flags: Flags): Task {
  const { seed, plan, scenario, validators, shrink, json = false } = flags;
  if (seed === undefined && plan === undefined) {
    return {
      kind: "campaign",
      from: flags.from ?? 1,
      seeds: flags.seeds ?? (flags.minutes === undefined ? DEFAULT_SEEDS : Number.POSITIVE_INFINITY),
      validators,
      limitMs: (flags.minutes ?? Number.POSITIVE_INFINITY) * MINUTE_MS,
      jobs: flags.jobs ?? 1,
      scenarios: scenario === "all" ? SCENARIOS.map(({ name }) => name) : [scenario],
      json,
    };
  }
  const subject: Subject =
    plan === undefined
      ? { seed: seed ?? 0, validators: validators[0] ?? VALIDATORS_MIN, scenario }
      : { planFile: plan };
  if (shrink !== true) {
    return { kind: "single", subject, traceFile: flags.trace, writePlanFile: flags.writePlan, json };
  }
  const outFile = flags.out ?? `shrunk-${seed ?? "plan"}.json`;
  return { kind: "shrink", subject, outFile, limitMs: (flags.minutes ?? DEFAULT_SHRINK_MINUTES) * MINUTE_MS };
}

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { Chain } from "./traffic/chain.js";
import { readFigures } from "./traffic/generator.js";
import { HistoryWriter, replay } from "./traffic/history.js";
import { dayOfPayments, type LiquidityResult, needsOf, POLICIES, playDay } from "./traffic/liquidity.js";
import { monthConsortium, runMonth } from "./traffic/month.js";
import { PlainBooks } from "./traffic/plain-books.js";

interface Options {
  readonly count?: number;
  readonly seed: number;
  readonly days: number;
  readonly customers: number;
  readonly out?: string;
  readonly elsewhere?: boolean;
  readonly node: readonly string[];
  readonly liquidity?: boolean;
  readonly shares: readonly number[];
  readonly replay?: string;
  readonly json?: boolean;
}

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("not a count");
  return value;
};
const counts = (text: string): number[] => text.split(",").map((part) => (part === "0" ? 0 : count(part)));
const collect = (path: string, paths: readonly string[]): string[] => [...paths, path];

const program = new Command("traffic")
  .description(
    "Runs a month of interbank traffic, drawn from the Reserve Bank of India's bank-wise figures of December 2012, " +
      "through the ledger, compares it with plain books, and exits with 1 if anything differs.",
  )
  .option("--count <payments>", "in the month (100,000), or in the day with --liquidity (50,000)", count)
  .option("--seed <seed>", "of the draw", count, 20_121_201)
  .option("--days <days>", "length of the month", count, 31)
  .option("--customers <count>", "of each bank", count, 50)
  .option("--out <file>", "writes what was ordered, so that it can be replayed")
  .option("--elsewhere", "replays it in processes with another time zone and locale")
  .option("--node <path>", "replays it under this Node executable as well; may be repeated", collect, [])
  .option("--replay <file>", "executes a written history and prints its roots")
  .option("--liquidity", "shows what queues and settle-sets save: one day of RTGS under three policies")
  .option(
    "--shares <list>",
    "per cent of the way from what must be there to what plain gross needs",
    counts,
    [100, 75, 50, 25, 10, 0],
  )
  .option("--json", "prints the result as JSON")
  .parse();
const options = program.opts<Options>();

const print = (value: unknown): void => {
  const text = (_: string, member: unknown): unknown => (typeof member === "bigint" ? member.toString() : member);
  process.stdout.write(`${JSON.stringify(value, text, 2)}\n`);
};
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const thousands = (value: number | bigint): string => value.toString().replace(/\B(?=(\d{3})+$)/g, ",");
const crores = (paise: bigint): string => `${thousands(paise / 1_000_000_000n)} crore`;
const seconds = (since: number): number => Math.round((performance.now() - since) / 100) / 10;

const figures = readFigures(readFileSync(new URL("../config/examples/rbi-2012-12.csv", import.meta.url), "utf8"));

interface Roots {
  readonly height: number;
  readonly stateRoot: string;
  readonly resultsRoot: string;
}

const rootsOf = (chain: Chain): Roots => ({
  height: chain.ledger.height,
  stateRoot: chain.stateRoot,
  resultsRoot: chain.resultsRoot,
});

/** Other surroundings: half an hour off, letters without the usual case, a calendar of its own. */
const PLACES = [
  { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
  { TZ: "America/St_Johns", LANG: "th_TH.UTF-8", LC_ALL: "th_TH.UTF-8" },
];

function replayElsewhere(file: string): { readonly where: string; readonly roots: Roots | undefined }[] {
  const here = { TZ: "UTC", LANG: "C", LC_ALL: "C" };
  const runs = [
    ...(options.elsewhere === true ? PLACES : []).map((place) => ({ node: process.execPath, place })),
    ...options.node.map((node) => ({ node, place: here })),
  ];
  return runs.map(({ node, place }) => {
    const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim();
    const where = `Node ${version} TZ=${place.TZ} LC_ALL=${place.LC_ALL}`;
    const args = ["--import", "tsx", fileURLToPath(import.meta.url), "--replay", file];
    const child = spawnSync(node, args, { encoding: "utf8", env: { ...process.env, ...place } });
    if (child.status !== 0) say(`${where}: ${child.stderr}`);
    return { where, roots: child.status === 0 ? (JSON.parse(child.stdout) as Roots) : undefined };
  });
}

function month(): void {
  const plan = {
    figures,
    count: options.count ?? 100_000,
    seed: options.seed,
    days: options.days,
    customersPerBank: options.customers,
  };
  const { consortium, treasury } = monthConsortium(plan);
  const chain = new Chain(consortium);
  const books = new PlainBooks(consortium.genesis);
  const needsFile = options.elsewhere === true || options.node.length > 0;
  const file = options.out ?? (needsFile ? join(tmpdir(), `sabha-traffic-${process.pid}.history`) : undefined);
  const writer = file === undefined ? undefined : new HistoryWriter(file, consortium.genesisBytes);
  const startedAt = performance.now();
  let differing = 0;
  let day = 0;
  const report = runMonth(plan, chain, treasury, ({ timestamp, orders, batches, results }) => {
    writer?.block(timestamp, batches);
    if (JSON.stringify(results) !== JSON.stringify(books.block(timestamp, orders))) differing += 1;
    for (const { exposure, cap, reserve } of chain.ledger.positions()) {
      if (exposure > reserve || exposure > (cap ?? 0n)) differing += 1;
    }
    const today = Math.floor((timestamp - consortium.genesis.timestamp) / 86_400_000);
    if (today > day) say(`day ${(day = today)} of ${plan.days}, ${seconds(startedAt)} s`);
  });
  writer?.close();
  for (const [id, plain] of books.accounts) {
    const account = chain.ledger.account(id as never);
    for (const balance of ["debitsPending", "debitsPosted", "creditsPending", "creditsPosted"] as const) {
      if (account?.[balance] !== plain[balance]) differing += 1;
    }
  }
  const [totals] = chain.ledger.conservation();
  if (totals?.debitsPosted !== totals?.creditsPosted || totals?.settlement !== totals?.issued) differing += 1;
  const took = seconds(startedAt);
  const roots = rootsOf(chain);
  const replays = file === undefined ? [] : replayElsewhere(file);
  if (file !== undefined && options.out === undefined) rmSync(file);
  const isSame = replays.every((each) => JSON.stringify(each.roots) === JSON.stringify(roots));
  const liquidity = treasury.liquidity.reduce((sum, amount) => sum + amount, 0n);
  const reserves = treasury.reserves.reduce((sum, amount) => sum + amount, 0n);
  if (options.json === true) {
    const results = Object.fromEntries(report.results);
    print({ ...plan, figures: undefined, ...report, results, liquidity, reserves, differing, seconds: took, replays });
  } else {
    const rows = [...report.results].sort(([left], [right]) => (left < right ? -1 : 1));
    for (const [key, tally] of rows)
      say(`${key.padEnd(30)} ${thousands(tally.count).padStart(10)} ${crores(tally.paise).padStart(20)}`);
    say(`${thousands(plan.count)} payments in ${thousands(report.blocks)} blocks, ${took} s`);
    say(`${report.windows} windows settled, net ${crores(report.settled)}`);
    say(`settlement money each morning ${crores(liquidity)}, reserves ${crores(reserves)}`);
    say(`state root   ${report.stateRoot}\nresults root ${report.resultsRoot}`);
    say(differing === 0 ? "the plain books say the same" : `${differing} differences from the plain books`);
    for (const { where, roots: theirs } of replays)
      say(`${where}: ${JSON.stringify(theirs) === JSON.stringify(roots) ? "the same roots" : "OTHER ROOTS"}`);
  }
  process.exitCode = differing === 0 && isSame ? 0 : 1;
}

function liquidity(): void {
  const plan = { figures, count: options.count ?? 50_000, seed: options.seed, customersPerBank: options.customers };
  const payments = dayOfPayments(plan);
  const needs = needsOf(figures.length, payments);
  const total = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n);
  const results: LiquidityResult[] = [];
  if (options.json !== true) {
    say(`${thousands(payments.length)} payments; plain gross needs ${crores(total(needs.gross))} to reject nothing`);
    say(`and ${crores(total(needs.net))} must be there in any case: what banks send in the end more than they get`);
    say("liquidity, of plain gross  policy                 value settled  payments  mean delay  settle-sets");
  }
  for (const share of options.shares) {
    for (const policy of POLICIES) {
      const result = playDay(plan, payments, { policy, share, needs });
      results.push(result);
      if (options.json === true) continue;
      const part = (of: bigint, all: bigint): string => `${(Number((of * 10_000n) / all) / 100).toFixed(2)}%`;
      say(
        `${crores(result.liquidity).padStart(14)} ${part(result.liquidity, total(needs.gross)).padStart(8)}    ` +
          `${policy.padEnd(22)} ${part(result.settled, result.asked).padStart(13)}` +
          `${part(BigInt(result.settledPayments), BigInt(result.payments)).padStart(10)}` +
          `${`${Math.round(result.meanDelaySeconds)} s`.padStart(12)}${String(result.settleSets).padStart(13)}`,
      );
    }
  }
  if (options.json === true) print({ needs, results });
}

if (options.replay !== undefined) print(rootsOf(replay(options.replay)));
else if (options.liquidity === true) liquidity();
else month();

import { setTimeout as sleep } from "node:timers/promises";
import type { Consortium } from "./consortium.js";
import { grownDisk, round, takeSample } from "./measurement.js";
import { scrape } from "./metrics.js";
import type { Options } from "./options.js";
import { count } from "./report.js";
import { inConsortium, pointOf, startLoad } from "./single-run.js";

/** A scrape costs a node a millisecond or two. */
const POLL_MS = 100;

export interface CatchUpFigures {
  /** Made while the node was away, and the rate at which. */
  readonly transfers: number;
  readonly blocks: number;
  readonly makingSeconds: number;
  readonly makingRate: number;
  /** From the start of its process until it had executed what the others had. */
  readonly seconds: number;
  /** Until it answered at all, included above. */
  readonly startSeconds: number;
  /** From then on. */
  readonly rate: number;
  /** By the rate at which they were made. */
  readonly ratio: number;
  readonly underLoad: boolean;
  readonly diskBytesPerTransfer: number;
}

/** Stops the last bank's node, lets the others go on, and measures how long it takes to come back. */
export async function runCatchUp(options: Options, transfers: number): Promise<CatchUpFigures> {
  const figures = await inConsortium(options, pointOf(options), (consortium) =>
    catchUp(consortium, options, transfers),
  );
  const { makingRate, rate, ratio } = figures;
  const meanwhile = figures.underLoad ? "while the load went on" : "without load";
  process.stdout.write(`a node that was away for ${count(figures.transfers)} transfers in ${figures.blocks} blocks
  made by the others in ${figures.makingSeconds} s: ${count(makingRate)} transfers/s
  level after ${figures.seconds} s ${meanwhile}, ${figures.startSeconds} s of them until it answered, from then on ${count(rate)} transfers/s
  ${ratio} times as fast as they were made; disk of a node that was there: ${figures.diskBytesPerTransfer} bytes a transfer
`);
  return figures;
}

async function catchUp(consortium: Consortium, options: Options, wanted: number): Promise<CatchUpFigures> {
  const { banks, network } = consortium;
  const away = banks[banks.length - 1] as string;
  const others = banks.slice(0, -1);
  const load = startLoad(consortium, options, pointOf(options).batch, others);
  await load.run(options.warmup);
  await network.stop(away);
  process.stderr.write(`${away} is away\n`);
  const before = await takeSample(consortium, others);
  load.restartCount();
  const making = await load.untilPosted(wanted);
  const makingRate = load.count.posted / making;
  const underLoad = options.underLoad === true;
  if (!underLoad) await load.stop();
  const after = await takeSample(consortium, others);
  const grown = grownDisk(before, after);
  const made = load.count.posted;
  process.stderr.write(`${away} comes back\n`);
  const startedAt = performance.now();
  network.launch(away);
  const startSeconds = await untilLevel(consortium, away, others, startedAt);
  const seconds = (performance.now() - startedAt) / 1_000;
  const missed = underLoad ? load.count.posted : made;
  if (underLoad) await load.stop();
  const rate = missed / Math.max(0.001, seconds - startSeconds);
  return {
    transfers: missed,
    blocks: Math.round(heightOf(after.nodes[0]?.metrics) - heightOf(before.nodes[0]?.metrics)),
    makingSeconds: round(making),
    makingRate: Math.round(makingRate),
    seconds: round(seconds),
    startSeconds: round(startSeconds),
    rate: Math.round(rate),
    ratio: round(rate / makingRate),
    underLoad,
    diskBytesPerTransfer: Math.round(grown / made),
  };
}

/** Level: it has executed what another one had executed before it was asked. @returns seconds until it answered */
async function untilLevel(
  { network }: Consortium,
  bank: string,
  others: readonly string[],
  startedAt: number,
): Promise<number> {
  let answeredAfter: number | undefined;
  for (;;) {
    const [there] = await Promise.all(others.slice(0, 1).map((other) => scrape(network.url(other))));
    const here = await scrape(network.url(bank)).catch(() => undefined);
    if (network.exitCode(bank) !== undefined) throw new Error(`${bank} ended by itself`);
    if (here !== undefined) {
      answeredAfter ??= (performance.now() - startedAt) / 1_000;
      // Before its parts are together, a node tells no height.
      if (here.has("sabha_executed_height") && heightOf(here) >= heightOf(there)) return answeredAfter;
    }
    await sleep(POLL_MS);
  }
}

const heightOf = (metrics: ReadonlyMap<string, number> | undefined): number =>
  metrics?.get("sabha_executed_height") ?? 0;

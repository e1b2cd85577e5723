import { join } from "node:path";
import type { Consortium } from "./consortium.js";
import { round } from "./measurement.js";
import { bytesUnder } from "./metrics.js";
import type { Options } from "./options.js";
import { count, mebibytes } from "./report.js";
import { inConsortium, pointOf, startLoad } from "./single-run.js";

export interface RestartFigures {
  readonly transfers: number;
  readonly diskBytes: number;
  readonly diskBytesPerTransfer: number;
  /** From the start of the process until the node took submissions. */
  readonly secondsAfterStop: number;
  readonly secondsAfterKill: number;
}

/** How long a node with so many transfers on its disk takes from start to ready, after a stop and after a kill. */
export async function runRestart(options: Options, transfers: number): Promise<RestartFigures> {
  const figures = await inConsortium(options, pointOf(options), (consortium) =>
    restart(consortium, options, transfers),
  );
  process.stdout.write(`a node with ${count(figures.transfers)} transfers on its disk, ${mebibytes(figures.diskBytes)} MiB, ${figures.diskBytesPerTransfer} bytes a transfer
  ready ${figures.secondsAfterStop} s after its start where it had been stopped
  ready ${figures.secondsAfterKill} s after its start where it had been killed
`);
  return figures;
}

async function restart(consortium: Consortium, options: Options, wanted: number): Promise<RestartFigures> {
  const { banks, network } = consortium;
  const bank = banks[banks.length - 1] as string;
  const data = join(consortium.home(bank), "data");
  const emptyBytes = bytesUnder(data);
  const load = startLoad(consortium, options, pointOf(options).batch);
  await load.untilPosted(wanted);
  await load.stop();
  const transfers = load.count.posted;
  const diskBytes = bytesUnder(data);
  const secondsAfter = async (end: "stop" | "kill"): Promise<number> => {
    await network[end](bank);
    const startedAt = performance.now();
    network.launch(bank);
    await network.untilReady(bank, 600_000);
    return round((performance.now() - startedAt) / 1_000);
  };
  return {
    transfers,
    diskBytes,
    diskBytesPerTransfer: Math.round((diskBytes - emptyBytes) / transfers),
    secondsAfterStop: await secondsAfter("stop"),
    secondsAfterKill: await secondsAfter("kill"),
  };
}

import type { Caller } from "./callers.js";
import { BatchCaller, SingleCaller } from "./callers.js";
import { Consortium } from "./consortium.js";
import { Load, type Pace } from "./load.js";
import { type Figures, measure } from "./measurement.js";
import type { Options } from "./options.js";
import { evaluateProfiles, profileFlags } from "./profile.js";
import { renderFigures } from "./report.js";

/** One size of everything. */
export interface Point {
  readonly validators: number;
  readonly batch: number;
  readonly delay: number;
}

/** The first of each list: all there is, but for a sweep. */
export const pointOf = ({ validators, batch, delay }: Options): Point => ({
  validators: validators[0] as number,
  batch: batch[0] as number,
  delay: delay[0] as number,
});

const found = (options: Options, { validators, delay }: Omit<Point, "batch">): Promise<Consortium> =>
  Consortium.start({
    validators,
    accounts: options.accounts,
    checkpointBlocks: options.checkpointBlocks,
    scheme: options.scheme,
    basePort: options.basePort,
    delayMs: delay,
    nodeFlags: options.profile === undefined ? [] : profileFlags(options.profile),
  });

/** Founds a consortium, uses it, and ends its nodes whatever happens. */
export async function inConsortium<T>(
  options: Options,
  point: Omit<Point, "batch">,
  use: (consortium: Consortium) => Promise<T>,
): Promise<T> {
  const consortium = await found(options, point);
  try {
    return await use(consortium);
  } finally {
    await consortium.close();
  }
}

/** Of each client at an open pace; a node takes 1,024 in all. */
const OPEN_CONNECTIONS = 256;

/**
 * Clients of the banks as the options ask for them.
 *
 * @param banks that take submissions, all of them or as many as the options say
 */
export function startLoad(consortium: Consortium, options: Options, batch: number, banks = consortium.banks): Load {
  const { single, clients, inFlight, rate } = options;
  const first = banks[0] as string;
  const callers: Caller[] =
    single !== undefined
      ? [new SingleCaller(consortium, first, single, inFlight)]
      : (clients === 0 ? banks : banks.slice(0, clients)).map(
          (bank) =>
            new BatchCaller(consortium, bank, { batch, connections: rate === undefined ? inFlight : OPEN_CONNECTIONS }),
        );
  const pace: Pace =
    rate === undefined
      ? { type: "closed", inFlight: (single ?? 1) * inFlight }
      : { type: "open", transfersPerSecond: rate };
  return new Load(callers, pace);
}

function titleOf(options: Options, { validators, batch, delay }: Point, figures: Pick<Figures, "seconds">): string {
  const { single, inFlight, rate, scheme } = options;
  const each = inFlight === 1 ? "" : `, ${inFlight} under way on each`;
  const calls =
    single === undefined ? `batches of ${batch}` : `${single} connections with single transfers to one node${each}`;
  const pace = rate === undefined ? "" : `, ${rate} transfers/s asked for`;
  const apart = delay === 0 ? "" : `, ${delay} ms apart`;
  return `${validators} validators${apart}, ${calls}${pace}, ${scheme}, ${figures.seconds} s on this machine`;
}

/** Runs one point and prints it. */
export async function runSingle(options: Options): Promise<Figures> {
  const point = pointOf(options);
  const { figures, before, after, pids } = await inConsortium(options, point, async (consortium) => {
    const { banks, network } = consortium;
    const load = startLoad(consortium, options, point.batch);
    const measured = await measure(consortium, load, options);
    await load.stop();
    return { ...measured, pids: new Map(banks.map((bank) => [bank, network.pid(bank)])) };
  });
  process.stdout.write(renderFigures(titleOf(options, point, figures), figures));
  if (options.profile !== undefined) {
    const window = { from: before.at, to: after.at };
    process.stdout.write(`\n${evaluateProfiles(options.profile, pids, window)}`);
  }
  return figures;
}

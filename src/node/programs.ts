import type { Rulebook } from "../formats/index.js";
import type { OrderedBatch, OrderedBlock } from "../ledger/index.js";
import type { Height } from "../primitives/index.js";
import type { decodeStored, Store } from "../replica/index.js";
import type { StoreProgress, StoreReport } from "../storage/index.js";
import { homePath, readHome, readSettings } from "./home.js";
import type { Interpose } from "./node.js";
import type { SimulationReport } from "./rulebook-simulation.js";

/*
 * The parts of a node that need libp2p and classic-level. They are loaded when they are used, so that a
 * client command starts without them.
 */

/**
 * Runs a validator's node until it is told to stop (SIGTERM, SIGINT).
 *
 * @param path the node's home
 * @param version of this program, for status answers
 * @param interpose stands between the replica and its surroundings, in test stands only
 * @throws {HomeError} where the home does not allow it; {NodeFailure} where the machine does not
 */
export async function runNode(path: string, version: string, interpose?: Interpose): Promise<void> {
  const program = await import("./run-node.js");
  await program.runNode(path, version, interpose);
}

/**
 * Replays the history of a stopped node under another rulebook, on copies of its state in memory.
 *
 * @param from first height under the proposed rulebook
 * @param to last height; the newest whose batches are here if it is absent
 * @throws {HomeError} where the home cannot be read; {StoreError} where its data cannot
 */
export async function simulateRulebook(
  path: string,
  options: { readonly proposed: Rulebook; readonly from: Height; readonly to?: Height },
  onProgress: (height: Height) => void,
): Promise<SimulationReport> {
  const home = readHome(path);
  const { openStore } = await import("../storage/index.js");
  const { decodeStored } = await import("../replica/index.js");
  const { RulebookSimulation } = await import("./rulebook-simulation.js");
  const store = await openStore({ path: homePath(home, home.config.data.dir), chainId: home.chainId });
  try {
    const simulation = new RulebookSimulation({ genesis: home.genesis, chainId: home.chainId, ...options });
    for (let height = 1 as Height; options.to === undefined || height <= options.to; height = (height + 1) as Height) {
      const block = orderedBlock(store, decodeStored, height);
      if (block === undefined) break;
      simulation.apply(block);
      onProgress(height);
    }
    return simulation.report();
  } finally {
    await store.close();
  }
}

/** A block of the store with all its batches; undefined where one of them is not here. */
function orderedBlock(
  store: Pick<Store, "block" | "batch">,
  decode: typeof decodeStored,
  height: Height,
): OrderedBlock | undefined {
  const stored = store.block(height);
  if (stored === undefined) return undefined;
  const { hash, header, body } = decode(stored);
  const batches: OrderedBatch[] = [];
  for (const { digest } of body) {
    const bytes = store.batch(digest);
    if (bytes === undefined) return undefined;
    batches.push({ digest, bytes });
  }
  return { height, timestamp: header.timestamp, epoch: header.epoch, hash, batches };
}

/**
 * Checks the data of a stopped node: every checksum, hash link, batch and result.
 *
 * @throws {HomeError} where the settings cannot be read; {StoreError} where the data cannot be looked at
 */
export async function checkStore(
  path: string,
  onProgress: (progress: StoreProgress) => void,
): Promise<{ readonly directory: string; readonly report: StoreReport }> {
  const settings = readSettings(path);
  const directory = homePath(settings, settings.config.data.dir);
  const { verifyStore } = await import("../storage/index.js");
  return { directory, report: await verifyStore(directory, onProgress) };
}

/**
 * Writes a stopped node's blocks, batches and certificates into one file for `auditHistory`.
 *
 * @returns the last height in it
 * @throws {HomeError} where the settings cannot be read; {StoreError} where the data cannot be looked at
 */
export async function exportStore(
  path: string,
  file: string,
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  const settings = readSettings(path);
  const { exportHistory } = await import("./store-copies.js");
  return exportHistory(homePath(settings, settings.config.data.dir), file, onProgress);
}

/**
 * Copies a stopped node's data into a new directory and checks the copy.
 *
 * @throws {HomeError} where the settings cannot be read or the directory exists; {StoreError} for the data
 */
export async function backUpStore(
  path: string,
  to: string,
  onProgress: (progress: StoreProgress) => void,
): Promise<StoreReport> {
  const settings = readSettings(path);
  const { backUp } = await import("./store-copies.js");
  return backUp(homePath(settings, settings.config.data.dir), to, onProgress);
}

/**
 * Puts a backup into a home of the same consortium that has no data.
 *
 * @throws {HomeError} for a directory that is no backup for this home, or a home with data
 */
export async function restoreStore(path: string, from: string): Promise<{ readonly height: number }> {
  const home = readHome(path);
  const { restore } = await import("./store-copies.js");
  return restore(from, { dataPath: homePath(home, home.config.data.dir), chainId: home.chainId });
}

import type { StoreProgress, StoreReport } from "../storage/index.js";
import { homePath, readHome, readSettings } from "./home.js";
import type { Interpose } from "./node.js";

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

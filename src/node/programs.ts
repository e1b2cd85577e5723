import type { StoreProgress, StoreReport } from "../storage/index.js";
import { homePath, readSettings } from "./home.js";
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

import {
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { encodeHistoryBlock, HISTORY_MAGIC, readBody } from "../formats/index.js";
import { type Digest, decode, type Height } from "../primitives/index.js";
import { openStore, type StoreProgress, type StoreReport, verifyStore } from "../storage/index.js";
import { createFile } from "./files.js";
import { HomeError } from "./home-error.js";

const LENGTH_BYTES = 4;

/**
 * Writes the final blocks of a stopped node, with their batches and certificates, into one file, as far as all
 * batches are there.
 *
 * @throws {StoreError} where the data cannot be read; a system error where the file cannot be written
 * @returns the last height that was written
 */
export async function exportHistory(
  dataPath: string,
  file: string,
  onProgress: (done: number, total: number) => void,
): Promise<Height> {
  const store = await openStore({ path: dataPath });
  try {
    const out = openSync(file, "wx", 0o600);
    try {
      writeSync(out, HISTORY_MAGIC);
      let last = 0 as Height;
      for (let at = 1 as Height; at <= store.headHeight; at = (at + 1) as Height) {
        const block = store.block(at);
        const body = block === undefined ? undefined : decode(block.body, readBody);
        const batches = body?.ok === true ? body.value.map(({ digest }) => store.batch(digest)) : [undefined];
        if (block === undefined || batches.some((bytes) => bytes === undefined)) break;
        const frame = encodeHistoryBlock({ ...block, batches: batches as Uint8Array[] });
        const length = new Uint8Array(LENGTH_BYTES);
        new DataView(length.buffer).setUint32(0, frame.length, true);
        writeAll(out, length);
        writeAll(out, frame);
        last = at;
        if (at % 64 !== 0) continue;
        onProgress(at, store.headHeight);
        await nextTurn();
      }
      fsyncSync(out);
      return last;
    } finally {
      closeSync(out);
    }
  } finally {
    await store.close();
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

const DATA = "data";
const DESCRIPTION = "backup.json";

/** What stands beside the data of a backup. */
export interface BackupDescription {
  readonly format: "sabha/backup/1";
  readonly chainId: Digest;
  /** Newest final block in it. */
  readonly height: Height;
}

/**
 * Copies the data of a stopped node into a new directory and checks the copy completely, so that a backup that exists
 * is a good one.
 *
 * @throws {StoreError} where the data cannot be read, or another process has them; {HomeError} where `to` exists
 */
export async function backUp(
  dataPath: string,
  to: string,
  onProgress: (progress: StoreProgress) => void,
): Promise<StoreReport> {
  if (existsSync(to)) throw new HomeError({ code: "FILE_EXISTS", path: to, what: "where the backup would go" });
  // Repairs what a crash left half done, and shows that no node runs on it.
  await (await openStore({ path: dataPath })).close();
  mkdirSync(to, { recursive: true, mode: 0o700 });
  cpSync(dataPath, join(to, DATA), { recursive: true, errorOnExist: true, preserveTimestamps: true });
  const report = await verifyStore(join(to, DATA), onProgress);
  if (report.ok && report.chainId !== undefined) {
    const description: BackupDescription = { format: "sabha/backup/1", chainId: report.chainId, height: report.height };
    createFile({ path: join(to, DESCRIPTION), what: "the backup's description" }, `${JSON.stringify(description)}\n`);
  }
  return report;
}

/**
 * Puts a backup where a node of the same chain has no data. Whether the node may vote with it, it finds out itself
 * when it hears the others (docs/operations.md).
 *
 * @throws {HomeError} for something that is no backup, of another chain, or a home that has data
 */
export function restore(
  from: string,
  home: { readonly dataPath: string; readonly chainId: Digest },
): BackupDescription {
  const description = describe(from);
  if (description.chainId !== home.chainId) {
    const detail = `it is of chain ${description.chainId}, the home of ${home.chainId}`;
    throw new HomeError({ code: "BACKUP_BAD", path: from, detail });
  }
  if (existsSync(home.dataPath) && readdirSync(home.dataPath).length > 0) {
    throw new HomeError({ code: "FILE_EXISTS", path: home.dataPath, what: "the node's data" });
  }
  mkdirSync(dirname(home.dataPath), { recursive: true, mode: 0o700 });
  cpSync(join(from, DATA), home.dataPath, { recursive: true, preserveTimestamps: true });
  return description;
}

function describe(from: string): BackupDescription {
  const path = join(from, DESCRIPTION);
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as BackupDescription;
    if (value.format === "sabha/backup/1") return value;
  } catch {
    // The same answer as for a file that says something else.
  }
  throw new HomeError({ code: "BACKUP_BAD", path, detail: "there is no description that can be read" });
}

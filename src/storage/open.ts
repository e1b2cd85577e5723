import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Digest, equalBytes, type Height } from "../primitives/index.js";
import { classify, corrupt, StoreError } from "./fault.js";
import { Journal } from "./journal.js";
import { META_KEY, STATE_COPY_KEY, STATE_KEY, seal, stateOperations } from "./keyspace.js";
import { Level } from "./level.js";
import { addTotals, LiveKeys } from "./live-keys.js";
import { NodeStore } from "./node-store.js";
import { PageFile } from "./page-file.js";
import { LOG_START, restoreFrames, SegmentLog } from "./segment-log.js";
import { EMPTY_SNAPSHOT, encodeSnapshot, LAYOUT_VERSION, readSnapshot, type Snapshot, type Stamp } from "./snapshot.js";
import type { LiveIndex } from "./staging.js";
import { checkTables } from "./tables.js";
import { encodeMeta, readMeta, readMetaVersion } from "./values.js";
import { Witness } from "./witness.js";

export interface OpenStoreOptions {
  /** Directory of the store; made if missing. */
  readonly path: string;
  /** The chain to which the store belongs, or will. Absent: only a store that exists is opened, whatever its chain. */
  readonly chainId?: Digest;
  /** Bytes after which a log continues in a new file; default 256 MiB. */
  readonly segmentBytes?: number;
  /** Bytes of LevelDB's tables, newest first, whose checksums are verified before use; default 256 MiB, about a second. */
  readonly verifiedBytesMax?: number;
}

const VERIFIED_BYTES_MAX = 256 * 1_048_576;

/**
 * Opens or makes the store of one node, repairs what a crash left half done, and checks that nothing that was
 * promised is gone. Holds an exclusive lock until `close`.
 *
 * Files: `level/` (LevelDB), `batches/` and `outcomes/` (logs), `pages`, `journal`, `witness`.
 *
 * @throws {StoreError} STORE_LOCKED, STORE_MISSING, STORE_VERSION, STORE_FOREIGN, STORE_CORRUPT, STORE_FULL, STORE_IO
 */
export async function openStore(options: OpenStoreOptions): Promise<NodeStore> {
  const { path, chainId } = options;
  const directory = join(path, "level");
  try {
    if (!existsSync(join(directory, "CURRENT"))) assertNew(path, chainId);
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw classify(error, path);
  }
  await checkTables(path, directory, options.verifiedBytesMax ?? VERIFIED_BYTES_MAX);
  const level = await Level.open(path, directory);
  try {
    if (level.getRaw(META_KEY) === undefined) await create(options, level);
    return await openParts(options, level);
  } catch (error) {
    await level.close();
    throw classify(error, path);
  }
}

/** LevelDB would begin anew, and delete its tables, where it misses its first file. */
function assertNew(path: string, chainId: Digest | undefined): void {
  assertNothingWritten(path, "LevelDB's file CURRENT is missing");
  if (chainId === undefined) throw new StoreError({ code: "STORE_MISSING", path });
}

/** The logs' directories are made once LevelDB has its description, and the witness counts from then on. */
function assertNothingWritten(path: string, detail: string): void {
  if (existsSync(witnessFile(path))) Witness.open(path, witnessFile(path), 0);
  if (existsSync(join(path, "batches"))) throw corrupt(path, detail);
}

/** An interrupted creation is simply done again; its last step is the one that counts. */
async function create({ path, chainId }: OpenStoreOptions, level: Level): Promise<void> {
  // LevelDB does not miss a log that is gone as a whole, and the safety record may have been in it.
  assertNothingWritten(path, "its description is missing");
  if (chainId === undefined || !(await level.isEmpty())) throw corrupt(path, "its description is missing");
  Witness.create(witnessFile(path));
  Journal.create(path, journalFile(path));
  PageFile.create(path, pageFile(path));
  const stamp: Stamp = { sequence: 0, batchesEnd: LOG_START };
  const state = encodeSnapshot(EMPTY_SNAPSHOT, stamp);
  const meta = seal(META_KEY, encodeMeta({ version: LAYOUT_VERSION, chainId }));
  await level.flush([{ key: META_KEY, value: meta }, ...stateOperations(state)]);
}

async function openParts(options: OpenStoreOptions, level: Level): Promise<NodeStore> {
  const { path, segmentBytes } = options;
  const chainId = checkMeta(options, level);
  await takeIn(path, level);
  const { snapshot, stamp } = readState(path, level);
  const live = await readLive(path, level, snapshot);
  const witness = Witness.open(path, witnessFile(path), stamp.sequence);
  const segments = segmentBytes === undefined ? {} : { segmentBytes };
  const log = (name: string, end = LOG_START) =>
    new SegmentLog({ path, directory: join(path, name), end, ...segments });
  return new NodeStore({
    path,
    chainId,
    level,
    batchLog: log("batches", stamp.batchesEnd),
    outcomeLog: log("outcomes", snapshot.checkpoint?.outcomesEnd),
    journal: new Journal(journalFile(path)),
    pages: new PageFile(path, pageFile(path), snapshot.checkpoint?.directory),
    witness,
    live,
    stage: { snapshot, executedHeight: snapshot.checkpoint?.height ?? (0 as Height) },
    sequence: stamp.sequence,
  });
}

/** Brings to LevelDB and the batch log what an interrupted process left in the journal. */
async function takeIn(path: string, level: Level): Promise<void> {
  const { stamp } = readState(path, level);
  const entries = Journal.read(path, journalFile(path), stamp.sequence);
  const last = entries[entries.length - 1];
  if (last === undefined) return;
  restoreFrames(
    join(path, "batches"),
    entries.flatMap(({ frames }) => frames),
  );
  level.hold(entries.flatMap(({ operations }) => operations));
  await level.flush(stateOperations(last.state));
}

const journalFile = (path: string): string => join(path, "journal");
const pageFile = (path: string): string => join(path, "pages");
const witnessFile = (path: string): string => join(path, "witness");

function checkMeta({ path, chainId }: OpenStoreOptions, level: Level): Digest {
  const got = readMetaVersion(level.get(META_KEY)?.payload ?? new Uint8Array(0));
  if (got === undefined) throw corrupt(path, "its description is missing");
  if (got !== LAYOUT_VERSION) throw new StoreError({ code: "STORE_VERSION", path, want: LAYOUT_VERSION, got });
  const meta = level.decode(META_KEY, readMeta);
  if (meta === undefined) throw corrupt(path, "its description is missing");
  if (chainId !== undefined && meta.chainId !== chainId) {
    throw new StoreError({ code: "STORE_FOREIGN", path, want: chainId, got: meta.chainId });
  }
  return meta.chainId;
}

/** Both copies have to be there and equal: an older version of one must not pass for the newest. */
function readState(path: string, level: Level): { readonly snapshot: Snapshot; readonly stamp: Stamp } {
  const [first, second] = [STATE_KEY, STATE_COPY_KEY].map((key) => level.get(key)?.payload);
  if (first === undefined || second === undefined || !equalBytes(first, second)) {
    throw corrupt(path, "the two copies of its state differ");
  }
  const state = level.decode(STATE_KEY, readSnapshot);
  if (state === undefined) throw corrupt(path, "its state is missing");
  return state;
}

async function readLive(path: string, level: Level, { live: want }: Snapshot): Promise<LiveIndex> {
  const live = {
    certificates: new LiveKeys(),
    proposals: new LiveKeys(),
    admitted: new LiveKeys(),
    evidence: new LiveKeys(),
  };
  for await (const entry of level.entries("certificate")) live.certificates.put(entry);
  for await (const entry of level.entries("proposal")) live.proposals.put(entry);
  for await (const entry of level.entries("admitted")) live.admitted.put(entry);
  for await (const entry of level.entries("evidence")) live.evidence.put(entry);
  const got = addTotals(Object.values(live).map(({ totals }) => totals));
  if (got.count !== want.count || got.sum !== want.sum) {
    throw corrupt(
      path,
      `${want.count} certificates, proposals, admissions and evidence were stored, ${got.count} are there`,
    );
  }
  return live;
}

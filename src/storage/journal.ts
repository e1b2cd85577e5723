import { closeSync, existsSync, fdatasync, fdatasyncSync, openSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { decode, type Reader, Writer } from "../primitives/index.js";
import { corrupt } from "./fault.js";
import { syncDirectory, writeAllNow } from "./files.js";
import type { Frame } from "./segment-log.js";
import type { Operation } from "./staging.js";

const fdatasyncAsync = promisify(fdatasync);

/** One physical write on its way to LevelDB and the batch log. */
export interface JournalEntry {
  /** Number of the state in LevelDB that it builds on, together with the entries before it. */
  readonly base: number;
  /** Number of this physical write. */
  readonly sequence: number;
  /** As LevelDB will have it; see `encodeSnapshot`. */
  readonly state: Uint8Array;
  readonly operations: readonly Operation[];
  /** Frames of the batch log that were not flushed there. */
  readonly frames: readonly Frame[];
}

/** All of the file; it is made in this size, so that a flush need not write where a file ends. */
const JOURNAL_BYTES = 1_048_576;
/** Length u32 and CRC-32 u32 of what follows. */
const HEAD_BYTES = 8;
/** A disk that answers within this is not worth a thread, which has to be woken and to wake us, milliseconds. */
const ON_THE_SPOT_MS = 2;

const KEY_BYTES_MAX = 128;
/** In place of the length of a value: the key is deleted. */
const DELETED = 0xffff_ffff;

/**
 * Short physical writes, one flush each, until LevelDB gets them all together (docs/adr/0004-journal.md).
 *
 * One file of fixed size, overwritten from its beginning after each time that LevelDB was flushed. An entry is `length
 * u32 · CRC-32 u32 · payload`; what remains of entries before the last flush is told by the base that they name.
 */
export class Journal {
  readonly #fd: number;
  #offset = 0;
  #bytesWritten = 0;
  #fsyncs = 0;
  /** How long the last flush took. */
  #lastMs = 0;

  /** Goes on from the beginning: what the file holds is in LevelDB, and synced. */
  constructor(file: string) {
    this.#fd = openSync(file, "r+");
  }

  /** Makes the file, for a new store. */
  static create(directory: string, file: string): void {
    const fd = openSync(file, "w", 0o600);
    writeAllNow(fd, [new Uint8Array(JOURNAL_BYTES)], 0);
    fdatasyncSync(fd);
    closeSync(fd);
    syncDirectory(directory);
  }

  /**
   * What LevelDB lacks, in order. A torn end is left out: nobody was told of it, or the witness knows better.
   *
   * @param base number of the state that LevelDB has
   * @throws {StoreError} STORE_CORRUPT if the file is gone, or builds on a state that LevelDB has lost
   */
  static read(path: string, file: string, base: number): JournalEntry[] {
    if (!existsSync(file)) throw corrupt(path, `${file} is missing`);
    const bytes = readFileSync(file);
    const entries: JournalEntry[] = [];
    let before = base;
    for (let offset = 0; ; ) {
      const payload = payloadAt(bytes, offset);
      const entry = payload === undefined ? undefined : decode(payload, readEntry);
      if (payload === undefined || entry?.ok !== true) return entries;
      const { value } = entry;
      if (value.base > base) throw corrupt(path, `write ${value.base} was synced, and LevelDB has only write ${base}`);
      if (value.base < base || value.sequence <= before) return entries;
      entries.push(value);
      before = value.sequence;
      offset += HEAD_BYTES + payload.length;
    }
  }

  /** Since opening. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get fsyncs(): number {
    return this.#fsyncs;
  }

  /** Writes an entry and flushes it. False, and nothing done, where there is no room before the next flush of LevelDB. */
  async add(entry: JournalEntry): Promise<boolean> {
    const bytes = encodeEntry(entry);
    if (this.#offset + bytes.length > JOURNAL_BYTES) return false;
    writeAllNow(this.#fd, [bytes], this.#offset);
    const start = performance.now();
    if (this.#lastMs <= ON_THE_SPOT_MS) fdatasyncSync(this.#fd);
    else await fdatasyncAsync(this.#fd);
    this.#lastMs = performance.now() - start;
    this.#offset += bytes.length;
    this.#bytesWritten += bytes.length;
    this.#fsyncs += 1;
    return true;
  }

  /** LevelDB and the batch log have all of it, and are synced. */
  restart(): void {
    this.#offset = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The bytes of an entry, if those at an offset are one. */
function payloadAt(bytes: Buffer, offset: number): Uint8Array | undefined {
  if (offset + HEAD_BYTES > bytes.length) return undefined;
  const end = offset + HEAD_BYTES + bytes.readUInt32LE(offset);
  if (end === offset + HEAD_BYTES || end > bytes.length) return undefined;
  const payload = bytes.subarray(offset + HEAD_BYTES, end);
  return crc32(payload) === bytes.readUInt32LE(offset + 4) ? payload : undefined;
}

function encodeEntry({ base, sequence, state, operations, frames }: JournalEntry): Uint8Array {
  const writer = new Writer(4_096).u32(0).u32(0).u64(base).u64(sequence).variable(state);
  writer.list(operations, ({ key, value }) => {
    writer.variable(key).u32(value?.length ?? DELETED);
    if (value !== undefined) writer.fixed(value);
  });
  writer.list(frames, ({ location, key, bytes }) => {
    writer.u32(location.segment).u64(location.offset).fixed(key).variable(bytes);
  });
  const bytes = writer.finish();
  const payload = bytes.subarray(HEAD_BYTES);
  const head = new DataView(bytes.buffer);
  head.setUint32(0, payload.length, true);
  head.setUint32(4, crc32(payload), true);
  return bytes;
}

function readEntry(reader: Reader): JournalEntry {
  return {
    base: reader.u64(),
    sequence: reader.u64(),
    state: reader.variable(JOURNAL_BYTES),
    operations: reader.list(JOURNAL_BYTES, () => {
      const key = reader.variable(KEY_BYTES_MAX);
      const length = reader.u32();
      return { key, value: length === DELETED ? undefined : reader.fixed(length) };
    }),
    frames: reader.list(JOURNAL_BYTES, () => {
      const place = { segment: reader.u32(), offset: reader.u64() };
      const key = reader.fixed(32);
      const bytes = reader.variable(JOURNAL_BYTES);
      return { location: { ...place, length: bytes.length }, key, bytes };
    }),
  };
}

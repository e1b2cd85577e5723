import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { classify, corrupt } from "./fault.js";

/**
 * Looks at LevelDB's tables before LevelDB does. It does not verify their checksums when it reads, this binding has no
 * switch for it, and a damaged table can end the whole process inside native code ("Assertion `internal_key.size() >= 8'
 * failed"), again at each start. The log and the manifest need no such look: LevelDB verifies those itself.
 *
 * Formats: leveldb's doc/table_format.md, doc/log_format.md and db/version_edit.cc.
 */

const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** Type of the block and its CRC-32C, behind its content. */
const TRAILER_BYTES = 5;
const LOG_BLOCK_BYTES = 32_768;
const LOG_HEAD_BYTES = 7;
const ROUNDS_MAX = 3;

interface Span {
  readonly offset: number;
  readonly size: number;
}

/**
 * Checks all live tables: their indexes, and of their data blocks the newest up to a number of bytes. Only reads, so
 * a store that another process has open comes to no harm.
 *
 * @param dataBytesMax bytes of data blocks that are looked at
 * @throws {StoreError} STORE_CORRUPT for a table that is missing or damaged
 */
export async function checkTables(path: string, directory: string, dataBytesMax: number): Promise<void> {
  for (let round = 1; ; round += 1) {
    const live = liveTables(directory);
    const fault = await firstFault(directory, live, dataBytesMax);
    if (fault === undefined) return;
    // A process that has the store open may have replaced the table meanwhile; LevelDB then says that it is locked.
    const isStillLive = liveTables(directory).includes(fault.table);
    if (isStillLive) throw corrupt(path, `LevelDB's table ${fault.table} ${fault.what}`);
    if (round === ROUNDS_MAX) return;
  }
}

async function firstFault(
  directory: string,
  live: readonly number[],
  dataBytesMax: number,
): Promise<{ readonly table: number; readonly what: string } | undefined> {
  let rest = dataBytesMax;
  for (const table of live) {
    const verdict = checkTable(directory, table, rest);
    if (typeof verdict === "string") return { table, what: verdict };
    rest = Math.max(0, rest - verdict);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return undefined;
}

/** Numbers of the tables that the manifest names, newest first; none where it cannot be read, which LevelDB reports. */
function liveTables(directory: string): number[] {
  const live = new Set<number>();
  try {
    const manifest = readFileSync(join(directory, "CURRENT"), "utf8").trim();
    for (const record of logRecords(readFileSync(join(directory, manifest)))) applyEdit(live, record);
  } catch (error) {
    if (!(error instanceof RangeError)) classify(error, directory);
    return [];
  }
  return [...live].sort((left, right) => right - left);
}

/** Whole records, up to the first that is torn or damaged. */
function* logRecords(log: Uint8Array): Generator<Uint8Array> {
  const data = new DataView(log.buffer, log.byteOffset, log.byteLength);
  let parts: Uint8Array[] = [];
  for (let at = 0; at + LOG_HEAD_BYTES <= log.length; ) {
    const left = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES);
    if (left < LOG_HEAD_BYTES) {
      at += left;
      continue;
    }
    const length = data.getUint16(at + 4, true);
    const type = log[at + 6] as number;
    const end = at + LOG_HEAD_BYTES + length;
    if (length + LOG_HEAD_BYTES > left || end > log.length) return;
    if (data.getUint32(at, true) !== maskedChecksum(log.subarray(at + 6, end))) return;
    const [isFirst, isLast] = [type === 1 || type === 2, type === 1 || type === 4];
    if (isFirst) parts = [];
    parts.push(log.subarray(at + LOG_HEAD_BYTES, end));
    if (isLast) yield Buffer.concat(parts);
    at = end;
  }
}

/** @throws {RangeError} for an edit that cannot be read */
function applyEdit(live: Set<number>, record: Uint8Array): void {
  const cursor = new Cursor(record);
  while (!cursor.isAtEnd) {
    const tag = cursor.varint();
    switch (tag) {
      case 1: // comparator
        cursor.skip(cursor.varint());
        break;
      case 2: // log, next file, last sequence, previous log
      case 3:
      case 4:
      case 9:
        cursor.varint();
        break;
      case 5: // compaction pointer
        cursor.varint();
        cursor.skip(cursor.varint());
        break;
      case 6: // a table that is no more
        cursor.varint();
        live.delete(cursor.varint());
        break;
      case 7: // a new table
        cursor.varint();
        live.add(cursor.varint());
        cursor.varint();
        cursor.skip(cursor.varint());
        cursor.skip(cursor.varint());
        break;
      default:
        throw new RangeError(`unknown tag ${tag}`);
    }
  }
}

/** @returns the bytes of data blocks that were looked at, or what is wrong */
function checkTable(directory: string, table: number, dataBytesMax: number): number | string {
  const name = String(table).padStart(6, "0");
  let fd: number | undefined;
  try {
    for (const suffix of ["ldb", "sst"]) fd ??= openIfThere(join(directory, `${name}.${suffix}`));
    return fd === undefined ? "is missing" : checkOpened(fd, dataBytesMax);
  } catch (error) {
    if (error instanceof RangeError) return "has an index that cannot be read";
    throw classify(error, directory);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function checkOpened(fd: number, dataBytesMax: number): number | string {
  const { size } = fstatSync(fd);
  if (size < FOOTER_BYTES) return "is cut short";
  const footer = readAt(fd, { offset: size - FOOTER_BYTES, size: FOOTER_BYTES });
  if (new DataView(footer.buffer, footer.byteOffset).getBigUint64(40, true) !== MAGIC) return "has a damaged end";
  const cursor = new Cursor(footer);
  const [filters, data] = [readBlock(fd, span(cursor), size), readBlock(fd, span(cursor), size)];
  if (filters === undefined || data === undefined) return "has a damaged index";
  for (const block of indexed(filters)) {
    if (readBlock(fd, block, size) === undefined) return "has a damaged filter";
  }
  let read = 0;
  for (const block of indexed(data)) {
    if (read >= dataBytesMax) break;
    if (readBlock(fd, block, size) === undefined) return `has a damaged block at byte ${block.offset}`;
    read += block.size;
  }
  return read;
}

interface Block {
  readonly bytes: Uint8Array;
  /** Not compressed; we never write others. */
  readonly isPlain: boolean;
}

/** A block whose checksum holds. */
function readBlock(fd: number, { offset, size }: Span, fileBytes: number): Block | undefined {
  if (offset + size + TRAILER_BYTES > fileBytes) return undefined;
  const block = readAt(fd, { offset, size: size + TRAILER_BYTES });
  const checksum = new DataView(block.buffer, block.byteOffset).getUint32(size + 1, true);
  if (maskedChecksum(block.subarray(0, size + 1)) !== checksum) return undefined;
  return { bytes: block.subarray(0, size), isPlain: block[size] === 0 };
}

/** Where other blocks lie, out of a block that leads to them: entries without their shared prefixes, then restart points. */
function* indexed({ bytes: block, isPlain }: Block): Generator<Span> {
  if (!isPlain) return;
  if (block.length < 4) throw new RangeError("an index without restart points");
  const restarts = new DataView(block.buffer, block.byteOffset, block.byteLength).getUint32(block.length - 4, true);
  const cursor = new Cursor(block.subarray(0, block.length - 4 - 4 * restarts));
  while (!cursor.isAtEnd) {
    cursor.varint();
    const keyBytes = cursor.varint();
    const valueBytes = cursor.varint();
    cursor.skip(keyBytes);
    yield span(new Cursor(cursor.take(valueBytes)));
  }
}

const span = (cursor: Cursor): Span => ({ offset: cursor.varint(), size: cursor.varint() });

function readAt(fd: number, { offset, size }: Span): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const count = readSync(fd, bytes, done, size - done, offset + done);
    if (count === 0) throw new RangeError("the file ends early");
    done += count;
  }
  return bytes;
}

/** Reads front to back. @throws {RangeError} past the end */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Little-endian base 128; numbers of files and bytes stay below 2^53. */
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const [byte] = this.take(1);
      value += ((byte as number) & 0x7f) * scale;
      if ((byte as number) < 0x80) return value;
    }
  }

  skip(count: number): void {
    this.take(count);
  }

  take(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) throw new RangeError("past the end");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

/** CRC-32C (Castagnoli), reflected polynomial 0x82f63b78. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  return crc;
});

/** As LevelDB stores it: rotated and shifted, since checksums of checksums are weak. */
function maskedChecksum(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}

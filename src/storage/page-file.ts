import { closeSync, existsSync, fdatasync, fdatasyncSync, fstatSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import type { StatePage } from "../ledger/index.js";
import { assert } from "../primitives/index.js";
import { corrupt } from "./fault.js";
import { readFully, syncDirectory, writeAll } from "./files.js";

const fdatasyncAsync = promisify(fdatasync);

/** Where bytes lie in the page file, in whole units, and their CRC-32. */
export interface Extent {
  /** Number of the first unit. */
  readonly first: number;
  /** In bytes; 0 for a page whose entries were all removed, which takes no unit. */
  readonly length: number;
  readonly checksum: number;
}

const UNIT_BYTES = 4_096;
/** Units of a file are counted in 32 bits: 16 TiB. */
const UNITS_MAX = 2 ** 32;
/** Written at once at the most, and flushed before more is written: what else waits for the disk waits this long. */
const BURST_BYTES = 4 * 1_048_576;
/** Then as many times as long as that took nothing is written: what else waits for the disk finds it free most of the time. */
const REST_RATIO = 4;

/** Of the directory: page key u64, then the extent. */
const ENTRY_BYTES = 20;

/**
 * Pages of the state as of the newest checkpoint, in one file (docs/adr/0005-page-file.md).
 *
 * What the newest checkpoint refers to is never overwritten: changed pages go to units that nothing refers to, then a
 * new directory of all pages does, and once the checkpoint that names this directory is durable, the units of the
 * older pages are free. So a write may take as long as it likes, and until the end of it a crash leaves the checkpoint before.
 *
 * Memory is bounded by the state: pages on their way, each at most twice, some hundred bytes a page for the directory, and
 * what is written at once.
 */
export class PageFile {
  readonly #path: string;
  readonly #file: string;
  readonly #fd: number;
  readonly #space = new Space();
  readonly #pages = new Map<number, Extent>();
  #directory: Extent | undefined;
  /** Pages that readers see and the next `write` writes. */
  #held = new Map<number, StatePage>();
  /** Pages of the write under way, with their places so far. */
  #writing: Map<number, StatePage> | undefined;
  readonly #written = new Map<number, Extent>();
  #nextDirectory: Extent | undefined;
  /** Bytes that go to the file next, as one: the first `#filled` of it, from unit `#burstFirst` on. */
  #burst = new Uint8Array(0);
  #burstFirst = 0;
  #filled = 0;
  #unsyncedBytes = 0;
  #unsyncedSince = 0;
  #isHurried = false;
  #bytesWritten = 0;
  #fsyncs = 0;

  /**
   * @param path of the store, for faults
   * @param directory as the newest checkpoint has it; absent before the first
   * @throws {StoreError} STORE_CORRUPT where the file is not the one that the checkpoint was made of
   */
  constructor(path: string, file: string, directory: Extent | undefined) {
    this.#path = path;
    this.#file = file;
    if (!existsSync(file)) throw corrupt(path, `${file} is missing`);
    this.#fd = openSync(file, "r+");
    try {
      if (directory !== undefined) this.#load(directory);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** Makes the file, for a new store. */
  static create(directory: string, file: string): void {
    const fd = openSync(file, "w", 0o600);
    fdatasyncSync(fd);
    closeSync(fd);
    syncDirectory(directory);
  }

  /** Since opening. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get fsyncs(): number {
    return this.#fsyncs;
  }

  /** Ascending. */
  keys(): number[] {
    const keys = new Set([...this.#pages.keys(), ...(this.#writing?.keys() ?? []), ...this.#held.keys()]);
    return [...keys].sort((left, right) => left - right);
  }

  /**
   * The newest page under a key, in memory of its own.
   *
   * @throws {StoreError} STORE_CORRUPT when the bytes there are not those that were written
   */
  page(key: number): Uint8Array | undefined {
    const moving = this.#held.get(key) ?? this.#writing?.get(key);
    if (moving !== undefined) return moving.bytes.slice();
    const extent = this.#pages.get(key);
    return extent && this.#read(extent, key, `page ${key} of the state`);
  }

  /** Pages that readers see from now on and that the next `write` writes. */
  hold(pages: Iterable<StatePage>): void {
    for (const page of pages) this.#held.set(page.key, page);
  }

  /**
   * Writes what is held, and returns when all of it is on the disk, and a directory with it. One at a time; followed by
   * `settle` once the checkpoint that names the directory is durable.
   *
   * @returns where the directory is
   */
  async write(): Promise<Extent> {
    assert(this.#writing === undefined, "a checkpoint is written while another is");
    this.#writing = this.#held;
    this.#held = new Map();
    this.#space.rewind();
    for (const page of this.#writing.values()) await this.#add(page);
    await this.#writeBurst();
    const bytes = this.#encodeDirectory();
    const first = this.#space.take(unitsOf(bytes.length));
    await this.#put(bytes, first);
    await this.#sync();
    this.#nextDirectory = { first, length: bytes.length, checksum: crc32(bytes) };
    return this.#nextDirectory;
  }

  /** From here on nothing rests between bursts: somebody waits for the end. */
  hurry(): void {
    this.#isHurried = true;
  }

  /** The directory that `write` gave counts from now on: what it does not refer to is free. */
  settle(): void {
    assert(this.#nextDirectory !== undefined, "nothing was written");
    for (const [key, extent] of this.#written) {
      this.#free(this.#pages.get(key));
      this.#pages.set(key, extent);
    }
    this.#free(this.#directory);
    this.#directory = this.#nextDirectory;
    this.#nextDirectory = undefined;
    this.#written.clear();
    this.#writing = undefined;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Finds a place for a page and copies it to what is written next. */
  async #add(page: StatePage): Promise<void> {
    const { length } = page.bytes;
    assert(length <= BURST_BYTES, "a page that is written at once");
    const first = this.#space.take(unitsOf(length));
    const isNext = first === this.#burstFirst + unitsOf(this.#filled);
    if (!isNext || this.#filled + length > BURST_BYTES) await this.#writeBurst();
    if (this.#filled === 0) this.#burstFirst = first;
    if (this.#burst.length === 0) this.#burst = new Uint8Array(BURST_BYTES);
    // Only here: while others were written the ledger may have gone on, and the page lies elsewhere.
    const { bytes } = page;
    this.#written.set(page.key, { first, length, checksum: pageChecksum(page.key, bytes) });
    this.#burst.set(bytes, this.#filled);
    const end = unitsOf(this.#filled + length) * UNIT_BYTES;
    this.#burst.fill(0, this.#filled + length, end);
    this.#filled = end;
  }

  async #writeBurst(): Promise<void> {
    if (this.#filled === 0) return;
    await this.#put(this.#burst.subarray(0, this.#filled), this.#burstFirst);
    this.#filled = 0;
    if (this.#unsyncedBytes < BURST_BYTES / 2) return;
    await this.#sync();
    if (!this.#isHurried) await sleep(REST_RATIO * (performance.now() - this.#unsyncedSince));
  }

  async #put(bytes: Uint8Array, first: number): Promise<void> {
    if (this.#unsyncedBytes === 0) this.#unsyncedSince = performance.now();
    this.#unsyncedBytes += bytes.length;
    await writeAll(this.#fd, [bytes], first * UNIT_BYTES);
    this.#bytesWritten += bytes.length;
  }

  async #sync(): Promise<void> {
    await fdatasyncAsync(this.#fd);
    this.#fsyncs += 1;
    this.#unsyncedBytes = 0;
  }

  #free(extent: Extent | undefined): void {
    if (extent !== undefined) this.#space.free(extent.first, unitsOf(extent.length));
  }

  /** All pages as of the write under way. */
  #encodeDirectory(): Uint8Array {
    let kept = 0;
    for (const key of this.#written.keys()) if (this.#pages.has(key)) kept += 1;
    const bytes = new Uint8Array((this.#pages.size + this.#written.size - kept) * ENTRY_BYTES);
    const data = new DataView(bytes.buffer);
    let offset = 0;
    const add = (key: number, { first, length, checksum }: Extent): void => {
      setKey(data, offset, key);
      data.setUint32(offset + 8, first, true);
      data.setUint32(offset + 12, length, true);
      data.setUint32(offset + 16, checksum, true);
      offset += ENTRY_BYTES;
    };
    for (const [key, extent] of this.#pages) add(key, this.#written.get(key) ?? extent);
    for (const [key, extent] of this.#written) if (!this.#pages.has(key)) add(key, extent);
    return bytes;
  }

  #load(directory: Extent): void {
    const { size } = fstatSync(this.#fd);
    const claim = ({ first, length }: Extent): void => {
      const isThere = first * UNIT_BYTES + length <= size;
      if (!isThere || !this.#space.claim(first, unitsOf(length)))
        throw corrupt(this.#path, `${this.#file} does not hold the newest checkpoint`);
    };
    claim(directory);
    const bytes = this.#read(directory, undefined, "the directory of the pages");
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let offset = 0; offset < bytes.length; offset += ENTRY_BYTES) {
      const [first, length, checksum] = [8, 12, 16].map((at) => data.getUint32(offset + at, true));
      const extent = { first, length, checksum } as Extent;
      claim(extent);
      this.#pages.set(keyAt(data, offset), extent);
    }
    this.#directory = directory;
  }

  #read({ first, length, checksum }: Extent, key: number | undefined, what: string): Uint8Array {
    const bytes = new Uint8Array(length);
    const count = readFully(this.#fd, bytes, first * UNIT_BYTES);
    const got = key === undefined ? crc32(bytes) : pageChecksum(key, bytes);
    if (count < length || got !== checksum) throw corrupt(this.#path, `${what} is not the newest checkpoint's`);
    return bytes;
  }
}

const unitsOf = (bytes: number): number => Math.ceil(bytes / UNIT_BYTES);

/** Which units of the file something refers to. */
class Space {
  /** A byte a unit, 1 where it is taken; behind it all are free. */
  #taken = new Uint8Array(64);
  /** Units before this are not looked at again before `rewind`, so that finding places costs one pass over the file. */
  #next = 0;

  /** From here on places are looked for from the beginning of the file. */
  rewind(): void {
    this.#next = 0;
  }

  /** The first run of free units that is long enough, behind those taken since `rewind`; the file grows where there is none. */
  take(units: number): number {
    if (units === 0) return 0;
    let first = this.#next;
    for (let at = first; at < first + units && at < this.#taken.length; at += 1) {
      if (this.#taken[at] === 0) continue;
      const free = this.#taken.indexOf(0, at);
      first = free < 0 ? this.#taken.length : free;
      at = first - 1;
    }
    assert(first + units <= UNITS_MAX, "the page file is as large as it can be");
    this.#grow(first + units);
    this.#taken.fill(1, first, first + units);
    this.#next = first + units;
    return first;
  }

  /** False where a unit is taken already. */
  claim(first: number, units: number): boolean {
    this.#grow(first + units);
    const part = this.#taken.subarray(first, first + units);
    if (part.includes(1)) return false;
    part.fill(1);
    return true;
  }

  free(first: number, units: number): void {
    this.#taken.fill(0, first, first + units);
  }

  #grow(units: number): void {
    if (units <= this.#taken.length) return;
    const grown = new Uint8Array(Math.max(units, this.#taken.length * 2));
    grown.set(this.#taken);
    this.#taken = grown;
  }
}

const KEY = new DataView(new ArrayBuffer(8));
const KEY_BYTES = new Uint8Array(KEY.buffer);

/** Over key and bytes, so that a page does not pass for another. */
function pageChecksum(key: number, bytes: Uint8Array): number {
  setKey(KEY, 0, key);
  return crc32(bytes, crc32(KEY_BYTES));
}

/** Keys are integers below 2^53. */
function setKey(data: DataView, offset: number, key: number): void {
  data.setUint32(offset, key % 2 ** 32, true);
  data.setUint32(offset + 4, Math.floor(key / 2 ** 32), true);
}

const keyAt = (data: DataView, offset: number): number =>
  data.getUint32(offset, true) + data.getUint32(offset + 4, true) * 2 ** 32;

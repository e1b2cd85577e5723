import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { corrupt } from "./fault.js";

const WITNESS_BYTES = 12;

/**
 * The number of the newest synced physical write, in a file of its own: sequence u64, CRC-32 u32.
 *
 * LevelDB takes a damaged end of its log for a crash and drops it silently; that could be the safety record
 * of a vote that left. The witness is written after each synced write and before anybody hears of it, so a
 * store behind its witness has lost something that was promised. It is not synced itself: after a power
 * loss it may be older than the store, never newer.
 */
export class Witness {
  readonly #file: string;
  readonly #bytes = new Uint8Array(WITNESS_BYTES);
  #fd: number | undefined;

  private constructor(file: string) {
    this.#file = file;
  }

  /** Makes the file; for a new store. */
  static create(file: string): void {
    const fd = openSync(file, "w", 0o600);
    writeSync(fd, encode(0), 0, WITNESS_BYTES, 0);
    fsyncSync(fd);
    closeSync(fd);
  }

  /**
   * @param sequence of the state that was found
   * @throws {StoreError} STORE_CORRUPT if the store once was further
   */
  static open(path: string, file: string, sequence: number): Witness {
    if (!existsSync(file)) throw corrupt(path, `${file} is missing`);
    const bytes = readFileSync(file);
    if (bytes.length !== WITNESS_BYTES || bytes.readUInt32LE(8) !== crc32(bytes.subarray(0, 8))) {
      throw corrupt(path, `${file} fails its checksum`);
    }
    const witnessed = Number(bytes.readBigUInt64LE(0));
    if (sequence < witnessed) {
      throw corrupt(path, `write ${witnessed} was synced, and only write ${sequence} is there`);
    }
    return new Witness(file);
  }

  raise(sequence: number): void {
    this.#fd ??= openSync(this.#file, "r+");
    writeSync(this.#fd, encode(sequence, this.#bytes), 0, WITNESS_BYTES, 0);
  }

  close(): void {
    if (this.#fd === undefined) return;
    fsyncSync(this.#fd);
    closeSync(this.#fd);
  }
}

function encode(sequence: number, bytes: Uint8Array = new Uint8Array(WITNESS_BYTES)): Uint8Array {
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sequence), true);
  view.setUint32(8, crc32(bytes.subarray(0, 8)), true);
  return bytes;
}

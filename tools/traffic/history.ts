import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { sha256 } from "../../src/crypto/index.js";
import { batchDigest } from "../../src/formats/index.js";
import type { OrderedBatch } from "../../src/ledger/index.js";
import {
  assert,
  BLOCK_BATCHES_MAX,
  BLOCK_BYTES_MAX,
  type Digest,
  decode,
  utf8,
  Writer,
} from "../../src/primitives/index.js";
import { Chain } from "./chain.js";

/**
 * What was ordered, without the headers and certificates that an exported history of a network has: this line, a frame
 * with the genesis file, then one per block with its time and batches. A frame is a little-endian u32 length and bytes.
 */
const MAGIC = utf8("sabha/traffic/1\n");
const FRAME_BYTES_MAX = 256 * 1_048_576;

export class HistoryWriter {
  readonly #file: number;

  constructor(path: string, genesisBytes: Uint8Array) {
    this.#file = openSync(path, "w");
    this.#write(MAGIC);
    this.#frame(genesisBytes);
  }

  block(timestamp: number, batches: readonly OrderedBatch[]): void {
    const size = batches.reduce((sum, { bytes }) => sum + bytes.length + 4, 64);
    const writer = new Writer(size).u64(timestamp);
    writer.list(batches, ({ bytes }) => writer.variable(bytes));
    this.#frame(writer.finish());
  }

  close(): void {
    closeSync(this.#file);
  }

  #frame(bytes: Uint8Array): void {
    this.#write(new Writer(4).u32(bytes.length).finish());
    this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }
}

/** Executes a written history from its genesis on. @returns the chain at its end */
export function replay(path: string): Chain {
  const file = openSync(path, "r");
  try {
    assert(Buffer.compare(read(file, MAGIC.length) ?? new Uint8Array(0), MAGIC) === 0, "the file is a history");
    const chain = Chain.ofFile(frame(file) ?? new Uint8Array(0));
    for (let bytes = frame(file); bytes !== undefined; bytes = frame(file)) {
      const block = decode(bytes, (reader) => ({
        timestamp: reader.u64(),
        batches: reader.list(BLOCK_BATCHES_MAX, () => reader.variable(BLOCK_BYTES_MAX)),
      }));
      assert(block.ok, "each frame is a block");
      chain.apply(
        block.value.timestamp,
        block.value.batches.map((batch) => ({ digest: batchDigest(sha256, batch) as Digest, bytes: batch })),
      );
    }
    return chain;
  } finally {
    closeSync(file);
  }
}

function frame(file: number): Uint8Array | undefined {
  const head = read(file, 4);
  if (head === undefined) return undefined;
  const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true);
  assert(length <= FRAME_BYTES_MAX, "a frame is bounded");
  return read(file, length);
}

/** Exactly so many bytes; undefined at the end of the file. */
function read(file: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const got = readSync(file, bytes, filled, length - filled, null);
    if (got === 0) break;
    filled += got;
  }
  assert(filled === length || filled === 0, "the file is whole");
  return filled === length ? bytes : undefined;
}

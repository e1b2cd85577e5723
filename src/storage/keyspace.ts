import { crc32 } from "node:zlib";
import { assert, type Digest, fromHex, type Height } from "../primitives/index.js";

/**
 * Keys in LevelDB: one byte for the kind, then fixed-width parts, integers big-endian so that the order
 * of the keys is the order of heights and views. Values begin with
 * a CRC-32 over key and payload: a value that was flipped, cut or written under another key does not pass.
 */
const KINDS = {
  meta: 0x00,
  state: 0x01,
  admitted: 0x61,
  block: 0x62,
  certificate: 0x63,
  batch: 0x64,
  evidence: 0x65,
  height: 0x68,
  executed: 0x6c,
  proposal: 0x70,
  stateCopy: 0xff,
} as const;

export type Kind = keyof typeof KINDS;

/** A part of a key: digest, byte, or integer in eight bytes. */
type Part = Digest | { readonly u8: number } | number;

export function makeKey(kind: Kind, ...parts: readonly Part[]): Uint8Array {
  const key = new Uint8Array(1 + parts.reduce<number>((sum, part) => sum + partBytes(part), 0));
  const data = new DataView(key.buffer);
  key[0] = KINDS[kind];
  let offset = 1;
  for (const part of parts) {
    if (typeof part === "number") data.setBigUint64(offset, BigInt(part));
    else if (typeof part === "object") key[offset] = part.u8;
    else setDigest(key, offset, part);
    offset += partBytes(part);
  }
  return key;
}

const partBytes = (part: Part): number => (typeof part === "number" ? 8 : typeof part === "object" ? 1 : 32);

function setDigest(key: Uint8Array, offset: number, digest: Digest): void {
  const bytes = fromHex(digest);
  assert(bytes !== undefined && bytes.length === 32, "not a digest");
  key.set(bytes, offset);
}

/** The integer in eight big-endian bytes of a key. */
export function keyInteger(key: Uint8Array, offset: number): number {
  return Number(new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(offset));
}

/** Bounds of all keys of a kind, for iteration. */
export function rangeOf(kind: Kind): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return { gte: new Uint8Array([KINDS[kind]]), lt: new Uint8Array([KINDS[kind] + 1]) };
}

export const blockKey = (height: Height): Uint8Array => makeKey("block", height);
export const executedKey = (height: Height): Uint8Array => makeKey("executed", height);
export const heightKey = (hash: Digest): Uint8Array => makeKey("height", hash);
export const batchKey = (digest: Digest): Uint8Array => makeKey("batch", digest);
export const admittedKey = (digest: Digest): Uint8Array => makeKey("admitted", digest);
export const META_KEY: Uint8Array = makeKey("meta");
export const STATE_KEY: Uint8Array = makeKey("state");
export const STATE_COPY_KEY: Uint8Array = makeKey("stateCopy");

/** CRC-32 over key and payload. */
const checksumOf = (key: Uint8Array, payload: Uint8Array): number => crc32(payload, crc32(key));

/** The value that is stored under `key`. */
export function seal(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const value = new Uint8Array(4 + payload.length);
  new DataView(value.buffer).setUint32(0, checksumOf(key, payload), true);
  value.set(payload, 4);
  return value;
}

/** The payload and its checksum, or `undefined` if the value is not what was sealed under `key`. */
export function unseal(
  key: Uint8Array,
  value: Uint8Array,
): { readonly payload: Uint8Array; readonly checksum: number } | undefined {
  if (value.length < 4) return undefined;
  const checksum = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0, true);
  const payload = new Uint8Array(value.buffer, value.byteOffset + 4, value.length - 4);
  return checksumOf(key, payload) === checksum ? { payload, checksum } : undefined;
}

/** Both copies of the state, at the two ends of the keyspace. */
export const stateOperations = (state: Uint8Array): { readonly key: Uint8Array; readonly value: Uint8Array }[] =>
  [STATE_KEY, STATE_COPY_KEY].map((key) => ({ key, value: seal(key, state) }));

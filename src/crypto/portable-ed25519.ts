import { ed25519 as noble } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { assert, concatBytes, equalBytes } from "../primitives/index.js";
import type { Ed25519 } from "./interface.js";

const { Point } = noble;
const ORDER = Point.Fn.ORDER;

/**
 * Ed25519 without native code, accepting exactly what `ed25519.ts` accepts. Noble's own `verify`
 * multiplies by the cofactor even in its strict mode, so this one does the comparison of RFC 8032
 * §5.1.7 itself: R must be the canonical encoding of S·B − k·A.
 *
 * Not constant in time where secrets are concerned; nodes sign with the native one.
 */
export const ed25519: Ed25519 = {
  keysFromSeed(seed) {
    assert(seed.length === 32, "an Ed25519 seed has 32 bytes");
    const publicKey = noble.getPublicKey(seed);
    return { publicKey, secretKey: concatBytes(seed, publicKey) };
  },

  sign(secretKey, message) {
    assert(secretKey.length === 64, "an Ed25519 secret key has 64 bytes");
    return noble.sign(message, secretKey.subarray(0, 32));
  },

  verify(publicKey, message, signature) {
    if (signature.length !== 64) return false;
    const s = littleEndian(signature.subarray(32));
    if (s >= ORDER) return false;
    const key = decodePoint(publicKey);
    if (key === undefined || key.isSmallOrder()) return false;
    const r = signature.subarray(0, 32);
    const k = littleEndian(sha512(concatBytes(r, publicKey, message))) % ORDER;
    const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k));
    return !expected.isSmallOrder() && equalBytes(expected.toBytes(), r);
  },

  isSafePublicKey(publicKey) {
    const key = decodePoint(publicKey);
    return key !== undefined && !key.isSmallOrder() && key.isTorsionFree();
  },
};

/** Strict RFC 8032 decoding: canonical y, no negative zero. */
function decodePoint(bytes: Uint8Array): InstanceType<typeof Point> | undefined {
  if (bytes.length !== 32) return undefined;
  try {
    return Point.fromBytes(bytes, false);
  } catch {
    return undefined; // noble throws for whatever is not a point
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index -= 1) value = (value << 8n) | BigInt(bytes[index] as number);
  return value;
}

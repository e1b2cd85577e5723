import { ED25519_TORSION_SUBGROUP, ed25519 as noble } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { describe, expect, test } from "vitest";
import { certificateScheme, ed25519 as native } from "../../../src/crypto/index.js";
import { ed25519 as portable } from "../../../src/crypto/portable.js";
import { concatBytes, fromHex, utf8 } from "../../../src/primitives/index.js";

const { Point } = noble;
const ORDER = Point.Fn.ORDER;
const FIELD = 2n ** 255n - 19n;

function toBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let index = 0, rest = value; index < 32; index += 1, rest >>= 8n) bytes[index] = Number(rest & 255n);
  return bytes;
}
function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

interface Vector {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const torsion = ED25519_TORSION_SUBGROUP.map((hex) => Point.fromHex(hex, true));

/** A signature by scalar `secret` whose key and R carry a part of small order each. */
function twisted(secret: bigint, keyPart: number, noncePart: number, message: Uint8Array): Vector {
  const key = (secret === 0n ? Point.ZERO : Point.BASE.multiply(secret)).add(torsion[keyPart] as typeof Point.BASE);
  const nonce = Point.BASE.multiply(987_654_321n).add(torsion[noncePart] as typeof Point.BASE);
  const r = nonce.toBytes();
  const publicKey = key.toBytes();
  const k = toNumber(sha512(concatBytes(r, publicKey, message))) % ORDER;
  const signature = concatBytes(r, toBytes((987_654_321n + k * secret) % ORDER));
  return { name: `key part ${keyPart}, nonce part ${noncePart}`, publicKey, message, signature };
}

/** Encodings of the eight small-order points, the non-canonical ones included. */
function smallOrderEncodings(): Uint8Array[] {
  const encodings: Uint8Array[] = [];
  for (const point of torsion) {
    const y = toNumber(point.toBytes()) & (2n ** 255n - 1n);
    for (const sign of [0n, 2n ** 255n]) {
      encodings.push(toBytes(y + sign));
      if (y + FIELD < 2n ** 255n) encodings.push(toBytes(y + FIELD + sign));
    }
  }
  return encodings;
}

function edgeVectors(): Vector[] {
  const vectors: Vector[] = [];
  const { publicKey, secretKey } = native.keysFromSeed(new Uint8Array(32).fill(7));
  for (let index = 0; index < 4; index += 1) {
    const message = utf8(`message ${index}`);
    const signature = native.sign(secretKey, message);
    const [r, s] = [signature.slice(0, 32), toNumber(signature.slice(32))];
    vectors.push({ name: "honest", publicKey, message, signature });
    for (let multiple = 1n; multiple <= 15n; multiple += 1n)
      vectors.push({
        name: `S + ${multiple} L`,
        publicKey,
        message,
        signature: concatBytes(r, toBytes(s + multiple * ORDER)),
      });
    vectors.push({
      name: "S with its top bits",
      publicKey,
      message,
      signature: concatBytes(r, toBytes(s + 2n ** 255n)),
    });
    for (let bit = 0; bit < 512; bit += 37) {
      const flipped = signature.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      vectors.push({ name: `bit ${bit} flipped`, publicKey, message, signature: flipped });
    }
    for (let keyPart = 0; keyPart < 8; keyPart += 1) {
      for (let noncePart = 0; noncePart < 8; noncePart += 1) {
        vectors.push(twisted(123_456_789n, keyPart, noncePart, message), twisted(0n, keyPart, noncePart, message));
      }
    }
    for (const encoding of smallOrderEncodings()) {
      const zero = new Uint8Array(32);
      vectors.push({
        name: "small-order key, S = 0",
        publicKey: encoding,
        message,
        signature: concatBytes(encoding, zero),
      });
      vectors.push({
        name: "small-order key, R = 1",
        publicKey: encoding,
        message,
        signature: concatBytes(toBytes(1n), zero),
      });
      vectors.push({ name: "small-order R", publicKey, message, signature: concatBytes(encoding, toBytes(s)) });
    }
    for (const y of [0n, 1n, 2n, 3n, FIELD - 1n, FIELD, FIELD + 1n, FIELD + 3n, 2n ** 255n - 1n]) {
      vectors.push({ name: `key with y = ${y}`, publicKey: toBytes(y), message, signature });
      vectors.push({ name: `R with y = ${y}`, publicKey, message, signature: concatBytes(toBytes(y), toBytes(s)) });
    }
  }
  return vectors;
}

describe("Ed25519", () => {
  test("attack 13: native and portable accept the same edge vectors, and noble's strict mode all of those", () => {
    const vectors = edgeVectors();
    const verdicts = vectors.map(({ publicKey, message, signature }) => native.verify(publicKey, message, signature));
    const second = vectors.map(({ publicKey, message, signature }) => portable.verify(publicKey, message, signature));
    const differing = vectors.filter((_, index) => verdicts[index] !== second[index]);
    expect(differing.map(({ name }) => name)).toEqual([]);
    const accepted = vectors.filter((_, index) => verdicts[index]);
    for (const { name, publicKey, message, signature } of accepted)
      expect(noble.verify(signature, message, publicKey, { zip215: false }), name).toBe(true);
    // The set has both kinds, and cases in which noble alone would have been more lenient.
    const lenient = vectors.filter(({ publicKey, message, signature }) => accepts(publicKey, message, signature));
    expect(accepted.length).toBeGreaterThanOrEqual(4);
    expect(lenient.length).toBeGreaterThan(accepted.length);
  });

  const accepts = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
    try {
      return noble.verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false;
    }
  };

  describe.each([
    { label: "native", ed25519: native },
    { label: "portable", ed25519: portable },
  ])("$label", ({ ed25519 }) => {
    test("signs as RFC 8032 §7.1 test 2 says", () => {
      const seed = fromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb") as Uint8Array;
      const { publicKey, secretKey } = ed25519.keysFromSeed(seed);
      expect(publicKey).toEqual(fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
      const signature = ed25519.sign(secretKey, new Uint8Array([0x72]));
      expect(signature).toEqual(
        fromHex(
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
      );
      expect(ed25519.verify(publicKey, new Uint8Array([0x72]), signature)).toBe(true);
    });

    test("attack 12: S + L is refused, and so is any change of the signature", () => {
      const { publicKey, secretKey } = ed25519.keysFromSeed(new Uint8Array(32).fill(3));
      const message = utf8("pay 100");
      const signature = ed25519.sign(secretKey, message);
      const malleable = concatBytes(signature.slice(0, 32), toBytes(toNumber(signature.slice(32)) + ORDER));
      expect(ed25519.verify(publicKey, message, signature)).toBe(true);
      expect(ed25519.verify(publicKey, message, malleable)).toBe(false);
      for (let index = 0; index < 64; index += 1) {
        const changed = signature.slice();
        changed[index] = (changed[index] as number) ^ 1;
        expect(ed25519.verify(publicKey, message, changed)).toBe(false);
      }
    });

    test("attack 14: keys of small order are no keys, in any of their encodings", () => {
      const encodings = smallOrderEncodings();
      expect(encodings.length).toBeGreaterThanOrEqual(14);
      for (const encoding of encodings) {
        expect(ed25519.isSafePublicKey(encoding)).toBe(false);
        for (const text of ["one", "two", "three", "four"]) {
          const universal = concatBytes(toBytes(1n), new Uint8Array(32));
          expect(ed25519.verify(encoding, utf8(text), universal)).toBe(false);
        }
      }
    });

    test("attack 14: a key with a part of small order is not safe, an honest one is", () => {
      expect(ed25519.isSafePublicKey(twisted(5n, 1, 0, utf8("x")).publicKey)).toBe(false);
      expect(ed25519.isSafePublicKey(ed25519.keysFromSeed(new Uint8Array(32)).publicKey)).toBe(true);
      expect(ed25519.isSafePublicKey(new Uint8Array(31))).toBe(false);
      expect(ed25519.isSafePublicKey(new Uint8Array(32).fill(0xff))).toBe(false);
    });

    test("malformed input is refused without an exception", () => {
      const { publicKey, secretKey } = ed25519.keysFromSeed(new Uint8Array(32).fill(3));
      const message = utf8("pay 100");
      const signature = ed25519.sign(secretKey, message);
      for (const length of [0, 31, 33, 63, 65, 128]) {
        expect(ed25519.verify(new Uint8Array(length), message, signature)).toBe(false);
        expect(ed25519.verify(publicKey, message, new Uint8Array(length))).toBe(false);
      }
      expect(ed25519.verify(publicKey, message, concatBytes(signature, new Uint8Array(1)))).toBe(false);
    });
  });

  test("views of shared memory give the right answer", () => {
    const { publicKey, secretKey } = native.keysFromSeed(new Uint8Array(32).fill(3));
    const message = utf8("pay 100");
    const signature = native.sign(secretKey, message);
    const shared = (bytes: Uint8Array): Uint8Array => {
      const view = new Uint8Array(new SharedArrayBuffer(bytes.length));
      view.set(bytes);
      return view;
    };
    expect(native.sign(shared(secretKey), shared(message))).toEqual(signature);
    expect(native.verify(shared(publicKey), shared(message), shared(signature))).toBe(true);
    expect(native.verify(shared(publicKey), shared(utf8("pay 900")), shared(signature))).toBe(false);
  });

  test("attack 14: the certificate scheme takes no unsafe key", () => {
    const scheme = certificateScheme("ed25519");
    for (const key of [...smallOrderEncodings(), twisted(5n, 1, 0, utf8("x")).publicKey])
      expect(() => scheme.verifiers([key])).toThrow(RangeError);
  });
});

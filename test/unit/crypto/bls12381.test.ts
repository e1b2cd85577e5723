import { aggregateSignatures, PublicKey, Signature, verify } from "@chainsafe/blst";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { describe, expect, test } from "vitest";
import { certificateScheme } from "../../../src/crypto/index.js";
import { certificateScheme as portableScheme } from "../../../src/crypto/portable.js";
import { fromHex, utf8 } from "../../../src/primitives/index.js";

const native = certificateScheme("bls12381");
const portable = portableScheme("bls12381");
const schemes = [
  { label: "native", scheme: native },
  { label: "portable", scheme: portable },
];
const { G1, G2 } = bls12_381;
const message = utf8("a block");
const keys = [0, 1, 2, 3].map((index) => native.keysFromSeed(new Uint8Array(32).fill(index + 1)));
const publicKeys = keys.map(({ publicKey }) => publicKey);
const sign = (signer: number, bytes = message): Uint8Array => native.sign(keys[signer]?.secretKey as Uint8Array, bytes);

const INFINITY_KEY = new Uint8Array(48);
INFINITY_KEY[0] = 0xc0;
const INFINITY_SIGNATURE = new Uint8Array(96);
INFINITY_SIGNATURE[0] = 0xc0;

/** Compressed point of the curve, found by trying abscissas, that lies outside the prime-order subgroup. */
function outsideSubgroup(length: number, parse: (bytes: Uint8Array, validate: boolean) => unknown): Uint8Array {
  const parses = (bytes: Uint8Array, validate: boolean): boolean => {
    try {
      parse(bytes, validate);
      return true;
    } catch {
      return false;
    }
  };
  for (let x = 1; x < 256; x += 1) {
    const candidate = new Uint8Array(length);
    candidate[0] = 0x80;
    candidate[length - 1] = x;
    if (parses(candidate, false) && !parses(candidate, true)) return candidate;
  }
  throw new Error("none found");
}

describe.each(schemes)("BLS12-381, $label", ({ scheme }) => {
  const verifier = scheme.verifiers(publicKeys);

  test("attack 1: three times one signature verifies for three times one key, but not as three signers", () => {
    const single = Signature.fromBytes(sign(0));
    const triple = aggregateSignatures([single, single, single]).toBytes();
    expect(verifier.verifyCertificate([0, 0, 0], message, triple)).toBe(false);
    expect(verifier.verifyCertificate([0, 1, 2], message, triple)).toBe(false);
    expect(() => scheme.verifiers([publicKeys[0], publicKeys[0], publicKeys[0]] as Uint8Array[])).toThrow(RangeError);
  });

  test("attack 5: a rogue key has no proof of possession although its forged aggregate verifies", () => {
    const victim = G1.Point.fromBytes(publicKeys[0] as Uint8Array);
    const secret = 4_242n;
    const rogue = G1.Point.BASE.multiply(secret).subtract(victim);
    const rogueKey = rogue.toBytes();
    const { longSignatures } = bls12_381;
    const forge = (bytes: Uint8Array, tag: string): Uint8Array =>
      longSignatures.hash(bytes, tag).multiply(secret).toBytes();
    // The forgery is real: one signature by `secret` alone passes for both keys …
    const forged = forge(message, "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_");
    expect(scheme.verifiers([publicKeys[0] as Uint8Array, rogueKey]).verifyCertificate([0, 1], message, forged)).toBe(
      true,
    );
    // … so it is the proof of possession that keeps the key out.
    const attempts = [
      forge(rogueKey, "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"),
      scheme.provePossession(keys[0]?.secretKey as Uint8Array),
      sign(0, rogueKey),
    ];
    for (const attempt of attempts) expect(scheme.verifyPossession(rogueKey, attempt)).toBe(false);
  });

  test("attack 6: the identity is neither key nor signature", () => {
    expect(() => scheme.verifiers([INFINITY_KEY])).toThrow(RangeError);
    expect(scheme.verifyPossession(INFINITY_KEY, INFINITY_SIGNATURE)).toBe(false);
    expect(scheme.verifyPossession(publicKeys[0] as Uint8Array, INFINITY_SIGNATURE)).toBe(false);
    expect(verifier.verifyVote(0, message, INFINITY_SIGNATURE)).toBe(false);
    expect(verifier.verifyCertificate([0, 1, 2], message, INFINITY_SIGNATURE)).toBe(false);
    expect(verifier.verifyCertificate([], message, INFINITY_SIGNATURE)).toBe(false);
    expect(verifier.combine([{ signer: 0, signature: INFINITY_SIGNATURE }])).toBeUndefined();
  });

  test("attack 6: keys that cancel to the identity sign nothing together", () => {
    const secret = G1.Point.Fn.fromBytes(keys[0]?.secretKey as Uint8Array);
    const opposite = G1.Point.BASE.multiply(G1.Point.Fn.ORDER - secret).toBytes();
    const cancelling = scheme.verifiers([publicKeys[0] as Uint8Array, opposite]);
    expect(cancelling.verifyCertificate([0, 1], message, INFINITY_SIGNATURE)).toBe(false);
    expect(cancelling.verifyCertificate([0, 1], message, sign(0))).toBe(false);
    const shares = [secret, G1.Point.Fn.ORDER - secret].map((share, signer) => ({
      signer,
      signature: native.sign(G1.Point.Fn.toBytes(share), message),
    }));
    expect(cancelling.combine(shares)).toBeUndefined();
  });

  test("attack 7: points on the curve but outside the subgroup are refused", () => {
    const key = outsideSubgroup(48, (bytes, validate) => PublicKey.fromBytes(bytes, validate));
    const signature = outsideSubgroup(96, (bytes, validate) => Signature.fromBytes(bytes, validate));
    expect(PublicKey.fromBytes(key, false).toBytes()).toEqual(key); // what the library takes when not told to check
    expect(() => scheme.verifiers([key])).toThrow(RangeError);
    expect(scheme.verifyPossession(key, sign(0))).toBe(false);
    expect(verifier.verifyVote(0, message, signature)).toBe(false);
    expect(verifier.combine([{ signer: 0, signature }])).toBeUndefined();
    expect(verifier.verifyCertificate([0, 1, 2], message, signature)).toBe(false);
  });

  test("attack 8: wrong flag bits, coordinates from p up and uncompressed forms are refused", () => {
    const key = publicKeys[0] as Uint8Array;
    const signature = sign(0);
    for (const flags of [0x00, 0x20, 0x40, 0x60, 0xc0, 0xe0]) {
      const otherKey = key.slice();
      otherKey[0] = ((otherKey[0] as number) & 0x1f) | flags;
      expect(() => scheme.verifiers([otherKey])).toThrow(RangeError);
      const otherSignature = signature.slice();
      otherSignature[0] = ((otherSignature[0] as number) & 0x1f) | flags;
      expect(verifier.verifyVote(0, message, otherSignature)).toBe(false);
    }
    const huge = fromHex(
      `9a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab`,
    );
    expect(() => scheme.verifiers([huge as Uint8Array])).toThrow(RangeError); // the field's modulus p itself
    expect(() => scheme.verifiers([PublicKey.fromBytes(key).toBytes(false)])).toThrow(RangeError);
    expect(verifier.verifyVote(0, message, Signature.fromBytes(signature).toBytes(false))).toBe(false);
  });

  test("attack 8: the other root of a compressed point is another key, not the same one twice", () => {
    const signature = sign(0);
    signature[0] = (signature[0] as number) ^ 0x20;
    expect(verifier.verifyVote(0, message, signature)).toBe(false);
  });

  test("attack 11: shares that two colluders bend against each other pass in sum and fail one by one", () => {
    const bend = G2.Point.BASE.multiply(99n);
    const bent = [
      G2.Point.fromBytes(sign(0)).add(bend).toBytes(),
      G2.Point.fromBytes(sign(1)).subtract(bend).toBytes(),
    ] as const;
    const votes = [
      { signer: 0, signature: bent[0] },
      { signer: 1, signature: bent[1] },
      { signer: 2, signature: sign(2) },
    ];
    const certificate = verifier.combine(votes) as Uint8Array;
    expect(verifier.verifyCertificate([0, 1, 2], message, certificate)).toBe(true);
    expect(verifier.verifyVote(0, message, bent[0])).toBe(false);
    expect(verifier.verifyVote(1, message, bent[1])).toBe(false);
  });
});

test("proofs of possession and votes are signed under different domain tags", () => {
  const { publicKey, secretKey } = keys[0] as (typeof keys)[number];
  const proof = native.provePossession(secretKey);
  expect(verify(publicKey, PublicKey.fromBytes(publicKey), Signature.fromBytes(proof))).toBe(false);
});

test("a verifier that has forgotten an aggregate computes it again", () => {
  const many = Array.from({ length: 9 }, (_, index) => native.keysFromSeed(new Uint8Array(32).fill(100 + index)));
  const verifier = native.verifiers(many.map(({ publicKey }) => publicKey));
  const vote = (signer: number) => ({ signer, signature: native.sign(many[signer]?.secretKey as Uint8Array, message) });
  const votes = many.map((_, signer) => vote(signer));
  for (let bitmap = 1; bitmap < 100; bitmap += 1) {
    const chosen = votes.filter(({ signer }) => (bitmap >> signer) & 1);
    const signers = chosen.map(({ signer }) => signer);
    expect(verifier.verifyCertificate(signers, message, verifier.combine(chosen) as Uint8Array)).toBe(true);
  }
  expect(verifier.verifyCertificate([0], message, votes[0]?.signature as Uint8Array)).toBe(true);
  expect(verifier.verifyCertificate([1], message, votes[0]?.signature as Uint8Array)).toBe(false);
});

import { bls12_381 } from "@noble/curves/bls12-381.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { assert, concatBytes, equalBytes, utf8 } from "../primitives/index.js";
import type { CertificateScheme, SetVerifier, SignedBy, SignedByAll } from "./interface.js";
import { areAscending, inSignerOrder, requireDistinct } from "./signature-list.js";

export const BLS_KEY_BYTES = 48;
export const BLS_SIGNATURE_BYTES = 96;

/** The proof-of-possession ciphersuite of RFC 9380 hashing and draft-irtf-cfrg-bls-signature §4.2.3. */
const SIGNATURE_DST = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
const POSSESSION_DST = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

const { longSignatures } = bls12_381;
const KeyPoint = bls12_381.G1.Point;
type Key = InstanceType<typeof KeyPoint>;
type Signature = ReturnType<typeof longSignatures.sign>;

/**
 * BLS12-381 with public keys in G1 and signatures in G2, without native code: for browsers, and as the
 * second opinion on `bls12381.ts` in tests. Verification takes tens of milliseconds; signing is not constant in time.
 */
export const portableBls12381: CertificateScheme = {
  name: "bls12381",
  publicKeyBytes: BLS_KEY_BYTES,
  voteSignatureBytes: BLS_SIGNATURE_BYTES,
  keysFromSeed(seed) {
    const secretKey = keyGen(seed);
    return { publicKey: longSignatures.getPublicKey(secretKey).toBytes(), secretKey };
  },
  sign: (secretKey, message) => longSignatures.sign(longSignatures.hash(message, SIGNATURE_DST), secretKey).toBytes(),
  provePossession,
  verifyPossession,
  verifiers: (publicKeys) => new PortableBlsVerifier(publicKeys),
};

/** Signature of the public key itself, under a domain that no vote shares. Takes about 20 ms. */
export function provePossession(secretKey: Uint8Array): Uint8Array {
  const publicKey = longSignatures.getPublicKey(secretKey).toBytes();
  return longSignatures.sign(longSignatures.hash(publicKey, POSSESSION_DST), secretKey).toBytes();
}

/**
 * Without it a key chosen as x·G − (another's key) would let its owner sign for both. Takes about
 * 30 ms: genesis and governance check it once for each key.
 */
export function verifyPossession(publicKey: Uint8Array, proof: Uint8Array): boolean {
  const key = parseKey(publicKey);
  const signature = parseSignature(proof);
  if (key === undefined || signature === undefined) return false;
  return longSignatures.verify(signature, longSignatures.hash(publicKey, POSSESSION_DST), key);
}

class PortableBlsVerifier implements SetVerifier {
  readonly #keys: readonly Key[];

  constructor(publicKeys: readonly Uint8Array[]) {
    requireDistinct(publicKeys);
    this.#keys = publicKeys.map((bytes) => {
      const key = parseKey(bytes);
      if (key === undefined) throw new RangeError("not a BLS12-381 public key");
      return key;
    });
  }

  verifyVote(signer: number, message: Uint8Array, signature: Uint8Array): boolean {
    const key = this.#keys[signer];
    return key !== undefined && verify(key, message, signature);
  }

  combine(votes: readonly SignedBy[]): Uint8Array | undefined {
    const ordered = inSignerOrder(votes, this.#keys.length);
    if (ordered === undefined) return undefined;
    const signatures = ordered.map(({ signature }) => parseSignature(signature));
    if (!signatures.every((signature) => signature !== undefined)) return undefined;
    const sum = signatures.reduce((partial, signature) => partial.add(signature));
    return sum.is0() ? undefined : sum.toBytes();
  }

  verifyAll(items: readonly SignedByAll[]): boolean {
    return items.every(({ signers, message, signature }) => this.verifyCertificate(signers, message, signature));
  }

  verifyCertificate(signers: readonly number[], message: Uint8Array, signature: Uint8Array): boolean {
    if (!areAscending(signers, this.#keys.length)) return false;
    // Plain sums: noble's aggregation throws where colluders' keys or shares cancel to the identity.
    const key = signers.map((signer) => this.#keys[signer] as Key).reduce((sum, next) => sum.add(next));
    return !key.is0() && verify(key, message, signature);
  }
}

function verify(key: Key, message: Uint8Array, bytes: Uint8Array): boolean {
  const signature = parseSignature(bytes);
  return signature !== undefined && longSignatures.verify(signature, longSignatures.hash(message, SIGNATURE_DST), key);
}

/** A point of the prime-order subgroup of G1 other than the identity, in its one compressed form. */
function parseKey(bytes: Uint8Array): Key | undefined {
  if (bytes.length !== BLS_KEY_BYTES) return undefined;
  try {
    const point = KeyPoint.fromBytes(bytes);
    return !point.is0() && point.isTorsionFree() && equalBytes(point.toBytes(), bytes) ? point : undefined;
  } catch {
    return undefined; // noble throws for whatever is not a point
  }
}

/** The same for G2. */
function parseSignature(bytes: Uint8Array): Signature | undefined {
  if (bytes.length !== BLS_SIGNATURE_BYTES) return undefined;
  try {
    const point = longSignatures.Signature.fromBytes(bytes);
    return !point.is0() && point.isTorsionFree() && equalBytes(point.toBytes(), bytes) ? point : undefined;
  } catch {
    return undefined;
  }
}

/** KeyGen of draft-irtf-cfrg-bls-signature §2.3 with empty key_info. */
function keyGen(seed: Uint8Array): Uint8Array {
  assert(seed.length >= 32, "a BLS seed has at least 32 bytes");
  let salt = utf8("BLS-SIG-KEYGEN-SALT-");
  for (;;) {
    salt = sha256(salt);
    const pseudoRandomKey = extract(sha256, concatBytes(seed, new Uint8Array(1)), salt);
    const wide = expand(sha256, pseudoRandomKey, new Uint8Array([0, 48]), 48);
    let scalar = 0n;
    for (const byte of wide) scalar = (scalar << 8n) | BigInt(byte);
    scalar %= KeyPoint.Fn.ORDER;
    if (scalar !== 0n) return KeyPoint.Fn.toBytes(scalar);
  }
}

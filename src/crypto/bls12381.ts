import {
  aggregatePublicKeys,
  aggregateSignatures,
  PublicKey,
  SecretKey,
  Signature,
  verify,
  verifyMultipleAggregateSignatures,
} from "@chainsafe/blst";
import { assert } from "../primitives/index.js";
import { unshared } from "./hash.js";
import type { CertificateScheme, SetVerifier, SignedBy, SignedByAll } from "./interface.js";
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES, provePossession, verifyPossession } from "./portable-bls12381.js";
import { areAscending, inSignerOrder, requireDistinct } from "./signature-list.js";

/** Aggregates of recent signer sets that a verifier remembers; certificates in a row share few sets. */
const AGGREGATES_MAX = 64;

/**
 * The `bls12381` certificate scheme: public keys in G1, signatures in G2, the RFC 9380
 * proof-of-possession suite by blst; a certificate is the sum of its votes, 96 bytes for any quorum.
 *
 * blst fixes the signature's domain tag, so proofs of possession, which need a tag of their own and are
 * made and checked once in a key's life, are computed without native code.
 */
export const bls12381: CertificateScheme = {
  name: "bls12381",
  publicKeyBytes: BLS_KEY_BYTES,
  voteSignatureBytes: BLS_SIGNATURE_BYTES,
  keysFromSeed(seed) {
    assert(seed.length === 32, "a BLS seed has 32 bytes");
    const secretKey = SecretKey.fromKeygen(unshared(seed));
    return { publicKey: secretKey.toPublicKey().toBytes(), secretKey: secretKey.toBytes() };
  },
  sign: (secretKey, message) => SecretKey.fromBytes(unshared(secretKey)).sign(unshared(message)).toBytes(),
  provePossession,
  verifyPossession,
  verifiers: (publicKeys) => new BlsVerifier(publicKeys),
};

/** First byte of the compressed identity. */
const IDENTITY_FLAGS = 0xc0;

class BlsVerifier implements SetVerifier {
  readonly #keys: readonly PublicKey[];
  readonly #aggregates = new Map<string, PublicKey>();

  constructor(publicKeys: readonly Uint8Array[]) {
    requireDistinct(publicKeys);
    this.#keys = publicKeys.map(parseKey);
  }

  verifyVote(signer: number, message: Uint8Array, signature: Uint8Array): boolean {
    const key = this.#keys[signer];
    const parsed = parseSignature(signature);
    return key !== undefined && parsed !== undefined && verify(unshared(message), key, parsed);
  }

  combine(votes: readonly SignedBy[]): Uint8Array | undefined {
    const ordered = inSignerOrder(votes, this.#keys.length);
    if (ordered === undefined) return undefined;
    const signatures = ordered.map(({ signature }) => parseSignature(signature));
    if (!signatures.every((signature) => signature !== undefined)) return undefined;
    const sum = aggregateSignatures(signatures).toBytes();
    return sum[0] === IDENTITY_FLAGS ? undefined : sum;
  }

  verifyCertificate(signers: readonly number[], message: Uint8Array, signature: Uint8Array): boolean {
    if (!areAscending(signers, this.#keys.length)) return false;
    const parsed = parseSignature(signature);
    const key = parsed === undefined ? undefined : this.#aggregate(signers);
    return parsed !== undefined && key !== undefined && verify(unshared(message), key, parsed);
  }

  /** One product of pairings under random weights, so that no two bad ones can hide each other (attack 11). */
  verifyAll(items: readonly SignedByAll[]): boolean {
    const sets: { msg: Uint8Array; pk: PublicKey; sig: Signature }[] = [];
    for (const { signers, message, signature } of items) {
      const sig = areAscending(signers, this.#keys.length) ? parseSignature(signature) : undefined;
      const pk = sig === undefined ? undefined : this.#aggregate(signers);
      if (sig === undefined || pk === undefined) return false;
      sets.push({ msg: unshared(message), pk, sig });
    }
    return sets.length === 0 || verifyMultipleAggregateSignatures(sets);
  }

  /** Sum of the signers' keys; undefined in the one case that colluders' keys cancel to the identity. */
  #aggregate(signers: readonly number[]): PublicKey | undefined {
    const name = signers.join();
    const known = this.#aggregates.get(name);
    if (known !== undefined) return known;
    const sum = aggregatePublicKeys(signers.map((signer) => this.#keys[signer] as PublicKey));
    try {
      sum.keyValidate();
    } catch {
      return undefined;
    }
    if (this.#aggregates.size >= AGGREGATES_MAX) {
      for (const oldest of this.#aggregates.keys()) {
        this.#aggregates.delete(oldest);
        break;
      }
    }
    this.#aggregates.set(name, sum);
    return sum;
  }
}

/** blst checks the subgroup and the identity only if told so, and takes uncompressed forms too. */
function parseKey(bytes: Uint8Array): PublicKey {
  if (bytes.length !== BLS_KEY_BYTES) throw new RangeError("a BLS12-381 public key has 48 bytes");
  try {
    return PublicKey.fromBytes(unshared(bytes), true);
  } catch (error) {
    throw new RangeError("not a BLS12-381 public key", { cause: error });
  }
}

function parseSignature(bytes: Uint8Array): Signature | undefined {
  if (bytes.length !== BLS_SIGNATURE_BYTES) return undefined;
  try {
    return Signature.fromBytes(unshared(bytes), true);
  } catch {
    return undefined; // malformed, the identity, or outside the subgroup
  }
}

import { assert, concatBytes, equalBytes, utf8 } from "../primitives/index.js";
import type { CertificateScheme, SetVerifier, Sha256, SignedBy, SignedByAll } from "./interface.js";
import { areAscending, inSignerOrder, requireDistinct } from "./signature-list.js";

const BYTES = 32;
const KEY_TAG = utf8("sabha/keyed-hash/key/1");
const VOTE_TAG = utf8("sabha/keyed-hash/vote/1");
const POSSESSION_TAG = utf8("sabha/keyed-hash/possession/1");

/**
 * The `keyed-hash` certificate scheme, for the simulator only: it gives the shape of signatures at a
 * hundredth of their cost and NO security, since anyone can compute H(public key ‖ message). A
 * certificate is the exclusive-or of its votes, so that, as with a curve, one bad vote spoils the sum
 * and has to be found. Genesis refuses it for real networks.
 */
export function keyedHashScheme(sha256: Sha256): CertificateScheme {
  return {
    name: "keyed-hash",
    publicKeyBytes: BYTES,
    voteSignatureBytes: BYTES,
    keysFromSeed(seed) {
      assert(seed.length === 32, "a seed has 32 bytes");
      const key = sha256(concatBytes(KEY_TAG, seed));
      return { publicKey: key, secretKey: key };
    },
    sign: (secretKey, message) => sha256(concatBytes(VOTE_TAG, secretKey, message)),
    provePossession: (secretKey) => sha256(concatBytes(POSSESSION_TAG, secretKey)),
    verifyPossession: (publicKey, proof) =>
      publicKey.length === BYTES && equalBytes(proof, sha256(concatBytes(POSSESSION_TAG, publicKey))),
    verifiers(publicKeys) {
      if (publicKeys.some((key) => key.length !== BYTES)) throw new RangeError("a keyed-hash key has 32 bytes");
      requireDistinct(publicKeys);
      return new KeyedHashVerifier(sha256, publicKeys);
    },
  };
}

class KeyedHashVerifier implements SetVerifier {
  readonly #sha256: Sha256;
  readonly #keys: readonly Uint8Array[];

  constructor(sha256: Sha256, keys: readonly Uint8Array[]) {
    this.#sha256 = sha256;
    this.#keys = keys.map((key) => new Uint8Array(key));
  }

  verifyVote(signer: number, message: Uint8Array, signature: Uint8Array): boolean {
    const key = this.#keys[signer];
    return key !== undefined && equalBytes(signature, this.#mac(key, message));
  }

  combine(votes: readonly SignedBy[]): Uint8Array | undefined {
    const ordered = inSignerOrder(votes, this.#keys.length);
    if (ordered === undefined || ordered.some(({ signature }) => signature.length !== BYTES)) return undefined;
    return exclusiveOr(ordered.map(({ signature }) => signature));
  }

  verifyAll(items: readonly SignedByAll[]): boolean {
    return items.every(({ signers, message, signature }) => this.verifyCertificate(signers, message, signature));
  }

  verifyCertificate(signers: readonly number[], message: Uint8Array, signature: Uint8Array): boolean {
    if (!areAscending(signers, this.#keys.length)) return false;
    const macs = signers.map((signer) => this.#mac(this.#keys[signer] as Uint8Array, message));
    return equalBytes(signature, exclusiveOr(macs));
  }

  #mac(key: Uint8Array, message: Uint8Array): Uint8Array {
    return this.#sha256(concatBytes(VOTE_TAG, key, message));
  }
}

function exclusiveOr(values: readonly Uint8Array[]): Uint8Array {
  const sum = new Uint8Array(BYTES);
  for (const value of values) {
    for (let index = 0; index < BYTES; index += 1) sum[index] = (sum[index] as number) ^ (value[index] as number);
  }
  return sum;
}

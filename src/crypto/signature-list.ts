import { concatBytes, utf8 } from "../primitives/index.js";
import type { CertificateScheme, Ed25519, SetVerifier, SignedBy, SignedByAll } from "./interface.js";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const POSSESSION_TAG = utf8("sabha/possession/1");

/**
 * The `ed25519` certificate scheme: a certificate's signature is the quorum's Ed25519 signatures of 64
 * bytes each, in ascending order of the signers, and every one of them must verify.
 */
export function signatureListScheme(ed25519: Ed25519): CertificateScheme {
  return {
    name: "ed25519",
    publicKeyBytes: KEY_BYTES,
    voteSignatureBytes: SIGNATURE_BYTES,
    keysFromSeed: ed25519.keysFromSeed,
    sign: ed25519.sign,
    provePossession: (secretKey) => ed25519.sign(secretKey, concatBytes(POSSESSION_TAG, secretKey.subarray(KEY_BYTES))),
    verifyPossession: (publicKey, proof) =>
      ed25519.isSafePublicKey(publicKey) && ed25519.verify(publicKey, concatBytes(POSSESSION_TAG, publicKey), proof),
    verifiers(publicKeys) {
      if (!publicKeys.every(ed25519.isSafePublicKey))
        throw new RangeError("not an Ed25519 key of the prime-order group");
      requireDistinct(publicKeys);
      return new SignatureListVerifier(ed25519, publicKeys);
    },
  };
}

class SignatureListVerifier implements SetVerifier {
  readonly #ed25519: Ed25519;
  readonly #keys: readonly Uint8Array[];

  constructor(ed25519: Ed25519, keys: readonly Uint8Array[]) {
    this.#ed25519 = ed25519;
    this.#keys = keys.map((key) => new Uint8Array(key));
  }

  verifyVote(signer: number, message: Uint8Array, signature: Uint8Array): boolean {
    const key = this.#keys[signer];
    return key !== undefined && this.#ed25519.verify(key, message, signature);
  }

  combine(votes: readonly SignedBy[]): Uint8Array | undefined {
    const ordered = inSignerOrder(votes, this.#keys.length);
    if (ordered === undefined || ordered.some(({ signature }) => signature.length !== SIGNATURE_BYTES))
      return undefined;
    return concatBytes(...ordered.map(({ signature }) => signature));
  }

  verifyAll(items: readonly SignedByAll[]): boolean {
    return items.every(({ signers, message, signature }) => this.verifyCertificate(signers, message, signature));
  }

  verifyCertificate(signers: readonly number[], message: Uint8Array, signature: Uint8Array): boolean {
    if (!areAscending(signers, this.#keys.length) || signature.length !== signers.length * SIGNATURE_BYTES)
      return false;
    return signers.every((signer, index) =>
      this.verifyVote(signer, message, signature.slice(index * SIGNATURE_BYTES, (index + 1) * SIGNATURE_BYTES)),
    );
  }
}

/** True for at least one index, strictly ascending, below `size`: no signer counts twice. */
export function areAscending(signers: readonly number[], size: number): boolean {
  let previous = -1;
  for (const signer of signers) {
    if (!Number.isInteger(signer) || signer <= previous || signer >= size) return false;
    previous = signer;
  }
  return signers.length > 0;
}

/** Votes sorted by signer; undefined unless they come from distinct members. */
export function inSignerOrder(votes: readonly SignedBy[], size: number): readonly SignedBy[] | undefined {
  const ordered = [...votes].sort((left, right) => left.signer - right.signer);
  const signers = ordered.map(({ signer }) => signer);
  return areAscending(signers, size) ? ordered : undefined;
}

/** @throws {RangeError} if one key stands under two indices: its holder would count twice */
export function requireDistinct(publicKeys: readonly Uint8Array[]): void {
  const seen = new Set(publicKeys.map((key) => key.join()));
  if (seen.size !== publicKeys.length) throw new RangeError("one public key stands under two indices");
}

/**
 * What the rest of the system knows of cryptography. `index.ts` implements it with native code,
 * `portable.ts` with noble alone, for browsers; both accept exactly the same signatures.
 */

/** SHA-256 (FIPS 180-4): any bytes to 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Name of a certificate scheme in genesis; `keyed-hash` is refused outside the simulator. */
export type SchemeName = "bls12381" | "ed25519" | "keyed-hash";

export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** Strict Ed25519 (RFC 8032, cofactorless, small-order keys and non-canonical encodings refused). */
export interface Ed25519 {
  /**
   * @param seed 32 secret bytes
   * @returns a secret key of 64 bytes: seed ‖ public key
   */
  keysFromSeed(seed: Uint8Array): KeyPair;
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for every malformed input; never throws because of a peer. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * Whether it is a canonical point of the prime-order group. Under a key of small order one signature
   * would verify for many messages.
   */
  isSafePublicKey(publicKey: Uint8Array): boolean;
}

/** Something that a set of validators signed together; `signers` are distinct and ascending. */
export interface SignedByAll {
  readonly signers: readonly number[];
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

export interface SignedBy {
  readonly signer: number;
  readonly signature: Uint8Array;
}

/** How validators sign votes and how a quorum's votes become one certificate (docs/protocol.md). */
export interface CertificateScheme {
  readonly name: SchemeName;
  readonly publicKeyBytes: number;
  readonly voteSignatureBytes: number;
  /** @param seed 32 secret bytes */
  keysFromSeed(seed: Uint8Array): KeyPair;
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** Signature of the public key under a domain of its own; defeats rogue keys. */
  provePossession(secretKey: Uint8Array): Uint8Array;
  /** Also false for the identity, points outside the subgroup and malformed encodings. */
  verifyPossession(publicKey: Uint8Array, proof: Uint8Array): boolean;
  /**
   * Parses and validates the keys of one validator set once.
   * @throws {RangeError} for a key that `verifyPossession` could never have accepted, and for one that
   *   stands under two indices
   */
  verifiers(publicKeys: readonly Uint8Array[]): SetVerifier;
}

/** Checks votes and certificates of one validator set. Never throws because of a peer. */
export interface SetVerifier {
  verifyVote(signer: number, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * One certificate signature out of votes by distinct signers, verified or not; undefined if one does
   * not parse, a signer repeats or is no member, or forged shares cancel each other out.
   */
  combine(votes: readonly SignedBy[]): Uint8Array | undefined;
  /** @param signers distinct indices in ascending order; the caller has checked the quorum */
  verifyCertificate(signers: readonly number[], message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether all of these verify; cheaper together than one by one where the scheme allows it. */
  verifyAll(items: readonly SignedByAll[]): boolean;
}

/** Everything that offline verification needs. */
export interface Verification {
  readonly sha256: Sha256;
  readonly ed25519: Pick<Ed25519, "verify">;
  scheme(name: SchemeName): CertificateScheme;
}

/** The few functions of libsodium that the ledger uses; the package carries no declarations. */
declare module "sodium-native" {
  interface Sodium {
    /** Fills `publicKey` (32 bytes) and `secretKey` (64 bytes: seed, public key) from a seed of 32 bytes. */
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
    /** Fills `signature` (64 bytes). */
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
    /** Canonical encoding of a point of the prime-order subgroup other than the identity. */
    crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
  }
  const sodium: Sodium;
  export default sodium;
}

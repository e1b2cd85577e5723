import sodium from "sodium-native";
import { assert } from "../primitives/index.js";
import { unshared } from "./hash.js";
import type { Ed25519 } from "./interface.js";

const ED25519_KEY_BYTES = 32;
const ED25519_SECRET_BYTES = 64;
const ED25519_SIGNATURE_BYTES = 64;

/**
 * Ed25519 (RFC 8032) by libsodium, the strictest verifier in common use: no cofactor, S below the
 * group order, canonical encodings, neither key nor R of small order. Every check in a replica goes
 * through it, because verifiers disagree on malformed signatures and a mixture could split the chain.
 *
 * Secret keys are the 64 bytes seed ‖ public key.
 */
export const ed25519: Ed25519 = {
  keysFromSeed(seed) {
    assert(seed.length === 32, "an Ed25519 seed has 32 bytes");
    const publicKey = new Uint8Array(ED25519_KEY_BYTES);
    const secretKey = new Uint8Array(ED25519_SECRET_BYTES);
    sodium.crypto_sign_seed_keypair(publicKey, secretKey, unshared(seed));
    return { publicKey, secretKey };
  },

  sign(secretKey, message) {
    assert(secretKey.length === ED25519_SECRET_BYTES, "an Ed25519 secret key has 64 bytes");
    const signature = new Uint8Array(ED25519_SIGNATURE_BYTES);
    sodium.crypto_sign_detached(signature, unshared(message), unshared(secretKey));
    return signature;
  },

  verify(publicKey, message, signature) {
    // The addon asserts lengths, and it would take a longer signature.
    if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
    return sodium.crypto_sign_verify_detached(unshared(signature), unshared(message), unshared(publicKey));
  },

  isSafePublicKey(publicKey) {
    if (publicKey.length !== ED25519_KEY_BYTES) return false;
    return sodium.crypto_core_ed25519_is_valid_point(unshared(publicKey));
  },
};

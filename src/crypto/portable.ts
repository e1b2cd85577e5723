import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { unreachable } from "../primitives/index.js";
import type { CertificateScheme, SchemeName, Sha256, Verification } from "./interface.js";
import { keyedHashScheme } from "./keyed-hash.js";
import { portableBls12381 } from "./portable-bls12381.js";
import { ed25519 } from "./portable-ed25519.js";
import { signatureListScheme } from "./signature-list.js";

/**
 * Cryptography with noble alone, for browsers and clients: no Node, no native code. It accepts exactly
 * what `index.ts` accepts, an order of magnitude more slowly.
 */
export type * from "./interface.js";
export { ed25519 };

export const sha256: Sha256 = (bytes) => nobleSha256(bytes);

const signatureList = signatureListScheme(ed25519);
const keyedHash = keyedHashScheme(sha256);

export function certificateScheme(name: SchemeName): CertificateScheme {
  switch (name) {
    case "bls12381":
      return portableBls12381;
    case "ed25519":
      return signatureList;
    case "keyed-hash":
      return keyedHash;
    default:
      return unreachable(name);
  }
}

export const verification: Verification = { sha256, ed25519, scheme: certificateScheme };

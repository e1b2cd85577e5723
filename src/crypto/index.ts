import { unreachable } from "../primitives/index.js";
import { bls12381 } from "./bls12381.js";
import { ed25519 } from "./ed25519.js";
import { sha256 } from "./hash.js";
import type { CertificateScheme, SchemeName, Verification } from "./interface.js";
import { keyedHashScheme } from "./keyed-hash.js";
import { signatureListScheme } from "./signature-list.js";

/** Cryptography with native code, for nodes and tools. */
export type * from "./interface.js";
export { countedPath, countedRoot, hashLevels, hashOutcomeLeaves, hashPairs } from "./receipts-tree.js";
export { ed25519, sha256 };

const signatureList = signatureListScheme(ed25519);
const keyedHash = keyedHashScheme(sha256);

/** The scheme that a genesis file names. */
export function certificateScheme(name: SchemeName): CertificateScheme {
  switch (name) {
    case "bls12381":
      return bls12381;
    case "ed25519":
      return signatureList;
    case "keyed-hash":
      return keyedHash;
    default:
      return unreachable(name);
  }
}

/** Everything that checking proofs needs, native. */
export const verification: Verification = { sha256, ed25519, scheme: certificateScheme };

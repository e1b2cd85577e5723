import { type Verification, verification } from "../crypto/portable.js";
import {
  type Proven,
  type ProvenBalance,
  type ProvenConsistency,
  type ProvenFork,
  type ProvenReceipt,
  verifyBalanceProof as verifyBalanceProofWith,
  verifyConsistency as verifyConsistencyWith,
  verifyForkProof as verifyForkProofWith,
  verifyReceipt as verifyReceiptWith,
} from "../formats/index.js";

/**
 * `sabha/proofs`: checks the portable proofs of a ledger against its genesis file, offline. Nothing here
 * needs Node: it runs in a browser, without a network and without trust in whoever sent the file.
 *
 * What a verifier has to trust is the genesis file: compare its SHA-256, which every result names as
 * `chainId`, with the one that the banks published.
 *
 * @example
 * ```ts
 * import { verifyReceipt } from "sabha/proofs";
 *
 * const result = verifyReceipt(genesisBytes, receiptBytes);
 * if (result.ok) console.log(result.proven.id, result.proven.outcome.code);
 * else console.error(result.check, result.detail);
 * ```
 */
export type {
  Balances,
  CommitmentSide,
  Outcome,
  ProofCheck,
  ProofFailure,
  Proven,
  ProvenBalance,
  ProvenConsistency,
  ProvenFork,
  ProvenReceipt,
  ProvingBlock,
} from "../formats/index.js";

/** Anyone can forge under the simulator's scheme, so a proof under it proves nothing. */
const realVerification: Verification = {
  ...verification,
  scheme(name) {
    if (name === "keyed-hash") throw new RangeError("the scheme keyed-hash is for simulations");
    return verification.scheme(name);
  },
};

/**
 * Checks a receipt: "this record has this outcome, final". The outcome's code says which; that a proof
 * holds does not mean that money was paid.
 *
 * @param genesis bytes of the genesis file, exactly as they are on disk
 * @param receipt bytes of the receipt file, the same
 * @returns what was proven, or the check that failed and a sentence about it; never throws for bad files
 */
export function verifyReceipt(genesis: Uint8Array, receipt: Uint8Array): Proven<ProvenReceipt> {
  return verifyReceiptWith(genesis, receipt, realVerification);
}

/**
 * Checks a balance proof: "this account stood at this at the checkpoint `height`".
 *
 * @param genesis bytes of the genesis file, exactly as they are on disk
 * @param proof bytes of the proof file, the same
 * @returns what was proven, or the check that failed and a sentence about it; never throws for bad files
 */
export function verifyBalanceProof(genesis: Uint8Array, proof: Uint8Array): Proven<ProvenBalance> {
  return verifyBalanceProofWith(genesis, proof, realVerification);
}

/**
 * Checks a consistency proof: "the log up to the first height is, unchanged, the beginning of the log
 * up to the second".
 *
 * @param genesis bytes of the genesis file, exactly as they are on disk
 * @param proof bytes of the proof file, the same
 * @returns what was proven, or the check that failed and a sentence about it; never throws for bad files
 */
export function verifyConsistency(genesis: Uint8Array, proof: Uint8Array): Proven<ProvenConsistency> {
  return verifyConsistencyWith(genesis, proof, realVerification);
}

/**
 * Names the validators that signed two final blocks which exclude each other, at least f + 1 of them.
 *
 * @param genesis bytes of the genesis file, exactly as they are on disk
 * @param proof bytes of the fork proof, the same
 * @returns the culprits, or why the two blocks accuse nobody; never throws for bad files
 */
export function verifyForkProof(genesis: Uint8Array, proof: Uint8Array): Proven<ProvenFork> {
  return verifyForkProofWith(genesis, proof, realVerification);
}

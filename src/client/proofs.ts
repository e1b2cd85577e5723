import { verification } from "../crypto/portable.js";
import {
  type ProofFailure,
  type Proven,
  type ProvenBalance,
  type ProvenConsistency,
  type ProvenReceipt,
  parseGenesis,
  verifyBalanceProof as verifyBalanceProofWith,
  verifyConsistency as verifyConsistencyWith,
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
  ProvenReceipt,
  ProvingBlock,
} from "../formats/index.js";

/**
 * Checks a receipt: "this record has this outcome, final". The outcome's code says which; that a proof
 * holds does not mean that money was paid.
 *
 * @param genesis bytes of the genesis file, exactly as they are on disk
 * @param receipt bytes of the receipt file, the same
 * @returns what was proven, or the check that failed and a sentence about it; never throws for bad files
 */
export function verifyReceipt(genesis: Uint8Array, receipt: Uint8Array): Proven<ProvenReceipt> {
  return simulated(genesis) ?? verifyReceiptWith(genesis, receipt, verification);
}

/**
 * Checks a balance proof: "this account stood at this at the checkpoint `height`".
 *
 * @param genesis bytes of the genesis file, exactly as they are on disk
 * @param proof bytes of the proof file, the same
 * @returns what was proven, or the check that failed and a sentence about it; never throws for bad files
 */
export function verifyBalanceProof(genesis: Uint8Array, proof: Uint8Array): Proven<ProvenBalance> {
  return simulated(genesis) ?? verifyBalanceProofWith(genesis, proof, verification);
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
  return simulated(genesis) ?? verifyConsistencyWith(genesis, proof, verification);
}

/** Anyone can forge under the simulator's scheme, so a proof under it proves nothing. */
function simulated(genesisBytes: Uint8Array): ProofFailure | undefined {
  const parsed = parseGenesis(genesisBytes);
  if (!parsed.ok || parsed.genesis.scheme !== "keyed-hash") return undefined;
  return {
    ok: false,
    check: "genesis",
    detail: "The genesis file is that of a simulation, whose votes prove nothing.",
  };
}

import type { SetVerifier, Sha256, Verification } from "../crypto/index.js";
import {
  concatBytes,
  type Digest,
  decode,
  type Epoch,
  equalBytes,
  fromHex,
  type Height,
  type Id128,
  toHex,
  type View,
} from "../primitives/index.js";
import { type AccountEntry, readAccountEntry } from "./account-entry.js";
import { blockHash, type Header, readHeader } from "./block.js";
import {
  type Certificate,
  isCommitPair,
  makeValidatorSet,
  quorumOf,
  readCertificate,
  signersOf,
  type ValidatorSet,
  verifyCertificate,
} from "./certificate.js";
import { hashOutcomeLeaf, verifyCountedPath } from "./counted-tree.js";
import { chainIdOf, genesisValidatorSet, parseGenesis } from "./genesis.js";
import type { Shaped } from "./json-shape.js";
import {
  type Balances,
  type CommitmentSide,
  commitmentOf,
  OUTCOME_LEAF_FIELDS,
  type Outcome,
  readBalances,
  readOutcome,
} from "./outcome.js";
import {
  type CertifiedBytes,
  type CertifiedHeader,
  decodeBalanceProof,
  decodeConsistencyProof,
  decodeReceipt,
  type ProvenResult,
  type Receipt,
} from "./receipt.js";
import { hashResultLeaf, type ResultLeaf, readResultLeaf } from "./results.js";
import { verifyConsistencyPath, verifyInclusionPath } from "./results-tree.js";
import { verifyAccountProof } from "./state-proof.js";

/**
 * Offline verification of the portable proofs against the genesis file and nothing else (docs/protocol.md,
 * "Result proof"). It assumes that no past quorum's keys leaked, and trusts the genesis file: whoever
 * received the file from a stranger compares its SHA-256, the chain id, with what the banks published.
 */

/** Which check failed; stable, for programs. */
export type ProofCheck =
  | "genesis"
  | "encoding"
  | "chain-id"
  | "header"
  | "commit-pair"
  | "header-hash"
  | "signer-quorum"
  | "certificate-signature"
  | "result-leaf"
  | "inclusion-path"
  | "receipts-path"
  | "outcome"
  | "commitment"
  | "account-path"
  | "consistency-path"
  | "fork";

export interface ProofFailure {
  readonly ok: false;
  readonly check: ProofCheck;
  /** One sentence for people. */
  readonly detail: string;
}

export type Proven<T> = { readonly ok: true; readonly proven: T } | ProofFailure;

/** The trust anchor: what a verifier takes out of a genesis file. */
export interface TrustedChain {
  readonly chainId: Digest;
  /** The consortium's name. */
  readonly name: string;
  /** Of epoch 0; of a later one where a proof has led there. */
  readonly set: ValidatorSet;
  readonly verifier: SetVerifier;
  readonly sha256: Sha256;
  /** For the validators of later epochs. @throws {RangeError} for keys that are none */
  readonly verifierOf: (set: ValidatorSet) => SetVerifier;
  /** Later epochs that were verified already, so that many proofs cost each of them once. */
  readonly followed: Map<string, TrustedChain>;
}

/** The certified block whose header carries the claim that a proof hangs from. */
export interface ProvingBlock {
  readonly epoch: Epoch;
  readonly view: View;
  readonly height: Height;
  readonly hash: Digest;
  readonly timestamp: number;
  /** Names of the validators whose COMMIT votes are in the certificate. */
  readonly signers: readonly string[];
}

export interface ProvenReceipt {
  readonly chainId: Digest;
  /** First 16 bytes of the record: the id of the transfer, account or action. */
  readonly id: Id128;
  /** All 128 bytes of it. */
  readonly record: Uint8Array;
  readonly outcome: Outcome;
  /** Hash of the block that ordered the record; its height and time stand in `outcome`. */
  readonly blockHash: Digest;
  readonly provenBy: ProvingBlock;
  readonly opening:
    | { readonly side: CommitmentSide; readonly account: Balances; readonly settlement: Balances }
    | undefined;
}

export interface ProvenBalance {
  readonly chainId: Digest;
  readonly account: AccountEntry;
  /** The checkpoint at which the account stood so, and its block time. */
  readonly height: Height;
  readonly timestamp: number;
  readonly stateRoot: Digest;
  readonly provenBy: ProvingBlock;
}

export interface ProvenConsistency {
  readonly chainId: Digest;
  /** The results up to this height are, unchanged, the beginning … */
  readonly first: { readonly height: Height; readonly resultsRoot: Digest; readonly provenBy: ProvingBlock };
  /** … of these. */
  readonly second: { readonly height: Height; readonly resultsRoot: Digest; readonly provenBy: ProvingBlock };
}

/** Proves that a record has an outcome, final. Never throws, whatever the files hold. */
export function verifyReceipt(
  genesisBytes: Uint8Array,
  receiptBytes: Uint8Array,
  verification: Verification,
): Proven<ProvenReceipt> {
  const trusted = trustGenesis(genesisBytes, verification);
  return trusted.ok ? verifyReceiptOn(trusted.proven, receiptBytes) : trusted;
}

/** Proves what an account stood at. Never throws, whatever the files hold. */
export function verifyBalanceProof(
  genesisBytes: Uint8Array,
  proofBytes: Uint8Array,
  verification: Verification,
): Proven<ProvenBalance> {
  const trusted = trustGenesis(genesisBytes, verification);
  return trusted.ok ? verifyBalanceProofOn(trusted.proven, proofBytes) : trusted;
}

/** Proves that one certified log is a prefix of another. Never throws, whatever the files hold. */
export function verifyConsistency(
  genesisBytes: Uint8Array,
  proofBytes: Uint8Array,
  verification: Verification,
): Proven<ProvenConsistency> {
  const trusted = trustGenesis(genesisBytes, verification);
  return trusted.ok ? verifyConsistencyOn(trusted.proven, proofBytes) : trusted;
}

/** Reads the genesis file once for many proofs. */
export function trustGenesis(genesisBytes: Uint8Array, verification: Verification): Proven<TrustedChain> {
  const { sha256 } = verification;
  const parsed = parseGenesis(genesisBytes);
  if (!parsed.ok) return failed("genesis", `The genesis file is not valid: ${sentence(parsed.fault)}.`);
  const { genesis } = parsed;
  const set = genesisValidatorSet(sha256, genesis);
  const verifierOf = ({ members }: ValidatorSet): SetVerifier =>
    verification.scheme(genesis.scheme).verifiers(members.map((member) => member.publicKey));
  let verifier: SetVerifier;
  try {
    verifier = verifierOf(set);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return failed("genesis", `The genesis file gives no usable validator keys: ${error.message}.`);
  }
  const chainId = chainIdOf(sha256, genesisBytes);
  return proven({ chainId, name: genesis.name, set, verifier, sha256, verifierOf, followed: new Map() });
}

/** `verifyReceipt` for a genesis file that is read already. */
export function verifyReceiptOn(chain: TrustedChain, receiptBytes: Uint8Array): Proven<ProvenReceipt> {
  const decoded = opened("receipt", chain, decodeReceipt(receiptBytes));
  if (!decoded.ok) return decoded;
  const receipt = decoded.proven;
  const certified = verifyHeader(chain, receipt.certified);
  if (!certified.ok) return certified;
  const { header, provenBy } = certified.proven;
  const result = verifyResult(chain.sha256, header, receipt.result);
  if (!result.ok) return result;
  const outcome = verifyOutcome(chain.sha256, receipt, result.proven);
  if (!outcome.ok) return outcome;
  const opening = verifyOpening(chain.sha256, receipt);
  if (!opening.ok) return opening;
  const record = receipt.outcome.leaf.slice(0, OUTCOME_LEAF_FIELDS.outcome);
  return proven({
    chainId: chain.chainId,
    id: toHex(record.subarray(0, 16)) as Id128,
    record,
    outcome: outcome.proven,
    blockHash: result.proven.blockHash,
    provenBy,
    opening: opening.proven,
  });
}

/** `verifyBalanceProof` for a genesis file that is read already. */
export function verifyBalanceProofOn(chain: TrustedChain, proofBytes: Uint8Array): Proven<ProvenBalance> {
  const decoded = opened("balance proof", chain, decodeBalanceProof(proofBytes));
  if (!decoded.ok) return decoded;
  const proof = decoded.proven;
  const certified = verifyHeader(chain, proof.certified);
  if (!certified.ok) return certified;
  const { header, provenBy } = certified.proven;
  const result = verifyResult(chain.sha256, header, proof.result);
  if (!result.ok) return result;
  const { height, timestamp, stateHeight, stateRoot } = result.proven;
  if (stateHeight !== height)
    return failed("result-leaf", `The result leaf is of height ${height}, which is no checkpoint of the state.`);
  if (!verifyAccountProof(chain.sha256, proof.account, stateRoot))
    return failed("account-path", "The account's entry does not lead to the certified state root.");
  const account = readAccountEntry(proof.account.entry);
  if (account === undefined) return failed("account-path", "The account's entry is of an unknown kind.");
  return proven({ chainId: chain.chainId, account, height, timestamp, stateRoot, provenBy });
}

/** `verifyConsistencyProof` for a genesis file that is read already. */
export function verifyConsistencyOn(chain: TrustedChain, proofBytes: Uint8Array): Proven<ProvenConsistency> {
  const decoded = opened("consistency proof", chain, decodeConsistencyProof(proofBytes));
  if (!decoded.ok) return decoded;
  const first = verifyHeader(chain, decoded.proven.first);
  if (!first.ok) return first;
  const second = verifyHeader(chain, decoded.proven.second);
  if (!second.ok) return second;
  const [older, newer] = [first.proven.header.executed, second.proven.header.executed];
  const holds = verifyConsistencyPath(chain.sha256, {
    first: { size: older.height, root: digestBytes(older.resultsRoot) },
    second: { size: newer.height, root: digestBytes(newer.resultsRoot) },
    path: decoded.proven.path,
  });
  if (!holds) {
    return failed(
      "consistency-path",
      `The path does not show that the results up to height ${older.height} begin those up to height ${newer.height}.`,
    );
  }
  return proven({
    chainId: chain.chainId,
    first: { height: older.height, resultsRoot: older.resultsRoot, provenBy: first.proven.provenBy },
    second: { height: newer.height, resultsRoot: newer.resultsRoot, provenBy: second.proven.provenBy },
  });
}

const proven = <T>(value: T): Proven<T> => ({ ok: true, proven: value });
const failed = (check: ProofCheck, detail: string): ProofFailure => ({ ok: false, check, detail });
const digestBytes = (digest: Digest): Uint8Array => fromHex(digest) as Uint8Array;
const sentence = (fault: { readonly path: string; readonly detail: string }): string =>
  fault.path === "" ? fault.detail : `${fault.path}: ${fault.detail}`;

/** Canonical form, and whether the file is about this chain at all. */
function opened<T extends { readonly chainId: Digest }>(
  what: string,
  chain: TrustedChain,
  shaped: Shaped<T>,
): Proven<T> {
  if (!shaped.ok) return failed("encoding", `The ${what} is not in its canonical encoding: ${sentence(shaped.fault)}.`);
  if (shaped.value.chainId !== chain.chainId) {
    return failed(
      "chain-id",
      `The ${what} is of chain ${shaped.value.chainId}, but the genesis file is that of chain ${chain.chainId}.`,
    );
  }
  return proven(shaped.value);
}

export interface VerifiedHeader {
  readonly header: Header;
  readonly provenBy: ProvingBlock;
  /** With the validators of the header's own epoch. */
  readonly chain: TrustedChain;
}

/** Epochs whose validators are remembered. */
const FOLLOWED_MAX = 1_024;

/**
 * A header under a CommitQC and its PrepareQC, both by a quorum of the validators of its epoch. Those of genesis vouch
 * for the validators of epoch 1, those for the ones of epoch 2, and so on (EPOCH-6).
 */
export function verifyHeader(genesisChain: TrustedChain, certified: CertifiedHeader): Proven<VerifiedHeader> {
  let chain = genesisChain;
  for (const close of certified.epochs) {
    const next = followEpoch(chain, close);
    if (!next.ok) return next;
    chain = next.proven;
  }
  return verifyInEpoch(chain, certified);
}

/** From the validators of one epoch to those of the next. */
function followEpoch(chain: TrustedChain, close: CertifiedBytes): Proven<TrustedChain> {
  const { sha256, followed } = chain;
  const key = `${chain.set.epoch}:${chain.set.hash}:${toHex(sha256(concatBytes(close.header, close.commitProof)))}`;
  const known = followed.get(key);
  if (known !== undefined) return proven(known);
  const verified = verifyInEpoch(chain, close);
  if (!verified.ok) return verified;
  const { epoch, nextSet } = verified.proven.header;
  if (nextSet === undefined) return failed("header", `A header of epoch ${epoch} does not end it.`);
  const set = makeValidatorSet(sha256, (epoch + 1) as Epoch, nextSet);
  let verifier: SetVerifier;
  try {
    verifier = chain.verifierOf(set);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return failed("header", `The validators of epoch ${set.epoch} have no usable keys: ${error.message}.`);
  }
  const next = { ...chain, set, verifier };
  const [oldest] = followed.keys();
  if (followed.size >= FOLLOWED_MAX && oldest !== undefined) followed.delete(oldest);
  followed.set(key, next);
  return proven(next);
}

function verifyInEpoch(chain: TrustedChain, certified: CertifiedBytes): Proven<VerifiedHeader> {
  const decoded = decode(certified.header, readHeader);
  if (!decoded.ok) return failed("header", `The header is not in its canonical encoding: ${decoded.fault.detail}.`);
  const header = decoded.value;
  if (header.chainId !== chain.chainId) return failed("header", `The header is of another chain, ${header.chainId}.`);
  if (header.epoch !== chain.set.epoch)
    return failed(
      "header",
      `The header is of epoch ${header.epoch}, but what comes with it leads to ${chain.set.epoch}.`,
    );
  if (header.valsetHash !== chain.set.hash)
    return failed("header", "The header names another validator set than the one of its epoch.");
  const pair = decode(certified.commitProof, (reader) => ({
    prepare: readCertificate(reader),
    commit: readCertificate(reader),
  }));
  if (!pair.ok)
    return failed("commit-pair", `The commit proof is not in its canonical encoding: ${pair.fault.detail}.`);
  const { prepare, commit } = pair.value;
  if (!isCommitPair(prepare, commit))
    return failed("commit-pair", "The commit proof is not a PrepareQC and a CommitQC of one block.");
  const hash = blockHash(chain.sha256, certified.header);
  if (commit.hash !== hash || commit.view !== header.view || commit.epoch !== header.epoch)
    return failed("header-hash", "The certificates are about another block than the header.");
  for (const [name, certificate] of [["PrepareQC", prepare] as const, ["CommitQC", commit] as const]) {
    const fault = certificateFault(chain, name, certificate);
    if (fault !== undefined) return fault;
  }
  const signers = signersOf(commit.signers).map((index) => chain.set.members[index]?.name ?? "");
  const { epoch, view, height, timestamp } = header;
  return proven({ header, chain, provenBy: { epoch, view, height, hash, timestamp, signers } });
}

export function certificateFault(
  chain: TrustedChain,
  name: string,
  certificate: Certificate,
): ProofFailure | undefined {
  const { set } = chain;
  const size = set.members.length;
  const signers = signersOf(certificate.signers);
  const quorum = quorumOf(size);
  if (signers.some((signer) => signer >= size))
    return failed("signer-quorum", `The ${name} names a signer that is no validator.`);
  if (signers.length < quorum)
    return failed("signer-quorum", `The ${name} has ${signers.length} of the ${quorum} signers that it needs.`);
  if (!verifyCertificate(certificate, chain))
    return failed("certificate-signature", `The signature of the ${name} does not verify under its signers' keys.`);
  return undefined;
}

/** A result leaf under the claim of a certified header. */
function verifyResult(sha256: Sha256, header: Header, result: ProvenResult): Proven<ResultLeaf> {
  const decoded = decode(result.leaf, readResultLeaf);
  if (!decoded.ok)
    return failed("result-leaf", `The result leaf is not in its canonical encoding: ${decoded.fault.detail}.`);
  const leaf = decoded.value;
  const { height: size, resultsRoot } = header.executed;
  if (leaf.height < 1 || leaf.height > size) {
    return failed(
      "result-leaf",
      `The result leaf is of height ${leaf.height}, but the header vouches for heights 1 to ${size}.`,
    );
  }
  const included = verifyInclusionPath(sha256, {
    leafHash: hashResultLeaf(sha256, leaf),
    index: leaf.height - 1,
    size,
    path: result.path,
    root: digestBytes(resultsRoot),
  });
  return included
    ? proven(leaf)
    : failed("inclusion-path", "The result leaf does not lead to the results root of the header.");
}

/** An outcome leaf under the receipts root of its block. */
function verifyOutcome(sha256: Sha256, receipt: Receipt, result: ResultLeaf): Proven<Outcome> {
  const { leaf, index, path } = receipt.outcome;
  const hash = hashOutcomeLeaf(sha256, leaf);
  const root = digestBytes(result.receiptsRoot);
  if (hash === undefined || !verifyCountedPath(sha256, { leaf: hash, index, count: result.leafCount, path, root }))
    return failed("receipts-path", "The outcome does not lead to the receipts root of its block.");
  const outcome = readOutcome(leaf, OUTCOME_LEAF_FIELDS.outcome);
  if (outcome === undefined) return failed("outcome", "The outcome is not in its canonical encoding.");
  if (outcome.height !== result.height || outcome.timestamp !== result.timestamp)
    return failed("outcome", "The outcome names another height or time than its block.");
  return proven(outcome);
}

/** The balances behind one commitment, if the receipt shows them. */
function verifyOpening(sha256: Sha256, receipt: Receipt): Proven<ProvenReceipt["opening"]> {
  const { opening, outcome } = receipt;
  if (opening === undefined) return proven(undefined);
  const start = OUTCOME_LEAF_FIELDS[opening.side === "debit" ? "debitCommitment" : "creditCommitment"];
  if (!equalBytes(commitmentOf(sha256, opening), outcome.leaf.subarray(start, start + 32)))
    return failed("commitment", `The balances shown do not open the commitment of the ${opening.side} side.`);
  const { side, account, settlement } = opening;
  return proven({ side, account: readBalances(account), settlement: readBalances(settlement) });
}

import { type Digest, fromHex, toHex, utf8, Writer } from "../primitives/index.js";
import { type EpochClose, encodeHeader } from "./block.js";
import { type CanonicalJson, canonicalJson } from "./canonical-json.js";
import { type CommitProof, writeCommitProof } from "./certificate.js";
import { hex, integer, list, object, oneOf, parseCanonical, type Shape, type Shaped } from "./json-shape.js";
import { COMMITMENT_SIDE, type CommitmentOpening, type CommitmentSide, OUTCOME_LEAF_BYTES } from "./outcome.js";
import { ACCOUNT_ENTRY_BYTES, type AccountProof } from "./state-proof.js";

/**
 * The three portable proofs as files: canonical JSON whose longer parts are the canonical binary forms
 * in hexadecimal. This module reads and writes them; `verify.ts` judges them.
 */

/** A header and the certificates that name its block; `commitProof` is what `writeCommitProof` writes. */
export interface CertifiedBytes {
  readonly header: Uint8Array;
  readonly commitProof: Uint8Array;
}

/** A header and the certificates that make its block final. */
export interface CertifiedHeader extends CertifiedBytes {
  /**
   * What ended each epoch before the header's own, from epoch 0 on: a header of type CLOSING or DRAIN with its
   * certificates. So the validators of genesis vouch, one set after the other, for those who signed this one.
   */
  readonly epochs: readonly CertifiedBytes[];
}

/** A result leaf (canonical bytes) and its siblings in the results tree that the header claims. */
export interface ProvenResult {
  readonly leaf: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** "This record has this outcome, final." */
export interface Receipt {
  readonly chainId: Digest;
  readonly outcome: {
    /** Record, outcome and commitments, 256 bytes. */
    readonly leaf: Uint8Array;
    /** Place among the outcomes of its block. */
    readonly index: number;
    readonly path: readonly Uint8Array[];
  };
  readonly result: ProvenResult;
  readonly certified: CertifiedHeader;
  /** Shows the balances behind one commitment, to whom may see them. */
  readonly opening?: (CommitmentOpening & { readonly side: CommitmentSide }) | undefined;
}

/** "This account stood at this at the checkpoint." */
export interface BalanceProof {
  readonly chainId: Digest;
  readonly account: AccountProof;
  /** The result leaf of the checkpoint's own height. */
  readonly result: ProvenResult;
  readonly certified: CertifiedHeader;
}

/** "The log of that day is a prefix of today's." */
export interface ConsistencyProof {
  readonly chainId: Digest;
  readonly first: CertifiedHeader;
  readonly second: CertifiedHeader;
  readonly path: readonly Uint8Array[];
}

/** Bounds: a header may carry the certificates of very many skipped views. */
const PROOF_BYTES_MAX = 64 * 1_048_576;
const HEADER_BYTES_MAX = PROOF_BYTES_MAX / 4;
const PATH_MAX = 64;
const RESULT_LEAF_BYTES_MAX = 256;
const COMMIT_PROOF_BYTES_MAX = 8_192;
const COUNT_MAX = 0xffff_ffff;

/** Epochs that one proof may lead through. */
const PROOF_EPOCHS_MAX = 1_024;

/**
 * A certified header out of stored parts.
 *
 * @param epochs what ended the epochs before the header's own: as many as its number says
 */
export function certifiedHeader(
  header: Uint8Array,
  proof: CommitProof,
  epochs: readonly EpochClose[] = [],
): CertifiedHeader {
  return {
    ...certifiedBytes(header, proof),
    epochs: epochs.map((close) => certifiedBytes(encodeHeader(close.header), close.proof)),
  };
}

function certifiedBytes(header: Uint8Array, proof: CommitProof): CertifiedBytes {
  const writer = new Writer(512);
  writeCommitProof(writer, proof);
  return { header, commitProof: writer.finish() };
}

interface CertifiedBytesFile {
  readonly header: string;
  readonly commitProof: string;
}
/** In files: hexadecimal; without `epochs` where there are none. */
export interface CertifiedFile extends CertifiedBytesFile {
  readonly epochs?: readonly CertifiedBytesFile[];
}
interface ResultFile {
  readonly leaf: string;
  readonly path: readonly string[];
}
interface OpeningFile {
  readonly side: CommitmentSide;
  readonly account: string;
  readonly settlement: string;
  readonly blinding: string;
}
interface ReceiptFile {
  readonly format: "sabha/receipt/1";
  readonly chainId: string;
  readonly outcome: { readonly leaf: string; readonly index: number; readonly path: readonly string[] };
  readonly result: ResultFile;
  readonly certified: CertifiedFile;
}
interface AccountFile {
  readonly entry: string;
  readonly index: number;
  readonly count: number;
  readonly path: readonly string[];
  readonly tablePath: readonly string[];
}
interface BalanceProofFile {
  readonly format: "sabha/balance-proof/1";
  readonly chainId: string;
  readonly account: AccountFile;
  readonly result: ResultFile;
  readonly certified: CertifiedFile;
}
interface ConsistencyFile {
  readonly format: "sabha/consistency-proof/1";
  readonly chainId: string;
  readonly first: CertifiedFile;
  readonly second: CertifiedFile;
  readonly path: readonly string[];
}

const digest = hex(32);
const path = list(0, PATH_MAX, digest);
const certifiedParts = { header: hex(1, HEADER_BYTES_MAX), commitProof: hex(1, COMMIT_PROOF_BYTES_MAX) };
/** Shape of a certified header in any proof file. */
export const certifiedShape: Shape<CertifiedFile> = object<
  CertifiedBytesFile,
  { readonly epochs: readonly CertifiedBytesFile[] }
>(certifiedParts, { epochs: list(1, PROOF_EPOCHS_MAX, object<CertifiedBytesFile>(certifiedParts)) });
const certified = certifiedShape;
const result: Shape<ResultFile> = object<ResultFile>({ leaf: hex(1, RESULT_LEAF_BYTES_MAX), path });
const receiptFile: Shape<ReceiptFile & { readonly opening?: OpeningFile }> = object<
  ReceiptFile,
  { readonly opening: OpeningFile }
>(
  {
    format: oneOf("sabha/receipt/1"),
    chainId: digest,
    outcome: object<ReceiptFile["outcome"]>({ leaf: hex(OUTCOME_LEAF_BYTES), index: integer(0, COUNT_MAX), path }),
    result,
    certified,
  },
  {
    opening: object<OpeningFile>({
      side: oneOf(...(Object.keys(COMMITMENT_SIDE) as CommitmentSide[])),
      account: digest,
      settlement: digest,
      blinding: digest,
    }),
  },
);
const balanceProofFile: Shape<BalanceProofFile> = object<BalanceProofFile>({
  format: oneOf("sabha/balance-proof/1"),
  chainId: digest,
  account: object<AccountFile>({
    entry: hex(ACCOUNT_ENTRY_BYTES),
    index: integer(0, COUNT_MAX),
    count: integer(1, COUNT_MAX),
    path,
    tablePath: path,
  }),
  result,
  certified,
});
const consistencyFile: Shape<ConsistencyFile> = object<ConsistencyFile>({
  format: oneOf("sabha/consistency-proof/1"),
  chainId: digest,
  first: certified,
  second: certified,
  path,
});

export function encodeReceipt(receipt: Receipt): Uint8Array {
  const { outcome, opening } = receipt;
  const file: ReceiptFile = {
    format: "sabha/receipt/1",
    chainId: receipt.chainId,
    outcome: { leaf: toHex(outcome.leaf), index: outcome.index, path: outcome.path.map(toHex) },
    result: resultFile(receipt.result),
    certified: certifiedFile(receipt.certified),
  };
  if (opening === undefined) return encode(file);
  const { side, account, settlement, blinding } = opening;
  return encode({
    ...file,
    opening: { side, account: toHex(account), settlement: toHex(settlement), blinding: toHex(blinding) },
  });
}

export function decodeReceipt(bytes: Uint8Array): Shaped<Receipt> {
  return mapped(parseCanonical(bytes, PROOF_BYTES_MAX, receiptFile), (file) => ({
    chainId: file.chainId as Digest,
    outcome: { leaf: raw(file.outcome.leaf), index: file.outcome.index, path: file.outcome.path.map(raw) },
    result: resultOf(file.result),
    certified: certifiedOf(file.certified),
    opening:
      file.opening === undefined
        ? undefined
        : {
            side: file.opening.side,
            account: raw(file.opening.account),
            settlement: raw(file.opening.settlement),
            blinding: raw(file.opening.blinding),
          },
  }));
}

export function encodeBalanceProof(proof: BalanceProof): Uint8Array {
  const { entry, index, count, path: siblings, tablePath } = proof.account;
  const file: BalanceProofFile = {
    format: "sabha/balance-proof/1",
    chainId: proof.chainId,
    account: { entry: toHex(entry), index, count, path: siblings.map(toHex), tablePath: tablePath.map(toHex) },
    result: resultFile(proof.result),
    certified: certifiedFile(proof.certified),
  };
  return encode(file);
}

export function decodeBalanceProof(bytes: Uint8Array): Shaped<BalanceProof> {
  return mapped(parseCanonical(bytes, PROOF_BYTES_MAX, balanceProofFile), (file) => ({
    chainId: file.chainId as Digest,
    account: {
      entry: raw(file.account.entry),
      index: file.account.index,
      count: file.account.count,
      path: file.account.path.map(raw),
      tablePath: file.account.tablePath.map(raw),
    },
    result: resultOf(file.result),
    certified: certifiedOf(file.certified),
  }));
}

export function encodeConsistencyProof(proof: ConsistencyProof): Uint8Array {
  const file: ConsistencyFile = {
    format: "sabha/consistency-proof/1",
    chainId: proof.chainId,
    first: certifiedFile(proof.first),
    second: certifiedFile(proof.second),
    path: proof.path.map(toHex),
  };
  return encode(file);
}

export function decodeConsistencyProof(bytes: Uint8Array): Shaped<ConsistencyProof> {
  return mapped(parseCanonical(bytes, PROOF_BYTES_MAX, consistencyFile), (file) => ({
    chainId: file.chainId as Digest,
    first: certifiedOf(file.first),
    second: certifiedOf(file.second),
    path: file.path.map(raw),
  }));
}

/** The files' interfaces hold only canonical values, which the compiler cannot see of an interface. */
const encode = (file: object): Uint8Array => utf8(canonicalJson(file as CanonicalJson));

const mapped = <T, U>(shaped: Shaped<T>, map: (value: T) => U): Shaped<U> =>
  shaped.ok ? { ok: true, value: map(shaped.value) } : shaped;

/** Bytes of hexadecimal that a shape has checked. */
const raw = (text: string): Uint8Array => fromHex(text) as Uint8Array;

const bytesFile = ({ header, commitProof }: CertifiedBytes): CertifiedBytesFile => ({
  header: toHex(header),
  commitProof: toHex(commitProof),
});
const bytesOf = ({ header, commitProof }: CertifiedBytesFile): CertifiedBytes => ({
  header: raw(header),
  commitProof: raw(commitProof),
});
/** A certified header as it stands in files. */
export const certifiedFile = (value: CertifiedHeader): CertifiedFile => ({
  ...bytesFile(value),
  ...(value.epochs.length === 0 ? {} : { epochs: value.epochs.map(bytesFile) }),
});
/** Back from what `certifiedShape` has checked. */
export const certifiedOf = (file: CertifiedFile): CertifiedHeader => ({
  ...bytesOf(file),
  epochs: (file.epochs ?? []).map(bytesOf),
});
const resultFile = (value: ProvenResult): ResultFile => ({ leaf: toHex(value.leaf), path: value.path.map(toHex) });
const resultOf = (file: ResultFile): ProvenResult => ({ leaf: raw(file.leaf), path: file.path.map(raw) });

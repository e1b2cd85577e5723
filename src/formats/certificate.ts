import type { SetVerifier, Sha256, SignedByAll } from "../crypto/index.js";
import {
  concatBytes,
  type Digest,
  type Epoch,
  type ParticipantNumber,
  type Reader,
  toHex,
  utf8,
  VALIDATORS_MAX,
  VALIDATORS_MIN,
  type View,
  Writer,
  ZERO_DIGEST,
} from "../primitives/index.js";

/** PBFT's prepare and commit, and the vote to leave a view. */
export type VoteKind = "PREPARE" | "COMMIT" | "TIMEOUT";

const KIND_CODES = { PREPARE: 1, COMMIT: 2, TIMEOUT: 3 } as const;
const KINDS: readonly (VoteKind | undefined)[] = [undefined, "PREPARE", "COMMIT", "TIMEOUT"];

/** What one vote says; TIMEOUT carries the zero digest. */
export interface VoteSubject {
  readonly kind: VoteKind;
  readonly epoch: Epoch;
  readonly view: View;
  readonly hash: Digest;
}

/**
 * A quorum's votes on one subject. PREPARE gives a PrepareQC, COMMIT a CommitQC, TIMEOUT a TC.
 * `signers` is a 32-bit bitmap of validator indices, `signature` as the certificate scheme makes it.
 */
export interface Certificate extends VoteSubject {
  readonly signers: number;
  readonly signature: Uint8Array;
}

/** A CommitQC and the PrepareQC of the same block: it travels and is stored as this pair. */
export interface CommitProof {
  readonly prepare: Certificate;
  readonly commit: Certificate;
}

/** One validator as agreement sees it. */
export interface Validator {
  readonly participant: ParticipantNumber;
  readonly name: string;
  /** Public key of the certificate scheme. */
  readonly publicKey: Uint8Array;
}

/** A validator of the epoch to come, with what the others need to reach it. */
export interface Successor extends Validator {
  /** Ed25519 public key of its libp2p identity, 32 bytes in lower-case hex. */
  readonly networkKey: string;
  /** Multiaddrs, at most 8. */
  readonly addresses: readonly string[];
}

/** The validators of one epoch, in the order of their participant numbers. */
export interface ValidatorSet {
  readonly epoch: Epoch;
  readonly members: readonly Validator[];
  /** H("sabha/valset/1" ‖ canonical(members)). */
  readonly hash: Digest;
}

/** f: the number of Byzantine validators that n survive. */
export const faultsTolerated = (n: number): number => Math.floor((n - 1) / 3);

/** q = ⌈(n+f+1)/2⌉: two quorums share f+1 validators (SAFE-1). */
export const quorumOf = (n: number): number => Math.ceil((n + faultsTolerated(n) + 1) / 2);

/** Indices whose bits are set, ascending. */
export function signersOf(bitmap: number): number[] {
  const indices: number[] = [];
  for (let index = 0; index < 32; index += 1) if ((bitmap >>> index) & 1) indices.push(index);
  return indices;
}

/** The bitmap of distinct indices below 32. */
export function bitmapOf(indices: Iterable<number>): number {
  let bitmap = 0;
  for (const index of indices) bitmap |= 1 << index;
  return bitmap >>> 0;
}

/** The bytes that a vote signs (docs/protocol.md): kind, chain, epoch, set, view and hash are all bound. */
export function voteBytes(
  subject: VoteSubject,
  chain: { readonly chainId: Digest; readonly valsetHash: Digest },
): Uint8Array {
  return new Writer(160)
    .fixed(VOTE_TAG)
    .u8(KIND_CODES[subject.kind])
    .hex(chain.chainId)
    .u64(subject.epoch)
    .hex(chain.valsetHash)
    .u64(subject.view)
    .hex(subject.hash)
    .finish();
}

const VOTE_TAG = utf8("sabha/vote/1");
const VALSET_TAG = utf8("sabha/valset/1");

/** Builds a set from members in any order. */
export function makeValidatorSet(sha256: Sha256, epoch: Epoch, validators: readonly Validator[]): ValidatorSet {
  const members = [...validators].sort((left, right) => left.participant - right.participant);
  const writer = new Writer(2_048).u64(epoch);
  writer.list(members, (member) => writer.u32(member.participant).text(member.name).variable(member.publicKey));
  return { epoch, members, hash: toHex(sha256(concatBytes(VALSET_TAG, writer.finish()))) as Digest };
}

const NAME_BYTES_MAX = 32;
const PUBLIC_KEY_BYTES_MAX = 48;
const ADDRESSES_MAX = 8;
const ADDRESS_BYTES_MAX = 256;

/** The validators of an epoch to come, ascending by participant. */
export function writeSuccessors(writer: Writer, successors: readonly Successor[]): void {
  writer.list(successors, (successor) => {
    writer.u32(successor.participant).text(successor.name).variable(successor.publicKey);
    writer.hex(successor.networkKey).list(successor.addresses, (address) => writer.text(address));
  });
}

/** Refuses sizes that no set may have and an order that would give one set two encodings. */
export function readSuccessors(reader: Reader): readonly Successor[] {
  let previous = 0;
  const successors = reader.list(VALIDATORS_MAX, (): Successor => {
    const participant = reader.u32() as ParticipantNumber;
    if (participant <= previous) reader.refuse("validators are not in ascending order");
    previous = participant;
    return {
      participant,
      name: reader.text(NAME_BYTES_MAX),
      publicKey: reader.variable(PUBLIC_KEY_BYTES_MAX).slice(),
      networkKey: toHex(reader.fixed(32)),
      addresses: reader.list(ADDRESSES_MAX, () => reader.text(ADDRESS_BYTES_MAX)),
    };
  });
  return successors.length < VALIDATORS_MIN ? reader.refuse("fewer validators than a set needs") : successors;
}

/** The chain and set under which a certificate is checked. */
export interface CertificateContext {
  readonly chainId: Digest;
  readonly set: ValidatorSet;
}

/**
 * What a certificate of the right shape claims to have been signed; undefined for a wrong epoch, kind or
 * bitmap. Every entry for certificates passes here (SAFE-2): the empty, the padded and the sub-quorum bitmap are
 * refused before any curve arithmetic.
 */
export function certificateClaim(
  certificate: Certificate,
  { chainId, set }: CertificateContext,
): SignedByAll | undefined {
  const n = set.members.length;
  if (certificate.epoch !== set.epoch || certificate.view < 1) return undefined;
  if ((certificate.kind === "TIMEOUT") !== (certificate.hash === ZERO_DIGEST)) return undefined;
  if (n < 32 && certificate.signers >= 2 ** n) return undefined;
  const signers = signersOf(certificate.signers);
  if (signers.length < quorumOf(n)) return undefined;
  const message = voteBytes(certificate, { chainId, valsetHash: set.hash });
  return { signers, message, signature: certificate.signature };
}

/** Quorum, shape and signature of a certificate under the set of its epoch. */
export function verifyCertificate(
  certificate: Certificate,
  context: CertificateContext & { readonly verifier: SetVerifier },
): boolean {
  const claim = certificateClaim(certificate, context);
  return claim !== undefined && context.verifier.verifyCertificate(claim.signers, claim.message, claim.signature);
}

/** Largest certificate signature: 31 Ed25519 signatures. */
const CERTIFICATE_SIGNATURE_BYTES_MAX = VALIDATORS_MAX * 64;

export function writeCertificate(writer: Writer, certificate: Certificate): void {
  writer.u8(KIND_CODES[certificate.kind]).u64(certificate.epoch).u64(certificate.view).hex(certificate.hash);
  writer.u32(certificate.signers).variable(certificate.signature);
}

export function readVoteKind(reader: Reader): VoteKind {
  return KINDS[reader.u8()] ?? reader.refuse("unknown vote kind");
}

export const writeVoteKind = (writer: Writer, kind: VoteKind): Writer => writer.u8(KIND_CODES[kind]);

export function readCertificate(reader: Reader): Certificate {
  return {
    kind: readVoteKind(reader),
    epoch: reader.u64() as Epoch,
    view: reader.u64() as View,
    hash: reader.digest(),
    signers: reader.u32(),
    signature: reader.variable(CERTIFICATE_SIGNATURE_BYTES_MAX).slice(),
  };
}

/** Canonical bytes of a certificate; equal bytes are the same certificate. */
export function encodeCertificate(certificate: Certificate): Uint8Array {
  const writer = new Writer(192);
  writeCertificate(writer, certificate);
  return writer.finish();
}

export function writeCommitProof(writer: Writer, proof: CommitProof): void {
  writeCertificate(writer, proof.prepare);
  writeCertificate(writer, proof.commit);
}

/** Also refuses two certificates that are not a pair. */
export function readCommitProof(reader: Reader): CommitProof {
  const prepare = readCertificate(reader);
  const commit = readCertificate(reader);
  if (!isCommitPair(prepare, commit)) reader.refuse("not a PrepareQC and CommitQC of one block");
  return { prepare, commit };
}

export function isCommitPair(prepare: Certificate, commit: Certificate): boolean {
  return (
    prepare.kind === "PREPARE" &&
    commit.kind === "COMMIT" &&
    prepare.epoch === commit.epoch &&
    prepare.view === commit.view &&
    prepare.hash === commit.hash
  );
}

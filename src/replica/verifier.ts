import type { Admitted, AgreementMessage, AgreementState, Proposal, SelfProving, Vote } from "../consensus/index.js";
import { leaderOf } from "../consensus/index.js";
import { type CertificateScheme, type SetVerifier, type SignedBy, type SignedByAll, sha256 } from "../crypto/index.js";
import {
  bitmapOf,
  type Certificate,
  type CommitProof,
  certificateClaim,
  type EpochClose,
  encodeCertificate,
  type VoteSubject,
  verifyCertificate,
  voteBytes,
} from "../formats/index.js";
import { toHex, type ValidatorIndex } from "../primitives/index.js";

/** Certificates whose check need not be repeated. */
const VERIFIED_MAX = 4_096;

export type Admission =
  | { readonly type: "admitted"; readonly message: Admitted<AgreementMessage> }
  | { readonly type: "refused"; readonly reason: string };

type ValidatorVote = SignedBy & { readonly signer: ValidatorIndex };

/** Result of checking q or more equal votes. */
export interface CheckedVotes {
  readonly certificate: Certificate | undefined;
  readonly bad: readonly ValidatorIndex[];
}

/**
 * All signature checks of agreement, outside the core: mints `Admitted` messages and makes certificates
 * out of votes. Votes are summed first and verified once; only a failure is taken apart (docs/protocol.md).
 */
export class Verifier {
  readonly #state: AgreementState;
  readonly #scheme: CertificateScheme;
  /** Keys of the set that the state followed when they were last asked for. */
  #keys: { readonly set: string; readonly verifier: SetVerifier } | undefined;
  readonly #verified = new Set<string>();
  /** Peers that once sent a bad vote: theirs are checked one by one from then on. */
  readonly #suspects = new Set<ValidatorIndex>();

  constructor(state: AgreementState, scheme: CertificateScheme) {
    this.#state = state;
    this.#scheme = scheme;
  }

  /** Follows the state into another epoch, whose validators are judged afresh. */
  get #verifier(): SetVerifier {
    const { set } = this.#state.setting;
    if (this.#keys?.set !== set.hash) {
      this.#keys = { set: set.hash, verifier: this.#scheme.verifiers(set.members.map((member) => member.publicKey)) };
      this.#suspects.clear();
    }
    return this.#keys.verifier;
  }

  /** @param isKnown whether a certificate on this subject is held already, so that another proves nothing new */
  admit(from: ValidatorIndex, message: AgreementMessage, isKnown: (subject: VoteSubject) => boolean): Admission {
    switch (message.type) {
      case "proposal":
        return this.#admitProposal(from, message.proposal);
      case "vote":
        return this.#admitVote(from, message.vote, isKnown);
      case "certificate":
        if (isKnown(message.certificate) || this.#isValid(message.certificate)) return admitted(message);
        return refused("a certificate that does not verify");
      case "commit-proof":
        if (isKnown(message.proof.commit) || this.isValidProof(message.proof)) return admitted(message);
        return refused("a finality proof that does not verify");
      case "status":
        return admitted(message);
      case "epoch-close":
        return this.#admitClose(message.close);
    }
  }

  /** A message that holds whoever sends it. */
  admitProof(
    message: SelfProving,
    isKnown: (subject: VoteSubject) => boolean,
  ):
    | { readonly type: "admitted"; readonly message: Admitted<SelfProving> }
    | { readonly type: "refused"; readonly reason: string } {
    // No rule about these looks at the sender.
    const admission = this.admit(0 as ValidatorIndex, message, isKnown);
    return admission as ReturnType<Verifier["admitProof"]>;
  }

  /** What ends another epoch than ours is neither verified nor used. */
  #admitClose(close: EpochClose): Admission {
    const { header, proof } = close;
    const { chainId, set } = this.#state.setting;
    if (header.chainId !== chainId) return refused("the end of an epoch of another chain");
    if (header.epoch !== set.epoch) return admitted({ type: "epoch-close", close });
    if (header.valsetHash !== set.hash || !this.isValidProof(proof))
      return refused("the end of an epoch that does not verify");
    return admitted({ type: "epoch-close", close });
  }

  isValidProof(proof: CommitProof): boolean {
    return this.#isValid(proof.prepare) && this.#isValid(proof.commit);
  }

  /** Certificates of a fetch answer that verify. */
  valid(certificates: readonly Certificate[]): Certificate[] {
    return certificates.filter((certificate) => certificate.kind !== "COMMIT" && this.#isValid(certificate));
  }

  /** How many certificates are remembered as verified. */
  get remembered(): number {
    return this.#verified.size;
  }

  /** Signs what the durable record covers. */
  sign(secretKey: Uint8Array, subject: VoteSubject): Uint8Array {
    return this.#scheme.sign(secretKey, this.#bytes(subject));
  }

  /** Under the keys of the present epoch; false for a vote of another. */
  isValidVote(vote: VoteSubject & { readonly signer: ValidatorIndex; readonly signature: Uint8Array }): boolean {
    if (vote.epoch !== this.#state.setting.set.epoch) return false;
    return this.#verifier.verifyVote(vote.signer, this.#bytes(vote), vote.signature);
  }

  /**
   * Whether this vote and each that it contradicts verify: a contradiction convicts its signer, so all of it is
   * checked before it is counted. A bad one makes its signer a suspect for good.
   *
   * @returns those that do not verify; the new vote alone if it is one of them
   */
  badIn(vote: Vote, held: readonly Vote[]): Vote[] {
    const bad = this.isValidVote(vote) ? held.filter((earlier) => !this.isValidVote(earlier)) : [vote];
    if (bad.length > 0) this.#suspects.add(vote.signer);
    return bad;
  }

  /** One check for all votes; on failure the bad ones are isolated by halving, and the rest may still do. */
  checkVotes(subject: VoteSubject, votes: readonly ValidatorVote[]): CheckedVotes {
    if (subject.epoch !== this.#state.setting.set.epoch) return { certificate: undefined, bad: [] };
    const message = this.#bytes(subject);
    const whole = this.#combineValid(votes, message);
    if (whole !== undefined) return { certificate: this.#certify(subject, votes, whole), bad: [] };
    const bad = this.#isolate(votes, message);
    for (const signer of bad) this.#suspects.add(signer);
    const good = votes.filter((vote) => !bad.includes(vote.signer));
    const signature = good.length < this.#state.setting.quorum ? undefined : this.#combineValid(good, message);
    return { certificate: signature === undefined ? undefined : this.#certify(subject, good, signature), bad };
  }

  #certify(subject: VoteSubject, votes: readonly ValidatorVote[], signature: Uint8Array): Certificate {
    const certificate = { ...subject, signers: bitmapOf(votes.map((vote) => vote.signer)), signature };
    this.#remember(certificate);
    return certificate;
  }

  /** The votes that do not verify, found by halving. */
  #isolate(votes: readonly ValidatorVote[], message: Uint8Array): ValidatorIndex[] {
    const [only] = votes;
    if (only === undefined) return [];
    if (votes.length === 1) return this.#verifier.verifyVote(only.signer, message, only.signature) ? [] : [only.signer];
    const middle = Math.floor(votes.length / 2);
    return [votes.slice(0, middle), votes.slice(middle)].flatMap((half) =>
      half.length > 1 && this.#combineValid(half, message) !== undefined ? [] : this.#isolate(half, message),
    );
  }

  /** The sum of the votes, if it verifies. */
  #combineValid(votes: readonly ValidatorVote[], message: Uint8Array): Uint8Array | undefined {
    const combined = this.#verifier.combine(votes);
    if (combined === undefined) return undefined;
    const signers = votes.map((vote) => vote.signer).sort((left, right) => left - right);
    return this.#verifier.verifyCertificate(signers, message, combined) ? combined : undefined;
  }

  #admitProposal(from: ValidatorIndex, proposal: Proposal): Admission {
    const { block, signature, commitProof } = proposal;
    const { header } = block;
    const { setting, head } = this.#state;
    if (header.chainId !== setting.chainId) return refused("a proposal of another chain");
    // The core tells its sender what ends that epoch, or asks for what ended ours.
    if (header.epoch !== setting.set.epoch) return admitted({ type: "proposal", proposal });
    if (header.proposer !== from || leaderOf(setting, header.view) !== from)
      return refused("a proposal by another than the view's leader");
    const { epoch, view } = header;
    const message = this.#bytes({ kind: "PREPARE", epoch, view, hash: block.hash });
    // A finality that we know, whatever its signers, tells nothing; its signatures stay unchecked and are dropped.
    const isNews =
      commitProof !== undefined && !(commitProof.commit.hash === head.hash || commitProof.commit.view < head.view);
    const certificates = [
      ...(header.parentCertificate === undefined ? [] : [header.parentCertificate]),
      ...header.skips,
      ...(isNews ? [commitProof.prepare, commitProof.commit] : []),
    ];
    if (!this.#areValid(certificates, { signers: [from], message, signature })) {
      return refused("a proposal with a signature that does not verify");
    }
    return admitted({ type: "proposal", proposal: isNews ? proposal : { ...proposal, commitProof: undefined } });
  }

  /** Checks all of these certificates that are new, and one signature more, together. */
  #areValid(certificates: readonly Certificate[], beside: SignedByAll): boolean {
    const fresh = certificates.filter((certificate) => !this.#verified.has(keyOf(certificate)));
    const claims: SignedByAll[] = [beside];
    for (const certificate of fresh) {
      const claim = certificateClaim(certificate, this.#state.setting);
      if (claim === undefined) return false;
      claims.push(claim);
    }
    if (!this.#verifier.verifyAll(claims)) return false;
    for (const certificate of fresh) this.#remember(certificate);
    return true;
  }

  #admitVote(from: ValidatorIndex, vote: Vote, isKnown: (subject: VoteSubject) => boolean): Admission {
    if (vote.epoch !== this.#state.setting.set.epoch) return admitted({ type: "vote", vote });
    if (vote.signer !== from) return refused("a vote in another validator's name");
    if (this.#suspects.has(vote.signer) && !this.isValidVote(vote)) return refused("a vote that does not verify");
    const { certificate } = vote;
    if (certificate === undefined) return admitted({ type: "vote", vote });
    if (certificate.kind === "COMMIT") return refused("a vote with a CommitQC alone");
    if (isKnown(certificate)) return admitted({ type: "vote", vote: { ...vote, certificate: undefined } });
    if (!this.#isValid(certificate)) return refused("a vote with a certificate that does not verify");
    return admitted({ type: "vote", vote });
  }

  #isValid(certificate: Certificate): boolean {
    const key = keyOf(certificate);
    if (this.#verified.has(key)) return true;
    const { chainId, set } = this.#state.setting;
    if (!verifyCertificate(certificate, { chainId, set, verifier: this.#verifier })) return false;
    this.#remember(certificate);
    return true;
  }

  #remember(certificate: Certificate): void {
    this.#verified.add(keyOf(certificate));
    if (this.#verified.size <= VERIFIED_MAX) return;
    for (const oldest of this.#verified) {
      this.#verified.delete(oldest);
      return;
    }
  }

  #bytes(subject: VoteSubject): Uint8Array {
    const { chainId, set } = this.#state.setting;
    return voteBytes(subject, { chainId, valsetHash: set.hash });
  }
}

const keyOf = (certificate: Certificate): string => toHex(sha256(encodeCertificate(certificate)));

/** The only cast to `Admitted`: every caller above has verified what the type promises. */
const admitted = (message: AgreementMessage): Admission => ({
  type: "admitted",
  message: message as Admitted<AgreementMessage>,
});

const refused = (reason: string): Admission => ({ type: "refused", reason });

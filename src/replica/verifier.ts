import type { Admitted, AgreementMessage, AgreementState, Vote } from "../consensus/index.js";
import { leaderOf } from "../consensus/index.js";
import { type CertificateScheme, type SetVerifier, type SignedBy, sha256 } from "../crypto/index.js";
import {
  bitmapOf,
  type Certificate,
  type CommitProof,
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

/** Result of checking q or more equal votes. */
export interface CheckedVotes {
  readonly certificate: Certificate | undefined;
  readonly bad: readonly ValidatorIndex[];
}

/**
 * All signature checks of agreement, outside the core: mints `Admitted` messages and makes certificates
 * out of votes. Votes are summed first and verified once; only a failure is taken apart (consensus.md §9).
 */
export class Verifier {
  readonly #state: AgreementState;
  readonly #scheme: CertificateScheme;
  readonly #verifier: SetVerifier;
  readonly #verified = new Set<string>();
  /** Peers that once sent a bad vote: theirs are checked one by one from then on. */
  readonly #suspects = new Set<ValidatorIndex>();

  constructor(state: AgreementState, scheme: CertificateScheme) {
    this.#state = state;
    this.#scheme = scheme;
    this.#verifier = scheme.verifiers(state.setting.set.members.map((member) => member.publicKey));
  }

  /** @param isKnown whether a certificate on this subject is held already, so that another proves nothing new */
  admit(from: ValidatorIndex, message: AgreementMessage, isKnown: (subject: VoteSubject) => boolean): Admission {
    switch (message.type) {
      case "proposal":
        return this.#admitProposal(from, message);
      case "vote":
        return this.#admitVote(message.vote, isKnown);
      case "certificate":
        if (isKnown(message.certificate) || this.#isValid(message.certificate)) return admitted(message);
        return refused("a certificate that does not verify");
      case "commit-proof":
        if (isKnown(message.proof.commit) || this.isValidProof(message.proof)) return admitted(message);
        return refused("a finality proof that does not verify");
      case "status":
        return admitted(message);
    }
  }

  isValidProof(proof: CommitProof): boolean {
    return this.#isValid(proof.prepare) && this.#isValid(proof.commit);
  }

  /** Certificates of a fetch answer that verify. */
  valid(certificates: readonly Certificate[]): Certificate[] {
    return certificates.filter((certificate) => certificate.kind !== "COMMIT" && this.#isValid(certificate));
  }

  /** Signs what the durable record covers. */
  sign(secretKey: Uint8Array, subject: VoteSubject): Uint8Array {
    return this.#scheme.sign(secretKey, this.#bytes(subject));
  }

  isValidVote(vote: VoteSubject & { readonly signer: ValidatorIndex; readonly signature: Uint8Array }): boolean {
    return this.#verifier.verifyVote(vote.signer, this.#bytes(vote), vote.signature);
  }

  /** One check for all votes; on failure the bad ones are isolated by halving, and the rest may still do. */
  checkVotes(subject: VoteSubject, votes: readonly (SignedBy & { readonly signer: ValidatorIndex })[]): CheckedVotes {
    const message = this.#bytes(subject);
    const bad = this.#isolate(votes, message);
    for (const signer of bad) this.#suspects.add(signer);
    const good = votes.filter((vote) => !bad.includes(vote.signer)).sort((left, right) => left.signer - right.signer);
    if (good.length < this.#state.setting.quorum) return { certificate: undefined, bad };
    const signature = this.#verifier.combine(good);
    if (signature === undefined) return { certificate: undefined, bad };
    const signers = bitmapOf(good.map((vote) => vote.signer));
    const certificate: Certificate = { ...subject, signers, signature };
    if (bad.length > 0 && !this.#isValid(certificate)) return { certificate: undefined, bad };
    this.#remember(certificate);
    return { certificate, bad };
  }

  #isolate(votes: readonly (SignedBy & { readonly signer: ValidatorIndex })[], message: Uint8Array): ValidatorIndex[] {
    if (this.#holdTogether(votes, message)) return [];
    if (votes.length === 1) return votes.map((vote) => vote.signer);
    const middle = Math.floor(votes.length / 2);
    return [...this.#isolate(votes.slice(0, middle), message), ...this.#isolate(votes.slice(middle), message)];
  }

  #holdTogether(votes: readonly SignedBy[], message: Uint8Array): boolean {
    const [only] = votes;
    if (votes.length === 1 && only !== undefined)
      return this.#verifier.verifyVote(only.signer, message, only.signature);
    const ascending = [...votes].sort((left, right) => left.signer - right.signer);
    const combined = this.#verifier.combine(ascending);
    if (combined === undefined) return false;
    return this.#verifier.verifyCertificate(
      ascending.map((vote) => vote.signer),
      message,
      combined,
    );
  }

  #admitProposal(from: ValidatorIndex, message: Extract<AgreementMessage, { type: "proposal" }>): Admission {
    const { block, signature, commitProof } = message.proposal;
    const { header } = block;
    const { setting } = this.#state;
    if (header.epoch !== setting.set.epoch || header.chainId !== setting.chainId)
      return refused("a proposal of another chain or epoch");
    if (header.proposer !== from || leaderOf(setting, header.view) !== from)
      return refused("a proposal by another than the view's leader");
    const { epoch, view } = header;
    if (!this.isValidVote({ kind: "PREPARE", epoch, view, hash: block.hash, signer: from, signature })) {
      return refused("a proposal whose PREPARE does not verify");
    }
    if (header.parentCertificate !== undefined && !this.#isValid(header.parentCertificate))
      return refused("a proposal on a bad certificate");
    if (!header.skips.every((skip) => this.#isValid(skip))) return refused("a proposal with a bad skip certificate");
    if (commitProof !== undefined && !this.isValidProof(commitProof))
      return refused("a proposal with a bad finality proof");
    return admitted(message);
  }

  #admitVote(vote: Vote, isKnown: (subject: VoteSubject) => boolean): Admission {
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
    this.#verified.add(key);
    this.#forgetOldest();
    return true;
  }

  #remember(certificate: Certificate): void {
    this.#verified.add(keyOf(certificate));
    this.#forgetOldest();
  }

  #forgetOldest(): void {
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

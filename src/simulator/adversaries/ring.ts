import type { Vote } from "../../consensus/index.js";
import type { CertificateScheme, SetVerifier } from "../../crypto/index.js";
import {
  bitmapOf,
  type Certificate,
  quorumOf,
  type ValidatorSet,
  type VoteSubject,
  voteBytes,
} from "../../formats/index.js";
import type { Digest, ValidatorIndex, View } from "../../primitives/index.js";

/** What a ring needs of the consortium: of keys those of its members only. */
export interface RingConsortium {
  readonly chainId: Digest;
  readonly set: ValidatorSet;
  readonly secretKeys: readonly Uint8Array[];
}

/** Subjects of votes, and views, that a ring remembers. */
const SUBJECTS_MAX = 256;
const VIEWS_MAX = 64;

/**
 * What colluding validators know together: each other's keys, every vote that any of them heard, and which of two
 * blocks they told whom. With f honest votes fewer than others need, they make a certificate before anybody else can,
 * and decide who sees it.
 */
export class Ring {
  /** In the order in which they joined. */
  readonly members: ValidatorIndex[] = [];
  readonly #consortium: RingConsortium;
  readonly #scheme: CertificateScheme;
  readonly #verifier: SetVerifier;
  readonly #votes = new Map<string, Map<ValidatorIndex, Vote>>();
  readonly #certificates = new Map<string, Certificate>();
  readonly #told = new Map<View, Map<ValidatorIndex, Digest>>();

  constructor(consortium: RingConsortium, scheme: CertificateScheme) {
    this.#consortium = consortium;
    this.#scheme = scheme;
    this.#verifier = scheme.verifiers(consortium.set.members.map(({ publicKey }) => publicKey));
  }

  join(member: ValidatorIndex): void {
    this.members.push(member);
  }

  isMember(index: ValidatorIndex): boolean {
    return this.members.includes(index);
  }

  /** Validators outside the ring, ascending. */
  get victims(): readonly ValidatorIndex[] {
    const everybody = this.#consortium.set.members.map((_, index) => index as ValidatorIndex);
    return everybody.filter((index) => !this.isMember(index));
  }

  /** The one victim of a view that gets to see everything; each in turn, so that it leads early or late. */
  favoured(view: View): ValidatorIndex | undefined {
    const { victims } = this;
    return victims[(view * 5 + 3) % victims.length];
  }

  /** A well-signed vote of a member, whatever it says. */
  vote(signer: ValidatorIndex, subject: VoteSubject): Vote {
    const { kind, epoch, view, hash } = subject;
    const { chainId, set, secretKeys } = this.#consortium;
    const bytes = voteBytes(subject, { chainId, valsetHash: set.hash });
    const signature = this.#scheme.sign(secretKeys[signer] as Uint8Array, bytes);
    return { kind, epoch, view, hash, signer, signature, certificate: undefined };
  }

  /** A vote that a victim sent to a member. */
  heard(vote: Vote): void {
    if (this.isMember(vote.signer)) return;
    const key = keyOf(vote);
    const votes = this.#votes.get(key) ?? new Map<ValidatorIndex, Vote>();
    this.#votes.set(key, votes.set(vote.signer, vote));
    forgetOldest(this.#votes, SUBJECTS_MAX);
  }

  /** Out of what was heard and the members' own votes, if that is a quorum. */
  certificate({ kind, epoch, view, hash }: VoteSubject): Certificate | undefined {
    const subject = { kind, epoch, view, hash };
    const key = keyOf(subject);
    const known = this.#certificates.get(key);
    const heard = [...(this.#votes.get(key)?.values() ?? [])];
    const { chainId, set } = this.#consortium;
    if (known !== undefined || heard.length + this.members.length < quorumOf(set.members.length)) return known;
    const bytes = voteBytes(subject, { chainId, valsetHash: set.hash });
    const votes = heard.filter(({ signer, signature }) => this.#verifier.verifyVote(signer, bytes, signature));
    for (const member of this.members) votes.push(this.vote(member, subject));
    if (votes.length < quorumOf(set.members.length)) return undefined;
    const signature = this.#verifier.combine(votes);
    if (signature === undefined) return undefined;
    const certificate = { ...subject, signers: bitmapOf(votes.map(({ signer }) => signer)), signature };
    this.#certificates.set(key, certificate);
    forgetOldest(this.#certificates, SUBJECTS_MAX);
    return certificate;
  }

  /** One signature out of votes, whether they verify or not. */
  combine(votes: readonly Vote[]): Uint8Array | undefined {
    return this.#verifier.combine(votes);
  }

  /** The sum of two signatures, as a certificate would hold it; undefined where the scheme adds nothing up. */
  sum(left: Uint8Array, right: Uint8Array): Uint8Array | undefined {
    const sum = this.#verifier.combine([
      { signer: 0, signature: left },
      { signer: 1, signature: right },
    ]);
    return sum?.length === left.length ? sum : undefined;
  }

  /** Notes which block of a view a victim was shown. */
  tell(view: View, to: ValidatorIndex, hash: Digest): void {
    const told = this.#told.get(view) ?? new Map<ValidatorIndex, Digest>();
    this.#told.set(view, told.set(to, hash));
    forgetOldest(this.#told, VIEWS_MAX);
  }

  toldTo(view: View, to: ValidatorIndex): Digest | undefined {
    return this.#told.get(view)?.get(to);
  }
}

const keyOf = ({ kind, epoch, view, hash }: VoteSubject): string => `${kind}:${epoch}:${view}:${hash}`;

/** Keeps the newest entries of a map. */
export function forgetOldest(map: Map<unknown, unknown>, max: number): void {
  if (map.size <= max) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

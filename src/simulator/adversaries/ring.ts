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
import type { Digest, Epoch, ValidatorIndex, View } from "../../primitives/index.js";

/** What a ring needs of the consortium: of keys those of its members only. */
export interface RingConsortium {
  readonly chainId: Digest;
  readonly set: ValidatorSet;
  readonly secretKeys: readonly Uint8Array[];
}

/** Validators of an epoch. */
type SetOf = (epoch: Epoch) => ValidatorSet | undefined;

/** Subjects of votes, and views, that a ring remembers. */
const SUBJECTS_MAX = 256;
const VIEWS_MAX = 64;

/**
 * What colluding validators know together: each other's keys, every vote that any of them heard, and which of two
 * blocks they told whom. With f honest votes fewer than others need, they make a certificate before anybody else can,
 * and decide who sees it.
 *
 * Members are named by their place among the first validators, signers of votes by their place in their epoch.
 */
export class Ring {
  /** In the order in which they joined. */
  readonly members: ValidatorIndex[] = [];
  readonly #consortium: RingConsortium;
  readonly #scheme: CertificateScheme;
  readonly #setOf: SetOf;
  readonly #verifiers = new Map<Epoch, SetVerifier>();
  readonly #votes = new Map<string, Map<ValidatorIndex, Vote>>();
  readonly #certificates = new Map<string, Certificate>();
  readonly #told = new Map<View, Map<ValidatorIndex, Digest>>();

  /** @param setOf validators of epochs after the first; without it the liars know only those */
  constructor(consortium: RingConsortium, scheme: CertificateScheme, setOf: SetOf = () => undefined) {
    this.#consortium = consortium;
    this.#scheme = scheme;
    this.#setOf = setOf;
  }

  #set(epoch: Epoch): ValidatorSet {
    return this.#setOf(epoch) ?? this.#consortium.set;
  }

  /** Kept from when it is first known who validates in an epoch. */
  #verifier(epoch: Epoch): SetVerifier {
    const set = this.#set(epoch);
    const known = this.#verifiers.get(set.epoch);
    const verifier = known ?? this.#scheme.verifiers(set.members.map(({ publicKey }) => publicKey));
    this.#verifiers.set(set.epoch, verifier);
    return verifier;
  }

  /** The place of a member in an epoch; undefined where it does not validate. */
  #placeOf(member: ValidatorIndex, epoch: Epoch): ValidatorIndex | undefined {
    const own = this.#consortium.set.members[member]?.participant;
    const place = this.#set(epoch).members.findIndex(({ participant }) => participant === own);
    return place < 0 ? undefined : (place as ValidatorIndex);
  }

  /** Whether a vote names this member as its signer. */
  isBy(member: ValidatorIndex, { epoch, signer }: Pick<Vote, "epoch" | "signer">): boolean {
    return this.#placeOf(member, epoch) === signer;
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
  vote(member: ValidatorIndex, subject: VoteSubject): Vote {
    const { kind, epoch, view, hash } = subject;
    const { chainId, secretKeys } = this.#consortium;
    const bytes = voteBytes(subject, { chainId, valsetHash: this.#set(epoch).hash });
    const signature = this.#scheme.sign(secretKeys[member] as Uint8Array, bytes);
    // Who has no place in the epoch speaks with the one that it began with.
    const signer = this.#placeOf(member, epoch) ?? member;
    return { kind, epoch, view, hash, signer, signature, certificate: undefined };
  }

  /** A vote that a victim sent to a member. */
  heard(vote: Vote): void {
    if (this.members.some((member) => this.isBy(member, vote))) return;
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
    const set = this.#set(epoch);
    const verifier = this.#verifier(epoch);
    const members = this.members.filter((member) => this.#placeOf(member, epoch) !== undefined);
    if (known !== undefined || heard.length + members.length < quorumOf(set.members.length)) return known;
    const bytes = voteBytes(subject, { chainId: this.#consortium.chainId, valsetHash: set.hash });
    const votes = heard.filter(({ signer, signature }) => verifier.verifyVote(signer, bytes, signature));
    for (const member of members) votes.push(this.vote(member, subject));
    if (votes.length < quorumOf(set.members.length)) return undefined;
    const signature = verifier.combine(votes);
    if (signature === undefined) return undefined;
    const certificate = { ...subject, signers: bitmapOf(votes.map(({ signer }) => signer)), signature };
    this.#certificates.set(key, certificate);
    forgetOldest(this.#certificates, SUBJECTS_MAX);
    return certificate;
  }

  /** One signature out of votes, whether they verify or not. */
  combine(votes: readonly Vote[]): Uint8Array | undefined {
    return this.#verifier(this.#consortium.set.epoch).combine(votes);
  }

  /** The sum of two signatures, as a certificate would hold it; undefined where the scheme adds nothing up. */
  sum(left: Uint8Array, right: Uint8Array): Uint8Array | undefined {
    const sum = this.#verifier(this.#consortium.set.epoch).combine([
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

import {
  type Block,
  decodeMessage,
  encodeMessage,
  type Message,
  type Proposal,
  type Vote,
} from "../../consensus/index.js";
import { type CertificateScheme, sha256 } from "../../crypto/index.js";
import {
  type Body,
  batchesRoot,
  blockHash,
  type Certificate,
  type CommitProof,
  encodeHeader,
  type Header,
  type ValidatorSet,
  type VoteSubject,
  voteBytes,
} from "../../formats/index.js";
import type { Digest, Epoch, ValidatorIndex, View } from "../../primitives/index.js";
import type { Channel } from "../../replica/index.js";
import type { Consortium } from "../consortium.js";
import type { Random } from "../random.js";

/** One way of breaking the protocol. Acts on what the validator's own replica says and hears. */
export interface Behaviour {
  readonly name: string;
  /** What really goes to `to` in place of a message. */
  rewrite?(puppet: Puppet, message: Message, to: ValidatorIndex): readonly Message[];
  /** Said from time to time without a reason. */
  volunteer?(puppet: Puppet, to: ValidatorIndex): readonly Message[];
}

/** What a liar knows of the consortium: of keys it needs its own only. */
export type PuppetConsortium = Pick<Consortium, "chainId" | "set" | "secretKeys"> & {
  /** By validator. */
  readonly banks: readonly Pick<Consortium["banks"][number], "number" | "keys">[];
};

const MEMORY_MAX = 512;
/** Views above this are another liar's inventions. */
const CREDIBLE_VIEW_MAX = 2 ** 32;

/**
 * A Byzantine validator: an ordinary replica whose words are changed on their way out. It knows
 * everything that it said and heard, and has its own key.
 */
export class Puppet {
  readonly index: ValidatorIndex;
  readonly consortium: PuppetConsortium;
  readonly random: Random;
  readonly blocks = new Map<Digest, Block>();
  readonly prepares = new Map<View, Certificate>();
  readonly timeouts = new Map<View, Certificate>();
  readonly votes: Vote[] = [];
  /** Certificates of proposed parents, to build on again. */
  proof: CommitProof | undefined;
  view = 1 as View;
  /** While false it behaves. */
  isActive = true;
  readonly #scheme: CertificateScheme;
  readonly #setOf: (epoch: Epoch) => ValidatorSet | undefined;
  readonly #behaviours: readonly Behaviour[];
  #lastFrame: { readonly frame: Uint8Array; readonly message: Message | undefined } | undefined;

  constructor(options: {
    readonly index: ValidatorIndex;
    readonly consortium: PuppetConsortium;
    readonly scheme: CertificateScheme;
    readonly behaviours: readonly Behaviour[];
    readonly random: Random;
    /** Validators of epochs after the first; without it the liar knows only those. */
    readonly setOf?: (epoch: Epoch) => ValidatorSet | undefined;
  }) {
    this.index = options.index;
    this.consortium = options.consortium;
    this.random = options.random;
    this.#setOf = options.setOf ?? (() => undefined);
    this.#scheme = options.scheme;
    this.#behaviours = options.behaviours;
  }

  /** Learns from a frame that its replica receives. */
  heard(_from: ValidatorIndex, frame: Uint8Array): void {
    const decoded = decodeMessage(sha256, undefined, frame);
    if (decoded.ok) this.#learn(decoded.value);
  }

  /** The frames that go out in place of one. */
  outgoing(to: ValidatorIndex, channel: Channel, frame: Uint8Array): readonly (readonly [Channel, Uint8Array])[] {
    if (!this.isActive) return [[channel, frame]];
    if (this.#lastFrame?.frame !== frame) {
      const decoded = decodeMessage(sha256, undefined, frame);
      this.#lastFrame = { frame, message: decoded.ok ? decoded.value : undefined };
      if (decoded.ok) this.#learn(decoded.value);
    }
    const original = this.#lastFrame.message;
    if (original === undefined) return [[channel, frame]];
    let messages: readonly Message[] = [original];
    for (const { rewrite } of this.#behaviours) {
      if (rewrite !== undefined) messages = messages.flatMap((message) => rewrite(this, message, to));
    }
    return messages.map((message) => [channel, message === original ? frame : encodeMessage(message)] as const);
  }

  volunteered(to: ValidatorIndex): readonly Uint8Array[] {
    if (!this.isActive) return [];
    return this.#behaviours
      .flatMap(({ volunteer }) => volunteer?.(this, to) ?? [])
      .map((message) => encodeMessage(message));
  }

  vote(subject: VoteSubject): Vote {
    const { kind, epoch, view, hash } = subject;
    const { chainId, set: first } = this.consortium;
    const set = this.#setOf(epoch) ?? first;
    const own = first.members[this.index]?.participant;
    const place = set.members.findIndex(({ participant }) => participant === own);
    const signature = this.#scheme.sign(
      this.consortium.secretKeys[this.index] as Uint8Array,
      voteBytes(subject, { chainId, valsetHash: set.hash }),
    );
    const signer = place < 0 ? this.index : (place as ValidatorIndex);
    return { kind, epoch, view, hash, signer, signature, certificate: undefined };
  }

  /** A proposal of its own making: another header, hashed and signed in its name. */
  propose(original: Proposal, changes: Partial<Header>, body: Body = original.block.body): Proposal {
    const header = { ...original.block.header, ...changes, batchesRoot: batchesRoot(sha256, body) };
    const hash = blockHash(sha256, encodeHeader(header));
    const { epoch, view } = header;
    const { signature } = this.vote({ kind: "PREPARE", epoch, view, hash });
    return { block: { hash, header, body }, signature, commitProof: original.commitProof };
  }

  #learn(message: Message): void {
    switch (message.type) {
      case "proposal": {
        const { block, commitProof } = message.proposal;
        const { parentCertificate, skips, view } = block.header;
        if (view >= CREDIBLE_VIEW_MAX) return;
        this.blocks.set(block.hash, block);
        forgetOldest(this.blocks);
        this.#learnView(view);
        for (const certificate of [parentCertificate, ...skips]) if (certificate) this.#learnCertificate(certificate);
        this.proof = commitProof ?? this.proof;
        return;
      }
      case "vote":
        this.#learnView(message.vote.view);
        if (message.vote.certificate !== undefined) this.#learnCertificate(message.vote.certificate);
        if (message.vote.signer === this.index) this.votes.push(message.vote);
        if (this.votes.length > MEMORY_MAX) this.votes.shift();
        return;
      case "certificate":
        this.#learnCertificate(message.certificate);
        return;
      case "commit-proof":
        this.proof = message.proof;
        return;
      default:
        return;
    }
  }

  #learnView(view: View): void {
    if (view > this.view && view < CREDIBLE_VIEW_MAX) this.view = view;
  }

  #learnCertificate(certificate: Certificate): void {
    if (certificate.kind === "COMMIT" || certificate.view >= CREDIBLE_VIEW_MAX) return;
    const known = certificate.kind === "PREPARE" ? this.prepares : this.timeouts;
    known.set(certificate.view, certificate);
    forgetOldest(known);
  }
}

function forgetOldest(map: Map<unknown, unknown>): void {
  if (map.size <= MEMORY_MAX) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

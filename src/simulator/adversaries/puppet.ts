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
  type VoteSubject,
} from "../../formats/index.js";
import type { Digest, ValidatorIndex, View } from "../../primitives/index.js";
import type { Channel } from "../../replica/index.js";
import type { Consortium } from "../consortium.js";
import type { Random } from "../random.js";
import { forgetOldest, Ring } from "./ring.js";

/** One way of breaking the protocol. Acts on what the validator's own replica says and hears. */
export interface Behaviour {
  readonly name: string;
  /** What really goes to `to` in place of a message. */
  rewrite?(puppet: Puppet, message: Message, to: ValidatorIndex): readonly Message[];
  /** Said from time to time without a reason. */
  volunteer?(puppet: Puppet, to: ValidatorIndex): readonly Message[];
  /** Said at once to anybody, on hearing what `from` said to it. */
  react?(puppet: Puppet, message: Message, from: ValidatorIndex): readonly Addressed[];
  /** What becomes of a frame's bytes on their way. */
  garble?(puppet: Puppet, frame: Uint8Array): Uint8Array;
  /** How long it keeps a message back, ms. */
  delayMs?(puppet: Puppet, message: Message): number;
}

/** A message, or its frame, and the validator that it is for. */
export interface Addressed {
  readonly to: ValidatorIndex;
  readonly message: Message;
}

/** A frame that really goes out: its channel, its bytes, and how long it is kept back, ms. */
export type OutgoingFrame = readonly [Channel, Uint8Array, number];

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
  /** Shared with those that it colludes with. */
  readonly ring: Ring;
  readonly blocks = new Map<Digest, Block>();
  readonly prepares = new Map<View, Certificate>();
  readonly timeouts = new Map<View, Certificate>();
  readonly votes: Vote[] = [];
  /** Certificates of proposed parents, to build on again. */
  proof: CommitProof | undefined;
  view = 1 as View;
  /** While false it behaves. */
  isActive = true;
  readonly #behaviours: readonly Behaviour[];
  readonly #acted: (behaviour: string) => void;
  #lastFrame: { readonly frame: Uint8Array; readonly message: Message | undefined } | undefined;

  constructor(options: {
    readonly index: ValidatorIndex;
    readonly consortium: PuppetConsortium;
    readonly scheme: CertificateScheme;
    readonly behaviours: readonly Behaviour[];
    readonly random: Random;
    /** Hears the name of a behaviour each time that it changes or says something. */
    readonly acted?: (behaviour: string) => void;
    /** Of its own where it acts alone. */
    readonly ring?: Ring;
  }) {
    this.index = options.index;
    this.consortium = options.consortium;
    this.random = options.random;
    this.#behaviours = options.behaviours;
    this.#acted = options.acted ?? (() => {});
    this.ring = options.ring ?? new Ring(options.consortium, options.scheme);
    this.ring.join(this.index);
  }

  /** Learns from a frame that its replica receives. @returns frames that go out at once because of it */
  heard(
    from: ValidatorIndex,
    frame: Uint8Array,
  ): readonly { readonly to: ValidatorIndex; readonly frame: Uint8Array }[] {
    const decoded = decodeMessage(sha256, undefined, frame);
    if (!decoded.ok) return [];
    const message = decoded.value;
    this.#learn(message);
    if (message.type === "vote") this.ring.heard(message.vote);
    if (!this.isActive) return [];
    return this.#behaviours
      .flatMap(({ name, react }) => {
        const reactions = react?.(this, message, from) ?? [];
        if (reactions.length > 0) this.#acted(name);
        return reactions;
      })
      .map((reaction) => ({ to: reaction.to, frame: encodeMessage(reaction.message) }));
  }

  /** The frames that go out in place of one. */
  outgoing(to: ValidatorIndex, channel: Channel, frame: Uint8Array): readonly OutgoingFrame[] {
    if (!this.isActive) return [[channel, frame, 0]];
    if (this.#lastFrame?.frame !== frame) {
      const decoded = decodeMessage(sha256, undefined, frame);
      this.#lastFrame = { frame, message: decoded.ok ? decoded.value : undefined };
      if (decoded.ok) this.#learn(decoded.value);
    }
    const original = this.#lastFrame.message;
    if (original === undefined) return [[channel, frame, 0]];
    let messages: readonly Message[] = [original];
    for (const { name, rewrite } of this.#behaviours) {
      const before = messages;
      if (rewrite !== undefined) messages = messages.flatMap((message) => rewrite(this, message, to));
      const isSame = messages.length === before.length && messages.every((message, at) => message === before[at]);
      if (!isSame) this.#acted(name);
    }
    return messages.map((message) => [
      channel,
      ...this.#onTheWay(message === original ? frame : encodeMessage(message), message),
    ]);
  }

  /** What becomes of a frame's bytes, and how long it is kept back. */
  #onTheWay(frame: Uint8Array, message: Message): readonly [Uint8Array, number] {
    let bytes = frame;
    let longestMs = 0;
    for (const { name, garble, delayMs } of this.#behaviours) {
      const garbled = garble?.(this, bytes) ?? bytes;
      const keptMs = delayMs?.(this, message) ?? 0;
      if (garbled !== bytes || keptMs > 0) this.#acted(name);
      bytes = garbled;
      longestMs = Math.max(longestMs, keptMs);
    }
    return [bytes, longestMs];
  }

  volunteered(to: ValidatorIndex): readonly Uint8Array[] {
    if (!this.isActive) return [];
    return this.#behaviours
      .flatMap(({ name, volunteer }) => {
        const said = volunteer?.(this, to) ?? [];
        if (said.length > 0) this.#acted(name);
        return said;
      })
      .map((message) => encodeMessage(message));
  }

  /** A vote of its own, well signed, whatever it says. */
  vote(subject: VoteSubject): Vote {
    return this.ring.vote(this.index, subject);
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
        forgetOldest(this.blocks, MEMORY_MAX);
        this.#learnView(view);
        for (const certificate of [parentCertificate, ...skips]) if (certificate) this.#learnCertificate(certificate);
        this.proof = commitProof ?? this.proof;
        return;
      }
      case "vote":
        this.#learnView(message.vote.view);
        if (message.vote.certificate !== undefined) this.#learnCertificate(message.vote.certificate);
        if (this.ring.isBy(this.index, message.vote)) this.votes.push(message.vote);
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
    forgetOldest(known, MEMORY_MAX);
  }
}

import { type Block, decodeMessage, type Message, type Vote } from "../../consensus/index.js";
import { sha256 } from "../../crypto/index.js";
import type { Header } from "../../formats/index.js";
import type { NextSetView } from "../../ledger/index.js";
import type { Digest, Epoch, ParticipantNumber, ValidatorIndex } from "../../primitives/index.js";
import type { Contents } from "../store-contents.js";
import type { Violations } from "./violations.js";
import { VoteRules } from "./vote-rules.js";

/**
 * docs/protocol.md, invariants 8 and 13, restated over the final blocks and what their execution decided: which block
 * ends an epoch, with which set, and what may follow it.
 */
export class EpochRules {
  readonly #violations: Violations;
  /** Decisions by the epoch that they are for. */
  readonly #decisions = new Map<number, NextSetView>();
  /** Participants that validate in epoch 0. */
  readonly #first: readonly number[];

  constructor(violations: Violations, first: readonly number[]) {
    this.#violations = violations;
    this.#first = first;
  }

  /**
   * What the state of an honest machine says right after a block.
   *
   * @param spoke participants that said, in earlier blocks, that they are ready to validate
   */
  executed(decision: NextSetView | undefined, spoke: ReadonlySet<number>): void {
    if (decision === undefined || this.#decisions.has(decision.epoch)) return;
    this.#decisions.set(decision.epoch, decision);
    const before = this.#decisions.get(decision.epoch - 1)?.validators.map(({ participant }) => participant);
    const early = decision.validators.filter(
      ({ participant }) => !(before ?? this.#first).some((member) => member === participant) && !spoke.has(participant),
    );
    this.#violations.check(
      early.length === 0,
      "LEDG-48: who joins the validators has said that it is ready",
      () => `epoch ${decision.epoch}: ${early.map(({ name }) => name).join()}`,
    );
  }

  /** A block becomes the ledger's newest. */
  extend(header: Header, parent: Header | undefined): void {
    const violations = this.#violations;
    const at = (): string => `height ${header.height}, epoch ${header.epoch}, ${header.type}`;
    violations.check(header.type !== "DRAIN", "EPOCH-3: no DRAIN block is in the ledger", at);
    const expected = parent === undefined ? 0 : parent.epoch + (parent.type === "CLOSING" ? 1 : 0);
    violations.check(header.epoch === expected, "EPOCH-4: an epoch begins behind its anchor and nowhere else", at);
    if (header.epoch > (parent?.epoch ?? 0)) {
      violations.check(header.parentView === 0, "EPOCH-4: the anchor is view 0 of the next epoch", at);
    }
    const decision = this.#decisions.get(header.epoch + 1);
    const mustClose = decision !== undefined && header.executed.height >= decision.decidedAt;
    violations.check(
      (header.type === "CLOSING") === mustClose,
      "EPOCH-2: a block closes its epoch iff its claim covers the decision",
      () => `${at()}, claims ${header.executed.height}, decided at ${decision?.decidedAt}`,
    );
    if (header.type !== "CLOSING" || decision === undefined) return;
    const named = (header.nextSet ?? []).map(({ participant }) => participant).join();
    const wanted = decision.validators.map(({ participant }) => participant).join();
    violations.check(named === wanted, "EPOCH-2: the block that closes an epoch names the decided set", at);
  }
}

export interface EpochVoteRulesOptions {
  /** Participants that validate in epoch 0, ascending. */
  readonly first: readonly ParticipantNumber[];
  /** By participant. */
  readonly isHonest: (participant: number) => boolean;
  readonly mayVote: (participant: number) => boolean;
  /** Whether a vote's signature is its signer's, under the set of the vote's own epoch. */
  readonly verifies: (vote: Vote) => boolean;
  readonly violations: Violations;
}

/**
 * The rules of votes, epoch by epoch: who is a member of which is read off the final blocks that ended the epochs.
 * Nobody honest votes outside its set, or before the anchor is durably final with itself (invariant 8).
 */
export class EpochVoteRules {
  readonly #options: EpochVoteRulesOptions;
  readonly #epochs: { readonly members: readonly number[]; readonly rules: VoteRules }[] = [];
  /** Proposals of an epoch that no honest machine has seen begin: a liar may be the first to know. */
  readonly #early: Block[] = [];
  #lastFrame: Uint8Array | undefined;

  constructor(options: EpochVoteRulesOptions) {
    this.#options = options;
    this.#begin(options.first);
  }

  /** A block became final: the end of an epoch tells the members of the next one. */
  finalized({ header }: Block): void {
    if (header.type !== "CLOSING" || header.epoch !== this.#epochs.length - 1) return;
    this.#begin((header.nextSet ?? []).map(({ participant }) => participant));
  }

  /** A machine calls a block final, by the votes of its own epoch. */
  calledFinal(participant: number, last: Block): void {
    const epoch = this.#epochs[last.header.epoch];
    const place = epoch?.members.indexOf(participant) ?? -1;
    epoch?.rules.finalized(place < 0 ? undefined : (place as ValidatorIndex), last);
  }

  #begin(participants: readonly number[]): void {
    const members = [...participants].sort((left, right) => left - right);
    const at = (place: number): number => members[place] as number;
    const rules = new VoteRules({
      epoch: this.#epochs.length,
      validators: members.length,
      isHonest: (place) => this.#options.isHonest(at(place)),
      mayVote: (place) => this.#options.mayVote(at(place)),
      violations: this.#options.violations,
    });
    for (const block of this.#early.splice(0)) rules.learn(block);
    this.#epochs.push({ members, rules });
  }

  /** Participant at a place in the set of an epoch. */
  participantAt(epoch: number, place: number): number | undefined {
    return this.#epochs[epoch]?.members[place];
  }

  block(hash: Digest): Block | undefined {
    for (const { rules } of this.#epochs) {
      const block = rules.block(hash);
      if (block !== undefined) return block;
    }
    return undefined;
  }

  /** A frame leaves a participant's machine. */
  frameLeft(from: ParticipantNumber, frame: Uint8Array, durable: Contents): void {
    if (this.#lastFrame === frame) return;
    const { isHonest, violations } = this.#options;
    const decoded = decodeMessage(sha256, undefined, frame);
    this.#lastFrame = frame;
    if (!decoded.ok) {
      if (isHonest(from)) violations.add("an honest frame decodes", `${from}: ${decoded.fault.detail}`);
      return;
    }
    const inEpoch = epochOf(decoded.value);
    if (inEpoch === undefined) return;
    const epoch = this.#epochs[inEpoch];
    if (epoch === undefined && decoded.value.type === "proposal") this.#early.push(decoded.value.proposal.block);
    const place = epoch?.members.indexOf(from) ?? -1;
    const isVote = decoded.value.type === "vote" || decoded.value.type === "proposal";
    if (isHonest(from) && isVote) {
      const who = (): string => `participant ${from}, ${decoded.value.type} of epoch ${inEpoch}`;
      violations.check(place >= 0, "EPOCH-4: only members of an epoch vote in it", who);
      const reached = durable.head?.epoch ?? 0;
      violations.check(reached >= inEpoch, "EPOCH-4: no vote before the anchor is final and durable", who);
      const isGenuine = decoded.value.type !== "vote" || this.#options.verifies(decoded.value.vote);
      violations.check(isGenuine, "EPOCH-4: a vote is signed under the set of its own epoch", who);
    }
    if (epoch !== undefined && place >= 0) epoch.rules.frameLeft(place as ValidatorIndex, frame, durable);
  }
}

/** The epoch that a message is about; undefined for what is of none. */
function epochOf(message: Message): Epoch | undefined {
  switch (message.type) {
    case "proposal":
      return message.proposal.block.header.epoch;
    case "vote":
      return message.vote.epoch;
    case "certificate":
      return message.certificate.epoch;
    case "commit-proof":
      return message.proof.commit.epoch;
    case "certificates":
      // An answer is about the epoch of who gives it.
      return message.certificates[0]?.epoch;
    default:
      return undefined;
  }
}

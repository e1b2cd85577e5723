import type { Block } from "../consensus/index.js";
import type { CommitProof } from "../formats/index.js";
import { type Digest, FETCH_BLOCKS_MAX, type Height, type ParticipantNumber } from "../primitives/index.js";

/** Blocks behind which ranges are asked for; smaller gaps close through agreement itself. */
const BEHIND_BLOCKS = 8;
/** Finalised blocks that may wait for execution before more are asked for. */
const UNEXECUTED_MAX = 1_024;
/** How long a peer has for an answer, and how long one that failed is left alone. */
const ANSWER_MS = 3_000;
const PENALTY_MS = 10_000;
/** Peers whose heights are kept: validators of three sets, and those who are to come. */
const STATED_MAX = 256;

export interface SyncHead {
  readonly height: Height;
  readonly hash: Digest;
  readonly executedHeight: Height;
}

export interface RangeRequest {
  readonly to: ParticipantNumber;
  readonly from: Height;
  readonly count: number;
}

export type RangeVerdict =
  /** With the DRAIN block that the proof names, if it names one. */
  | { readonly type: "linked"; readonly blocks: readonly Block[]; readonly proof: CommitProof }
  /** Late, repeated or no longer needed; accuses nobody. */
  | { readonly type: "ignored" }
  | { readonly type: "refused"; readonly reason: string };

/** The validators of the epoch in which the replica is. */
export interface SyncMembers {
  readonly members: readonly ParticipantNumber[];
  readonly faults: number;
}

/**
 * Catching up in ranges of up to 256 finalised blocks (SYNC-1). Heights that peers state are hints only:
 * the target is one that f+1 validators of our epoch state, or the proven end of the epoch; one peer is asked at a
 * time, and an answer counts by its hash links and the proof of its last block, whose signatures the caller verifies.
 */
export class RangeSync {
  #members: SyncMembers;
  /** Heights that peers stated last, validators of our epoch or not, and when. */
  readonly #stated = new Map<ParticipantNumber, { readonly height: Height; readonly at: number }>();
  readonly #avoidedUntil = new Map<ParticipantNumber, number>();
  #inFlight: (RangeRequest & { readonly deadline: number }) | undefined;
  #lastAsked = -1;
  /** The last block of our epoch, once that is proven (SYNC-5). */
  #proven = 0 as Height;

  constructor(members: SyncMembers) {
    this.#members = members;
  }

  /** Other validators state the target from now on. */
  setMembers(members: SyncMembers): void {
    this.#members = members;
  }

  /** Whoever is no peer any more states nothing. */
  keepPeers(peers: readonly ParticipantNumber[]): void {
    for (const peer of this.#stated.keys()) if (!peers.includes(peer)) this.#stated.delete(peer);
    for (const peer of this.#avoidedUntil.keys()) if (!peers.includes(peer)) this.#avoidedUntil.delete(peer);
  }

  noteStatus(from: ParticipantNumber, height: Height, at: number): void {
    if (this.#stated.size < STATED_MAX || this.#stated.has(from)) this.#stated.set(from, { height, at });
  }

  /** A proof says that the block at this height is final, whoever states it. */
  noteProven(height: Height): void {
    if (height > this.#proven) this.#proven = height;
  }

  /** Whether f+1 validators, one of them honest, have said where they are, since a time. */
  isInformed(since = Number.NEGATIVE_INFINITY): boolean {
    return this.#memberHeights(since).length > this.#members.faults;
  }

  /** The height that at least one honest peer has reached: the (f+1)st highest of those stated. */
  target(): Height {
    const descending = this.#memberHeights().sort((left, right) => right - left);
    return Math.max(this.#proven, descending[this.#members.faults] ?? 0) as Height;
  }

  #memberHeights(since = Number.NEGATIVE_INFINITY): Height[] {
    const heights: Height[] = [];
    for (const member of this.#members.members) {
      const stated = this.#stated.get(member);
      if (stated !== undefined && stated.at >= since) heights.push(stated.height);
    }
    return heights;
  }

  isBehind(head: SyncHead): boolean {
    return this.target() > head.height + BEHIND_BLOCKS;
  }

  /** The next request to send now, if any. */
  next(head: SyncHead, at: number): RangeRequest | undefined {
    if (this.#inFlight !== undefined) {
      if (at < this.#inFlight.deadline) return undefined;
      this.#avoid(this.#inFlight.to, at);
      this.#inFlight = undefined;
    }
    if (head.height - head.executedHeight > UNEXECUTED_MAX || !this.isBehind(head)) return undefined;
    const to = this.#choose(at);
    if (to === undefined) return undefined;
    const request = { to, from: (head.height + 1) as Height, count: FETCH_BLOCKS_MAX };
    this.#inFlight = { ...request, deadline: at + ANSWER_MS };
    return request;
  }

  /** Checks an answer's shape and links; the caller verifies the proof's signatures next. */
  accept(
    answer: {
      readonly from: ParticipantNumber;
      readonly blocks: readonly Block[];
      readonly proof: CommitProof | undefined;
      /** The DRAIN block that the proof is of, if it is not of the last block. */
      readonly drain?: Block | undefined;
    },
    head: SyncHead,
    at: number,
  ): RangeVerdict {
    const request = this.#inFlight;
    if (request === undefined || request.to !== answer.from) return { type: "ignored" };
    this.#inFlight = undefined;
    const blocks = answer.blocks.filter((block) => block.header.height > head.height);
    const last = blocks[blocks.length - 1];
    if (last === undefined || answer.proof === undefined) {
      this.#avoid(answer.from, at);
      return { type: "ignored" };
    }
    const { proof, drain } = answer;
    const proven = drain !== undefined && drain.header.closing?.hash === last.hash ? drain : last;
    const fault =
      linkFault(blocks, head) ?? (proof.commit.hash === proven.hash ? undefined : "its proof is of another block");
    if (fault === undefined) return { type: "linked", blocks: proven === last ? blocks : [...blocks, proven], proof };
    this.#avoid(answer.from, at);
    return { type: "refused", reason: fault };
  }

  /** The proof of an accepted answer did not verify. */
  penalize(peer: ParticipantNumber, at: number): void {
    this.#avoid(peer, at);
  }

  #avoid(peer: ParticipantNumber, at: number): void {
    this.#avoidedUntil.set(peer, at + PENALTY_MS);
  }

  /**
   * In turn among those who state the target at least: f+1 of them do, so one is honest, and a peer that
   * answers late and little costs its own turns only.
   */
  #choose(at: number): ParticipantNumber | undefined {
    const target = this.target();
    const able = [...this.#stated]
      .filter(([peer, { height }]) => height >= target && at >= (this.#avoidedUntil.get(peer) ?? 0))
      .map(([peer]) => peer)
      .sort((left, right) => left - right);
    const chosen = able.find((peer) => peer > this.#lastAsked) ?? able[0];
    if (chosen !== undefined) this.#lastAsked = chosen;
    return chosen;
  }
}

/**
 * Blocks that do not continue our head are no fault of the peer's before their proof is looked at: if that one
 * verifies, two chains are final, which agreement has to hear of.
 */
function linkFault(blocks: readonly Block[], head: SyncHead): string | undefined {
  let { height } = head;
  let hash: Digest | undefined;
  for (const block of blocks) {
    if (block.header.height !== height + 1) return "its heights do not follow each other";
    if (hash !== undefined && block.header.parentHash !== hash) return "its blocks are not linked by hash";
    height = block.header.height;
    hash = block.hash;
  }
  return undefined;
}

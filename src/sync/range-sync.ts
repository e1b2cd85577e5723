import type { Block } from "../consensus/index.js";
import type { CommitProof } from "../formats/index.js";
import { type Digest, FETCH_BLOCKS_MAX, type Height, type ValidatorIndex } from "../primitives/index.js";

/** Blocks behind which ranges are asked for; smaller gaps close through agreement itself. */
const BEHIND_BLOCKS = 8;
/** Finalised blocks that may wait for execution before more are asked for. */
const UNEXECUTED_MAX = 1_024;
/** How long a peer has for an answer, and how long one that failed is left alone. */
const ANSWER_MS = 3_000;
const PENALTY_MS = 10_000;

export interface SyncHead {
  readonly height: Height;
  readonly hash: Digest;
  readonly executedHeight: Height;
}

export interface RangeRequest {
  readonly to: ValidatorIndex;
  readonly from: Height;
  readonly count: number;
}

export type RangeVerdict =
  | { readonly type: "linked"; readonly blocks: readonly Block[]; readonly proof: CommitProof }
  /** Late, repeated or no longer needed; accuses nobody. */
  | { readonly type: "ignored" }
  | { readonly type: "refused"; readonly reason: string };

/**
 * Catching up in ranges of up to 256 finalised blocks (SYNC-1). Heights that peers state are hints only:
 * the target is one that f+1 of them state, one peer is asked at a time, and an answer counts by its
 * hash links and the proof of its last block, whose signatures the caller verifies.
 */
export class RangeSync {
  readonly #faults: number;
  /** Heights that peers stated last; −1 before the first time. */
  readonly #stated: number[];
  readonly #avoidedUntil: number[];
  #inFlight: (RangeRequest & { readonly deadline: number }) | undefined;
  #lastAsked = -1;

  constructor(options: { readonly validators: number; readonly faults: number }) {
    this.#faults = options.faults;
    this.#stated = Array.from({ length: options.validators }, () => -1);
    this.#avoidedUntil = Array.from({ length: options.validators }, () => Number.NEGATIVE_INFINITY);
  }

  noteStatus(from: ValidatorIndex, finalizedHeight: Height): void {
    this.#stated[from] = finalizedHeight;
  }

  /** Whether f+1 validators, one of them honest, have said where they are. */
  isInformed(): boolean {
    return this.#stated.filter((height) => height >= 0).length > this.#faults;
  }

  /** The height that at least one honest peer has reached: the (f+1)st highest of those stated. */
  target(): Height {
    const descending = [...this.#stated].sort((left, right) => right - left);
    return Math.max(0, descending[this.#faults] ?? 0) as Height;
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
      readonly from: ValidatorIndex;
      readonly blocks: readonly Block[];
      readonly proof: CommitProof | undefined;
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
    const fault =
      linkFault(blocks, head) ?? (answer.proof.commit.hash === last.hash ? undefined : "its proof is of another block");
    if (fault === undefined) return { type: "linked", blocks, proof: answer.proof };
    this.#avoid(answer.from, at);
    return { type: "refused", reason: fault };
  }

  /** The proof of an accepted answer did not verify. */
  penalize(peer: ValidatorIndex, at: number): void {
    this.#avoid(peer, at);
  }

  #avoid(peer: ValidatorIndex, at: number): void {
    this.#avoidedUntil[peer] = at + PENALTY_MS;
  }

  /**
   * In turn among those who state the target at least: f+1 of them do, so one is honest, and a peer that
   * answers late and little costs its own turns only.
   */
  #choose(at: number): ValidatorIndex | undefined {
    const target = this.target();
    const count = this.#stated.length;
    for (let step = 1; step <= count; step += 1) {
      const peer = (this.#lastAsked + step) % count;
      if ((this.#stated[peer] as number) < target || at < (this.#avoidedUntil[peer] as number)) continue;
      this.#lastAsked = peer;
      return peer as ValidatorIndex;
    }
    return undefined;
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

import type { FetchMessage } from "../consensus/index.js";
import {
  BATCH_BYTES_MAX,
  type Digest,
  FETCH_BATCHES_MAX,
  FETCH_BLOCKS_MAX,
  type ParticipantNumber,
  type View,
} from "../primitives/index.js";

/** How long one peer has before the next is asked. */
const RETRY_MS = 400;
/** Wanted things that are followed up; more are dropped and asked for again by who needs them. */
const WANTED_MAX = 4_096;
/** Bytes of batches that one answer should hold. */
const ANSWER_BYTES = 4 * BATCH_BYTES_MAX;

interface Wanted {
  readonly size: number;
  /** Peers to ask first. */
  readonly from: readonly ParticipantNumber[];
  attempts: number;
  askAgainAt: number;
}

/**
 * Follows up what agreement and execution miss: batches by digest, blocks by hash, certificates by
 * view. Asks likely holders first, then everyone in turn; an answer counts by its digest or hash alone.
 */
export class Fetcher {
  #peers: readonly ParticipantNumber[];
  readonly #send: (to: ParticipantNumber, message: FetchMessage) => void;
  readonly #batches = new Map<Digest, Wanted>();
  readonly #blocks = new Map<Digest, Wanted>();
  #certificatesAt = Number.NEGATIVE_INFINITY;
  #turn = 0;

  constructor(peers: readonly ParticipantNumber[], send: (to: ParticipantNumber, message: FetchMessage) => void) {
    this.#peers = peers;
    this.#send = send;
  }

  /** Others to ask from now on. */
  setPeers(peers: readonly ParticipantNumber[]): void {
    this.#peers = peers;
  }

  wantBatches(
    batches: readonly { readonly digest: Digest; readonly size: number }[],
    from: readonly ParticipantNumber[],
    at: number,
  ): void {
    for (const { digest, size } of batches) want(this.#batches, digest, { size, from });
    this.retry(at);
  }

  wantBlock(hash: Digest, from: readonly ParticipantNumber[], at: number): void {
    want(this.#blocks, hash, { size: 0, from });
    this.retry(at);
  }

  wantCertificates(first: View, last: View, at: number): void {
    if (at < this.#certificatesAt + RETRY_MS) return;
    this.#certificatesAt = at;
    this.#turn += 1;
    const to = this.#peers[this.#turn % this.#peers.length];
    if (to !== undefined) this.#send(to, { type: "get-certificates", first, last });
  }

  /** Whether a batch was asked for and did not come yet. */
  isBatchWanted(digest: Digest): boolean {
    return this.#batches.has(digest);
  }

  /** A wanted batch is here, and sound: a digest alone does not tell, since it leaves the signature out. */
  gotBatch(digest: Digest): void {
    this.#batches.delete(digest);
  }

  /** Whether a block was asked for; ends the request. */
  takeBlock(hash: Digest): boolean {
    return this.#blocks.delete(hash);
  }

  /** How many things are followed up. */
  wanted(): { readonly wantedBatches: number; readonly wantedBlocks: number } {
    return { wantedBatches: this.#batches.size, wantedBlocks: this.#blocks.size };
  }

  /** Nobody needs these any more. */
  forgetBlocks(): void {
    this.#blocks.clear();
  }

  /** Sends what is due: at most one request per peer and kind each time. */
  retry(at: number): void {
    const byPeer = new Map<ParticipantNumber, { digests: Digest[]; bytes: number }>();
    for (const [digest, wanted] of this.#batches) {
      if (at < wanted.askAgainAt) continue;
      if (this.#isHopeless(wanted)) {
        this.#batches.delete(digest);
        continue;
      }
      const to = this.#holder(wanted);
      if (to === undefined) return;
      const request = byPeer.get(to) ?? { digests: [], bytes: 0 };
      if (
        request.digests.length === FETCH_BATCHES_MAX ||
        (request.digests.length > 0 && request.bytes + wanted.size > ANSWER_BYTES)
      )
        continue;
      request.digests.push(digest);
      request.bytes += wanted.size;
      byPeer.set(to, request);
      wanted.attempts += 1;
      wanted.askAgainAt = at + RETRY_MS;
    }
    for (const [to, { digests }] of byPeer) this.#send(to, { type: "get-batches", digests });
    for (const [hash, wanted] of this.#blocks) {
      if (at < wanted.askAgainAt) continue;
      if (this.#isHopeless(wanted)) {
        this.#blocks.delete(hash);
        continue;
      }
      const to = this.#holder(wanted);
      if (to === undefined) return;
      wanted.attempts += 1;
      wanted.askAgainAt = at + RETRY_MS;
      this.#send(to, { type: "get-blocks", hash, count: wanted.attempts === 1 ? 8 : FETCH_BLOCKS_MAX });
    }
  }

  /** Everyone was asked twice: perhaps nobody has it. Whoever still needs it asks for it again. */
  #isHopeless({ attempts, from }: Wanted): boolean {
    return attempts >= from.length + 2 * this.#peers.length;
  }

  #holder(wanted: Wanted): ParticipantNumber | undefined {
    const likely = wanted.from.filter((peer) => this.#peers.includes(peer));
    if (wanted.attempts < likely.length) return likely[wanted.attempts];
    return this.#peers[wanted.attempts % Math.max(1, this.#peers.length)];
  }
}

function want(wanted: Map<Digest, Wanted>, key: Digest, what: Pick<Wanted, "size" | "from">): void {
  if (wanted.has(key) || wanted.size >= WANTED_MAX) return;
  wanted.set(key, { ...what, attempts: 0, askAgainAt: Number.NEGATIVE_INFINITY });
}

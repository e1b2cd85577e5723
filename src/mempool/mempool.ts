import type { Ed25519, Sha256 } from "../crypto/index.js";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  batchDigest,
  checkBatchRecords,
  parseBatch,
  verifyBatchSignature,
} from "../formats/index.js";
import {
  type Digest,
  type Lane,
  NOT_AFTER_WINDOW_MS,
  type ParticipantNumber,
  RECORD_BYTES,
} from "../primitives/index.js";
import { laneOf, lanesFrom } from "./lanes.js";
import { hasRoom, type MempoolLimits, partOf, type Quota, sumOf, Tally } from "./quota.js";
import type { BatchDescription, BatchSource, BusyScope, RejectionCode, Verdict } from "./verdict.js";

export interface MempoolOptions {
  readonly chainId: Digest;
  readonly sha256: Sha256;
  readonly ed25519: Pick<Ed25519, "verify">;
  readonly limits: MempoolLimits;
  /** Whether a final block orders this batch (agreement's index of digests). */
  readonly isOrdered: (digest: Digest) => boolean;
  /**
   * Whether the key belongs to the participant, as far as this replica has executed. Keeps strangers
   * from using up a bank's share; the binding judgement falls in execution.
   */
  readonly isRegistered: (participant: ParticipantNumber, publicKey: Uint8Array) => boolean;
}

/** The two clocks of admission, both UTC milliseconds. */
export interface PoolTime {
  readonly wall: number;
  /** Timestamp of the newest final block. */
  readonly finalizedTimestamp: number;
}

/** Who is charged for a batch: a pushing peer, this replica's clients, or the reserve for requested ones. */
type Payer = ParticipantNumber | "client" | "requested";

interface Entry {
  readonly bytes: Uint8Array;
  /** The lane that its content asks for; the description has the one that it got. */
  readonly wanted: Lane;
  description: BatchDescription;
  payer: Payer;
}

/** Where there is room for a batch, or whose bound leaves none. */
type Placement = { readonly lane: Lane } | { readonly scope: BusyScope };

/** What a client or peer that met a bound should wait, in milliseconds: a few blocks' time. */
const RETRY_AFTER_MS = 250;

/**
 * The batches that this replica holds and no executed block contains (docs/protocol.md).
 *
 * Admission verifies everything that needs no state, cheapest first, and each held batch's signature
 * exactly once. What peers push is bounded per peer, per participant and in all, and never takes the
 * room kept for this replica's own clients; beyond the bounds a batch is fetched when a block names it.
 * Every bound is divided among the lanes: a batch that finds its lane's part full takes room of a later
 * lane and is served there, so urgent batches find room when usual ones do not, and a bank that calls
 * everything urgent has gained its part of the lane, and no more.
 * Requested batches have a reserve of their own in which the oldest make room for the newest, so a
 * block can always be completed. Iteration is in order of admission.
 */
export class Mempool {
  readonly #options: MempoolOptions;
  readonly #entries = new Map<Digest, Entry>();
  /** Admitted from clients here, oldest first. */
  readonly #own = new Set<Digest>();
  /** Charged to the reserve, oldest first. */
  readonly #requested = new Set<Digest>();
  readonly #payers = new Tally<Payer>();
  readonly #participants = new Tally<ParticipantNumber>();

  constructor(options: MempoolOptions) {
    this.#options = options;
  }

  /**
   * Judges and, if it may, holds one batch. The bytes are copied: the caller may reuse its buffer.
   * Synchronous; one SHA-256 over the batch and at most one signature check.
   */
  admit(bytes: Uint8Array, source: BatchSource, now: PoolTime): Verdict {
    const requested = source.type === "peer" && source.requested;
    const parsed = parseBatch(bytes);
    if (!parsed.ok) return rejected("malformed", parsed.fault);
    const { header } = parsed;
    const stranger = this.#checkSender(header, requested);
    if (stranger !== undefined) return stranger;

    const digest = batchDigest(this.#options.sha256, bytes);
    const held = this.#entries.get(digest);
    if (held !== undefined) return this.#admitAgain(held, source);
    if (!requested) {
      if (this.#options.isOrdered(digest)) return { type: "already_ordered", digest };
      const untimely = checkTime(header, source, now);
      if (untimely !== undefined) return untimely;
    }
    const wanted = laneOf(
      header.kind,
      bytes.subarray(BATCH_HEADER_BYTES, BATCH_HEADER_BYTES + header.count * RECORD_BYTES),
    );
    const placement = this.#place(source, header.participant, bytes.length, wanted);
    if ("scope" in placement) return { type: "busy", retryAfterMs: RETRY_AFTER_MS, scope: placement.scope };

    const fault = checkBatchRecords(header.kind, bytes);
    if (fault !== undefined) return rejected("malformed", `record ${fault.index}: ${fault.fault}`);
    if (!verifyBatchSignature(this.#options.ed25519, bytes, digest)) {
      return rejected("bad_signature", "the signature does not verify under the batch's key");
    }
    const evicted = requested ? this.#makeRoom(bytes.length) : [];
    const { notAfter, count, participant } = header;
    const description = { digest, size: bytes.length, notAfter, count, participant, lane: placement.lane };
    // A copy of its own: a small batch must not keep a whole network frame alive.
    const entry = { bytes: new Uint8Array(bytes), wanted, description, payer: payerOf(source) };
    this.#entries.set(digest, entry);
    this.#charge(entry);
    return { type: "admitted", digest, header, evicted };
  }

  has(digest: Digest): boolean {
    return this.#entries.has(digest);
  }

  /** The signed batch; shares memory with the pool, so it is only read. */
  get(digest: Digest): Uint8Array | undefined {
    return this.#entries.get(digest)?.bytes;
  }

  describe(digest: Digest): BatchDescription | undefined {
    return this.#entries.get(digest)?.description;
  }

  /** All that is held, oldest first. */
  *descriptions(): IterableIterator<BatchDescription> {
    for (const { description } of this.#entries.values()) yield description;
  }

  /** The batches of this replica's own clients that no block orders yet, oldest first. */
  *own(): IterableIterator<{ readonly digest: Digest; readonly bytes: Uint8Array }> {
    for (const digest of this.#own) {
      const entry = this.#entries.get(digest);
      if (entry !== undefined && !this.#options.isOrdered(digest)) yield { digest, bytes: entry.bytes };
    }
  }

  /** Forgets executed batches; unknown digests are ignored. */
  remove(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#drop(digest);
  }

  /**
   * Drops what no later block may order, and returns it. Ordered batches stay until they are removed,
   * since their block is still to be executed; requested ones leave with `remove` or make room.
   *
   * @param finalizedTimestamp timestamp of the newest final block, ms; later blocks lie strictly above
   */
  expire(finalizedTimestamp: number): Digest[] {
    const dropped: Digest[] = [];
    for (const [digest, { description, payer }] of this.#entries) {
      if (description.notAfter > finalizedTimestamp || payer === "requested") continue;
      if (!this.#options.isOrdered(digest)) dropped.push(digest);
    }
    this.remove(dropped);
    return dropped;
  }

  /** Number of batches held, requested ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of all batches held, requested ones included. */
  get bytes(): number {
    let bytes = 0;
    for (const payer of this.#payers.keys()) bytes += this.#payers.used(payer).bytes;
    return bytes;
  }

  /** What counts against one participant's share. */
  usedBy(participant: ParticipantNumber): Quota {
    return this.#participants.used(participant);
  }

  #checkSender(header: BatchHeader, requested: boolean): Verdict | undefined {
    if (header.chainId !== this.#options.chainId) return rejected("wrong_chain", "signed for another consortium");
    if (requested || this.#options.isRegistered(header.participant, header.publicKey)) return undefined;
    return rejected("unknown_key", `not a key of participant ${header.participant}`);
  }

  /** A held batch comes again; from a client of ours for the first time, it becomes our own to push. */
  #admitAgain(entry: Entry, source: BatchSource): Verdict {
    const { digest, size, participant } = entry.description;
    if (source.type === "peer" || this.#own.has(digest) || this.#options.isOrdered(digest)) {
      return { type: "duplicate", digest, adopted: false };
    }
    this.#refund(entry);
    const placement = this.#place(source, participant, size, entry.wanted);
    if ("lane" in placement) {
      entry.payer = "client";
      entry.description = { ...entry.description, lane: placement.lane };
    }
    this.#charge(entry);
    if ("scope" in placement) return { type: "busy", retryAfterMs: RETRY_AFTER_MS, scope: placement.scope };
    return { type: "duplicate", digest, adopted: true };
  }

  /** The first lane with room, from the wanted one on. */
  #place(source: BatchSource, participant: ParticipantNumber, size: number, wanted: Lane): Placement {
    if (source.type === "restored" || (source.type === "peer" && source.requested)) return { lane: wanted };
    let scope: BusyScope = "pool";
    for (const lane of lanesFrom(wanted)) {
      const exhausted = this.#exhausted(source, participant, size, lane);
      if (exhausted === undefined) return { lane };
      scope = exhausted;
    }
    return { scope };
  }

  #exhausted(source: BatchSource, participant: ParticipantNumber, size: number, lane: Lane): BusyScope | undefined {
    const { limits } = this.#options;
    if (source.type === "peer") {
      if (!this.#payers.fits(source.peer, lane, size, limits.replica)) return "peer";
      if (!this.#peersFit(size, lane)) return "pool";
    } else if (!this.#payers.fits("client", lane, size, limits.replica)) return "pool";
    return this.#participants.fits(participant, lane, size, limits.participant) ? undefined : "participant";
  }

  /** Peers together get all of the pool but the share of one replica: our own clients'. */
  #peersFit(size: number, lane: Lane): boolean {
    const { pool, replica } = this.#options.limits;
    let used: Quota = { bytes: 0, batches: 0 };
    for (const payer of this.#payers.keys()) {
      if (payer !== "client" && payer !== "requested") used = sumOf(used, this.#payers.used(payer, lane));
    }
    const ofPeers = { bytes: pool.bytes - replica.bytes, batches: pool.batches - replica.batches };
    return hasRoom(used, size, partOf(ofPeers, lane));
  }

  #makeRoom(size: number): Digest[] {
    const evicted: Digest[] = [];
    for (const oldest of this.#requested) {
      if (hasRoom(this.#payers.used("requested"), size, this.#options.limits.requested)) break;
      evicted.push(oldest);
      this.#drop(oldest);
    }
    return evicted;
  }

  #drop(digest: Digest): void {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return;
    this.#entries.delete(digest);
    this.#refund(entry);
  }

  #charge({ description: { digest, size, participant, lane }, payer }: Entry): void {
    this.#payers.add(payer, lane, size);
    if (payer === "requested") this.#requested.add(digest);
    else this.#participants.add(participant, lane, size);
    if (payer === "client") this.#own.add(digest);
  }

  #refund({ description: { digest, size, participant, lane }, payer }: Entry): void {
    this.#payers.subtract(payer, lane, size);
    if (payer === "requested") this.#requested.delete(digest);
    else this.#participants.subtract(participant, lane, size);
    if (payer === "client") this.#own.delete(digest);
  }
}

function payerOf(source: BatchSource): Payer {
  if (source.type !== "peer") return "client";
  return source.requested ? "requested" : source.peer;
}

/** Not for requested batches: the block that names one judges it by its own timestamp. */
function checkTime(header: BatchHeader, source: BatchSource, now: PoolTime): Verdict | undefined {
  // Leaders never date a block before their own clock: a client learns that now, a peer's clock may differ.
  const past = source.type === "peer" ? now.finalizedTimestamp : Math.max(now.wall, now.finalizedTimestamp);
  if (header.notAfter <= past) return rejected("expired", "notAfter lies in the past");
  if (header.notAfter <= now.wall + NOT_AFTER_WINDOW_MS) return undefined;
  return rejected("not_after_too_far", `notAfter lies more than ${NOT_AFTER_WINDOW_MS} ms ahead`);
}

const rejected = (code: RejectionCode, detail: string): Verdict => ({ type: "rejected", code, detail });

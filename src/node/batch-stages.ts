import type { Digest, View } from "../primitives/index.js";
import type { ReplicaEvent } from "../replica/index.js";

/**
 * What a client's batch passes on this node, in order:
 *
 * | stage | reached when |
 * | --- | --- |
 * | sent | verified and queued for all validators |
 * | proposed | the block that orders it is known here, and our PREPARE is on its way to the disk |
 * | voted | that PREPARE is durable, and sent |
 * | prepared | the block has its PrepareQC |
 * | committed | the block is final, and that is durable |
 * | executed | its results are computed |
 * | stored | its results are written: clients may hear "final" |
 * | answered | the answers of all that waited for it are handed to their connections |
 */
export const BATCH_STAGES = [
  ...(["sent", "proposed", "voted", "prepared"] as const),
  ...(["committed", "executed", "stored", "answered"] as const),
];

export type BatchStage = (typeof BATCH_STAGES)[number];

/** Where measured times go, in milliseconds. */
export interface StageTimes {
  /** From the stage before (from the arrival, for the first) to this one. */
  stage(stage: BatchStage, ms: number): void;
  /** From the arrival until the batch was durable here; beside the way to finality, not a part of it. */
  admitted(ms: number): void;
  /** From the arrival until it was answered. */
  whole(ms: number): void;
}

/** Batches under way whose times are kept; beyond, the oldest are forgotten. */
const BATCHES_MAX = 4_096;

interface Journey {
  readonly receivedAt: number;
  /** When the newest stage was reached, and its place in the order. */
  lastAt: number;
  reached: number;
}

/**
 * Times of the batches that clients gave to this node, stage by stage. Costs a few look-ups a batch and a block, and
 * nothing a transfer. A stage that a later one overtook (a certificate that came before the own vote was durable) is
 * left out; what it took counts for the later one.
 */
export class BatchStages {
  readonly #now: () => number;
  readonly #times: StageTimes;
  readonly #journeys = new Map<Digest, Journey>();
  /** Blocks that are not final yet, by hash, with those of their batches that are measured. */
  readonly #blocks = new Map<Digest, { readonly view: View; readonly digests: readonly Digest[] }>();

  /** @param now monotonic milliseconds, as the replica's clock has them */
  constructor(now: () => number, times: StageTimes) {
    this.#now = now;
    this.#times = times;
  }

  onReplica(event: ReplicaEvent): void {
    switch (event.type) {
      case "submitted":
        this.#submitted(event.digest, event.receivedAt);
        return;
      case "admitted": {
        const journey = this.#journeys.get(event.digest);
        if (journey !== undefined) this.#times.admitted(this.#now() - journey.receivedAt);
        return;
      }
      case "voting": {
        const digests = this.#measured(event.block.body);
        if (digests.length === 0) return;
        this.#blocks.set(event.block.hash, { view: event.block.header.view, digests });
        this.#reach("proposed", digests);
        return;
      }
      case "executed":
        this.#reach("executed", this.#measured(event.block.body));
        return;
      case "agreement":
        this.#onFact(event.fact);
        return;
      default:
    }
  }

  stored(digests: readonly Digest[]): void {
    this.#reach("stored", digests);
  }

  /** The last thing that is heard of these batches. */
  answered(digests: readonly Digest[]): void {
    const at = this.#now();
    this.#reach("answered", digests);
    for (const digest of digests) {
      const journey = this.#journeys.get(digest);
      if (journey !== undefined) this.#times.whole(at - journey.receivedAt);
      this.#journeys.delete(digest);
    }
  }

  /** It will never be ordered. */
  dropped(digest: Digest): void {
    this.#journeys.delete(digest);
  }

  #submitted(digest: Digest, receivedAt: number): void {
    if (this.#journeys.has(digest)) return;
    const [oldest] = this.#journeys.size < BATCHES_MAX ? [] : this.#journeys.keys();
    if (oldest !== undefined) this.#journeys.delete(oldest);
    this.#journeys.set(digest, { receivedAt, lastAt: receivedAt, reached: -1 });
    this.#reach("sent", [digest]);
  }

  #onFact(fact: Extract<ReplicaEvent, { type: "agreement" }>["fact"]): void {
    switch (fact.type) {
      case "proposed":
      case "prepared":
        this.#reach("voted", this.#blocks.get(fact.hash)?.digests ?? []);
        return;
      case "view-entered":
        // By the PrepareQC of the view before.
        if (fact.by !== "PREPARE") return;
        for (const { view, digests } of this.#blocks.values())
          if (view === fact.view - 1) this.#reach("prepared", digests);
        return;
      case "finalized": {
        const last = fact.blocks[fact.blocks.length - 1];
        for (const { body } of fact.blocks) this.#reach("committed", this.#measured(body));
        for (const [hash, { view }] of this.#blocks)
          if (last === undefined || view <= last.header.view) this.#blocks.delete(hash);
        return;
      }
      case "epoch-changed":
        this.#blocks.clear();
        return;
      default:
    }
  }

  #measured(body: readonly { readonly digest: Digest }[]): readonly Digest[] {
    if (this.#journeys.size === 0) return [];
    return body.filter(({ digest }) => this.#journeys.has(digest)).map(({ digest }) => digest);
  }

  #reach(stage: BatchStage, digests: readonly Digest[]): void {
    if (digests.length === 0) return;
    const at = this.#now();
    const place = BATCH_STAGES.indexOf(stage);
    for (const digest of digests) {
      const journey = this.#journeys.get(digest);
      if (journey === undefined || journey.reached >= place) continue;
      this.#times.stage(stage, at - journey.lastAt);
      journey.lastAt = at;
      journey.reached = place;
    }
  }
}

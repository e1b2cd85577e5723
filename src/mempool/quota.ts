import {
  assert,
  LANE_EIGHTHS,
  LANES,
  type Lane,
  POOL_BATCHES_MAX,
  POOL_BATCHES_PER_PARTICIPANT_MAX,
  POOL_BATCHES_PER_REPLICA_MAX,
  POOL_BYTES_MAX,
  POOL_BYTES_PER_PARTICIPANT_MAX,
  POOL_BYTES_PER_REPLICA_MAX,
  POOL_REQUESTED_BATCHES_MAX,
  POOL_REQUESTED_BYTES_MAX,
} from "../primitives/index.js";

/** An amount of held batches, or a bound of one. */
export interface Quota {
  readonly bytes: number;
  readonly batches: number;
}

/** Each is divided among the lanes (`partOf`), so that no lane takes another's room. */
export interface MempoolLimits {
  /** All unsolicited batches together. */
  readonly pool: Quota;
  /** What one replica, this one included, may admit and have the others hold. */
  readonly replica: Quota;
  /** One participant's batches, through whichever replicas they came. */
  readonly participant: Quota;
  /** Batches fetched because a block names them, beside all of the above. */
  readonly requested: Quota;
}

export const MEMPOOL_LIMITS: MempoolLimits = {
  pool: { bytes: POOL_BYTES_MAX, batches: POOL_BATCHES_MAX },
  replica: { bytes: POOL_BYTES_PER_REPLICA_MAX, batches: POOL_BATCHES_PER_REPLICA_MAX },
  participant: { bytes: POOL_BYTES_PER_PARTICIPANT_MAX, batches: POOL_BATCHES_PER_PARTICIPANT_MAX },
  requested: { bytes: POOL_REQUESTED_BYTES_MAX, batches: POOL_REQUESTED_BATCHES_MAX },
};

/** What a lane has of a bound for itself. The parts make up the whole; the rounding falls to the usual lane. */
export function partOf(bound: Quota, lane: Lane): Quota {
  if (lane !== "usual") return eighthsOf(bound, LANE_EIGHTHS[lane]);
  const [control, urgent] = [partOf(bound, "control"), partOf(bound, "urgent")];
  return {
    bytes: bound.bytes - control.bytes - urgent.bytes,
    batches: bound.batches - control.batches - urgent.batches,
  };
}

const eighthsOf = ({ bytes, batches }: Quota, eighths: number): Quota => ({
  bytes: Math.floor((bytes * eighths) / 8),
  batches: Math.floor((batches * eighths) / 8),
});

type Usage = { readonly [L in Lane]: { bytes: number; batches: number } };

/** Counts what is held against quotas, per key and lane. Holds as many keys as have something in the pool. */
export class Tally<Key> {
  readonly #used = new Map<Key, Usage>();

  /** In one lane, or in all together. */
  used(key: Key, lane?: Lane): Quota {
    const usage = this.#used.get(key);
    if (usage === undefined) return { bytes: 0, batches: 0 };
    if (lane !== undefined) return usage[lane];
    return LANES.reduce((sum, each) => sumOf(sum, usage[each]), { bytes: 0, batches: 0 });
  }

  /** Whether one batch of `size` bytes more in a lane stays within the lane's part of `limit`. */
  fits(key: Key, lane: Lane, size: number, limit: Quota): boolean {
    return hasRoom(this.used(key, lane), size, partOf(limit, lane));
  }

  add(key: Key, lane: Lane, size: number): void {
    const usage = this.#used.get(key) ?? nothing();
    this.#used.set(key, usage);
    usage[lane].bytes += size;
    usage[lane].batches += 1;
  }

  /** @throws {InvariantError} for more than was added */
  subtract(key: Key, lane: Lane, size: number): void {
    const usage = this.#used.get(key);
    const used = usage?.[lane];
    assert(used !== undefined && used.bytes >= size && used.batches >= 1, "more batches removed than were held");
    used.bytes -= size;
    used.batches -= 1;
    if (this.used(key).batches === 0) this.#used.delete(key);
  }

  keys(): IterableIterator<Key> {
    return this.#used.keys();
  }
}

/** Whether one batch of `size` bytes more stays within a limit. */
export const hasRoom = (used: Quota, size: number, limit: Quota): boolean =>
  used.bytes + size <= limit.bytes && used.batches < limit.batches;

export const sumOf = (left: Quota, right: Quota): Quota => ({
  bytes: left.bytes + right.bytes,
  batches: left.batches + right.batches,
});

const nothing = (): Usage => ({
  control: { bytes: 0, batches: 0 },
  urgent: { bytes: 0, batches: 0 },
  usual: { bytes: 0, batches: 0 },
});

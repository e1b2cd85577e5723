import {
  assert,
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

/** Counts what is held against quotas, per key. Holds as many keys as have something in the pool. */
export class Tally<Key> {
  readonly #used = new Map<Key, { bytes: number; batches: number }>();

  used(key: Key): Quota {
    return this.#used.get(key) ?? { bytes: 0, batches: 0 };
  }

  /** Whether one batch of `size` bytes more stays within `limit`. */
  fits(key: Key, size: number, limit: Quota): boolean {
    const { bytes, batches } = this.used(key);
    return bytes + size <= limit.bytes && batches < limit.batches;
  }

  add(key: Key, size: number): void {
    const used = this.#used.get(key);
    if (used === undefined) this.#used.set(key, { bytes: size, batches: 1 });
    else {
      used.bytes += size;
      used.batches += 1;
    }
  }

  /** @throws {InvariantError} for more than was added */
  subtract(key: Key, size: number): void {
    const used = this.#used.get(key);
    assert(used !== undefined && used.bytes >= size && used.batches >= 1, "more batches removed than were held");
    used.bytes -= size;
    used.batches -= 1;
    if (used.batches === 0) this.#used.delete(key);
  }

  entries(): IterableIterator<[Key, Quota]> {
    return this.#used.entries();
  }
}

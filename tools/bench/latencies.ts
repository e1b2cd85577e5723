/** Buckets grow by 2 %, from 1 µs to over an hour: a quantile is right to 1 %, whatever the number of samples. */
const GROWTH = Math.log(1.02);
const LEAST_MS = 0.001;
const BUCKETS = 1_150;

/** Milliseconds, counted in buckets: millions of them cost nothing. */
export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;
  #max = 0;

  get count(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  add(ms: number): void {
    const place = ms <= LEAST_MS ? 0 : Math.floor(Math.log(ms / LEAST_MS) / GROWTH);
    const bucket = Math.min(place, BUCKETS - 1);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#total += 1;
    this.#max = Math.max(this.#max, ms);
  }

  /** 0 without samples. */
  quantile(share: number): number {
    if (this.#total === 0) return 0;
    const wanted = Math.min(this.#total - 1, Math.floor(share * this.#total));
    let passed = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      passed += this.#counts[bucket] as number;
      // Never above what was seen: the middle of the last bucket may be.
      if (passed > wanted) return Math.min(this.#max, LEAST_MS * Math.exp((bucket + 0.5) * GROWTH));
    }
    return this.#max;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }
}

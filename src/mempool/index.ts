/** Batches on their way into a block: admission, bounds, quotas, lanes. */
export { laneOf } from "./lanes.js";
export { Mempool, type MempoolOptions, type PoolTime } from "./mempool.js";
export { MEMPOOL_LIMITS, type MempoolLimits, type Quota } from "./quota.js";
export * from "./verdict.js";

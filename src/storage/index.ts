/** The replica's store on a disk: LevelDB beside append-only logs (docs/adr/0002-batch-log.md). */
export { StoreError, type StoreFault } from "./fault.js";
export type { NodeStore, StoreCounters } from "./node-store.js";
export { type OpenStoreOptions, openStore } from "./open.js";
export {
  type StoreCounts,
  type StoreProgress,
  type StoreReport,
  type StoreReportFault,
  verifyOpened,
  verifyStore,
} from "./verify.js";

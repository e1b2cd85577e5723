export type { Batch, FullAccount, FullAction, FullTransfer } from "./batches.js";
export type { Outcome } from "./books.js";
export { ReferenceLedger } from "./reference-ledger.js";

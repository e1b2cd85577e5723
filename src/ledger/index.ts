/** Money: a deterministic state machine over finalised batches (ledger.md). */
export type * from "./contract.js";

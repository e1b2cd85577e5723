/** Drives the pure cores; the same code in production and in simulation. */

export { StoreGapError } from "./block-reader.js";
export type * from "./comparison.js";
export * from "./governance.js";
export type * from "./ports.js";
export * from "./queries.js";
export type * from "./read-model.js";
export * from "./replica.js";
export { decodeStored } from "./serving.js";
export type * from "./settlements.js";
export type * from "./view.js";
export type * from "./waiting.js";

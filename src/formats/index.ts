/** Pure shapes on the wire, on disk and in proofs, and their verification. */
export * from "./account-entry.js";
export * from "./batch.js";
export * from "./block.js";
export * from "./canonical-json.js";
export * from "./certificate.js";
export * from "./counted-tree.js";
export * from "./fork-proof.js";
export * from "./genesis.js";
export * as shape from "./json-shape.js";
export * from "./money.js";
export * from "./outcome.js";
export * from "./receipt.js";
export * from "./records.js";
export * from "./result-codes.js";
export * from "./results.js";
export * from "./results-tree.js";
export * from "./state-proof.js";
export * from "./verify.js";

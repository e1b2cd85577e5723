/** Vocabulary of the whole system: branded numbers, canonical bytes, bounds, assertions. */
export * from "./assert.js";
export * from "./bytes.js";
export * from "./lane.js";
export * from "./limits.js";
export * from "./names.js";
export * from "./reader.js";
export * from "./writer.js";

/** Agreement: chained PBFT with skip certificates (docs/protocol.md). */
export * from "./events.js";
export * from "./messages.js";
export * from "./pacemaker.js";
export * from "./record.js";
export * from "./state.js";
export * from "./step.js";
export { contradicted, isKnown } from "./tallies.js";

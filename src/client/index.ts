/** `sabha/client`: typed client of a node's JSON-RPC. */
export * from "./errors.js";
export * from "./sabha-client.js";
export * from "./transfer-id.js";
export type * from "./types.js";

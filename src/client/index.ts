/** `sabha/client`: typed client of a node's JSON-RPC. */
export * from "./bisect.js";
export * from "./errors.js";
export * from "./fork-finder.js";
export * from "./governance.js";
export type { BatchSigner, ClientKey } from "./local-signing.js";
export * from "./sabha-client.js";
export type * from "./settlement-types.js";
export * from "./transfer-id.js";
export type * from "./types.js";

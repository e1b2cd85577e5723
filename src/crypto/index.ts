/** Cryptography with native code, for nodes and tools. */
export type * from "./interface.js";

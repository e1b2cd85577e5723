/** Agreement: chained PBFT with skip certificates (consensus.md). */
export * from "./record.js";

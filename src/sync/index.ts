/** Catching up with the others: what to ask whom, and whether an answer may be believed. */
export * from "./range-sync.js";

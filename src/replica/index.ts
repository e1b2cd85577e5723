/** Drives the pure cores; the same code in production and in simulation. */
export type * from "./ports.js";
export type * from "./view.js";

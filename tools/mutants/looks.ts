import type { Look } from "./mutation.js";

/** Drawn faults, four validators. */
export const SWARM: readonly Look[] = [{ swarm: 4, seeds: 100 }];

/** A named history first, which gets there soon. */
export const scenario = (name: string, seeds = 20): readonly Look[] => [{ scenario: name, seeds }];

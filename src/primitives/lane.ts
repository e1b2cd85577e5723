/**
 * Order of service inside a replica, first to last (docs/operations.md, urgent payments). Local policy: no replica
 * judges another's block by it.
 */
export const LANES = ["control", "urgent", "usual"] as const;
export type Lane = (typeof LANES)[number];

/**
 * What each lane has for itself of every bound on pending batches and of every block, in eighths. A lane that needs more
 * gets it where the others leave it; so none can be starved by another.
 */
export const LANE_EIGHTHS: { readonly [L in Lane]: number } = { control: 1, urgent: 3, usual: 4 };

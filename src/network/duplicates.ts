/** One connection between two peers, as both of them can see it. */
export interface ConnectionTraits {
  /** Whether the peer with the lower id dialled it. */
  readonly byLower: boolean;
}

/**
 * Younger than this, a connection may have been dialled at the same time as the one it competes with.
 * Nobody dials while it believes that it is connected.
 */
export const SIMULTANEOUS_MS = 3_000;

/**
 * Which of two connections to one peer stays. The lower id's dial wins, so that simultaneous dials end the
 * same way at both ends. A dial by the higher id against an established connection means that the other end
 * has lost it, for example through a restart that we have not noticed, so the new one replaces it.
 */
export function keepOrReplace(
  current: ConnectionTraits & { readonly ageMs: number },
  candidate: ConnectionTraits & { readonly dialledByUs: boolean },
): "keep" | "replace" {
  if (candidate.byLower || !current.byLower) return "replace";
  // We dialled while a connection came in: ours was not needed.
  if (candidate.dialledByUs) return "keep";
  return current.ageMs > SIMULTANEOUS_MS ? "replace" : "keep";
}

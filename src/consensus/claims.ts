import type { Claim } from "../formats/index.js";
import type { Block } from "./events.js";
import type { AgreementState, Step } from "./state.js";
import { sameRoots } from "./validity.js";

/**
 * Compares a certified header's claim with what we executed (SAFE-8). q validators certified it, f+1
 * honest ones among them executed it: if ours differs, we are wrong, and stop voting.
 */
export function compareClaim(step: Step, claim: Claim): void {
  const { state } = step;
  if (claim.height > state.executedHeight) {
    state.certifiedClaims.set(claim.height, claim);
    return;
  }
  const own = state.ownClaims.get(claim.height);
  if (own === undefined || state.diverged) return;
  if (sameRoots(own, claim)) {
    if (claim.height > state.agreedHeight) state.agreedHeight = claim.height;
    return;
  }
  state.diverged = true;
  const conflict = { agreedHeight: state.agreedHeight, certified: claim, own };
  step.out.push({ type: "persist-divergence", divergence: conflict });
  step.out.push({ type: "observe", fact: { type: "diverged", conflict } });
}

/** Our own results grew by one block. */
export function recordExecution(step: Step, own: Claim): void {
  const { state } = step;
  state.executedHeight = own.height;
  state.ownClaims.set(own.height, own);
  const certified = state.certifiedClaims.get(own.height);
  state.certifiedClaims.delete(own.height);
  if (certified !== undefined) compareClaim(step, certified);
}

/** Forgets our claims below the head's: every claim still to come is at or above it. */
export function pruneClaims(state: AgreementState): void {
  for (const height of state.ownClaims.keys()) {
    if (height < state.head.executed.height && height < state.executedHeight) state.ownClaims.delete(height);
  }
}

/**
 * A voting filter (SAFE-8): a fresh claim needs our own execution of that height, with equal roots.
 *
 * @returns "wait" while we have not executed so far
 */
export function freshClaimVerdict(state: AgreementState, block: Block, parentClaim: Claim): "vote" | "wait" | "refuse" {
  const claim = block.header.executed;
  if (claim.height === parentClaim.height) return "vote";
  if (claim.height > state.executedHeight) return "wait";
  const own = state.ownClaims.get(claim.height);
  return own !== undefined && sameRoots(own, claim) ? "vote" : "refuse";
}

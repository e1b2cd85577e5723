import { type VoteSubject } from "../formats/index.js";
import { type ValidatorIndex, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX, type View } from "../primitives/index.js";
import type { Vote } from "./events.js";
import type { AgreementState, Step, Tally } from "./state.js";

/** Views for which votes and proposals are kept: max(F+1, cur−B) … cur+W (SAFE-9: bounded memory). */
export const isWithinWindow = (state: AgreementState, view: View): boolean =>
  view > state.head.view && view >= state.current - VIEWS_BEHIND_MAX && view <= state.current + VIEWS_AHEAD_MAX;

export function pruneTallies(state: AgreementState): void {
  for (const view of state.tallies.keys()) if (!isWithinWindow(state, view)) state.tallies.delete(view);
}

function tallyAt(state: AgreementState, view: View): Tally {
  let tally = state.tallies.get(view);
  if (tally === undefined) {
    tally = {
      votes: { PREPARE: new Map(), COMMIT: new Map(), TIMEOUT: new Map() },
      checking: new Set(),
      accused: new Set(),
    };
    state.tallies.set(view, tally);
  }
  return tally;
}

const NOBODY: ReadonlyMap<ValidatorIndex, Vote> = new Map();

/** Who asked to leave a view. */
export const timeoutSenders = (state: AgreementState, view: View): ReadonlyMap<ValidatorIndex, Vote> =>
  state.tallies.get(view)?.votes.TIMEOUT ?? NOBODY;

/**
 * Votes of the same signer and view that an honest validator could not have cast beside this one: another block, or
 * COMMIT and TIMEOUT (SAFE-10). None once the signer is accused. What is held was not verified when it came: whoever
 * checks signatures asks this first and has what does not verify dropped (event `votes-checked`), so that a vote made to
 * be worthless cannot stand in the way of two that convict. Each held vote is checked once at the most: it goes or it
 * convicts.
 */
export function contradicted(state: AgreementState, vote: VoteSubject & { readonly signer: ValidatorIndex }): Vote[] {
  const tally = state.tallies.get(vote.view);
  if (tally === undefined || vote.epoch !== state.setting.set.epoch || tally.accused.has(vote.signer)) return [];
  const found: Vote[] = [];
  for (const kind of ["PREPARE", "COMMIT", "TIMEOUT"] as const) {
    const held = tally.votes[kind].get(vote.signer);
    if (held !== undefined && excludes(held, vote)) found.push(held);
  }
  return found;
}

/** One block per view for PREPARE and COMMIT together, and never COMMIT with TIMEOUT (SAFE-3). */
function excludes(held: VoteSubject, vote: VoteSubject): boolean {
  if (held.kind === "TIMEOUT" || vote.kind === "TIMEOUT") return held.kind === "COMMIT" || vote.kind === "COMMIT";
  return held.hash !== vote.hash;
}

/**
 * Counts the first vote of each signer, view and kind; one that excludes an earlier one is evidence
 * (SAFE-10). At a quorum of equal votes asks for their check.
 */
export function count(step: Step, vote: Vote): void {
  const { state } = step;
  if (!isWithinWindow(state, vote.view)) return;
  const tally = tallyAt(state, vote.view);
  const [first] = contradicted(state, vote);
  if (first !== undefined) {
    tally.accused.add(vote.signer);
    step.out.push({ type: "accuse", first, second: vote });
  }
  const votes = tally.votes[vote.kind];
  if (votes.has(vote.signer)) return;
  votes.set(vote.signer, vote);
  checkQuorum(step, vote);
}

/** Asks for one aggregate check when q equal votes are here and no certificate is. */
export function checkQuorum(step: Step, subject: VoteSubject): void {
  const { state, out } = step;
  const tally = state.tallies.get(subject.view);
  if (tally === undefined) return;
  const key = `${subject.kind}:${subject.hash}`;
  const slot = state.certificates.get(subject.view);
  if (tally.checking.has(key) || isKnown(state, subject)) return;
  if (subject.kind === "COMMIT" && slot?.prepare?.hash !== subject.hash) return;
  const equal: Vote[] = [];
  for (const vote of tally.votes[subject.kind].values()) if (vote.hash === subject.hash) equal.push(vote);
  if (equal.length < state.setting.quorum) return;
  tally.checking.add(key);
  const { kind, epoch, view, hash } = subject;
  const votes = equal.map(({ signer, signature }) => ({ signer, signature }));
  out.push({ type: "check-votes", subject: { kind, epoch, view, hash }, votes });
}

/**
 * Whether a certificate about this subject is here, or would be too old to matter, so that nobody need
 * verify another. A COMMIT is known only by its block: one on another block of the same view would be
 * proof of a fork, and has to be checked before anybody believes that.
 */
export function isKnown(state: AgreementState, subject: VoteSubject): boolean {
  const { head } = state;
  if (subject.epoch !== state.setting.set.epoch || subject.view < head.view) return true;
  if (subject.view === head.view) return subject.kind !== "COMMIT" || subject.hash === head.hash;
  const slot = state.certificates.get(subject.view);
  switch (subject.kind) {
    case "PREPARE":
      return slot?.prepare !== undefined;
    case "COMMIT":
      return slot?.commit?.commit.hash === subject.hash;
    case "TIMEOUT":
      return slot?.timeout !== undefined;
  }
}

/** Ends a check: drops votes that did not verify; without them, the rest may still be a quorum. */
export function endCheck(step: Step, subject: VoteSubject, bad: readonly ValidatorIndex[]): void {
  const tally = step.state.tallies.get(subject.view);
  if (tally === undefined) return;
  tally.checking.delete(`${subject.kind}:${subject.hash}`);
  for (const signer of bad) tally.votes[subject.kind].delete(signer);
}

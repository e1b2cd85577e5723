import type { ValidatorIndex } from "../primitives/index.js";
import { EXECUTION_LAG_MAX, ZERO_DIGEST } from "../primitives/index.js";
import { bestParent, orderedOn, type Parent } from "./branch.js";
import type { Block, Fact } from "./events.js";
import { cast, mayVote } from "./signer.js";
import { type AgreementState, leaderOf, type Step } from "./state.js";
import { isClosingDue } from "./succession.js";

/** Ticks of silence after which a validator counts as away. */
const AWAY_TICKS = 3;

/**
 * T(v) = min(cap, T0 · 1.5^max(0, v − F − 2)): only finality resets the exponent (PACE-1).
 *
 * @returns milliseconds in [minMs, capMs]
 */
export function viewTimeoutMs(state: AgreementState): number {
  const { timing } = state.setting;
  const failed = Math.max(0, state.current - state.head.view - 2);
  return Math.min(timing.capMs, firstTimeoutMs(state) * 1.5 ** Math.min(failed, 64));
}

/** T0 = clamp(1.5 · (mean + 4 · deviation), min, max), from arming to PrepareQC (PACE-2). */
export function firstTimeoutMs(state: AgreementState): number {
  const { timing } = state.setting;
  const { pace } = state;
  if (!pace.measured) return timing.firstMs;
  return Math.min(timing.maxMs, Math.max(timing.minMs, 1.5 * (pace.meanMs + 4 * pace.deviationMs)));
}

/** Takes the time from arming to this view's PrepareQC into account. */
export function sampleView(step: Step): void {
  const { pace } = step.state;
  if (pace.armedAt === undefined) return;
  const sample = step.at - pace.armedAt;
  if (!pace.measured) {
    pace.measured = true;
    pace.meanMs = sample;
    pace.deviationMs = sample / 2;
    return;
  }
  pace.deviationMs += (Math.abs(sample - pace.meanMs) - pace.deviationMs) / 4;
  pace.meanMs += (sample - pace.meanMs) / 8;
}

/**
 * Whether anything is left to agree about (PACE-4): without work no timer runs and nobody proposes.
 */
export function hasWork(step: Step): boolean {
  const { state } = step;
  const search = bestParent(state);
  if (search.type !== "parent") return true;
  return hasWorkOn(step, search.parent);
}

export function hasWorkOn(step: Step, parent: Parent): boolean {
  const { state } = step;
  const executed = state.executedHeight;
  const lag = parent.height + 1 - Math.max(executed, parent.executed.height);
  if (lag <= EXECUTION_LAG_MAX && hasNewBatch(state, parent)) return true;
  if (parent.branch.some((block) => block.body.length > 0 || endsEpoch(block) || meetsDeadline(state, block)))
    return true;
  if (isClosingDue(state) || resultsDue(state, parent)) return true;
  if (deadlineDue(step, parent)) return true;
  return heartbeatDue(step);
}

/** Results that the branch does not claim yet, or claims that are not final yet. */
function resultsDue(state: AgreementState, parent: Parent): boolean {
  let eventful = state.lastEventfulHeight;
  for (const block of parent.branch)
    if (block.body.length > 0) eventful = Math.max(eventful, block.header.height) as typeof eventful;
  const claimed = parent.executed.height;
  if (claimed < eventful && state.executedHeight > claimed) return true;
  return state.head.executed.height < eventful && claimed > state.head.executed.height;
}

const endsEpoch = (block: Block): boolean => block.header.type !== "NORMAL";

/** Executing the block will do what the ledger's next deadline asks for, so that it has to become final. */
const meetsDeadline = ({ nextDeadline }: AgreementState, block: Block): boolean =>
  nextDeadline !== undefined && block.header.timestamp >= nextDeadline;

/** A deadline of the ledger has passed, and no block still to be executed takes care of it. */
export function deadlineDue(step: Step, parent: Parent): boolean {
  const { nextDeadline, executedHeight } = step.state;
  if (nextDeadline === undefined || step.wall < nextDeadline) return false;
  return parent.height <= executedHeight || parent.timestamp < nextDeadline;
}

export const heartbeatDue = (step: Step): boolean =>
  step.at - step.state.pace.lastBlockAt >= step.state.setting.timing.maxIdleMs;

function hasNewBatch(state: AgreementState, parent: Parent): boolean {
  if (state.held.size === 0) return false;
  const onBranch = orderedOn(parent.branch);
  for (const batch of state.held.values()) {
    if (!onBranch.has(batch.digest) && batch.notAfter > parent.timestamp) return true;
  }
  return false;
}

/** Starts the view's timers once, if there is work; a leader known to be away is left at once (PACE-5). */
export function arm(step: Step): void {
  const { state } = step;
  if (state.pace.armedAt !== undefined || !mayVote(state) || !hasWork(step)) return;
  state.pace.armedAt = step.at;
  if (isInactive(step, leaderOf(state.setting, state.current))) leaveView(step, "leader-inactive");
  const timeoutMs = viewTimeoutMs(state);
  const subject = { epoch: state.setting.set.epoch, view: state.current };
  step.out.push({ type: "arm-timer", timer: { kind: "no-proposal", ...subject, afterMs: (timeoutMs * 2) / 3 } });
  step.out.push({ type: "arm-timer", timer: { kind: "view", ...subject, afterMs: timeoutMs } });
}

/** Nothing heard from it for three ticks, while a quorum (ourselves included) was heard. */
function isInactive(step: Step, validator: ValidatorIndex): boolean {
  const { self, quorum } = step.state.setting;
  if (validator === self || !isAway(step, validator)) return false;
  return awayValidators(step).length <= step.state.setting.n - quorum;
}

const isAway = (step: Step, validator: ValidatorIndex): boolean =>
  step.at - (step.state.heard[validator] as number) > AWAY_TICKS * step.state.setting.timing.tickMs;

/** Validators from which nothing was heard for three ticks. */
export function awayValidators(step: Pick<Step, "state" | "at">): ValidatorIndex[] {
  const { heard, setting } = step.state;
  const away: ValidatorIndex[] = [];
  heard.forEach((at, index) => {
    if (index !== setting.self && step.at - at > AWAY_TICKS * setting.timing.tickMs) away.push(index as ValidatorIndex);
  });
  return away;
}

/** Votes to leave the current view (doTimeout). */
export function leaveView(step: Step, reason: Extract<Fact, { type: "timed-out" }>["reason"]): void {
  const { state } = step;
  const subject = { kind: "TIMEOUT", epoch: state.setting.set.epoch, view: state.current, hash: ZERO_DIGEST } as const;
  if (cast(step, subject)) step.out.push({ type: "observe", fact: { type: "timed-out", view: state.current, reason } });
}

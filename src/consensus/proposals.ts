import { sha256 } from "../crypto/index.js";
import {
  type BatchReference,
  type Body,
  batchesRoot,
  blockHash,
  type Claim,
  encodeHeader,
  type Header,
  signersOf,
} from "../formats/index.js";
import { assert, EXECUTION_LAG_MAX, height, NOT_AFTER_WINDOW_MS, type ValidatorIndex } from "../primitives/index.js";
import { bestParent, branchTo, orderedOn, type Parent } from "./branch.js";
import { freshClaimVerdict } from "./claims.js";
import type { BatchInfo, Block } from "./events.js";
import { deadlineDue, hasWorkOn, heartbeatDue, leaveView, viewTimeoutMs } from "./pacemaker.js";
import { selectBatches } from "./selection.js";
import { allows, cast, mayVote } from "./signer.js";
import { type AgreementState, type Candidate, leaderOf, type Step, viewOfRecord } from "./state.js";
import { closingOf, closingVerdict, decisionUnder } from "./succession.js";
import {
  batchesFault,
  headAsParent,
  headerFault,
  justificationFault,
  type ParentView,
  repetitionFault,
} from "./validity.js";

/** How far ahead of our clock a block's timestamp may be, and how far behind on arrival at the least. */
const CLOCK_AHEAD_MS = 500;
const CLOCK_BEHIND_MS = 2_000;
/** A client that pays one by one has sent its next payment by then, and it needs no block of its own after the claim. */
const CLAIM_LINGER_MS = 20;

/** Proposes in the current view if that is our turn and there is something to say (PACE-6). */
export function tryPropose(step: Step): void {
  const { state } = step;
  const { setting } = state;
  if (leaderOf(setting, state.current) !== setting.self || !mayVote(state) || state.stopping) return;
  if (viewOfRecord(state) >= state.current) return;
  const search = bestParent(state);
  if (search.type !== "parent") {
    if (search.type === "gap") step.out.push({ type: "fetch-certificates", first: search.view, last: search.view });
    if (search.type === "missing") step.out.push({ type: "fetch-blocks", hash: search.hash, from: search.from });
    return;
  }
  const { parent } = search;
  if (!hasWorkOn(step, parent)) return;
  const timestamp = Math.max(Math.floor(step.wall), parent.timestamp + 1);
  const isDrain = parent.type !== "NORMAL";
  const claim = isDrain ? parent.executed : newestClaim(state, parent);
  const isFull = isDrain || parent.height + 1 - claim.height > EXECUTION_LAG_MAX;
  const body = isFull ? [] : selectBatches(candidates(state, parent, timestamp));
  const isEnding = isDrain || decisionUnder(state, claim.height) !== undefined;
  if (body.length === 0 && !isEnding && !heartbeatDue(step) && !deadlineDue(step, parent)) {
    const isDue = isClaimDue(state, parent, claim);
    // Where the lag alone keeps batches out, every claim that is due makes room for some.
    if (!(isDue && isFull) && waitsForBatches(step, isDue)) return;
  }
  propose(step, makeBlock(state, { parent, timestamp, claim, body }), parent);
}

/**
 * Whether an empty block still waits for something to carry (PACE-6): a third of the view's time, or a moment where its
 * claim is what somebody waits for. Arms the timer that ends the wait.
 */
function waitsForBatches({ state, out, at }: Step, isDue: boolean): boolean {
  const { pace, setting } = state;
  const thirdMs = viewTimeoutMs(state) / 3;
  const endsAt = isDue
    ? Math.max(pace.enteredAt, pace.executedAt) + Math.min(CLAIM_LINGER_MS, thirdMs)
    : pace.enteredAt + thirdMs;
  if (at >= endsAt) return false;
  if (pace.fillAt !== undefined && pace.fillAt <= endsAt) return true;
  pace.fillAt = endsAt;
  out.push({
    type: "arm-timer",
    timer: { kind: "fill", epoch: setting.set.epoch, view: state.current, afterMs: endsAt - at },
  });
  return true;
}

/** Whether the claim is the first to cover the last results that anyone waits for. */
const isClaimDue = (state: AgreementState, parent: Parent, claim: Claim): boolean =>
  parent.executed.height < state.lastEventfulHeight && claim.height >= state.lastEventfulHeight;

function newestClaim(state: AgreementState, parent: Parent): Claim {
  if (state.executedHeight <= parent.executed.height) return parent.executed;
  const own = state.ownClaims.get(state.executedHeight);
  assert(own !== undefined, "our newest claim is kept");
  return own;
}

/** Of what is held, in the order in which it came: what is neither on the branch nor out of time. */
function* candidates(state: AgreementState, parent: Parent, timestamp: number): Generator<BatchInfo> {
  const onBranch = orderedOn(parent.branch);
  for (const batch of state.held.values()) {
    const { digest, notAfter } = batch;
    if (!onBranch.has(digest) && notAfter >= timestamp && notAfter <= timestamp + NOT_AFTER_WINDOW_MS) yield batch;
  }
}

function makeBlock(
  state: AgreementState,
  content: { readonly parent: Parent; readonly timestamp: number; readonly claim: Claim; readonly body: Body },
): Block {
  const { parent, body } = content;
  const { setting } = state;
  const header: Header = {
    version: 1,
    chainId: setting.chainId,
    epoch: setting.set.epoch,
    view: state.current,
    height: height(parent.height + 1),
    parentHash: parent.hash,
    parentView: parent.view,
    parentCertificate: parent.certificate,
    skips: parent.skips,
    timestamp: content.timestamp,
    proposer: setting.self as ValidatorIndex,
    batchesRoot: batchesRoot(sha256, body),
    executed: content.claim,
    valsetHash: setting.set.hash,
    ...typeOf(state, parent, content.claim),
  };
  return { hash: blockHash(sha256, encodeHeader(header)), header, body };
}

/** Type and what belongs to it, as the claim and the parent demand (EPOCH-2, EPOCH-3). */
function typeOf(state: AgreementState, parent: Parent, claim: Claim): Pick<Header, "type" | "nextSet" | "closing"> {
  const closing = closingOf(parent);
  if (parent.nextSet !== undefined && closing !== undefined) return { type: "DRAIN", nextSet: parent.nextSet, closing };
  const decision = decisionUnder(state, claim.height);
  return decision === undefined ? { type: "NORMAL" } : { type: "CLOSING", nextSet: decision.validators };
}

/** A block that we would refuse from another leader is a mistake of ours: the turn is given up instead (SAFE-6). */
function propose(step: Step, block: Block, parent: Parent): void {
  const { state, out } = step;
  const { epoch, view, height, proposer } = block.header;
  const reason = ownFault(state, block, parent);
  if (reason !== undefined) {
    out.push({ type: "observe", fact: { type: "proposal-refused", proposer, view, reason } });
    leaveView(step, "cannot-propose");
    return;
  }
  state.blocks.set(block.hash, block);
  state.candidates.set(view, { block, arrivedWall: step.wall, refused: false });
  if (!cast(step, { kind: "PREPARE", epoch, view, hash: block.hash }, block)) return;
  out.push({ type: "observe", fact: { type: "proposed", hash: block.hash, height, batches: block.body.length } });
}

function ownFault(state: AgreementState, block: Block, parent: Parent): string | undefined {
  const batches = heldBatches(state, block);
  return (
    justificationFault(block, state.anchor) ??
    headerFault(state, block, parent) ??
    repetitionFault(state, block, parent.branch) ??
    (batches.type === "held" ? batchesFault(block, batches.batches) : "a batch is not held")
  );
}

/** Votes PREPARE for the current view's candidate once everything about it is known and right (SAFE-6 … SAFE-8). */
export function tryPrepare(step: Step): void {
  const { state } = step;
  const candidate = state.candidates.get(state.current);
  if (candidate === undefined || candidate.refused || !mayVote(state)) return;
  const { block } = candidate;
  const { epoch, view, height, proposer } = block.header;
  const subject = { kind: "PREPARE", epoch, view, hash: block.hash } as const;
  if (!allows(state.record, subject)) return;
  const verdict = judge(step, candidate);
  if (verdict.type === "refuse") {
    candidate.refused = true;
    step.out.push({ type: "observe", fact: { type: "proposal-refused", proposer, view, reason: verdict.reason } });
    return;
  }
  if (verdict.type === "wait") return;
  state.blocks.set(block.hash, block);
  if (cast(step, subject, block)) {
    step.out.push({ type: "observe", fact: { type: "prepared", hash: block.hash, height } });
  }
}

type Verdict =
  | { readonly type: "vote" }
  | { readonly type: "wait" }
  | { readonly type: "refuse"; readonly reason: string };
const WAIT: Verdict = { type: "wait" };

function judge(step: Step, candidate: Candidate): Verdict {
  const { state, out } = step;
  const { block } = candidate;
  const { header } = block;
  const unjustified = justificationFault(block, state.anchor);
  if (unjustified !== undefined) return { type: "refuse", reason: unjustified };
  if (header.parentView < state.head.view) return { type: "refuse", reason: "it forks before the finalised head" };
  if (header.parentView === state.head.view && header.parentHash !== state.head.hash) {
    return { type: "refuse", reason: "its parent is not the finalised head" };
  }
  const walk = branchTo(state, header.parentHash);
  if (walk.type === "conflict") return { type: "refuse", reason: "it forks before the finalised head" };
  if (walk.type === "missing") {
    const signers = header.parentCertificate === undefined ? [] : signersOf(header.parentCertificate.signers);
    out.push({ type: "fetch-blocks", hash: walk.hash, from: signers as ValidatorIndex[] });
    return WAIT;
  }
  const last = walk.blocks[walk.blocks.length - 1];
  const parent: ParentView = last === undefined ? headAsParent(state.head) : { ...last.header, hash: last.hash };
  const fault = headerFault(state, block, parent) ?? repetitionFault(state, block, walk.blocks);
  if (fault !== undefined) return { type: "refuse", reason: fault };
  const batches = heldBatches(state, block);
  if (batches.type === "missing") {
    out.push({ type: "fetch-batches", batches: batches.missing, from: [header.proposer] });
    return WAIT;
  }
  const unfit = batchesFault(block, batches.batches);
  if (unfit !== undefined) return { type: "refuse", reason: unfit };
  return filter(step, candidate, parent);
}

/** Voting filters: they delay or withhold a PREPARE and are no part of validity. */
function filter(step: Step, candidate: Candidate, parent: ParentView): Verdict {
  const { state } = step;
  const { block, arrivedWall } = candidate;
  const { timestamp, executed, proposer } = block.header;
  const behindMs = Math.max(CLOCK_BEHIND_MS, viewTimeoutMs(state));
  if (timestamp < arrivedWall - behindMs) return { type: "refuse", reason: "its timestamp is too far in the past" };
  if (timestamp > step.wall + CLOCK_AHEAD_MS) return WAIT;
  const claim = freshClaimVerdict(state, block, parent.executed);
  if (claim === "wait") return WAIT;
  if (claim === "vote") {
    if (closingVerdict(state, block.header) === "vote") return { type: "vote" };
    return { type: "refuse", reason: "it ends the epoch, or goes on with it, against what its claim covers" };
  }
  noteRefusedClaim(step, executed, proposer);
  return { type: "refuse", reason: "it claims other results than ours" };
}

/** f+1 leaders with the same roots against ours: executions have split, and a person has to look. */
function noteRefusedClaim(step: Step, claim: Claim, leader: ValidatorIndex): void {
  const { state } = step;
  const key = `${claim.height}:${claim.resultsRoot}:${claim.stateRoot}`;
  const leaders = state.refusedClaims.get(key) ?? new Set<ValidatorIndex>();
  if (!state.refusedClaims.has(key) && state.refusedClaims.size >= 2 * state.setting.n) state.refusedClaims.clear();
  state.refusedClaims.set(key, leaders.add(leader));
  if (leaders.size > state.setting.faults) {
    step.out.push({ type: "observe", fact: { type: "split-execution", claim, leaders: [...leaders] } });
  }
}

type HeldBatches =
  | { readonly type: "held"; readonly batches: readonly BatchInfo[] }
  | { readonly type: "missing"; readonly missing: Body };

function heldBatches(state: AgreementState, block: Block): HeldBatches {
  const batches: BatchInfo[] = [];
  const missing: BatchReference[] = [];
  for (const reference of block.body) {
    const batch = state.held.get(reference.digest);
    if (batch === undefined) missing.push(reference);
    else batches.push(batch);
  }
  return missing.length > 0 ? { type: "missing", missing } : { type: "held", batches };
}

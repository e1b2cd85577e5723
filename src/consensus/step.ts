import { type Certificate, signersOf, type VoteSubject } from "../formats/index.js";
import {
  assert,
  type Epoch,
  FETCH_CERTIFICATES_MAX,
  unreachable,
  type ValidatorIndex,
  type View,
} from "../primitives/index.js";
import { bestParent } from "./branch.js";
import { recordExecution } from "./claims.js";
import type { AgreementMessage, Effect, Event, Proposal, SelfProving, Status, Timer, Vote } from "./events.js";
import { arm, hasWork, leaveView } from "./pacemaker.js";
import {
  advance,
  finalize,
  joinTimeout,
  onBlocks,
  onCertificate,
  onCommitProof,
  onEpochClose,
  recast,
} from "./progress.js";
import { tryPrepare, tryPropose } from "./proposals.js";
import { endsSilence, recordedVotes } from "./signer.js";
import { type AgreementState, leaderOf, type Step, viewOfRecord } from "./state.js";
import { compareSuccession } from "./succession.js";
import { checkQuorum, count, endCheck, isWithinWindow } from "./tallies.js";

/** The two clocks of an event: monotonic and UTC milliseconds. */
export interface Time {
  readonly at: number;
  readonly wall: number;
}

/**
 * Sole entry to the core. Synchronous; never throws because of a peer. Effects are to be performed in
 * order, each `persist…` durable before the next.
 */
export function step(state: AgreementState, event: Event, time: Time): Effect[] {
  const context: Step = { state, out: [], ...time };
  dispatch(context, event);
  assertInvariants(state);
  return context.out;
}

function dispatch(context: Step, event: Event): void {
  const { state } = context;
  switch (event.type) {
    case "started":
      onStarted(context);
      return;
    case "received":
      state.heard[event.from] = context.at;
      onMessage(context, event.from, event.message);
      if (endsSilence(state, event.from)) advance(context);
      return;
    case "learned":
      onProof(context, event.message);
      return;
    case "timer-fired":
      onTimer(context, event.timer);
      return;
    case "tick":
      onTick(context);
      return;
    case "signed":
      onSigned(context, event.subject, event.signature);
      return;
    case "votes-checked":
      onVotesChecked(context, event);
      return;
    case "batch-held":
      if (state.ordered.has(event.batch.digest)) return;
      state.held.set(event.batch.digest, event.batch);
      tryPropose(context);
      arm(context);
      tryPrepare(context);
      return;
    case "batch-dropped":
      state.held.delete(event.digest);
      return;
    case "blocks-fetched":
      onBlocks(context, event.blocks, event.proof);
      return;
    case "certificates-fetched":
      for (const certificate of event.certificates) onCertificate(context, certificate);
      advance(context);
      return;
    case "executed":
      recordExecution(context, event.claim);
      state.nextDeadline = event.nextDeadline;
      if (event.succession !== undefined) state.succession = event.succession;
      compareSuccession(context);
      if (event.eventful) state.pace.executedAt = context.at;
      if (event.eventful && event.claim.height > state.lastEventfulHeight)
        state.lastEventfulHeight = event.claim.height;
      advance(context);
      return;
    case "stopping":
      state.stopping = true;
      if (leaderOf(state.setting, state.current) === state.setting.self) leaveView(context, "cannot-propose");
      return;
    default:
      unreachable(event);
  }
}

/** Restart: what the record says we said is said and counted again; finality seen before is completed. */
function onStarted(context: Step): void {
  const { state } = context;
  const { record } = state;
  if (record?.hash !== undefined && viewOfRecord(state) > 0) {
    const block = state.blocks.get(record.hash);
    if (block !== undefined) state.candidates.set(record.view, { block, arrivedWall: context.wall, refused: false });
  }
  recastRecord(context);
  for (const slot of [...state.certificates.values()]) if (slot.commit !== undefined) finalize(context, slot.commit);
  sendStatus(context, "all");
  compareSuccession(context);
  advance(context);
}

/** Casts again what the record says of this epoch's unfinalised views. */
function recastRecord(context: Step): void {
  const { record, head } = context.state;
  if (record !== undefined && viewOfRecord(context.state) > head.view) recast(context, recordedVotes(record));
}

function onMessage(context: Step, from: ValidatorIndex, message: AgreementMessage): void {
  switch (message.type) {
    case "proposal":
      onProposal(context, from, message.proposal);
      return;
    case "vote":
      onVote(context, from, message.vote);
      return;
    case "status":
      onStatus(context, from, message.status);
      return;
    default:
      onProof(context, message);
  }
}

function onProof(context: Step, message: SelfProving): void {
  switch (message.type) {
    case "certificate":
      onCertificate(context, message.certificate);
      return;
    case "commit-proof":
      onCommitProof(context, message.proof);
      advance(context);
      return;
    case "epoch-close":
      onEpochClose(context, message.close);
      advance(context);
      return;
    default:
      unreachable(message);
  }
}

function onProposal(context: Step, from: ValidatorIndex, proposal: Proposal): void {
  const { state } = context;
  const { block, commitProof, signature } = proposal;
  const { header } = block;
  // Nothing of a proposal of another epoch was verified.
  if (header.epoch !== state.setting.set.epoch) {
    answerOtherEpoch(context, from, header.epoch);
    return;
  }
  if (commitProof !== undefined) onCommitProof(context, commitProof);
  if (header.epoch !== state.setting.set.epoch || header.view <= state.head.view) return;
  if (header.parentCertificate !== undefined) onCertificate(context, header.parentCertificate);
  for (const skip of header.skips) onCertificate(context, skip);
  if (header.view >= state.current && isWithinWindow(state, header.view) && !state.candidates.has(header.view)) {
    state.candidates.set(header.view, { block, arrivedWall: context.wall, refused: false });
  }
  const { epoch, view } = header;
  count(context, { kind: "PREPARE", epoch, view, hash: block.hash, signer: from, signature, certificate: undefined });
  const isCertified = state.certificates.get(view)?.prepare?.hash === block.hash;
  if (isCertified && !state.blocks.has(block.hash)) onBlocks(context, [block], undefined);
  else advance(context);
}

function onVote(context: Step, from: ValidatorIndex, vote: Vote): void {
  const { state } = context;
  if (vote.epoch !== state.setting.set.epoch) {
    answerOtherEpoch(context, from, vote.epoch);
    return;
  }
  if (vote.certificate !== undefined) onCertificate(context, vote.certificate);
  if (vote.view > state.current && !isWithinWindow(state, vote.view)) {
    sendStatusOnce(context, vote.signer);
    return;
  }
  count(context, vote);
  if (vote.kind === "TIMEOUT" && vote.view === state.current) joinTimeout(context);
}

function onVotesChecked(context: Step, event: Extract<Event, { type: "votes-checked" }>): void {
  const { state, out } = context;
  const { subject, certificate, bad } = event;
  if (subject.epoch !== state.setting.set.epoch) return;
  if (bad.length > 0) out.push({ type: "observe", fact: { type: "bad-votes", signers: bad, view: subject.view } });
  endCheck(context, subject, bad);
  if (certificate === undefined) {
    if (bad.length > 0) checkQuorum(context, subject);
    return;
  }
  if (subject.kind !== "COMMIT") {
    onCertificate(context, certificate);
    return;
  }
  const prepare = state.certificates.get(subject.view)?.prepare;
  if (prepare?.hash !== subject.hash) return;
  onCommitProof(context, { prepare, commit: certificate });
  advance(context);
}

/** The signature of a vote that the durable record covers: count it and let it leave. */
function onSigned(context: Step, subject: VoteSubject, signature: Uint8Array): void {
  const { state, out } = context;
  const { setting } = state;
  if (subject.epoch !== setting.set.epoch) return;
  const signer = setting.self as ValidatorIndex;
  const candidate = state.candidates.get(subject.view);
  if (subject.kind === "PREPARE" && leaderOf(setting, subject.view) === signer) {
    if (candidate?.block.hash === subject.hash) {
      const proposal = { block: candidate.block, signature, commitProof: state.headProof };
      out.push({ type: "send", to: "all", message: { type: "proposal", proposal } });
    }
    count(context, { ...subject, signer, signature, certificate: undefined });
    return;
  }
  const vote: Vote = { ...subject, signer, signature, certificate: companion(state, subject) };
  out.push({ type: "send", to: "all", message: { type: "vote", vote } });
  count(context, vote);
  if (subject.kind === "TIMEOUT") joinTimeout(context);
}

/** COMMIT carries its PrepareQC, TIMEOUT the certificate with which we entered the view. */
function companion(state: AgreementState, subject: VoteSubject): Certificate | undefined {
  if (subject.kind === "COMMIT") return state.certificates.get(subject.view)?.prepare;
  if (subject.kind === "PREPARE") return undefined;
  const slot = state.certificates.get((subject.view - 1) as View);
  return slot?.prepare ?? slot?.timeout;
}

function onTimer(context: Step, timer: Timer): void {
  const { state } = context;
  if (timer.view !== state.current || timer.epoch !== state.setting.set.epoch) return;
  if (timer.kind === "fill") {
    state.pace.fillAt = undefined;
    tryPropose(context);
    return;
  }
  if (timer.kind === "no-proposal" && state.candidates.has(state.current)) return;
  if (state.pace.armedAt === undefined || context.at < state.pace.armedAt + timer.afterMs) return;
  if (hasWork(context)) leaveView(context, "timer");
  else state.pace.armedAt = undefined;
}

/** Every half second: say where we are, repeat what may have been lost, retry what is missing. */
function onTick(context: Step): void {
  const { state } = context;
  sendStatus(context, "all");
  const stuck = state.pace.currentAtLastTick === state.current;
  state.pace.currentAtLastTick = state.current;
  if (stuck) recastRecord(context);
  if (state.pendingFinality !== undefined) finalize(context, state.pendingFinality);
  const search = bestParent(state);
  if (search.type === "gap") context.out.push({ type: "fetch-certificates", first: search.view, last: search.view });
  if (search.type === "missing") context.out.push({ type: "fetch-blocks", hash: search.hash, from: search.from });
  advance(context);
}

/** Where a replica stands, as it tells its peers. */
export const statusOf = (state: AgreementState): Status => ({
  epoch: state.setting.set.epoch,
  view: state.current,
  finalizedView: state.head.view,
  finalizedHeight: state.head.height,
});

function sendStatus(context: Step, to: ValidatorIndex | "all"): void {
  context.out.push({ type: "send", to, message: { type: "status", status: statusOf(context.state) } });
}

/** Helps a replica that is behind, once a tick; tells one that is ahead where we are. */
function onStatus(context: Step, from: ValidatorIndex, status: Status): void {
  const { state, out } = context;
  if (status.epoch !== state.setting.set.epoch) {
    answerOtherEpoch(context, from, status.epoch);
    return;
  }
  if (status.view > state.current) sendStatusOnce(context, from);
  if (status.view >= state.current && status.finalizedView >= state.head.view) return;
  if (!mayAnswer(context, from)) return;
  if (status.finalizedView < state.head.view && state.headProof !== undefined) {
    out.push({ type: "send", to: from, message: { type: "commit-proof", proof: state.headProof } });
  }
  const entry = state.certificates.get((state.current - 1) as View);
  const certificate = entry?.prepare ?? entry?.timeout;
  if (status.view < state.current && certificate !== undefined) {
    out.push({ type: "send", to: from, message: { type: "certificate", certificate } });
  }
}

/** Whoever is in an older epoch gets its end; whoever is in a later one hears where we are, and sends us ours. */
function answerOtherEpoch(context: Step, from: ValidatorIndex, epoch: Epoch): void {
  if (!mayAnswer(context, from)) return;
  if (epoch > context.state.setting.set.epoch) sendStatus(context, from);
  else context.out.push({ type: "send-close", to: from, epoch });
}

function sendStatusOnce(context: Step, from: ValidatorIndex): void {
  if (mayAnswer(context, from)) sendStatus(context, from);
}

function mayAnswer(context: Step, from: ValidatorIndex): boolean {
  const { state, at } = context;
  if (at - (state.answered[from] as number) < state.setting.timing.tickMs / 2) return false;
  state.answered[from] = at;
  return true;
}

/** Certificates for a peer's gap, and our newest finality if that is above it (onGetCerts). */
export function certificatesFor(state: AgreementState, first: View, last: View): Certificate[] {
  const found: Certificate[] = [];
  const from = Math.max(first, state.head.view);
  const to = Math.min(last, state.current);
  for (let view = from; view <= to && found.length < FETCH_CERTIFICATES_MAX; view += 1) {
    const slot = state.certificates.get(view as View);
    const certificate = slot?.prepare ?? slot?.timeout;
    if (certificate !== undefined) found.push(certificate);
  }
  return found;
}

/** SAFE-1 … SAFE-5 restated over the state; a failure is our own mistake. */
function assertInvariants(state: AgreementState): void {
  assert(state.current > state.head.view, "SAFE-4: the current view is above the finalised one");
  assert(viewOfRecord(state) <= state.current, "SAFE-3: no vote above the current view");
  assert(
    state.headProof === undefined || state.headProof.commit.view === state.head.view,
    "SAFE-1: the proof is the head's",
  );
  if (state.record !== undefined)
    assert(!(state.record.committed && state.record.timedOut), "SAFE-3: COMMIT xor TIMEOUT");
  const prepare = state.headProof?.prepare;
  if (prepare !== undefined) assert(signersOf(prepare.signers).length >= state.setting.quorum, "SAFE-2: a quorum");
}

import { sha256 } from "../crypto/index.js";
import {
  type Certificate,
  type CommitProof,
  type EpochClose,
  makeValidatorSet,
  signersOf,
  type VoteSubject,
} from "../formats/index.js";
import { assert, type Epoch, NOT_AFTER_WINDOW_MS, type ValidatorIndex, type View } from "../primitives/index.js";
import { branchTo } from "./branch.js";
import { compareClaim, pruneClaims } from "./claims.js";
import type { Block } from "./events.js";
import { arm, leaveView, sampleView } from "./pacemaker.js";
import { tryPrepare, tryPropose } from "./proposals.js";
import { cast, compareRecord, mayRepeat } from "./signer.js";
import { certificatesAt, indexAmong, leaderOf, type Step, settingOf, viewOfRecord } from "./state.js";
import { compareSuccession } from "./succession.js";
import { checkQuorum, isWithinWindow, pruneTallies, timeoutSenders } from "./tallies.js";

type EnteredBy = "PREPARE" | "COMMIT" | "TIMEOUT";

/**
 * Takes in a verified PrepareQC or TC (docs/protocol.md, onCert). A view is left only here and in
 * `onCommitProof`: with a certificate that it certified a block or was skipped (LIVE-1).
 */
export function onCertificate(step: Step, certificate: Certificate): void {
  const { state, out } = step;
  if (certificate.epoch !== state.setting.set.epoch || certificate.view <= state.head.view) return;
  const slot = certificatesAt(state, certificate.view);
  if (certificate.kind === "PREPARE") {
    if (slot.prepare !== undefined) return;
    compareRecord(step, certificate);
    slot.prepare = certificate;
    state.unsynced.push(certificate);
    state.pace.lastBlockAt = step.at;
    const block = state.blocks.get(certificate.hash) ?? adoptCandidate(step, certificate);
    if (block !== undefined) compareClaim(step, block.header.executed);
    checkQuorum(step, { ...certificate, kind: "COMMIT" });
    if (certificate.view < state.current) return;
    if (certificate.view === state.current) sampleView(step);
    const { epoch, view, hash } = certificate;
    if (!cast(step, { kind: "COMMIT", epoch, view, hash })) {
      out.push({ type: "send", to: "all", message: { type: "certificate", certificate } });
    }
    enter(step, { epoch, view: (view + 1) as View }, "PREPARE");
  } else if (certificate.kind === "TIMEOUT") {
    if (slot.timeout !== undefined) return;
    compareRecord(step, certificate);
    slot.timeout = certificate;
    state.unsynced.push(certificate);
    if (certificate.view < state.current) return;
    out.push({ type: "send", to: "all", message: { type: "certificate", certificate } });
    enter(step, { epoch: certificate.epoch, view: (certificate.view + 1) as View }, "TIMEOUT");
  }
}

/** A certified candidate becomes a block of the tree, voted for or not. */
function adoptCandidate(step: Step, certificate: Certificate): Block | undefined {
  const candidate = step.state.candidates.get(certificate.view);
  if (candidate?.block.hash !== certificate.hash) return undefined;
  step.state.blocks.set(candidate.block.hash, candidate.block);
  return candidate.block;
}

/** Takes in a verified pair of PrepareQC and CommitQC: its block and all ancestors are final. */
export function onCommitProof(step: Step, proof: CommitProof): void {
  const { state, out } = step;
  const { commit, prepare } = proof;
  if (commit.epoch !== state.setting.set.epoch || commit.view < state.head.view) return;
  if (commit.view === state.head.view) {
    if (commit.hash !== state.head.hash) reportFork(step, proof);
    return;
  }
  const slot = certificatesAt(state, commit.view);
  if (slot.commit === undefined) {
    compareRecord(step, commit);
    slot.commit = proof;
    state.unsynced.push(commit);
    if (slot.prepare === undefined) {
      slot.prepare = prepare;
      state.unsynced.push(prepare);
      adoptCandidate(step, prepare);
    }
    if (commit.view >= state.current) {
      out.push({ type: "send", to: "all", message: { type: "commit-proof", proof } });
      finalize(step, proof);
      enter(step, { epoch: commit.epoch, view: (commit.view + 1) as View }, "COMMIT");
      return;
    }
  }
  // A proof of what is known already was not verified again: only the one that was is kept and stored.
  finalize(step, slot.commit.commit.hash === commit.hash ? slot.commit : proof);
}

/**
 * Delivers everything from the head to the proof's block, or remembers the proof until the blocks are here. A proof of
 * a DRAIN block delivers up to the CLOSING block that it names, and nothing behind that (EPOCH-4).
 */
export function finalize(step: Step, proof: CommitProof): void {
  const { state, out } = step;
  if (proof.commit.epoch !== state.setting.set.epoch || proof.commit.view <= state.head.view) return;
  const proven = state.blocks.get(proof.commit.hash);
  const walk = branchTo(state, proven?.header.closing?.hash ?? proof.commit.hash);
  if (walk.type === "conflict") {
    reportFork(step, proof);
    return;
  }
  if (walk.type === "missing") {
    if (state.pendingFinality === undefined || state.pendingFinality.commit.view < proof.commit.view)
      state.pendingFinality = proof;
    out.push({ type: "fetch-blocks", hash: walk.hash, from: signersOf(proof.prepare.signers) as ValidatorIndex[] });
    return;
  }
  deliver(step, { blocks: walk.blocks, proof, proven: proven ?? (walk.blocks[walk.blocks.length - 1] as Block) });
}

function deliver(
  step: Step,
  { blocks, proof, proven }: { readonly blocks: readonly Block[]; readonly proof: CommitProof; readonly proven: Block },
): void {
  const { state, out } = step;
  const last = blocks[blocks.length - 1] as Block;
  const close = last.header.type === "NORMAL" ? undefined : { header: proven.header, hash: proven.hash, proof };
  out.push({ type: "persist-final", blocks, proof, close });
  for (const block of blocks) {
    const { parentCertificate, skips } = block.header;
    for (const certificate of parentCertificate === undefined ? skips : [parentCertificate, ...skips]) {
      compareRecord(step, certificate);
    }
    for (const { digest } of block.body) {
      state.held.delete(digest);
      state.ordered.set(digest, { height: block.header.height, timestamp: block.header.timestamp });
    }
    if (block.body.length > 0) state.lastEventfulHeight = block.header.height;
  }
  const { view, height, timestamp, executed } = last.header;
  state.head = { view, height, hash: last.hash, timestamp, executed };
  state.headProof = proof;
  if (state.pendingFinality !== undefined && state.pendingFinality.commit.view <= view)
    state.pendingFinality = undefined;
  forgetBelowHead(step);
  for (const block of blocks) compareClaim(step, block.header.executed);
  pruneClaims(state);
  step.state.pace.lastBlockAt = step.at;
  out.push({ type: "observe", fact: { type: "finalized", blocks } });
  if (close !== undefined) changeEpoch(step, last, close);
}

/**
 * The switch (EPOCH-4): on finality of the CLOSING block, whether or not our own execution has come to the decision
 * behind it. From here on nothing of the old epoch is signed or counted.
 */
function changeEpoch(step: Step, anchor: Block, close: EpochClose): void {
  const { state, out, at } = step;
  const { nextSet, executed } = anchor.header;
  assert(nextSet !== undefined, "a CLOSING block names the next set");
  out.push({ type: "send", to: "all", message: { type: "epoch-close", close } });
  const set = makeValidatorSet(sha256, (state.setting.set.epoch + 1) as Epoch, nextSet);
  const self = indexAmong(set, state.setting.ownKeys);
  state.setting = settingOf({ ...state.setting, set, self });
  state.anchor = anchor.hash;
  state.anchorClaim = executed;
  state.head = { ...state.head, view: 0 as View };
  state.headProof = undefined;
  state.pendingFinality = undefined;
  state.unsynced = [];
  for (const kept of [state.certificates, state.candidates, state.tallies, state.blocks, state.refusedClaims])
    kept.clear();
  state.recordedView = viewOfRecord(state) as View;
  state.votedFrom = undefined;
  state.current = Math.max(1, viewOfRecord(state)) as View;
  state.heard = Array.from({ length: state.setting.n }, () => at);
  state.answered = Array.from({ length: state.setting.n }, () => Number.NEGATIVE_INFINITY);
  Object.assign(state.pace, { enteredAt: at, armedAt: undefined, fillAt: undefined, currentAtLastTick: 0 as View });
  out.push({ type: "observe", fact: { type: "epoch-changed", set, self } });
  compareSuccession(step);
  advance(step);
}

function forgetBelowHead(step: Step): void {
  const { state } = step;
  const { head } = state;
  for (const view of state.certificates.keys()) if (view < head.view) state.certificates.delete(view);
  for (const view of state.candidates.keys()) if (view <= head.view) state.candidates.delete(view);
  for (const [hash, block] of state.blocks) if (block.header.height <= head.height) state.blocks.delete(hash);
  state.unsynced = state.unsynced.filter((certificate) => certificate.view >= head.view);
  pruneTallies(state);
  for (const [digest, { timestamp }] of state.ordered) {
    if (timestamp + NOT_AFTER_WINDOW_MS >= head.timestamp) break;
    state.ordered.delete(digest);
  }
}

/** Two finalised blocks where there can be one: more than f validators lied. Stop, and keep the proofs. */
function reportFork(step: Step, proof: CommitProof): void {
  const { state } = step;
  if (state.forked || state.headProof === undefined) return;
  state.forked = true;
  step.out.push({ type: "observe", fact: { type: "forked", first: state.headProof, second: proof } });
}

/** A verified proof that our epoch is over: with its CLOSING block here, or once that was fetched, we follow. */
export function onEpochClose(step: Step, { header, hash, proof }: EpochClose): void {
  const { state } = step;
  if (header.epoch !== state.setting.set.epoch) return;
  // The header of a DRAIN is the whole block; the body of a CLOSING one has to be fetched.
  if (header.type === "DRAIN") state.blocks.set(hash, { hash, header, body: [] });
  onCommitProof(step, proof);
}

/** Moves to a view of the present epoch; never back. */
function enter(step: Step, { epoch, view }: { readonly epoch: Epoch; readonly view: View }, by: EnteredBy): void {
  const { state, out } = step;
  if (epoch !== state.setting.set.epoch || view <= state.current) return;
  state.current = view;
  state.pace.enteredAt = step.at;
  state.pace.armedAt = undefined;
  state.pace.fillAt = undefined;
  pruneTallies(state);
  for (const candidate of state.candidates.keys()) {
    if (candidate < view && !isWithinWindow(state, candidate)) state.candidates.delete(candidate);
  }
  out.push({ type: "observe", fact: { type: "view-entered", view, by } });
  advance(step);
}

/** Does whatever the current view now allows. */
export function advance(step: Step): void {
  tryPropose(step);
  arm(step);
  tryPrepare(step);
  joinTimeout(step);
}

/** Leaves the view with the n−q+1st TIMEOUT, one honest at least, or with its leader's own (LIVE-2). */
export function joinTimeout(step: Step): void {
  const { state } = step;
  const { n, quorum } = state.setting;
  const senders = timeoutSenders(state, state.current);
  if (senders.size === 0) return;
  if (senders.size >= n - quorum + 1 || senders.has(leaderOf(state.setting, state.current))) leaveView(step, "joined");
}

/** Blocks that were missing arrived: they complete a finality, a branch or a proposal. */
export function onBlocks(step: Step, blocks: readonly Block[], proof: CommitProof | undefined): void {
  const { state } = step;
  for (const block of blocks) {
    if (block.header.epoch !== state.setting.set.epoch || block.header.height <= state.head.height) continue;
    if (state.blocks.has(block.hash)) continue;
    state.blocks.set(block.hash, block);
    if (state.certificates.get(block.header.view)?.prepare?.hash === block.hash)
      compareClaim(step, block.header.executed);
  }
  if (proof !== undefined) onCommitProof(step, proof);
  if (state.pendingFinality !== undefined) finalize(step, state.pendingFinality);
  advance(step);
}

/** Casts once more what the record already covers: after a restart, or when a tick passed without progress. */
export function recast(step: Step, subjects: readonly VoteSubject[]): void {
  if (!mayRepeat(step.state)) return;
  for (const subject of subjects) step.out.push({ type: "sign", subject });
}

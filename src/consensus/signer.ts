import type { Certificate, VoteSubject } from "../formats/index.js";
import { type ValidatorIndex, ZERO_DIGEST } from "../primitives/index.js";
import type { Block } from "./events.js";
import type { SafetyRecord } from "./record.js";
import type { AgreementState, Step } from "./state.js";

/**
 * SAFE-3: one hash per view; never COMMIT and TIMEOUT in one view; never a view below the record's.
 * PREPARE after TIMEOUT is allowed, so that a late block can survive.
 */
export function allows(record: SafetyRecord | undefined, subject: VoteSubject): boolean {
  if (record === undefined || isAfter(subject, record)) return true;
  if (subject.epoch !== record.epoch || subject.view !== record.view) return false;
  switch (subject.kind) {
    case "PREPARE":
      return !record.prepared && (record.hash === undefined || record.hash === subject.hash);
    case "COMMIT":
      return !record.committed && !record.timedOut && (record.hash === undefined || record.hash === subject.hash);
    case "TIMEOUT":
      return !record.timedOut && !record.committed;
  }
}

const isAfter = (subject: Pick<VoteSubject, "epoch" | "view">, record: SafetyRecord): boolean =>
  subject.epoch > record.epoch || (subject.epoch === record.epoch && subject.view > record.view);

/** The record after a vote that `allows` let pass. */
export function withVote(record: SafetyRecord | undefined, subject: VoteSubject): SafetyRecord {
  const base: SafetyRecord =
    record !== undefined && !isAfter(subject, record)
      ? record
      : {
          epoch: subject.epoch,
          view: subject.view,
          hash: undefined,
          prepared: false,
          committed: false,
          timedOut: false,
        };
  switch (subject.kind) {
    case "PREPARE":
      return { ...base, hash: subject.hash, prepared: true };
    case "COMMIT":
      return { ...base, hash: subject.hash, committed: true };
    case "TIMEOUT":
      return { ...base, timedOut: true };
  }
}

/** Whether this replica may repeat its votes (quarantine, a fork, an outdated record and a leaver may not). */
export const mayRepeat = (state: AgreementState): boolean =>
  state.setting.self !== undefined && !state.diverged && !state.forked && !state.outdated;

/**
 * Whether it may vote at all: after a restart only once a quorum, itself included, was heard. Without one
 * there is no progress anyway, and with it an outdated record meets the views that it has missed.
 */
export const mayVote = (state: AgreementState): boolean => mayRepeat(state) && state.firstHeard === undefined;

/** Notes that a validator was heard. @returns whether that ended the silence after a restart */
export function endsSilence(state: AgreementState, from: ValidatorIndex): boolean {
  if (state.firstHeard === undefined || from === state.setting.self) return false;
  if (state.firstHeard.add(from).size < state.setting.quorum - 1) return false;
  state.firstHeard = undefined;
  return true;
}

/**
 * SAFE-11: a verified certificate that bears our own vote in a view above our record's shows that we signed
 * more than the record knows. What else we signed nobody can tell, so we sign nothing more.
 */
export function compareRecord(step: Step, certificate: Certificate): void {
  const { state, out } = step;
  const { self, trustsRecord } = state.setting;
  if (self === undefined || trustsRecord || state.outdated || ((certificate.signers >>> self) & 1) === 0) return;
  const { record, recordedView, votedFrom } = state;
  const isAbove = record === undefined || isAfter(certificate, record);
  const isBetweenLives = votedFrom !== undefined && certificate.view > recordedView && certificate.view < votedFrom;
  if (!isAbove && !isBetweenLives) return;
  state.outdated = true;
  out.push({ type: "observe", fact: { type: "record-outdated", view: certificate.view } });
}

/**
 * The only way to a signature (SAFE-4): record, then persist, then sign. The vote itself leaves when
 * the signature comes back as an event.
 *
 * @param block the block of a PREPARE: it and its batches become durable in the same step
 * @returns whether the vote was cast
 */
export function cast(step: Step, subject: VoteSubject, block?: Block): boolean {
  const { state, out } = step;
  if (!mayVote(state) || !allows(state.record, subject)) return false;
  state.votedFrom ??= subject.view;
  state.record = withVote(state.record, subject);
  out.push({ type: "persist", record: state.record, certificates: state.unsynced, block });
  state.unsynced = [];
  out.push({ type: "sign", subject });
  return true;
}

/** The votes that a record covers, to be cast again with the same words (restart, lost messages). */
export function recordedVotes(record: SafetyRecord): VoteSubject[] {
  const { epoch, view, hash } = record;
  const subjects: VoteSubject[] = [];
  if (record.prepared && hash !== undefined) subjects.push({ kind: "PREPARE", epoch, view, hash });
  if (record.committed && hash !== undefined) subjects.push({ kind: "COMMIT", epoch, view, hash });
  if (record.timedOut) subjects.push({ kind: "TIMEOUT", epoch, view, hash: ZERO_DIGEST });
  return subjects;
}

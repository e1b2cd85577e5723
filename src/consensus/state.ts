import type { Certificate, Claim, CommitProof, ValidatorSet, VoteKind } from "../formats/index.js";
import { faultsTolerated, quorumOf } from "../formats/index.js";
import { assert, type Digest, type Height, toHex, type ValidatorIndex, type View } from "../primitives/index.js";
import type { BatchInfo, Block, Effect, Succession, Vote } from "./events.js";
import type { SafetyRecord } from "./record.js";

/** Pace of one consortium's network, milliseconds (docs/protocol.md). */
export interface Timing {
  /** Bounds of T0, the first timeout of a view. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Bound of T(v) however long finality is away. */
  readonly capMs: number;
  /** T0 before anything was measured. */
  readonly firstMs: number;
  /** Longest silence between two blocks; Infinity switches the heartbeat off. */
  readonly maxIdleMs: number;
  readonly tickMs: number;
}

export const LAN_TIMING: Timing = {
  minMs: 50,
  maxMs: 2_000,
  capMs: 30_000,
  firstMs: 1_000,
  maxIdleMs: 5_000,
  tickMs: 500,
};

/** What never changes while an epoch lasts. */
export interface Setting {
  readonly chainId: Digest;
  readonly set: ValidatorSet;
  readonly n: number;
  readonly faults: number;
  readonly quorum: number;
  /** Our index; absent for a replica that only follows. */
  readonly self: ValidatorIndex | undefined;
  /** Public keys, hex, with which we vote in epochs whose set names one of them. */
  readonly ownKeys: readonly string[];
  /** Votes on though certificates bear later votes of ours than the record has: for Byzantine twins. */
  readonly trustsRecord: boolean;
  readonly timing: Timing;
}

/** The newest finalised block; at first the anchor (view 0). */
export interface Head {
  readonly view: View;
  readonly height: Height;
  readonly hash: Digest;
  readonly timestamp: number;
  /** The claim in its header. */
  readonly executed: Claim;
}

/** Where a batch is ordered. */
export interface OrderedAt {
  readonly height: Height;
  readonly timestamp: number;
}

export interface ViewCertificates {
  prepare: Certificate | undefined;
  timeout: Certificate | undefined;
  commit: CommitProof | undefined;
}

export interface Candidate {
  readonly block: Block;
  /** Our UTC clock when it first arrived. */
  readonly arrivedWall: number;
  /** Set once the block was found invalid for good. */
  refused: boolean;
}

/** First vote of each signer and kind in one view. */
export interface Tally {
  readonly votes: Record<VoteKind, Map<ValidatorIndex, Vote>>;
  /** Subjects being checked, and how many votes the running check covers. */
  readonly checking: Set<string>;
  /** Signers that one accusation was raised against already. */
  readonly accused: Set<ValidatorIndex>;
}

export interface AgreementState {
  /** Replaced as a whole when an epoch ends. */
  setting: Setting;
  current: View;
  record: SafetyRecord | undefined;
  /** The block of view 0: genesis, or the CLOSING block of the epoch before. */
  anchor: Digest;
  head: Head;
  /** Of the head; absent at the anchor. */
  headProof: CommitProof | undefined;
  /** By view, from the head's view on. */
  readonly certificates: Map<View, ViewCertificates>;
  /** Certificates not yet written; they travel with the next vote's persist. */
  unsynced: Certificate[];
  /** Unfinalised blocks by hash. */
  readonly blocks: Map<Digest, Block>;
  /** First proposal per view. */
  readonly candidates: Map<View, Candidate>;
  readonly tallies: Map<View, Tally>;
  /** Batches that the pool holds, oldest first, and that no finalised block orders. */
  readonly held: Map<Digest, BatchInfo>;
  /** Digests that finalised blocks order, oldest first; those that could still be repeated. */
  readonly ordered: Map<Digest, OrderedAt>;
  /** Newest finality whose blocks are not all here yet. */
  pendingFinality: CommitProof | undefined;
  /** X: height up to which we executed. */
  executedHeight: Height;
  /** Our own claims from the head's claim up to X. */
  readonly ownClaims: Map<Height, Claim>;
  /** Certified claims above X. */
  readonly certifiedClaims: Map<Height, Claim>;
  agreedHeight: Height;
  diverged: boolean;
  forked: boolean;
  /** Our record is older than what we signed: it came out of a backup, or another process has our key (SAFE-11). */
  outdated: boolean;
  /** View of the record that this life began with, and the first in which it voted itself. */
  recordedView: View;
  votedFrom: View | undefined;
  /** Who was heard in a life that began with a record, until they are a quorum with us; nothing new is signed before. */
  firstHeard: Set<ValidatorIndex> | undefined;
  stopping: boolean;
  /** Last height with batches or other effects in the ledger. */
  lastEventfulHeight: Height;
  nextDeadline: number | undefined;
  /** Leaders whose fresh claim we refused, by claim. */
  readonly refusedClaims: Map<string, Set<ValidatorIndex>>;
  readonly pace: Pace;
  /** Monotonic time of the last message by each validator. */
  heard: number[];
  /** Monotonic time of the last "behind" answer to each validator. */
  answered: number[];
  /** The newest decision about validators to come that our own execution knows. */
  succession: Succession | undefined;
  /** The claim of the block that began this epoch; absent in the first, or once our own execution has covered it. */
  anchorClaim: Claim | undefined;
}

/** Clockwork of the current view; all times monotonic milliseconds. */
export interface Pace {
  enteredAt: number;
  armedAt: number | undefined;
  /** When the earliest timer of an empty block that waits goes off. */
  fillAt: number | undefined;
  /** When the last block with results was executed here. */
  executedAt: number;
  lastBlockAt: number;
  meanMs: number;
  deviationMs: number;
  measured: boolean;
  currentAtLastTick: View;
}

/** One call of the core. */
export interface Step {
  readonly state: AgreementState;
  readonly out: Effect[];
  readonly at: number;
  readonly wall: number;
}

/** What a restart reads back, and what genesis gives at the first start. */
export interface Recovered {
  readonly record: SafetyRecord | undefined;
  readonly head: Head;
  readonly headProof: CommitProof | undefined;
  readonly certificates: readonly Certificate[];
  readonly blocks: readonly Block[];
  /** Digests in finalised blocks of the last `NOT_AFTER_WINDOW_MS` of block time, oldest first. */
  readonly ordered: ReadonlyMap<Digest, OrderedAt>;
  /** Our own claims from the head's claim up to the executed height, ascending; at least one. */
  readonly ownClaims: readonly Claim[];
  /** Claims of finalised headers above the executed height. */
  readonly certifiedClaims: readonly Claim[];
  readonly lastEventfulHeight: Height;
  readonly nextDeadline: number | undefined;
  readonly diverged: boolean;
  /** As the executed state says. */
  readonly succession?: Succession | undefined;
  /** The block of view 0 where it is not genesis. */
  readonly anchor?: Digest | undefined;
  /** The claim of the block that began this epoch; absent in the first. */
  readonly anchorClaim?: Claim | undefined;
}

/** Our place in a set: the member that has one of our keys. */
export function indexAmong(set: ValidatorSet, ownKeys: readonly string[]): ValidatorIndex | undefined {
  const index = set.members.findIndex((member) => ownKeys.includes(toHex(member.publicKey)));
  return index < 0 ? undefined : (index as ValidatorIndex);
}

/** The view of the record in this epoch: 0 before the first vote of an epoch. */
export const viewOfRecord = ({ record, setting }: Pick<AgreementState, "record" | "setting">): number =>
  record !== undefined && record.epoch === setting.set.epoch ? record.view : 0;

/** Sizes of a set and our place in it. */
export function settingOf(base: Omit<Setting, "n" | "faults" | "quorum">): Setting {
  const n = base.set.members.length;
  return { ...base, n, faults: faultsTolerated(n), quorum: quorumOf(n) };
}

/** Restores a replica's agreement (docs/protocol.md, "Restart"); feed `started` next. */
export function createAgreement(
  options: Omit<Setting, "n" | "faults" | "quorum" | "trustsRecord" | "ownKeys"> & {
    readonly trustsRecord?: boolean;
    readonly ownKeys?: readonly string[];
    readonly recovered: Recovered;
    readonly at: number;
  },
): AgreementState {
  const { recovered, at } = options;
  const n = options.set.members.length;
  const newest = recovered.ownClaims[recovered.ownClaims.length - 1];
  assert(newest !== undefined, "the claim of genesis at least");
  const state: AgreementState = {
    setting: settingOf({
      chainId: options.chainId,
      set: options.set,
      self: options.self,
      ownKeys: options.ownKeys ?? [],
      trustsRecord: options.trustsRecord ?? false,
      timing: options.timing,
    }),
    current: recovered.head.view,
    record: recovered.record,
    anchor: recovered.anchor ?? options.chainId,
    head: recovered.head,
    headProof: recovered.headProof,
    certificates: new Map(),
    unsynced: [],
    blocks: new Map(recovered.blocks.map((block) => [block.hash, block])),
    candidates: new Map(),
    tallies: new Map(),
    held: new Map(),
    ordered: new Map(recovered.ordered),
    pendingFinality: undefined,
    executedHeight: newest.height,
    ownClaims: new Map(recovered.ownClaims.map((claim) => [claim.height, claim])),
    certifiedClaims: new Map(recovered.certifiedClaims.map((claim) => [claim.height, claim])),
    agreedHeight: recovered.head.executed.height,
    diverged: recovered.diverged,
    forked: false,
    outdated: false,
    recordedView: 0 as View,
    votedFrom: undefined,
    firstHeard: recovered.record === undefined ? undefined : new Set(),
    stopping: false,
    lastEventfulHeight: recovered.lastEventfulHeight,
    nextDeadline: recovered.nextDeadline,
    refusedClaims: new Map(),
    pace: {
      enteredAt: at,
      armedAt: undefined,
      fillAt: undefined,
      executedAt: at,
      lastBlockAt: at,
      meanMs: 0,
      deviationMs: 0,
      measured: false,
      currentAtLastTick: 0 as View,
    },
    heard: Array.from({ length: n }, () => at),
    answered: Array.from({ length: n }, () => Number.NEGATIVE_INFINITY),
    succession: recovered.succession,
    anchorClaim: recovered.anchorClaim,
  };
  state.recordedView = viewOfRecord(state) as View;
  restoreCertificates(state, recovered);
  let current = Math.max(state.head.view + 1, viewOfRecord(state));
  for (const view of state.certificates.keys()) current = Math.max(current, view + 1);
  state.current = current as View;
  return state;
}

function restoreCertificates(state: AgreementState, recovered: Recovered): void {
  const commits: Certificate[] = [];
  for (const certificate of recovered.certificates) {
    if (certificate.epoch !== state.setting.set.epoch || certificate.view < state.head.view) continue;
    const slot = certificatesAt(state, certificate.view);
    if (certificate.kind === "PREPARE") slot.prepare = certificate;
    else if (certificate.kind === "TIMEOUT") slot.timeout = certificate;
    else commits.push(certificate);
  }
  for (const commit of commits) {
    const slot = certificatesAt(state, commit.view);
    if (slot.prepare?.hash === commit.hash) slot.commit = { prepare: slot.prepare, commit };
  }
  if (recovered.headProof !== undefined) {
    const slot = certificatesAt(state, recovered.headProof.commit.view);
    slot.prepare = recovered.headProof.prepare;
    slot.commit = recovered.headProof;
  }
}

/** The slot of a view, made on first use. */
export function certificatesAt(state: AgreementState, view: View): ViewCertificates {
  let slot = state.certificates.get(view);
  if (slot === undefined) {
    slot = { prepare: undefined, timeout: undefined, commit: undefined };
    state.certificates.set(view, slot);
  }
  return slot;
}

/** leader(e, v) = set[(v − 1 + e) mod n] (PACE-3). */
export const leaderOf = (setting: Setting, view: View): ValidatorIndex =>
  ((view - 1 + setting.set.epoch) % setting.n) as ValidatorIndex;

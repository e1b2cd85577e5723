import type {
  Body,
  Certificate,
  Claim,
  CommitProof,
  EpochClose,
  Header,
  Successor,
  ValidatorSet,
  VoteSubject,
} from "../formats/index.js";
import type { Digest, Epoch, Height, Lane, ParticipantNumber, ValidatorIndex, View } from "../primitives/index.js";
import type { SafetyRecord } from "./record.js";

/** A block that this replica holds: decoded, and hashed outside the core. */
export interface Block {
  readonly hash: Digest;
  readonly header: Header;
  readonly body: Body;
}

/** What agreement knows of a batch that the pool holds. */
export interface BatchInfo {
  readonly digest: Digest;
  readonly size: number;
  readonly notAfter: number;
  /** Records inside. */
  readonly count: number;
  /** In which this replica's pool serves it. */
  readonly lane: Lane;
  readonly participant: ParticipantNumber;
}

/** A vote whose sender is known from its connection; its signature is not yet checked. */
export interface Vote extends VoteSubject {
  readonly signer: ValidatorIndex;
  readonly signature: Uint8Array;
  /** COMMIT carries its PrepareQC, TIMEOUT the sender's entry certificate. */
  readonly certificate: Certificate | undefined;
}

/** The leader's block, its PREPARE, and the newest CommitQC that it holds. */
export interface Proposal {
  readonly block: Block;
  readonly signature: Uint8Array;
  readonly commitProof: CommitProof | undefined;
}

/** What execution knows of the validators to come: the newest decision, and the block that made it (EPOCH-1). */
export interface Succession {
  /** The epoch that they will run. */
  readonly epoch: Epoch;
  readonly decidedAt: Height;
  readonly validators: readonly Successor[];
}

export interface Status {
  readonly epoch: Epoch;
  readonly view: View;
  readonly finalizedView: View;
  readonly finalizedHeight: Height;
}

/** What replicas say to each other in agreement; fetching is in `messages.ts`. */
export type AgreementMessage =
  | { readonly type: "proposal"; readonly proposal: Proposal }
  | { readonly type: "vote"; readonly vote: Vote }
  | { readonly type: "certificate"; readonly certificate: Certificate }
  | { readonly type: "commit-proof"; readonly proof: CommitProof }
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "epoch-close"; readonly close: EpochClose };

/** Messages that hold whoever sends them. */
export type SelfProving = Extract<AgreementMessage, { type: "certificate" | "commit-proof" | "epoch-close" }>;

declare const checked: unique symbol;
/**
 * A message that entered with every certificate and the leader's signature verified, and votes whose signer is the
 * connection's peer. Minted in `replica/verifier.ts` alone.
 */
export type Admitted<M> = M & { readonly [checked]: true };

/** Never cancelled; one whose view is over, or that was armed again later, is ignored. */
export interface Timer {
  readonly kind: "no-proposal" | "view" | "fill";
  readonly epoch: Epoch;
  readonly view: View;
  /** Milliseconds after which it fires. */
  readonly afterMs: number;
}

export type Event =
  | { readonly type: "started" }
  | { readonly type: "received"; readonly from: ValidatorIndex; readonly message: Admitted<AgreementMessage> }
  /** From a peer that is no validator of our epoch: what proves itself. */
  | { readonly type: "learned"; readonly message: Admitted<SelfProving> }
  | { readonly type: "timer-fired"; readonly timer: Timer }
  | { readonly type: "tick" }
  | { readonly type: "signed"; readonly subject: VoteSubject; readonly signature: Uint8Array }
  | {
      readonly type: "votes-checked";
      readonly subject: VoteSubject;
      /** Present when a quorum of the votes verified. */
      readonly certificate: Certificate | undefined;
      readonly bad: readonly ValidatorIndex[];
    }
  | { readonly type: "batch-held"; readonly batch: BatchInfo }
  | { readonly type: "batch-dropped"; readonly digest: Digest }
  /** Blocks whose hashes were asked for, or a range under a verified proof of its last block. */
  | { readonly type: "blocks-fetched"; readonly blocks: readonly Block[]; readonly proof: CommitProof | undefined }
  | { readonly type: "certificates-fetched"; readonly certificates: readonly Certificate[] }
  | {
      readonly type: "executed";
      /** Our own results up to this height. */
      readonly claim: Claim;
      /** Whether the block changed anything, so that its result should be certified soon. */
      readonly eventful: boolean;
      /** Earliest time (UTC ms) at which the ledger has something to do by itself. */
      readonly nextDeadline: number | undefined;
      /** The newest decision in the state after it. */
      readonly succession?: Succession | undefined;
    }
  | { readonly type: "stopping" };

/** Effects are performed in order; a crash leaves a prefix of them. */
export type Effect =
  /** Durable before the next effect. */
  | {
      readonly type: "persist";
      readonly record: SafetyRecord;
      readonly certificates: readonly Certificate[];
      readonly block: Block | undefined;
    }
  /**
   * Blocks, proof of the last one and head: durable before the next effect. With `close` the last one ends its epoch:
   * it is the anchor of the next, and the proof may name a DRAIN block behind it.
   */
  | {
      readonly type: "persist-final";
      readonly blocks: readonly Block[];
      readonly proof: CommitProof;
      readonly close: EpochClose | undefined;
    }
  | { readonly type: "persist-divergence"; readonly divergence: ClaimConflict }
  /** Answered by "signed". Only ever for a subject that the durable record covers. */
  | { readonly type: "sign"; readonly subject: VoteSubject }
  | { readonly type: "send"; readonly to: ValidatorIndex | "all"; readonly message: AgreementMessage }
  /** Aggregate, verify once, bisect on failure; answered by "votes-checked". */
  | {
      readonly type: "check-votes";
      readonly subject: VoteSubject;
      readonly votes: readonly { readonly signer: ValidatorIndex; readonly signature: Uint8Array }[];
    }
  /** Answers a peer of an older epoch with what ends that one. */
  | { readonly type: "send-close"; readonly to: ValidatorIndex; readonly epoch: Epoch }
  | { readonly type: "fetch-batches"; readonly batches: Body; readonly from: readonly ValidatorIndex[] }
  | { readonly type: "fetch-blocks"; readonly hash: Digest; readonly from: readonly ValidatorIndex[] }
  | { readonly type: "fetch-certificates"; readonly first: View; readonly last: View }
  | { readonly type: "arm-timer"; readonly timer: Timer }
  /** Two votes that one honest validator can never both have cast; kept once both signatures are verified. */
  | { readonly type: "accuse"; readonly first: Vote; readonly second: Vote }
  | { readonly type: "observe"; readonly fact: Fact };

export interface ClaimConflict {
  readonly agreedHeight: Height;
  readonly certified: Claim;
  readonly own: Claim;
}

/** What happened, for logs, metrics and status; never anything that the protocol depends on. */
export type Fact =
  | { readonly type: "view-entered"; readonly view: View; readonly by: "PREPARE" | "COMMIT" | "TIMEOUT" }
  | { readonly type: "proposed"; readonly hash: Digest; readonly height: Height; readonly batches: number }
  | { readonly type: "prepared"; readonly hash: Digest; readonly height: Height }
  | {
      readonly type: "timed-out";
      readonly view: View;
      readonly reason: "timer" | "joined" | "leader-inactive" | "cannot-propose";
    }
  | { readonly type: "finalized"; readonly blocks: readonly Block[] }
  | {
      readonly type: "proposal-refused";
      readonly proposer: ValidatorIndex;
      readonly view: View;
      readonly reason: string;
    }
  | { readonly type: "bad-votes"; readonly signers: readonly ValidatorIndex[]; readonly view: View }
  | { readonly type: "diverged"; readonly conflict: ClaimConflict }
  | { readonly type: "split-execution"; readonly claim: Claim; readonly leaders: readonly ValidatorIndex[] }
  /** The validators of a new epoch have taken over; `self` is our place among them. */
  | { readonly type: "epoch-changed"; readonly set: ValidatorSet; readonly self: ValidatorIndex | undefined }
  /** A certificate of that view bears our vote, and our record ends below. */
  | { readonly type: "record-outdated"; readonly view: View }
  | { readonly type: "forked"; readonly first: CommitProof; readonly second: CommitProof };

import type {
  BallotChoice,
  BatchKind,
  CanonicalJson,
  Certificate,
  CommitProof,
  EpochClose,
  Header,
  KeyChange,
  KeyScope,
  ProposalKind,
} from "../formats/index.js";
import type { Digest, Epoch, Height, Id128, ParticipantNumber, ValidatorIndex, View } from "../primitives/index.js";

/**
 * What a replica tells those who serve clients, as plain values: amounts are `bigint`, heights, views and times (UTC
 * milliseconds) safe integers.
 */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: "starting" | "syncing" | "diverged" | "stopping" };

export interface ChainStatus {
  readonly chainId: Digest;
  readonly name: string;
  /** Newest finalised height. */
  readonly height: Height;
  /** Newest height whose results are known here; what reads answer from. */
  readonly executedHeight: Height;
  readonly view: View;
  readonly epoch: Epoch;
  readonly finalizedHash: Digest;
  readonly finalizedTimestamp: number;
  /** Root over the whole state at `stateHeight`, the newest checkpoint here. */
  readonly stateRoot: Digest;
  readonly stateHeight: Height;
  /** RFC 9162 tree head over the results up to `executedHeight`. */
  readonly resultsRoot: Digest;
  readonly syncing: boolean;
  /** Where catching up ends as far as is known; present while syncing. */
  readonly targetHeight?: Height;
  /** Own roots contradict certified ones: reads are unsafe until an operator has repaired this node. */
  readonly diverged: boolean;
  readonly participant: ParticipantNumber;
  readonly version: string;
}

export interface AccountView {
  readonly id: Id128;
  readonly owner: ParticipantNumber;
  readonly asset: number;
  readonly kind: string;
  readonly flags: readonly string[];
  /** The bank's own key; zeros where it gave none. */
  readonly reference: Id128;
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
}

/** A transfer with its first outcome and, where it was reserved, how that ended. */
export interface TransferView {
  readonly id: Id128;
  readonly debitAccountId: Id128;
  readonly creditAccountId: Id128;
  /** As asked for. */
  readonly amount: bigint;
  /** What moved or is reserved. */
  readonly actualAmount: bigint;
  readonly pendingId: Id128 | undefined;
  /** Zeros where there is none. */
  readonly reference: Id128;
  readonly remittance: string;
  readonly timeoutSeconds: number;
  readonly asset: number;
  readonly rail: number;
  readonly code: number;
  readonly priority: number;
  readonly flags: readonly string[];
  /** Whose batch carried it. */
  readonly participant: ParticipantNumber;
  /** Name of the result code. */
  readonly result: string;
  /** Where a two-phase transfer stands; `undefined` for others. */
  readonly pendingState: "pending" | "posted" | "voided" | "expired" | undefined;
  /** The outcome that posted, voided or expired it. */
  readonly resolution: { readonly height: Height; readonly index: number } | undefined;
  readonly height: Height;
  /** Position among the outcomes of its block. */
  readonly index: number;
  readonly timestamp: number;
}

/** One leaf of a block's receipts tree. */
export type OutcomeView =
  | { readonly type: "transfer"; readonly transfer: TransferView }
  | (OutcomePlace & {
      readonly type: "account-opened";
      readonly accountId: Id128;
      readonly owner: ParticipantNumber;
      readonly asset: number;
      readonly kind: string;
    })
  | (OutcomePlace & {
      readonly type: "account-action";
      readonly id: Id128;
      readonly accountId: Id128;
      readonly action: string;
    })
  /** A proposal was made, or came to its end: `result` tells which. */
  | (OutcomePlace & {
      readonly type: "proposal";
      readonly id: Id128;
      readonly proposalKind: ProposalKind;
      readonly effectiveHeight: Height;
    })
  | (OutcomePlace & {
      readonly type: "ballot";
      readonly id: Id128;
      readonly proposalId: Id128;
      readonly choice: BallotChoice;
    })
  /** A newcomer stated that its node has caught up. */
  | (OutcomePlace & {
      readonly type: "ready";
      readonly id: Id128;
      readonly proposalId: Id128;
      readonly executedHeight: Height;
    })
  /** A participant changed a key of its own. */
  | (OutcomePlace & {
      readonly type: "key";
      readonly id: Id128;
      readonly change: KeyChange;
      readonly publicKey: string;
      readonly scopes: readonly KeyScope[];
      readonly effectiveHeight: Height;
    })
  /** A window was settled between the banks: one outcome for each of them, one for the whole. */
  | (OutcomePlace & {
      readonly type: "window-settled";
      readonly asset: number;
      readonly window: number;
      readonly payments: number;
      readonly reportRoot: string;
    })
  | (OutcomePlace & {
      readonly type: "position-settled";
      readonly asset: number;
      readonly window: number;
      readonly debits: bigint;
      readonly credits: bigint;
    })
  /** The ledger freed what a pending transfer had reserved. */
  | (OutcomePlace & {
      readonly type: "transfer-expired";
      readonly id: Id128;
      readonly debitAccountId: Id128;
      readonly creditAccountId: Id128;
      readonly amount: bigint;
    })
  /** A transfer that waited was paid (`released`), or its bank gave the money back (`returned`). */
  | (OutcomePlace & {
      readonly type: "transfer-released";
      readonly id: Id128;
      readonly debitAccountId: Id128;
      readonly creditAccountId: Id128;
      readonly amount: bigint;
    });

export interface OutcomePlace {
  readonly height: Height;
  readonly index: number;
  readonly timestamp: number;
  readonly participant: ParticipantNumber;
  /** Name of the result code. */
  readonly result: string;
}

export interface OutcomePage {
  readonly items: readonly OutcomeView[];
  /** Outcomes of the whole block. */
  readonly count: number;
}

export interface AccountQuery {
  readonly participant?: ParticipantNumber;
  readonly cursor?: string;
  readonly limit: number;
}

export interface TransferQuery {
  readonly accountId?: Id128;
  readonly participant?: ParticipantNumber;
  readonly cursor?: string;
  readonly limit: number;
}

/** `cursor` asks for what follows; absent at the end. A cursor stays good however the ledger grows. */
export type Page<T> =
  | { readonly ok: true; readonly items: readonly T[]; readonly cursor?: string }
  | { readonly ok: false; readonly fault: "bad_cursor" };

export type ProofAnswer =
  | { readonly type: "proven"; readonly proof: CanonicalJson }
  | { readonly type: "not_yet_proven"; readonly height: Height }
  | { readonly type: "unknown" };

export interface BlockView {
  readonly hash: Digest;
  readonly header: Header;
  readonly headerBytes: Uint8Array;
  readonly batches: readonly BlockBatchView[];
  /** False between finality and execution. */
  readonly executed: boolean;
  /** Present where a CommitQC names this very block. */
  readonly proof: CommitProof | undefined;
}

export interface BlockBatchView {
  readonly digest: Digest;
  readonly size: number;
  /** Absent while the bytes are not here. */
  readonly content:
    | {
        readonly kind: BatchKind;
        readonly participant: ParticipantNumber;
        readonly count: number;
        readonly notAfter: number;
        readonly bytes: Uint8Array;
      }
    | undefined;
}

/** CommitQC of `certified`, and the headers from it down to the block: hash links make the block final. */
export interface FinalityView {
  readonly height: Height;
  readonly hash: Digest;
  readonly proof: CommitProof;
  /** Canonical bytes, first the header that the CommitQC names, last the block's own. */
  readonly headers: readonly Uint8Array[];
  /** What ended each epoch before that of the CommitQC: from genesis to the validators that signed it (EPOCH-6). */
  readonly epochs: readonly EpochClose[];
}

export interface ConsensusView {
  readonly epoch: Epoch;
  readonly view: View;
  readonly leader: ValidatorIndex;
  readonly finalizedView: View;
  readonly finalizedHeight: Height;
  readonly quorum: number;
  readonly faultsTolerated: number;
  /** Validators heard lately, this one included, minus the quorum; negative: no progress is possible. */
  readonly quorumMargin: number;
  readonly validators: readonly ValidatorView[];
  /** Why nothing becomes final although there is work; absent while all is well. */
  readonly halt?: { readonly reason: string; readonly missing: readonly string[] };
}

export interface ValidatorView {
  readonly index: ValidatorIndex;
  readonly participant: ParticipantNumber;
  readonly name: string;
  readonly connected: boolean;
  readonly isSelf: boolean;
  readonly lastVote?: { readonly kind: "PREPARE" | "COMMIT" | "TIMEOUT"; readonly view: View; readonly agoMs: number };
}

/** Two votes of one signer that exclude each other. */
export interface EvidenceView {
  readonly signer: ValidatorIndex;
  readonly name: string;
  readonly epoch: Epoch;
  readonly view: View;
  readonly votes: readonly [SignedVoteView, SignedVoteView];
}

export interface SignedVoteView {
  readonly kind: Certificate["kind"];
  readonly hash: Digest;
  readonly signature: Uint8Array;
}

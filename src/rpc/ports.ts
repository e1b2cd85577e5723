import type { BatchKind, CanonicalJson, Certificate, CommitProof, Header, RecordDefaults } from "../formats/index.js";
import type { Digest, Epoch, Height, Id128, ParticipantNumber, ValidatorIndex, View } from "../primitives/index.js";

/**
 * What the server needs of a node. Reads answer from what is executed here, never throw because of a
 * client, and return plain values; amounts are `bigint`, heights, views and times (UTC milliseconds)
 * safe integers. The server turns them into JSON and refuses submissions and reads while `ready` says no.
 */
export interface NodeApi {
  /** UTC milliseconds. */
  wall(): number;
  ready(): Readiness;
  status(): ChainStatus;
  genesisBytes(): Uint8Array;
  /** What a record means where the client leaves a field out: the rulebook's asset and rail, the node's own participant. */
  defaults(): RecordDefaults;

  /**
   * Signs records (count × 128 bytes) for the node's own participant and submits them, together with
   * other callers' where they are small. One call's records always lie in one batch.
   */
  submitRecords(submission: RecordsSubmission): Promise<SubmissionOutcome>;
  /** Submits a batch that its participant signed itself. */
  submitBatch(submission: BatchSubmission): Promise<SubmissionOutcome>;

  /** In the order of the ids; `undefined` where there is none. */
  accounts(ids: readonly Id128[]): readonly (AccountView | undefined)[];
  listAccounts(query: AccountQuery): Page<AccountView>;
  transfers(ids: readonly Id128[]): readonly (TransferView | undefined)[];
  /** Newest first. */
  listTransfers(query: TransferQuery): Page<TransferView>;

  receipt(transferId: Id128): ProofAnswer;
  /** @param height a kept checkpoint; the newest proven one where it is absent */
  balanceProof(accountId: Id128, height?: Height): ProofAnswer;

  block(at: Height | Digest): BlockView | undefined;
  /** Outcomes of an executed block in their order, from an index; `undefined` above the executed height. */
  outcomes(height: Height, range: { readonly from: number; readonly limit: number }): OutcomePage | undefined;
  finality(height: Height): FinalityView | undefined;

  consensusStatus(): ConsensusView;
  evidence(): readonly EvidenceView[];
  peers(): readonly PeerView[];

  /** Calls back after each fact, on a later turn; returns the function that ends it. */
  subscribe(listener: (fact: NodeFact) => void): () => void;
  /** Prometheus text exposition. */
  metrics(): Promise<string>;
}

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

export interface SubmissionOptions {
  /** `admitted`: durable here and on its way. `final`: ordered, executed and the result known. */
  readonly waitFor: "admitted" | "final";
  readonly timeoutMs: number;
  /** Aborted when the client has gone: nobody waits for the answer, what was admitted goes on. */
  readonly signal: AbortSignal;
}

export interface RecordsSubmission extends SubmissionOptions {
  readonly kind: BatchKind;
  readonly records: Uint8Array;
}

export interface BatchSubmission extends SubmissionOptions {
  readonly bytes: Uint8Array;
}

/** Why a batch cannot be ordered, before it was admitted. */
export type SubmissionFault =
  | "malformed_batch"
  | "bad_signature"
  | "wrong_chain"
  | "expired"
  | "not_after_too_far"
  | "unknown_participant";

export type SubmissionOutcome =
  | { readonly type: "admitted"; readonly digest: Digest }
  | {
      readonly type: "final";
      readonly digest: Digest;
      readonly height: Height;
      /** Name of a result code per record of this call; one entry in all for a batch-level refusal. */
      readonly results: readonly string[];
    }
  | { readonly type: "busy"; readonly retryAfterMs: number }
  | { readonly type: "refused"; readonly fault: SubmissionFault; readonly detail: string }
  /** Admitted, not final in time: it may still become final, and asking again is safe. */
  | { readonly type: "timeout"; readonly digest: Digest | undefined }
  /** Admitted, and its last moment to be ordered has passed: it will never become final. */
  | { readonly type: "expired"; readonly digest: Digest }
  | { readonly type: "unavailable"; readonly reason: "syncing" | "diverged" | "stopping" };

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
  /** The ledger freed what a pending transfer had reserved. */
  | (OutcomePlace & {
      readonly type: "transfer-expired";
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

export interface PeerView {
  readonly index: ValidatorIndex;
  readonly name: string;
  readonly peerId: string;
  readonly connected: boolean;
  readonly addresses: readonly string[];
  readonly connectedSince?: number;
  readonly roundTripMs?: number;
}

export type NodeFact =
  /** Results up to this height can be read now; a client may hear "final" of everything in it. */
  | { readonly type: "executed"; readonly height: Height }
  | { readonly type: "finalized"; readonly height: Height }
  | { readonly type: "readiness-changed" };

/** The injected check of a bearer token; compares hashes in constant time. */
export interface TokenVerifier {
  /** Scopes of a token; `undefined` if nobody made it. */
  scopesOf(token: string): readonly TokenScope[] | undefined;
}

export type TokenScope = "read" | "submit" | "approve" | "govern" | "admin";

/** Where the server says what happened: constant messages, fields without secrets or raw client text. */
export interface RpcLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

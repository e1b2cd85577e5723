import type { BatchKind, RecordDefaults } from "../formats/index.js";
import type { Digest, Height, Id128, ParticipantNumber } from "../primitives/index.js";
import type {
  AccountQuery,
  AccountView,
  BlockView,
  ChainStatus,
  Comparison,
  ConsensusView,
  EvidenceView,
  FinalityView,
  GovernanceQueries,
  OutcomePage,
  Page,
  ProofAnswer,
  Readiness,
  ReplicaFact,
  Settlements,
  SubmitFault,
  TransferQuery,
  TransferView,
  Waiting,
} from "../replica/index.js";

export type { ProposalView, QueuedTransferView } from "../ledger/index.js";
export type {
  AccountQuery,
  AccountView,
  BlockBatchView,
  BlockView,
  ChainStatus,
  ConsensusView,
  EvidenceView,
  FinalityView,
  OutcomePage,
  OutcomePlace,
  OutcomeView,
  Page,
  ParticipantKeysView,
  PreflightView,
  ProofAnswer,
  Readiness,
  RulesView,
  SignedVoteView,
  TransferQuery,
  TransferView,
  ValidatorView,
} from "../replica/index.js";

/**
 * What the server needs of a node. Reads answer from what is executed here, never throw because of a
 * client, and return plain values; amounts are `bigint`, heights, views and times (UTC milliseconds)
 * safe integers. The server turns them into JSON and refuses submissions and reads while `ready` says no.
 */
export interface NodeApi {
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
  /** Signs governance records for the node's own participant, as one batch that `submitBatch` takes. */
  signGovern(records: Uint8Array): Uint8Array;
  /** The answers about proposals, participants and rules. */
  readonly governance: Pick<GovernanceQueries, keyof GovernanceQueries>;

  /** In the order of the ids; `undefined` where there is none. */
  accounts(ids: readonly Id128[]): readonly (AccountView | undefined)[];
  listAccounts(query: AccountQuery): Page<AccountView>;
  transfers(ids: readonly Id128[]): readonly (TransferView | undefined)[];
  /** Newest first. */
  listTransfers(query: TransferQuery): Page<TransferView>;

  receipt(transferId: Id128): ProofAnswer;
  /** @param height a kept checkpoint; the newest proven one where it is absent */
  balanceProof(accountId: Id128, height?: Height): ProofAnswer;
  /** Transfers that wait, in queues and on hold. */
  readonly waiting: Pick<Waiting, keyof Waiting>;
  /** @param to the newest proven height where it is absent */
  consistencyProof(from: Height, to?: Height): ProofAnswer;
  /** The answers with which two nodes are compared. */
  readonly comparison: Pick<Comparison, keyof Comparison>;
  /** Windows of net settlement, what the banks owe in them, and their reports. */
  readonly settlements: Pick<Settlements, keyof Settlements>;

  block(at: Height | Digest): BlockView | undefined;
  /** Outcomes of an executed block in their order, from an index; `undefined` above the executed height. */
  outcomes(height: Height, range: { readonly from: number; readonly limit: number }): OutcomePage | undefined;
  finality(height: Height): FinalityView | undefined;

  consensusStatus(): ConsensusView;
  evidence(): readonly EvidenceView[];
  peers(): readonly PeerView[];

  /** Calls back at each fact, in order; listeners are quick and never throw. Returns the function that ends it. */
  subscribe(listener: (fact: ReplicaFact) => void): () => void;
  /** Prometheus text exposition. */
  metrics(): Promise<string>;
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
  | { readonly type: "refused"; readonly fault: SubmitFault; readonly detail: string }
  /** Admitted, not final in time: it may still become final, and asking again is safe. */
  | { readonly type: "timeout"; readonly digest: Digest | undefined }
  /** Admitted, and its last moment to be ordered has passed: it will never become final. */
  | { readonly type: "expired"; readonly digest: Digest }
  | { readonly type: "unavailable"; readonly reason: "syncing" | "diverged" | "stopping" };

export interface PeerView {
  readonly participant: ParticipantNumber;
  readonly name: string;
  readonly peerId: string;
  readonly connected: boolean;
  readonly addresses: readonly string[];
  readonly connectedSince?: number;
  readonly roundTripMs?: number;
}

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

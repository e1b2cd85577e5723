import type { BatchKind } from "../formats/index.js";
import type { Digest, ParticipantNumber } from "../primitives/index.js";
import type {
  Account,
  AccountAction,
  AccountRequest,
  Block,
  ChainStatus,
  ConsensusStatus,
  Evidence,
  Finality,
  Page,
  Peer,
  StreamItem,
  StreamName,
  SubmitOptions,
  SubmitResult,
  SubscriptionFilter,
  Transfer,
  TransferRequest,
} from "./types.js";

/** A bank's own operation key: batches are signed here and any node may submit them. */
export interface ClientKey {
  readonly participant: ParticipantNumber;
  readonly chainId: Digest;
  /** Ed25519. */
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** Signs `records` (count × 128 bytes) as one batch; for keys that live elsewhere, for example in an HSM. */
export type BatchSigner = (records: Uint8Array, kind: BatchKind) => { readonly bytes: Uint8Array };

export interface SabhaClientOptions {
  /** For example http://127.0.0.1:26650. */
  readonly url: string;
  /** Bearer token with scope `submit`, for calls that the node signs. */
  readonly token?: string;
  /** Sign locally; then no token is needed to submit. */
  readonly key?: ClientKey;
  /** In place of `key`. */
  readonly sign?: BatchSigner;
  /** Longest wait for the answer to a read; default 10,000. */
  readonly timeoutMs?: number;
  /** Attempts after the first on `busy`, `syncing` and a lost connection; default 8. */
  readonly retries?: number;
}

/** Typed client of one node. Every submission is safe to repeat: ids make a second one change nothing. */
export declare class SabhaClient {
  constructor(options: SabhaClientOptions);

  submitTransfers(transfers: readonly TransferRequest[], options?: SubmitOptions): Promise<readonly SubmitResult[]>;
  /** A batch that the bank signed itself. */
  submitBatch(batch: Uint8Array, options?: SubmitOptions): Promise<readonly SubmitResult[]>;
  createAccounts(accounts: readonly AccountRequest[], options?: SubmitOptions): Promise<readonly SubmitResult[]>;
  manageAccounts(actions: readonly AccountAction[], options?: SubmitOptions): Promise<readonly SubmitResult[]>;

  /** In the order of the ids; `null` where there is none. */
  getAccounts(ids: readonly string[]): Promise<readonly (Account | null)[]>;
  listAccounts(query?: {
    readonly participant?: number;
    readonly cursor?: string;
    readonly limit?: number;
  }): Promise<Page<Account>>;
  getTransfers(ids: readonly string[]): Promise<readonly (Transfer | null)[]>;
  /** Newest first. */
  listTransfers(query?: {
    readonly accountId?: string;
    readonly participant?: number;
    readonly cursor?: string;
    readonly limit?: number;
  }): Promise<Page<Transfer>>;

  /** The portable receipt; waits up to `timeoutMs` for its proof. Error `not_yet_proven` or `not_found`. */
  getReceipt(transferId: string, options?: { readonly timeoutMs?: number }): Promise<unknown>;
  getBalanceProof(accountId: string, height?: number): Promise<unknown>;

  getStatus(): Promise<ChainStatus>;
  getBlock(at: number | string, options?: { readonly full?: boolean }): Promise<Block>;
  getFinality(height: number): Promise<Finality>;
  /** The canonical bytes of the genesis file. */
  getGenesis(): Promise<Uint8Array>;
  getConsensusStatus(): Promise<ConsensusStatus>;
  getEvidence(): Promise<readonly Evidence[]>;
  getPeers(): Promise<readonly Peer[]>;
  discover(): Promise<Readonly<Record<string, unknown>>>;

  /** Any method by its name, with the same retries. */
  call(method: string, params: Readonly<Record<string, unknown>>, options?: SubmitOptions): Promise<unknown>;

  /** Follows a stream over WebSocket; a lost connection is resumed behind the last item, without gaps. */
  subscribe(
    stream: StreamName,
    options?: {
      readonly from?: string;
      readonly filter?: SubscriptionFilter;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<StreamItem>;

  /** Ends kept connections. */
  close(): Promise<void>;
}

/**
 * Shapes of the JSON-RPC interface as a client sees them. Amounts are decimal strings of minor units;
 * heights, views and times (UTC milliseconds) are safe integers; ids, hashes and keys lower-case hex.
 */

/** What executing a block gave, and the head of the results tree that ends with it. */
export interface BlockResult {
  readonly height: number;
  readonly timestamp: number;
  readonly blockHash: string;
  readonly receiptsRoot: string;
  readonly leafCount: number;
  readonly stateHeight: number;
  readonly stateRoot: string;
  readonly resultsRoot: string;
}

/** Leaves of a block's receipts tree, 256 bytes each in hex; `count` is that of the whole block. */
export interface OutcomeLeaves {
  readonly count: number;
  readonly leaves: readonly string[];
}

/** The newest checkpoint's root and what it is made of; `pageRoots` are those of the table asked for. */
export interface StateRoots {
  readonly height: number;
  readonly stateRoot: string;
  readonly tables: readonly {
    readonly name: string;
    readonly entries: number;
    readonly root: string;
    readonly pageEntries: number;
    readonly entryBytes: number;
  }[];
  readonly pageRoots: readonly string[];
}

/** A transfer to submit; asset and rail come from the rulebook where they are left out. */
export interface TransferRequest {
  /** 32 hex digits; `newTransferId` makes one. Keep it until the answer is there: it makes retries safe. */
  readonly id: string;
  readonly debitAccountId: string;
  readonly creditAccountId: string;
  /** Minor units. */
  readonly amount: string | bigint;
  readonly asset?: number;
  readonly rail?: number;
  readonly code?: number;
  readonly flags?: readonly TransferFlagName[];
  /** The pending transfer that this one posts or voids. */
  readonly pendingId?: string;
  readonly timeoutSeconds?: number;
  /** The bank's own key, 32 hex digits. */
  readonly reference?: string;
  /** Salted commitment to private remittance data, 32 hex digits. */
  readonly remittance?: string;
  /** Above 0: urgent, if every transfer of the call is; 0 where it is left out. */
  readonly priority?: number;
}

export type TransferFlagName = "pending" | "post_pending" | "void_pending" | "linked" | "balancing_debit";

/** An account to open. */
export interface AccountRequest {
  readonly id: string;
  readonly kind: "customer" | "clearing" | "settlement" | "issuance" | "reserve";
  /** Number of the participant; the one that signs where it is left out. */
  readonly owner?: number;
  readonly asset?: number;
  /** What is usual for the kind where they are left out. */
  readonly flags?: readonly ("debits_must_not_exceed_credits" | "credits_must_not_exceed_debits")[];
  readonly reference?: string;
}

/** The action has an id of its own, made like a transfer's. */
export interface AccountAction {
  readonly id: string;
  readonly accountId: string;
  readonly action: "freeze" | "unfreeze" | "close" | "cut_window" | "queue_reprioritise";
  readonly reference?: string;
  /** With `queue_reprioritise`, where `accountId` is the queued transfer's id; 0 to 255, higher is paid first. */
  readonly priority?: number;
}

/** The decision has an id of its own, made like a transfer's. */
export interface HoldDecision {
  readonly id: string;
  readonly transferId: string;
  readonly decision: "release" | "return";
}

/** A transfer in its bank's queue for liquidity. */
export interface QueuedTransfer {
  readonly id: string;
  readonly asset: number;
  /** Participant numbers of the paying bank and of the one that gets the money. */
  readonly bank: number;
  readonly payee: number;
  /** Minor units, with the rail's fee. */
  readonly amount: string;
  readonly priority: number;
  /** UTC ms at which it leaves the queue unpaid. */
  readonly deadline: number;
  readonly isFrozen: boolean;
}

/** A transfer that a screening rule holds. */
export interface HeldTransfer {
  readonly id: string;
  readonly asset: number;
  readonly amount: string;
  /** Number of the screening rule. */
  readonly rule: number;
  /** UTC ms at which the money is returned. */
  readonly deadline: number;
  readonly approvalsLeft: number;
}

export interface SubmitOptions {
  readonly waitFor?: "admitted" | "final";
  /** How long the node may wait for finality. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What became of one record. */
export interface SubmitResult {
  readonly id: string;
  readonly status: "admitted" | "final";
  /** Name of the result code, with `final`. */
  readonly result?: string;
  readonly height?: number;
}

export interface Account {
  readonly id: string;
  readonly owner: number;
  readonly asset: number;
  readonly kind: string;
  readonly flags: readonly string[];
  readonly reference?: string;
  readonly debitsPending: string;
  readonly debitsPosted: string;
  readonly creditsPending: string;
  readonly creditsPosted: string;
}

export interface Transfer {
  readonly id: string;
  readonly debitAccountId: string;
  readonly creditAccountId: string;
  readonly amount: string;
  readonly actualAmount: string;
  readonly pendingId?: string;
  readonly reference?: string;
  readonly remittance?: string;
  readonly timeoutSeconds: number;
  readonly asset: number;
  readonly rail: number;
  readonly code: number;
  readonly priority: number;
  readonly flags: readonly string[];
  /** Whose batch carried it. */
  readonly participant: number;
  /** Name of the result code. */
  readonly result: string;
  /** Where a two-phase transfer stands; absent for others. */
  readonly pendingState?: "pending" | "posted" | "voided" | "expired";
  readonly resolution?: { readonly height: number; readonly index: number };
  readonly height: number;
  readonly index: number;
  readonly timestamp: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Asks for what follows; absent at the end. */
  readonly cursor?: string;
}

export interface ChainStatus {
  readonly chainId: string;
  readonly name: string;
  readonly height: number;
  readonly executedHeight: number;
  readonly view: number;
  readonly epoch: number;
  readonly finalizedHash: string;
  readonly finalizedTimestamp: number;
  readonly stateRoot: string;
  readonly stateHeight: number;
  readonly resultsRoot: string;
  readonly syncing: boolean;
  readonly targetHeight?: number;
  readonly diverged: boolean;
  readonly participant: number;
  readonly version: string;
}

export interface CertificateJson {
  readonly kind: "PREPARE" | "COMMIT" | "TIMEOUT";
  readonly epoch: number;
  readonly view: number;
  readonly hash: string;
  /** Validator indices. */
  readonly signers: readonly number[];
  readonly signature: string;
}

export interface Block {
  readonly height: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly epoch: number;
  readonly view: number;
  readonly parentView: number;
  readonly timestamp: number;
  readonly proposer: number;
  readonly type: string;
  readonly batchesRoot: string;
  readonly valsetHash: string;
  readonly claim: {
    readonly height: number;
    readonly resultsRoot: string;
    readonly stateHeight: number;
    readonly stateRoot: string;
  };
  /** Views that were skipped since the parent. */
  readonly skippedViews: readonly number[];
  readonly executed: boolean;
  readonly batches: readonly {
    readonly digest: string;
    readonly size: number;
    readonly kind?: string;
    readonly participant?: number;
    readonly count?: number;
    readonly notAfter?: number;
    /** The signed bytes, with `full`. */
    readonly bytes?: string;
  }[];
  /** Canonical header bytes, with `full`. */
  readonly header?: string;
  /** Outcomes in order, with `full`, once executed. */
  readonly transfers?: readonly Transfer[];
  readonly events?: readonly StreamEvent[];
}

export interface Finality {
  readonly height: number;
  readonly hash: string;
  readonly prepare: CertificateJson;
  readonly commit: CertificateJson;
  /** Canonical header bytes, from the one that the certificates name down to the block's own. */
  readonly headers: readonly string[];
  /** What ended each epoch before that of the certificates, the first one's first. */
  readonly epochs: readonly {
    readonly header: string;
    readonly prepare: CertificateJson;
    readonly commit: CertificateJson;
  }[];
}

export interface ConsensusStatus {
  readonly epoch: number;
  readonly view: number;
  readonly leader: number;
  readonly leaderName: string;
  readonly finalizedView: number;
  readonly finalizedHeight: number;
  readonly quorum: number;
  readonly faultsTolerated: number;
  readonly quorumMargin: number;
  readonly validators: readonly {
    readonly index: number;
    readonly participant: number;
    readonly name: string;
    readonly connected: boolean;
    readonly isSelf: boolean;
    readonly lastVote?: { readonly kind: string; readonly view: number; readonly agoMs: number };
  }[];
  readonly halt?: { readonly reason: string; readonly missing: readonly string[] };
}

export interface Evidence {
  readonly signer: number;
  readonly name: string;
  readonly epoch: number;
  readonly view: number;
  readonly votes: readonly { readonly kind: string; readonly hash: string; readonly signature: string }[];
}

export interface Peer {
  /** Its participant number. */
  readonly participant: number;
  readonly name: string;
  readonly peerId: string;
  readonly connected: boolean;
  readonly addresses: readonly string[];
  readonly connectedSince?: number;
  readonly roundTripMs?: number;
}

export type StreamName = "blocks" | "transfers" | "events";

export interface SubscriptionFilter {
  readonly accountId?: string;
  readonly participant?: number;
}

/** One notification; `cursor` resumes right behind it. */
export interface StreamItem {
  readonly stream: StreamName;
  readonly cursor: string;
  readonly item: Block | Transfer | StreamEvent;
}

/** What the ledger did besides transfers. */
export type StreamEvent = {
  readonly height: number;
  readonly index: number;
  readonly timestamp: number;
  readonly participant: number;
  readonly result: string;
} & (
  | {
      readonly type: "account-opened";
      readonly accountId: string;
      readonly owner: number;
      readonly asset: number;
      readonly kind: string;
    }
  | { readonly type: "account-action"; readonly id: string; readonly accountId: string; readonly action: string }
  | {
      readonly type: "proposal";
      readonly id: string;
      readonly proposalKind: string;
      readonly effectiveHeight: number;
    }
  | { readonly type: "ballot"; readonly id: string; readonly proposalId: string; readonly choice: "yes" | "no" }
  | { readonly type: "ready"; readonly id: string; readonly proposalId: string; readonly executedHeight: number }
  | {
      readonly type: "key";
      readonly id: string;
      readonly change: "add" | "revoke";
      readonly publicKey: string;
      readonly scopes: readonly string[];
      readonly effectiveHeight: number;
    }
  | {
      readonly type: "window-settled";
      readonly asset: number;
      readonly window: number;
      readonly payments: number;
      readonly reportRoot: string;
    }
  | {
      readonly type: "position-settled";
      readonly asset: number;
      readonly window: number;
      readonly debits: string;
      readonly credits: string;
    }
  | {
      readonly type: "transfer-expired";
      readonly id: string;
      readonly debitAccountId: string;
      readonly creditAccountId: string;
      readonly amount: string;
    }
  | {
      readonly type: "transfer-released";
      readonly id: string;
      readonly debitAccountId: string;
      readonly creditAccountId: string;
      readonly amount: string;
    }
);

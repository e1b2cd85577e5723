import type { Claim, EpochClose, ResultLeaf, ValidatorSet } from "../formats/index.js";
import type { OrderedBatch } from "../ledger/index.js";
import type { Digest, Epoch, Height, ValidatorIndex, View } from "../primitives/index.js";
import type { EpochMembers } from "./epochs.js";
import type { Divergence, Equivocation, FinalHead } from "./ports.js";

/**
 * What those who serve clients see of a running replica. Reads answer at once from memory; nothing here
 * changes anything but `submit`.
 */
export interface ReplicaView {
  /** Newest finalised block; the genesis anchor before the first. */
  head(): FinalHead;
  /** Newest height whose results and balances are here. */
  executedHeight(): Height;
  /** Own results up to `executedHeight`, in the form in which headers claim them. */
  claim(): Claim;
  readiness(): ReplicaReadiness;
  consensus(): ReplicaConsensus;
  /** Validators of an epoch up to the newest. */
  membersOf(epoch: Epoch): EpochMembers | undefined;
  /** What ends an epoch; undefined for the newest. */
  closeOf(epoch: Epoch): EpochClose | undefined;
  evidence(): readonly Equivocation[];
  /** An executed block whose outcomes are on their way to the store: reads see it here until they see it there. */
  unwritten(height: Height): UnwrittenBlock | undefined;
  divergence(): Divergence | undefined;
  /**
   * Hands a signed batch to the pool. `done` comes on a later turn; with `admitted` the batch is durable here and
   * survives a crash.
   */
  submit(bytes: Uint8Array, done: (verdict: SubmitVerdict) => void): void;
  /** Calls back at each fact, in order; listeners are quick and never throw. Returns the function that ends it. */
  subscribe(listener: (fact: ReplicaFact) => void): () => void;
}

export interface UnwrittenBlock {
  readonly leaf: ResultLeaf;
  readonly outcomes: Uint8Array;
  /** In the order of the block's body. */
  readonly batches: readonly OrderedBatch[];
}

export type ReplicaReadiness =
  | { readonly state: "ready" }
  /** Too few validators have said where they are: this replica may be far behind without knowing. */
  | { readonly state: "starting" }
  | { readonly state: "syncing"; readonly targetHeight: Height }
  | { readonly state: "diverged" }
  | { readonly state: "stopping" };

export type SubmitVerdict =
  /** Durable here, now or since an earlier call, and not ordered yet. */
  | { readonly type: "admitted"; readonly digest: Digest }
  /** A finalised block orders it already. */
  | { readonly type: "ordered"; readonly digest: Digest; readonly height: Height }
  | { readonly type: "busy"; readonly retryAfterMs: number }
  | { readonly type: "refused"; readonly fault: SubmitFault; readonly detail: string }
  | { readonly type: "unavailable"; readonly reason: "syncing" | "diverged" | "stopping" };

/** Why a batch can never be ordered. */
export type SubmitFault =
  | "malformed_batch"
  | "bad_signature"
  | "wrong_chain"
  | "expired"
  | "not_after_too_far"
  | "unknown_participant";

export type ReplicaFact =
  | { readonly type: "finalized"; readonly height: Height }
  /** Results are durable or reproducible from what is durable: clients may hear "final" now. */
  | {
      readonly type: "executed";
      readonly height: Height;
      /** As `ExecutedBlock.codes`: one code per record, or a single one for a batch-level refusal. */
      readonly batches: readonly { readonly digest: Digest; readonly codes: Uint16Array }[];
    }
  /** An admitted batch that will never be ordered: its `notAfter` has passed. */
  | { readonly type: "batch-dropped"; readonly digest: Digest }
  | { readonly type: "readiness-changed" };

export interface ReplicaConsensus {
  readonly epoch: Epoch;
  /** Validators of that epoch. */
  readonly set: ValidatorSet;
  readonly view: View;
  readonly leader: ValidatorIndex;
  readonly finalizedView: View;
  readonly finalizedHeight: Height;
  /** Own index; absent on a node that does not validate. */
  readonly self: ValidatorIndex | undefined;
  /** One entry per validator, by index. */
  readonly validators: readonly {
    readonly connected: boolean;
    readonly lastVote: VoteSeen | undefined;
  }[];
  /** Work waits and nothing has become final for longer than a few view timeouts. */
  readonly stalled: boolean;
  /** Two final blocks contradict each other: more than f validators lied, and this one votes no more. */
  readonly forked: boolean;
}

export interface VoteSeen {
  readonly kind: "PREPARE" | "COMMIT" | "TIMEOUT";
  readonly view: View;
  /** Milliseconds since it came. */
  readonly agoMs: number;
}

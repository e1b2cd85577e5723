import type { BatchHeader } from "../formats/index.js";
import type { Digest, Lane, ParticipantNumber } from "../primitives/index.js";

/** Who brought a batch. */
export type BatchSource =
  | { readonly type: "client" }
  /** A client's, admitted before a restart: it was promised to be kept, so quotas do not apply. */
  | { readonly type: "restored" }
  | {
      readonly type: "peer";
      readonly peer: ParticipantNumber;
      /** Whether this replica asked for it because a block names it. Quotas and clocks do not apply then. */
      readonly requested: boolean;
    };

/** Why a batch is refused. Stable; the detail of a rejection is for people. */
export type RejectionCode =
  | "malformed"
  | "wrong_chain"
  | "unknown_key"
  | "expired"
  | "not_after_too_far"
  | "bad_signature";

/** Whose bound is reached: the participant's share, all of the pool, or what one peer may push. */
export type BusyScope = "participant" | "pool" | "peer";

export type Verdict =
  | {
      readonly type: "admitted";
      readonly digest: Digest;
      readonly header: BatchHeader;
      /** Requested batches that had to make room for this one, oldest first; they can be fetched again. */
      readonly evicted: readonly Digest[];
    }
  /**
   * Held already; the bytes held stay, whatever the signature of these. `adopted`: held for a peer until
   * now, this replica's own to store and push from now on.
   */
  | { readonly type: "duplicate"; readonly digest: Digest; readonly adopted: boolean }
  /** In a final block. */
  | { readonly type: "already_ordered"; readonly digest: Digest }
  | { readonly type: "rejected"; readonly code: RejectionCode; readonly detail: string }
  | { readonly type: "busy"; readonly retryAfterMs: number; readonly scope: BusyScope };

/**
 * Whether an honest replica can never have passed on a batch that is refused with this code. The others
 * depend on clocks and on how far a replica has come, and accuse nobody (attack 49).
 */
export function provesPeerFault(code: RejectionCode): boolean {
  return code === "malformed" || code === "wrong_chain" || code === "bad_signature";
}

/** What agreement has to know of a held batch. */
export interface BatchDescription {
  readonly digest: Digest;
  /** Length of the signed batch in bytes. */
  readonly size: number;
  /** Last block timestamp (ms) at which it may be ordered. */
  readonly notAfter: number;
  /** Records inside. */
  readonly count: number;
  /** In which it is served here: the one that it asks for, or a later one where that was full. */
  readonly lane: Lane;
  readonly participant: ParticipantNumber;
}

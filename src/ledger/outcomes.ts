import type { Balances, OutcomeKind } from "../formats/index.js";
import { InvariantError } from "../primitives/index.js";
import type { OutcomePointer } from "./views.js";

/** How many outcomes an `outcomes` blob of a block holds. */
export function outcomeCount(_outcomes: Uint8Array): number {
  throw new InvariantError("not built yet");
}

/** Signed bytes of the block's batch at an index. */
export type BatchAt = (batchIndex: number) => Uint8Array;

/** One outcome as the store's blob and the block's batches tell it. */
export interface DecodedOutcome {
  /** The 128-byte record that the outcome is about; a copy. */
  readonly record: Uint8Array;
  /** `account` for create_accounts, `action` for manage_accounts, `expiry` for the system's own. */
  readonly subject: "transfer" | "account" | "action" | "expiry";
  /** The 64 bytes that are hashed (formats/outcome.ts). */
  readonly outcome: Uint8Array;
  readonly code: number;
  readonly kind: OutcomeKind;
  readonly participant: number;
  /** What was really moved, reserved or released; 0 where nothing was. */
  readonly amount: bigint;
  readonly height: number;
  readonly timestamp: number;
  /** 0xffffffff for the system's own outcomes. */
  readonly batchIndex: number;
  readonly recordIndex: number;
  /** Balances after it; all zero where the record failed or does not touch the account. */
  readonly debit: CommittedBalances;
  readonly credit: CommittedBalances;
  /** Earlier outcome of the debit account, the credit account and the submitting participant. */
  readonly previousOfDebit: OutcomePointer | undefined;
  readonly previousOfCredit: OutcomePointer | undefined;
  readonly previousOfParticipant: OutcomePointer | undefined;
}

/** What one commitment of a leaf hides, and the value that opens it. */
export interface CommittedBalances {
  readonly account: Balances;
  readonly settlement: Balances;
  /** The 64 bytes account ‖ settlement. */
  readonly bytes: Uint8Array;
  readonly blinding: Uint8Array;
}

/** Outcome `index` of a block; undefined if the block has no such outcome. */
export function outcomeAt(_outcomes: Uint8Array, _index: number, _batchAt: BatchAt): DecodedOutcome | undefined {
  throw new InvariantError("not built yet");
}

/** All leaves of a block, 256 bytes each in order: record ‖ outcome ‖ debit commitment ‖ credit commitment. */
export function outcomeLeaves(_outcomes: Uint8Array, _batchAt: BatchAt): Uint8Array {
  throw new InvariantError("not built yet");
}

import { hashLevels, sha256 } from "../crypto/index.js";
import {
  BATCH_HEADER_BYTES,
  type Balances,
  type BatchKind,
  blindingOf,
  COMMITMENT_SIDE,
  decodeGovernRecord,
  decodeRows,
  OUTCOME_BYTES,
  OUTCOME_LEAF_BYTES,
  OUTCOME_LEAF_FIELDS,
  type OutcomeKind,
  parseBatch,
  RESULT,
  readBalances,
  type SettlementRow,
  writeOutcome,
} from "../formats/index.js";
import { assert, type Height, RECORD_BYTES } from "../primitives/index.js";
import { pointerAt } from "./accounts.js";
import { amountAt, countAt } from "./limbs.js";
import * as log from "./outcome-log.js";
import { HEADER_WORDS, RECORD_WORDS, SALT_WORD } from "./transfer-words.js";
import type { OutcomePointer } from "./views.js";
import { alignedWords } from "./words.js";

/** How many outcomes an `outcomes` blob of a block holds. */
export const outcomeCount = (outcomes: Uint8Array): number =>
  new DataView(outcomes.buffer, outcomes.byteOffset, outcomes.byteLength).getUint32(0, true);

/** Signed bytes of the block's batch at an index. */
export type BatchAt = (batchIndex: number) => Uint8Array;

/** One outcome as the store's blob and the block's batches tell it. */
export interface DecodedOutcome {
  /** The 128-byte record that the outcome is about; a copy. */
  readonly record: Uint8Array;
  /**
   * `account` for create_accounts, `action` for manage_accounts; `proposal`, `ballot`, `key` and `ready` for the records
   * of govern, and `proposal` for its end too; `expiry` for a pending transfer's; `release` for the end of one
   * that waited, paid or returned; `settlement` for a window's.
   */
  readonly subject:
    | "transfer"
    | "account"
    | "action"
    | "proposal"
    | "ballot"
    | "key"
    | "ready"
    | "expiry"
    | "release"
    | "settlement";
  /** The 64 bytes that are hashed (formats/outcome.ts). */
  readonly outcome: Uint8Array;
  readonly code: number;
  readonly kind: OutcomeKind;
  readonly participant: number;
  /** What was really moved, reserved or released; 0 where nothing was. */
  readonly amount: bigint;
  readonly height: Height;
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
export function outcomeAt(outcomes: Uint8Array, index: number, batchAt: BatchAt): DecodedOutcome | undefined {
  const blob = open(outcomes);
  if (!Number.isInteger(index) || index < 0 || index >= blob.count) return undefined;
  const { words } = blob;
  const at = entryAt(index);
  const isSystem = ((words[at] as number) & (log.PART_SYSTEM << 24)) !== 0;
  const batchIndex = words[at + log.ENTRY_BATCH] as number;
  const recordIndex = words[at + log.ENTRY_RECORD] as number;
  const source = isSystem ? systemSource(blob, at) : batchSource(batchAt(batchIndex), recordIndex);
  const fields = {
    code: (words[at] as number) & 0xffff,
    kind: isSystem ? ("resolution" as const) : ("first" as const),
    participant: words[at + log.ENTRY_SUBMITTER] as number,
    amount: amountAt(words, at + log.ENTRY_AMOUNT),
    height: countAt(words, 2) as Height,
    timestamp: countAt(words, 4),
    batchIndex,
    recordIndex,
  };
  const outcome = new Uint8Array(OUTCOME_BYTES);
  writeOutcome(outcome, 0, fields);
  const side = (name: "debit" | "credit"): CommittedBalances => {
    const bytes = new Uint8Array(committedWords(blob, at, name).buffer);
    const blinding = blindingOf(sha256, { salt: source.salt, recordIndex, side: name });
    return { account: readBalances(bytes, 0), settlement: readBalances(bytes, 32), bytes, blinding };
  };
  return {
    record: source.record,
    subject: source.subject,
    outcome,
    ...fields,
    debit: side("debit"),
    credit: side("credit"),
    previousOfDebit: pointerAt(words, at + log.ENTRY_DEBIT_HEIGHT, at + log.ENTRY_DEBIT_INDEX),
    previousOfCredit: pointerAt(words, at + log.ENTRY_CREDIT_HEIGHT, at + log.ENTRY_CREDIT_INDEX),
    previousOfParticipant: pointerAt(words, at + log.ENTRY_SUBMITTER_HEIGHT, at + log.ENTRY_SUBMITTER_INDEX),
  };
}

/** Rows of the report of the window that outcome `index` of a block settled; undefined if it is no such outcome. */
export function settlementRows(outcomes: Uint8Array, index: number): readonly SettlementRow[] | undefined {
  const blob = open(outcomes);
  if (!Number.isInteger(index) || index < 0 || index >= blob.count) return undefined;
  const at = entryAt(index);
  if (((blob.words[at] as number) & (log.PART_REPORT << 24)) === 0) return undefined;
  const from = systemAt(blob, at) + RECORD_WORDS + 8;
  const words = blob.words.slice(from + 1, from + 1 + (blob.words[from] as number));
  return decodeRows(new Uint8Array(words.buffer));
}

/**
 * All leaves of a block, 256 bytes each in order: record ‖ outcome ‖ debit commitment ‖ credit commitment.
 * The receipts root is `countedRoot(outcomeLeafHashes(…))`.
 */
export function outcomeLeaves(outcomes: Uint8Array, batchAt: BatchAt): Uint8Array {
  const blob = open(outcomes);
  const leaves = new Uint32Array(blob.count * LEAF_WORDS);
  const writer = new LeafWriter(blob, batchAt);
  for (let from = 0; from < blob.count; from += CHUNK) {
    const to = Math.min(blob.count, from + CHUNK);
    writer.write(from, to, leaves.subarray(from * LEAF_WORDS, to * LEAF_WORDS));
  }
  return bytesOf(leaves);
}

/** Hashes of all leaves of a block, 32 bytes each in order: `countedPath` over them is a receipt's path. */
export function outcomeLeafHashes(outcomes: Uint8Array, batchAt: BatchAt): Uint8Array {
  const blob = open(outcomes);
  const hashes = new Uint8Array(blob.count * 32);
  const writer = new LeafWriter(blob, batchAt);
  for (let from = 0; from < blob.count; from += CHUNK) {
    const to = Math.min(blob.count, from + CHUNK);
    const leaves = ROOM.leaves.subarray(0, (to - from) * LEAF_WORDS);
    writer.write(from, to, leaves);
    // The tree over a leaf's eight chunks.
    hashes.set(hashLevels(bytesOf(leaves), 3), from * 32);
  }
  return hashes;
}

const LEAF_WORDS = OUTCOME_LEAF_BYTES / 4;
const COMMITMENTS_WORD = OUTCOME_LEAF_FIELDS.debitCommitment / 4;
/** Leaves laid out and hashed together: many for each native call, few enough to stay in the cache. */
const CHUNK = 256;
/** Account ‖ settlement balances, and the blinding's preimage salt ‖ record index ‖ side ‖ zeros: 64 bytes each. */
const SIDE_WORDS = 32;
const PREIMAGES_WORDS = 2 * SIDE_WORDS;

/** Memory in which a chunk is laid out, used again for each. */
const ROOM = {
  preimages: new Uint32Array(CHUNK * PREIMAGES_WORDS),
  leaves: new Uint32Array(CHUNK * LEAF_WORDS),
};

/** Lays out leaves in bulk; the commitments of a chunk cost two native calls. */
class LeafWriter {
  readonly #blob: Blob;
  readonly #batchAt: BatchAt;
  #batchIndex = log.NO_BATCH;
  #batch: Uint32Array = new Uint32Array(0);

  constructor(blob: Blob, batchAt: BatchAt) {
    this.#blob = blob;
    this.#batchAt = batchAt;
  }

  /** Fills `leaves` with those of the outcomes `from` … `to`−1, at most a chunk. */
  write(from: number, to: number, leaves: Uint32Array): void {
    const { words } = this.#blob;
    for (let index = from; index < to; index += 1) {
      const at = entryAt(index);
      const place = index - from;
      const isSystem = ((words[at] as number) & (log.PART_SYSTEM << 24)) !== 0;
      const record = words[at + log.ENTRY_RECORD] as number;
      const source = isSystem ? words : this.#batchOf(words[at + log.ENTRY_BATCH] as number);
      const recordAt = isSystem ? systemAt(this.#blob, at) : HEADER_WORDS + record * RECORD_WORDS;
      const leafAt = place * LEAF_WORDS;
      for (let word = 0; word < RECORD_WORDS; word += 1) leaves[leafAt + word] = source[recordAt + word] as number;
      writeOutcomeWords(words, at, leaves, leafAt + RECORD_WORDS);
      copyBalances(this.#blob, at, ROOM.preimages, place * PREIMAGES_WORDS);
      writeBlindings(source, isSystem ? recordAt + RECORD_WORDS : SALT_WORD, record, place * PREIMAGES_WORDS);
    }
    commit(leaves, to - from);
  }

  #batchOf(index: number): Uint32Array {
    if (index !== this.#batchIndex) {
      this.#batchIndex = index;
      this.#batch = alignedWords(this.#batchAt(index));
    }
    return this.#batch;
  }
}

/** Preimages of both sides' blindings: salt ‖ record index ‖ side. */
function writeBlindings(source: Uint32Array, saltAt: number, record: number, to: number): void {
  const { preimages } = ROOM;
  const debit = to + 16;
  const credit = debit + SIDE_WORDS;
  for (let word = 0; word < 8; word += 1) {
    const salt = source[saltAt + word] as number;
    preimages[debit + word] = salt;
    preimages[credit + word] = salt;
  }
  preimages[debit + 8] = record;
  preimages[debit + 9] = COMMITMENT_SIDE.debit;
  preimages[credit + 8] = record;
  preimages[credit + 9] = COMMITMENT_SIDE.credit;
}

/** Writes both commitments of the first leaves: H(H(account ‖ settlement) ‖ H(blinding's preimage)). */
function commit(leaves: Uint32Array, count: number): void {
  const preimages = ROOM.preimages.subarray(0, count * PREIMAGES_WORDS);
  const commitments = alignedWords(hashLevels(bytesOf(preimages), 2));
  for (let at = 0, to = COMMITMENTS_WORD; at < count * 16; at += 16, to += LEAF_WORDS) {
    for (let word = 0; word < 16; word += 1) leaves[to + word] = commitments[at + word] as number;
  }
}

interface Blob {
  readonly words: Uint32Array;
  readonly count: number;
  /** Where the tail begins. */
  readonly tail: number;
}

function open(outcomes: Uint8Array): Blob {
  const words = alignedWords(outcomes);
  const count = words[0] as number;
  const tail = log.LOG_HEADER_WORDS + count * log.LOG_ENTRY_WORDS;
  assert(words[1] === log.LOG_VERSION && words.length >= tail, "outcomes as the ledger wrote them");
  return { words, count, tail };
}

const entryAt = (index: number): number => log.LOG_HEADER_WORDS + index * log.LOG_ENTRY_WORDS;

/** Where record and salt of a system outcome begin. */
function systemAt(blob: Blob, at: number): number {
  const hasSettlement = ((blob.words[at] as number) & (log.PART_SETTLEMENT << 24)) !== 0;
  return blob.tail + (blob.words[at + log.ENTRY_TAIL] as number) + (hasSettlement ? 16 : 0);
}

interface Source {
  readonly record: Uint8Array;
  readonly salt: Uint8Array;
  readonly subject: DecodedOutcome["subject"];
}

function systemSource(blob: Blob, at: number): Source {
  const from = systemAt(blob, at);
  const bytes = new Uint8Array(blob.words.slice(from, from + RECORD_WORDS + 8).buffer);
  const code = (blob.words[at] as number) & 0xffff;
  const subject = SYSTEM_SUBJECTS.get(code) ?? "expiry";
  return { record: bytes.slice(0, RECORD_BYTES), salt: bytes.slice(RECORD_BYTES), subject };
}

/** What the ledger's own outcomes are about, where it is not an expiry. */
const SYSTEM_SUBJECTS: ReadonlyMap<number, DecodedOutcome["subject"]> = new Map([
  [RESULT.activated, "proposal"],
  [RESULT.lapsed, "proposal"],
  [RESULT.not_activated, "proposal"],
  [RESULT.settled, "settlement"],
  [RESULT.released, "release"],
  [RESULT.returned, "release"],
]);

const SUBJECTS: Readonly<Record<Exclude<BatchKind, "govern">, DecodedOutcome["subject"]>> = {
  create_accounts: "account",
  manage_accounts: "action",
  create_transfers: "transfer",
  settle_set: "action",
};

function batchSource(bytes: Uint8Array, recordIndex: number): Source {
  const parsed = parseBatch(bytes);
  assert(parsed.ok && recordIndex < parsed.header.count, "the batch that the outcomes are about");
  const start = BATCH_HEADER_BYTES + recordIndex * RECORD_BYTES;
  const { kind, salt } = parsed.header;
  const record = bytes.slice(start, start + RECORD_BYTES);
  const subject = kind === "govern" ? (decodeGovernRecord(record)?.type ?? "proposal") : SUBJECTS[kind];
  return { record, salt, subject };
}

/** The same 64 bytes as `writeOutcome` makes, by words. */
function writeOutcomeWords(words: Uint32Array, at: number, leaves: Uint32Array, to: number): void {
  leaves[to] = (words[at] as number) & 0x00ff_ffff;
  leaves[to + 1] = words[at + log.ENTRY_SUBMITTER] as number;
  leaves[to + 2] = words[at + log.ENTRY_AMOUNT] as number;
  leaves[to + 3] = words[at + log.ENTRY_AMOUNT + 1] as number;
  for (let word = 0; word < 4; word += 1) leaves[to + 4 + word] = words[2 + word] as number;
  leaves[to + 8] = words[at + log.ENTRY_BATCH] as number;
  leaves[to + 9] = words[at + log.ENTRY_RECORD] as number;
}

/** Both sides' account ‖ settlement balances, 16 words each, at the beginning of each side. */
function copyBalances(blob: Blob, at: number, balances: Uint32Array, to: number): void {
  const { words } = blob;
  const hasSettlement = ((words[at] as number) & (log.PART_SETTLEMENT << 24)) !== 0;
  const tail = blob.tail + (words[at + log.ENTRY_TAIL] as number);
  const credit = to + SIDE_WORDS;
  for (let word = 0; word < 8; word += 1) {
    balances[to + word] = words[at + log.ENTRY_DEBIT_BALANCES + word] as number;
    balances[to + 8 + word] = hasSettlement ? (words[tail + word] as number) : 0;
    balances[credit + word] = words[at + log.ENTRY_CREDIT_BALANCES + word] as number;
    balances[credit + 8 + word] = hasSettlement ? (words[tail + 8 + word] as number) : 0;
  }
}

function committedWords(blob: Blob, at: number, side: "debit" | "credit"): Uint32Array<ArrayBuffer> {
  const both = new Uint32Array(PREIMAGES_WORDS);
  copyBalances(blob, at, both, 0);
  return side === "debit" ? both.slice(0, 16) : both.slice(SIDE_WORDS, SIDE_WORDS + 16);
}

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

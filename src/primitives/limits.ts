/**
 * Every bound of the system that is not a consortium's own setting. A queue, map, message or loop
 * whose bound is not here (or in the rulebook) is a bug.
 */

/** Validators in one set: a signer bitmap is 32 bits wide, and an all-to-all protocol stays cheap. */
export const VALIDATORS_MAX = 31;
export const VALIDATORS_MIN = 4;

/** One account, transfer or action record. */
export const RECORD_BYTES = 128;
export const BATCH_RECORDS_MAX = 8_190;
export const BATCH_BYTES_MAX = 1_048_576;

/** Block validity (docs/protocol.md): references to batches, their transfers and their bytes. */
export const BLOCK_BATCHES_MAX = 256;
export const BLOCK_TRANSFERS_MAX = 32_760;
export const BLOCK_BYTES_MAX = 4_194_304;

/** A batch may be ordered from its `notAfter` minus this much block time. */
export const NOT_AFTER_WINDOW_MS = 600_000;

/** How far non-empty blocks may outrun the newest certified results (K). */
export const EXECUTION_LAG_MAX = 8;

/** Views ahead of the current one for which votes and proposals are kept (W). */
export const VIEWS_AHEAD_MAX = 8;
/** Views behind the current one for which votes are still counted (B). */
export const VIEWS_BEHIND_MAX = 32;

/** Skip certificates that one encoded header may carry. */
export const HEADER_SKIPS_MAX = 65_536;

/** Answers of one fetch. */
export const FETCH_CERTIFICATES_MAX = 64;
export const FETCH_BLOCKS_MAX = 256;
export const FETCH_BATCHES_MAX = 64;

/** Unfinalised batches of one admitting replica, and of all together, held in memory. */
export const POOL_BYTES_PER_REPLICA_MAX = 64 * 1_048_576;
export const POOL_BYTES_MAX = 512 * 1_048_576;
export const POOL_BATCHES_MAX = 65_536;
export const POOL_BATCHES_PER_REPLICA_MAX = 8_192;
/** Share of one participant in that, whoever admitted its batches. */
export const POOL_BYTES_PER_PARTICIPANT_MAX = 32 * 1_048_576;
export const POOL_BATCHES_PER_PARTICIPANT_MAX = 4_096;
/** Batches fetched because a block names them: one block in each view that is kept. */
export const POOL_REQUESTED_BYTES_MAX = (VIEWS_AHEAD_MAX + VIEWS_BEHIND_MAX + 1) * BLOCK_BYTES_MAX;
export const POOL_REQUESTED_BATCHES_MAX = (VIEWS_AHEAD_MAX + VIEWS_BEHIND_MAX + 1) * BLOCK_BATCHES_MAX;

/** One frame on a peer stream: a batch or a range of blocks, and its envelope. */
export const FRAME_BYTES_MAX = 8 * 1_048_576;

/** Equivocations kept for `consensus_getEvidence`. */
export const EVIDENCE_MAX = 1_024;

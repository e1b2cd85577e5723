import { BATCH_BYTES_MAX, FRAME_BYTES_MAX } from "../primitives/index.js";
import type { Channel } from "../replica/index.js";

const MEBIBYTE = 1_048_576;

/** Envelope of a pushed batch: kind, origin, signature. */
const BATCH_OVERHEAD_BYTES_MAX = 4_096;

/**
 * Largest frame of each channel. A longer one closes the connection before a byte is reserved for it
 * (attacks 77, 82).
 */
export const FRAME_LIMITS: Readonly<Record<Channel, number>> = {
  consensus: 2 * MEBIBYTE,
  batches: BATCH_BYTES_MAX + BATCH_OVERHEAD_BYTES_MAX,
  sync: FRAME_BYTES_MAX,
};

/** What may wait for one peer on one channel; the frame that would pass either bound is dropped. */
export interface QueueLimit {
  readonly frames: number;
  readonly bytes: number;
}

/** Bounds that tests and operators may tighten; each has a default below. */
export interface NetworkLimits {
  readonly queues: Readonly<Record<Channel, QueueLimit>>;
  /** First wait before dialling again, milliseconds; doubles per failure. */
  readonly redialBaseMs: number;
  /** Longest wait before dialling again, milliseconds. */
  readonly redialCapMs: number;
  /** How long the peer with the higher id leaves the first dial to the other, milliseconds. */
  readonly dialGraceMs: number;
  /** One attempt to reach a peer on all its addresses, milliseconds. */
  readonly dialTimeoutMs: number;
  /** Time between two heartbeats, milliseconds; the ticks below are counted in it. */
  readonly tickMs: number;
  /** Ticks that a peer may stay silent, heartbeat answers included, before its link is cut. */
  readonly silentTicksMax: number;
  /** Ticks that a peer may leave our frames unread (attack 76). */
  readonly stalledTicksMax: number;
  /** Ticks that one frame may take to arrive, from its length to its last byte (attack 76). */
  readonly frameTicksMax: number;
  /** Ticks within which a new connection must have greeted us on every channel. */
  readonly greetingTicksMax: number;
  /** How long a peer that broke the protocol is refused, milliseconds. */
  readonly banMs: number;
}

export const DEFAULT_LIMITS: NetworkLimits = {
  queues: {
    consensus: { frames: 4_096, bytes: 16 * MEBIBYTE },
    batches: { frames: 1_024, bytes: 32 * MEBIBYTE },
    sync: { frames: 256, bytes: 24 * MEBIBYTE },
  },
  redialBaseMs: 100,
  redialCapMs: 5_000,
  dialGraceMs: 750,
  dialTimeoutMs: 10_000,
  tickMs: 1_000,
  silentTicksMax: 10,
  stalledTicksMax: 15,
  frameTicksMax: 60,
  greetingTicksMax: 10,
  banMs: 10_000,
};

/**
 * Most bytes handed to a stream at once. All channels share one encrypted connection, so this is what a
 * vote may have to wait for inside this process; it is also what one turn of the event loop encrypts.
 */
export const CHUNK_BYTES = 65_500;

/** Frames up to this size are gathered into one write; longer ones are passed on without a copy. */
export const GATHER_BYTES_MAX = 8_192;

/**
 * Receive window of one stream: bytes under way that the other end has not taken yet. All channels share one
 * TCP connection, so this bounds what a vote can find ahead of it on the wire; measured on loopback, a vote
 * beside saturating bulk takes a quarter of the time that it takes with 4 MiB. It still carries 20 MB/s over
 * a round trip of 50 ms.
 */
export const STREAM_WINDOW_BYTES = MEBIBYTE;

/** A stream or connection that buffers more than this for a peer is aborted; our own writes stay far below. */
export const WRITE_BUFFER_BYTES_MAX = 8 * MEBIBYTE;

/** Connections of one peer that may exist at once: the live one, its replacement, and one being refused. */
export const CONNECTIONS_PER_PEER_MAX = 3;

/** Streams that a peer may open on one connection: the three that are used, and one that shows it wants more. */
export const STREAMS_PER_CONNECTION_MAX = 4;

/** Handshakes from hosts that genesis does not name, at once and per second, beside the validators' (attack 75). */
export const STRANGER_CONNECTIONS_MAX = 32;

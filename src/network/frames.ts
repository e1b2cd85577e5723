import { assert, type Digest, equalBytes, utf8, Writer } from "../primitives/index.js";
import type { Channel } from "../replica/index.js";

/**
 * What travels on a stream: frames behind their length as a little-endian u32. The first frame of each
 * direction is the greeting. Two lengths that no frame can have are heartbeats without a body.
 */
export const LENGTH_BYTES = 4;

/** Heartbeat question and answer, on the consensus channel. */
export const PING = 0xffff_fffe;
export const PONG = 0xffff_ffff;

const GREETING_TAG = utf8("sabha/greeting/1");
const CHANNEL_CODES: Readonly<Record<Channel, number>> = { consensus: 1, batches: 2, sync: 3 };

/** Bytes of a greeting: tag, channel, chain id. */
export const GREETING_BYTES = GREETING_TAG.length + 1 + 32;

/** The channels, votes first: streams are opened in this order, and libp2p resumes them in it. */
export const CHANNEL_ORDER: readonly Channel[] = ["consensus", "batches", "sync"];

/**
 * libp2p protocol of one channel. It starts the chain id, so a node of another genesis finds no protocol in
 * common and is refused before anything of it is parsed (attack 106); the greeting carries the whole id.
 */
export function protocolId(chainId: Digest, channel: Channel): string {
  return `/sabha/${chainId.slice(0, 16)}/${channel}/1`;
}

/** First frame on a stream: which chain and channel its sender means (attack 106). */
export function encodeGreeting(chainId: Digest, channel: Channel): Uint8Array {
  return new Writer(GREETING_BYTES).fixed(GREETING_TAG).u8(CHANNEL_CODES[channel]).hex(chainId).finish();
}

/** Compares a peer's greeting with the one it should have sent. */
export function checkGreeting(
  frame: Uint8Array,
  chainId: Digest,
  channel: Channel,
): "good" | "bad-greeting" | "foreign-chain" {
  const expected = encodeGreeting(chainId, channel);
  if (equalBytes(frame, expected)) return "good";
  const chainStart = GREETING_BYTES - 32;
  const sameShape =
    frame.length === GREETING_BYTES && equalBytes(frame.subarray(0, chainStart), expected.subarray(0, chainStart));
  return sameShape ? "foreign-chain" : "bad-greeting";
}

export interface FrameReaderOptions {
  /** Longest frame that is accepted at this moment, bytes. */
  readonly frameBytesMax: () => number;
  readonly onFrame: (frame: Uint8Array) => void;
  readonly onHeartbeat: (kind: "ping" | "pong") => void;
}

/**
 * Cuts a byte stream into frames. A length is judged before anything is allocated for it (attack 77), and
 * each frame gets memory of its own, because the bytes that come in belong to libp2p.
 */
export class FrameReader {
  readonly #options: FrameReaderOptions;
  readonly #header = new Uint8Array(LENGTH_BYTES);
  #headerFill = 0;
  #body: Uint8Array | undefined;
  #bodyFill = 0;
  #refused = false;

  constructor(options: FrameReaderOptions) {
    this.#options = options;
  }

  /** True while part of a frame has arrived and the rest has not. */
  get incomplete(): boolean {
    return this.#headerFill > 0 || this.#body !== undefined;
  }

  /**
   * Takes bytes in the order of the stream.
   *
   * @returns false once a length was zero or above the bound; everything behind it is ignored, since
   *   nobody can tell where the next frame starts
   */
  push(bytes: Uint8Array): boolean {
    let offset = 0;
    while (offset < bytes.length && !this.#refused) {
      offset = this.#body === undefined ? this.#takeHeader(bytes, offset) : this.#takeBody(bytes, offset);
    }
    return !this.#refused;
  }

  /** Ignores everything from here on: the link is ending. */
  stop(): void {
    this.#refused = true;
    this.#body = undefined;
  }

  #takeHeader(bytes: Uint8Array, offset: number): number {
    const taken = Math.min(LENGTH_BYTES - this.#headerFill, bytes.length - offset);
    this.#header.set(bytes.subarray(offset, offset + taken), this.#headerFill);
    this.#headerFill += taken;
    if (this.#headerFill === LENGTH_BYTES) {
      this.#headerFill = 0;
      this.#startFrame(readLength(this.#header));
    }
    return offset + taken;
  }

  #startFrame(length: number): void {
    if (length === PING || length === PONG) {
      this.#options.onHeartbeat(length === PING ? "ping" : "pong");
    } else if (length === 0 || length > this.#options.frameBytesMax()) {
      this.#refused = true;
    } else {
      this.#body = new Uint8Array(length);
      this.#bodyFill = 0;
    }
  }

  #takeBody(bytes: Uint8Array, offset: number): number {
    const body = this.#body;
    assert(body !== undefined, "a body is being filled");
    const taken = Math.min(body.length - this.#bodyFill, bytes.length - offset);
    body.set(bytes.subarray(offset, offset + taken), this.#bodyFill);
    this.#bodyFill += taken;
    if (this.#bodyFill === body.length) {
      this.#body = undefined;
      this.#options.onFrame(body);
    }
    return offset + taken;
  }
}

function readLength(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset, LENGTH_BYTES).getUint32(0, true);
}

/** Writes a length in front of a frame that starts at `offset + 4`. */
export function writeLength(target: Uint8Array, offset: number, length: number): void {
  new DataView(target.buffer, target.byteOffset, target.byteLength).setUint32(offset, length, true);
}

import { assert } from "../primitives/index.js";
import { LENGTH_BYTES, PING, PONG, writeLength } from "./frames.js";
import { CHUNK_BYTES, GATHER_BYTES_MAX, type QueueLimit } from "./limits.js";

/** Front of the queue is compacted when this many slots are used up. */
const COMPACT_SLOTS = 1_024;

/**
 * Frames that wait for one peer on one channel, bounded in number and bytes, and the cutting of them into
 * writes: small frames are gathered into one (votes have about 200 bytes), a long frame is passed on in
 * pieces that share its memory, so that sending one frame to many peers copies it for none.
 */
export class Outbox {
  readonly #limit: QueueLimit;
  #frames: Uint8Array[] = [];
  /** Index of the first frame that has not been taken whole. */
  #first = 0;
  /** Bytes of a long first frame that have been taken; its length went ahead when this is not undefined. */
  #taken: number | undefined;
  #queuedBytes = 0;
  #ping = false;
  #pong = false;

  constructor(limit: QueueLimit) {
    this.#limit = limit;
  }

  get queuedFrames(): number {
    return this.#frames.length - this.#first;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isEmpty(): boolean {
    return this.queuedFrames === 0 && !this.#ping && !this.#pong;
  }

  /** Queues a frame, which nobody may change afterwards; false when a bound would be passed. */
  add(frame: Uint8Array): boolean {
    if (this.queuedFrames >= this.#limit.frames) return false;
    if (this.#queuedBytes + frame.length > this.#limit.bytes) return false;
    this.#frames.push(frame);
    this.#queuedBytes += frame.length;
    return true;
  }

  /** Puts a heartbeat before the next frame; a second one of a kind joins the first. */
  addHeartbeat(kind: "ping" | "pong"): void {
    if (kind === "ping") this.#ping = true;
    else this.#pong = true;
  }

  clear(): void {
    this.#frames = [];
    this.#first = 0;
    this.#taken = undefined;
    this.#queuedBytes = 0;
    this.#ping = false;
    this.#pong = false;
  }

  /**
   * The next bytes for the stream, at most `CHUNK_BYTES`; undefined when nothing waits. The result never
   * changes afterwards, so it may wait in buffers.
   */
  take(): { readonly bytes: Uint8Array; readonly framesEnded: number } | undefined {
    if (this.#taken !== undefined) return this.#takePiece(this.#taken);
    if (this.isEmpty) return undefined;
    return this.#gather();
  }

  #takePiece(taken: number): { readonly bytes: Uint8Array; readonly framesEnded: number } {
    const frame = this.#frames[this.#first];
    assert(frame !== undefined, "a frame is being sent");
    const end = Math.min(taken + CHUNK_BYTES, frame.length);
    const ended = end === frame.length;
    this.#taken = ended ? undefined : end;
    if (ended) {
      this.#drop(frame);
      this.#compact();
    }
    return { bytes: frame.subarray(taken, end), framesEnded: ended ? 1 : 0 };
  }

  #gather(): { readonly bytes: Uint8Array; readonly framesEnded: number } {
    let length = (this.#ping ? LENGTH_BYTES : 0) + (this.#pong ? LENGTH_BYTES : 0);
    let end = this.#first;
    let long: Uint8Array | undefined;
    for (; end < this.#frames.length; end += 1) {
      const frame = this.#frames[end] as Uint8Array;
      if (frame.length > GATHER_BYTES_MAX) {
        long = frame;
        length += LENGTH_BYTES;
        break;
      }
      if (length + LENGTH_BYTES + frame.length > CHUNK_BYTES - LENGTH_BYTES) break;
      length += LENGTH_BYTES + frame.length;
    }

    const bytes = new Uint8Array(length);
    let offset = this.#writeHeartbeats(bytes);
    const framesEnded = end - this.#first;
    while (this.#first < end) {
      const frame = this.#frames[this.#first] as Uint8Array;
      writeLength(bytes, offset, frame.length);
      bytes.set(frame, offset + LENGTH_BYTES);
      offset += LENGTH_BYTES + frame.length;
      this.#drop(frame);
    }
    if (long !== undefined) {
      writeLength(bytes, offset, long.length);
      this.#taken = 0;
    }
    this.#compact();
    return { bytes, framesEnded };
  }

  #writeHeartbeats(bytes: Uint8Array): number {
    let offset = 0;
    if (this.#pong) {
      writeLength(bytes, offset, PONG);
      offset += LENGTH_BYTES;
    }
    if (this.#ping) {
      writeLength(bytes, offset, PING);
      offset += LENGTH_BYTES;
    }
    this.#ping = false;
    this.#pong = false;
    return offset;
  }

  /** Takes the first frame off the queue. */
  #drop(frame: Uint8Array): void {
    this.#queuedBytes -= frame.length;
    this.#frames[this.#first] = EMPTY;
    this.#first += 1;
  }

  #compact(): void {
    if (this.#first < COMPACT_SLOTS && this.#first < this.#frames.length) return;
    this.#frames.splice(0, this.#first);
    this.#first = 0;
  }
}

/** Stands in for a frame that was taken, so that its memory can be freed. */
const EMPTY = new Uint8Array(0);

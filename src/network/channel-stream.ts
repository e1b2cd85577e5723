import type { Stream } from "@libp2p/interface";
import type { Digest } from "../primitives/index.js";
import type { Channel } from "../replica/index.js";
import { checkGreeting, encodeGreeting, FrameReader, GREETING_BYTES, LENGTH_BYTES, writeLength } from "./frames.js";
import { FRAME_LIMITS } from "./limits.js";
import type { LinkFault } from "./options.js";
import type { Outbox } from "./outbox.js";
import { spareWindowUpdates } from "./window-updates.js";

/** Bytes that one turn of the event loop encrypts for one channel before it lets others run. */
const TURN_BYTES = 262_144;

/** Counters that outlive the stream. */
export interface ChannelCounters {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  dropped: number;
}

export interface ChannelStreamOptions {
  readonly stream: Stream;
  readonly channel: Channel;
  readonly chainId: Digest;
  readonly outbox: Outbox;
  readonly counters: ChannelCounters;
  /** The peer's greeting was good: frames may flow. */
  readonly onGreeted: () => void;
  readonly onFrame: (frame: Uint8Array) => void;
  readonly onPong: () => void;
  readonly onFault: (fault: LinkFault) => void;
}

/**
 * One channel of one link: a long-lived libp2p stream, both directions of it. Greets at once, reads frames,
 * and writes what waits in the outbox whenever the stream can take it.
 */
export class ChannelStream {
  readonly #options: ChannelStreamOptions;
  readonly #reader: FrameReader;
  #greeted = false;
  #ended = false;
  #flushPlanned = false;
  /** Something arrived since the last tick. */
  #heard = false;
  /** Something was handed to the stream since the last tick. */
  #wrote = false;
  #frameStartedAtLastTick = false;
  #stalledTicks = 0;
  #frameTicks = 0;

  constructor(options: ChannelStreamOptions) {
    this.#options = options;
    this.#reader = new FrameReader({
      frameBytesMax: () => (this.#greeted ? FRAME_LIMITS[options.channel] : GREETING_BYTES),
      onFrame: (frame) => this.#receive(frame),
      onHeartbeat: (kind) => this.#receiveHeartbeat(kind),
    });
    const { stream } = options;
    spareWindowUpdates(stream);
    stream.addEventListener("message", (event) => this.#read(event.data));
    // libp2p's own listener came first: by the end of this turn it has written what it had kept back.
    stream.addEventListener("drain", () => this.flushSoon());
    stream.addEventListener("close", () => this.#fail("closed"));
    stream.addEventListener("remoteCloseWrite", () => this.#fail("closed"));
    this.#greet();
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  /** Writes what waits once the present turn is over, so that all its frames share one write. */
  flushSoon(): void {
    if (this.#flushPlanned || this.#ended || !this.#greeted) return;
    this.#flushPlanned = true;
    queueMicrotask(() => this.#flush());
  }

  /** Stops reading and writing; the link closes the connection. */
  end(): void {
    this.#ended = true;
    this.#reader.stop();
  }

  /**
   * Looks at the last tick.
   *
   * @returns whether anything arrived, and for how many ticks in a row the peer has not read what waits for
   *   it and has not finished the frame it is sending
   */
  tick(): { readonly heard: boolean; readonly stalledTicks: number; readonly frameTicks: number } {
    const heard = this.#heard;
    const stalled = this.#greeted && !this.#options.outbox.isEmpty && !this.#wrote;
    this.#stalledTicks = stalled ? this.#stalledTicks + 1 : 0;
    this.#frameTicks = this.#frameStartedAtLastTick && this.#reader.incomplete ? this.#frameTicks + 1 : 0;
    this.#frameStartedAtLastTick = this.#reader.incomplete;
    this.#heard = false;
    this.#wrote = false;
    this.flushSoon();
    return { heard, stalledTicks: this.#stalledTicks, frameTicks: this.#frameTicks };
  }

  #greet(): void {
    const greeting = encodeGreeting(this.#options.chainId, this.#options.channel);
    const bytes = new Uint8Array(LENGTH_BYTES + greeting.length);
    writeLength(bytes, 0, greeting.length);
    bytes.set(greeting, LENGTH_BYTES);
    this.#write(bytes);
  }

  #read(data: Uint8Array | Iterable<Uint8Array>): void {
    if (this.#ended) return;
    this.#heard = true;
    if (data instanceof Uint8Array) this.#readPart(data);
    else for (const part of data) this.#readPart(part);
  }

  #readPart(part: Uint8Array): void {
    if (this.#ended) return;
    this.#options.counters.bytesIn += part.length;
    if (!this.#reader.push(part)) this.#fail(this.#greeted ? "bad-frame-length" : "bad-greeting");
  }

  #receive(frame: Uint8Array): void {
    this.#frameStartedAtLastTick = false;
    if (this.#greeted) {
      this.#options.counters.framesIn += 1;
      this.#options.onFrame(frame);
      return;
    }
    const verdict = checkGreeting(frame, this.#options.chainId, this.#options.channel);
    if (verdict !== "good") {
      this.#fail(verdict);
      return;
    }
    this.#greeted = true;
    this.#options.onGreeted();
    this.flushSoon();
  }

  #receiveHeartbeat(kind: "ping" | "pong"): void {
    if (kind === "pong") {
      this.#options.onPong();
      return;
    }
    this.#options.outbox.addHeartbeat("pong");
    this.flushSoon();
  }

  #flush(): void {
    this.#flushPlanned = false;
    const { stream, outbox, counters } = this.#options;
    let budget = TURN_BYTES;
    while (!this.#ended && !stream.writableNeedsDrain) {
      if (budget <= 0) {
        this.#flushPlanned = true;
        setImmediate(() => this.#flush());
        return;
      }
      const chunk = outbox.take();
      if (chunk === undefined) return;
      budget -= chunk.bytes.length;
      counters.framesOut += chunk.framesEnded;
      this.#write(chunk.bytes);
    }
  }

  #write(bytes: Uint8Array): void {
    this.#wrote = true;
    this.#options.counters.bytesOut += bytes.length;
    try {
      this.#options.stream.send(bytes);
    } catch {
      // The stream is closing; its close event may be further away than the next frame.
      this.#fail("closed");
    }
  }

  #fail(fault: LinkFault): void {
    if (this.#ended) return;
    this.end();
    this.#options.onFault(fault);
  }
}

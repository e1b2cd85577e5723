import type { Connection, Stream } from "@libp2p/interface";
import type { Digest } from "../primitives/index.js";
import type { Channel } from "../replica/index.js";
import { type ChannelCounters, ChannelStream } from "./channel-stream.js";
import { CHANNEL_ORDER, protocolId } from "./frames.js";
import type { NetworkLimits } from "./limits.js";
import type { LinkFault } from "./options.js";
import type { Outbox } from "./outbox.js";

/** What a link shares with the peer that it belongs to. */
export interface LinkOptions {
  readonly connection: Connection;
  readonly dialledBy: "us" | "peer";
  readonly chainId: Digest;
  readonly limits: NetworkLimits;
  readonly outboxes: Readonly<Record<Channel, Outbox>>;
  readonly counters: Readonly<Record<Channel, ChannelCounters>>;
  /** The peer greeted us on the consensus channel. */
  readonly onUp: () => void;
  readonly onFrame: (channel: Channel, frame: Uint8Array) => void;
  /** Called once; nothing else is called afterwards. */
  readonly onDown: (fault: LinkFault, channel: Channel | undefined) => void;
}

/**
 * One encrypted connection to a peer with one stream per channel. Whoever dialled opens the streams; both
 * ends read and write each of them, and Yamux controls the flow of each direction on its own.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #streams = new Map<Channel, ChannelStream>();
  readonly #createdAt = performance.now();
  #ended = false;
  #age = 0;
  #silentTicks = 0;
  #pingedAt: number | undefined;
  #roundTripMs: number | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    options.connection.addEventListener("close", () => this.end("closed"));
    if (options.connection.status !== "open") queueMicrotask(() => this.end("closed"));
  }

  get dialledBy(): "us" | "peer" {
    return this.#options.dialledBy;
  }

  get connection(): Connection {
    return this.#options.connection;
  }

  /** Milliseconds since the connection was taken up. */
  get ageMs(): number {
    return performance.now() - this.#createdAt;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Opens the streams of a connection that we dialled. */
  async open(signal: AbortSignal): Promise<void> {
    const { connection, chainId } = this.#options;
    await Promise.all(
      CHANNEL_ORDER.map(async (channel) => {
        const stream = await connection.newStream([protocolId(chainId, channel)], { signal });
        this.attach(channel, stream);
      }),
    );
  }

  /** Takes up one channel's stream; a second one on a channel ends the link (attack 76). */
  attach(channel: Channel, stream: Stream): void {
    if (this.#ended) {
      stream.abort(new Error("link ended"));
      return;
    }
    if (this.#streams.has(channel)) {
      this.end("unwanted-stream", channel);
      return;
    }
    const channelStream = new ChannelStream({
      stream,
      channel,
      chainId: this.#options.chainId,
      outbox: this.#options.outboxes[channel],
      counters: this.#options.counters[channel],
      onGreeted: () => {
        if (channel === "consensus") this.#options.onUp();
      },
      onFrame: (frame) => this.#options.onFrame(channel, frame),
      onPong: () => this.#receivePong(),
      onFault: (fault) => this.end(fault, channel),
    });
    this.#streams.set(channel, channelStream);
  }

  flushSoon(channel: Channel): void {
    this.#streams.get(channel)?.flushSoon();
  }

  /**
   * Heartbeat and deadlines. They count ticks, not time: where this process was held up, its own silence
   * must not be taken for the peer's.
   */
  tick(): void {
    const { limits } = this.#options;
    this.#age += 1;
    // Also streams that never get as far as naming a channel.
    if (this.#options.connection.streams.length > CHANNEL_ORDER.length) return this.end("unwanted-stream");
    let heard = false;
    for (const [channel, stream] of this.#streams) {
      const seen = stream.tick();
      heard ||= seen.heard;
      if (seen.stalledTicks > limits.stalledTicksMax) return this.end("unread", channel);
      if (seen.frameTicks > limits.frameTicksMax) return this.end("slow-frame", channel);
    }
    this.#silentTicks = heard ? 0 : this.#silentTicks + 1;
    if (this.#silentTicks > limits.silentTicksMax) return this.end("silent");
    const greeted = CHANNEL_ORDER.every((channel) => this.#streams.get(channel)?.greeted === true);
    if (!greeted && this.#age > limits.greetingTicksMax) return this.end("no-greeting");
    this.#ping();
  }

  /** Closes the connection. Idempotent. */
  end(fault: LinkFault, channel?: Channel): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const stream of this.#streams.values()) stream.end();
    this.#options.connection.abort(new Error(fault));
    this.#options.onDown(fault, channel);
  }

  #ping(): void {
    const stream = this.#streams.get("consensus");
    if (this.#pingedAt !== undefined || stream?.greeted !== true) return;
    this.#pingedAt = performance.now();
    this.#options.outboxes.consensus.addHeartbeat("ping");
    stream.flushSoon();
  }

  #receivePong(): void {
    if (this.#pingedAt === undefined) return;
    this.#roundTripMs = performance.now() - this.#pingedAt;
    this.#pingedAt = undefined;
  }
}

import type { Connection, PeerId, Stream } from "@libp2p/interface";
import { CODE_P2P, type Multiaddr } from "@multiformats/multiaddr";
import type { Digest, ParticipantNumber } from "../primitives/index.js";
import type { Channel } from "../replica/index.js";
import type { ChannelCounters } from "./channel-stream.js";
import { dialFault, redialDelay } from "./dialling.js";
import { keepOrReplace } from "./duplicates.js";
import type { NetworkLimits } from "./limits.js";
import { Link } from "./link.js";
import type { LinkFault, NetworkEvent, PeerInfo, PeerOptions } from "./options.js";
import { Outbox } from "./outbox.js";

/** A link that was up this long has proved itself: the next dial starts without back-off. */
const STEADY_MS = 5_000;

export interface PeerParts {
  readonly participant: ParticipantNumber;
  readonly name: string;
  readonly peerId: PeerId;
  readonly addresses: readonly Multiaddr[];
  readonly self: ParticipantNumber;
  readonly chainId: Digest;
  readonly limits: NetworkLimits;
  readonly dial: (addresses: readonly Multiaddr[], signal: AbortSignal) => Promise<Connection>;
  readonly onFrame: (channel: Channel, frame: Uint8Array) => void;
  readonly onConnected: (connected: boolean) => void;
  readonly log: (event: NetworkEvent) => void;
}

/** One peer: its queues and counters, at most one link, and the loop that dials until there is one. */
export class Peer {
  readonly #parts: PeerParts;
  readonly #outboxes: Readonly<Record<Channel, Outbox>>;
  readonly #counters: Readonly<Record<Channel, ChannelCounters>>;
  #link: Link | undefined;
  /** UTC milliseconds; undefined while not connected. */
  #since: number | undefined;
  #lastFault: LinkFault | undefined;
  /** On the clock of `performance.now()`. */
  #refusedUntil = 0;
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;
  #dialling: AbortController | undefined;
  #stopped = false;

  constructor(parts: PeerParts) {
    this.#parts = parts;
    const { queues } = parts.limits;
    this.#outboxes = {
      consensus: new Outbox(queues.consensus),
      batches: new Outbox(queues.batches),
      sync: new Outbox(queues.sync),
    };
    this.#counters = { consensus: newCounters(), batches: newCounters(), sync: newCounters() };
  }

  get peerId(): PeerId {
    return this.#parts.peerId;
  }

  /** True while the peer is shut out after a violation. */
  get refused(): boolean {
    return performance.now() < this.#refusedUntil;
  }

  /** Whether this connection carries the peer's link. */
  owns(connection: Connection): boolean {
    return this.#link?.connection === connection;
  }

  /** Starts dialling; the peer with the higher number leaves the first dial to the other. */
  start(): void {
    this.#planDial(this.#firstDelay());
  }

  /** The `Transport` contract for this peer. */
  send(channel: Channel, frame: Uint8Array): boolean {
    if (this.#since === undefined || !this.#outboxes[channel].add(frame)) {
      this.#counters[channel].dropped += 1;
      return false;
    }
    this.#link?.flushSoon(channel);
    return true;
  }

  /** A stream that the peer opened. The first one of a connection decides whether that connection is wanted. */
  accept(channel: Channel, stream: Stream, connection: Connection): void {
    const link = this.#link;
    if (this.#stopped || this.refused) {
      connection.abort(new Error("refused"));
    } else if (link?.connection === connection) {
      if (link.dialledBy === "us") link.end("unwanted-stream", channel);
      else link.attach(channel, stream);
    } else {
      this.#takeUp(connection, "peer")?.attach(channel, stream);
    }
  }

  /** Cuts the link and lets the peer back in after `refuseMs`. */
  refuse(fault: LinkFault, refuseMs: number): void {
    this.#refusedUntil = performance.now() + refuseMs;
    this.#dialling?.abort();
    if (this.#link === undefined) this.#planDial(refuseMs);
    else this.#link.end(fault);
  }

  get participant(): ParticipantNumber {
    return this.#parts.participant;
  }

  /** Whether this is the peer that the options describe. */
  isSame({ participant, addresses }: Pick<PeerOptions, "participant" | "addresses">): boolean {
    const { peerId } = this.#parts;
    const wanted = addresses.map((text) => `${text}/p2p/${peerId.toString()}`).join();
    return participant === this.#parts.participant && wanted === this.#parts.addresses.join();
  }

  get isConnected(): boolean {
    return this.#since !== undefined;
  }

  tick(): void {
    this.#link?.tick();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelPlan();
    this.#dialling?.abort();
    this.#link?.end("stopped");
  }

  info(): PeerInfo {
    const connected = this.#since !== undefined;
    return {
      participant: this.#parts.participant,
      name: this.#parts.name,
      peerId: this.#parts.peerId.toString(),
      connected,
      addresses: this.#parts.addresses.map((address) => address.decapsulateCode(CODE_P2P).toString()),
      address: connected ? this.#link?.connection.remoteAddr.toString() : undefined,
      since: this.#since,
      roundTripMs: this.#link?.roundTripMs,
      lastFault: this.#lastFault,
      channels: {
        consensus: this.#channelInfo("consensus"),
        batches: this.#channelInfo("batches"),
        sync: this.#channelInfo("sync"),
      },
    };
  }

  #channelInfo(channel: Channel): PeerInfo["channels"]["consensus"] {
    const { queuedFrames, queuedBytes } = this.#outboxes[channel];
    return { ...this.#counters[channel], queuedFrames, queuedBytes };
  }

  /** Makes a connection the peer's link, unless the one there is to be kept. */
  #takeUp(connection: Connection, dialledBy: "us" | "peer"): Link | undefined {
    const { self, participant } = this.#parts;
    const current = this.#link;
    if (current !== undefined) {
      const byLower = (by: "us" | "peer"): boolean => (by === "us") === self < participant;
      const verdict = keepOrReplace(
        { byLower: byLower(current.dialledBy), ageMs: current.ageMs },
        { byLower: byLower(dialledBy), dialledByUs: dialledBy === "us" },
      );
      if (verdict === "keep") {
        connection.abort(new Error("already connected"));
        return undefined;
      }
      current.end("replaced");
    }
    this.#cancelPlan();
    if (dialledBy === "peer") this.#dialling?.abort();
    const link: Link = new Link({
      connection,
      dialledBy,
      chainId: this.#parts.chainId,
      limits: this.#parts.limits,
      outboxes: this.#outboxes,
      counters: this.#counters,
      onUp: () => this.#linkUp(link),
      onFrame: this.#parts.onFrame,
      onDown: (fault, channel) => this.#linkDown(link, fault, channel),
    });
    this.#link = link;
    return link;
  }

  #linkUp(link: Link): void {
    this.#since = Date.now();
    this.#parts.log({
      type: "link-up",
      peer: this.#parts.participant,
      dialledBy: link.dialledBy,
      address: link.connection.remoteAddr.toString(),
    });
    this.#parts.onConnected(true);
  }

  #linkDown(link: Link, fault: LinkFault, channel: Channel | undefined): void {
    const wasUp = this.#since !== undefined;
    this.#link = undefined;
    this.#since = undefined;
    this.#lastFault = fault;
    for (const outbox of Object.values(this.#outboxes)) outbox.clear();
    if (this.#stopped) return;

    if (isViolation(fault)) {
      const refusedMs = this.#parts.limits.banMs;
      this.#refusedUntil = Math.max(this.#refusedUntil, performance.now() + refusedMs);
      this.#parts.log({ type: "violation", peer: this.#parts.participant, fault, channel, refusedMs });
    }
    if (wasUp) {
      this.#parts.log({ type: "link-down", peer: this.#parts.participant, fault });
      queueMicrotask(() => this.#parts.onConnected(false));
    }
    if (fault === "replaced") return;
    if (wasUp && link.ageMs > STEADY_MS) this.#attempts = 0;
    if (link.dialledBy === "us" && !wasUp) this.#dialFailed(fault);
    else this.#planDial(this.#firstDelay() + this.#backOff());
  }

  #planDial(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancelPlan();
    const refusedMs = this.#refusedUntil - performance.now();
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#dial();
      },
      Math.max(delayMs, refusedMs),
    );
  }

  #cancelPlan(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #dial(): Promise<void> {
    if (this.#stopped || this.#link !== undefined || this.#dialling !== undefined) return;
    if (this.#parts.addresses.length === 0) return;
    const dialling = new AbortController();
    this.#dialling = dialling;
    const signal = AbortSignal.any([dialling.signal, AbortSignal.timeout(this.#parts.limits.dialTimeoutMs)]);
    let link: Link | undefined;
    try {
      const connection = await this.#parts.dial(this.#parts.addresses, signal);
      if (dialling.signal.aborted || this.#stopped) connection.abort(new Error("not needed"));
      else link = this.#takeUp(connection, "us");
      await link?.open(signal);
    } catch (error) {
      if (link !== undefined) link.end(dialFault(error));
      else if (this.#link === undefined && !this.refused) this.#dialFailed(dialFault(error));
    } finally {
      this.#dialling = undefined;
      // A plan that came due during this attempt was skipped.
      if (this.#link === undefined && this.#timer === undefined) this.#planDial(this.#backOff());
    }
  }

  #dialFailed(fault: LinkFault): void {
    if (this.#stopped) return;
    this.#lastFault = fault;
    const retryMs = this.#backOff();
    this.#parts.log({ type: "dial-failed", peer: this.#parts.participant, fault, attempts: this.#attempts, retryMs });
    this.#planDial(retryMs);
  }

  #firstDelay(): number {
    return this.#parts.self < this.#parts.participant ? 0 : this.#parts.limits.dialGraceMs;
  }

  #backOff(): number {
    const { redialBaseMs, redialCapMs } = this.#parts.limits;
    const delayMs = redialDelay({ attempts: this.#attempts, baseMs: redialBaseMs, capMs: redialCapMs });
    this.#attempts += 1;
    return delayMs;
  }
}

function newCounters(): ChannelCounters {
  return { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, dropped: 0 };
}

/** Faults that an honest peer of this chain cannot commit, however slow it is (attack 49). */
function isViolation(fault: LinkFault): boolean {
  return fault === "bad-frame-length" || fault === "bad-greeting" || fault === "unwanted-stream";
}

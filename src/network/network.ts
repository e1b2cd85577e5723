import type { Connection, Libp2p } from "@libp2p/interface";
import { CODE_P2P, type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { assert, FRAME_BYTES_MAX, type ParticipantNumber, VALIDATORS_MAX } from "../primitives/index.js";
import type { Channel, Transport } from "../replica/index.js";
import { CHANNEL_ORDER, protocolId } from "./frames.js";
import { peerIdFromNetworkKey, privateKeyFromSeed } from "./identity.js";
import { DEFAULT_LIMITS, FRAME_LIMITS, type NetworkLimits } from "./limits.js";
import { createNode } from "./node.js";
import { NetworkError, type NetworkOptions, type PeerInfo, type PeerOptions } from "./options.js";
import { Peer } from "./peer.js";

/**
 * Listens, and connects this validator to the others; returns once it listens.
 *
 * @throws {NetworkError} for an address or key that is none, and for a port that cannot be listened on
 */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const network = new Network(options);
  await network.start();
  return network;
}

/**
 * The `Transport` port over libp2p. Only the peers that the replica names get past the encrypted handshake; each has one
 * connection to us with one stream per channel.
 */
export class Network implements Transport {
  readonly #options: NetworkOptions;
  readonly #limits: NetworkLimits;
  /** By network key, the newest first where a participant has two. */
  #peers = new Map<string, Peer>();
  readonly #byPeerId = new Map<string, Peer>();
  readonly #idleTicks = new WeakMap<Connection, number>();
  #node: Libp2p | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #strangers = 0;
  #stopped = false;

  /** Use `startNetwork`. @throws {NetworkError} */
  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const others = options.peers.filter((peer) => peer.participant !== options.self);
    for (const each of others.sort((left, right) => left.participant - right.participant)) this.#addPeer(each);
  }

  /**
   * Other peers from now on: links to those who are not among them are cut, links to the rest stay. A peer whose key or
   * address is none is left out and logged: it stands on the ledger, and nobody here can change that.
   */
  setPeers(peers: readonly PeerOptions[]): void {
    const wanted = new Map<string, PeerOptions>();
    for (const peer of peers) {
      if (peer.participant !== this.#options.self && !wanted.has(peer.networkKey)) wanted.set(peer.networkKey, peer);
    }
    const before = this.#peers;
    this.#peers = new Map();
    for (const [networkKey, options] of wanted) {
      const known = before.get(networkKey);
      if (known !== undefined && known.isSame(options)) {
        this.#peers.set(networkKey, known);
        before.delete(networkKey);
      }
    }
    for (const peer of before.values()) {
      peer.stop();
      this.#byPeerId.delete(peer.peerId.toString());
    }
    for (const [networkKey, options] of wanted) if (!this.#peers.has(networkKey)) this.#takeIn(options);
  }

  #takeIn(options: PeerOptions): void {
    try {
      const peer = this.#addPeer(options);
      if (this.#node !== undefined && !this.#stopped) peer.start();
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      this.#options.log({ type: "peer-unusable", peer: options.participant, fault: error.fault.code });
    }
  }

  /**
   * Queues a frame for a peer; nobody may change its bytes afterwards. Whatever is sent within one turn
   * shares a write. False where the port says so, and for a frame above its channel's bound, since the other
   * end would cut the link; that is logged, because repeating it will not help.
   */
  send(to: ParticipantNumber, channel: Channel, frame: Uint8Array): boolean {
    const peer = this.#peerOf(to);
    assert(frame.length > 0 && frame.length <= FRAME_BYTES_MAX, "a frame has the size that the port allows");
    if (frame.length > FRAME_LIMITS[channel]) {
      this.#options.log({ type: "frame-too-long", peer: to, channel, bytes: frame.length });
      return false;
    }
    return peer?.send(channel, frame) ?? false;
  }

  /** Of two peers of a participant the one that is connected, or else the newer. */
  #peerOf(participant: ParticipantNumber): Peer | undefined {
    let found: Peer | undefined;
    for (const peer of this.#peers.values()) {
      if (peer.participant !== participant) continue;
      if (peer.isConnected) return peer;
      found ??= peer;
    }
    return found;
  }

  /** One entry per peer, ascending by participant. */
  peers(): PeerInfo[] {
    const peers = [...this.#peers.values()].sort((left, right) => left.participant - right.participant);
    return peers.map((peer) => peer.info());
  }

  /** Multiaddrs that this node listens on, with the ports it got. */
  addresses(): string[] {
    return (this.#node?.getMultiaddrs() ?? []).map((address) => withoutPeerId(address).toString());
  }

  /** Cuts the link to a peer that broke the protocol; neither side's dials succeed for `refuseMs`. */
  disconnect(participant: ParticipantNumber, refuseMs: number = this.#limits.banMs): void {
    for (const peer of this.#peers.values())
      if (peer.participant === participant) peer.refuse("disconnected", refuseMs);
  }

  /** Listens and starts to dial. @throws {NetworkError} */
  async start(): Promise<void> {
    const node = await createNode({
      privateKey: await privateKeyFromSeed(this.#options.networkSeed),
      listen: this.#options.listen,
      // The set may grow to its bound, while those who leave are still there.
      peers: this.#peers.size + 2 * VALIDATORS_MAX,
      peerAddresses: this.#options.peers.flatMap((peer) => peer.addresses),
      isPeer: (peerId) => this.#byPeerId.has(peerId.toString()),
      admits: (peerId) => this.#admits(peerId.toString()),
    });
    this.#node = node;
    for (const channel of CHANNEL_ORDER) {
      await node.handle(
        protocolId(this.#options.chainId, channel),
        (stream, connection) => {
          const peer = this.#byPeerId.get(connection.remotePeer.toString());
          if (peer === undefined) connection.abort(new Error("stranger"));
          else peer.accept(channel, stream, connection);
        },
        { maxInboundStreams: 2, maxOutboundStreams: 1 },
      );
    }
    try {
      await node.start();
    } catch (cause) {
      throw new NetworkError({ code: "LISTEN_FAILED", addresses: this.#options.listen }, { cause });
    }
    this.#options.log({ type: "listening", addresses: this.addresses() });
    this.#ticker = setInterval(() => this.#tick(), this.#limits.tickMs);
    for (const peer of this.#peers.values()) peer.start();
  }

  /** Closes every link and the listening sockets; no callback comes once this was called. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#ticker);
    for (const peer of this.#peers.values()) peer.stop();
    for (const connection of this.#node?.getConnections() ?? []) connection.abort(new Error("stopped"));
    await this.#node?.stop();
  }

  #addPeer(options: PeerOptions): Peer {
    const peerId = peerIdFromNetworkKey(options.networkKey);
    if (peerId === undefined) throw new NetworkError({ code: "BAD_NETWORK_KEY", name: options.name });
    const addresses = options.addresses.map((text) => parseAddress(text).encapsulate(`/p2p/${peerId.toString()}`));
    const { participant } = options;
    const peer = new Peer({
      participant,
      name: options.name,
      peerId,
      addresses,
      self: this.#options.self,
      chainId: this.#options.chainId,
      limits: this.#limits,
      dial: (targets, signal) => this.#dial(targets, signal),
      onFrame: (channel, frame) => {
        if (!this.#stopped) this.#options.onFrame(participant, channel, frame);
      },
      onConnected: (connected) => {
        if (!this.#stopped) this.#options.onPeer(participant, connected);
      },
      log: this.#options.log,
    });
    this.#peers.set(options.networkKey, peer);
    this.#byPeerId.set(peerId.toString(), peer);
    return peer;
  }

  /** `force`: libp2p would hand out a connection that we are about to give up. */
  #dial(targets: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    assert(this.#node !== undefined, "the node was started");
    return this.#node.dial([...targets], { signal, force: true });
  }

  /** Judges an inbound connection as soon as its identity is proved (attack 75). */
  #admits(peerId: string): boolean {
    const peer = this.#byPeerId.get(peerId);
    if (peer === undefined) {
      this.#strangers += 1;
      return false;
    }
    return !this.#stopped && !peer.refused;
  }

  #tick(): void {
    for (const peer of this.#peers.values()) peer.tick();
    this.#closeIdle();
    if (this.#strangers > 0) this.#options.log({ type: "strangers-refused", count: this.#strangers });
    this.#strangers = 0;
  }

  /** Connections on which nobody opens a channel do not stay (attacks 75, 76). */
  #closeIdle(): void {
    for (const connection of this.#node?.getConnections() ?? []) {
      const peer = this.#byPeerId.get(connection.remotePeer.toString());
      if (peer?.owns(connection) === true) continue;
      const ticks = (this.#idleTicks.get(connection) ?? 0) + 1;
      this.#idleTicks.set(connection, ticks);
      if (ticks > this.#limits.greetingTicksMax) connection.abort(new Error("idle"));
    }
  }
}

function parseAddress(text: string): Multiaddr {
  try {
    return withoutPeerId(multiaddr(text));
  } catch (cause) {
    throw new NetworkError({ code: "BAD_ADDRESS", address: text }, { cause });
  }
}

function withoutPeerId(address: Multiaddr): Multiaddr {
  return address.decapsulateCode(CODE_P2P);
}

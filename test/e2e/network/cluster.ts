import { createServer } from "node:net";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { Libp2p } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { peerIdFromNetworkKey, privateKeyFromSeed } from "../../../src/network/identity.js";
import {
  type Network,
  type NetworkEvent,
  type NetworkLimits,
  networkKeyFromSeed,
  type PeerInfo,
  type PeerOptions,
  startNetwork,
} from "../../../src/network/index.js";
import { STREAM_WINDOW_BYTES } from "../../../src/network/limits.js";
import { type Digest, participantNumber } from "../../../src/primitives/index.js";
import type { Channel } from "../../../src/replica/index.js";

export const CHAIN = "5a".repeat(32) as Digest;

/** Deadlines in ticks stay as in production; the ticks are shorter. */
export const QUICK: Partial<NetworkLimits> = { tickMs: 50, dialGraceMs: 100, redialBaseMs: 20, redialCapMs: 500 };

export interface Received {
  readonly from: number;
  readonly channel: Channel;
  readonly frame: Uint8Array;
}

/** One network under test and all that it reported. */
export interface Member {
  readonly network: Network;
  readonly received: Received[];
  readonly events: NetworkEvent[];
  /** Every `onPeer` call in order. */
  readonly changes: { readonly peer: number; readonly connected: boolean }[];
  /** Replaces keeping the frames in `received`. */
  onFrame: ((received: Received) => void) | undefined;
}

export const seed = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1);

/** Ports that were free a moment ago; the tests need them before anybody listens. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            if (address === null || typeof address === "string") reject(new Error("no port"));
            else resolve(address.port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Genesis entries of `count` validators on loopback. */
export async function makePeers(count: number): Promise<PeerOptions[]> {
  const ports = await freePorts(count);
  return Promise.all(
    ports.map(async (port, index) => ({
      participant: participantNumber(index),
      name: `bank-${index}`,
      networkKey: (await networkKeyFromSeed(seed(index))).publicKey,
      addresses: [`/ip4/127.0.0.1/tcp/${port}`],
    })),
  );
}

export async function startMember(options: {
  readonly peers: readonly PeerOptions[];
  readonly self: number;
  readonly chainId?: Digest;
  readonly limits?: Partial<NetworkLimits>;
}): Promise<Member> {
  const received: Received[] = [];
  const events: NetworkEvent[] = [];
  const changes: { peer: number; connected: boolean }[] = [];
  const network = await startNetwork({
    chainId: options.chainId ?? CHAIN,
    self: participantNumber(options.self),
    networkSeed: seed(options.self),
    peers: options.peers,
    listen: options.peers[options.self]?.addresses ?? [],
    limits: { ...QUICK, ...options.limits },
    onFrame: (from, channel, frame) => {
      const item = { from, channel, frame };
      if (member.onFrame === undefined) received.push(item);
      else member.onFrame(item);
    },
    onPeer: (peer, connected) => changes.push({ peer, connected }),
    log: (event) => events.push(event),
  });
  const member: Member = { network, received, events, changes, onFrame: undefined };
  return member;
}

/** What a member knows of one peer. */
export function peerOf(member: Member, index: number): PeerInfo {
  const info = member.network.peers().find((peer) => peer.participant === index);
  if (info === undefined) throw new Error(`no peer ${index}`);
  return info;
}

export const isConnected = (member: Member, index: number): boolean => peerOf(member, index).connected;

export const violations = (member: Member): NetworkEvent[] =>
  member.events.filter((event) => event.type === "violation");

export function send(member: Member, to: number, channel: Channel, frame: Uint8Array): boolean {
  return member.network.send(participantNumber(to), channel, frame);
}

/** Waits until a condition holds; only a test that hangs reaches the limit. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * A libp2p node that can talk to ours and obeys none of its limits: the attacker's tool. Only the window has
 * to be the same.
 */
export async function startRaw(rawSeed: Uint8Array): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await privateKeyFromSeed(rawSeed),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxOutboundStreams: 100_000,
        streamOptions: { initialStreamWindowSize: STREAM_WINDOW_BYTES, maxStreamWindowSize: STREAM_WINDOW_BYTES },
      }),
    ],
    connectionMonitor: { enabled: false },
  });
}

/** Dials a genesis entry from a raw node. */
export async function dialRaw(node: Libp2p, peer: PeerOptions) {
  const peerId = peerIdFromNetworkKey(peer.networkKey);
  const address = peer.addresses[0];
  if (peerId === undefined || address === undefined) throw new Error("the entry cannot be dialled");
  return node.dial(multiaddr(`${address}/p2p/${peerId.toString()}`), { signal: AbortSignal.timeout(5_000) });
}

import type { Digest, ParticipantNumber } from "../primitives/index.js";
import type { Channel } from "../replica/index.js";
import type { NetworkLimits } from "./limits.js";

/** One peer as the network sees it; a participant that changes its network key is two for a while. */
export interface PeerOptions {
  readonly participant: ParticipantNumber;
  readonly name: string;
  /** 32-byte Ed25519 public key of the libp2p identity, lower-case hex. */
  readonly networkKey: string;
  /** Multiaddrs over TCP, for example /ip4/127.0.0.1/tcp/26600; a /p2p part is not wanted. */
  readonly addresses: readonly string[];
}

export interface NetworkOptions {
  readonly chainId: Digest;
  readonly self: ParticipantNumber;
  /** 32 secret bytes: the Ed25519 seed of this node's libp2p identity. */
  readonly networkSeed: Uint8Array;
  /** Whom to begin with; the own entry is skipped. `Network.setPeers` replaces them. */
  readonly peers: readonly PeerOptions[];
  /** Multiaddrs to listen on; port 0 takes a free one. */
  readonly listen: readonly string[];
  /** One whole frame, in memory of its own. What this throws is our own mistake and ends the process. */
  readonly onFrame: (from: ParticipantNumber, channel: Channel, frame: Uint8Array) => void;
  /** A link came up or was lost. Between the two calls, frames of one channel arrive without a gap. */
  readonly onPeer: (participant: ParticipantNumber, connected: boolean) => void;
  readonly log: (event: NetworkEvent) => void;
  readonly limits?: Partial<NetworkLimits>;
}

/** Why a link ended or never came to be. A closed union: it labels metrics. */
export type LinkFault =
  /** We or the peer stopped, or the connection broke. */
  | "closed"
  /** A newer connection of the same peer took its place. */
  | "replaced"
  /** Nothing was heard for too long. */
  | "silent"
  /** The peer left our frames unread for too long (attack 76). */
  | "unread"
  /** A frame took too long to arrive (attack 76). */
  | "slow-frame"
  /** The connection never greeted us on every channel. */
  | "no-greeting"
  /** The greeting was not ours to understand. */
  | "bad-greeting"
  /** The peer runs with another genesis (attack 106). */
  | "foreign-chain"
  /** A frame's length is zero or above the channel's bound (attacks 77, 82). */
  | "bad-frame-length"
  /** A second stream on one channel, or one that we did not ask for (attack 76). */
  | "unwanted-stream"
  /** Nobody answered at the peer's addresses, or not in time. */
  | "unreachable"
  /** Somebody answered and hung up, or could not prove the peer's identity. */
  | "refused"
  /** `Network.disconnect` was called. */
  | "disconnected"
  /** This node is stopping. */
  | "stopped";

/** One line in the log and one metric each; never a peer's own text. */
export type NetworkEvent =
  | { readonly type: "listening"; readonly addresses: readonly string[] }
  | {
      readonly type: "link-up";
      readonly peer: ParticipantNumber;
      readonly dialledBy: "us" | "peer";
      readonly address: string;
    }
  | { readonly type: "link-down"; readonly peer: ParticipantNumber; readonly fault: LinkFault }
  | {
      readonly type: "dial-failed";
      readonly peer: ParticipantNumber;
      readonly fault: LinkFault;
      /** Failed attempts in a row. */
      readonly attempts: number;
      readonly retryMs: number;
    }
  /** The peer broke the protocol; `refusedMs` is how long it is not let in again. */
  | {
      readonly type: "violation";
      readonly peer: ParticipantNumber;
      readonly fault: LinkFault;
      readonly channel: Channel | undefined;
      readonly refusedMs: number;
    }
  /** This node tried to send a frame that its channel does not carry. */
  | {
      readonly type: "frame-too-long";
      readonly peer: ParticipantNumber;
      readonly channel: Channel;
      readonly bytes: number;
    }
  /** The ledger names a peer with a key or an address that is none. */
  | { readonly type: "peer-unusable"; readonly peer: ParticipantNumber; readonly fault: NetworkFault["code"] }
  /** Somebody who is no peer proved an identity and was cut off; at most one event a second (attack 75). */
  | { readonly type: "strangers-refused"; readonly count: number };

/** Counters of one channel since the process started. */
export interface ChannelInfo {
  readonly framesIn: number;
  readonly framesOut: number;
  /** With their four-byte lengths. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Frames dropped because the peer was away or its queue full. */
  readonly dropped: number;
  readonly queuedFrames: number;
  readonly queuedBytes: number;
}

/** What `net_getPeers` shows. */
export interface PeerInfo {
  readonly participant: ParticipantNumber;
  readonly name: string;
  readonly peerId: string;
  readonly connected: boolean;
  /** Where it is dialled. */
  readonly addresses: readonly string[];
  /** Multiaddr of the other end while connected. */
  readonly address: string | undefined;
  /** UTC milliseconds since when the link is up. */
  readonly since: number | undefined;
  /** Milliseconds of the last heartbeat, there and back. */
  readonly roundTripMs: number | undefined;
  readonly lastFault: LinkFault | undefined;
  readonly channels: Readonly<Record<Channel, ChannelInfo>>;
}

export type NetworkFault =
  /** A port is taken or an address is not ours; the cause has the system's code. */
  | { readonly code: "LISTEN_FAILED"; readonly addresses: readonly string[] }
  | { readonly code: "BAD_ADDRESS"; readonly address: string }
  | { readonly code: "BAD_NETWORK_KEY"; readonly name: string };

/** The network could not start. Match on `fault.code`. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly fault: NetworkFault;

  constructor(fault: NetworkFault, options?: ErrorOptions) {
    super(fault.code, options);
    this.fault = fault;
  }
}

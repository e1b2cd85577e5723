import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { ConnectionGater, Libp2p, MessageStream, PeerId, PrivateKey, StreamMuxerFactory } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { HandshakeGuard } from "./handshake-guard.js";
import {
  CHUNK_BYTES,
  CONNECTIONS_PER_PEER_MAX,
  STRANGER_CONNECTIONS_MAX,
  STREAM_WINDOW_BYTES,
  STREAMS_PER_CONNECTION_MAX,
  WRITE_BUFFER_BYTES_MAX,
} from "./limits.js";

export interface NodeParts {
  readonly privateKey: PrivateKey;
  readonly listen: readonly string[];
  /** Number of other validators. */
  readonly peers: number;
  /** All addresses of the other validators. */
  readonly peerAddresses: readonly string[];
  readonly isPeer: (peerId: PeerId) => boolean;
  /** Judges an inbound connection whose identity is proved. */
  readonly admits: (peerId: PeerId) => boolean;
}

/**
 * libp2p with nothing but TCP, Noise and Yamux: no discovery, routing, identify or relay. Not started yet.
 *
 * Its defaults suit an open network of strangers. Here a dozen validators may share one host and reconnect
 * at the same moment, so its per-host limits are raised to fit the validator set; who may connect is decided
 * by identity, and liveness by our own heartbeat, since libp2p's monitor cuts links of a busy machine.
 */
export async function createNode(parts: NodeParts): Promise<Libp2p> {
  const connectionsMax = parts.peers * CONNECTIONS_PER_PEER_MAX + STRANGER_CONNECTIONS_MAX;
  const node: Libp2p = await createLibp2p({
    start: false,
    privateKey: parts.privateKey,
    addresses: { listen: [...parts.listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [boundedYamux],
    connectionGater: gater(parts, (peerId) => node.getConnections(peerId).length),
    connectionManager: {
      // Strangers may use up the limits below, but not for the hosts that genesis names.
      allow: parts.peerAddresses.filter((address) => /^\/ip[46]\//.test(address)),
      maxConnections: connectionsMax,
      maxIncomingPendingConnections: connectionsMax,
      inboundConnectionThreshold: connectionsMax,
      inboundStreamProtocolNegotiationTimeout: 5_000,
      addressDialTimeout: 5_000,
    },
    connectionMonitor: { enabled: false },
  });
  return node;
}

function gater(parts: NodeParts, connections: (peerId: PeerId) => number): ConnectionGater {
  const guard = new HandshakeGuard();
  return {
    denyDialPeer: (peerId) => !parts.isPeer(peerId),
    denyOutboundEncryptedConnection: (peerId) => !parts.isPeer(peerId),
    denyInboundConnection: (connection) => {
      guard.watch(connection);
      return false;
    },
    denyInboundEncryptedConnection: (peerId, connection) => {
      guard.release(connection);
      return !parts.admits(peerId) || connections(peerId) >= CONNECTIONS_PER_PEER_MAX;
    },
  };
}

/**
 * Yamux with bounds. The window is part of the wire format: the library takes its own setting for the
 * other end's, so both must agree.
 */
function boundedYamux(): StreamMuxerFactory {
  const factory = yamux({
    enableKeepAlive: false,
    maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
    maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
    streamOptions: {
      initialStreamWindowSize: STREAM_WINDOW_BYTES,
      maxStreamWindowSize: STREAM_WINDOW_BYTES,
      maxReadBufferLength: STREAM_WINDOW_BYTES,
      maxWriteBufferLength: 4 * CHUNK_BYTES,
    },
  })();
  return {
    protocol: factory.protocol,
    createStreamMuxer(stream: MessageStream) {
      // Answers to a peer that never reads (window updates, resets) gather here, below every stream.
      stream.maxWriteBufferLength = WRITE_BUFFER_BYTES_MAX;
      return factory.createStreamMuxer(stream);
    },
  };
}

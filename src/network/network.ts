import type { ValidatorIndex } from "../primitives/index.js";
import type { Channel, Transport } from "../replica/index.js";
import type { NetworkOptions, PeerInfo } from "./options.js";

/** Connects this validator to the others and listens for them. @throws {NetworkError} */
export function startNetwork(options: NetworkOptions): Promise<Network> {
  return Promise.reject(new Error(`not built yet: ${options.chainId}`));
}

/** The `Transport` port over libp2p. */
export declare class Network implements Transport {
  send(to: ValidatorIndex, channel: Channel, frame: Uint8Array): boolean;
  /** One entry per other validator, ascending by index. */
  peers(): PeerInfo[];
  /** Multiaddrs that this node listens on, with the ports it got. */
  addresses(): string[];
  /** Cuts the link to a peer that broke the protocol and refuses it for a bounded time. */
  disconnect(index: ValidatorIndex, refuseMs?: number): void;
  /** Closes every link and the listening sockets; no callback comes afterwards. */
  stop(): Promise<void>;
}

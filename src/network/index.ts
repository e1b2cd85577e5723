/** The replica's `Transport` port over libp2p: TCP, Noise and Yamux between the validators of one genesis. */
import "./promise-with-resolvers.js";

export { type NetworkKey, networkKeyFromSeed } from "./identity.js";
export { DEFAULT_LIMITS, FRAME_LIMITS, type NetworkLimits, type QueueLimit } from "./limits.js";
export { type Network, startNetwork } from "./network.js";
export * from "./options.js";

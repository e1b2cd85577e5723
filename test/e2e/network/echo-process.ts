/** A validator that sends every frame back to where it came from. Started by the tests, ended by a signal. */
import { type PeerOptions, startNetwork } from "../../../src/network/index.js";
import { participantNumber } from "../../../src/primitives/index.js";
import { CHAIN, QUICK, seed } from "./cluster.js";

const peers = JSON.parse(process.env["ECHO_PEERS"] ?? "[]") as PeerOptions[];
const self = Number(process.env["ECHO_SELF"]);

const network = await startNetwork({
  chainId: CHAIN,
  self: participantNumber(self),
  networkSeed: seed(self),
  peers,
  listen: peers[self]?.addresses ?? [],
  limits: QUICK,
  onFrame: (from, channel, frame) => network.send(from, channel, frame),
  onPeer: () => {},
  log: () => {},
});

import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "../../../src/crypto/index.js";
import { type Network, networkKeyFromSeed, type PeerOptions, startNetwork } from "../../../src/network/index.js";
import { participantNumber, utf8 } from "../../../src/primitives/index.js";
import { freePorts } from "../../local-network.js";
import type { Case, CaseMaker } from "./case.js";
import { BATCH, CHAIN, signedBatch } from "./messages.js";

const FIRST_PORT = 29_800;
/** Frames of one operation: less than a link's queue takes. */
const FRAMES = 16;
const CONNECT_MS = 10_000;

/** Two ends in this process, so that the time is what both of them spend. */
async function frameCase(): Promise<Case> {
  const frame = signedBatch().bytes;
  const port = await freePorts(2, FIRST_PORT);
  const seeds = [0, 1].map((index) => sha256(utf8(`sabha/bench/link/${index}`)));
  const peers = await Promise.all(
    seeds.map(
      async (seed, index): Promise<PeerOptions> => ({
        participant: participantNumber(index + 1),
        name: `BANK${index + 1}`,
        networkKey: (await networkKeyFromSeed(seed)).publicKey,
        addresses: [`/ip4/127.0.0.1/tcp/${port + index}`],
      }),
    ),
  );
  let arrived = 0;
  let whenAll: () => void = () => undefined;
  const start = (index: number): Promise<Network> =>
    startNetwork({
      chainId: CHAIN,
      self: participantNumber(index + 1),
      networkSeed: seeds[index] as Uint8Array,
      peers,
      listen: peers[index]?.addresses ?? [],
      onFrame: () => {
        arrived += 1;
        if (arrived === FRAMES) whenAll();
      },
      onPeer: () => undefined,
      log: () => undefined,
    });
  const networks = await Promise.all([start(0), start(1)]);
  const [sender] = networks;
  const deadline = performance.now() + CONNECT_MS;
  while (!sender.peers().some(({ connected }) => connected)) {
    if (performance.now() > deadline) throw new Error("the two ends did not find each other");
    await sleep(20);
  }
  return {
    name: "link",
    what: `${FRAMES} batches of ${BATCH} from one node to another over libp2p with Noise, both ends`,
    transfers: FRAMES * BATCH,
    async run() {
      arrived = 0;
      const all = new Promise<void>((resolve) => {
        whenAll = resolve;
      });
      for (let index = 0; index < FRAMES; index += 1)
        if (!sender.send(participantNumber(2), "batches", frame)) throw new Error("a frame was dropped");
      await all;
    },
    async close() {
      await Promise.all(networks.map((network) => network.stop()));
    },
  };
}

export const LINK_CASES: readonly CaseMaker[] = [{ name: "link", make: frameCase }];

import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { LAN_TIMING, type Timing } from "../consensus/index.js";
import { certificateScheme } from "../crypto/index.js";
import { foundingOf, type Genesis, type Successor } from "../formats/index.js";
import { ProtocolVersionError } from "../ledger/index.js";
import { MEMPOOL_LIMITS, type MempoolLimits } from "../mempool/index.js";
import { type Network, NetworkError, type PeerOptions, startNetwork } from "../network/index.js";
import { type ParticipantNumber, toHex } from "../primitives/index.js";
import { type Channel, type Ports, Replica, type ReplicaEvent, type Store, type Transport } from "../replica/index.js";
import { createRpcServer, type RpcServer, RpcServerError } from "../rpc/index.js";
import { type NodeStore, openStore, StoreError } from "../storage/index.js";
import { createNodeApi } from "./api.js";
import { systemClock } from "./clock.js";
import { timersOf } from "./config.js";
import type { Config } from "./config-options.js";
import { type FoundedHome, homePath, type NodeKeys, readHome, readNodeKeys } from "./home.js";
import { NodeFailure } from "./node-failure.js";
import { readPeersFile } from "./peers-file.js";
import { createLog, createTelemetry, type Observed, type Telemetry } from "./telemetry.js";
import { loadTokens } from "./tokens.js";
import { mayVote } from "./voting-mark.js";

export interface Node {
  readonly rpcUrl: string;
  readonly log: Logger;
  /** Settles when the node cannot go on by itself; never rejects. */
  readonly failed: Promise<NodeFailure>;
  /** Not ready any more, then RPC, agreement, network and disk are closed in this order. */
  stop(): Promise<void>;
}

/** The ways between a replica, its peers and its disk. */
export interface Surroundings {
  /** Takes what the replica says. */
  readonly transport: Transport;
  /** Takes what a peer said. */
  readonly receive: (from: ParticipantNumber, channel: Channel, frame: Uint8Array) => void;
  readonly store: Store;
  /** Votes on though certificates show that the key signed more than the record knows: one of two lives of a liar. */
  readonly trustsRecord?: boolean;
}

/**
 * Stands between a replica and its surroundings, for test stands that make a validator misbehave with its
 * own keys, or its disk slow. The node of the command line has none.
 */
export type Interpose = (node: {
  readonly home: FoundedHome;
  readonly keys: NodeKeys;
  readonly log: Logger;
  readonly around: Surroundings;
}) => Surroundings;

/**
 * Starts the node of a home: store, replica, network, RPC. The replica votes only once all of them run.
 *
 * @throws {HomeError} for what is wrong with the home's files
 * @throws {NodeFailure} for a locked or damaged store, a busy port, and the like
 */
export async function startNode(path: string, version: string, interpose?: Interpose): Promise<Node> {
  const read = readHome(path, true);
  const keys = readNodeKeys(read);
  const { genesis } = read;
  const home: FoundedHome = { ...read, genesis: foundingOf(genesis) };
  const log = createLog(home.config);
  const store = await openNodeStore(home);
  try {
    return await new Assembly({ home, keys, log, store, version, interpose }).start(genesis);
  } catch (error) {
    await store.close();
    throw asFailure(error);
  }
}

async function openNodeStore(home: FoundedHome): Promise<NodeStore> {
  try {
    return await openStore({ path: homePath(home, home.config.data.dir), chainId: home.chainId });
  } catch (error) {
    throw asFailure(error);
  }
}

/** Turns what a part of the machine threw into the sentence and the advice that an operator needs. */
function asFailure(error: unknown): unknown {
  const isOfTheMachine = error instanceof StoreError || error instanceof NetworkError;
  if (isOfTheMachine || error instanceof RpcServerError || error instanceof ProtocolVersionError) {
    return new NodeFailure(error);
  }
  return error;
}

interface Parts {
  readonly home: FoundedHome;
  readonly keys: NodeKeys;
  readonly log: Logger;
  readonly store: NodeStore;
  readonly version: string;
  readonly interpose: Interpose | undefined;
}

/** Puts one node's parts together and takes them apart again. */
class Assembly {
  readonly #parts: Parts;
  readonly #telemetry: Telemetry;
  readonly #failed: Promise<NodeFailure>;
  #fail: (failure: NodeFailure) => void = () => undefined;
  /** By name of a participant, from the operator's own file. */
  #addresses: ReadonlyMap<string, readonly string[]> = new Map();
  #observed: Observed | undefined;
  #network: Network | undefined;
  #api: ReturnType<typeof createNodeApi> | undefined;
  #rpc: RpcServer | undefined;
  #replica: Replica | undefined;
  readonly #around: Surroundings;

  constructor(parts: Parts) {
    this.#parts = parts;
    const around: Surroundings = {
      transport: { send: (to, channel, frame) => this.#network?.send(to, channel, frame) ?? false },
      receive: (from, channel, frame) => this.#replica?.receive(from, channel, frame),
      store: parts.store,
    };
    this.#around = parts.interpose?.({ home: parts.home, keys: parts.keys, log: parts.log, around }) ?? around;
    this.#telemetry = createTelemetry(parts.log, () => this.#observed);
    this.#failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** @param genesis with all its accounts, which nobody keeps */
  async start(genesis: Genesis): Promise<Node> {
    const { home, log, store } = this.#parts;
    const votes = mayVote(home.path, homePath(home, home.config.data.dir), toHex(this.#parts.keys.consensus.publicKey));
    if (!votes)
      log.error("the safety record of this key is lost: this node follows and does not vote (docs/operations.md)");
    const replica = this.#createReplica(genesis, votes);
    this.#replica = replica;
    try {
      this.#network = await this.#startNetwork(replica);
      this.#observed = { replica, store, network: this.#network };
      this.#rpc = await this.#startRpc(replica, this.#network);
    } catch (error) {
      await this.#network?.stop();
      throw error;
    }
    replica.subscribe((fact) => this.#telemetry.onFact(fact));
    replica.start();
    log.info({ chainId: home.chainId, height: replica.head().height, rpc: this.#rpc.url }, "node started");
    return { rpcUrl: this.#rpc.url, log, failed: this.#failed, stop: () => this.#stop() };
  }

  #createReplica(genesis: Genesis, votes: boolean): Replica {
    const { home, keys } = this.#parts;
    const { chainId, participant } = home;
    const { publicKey, secretKey } = keys.consensus;
    const ports: Ports = {
      clock: systemClock,
      store: this.#around.store,
      transport: this.#around.transport,
    };
    return new Replica(
      {
        genesis,
        chainId,
        scheme: certificateScheme(genesis.scheme),
        participant: participant.number,
        keys: [{ publicKey, secretKey, mayVote: votes }],
        trustsRecord: this.#around.trustsRecord ?? false,
        timing: timingOf(home.config),
        mempoolLimits: poolLimits(home.config),
        ledgerOptions: { hashSeed: randomBytes(4).readUInt32LE() },
      },
      ports,
      (event) => this.#onReplicaEvent(event),
    );
  }

  #onReplicaEvent(event: ReplicaEvent): void {
    this.#telemetry.onReplica(event);
    if (event.type === "peer-fault") this.#network?.disconnect(event.peer);
    if (event.type === "peers-changed") this.#network?.setPeers(this.#peersFor(event.contacts));
    if (event.type === "store-failed") {
      const { cause } = event.failure;
      this.#fail(new NodeFailure(cause instanceof Error ? cause : new Error(event.failure.code)));
    }
  }

  /** Where an operator's own file says otherwise than genesis or the ledger, that counts. */
  #peersFor(contacts: readonly Successor[]): PeerOptions[] {
    return contacts.map(({ participant, name, networkKey, addresses }) => ({
      participant,
      name,
      networkKey,
      addresses: this.#addresses.get(name) ?? addresses,
    }));
  }

  #readAddresses(contacts: readonly Successor[]): ReadonlyMap<string, readonly string[]> {
    const { home } = this.#parts;
    const { peersFile } = home.config.p2p;
    if (peersFile === "") return new Map();
    const names = new Set([...home.genesis.participants, ...contacts].map(({ name }) => name));
    return readPeersFile(homePath(home, peersFile), [...names]);
  }

  #startNetwork(replica: Replica): Promise<Network> {
    const { home, keys } = this.#parts;
    const { chainId, config, participant } = home;
    this.#addresses = this.#readAddresses(replica.contacts());
    return startNetwork({
      chainId,
      self: participant.number,
      networkSeed: keys.network.seed,
      peers: this.#peersFor(replica.contacts()),
      listen: [config.p2p.listen],
      onFrame: this.#around.receive,
      onPeer: () => undefined,
      log: (event) => this.#telemetry.onNetwork(event),
    });
  }

  async #startRpc(replica: Replica, network: Network): Promise<RpcServer> {
    const { home, keys, log, store, version } = this.#parts;
    const { config } = home;
    this.#api = createNodeApi({
      home,
      operationKey: keys.operation,
      replica,
      store,
      network,
      registry: this.#telemetry.registry,
      version,
    });
    return createRpcServer({
      api: this.#api,
      host: config.rpc.host,
      port: config.rpc.port,
      tokens: loadTokens(homePath(home, config.rpc.tokenFile)),
      log,
      limits: { bodyBytesMax: config.rpc.bodyBytesMax },
      registry: this.#telemetry.registry,
      version,
      onThrow: (error) => this.#fail(new NodeFailure(error instanceof Error ? error : new Error(String(error)))),
    });
  }

  async #stop(): Promise<void> {
    const { log, store } = this.#parts;
    log.info("node stopping");
    this.#replica?.stop();
    this.#api?.stop();
    await this.#rpc?.stop();
    await this.#network?.stop();
    await store.close();
    log.info("node stopped");
  }
}

function timingOf(config: Config): Timing {
  const timers = timersOf(config);
  return {
    minMs: timers.timeoutMinMs,
    maxMs: timers.timeoutMaxMs,
    capMs: timers.timeoutCapMs,
    firstMs: timers.firstTimeoutMs,
    maxIdleMs: timers.maxIdleMs,
    tickMs: LAN_TIMING.tickMs,
  };
}

function poolLimits(config: Config): MempoolLimits {
  const { bytesMax, batchesMax, bytesPerReplicaMax } = config.mempool;
  return {
    ...MEMPOOL_LIMITS,
    pool: { bytes: bytesMax, batches: batchesMax },
    replica: { ...MEMPOOL_LIMITS.replica, bytes: bytesPerReplicaMax },
    // Half, as at the defaults: nobody can fill this replica alone.
    participant: { ...MEMPOOL_LIMITS.participant, bytes: Math.floor(bytesPerReplicaMax / 2) },
  };
}

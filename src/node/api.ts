import { randomBytes } from "node:crypto";
import type { Registry } from "prom-client";
import { ed25519, sha256 } from "../crypto/index.js";
import { type BatchKind, batchDigest, resultCode, signBatch } from "../formats/index.js";
import type { Network, PeerInfo } from "../network/index.js";
import type { Digest } from "../primitives/index.js";
import { Queries, type Replica } from "../replica/index.js";
import { type NodeApi, type PeerView, Submitter, systemClock } from "../rpc/index.js";
import type { NodeStore } from "../storage/index.js";
import type { FoundedHome } from "./home.js";
import type { StoredKey } from "./keystore.js";

export interface NodeApiParts {
  readonly home: FoundedHome;
  /** Signs for the node's own participant. */
  readonly operationKey: StoredKey;
  readonly replica: Replica;
  readonly store: NodeStore;
  readonly network: Network;
  readonly registry: Registry;
  readonly version: string;
}

/** What the JSON-RPC server serves: queries over the replica, submissions into it, and the network's peers. */
export function createNodeApi(parts: NodeApiParts): NodeApi & { readonly stop: () => void } {
  const { home, replica, store, network, registry, version } = parts;
  const { genesis, genesisBytes, chainId, participant } = home;
  const queries = new Queries({
    replica,
    store,
    genesis,
    genesisBytes,
    chainId,
    participant: participant.number,
    version,
  });
  const submitter = createSubmitter(parts, queries);
  return {
    ready: () => queries.ready(),
    status: () => queries.status(),
    genesisBytes: () => queries.genesisBytes(),
    defaults: () => queries.defaults(),
    submitRecords: (submission) => submitter.submitRecords(submission),
    submitBatch: (submission) => submitter.submitBatch(submission),
    governance: queries.governance,
    signGovern: (records) => sign(parts, { kind: "govern", records, notAfter: Date.now() + GOVERN_NOT_AFTER_MS }).bytes,
    accounts: (ids) => queries.accounts(ids),
    listAccounts: (query) => queries.listAccounts(query),
    transfers: (ids) => queries.transfers(ids),
    listTransfers: (query) => queries.listTransfers(query),
    receipt: (transferId) => queries.receipt(transferId),
    balanceProof: (accountId, height) => queries.balanceProof(accountId, height),
    consistencyProof: (from, to) => queries.consistencyProof(from, to),
    comparison: queries.comparison,
    waiting: queries.waiting,
    settlements: queries.settlements,
    block: (at) => queries.block(at),
    outcomes: (height, range) => queries.outcomes(height, range),
    finality: (height) => queries.finality(height),
    consensusStatus: () => queries.consensusStatus(),
    evidence: () => queries.evidence(),
    peers: () => network.peers().map(peerView),
    subscribe: (listener) => replica.subscribe(listener),
    metrics: () => registry.metrics(),
    stop: () => submitter.stop(),
  };
}

/** How long a proposal or ballot may be ordered after the node signed it, ms. */
const GOVERN_NOT_AFTER_MS = 300_000;

/** Signs records for the node's own participant, with a fresh salt. */
function sign(
  { home, operationKey }: NodeApiParts,
  batch: { readonly kind: BatchKind; readonly records: Uint8Array; readonly notAfter: number },
): { readonly bytes: Uint8Array; readonly digest: Digest } {
  return signBatch(
    { sha256, ed25519 },
    {
      ...batch,
      chainId: home.chainId,
      participant: home.participant.number,
      publicKey: operationKey.publicKey,
      secretKey: operationKey.secretKey,
      salt: new Uint8Array(randomBytes(32)),
    },
  );
}

function createSubmitter(parts: NodeApiParts, queries: Queries): Submitter {
  const { home, replica } = parts;
  const { delayMs, recordsMax } = home.config.coalescing;
  return new Submitter({
    replica,
    sign: (batch) => sign(parts, batch),
    digestOf: (batch) => batchDigest(sha256, batch),
    codesOf: (digest, height) => queries.codesOf(digest, height),
    resultName: (code) => resultCode(code)?.name ?? `code_${code}`,
    clock: systemClock,
    limits: { delayMs, flushRecords: recordsMax },
  });
}

const peerView = (peer: PeerInfo): PeerView => ({
  participant: peer.participant,
  name: peer.name,
  peerId: peer.peerId,
  connected: peer.connected,
  addresses: peer.addresses,
  ...(peer.since === undefined ? {} : { connectedSince: peer.since }),
  ...(peer.roundTripMs === undefined ? {} : { roundTripMs: peer.roundTripMs }),
});

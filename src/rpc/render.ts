import { type Certificate, encodeHeader, signersOf } from "../formats/index.js";
import { toHex } from "../primitives/index.js";
import type {
  AccountView,
  BlockView,
  ChainStatus,
  ConsensusView,
  EvidenceView,
  FinalityView,
  OutcomeView,
  PeerView,
  TransferView,
} from "./ports.js";
import type {
  AccountJson,
  BlockJson,
  CertificateJson,
  ConsensusStatusJson,
  EventJson,
  EvidenceJson,
  FinalityJson,
  PeerJson,
  StatusJson,
  TransferJson,
} from "./schemas.js";

/** From what the node knows to the JSON of the interface; fields are copied by name, so nothing else leaks out. */

const ZERO_ID = "0".repeat(32);

export const renderAccount = (view: AccountView): AccountJson => ({
  id: view.id,
  owner: view.owner,
  asset: view.asset,
  kind: view.kind,
  flags: [...view.flags],
  ...(view.reference === ZERO_ID ? {} : { reference: view.reference }),
  debitsPending: view.debitsPending.toString(),
  debitsPosted: view.debitsPosted.toString(),
  creditsPending: view.creditsPending.toString(),
  creditsPosted: view.creditsPosted.toString(),
});

export const renderTransfer = (view: TransferView): TransferJson => ({
  id: view.id,
  debitAccountId: view.debitAccountId,
  creditAccountId: view.creditAccountId,
  amount: view.amount.toString(),
  actualAmount: view.actualAmount.toString(),
  ...(view.pendingId === undefined ? {} : { pendingId: view.pendingId }),
  ...(view.reference === ZERO_ID ? {} : { reference: view.reference }),
  ...(view.remittance === ZERO_ID ? {} : { remittance: view.remittance }),
  timeoutSeconds: view.timeoutSeconds,
  asset: view.asset,
  rail: view.rail,
  code: view.code,
  priority: view.priority,
  flags: [...view.flags],
  participant: view.participant,
  result: view.result,
  ...(view.pendingState === undefined ? {} : { pendingState: view.pendingState }),
  ...(view.resolution === undefined ? {} : { resolution: view.resolution }),
  height: view.height,
  index: view.index,
  timestamp: view.timestamp,
});

/** What the ledger did besides transfers. */
export function renderEvent(outcome: Exclude<OutcomeView, { readonly type: "transfer" }>): EventJson {
  const { height, index, timestamp, participant, result } = outcome;
  const place = { height, index, timestamp, participant, result };
  switch (outcome.type) {
    case "account-opened": {
      const { type, accountId, owner, asset, kind } = outcome;
      return { type, ...place, accountId, owner, asset, kind };
    }
    case "account-action": {
      const { type, id, accountId, action } = outcome;
      return { type, ...place, id, accountId, action };
    }
    case "proposal": {
      const { type, id, proposalKind, effectiveHeight } = outcome;
      return { type, ...place, id, proposalKind, effectiveHeight };
    }
    case "ballot": {
      const { type, id, proposalId, choice } = outcome;
      return { type, ...place, id, proposalId, choice };
    }
    case "ready": {
      const { type, id, proposalId, executedHeight } = outcome;
      return { type, ...place, id, proposalId, executedHeight };
    }
    case "key": {
      const { type, id, change, publicKey, scopes, effectiveHeight } = outcome;
      return { type, ...place, id, change, publicKey, scopes: [...scopes], effectiveHeight };
    }
    case "window-settled": {
      const { type, asset, window, payments, reportRoot } = outcome;
      return { type, ...place, asset, window, payments, reportRoot };
    }
    case "position-settled": {
      const { type, asset, window, debits, credits } = outcome;
      return { type, ...place, asset, window, debits: debits.toString(), credits: credits.toString() };
    }
    case "transfer-expired":
    case "transfer-released": {
      const { type, id, debitAccountId, creditAccountId, amount } = outcome;
      return { type, ...place, id, debitAccountId, creditAccountId, amount: amount.toString() };
    }
  }
}

export const renderStatus = (status: ChainStatus): StatusJson => ({
  chainId: status.chainId,
  name: status.name,
  height: status.height,
  executedHeight: status.executedHeight,
  view: status.view,
  epoch: status.epoch,
  finalizedHash: status.finalizedHash,
  finalizedTimestamp: status.finalizedTimestamp,
  stateRoot: status.stateRoot,
  stateHeight: status.stateHeight,
  resultsRoot: status.resultsRoot,
  syncing: status.syncing,
  ...(status.targetHeight === undefined ? {} : { targetHeight: status.targetHeight }),
  diverged: status.diverged,
  participant: status.participant,
  version: status.version,
});

export function renderBlock(view: BlockView, full: boolean, outcomes?: readonly OutcomeView[]): BlockJson {
  const { header } = view;
  return {
    height: header.height,
    hash: view.hash,
    parentHash: header.parentHash,
    epoch: header.epoch,
    view: header.view,
    parentView: header.parentView,
    timestamp: header.timestamp,
    proposer: header.proposer,
    type: header.type,
    batchesRoot: header.batchesRoot,
    valsetHash: header.valsetHash,
    claim: {
      height: header.executed.height,
      resultsRoot: header.executed.resultsRoot,
      stateHeight: header.executed.stateHeight,
      stateRoot: header.executed.stateRoot,
    },
    skippedViews: header.skips.map((skip) => skip.view),
    executed: view.executed,
    batches: view.batches.map((batch) => renderBatch(batch, full)),
    ...(full ? { header: toHex(view.headerBytes) } : {}),
    ...(outcomes === undefined ? {} : renderOutcomes(outcomes)),
  };
}

function renderOutcomes(outcomes: readonly OutcomeView[]): Required<Pick<BlockJson, "transfers" | "events">> {
  const transfers: TransferJson[] = [];
  const events: EventJson[] = [];
  for (const outcome of outcomes) {
    if (outcome.type === "transfer") transfers.push(renderTransfer(outcome.transfer));
    else events.push(renderEvent(outcome));
  }
  return { transfers, events };
}

function renderBatch(batch: BlockView["batches"][number], full: boolean): BlockJson["batches"][number] {
  const { content } = batch;
  return {
    digest: batch.digest,
    size: batch.size,
    ...(content === undefined
      ? {}
      : {
          kind: content.kind,
          participant: content.participant,
          count: content.count,
          notAfter: content.notAfter,
          ...(full ? { bytes: toHex(content.bytes) } : {}),
        }),
  };
}

const renderCertificate = (certificate: Certificate): CertificateJson => ({
  kind: certificate.kind,
  epoch: certificate.epoch,
  view: certificate.view,
  hash: certificate.hash,
  signers: signersOf(certificate.signers),
  signature: toHex(certificate.signature),
});

export const renderFinality = (view: FinalityView): FinalityJson => ({
  height: view.height,
  hash: view.hash,
  prepare: renderCertificate(view.proof.prepare),
  commit: renderCertificate(view.proof.commit),
  headers: view.headers.map(toHex),
  epochs: view.epochs.map(({ header, proof }) => ({
    header: toHex(encodeHeader(header)),
    prepare: renderCertificate(proof.prepare),
    commit: renderCertificate(proof.commit),
  })),
});

export const renderConsensus = (view: ConsensusView): ConsensusStatusJson => ({
  epoch: view.epoch,
  view: view.view,
  leader: view.leader,
  leaderName: view.validators[view.leader]?.name ?? "",
  finalizedView: view.finalizedView,
  finalizedHeight: view.finalizedHeight,
  quorum: view.quorum,
  faultsTolerated: view.faultsTolerated,
  quorumMargin: view.quorumMargin,
  validators: view.validators.map((validator) => ({
    index: validator.index,
    participant: validator.participant,
    name: validator.name,
    connected: validator.connected,
    isSelf: validator.isSelf,
    ...(validator.lastVote === undefined
      ? {}
      : {
          lastVote: {
            kind: validator.lastVote.kind,
            view: validator.lastVote.view,
            agoMs: Math.max(0, Math.round(validator.lastVote.agoMs)),
          },
        }),
  })),
  ...(view.halt === undefined ? {} : { halt: { reason: view.halt.reason, missing: [...view.halt.missing] } }),
});

export const renderEvidence = (view: EvidenceView): EvidenceJson => ({
  signer: view.signer,
  name: view.name,
  epoch: view.epoch,
  view: view.view,
  votes: view.votes.map((vote) => ({ kind: vote.kind, hash: vote.hash, signature: toHex(vote.signature) })),
});

export const renderPeer = (view: PeerView): PeerJson => ({
  participant: view.participant,
  name: view.name,
  peerId: view.peerId,
  connected: view.connected,
  addresses: [...view.addresses],
  ...(view.connectedSince === undefined ? {} : { connectedSince: view.connectedSince }),
  ...(view.roundTripMs === undefined ? {} : { roundTripMs: view.roundTripMs }),
});

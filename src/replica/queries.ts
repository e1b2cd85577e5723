import {
  type AccountFlag,
  BATCH_HEADER_BYTES,
  type Founding,
  faultsTolerated,
  isProposalBatch,
  isSuccess,
  parseBatch,
  quorumOf,
  RESULT,
  type RecordDefaults,
  type ValidatorSet,
} from "../formats/index.js";
import { type Ledger, type AccountView as LedgerAccount, outcomeAt, outcomeCount } from "../ledger/index.js";
import {
  assert,
  type Digest,
  type Epoch,
  type Height,
  type Id128,
  type ParticipantNumber,
  RECORD_BYTES,
  height as toHeight,
  toHex,
} from "../primitives/index.js";
import { BlockReader } from "./block-reader.js";
import { Comparison } from "./comparison.js";
import { GovernanceQueries } from "./governance.js";
import { Listings } from "./listings.js";
import { outcomeView, transferView } from "./outcome-views.js";
import type { Store } from "./ports.js";
import { Prover } from "./proofs.js";
import type {
  AccountQuery,
  AccountView,
  BlockView,
  ChainStatus,
  ConsensusView,
  EvidenceView,
  FinalityView,
  OutcomePage,
  OutcomeView,
  Page,
  ProofAnswer,
  Readiness,
  TransferQuery,
  TransferView,
} from "./read-model.js";
import { Settlements } from "./settlements.js";
import type { ReplicaView } from "./view.js";
import { Waiting } from "./waiting.js";

export interface QueriesOptions {
  readonly replica: ReplicaView & { readonly ledger: Ledger };
  readonly store: Store;
  readonly genesis: Founding;
  readonly genesisBytes: Uint8Array;
  readonly chainId: Digest;
  /** Of the node itself. */
  readonly participant: ParticipantNumber;
  readonly version: string;
}

/**
 * Everything that clients may ask of a replica, over its ledger, its store and its view; changes nothing. A client's
 * mistake gives `undefined` or a fault, never an exception.
 */
export class Queries {
  readonly #options: QueriesOptions;
  readonly #ledger: Ledger;
  readonly #blocks: BlockReader;
  readonly #listings: Listings;
  readonly #prover: Prover;
  /** The answers about proposals, participants and rules. */
  readonly governance: GovernanceQueries;
  readonly #comparison: Comparison;
  /** Transfers that wait, in queues and on hold. */
  readonly waiting: Waiting;
  readonly #settlements: Settlements;

  constructor(options: QueriesOptions) {
    const { replica, store, chainId } = options;
    this.#options = options;
    this.#ledger = replica.ledger;
    this.governance = new GovernanceQueries(replica.ledger, () => replica.head());
    this.#blocks = new BlockReader(store, replica);
    this.#listings = new Listings(replica.ledger, this.#blocks);
    this.#prover = new Prover({ chainId, store, blocks: this.#blocks, ledger: replica.ledger, replica });
    this.waiting = new Waiting(replica.ledger, options.participant);
    this.#comparison = new Comparison({ store, blocks: this.#blocks, ledger: replica.ledger });
    this.#settlements = new Settlements({ blocks: this.#blocks, ledger: replica.ledger });
  }

  ready(): Readiness {
    const readiness = this.#options.replica.readiness();
    return readiness.state === "ready" ? { ready: true } : { ready: false, reason: readiness.state };
  }

  /** Newest height whose execution is written, so that "final" may be said of it. */
  executedHeight(): Height {
    const { replica } = this.#options;
    let height = replica.executedHeight();
    while (replica.unwritten(height) !== undefined) height = toHeight(height - 1);
    return height;
  }

  status(): ChainStatus {
    const { replica, genesis, chainId, participant, version } = this.#options;
    const head = replica.head();
    const claim = replica.claim();
    const readiness = replica.readiness();
    return {
      chainId,
      name: genesis.name,
      height: head.height,
      executedHeight: claim.height,
      view: replica.consensus().view,
      epoch: head.epoch,
      finalizedHash: head.hash,
      finalizedTimestamp: head.timestamp,
      stateRoot: claim.stateRoot,
      stateHeight: claim.stateHeight,
      resultsRoot: claim.resultsRoot,
      // Also before it knows where the others are: what it shows may lie below what it showed in an earlier life.
      syncing: readiness.state === "syncing" || readiness.state === "starting",
      ...(readiness.state === "syncing" ? { targetHeight: readiness.targetHeight } : {}),
      diverged: replica.divergence() !== undefined,
      participant,
      version,
    };
  }

  genesisBytes(): Uint8Array {
    return this.#options.genesisBytes;
  }

  defaults(): RecordDefaults {
    const { defaultAsset, defaultRail } = this.#ledger.rulebook;
    return { asset: defaultAsset, rail: defaultRail, participant: this.#options.participant };
  }

  accounts(ids: readonly Id128[]): readonly (AccountView | undefined)[] {
    return ids.map((id) => {
      const account = this.#ledger.account(id);
      return account === undefined ? undefined : accountView(account);
    });
  }

  listAccounts(query: AccountQuery): Page<AccountView> {
    const page = this.#listings.accounts(query);
    return page.ok ? { ...page, items: page.items.map(accountView) } : page;
  }

  transfers(ids: readonly Id128[]): readonly (TransferView | undefined)[] {
    return ids.map((id) => {
      const position = this.#ledger.transferPosition(id);
      if (position?.kind !== "transfer") return undefined;
      const outcome = this.#blocks.outcome(position);
      return outcome === undefined ? undefined : transferView(outcome, position, position);
    });
  }

  listTransfers(query: TransferQuery): Page<TransferView> {
    return this.#listings.transfers(query, this.executedHeight());
  }

  /**
   * Receipt of the first outcome of an id, or of the one with which the ledger itself ended it (an expiry, a release, a
   * proposal's end), which tells more of the same record.
   */
  receipt(id: Id128): ProofAnswer {
    const position = this.#ledger.transferPosition(id);
    if (position === undefined) return { type: "unknown" };
    const { resolution } = position;
    const isOwn = resolution !== undefined && this.#blocks.outcome(resolution)?.kind === "resolution";
    return this.#prover.receipt(isOwn ? resolution : position);
  }

  balanceProof(accountId: Id128, height?: Height): ProofAnswer {
    return this.#prover.balance(accountId, height);
  }

  block(at: Height | Digest): BlockView | undefined {
    const height = typeof at === "number" ? at : this.#options.store.heightOf(at);
    return height === undefined ? undefined : this.#blocks.block(height);
  }

  outcomes(height: Height, range: { readonly from: number; readonly limit: number }): OutcomePage | undefined {
    const block = height <= this.executedHeight() ? this.#blocks.outcomes(height) : undefined;
    if (block === undefined) return undefined;
    const count = outcomeCount(block.outcomes);
    const end = Math.min(count, range.from + range.limit);
    const items: OutcomeView[] = [];
    for (let index = range.from; index < end; index += 1) {
      const outcome = outcomeAt(block.outcomes, index, block.batchAt);
      if (outcome === undefined) break;
      items.push(outcomeView(outcome, { height, index }, (id) => this.#ledger.transferPosition(id)));
    }
    return { items, count };
  }

  finality(height: Height): FinalityView | undefined {
    return this.#prover.finality(height);
  }

  consistencyProof(from: Height, to?: Height): ProofAnswer {
    return this.#prover.consistency(from, to);
  }

  /** Windows of net settlement and their reports. */
  get settlements(): Settlements {
    return this.#settlements;
  }

  /** The answers with which two nodes are compared. */
  get comparison(): Comparison {
    return this.#comparison;
  }

  consensusStatus(): ConsensusView {
    const { replica } = this.#options;
    const consensus = replica.consensus();
    const { set } = consensus;
    const n = set.members.length;
    const quorum = quorumOf(n);
    const validators = set.members.map((member, index) => {
      const seen = consensus.validators[index];
      return {
        index: index as ConsensusView["leader"],
        participant: member.participant,
        name: member.name,
        connected: seen?.connected ?? false,
        isSelf: index === consensus.self,
        ...(seen?.lastVote === undefined ? {} : { lastVote: seen.lastVote }),
      };
    });
    const missing = validators.filter((validator) => !validator.connected).map((validator) => validator.name);
    const quorumMargin = n - missing.length - quorum;
    const { epoch, view, leader, finalizedView, finalizedHeight } = consensus;
    return {
      ...{ epoch, view, leader, finalizedView, finalizedHeight, quorum, quorumMargin, validators },
      faultsTolerated: faultsTolerated(n),
      ...(consensus.stalled || consensus.forked
        ? { halt: { reason: consensus.forked ? FORKED : haltReason(quorumMargin), missing } }
        : {}),
    };
  }

  evidence(): readonly EvidenceView[] {
    const { replica } = this.#options;
    return replica.evidence().map((equivocation) => ({
      ...equivocation,
      name: this.#setOf(equivocation.epoch).members[equivocation.signer]?.name ?? "",
    }));
  }

  /** Evidence may be of an epoch whose anchor is not durable yet: until it is, the newest set that is stands in. */
  #setOf(epoch: Epoch): ValidatorSet {
    const { replica } = this.#options;
    const members = replica.membersOf(epoch) ?? replica.membersOf(replica.head().epoch);
    assert(members !== undefined, "the head's epoch is known");
    return members.set;
  }

  /**
   * Result codes of a batch that a block ordered before its caller came back: from what each id remembers, so a
   * record that was a duplicate then says so in general terms only.
   *
   * @returns one code per record, or undefined if the batch is not here
   */
  codesOf(digest: Digest, height: Height): Uint16Array | undefined {
    const bytes = this.#options.store.batch(digest);
    const parsed = bytes === undefined ? undefined : parseBatch(bytes);
    if (bytes === undefined || parsed?.ok !== true) return undefined;
    // A proposal is one thing with one result, however many records its content fills.
    const isProposal = parsed.header.kind === "govern" && isProposalBatch(bytes);
    const codes = new Uint16Array(isProposal ? 1 : parsed.header.count);
    for (let index = 0; index < codes.length; index += 1) {
      const at = BATCH_HEADER_BYTES + index * RECORD_BYTES;
      const id = toHex(bytes.subarray(at, at + 16)) as Id128;
      codes[index] = parsed.header.kind === "create_accounts" ? this.#accountCode(id) : this.#recordCode(id, height);
    }
    return codes;
  }

  #accountCode(id: Id128): number {
    return this.#ledger.account(id) === undefined ? RESULT.not_authorised : RESULT.applied;
  }

  #recordCode(id: Id128, height: Height): number {
    const position = this.#ledger.transferPosition(id);
    if (position === undefined) return RESULT.not_authorised;
    if (position.height === height) return position.code;
    return isSuccess(position.code) ? RESULT.exists : RESULT.id_already_failed;
  }
}

const FORKED = "two final blocks contradict each other: more validators lied than are tolerated";

const haltReason = (quorumMargin: number): string =>
  quorumMargin < 0
    ? "fewer validators are heard than a quorum needs"
    : "a quorum is heard, but its votes do not make anything final";

function accountView(account: LedgerAccount): AccountView {
  const flags: string[] = [];
  if (account.debitsMustNotExceedCredits) flags.push("debits_must_not_exceed_credits" satisfies AccountFlag);
  if (account.creditsMustNotExceedDebits) flags.push("credits_must_not_exceed_debits" satisfies AccountFlag);
  if (account.frozen) flags.push("frozen");
  if (account.closed) flags.push("closed");
  const { id, owner, asset, kind, reference } = account;
  const { debitsPending, debitsPosted, creditsPending, creditsPosted } = account;
  return { id, owner, asset, kind, flags, reference, debitsPending, debitsPosted, creditsPending, creditsPosted };
}

import { countedPath, countedRoot } from "../crypto/index.js";
import {
  type AccountProof,
  type BatchHeader,
  checkBatchRecords,
  type Founding,
  foundingOf,
  type Genesis,
  type KeyScope,
  parseBatch,
  RESULT,
  type Rulebook,
  type SettlementRow,
  type Successor,
} from "../formats/index.js";
import {
  assert,
  type Digest,
  type Epoch,
  fromHex,
  type Height,
  type Id128,
  type ParticipantNumber,
  toHex,
} from "../primitives/index.js";
import { AccountExecution } from "./account-batches.js";
import { ACCOUNT_PAGE_ENTRIES, ACCOUNT_WORDS } from "./accounts.js";
import { conservationOf } from "./conservation.js";
import type { Checkpoint, ExecutedBlock, OrderedBatch, OrderedBlock, StatePage } from "./contract.js";
import { genesisState } from "./genesis-ledger.js";
import { GovernanceExecution, type Preflight, type ProposalDraft } from "./governance.js";
import { findSettleSet } from "./gridlock.js";
import { NetSettlement } from "./net-settlement.js";
import type { NextSetView } from "./next-set.js";
import { outcomeLeafHashes } from "./outcomes.js";
import { type KeyVerdict, ROLE_AUTHORITY } from "./participants.js";
import type { State } from "./state.js";
import { stateFromPages } from "./state-pages.js";
import { pageKey, STATE_TABLES, StateRoots, type StateTable } from "./state-root.js";
import type { BlockTime } from "./transfer-judge.js";
import { TransferExecution } from "./transfers.js";
import type {
  AccountView,
  AssetTotals,
  HeldTransferView,
  IdPosition,
  KeyView,
  ParticipantView,
  PositionView,
  ProposalView,
  QueuedTransferView,
  StateTableView,
  WindowView,
} from "./views.js";
import { WaitingTransfers } from "./waiting.js";
import { alignedWords } from "./words.js";

export interface LedgerOptions {
  /**
   * Seed of the local hash indexes, an unsigned 32-bit integer that clients cannot guess, so that nobody
   * can choose ids that collide. Has no influence on any root or result.
   */
  readonly hashSeed?: number;
}

/** Places among the tables of the state. */
const ACCOUNTS_SLOT = 0;
/** Ids only come, and change little once they are there. */
const IDS_SLOT = 1;

/**
 * The whole replicated state and the one way to change it. Synchronous, deterministic and total:
 * whatever is ordered gets a result, never an exception (docs/protocol.md).
 */
export class Ledger {
  readonly #chainId: Digest;
  readonly #state: State;
  readonly #roots: StateRoots;
  readonly #transfers: TransferExecution;
  readonly #accounts: AccountExecution;
  readonly #settlement: NetSettlement;
  readonly #waiting: WaitingTransfers;
  readonly #governance: GovernanceExecution;
  #height: Height;
  /** Block time from which a queue can be paid; absent where none can. */
  #releaseDueAt: number | undefined;
  #stateHeight: Height;
  #stateRoot: Digest;

  private constructor(state: State, founding: Founding, chainId: Digest, height: Height) {
    this.#chainId = chainId;
    this.#state = state;
    this.#transfers = new TransferExecution(state);
    this.#settlement = new NetSettlement(state);
    this.#waiting = new WaitingTransfers(state, this.#transfers);
    this.#accounts = new AccountExecution(state, this.#settlement, this.#waiting);
    this.#governance = new GovernanceExecution(state, chainId, founding);
    this.#roots = new StateRoots(state.tables);
    this.#roots.begin();
    // No checkpoint has written the pages of genesis: the first one does.
    if (height === 0) for (const table of state.tables) table?.touchAll();
    this.#height = height;
    this.#stateHeight = height;
    this.#stateRoot = this.#roots.stateRoot;
    this.#releaseDueAt = this.#waiting.isReleaseDue(state.rules.rulebook.expiriesPerBlockMax) ? 0 : undefined;
  }

  /**
   * State at height 0.
   *
   * @throws {GenesisLedgerError} with every fault that `checkGenesisLedger` finds
   */
  static fromGenesis(genesis: Genesis, chainId: Digest, options: LedgerOptions = {}): Ledger {
    const state = genesisState(genesis, options.hashSeed ?? 0);
    return new Ledger(state, foundingOf(genesis), chainId, 0 as Height);
  }

  /**
   * State at a checkpoint, from all its pages in any order. The caller compares `stateRoot` with the
   * certified one and then applies the blocks above `checkpointHeight`.
   *
   * @throws {StatePagesError} for pages that no ledger could have written
   */
  static restore(
    genesis: Genesis,
    chainId: Digest,
    checkpointHeight: Height,
    pages: Iterable<StatePage>,
    options: LedgerOptions = {},
  ): Ledger {
    const state = stateFromPages(genesis, pages, options.hashSeed ?? 0);
    return new Ledger(state, foundingOf(genesis), chainId, checkpointHeight);
  }

  /**
   * Executes the block at `height + 1`; anything else is the caller's mistake and asserts.
   *
   * @throws {ProtocolVersionError} where the block is to be executed under a protocol version that this program does
   *   not know; nothing has changed then
   */
  apply(block: OrderedBlock): ExecutedBlock {
    assert(block.height === this.#height + 1, "blocks are applied in order");
    const { log, pendings } = this.#state;
    log.open(block.height, block.timestamp);
    // Activations come first: what follows reads the rules that they put in force.
    this.#governance.openBlock(block, this.#stateRoot);
    const { rules } = this.#state;
    const time: BlockTime = {
      height: block.height,
      timestamp: block.timestamp,
      schemeDay: rules.schemeDay(block.timestamp),
    };
    this.#transfers.openBlock(time);
    this.#settlement.openBlock(time);
    this.#transfers.expireDue(rules.rulebook.expiriesPerBlockMax);
    this.#settlement.cutDue();
    this.#settlement.settleClosed();
    this.#waiting.openBlock(block);
    this.#waiting.releaseQueued(rules.rulebook.expiriesPerBlockMax);
    const codes = this.#executeBatches(block.batches);
    pendings.tidy();
    this.#roots.hashFull(IDS_SLOT);
    const isReleaseDue = this.#waiting.isReleaseDue(rules.rulebook.expiriesPerBlockMax);
    this.#releaseDueAt = isReleaseDue ? block.timestamp : undefined;
    this.#height = block.height;
    const outcomes = log.finish();
    const hashes = outcomeLeafHashes(outcomes, (index) => (block.batches[index] as OrderedBatch).bytes);
    const receiptsRoot = toHex(countedRoot(hashes)) as Digest;
    const checkpoint = block.height % rules.rulebook.checkpointBlocks === 0 ? this.#checkpoint() : undefined;
    return {
      leaf: {
        height: block.height,
        timestamp: block.timestamp,
        blockHash: block.hash,
        receiptsRoot,
        leafCount: log.count,
        stateHeight: this.#stateHeight,
        stateRoot: this.#stateRoot,
      },
      codes,
      outcomes,
      checkpoint,
    };
  }

  /** The authority's account batches come before all others, so that no payment overtakes a freeze. */
  #executeBatches(batches: readonly OrderedBatch[]): readonly Uint16Array[] {
    const headers = batches.map(({ bytes }) => this.#readable(bytes));
    const codes: Uint16Array[] = new Array(batches.length);
    const run = (isFirst: boolean): void => {
      for (const [index, { bytes }] of batches.entries()) {
        const header = headers[index];
        if (this.#goesFirst(header) === isFirst) codes[index] = this.#executeBatch(header, bytes, index);
      }
    };
    run(true);
    run(false);
    return codes;
  }

  /** Block validity has seen to it that batches are well formed and of this chain; execution does not rely on it. */
  #readable(bytes: Uint8Array): BatchHeader | undefined {
    const parsed = parseBatch(bytes);
    if (!parsed.ok || parsed.header.chainId !== this.#chainId) return undefined;
    return checkBatchRecords(parsed.header.kind, bytes) === undefined ? parsed.header : undefined;
  }

  #goesFirst(header: BatchHeader | undefined): boolean {
    if (header?.kind !== "manage_accounts" || !this.#state.participants.has(header.participant)) return false;
    return this.#state.participants.roleOf(header.participant) === ROLE_AUTHORITY;
  }

  #executeBatch(header: BatchHeader | undefined, bytes: Uint8Array, index: number): Uint16Array {
    if (header === undefined) return Uint16Array.of(RESULT.batch_malformed);
    const { kind, participant } = header;
    const judgeKey = (scope: KeyScope): KeyVerdict =>
      this.#state.keys.judge(header.publicKey, participant, scope, this.#height + 1);
    const verdict = judgeKey(kind === "govern" ? "govern" : "submit");
    if (verdict === "unknown") return Uint16Array.of(RESULT.key_not_registered);
    // Actions are signed for by one of two scopes, each action by its own.
    const mayApprove = kind === "manage_accounts" && judgeKey("approve") === "good";
    if (verdict === "out_of_scope" && !mayApprove) return Uint16Array.of(RESULT.key_out_of_scope);
    if (kind === "govern") return this.#governance.execute(bytes, participant, index);
    const words = alignedWords(bytes);
    switch (kind) {
      case "create_transfers":
        return this.#transfers.execute(words, participant, index);
      case "create_accounts":
        return this.#accounts.createAccounts(words, participant, index);
      case "manage_accounts":
        return this.#accounts.manageAccounts(
          words,
          { participant, key: this.#state.keys.indexOf(header.publicKey), mayApprove, maySubmit: verdict === "good" },
          index,
        );
      case "settle_set": {
        if (this.#governance.isValidator(participant)) return this.#waiting.settleSet(words);
        return new Uint16Array(header.count).fill(RESULT.not_authorised);
      }
    }
  }

  #checkpoint(): Checkpoint {
    const pages = this.#roots.update();
    this.#stateHeight = this.#height;
    this.#stateRoot = this.#roots.stateRoot;
    return { height: this.#height, stateRoot: this.#stateRoot, pages };
  }

  /** Height of the last applied block; 0 after genesis. */
  get height(): Height {
    return this.#height;
  }

  /** Height of the newest checkpoint; 0 before the first. */
  get stateHeight(): Height {
    return this.#stateHeight;
  }

  /** Root over the whole state at `stateHeight`. */
  get stateRoot(): Digest {
    return this.#stateRoot;
  }

  /**
   * Puts a rulebook in force that nobody voted for, for good, to see what would be. The roots are no chain's from
   * here on.
   *
   * @param rulebook one in which `rulebookFaults` finds nothing
   */
  supposeRulebook(rulebook: Rulebook): void {
    this.#state.supposeRules(rulebook);
  }

  /** The rulebook in force for the next block. */
  get rulebook(): Rulebook {
    return this.#state.rules.rulebook;
  }

  /** Who follows the validators of an epoch, once it is decided (EPOCH-1); the newest decision. */
  get nextSet(): NextSetView | undefined {
    return this.#state.nextSet.view;
  }

  account(id: Id128): AccountView | undefined {
    const index = this.#accountIndex(id);
    return index < 0 ? undefined : this.#state.accounts.view(index);
  }

  /**
   * Accounts that a participant owns, in the order in which they were opened.
   *
   * @param cursor number of accounts to skip: 0, or `next` of the page before
   * @param limit largest number of accounts to return
   */
  accountsOf(
    participant: ParticipantNumber,
    cursor: number,
    limit: number,
  ): { readonly accounts: readonly AccountView[]; readonly next: number | undefined } {
    const owned = this.#state.accounts.ofOwner(participant);
    const accounts = owned.slice(cursor, cursor + limit).map((index) => this.#state.accounts.view(index));
    const end = cursor + accounts.length;
    return { accounts, next: end < owned.length ? end : undefined };
  }

  /**
   * Where the outcome of a transfer or account action lies, its result, and how a pending transfer was
   * resolved; undefined if the id was never consumed.
   */
  transferPosition(id: Id128): IdPosition | undefined {
    const index = this.#state.ids.index.findAt(idWords(id), 0);
    return index < 0 ? undefined : this.#state.ids.position(index);
  }

  participant(number: ParticipantNumber): ParticipantView | undefined {
    return this.#state.participants.has(number) ? this.#state.participants.view(number) : undefined;
  }

  /** Ascending by number. */
  participants(): readonly ParticipantView[] {
    const { participants } = this.#state;
    return Array.from({ length: participants.table.count }, (_, index) => participants.view(index + 1));
  }

  /** All operation keys; the mempool reads them for admission. */
  keys(): readonly KeyView[] {
    return this.#state.keys.views();
  }

  /** Whether a batch of the next block signed by this key for this participant would be read at all. */
  mayUseKey(participant: ParticipantNumber, publicKey: Uint8Array, scope: KeyScope): boolean {
    return this.#state.keys.judge(publicKey, participant, scope, this.#height + 1) === "good";
  }

  /** Earliest time (block time, ms) at which something is due of itself: then it is work for the proposer. */
  nextDeadline(): number | undefined {
    const deadlines = [
      this.#state.pendings.nextDeadline(),
      this.#settlement.nextDeadline(),
      this.#governance.nextDeadline(this.#height + 1),
      this.#releaseDueAt,
    ].filter((deadline) => deadline !== undefined);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  /**
   * Settlement windows in which something was initiated, newest first.
   *
   * @param query.skip entries to leave out: 0, or `next` of the page before
   */
  windows(query: { readonly asset?: number; readonly skip: number; readonly limit: number }): {
    readonly windows: readonly WindowView[];
    readonly next: number | undefined;
  } {
    const { windows } = this.#state;
    const views: WindowView[] = [];
    let skip = query.skip;
    for (; skip < windows.table.count && views.length < query.limit; skip += 1) {
      const view = windows.view(windows.table.count - 1 - skip);
      if (view.openedAt > 0 && (query.asset === undefined || view.asset === query.asset)) views.push(view);
    }
    return { windows: views, next: skip < windows.table.count ? skip : undefined };
  }

  /** A window of an asset by its number; undefined if nothing was initiated in it. */
  window(asset: number, number: number): WindowView | undefined {
    const index = this.#state.windows.find(asset, number);
    const view = index < 0 ? undefined : this.#state.windows.view(index);
    return view !== undefined && view.openedAt > 0 ? view : undefined;
  }

  /** Who paid whom in a window that is not settled, by payer, then payee; a settled one's outcome holds its report. */
  windowRows(asset: number, number: number): readonly SettlementRow[] {
    const index = this.#state.windows.find(asset, number);
    return index < 0 ? [] : this.#state.windows.rowsOf(index);
  }

  /** What each bank owes and is owed on net rails, in the order of their first payments. */
  positions(): readonly PositionView[] {
    return this.#settlement.positions();
  }

  /** Protocol version in force for the next block. */
  get protocolVersion(): number {
    return this.#governance.version;
  }

  /** Proposals from a number on, in the order in which they were made, and how many there are in all. */
  proposals(from: number, limit: number): { readonly proposals: readonly ProposalView[]; readonly count: number } {
    const { proposals } = this.#state;
    const end = Math.min(proposals.count, from + limit);
    const views: ProposalView[] = [];
    for (let index = from; index < end; index += 1) views.push(proposals.view(index));
    return { proposals: views, count: proposals.count };
  }

  /** The proposal with an id; undefined where there is none, or it was refused. */
  proposal(id: Id128): ProposalView | undefined {
    const seen = this.#state.ids.index.findAt(idWords(id), 0);
    const proposal = seen < 0 ? undefined : this.#state.proposals.findById(seen);
    return proposal === undefined ? undefined : this.#state.proposals.view(proposal);
  }

  /** What a proposal would get as its result in the next block, and what it would change. */
  preflight(draft: ProposalDraft, timestamp: number, epoch: Epoch): Preflight {
    return this.#governance.preflight(draft, (this.#height + 1) as Height, timestamp, epoch);
  }

  /** Validators that open or passed proposals name; the same array as long as nothing has changed. */
  get candidates(): readonly Successor[] {
    return this.#governance.candidates;
  }

  /** Validators of an epoch, ascending by participant; undefined for an epoch that nobody decided. */
  validatorsAt(epoch: Epoch): readonly Successor[] | undefined {
    return this.#governance.membersAt(epoch);
  }

  /** Every transfer that waits for its bank's liquidity, by asset and bank, each queue in its order. */
  queuedTransfers(): readonly QueuedTransferView[] {
    return this.#waiting.queued();
  }

  /** What a bank's settlement account holds beside what is reserved. */
  liquidityOf(asset: number, bank: ParticipantNumber): bigint {
    return this.#waiting.liquidityOf(asset, bank);
  }

  /** Transfers of an asset that can be paid together although banks wait for each other; none where none can. */
  findSettleSet(asset: number): readonly QueuedTransferView[] {
    return findSettleSet({
      queued: this.#waiting.queued().filter((transfer) => transfer.asset === asset && !transfer.isFrozen),
      liquidityOf: (bank) => this.#waiting.liquidityOf(asset, bank),
    });
  }

  /** Transfers of a participant that are on hold. */
  heldTransfers(participant: ParticipantNumber): readonly HeldTransferView[] {
    return this.#waiting.held(participant);
  }

  /** Number of transfers that are pending now. */
  get pendingCount(): number {
    return this.#state.pendings.table.count;
  }

  /** Sums over all accounts, one entry per asset of the rulebook, for checkers. Reads every account. */
  conservation(): readonly AssetTotals[] {
    return conservationOf(this.#state);
  }

  /** Key of the state page that holds an account, for `accountProof`; undefined for an unknown account. */
  accountPageKey(id: Id128): number | undefined {
    const index = this.#accountIndex(id);
    return index < 0 ? undefined : pageKey(ACCOUNTS_SLOT, Math.floor(index / ACCOUNT_PAGE_ENTRIES));
  }

  /**
   * Proof of an account's entry under `stateRoot` at `stateHeight`.
   *
   * @param page the bytes of page `accountPageKey(id)` as the newest checkpoint wrote it
   * @returns undefined if the account did not exist at that checkpoint, or the page is not that page
   */
  accountProof(id: Id128, page: Uint8Array): AccountProof | undefined {
    const index = this.#accountIndex(id);
    const count = this.#roots.countOf(ACCOUNTS_SLOT);
    if (index < 0 || index >= count) return undefined;
    const entryBytes = ACCOUNT_WORDS * 4;
    const first = index - (index % ACCOUNT_PAGE_ENTRIES);
    if (page.length !== Math.min(ACCOUNT_PAGE_ENTRIES, count - first) * entryBytes) return undefined;
    const at = (index - first) * entryBytes;
    return {
      entry: page.slice(at, at + entryBytes),
      index,
      count,
      path: this.#roots.pathOf(ACCOUNTS_SLOT, index, page),
      tablePath: countedPath(this.#roots.tableRoots, ACCOUNTS_SLOT),
    };
  }

  /** What the state root at `stateHeight` is made of: every table with its entries' number and root. */
  stateTables(): readonly StateTableView[] {
    const roots = this.#roots.tableRoots;
    return STATE_TABLES.map((name, slot) => ({
      name,
      entries: this.#roots.countOf(slot),
      root: toHex(roots.subarray(slot * 32, slot * 32 + 32)) as Digest,
      pageEntries: this.#state.tables[slot]?.pageEntries ?? 0,
      entryBytes: (this.#state.tables[slot]?.entryWords ?? 0) * 4,
    }));
  }

  /** Roots of a table's pages, each over `pageEntries` entries in order, at `stateHeight`. */
  statePageRoots(table: StateTable, from: number, limit: number): readonly Digest[] {
    return this.#roots.pageRoots(STATE_TABLES.indexOf(table), from, limit).map((root) => toHex(root) as Digest);
  }

  /** Key of a page in the store. */
  statePageKey(table: StateTable, page: number): number {
    return pageKey(STATE_TABLES.indexOf(table), page);
  }

  #accountIndex(id: Id128): number {
    return this.#state.accounts.index.findAt(idWords(id), 0);
  }
}

/** The four words of an id; zeros, which no participant can own, for text that is none. */
function idWords(id: Id128): Uint32Array {
  const bytes = fromHex(id);
  return bytes?.length === 16 ? alignedWords(bytes) : new Uint32Array(4);
}

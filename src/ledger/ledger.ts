import type { Genesis, KeyScope, Rulebook } from "../formats/index.js";
import type { AccountProof } from "../formats/state-proof.js";
import { type Digest, type Height, type Id128, InvariantError, type ParticipantNumber } from "../primitives/index.js";
import type { ExecutedBlock, OrderedBlock, StatePage } from "./contract.js";
import type { AccountView, AssetTotals, IdPosition, KeyView, ParticipantView } from "./views.js";

export interface LedgerOptions {
  /**
   * Seed of the local hash indexes, an unsigned 32-bit integer that clients cannot guess, so that nobody
   * can choose ids that collide. Has no influence on any root or result.
   */
  readonly hashSeed?: number;
}

/**
 * The whole replicated state and the one way to change it. Synchronous, deterministic and total:
 * whatever is ordered gets a result, never an exception (consensus.md §6).
 */
export class Ledger {
  /**
   * State at height 0.
   *
   * @throws {GenesisLedgerError} with every fault that `checkGenesisLedger` finds
   */
  static fromGenesis(_genesis: Genesis, _chainId: Digest, _options: LedgerOptions = {}): Ledger {
    throw new InvariantError("not built yet");
  }

  /**
   * State at a checkpoint, from all its pages in any order. The caller compares `stateRoot` with the
   * certified one and then applies the blocks above `checkpointHeight`.
   *
   * @throws {StatePagesError} for pages that no ledger could have written
   */
  static restore(
    _genesis: Genesis,
    _chainId: Digest,
    _checkpointHeight: Height,
    _pages: Iterable<StatePage>,
    _options: LedgerOptions = {},
  ): Ledger {
    throw new InvariantError("not built yet");
  }

  /** Executes the block at `height + 1`; anything else is the caller's mistake and asserts. */
  apply(_block: OrderedBlock): ExecutedBlock {
    throw new InvariantError("not built yet");
  }

  /** Height of the last applied block; 0 after genesis. */
  get height(): Height {
    throw new InvariantError("not built yet");
  }

  /** Height of the newest checkpoint; 0 before the first. */
  get stateHeight(): Height {
    throw new InvariantError("not built yet");
  }

  /** Root over the whole state at `stateHeight`. */
  get stateRoot(): Digest {
    throw new InvariantError("not built yet");
  }

  /** The rulebook in force for the next block. */
  get rulebook(): Rulebook {
    throw new InvariantError("not built yet");
  }

  account(_id: Id128): AccountView | undefined {
    throw new InvariantError("not built yet");
  }

  /**
   * Accounts that a participant owns, in the order in which they were opened.
   *
   * @param cursor number of accounts to skip: 0, or `next` of the page before
   * @param limit largest number of accounts to return
   */
  accountsOf(
    _participant: ParticipantNumber,
    _cursor: number,
    _limit: number,
  ): { readonly accounts: readonly AccountView[]; readonly next: number | undefined } {
    throw new InvariantError("not built yet");
  }

  /**
   * Where the outcome of a transfer or account action lies, its result, and how a pending transfer was
   * resolved; undefined if the id was never consumed.
   */
  transferPosition(_id: Id128): IdPosition | undefined {
    throw new InvariantError("not built yet");
  }

  participant(_number: ParticipantNumber): ParticipantView | undefined {
    throw new InvariantError("not built yet");
  }

  /** Ascending by number. */
  participants(): readonly ParticipantView[] {
    throw new InvariantError("not built yet");
  }

  /** All operation keys; the mempool reads them for admission. */
  keys(): readonly KeyView[] {
    throw new InvariantError("not built yet");
  }

  /** Whether a batch of the next block signed by this key for this participant would be read at all. */
  mayUseKey(_participant: ParticipantNumber, _publicKey: Uint8Array, _scope: KeyScope): boolean {
    throw new InvariantError("not built yet");
  }

  /** Earliest deadline (block time, ms) of a pending transfer: when due, it is work for the proposer. */
  nextDeadline(): number | undefined {
    throw new InvariantError("not built yet");
  }

  /** Number of transfers that are pending now. */
  get pendingCount(): number {
    throw new InvariantError("not built yet");
  }

  /** Sums over all accounts, one entry per asset of the rulebook, for checkers. Reads every account. */
  conservation(): readonly AssetTotals[] {
    throw new InvariantError("not built yet");
  }

  /** Key of the state page that holds an account, for `accountProof`; undefined for an unknown account. */
  accountPageKey(_id: Id128): number | undefined {
    throw new InvariantError("not built yet");
  }

  /**
   * Proof of an account's entry under `stateRoot` at `stateHeight`.
   *
   * @param page the bytes of page `accountPageKey(id)` as the newest checkpoint wrote it
   * @returns undefined if the account did not exist at that checkpoint
   */
  accountProof(_id: Id128, _page: Uint8Array): AccountProof | undefined {
    throw new InvariantError("not built yet");
  }
}

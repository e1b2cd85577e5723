import { type Block, type Head, type OrderedAt, type Recovered } from "../consensus/index.js";
import { sha256 } from "../crypto/index.js";
import {
  type Claim,
  type CompactRange,
  EMPTY_RANGE,
  type Genesis,
  treeHead,
  type ValidatorSet,
} from "../formats/index.js";
import { Ledger, type LedgerOptions } from "../ledger/index.js";
import {
  assert,
  type Digest,
  epoch,
  type Height,
  height,
  NOT_AFTER_WINDOW_MS,
  toHex,
  type View,
} from "../primitives/index.js";
import { EpochBook } from "./epochs.js";
import type { Divergence, FinalHead, Store, StoredState } from "./ports.js";
import { decodeStored } from "./serving.js";

/** Everything that a replica starts from: what its disk held, or genesis. */
export interface Recovery {
  readonly recovered: Recovered;
  readonly ledger: Ledger;
  readonly range: CompactRange;
  readonly head: FinalHead;
  /** The epochs of the ledger so far. */
  readonly epochs: EpochBook;
  /** Validators of the newest epoch. */
  readonly set: ValidatorSet;
  readonly divergence: Divergence | undefined;
  readonly admitted: StoredState["admitted"];
  readonly evidence: StoredState["evidence"];
}

/**
 * Reads a store back (docs/protocol.md, "Restart"). The ledger comes from the newest checkpoint; blocks
 * above it are executed again.
 */
export function recover(options: {
  readonly store: Store;
  readonly genesis: Genesis;
  readonly chainId: Digest;
  readonly ledgerOptions: LedgerOptions;
}): Recovery {
  const { store, genesis, chainId } = options;
  const stored = store.load();
  const { checkpoint } = stored;
  const ledger =
    checkpoint === undefined
      ? Ledger.fromGenesis(genesis, chainId, options.ledgerOptions)
      : Ledger.restore(genesis, chainId, checkpoint.height, store.pages(), options.ledgerOptions);
  if (checkpoint !== undefined)
    assert(ledger.stateRoot === checkpoint.stateRoot, "the checkpoint's pages have its root");
  const range = rangeAt(store, ledger.height);
  const ownClaim = claimAt(store, ledger, ledger.height);
  const head = headOf(store, stored, { genesis, chainId, anchorClaim: ownClaim });
  const epochs = new EpochBook(store, genesis);
  const finalHead = stored.head ?? { ...head, epoch: epoch(0) };
  const members = epochs.members(finalHead.epoch, finalHead);
  assert(members !== undefined, "the head's epoch is the newest");
  const anchor = epochs.anchor(finalHead);
  const { ordered, lastEventfulHeight } = recentOrder(store, head);
  return {
    ledger,
    range,
    divergence: stored.divergence,
    admitted: stored.admitted,
    evidence: stored.evidence,
    head: finalHead,
    epochs,
    set: members.set,
    recovered: {
      record: stored.record,
      head,
      headProof: head.view === 0 ? undefined : store.block(head.height)?.proof,
      certificates: stored.certificates,
      blocks: stored.proposals
        .map(decodeStored)
        .filter(({ header }) => header.height > head.height && header.epoch === finalHead.epoch),
      ordered,
      ownClaims: ownClaims(store, ledger, head),
      certifiedClaims: certifiedClaims(store, ledger.height, head),
      lastEventfulHeight,
      nextDeadline: ledger.nextDeadline(),
      diverged: stored.divergence !== undefined,
      succession: ledger.nextSet,
      anchor: anchor?.hash,
      anchorClaim: anchor === undefined ? undefined : decodeStored(anchor).header.executed,
    },
  };
}

function headOf(
  store: Store,
  stored: StoredState,
  anchor: { readonly genesis: Genesis; readonly chainId: Digest; readonly anchorClaim: Claim },
): Head {
  if (stored.head === undefined) {
    return {
      view: 0 as View,
      height: height(0),
      hash: anchor.chainId,
      timestamp: anchor.genesis.timestamp,
      executed: anchor.anchorClaim,
    };
  }
  const { view, height: at, hash, timestamp } = stored.head;
  return { view, height: at, hash, timestamp, executed: blockAt(store, at).header.executed };
}

function blockAt(store: Store, at: Height): Block {
  const stored = store.block(at);
  assert(stored !== undefined, `finalised block ${at} is in the store`);
  return decodeStored(stored);
}

/** Peaks of the results tree over the first `size` leaves. */
function rangeAt(store: Store, size: number): CompactRange {
  if (size === 0) return EMPTY_RANGE;
  const peaks: Uint8Array[] = [];
  let covered = 0;
  for (let level = Math.floor(Math.log2(size)); level >= 0; level -= 1) {
    const width = 2 ** level;
    if (size - covered < width) continue;
    const peak = store.treeNode(level, covered / width);
    assert(peak !== undefined, "the results tree is complete up to the checkpoint");
    peaks.push(peak);
    covered += width;
  }
  return { size, peaks };
}

function claimAt(store: Store, ledger: Ledger, at: Height): Claim {
  const leaf = at === 0 ? undefined : store.leaf(at);
  assert(at === 0 || leaf !== undefined, `the result of block ${at} is in the store`);
  return {
    height: at,
    resultsRoot: toHex(treeHead(sha256, rangeAt(store, at))) as Digest,
    stateHeight: leaf?.stateHeight ?? height(0),
    stateRoot: leaf?.stateRoot ?? ledger.stateRoot,
  };
}

/** Our own claims from the head's claim on: newer headers may be compared with any of them. */
function ownClaims(store: Store, ledger: Ledger, head: Head): Claim[] {
  const claims: Claim[] = [];
  const first = ledger.height === 0 ? 0 : Math.max(1, Math.min(head.executed.height, ledger.height));
  for (let at = first; at <= ledger.height; at += 1) {
    claims.push(claimAt(store, ledger, height(at)));
  }
  return claims;
}

/** Claims of finalised headers about blocks that are to be executed again. */
function certifiedClaims(store: Store, executed: Height, head: Head): Claim[] {
  const claims: Claim[] = [];
  for (let at = head.height; at > executed; at = height(at - 1)) {
    const claim = blockAt(store, at).header.executed;
    if (claim.height <= executed) break;
    claims.push(claim);
  }
  return claims.reverse();
}

/** The window of digests that could still be repeated, and the last block with batches. */
function recentOrder(store: Store, head: Head): { ordered: Map<Digest, OrderedAt>; lastEventfulHeight: Height } {
  const blocks: Block[] = [];
  let lastEventfulHeight = height(0);
  for (let at = head.height; at > 0; at = height(at - 1)) {
    const block = blockAt(store, at);
    if (block.header.timestamp + NOT_AFTER_WINDOW_MS < head.timestamp && at < head.executed.height) break;
    if (block.body.length > 0 && lastEventfulHeight === 0) lastEventfulHeight = at;
    blocks.push(block);
  }
  const ordered = new Map<Digest, OrderedAt>();
  for (const block of blocks.reverse()) {
    const { height: at, timestamp } = block.header;
    for (const { digest } of block.body) ordered.set(digest, { height: at, timestamp });
  }
  return { ordered, lastEventfulHeight };
}

import { countedPath, sha256 } from "../crypto/index.js";
import type { CertifiedHeader, CommitProof, EpochClose } from "../formats/index.js";
import {
  type CanonicalJson,
  certifiedHeader,
  consistencyPath,
  encodeBalanceProof,
  encodeConsistencyProof,
  encodeReceipt,
  encodeResultLeaf,
  inclusionPath,
  OUTCOME_LEAF_BYTES,
  type ProvenResult,
  readHeader,
  verifyAccountProof,
} from "../formats/index.js";
import type { Ledger, OutcomePointer } from "../ledger/index.js";
import {
  assert,
  type Digest,
  decode,
  type Epoch,
  type Height,
  type Id128,
  epoch as toEpoch,
  height as toHeight,
} from "../primitives/index.js";
import type { BlockReader } from "./block-reader.js";
import type { FinalBlock, Store } from "./ports.js";
import type { FinalityView, ProofAnswer } from "./read-model.js";
import type { ReplicaView } from "./view.js";

/**
 * Finds and assembles portable proofs (docs/protocol.md). Claims grow with the height, so the first header that vouches
 * for a result is found by bisection; a CommitQC pair then lies there or a few blocks behind.
 */
export class Prover {
  readonly #source: {
    readonly chainId: Digest;
    readonly store: Store;
    readonly blocks: BlockReader;
    readonly ledger: Ledger;
    readonly replica: Pick<ReplicaView, "head" | "closeOf">;
  };

  constructor(source: {
    readonly chainId: Digest;
    readonly store: Store;
    readonly blocks: BlockReader;
    readonly ledger: Ledger;
    readonly replica: Pick<ReplicaView, "head" | "closeOf">;
  }) {
    this.#source = source;
  }

  /** Receipt of the outcome at a place. It opens no commitment: whoever may see balances asks the bank. */
  receipt(place: OutcomePointer): ProofAnswer {
    const { height, index } = place;
    const proven = this.#result(height);
    if (proven === undefined) return { type: "not_yet_proven", height };
    const block = this.#source.blocks.leaves(height);
    if (block === undefined) return { type: "not_yet_proven", height };
    const start = index * OUTCOME_LEAF_BYTES;
    const bytes = encodeReceipt({
      chainId: this.#source.chainId,
      outcome: {
        leaf: block.leaves.slice(start, start + OUTCOME_LEAF_BYTES),
        index,
        path: countedPath(block.hashes, index),
      },
      ...proven,
    });
    return { type: "proven", proof: asJson(bytes) };
  }

  /** Balance proof at the newest checkpoint, the one whose pages are kept. */
  balance(accountId: Id128, height: Height | undefined): ProofAnswer {
    const { ledger, store, chainId } = this.#source;
    const { stateHeight, stateRoot } = ledger;
    if (height !== undefined && height !== stateHeight) {
      return height > stateHeight ? { type: "not_yet_proven", height } : { type: "unknown" };
    }
    const key = ledger.accountPageKey(accountId);
    if (key === undefined) return { type: "unknown" };
    if (stateHeight === 0) return { type: "not_yet_proven", height: stateHeight };
    const page = store.page(key);
    const account = page === undefined ? undefined : ledger.accountProof(accountId, page);
    const proven = this.#result(stateHeight);
    // While a checkpoint is being written, the store still has the older page.
    if (account === undefined || proven === undefined || !verifyAccountProof(sha256, account, stateRoot)) {
      return { type: "not_yet_proven", height: stateHeight };
    }
    return { type: "proven", proof: asJson(encodeBalanceProof({ chainId, account, ...proven })) };
  }

  /**
   * Shows that the results up to a height begin, unchanged, those up to a later one. Both ends are the first
   * certified claims that cover the heights asked for, so they may lie a block or two above them.
   *
   * @param second absent: the newest height that is proven
   */
  consistency(first: Height, second: Height | undefined): ProofAnswer {
    const { chainId, store } = this.#source;
    const older = this.#claimOver(first);
    if (older === undefined) return { type: "not_yet_proven", height: first };
    const newer = second === undefined ? this.#newestClaim(first) : this.#claimOver(second);
    if (newer === undefined) return { type: "not_yet_proven", height: second ?? first };
    const nodeAt = (level: number, index: number): Uint8Array | undefined => store.treeNode(level, index);
    const path = consistencyPath(sha256, { size: newer.size, nodeAt }, older.size);
    if (path === undefined) return { type: "unknown" };
    const proof = { chainId, first: older.certified, second: newer.certified, path };
    return { type: "proven", proof: asJson(encodeConsistencyProof(proof)) };
  }

  /** The first certified header whose claim covers a height, and the size of that claim. */
  #claimOver(height: Height): { readonly certified: CertifiedHeader; readonly size: Height } | undefined {
    const first = this.#firstClaiming(height);
    const proving = first === undefined ? undefined : this.#proving(first);
    if (proving === undefined) return undefined;
    const certified = this.#certified(proving);
    return { certified, size: headerOf(proving).executed.height };
  }

  /** The newest claim that is certified here, at or above a height that is. */
  #newestClaim(atLeast: Height): { readonly certified: CertifiedHeader; readonly size: Height } | undefined {
    for (let at = this.#source.replica.head().height; at > atLeast; at = toHeight(at - 1)) {
      const block = this.#source.store.block(at);
      if (block?.proof === undefined) continue;
      const size = headerOf(block).executed.height;
      return size < atLeast
        ? undefined
        : { certified: this.#certified({ header: block.header, proof: block.proof }), size };
    }
    return undefined;
  }

  /** With what leads from the validators of genesis to those of its epoch. */
  #certified({ header, proof }: { readonly header: Uint8Array; readonly proof: CommitProof }): CertifiedHeader {
    return certifiedHeader(header, proof, this.#endsBefore(headerOf({ header }).epoch));
  }

  /** What ended each epoch before one, the first one's first. */
  #endsBefore(epoch: Epoch): readonly EpochClose[] {
    const epochs: EpochClose[] = [];
    for (let before = 0; before < epoch; before += 1) {
      const close = this.#source.replica.closeOf(toEpoch(before));
      assert(close !== undefined, "every epoch before the newest has ended");
      epochs.push(close);
    }
    return epochs;
  }

  /** CommitQC of the block itself or of the nearest descendant that has one, and the headers between. */
  finality(height: Height): FinalityView | undefined {
    const block = this.#source.store.block(height);
    const proving = block === undefined ? undefined : this.#proving(height);
    if (block === undefined || proving === undefined) return undefined;
    const headers: Uint8Array[] = [];
    for (let at = proving.height; at >= height; at = toHeight(at - 1)) {
      const between = this.#source.store.block(at);
      if (between === undefined) return undefined;
      headers.push(between.header);
    }
    const epochs = this.#endsBefore(headerOf(proving).epoch);
    return { height, hash: block.hash, proof: proving.proof, headers, epochs };
  }

  /** Leaf of a height, and the certified header whose claim covers it. */
  #result(height: Height): { readonly result: ProvenResult; readonly certified: CertifiedHeader } | undefined {
    const { store, blocks } = this.#source;
    const leaf = blocks.leaf(height);
    const first = this.#firstClaiming(height);
    const proving = first === undefined ? undefined : this.#proving(first);
    if (leaf === undefined || proving === undefined) return undefined;
    const size = headerOf(proving).executed.height;
    const nodeAt = (level: number, index: number): Uint8Array | undefined => store.treeNode(level, index);
    const path = inclusionPath(sha256, { size, nodeAt }, height - 1);
    if (path === undefined) return undefined;
    return {
      result: { leaf: encodeResultLeaf(leaf), path },
      certified: this.#certified(proving),
    };
  }

  /** Smallest finalised height whose header claims results up to `height`. */
  #firstClaiming(height: Height): Height | undefined {
    const head = this.#source.replica.head().height;
    const claims = (at: number): boolean => {
      const block = this.#source.store.block(toHeight(at));
      return block !== undefined && headerOf(block).executed.height >= height;
    };
    // A claim is usually only a few blocks behind; strides of doubling length find the interval.
    let below: number = height;
    let stride = 1;
    while (below + stride < head && !claims(below + stride)) {
      below += stride;
      stride *= 2;
    }
    let above = Math.min(below + stride, head);
    if (above <= below || !claims(above)) return undefined;
    while (above - below > 1) {
      const middle = Math.floor((above + below) / 2);
      if (claims(middle)) above = middle;
      else below = middle;
    }
    return toHeight(above);
  }

  /** The block at a height or the nearest finalised one behind it that a CommitQC names. */
  #proving(height: Height): (FinalBlock & { readonly proof: NonNullable<FinalBlock["proof"]> }) | undefined {
    const head = this.#source.replica.head().height;
    for (let at = height; at <= head; at = toHeight(at + 1)) {
      const block = this.#source.store.block(at);
      if (block === undefined) return undefined;
      if (block.proof !== undefined) return { ...block, proof: block.proof };
    }
    return undefined;
  }
}

function headerOf(block: Pick<FinalBlock, "header">): ReturnType<typeof readHeader> {
  const decoded = decode(block.header, readHeader);
  assert(decoded.ok, "a stored header decodes");
  return decoded.value;
}

/** A proof's own canonical text, as the value that a JSON answer carries. */
const asJson = (bytes: Uint8Array): CanonicalJson => JSON.parse(new TextDecoder().decode(bytes)) as CanonicalJson;

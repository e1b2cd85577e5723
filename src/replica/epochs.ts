import { readEpochClose } from "../consensus/index.js";
import { sha256 } from "../crypto/index.js";
import {
  type EpochClose,
  type Founding,
  genesisValidatorSet,
  type Header,
  makeValidatorSet,
  readHeader,
  type Successor,
  type ValidatorSet,
} from "../formats/index.js";
import { assert, decode, type Epoch, type Height, epoch as toEpoch, height as toHeight } from "../primitives/index.js";
import type { FinalBlock, FinalHead, Store } from "./ports.js";

/** Epochs that are kept in memory; older ones are found again. */
const KEPT_MAX = 64;

/** The validators of one epoch, with what the others need to reach them. */
export interface EpochMembers {
  readonly set: ValidatorSet;
  readonly members: readonly Successor[];
}

interface Ended {
  readonly close: EpochClose;
  /** Height of its CLOSING block. */
  readonly height: Height;
  readonly next: EpochMembers;
}

/**
 * The epochs of the ledger, read from its own blocks: epochs do not decrease with the height, so that the last block
 * of one is found by bisection, and its header names the next set (EPOCH-6).
 */
export class EpochBook {
  readonly #store: Pick<Store, "block">;
  readonly #first: EpochMembers;
  readonly #ended = new Map<Epoch, Ended>();

  constructor(store: Pick<Store, "block">, genesis: Founding) {
    this.#store = store;
    const set = genesisValidatorSet(sha256, genesis);
    const members = genesis.validators.map(
      ({ networkKey, addresses }, index): Successor => ({
        ...(set.members[index] as ValidatorSet["members"][number]),
        networkKey,
        addresses,
      }),
    );
    this.#first = { set, members };
  }

  /** @param head the newest finalised block; its epoch is the newest there is */
  members(epoch: Epoch, head: Pick<FinalHead, "epoch" | "height">): EpochMembers | undefined {
    if (epoch > head.epoch) return undefined;
    return epoch === 0 ? this.#first : this.#endOf(toEpoch(epoch - 1), head).next;
  }

  /** What ends an epoch; undefined for the newest one. */
  close(epoch: Epoch, head: Pick<FinalHead, "epoch" | "height">): EpochClose | undefined {
    return epoch < head.epoch ? this.#endOf(epoch, head).close : undefined;
  }

  /** The CLOSING block with which the newest epoch began; undefined in the first. */
  anchor(head: Pick<FinalHead, "epoch" | "height">): FinalBlock | undefined {
    if (head.epoch === 0) return undefined;
    return this.#store.block(this.#endOf(toEpoch(head.epoch - 1), head).height);
  }

  #endOf(epoch: Epoch, head: Pick<FinalHead, "height">): Ended {
    const known = this.#ended.get(epoch);
    if (known !== undefined) return known;
    const height = this.#lastOf(epoch, head.height);
    const block = this.#store.block(height);
    assert(block !== undefined, "the last block of an epoch is in the store");
    const { nextSet } = headerOf(block);
    assert(nextSet !== undefined, "the last block of an epoch names the next set");
    const set = makeValidatorSet(sha256, toEpoch(epoch + 1), nextSet);
    const ended = { close: closeIn(block), height, next: { set, members: nextSet } };
    const [oldest] = this.#ended.keys();
    if (this.#ended.size >= KEPT_MAX && oldest !== undefined) this.#ended.delete(oldest);
    this.#ended.set(epoch, ended);
    return ended;
  }

  /** The greatest height whose block is of this epoch or an earlier one. */
  #lastOf(epoch: Epoch, head: Height): Height {
    let low = 1;
    let high: number = head;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const block = this.#store.block(toHeight(middle));
      assert(block !== undefined, "finalised blocks are in the store");
      if (headerOf(block).epoch <= epoch) low = middle;
      else high = middle - 1;
    }
    return toHeight(low);
  }
}

/** The close that lies with a CLOSING block: a CommitQC of its own, or a DRAIN block's. */
function closeIn(block: FinalBlock): EpochClose {
  const { header, proof } = block.close ?? block;
  assert(proof !== undefined, "the last block of an epoch has a proof");
  const close = readEpochClose(sha256, header, proof);
  assert(close.ok, "the stored end of an epoch decodes");
  return close.value;
}

function headerOf(block: Pick<FinalBlock, "header">): Header {
  const decoded = decode(block.header, readHeader);
  assert(decoded.ok, "a stored header decodes");
  return decoded.value;
}

import { readSuccessors, type Successor, writeSuccessors } from "../formats/index.js";
import { decode, type Epoch, type Height, Writer } from "../primitives/index.js";
import { EntryTable } from "./entry-table.js";

/** The decision's bytes in 64-byte entries. */
const ENTRY_WORDS = 16;
const ENTRY_BYTES = ENTRY_WORDS * 4;
const PAGE_ENTRIES = 64;

/** The set of validators that a finished vote has put in the place of another one. */
export interface NextSetView {
  /** The epoch that these validators will run: the one after the epoch of the block that decided it. */
  readonly epoch: Epoch;
  /** The block that decided it; every block of the epoch before whose claim reaches this height is its last. */
  readonly decidedAt: Height;
  /** Ascending by participant number. */
  readonly validators: readonly Successor[];
}

/**
 * Who follows the validators of the present epoch (EPOCH-1): at most one decision, replaced by the next epoch's
 * own. It lies in the state as one text of bytes, so that the state root covers it.
 */
export class NextSet {
  readonly table = new EntryTable(ENTRY_WORDS, PAGE_ENTRIES);
  #view: NextSetView | undefined;

  /** The newest decision; also after its epoch has begun. */
  get view(): NextSetView | undefined {
    return this.#view;
  }

  /** Whether a block of this epoch may still decide who follows. */
  isOpen(epoch: Epoch): boolean {
    return this.#view === undefined || this.#view.epoch <= epoch;
  }

  /**
   * Writes the successors of an epoch's validators, for good.
   *
   * @param epoch of the header of the block that decides, which is executed now
   * @param height of that block
   * @param validators 4 to 31 of them, each with a participant number, consensus key and network key of its own; any
   *   order. Whoever calls has checked their keys and their proofs of possession
   * @returns false, and nothing changes, if the epoch's successors were decided already
   */
  decide(decision: {
    readonly epoch: Epoch;
    readonly height: Height;
    readonly validators: readonly Successor[];
  }): boolean {
    if (!this.isOpen(decision.epoch)) return false;
    const validators = [...decision.validators].sort((left, right) => left.participant - right.participant);
    this.#view = { epoch: (decision.epoch + 1) as Epoch, decidedAt: decision.height, validators };
    this.#write(this.#view);
    return true;
  }

  /** Takes up what the pages of a checkpoint have put into the table. @returns false for bytes that no ledger wrote */
  restore(): boolean {
    const bytes = new Uint8Array(this.table.count * ENTRY_BYTES);
    for (let page = 0; page < this.table.pageCount; page += 1)
      bytes.set(this.table.pageBytes(page), page * PAGE_ENTRIES * ENTRY_BYTES);
    if (bytes.length === 0) return true;
    const length = new DataView(bytes.buffer).getUint32(0, true);
    if (Math.ceil((length + 4) / ENTRY_BYTES) !== this.table.count) return false;
    if (bytes.subarray(length + 4).some((byte) => byte !== 0)) return false;
    const decoded = decode(bytes.subarray(4, length + 4), (reader): NextSetView => {
      const epoch = reader.u64() as Epoch;
      const decidedAt = reader.u64() as Height;
      return { epoch, decidedAt, validators: readSuccessors(reader) };
    });
    if (decoded.ok) this.#view = decoded.value;
    return decoded.ok;
  }

  #write({ epoch, decidedAt, validators }: NextSetView): void {
    const writer = new Writer(4_096).u64(epoch).u64(decidedAt);
    writeSuccessors(writer, validators);
    const bytes = new Writer(4_096).variable(writer.finish()).finish();
    const padded = new Uint8Array(Math.ceil(bytes.length / ENTRY_BYTES) * ENTRY_BYTES);
    padded.set(bytes);
    while (this.table.count > 0) this.table.removeLast();
    this.table.appendPage(padded);
  }
}

import { GOVERN_FIELDS, PROPOSAL_FLAGS, PROPOSAL_KINDS, type ProposalKind } from "../formats/index.js";
import {
  assert,
  type Digest,
  fromHex,
  type Height,
  type Id128,
  type ParticipantNumber,
  toHex,
} from "../primitives/index.js";
import { EntryTable } from "./entry-table.js";
import { countAt, writeCount } from "./limbs.js";
import { RECORD_WORDS } from "./transfer-words.js";
import type { BallotView, ProposalState, ProposalView, ReadyView } from "./views.js";

/**
 * Entry of a proposal, 256 bytes; offsets in 32-bit words:
 *
 * 0 head record 32 · 32 salt of its batch 8 · 40 proposer · 41 state · 42 first entry of its content ·
 * 43 what its activation decided: epoch of a set, protocol version, number of a participant · 44 height of
 * the proposal 2 · 46 end of the ballots (block time, ms) 2 · 48 height at which it passed 2 · 50 earliest
 * block time of its activation (ms) 2 · 52 height of its resolution 2 · 54 that outcome's index · 55 index of its
 * id · 56 of a change of validators, the state root at the newest checkpoint before it 8
 *
 * Proposals and their contents stay for ever: they are the history of the scheme's rules.
 */
const PROPOSAL_WORDS = 64;
const PROPOSAL_PAGE_ENTRIES = 32;
const SALT = 32;
const PROPOSER = 40;
const STATE = 41;
const CONTENT = 42;
const VALUE = 43;
const PROPOSED_HEIGHT = 44;
const DEADLINE = 46;
const PASSED_HEIGHT = 48;
const EARLIEST = 50;
const RESOLVED_HEIGHT = 52;
const RESOLUTION_INDEX = 54;
const ID_INDEX = 55;
const STATE_ROOT = 56;

const OPEN = 1;
const PASSED = 2;
const STATES: readonly (ProposalState | undefined)[] = [
  ...[undefined, "open", "passed", "activated", "lapsed", "not_activated"],
] as const;
const KINDS = Object.entries(PROPOSAL_KINDS).map(([name, number]) => [number, name]) as [number, ProposalKind][];
const KIND_NAMES: ReadonlyMap<number, ProposalKind> = new Map(KINDS);

/**
 * Entry of a ballot, or of a newcomer's statement that it is ready, 32 bytes: 0 proposal · 1 participant · 2 choice ·
 * 3 version it runs · 4 height 2 · 6 reserved 2
 */
const BALLOT_WORDS = 8;
const BALLOT_PAGE_ENTRIES = 128;
const CHOICE_YES = 1;
const CHOICE_NO = 2;
const CHOICE_READY = 3;

/** Contents lie one after the other in entries of 64 bytes, zeros after each one's end. */
const CONTENT_WORDS = 16;
const CONTENT_ENTRY_BYTES = CONTENT_WORDS * 4;
const CONTENT_PAGE_ENTRIES = 64;

/** What becomes of a proposal in the end. */
export type Resolution = "activated" | "lapsed" | "not_activated";

/** All proposals ever made, their contents and their ballots. */
export class Proposals {
  readonly table = new EntryTable(PROPOSAL_WORDS, PROPOSAL_PAGE_ENTRIES);
  readonly ballotTable = new EntryTable(BALLOT_WORDS, BALLOT_PAGE_ENTRIES);
  readonly contentTable = new EntryTable(CONTENT_WORDS, CONTENT_PAGE_ENTRIES);
  /** Those that are open, or passed and not in force yet, in order. */
  #live: number[] = [];
  /** Ballots by proposal. */
  readonly #ballots: number[][] = [];
  /** Proposals by the index of their id. */
  readonly #byId = new Map<number, number>();

  /** Proposals that are open, or passed and not in force yet, in the order in which they were made. */
  get live(): readonly number[] {
    return this.#live;
  }

  get count(): number {
    return this.table.count;
  }

  add(proposal: {
    /** The head's words and the salt's, among the words of its batch. */
    readonly words: Uint32Array;
    readonly head: number;
    readonly salt: number;
    readonly proposer: number;
    readonly content: Uint8Array;
    readonly height: number;
    readonly deadline: number;
    readonly idIndex: number;
    /** What newcomers have to state; absent where nobody has to. */
    readonly stateRoot?: Digest;
  }): number {
    const { words: batch, head, salt } = proposal;
    const index = this.table.append();
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words.set(batch.subarray(head, head + RECORD_WORDS), base);
    words.set(batch.subarray(salt, salt + 8), base + SALT);
    words[base + PROPOSER] = proposal.proposer;
    words[base + STATE] = OPEN;
    words[base + CONTENT] = this.#storeContent(proposal.content);
    writeCount(words, base + PROPOSED_HEIGHT, proposal.height);
    writeCount(words, base + DEADLINE, proposal.deadline);
    words[base + ID_INDEX] = proposal.idIndex;
    if (proposal.stateRoot !== undefined) words.set(rootWords(proposal.stateRoot), base + STATE_ROOT);
    this.#live.push(index);
    this.#ballots[index] = [];
    this.#byId.set(proposal.idIndex, index);
    return index;
  }

  /** The proposal whose id is entry `idIndex` of the consumed ids; undefined where that is no accepted proposal's. */
  findById(idIndex: number): number | undefined {
    return this.#byId.get(idIndex);
  }

  /** The participant's one ballot on a proposal; a later one takes the place of the earlier. */
  vote(ballot: { proposal: number; participant: number; choice: number; runs: number; height: number }): void {
    const { proposal, participant } = ballot;
    const ballots = this.#ballots[proposal] as number[];
    let index = ballots.find((other) => this.#ballotWord(other, 1) === participant);
    if (index === undefined) {
      index = this.ballotTable.append();
      ballots.push(index);
    } else this.ballotTable.touch(index);
    const words = this.ballotTable.wordsOf(index);
    const base = this.ballotTable.baseOf(index);
    words[base] = proposal;
    words[base + 1] = participant;
    words[base + 2] = ballot.choice;
    words[base + 3] = ballot.runs;
    writeCount(words, base + 4, ballot.height);
  }

  /** A newcomer has stated that it is ready (LEDG-48). */
  setReady(proposal: number, participant: number, height: number): void {
    this.vote({ proposal, participant, choice: CHOICE_READY, runs: 0, height });
  }

  /** Participants whose ballot says yes. */
  inFavour(proposal: number): readonly number[] {
    return this.#saying(proposal, CHOICE_YES);
  }

  /** Newcomers that have stated that they are ready. */
  ready(proposal: number): readonly number[] {
    return this.#saying(proposal, CHOICE_READY);
  }

  #saying(proposal: number, choice: number): readonly number[] {
    return this.#entriesOf(proposal, (said) => said === choice).map((index) => this.#ballotWord(index, 1));
  }

  pass(proposal: number, height: number, earliest: number): void {
    this.table.touch(proposal);
    const words = this.table.wordsOf(proposal);
    const base = this.table.baseOf(proposal);
    words[base + STATE] = PASSED;
    writeCount(words, base + PASSED_HEIGHT, height);
    writeCount(words, base + EARLIEST, earliest);
  }

  /** @param value what the activation decided; 0 for none */
  resolve(proposal: number, end: { resolution: Resolution; height: number; outcome: number; value: number }): void {
    this.table.touch(proposal);
    const words = this.table.wordsOf(proposal);
    const base = this.table.baseOf(proposal);
    words[base + STATE] = STATES.indexOf(end.resolution);
    words[base + VALUE] = end.value;
    writeCount(words, base + RESOLVED_HEIGHT, end.height);
    words[base + RESOLUTION_INDEX] = end.outcome;
    this.#live = this.#live.filter((index) => index !== proposal);
  }

  /** The head's words and the salt's, for the outcome that the ledger itself adds. */
  source(proposal: number): { readonly head: Uint32Array; readonly words: Uint32Array; readonly salt: number } {
    const base = this.table.baseOf(proposal);
    const words = this.table.wordsOf(proposal);
    return { head: words.subarray(base, base + RECORD_WORDS), words, salt: base + SALT };
  }

  stateOf(proposal: number): ProposalState {
    return STATES[this.#word(proposal, STATE)] ?? "open";
  }

  kindOf(proposal: number): ProposalKind {
    return KIND_NAMES.get((this.#word(proposal, GOVERN_FIELDS.type / 4) >>> 8) & 0xff) ?? "rulebook";
  }

  acceptsFaults(proposal: number): boolean {
    return ((this.#word(proposal, GOVERN_FIELDS.type / 4) >>> 16) & PROPOSAL_FLAGS.accept_faults) !== 0;
  }

  proposerOf(proposal: number): number {
    return this.#word(proposal, PROPOSER);
  }

  idIndexOf(proposal: number): number {
    return this.#word(proposal, ID_INDEX);
  }

  /** 0: the block after it passed. */
  effectiveHeightOf(proposal: number): number {
    return this.#count(proposal, GOVERN_FIELDS.effectiveHeight / 4);
  }

  deadlineOf(proposal: number): number {
    return this.#count(proposal, DEADLINE);
  }

  earliestOf(proposal: number): number {
    return this.#count(proposal, EARLIEST);
  }

  valueOf(proposal: number): number {
    return this.#word(proposal, VALUE);
  }

  resolvedHeightOf(proposal: number): number {
    return this.#count(proposal, RESOLVED_HEIGHT);
  }

  /** The state root that a newcomer has to state; zeros for other kinds than a change of validators. */
  stateRootOf(proposal: number): Digest {
    const base = this.table.baseOf(proposal) + STATE_ROOT;
    return toHex(new Uint8Array(this.table.wordsOf(proposal).slice(base, base + 8).buffer)) as Digest;
  }

  contentOf(proposal: number): Uint8Array {
    const length = this.#word(proposal, GOVERN_FIELDS.contentLength / 4);
    const first = this.#word(proposal, CONTENT);
    const entries = Math.ceil(length / CONTENT_ENTRY_BYTES);
    const bytes = new Uint8Array(entries * CONTENT_ENTRY_BYTES);
    for (let entry = 0; entry < entries; entry += 1) {
      const base = this.contentTable.baseOf(first + entry);
      const words = this.contentTable.wordsOf(first + entry).slice(base, base + CONTENT_WORDS);
      bytes.set(new Uint8Array(words.buffer), entry * CONTENT_ENTRY_BYTES);
    }
    return bytes.slice(0, length);
  }

  /** Proposals of a participant that are open, or passed and not in force yet. */
  liveOf(participant: number): number {
    return this.#live.filter((index) => this.proposerOf(index) === participant).length;
  }

  view(proposal: number): ProposalView {
    const words = this.table.wordsOf(proposal);
    const base = this.table.baseOf(proposal);
    const passedHeight = countAt(words, base + PASSED_HEIGHT);
    const resolvedHeight = countAt(words, base + RESOLVED_HEIGHT);
    const kind = this.kindOf(proposal);
    return {
      id: toHex(new Uint8Array(words.slice(base, base + 4).buffer)) as Id128,
      kind,
      state: this.stateOf(proposal),
      proposer: this.proposerOf(proposal) as ParticipantNumber,
      acceptFaults: this.acceptsFaults(proposal),
      effectiveHeight: this.effectiveHeightOf(proposal) as Height,
      proposedHeight: countAt(words, base + PROPOSED_HEIGHT) as Height,
      deadline: this.deadlineOf(proposal),
      passedHeight: passedHeight === 0 ? undefined : (passedHeight as Height),
      earliest: passedHeight === 0 ? undefined : this.earliestOf(proposal),
      resolution:
        resolvedHeight === 0
          ? undefined
          : { height: resolvedHeight as Height, index: words[base + RESOLUTION_INDEX] as number },
      content: this.contentOf(proposal),
      ballots: this.#entriesOf(proposal, (choice) => choice !== CHOICE_READY).map((index) => this.#ballotView(index)),
      stateRoot: kind === "validators" ? this.stateRootOf(proposal) : undefined,
      ready: this.#entriesOf(proposal, (choice) => choice === CHOICE_READY).map((index) => this.#readyView(index)),
    };
  }

  /**
   * Takes up what the pages of a checkpoint have put into the tables; every reference is checked.
   *
   * @param holds whether the ledger has an id entry with these four words, and a participant with a number
   * @returns why no ledger can have written it
   */
  restore(holds: {
    readonly idAt: (index: number, words: Uint32Array, base: number) => boolean;
    readonly participant: (number: number) => boolean;
  }): string | undefined {
    for (let index = 0; index < this.table.count; index += 1) {
      const words = this.table.wordsOf(index);
      const base = this.table.baseOf(index);
      const first = words[base + CONTENT] as number;
      const length = words[base + GOVERN_FIELDS.contentLength / 4] as number;
      const isSound =
        holds.participant(words[base + PROPOSER] as number) &&
        STATES[words[base + STATE] as number] !== undefined &&
        KIND_NAMES.has(((words[base + GOVERN_FIELDS.type / 4] as number) >>> 8) & 0xff) &&
        first + Math.ceil(length / CONTENT_ENTRY_BYTES) <= this.contentTable.count &&
        holds.idAt(words[base + ID_INDEX] as number, words, base);
      if (!isSound) return `proposal ${index} leads nowhere`;
      this.#ballots[index] = [];
      this.#byId.set(words[base + ID_INDEX] as number, index);
      if (words[base + STATE] === OPEN || words[base + STATE] === PASSED) this.#live.push(index);
    }
    for (let index = 0; index < this.ballotTable.count; index += 1) {
      const ballots = this.#ballots[this.#ballotWord(index, 0)];
      const choice = this.#ballotWord(index, 2);
      if (ballots === undefined || ![CHOICE_YES, CHOICE_NO, CHOICE_READY].includes(choice))
        return `ballot ${index} is of nothing`;
      if (!holds.participant(this.#ballotWord(index, 1))) return `ballot ${index} is nobody's`;
      ballots.push(index);
    }
    return undefined;
  }

  #storeContent(content: Uint8Array): number {
    const first = this.contentTable.count;
    const padded = new Uint8Array(Math.ceil(content.length / CONTENT_ENTRY_BYTES) * CONTENT_ENTRY_BYTES);
    padded.set(content);
    this.contentTable.appendPage(padded);
    return first;
  }

  #entriesOf(proposal: number, isWanted: (choice: number) => boolean): readonly number[] {
    return (this.#ballots[proposal] ?? []).filter((index) => isWanted(this.#ballotWord(index, 2)));
  }

  #ballotView(index: number): BallotView {
    return {
      ...this.#readyView(index),
      choice: this.#ballotWord(index, 2) === CHOICE_YES ? "yes" : "no",
      runs: this.#ballotWord(index, 3),
    };
  }

  #readyView(index: number): ReadyView {
    const words = this.ballotTable.wordsOf(index);
    const base = this.ballotTable.baseOf(index);
    return { participant: words[base + 1] as ParticipantNumber, height: countAt(words, base + 4) as Height };
  }

  #ballotWord(index: number, word: number): number {
    return this.ballotTable.wordsOf(index)[this.ballotTable.baseOf(index) + word] as number;
  }

  #word(proposal: number, word: number): number {
    assert(proposal < this.table.count, "a proposal there is");
    return this.table.wordsOf(proposal)[this.table.baseOf(proposal) + word] as number;
  }

  #count(proposal: number, word: number): number {
    return countAt(this.table.wordsOf(proposal), this.table.baseOf(proposal) + word);
  }
}

/** A root as its bytes lie in the words of an entry. */
const rootWords = (root: Digest): Uint32Array => new Uint32Array((fromHex(root) as Uint8Array).slice().buffer);

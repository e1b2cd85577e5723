import {
  type Genesis,
  PARTICIPANTS_MAX,
  parseProposalContent,
  type Rulebook,
  rulebookShape,
  shape,
} from "../formats/index.js";
import { ASSET, KIND_AND_FLAGS, KIND_MASK, OWNER, SETTLEMENT } from "./accounts.js";
import type { StatePage } from "./contract.js";
import type { EntryTable } from "./entry-table.js";
import * as pending from "./pendings.js";
import { KIND_GOVERNANCE, STATE_PENDING } from "./seen-ids.js";
import { State } from "./state.js";
import { pageOfKey, slotOfKey, TABLE_SLOTS } from "./state-root.js";

/** Pages that no ledger could have written; `message` says where. */
export class StatePagesError extends Error {
  override readonly name = "StatePagesError";
  readonly code = "STATE_PAGES_BAD";
}

const RULEBOOK_BYTES_MAX = 1_048_576;

/**
 * Builds a state from the pages of a checkpoint, in any order. What was not certified may be anything,
 * so every reference between tables is checked before something follows it.
 *
 * @throws {StatePagesError}
 */
export function stateFromPages(genesis: Genesis, pages: Iterable<StatePage>, hashSeed: number): State {
  const state = new State(hashSeed);
  const bySlot: StatePage[][] = Array.from({ length: TABLE_SLOTS }, () => []);
  for (const page of pages) {
    const slot = bySlot[slotOfKey(page.key)];
    if (slot === undefined || !Number.isSafeInteger(page.key) || page.key < 0)
      refuse(`page ${page.key} is of no table`);
    slot.push(page);
  }
  for (const [slot, found] of bySlot.entries()) {
    const table = state.tables[slot];
    if (table !== undefined) fillTable(table, found);
    else if (found.length > 0) refuse(`page ${found[0]?.key} is of a table that is not in use`);
  }
  state.readRules(rulebookOf(state.rulebookTable));
  if (!state.nextSet.restore()) refuse("the next set of validators does not parse");
  checkParticipants(state, genesis);
  registerEntries(state);
  checkProposals(state);
  return state;
}

function fillTable(table: EntryTable, pages: readonly StatePage[]): void {
  const entryBytes = table.entryWords * 4;
  const ascending = [...pages].sort((left, right) => left.key - right.key);
  for (const [index, { key, bytes }] of ascending.entries()) {
    // A page whose entries were all removed stays behind as an empty one.
    if (bytes.length === 0) continue;
    if (pageOfKey(key) !== index) refuse(`a page is missing before page ${key}`);
    if (table.count !== index * table.pageEntries) refuse(`a page before page ${key} is not full`);
    if (bytes.length % entryBytes !== 0 || bytes.length > table.pageEntries * entryBytes) {
      refuse(`page ${key} has ${bytes.length} bytes`);
    }
    table.appendPage(bytes);
  }
}

function rulebookOf(table: EntryTable): Rulebook {
  const bytes = new Uint8Array(table.count * table.entryWords * 4);
  for (let page = 0, offset = 0; page < table.pageCount; page += 1) {
    const part = table.pageBytes(page);
    bytes.set(part, offset);
    offset += part.length;
  }
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  const parsed = shape.parseCanonical(bytes.subarray(0, end), RULEBOOK_BYTES_MAX, rulebookShape);
  if (!parsed.ok) refuse(`the rulebook does not parse: ${parsed.fault.path} ${parsed.fault.detail}`);
  return parsed.value;
}

/** Participants begin with those of genesis, in its order; governance may have changed roles and added others. */
function checkParticipants(state: State, genesis: Genesis): void {
  const { participants } = state;
  if (participants.count < genesis.participants.length) refuse("fewer participants than genesis names");
  if (participants.count > PARTICIPANTS_MAX) refuse("more participants than there may be");
  for (let number = 1; number <= participants.count; number += 1) {
    const view = participants.view(number);
    const founder = genesis.participants[number - 1];
    if (view.number !== number || (founder !== undefined && view.name !== founder.name))
      refuse(`participant ${number} is not the one of genesis`);
  }
}

/** Proposals lead to their ids, contents and ballots, and say what their kinds ask for. */
function checkProposals(state: State): void {
  const { ids, participants, proposals } = state;
  const fault = proposals.restore({
    participant: (number) => participants.has(number),
    idAt: (index, words, base) =>
      index < ids.table.count && ids.kindOf(index) === KIND_GOVERNANCE && ids.index.findAt(words, base) === index,
  });
  if (fault !== undefined) refuse(fault);
  for (let proposal = 0; proposal < proposals.count; proposal += 1) {
    const parsed = parseProposalContent(proposals.kindOf(proposal), proposals.contentOf(proposal));
    if (!parsed.ok) refuse(`the content of proposal ${proposal} does not parse`);
  }
}

/** Builds what is derived from the tables, following only references that lead somewhere. */
function registerEntries(state: State): void {
  const accounts = state.accounts.table;
  for (let index = 0; index < accounts.count; index += 1) {
    const words = accounts.wordsOf(index);
    const base = accounts.baseOf(index);
    if (!state.participants.has(words[base + OWNER] as number)) refuse(`account ${index} has no owner`);
    if (words[base + ASSET] === 0) refuse(`account ${index} has no asset`);
    state.accounts.register(index);
  }
  for (let index = 0; index < state.ids.table.count; index += 1) state.ids.index.insert(index);
  for (let index = 0; index < state.limits.table.count; index += 1) {
    if (!state.limits.register(index, accounts.count)) refuse(`limit counter ${index} is of no account`);
  }
  for (const [index, { participant }] of state.keys.views().entries()) {
    if (!state.participants.has(participant)) refuse(`key ${index} is of no participant`);
    state.keys.register(index);
  }
  for (let index = 0; index < state.positions.table.count; index += 1) {
    if (!state.positions.register(index)) refuse(`position ${index} is of no bank, or a second one`);
  }
  if (!state.windows.restore((participant) => state.participants.has(participant)))
    refuse("the settlement windows do not agree with each other");
  for (let place = 0; place < state.pendings.table.count; place += 1) checkPending(state, place);
  state.pendings.tidy();
  checkQueues(state);
  for (let index = 0; index < state.velocities.table.count; index += 1) {
    const isSound = state.velocities.accountOf(index) < accounts.count && state.velocities.register(index);
    if (!isSound) refuse(`velocity counter ${index} is of no account, or a second one`);
  }
}

/** Each queued transfer is in its own bank's queue, and nothing else is in any. */
function checkQueues(state: State): void {
  const { accounts, ids, pendings, queues } = state;
  if (!queues.rebuild()) refuse("a transfer is queued twice");
  let waiting = 0;
  for (let place = 0; place < pendings.table.count; place += 1) {
    const flags = pendings.table.wordsOf(place)[pendings.table.baseOf(place) + pending.LEG] as number;
    if ((flags & pending.QUEUED) !== 0) waiting += 1;
  }
  if (waiting !== queues.table.count) refuse("the queues do not hold the transfers that wait");
  for (let index = 0; index < queues.table.count; index += 1) {
    const { idIndex, asset, bank } = queues.entry(index);
    const isPending = idIndex < ids.table.count && ids.stateOf(idIndex) === STATE_PENDING;
    const place = isPending ? ids.placeOf(idIndex) : 0;
    const words = pendings.table.wordsOf(place);
    const base = pendings.table.baseOf(place);
    const from = isPending ? (words[base + pending.DEBIT_SETTLEMENT] as number) - 1 : -1;
    const isSound =
      isPending &&
      ((words[base + pending.LEG] as number) & pending.QUEUED) !== 0 &&
      isSettlementOf(accounts, from, asset, bank);
    if (!isSound) refuse(`queue entry ${index} leads nowhere`);
  }
}

/** Also of one that its bank has closed: while a payment waits, nothing on it is reserved (LEDG-28). */
function isSettlementOf({ table }: State["accounts"], account: number, asset: number, bank: number): boolean {
  if (account < 0 || account >= table.count) return false;
  const words = table.wordsOf(account);
  const base = table.baseOf(account);
  const kind = (words[base + KIND_AND_FLAGS] as number) & KIND_MASK;
  return kind === SETTLEMENT && words[base + ASSET] === asset && words[base + OWNER] === bank;
}

function checkPending(state: State, place: number): void {
  const words = state.pendings.table.wordsOf(place);
  const base = state.pendings.table.baseOf(place);
  const word = (field: number): number => words[base + field] as number;
  const accounts = state.accounts.table.count;
  const sides = [word(pending.DEBIT), word(pending.CREDIT)];
  const settlements = [word(pending.DEBIT_SETTLEMENT), word(pending.CREDIT_SETTLEMENT)];
  const id = word(pending.ID_INDEX);
  const isSound =
    sides.every((account) => account < accounts) &&
    settlements.every((account) => account <= accounts) &&
    state.participants.has(word(pending.SUBMITTER)) &&
    id < state.ids.table.count &&
    state.ids.stateOf(id) === STATE_PENDING &&
    state.ids.placeOf(id) === place;
  if (!isSound) refuse(`pending transfer ${place} leads nowhere`);
}

function refuse(detail: string): never {
  throw new StatePagesError(detail);
}

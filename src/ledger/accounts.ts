import { ACCOUNT_FLAGS, ACCOUNT_KINDS, type AccountKind, PARTICIPANTS_MAX, readBalances } from "../formats/index.js";
import type { Height, Id128, ParticipantNumber } from "../primitives/index.js";
import { toHex } from "../primitives/index.js";
import { EntryTable } from "./entry-table.js";
import { IdIndex } from "./id-index.js";
import { countAt } from "./limbs.js";
import type { AccountView, OutcomePointer } from "./views.js";

/**
 * Entry of an account, 128 bytes; offsets in 32-bit words:
 *
 * 0 id 4 · 4 owner · 5 asset · 6 kind (low 16 bits), flags (high 16) · 7 reserved · 8 debits pending 2 ·
 * 10 debits posted 2 · 12 credits pending 2 · 14 credits posted 2 · 16 newest outcome's height 2 ·
 * 18 its index · 19 reserved · 20 reference 4 · 24 reserved 8
 */
export const ACCOUNT_WORDS = 32;
export const ACCOUNT_PAGE_ENTRIES = 64;
export const OWNER = 4;
export const ASSET = 5;
export const KIND_AND_FLAGS = 6;
export const BALANCES = 8;
export const DEBITS_PENDING = 8;
export const DEBITS_POSTED = 10;
export const CREDITS_PENDING = 12;
export const CREDITS_POSTED = 14;
export const NEWEST_HEIGHT = 16;
export const NEWEST_INDEX = 18;
export const REFERENCE = 20;

export const KIND_MASK = 0xffff;
export const DEBITS_LIMITED = ACCOUNT_FLAGS.debits_must_not_exceed_credits << 16;
export const CREDITS_LIMITED = ACCOUNT_FLAGS.credits_must_not_exceed_debits << 16;
export const FROZEN = 4 << 16;
export const CLOSED = 8 << 16;

export const CUSTOMER = ACCOUNT_KINDS.customer;
export const CLEARING = ACCOUNT_KINDS.clearing;
export const SETTLEMENT = ACCOUNT_KINDS.settlement;
export const ISSUANCE = ACCOUNT_KINDS.issuance;
export const RESERVE = ACCOUNT_KINDS.reserve;

const KIND_NAMES: readonly (AccountKind | undefined)[] = [
  ...[undefined, "customer", "clearing", "settlement", "issuance", "reserve"],
] as const;

/** The accounts table, and what is derived from it for quick look-ups. */
export class Accounts {
  readonly table = new EntryTable(ACCOUNT_WORDS, ACCOUNT_PAGE_ENTRIES);
  readonly index: IdIndex;
  readonly #ofOwner = new Map<number, number[]>();
  /** Account index plus one by asset and owner: the open settlement account, the open reserve account. */
  readonly #settlements = new Map<number, Uint32Array>();
  readonly #reserves = new Map<number, Uint32Array>();
  /** By asset: its first issuance account, for ever. */
  readonly #issuances = new Map<number, number>();

  constructor(hashSeed: number) {
    this.index = new IdIndex(this.table, hashSeed);
  }

  /** Makes an entry, already filled in by the caller, findable. */
  register(index: number): void {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const owner = words[base + OWNER] as number;
    const asset = words[base + ASSET] as number;
    const kind = (words[base + KIND_AND_FLAGS] as number) & KIND_MASK;
    this.index.insert(index);
    const owned = this.#ofOwner.get(owner);
    if (owned === undefined) this.#ofOwner.set(owner, [index]);
    else owned.push(index);
    if (kind === ISSUANCE && !this.#issuances.has(asset)) this.#issuances.set(asset, index);
    if (((words[base + KIND_AND_FLAGS] as number) & CLOSED) !== 0) return;
    if (kind === SETTLEMENT) ownersOf(this.#settlements, asset)[owner] = index + 1;
    if (kind === RESERVE) ownersOf(this.#reserves, asset)[owner] = index + 1;
  }

  /** After a settlement or reserve account was closed: its bank may get another. */
  forget(kind: number, asset: number, owner: number): void {
    if (kind === SETTLEMENT) ownersOf(this.#settlements, asset)[owner] = 0;
    if (kind === RESERVE) ownersOf(this.#reserves, asset)[owner] = 0;
  }

  /** Index of the open settlement account of a bank in an asset; −1 if it has none. */
  settlementOf(asset: number, owner: number): number {
    const owners = this.#settlements.get(asset);
    return owners === undefined ? -1 : (owners[owner] ?? 0) - 1;
  }

  /** Index of the open reserve account of a bank in an asset; −1 if it has none. */
  reserveOf(asset: number, owner: number): number {
    const owners = this.#reserves.get(asset);
    return owners === undefined ? -1 : (owners[owner] ?? 0) - 1;
  }

  /** Participant that issues an asset; undefined while nobody does. */
  issuerOf(asset: number): number | undefined {
    const index = this.#issuances.get(asset);
    return index === undefined ? undefined : this.table.wordsOf(index)[this.table.baseOf(index) + OWNER];
  }

  ofOwner(owner: number): readonly number[] {
    return this.#ofOwner.get(owner) ?? [];
  }

  view(index: number): AccountView {
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const entry = words.slice(base, base + ACCOUNT_WORDS);
    return accountView(new Uint8Array(entry.buffer));
  }
}

function ownersOf(byAsset: Map<number, Uint32Array>, asset: number): Uint32Array {
  let owners = byAsset.get(asset);
  if (owners === undefined) {
    owners = new Uint32Array(PARTICIPANTS_MAX + 1);
    byAsset.set(asset, owners);
  }
  return owners;
}

/** What an account's 128-byte entry says. */
function accountView(entry: Uint8Array): AccountView {
  const words = new Uint32Array(entry.slice(0, ACCOUNT_WORDS * 4).buffer);
  const kindAndFlags = words[KIND_AND_FLAGS] as number;
  return {
    id: toHex(entry.subarray(0, 16)) as Id128,
    owner: words[OWNER] as ParticipantNumber,
    asset: words[ASSET] as number,
    kind: KIND_NAMES[kindAndFlags & KIND_MASK] ?? "customer",
    debitsMustNotExceedCredits: (kindAndFlags & DEBITS_LIMITED) !== 0,
    creditsMustNotExceedDebits: (kindAndFlags & CREDITS_LIMITED) !== 0,
    frozen: (kindAndFlags & FROZEN) !== 0,
    closed: (kindAndFlags & CLOSED) !== 0,
    reference: toHex(entry.subarray(REFERENCE * 4, REFERENCE * 4 + 16)) as Id128,
    newest: pointerAt(words, NEWEST_HEIGHT, NEWEST_INDEX),
    ...readBalances(entry, BALANCES * 4),
  };
}

/** A pointer to an outcome; height 0 has none, so it stands for "nowhere". */
export function pointerAt(words: Uint32Array, heightAt: number, indexAt: number): OutcomePointer | undefined {
  const height = countAt(words, heightAt);
  return height === 0 ? undefined : { height: height as Height, index: words[indexAt] as number };
}

import { type KeyScope, type ParticipantRole, SCOPE_BITS, scopeBits } from "../formats/index.js";
import { type Height, type ParticipantNumber, toHex, utf8 } from "../primitives/index.js";
import { pointerAt } from "./accounts.js";
import { EntryTable } from "./entry-table.js";
import { countAt, writeCount } from "./limbs.js";
import type { KeyView, ParticipantView } from "./views.js";

/**
 * Entry of a participant, 64 bytes; offsets in words:
 *
 * 0 number · 1 role · 2 accounts opened for it · 3 its pending transfers · 4 height of the newest outcome
 * of a record it submitted 2 · 6 that outcome's index · 7 reserved · 8 name in ASCII, zeros after its end 8
 */
const PARTICIPANT_WORDS = 16;
const PARTICIPANT_PAGE_ENTRIES = 64;
const NUMBER = 0;
const ROLE = 1;
const ACCOUNTS = 2;
const PENDINGS = 3;
const NAME = 8;
const NAME_WORDS = 8;
export const PARTICIPANT_NEWEST_HEIGHT = 4;
export const PARTICIPANT_NEWEST_INDEX = 6;

export const ROLE_AUTHORITY = 1;
export const ROLE_BANK = 2;
const ROLE_OBSERVER = 3;
const ROLES = { authority: ROLE_AUTHORITY, bank: ROLE_BANK, observer: ROLE_OBSERVER } as const;
const ROLE_NAMES: readonly (ParticipantRole | undefined)[] = [undefined, "authority", "bank", "observer"];

/** Participants 1 … n; number p is entry p − 1. */
export class Participants {
  readonly table = new EntryTable(PARTICIPANT_WORDS, PARTICIPANT_PAGE_ENTRIES);

  /** @param name 1 to 32 ASCII characters, no other participant's */
  add(number: number, role: ParticipantRole, name: string): void {
    const index = this.table.append();
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words[base + NUMBER] = number;
    words[base + ROLE] = ROLES[role];
    const padded = new Uint8Array(NAME_WORDS * 4);
    padded.set(utf8(name).subarray(0, padded.length));
    words.set(new Uint32Array(padded.buffer), base + NAME);
  }

  get count(): number {
    return this.table.count;
  }

  has(number: number): boolean {
    return number >= 1 && number <= this.table.count;
  }

  nameOf(number: number): string {
    const base = this.table.baseOf(number - 1) + NAME;
    const bytes = new Uint8Array(this.table.wordsOf(number - 1).slice(base, base + NAME_WORDS).buffer);
    const end = bytes.indexOf(0);
    return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
  }

  /** Whether somebody bears the name. */
  isNameTaken(name: string): boolean {
    for (let number = 1; number <= this.table.count; number += 1) if (this.nameOf(number) === name) return true;
    return false;
  }

  setRole(number: number, role: ParticipantRole): void {
    this.table.touch(number - 1);
    this.table.wordsOf(number - 1)[this.table.baseOf(number - 1) + ROLE] = ROLES[role];
  }

  roleOf(number: number): number {
    return this.#read(number, ROLE);
  }

  accountsOf(number: number): number {
    return this.#read(number, ACCOUNTS);
  }

  pendingsOf(number: number): number {
    return this.#read(number, PENDINGS);
  }

  countAccount(number: number): void {
    this.#add(number, ACCOUNTS, 1);
  }

  /** @param change 1 for a new pending transfer, −1 for a resolved one */
  countPending(number: number, change: 1 | -1): void {
    this.#add(number, PENDINGS, change);
  }

  view(number: number): ParticipantView {
    const words = this.table.wordsOf(number - 1);
    const base = this.table.baseOf(number - 1);
    return {
      number: words[base + NUMBER] as ParticipantNumber,
      name: this.nameOf(number),
      role: ROLE_NAMES[words[base + ROLE] as number] ?? "observer",
      accounts: words[base + ACCOUNTS] as number,
      pendings: words[base + PENDINGS] as number,
      newest: pointerAt(words, base + PARTICIPANT_NEWEST_HEIGHT, base + PARTICIPANT_NEWEST_INDEX),
    };
  }

  #read(number: number, word: number): number {
    return this.table.wordsOf(number - 1)[this.table.baseOf(number - 1) + word] as number;
  }

  #add(number: number, word: number, change: number): void {
    this.table.touch(number - 1);
    const words = this.table.wordsOf(number - 1);
    const at = this.table.baseOf(number - 1) + word;
    words[at] = (words[at] as number) + change;
  }
}

/**
 * Entry of an operation key, 64 bytes; offsets in words:
 *
 * 0 public key 8 · 8 participant · 9 scopes · 10 height from which it counts 2 · 12 height from which it is
 * revoked, 0 for never 2 · 14 reserved 2
 */
const KEY_WORDS = 16;
const KEY_PAGE_ENTRIES = 64;
const KEY_PARTICIPANT = 8;
const KEY_SCOPES = 9;
const KEY_ACTIVE = 10;
const KEY_REVOKED = 12;

const SCOPES: readonly KeyScope[] = ["submit", "approve", "govern"];

/** What a key may do in a batch: nothing at all, not this, or this. */
export type KeyVerdict = "unknown" | "out_of_scope" | "good";

/** The operation keys of all participants. */
export class Keys {
  readonly table = new EntryTable(KEY_WORDS, KEY_PAGE_ENTRIES);
  readonly #index = new Map<string, number>();
  /** Keys by participant, but for those that are known to have ended. */
  readonly #current = new Map<number, number[]>();

  /**
   * @param publicKey nobody's key until now
   * @param height of the first block in which it counts
   */
  add(publicKey: Uint8Array, participant: number, scopes: readonly KeyScope[], height = 0): void {
    const index = this.table.append();
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    words.set(new Uint32Array(publicKey.slice().buffer), base);
    words[base + KEY_PARTICIPANT] = participant;
    words[base + KEY_SCOPES] = scopeBits(scopes);
    writeCount(words, base + KEY_ACTIVE, height);
    this.register(index);
  }

  /** Whether it is or ever was anybody's key: a revoked one never comes back. */
  isKnown(publicKey: Uint8Array): boolean {
    return this.#index.has(toHex(publicKey));
  }

  /**
   * Ends a participant's key from a height on.
   *
   * @returns false, and nothing changes, where the participant has no such key or it ends no later anyway
   */
  revoke(publicKey: Uint8Array, participant: number, height: number): boolean {
    const index = this.#index.get(toHex(publicKey));
    if (index === undefined || !this.mayRevoke(publicKey, participant, height)) return false;
    this.table.touch(index);
    writeCount(this.table.wordsOf(index), this.table.baseOf(index) + KEY_REVOKED, height);
    return true;
  }

  mayRevoke(publicKey: Uint8Array, participant: number, height: number): boolean {
    const index = this.#index.get(toHex(publicKey));
    if (index === undefined) return false;
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    const revoked = countAt(words, base + KEY_REVOKED);
    return words[base + KEY_PARTICIPANT] === participant && (revoked === 0 || revoked > height);
  }

  /**
   * Keys of a participant that are not revoked at a height, those included that count only later.
   *
   * @param height no lower than at the last call: keys that have ended are forgotten here
   */
  countOf(participant: number, height: number): number {
    const current = (this.#current.get(participant) ?? []).filter((index) => {
      const revoked = countAt(this.table.wordsOf(index), this.table.baseOf(index) + KEY_REVOKED);
      return revoked === 0 || revoked > height;
    });
    this.#current.set(participant, current);
    return current.length;
  }

  register(index: number): void {
    this.#index.set(toHex(this.#publicKey(index)), index);
    const participant = this.table.wordsOf(index)[this.table.baseOf(index) + KEY_PARTICIPANT] as number;
    const current = this.#current.get(participant);
    if (current === undefined) this.#current.set(participant, [index]);
    else current.push(index);
  }

  /** Place of a key among all keys; −1 for one that was never anybody's. */
  indexOf(publicKey: Uint8Array): number {
    return this.#index.get(toHex(publicKey)) ?? -1;
  }

  /** Judges a key at the height of the block that orders its batch. */
  judge(publicKey: Uint8Array, participant: number, scope: KeyScope, height: number): KeyVerdict {
    const index = this.#index.get(toHex(publicKey));
    if (index === undefined) return "unknown";
    const words = this.table.wordsOf(index);
    const base = this.table.baseOf(index);
    if (words[base + KEY_PARTICIPANT] !== participant || height < countAt(words, base + KEY_ACTIVE)) return "unknown";
    const revoked = countAt(words, base + KEY_REVOKED);
    if (revoked !== 0 && height >= revoked) return "unknown";
    return ((words[base + KEY_SCOPES] as number) & SCOPE_BITS[scope]) !== 0 ? "good" : "out_of_scope";
  }

  views(): readonly KeyView[] {
    return Array.from({ length: this.table.count }, (_, index) => {
      const words = this.table.wordsOf(index);
      const base = this.table.baseOf(index);
      const bits = words[base + KEY_SCOPES] as number;
      return {
        publicKey: this.#publicKey(index),
        participant: words[base + KEY_PARTICIPANT] as ParticipantNumber,
        scopes: SCOPES.filter((scope) => (bits & SCOPE_BITS[scope]) !== 0),
        activeFrom: countAt(words, base + KEY_ACTIVE) as Height,
        revokedFrom: (countAt(words, base + KEY_REVOKED) || undefined) as Height | undefined,
      };
    });
  }

  #publicKey(index: number): Uint8Array {
    const base = this.table.baseOf(index);
    return new Uint8Array(this.table.wordsOf(index).slice(base, base + 8).buffer);
  }
}

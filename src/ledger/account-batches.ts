import { ACCOUNT_ACTIONS, RESULT, usualAccountFlags } from "../formats/index.js";
import {
  ASSET,
  CLEARING,
  CLOSED,
  CREDITS_PENDING,
  CREDITS_POSTED,
  CUSTOMER,
  DEBITS_PENDING,
  DEBITS_POSTED,
  FROZEN,
  ISSUANCE,
  KIND_AND_FLAGS,
  KIND_MASK,
  OWNER,
  REFERENCE,
  RESERVE,
  SETTLEMENT,
} from "./accounts.js";
import type { NetSettlement } from "./net-settlement.js";
import { ROLE_AUTHORITY, ROLE_BANK } from "./participants.js";
import { KIND_ACTION, swapBytes } from "./seen-ids.js";
import type { State } from "./state.js";
import { COUNT_WORD, HEADER_WORDS, RECORD_WORDS } from "./transfer-words.js";
import type { Decider, WaitingTransfers } from "./waiting.js";

/** Words of an account record. */
const RECORD_OWNER = 4;
const RECORD_ASSET = 5;
const RECORD_KIND_AND_FLAGS = 6;
const RECORD_REFERENCE = 8;

/** Words of an account action record. */
const ACTION_ACCOUNT = 4;
const ACTION = 12;

/** Flags that an opening record sets; freezing and closing come later. */
const OPENING_FLAGS = 3 << 16;

/** Executes the batches that open accounts and that freeze, unfreeze and close them. */
export class AccountExecution {
  readonly #state: State;
  readonly #settlement: NetSettlement;
  readonly #waiting: WaitingTransfers;
  #words: Uint32Array = new Uint32Array(0);
  #participant = 0;

  constructor(state: State, settlement: NetSettlement, waiting: WaitingTransfers) {
    this.#state = state;
    this.#settlement = settlement;
    this.#waiting = waiting;
  }

  /** @param words the whole signed batch, well formed and signed by a key in scope */
  createAccounts(words: Uint32Array, participant: number, batch: number): Uint16Array {
    this.#words = words;
    this.#participant = participant;
    const codes = new Uint16Array(words[COUNT_WORD] as number);
    for (let record = 0; record < codes.length; record += 1) {
      const at = HEADER_WORDS + record * RECORD_WORDS;
      const refusal = this.#judgeOpening(at);
      codes[record] = refusal === 0 ? RESULT.applied : refusal;
      if (refusal !== 0) continue;
      const account = this.#open(at);
      this.#state.log.add(RESULT.applied, participant, batch, record);
      this.#state.log.debit(account);
    }
    return codes;
  }

  /** 0 if nothing speaks against it. A refused account leaves its id free (LEDG-6). */
  #judgeOpening(at: number): number {
    const words = this.#words;
    const { accounts, participants, rules } = this.#state;
    if (words[at] !== swapBytes(this.#participant)) return RESULT.id_not_of_participant;
    const owner = words[at + RECORD_OWNER] as number;
    const asset = words[at + RECORD_ASSET] as number;
    const kind = kindOf(words[at + RECORD_KIND_AND_FLAGS] as number);
    if (!this.#mayOpen(kind, owner, asset)) return RESULT.not_authorised;
    const existing = accounts.index.findAt(words, at);
    if (existing >= 0) return this.#compare(existing, at);
    if (!rules.hasAsset(asset)) return RESULT.asset_not_found;
    const isHolder =
      participants.has(owner) && participants.roleOf(owner) === (kind === ISSUANCE ? ROLE_AUTHORITY : ROLE_BANK);
    if (!isHolder) return RESULT.owner_not_found;
    const flags = (words[at + RECORD_KIND_AND_FLAGS] as number) >>> 16;
    if (kind === SETTLEMENT && flags !== usualAccountFlags("settlement")) return RESULT.flags_not_allowed;
    if (kind === RESERVE && flags !== usualAccountFlags("reserve")) return RESULT.flags_not_allowed;
    if (kind === ISSUANCE && flags !== usualAccountFlags("issuance")) return RESULT.flags_not_allowed;
    if (kind === SETTLEMENT && accounts.settlementOf(asset, owner) >= 0) return RESULT.settlement_account_exists;
    if (kind === RESERVE && accounts.reserveOf(asset, owner) >= 0) return RESULT.reserve_account_exists;
    const cap = rules.rulebook.participantCaps.accounts;
    return participants.accountsOf(owner) >= cap ? RESULT.accounts_cap_exceeded : 0;
  }

  /** A bank opens its own customers' and clearing accounts, the asset's authority all others. */
  #mayOpen(kind: number, owner: number, asset: number): boolean {
    const role = this.#state.participants.roleOf(this.#participant);
    if (kind === CUSTOMER || kind === CLEARING) return role === ROLE_BANK && owner === this.#participant;
    if (role !== ROLE_AUTHORITY) return false;
    if (kind === ISSUANCE && owner !== this.#participant) return false;
    const issuer = this.#state.accounts.issuerOf(asset);
    return issuer === undefined || issuer === this.#participant;
  }

  /** An account id in use: in the order of the result codes. */
  #compare(account: number, at: number): number {
    const words = this.#words;
    const table = this.#state.accounts.table;
    const entry = table.wordsOf(account);
    const base = table.baseOf(account);
    for (let word = 0; word < 4; word += 1) {
      if (entry[base + REFERENCE + word] !== words[at + RECORD_REFERENCE + word]) {
        return RESULT.exists_with_different_reference;
      }
    }
    if (entry[base + ASSET] !== words[at + RECORD_ASSET]) return RESULT.exists_with_different_asset;
    const now = entry[base + KIND_AND_FLAGS] as number;
    const asked = words[at + RECORD_KIND_AND_FLAGS] as number;
    if ((now & OPENING_FLAGS) !== (asked & OPENING_FLAGS)) return RESULT.exists_with_different_flags;
    if (entry[base + OWNER] !== words[at + RECORD_OWNER]) return RESULT.exists_with_different_owner;
    return (now & KIND_MASK) === kindOf(asked) ? RESULT.exists : RESULT.exists_with_different_kind;
  }

  #open(at: number): number {
    const words = this.#words;
    return openAccount(this.#state, {
      id: words.subarray(at, at + 4),
      owner: words[at + RECORD_OWNER] as number,
      asset: words[at + RECORD_ASSET] as number,
      kindAndFlags: words[at + RECORD_KIND_AND_FLAGS] as number,
      reference: words.subarray(at + RECORD_REFERENCE, at + RECORD_REFERENCE + 4),
    });
  }

  /** @param words the whole signed batch, well formed and signed by a key that may submit or approve */
  manageAccounts(words: Uint32Array, by: Decider, batch: number): Uint16Array {
    const { participant } = by;
    this.#words = words;
    this.#participant = participant;
    const { log, ids } = this.#state;
    const codes = new Uint16Array(words[COUNT_WORD] as number);
    for (let record = 0; record < codes.length; record += 1) {
      const at = HEADER_WORDS + record * RECORD_WORDS;
      if (((words[at + ACTION] as number) & 0xff) >= ACCOUNT_ACTIONS.release_hold) {
        codes[record] = this.#decide(at, by, batch, record);
        continue;
      }
      if (!by.maySubmit) {
        const isOwn = words[at] === swapBytes(participant);
        codes[record] = isOwn ? RESULT.not_authorised : RESULT.id_not_of_participant;
        continue;
      }
      const account = this.#state.accounts.index.findAt(words, at + ACTION_ACCOUNT);
      const refusal = this.#judgeAction(at, account);
      const code = refusal === 0 ? RESULT.applied : refusal;
      codes[record] = code;
      if (refusal !== 0 && refusal <= RESULT.id_already_failed) continue;
      if (refusal === 0) this.#act(words[at + ACTION] as number, account);
      const outcome = log.count;
      log.add(code, participant, batch, record);
      if (refusal === 0) log.debit(account);
      ids.consume(words, at, code, KIND_ACTION, outcome);
    }
    return codes;
  }

  /** An action about a transfer that waits. */
  #decide(at: number, by: Decider, batch: number, record: number): number {
    const words = this.#words;
    const { log, ids } = this.#state;
    if (words[at] !== swapBytes(by.participant)) return RESULT.id_not_of_participant;
    const right = this.#waiting.judgeRight(words, at, by);
    if (right !== 0) return right;
    const seen = ids.index.findAt(words, at);
    if (seen >= 0) return ids.compare(seen, words, at);
    const refusal = this.#waiting.decide(words, at, by);
    const code = refusal === 0 ? RESULT.applied : refusal;
    const outcome = log.count;
    log.add(code, by.participant, batch, record);
    ids.consume(words, at, code, KIND_ACTION, outcome);
    return code;
  }

  #judgeAction(at: number, account: number): number {
    const words = this.#words;
    const { accounts, ids, participants } = this.#state;
    if (words[at] !== swapBytes(this.#participant)) return RESULT.id_not_of_participant;
    const action = words[at + ACTION] as number;
    const table = accounts.table;
    const entry = account < 0 ? undefined : table.wordsOf(account);
    const base = account < 0 ? 0 : table.baseOf(account);
    if (action !== ACCOUNT_ACTIONS.close) {
      if (participants.roleOf(this.#participant) !== ROLE_AUTHORITY) return RESULT.not_authorised;
    } else if (entry !== undefined && entry[base + OWNER] !== this.#participant) return RESULT.not_authorised;
    if (action === ACCOUNT_ACTIONS.cut_window && entry !== undefined) {
      // The asset's issuance account stands for its window.
      const isIssuers = ((entry[base + KIND_AND_FLAGS] as number) & KIND_MASK) === ISSUANCE;
      if (!isIssuers || entry[base + OWNER] !== this.#participant) return RESULT.not_authorised;
    }
    const seen = ids.index.findAt(words, at);
    if (seen >= 0) return ids.compare(seen, words, at);
    if (entry === undefined) return RESULT.account_not_found;
    const flags = entry[base + KIND_AND_FLAGS] as number;
    if ((flags & CLOSED) !== 0) return RESULT.account_closed;
    const isFrozen = (flags & FROZEN) !== 0;
    if (action === ACCOUNT_ACTIONS.cut_window) {
      return this.#hasOpenPayments(entry[base + ASSET] as number) ? 0 : RESULT.window_not_open;
    }
    if (action === ACCOUNT_ACTIONS.unfreeze) return isFrozen ? 0 : RESULT.account_not_frozen;
    if (isFrozen) return RESULT.account_frozen;
    if (action !== ACCOUNT_ACTIONS.close) return 0;
    return isEmpty(entry, base) && this.#isIdle(entry, base) ? 0 : RESULT.account_not_empty;
  }

  #hasOpenPayments(asset: number): boolean {
    const { windows } = this.#state;
    const index = windows.openOf(asset);
    return index >= 0 && windows.hasPayments(index);
  }

  /** A bank keeps its settlement and reserve accounts as long as windows are to be settled with them (LEDG-24). */
  #isIdle(entry: Uint32Array, base: number): boolean {
    const kind = (entry[base + KIND_AND_FLAGS] as number) & KIND_MASK;
    if (kind !== SETTLEMENT && kind !== RESERVE) return true;
    return this.#state.positions.isIdle(entry[base + ASSET] as number, entry[base + OWNER] as number);
  }

  #act(action: number, account: number): void {
    const { accounts } = this.#state;
    accounts.table.touch(account);
    const entry = accounts.table.wordsOf(account);
    const base = accounts.table.baseOf(account);
    const flags = entry[base + KIND_AND_FLAGS] as number;
    if (action === ACCOUNT_ACTIONS.freeze) entry[base + KIND_AND_FLAGS] = flags | FROZEN;
    else if (action === ACCOUNT_ACTIONS.unfreeze) entry[base + KIND_AND_FLAGS] = flags & ~FROZEN;
    else if (action === ACCOUNT_ACTIONS.cut_window) this.#settlement.cutByAuthority(entry[base + ASSET] as number);
    else {
      entry[base + KIND_AND_FLAGS] = flags | CLOSED;
      accounts.forget(flags & KIND_MASK, entry[base + ASSET] as number, entry[base + OWNER] as number);
    }
  }
}

/** Adds an account that was judged before; genesis opens its accounts with it too. */
export function openAccount(
  state: State,
  account: {
    readonly id: Uint32Array;
    readonly owner: number;
    readonly asset: number;
    /** Kind in the low 8 bits, flags in the high 16. */
    readonly kindAndFlags: number;
    readonly reference: Uint32Array;
  },
): number {
  const { table } = state.accounts;
  const index = table.append();
  const words = table.wordsOf(index);
  const base = table.baseOf(index);
  words.set(account.id, base);
  words[base + OWNER] = account.owner;
  words[base + ASSET] = account.asset;
  words[base + KIND_AND_FLAGS] = account.kindAndFlags;
  words.set(account.reference, base + REFERENCE);
  state.accounts.register(index);
  state.participants.countAccount(account.owner);
  return index;
}

const kindOf = (kindAndFlags: number): number => kindAndFlags & 0xff;

/** No balance and nothing pending. */
const isEmpty = (entry: Uint32Array, base: number): boolean =>
  entry[base + DEBITS_PENDING] === 0 &&
  entry[base + DEBITS_PENDING + 1] === 0 &&
  entry[base + CREDITS_PENDING] === 0 &&
  entry[base + CREDITS_PENDING + 1] === 0 &&
  entry[base + DEBITS_POSTED] === entry[base + CREDITS_POSTED] &&
  entry[base + DEBITS_POSTED + 1] === entry[base + CREDITS_POSTED + 1];

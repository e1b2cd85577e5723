import { countedRoot, sha256 } from "../crypto/index.js";
import { encodePosition, encodeRows, encodeSummary, RESULT, type SettlementRow, ZERO_ID } from "../formats/index.js";
import { assert, type Height, type Id128, type ParticipantNumber } from "../primitives/index.js";
import { CREDITS_POSTED, DEBITS_POSTED } from "./accounts.js";
import { addTo, highOf, lowOf } from "./limbs.js";
import { NO_BATCH } from "./outcome-log.js";
import { NO_CAP } from "./rules.js";
import type { State } from "./state.js";
import type { PositionView } from "./views.js";
import { CUT_BY_AUTHORITY, CUT_BY_TIME } from "./windows.js";
import { alignedWords } from "./words.js";

/** What one bank paid and got in a window. */
interface Part {
  debits: bigint;
  credits: bigint;
  payments: number;
}

/**
 * Cuts windows and settles them between the banks. Each bank's exposure was within its reserve all along, so a closed
 * window settles in one step and nothing can speak against it (LEDG-23, LEDG-24).
 */
export class NetSettlement {
  readonly #state: State;
  #height = 0 as Height;
  #timestamp = 0;

  constructor(state: State) {
    this.#state = state;
  }

  openBlock(block: { readonly height: Height; readonly timestamp: number }): void {
    this.#height = block.height;
    this.#timestamp = block.timestamp;
  }

  /** Cuts the open windows whose time has come, in the order of their times, then of the assets. */
  cutDue(): void {
    const { windows } = this.#state;
    const due: { readonly index: number; readonly time: number }[] = [];
    for (const { index } of windows.open()) {
      const time = this.#dueAt(index);
      if (time !== undefined && time <= this.#timestamp) due.push({ index, time });
    }
    due.sort((left, right) => left.time - right.time);
    for (const { index } of due) this.#cut(index, CUT_BY_TIME);
  }

  /** Cuts the open window of an asset, into which something has been counted, before its time. */
  cutByAuthority(asset: number): void {
    this.#cut(this.#state.windows.openOf(asset), CUT_BY_AUTHORITY);
  }

  /** Settles every closed window, in the order of the cuts. */
  settleClosed(): void {
    for (const index of [...this.#state.windows.unsettled]) this.#settle(index);
  }

  /** When the next block has to cut or settle (block time, ms); undefined while no payment waits for it. */
  nextDeadline(): number | undefined {
    const { windows } = this.#state;
    if (windows.unsettled.length > 0) return windows.view(windows.unsettled[0] as number).closedAt;
    const times = windows.open().filter(({ index }) => windows.hasPayments(index));
    const due = times.map(({ index }) => this.#dueAt(index)).filter((time) => time !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** What each bank owes and is owed, in the order of their first payments. */
  positions(): readonly PositionView[] {
    const { accounts, positions, rules } = this.#state;
    return positions.entries().map((entry) => {
      const cap = rules.netDebitCap(entry.asset, entry.participant);
      const account = accounts.reserveOf(entry.asset, entry.participant);
      const held = account < 0 ? undefined : accounts.view(account);
      return {
        ...entry,
        cap: cap === NO_CAP ? undefined : (BigInt(cap.high) << 32n) | BigInt(cap.low),
        reserve: held === undefined ? 0n : held.creditsPosted - held.debitsPosted - held.debitsPending,
      };
    });
  }

  #dueAt(index: number): number | undefined {
    const openedAt = this.#state.windows.openedAt(index);
    return openedAt === 0 ? undefined : this.#state.rules.nextCut(openedAt);
  }

  #cut(index: number, by: number): void {
    const { positions, windows } = this.#state;
    const { asset } = windows.view(index);
    for (const bank of partsOf(windows.rowsOf(index)).keys()) positions.close(asset, bank);
    windows.cut(index, this.#timestamp, by);
  }

  #settle(index: number): void {
    const { accounts, log, positions, windows } = this.#state;
    const view = windows.view(index);
    const { asset, number: window, openedAt, closedAt = 0, payments } = view;
    const rows = windows.rowsOf(index);
    const parts = partsOf(rows);
    let sum = 0n;
    for (const [bank, part] of parts) {
      sum += part.debits - part.credits;
      const settled = { asset, window, openedAt, closedAt, bank, ...part };
      this.#pay(settled);
      const salt = settlementSalt(positions.saltOf(asset, bank), window);
      log.system(alignedWords(encodePosition({ ...settled, ...this.#accountIds(asset, bank) })), salt);
    }
    assert(sum === 0n, "LEDG-23: a window's net positions sum to zero");
    const encoded = encodeRows(rows);
    const reportRoot = countedRoot(encoded);
    const summary = { asset, window, openedAt, closedAt, rows: rows.length, banks: parts.size, payments, reportRoot };
    const outcome = log.count;
    log.add(RESULT.settled, accounts.issuerOf(asset) as number, NO_BATCH, 0);
    log.system(alignedWords(encodeSummary(summary)), new Uint32Array(8));
    log.report(alignedWords(encoded));
    windows.settle(index, this.#height, outcome);
  }

  /** Moves a bank's net amount between the banks and adds its outcome. */
  #pay(part: Part & { readonly asset: number; readonly bank: ParticipantNumber }): void {
    const { accounts, log, positions } = this.#state;
    const { asset, bank } = part;
    const net = part.debits - part.credits;
    const reserve = accounts.reserveOf(asset, bank);
    const settlement = accounts.settlementOf(asset, bank);
    if (net > 0n) this.#move(reserve, DEBITS_POSTED, net);
    if (net < 0n) this.#move(settlement, CREDITS_POSTED, -net);
    positions.settle(asset, bank, part);
    log.add(RESULT.settled, bank, NO_BATCH, 0);
    const amount = net < 0n ? -net : net;
    log.amount(lowOf(amount), highOf(amount));
    if (net > 0n) log.debit(reserve);
    if (net < 0n) log.credit(settlement);
  }

  #move(account: number, balance: number, amount: bigint): void {
    assert(account >= 0, "LEDG-24: a bank that owes or is owed keeps its reserve and settlement accounts");
    const { table } = this.#state.accounts;
    table.touch(account);
    addTo(table.wordsOf(account), table.baseOf(account) + balance, lowOf(amount), highOf(amount));
  }

  #accountIds(
    asset: number,
    bank: ParticipantNumber,
  ): { readonly reserveAccount: Id128; readonly settlementAccount: Id128 } {
    const { accounts } = this.#state;
    const idOf = (account: number): Id128 => (account < 0 ? ZERO_ID : accounts.view(account).id);
    return {
      reserveAccount: idOf(accounts.reserveOf(asset, bank)),
      settlementAccount: idOf(accounts.settlementOf(asset, bank)),
    };
  }
}

/** What each bank of a window paid and got, ascending by bank. */
function partsOf(rows: readonly SettlementRow[]): ReadonlyMap<ParticipantNumber, Part> {
  const banks = new Set(rows.flatMap(({ payer, payee }) => [payer, payee]));
  const parts = new Map<ParticipantNumber, Part>();
  for (const bank of [...banks].sort((left, right) => left - right)) {
    parts.set(bank, { debits: 0n, credits: 0n, payments: 0 });
  }
  for (const { payer, payee, payments, sum } of rows) {
    const paying = parts.get(payer) as Part;
    const paid = parts.get(payee) as Part;
    paying.debits += sum;
    paying.payments += payments;
    paid.credits += sum;
    paid.payments += payments;
  }
  return parts;
}

/**
 * Salt of a settlement's outcome: H(what the bank's payments have left ‖ window ‖ ones). Whoever does not know the salt
 * of every batch that ever posted into the position cannot open it.
 */
function settlementSalt(mixed: Uint32Array, window: number): Uint32Array {
  const preimage = new Uint8Array(64).fill(0xff);
  preimage.set(new Uint8Array(mixed.slice().buffer));
  new DataView(preimage.buffer).setUint32(32, window, true);
  return new Uint32Array(sha256(preimage).slice().buffer);
}

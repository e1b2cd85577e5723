import { fromHex, type Id128, type ParticipantNumber, RECORD_BYTES, toHex } from "../primitives/index.js";

/**
 * Settlement of a window as outcome leaves tell it: one leaf for each bank with a position, then one for the window
 * as a whole, which holds the root of the report. Their records, 128 bytes, integers little-endian but for the id:
 *
 * 0 id 16 · 16 reserve account 16 · 32 settlement account 16 · 48 net amount u64 · 56 debits u64 · 64 credits u64 ·
 * 72 opened at u64 · 80 closed at u64 · 88 payments u64 · 96 report root 32
 *
 * The id is zeros 4 ‖ asset 4 ‖ window 4 ‖ bank 4, big-endian: no participant has the number 0, so it is nobody's.
 * The window's own record names no bank and no accounts; debits and credits are its numbers of rows and of banks. In a
 * bank's record debits, credits and payments are its own and the root is zeros.
 */
const AT = {
  reserve: 16,
  settlement: 32,
  net: 48,
  debits: 56,
  credits: 64,
  opened: 72,
  closed: 80,
  payments: 88,
} as const;
const ROOT_AT = 96;

/** One bank's part of a window. */
export interface SettlementPosition {
  readonly asset: number;
  readonly window: number;
  /** UTC milliseconds: block time of the first initiation, and of the cut. */
  readonly openedAt: number;
  readonly closedAt: number;
  readonly bank: ParticipantNumber;
  /** Its reserve and settlement accounts; zeros where it has none. */
  readonly reserveAccount: Id128;
  readonly settlementAccount: Id128;
  /** What it paid and got in the window, fees included, minor units. */
  readonly debits: bigint;
  readonly credits: bigint;
  /** Payments that it made or got. */
  readonly payments: number;
}

/** What a window's own leaf says. */
export interface SettlementSummary {
  readonly asset: number;
  readonly window: number;
  readonly openedAt: number;
  readonly closedAt: number;
  readonly rows: number;
  readonly banks: number;
  readonly payments: number;
  /** Root of the report: `countedRoot` over its rows' 32 bytes. */
  readonly reportRoot: Uint8Array;
}

/** What one bank paid another in a window. */
export interface SettlementRow {
  readonly payer: ParticipantNumber;
  readonly payee: ParticipantNumber;
  readonly payments: number;
  /** Fees included, minor units. */
  readonly sum: bigint;
}

const SETTLEMENT_ROW_BYTES = 32;

/** Who pays and how much: the positive part goes from the reserve, the negative part to the settlement account. */
const netOf = ({ debits, credits }: Pick<SettlementPosition, "debits" | "credits">): bigint => debits - credits;

/** Record of a bank's leaf. */
export function encodePosition(position: SettlementPosition): Uint8Array {
  const { record, data } = begin(position, position.bank);
  setId(record, AT.reserve, position.reserveAccount);
  setId(record, AT.settlement, position.settlementAccount);
  const net = netOf(position);
  data.setBigUint64(AT.net, net < 0n ? -net : net, true);
  data.setBigUint64(AT.debits, position.debits, true);
  data.setBigUint64(AT.credits, position.credits, true);
  data.setBigUint64(AT.payments, BigInt(position.payments), true);
  return record;
}

/** Record of a window's own leaf. */
export function encodeSummary(summary: SettlementSummary): Uint8Array {
  const { record, data } = begin(summary, 0);
  data.setBigUint64(AT.debits, BigInt(summary.rows), true);
  data.setBigUint64(AT.credits, BigInt(summary.banks), true);
  data.setBigUint64(AT.payments, BigInt(summary.payments), true);
  record.set(summary.reportRoot, ROOT_AT);
  return record;
}

/** What the record of a leaf with the code `settled` says. */
export function decodeSettlement(
  record: Uint8Array,
):
  | { readonly type: "position"; readonly position: SettlementPosition }
  | { readonly type: "summary"; readonly summary: SettlementSummary } {
  const data = new DataView(record.buffer, record.byteOffset, RECORD_BYTES);
  const count = (at: number): number => Number(data.getBigUint64(at, true));
  const bank = data.getUint32(12);
  const common = {
    asset: data.getUint32(4),
    window: data.getUint32(8),
    openedAt: count(AT.opened),
    closedAt: count(AT.closed),
    payments: count(AT.payments),
  };
  if (bank === 0) {
    const reportRoot = record.slice(ROOT_AT, ROOT_AT + 32);
    return { type: "summary", summary: { ...common, rows: count(AT.debits), banks: count(AT.credits), reportRoot } };
  }
  const account = (at: number): Id128 => toHex(record.subarray(at, at + 16)) as Id128;
  const position = {
    ...common,
    bank: bank as ParticipantNumber,
    reserveAccount: account(AT.reserve),
    settlementAccount: account(AT.settlement),
    debits: data.getBigUint64(AT.debits, true),
    credits: data.getBigUint64(AT.credits, true),
  };
  return { type: "position", position };
}

/** The rows of a report, 32 bytes each: payer u32 · payee u32 · payments u64 · sum u64 · reserved 8. */
export function encodeRows(rows: readonly SettlementRow[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * SETTLEMENT_ROW_BYTES);
  const data = new DataView(bytes.buffer);
  for (const [index, { payer, payee, payments, sum }] of rows.entries()) {
    const at = index * SETTLEMENT_ROW_BYTES;
    data.setUint32(at, payer, true);
    data.setUint32(at + 4, payee, true);
    data.setBigUint64(at + 8, BigInt(payments), true);
    data.setBigUint64(at + 16, sum, true);
  }
  return bytes;
}

/** @param bytes whole rows */
export function decodeRows(bytes: Uint8Array): readonly SettlementRow[] {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / SETTLEMENT_ROW_BYTES) }, (_, index) => {
    const at = index * SETTLEMENT_ROW_BYTES;
    return {
      payer: data.getUint32(at, true) as ParticipantNumber,
      payee: data.getUint32(at + 4, true) as ParticipantNumber,
      payments: Number(data.getBigUint64(at + 8, true)),
      sum: data.getBigUint64(at + 16, true),
    };
  });
}

function begin(
  of: Pick<SettlementSummary, "asset" | "window" | "openedAt" | "closedAt">,
  bank: number,
): { readonly record: Uint8Array; readonly data: DataView } {
  const record = new Uint8Array(RECORD_BYTES);
  const data = new DataView(record.buffer);
  data.setUint32(4, of.asset);
  data.setUint32(8, of.window);
  data.setUint32(12, bank);
  data.setBigUint64(AT.opened, BigInt(of.openedAt), true);
  data.setBigUint64(AT.closed, BigInt(of.closedAt), true);
  return { record, data };
}

function setId(record: Uint8Array, at: number, id: Id128): void {
  record.set(fromHex(id) as Uint8Array, at);
}

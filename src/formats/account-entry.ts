import { type Id128, type ParticipantNumber, toHex } from "../primitives/index.js";
import type { AccountKind } from "./genesis.js";
import { type Balances, readBalances } from "./outcome.js";
import { ACCOUNT_KINDS } from "./records.js";
import { ACCOUNT_ENTRY_BYTES } from "./state-proof.js";

/** What an account's entry in the state says of it. */
export interface AccountEntry {
  readonly id: Id128;
  readonly owner: ParticipantNumber;
  readonly asset: number;
  readonly kind: AccountKind;
  readonly balances: Balances;
}

const KIND_NAMES = new Map<number, AccountKind>(
  Object.entries(ACCOUNT_KINDS).map(([name, number]) => [number, name as AccountKind]),
);

/**
 * Reads the parts of an entry that a balance proof is about. Offsets in bytes, integers little-endian:
 * 0 id 16 · 16 owner u32 · 20 asset u32 · 24 kind u16 · 26 flags u16 · 32 balances 32; the rest is for
 * the ledger itself.
 *
 * @returns undefined for another length or an unknown kind
 */
export function readAccountEntry(entry: Uint8Array): AccountEntry | undefined {
  if (entry.length !== ACCOUNT_ENTRY_BYTES) return undefined;
  const data = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const kind = KIND_NAMES.get(data.getUint16(24, true));
  if (kind === undefined) return undefined;
  return {
    id: toHex(entry.subarray(0, 16)) as Id128,
    owner: data.getUint32(16, true) as ParticipantNumber,
    asset: data.getUint32(20, true),
    kind,
    balances: readBalances(entry, 32),
  };
}

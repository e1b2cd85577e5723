import type { Sha256 } from "../crypto/index.js";
import { concatBytes, type Digest, equalBytes, fromHex } from "../primitives/index.js";
import { countedRootOf } from "./counted-tree.js";

/** Bytes of an account's entry in the state; ledger's accounts.ts gives the fields. */
export const ACCOUNT_ENTRY_BYTES = 128;

/** The state root covers sixteen tables; the accounts are the first. */
const TABLES = 16;
const ACCOUNTS_TABLE = 0;

/** Path from one account's entry to a state root. */
export interface AccountProof {
  /** The account's 128-byte entry. */
  readonly entry: Uint8Array;
  /** Place of the entry in the accounts table, and how many entries the table has. */
  readonly index: number;
  readonly count: number;
  /** Sibling digests from the entry's hash up to the table's tree root. */
  readonly path: readonly Uint8Array[];
  /** Sibling digests from the table's root up to the state root. */
  readonly tablePath: readonly Uint8Array[];
}

/** Whether the entry lies under `stateRoot`. Never throws, whatever the proof holds. */
export function verifyAccountProof(sha256: Sha256, proof: AccountProof, stateRoot: Digest): boolean {
  if (proof.entry.length !== ACCOUNT_ENTRY_BYTES) return false;
  const leaf = sha256(concatBytes(sha256(proof.entry.subarray(0, 64)), sha256(proof.entry.subarray(64, 128))));
  const { index, count, path, tablePath } = proof;
  const table = countedRootOf(sha256, { leaf, index, count, path });
  if (table === undefined) return false;
  const root = countedRootOf(sha256, { leaf: table, index: ACCOUNTS_TABLE, count: TABLES, path: tablePath });
  const wanted = fromHex(stateRoot);
  return root !== undefined && wanted !== undefined && equalBytes(root, wanted);
}

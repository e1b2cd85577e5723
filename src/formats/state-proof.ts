import type { Sha256 } from "../crypto/index.js";
import type { Digest } from "../primitives/index.js";
import { InvariantError } from "../primitives/index.js";

/** Path from one account's entry to a state root. */
export interface AccountProof {
  /** The account's 128-byte entry. */
  readonly entry: Uint8Array;
  /** Place of the entry in the accounts table, and how many entries the table has. */
  readonly index: number;
  readonly count: number;
  /** Sibling digests from the entry up to the table's tree root. */
  readonly path: readonly Uint8Array[];
  /** Sibling digests from the table's root up to the state root. */
  readonly tablePath: readonly Uint8Array[];
}

/** Whether the entry lies under `stateRoot`. Never throws, whatever the proof holds. */
export function verifyAccountProof(_sha256: Sha256, _proof: AccountProof, _stateRoot: Digest): boolean {
  throw new InvariantError("not built yet");
}

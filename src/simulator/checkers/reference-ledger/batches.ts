import {
  type AccountFields,
  type ActionFields,
  type BatchHeader,
  decodeAccount,
  decodeAction,
  decodeGovernRecord,
  decodeTransfer,
  type GovernRecord,
  isProposalBatch,
  proposalContent,
  type ResultName,
  type TransferFields,
} from "../../../formats/index.js";
import { RECORD_BYTES, toHex } from "../../../primitives/index.js";

const HEADER_BYTES = 128;
const ID_BYTES = 16;

/** A transfer of which nothing is left out. */
export type FullTransfer = Required<TransferFields>;
/** An account to open of which nothing is left out. */
export type FullAccount = Required<AccountFields>;
/** An action of which nothing is left out but the priority, which most have not. */
export type FullAction = Required<Omit<ActionFields, "priority">> & Pick<ActionFields, "priority">;
type Head = Extract<GovernRecord, { readonly type: "proposal" }>;

/** A batch as far as its key lets it be read. */
export type Batch =
  | { readonly kind: "transfers"; readonly from: number; readonly list: readonly FullTransfer[] }
  | { readonly kind: "openings"; readonly from: number; readonly list: readonly FullAccount[] }
  | {
      readonly kind: "actions";
      readonly from: number;
      /** Whose decision it is: the same name is the same key. */
      readonly key?: string;
      /** What the key may sign, of the two scopes that actions need; absent: both. */
      readonly scopes?: readonly ("submit" | "approve")[];
      readonly list: readonly FullAction[];
    }
  | { readonly kind: "settle-set"; readonly from: number; readonly list: readonly string[] }
  | { readonly kind: "proposal"; readonly from: number; readonly head: Head; readonly content: Uint8Array }
  | { readonly kind: "governing"; readonly from: number; readonly list: readonly Exclude<GovernRecord, Head>[] };

/** A batch in its block, of which more than this is read when its turn comes: its key may end before. */
export interface Ordered {
  readonly from: number;
  readonly isActions: boolean;
  /** The batch, or the one code that it gets. */
  readonly read: () => Batch | ResultName;
}

/** What the records of a well formed batch say. */
export function decodeBatch(
  { kind, participant: from, count, publicKey }: BatchHeader,
  bytes: Uint8Array,
  scopes: readonly ("submit" | "approve")[],
): Batch {
  const offsets = Array.from({ length: count }, (_, index) => HEADER_BYTES + index * RECORD_BYTES);
  switch (kind) {
    case "create_transfers":
      return { kind: "transfers", from, list: offsets.map((offset) => decodeTransfer(bytes, offset)) };
    case "create_accounts":
      return { kind: "openings", from, list: offsets.map((offset) => decodeAccount(bytes, offset)) };
    case "manage_accounts": {
      const list = offsets.map((offset) => decodeAction(bytes, offset));
      return { kind: "actions", from, key: toHex(publicKey), scopes, list };
    }
    case "settle_set":
      return {
        kind: "settle-set",
        from,
        list: offsets.map((offset) => toHex(bytes.subarray(offset, offset + ID_BYTES))),
      };
    case "govern": {
      const records = (isProposalBatch(bytes) ? offsets.slice(0, 1) : offsets).map((offset) =>
        decodeGovernRecord(bytes, offset),
      );
      const [head] = records;
      if (head?.type === "proposal") return { kind: "proposal", from, head, content: proposalContent(bytes) };
      return { kind: "governing", from, list: records.filter((record) => record?.type !== "proposal") as never };
    }
  }
}

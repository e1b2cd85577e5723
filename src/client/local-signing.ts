import { ed25519, sha256 } from "../crypto/portable.js";
import {
  type AccountFields,
  type ActionFields,
  type BatchKind,
  type Encoded,
  encodeAccount,
  encodeAction,
  encodeTransfer,
  type RecordDefaults,
  signBatch,
  type TransferFields,
} from "../formats/index.js";
import { concatBytes, type Digest, fromHex, type ParticipantNumber, RECORD_BYTES } from "../primitives/index.js";
import { SabhaError } from "./errors.js";
import type { AccountAction, AccountRequest, HoldDecision, TransferRequest } from "./types.js";

/** A bank's own operation key: batches are signed here and any node may submit them. */
export interface ClientKey {
  readonly participant: ParticipantNumber;
  readonly chainId: Digest;
  /** Ed25519. */
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** Signs `records` (count × 128 bytes) as one batch; for keys that live elsewhere, for example in an HSM. */
export type BatchSigner = (records: Uint8Array, kind: BatchKind) => { readonly bytes: Uint8Array };

/** How long a batch signed here may be ordered; below the ledger's window of ten minutes. */
const NOT_AFTER_MS = 300_000;

export function signerOf(key: ClientKey): BatchSigner {
  const { participant, chainId, publicKey, secretKey } = key;
  return (records, kind) => {
    const salt = globalThis.crypto.getRandomValues(new Uint8Array(32));
    const notAfter = Date.now() + NOT_AFTER_MS;
    const batch = { kind, chainId, participant, publicKey, notAfter, salt, records, secretKey };
    return signBatch({ sha256, ed25519 }, batch);
  };
}

export const transferRecords = (transfers: readonly TransferRequest[], defaults: RecordDefaults): Uint8Array =>
  recordsOf("transfers", transfers, (transfer) =>
    encodeTransfer({ ...transfer, amount: transfer.amount.toString() } as TransferFields, defaults),
  );

export const accountRecords = (accounts: readonly AccountRequest[], defaults: RecordDefaults): Uint8Array =>
  recordsOf("accounts", accounts, (account) => encodeAccount(account as AccountFields, defaults));

export const actionRecords = (actions: readonly AccountAction[]): Uint8Array =>
  recordsOf("actions", actions, (action) => encodeAction(action as ActionFields));

export const decisionRecords = (decisions: readonly HoldDecision[]): Uint8Array =>
  recordsOf("decisions", decisions, ({ id, transferId, decision }) => {
    const action = decision === "release" ? "release_hold" : "return_hold";
    return encodeAction({ id, accountId: transferId, action } as ActionFields);
  });

/** Records of a settle-set: each an id and zeros. */
export const memberRecords = (ids: readonly string[]): Uint8Array =>
  recordsOf("transferIds", ids, (id) => {
    const bytes = fromHex(id);
    if (bytes?.length !== 16)
      return { ok: false, fault: { field: "id", detail: "not 32 lower-case hexadecimal digits" } };
    const record = new Uint8Array(RECORD_BYTES);
    record.set(bytes);
    return { ok: true, record };
  });

/** Encoding checks every field, so the casts above admit nothing. @throws {SabhaError} `invalid_params` */
function recordsOf<T>(name: string, list: readonly T[], encode: (item: T) => Encoded): Uint8Array {
  const records = list.map((item, index) => {
    const encoded = encode(item);
    if (encoded.ok) return encoded.record;
    const path = `${name}[${index}].${encoded.fault.field}`;
    const reason = encoded.fault.detail;
    throw new SabhaError(`Invalid params: ${path}: ${reason}`, { code: "invalid_params", data: { path, reason } });
  });
  return concatBytes(...records);
}

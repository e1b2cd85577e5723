import {
  decodeAccount,
  decodeAction,
  decodeGovernRecord,
  decodeSettlement,
  decodeTransfer,
  resultCode,
  ZERO_ID,
} from "../formats/index.js";
import type { DecodedOutcome, IdPosition, OutcomePointer } from "../ledger/index.js";
import { assert, type Height, type Id128, type ParticipantNumber, toHex } from "../primitives/index.js";
import type { OutcomePlace, OutcomeView, TransferView } from "./read-model.js";

/** Name of a result code; a number that this version does not know stays a number. */
const resultName = (code: number): string => resultCode(code)?.name ?? `unknown_${code}`;

/**
 * @param position what the ledger knows of the record's id now; makes the pending state current
 */
export function transferView(
  outcome: DecodedOutcome,
  place: OutcomePointer,
  position: IdPosition | undefined,
): TransferView {
  const fields = decodeTransfer(outcome.record);
  return {
    id: fields.id,
    debitAccountId: fields.debitAccountId,
    creditAccountId: fields.creditAccountId,
    amount: BigInt(fields.amount),
    actualAmount: outcome.amount,
    pendingId: fields.pendingId === ZERO_ID ? undefined : fields.pendingId,
    reference: fields.reference,
    remittance: fields.remittance,
    timeoutSeconds: fields.timeoutSeconds,
    asset: fields.asset,
    rail: fields.rail,
    code: fields.code,
    priority: fields.priority,
    flags: fields.flags,
    participant: outcome.participant as ParticipantNumber,
    result: resultName(outcome.code),
    pendingState: position === undefined || position.pending === "none" ? undefined : position.pending,
    resolution: position?.resolution,
    height: place.height,
    index: place.index,
    timestamp: outcome.timestamp,
  };
}

export function outcomeView(
  outcome: DecodedOutcome,
  place: OutcomePointer,
  positionOf: (id: Id128) => IdPosition | undefined,
): OutcomeView {
  const common = {
    height: place.height as Height,
    index: place.index,
    timestamp: outcome.timestamp,
    participant: outcome.participant as ParticipantNumber,
    result: resultName(outcome.code),
  };
  switch (outcome.subject) {
    case "transfer": {
      const { id } = decodeTransfer(outcome.record);
      return { type: "transfer", transfer: transferView(outcome, place, positionOf(id)) };
    }
    case "account": {
      const { id, owner, asset, kind } = decodeAccount(outcome.record);
      return { type: "account-opened", ...common, accountId: id, owner, asset, kind };
    }
    case "action": {
      const { id, accountId, action } = decodeAction(outcome.record);
      return { type: "account-action", ...common, id, accountId, action };
    }
    case "proposal":
    case "ballot":
    case "key":
    case "ready":
      return governanceView(outcome, common);
    case "settlement":
      return settlementView(outcome, common);
    case "expiry": {
      const { id, debitAccountId, creditAccountId } = decodeTransfer(outcome.record);
      return { type: "transfer-expired", ...common, id, debitAccountId, creditAccountId, amount: outcome.amount };
    }
    case "release": {
      const { id, debitAccountId, creditAccountId } = decodeTransfer(outcome.record);
      return { type: "transfer-released", ...common, id, debitAccountId, creditAccountId, amount: outcome.amount };
    }
  }
}

function settlementView(outcome: DecodedOutcome, common: OutcomePlace): OutcomeView {
  const decoded = decodeSettlement(outcome.record);
  if (decoded.type === "summary") {
    const { asset, window, payments, reportRoot } = decoded.summary;
    return { type: "window-settled", ...common, asset, window, payments, reportRoot: toHex(reportRoot) };
  }
  const { asset, window, debits, credits } = decoded.position;
  return { type: "position-settled", ...common, asset, window, debits, credits };
}

function governanceView(outcome: DecodedOutcome, common: OutcomePlace): OutcomeView {
  const record = decodeGovernRecord(outcome.record);
  assert(record !== undefined, "a record that the ledger executed");
  switch (record.type) {
    case "proposal": {
      const { id, kind, effectiveHeight } = record;
      return { type: "proposal", ...common, id, proposalKind: kind, effectiveHeight };
    }
    case "ballot": {
      const { id, proposalId, choice } = record;
      return { type: "ballot", ...common, id, proposalId, choice };
    }
    case "key": {
      const { id, change, publicKey, scopes, effectiveHeight } = record;
      return { type: "key", ...common, id, change, publicKey, scopes, effectiveHeight };
    }
    case "ready": {
      const { id, proposalId, executedHeight } = record;
      return { type: "ready", ...common, id, proposalId, executedHeight };
    }
  }
}

import { z } from "zod";
import { type ActionFields, encodeAction } from "../../formats/index.js";
import { BATCH_RECORDS_MAX, concatBytes, fromHex, type Id128, RECORD_BYTES } from "../../primitives/index.js";
import { invalidParams } from "../errors.js";
import { defineMethod, failed, type Method, type MethodContext, succeeded } from "../method.js";
import { id128, participant } from "../params.js";
import type { QueuedTransferView } from "../ports.js";
import { submitResult } from "../schemas.js";
import * as schemas from "../schemas-waiting.js";
import { definedOnly } from "./ledger.js";
import { SUBMISSION_ERRORS, submitRecords } from "./submissions.js";

/** Transfers of one answer; a queue is as long as the rulebook lets it be. */
const QUEUED_MAX = 10_000;
const asset = z.int().min(1).max(0xffff_ffff);

/** Transfers that wait: queues, the sets that pay queues which block each other, and holds. */
export function waitingMethods(context: MethodContext): readonly Method[] {
  const { api, limits } = context;
  const waitShape = {
    waitFor: z.enum(["admitted", "final"]).default("admitted"),
    timeoutMs: z.int().min(1).max(limits.waitMsMax).default(limits.waitMsDefault),
  };
  const changes = { waits: true, result: z.array(submitResult), errors: SUBMISSION_ERRORS } as const;
  const decision = z.strictObject({ id: id128, transferId: id128, decision: z.enum(["release", "return"]) });
  return [
    defineMethod(context, {
      name: "settlement_getQueue",
      summary: "Transfers that wait for their banks' liquidity, each queue in the order in which it is paid",
      answersFrom: "latest",
      params: { asset: asset.optional(), participant: participant.optional() },
      result: z.array(schemas.queuedTransfer),
      errors: ["syncing"],
      handle: (query) => succeeded(api.waiting.queued(definedOnly(query)).slice(0, QUEUED_MAX).map(renderQueued)),
    }),
    defineMethod(context, {
      name: "settlement_findSettleSet",
      summary: "Queued transfers that can be paid together although banks wait for each other; submits nothing",
      answersFrom: "latest",
      params: { asset: asset.optional() },
      result: z.array(schemas.queuedTransfer),
      errors: ["syncing"],
      handle: (query) => succeeded(api.waiting.settleSet(query.asset ?? api.defaults().asset).map(renderQueued)),
    }),
    defineMethod(context, {
      ...changes,
      name: "settlement_submitSettleSet",
      summary:
        "Signs a set of queued transfers for the node's own validator and submits it: all of it is paid, or nothing",
      scope: "submit",
      params: { transferIds: z.array(id128).min(1).max(BATCH_RECORDS_MAX), ...waitShape },
      handle: ({ transferIds, ...wait }, call) =>
        submitRecords(context, "settle_set", concatBytes(...transferIds.map(memberRecord)), wait, call),
    }),
    defineMethod(context, {
      name: "ledger_getHolds",
      summary: "The node's own bank's transfers on hold, with the rule that holds each; nobody else's are shown",
      scope: "approve",
      answersFrom: "latest",
      params: {},
      result: z.array(schemas.heldTransfer),
      errors: ["syncing"],
      handle: () =>
        succeeded(
          api.waiting
            .held()
            .slice(0, QUEUED_MAX)
            .map((view) => ({ ...view, amount: view.amount.toString() })),
        ),
    }),
    defineMethod(context, {
      ...changes,
      name: "ledger_decideHolds",
      summary: "Releases or returns transfers on hold, signed with the node's own key",
      scope: "approve",
      params: { decisions: z.array(decision).min(1).max(BATCH_RECORDS_MAX), ...waitShape },
      handle: ({ decisions, ...wait }, call) => {
        const records: Uint8Array[] = [];
        for (const [index, { id, transferId, decision: what }] of decisions.entries()) {
          const action: ActionFields["action"] = what === "release" ? "release_hold" : "return_hold";
          const encoded = encodeAction({ id, accountId: transferId, action });
          if (!encoded.ok) return failed(invalidParams(`decisions[${index}]`, encoded.fault.detail));
          records.push(encoded.record);
        }
        return submitRecords(context, "manage_accounts", concatBytes(...records), wait, call);
      },
    }),
  ];
}

function memberRecord(id: Id128): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  record.set(fromHex(id) as Uint8Array);
  return record;
}

const renderQueued = (view: QueuedTransferView): schemas.QueuedTransferJson => ({
  ...view,
  amount: view.amount.toString(),
});

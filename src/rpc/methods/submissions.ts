import { z } from "zod";
import {
  ACCOUNT_ACTIONS,
  ACCOUNT_FLAGS,
  ACCOUNT_KINDS,
  type AccountAction,
  type AccountFields,
  type AccountFlag,
  type AccountKind,
  type ActionFields,
  BATCH_HEADER_BYTES,
  type BatchKind,
  type Encoded,
  encodeAccount,
  encodeAction,
  isProposalBatch,
  parseBatch,
  TRANSFER_FLAGS,
  type TransferFlag,
} from "../../formats/index.js";
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, concatBytes, RECORD_BYTES, toHex } from "../../primitives/index.js";
import { invalidParams, type ServerErrorCode, serverError } from "../errors.js";
import type { Answer } from "../json-rpc.js";
import { type Call, defineMethod, failed, type Method, type MethodContext, submitFault, succeeded } from "../method.js";
import { type CheckedParams, checkParams, hexBytes, id128, nameParams, participant } from "../params.js";
import type { SubmissionOptions, SubmissionOutcome } from "../ports.js";
import { type SubmitResultJson, submitResult } from "../schemas.js";
import { readTransferList } from "../transfer-list.js";

export const SUBMISSION_ERRORS: readonly ServerErrorCode[] = [
  "busy",
  "syncing",
  "diverged",
  "stopping",
  "refused",
  "expired",
  "timeout",
];

const amount = z.string().regex(/^(?:0|[1-9][0-9]{0,19})$/);
const uint = (max: number) => z.int().min(0).max(max);
const flagsOf = <Name extends string>(bits: Readonly<Record<Name, number>>) =>
  z.array(z.enum(Object.keys(bits) as [Name, ...Name[]])).max(Object.keys(bits).length);

const transferSchema = z.strictObject({
  id: id128,
  debitAccountId: id128,
  creditAccountId: id128,
  amount,
  asset: z.int().min(1).max(0xffff_ffff).optional(),
  rail: uint(0xff).optional(),
  code: uint(0xffff).optional(),
  flags: flagsOf<TransferFlag>(TRANSFER_FLAGS).optional(),
  pendingId: id128.optional(),
  timeoutSeconds: uint(0xffff_ffff).optional(),
  reference: id128.optional(),
  remittance: id128.optional(),
  priority: uint(0xff).optional(),
});

const accountSchema = z.strictObject({
  id: id128,
  kind: z.enum(Object.keys(ACCOUNT_KINDS) as [AccountKind, ...AccountKind[]]),
  owner: participant.optional(),
  asset: z.int().min(1).max(0xffff_ffff).optional(),
  flags: flagsOf<AccountFlag>(ACCOUNT_FLAGS).optional(),
  reference: id128.optional(),
});

/** What an `approve` token is for: `ledger_decideHolds`. */
const DECISIONS: readonly AccountAction[] = ["release_hold", "return_hold"];

const actionSchema = z.strictObject({
  id: id128,
  accountId: id128,
  action: z.enum(
    (Object.keys(ACCOUNT_ACTIONS) as [AccountAction, ...AccountAction[]]).filter(
      (action) => !DECISIONS.includes(action),
    ),
  ),
  reference: id128.optional(),
  priority: uint(0xff).optional(),
});

/** How long a call waits, and for what. */
export interface Wait {
  readonly waitFor: "admitted" | "final";
  readonly timeoutMs: number;
}

/** The methods that change the ledger. */
export function submissionMethods(context: MethodContext): readonly Method[] {
  const waitShape = {
    waitFor: z.enum(["admitted", "final"]).default("admitted"),
    timeoutMs: z.int().min(1).max(context.limits.waitMsMax).default(context.limits.waitMsDefault),
  };
  const waitSchema = z.strictObject(waitShape);
  const common = {
    waits: true,
    result: z.array(submitResult),
    errors: SUBMISSION_ERRORS,
  } as const;
  return [
    defineMethod(context, {
      ...common,
      name: "ledger_submitTransfers",
      summary: "Signs transfers for the node's own bank and submits them; repeating the same ids is safe",
      scope: "submit",
      params: { transfers: z.array(transferSchema).min(1).max(BATCH_RECORDS_MAX), ...waitShape },
      check: (raw) => checkTransfers(context, waitSchema, raw),
      handle: ({ records, wait }, call) => submitRecords(context, "create_transfers", records, wait, call),
    }),
    defineMethod(context, {
      ...common,
      name: "ledger_createAccounts",
      summary: "Opens accounts, signed for the node's own bank",
      scope: "submit",
      params: { accounts: z.array(accountSchema).min(1).max(BATCH_RECORDS_MAX), ...waitShape },
      handle: ({ accounts, ...wait }, call) => {
        const defaults = context.api.defaults();
        const encode = (fields: AccountFields): Encoded => encodeAccount(fields, defaults);
        const encoded = encodeAll("accounts", accounts as readonly AccountFields[], encode);
        return encoded.ok ? submitRecords(context, "create_accounts", encoded.params, wait, call) : encoded;
      },
    }),
    defineMethod(context, {
      ...common,
      name: "ledger_manageAccounts",
      summary:
        "Freezes, unfreezes or closes accounts, cuts windows and reorders queues, signed for the node's own participant",
      scope: "submit",
      params: { actions: z.array(actionSchema).min(1).max(BATCH_RECORDS_MAX), ...waitShape },
      handle: ({ actions, ...wait }, call) => {
        const encoded = encodeAll("actions", actions as readonly ActionFields[], encodeAction);
        return encoded.ok ? submitRecords(context, "manage_accounts", encoded.params, wait, call) : encoded;
      },
    }),
    defineMethod(context, {
      ...common,
      name: "ledger_submitBatch",
      summary: "Submits a batch that its participant signed itself",
      params: { batch: hexBytes(BATCH_BYTES_MAX), ...waitShape },
      handle: ({ batch, ...wait }, call) => submitBatch(context, batch, wait, call),
    }),
  ];
}

function checkTransfers(
  context: MethodContext,
  waitSchema: z.ZodObject,
  raw: object | undefined,
): CheckedParams<{ readonly records: Uint8Array; readonly wait: Wait }> {
  const named = nameParams(["transfers", "waitFor", "timeoutMs"], raw);
  if (!named.ok) return named;
  const { transfers, ...rest } = named.params;
  const wait = checkParams(waitSchema, rest);
  if (!wait.ok) return wait;
  const records = readTransferList(transfers, context.api.defaults());
  return records.ok ? { ok: true, params: { records: records.params, wait: wait.params as unknown as Wait } } : records;
}

function encodeAll<Fields>(
  name: string,
  list: readonly Fields[],
  encode: (fields: Fields) => Encoded,
): CheckedParams<Uint8Array> {
  const records: Uint8Array[] = [];
  for (const [index, fields] of list.entries()) {
    const encoded = encode(fields);
    if (!encoded.ok) {
      return { ok: false, fault: invalidParams(`${name}[${index}].${encoded.fault.field}`, encoded.fault.detail) };
    }
    records.push(encoded.record);
  }
  return { ok: true, params: concatBytes(...records) };
}

/** Signs records for the node's own participant and submits them. */
export async function submitRecords(
  context: MethodContext,
  kind: BatchKind,
  records: Uint8Array,
  wait: Wait,
  call: Call,
): Promise<Answer> {
  const fault = submitFault(context.api);
  if (fault !== undefined) return failed(fault);
  const outcome = await context.api.submitRecords({ kind, records, ...options(wait, call) });
  return answerOf(outcome, idsOf(records));
}

async function submitBatch(context: MethodContext, bytes: Uint8Array, wait: Wait, call: Call): Promise<Answer> {
  const parsed = parseBatch(bytes);
  if (!parsed.ok) return failed(serverError("refused", { reason: "malformed_batch", detail: parsed.fault }));
  const fault = submitFault(context.api);
  return fault === undefined ? submitSigned(context, bytes, wait, call) : failed(fault);
}

/** @param bytes a well formed batch */
export async function submitSigned(context: MethodContext, bytes: Uint8Array, wait: Wait, call: Call): Promise<Answer> {
  const outcome = await context.api.submitBatch({ bytes, ...options(wait, call) });
  // A proposal is one thing with one id; the records behind its head are content.
  const parsed = parseBatch(bytes);
  const records = parsed.ok ? parsed.header.count : 0;
  const count = parsed.ok && parsed.header.kind === "govern" && isProposalBatch(bytes) ? 1 : records;
  return answerOf(outcome, idsOf(bytes.subarray(BATCH_HEADER_BYTES, BATCH_HEADER_BYTES + count * RECORD_BYTES)));
}

const options = (wait: Wait, call: Call): SubmissionOptions => ({
  waitFor: wait.waitFor,
  timeoutMs: wait.timeoutMs,
  signal: call.signal,
});

/** The first 16 bytes of every kind of record. */
function idsOf(records: Uint8Array): readonly string[] {
  const ids: string[] = [];
  for (let at = 0; at < records.length; at += RECORD_BYTES) ids.push(toHex(records.subarray(at, at + 16)));
  return ids;
}

function answerOf(outcome: SubmissionOutcome, ids: readonly string[]): Answer {
  switch (outcome.type) {
    case "admitted":
      return succeeded(ids.map((id): SubmitResultJson => ({ id, status: "admitted" })));
    case "final": {
      const { results, height } = outcome;
      // A batch that was refused as a whole has one result for all its records.
      const resultAt = (index: number): string => (results.length === 1 ? results[0] : results[index]) as string;
      return succeeded(
        ids.map((id, index): SubmitResultJson => ({ id, status: "final", result: resultAt(index), height })),
      );
    }
    case "busy":
      return failed(serverError("busy", { retryAfterMs: outcome.retryAfterMs }));
    case "refused":
      return failed(serverError("refused", { reason: outcome.fault, detail: outcome.detail }));
    case "timeout":
      return failed(
        serverError("timeout", { ids, ...(outcome.digest === undefined ? {} : { digest: outcome.digest }) }),
      );
    case "expired":
      return failed(serverError("expired", { ids, digest: outcome.digest }));
    case "unavailable":
      return failed(serverError(outcome.reason));
  }
}

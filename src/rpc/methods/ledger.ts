import { z } from "zod";
import { invalidParams, serverError } from "../errors.js";
import type { Answer } from "../json-rpc.js";
import { type Call, defineMethod, failed, type Method, type MethodContext, succeeded } from "../method.js";
import { cursor, height, id128, participant } from "../params.js";
import type { NodeApi, Page, ProofAnswer } from "../ports.js";
import { renderAccount, renderTransfer } from "../render.js";
import * as schemas from "../schemas.js";

/** Callers that may wait for a proof at one time: each looks again after every block. */
const PROOF_WAITERS_MAX = 256;

/** The methods that read accounts, transfers and proofs. */
export function ledgerMethods(context: MethodContext): readonly Method[] {
  const { api, limits } = context;
  const ids = z.array(id128).min(1).max(limits.idsMax);
  const paging = {
    cursor: cursor.optional(),
    limit: z.int().min(1).max(limits.pageMax).default(limits.pageDefault),
  };
  const waiters = { count: 0 };
  return [
    defineMethod(context, {
      name: "ledger_getAccounts",
      summary: "Accounts by id, in the order asked for; null where there is none",
      answersFrom: "latest",
      params: { ids },
      result: z.array(schemas.account.nullable()),
      errors: ["syncing"],
      handle: (params) => succeeded(api.accounts(params.ids).map((view) => (view ? renderAccount(view) : null))),
    }),
    defineMethod(context, {
      name: "ledger_listAccounts",
      summary: "Accounts of a participant, or all, in the order in which they were opened",
      answersFrom: "latest",
      params: { participant: participant.optional(), ...paging },
      result: schemas.page(schemas.account),
      errors: ["syncing"],
      handle: (params) => pageAnswer(api.listAccounts(definedOnly(params)), renderAccount),
    }),
    defineMethod(context, {
      name: "ledger_getTransfers",
      summary: "Transfers by id with their results, in the order asked for; null where the id was never consumed",
      answersFrom: "latest",
      params: { ids },
      result: z.array(schemas.transfer.nullable()),
      errors: ["syncing"],
      handle: (params) => succeeded(api.transfers(params.ids).map((view) => (view ? renderTransfer(view) : null))),
    }),
    defineMethod(context, {
      name: "ledger_listTransfers",
      summary: "Transfers newest first: of an account, submitted by a participant, or all",
      answersFrom: "latest",
      params: { accountId: id128.optional(), participant: participant.optional(), ...paging },
      result: schemas.page(schemas.transfer),
      errors: ["syncing"],
      handle: (params) => pageAnswer(api.listTransfers(definedOnly(params)), renderTransfer),
    }),
    defineMethod(context, {
      name: "ledger_getReceipt",
      summary: "The portable receipt of a transfer, checked offline with the genesis file alone",
      answersFrom: "anything",
      waits: true,
      params: { transferId: id128, timeoutMs: z.int().min(0).max(limits.waitMsMax).default(0) },
      result: schemas.proof,
      errors: ["not_found", "not_yet_proven", "busy"],
      handle: (params, call) =>
        waitForReceipt(api, waiters, call, () => api.receipt(params.transferId), params.timeoutMs),
    }),
    defineMethod(context, {
      name: "ledger_getBalanceProof",
      summary: "The portable proof of an account's balances at a kept checkpoint",
      answersFrom: "anything",
      params: { accountId: id128, height: height.optional() },
      result: schemas.proof,
      errors: ["not_found", "not_yet_proven"],
      handle: (params) => proofAnswer(api.balanceProof(params.accountId, params.height)),
    }),
  ];
}

function pageAnswer<View, Json>(page: Page<View>, render: (view: View) => Json): Answer {
  if (!page.ok) return failed(invalidParams("cursor", "not a cursor of this listing"));
  return succeeded({
    items: page.items.map(render),
    ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
  });
}

export function proofAnswer(answer: ProofAnswer): Answer {
  switch (answer.type) {
    case "proven":
      return succeeded(answer.proof);
    case "not_yet_proven":
      return failed(serverError("not_yet_proven", { height: answer.height }));
    case "unknown":
      return failed(serverError("not_found"));
  }
}

async function waitForReceipt(
  api: NodeApi,
  waiters: { count: number },
  call: Call,
  read: () => ProofAnswer,
  timeoutMs: number,
): Promise<Answer> {
  const first = read();
  if (first.type === "proven" || timeoutMs === 0) return proofAnswer(first);
  if (waiters.count >= PROOF_WAITERS_MAX) return failed(serverError("busy", { retryAfterMs: 1_000 }));
  waiters.count += 1;
  try {
    return proofAnswer(await lookAgain(api, call.signal, read, timeoutMs));
  } finally {
    waiters.count -= 1;
  }
}

/** Reads after each block until there is a proof, the time is over or the client has gone. */
function lookAgain(
  api: NodeApi,
  signal: AbortSignal,
  read: () => ProofAnswer,
  timeoutMs: number,
): Promise<ProofAnswer> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", finish);
      try {
        resolve(read());
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(finish, timeoutMs);
    signal.addEventListener("abort", finish, { once: true });
    const unsubscribe = api.subscribe((fact) => {
      if (fact.type === "readiness-changed") return;
      try {
        if (read().type === "proven") finish();
      } catch {
        // The same read fails again in `finish`, which hands the error to the caller.
        finish();
      }
    });
  });
}

type DefinedOnly<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the members that were left out. */
export const definedOnly = <T extends object>(params: T): DefinedOnly<T> =>
  Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined)) as DefinedOnly<T>;

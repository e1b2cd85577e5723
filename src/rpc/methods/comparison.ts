import { z } from "zod";
import { STATE_TABLES } from "../../ledger/index.js";
import { toHex } from "../../primitives/index.js";
import { invalidParams, serverError } from "../errors.js";
import { defineMethod, failed, type Method, type MethodContext, succeeded } from "../method.js";
import { height } from "../params.js";
import * as schemas from "../schemas.js";
import { proofAnswer } from "./ledger.js";

/** Leaves are 256 bytes: a page of them is a quarter of a mebibyte. */
const LEAVES_MAX = 1_000;
const PAGE_ROOTS_MAX = 4_096;
const PAGES_MAX = 0xffff_ffff;

/** The log's own proof, and the methods with which two nodes are compared. */
export function comparisonMethods(context: MethodContext): readonly Method[] {
  const { api } = context;
  return [
    defineMethod(context, {
      name: "chain_getConsistencyProof",
      summary: "The portable proof that the log of one height begins that of a later one, unchanged",
      params: { from: height, to: height.optional() },
      result: schemas.proof,
      errors: ["not_found", "not_yet_proven"],
      handle: ({ from, to }) =>
        to !== undefined && to < from
          ? failed(invalidParams("to", "below from"))
          : proofAnswer(api.consistencyProof(from, to)),
    }),
    defineMethod(context, {
      name: "chain_getResult",
      summary: "What executing a block gave: its receipts root, its checkpoint, and the log's head with it",
      params: { height },
      result: schemas.result,
      errors: ["not_found"],
      handle: (params) => {
        const view = api.comparison.result(params.height);
        return view === undefined
          ? failed(serverError("not_found"))
          : succeeded({ ...view.leaf, resultsRoot: view.resultsRoot });
      },
    }),
    defineMethod(context, {
      name: "chain_getOutcomeLeaves",
      summary: "Leaves of a block's receipts tree in order, 256 bytes each, from an index on",
      params: {
        height,
        from: z.int().min(0).default(0),
        limit: z.int().min(1).max(LEAVES_MAX).default(LEAVES_MAX),
      },
      result: schemas.outcomeLeaves,
      errors: ["not_found"],
      handle: ({ height: at, from, limit }) => {
        const view = api.comparison.outcomeLeaves(at, { from, limit });
        return view === undefined
          ? failed(serverError("not_found"))
          : succeeded({ count: view.count, leaves: view.leaves.map(toHex) });
      },
    }),
    defineMethod(context, {
      name: "chain_getStateRoots",
      summary: "What the state root of the newest checkpoint is made of: tables, and the pages of one of them",
      params: {
        table: z.enum(STATE_TABLES).optional(),
        from: z.int().min(0).max(PAGES_MAX).default(0),
        limit: z.int().min(1).max(PAGE_ROOTS_MAX).default(PAGE_ROOTS_MAX),
      },
      result: schemas.stateRoots,
      handle: ({ table, from, limit }) =>
        succeeded({ ...api.comparison.stateRoots(table === undefined ? undefined : { table, from, limit }) }),
    }),
    defineMethod(context, {
      name: "chain_getStatePage",
      summary: "Entries of one page of a table of the state, as the newest checkpoint wrote them",
      params: { table: z.enum(STATE_TABLES), page: z.int().min(0).max(PAGES_MAX) },
      result: schemas.statePage,
      errors: ["not_found"],
      handle: ({ table, page }) => {
        const bytes = api.comparison.statePage(table, page);
        return bytes === undefined ? failed(serverError("not_found")) : succeeded({ entries: toHex(bytes) });
      },
    }),
  ];
}

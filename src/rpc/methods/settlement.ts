import { z } from "zod";
import { invalidParams, serverError } from "../errors.js";
import { defineMethod, failed, type Method, type MethodContext, succeeded } from "../method.js";
import { cursor, participant } from "../params.js";
import type { NodeApi } from "../ports.js";
import * as schemas from "../schemas-settlement.js";

const WINDOWS_MAX = 1_000;
const U32_MAX = 0xffff_ffff;
const assetNumber = z.int().min(1).max(U32_MAX);
const windowNumber = z.int().min(1).max(U32_MAX);

type Position = ReturnType<NodeApi["settlements"]["positions"]>[number];
type Report = NonNullable<ReturnType<NodeApi["settlements"]["report"]>>;

/** Windows of net settlement. Where no asset is named, the rulebook's usual one is meant. */
export function settlementMethods(context: MethodContext): readonly Method[] {
  const { api } = context;
  const assetOf = (asset: number | undefined): number => asset ?? api.defaults().asset;
  return [
    defineMethod(context, {
      name: "settlement_listWindows",
      summary: "Windows of net settlement, newest first",
      params: {
        asset: assetNumber.optional(),
        cursor: cursor.optional(),
        limit: z.int().min(1).max(WINDOWS_MAX).default(100),
      },
      result: schemas.windowPage,
      handle: (params) => {
        const page = api.settlements.windows({
          limit: params.limit,
          ...(params.asset === undefined ? {} : { asset: params.asset }),
          ...(params.cursor === undefined ? {} : { cursor: params.cursor }),
        });
        if (!page.ok) return failed(invalidParams("cursor", "not a cursor of this list"));
        const items = page.items.map(renderWindow);
        return succeeded(page.cursor === undefined ? { items } : { items, cursor: page.cursor });
      },
    }),
    defineMethod(context, {
      name: "settlement_getWindow",
      summary: "A window, and what each bank paid and got in it; without a number the newest one",
      params: { asset: assetNumber.optional(), window: windowNumber.optional() },
      result: schemas.windowDetail,
      errors: ["not_found"],
      handle: ({ asset, window }) => {
        const report = api.settlements.report(assetOf(asset), window);
        return report === undefined ? failed(serverError("not_found")) : succeeded(renderDetail(report));
      },
    }),
    defineMethod(context, {
      name: "settlement_getPositions",
      summary: "What each bank owes and is owed now on net rails, and what bounds it",
      params: { asset: assetNumber.optional(), participant: participant.optional() },
      result: schemas.positions,
      handle: (params) =>
        succeeded({
          positions: api.settlements
            .positions({
              ...(params.asset === undefined ? {} : { asset: params.asset }),
              ...(params.participant === undefined ? {} : { participant: params.participant }),
            })
            .map(renderPosition),
        }),
    }),
    defineMethod(context, {
      name: "settlement_getReport",
      summary: "Who paid whom in a window, of one bank or of all; banks with the same root have the same report",
      params: {
        asset: assetNumber.optional(),
        window: windowNumber.optional(),
        participant: participant.optional(),
      },
      result: schemas.report,
      errors: ["not_found"],
      handle: (params) => {
        const report = api.settlements.report(assetOf(params.asset), params.window);
        if (report === undefined) return failed(serverError("not_found"));
        const bank = params.participant;
        const rows = report.rows.filter(({ payer, payee }) => bank === undefined || payer === bank || payee === bank);
        return succeeded({
          ...renderDetail({
            ...report,
            positions: report.positions.filter((position) => bank === undefined || position.participant === bank),
          }),
          rows: rows.map(({ payer, payee, payments, sum }) => ({ payer, payee, payments, sum: sum.toString() })),
        });
      },
    }),
  ];
}

const renderWindow = (window: Report["window"]): schemas.WindowJson => ({
  asset: window.asset,
  window: window.number,
  state: window.state,
  openedAt: window.openedAt,
  payments: window.payments,
  ...(window.closedAt === undefined ? {} : { closedAt: window.closedAt }),
  ...(window.cutBy === undefined ? {} : { cutBy: window.cutBy }),
  ...(window.settlement === undefined ? {} : { settlement: window.settlement }),
});

const renderDetail = (report: Report): schemas.WindowDetailJson => ({
  ...renderWindow(report.window),
  ...(report.reportRoot === undefined ? {} : { reportRoot: report.reportRoot }),
  positions: report.positions.map(({ participant: bank, debits, credits, payments, outcome }) => ({
    participant: bank,
    debits: debits.toString(),
    credits: credits.toString(),
    net: (credits - debits).toString(),
    payments,
    ...(outcome === undefined ? {} : { outcome }),
  })),
});

const renderPosition = (position: Position): z.infer<typeof schemas.positions>["positions"][number] => ({
  asset: position.asset,
  participant: position.participant,
  openDebits: position.openDebits.toString(),
  openCredits: position.openCredits.toString(),
  pendingDebits: position.pendingDebits.toString(),
  pendingCredits: position.pendingCredits.toString(),
  closedDebits: position.closedDebits.toString(),
  closedCredits: position.closedCredits.toString(),
  exposure: position.exposure.toString(),
  reserve: position.reserve.toString(),
  ...(position.cap === undefined ? {} : { cap: position.cap.toString() }),
});

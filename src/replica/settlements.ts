import { decodeSettlement, type SettlementRow } from "../formats/index.js";
import { type Ledger, type PositionView, settlementRows, type WindowView } from "../ledger/index.js";
import { type Height, type ParticipantNumber, toHex } from "../primitives/index.js";
import type { BlockReader } from "./block-reader.js";
import type { Page } from "./read-model.js";

/** What one bank paid and got in a window; its net amount left its reserve, or came to its settlement account. */
export interface WindowPositionView {
  readonly participant: ParticipantNumber;
  readonly debits: bigint;
  readonly credits: bigint;
  readonly payments: number;
  /** Its own outcome, which a receipt proves; present once the window is settled. */
  readonly outcome: { readonly height: Height; readonly index: number } | undefined;
}

/** Who paid whom in a window. Two banks with the same root have the same rows. */
export interface ReportView {
  readonly window: WindowView;
  /** Root over all rows, in the window's own outcome; present once it is settled. */
  readonly reportRoot: string | undefined;
  readonly positions: readonly WindowPositionView[];
  /** Ascending by payer, then payee. */
  readonly rows: readonly SettlementRow[];
}

/** The windows of net settlement, who owes what in them, and their reports. */
export class Settlements {
  readonly #ledger: Ledger;
  readonly #blocks: BlockReader;

  constructor(source: { readonly blocks: BlockReader; readonly ledger: Ledger }) {
    this.#ledger = source.ledger;
    this.#blocks = source.blocks;
  }

  /** Newest first. The cursor is the number of windows of all assets before the page. */
  windows(query: { readonly asset?: number; readonly cursor?: string; readonly limit: number }): Page<WindowView> {
    const skip = query.cursor === undefined ? 0 : /^\d{1,9}$/.test(query.cursor) ? Number(query.cursor) : undefined;
    if (skip === undefined) return { ok: false, fault: "bad_cursor" };
    const { windows, next } = this.#ledger.windows({ ...query, skip });
    return next === undefined ? { ok: true, items: windows } : { ok: true, items: windows, cursor: String(next) };
  }

  /** What each bank owes and is owed now. */
  positions(query: { readonly asset?: number; readonly participant?: ParticipantNumber }): readonly PositionView[] {
    return this.#ledger
      .positions()
      .filter(({ asset }) => query.asset === undefined || asset === query.asset)
      .filter(({ participant }) => query.participant === undefined || participant === query.participant);
  }

  /**
   * A window with its positions and rows; undefined for one in which nothing was initiated, and for a settled one
   * whose block is not kept here.
   *
   * @param number absent: the newest window in which something was initiated
   */
  report(asset: number, number?: number): ReportView | undefined {
    const newest = number === undefined ? this.#ledger.windows({ asset, skip: 0, limit: 1 }).windows[0] : undefined;
    const window = number === undefined ? newest : this.#ledger.window(asset, number);
    if (window === undefined) return undefined;
    if (window.settlement !== undefined) return this.#settled(window, window.settlement);
    const rows = this.#ledger.windowRows(asset, window.number);
    return { window, reportRoot: undefined, positions: positionsOf(rows), rows };
  }

  #settled(window: WindowView, at: NonNullable<WindowView["settlement"]>): ReportView | undefined {
    const block = this.#blocks.outcomes(at.height);
    const rows = block === undefined ? undefined : settlementRows(block.outcomes, at.index);
    const outcome = this.#blocks.outcome(at);
    if (rows === undefined || outcome === undefined) return undefined;
    const decoded = decodeSettlement(outcome.record);
    if (decoded.type !== "summary") return undefined;
    // The banks' own outcomes come just before the window's, in the order of their numbers.
    const first = at.index - decoded.summary.banks;
    const positions = positionsOf(rows).map((position, index) => ({
      ...position,
      outcome: { height: at.height, index: first + index },
    }));
    return { window, reportRoot: toHex(decoded.summary.reportRoot), positions, rows };
  }
}

/** Ascending by participant. */
function positionsOf(rows: readonly SettlementRow[]): readonly WindowPositionView[] {
  const banks = [...new Set(rows.flatMap(({ payer, payee }) => [payer, payee]))].sort((left, right) => left - right);
  return banks.map((participant) => {
    const paid = rows.filter(({ payer }) => payer === participant);
    const got = rows.filter(({ payee }) => payee === participant);
    const sum = (of: readonly SettlementRow[]): bigint => of.reduce((total, row) => total + row.sum, 0n);
    const payments = [...paid, ...got].reduce((total, row) => total + row.payments, 0);
    return { participant, debits: sum(paid), credits: sum(got), payments, outcome: undefined };
  });
}

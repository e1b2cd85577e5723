import {
  ASSET,
  CREDITS_PENDING,
  CREDITS_POSTED,
  DEBITS_PENDING,
  DEBITS_POSTED,
  ISSUANCE,
  KIND_AND_FLAGS,
  KIND_MASK,
  RESERVE,
  SETTLEMENT,
} from "./accounts.js";
import { amountAt } from "./limbs.js";
import type { PositionEntry } from "./positions.js";
import type { State } from "./state.js";
import type { AssetTotals } from "./views.js";

/** Sums over all accounts by asset, in the rulebook's order (LEDG-1). */
export function conservationOf(state: State): readonly AssetTotals[] {
  const totals = new Map(state.rules.rulebook.assets.map(({ number }) => [number, new Totals()]));
  const { table } = state.accounts;
  for (let index = 0; index < table.count; index += 1) {
    const words = table.wordsOf(index);
    const base = table.baseOf(index);
    totals.get(words[base + ASSET] as number)?.add(words, base);
  }
  for (const position of state.positions.entries()) totals.get(position.asset)?.addPosition(position);
  return [...totals].map(([asset, sums]) => ({ asset, ...sums.view() }));
}

class Totals {
  #debitsPending = 0n;
  #debitsPosted = 0n;
  #creditsPending = 0n;
  #creditsPosted = 0n;
  #issued = 0n;
  #settlement = 0n;
  #owed = 0n;
  #due = 0n;

  addPosition(position: PositionEntry): void {
    this.#owed += position.openDebits + position.pendingDebits + position.closedDebits;
    this.#due += position.openCredits + position.pendingCredits + position.closedCredits;
  }

  add(words: Uint32Array, base: number): void {
    const debits = amountAt(words, base + DEBITS_POSTED);
    const credits = amountAt(words, base + CREDITS_POSTED);
    const kind = (words[base + KIND_AND_FLAGS] as number) & KIND_MASK;
    this.#debitsPending += amountAt(words, base + DEBITS_PENDING);
    this.#creditsPending += amountAt(words, base + CREDITS_PENDING);
    this.#debitsPosted += debits;
    this.#creditsPosted += credits;
    if (kind === ISSUANCE) this.#issued += debits - credits;
    if (kind === SETTLEMENT || kind === RESERVE) this.#settlement += credits - debits;
  }

  view(): Omit<AssetTotals, "asset"> {
    return {
      debitsPending: this.#debitsPending,
      debitsPosted: this.#debitsPosted,
      creditsPending: this.#creditsPending,
      creditsPosted: this.#creditsPosted,
      issued: this.#issued,
      settlement: this.#settlement,
      owed: this.#owed,
      due: this.#due,
    };
  }
}

/** What the methods about net settlement answer; amounts are decimal strings of minor units, times UTC milliseconds. */
export interface SettlementWindow {
  readonly asset: number;
  readonly window: number;
  readonly state: "open" | "closed" | "settled";
  readonly openedAt: number;
  readonly closedAt?: number;
  readonly cutBy?: "time" | "authority";
  readonly payments: number;
  readonly settlement?: { readonly height: number; readonly index: number };
}

export interface SettlementWindowDetail extends SettlementWindow {
  /** Once it is settled: banks with the same root have the same report. */
  readonly reportRoot?: string;
  readonly positions: readonly {
    readonly participant: number;
    readonly debits: string;
    readonly credits: string;
    /** Credits less debits. */
    readonly net: string;
    readonly payments: number;
    readonly outcome?: { readonly height: number; readonly index: number };
  }[];
}

export interface SettlementReport extends SettlementWindowDetail {
  readonly rows: readonly {
    readonly payer: number;
    readonly payee: number;
    readonly payments: number;
    readonly sum: string;
  }[];
}

export interface NetPosition {
  readonly asset: number;
  readonly participant: number;
  readonly openDebits: string;
  readonly openCredits: string;
  readonly pendingDebits: string;
  readonly pendingCredits: string;
  readonly closedDebits: string;
  readonly closedCredits: string;
  readonly exposure: string;
  readonly reserve: string;
  readonly cap?: string;
}

/** Which window is meant; the newest of the rulebook's usual asset where nothing is said. */
export interface WindowQuery {
  readonly asset?: number;
  readonly window?: number;
}

/**
 * What histories can be seen to have touched: what the checkers asked (`checks`, by rule), what honest
 * machines did and said (`facts`), results of the ledger (`results`), faults and lies that happened.
 */
export const COVERAGE_GROUPS = ["checks", "facts", "results", "faults", "liars"] as const;
export type CoverageGroup = (typeof COVERAGE_GROUPS)[number];

/** How often each thing happened in one history. */
export type CoverageCounts = Readonly<Record<CoverageGroup, Readonly<Record<string, number>>>>;

/** Counts what happens in one history. */
export class Coverage {
  readonly #counts: Readonly<Record<CoverageGroup, Map<string, number>>> = {
    checks: new Map(),
    facts: new Map(),
    results: new Map(),
    faults: new Map(),
    liars: new Map(),
  };

  hit(group: CoverageGroup, name: string): void {
    const counts = this.#counts[group];
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  /** Plain data, for another process. */
  get counts(): CoverageCounts {
    const { checks, facts, results, faults, liars } = this.#counts;
    return {
      checks: Object.fromEntries(checks),
      facts: Object.fromEntries(facts),
      results: Object.fromEntries(results),
      faults: Object.fromEntries(faults),
      liars: Object.fromEntries(liars),
    };
  }
}

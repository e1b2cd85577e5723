/** A rule that did not hold. */
export interface Violation {
  /** Number of the rule, or the property of consensus and ledger that it states. */
  readonly rule: string;
  readonly detail: string;
  /** Virtual time, ms. */
  readonly atMs: number;
}

/** Kept of one run; the first is what matters, the rest follow from it. */
const VIOLATIONS_MAX = 64;

/** What the checkers found in one run. */
export class Violations {
  readonly #found: Violation[] = [];
  readonly #now: () => number;
  readonly #asked: (rule: string) => void;

  /**
   * @param now virtual time, ms
   * @param asked hears of each rule that is checked
   */
  constructor(now: () => number, asked: (rule: string) => void = () => {}) {
    this.#now = now;
    this.#asked = asked;
  }

  add(rule: string, detail: string): void {
    if (this.#found.length < VIOLATIONS_MAX) this.#found.push({ rule, detail, atMs: this.#now() });
  }

  /** States a rule. */
  check(holds: boolean, rule: string, detail: () => string): void {
    this.#asked(rule);
    if (!holds) this.add(rule, detail());
  }

  get all(): readonly Violation[] {
    return this.#found;
  }
}

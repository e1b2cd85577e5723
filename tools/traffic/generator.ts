/**
 * A month of interbank traffic drawn from what the Reserve Bank of India publishes per bank: how many NEFT and RTGS
 * payments each bank sent and received, and of what value (config/examples/rbi-2012-12.csv). Deterministic to the
 * paisa: integers only, so that every machine draws the same month.
 */

/** One bank's month. */
export interface BankFigures {
  readonly bank: string;
  readonly neft: DirectionFigures;
  readonly rtgs: DirectionFigures;
}

export interface DirectionFigures {
  readonly out: number;
  readonly outRupees: number;
  readonly in: number;
  readonly inRupees: number;
}

export interface MonthOptions {
  readonly figures: readonly BankFigures[];
  /** Payments in the whole month. */
  readonly count: number;
  readonly seed: number;
  readonly days: number;
  readonly customersPerBank: number;
}

/** A payment to be made; accounts are customers of banks by number. */
export interface Payment {
  /** Milliseconds since the month began. */
  readonly at: number;
  readonly system: "neft" | "rtgs";
  readonly payer: { readonly bank: number; readonly customer: number };
  readonly payee: { readonly bank: number; readonly customer: number };
  readonly paise: bigint;
}

const COLUMNS = "bank,neft_out,neft_out_rupees,neft_in,neft_in_rupees,rtgs_out,rtgs_out_rupees,rtgs_in,rtgs_in_rupees";

/** Reads the figures of `config/examples/rbi-2012-12.csv`. */
export function readFigures(csv: string): readonly BankFigures[] {
  const [head, ...lines] = csv.trim().split("\n");
  if (head !== COLUMNS) throw new RangeError(`the columns are ${head}, not ${COLUMNS}`);
  return lines.map((line) => {
    const [bank, ...cells] = line.split(",");
    const values = cells.map(Number);
    if (bank === undefined || values.length !== 8 || !values.every(Number.isSafeInteger)) {
      throw new RangeError(`not a bank's figures: ${line}`);
    }
    const direction = (from: number): DirectionFigures => ({
      out: values[from] as number,
      outRupees: values[from + 1] as number,
      in: values[from + 2] as number,
      inRupees: values[from + 3] as number,
    });
    return { bank, neft: direction(0), rtgs: direction(4) };
  });
}

/** Share of a day's payments in each hour: banking hours, a peak before noon, some at night. */
const HOURS = [2, 1, 1, 1, 1, 2, 8, 20, 45, 80, 105, 115, 100, 90, 95, 100, 90, 65, 40, 20, 10, 5, 3, 1];
const HOUR_MS = 3_600_000;
const LAKH_PAISE = 10_000_000n;
/** RTGS carries nothing below two lakh rupees. */
const RTGS_MIN_PAISE = 2n * LAKH_PAISE;

/**
 * Twenty equally likely sizes of a payment in thousandths of its bank's mean, with a mean of 1,000: many small ones, few
 * very large, as payments are (a log-normal distribution's quantiles).
 */
const SIZES = [14, 28, 43, 62, 84, 112, 146, 187, 237, 299, 376, 473, 596, 757, 974, 1_278, 1_731, 2_480, 3_700, 6_423];

/** Yields the month's payments in the order of time. */
export function* monthOfPayments(options: MonthOptions): Generator<Payment, void, undefined> {
  const { figures, count, days, customersPerBank } = options;
  const random = new Mulberry(options.seed);
  const systems = { neft: new System(figures, "neft"), rtgs: new System(figures, "rtgs") };
  const total = systems.neft.total + systems.rtgs.total;
  const perDay = HOURS.reduce((sum, share) => sum + share, 0);
  let made = 0;
  let share = 0;
  for (let hour = 0; hour < days * 24; hour += 1) {
    share += HOURS[hour % 24] as number;
    // Cumulative rounding, so that the month has exactly `count`.
    const due = Math.floor((count * share) / (perDay * days)) - made;
    for (let index = 0; index < due; index += 1) {
      const system = random.below(total) < systems.neft.total ? "neft" : "rtgs";
      const { payer, payee } = systems[system].pair(random);
      const size = BigInt(SIZES[random.below(SIZES.length)] as number);
      const drawn = (systems[system].meanPaise(payer) * size) / 1_000n + 1n;
      yield {
        at: hour * HOUR_MS + Math.floor((index * HOUR_MS) / due),
        system,
        payer: { bank: payer, customer: random.below(customersPerBank) },
        payee: { bank: payee, customer: random.below(customersPerBank) },
        paise: system === "rtgs" && drawn < RTGS_MIN_PAISE ? RTGS_MIN_PAISE : drawn,
      };
    }
    made += due;
  }
}

/** One payment system's banks with their shares. */
class System {
  readonly total: number;
  readonly #figures: readonly DirectionFigures[];
  readonly #out: Shares;
  readonly #in: Shares;

  constructor(figures: readonly BankFigures[], system: "neft" | "rtgs") {
    this.#figures = figures.map((bank) => bank[system]);
    this.#out = new Shares(this.#figures.map((bank) => bank.out));
    this.#in = new Shares(this.#figures.map((bank) => bank.in));
    this.total = this.#out.total;
  }

  pair(random: Mulberry): { readonly payer: number; readonly payee: number } {
    const payer = this.#out.draw(random);
    let payee = this.#in.draw(random);
    while (payee === payer) payee = this.#in.draw(random);
    return { payer, payee };
  }

  meanPaise(bank: number): bigint {
    const { out, outRupees } = this.#figures[bank] as DirectionFigures;
    return (BigInt(outRupees) * 100n) / BigInt(out);
  }
}

/** Draws an index with the probability of its weight. */
class Shares {
  readonly total: number;
  readonly #ends: readonly number[];

  constructor(weights: readonly number[]) {
    let sum = 0;
    this.#ends = weights.map((weight) => {
      sum += weight;
      return sum;
    });
    this.total = sum;
  }

  draw(random: Mulberry): number {
    const point = random.below(this.total);
    return this.#ends.findIndex((end) => point < end);
  }
}

/** The generator mulberry32, in 32-bit integer arithmetic. */
class Mulberry {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** An integer from 0 to `bound` − 1; `bound` up to 2^31. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }
}

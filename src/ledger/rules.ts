import { type CanonicalJson, canonicalJson, type Rulebook } from "../formats/index.js";
import { utf8 } from "../primitives/index.js";
import { highOf, lowOf } from "./limbs.js";

/** A rail as execution reads it: amounts in two words, low first. */
export interface Rail {
  readonly number: number;
  readonly minimumLow: number;
  readonly minimumHigh: number;
  readonly maximumLow: number;
  readonly maximumHigh: number;
  readonly timeoutSecondsMax: number;
  readonly partialPost: boolean;
  readonly hasDailyMaximum: boolean;
  readonly dailyMaximumLow: number;
  readonly dailyMaximumHigh: number;
}

/** The rulebook in force, prepared for look-ups by number. */
export class Rules {
  readonly rulebook: Rulebook;
  readonly #rails: (Rail | undefined)[] = new Array(256).fill(undefined);
  readonly #assets: ReadonlySet<number>;

  constructor(rulebook: Rulebook) {
    this.rulebook = rulebook;
    this.#assets = new Set(rulebook.assets.map((asset) => asset.number));
    for (const rail of rulebook.rails) {
      const minimum = BigInt(rail.minimum);
      const maximum = BigInt(rail.maximum);
      const dailyMaximum = BigInt(rail.accountDailyMaximum ?? 0);
      this.#rails[rail.number] = {
        number: rail.number,
        minimumLow: lowOf(minimum),
        minimumHigh: highOf(minimum),
        maximumLow: lowOf(maximum),
        maximumHigh: highOf(maximum),
        timeoutSecondsMax: rail.timeoutSecondsMax,
        partialPost: rail.partialPost,
        hasDailyMaximum: rail.accountDailyMaximum !== undefined,
        dailyMaximumLow: lowOf(dailyMaximum),
        dailyMaximumHigh: highOf(dailyMaximum),
      };
    }
  }

  rail(number: number): Rail | undefined {
    return this.#rails[number];
  }

  hasAsset(number: number): boolean {
    return this.#assets.has(number);
  }

  /** Scheme day of a block time in milliseconds, as an unsigned 32-bit number. */
  schemeDay(timestamp: number): number {
    const seconds = Math.floor(timestamp / 1_000) + this.rulebook.schemeDayOffsetSeconds;
    return Math.floor(seconds / 86_400) >>> 0;
  }
}

const RULEBOOK_ENTRY_BYTES = 64;

/** The rulebook's canonical JSON, zeros up to whole entries: the bytes of its table. */
export function rulebookBytes(rulebook: Rulebook): Uint8Array {
  const text = utf8(canonicalJson(rulebook as unknown as CanonicalJson));
  const padded = new Uint8Array(Math.ceil(text.length / RULEBOOK_ENTRY_BYTES) * RULEBOOK_ENTRY_BYTES);
  padded.set(text);
  return padded;
}

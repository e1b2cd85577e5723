import { type CanonicalJson, canonicalJson, type Rulebook, type RulebookRail } from "../formats/index.js";
import { utf8 } from "../primitives/index.js";
import { highOf, lowOf } from "./limbs.js";

/** A rail as execution reads it: amounts in two words, low first. */
export interface Rail {
  readonly number: number;
  readonly minimumLow: number;
  readonly minimumHigh: number;
  readonly maximumLow: number;
  readonly maximumHigh: number;
  /** Longest time of a pending transfer; 0 where there are none. */
  readonly timeoutSecondsMax: number;
  /** Stands for a timeout of 0; 0 where a pending transfer must name one. */
  readonly timeoutSecondsUsual: number;
  readonly partialPost: boolean;
  readonly needsAcceptance: boolean;
  readonly isNet: boolean;
  /** Waits for liquidity instead of being rejected. */
  readonly queues: boolean;
  readonly queueSecondsMax: number;
  /** From the payer's bank to the beneficiary's. */
  readonly feeLow: number;
  readonly feeHigh: number;
  /** Whether initiations are counted against any maximum. */
  readonly isCounted: boolean;
  readonly hasDailyMaximum: boolean;
  readonly dailyMaximumLow: number;
  readonly dailyMaximumHigh: number;
  readonly hasWindowMaximum: boolean;
  readonly windowMaximumLow: number;
  readonly windowMaximumHigh: number;
}

/** An amount in two words. */
export interface Amount {
  readonly low: number;
  readonly high: number;
}

/** Above every exposure, also above one of more than 64 bits. */
export const NO_CAP: Amount = { low: 0, high: Number.MAX_SAFE_INTEGER };
const DAY_MS = 86_400_000;

/** The rulebook in force, prepared for look-ups by number. */
export class Rules {
  readonly rulebook: Rulebook;
  readonly #rails: (Rail | undefined)[] = new Array(256).fill(undefined);
  readonly #assets: ReadonlySet<number>;
  /** By asset and participant. */
  readonly #netDebitCaps = new Map<string, Amount>();
  readonly #netDebitCapDefault: Amount;

  constructor(rulebook: Rulebook) {
    this.rulebook = rulebook;
    this.#assets = new Set(rulebook.assets.map((asset) => asset.number));
    for (const rail of rulebook.rails) this.#rails[rail.number] = prepared(rail);
    for (const { participant, asset, cap } of rulebook.netDebitCaps ?? [])
      this.#netDebitCaps.set(`${asset}/${participant}`, amountOf(cap));
    const usual = rulebook.netDebitCapDefault;
    this.#netDebitCapDefault = usual === undefined ? NO_CAP : amountOf(usual);
  }

  rail(number: number): Rail | undefined {
    return this.#rails[number];
  }

  hasAsset(number: number): boolean {
    return this.#assets.has(number);
  }

  /** The most that a bank may owe in unsettled windows of an asset, beside its reserve. */
  netDebitCap(asset: number, participant: number): Amount {
    if (this.#netDebitCaps.size === 0) return this.#netDebitCapDefault;
    return this.#netDebitCaps.get(`${asset}/${participant}`) ?? this.#netDebitCapDefault;
  }

  /** The first window time after a block time, both UTC milliseconds; undefined where only the authority cuts. */
  nextCut(timestamp: number): number | undefined {
    const times = this.rulebook.windowTimes ?? [];
    const offset = this.rulebook.schemeDayOffsetSeconds * 1_000;
    const day = Math.floor((timestamp + offset) / DAY_MS) * DAY_MS - offset;
    const next = times.find((seconds) => day + seconds * 1_000 > timestamp);
    if (next !== undefined) return day + next * 1_000;
    return times.length === 0 ? undefined : day + DAY_MS + (times[0] as number) * 1_000;
  }

  /** Scheme day of a block time in milliseconds, as an unsigned 32-bit number. */
  schemeDay(timestamp: number): number {
    const seconds = Math.floor(timestamp / 1_000) + this.rulebook.schemeDayOffsetSeconds;
    return Math.floor(seconds / 86_400) >>> 0;
  }
}

function prepared(rail: RulebookRail): Rail {
  const minimum = amountOf(rail.minimum);
  const maximum = amountOf(rail.maximum);
  const dailyMaximum = amountOf(rail.accountDailyMaximum);
  const windowMaximum = amountOf(rail.bankWindowMaximum);
  const fee = amountOf(rail.fee);
  const needsAcceptance = rail.acceptance === true;
  const turnaround = needsAcceptance ? (rail.turnaroundSeconds ?? rail.timeoutSecondsMax) : 0;
  return {
    number: rail.number,
    minimumLow: minimum.low,
    minimumHigh: minimum.high,
    maximumLow: maximum.low,
    maximumHigh: maximum.high,
    timeoutSecondsMax: needsAcceptance ? turnaround : rail.timeoutSecondsMax,
    timeoutSecondsUsual: turnaround,
    partialPost: rail.partialPost,
    needsAcceptance,
    isNet: rail.settlement === "net",
    queues: rail.onShortage === "queue",
    queueSecondsMax: rail.queueSecondsMax ?? 0,
    feeLow: fee.low,
    feeHigh: fee.high,
    isCounted: rail.accountDailyMaximum !== undefined || rail.bankWindowMaximum !== undefined,
    hasDailyMaximum: rail.accountDailyMaximum !== undefined,
    dailyMaximumLow: dailyMaximum.low,
    dailyMaximumHigh: dailyMaximum.high,
    hasWindowMaximum: rail.bankWindowMaximum !== undefined,
    windowMaximumLow: windowMaximum.low,
    windowMaximumHigh: windowMaximum.high,
  };
}

function amountOf(text = "0"): Amount {
  const amount = BigInt(text);
  return { low: lowOf(amount), high: highOf(amount) };
}

const RULEBOOK_ENTRY_BYTES = 64;

/** The rulebook's canonical JSON, zeros up to whole entries: the bytes of its table. */
export function rulebookBytes(rulebook: Rulebook): Uint8Array {
  const text = utf8(canonicalJson(rulebook as unknown as CanonicalJson));
  const padded = new Uint8Array(Math.ceil(text.length / RULEBOOK_ENTRY_BYTES) * RULEBOOK_ENTRY_BYTES);
  padded.set(text);
  return padded;
}

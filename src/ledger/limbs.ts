/**
 * Unsigned 64-bit money as two 32-bit words, low first, inside typed arrays: the one place that knows
 * how. All sums here are exact: three words and a carry stay far below 2^53.
 */
const BASE = 0x1_0000_0000;

/** words[at] += value; the caller has checked that it fits. */
export function addTo(words: Uint32Array, at: number, low: number, high: number): void {
  const sum = (words[at] as number) + low;
  words[at] = sum;
  words[at + 1] = (words[at + 1] as number) + high + (sum >= BASE ? 1 : 0);
}

/** words[at] −= value; the caller has checked that it is there. */
export function subtractFrom(words: Uint32Array, at: number, low: number, high: number): void {
  const difference = (words[at] as number) - low;
  words[at] = difference;
  words[at + 1] = (words[at + 1] as number) - high - (difference < 0 ? 1 : 0);
}

/** Whether words[first] + words[second] + value < 2^64. */
export function sumFits(words: Uint32Array, first: number, second: number, low: number, high: number): boolean {
  const lows = (words[first] as number) + (words[second] as number) + low;
  const highs = (words[first + 1] as number) + (words[second + 1] as number) + high;
  return highs + Math.floor(lows / BASE) < BASE;
}

/** Whether words[first] + words[second] + value < 2^63. */
export function fitsBelowHalf(words: Uint32Array, first: number, second: number, low: number, high: number): boolean {
  const lows = (words[first] as number) + (words[second] as number) + low;
  const highs = (words[first + 1] as number) + (words[second + 1] as number) + high;
  return highs + Math.floor(lows / BASE) < BASE / 2;
}

/** Whether words[first] + words[second] + value ≤ words[bound]. */
export function sumWithin(
  words: Uint32Array,
  first: number,
  second: number,
  bound: number,
  low: number,
  high: number,
): boolean {
  const lows = (words[first] as number) + (words[second] as number) + low;
  const carry = Math.floor(lows / BASE);
  const highs = (words[first + 1] as number) + (words[second + 1] as number) + high + carry;
  const boundHigh = words[bound + 1] as number;
  return highs < boundHigh || (highs === boundHigh && lows - carry * BASE <= (words[bound] as number));
}

/** −1, 0 or 1 as the left amount is smaller, equal or larger. */
export function compareAmounts(leftLow: number, leftHigh: number, rightLow: number, rightHigh: number): -1 | 0 | 1 {
  if (leftHigh !== rightHigh) return leftHigh < rightHigh ? -1 : 1;
  return leftLow === rightLow ? 0 : leftLow < rightLow ? -1 : 1;
}

/** The amount at words[at], outside hot loops. */
export const amountAt = (words: Uint32Array, at: number): bigint =>
  (BigInt(words[at + 1] as number) << 32n) | BigInt(words[at] as number);

export const lowOf = (amount: bigint): number => Number(amount & 0xffff_ffffn);
export const highOf = (amount: bigint): number => Number(amount >> 32n);

/** A height or time, a safe integer, at words[at]. */
export const countAt = (words: Uint32Array, at: number): number =>
  (words[at] as number) + (words[at + 1] as number) * BASE;

export function writeCount(words: Uint32Array, at: number, value: number): void {
  words[at] = value >>> 0;
  words[at + 1] = Math.floor(value / BASE);
}

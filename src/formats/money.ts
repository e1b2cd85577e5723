/** Amounts between people and the ledger: decimal text on one side, minor units on the other. */

/** How an asset is written. */
export interface Denomination {
  /** ISO 4217 alphabetic code. */
  readonly code: string;
  /** Decimal digits of the minor unit. */
  readonly exponent: number;
}

const AMOUNT_MAX = 0xffff_ffff_ffff_ffffn;
const DECIMAL = /^(0|[1-9][0-9]{0,19})(?:\.([0-9]+))?$/;

/**
 * Decimal text as minor units: `"2452.5"` with exponent 2 is `245250n`.
 *
 * Only digits and one point are an amount: a sign, grouping, an exponent, white space, a leading zero
 * or more decimals than the asset has give `undefined`, since guessing would move the wrong sum.
 *
 * @returns 0 … 2^64 − 1, or `undefined`
 */
export function parseMoney(text: string, exponent: number): bigint | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const decimals = match[2] ?? "";
  if (decimals.length > exponent) return undefined;
  const minorUnits = BigInt((match[1] as string) + decimals.padEnd(exponent, "0"));
  return minorUnits <= AMOUNT_MAX ? minorUnits : undefined;
}

/** Plain decimal text without grouping, all decimals written; what `parseMoney` reads back. */
export function formatMoney(minorUnits: bigint, exponent: number): string {
  const { sign, whole, decimals } = split(minorUnits, exponent);
  return sign + whole + decimals;
}

/** For people: `₹10,00,000.00` (Indian grouping) for rupees, `CZK 1,000,000.00` for everything else. */
export function displayMoney(minorUnits: bigint, asset: Denomination): string {
  const { sign, whole, decimals } = split(minorUnits, asset.exponent);
  if (asset.code !== "INR") return `${asset.code} ${sign}${group(whole, 3)}${decimals}`;
  const thousands = whole.slice(-3);
  const above = whole.slice(0, -3);
  return `${sign}₹${above === "" ? "" : `${group(above, 2)},`}${thousands}${decimals}`;
}

function split(minorUnits: bigint, exponent: number): { sign: string; whole: string; decimals: string } {
  const sign = minorUnits < 0n ? "-" : "";
  const digits = (minorUnits < 0n ? -minorUnits : minorUnits).toString().padStart(exponent + 1, "0");
  const point = digits.length - exponent;
  return { sign, whole: digits.slice(0, point), decimals: exponent === 0 ? "" : `.${digits.slice(point)}` };
}

function group(digits: string, size: number): string {
  const groups: string[] = [];
  for (let end = digits.length; end > 0; end -= size) groups.unshift(digits.slice(Math.max(0, end - size), end));
  return groups.join(",");
}

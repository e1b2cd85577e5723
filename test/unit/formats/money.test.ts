import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { displayMoney, formatMoney, parseMoney } from "../../../src/formats/index.js";

const RUPEE = { code: "INR", exponent: 2 };

describe("amounts of money", () => {
  test.each([
    ["0", 2, 0n],
    ["2452.00", 2, 245_200n],
    ["2452.5", 2, 245_250n],
    ["3372.70", 2, 337_270n],
    ["7", 0, 7n],
    ["184467440737095516.15", 2, 0xffff_ffff_ffff_ffffn],
  ])("%s with exponent %i is an amount", (text, exponent, minorUnits) => {
    expect(parseMoney(text, exponent)).toBe(minorUnits);
  });

  test.each([
    "",
    "-1",
    "+1",
    "1,000",
    "1e3",
    " 1",
    "1 ",
    "1.",
    ".5",
    "01",
    "1.005",
    "0x10",
    "१००",
    "184467440737095516.16",
    "9".repeat(40),
  ])("attack 90: %j is no amount of rupees", (text) => {
    expect(parseMoney(text, 2)).toBeUndefined();
  });

  test("a currency without decimals takes none", () => {
    expect(parseMoney("1.0", 0)).toBeUndefined();
  });

  test("every amount is read back from its plain form", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 0xffff_ffff_ffff_ffffn), fc.integer({ min: 0, max: 18 }), (amount, exponent) => {
        expect(parseMoney(formatMoney(amount, exponent), exponent)).toBe(amount);
      }),
    );
  });

  test.each([
    [0n, "₹0.00"],
    [99n, "₹0.99"],
    [100_000n, "₹1,000.00"],
    [10_000_000n, "₹1,00,000.00"],
    [123_456_789_012n, "₹1,23,45,67,890.12"],
    [-10_000_000n, "-₹1,00,000.00"],
  ])("%i paise are shown in Indian grouping", (minorUnits, shown) => {
    expect(displayMoney(minorUnits, RUPEE)).toBe(shown);
  });

  test("other currencies are shown in groups of three behind their code", () => {
    expect(displayMoney(123_456_789n, { code: "CZK", exponent: 2 })).toBe("CZK 1,234,567.89");
    expect(displayMoney(1_000n, { code: "JPY", exponent: 0 })).toBe("JPY 1,000");
  });
});

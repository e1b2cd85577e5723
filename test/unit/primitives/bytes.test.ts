import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  assert,
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  InvariantError,
  isDigest,
  isId128,
  toHex,
  unreachable,
  utf8,
} from "../../../src/primitives/index.js";

const bytes = fc.uint8Array({ maxLength: 40 });

describe("hexadecimal", () => {
  test("round trip", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(fromHex(toHex(value))).toEqual(value);
      }),
    );
  });

  test("attack 8: there is one form: no upper case, prefix, space or half byte", () => {
    expect(["AB", "0xab", " ab", "ab ", "abc", "g0", "0g", "٠٠", "a\u0000"].map(fromHex)).toEqual(
      new Array(9).fill(undefined),
    );
  });

  test("any text that is accepted is the form that is written", () => {
    const text = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABx "), maxLength: 8 });
    fc.assert(
      fc.property(text, (value) => {
        const parsed = fromHex(value);
        expect(parsed === undefined || toHex(parsed) === value).toBe(true);
      }),
    );
  });

  test("digests and identifiers have exact lengths", () => {
    expect([isDigest("0".repeat(64)), isDigest("0".repeat(63)), isDigest("A".repeat(64)), isDigest(0)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([isId128("f".repeat(32)), isId128(`${"f".repeat(32)}\n`), isId128("f".repeat(64))]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("comparison", () => {
  test("equal exactly where the order says so; the order is total and puts prefixes first", () => {
    fc.assert(
      fc.property(bytes, bytes, (left, right) => {
        expect(equalBytes(left, right)).toBe(compareBytes(left, right) === 0);
        expect(compareBytes(left, right) + compareBytes(right, left)).toBe(0);
        const byText = toHex(left) === toHex(right) ? 0 : toHex(left) < toHex(right) ? -1 : 1;
        expect(compareBytes(left, right)).toBe(byText);
        expect(compareBytes(left, concatBytes(left, new Uint8Array(1)))).toBe(-1);
      }),
    );
  });
});

test("joined bytes are all parts in order, and their own memory", () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
      const joined = concatBytes(...parts);
      expect([...joined]).toEqual(parts.flatMap((part) => [...part]));
      expect(parts.some((part) => part.buffer === joined.buffer)).toBe(false);
    }),
  );
});

test("text is UTF-8", () => {
  expect(toHex(utf8("₹é"))).toBe("e282b9c3a9");
  const long = Uint8Array.from({ length: 5_000 }, (_, index) => index * 7);
  expect(toHex(long)).toBe(Buffer.from(long).toString("hex"));
  expect(fromHex(toHex(long))).toEqual(long);
});

test("a false assertion and an impossible case die loudly", () => {
  expect(() => assert(false, "why")).toThrow(new InvariantError("why"));
  expect(() => assert(true, "why")).not.toThrow();
  expect(() => unreachable("case" as never)).toThrow(InvariantError);
});

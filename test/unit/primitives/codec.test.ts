import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Decoded, decode, InvariantError, type Reader, toHex, Writer } from "../../../src/primitives/index.js";

/** One field of a made-up format: how to write a value, how to read it back. */
interface Field {
  readonly name: string;
  readonly write: (writer: Writer) => void;
  readonly read: (reader: Reader) => unknown;
  readonly expected: unknown;
}

const bytesOf = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.nat(0xff).map((value) => ({
    name: "u8",
    write: (writer: Writer) => void writer.u8(value),
    read: (reader: Reader) => reader.u8(),
    expected: value,
  })),
  fc.nat(0xffff).map((value) => ({
    name: "u16",
    write: (writer: Writer) => void writer.u16(value),
    read: (reader: Reader) => reader.u16(),
    expected: value,
  })),
  fc.nat(0xffff_ffff).map((value) => ({
    name: "u32",
    write: (writer: Writer) => void writer.u32(value),
    read: (reader: Reader) => reader.u32(),
    expected: value,
  })),
  fc.maxSafeNat().map((value) => ({
    name: "u64",
    write: (writer: Writer) => void writer.u64(value),
    read: (reader: Reader) => reader.u64(),
    expected: value,
  })),
  fc.bigInt(0n, 0xffff_ffff_ffff_ffffn).map((value) => ({
    name: "amount",
    write: (writer: Writer) => void writer.amount(value),
    read: (reader: Reader) => reader.amount(),
    expected: value,
  })),
  bytesOf(1, 40).map((value) => ({
    name: "fixed",
    write: (writer: Writer) => void writer.fixed(value),
    read: (reader: Reader) => reader.fixed(value.length),
    expected: value,
  })),
  bytesOf(32, 32).map((value) => ({
    name: "digest",
    write: (writer: Writer) => void writer.hex(toHex(value)),
    read: (reader: Reader) => reader.digest(),
    expected: toHex(value),
  })),
  bytesOf(16, 16).map((value) => ({
    name: "id128",
    write: (writer: Writer) => void writer.hex(toHex(value)),
    read: (reader: Reader) => reader.id128(),
    expected: toHex(value),
  })),
  bytesOf(0, 300).map((value) => ({
    name: "variable",
    write: (writer: Writer) => void writer.variable(value),
    read: (reader: Reader) => reader.variable(300),
    expected: value,
  })),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((value) => ({
    name: "text",
    write: (writer: Writer) => void writer.text(value),
    read: (reader: Reader) => reader.text(1_000),
    expected: value,
  })),
  fc.option(fc.nat(0xff), { nil: undefined }).map((value) => ({
    name: "optional",
    write: (writer: Writer) => void writer.optional(value, (present) => void writer.u8(present)),
    read: (reader: Reader) => reader.optional(() => reader.u8()),
    expected: value,
  })),
  fc.array(fc.nat(0xffff), { maxLength: 8 }).map((value) => ({
    name: "list",
    write: (writer: Writer) => void writer.list(value, (item) => void writer.u16(item)),
    read: (reader: Reader) => reader.list(8, () => reader.u16()),
    expected: value,
  })),
);
const fields = fc.array(field, { minLength: 1, maxLength: 12 });

function encoded(format: readonly Field[]): Uint8Array {
  const writer = new Writer(1);
  for (const each of format) each.write(writer);
  return writer.finish();
}

const decoded = (format: readonly Field[], bytes: Uint8Array): Decoded<unknown[]> =>
  decode(bytes, (reader) => format.map((each) => each.read(reader)));

/** A reader of one field, of whatever type. */
type Read = (reader: Reader) => unknown;

const codeOf = (result: Decoded<unknown>): string => (result.ok ? "ok" : result.fault.code);

describe("any sequence of fields", () => {
  test("is read back as it was written, also from the middle of a larger buffer", () => {
    fc.assert(
      fc.property(fields, fc.nat(9), (format, offset) => {
        const bytes = encoded(format);
        const frame = new Uint8Array(bytes.length + 20).fill(0xaa);
        frame.set(bytes, offset);
        const value = format.map(({ expected }) => expected);
        expect(decoded(format, frame.subarray(offset, offset + bytes.length))).toEqual({ ok: true, value });
      }),
    );
  });

  test("attack 77: cut at any byte it is TRUNCATED, without reading past the end", () => {
    fc.assert(
      fc.property(fields, (format) => {
        const bytes = encoded(format);
        for (let length = 0; length < bytes.length; length += 1) {
          const frame = new Uint8Array([...bytes.subarray(0, length), ...new Uint8Array(64)]);
          expect(codeOf(decoded(format, frame.subarray(0, length)))).toBe("TRUNCATED");
        }
      }),
    );
  });

  test("with bytes behind it is refused", () => {
    fc.assert(
      fc.property(fields, bytesOf(1, 9), (format, tail) => {
        expect(codeOf(decoded(format, new Uint8Array([...encoded(format), ...tail])))).toBe("TRAILING_BYTES");
      }),
    );
  });
});

describe("the encoding itself", () => {
  test("integers are little-endian and of fixed width, lists and variable bytes stand behind a u32", () => {
    const writer = new Writer();
    writer
      .u8(1)
      .u16(0x0203)
      .u32(0x0405_0607)
      .u64(2 ** 32 + 8)
      .amount(0xff00_0000_0000_0001n);
    writer
      .variable(new Uint8Array([0xbe, 0xef]))
      .text("é")
      .list([1, 2], (item) => void writer.u8(item));
    writer.optional(undefined, () => {}).optional(7, (item) => void writer.u8(item));
    expect(toHex(writer.finish())).toBe(
      "01" +
        "0302" +
        "07060504" +
        "0800000001000000" +
        "01000000000000ff" +
        "02000000beef" +
        "02000000c3a9" +
        "020000000102" +
        "00" +
        "0107",
    );
  });

  test("a writer that grows keeps what it has, and hands out copies", () => {
    const writer = new Writer(1).fixed(new Uint8Array(100).fill(1));
    const first = writer.finish();
    writer.fixed(new Uint8Array(5_000).fill(2));
    expect(first).toEqual(new Uint8Array(100).fill(1));
    expect(writer.finish()).toEqual(new Uint8Array([...first, ...new Uint8Array(5_000).fill(2)]));
  });
});

describe("attack 42: numbers that JavaScript cannot hold", () => {
  const eight = (value: bigint): Uint8Array => new Writer().amount(value).finish();

  test.each([2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n])("u64 %d is refused", (value) => {
    expect(codeOf(decode(eight(value), (reader) => reader.u64()))).toBe("OUT_OF_RANGE");
  });

  test("u64 2^53 − 1 is the largest", () => {
    const result = decode(eight(2n ** 53n - 1n), (reader) => reader.u64());
    expect(result).toEqual({ ok: true, value: Number.MAX_SAFE_INTEGER });
  });

  test.each([-1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])("u64 %d is never written", (value) => {
    expect(() => new Writer().u64(value)).toThrow(InvariantError);
  });

  test("no writer wraps a value around", () => {
    expect(() => new Writer().u8(256)).toThrow(InvariantError);
    expect(() => new Writer().u16(-1)).toThrow(InvariantError);
    expect(() => new Writer().u32(2 ** 32)).toThrow(InvariantError);
    expect(() => new Writer().amount(2n ** 64n)).toThrow(InvariantError);
    expect(() => new Writer().amount(-1n)).toThrow(InvariantError);
    expect(() => new Writer().hex("AB")).toThrow(InvariantError);
  });
});

describe("attack 77: lengths that promise more than there is", () => {
  const prefix = (length: number): Uint8Array => new Writer().u32(length).finish();

  test.each<[name: string, read: Read]>([
    ["bytes", (reader: Reader) => reader.variable(1_000)],
    ["text", (reader: Reader) => reader.text(1_000)],
    ["list", (reader: Reader) => reader.list(1_000, () => reader.u8())],
  ])("%s above the bound are refused by the length alone", (_name, read) => {
    for (const length of [1_001, 2 ** 31, 2 ** 32 - 1]) expect(codeOf(decode(prefix(length), read))).toBe("TOO_LONG");
    expect(codeOf(decode(prefix(1_000), read))).toBe("TRUNCATED");
  });

  test("a list whose items never come stops at the first", () => {
    let reads = 0;
    const result = decode(prefix(1_000_000), (reader) =>
      reader.list(1_000_000, () => {
        reads += 1;
        return reader.u8();
      }),
    );
    expect([codeOf(result), reads]).toEqual(["TRUNCATED", 1]);
  });
});

describe("one encoding of each value", () => {
  test.each([2, 3, 255])("a presence byte of %d is refused", (presence) => {
    expect(codeOf(decode(new Uint8Array([presence, 0]), (reader) => reader.optional(() => reader.u8())))).toBe(
      "BAD_VALUE",
    );
  });

  test.each([
    ["overlong", [0xc0, 0x80]],
    ["surrogate", [0xed, 0xa0, 0x80]],
    ["above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["cut", [0xe2, 0x82]],
  ])("attack 103: text that is not UTF-8 (%s) is refused", (_name, bytes) => {
    const encodedText = new Writer().variable(new Uint8Array(bytes)).finish();
    expect(codeOf(decode(encodedText, (reader) => reader.text(10)))).toBe("BAD_VALUE");
  });

  test("attack 103: a byte-order mark is text like any other", () => {
    const bytes = new Writer().text("\ufeffa").finish();
    expect(decode(bytes, (reader) => reader.text(10))).toEqual({ ok: true, value: "\ufeffa" });
  });
});

describe("faults", () => {
  test("what a format refuses comes back as a value", () => {
    const result = decode(new Uint8Array(1), (reader) => reader.refuse("no such kind"));
    expect(result).toEqual({ ok: false, fault: { code: "BAD_VALUE", detail: "no such kind" } });
  });

  test("attack 37: our own mistake is not taken for the peer's", () => {
    const mistake = (): never => {
      throw new TypeError("ours");
    };
    expect(() => decode(new Uint8Array(0), mistake)).toThrow(TypeError);
  });

  test("decoded bytes of one of Node's buffers can be copied out of it", () => {
    const frame = Buffer.from([1, 2, 3]);
    const result = decode(frame, (reader) => reader.fixed(3).slice());
    frame.fill(0);
    expect(result).toEqual({ ok: true, value: new Uint8Array([1, 2, 3]) });
  });
});

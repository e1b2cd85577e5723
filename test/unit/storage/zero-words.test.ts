import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packWords, unpackWords } from "../../../src/storage/zero-words.js";

const MAX = 4_096;

/** Bytes of which many are zero, whole words of them too. */
const sparse = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([0, 0, 0, 0]) },
      fc.array(fc.nat(255), { minLength: 1, maxLength: 5 }),
    ),
    {
      maxLength: 200,
    },
  )
  .map((parts) => Uint8Array.from(parts.flat()));

describe("words that are not zero", () => {
  test("come back as they were, wherever the bytes lie in their buffer", () => {
    fc.assert(
      fc.property(sparse, fc.nat(7), (bytes, offset) => {
        const moved = new Uint8Array(offset + bytes.length);
        moved.set(bytes, offset);
        expect(unpackWords(packWords(moved.subarray(offset)), MAX)).toEqual(bytes);
      }),
    );
  });

  test("are all that is kept", () => {
    const bytes = new Uint8Array(8 * 128);
    bytes[4] = 1;
    bytes[1_000] = 1;
    expect(packWords(bytes).length).toBe(4 + 8 * 4 + 2 * 4);
  });

  test("nothing else is read: another length, a mask beyond the end, words too many or too few, more than is allowed", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0, 5);
    const packed = packWords(bytes);
    expect(unpackWords(packed, 9)).toEqual(bytes);
    expect(unpackWords(packed, 8)).toBeUndefined();
    expect(unpackWords(packed.subarray(0, packed.length - 4), MAX)).toBeUndefined();
    expect(unpackWords(packed.subarray(0, packed.length - 1), MAX)).toBeUndefined();
    expect(unpackWords(new Uint8Array([...packed, 0, 0, 0, 0]), MAX)).toBeUndefined();
    expect(unpackWords(new Uint8Array(0), MAX)).toBeUndefined();
    const beyond = packed.slice();
    beyond[4] = 0b1001;
    expect(unpackWords(beyond, MAX)).toBeUndefined();
    const longer = packed.slice();
    longer[0] = 200;
    expect(unpackWords(longer, MAX)).toBeUndefined();
  });
});

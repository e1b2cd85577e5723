/** Small conversions between bytes and text; Node's Buffer is not used, so that proofs run in a browser. */
const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));
const textEncoder = new TextEncoder();

/** Longer texts are written as bytes first: joining millions of strings takes twenty times as long. */
const JOINED_BYTES_MAX = 512;
const DIGITS = textEncoder.encode("0123456789abcdef");
const textDecoder = new TextDecoder();

/** Bytes as lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length > JOINED_BYTES_MAX) return textDecoder.decode(hexDigits(bytes));
  let text = "";
  for (let index = 0; index < bytes.length; index += 1) text += HEX[bytes[index] as number];
  return text;
}

function hexDigits(bytes: Uint8Array): Uint8Array {
  const digits = new Uint8Array(bytes.length * 2);
  for (let index = 0, at = 0; index < bytes.length; index += 1, at += 2) {
    const byte = bytes[index] as number;
    digits[at] = DIGITS[byte >>> 4] as number;
    digits[at + 1] = DIGITS[byte & 15] as number;
  }
  return digits;
}

/**
 * Lower-case hexadecimal as bytes; one canonical form, so upper case, a prefix or an odd length give
 * `undefined`.
 */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  if (text.length > 2 * JOINED_BYTES_MAX) return bytesOfDigits(textEncoder.encode(text), text.length);
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0, at = 0; index < bytes.length; index += 1, at += 2) {
    const value = nibble(text, at) * 16 + nibble(text, at + 1);
    if (value < 0) return undefined;
    bytes[index] = value;
  }
  return bytes;
}

/** What `fromHex` does, for long texts: looking at characters of a text one by one takes four times as long as writing them first. */
function bytesOfDigits(digits: Uint8Array, length: number): Uint8Array | undefined {
  // A character that is no digit may take more than a byte.
  if (digits.length !== length) return undefined;
  const bytes = new Uint8Array(length / 2);
  let sum = 0;
  for (let index = 0, at = 0; index < bytes.length; index += 1, at += 2) {
    const value = (VALUES[digits[at] as number] as number) * 16 + (VALUES[digits[at + 1] as number] as number);
    sum |= value;
    bytes[index] = value;
  }
  return sum < 0 ? undefined : bytes;
}

/** Below every sum of a digit and sixteen times another. */
const NO_DIGIT = -0x100;

/** By character code. */
const VALUES = Int16Array.from({ length: 256 }, (_, code) => DIGITS.indexOf(code)).map((value) =>
  value < 0 ? NO_DIGIT : value,
);

const nibble = (text: string, at: number): number => {
  const code = text.charCodeAt(at);
  return code < 256 ? (VALUES[code] as number) : NO_DIGIT;
};

/** UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array => textEncoder.encode(text);

/** One array holding all parts in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Byte-wise equality. Not constant in time: never for secrets. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) if (left[index] !== right[index]) return false;
  return true;
}

/** Byte-wise order, a prefix first: −1, 0 or 1. */
export function compareBytes(left: Uint8Array, right: Uint8Array): -1 | 0 | 1 {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return left.length === right.length ? 0 : left.length < right.length ? -1 : 1;
}

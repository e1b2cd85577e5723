import { fromHex } from "../primitives/index.js";
import { type CanonicalJson, canonicalJson } from "./canonical-json.js";

/** Where a portable JSON file is not what it should be; `path` is like `validators[2].consensusKey`. */
export interface ShapeFault {
  readonly path: string;
  readonly detail: string;
}

export type Shaped<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: ShapeFault };

/** Checks an unknown JSON value and returns it typed; throws a `ShapeError`, which `parseCanonical` catches. */
export type Shape<T> = (value: unknown, path: string) => T;

/** Thrown by shapes and nothing else. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
  readonly fault: ShapeFault;

  constructor(path: string, detail: string) {
    super(`${path}: ${detail}`);
    this.fault = { path, detail };
  }
}

/**
 * Reads a portable file: UTF-8, JSON, in its one canonical encoding, of the given shape. The comparison
 * with the canonical encoding also refuses repeated members, other number forms and escapes.
 */
export function parseCanonical<T>(bytes: Uint8Array, bytesMax: number, shape: Shape<T>): Shaped<T> {
  const fault = (path: string, detail: string): Shaped<T> => ({ ok: false, fault: { path, detail } });
  if (bytes.length > bytesMax) return fault("", `the file has ${bytes.length} bytes where ${bytesMax} are allowed`);
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fault("", "the file is not UTF-8 text");
  }
  try {
    parsed = JSON.parse(text);
  } catch {
    return fault("", "the file is not complete JSON");
  }
  try {
    const value = shape(parsed, "");
    if (canonicalJson(value as CanonicalJson) !== text) return fault("", "the file is not in its canonical encoding");
    return { ok: true, value };
  } catch (error) {
    if (error instanceof ShapeError) return { ok: false, fault: error.fault };
    throw error;
  }
}

/** Exactly these members, and perhaps those of `optional`. */
export function object<T extends object, O extends object = Record<never, never>>(
  required: { readonly [K in keyof T]: Shape<T[K]> },
  optional?: { readonly [K in keyof O]: Shape<O[K]> },
): Shape<T & Partial<O>> {
  const members = new Map(Object.entries({ ...required, ...optional }) as [string, Shape<unknown>][]);
  const needed = Object.keys(required);
  return (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new ShapeError(path, "not an object");
    const within = (key: string): string => (path === "" ? key : `${path}.${key}`);
    for (const key of needed) if (!Object.hasOwn(value, key)) throw new ShapeError(within(key), "missing");
    for (const [key, member] of Object.entries(value)) {
      const shape = members.get(key);
      if (shape === undefined) throw new ShapeError(within(key.slice(0, 64)), "unknown member");
      shape(member, within(key));
    }
    return value as T & Partial<O>;
  };
}

/** Between `min` and `max` items of one shape. */
export function list<T>(min: number, max: number, item: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, "not a list");
    if (value.length < min || value.length > max)
      throw new ShapeError(path, `${value.length} items where ${min} to ${max} are allowed`);
    for (let index = 0; index < value.length; index += 1) item(value[index], `${path}[${index}]`);
    return value as readonly T[];
  };
}

/** An integer within bounds; negative zero has no canonical encoding and is none. */
export function integer(min: number, max: number): Shape<number> {
  return (value, path) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || Object.is(value, -0))
      throw new ShapeError(path, "not an integer");
    if (value < min || value > max) throw new ShapeError(path, `${value} is not within ${min} to ${max}`);
    return value;
  };
}

export const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw new ShapeError(path, "neither true nor false");
  return value;
};

/** A text of one form; `what` completes the sentence "not …". */
export function text(pattern: RegExp, what: string): Shape<string> {
  return (value, path) => {
    if (typeof value !== "string" || !pattern.test(value)) throw new ShapeError(path, `not ${what}`);
    return value;
  };
}

/** One of a closed list of words. */
export function oneOf<T extends string>(...words: readonly T[]): Shape<T> {
  return (value, path) => {
    if (!words.includes(value as T)) throw new ShapeError(path, `not one of ${words.join(", ")}`);
    return value as T;
  };
}

/** Lower-case hexadecimal of between `min` and `max` bytes. */
export function hex(min: number, max = min): Shape<string> {
  return (value, path) => {
    const bytes = typeof value === "string" && value.length <= 2 * max ? fromHex(value) : undefined;
    if (bytes === undefined || bytes.length < min) {
      throw new ShapeError(path, `not ${min === max ? min : `${min} to ${max}`} bytes in lower-case hexadecimal`);
    }
    return value as string;
  };
}

const DECIMAL = /^(?:0|[1-9][0-9]{0,19})$/;

/** An unsigned 64-bit amount as a decimal string without leading zeros. */
export const amount: Shape<string> = (value, path) => {
  if (typeof value !== "string" || !DECIMAL.test(value) || BigInt(value) > 0xffff_ffff_ffff_ffffn)
    throw new ShapeError(path, "not an amount: a decimal string of minor units below 2^64");
  return value;
};

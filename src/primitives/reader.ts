import { toHex } from "./bytes.js";
import type { Digest, Id128 } from "./names.js";

/** Why bytes are not the canonical form of anything. The sentence is for operators, the code for programs. */
export type DecodeFault = {
  readonly code: "TRUNCATED" | "TRAILING_BYTES" | "OUT_OF_RANGE" | "TOO_LONG" | "BAD_VALUE";
  readonly detail: string;
};

/** Thrown by `Reader` and nothing else; `decode` turns it into a value. */
class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly fault: DecodeFault;

  constructor(fault: DecodeFault) {
    super(`${fault.code}: ${fault.detail}`);
    this.fault = fault;
  }
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: DecodeFault };

/**
 * Decodes the whole of `bytes`. Peers' and files' mistakes come back as a fault; anything else that is
 * thrown is our own mistake and passes through.
 */
export function decode<T>(bytes: Uint8Array, read: (reader: Reader) => T): Decoded<T> {
  try {
    const reader = new Reader(bytes);
    const value = read(reader);
    reader.end();
    return { ok: true, value };
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, fault: error.fault };
    throw error;
  }
}

/** Reads the canonical binary form that `Writer` writes; every length is checked before it is used. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    // A plain view: the `slice` of Node's Buffer would share memory instead of copying.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A count, height, view or time; refuses what a safe integer cannot hold. */
  u64(): number {
    const low = this.u32();
    const high = this.u32();
    if (high > 0x1f_ffff) throw new DecodeError({ code: "OUT_OF_RANGE", detail: "integer above 2^53 - 1" });
    return high * 0x1_0000_0000 + low;
  }

  amount(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A view onto `length` bytes: shares memory with the input. */
  fixed(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  digest(): Digest {
    return toHex(this.fixed(32)) as Digest;
  }

  id128(): Id128 {
    return toHex(this.fixed(16)) as Id128;
  }

  /** Bytes behind a u32 length of at most `max`. */
  variable(max: number): Uint8Array {
    const length = this.u32();
    if (length > max) throw new DecodeError({ code: "TOO_LONG", detail: `${length} bytes where ${max} are allowed` });
    return this.fixed(length);
  }

  /** UTF-8 text; ill-formed sequences are refused, so text has one encoding. */
  text(max: number): string {
    const bytes = this.variable(max);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new DecodeError({ code: "BAD_VALUE", detail: "text is not UTF-8" });
    }
  }

  optional<T>(read: () => T): T | undefined {
    const presence = this.u8();
    if (presence > 1) throw new DecodeError({ code: "BAD_VALUE", detail: `presence byte ${presence}` });
    return presence === 1 ? read() : undefined;
  }

  list<T>(max: number, read: () => T): T[] {
    const length = this.u32();
    if (length > max) throw new DecodeError({ code: "TOO_LONG", detail: `${length} items where ${max} are allowed` });
    const values: T[] = [];
    for (let index = 0; index < length; index += 1) values.push(read());
    return values;
  }

  /** Refuses a value that the format does not know. */
  refuse(detail: string): never {
    throw new DecodeError({ code: "BAD_VALUE", detail });
  }

  /** Refuses trailing bytes. */
  end(): void {
    if (this.#offset !== this.#bytes.length) {
      throw new DecodeError({ code: "TRAILING_BYTES", detail: `${this.#bytes.length - this.#offset} bytes too many` });
    }
  }

  #take(length: number): number {
    const start = this.#offset;
    if (length > this.#bytes.length - start) {
      throw new DecodeError({
        code: "TRUNCATED",
        detail: `${length} bytes wanted, ${this.#bytes.length - start} left`,
      });
    }
    this.#offset = start + length;
    return start;
  }
}

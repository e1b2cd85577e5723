import { ClassicLevel } from "classic-level";
import { type Decoded, decode, type Height, type Reader } from "../primitives/index.js";
import { classify, corrupt } from "./fault.js";
import { type Kind, rangeOf, unseal } from "./keyspace.js";
import type { Operation } from "./staging.js";

/**
 * LevelDB with our checks around it. Its own checksums are not verified on reads and what it drops during
 * recovery it drops silently, so nothing that comes out of it is believed without ours.
 */
export class Level {
  readonly #path: string;
  readonly #level: ClassicLevel<Uint8Array, Uint8Array>;
  /** The newest change of each key that readers see already and LevelDB has not. */
  readonly #held = new Map<string, Operation>();
  #heldBytes = 0;

  private constructor(path: string, level: ClassicLevel<Uint8Array, Uint8Array>) {
    this.#path = path;
    this.#level = level;
  }

  /**
   * Takes the exclusive lock. Hashes and signatures do not compress, so compression is off.
   *
   * @param path of the store, for faults
   * @throws {StoreError} STORE_LOCKED, STORE_CORRUPT, STORE_FULL, STORE_IO
   */
  static async open(path: string, directory: string): Promise<Level> {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: "view",
      valueEncoding: "view",
      compression: false,
      writeBufferSize: 16 * 1_048_576,
      cacheSize: 32 * 1_048_576,
      maxFileSize: 8 * 1_048_576,
    });
    try {
      await level.open();
    } catch (error) {
      throw classify(error, path);
    }
    return new Level(path, level);
  }

  /**
   * Payload and checksum under a key.
   *
   * @throws {StoreError} STORE_CORRUPT when the value is not the one that was written there
   */
  get(key: Uint8Array): { readonly payload: Uint8Array; readonly checksum: number } | undefined {
    const value = this.getRaw(key);
    if (value === undefined) return undefined;
    const unsealed = unseal(key, value);
    if (unsealed === undefined) throw corrupt(this.#path, `the value under key ${hexOf(key)} fails its checksum`);
    return unsealed;
  }

  /** Decodes the payload under a key. */
  decode<T>(key: Uint8Array, read: (reader: Reader) => T, height?: Height): T | undefined {
    const found = this.get(key);
    if (found === undefined) return undefined;
    const decoded: Decoded<T> = decode(found.payload, read);
    if (decoded.ok) return decoded.value;
    throw corrupt(this.#path, `the value under key ${hexOf(key)} does not decode: ${decoded.fault.detail}`, height);
  }

  /** The bytes under a key, unchecked. */
  getRaw(key: Uint8Array): Uint8Array | undefined {
    const held = this.#held.get(nameOf(key));
    if (held !== undefined) return held.value;
    try {
      const value = this.#level.getSync(key);
      return value === undefined ? undefined : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    } catch (error) {
      throw classify(error, this.#path);
    }
  }

  /** All keys of a kind with their checksums, each value checked, in order; not for a time when changes are held. */
  async *entries(kind: Kind): AsyncGenerator<{ readonly key: Uint8Array; readonly checksum: number }> {
    try {
      for await (const [key, value] of this.#level.iterator(rangeOf(kind))) {
        const unsealed = unseal(key, value);
        if (unsealed === undefined) throw corrupt(this.#path, `the value under key ${hexOf(key)} fails its checksum`);
        yield { key: new Uint8Array(key), checksum: unsealed.checksum };
      }
    } catch (error) {
      throw classify(error, this.#path);
    }
  }

  async isEmpty(): Promise<boolean> {
    try {
      for await (const _ of this.#level.keys({ limit: 1 })) return false;
      return true;
    } catch (error) {
      throw classify(error, this.#path);
    }
  }

  /** Makes changes that readers see from now on and that the next `flush` writes. Values must not change meanwhile. */
  hold(operations: Iterable<Operation>): void {
    for (const operation of operations) {
      this.#held.set(nameOf(operation.key), operation);
      this.#heldBytes += sizeOf(operation);
    }
  }

  /** Bytes of all changes since the last `flush`, those that another one replaced too. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Writes what is held, and more, atomically, and returns when all is on the disk.
   *
   * @returns bytes of keys and values
   */
  async flush(operations: Iterable<Operation>): Promise<number> {
    const batch = this.#level.batch();
    let bytes = 0;
    for (const operation of [...this.#held.values(), ...operations]) {
      const { key, value } = operation;
      if (value === undefined) batch.del(key);
      else batch.put(key, value);
      bytes += sizeOf(operation);
    }
    await batch.write({ sync: true });
    this.#held.clear();
    this.#heldBytes = 0;
    return bytes;
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

const hexOf = (key: Uint8Array): string => Buffer.from(key).toString("hex");

const nameOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");

const sizeOf = ({ key, value }: Operation): number => key.length + (value?.length ?? 0);

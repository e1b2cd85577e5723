import { createHash } from "node:crypto";

/**
 * Running SHA-256 over everything that reaches a node, in order: two runs of one seed that differ
 * anywhere have different digests (attack 108).
 */
export class Trace {
  readonly #hash = createHash("sha256");
  #events = 0;

  /** @param content what was delivered, where it is bytes */
  record(at: number, what: string, content?: Uint8Array): void {
    this.#events += 1;
    this.#hash.update(`${at} ${what} ${content?.length ?? ""}\n`);
    if (content !== undefined) this.#hash.update(content);
  }

  get events(): number {
    return this.#events;
  }

  /** Hexadecimal digest so far. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}

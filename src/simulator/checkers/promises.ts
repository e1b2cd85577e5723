import type { Block } from "../../consensus/index.js";
import { RESULT } from "../../formats/index.js";
import type { Digest } from "../../primitives/index.js";
import type { ReplicaFact, SubmitVerdict } from "../../replica/index.js";
import type { Contents } from "../store-contents.js";
import type { Violations } from "./violations.js";

/** What the checker knows of the ledger. */
interface Ordering {
  readonly chain: readonly Block[];
  readonly ordered: ReadonlyMap<Digest, number>;
  /** By digest: what the rules say of the records of a batch. */
  readonly codes: ReadonlyMap<Digest, readonly number[]>;
}

/** An honest machine that answers clients, and what a crash would leave of it now. */
export interface Promiser {
  readonly name: string;
  readonly durable: Contents;
}

interface Told {
  readonly height: number;
  readonly codes: Uint16Array;
}

/**
 * What clients were told by honest machines stays true, whatever crashes afterwards: "admitted" is on the disk, "final"
 * is in the ledger once, at that height and with those results, and on the disk of who said so (docs/protocol.md, a view
 * when all is well; attack 56).
 */
export class Promises {
  readonly #violations: Violations;
  readonly #ordering: Ordering;
  readonly #told = new Map<Digest, Told>();

  constructor(violations: Violations, ordering: Ordering) {
    this.#violations = violations;
    this.#ordering = ordering;
  }

  /** @param isOver whether the batch's time has passed, so that nobody owes it a place */
  answered(by: Promiser, digest: Digest, verdict: SubmitVerdict, isOver: boolean): void {
    const { ordered } = this.#ordering;
    if (verdict.type === "admitted") {
      const isKept = by.durable.admitted.has(digest) || ordered.has(digest) || isOver;
      this.#violations.check(isKept, "an admitted batch is durable before the client hears it", () => by.name);
    }
    if (verdict.type !== "ordered") return;
    const height = ordered.get(digest);
    const detail = (): string => `${by.name} says ${verdict.height} of ${digest}, which is at ${height}`;
    this.#violations.check(height === verdict.height, "a batch is where clients were told", detail);
  }

  announced(by: Promiser, fact: ReplicaFact): void {
    if (fact.type !== "executed") return;
    const { height } = fact;
    const who = (): string => `${by.name} at ${height}`;
    const isDurable = (by.durable.head?.height ?? 0) >= height;
    this.#violations.check(isDurable, "a block is durable before clients hear that it is final", who);
    const body = this.#ordering.chain[height - 1]?.body ?? [];
    const isWhole =
      body.length === fact.batches.length && body.every(({ digest }, at) => digest === fact.batches[at]?.digest);
    this.#violations.check(isWhole, "clients hear of all batches of the final block", who);
    for (const { digest, codes } of fact.batches) {
      const due = this.#ordering.codes.get(digest);
      if (due !== undefined) this.#checkCodes(due, codes, who);
      const earlier = this.#told.get(digest);
      if (earlier === undefined) {
        this.#told.set(digest, { height, codes: codes.slice() });
        continue;
      }
      const isSame =
        earlier.height === height &&
        earlier.codes.length === codes.length &&
        earlier.codes.every((code, at) => code === codes[at]);
      this.#violations.check(isSame, "every client hears the same result of a batch", () => `${who()}, ${digest}`);
    }
  }

  #checkCodes(due: readonly number[], codes: Uint16Array, who: () => string): void {
    const isSame = due.length === codes.length && due.every((code, at) => isSameCode(code, codes[at] ?? -1));
    const rule = "LEDG-6: clients are told what became of each record";
    this.#violations.check(isSame, rule, () => `${who()}: ${codes.join(" ")} where ${due.join(" ")} is due`);
  }

  /** Everything that was ever called final is still in the ledger, and on the disk of an honest machine at the least. */
  review(machines: readonly Promiser[]): void {
    const { ordered } = this.#ordering;
    for (const [digest, { height }] of this.#told) {
      const isThere = ordered.get(digest) === height && machines.some(({ durable }) => durable.batches.has(digest));
      const detail = (): string => `${digest} of height ${height}, now at ${ordered.get(digest)}`;
      this.#violations.check(isThere, "what was called final is there for ever", detail);
    }
  }
}

/** Which field differs is told by fingerprints, which small numbers may share. */
const isSameCode = (left: number, right: number): boolean =>
  left === right || (isDifference(left) && isDifference(right));

const isDifference = (code: number): boolean =>
  code >= RESULT.exists_with_different_debit_account && code <= RESULT.exists_with_different_content;

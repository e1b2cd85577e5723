import type { Digest, Height } from "../primitives/index.js";
import type { StoreWrite } from "../replica/index.js";
import type { Random } from "./random.js";
import type { Contents } from "./store-contents.js";

/** Faults of a simulated disk that come out of reads and openings, with the codes of `src/storage`. */
export type SimulatedStoreFault =
  /** Bytes differ from what was written, or are gone. */
  | { readonly code: "STORE_CORRUPT"; readonly detail: string }
  /** No space is left, so that the store cannot even be opened. */
  | { readonly code: "STORE_FULL"; readonly detail: string };

/** Stands for the `StoreError` of `src/storage`: it ends the process, and is no mistake of the replica. */
export class SimulatedStoreError extends Error {
  override readonly name = "StoreError";
  readonly fault: SimulatedStoreFault;

  constructor(fault: SimulatedStoreFault) {
    super(`${fault.code}: ${fault.detail}`);
    this.fault = fault;
  }
}

/**
 * A place of the disk, named as docs/formats.md lays the store out. What is read when a store is opened is
 * missed there: state, certificates, proposals, admissions and pages are counted and summed up. Blocks, results
 * and batches are missed when somebody reads them. The two indexes differ: an entry whose key rotted looks
 * like absence (docs/adr/0002-batch-log.md), and the batch or block counts as unknown.
 */
export type Place =
  | { readonly kind: "state" | "certificate" | "proposal" | "admission" }
  | { readonly kind: "page"; readonly key: number }
  | { readonly kind: "block" | "result"; readonly height: Height }
  | { readonly kind: "batch"; readonly digest: Digest }
  | { readonly kind: "batch index"; readonly digest: Digest }
  | { readonly kind: "height index"; readonly hash: Digest };

/**
 * Which places of one disk are damaged: bits that flipped by themselves, or a write that went to another place.
 * Both end the same way, since each value carries a checksum over its key and itself, and each frame of a log
 * its key: whatever else lies there is not what belongs there.
 */
export class Damage {
  readonly #places = new Map<string, Place>();

  /** Nothing is damaged. */
  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  add(place: Place): void {
    this.#places.set(nameOf(place), place);
  }

  clear(): void {
    this.#places.clear();
  }

  /** What a write puts in place anew: the state always, pages with their checkpoint, batches that seemed unknown. */
  repairedBy({ checkpoint, batches }: StoreWrite): void {
    if (this.isEmpty) return;
    this.#places.delete(nameOf({ kind: "state" }));
    for (const { digest } of batches ?? []) this.#places.delete(nameOf({ kind: "batch index", digest }));
    for (const { key } of checkpoint?.pages ?? []) this.#places.delete(nameOf({ kind: "page", key }));
  }

  /** Whether an index entry is gone. */
  hides(place: Place & { readonly kind: "batch index" | "height index" }): boolean {
    return this.#places.has(nameOf(place));
  }

  /** @throws {SimulatedStoreError} if the place is damaged */
  check(place: Place): void {
    if (this.#places.has(nameOf(place))) throw corrupt(nameOf(place));
  }

  /** What opening the store reads, beside what it hands out. @throws {SimulatedStoreError} */
  checkOpening({ certificates, proposals, admitted }: Contents): void {
    this.check({ kind: "state" });
    // Finality may have deleted the damaged one of them; then nothing is missing.
    if (certificates.size > 0) this.check({ kind: "certificate" });
    if (proposals.size > 0) this.check({ kind: "proposal" });
    if (admitted.size > 0) this.check({ kind: "admission" });
  }
}

/** A place where something lies. Everything is damaged as often as everything else, however little of it there is. */
export function drawPlace(random: Random, contents: Contents): Place {
  const { certificates, proposals, admitted, pages, final, leaves, batches } = contents;
  const height = (length: number): Height => random.integer(1, length) as Height;
  const digest = (): Digest => random.pick([...batches.keys()]);
  const places: (() => Place)[] = [() => ({ kind: "state" })];
  if (certificates.size > 0) places.push(() => ({ kind: "certificate" }));
  if (proposals.size > 0) places.push(() => ({ kind: "proposal" }));
  if (admitted.size > 0) places.push(() => ({ kind: "admission" }));
  if (pages.size > 0) places.push(() => ({ kind: "page", key: random.pick([...pages.keys()]) }));
  if (leaves.length > 0) places.push(() => ({ kind: "result", height: height(leaves.length) }));
  if (batches.size > 0) {
    places.push(() => ({ kind: "batch", digest: digest() }));
    places.push(() => ({ kind: "batch index", digest: digest() }));
  }
  if (final.length > 0) {
    places.push(() => ({ kind: "block", height: height(final.length) }));
    places.push(() => ({ kind: "height index", hash: random.pick(final).hash }));
  }
  return random.pick(places)();
}

function nameOf(place: Place): string {
  switch (place.kind) {
    case "page":
      return `${place.kind} ${place.key}`;
    case "block":
    case "result":
      return `${place.kind} ${place.height}`;
    case "batch":
    case "batch index":
      return `${place.kind} ${place.digest}`;
    case "height index":
      return `${place.kind} ${place.hash}`;
    default:
      return place.kind;
  }
}

/** What a read of damaged bytes throws. */
export const corrupt = (detail: string): SimulatedStoreError =>
  new SimulatedStoreError({ code: "STORE_CORRUPT", detail });

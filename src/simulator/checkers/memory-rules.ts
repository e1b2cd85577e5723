import type { Replica } from "../../replica/index.js";
import type { Violations } from "./violations.js";

/** Views for which votes and proposals are kept: 8 ahead, 32 behind and the current one. */
const WINDOW_VIEWS = 41;
/** Things that a replica follows up of each kind, pieces of evidence, and certificates it remembers as verified. */
const WANTED_MAX = 4_096;
const EVIDENCE_MAX = 1_024;
const VERIFIED_MAX = 4_096;
const MEBIBYTE = 1_048_576;
/** Of pushed batches, and of those that blocks name: 4 MiB and 256 batches for each view of the window. */
const POOL_BYTES_MAX = 512 * MEBIBYTE + WINDOW_VIEWS * 4 * MEBIBYTE;
const POOL_BATCHES_MAX = 65_536 + WINDOW_VIEWS * 256;

/** SAFE-9: whatever peers send, what it leaves in memory has a bound that no peer can move. */
export class MemoryRules {
  readonly #validators: number;
  readonly #violations: Violations;

  constructor(validators: number, violations: Violations) {
    this.#validators = validators;
    this.#violations = violations;
  }

  /** @param name of the honest machine */
  check(name: string, replica: Replica): void {
    const size = replica.footprint();
    const pool = replica.pool();
    const { view, finalizedView } = replica.consensus();
    const open = view - finalizedView;
    const bounds: readonly (readonly [string, number, number])[] = [
      ["votes", size.votes, 3 * this.#validators * WINDOW_VIEWS],
      ["candidates", size.candidates, WINDOW_VIEWS],
      ["certificates", size.certificates, open + WINDOW_VIEWS],
      ["blocks", size.blocks, 2 * (open + WINDOW_VIEWS)],
      ["wanted batches", size.wantedBatches, WANTED_MAX],
      ["wanted blocks", size.wantedBlocks, WANTED_MAX],
      ["verified certificates", size.verified, VERIFIED_MAX],
      ["evidence", size.evidence, EVIDENCE_MAX],
      ["events that wait", size.waitingEvents, 0],
      ["pooled batches", pool.batches, POOL_BATCHES_MAX],
      ["pooled bytes", pool.bytes, POOL_BYTES_MAX],
    ];
    const beyond = bounds.filter(([, used, most]) => used > most);
    const detail = (): string => `${name}, ${open} open views: ${beyond.map((bound) => bound.join(" ")).join(", ")}`;
    this.#violations.check(beyond.length === 0, "SAFE-9: memory is bounded under a flood", detail);
  }
}

import { describe, expect, test } from "vitest";
import { isSuccess, RESULT, RESULT_CODES } from "../../../src/formats/index.js";
import { type DecodedOutcome, Ledger, outcomeAt, outcomeCount } from "../../../src/ledger/index.js";
import type { Digest, Epoch, Height } from "../../../src/primitives/index.js";
import { ReferenceLedger } from "../../../src/simulator/checkers/reference-ledger/index.js";
import { makeConsortium } from "../../../src/simulator/consortium.js";
import { Random } from "../../../src/simulator/index.js";
import { Workload } from "../../../src/simulator/work/index.js";

const BLOCKS = 60;
const SEEDS = 40;

/** Which field differs is told by 8-bit fingerprints, which small numbers may share. */
const isDifference = (code: number): boolean =>
  code >= RESULT.exists_with_different_debit_account && code <= RESULT.exists_with_different_content;

const blurred = (codes: readonly number[]): number[] =>
  codes.map((code) => (isDifference(code) ? RESULT.exists_with_different_content : code));

/** What both say of an outcome; a failure moves nothing. */
function told(
  outcome: Pick<DecodedOutcome, "code" | "participant" | "batchIndex" | "recordIndex" | "amount"> | undefined,
): string {
  const { code = -1, participant, batchIndex, recordIndex, amount } = outcome ?? {};
  return `${code} of ${participant} at ${batchIndex}/${recordIndex}: ${isSuccess(code) ? amount : 0n}`;
}

/** Drawn work of one seed, block by block, through both ledgers. */
function play(seed: number, validators: number, seen: Set<number>): void {
  const consortium = makeConsortium({ validators, scheme: "keyed-hash", checkpointBlocks: 4 });
  const ledger = Ledger.fromGenesis(consortium.genesis, consortium.chainId);
  const reference = new ReferenceLedger(consortium.genesis);
  const workload = new Workload(consortium, seed);
  const random = new Random(seed, "blocks");
  let timestamp = consortium.genesis.timestamp + 1_000;
  for (let height = 1; height <= BLOCKS; height += 1) {
    timestamp += random.chance(0.1) ? random.integer(1_000, 5_000) : random.integer(1, 600);
    const items = Array.from({ length: random.integer(0, 8) }, () => workload.next(timestamp));
    const block = { height: height as Height, timestamp, epoch: 0 as Epoch, hash: "00".repeat(32) as Digest };
    const { codes, outcomes } = ledger.apply({ ...block, batches: items });
    const expected = reference.execute(
      block,
      items.map(({ bytes }) => bytes),
    );
    const where = `seed ${seed}, height ${height}`;
    const due = expected.map((names) => blurred(names.map((name) => RESULT[name])));
    expect(
      codes.map((list) => blurred([...list])),
      where,
    ).toEqual(due);
    for (const code of codes.flatMap((list) => [...list])) seen.add(code);
    const found = Array.from({ length: outcomeCount(outcomes) }, (_, index) =>
      told(outcomeAt(outcomes, index, (batch) => items[batch]?.bytes as Uint8Array)),
    );
    const foretold = reference.outcomes.map(({ result, ...rest }) => told({ code: RESULT[result], ...rest }));
    expect(found, where).toEqual(foretold);
    for (const { result } of reference.outcomes) seen.add(RESULT[result]);
    expect(ledger.nextDeadline(), where).toBe(reference.nextDeadline);
    for (const { participant, asset, exposure } of ledger.positions())
      expect(exposure, where).toBe(reference.exposure(participant, asset));
  }
  for (const [id, { debitsPosted, creditsPosted, debitsPending, creditsPending }] of reference.accounts)
    expect(ledger.account(id as never)).toMatchObject({ debitsPosted, creditsPosted, debitsPending, creditsPending });
}

describe("the simulator's work", () => {
  test("LEDG-1 … LEDG-47: both ledgers make the same of it, and it meets nearly every result code", () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= SEEDS; seed += 1) play(seed, seed % 3 === 0 ? 7 : 4, seen);
    const never = RESULT_CODES.filter(({ code }) => !seen.has(code)).map(({ name }) => name);
    // No pool takes a batch that is malformed.
    expect(never).toEqual(["batch_malformed"]);
  });
});

import { describe, expect, test } from "vitest";
import { countedPath, countedRoot, hashOutcomeLeaves, sha256 } from "../../../src/crypto/index.js";
import {
  commitmentOf,
  decodeTransfer,
  hashOutcomeLeaf,
  RESULT,
  readOutcome,
  type TransferFields,
  verifyCountedPath,
} from "../../../src/formats/index.js";
import {
  type DecodedOutcome,
  type OutcomePointer,
  outcomeAt,
  outcomeCount,
  outcomeLeaves,
} from "../../../src/ledger/index.js";
import { concatBytes, toHex } from "../../../src/primitives/index.js";
import {
  ASHA,
  actions,
  BINA,
  HARI,
  id,
  openings,
  type Ran,
  RBI,
  Run,
  SBI,
  SBI_CLEARING,
  SBI_SETTLEMENT,
  START,
  transfers,
  UPI,
} from "../../fixtures/consortium.js";

const pay = (rest: number, changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: ASHA,
  creditAccountId: HARI,
  amount: "100",
  ...changes,
});

const batchAt = (ran: Ran) => (index: number) => ran.block.batches[index]?.bytes as Uint8Array;

function read(ran: Ran, index: number): DecodedOutcome {
  const outcome = outcomeAt(ran.executed.outcomes, index, batchAt(ran));
  if (outcome === undefined) throw new Error(`no outcome ${index}`);
  return outcome;
}

/** Newest-first listing: follows pointers from the newest outcome. */
function walk(
  run: Run,
  newest: OutcomePointer | undefined,
  next: (outcome: DecodedOutcome) => OutcomePointer | undefined,
) {
  const found: string[] = [];
  for (let pointer = newest; pointer !== undefined; ) {
    const outcome = read(run.history[pointer.height - 1] as Ran, pointer.index);
    found.push(`${outcome.subject} ${toHex(outcome.record.subarray(0, 16))}`);
    pointer = next(outcome);
  }
  return found;
}

/** A story with every kind of outcome: block 1 mixed, block 2 an expiry and more. */
function story(): Run {
  const run = Run.of();
  const pending = pay(3, { rail: UPI, flags: ["pending"], timeoutSeconds: 1 });
  run.block(
    [
      transfers(SBI, [pay(1), pay(2, { amount: "100001" }), pay(1), pending], { salt: 1 }),
      openings(SBI, [{ id: id(SBI, 0x50), kind: "customer" }], { salt: 2 }),
      actions(RBI, [{ id: id(RBI, 1), accountId: BINA, action: "freeze" }], { salt: 3 }),
    ],
    START,
  );
  run.block(
    [transfers(SBI, [pay(4, { debitAccountId: SBI_CLEARING, creditAccountId: ASHA })], { salt: 4 })],
    START + 1_000,
  );
  return run;
}

describe("LEDG-19: outcomes", () => {
  test("one leaf per consumed id, opened account and expiry, in order of execution", () => {
    const run = story();
    const [first, second] = run.history as [Ran, Ran];
    expect(first.results).toEqual([["posted", "insufficient_funds", "exists", "reserved"], ["applied"], ["applied"]]);
    expect(outcomeCount(first.executed.outcomes)).toBe(5);
    expect(first.executed.leaf.leafCount).toBe(5);
    const told = [0, 1, 2, 3, 4].map((index) => {
      const { subject, code, batchIndex, recordIndex } = read(first, index);
      return [subject, code, batchIndex, recordIndex];
    });
    expect(told).toEqual([
      ["action", RESULT.applied, 2, 0],
      ["transfer", RESULT.posted, 0, 0],
      ["transfer", RESULT.insufficient_funds, 0, 1],
      ["transfer", RESULT.reserved, 0, 3],
      ["account", RESULT.applied, 1, 0],
    ]);
    expect([read(second, 0).subject, read(second, 1).subject]).toEqual(["expiry", "transfer"]);
    expect(outcomeAt(second.executed.outcomes, 2, batchAt(second))).toBeUndefined();
    expect(outcomeAt(second.executed.outcomes, -1, batchAt(second))).toBeUndefined();
  });

  test("tell amount, place, time and the balances after", () => {
    const run = story();
    const paid = read(run.history[0] as Ran, 1);
    expect(decodeTransfer(paid.record)).toMatchObject({ id: id(SBI, 1), amount: "100", creditAccountId: HARI });
    expect(paid).toMatchObject({ kind: "first", participant: SBI, amount: 100n, height: 1, timestamp: START });
    expect(paid.debit.account).toEqual({
      debitsPending: 0n,
      debitsPosted: 100n,
      creditsPending: 0n,
      creditsPosted: 100_000n,
    });
    expect(paid.debit.settlement.debitsPosted).toBe(100n);
    expect(paid.credit.account.creditsPosted).toBe(100_100n);
    expect(paid.credit.settlement.creditsPosted).toBe(50_100n);
    const failed = read(run.history[0] as Ran, 2);
    expect(failed.amount).toBe(0n);
    expect(failed.debit.bytes).toEqual(new Uint8Array(64));
    const within = read(run.history[1] as Ran, 1);
    expect(within.debit.settlement).toEqual({
      debitsPending: 0n,
      debitsPosted: 0n,
      creditsPending: 0n,
      creditsPosted: 0n,
    });
  });

  test("an expiry carries the pending record and a salt of its own", () => {
    const run = story();
    const reserved = read(run.history[0] as Ran, 3);
    const expired = read(run.history[1] as Ran, 0);
    expect(expired.record).toEqual(reserved.record);
    expect(expired).toMatchObject({
      kind: "resolution",
      code: RESULT.expired,
      participant: SBI,
      amount: 100n,
      batchIndex: 0xffff_ffff,
      recordIndex: 3,
    });
    expect(expired.debit.account.debitsPending).toBe(0n);
    expect(expired.debit.settlement.debitsPosted).toBe(100n);
    expect(toHex(expired.debit.blinding)).not.toBe(toHex(reserved.debit.blinding));
  });

  test("every leaf is record, outcome and two commitments that open, under the receipts root", () => {
    const run = story();
    for (const ran of run.history) {
      const { leaf, outcomes } = ran.executed;
      const leaves = outcomeLeaves(outcomes, batchAt(ran));
      const hashes = hashOutcomeLeaves(leaves);
      expect(toHex(countedRoot(hashes))).toBe(leaf.receiptsRoot);
      const blindings = new Set<string>();
      for (let index = 0; index < leaf.leafCount; index += 1) {
        const { record, outcome, debit, credit, ...fields } = read(ran, index);
        const opened = [debit, credit].map(({ bytes, blinding }) => {
          blindings.add(toHex(blinding));
          return commitmentOf(sha256, { account: bytes.subarray(0, 32), settlement: bytes.subarray(32), blinding });
        });
        const bytes = concatBytes(record, outcome, ...opened);
        expect(toHex(bytes)).toBe(toHex(leaves.subarray(index * 256, index * 256 + 256)));
        expect(readOutcome(outcome, 0)).toMatchObject({
          code: fields.code,
          height: leaf.height,
          amount: fields.amount,
        });
        const hash = hashOutcomeLeaf(sha256, bytes) as Uint8Array;
        const proof = { leaf: hash, index, count: leaf.leafCount, path: countedPath(hashes, index) };
        expect(verifyCountedPath(sha256, { ...proof, root: countedRoot(hashes) })).toBe(true);
      }
      expect(blindings.size).toBe(2 * leaf.leafCount);
    }
  });

  test("an unaligned blob reads alike", () => {
    const ran = story().history[0] as Ran;
    const shifted = new Uint8Array(ran.executed.outcomes.length + 1);
    shifted.set(ran.executed.outcomes, 1);
    expect(outcomeAt(shifted.subarray(1), 1, batchAt(ran))).toEqual(read(ran, 1));
    expect(outcomeLeaves(shifted.subarray(1), batchAt(ran))).toEqual(
      outcomeLeaves(ran.executed.outcomes, batchAt(ran)),
    );
  });

  test("an account's and a participant's outcomes are a chain, newest first", () => {
    const run = story();
    const ofAccount = (account: typeof ASHA) =>
      walk(run, run.ledger.account(account)?.newest, (outcome) => {
        const transfer = decodeTransfer(outcome.record);
        return outcome.subject === "account" || outcome.subject === "action" || transfer.debitAccountId === account
          ? outcome.previousOfDebit
          : outcome.previousOfCredit;
      });
    expect(ofAccount(ASHA)).toEqual([
      `transfer ${id(SBI, 4)}`,
      `expiry ${id(SBI, 3)}`,
      `transfer ${id(SBI, 3)}`,
      `transfer ${id(SBI, 1)}`,
    ]);
    expect(ofAccount(BINA)).toEqual([`action ${id(RBI, 1)}`]);
    expect(ofAccount(id(SBI, 0x50))).toEqual([`account ${id(SBI, 0x50)}`]);
    expect(ofAccount(SBI_SETTLEMENT)).toEqual([]);
    const submitted = walk(
      run,
      run.ledger.participant(SBI)?.newest,
      ({ previousOfParticipant }) => previousOfParticipant,
    );
    expect(submitted).toEqual([
      `transfer ${id(SBI, 4)}`,
      `expiry ${id(SBI, 3)}`,
      `account ${id(SBI, 0x50)}`,
      `transfer ${id(SBI, 3)}`,
      `transfer ${id(SBI, 2)}`,
      `transfer ${id(SBI, 1)}`,
    ]);
  });

  test("the outcomes of a failed chain point where they would have without what was undone", () => {
    const run = Run.of();
    run.transfer(SBI, pay(1));
    run.transfer(SBI, pay(2, { flags: ["linked"] }), pay(3, { amount: "100001" }));
    expect(run.ledger.account(ASHA)?.newest).toEqual({ height: 1, index: 0 });
    const submitted = walk(
      run,
      run.ledger.participant(SBI)?.newest,
      ({ previousOfParticipant }) => previousOfParticipant,
    );
    expect(submitted).toEqual([`transfer ${id(SBI, 3)}`, `transfer ${id(SBI, 2)}`, `transfer ${id(SBI, 1)}`]);
  });

  test("a block without outcomes has the root of nothing", () => {
    const { executed } = Run.of().block([]);
    expect(executed.leaf.receiptsRoot).toBe(toHex(countedRoot(new Uint8Array(0))));
    expect(outcomeCount(executed.outcomes)).toBe(0);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import {
  BALLOT_CHOICES,
  type BallotChoice,
  checkBatchRecords,
  decodeGovernRecord,
  encodeBallot,
  encodeKeyChange,
  encodeProposal,
  encodeReady,
  KEY_CHANGES,
  type KeyChange,
  type KeyScope,
  PROPOSAL_KINDS,
  type ProposalKind,
  parseProposalContent,
  proposalContent,
  SCOPE_BITS,
} from "../../../src/formats/index.js";
import { type Digest, type Height, type Id128, toHex } from "../../../src/primitives/index.js";
import { makeBatch, SBI } from "../../fixtures/consortium.js";
import { contentBytes, GovernedRun } from "../../fixtures/governance.js";

const RUNS = { numRuns: 300 };
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => toHex(bytes) as Id128);
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
const height = fc.maxSafeNat().map((value) => value as Height);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const kind = fc.constantFrom(...(Object.keys(PROPOSAL_KINDS) as ProposalKind[]));
const scopes = fc.subarray(Object.keys(SCOPE_BITS) as KeyScope[], { minLength: 1 });

const split = (records: Uint8Array): Uint8Array[] =>
  Array.from({ length: records.length / 128 }, (_, index) => records.slice(index * 128, index * 128 + 128));

describe("governance records", () => {
  test("a proposal decodes to what it was made of, and its batch is well formed", () => {
    const proposal = fc.record({
      ...{ id, kind, acceptFaults: fc.boolean(), effectiveHeight: height, votingSeconds: u32 },
      content: fc.uint8Array({ minLength: 1, maxLength: 1_000 }),
    });
    fc.assert(
      fc.property(proposal, (fields) => {
        const records = encodeProposal(sha256, fields);
        const { content, ...head } = fields;
        const contentHash = toHex(sha256(content));
        expect(decodeGovernRecord(records)).toEqual({
          type: "proposal",
          ...head,
          contentLength: content.length,
          contentHash,
        });
        const { bytes } = makeBatch("govern", SBI, split(records));
        expect(checkBatchRecords("govern", bytes)).toBeUndefined();
        expect(proposalContent(bytes)).toEqual(content);
      }),
      RUNS,
    );
  });

  test("ballots and changes of keys decode to what they were made of", () => {
    const ballot = fc.record({
      ...{ id, proposalId: id, runs: u32 },
      choice: fc.constantFrom(...(Object.keys(BALLOT_CHOICES) as BallotChoice[])),
    });
    const change = fc.record({
      id,
      publicKey: key,
      scopes,
      effectiveHeight: height,
      change: fc.constantFrom(...(Object.keys(KEY_CHANGES) as KeyChange[])),
    });
    fc.assert(
      fc.property(ballot, change, (vote, fields) => {
        expect(decodeGovernRecord(encodeBallot(vote))).toEqual({ type: "ballot", ...vote });
        const wanted = fields.change === "add" ? fields : { ...fields, scopes: [] };
        expect(decodeGovernRecord(encodeKeyChange(fields))).toEqual({ type: "key", ...wanted });
      }),
      RUNS,
    );
  });

  test("statements of readiness decode to what they were made of, and their batch is well formed", () => {
    const statement = fc.record({
      id,
      proposalId: id,
      executedHeight: height,
      stateRoot: key.map((hex) => hex as Digest),
    });
    fc.assert(
      fc.property(statement, (fields) => {
        const record = encodeReady(fields);
        expect(decodeGovernRecord(record)).toEqual({ type: "ready", ...fields });
        expect(checkBatchRecords("govern", makeBatch("govern", SBI, [record]).bytes)).toBeUndefined();
      }),
      RUNS,
    );
  });

  test("attack 35, 77: any bytes are refused or one record, and nothing throws", () => {
    const records = fc.array(fc.uint8Array({ minLength: 128, maxLength: 128 }), { minLength: 1, maxLength: 4 });
    const type = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(records, type, type, (list, first, what) => {
        const [head] = list;
        if (head !== undefined) head.set([first, what], 16);
        const { bytes } = makeBatch("govern", SBI, list);
        const fault = checkBatchRecords("govern", bytes);
        for (const record of list) decodeGovernRecord(record);
        if (fault === undefined) expect(decodeGovernRecord(bytes, 128)).toBeDefined();
        else expect(fault.index).toBeLessThan(list.length);
      }),
      RUNS,
    );
  });

  test("attack 16: a bit changed in a well formed record is refused or means something else", () => {
    fc.assert(
      fc.property(id, id, fc.nat({ max: 128 * 8 - 1 }), (own, proposalId, bit) => {
        const record = encodeBallot({ id: own, proposalId, choice: "yes", runs: 1 });
        const changed = record.slice();
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(decodeGovernRecord(changed)).not.toEqual(decodeGovernRecord(record));
      }),
      RUNS,
    );
  });

  test("contents: any bytes and any JSON are a fault or a value, in one encoding", () => {
    const json = fc.dictionary(fc.string({ maxLength: 12 }), fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean()));
    fc.assert(
      fc.property(kind, fc.uint8Array({ maxLength: 300 }), json, (of, bytes, value) => {
        expect(parseProposalContent(of, bytes).ok).toBe(false);
        const parsed = parseProposalContent(of, contentBytes(value));
        if (parsed.ok) expect(contentBytes(parsed.value.content)).toEqual(contentBytes(value));
      }),
      RUNS,
    );
  });

  test("LEDG-2: whatever records are ordered, each gets one code, and a ledger restored afterwards is the same", () => {
    const record = fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.nat({ max: 3 }),
      fc.uint8Array({ minLength: 40, maxLength: 40 }),
    );
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), (list) => {
        const run = GovernedRun.of();
        const records = list.map(([type, what, tail]) => {
          const bytes = new Uint8Array(128);
          bytes.set([0, 0, 0, SBI, ...tail.subarray(0, 12)]);
          bytes.set([type, what], 16);
          if (type !== 2) bytes.set(tail.subarray(12), 64 - 28);
          else bytes.set(tail.subarray(12, 28), 32);
          return bytes;
        });
        const batches = records.map((bytes) => makeBatch("govern", SBI, [bytes]));
        const { executed } = run.block(batches);
        expect(executed.codes.map((codes) => codes.length)).toEqual(batches.map(() => 1));
        expect(GovernedRun.restoredFrom(run).ledger.stateRoot).toBe(run.ledger.stateRoot);
      }),
      { numRuns: 60 },
    );
  });
});

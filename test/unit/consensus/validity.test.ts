import { describe, expect, test } from "vitest";
import type { Block } from "../../../src/consensus/index.js";
import { closingVerdict } from "../../../src/consensus/succession.js";
import { batchesFault, headerFault, justificationFault, repetitionFault } from "../../../src/consensus/validity.js";
import type { Certificate, Header, VoteKind } from "../../../src/formats/index.js";
import {
  epoch,
  height,
  NOT_AFTER_WINDOW_MS,
  utf8,
  type ValidatorIndex,
  view,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";
import { bank, batch, CHAIN, claimAt, core, digest, GENESIS_TIME } from "./core-cluster.js";

const state = core(0);
const certificate = (kind: VoteKind, at: number, hash = digest("parent")): Certificate => ({
  kind,
  epoch: epoch(0),
  view: view(at),
  hash: kind === "TIMEOUT" ? ZERO_DIGEST : hash,
  signers: 0b0111,
  signature: utf8("aggregate"),
});
const PARENT = {
  view: view(4),
  height: height(9),
  hash: digest("parent"),
  timestamp: GENESIS_TIME,
  executed: claimAt(6),
  type: "NORMAL",
} as const;
const block = (changes: Partial<Header> = {}, body: Block["body"] = []): Block => ({
  hash: digest("block"),
  body,
  header: {
    version: 1,
    chainId: CHAIN,
    epoch: epoch(0),
    view: view(7),
    height: height(10),
    parentHash: digest("parent"),
    parentView: view(4),
    parentCertificate: certificate("PREPARE", 4),
    skips: [certificate("TIMEOUT", 5), certificate("TIMEOUT", 6)],
    timestamp: GENESIS_TIME + 1,
    proposer: 2 as ValidatorIndex,
    batchesRoot: digest("body"),
    executed: claimAt(8),
    valsetHash: state.setting.set.hash,
    type: "NORMAL",
    ...changes,
  },
});
const reference = (name: string, size = 320): Block["body"][number] => ({ digest: digest(name), size });

describe("EPOCH-2, EPOCH-3: types", () => {
  const SET = [0, 1, 2, 3].map(bank);
  const CLOSED = { ...PARENT, type: "CLOSING", nextSet: SET } as const;
  const closing = { hash: PARENT.hash, height: PARENT.height };
  const drain = { type: "DRAIN", executed: PARENT.executed, nextSet: SET, closing } as const;
  const DRAINED = {
    ...PARENT,
    type: "DRAIN",
    nextSet: SET,
    closing: { hash: digest("C"), height: height(7) },
  } as const;

  test("a fresh claim may close, and a DRAIN block follows that one or another DRAIN block", () => {
    expect(headerFault(state, block({ type: "CLOSING", nextSet: SET }), PARENT)).toBeUndefined();
    expect(headerFault(state, block(drain), CLOSED)).toBeUndefined();
    expect(headerFault(state, block({ ...drain, closing: DRAINED.closing }), DRAINED)).toBeUndefined();
  });

  test.each([
    ["NORMAL", block(), /DRAIN/],
    ["CLOSING again", block({ type: "CLOSING", nextSet: SET }), /DRAIN/],
    ["DRAIN with batches", block(drain, [reference("b")]), /batches/],
    ["DRAIN with a claim of its own", block({ ...drain, executed: claimAt(8) }), /claim/],
    ["DRAIN for another block", block({ ...drain, closing: { ...closing, hash: digest("other") } }), /another CLOSING/],
    ["DRAIN at another height", block({ ...drain, closing: { ...closing, height: height(8) } }), /another CLOSING/],
    ["DRAIN with another next set", block({ ...drain, nextSet: [0, 1, 2, 4].map(bank) }), /next set/],
  ])("behind a CLOSING block: %s is refused", (_name, candidate, sentence) => {
    expect(headerFault(state, candidate, CLOSED)).toMatch(sentence);
  });

  test("a voting filter: the claim alone decides the type, and with it the set", () => {
    const own = core(0);
    own.succession = { epoch: epoch(1), decidedAt: height(8), validators: SET };
    const verdict = (changes: Partial<Header>): string => closingVerdict(own, block(changes).header);
    expect(verdict({ executed: claimAt(7) })).toBe("vote");
    expect(verdict({ executed: claimAt(7), type: "CLOSING", nextSet: SET })).toBe("refuse");
    expect(verdict({ executed: claimAt(8) })).toBe("refuse");
    expect(verdict({ executed: claimAt(8), type: "CLOSING", nextSet: SET })).toBe("vote");
    expect(verdict({ executed: claimAt(9), type: "CLOSING", nextSet: SET })).toBe("vote");
    expect(verdict({ executed: claimAt(8), type: "CLOSING", nextSet: [1, 2, 3, 4].map(bank) })).toBe("refuse");
    own.succession = { epoch: epoch(0), decidedAt: height(1), validators: SET };
    expect(verdict({ executed: claimAt(8) })).toBe("vote");
  });
});

describe("SAFE-5: justification", () => {
  test("a parent's certificate and one skip for each view between are enough", () => {
    expect(justificationFault(block(), CHAIN)).toBeUndefined();
  });

  test("the anchor needs no certificate, and only the anchor", () => {
    const first = { parentView: view(0), parentHash: CHAIN, parentCertificate: undefined, view: view(1), skips: [] };
    expect(justificationFault(block(first), CHAIN)).toBeUndefined();
    expect(justificationFault(block({ ...first, parentHash: digest("other") }), CHAIN)).toMatch(/anchor/);
    expect(justificationFault(block({ parentCertificate: undefined }), CHAIN)).toMatch(/anchor/);
  });

  const faults: readonly (readonly [string, Partial<Header>])[] = [
    [
      "attack 27: a parent in the same view",
      { parentView: view(7), parentCertificate: certificate("PREPARE", 7), skips: [] },
    ],
    ["attack 27: a certificate of another block", { parentCertificate: certificate("PREPARE", 4, digest("other")) }],
    ["attack 4: a certificate of another view", { parentCertificate: certificate("PREPARE", 3) }],
    ["attack 4: a CommitQC as PrepareQC", { parentCertificate: certificate("COMMIT", 4) }],
    ["attack 26: a skipped view without its certificate", { skips: [certificate("TIMEOUT", 5)] }],
    ["attack 26: one skip twice", { skips: [certificate("TIMEOUT", 5), certificate("TIMEOUT", 5)] }],
    ["a PrepareQC among the skips", { skips: [certificate("TIMEOUT", 5), certificate("PREPARE", 6)] }],
    ["a skip too many", { skips: [5, 6, 7].map((at) => certificate("TIMEOUT", at)) }],
  ];
  test.each(faults)("%s is refused", (_name, changes) => {
    expect(justificationFault(block(changes), CHAIN)).toBeTypeOf("string");
  });
});

describe("SAFE-6: validity", () => {
  test("a block that fits its parent is valid", () => {
    expect(headerFault(state, block(), PARENT)).toBeUndefined();
    expect(headerFault(state, block({ executed: claimAt(6) }), PARENT)).toBeUndefined();
    expect(headerFault(state, block({ executed: claimAt(9) }), PARENT)).toBeUndefined();
  });

  const faults: readonly (readonly [string, Block, RegExp])[] = [
    ["attack 15: another chain", block({ chainId: digest("other") }), /chain/],
    ["attack 24: another epoch", block({ epoch: epoch(1) }), /epoch/],
    ["another validator set", block({ valsetHash: digest("other") }), /set/],
    ["attack 27: a height gap", block({ height: height(11) }), /height/],
    ["attack 48: time standing still", block({ timestamp: GENESIS_TIME }), /timestamp/],
    ["a claim behind its parent's", block({ executed: claimAt(5) }), /behind/],
    ["a claim above its parent", block({ executed: claimAt(10) }), /above/],
    [
      "an inherited claim with other roots",
      block({ executed: { ...claimAt(6), stateRoot: digest("x") } }),
      /other roots/,
    ],
    ["a closing block with an inherited claim", block({ type: "CLOSING", executed: claimAt(6) }), /inherited/],
    ["a drain block where no epoch ends", block({ type: "DRAIN" }), /DRAIN/],
    [
      "attack 82: too many batches",
      block(
        {},
        Array.from({ length: 257 }, (_, index) => reference(String(index))),
      ),
      /batches/,
    ],
    [
      "attack 82: too many bytes",
      block(
        {},
        Array.from({ length: 5 }, (_, index) => reference(String(index), 1_048_512)),
      ),
      /bytes/,
    ],
  ];
  test.each(faults)("%s is refused", (_name, candidate, sentence) => {
    expect(headerFault(state, candidate, PARENT)).toMatch(sentence);
  });

  test("batches are refused while results are more than K behind, empty blocks are not", () => {
    const parent = { ...PARENT, height: height(14), executed: claimAt(6) };
    const behind = { height: height(15), executed: claimAt(6) };
    expect(headerFault(state, block(behind, [reference("a")]), parent)).toMatch(/behind/);
    expect(headerFault(state, block(behind), parent)).toBeUndefined();
    expect(headerFault(state, block({ ...behind, executed: claimAt(7) }, [reference("a")]), parent)).toBeUndefined();
  });

  test("attack 79, LEDG-1: no batch twice: in the block, on the branch, in the ledger", () => {
    const known = core(0, 4, { ordered: new Map([[digest("old"), { height: height(1), timestamp: GENESIS_TIME }]]) });
    const branch = [block({}, [reference("a")])];
    expect(repetitionFault(known, block({}, [reference("b")]), branch)).toBeUndefined();
    expect(repetitionFault(known, block({}, [reference("b"), reference("b")]), branch)).toBeTypeOf("string");
    expect(repetitionFault(known, block({}, [reference("a")]), branch)).toBeTypeOf("string");
    expect(repetitionFault(known, block({}, [reference("old")]), branch)).toBeTypeOf("string");
  });

  test("a batch's size and time have to fit the block", () => {
    const at = block().header.timestamp;
    const one = batch("a", at);
    const holder = block({}, [reference("a")]);
    expect(batchesFault(holder, [one])).toBeUndefined();
    expect(batchesFault(holder, [{ ...one, size: 448 }])).toMatch(/size/);
    expect(batchesFault(holder, [{ ...one, notAfter: at }])).toBeUndefined();
    expect(batchesFault(holder, [{ ...one, notAfter: at - 1 }])).toMatch(/expired/);
    expect(batchesFault(holder, [{ ...one, notAfter: at + NOT_AFTER_WINDOW_MS }])).toBeUndefined();
    expect(batchesFault(holder, [{ ...one, notAfter: at + NOT_AFTER_WINDOW_MS + 1 }])).toMatch(/late/);
    expect(batchesFault(holder, [{ ...one, count: 32_761 }])).toMatch(/records/);
  });
});

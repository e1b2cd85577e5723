import { describe, expect, test } from "vitest";
import { branchTo } from "../../../src/consensus/branch.js";
import type { AgreementState } from "../../../src/consensus/index.js";
import type { Digest } from "../../../src/primitives/index.js";
import { makeChain } from "../sync/chain.js";

const CHAIN = makeChain(12);

/** Only the head and the blocks above it are looked at. */
function stateAt(height: number, hash: Digest, blocks = CHAIN.blocks): AgreementState {
  const above = blocks.filter((block) => block.header.height > height);
  return { head: { height, hash }, blocks: new Map(above.map((block) => [block.hash, block])) } as AgreementState;
}

describe("the way from the head to a block", () => {
  test("every block on it is known: they are given in order", () => {
    const walk = branchTo(stateAt(4, CHAIN.hashAt(4)), CHAIN.hashAt(7));
    expect(walk).toMatchObject({ type: "branch", blocks: CHAIN.blocks.slice(4, 7) });
  });

  test("a block on it is not known: its hash is asked for", () => {
    const gap = CHAIN.blocks.filter((block) => block.header.height !== 6);
    expect(branchTo(stateAt(4, CHAIN.hashAt(4), gap), CHAIN.hashAt(7))).toEqual({
      type: "missing",
      hash: CHAIN.hashAt(6),
    });
  });

  test("SAFE-1: it ends beside the head: that is a fork, and no block is asked for in vain", () => {
    expect(branchTo(stateAt(4, CHAIN.forged(4).hash), CHAIN.hashAt(12))).toEqual({ type: "conflict" });
  });
});

import { describe, expect, test } from "vitest";
import type { Block } from "../../../src/consensus/index.js";
import type { CommitProof } from "../../../src/formats/index.js";
import { FETCH_BLOCKS_MAX, type Height, type ParticipantNumber } from "../../../src/primitives/index.js";
import { RangeSync, type SyncHead } from "../../../src/sync/index.js";
import { makeChain } from "./chain.js";

const CHAIN = makeChain(40);
const peer = (index: number): ParticipantNumber => index as ParticipantNumber;
const headAt = (at: number): SyncHead => ({
  height: at as Height,
  hash: CHAIN.hashAt(at),
  executedHeight: at as Height,
});

/** Four validators; 1, 2 and 3 state these heights. */
function syncWith(stated: readonly [number, number, number]): RangeSync {
  const sync = new RangeSync({ members: [1, 2, 3].map(peer), faults: 1 });
  stated.forEach((height, index) => {
    sync.noteStatus(peer(index + 1), height as Height, 0);
  });
  return sync;
}

const answer = (from: number, blocks: readonly Block[], proof: CommitProof | undefined = CHAIN.proofOf(blocks)) => ({
  from: peer(from),
  blocks,
  proof,
});

describe("attack 62: peers lie about heights", () => {
  test.each([2 ** 53 - 1, 1_000_000])("one peer alone that claims %i is no target", (height) => {
    const sync = syncWith([height, 0, 0]);
    expect(sync.target()).toBe(0);
    expect(sync.isBehind(headAt(0))).toBe(false);
    expect(sync.next(headAt(0), 0)).toBeUndefined();
  });

  test("a claim taken back counts no longer", () => {
    const sync = syncWith([2 ** 53 - 1, 30, 30]);
    expect(sync.target()).toBe(30);
    sync.noteStatus(peer(1), 2 as Height, 0);
    sync.noteStatus(peer(2), 3 as Height, 0);
    expect(sync.isBehind(headAt(0))).toBe(false);
  });

  test("attack 93: what was stated long ago informs nobody who asks for news", () => {
    const sync = syncWith([1, 1, 1]);
    expect([sync.isInformed(), sync.isInformed(0), sync.isInformed(1)]).toEqual([true, true, false]);
    sync.noteStatus(peer(1), 2 as Height, 5);
    expect(sync.isInformed(1)).toBe(false);
    sync.noteStatus(peer(2), 2 as Height, 6);
    expect(sync.isInformed(5)).toBe(true);
  });

  test("one that never delivers is waited for a bounded time, and the others are asked", () => {
    const sync = syncWith([2 ** 53 - 1, 40, 40]);
    const asked = new Map<number, number>();
    let head = headAt(0);
    for (let at = 0; at < 60_000 && head.height < 40; at += 100) {
      const request = sync.next(head, at);
      if (request === undefined) continue;
      asked.set(request.to, (asked.get(request.to) ?? 0) + 1);
      expect(request).toMatchObject({ from: head.height + 1, count: FETCH_BLOCKS_MAX });
      if (request.to === 1) continue;
      const verdict = sync.accept(answer(request.to, CHAIN.blocks.slice(head.height, head.height + 20)), head, at);
      expect(verdict.type).toBe("linked");
      head = headAt(head.height + 20);
      // Three seconds for the answer that never comes, and no more.
      expect(at).toBeLessThan(4_000);
    }
    expect(head.height).toBe(40);
    expect(asked.get(1) ?? 0).toBeLessThanOrEqual(1);
  });

  test("one that delivers late and a single block at a time costs its own turns only", () => {
    const sync = syncWith([2 ** 53 - 1, 40, 40]);
    let head = headAt(0);
    const askedInTurn: number[] = [];
    for (let at = 0; head.height < 30; at += 2_900) {
      const request = sync.next(head, at);
      expect(request).toBeDefined();
      const to = request?.to ?? 0;
      askedInTurn.push(to);
      const count = to === 1 ? 1 : 10;
      const verdict = sync.accept(answer(to, CHAIN.blocks.slice(head.height, head.height + count)), head, at + 2_900);
      expect(verdict.type).toBe("linked");
      head = headAt(head.height + count);
    }
    expect(askedInTurn.filter((to) => to === 1).length).toBeLessThanOrEqual(Math.ceil(askedInTurn.length / 3));
  });
});

describe("attack 63: a range under a proof that is not its own", () => {
  test.each([
    ["a block of another body in the middle", [CHAIN.blocks[0], CHAIN.forged(2), CHAIN.blocks[2]], /linked by hash/],
    ["a forged last block", [CHAIN.blocks[0], CHAIN.forged(2)], /another block/],
    ["a gap", [CHAIN.blocks[0], CHAIN.blocks[2]], /heights/],
    ["a start elsewhere", [CHAIN.blocks[4], CHAIN.blocks[5]], /heights/],
    ["descending blocks", [CHAIN.blocks[1], CHAIN.blocks[0]], /heights/],
  ] as const)("%s is refused, and the next one asked is another", (_what, blocks, reason) => {
    const sync = syncWith([40, 40, 40]);
    const { to } = sync.next(headAt(0), 0) as { to: number };
    const proof = CHAIN.proofOf(CHAIN.blocks.slice(0, blocks.length));
    const verdict = sync.accept(answer(to, blocks as readonly Block[], proof), headAt(0), 1);
    expect(verdict).toMatchObject({ type: "refused", reason: expect.stringMatching(reason) });
    const again = [1, 2, 3, 4].map((at) => sync.next(headAt(0), 1 + at * 3_001)?.to).filter((next) => next === to);
    expect(again.length).toBeLessThanOrEqual(1);
    expect(sync.next(headAt(0), 20_000)).toBeDefined();
  });
});

describe("attack 68: answers that nobody asked for", () => {
  test("before any request, from another peer, or twice: ignored, and the request stands", () => {
    const sync = syncWith([40, 40, 40]);
    const blocks = CHAIN.blocks.slice(0, 5);
    expect(sync.accept(answer(2, blocks), headAt(0), 0)).toEqual({ type: "ignored" });
    const { to } = sync.next(headAt(0), 0) as { to: number };
    expect(sync.accept(answer(to === 2 ? 3 : 2, blocks), headAt(0), 1)).toEqual({ type: "ignored" });
    expect(sync.next(headAt(0), 2)).toBeUndefined();
    expect(sync.accept(answer(to, blocks), headAt(0), 3).type).toBe("linked");
    expect(sync.accept(answer(to, blocks), headAt(5), 4)).toEqual({ type: "ignored" });
  });

  test("empty, unproven and outdated answers leave no peer stuck", () => {
    const sync = syncWith([40, 40, 40]);
    const empty = [
      { blocks: [], proof: undefined },
      { blocks: CHAIN.blocks.slice(0, 5), proof: undefined },
      { blocks: CHAIN.blocks.slice(0, 2), proof: CHAIN.proofOf(CHAIN.blocks.slice(0, 2)) },
    ];
    const seen = new Set<number>();
    for (const [turn, what] of empty.entries()) {
      const { to } = sync.next(headAt(5), turn) as { to: number };
      seen.add(to);
      expect(sync.accept({ from: peer(to), ...what }, headAt(5), turn)).toEqual({ type: "ignored" });
    }
    expect(seen).toEqual(new Set([1, 2, 3]));
    expect(sync.next(headAt(5), 100)).toBeUndefined();
    expect(sync.next(headAt(5), 10_100)).toBeDefined();
  });

  test("blocks that wait for execution bound what is asked for", () => {
    const sync = syncWith([5_000, 5_000, 5_000]);
    const head = { ...headAt(0), height: 2_000 as Height };
    expect(sync.next({ ...head, executedHeight: 975 as Height }, 0)).toBeUndefined();
    expect(sync.next({ ...head, executedHeight: 976 as Height }, 0)).toBeDefined();
  });
});

describe("SAFE-1: after a fork, a laggard on one side asks the other side for blocks", () => {
  const forkedHead: SyncHead = { ...headAt(4), hash: CHAIN.forged(4).hash };

  test("a range that does not continue its head is judged by its proof, and the honest peer is not accused", () => {
    const sync = syncWith([40, 40, 40]);
    const request = sync.next(forkedHead, 0);
    const verdict = sync.accept(answer(request?.to ?? -1, CHAIN.blocks.slice(4, 24)), forkedHead, 0);
    expect(verdict).toMatchObject({ type: "linked", blocks: CHAIN.blocks.slice(4, 24) });
  });

  test("a range that is not linked in itself stays refused", () => {
    const sync = syncWith([40, 40, 40]);
    const request = sync.next(forkedHead, 0);
    const broken = [...CHAIN.blocks.slice(4, 10), CHAIN.forged(11), ...CHAIN.blocks.slice(11, 24)];
    expect(sync.accept(answer(request?.to ?? -1, broken), forkedHead, 0).type).toBe("refused");
  });
});

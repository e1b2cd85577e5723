import { expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import { blockHash, encodeHeader, type Header, readHeader } from "../../../src/formats/index.js";
import { type Digest, decode, height, ZERO_DIGEST } from "../../../src/primitives/index.js";
import type { StoreWrite } from "../../../src/replica/index.js";
import {
  type NodeStore,
  openStore,
  type StoreProgress,
  verifyOpened,
  verifyStore,
} from "../../../src/storage/index.js";
import { buildChain, CHAIN_ID, type ChainLink, seededBatch, wholeBlock } from "../../fixtures/stored-chain.js";
import { temporaryDirectory, written } from "../../fixtures/temporary-store.js";

const chain = buildChain(70);
const link = (number: number): ChainLink => chain[number - 1] as ChainLink;

async function storeOf(steps: readonly StoreWrite[]): Promise<NodeStore> {
  const store = await openStore({ path: temporaryDirectory(), chainId: CHAIN_ID });
  onTestFinished(() => store.close());
  for (const step of steps) await written(store, step);
  return store;
}

/** The block with another header, under that header's true hash. */
function withHeader(entry: ChainLink, change: Partial<Header>): ChainLink {
  const decoded = decode(entry.block.header, readHeader);
  if (!decoded.ok) throw new Error(decoded.fault.detail);
  const header = encodeHeader({ ...decoded.value, ...change });
  const hash = blockHash(sha256, header);
  return {
    ...entry,
    block: { ...entry.block, header, hash },
    head: { ...entry.head, hash },
    executed: { ...entry.executed, leaf: { ...entry.executed.leaf, blockHash: hash } },
  };
}

test("a sound store is counted and reported on while it goes", async () => {
  const proposal = link(70).block;
  const waiting = seededBatch(1);
  const store = await storeOf([
    ...chain.slice(0, 69).map(wholeBlock),
    { durable: true, proposals: [proposal], batches: [waiting], admitted: [waiting.digest] },
  ]);
  const progress: StoreProgress[] = [];
  const report = await verifyOpened(store, (step) => progress.push(step));
  expect(report).toEqual({
    ok: true,
    chainId: CHAIN_ID,
    height: 69,
    executedHeight: 69,
    counts: {
      blocks: 69,
      batches: 139,
      batchBytes: 139 * 320,
      batchesToFetch: 0,
      results: 69,
      // 2n minus the ones in n written in binary: nodes of complete subtrees over n leaves.
      treeNodes: 2 * 69 - 3,
      pages: 0,
      certificates: 0,
      proposals: 1,
      admitted: 1,
    },
    faults: [],
    faultCount: 0,
  });
  expect(progress.at(0)).toEqual({ part: "blocks", done: 64, total: 69 });
  expect(progress.some(({ part }) => part === "logs")).toBe(true);
});

test("a block that is final and not executed may lack its batches: they are still to be fetched", async () => {
  const { finalized } = wholeBlock(link(2));
  const store = await storeOf([
    wholeBlock(link(1)),
    { durable: true, ...(finalized === undefined ? {} : { finalized }) },
  ]);
  const report = await verifyOpened(store);
  expect(report).toMatchObject({ ok: true, height: 2, executedHeight: 1, counts: { batchesToFetch: 2 } });
});

const FIRST_TWO = [wholeBlock(link(1)), wholeBlock(link(2))];
const third = wholeBlock(link(3));
const leaf3 = link(3).executed.leaf;

test.each<[string, StoreWrite, string]>([
  [
    "a batch that no longer has its digest",
    {
      ...third,
      batches: [
        { digest: link(3).batches[0]?.digest as Digest, bytes: seededBatch(9).bytes },
        ...link(3).batches.slice(1),
      ],
    },
    "has another digest",
  ],
  ["a batch that is not there", { ...third, batches: [] }, "is missing"],
  [
    "a batch of another size",
    { ...third, batches: link(3).batches.map(({ digest, bytes }) => ({ digest, bytes: bytes.slice(1) })) },
    "319 bytes, not 320",
  ],
  [
    "a body that is another block's",
    { ...third, finalized: { blocks: [{ ...link(3).block, body: link(4).block.body }], head: link(3).head } },
    "batchesRoot",
  ],
  ["a header that does not link", wholeBlock(withHeader(link(3), { parentHash: ZERO_DIGEST })), "does not link"],
  ["a header for another height", wholeBlock(withHeader(link(3), { height: height(8) })), "is for height 8"],
  ["a header of another chain", wholeBlock(withHeader(link(3), { chainId: ZERO_DIGEST })), "another chain"],
  ["a header that goes back in time", wholeBlock(withHeader(link(3), { timestamp: 5 })), "time does not advance"],
  [
    "a claim that is not our result",
    wholeBlock(
      withHeader(link(3), {
        executed: { height: height(2), resultsRoot: ZERO_DIGEST, stateHeight: height(0), stateRoot: ZERO_DIGEST },
      }),
    ),
    "claimed for height 2 is not ours",
  ],
  [
    "a hash that is not the header's",
    {
      ...third,
      finalized: { blocks: [{ ...link(3).block, hash: ZERO_DIGEST }], head: { ...link(3).head, hash: ZERO_DIGEST } },
    },
    "another hash",
  ],
  [
    "a result that is another block's",
    { ...third, executed: { ...link(3).executed, leaf: { ...leaf3, blockHash: ZERO_DIGEST } } },
    "result is another block's",
  ],
  [
    "a leaf that the tree does not hold",
    { ...third, executed: { ...link(3).executed, leaf: { ...leaf3, leafCount: 99 } } },
    "tree node 0/2 differs",
  ],
  [
    "a body that does not decode",
    { ...third, finalized: { blocks: [{ ...link(3).block, body: new Uint8Array(3) }], head: link(3).head } },
    "does not decode",
  ],
])("%s is found, at its height", async (_, step, detail) => {
  const report = await verifyOpened(await storeOf([...FIRST_TWO, step]));
  expect(report.ok).toBe(false);
  expect(report.faults.find((fault) => fault.detail.includes(detail))?.height).toBe(3);
});

test("a store that does not exist, or is in use, cannot be verified", async () => {
  await expect(verifyStore(temporaryDirectory())).rejects.toMatchObject({ fault: { code: "STORE_MISSING" } });
  const store = await storeOf([]);
  await expect(verifyStore(store.path)).rejects.toMatchObject({ fault: { code: "STORE_LOCKED" } });
});

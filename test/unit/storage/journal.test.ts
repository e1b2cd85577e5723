import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { epoch, height, view, ZERO_DIGEST } from "../../../src/primitives/index.js";
import type { StoreWrite } from "../../../src/replica/index.js";
import { Random } from "../../../src/simulator/random.js";
import { type NodeStore, openStore, verifyStore } from "../../../src/storage/index.js";
import { crashImage, dataFiles } from "../../fixtures/crash-image.js";
import { buildChain, CHAIN_ID, type ChainLink, seededBatch, seededBytes } from "../../fixtures/stored-chain.js";
import { temporaryDirectory, written } from "../../fixtures/temporary-store.js";

const SEGMENT_BYTES = 8_192;
const chain = buildChain(16);
const link = (number: number): ChainLink => chain[number - 1] as ChainLink;

const open = (path: string): Promise<NodeStore> => openStore({ path, chainId: CHAIN_ID, segmentBytes: SEGMENT_BYTES });
const imageOf = (path: string): string => crashImage(path, join(temporaryDirectory(), "image"));
const recordOf = (number: number) => ({
  ...{ epoch: epoch(0), view: view(number), hash: undefined },
  ...{ prepared: false, committed: false, timedOut: true },
});

/** A block with its batches, made final in one short write. */
const step = (number: number): StoreWrite => {
  const { block, head, batches } = link(number);
  return { durable: true, record: recordOf(number), batches, finalized: { blocks: [block], head } };
};

/** What a reopened store says of its first `count` blocks. */
async function readBack(path: string, count: number): Promise<void> {
  const store = await open(path);
  expect(store.load().record?.view).toBe(count);
  expect(store.headHeight).toBe(count);
  for (const { block, batches } of chain.slice(0, count)) {
    expect(store.block(block.height)).toEqual(block);
    expect(store.heightOf(block.hash)).toBe(block.height);
    for (const { digest, bytes } of batches) expect(store.batch(digest)).toEqual(bytes);
  }
  await store.close();
  expect((await verifyStore(path)).faults).toEqual([]);
}

/** Where each entry of a journal ends. */
function entryEnds(file: string): number[] {
  const bytes = readFileSync(file);
  const ends: number[] = [];
  for (let at = 0; bytes.readUInt32LE(at) > 0; ) {
    at += 8 + bytes.readUInt32LE(at);
    ends.push(at);
  }
  return ends;
}

describe("attacks 50, 53: between two flushes of LevelDB", () => {
  test("a short durable write is one flush, and a crash after any of them loses nothing", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    for (let number = 1; number <= 6; number += 1) {
      const { fsyncs } = store.counters;
      await written(store, step(number));
      expect(store.counters.fsyncs).toBe(fsyncs + 1);
      const image = imageOf(path);
      // None of it is in LevelDB yet, nor flushed in the log of batches, which a power loss may take.
      for (const { file } of dataFiles(join(image, "batches"))) truncateSync(file, 0);
      await readBack(image, number);
    }
    await store.close();
    await readBack(path, 6);
  });

  test("a torn last entry is what nobody was told of; one that was is missed", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    await written(store, step(1));
    await written(store, step(2));
    const witness = readFileSync(join(path, "witness"));
    await written(store, step(3));
    const [, start, end] = entryEnds(join(path, "journal")) as [number, number, number];
    const random = new Random(3, "torn");
    for (let round = 0; round < 10; round += 1) {
      const image = imageOf(path);
      const file = join(image, "journal");
      const bytes = readFileSync(file);
      const from = round === 0 ? start : random.integer(start, end - 1);
      if (round % 2 === 0) bytes.fill(0, from, end);
      else bytes.set(seededBytes(round, end - from), from);
      writeFileSync(file, bytes);
      await expect(open(imageOf(image)), `from ${from}`).rejects.toMatchObject({ fault: { code: "STORE_CORRUPT" } });
      writeFileSync(join(image, "witness"), witness);
      await readBack(image, 2);
    }
    await store.close();
  });

  test("what is left of older entries is not taken for newer ones", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    for (let number = 1; number <= 8; number += 1) await written(store, step(number));
    await written(store, { durable: true, checkpoint: { height: height(0), stateRoot: ZERO_DIGEST, pages: [] } });
    await readBack(imageOf(path), 8);
    for (let number = 9; number <= 11; number += 1) await written(store, step(number));
    await readBack(imageOf(path), 11);
    await store.close();
    await readBack(path, 11);
  });

  test("results that nobody waited for are there until the process ends, and none of them afterwards", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    await written(store, step(1));
    await written(store, { durable: false, executed: link(1).executed });
    expect(store.leaf(height(1))).toEqual(link(1).executed.leaf);
    expect(store.outcomes(height(1))).toEqual(link(1).executed.outcomes);
    const image = imageOf(path);
    await store.close();
    const reopened = await open(image);
    expect(reopened.leaf(height(1))).toBeUndefined();
    await reopened.close();
  });

  test("long batches are flushed where they lie, with those before them", async () => {
    const path = temporaryDirectory();
    const store = await openStore({ path, chainId: CHAIN_ID });
    const [loose, long, short] = [seededBatch(1, 900), seededBatch(2, 40_000), seededBatch(3, 900)];
    await written(store, { durable: false, batches: [loose] });
    await written(store, { durable: true, batches: [long] });
    const { fsyncs } = store.counters;
    await written(store, { durable: true, batches: [short] });
    expect(store.counters.fsyncs).toBe(fsyncs + 1);
    const image = imageOf(path);
    await store.close();
    const reopened = await openStore({ path: image });
    for (const { digest, bytes } of [loose, long, short]) expect(reopened.batch(digest)).toEqual(bytes);
    await reopened.close();
  });

  test("more than the journal holds goes to LevelDB, whatever its size", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    const admitted = Array.from({ length: 60 }, (_, seed) => seededBatch(1_000 + seed, 30_000));
    for (const { digest, bytes } of admitted) {
      await written(store, { durable: true, batches: [{ digest, bytes }], admitted: [digest] });
    }
    const image = imageOf(path);
    await store.close();
    const reopened = await open(image);
    expect(reopened.load().admitted.length).toBe(admitted.length);
    for (const { digest, bytes } of admitted) expect(reopened.batch(digest)).toEqual(bytes);
    await reopened.close();
  });
});

describe("attack 54: LevelDB and its journal do not fit", () => {
  test("a journal that is gone, or builds on what LevelDB has lost", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    await written(store, step(1));
    const early = imageOf(path);
    await store.close();
    const again = await open(path);
    await written(again, step(2));
    const late = imageOf(path);
    await again.close();

    const without = imageOf(late);
    rmSync(join(without, "journal"));
    await expect(open(without)).rejects.toMatchObject({ fault: { code: "STORE_CORRUPT" } });

    rmSync(join(late, "level"), { recursive: true });
    crashImage(join(early, "level"), join(late, "level"));
    const fault = { code: "STORE_CORRUPT", detail: expect.stringContaining("LevelDB has only write 0") };
    await expect(open(late)).rejects.toMatchObject({ fault });
  });
});

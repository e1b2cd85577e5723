import { closeSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { epoch, view } from "../../../src/primitives/index.js";
import type { StoreWrite } from "../../../src/replica/index.js";
import { Random } from "../../../src/simulator/random.js";
import { type NodeStore, openStore, verifyStore } from "../../../src/storage/index.js";
import { crashImage, dataFiles } from "../../fixtures/crash-image.js";
import { buildChain, CHAIN_ID, seededBatch } from "../../fixtures/stored-chain.js";
import { temporaryDirectory, written } from "../../fixtures/temporary-store.js";

const PAGE_BYTES = 4_096;
const chain = buildChain(120, { batchesPerBlock: 1, batchBytes: 200 });
const expiring = Array.from({ length: 40 }, (_, index) => seededBatch(900_000 + index, 200));

const open = (path: string): Promise<NodeStore> => openStore({ path, chainId: CHAIN_ID });

/** Everything final and synced, 40 admissions among it; no results yet. */
async function fill(path: string): Promise<NodeStore> {
  const store = await open(path);
  const last = chain[chain.length - 1] as (typeof chain)[0];
  const finalized = { blocks: chain.map(({ block }) => block), head: last.head };
  await written(store, { durable: true, batches: chain.flatMap(({ batches }) => batches), finalized });
  const record = {
    epoch: epoch(0),
    view: view(130),
    hash: undefined,
    prepared: false,
    committed: false,
    timedOut: true,
  };
  const admitted = expiring.map(({ digest }) => digest);
  await written(store, { durable: true, record, batches: expiring, admitted });
  return store;
}

/** What a replica does not wait for: results, and admissions that expire. */
async function* unsynced(store: NodeStore, random: Random): AsyncGenerator<number> {
  const steps: StoreWrite[] = chain.map(({ executed }) => ({ durable: false, executed }));
  for (const { digest } of expiring) {
    steps.splice(random.integer(0, steps.length), 0, { durable: false, dropAdmitted: [digest] });
  }
  for (const [at, step] of steps.entries()) {
    await written(store, step);
    yield at;
  }
}

const sizesOf = (path: string): ReadonlyMap<string, number> =>
  new Map(dataFiles(path).map(({ file, bytes }) => [file.slice(path.length), bytes]));

/** Pages that were written after the last sync are there or not, each by itself; where the last are not, the file is short. */
function losePages(image: string, synced: ReadonlyMap<string, number>, random: Random): void {
  for (const { file, bytes } of dataFiles(image)) {
    // Its own writes are repeated by the next sync, and it may be older than the store.
    if (file.endsWith("witness")) continue;
    const kept = synced.get(file.slice(image.length)) ?? 0;
    const ratio = random.pick([0.1, 0.5, 0.9]);
    const fd = openSync(file, "r+");
    for (let page = Math.floor(kept / PAGE_BYTES) * PAGE_BYTES; page < bytes; page += PAGE_BYTES) {
      if (!random.chance(ratio)) continue;
      const first = Math.max(page, kept);
      writeSync(fd, new Uint8Array(Math.min(page + PAGE_BYTES, bytes) - first), 0, null, first);
    }
    if (random.chance(0.3)) ftruncateSync(fd, random.integer(kept, bytes));
    closeSync(fd);
  }
}

describe("attack 50: the power goes while pages wait for the disk, which writes them back in any order", () => {
  test.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    "what was synced is all there and the store opens, seed %i",
    async (seed) => {
      const random = new Random(seed, "power loss");
      const path = temporaryDirectory();
      const store = await fill(path);
      let synced = sizesOf(path);
      let { fsyncs } = store.counters;
      const images: string[] = [];
      for await (const at of unsynced(store, random)) {
        if (store.counters.fsyncs !== fsyncs) synced = sizesOf(path);
        fsyncs = store.counters.fsyncs;
        if (at % 40 !== 39) continue;
        const image = crashImage(path, join(temporaryDirectory(), "image"));
        losePages(image, synced, random);
        images.push(image);
      }
      await store.close();
      for (const image of images) {
        const reopened = await open(image);
        const { head, record, checkpoint, admitted } = reopened.load();
        expect({ height: head?.height, view: record?.view, checkpoint }).toEqual({
          height: chain.length,
          view: 130,
          checkpoint: undefined,
        });
        const known = new Set(expiring.map(({ digest }) => digest));
        expect(admitted.filter(({ digest }) => !known.has(digest))).toEqual([]);
        for (const { block, batches } of chain) {
          expect(reopened.block(block.height)).toEqual(block);
          for (const { digest, bytes } of batches) expect(reopened.batch(digest)).toEqual(bytes);
        }
        await written(reopened, { durable: true, executed: (chain[0] as (typeof chain)[0]).executed });
        await reopened.close();
        expect((await verifyStore(image)).faults).toEqual([]);
      }
      expect(statSync(join(path, "witness")).size).toBeGreaterThan(0);
    },
  );
});

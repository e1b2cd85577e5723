import { copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import type { StatePage } from "../../../src/ledger/index.js";
import { epoch, height, toHex, view, ZERO_DIGEST } from "../../../src/primitives/index.js";
import type { StoreWrite } from "../../../src/replica/index.js";
import { Random } from "../../../src/simulator/random.js";
import { type NodeStore, openStore, StoreError, verifyStore } from "../../../src/storage/index.js";
import { crashImage } from "../../fixtures/crash-image.js";
import { buildChain, CHAIN_ID, type ChainLink, seededBytes, wholeBlock } from "../../fixtures/stored-chain.js";
import { temporaryDirectory, write, written } from "../../fixtures/temporary-store.js";

const UNIT_BYTES = 4_096;
const chain = buildChain(40);
const link = (number: number): ChainLink => chain[number - 1] as ChainLink;

async function open(path: string): Promise<NodeStore> {
  const store = await openStore({ path, chainId: CHAIN_ID });
  onTestFinished(() => store.close());
  return store;
}

/** Block `number` with a checkpoint at its height. */
const step = (number: number, pages: readonly StatePage[]): StoreWrite => ({
  ...wholeBlock(link(number)),
  durable: false,
  checkpoint: { height: height(number), stateRoot: ZERO_DIGEST, pages },
});

/** Keys and digests: comparing megabytes byte by byte takes a test long. */
const namesOf = (pages: Iterable<StatePage>): string[] =>
  [...pages].map(({ key, bytes }) => `${key} ${toHex(sha256(bytes))}`);

/** Pages with the keys 0 … count − 1 that differ from those of every other number. */
const pagesOf = (number: number, count: number, bytes: number): StatePage[] =>
  Array.from({ length: count }, (_, key) => ({
    key,
    bytes: new Uint8Array(Buffer.alloc(bytes, seededBytes(number * 1_000 + key, 60))),
  }));

const record = { epoch: epoch(0), view: view(9), hash: undefined, prepared: false, committed: false, timedOut: true };

describe("what a checkpoint leaves", () => {
  test("many checkpoints of pages that come, grow, shrink and go, with restarts between", async () => {
    const random = new Random(1, "pages");
    const path = temporaryDirectory();
    let store = await open(path);
    const expected = new Map<number, Uint8Array>();
    for (let number = 1; number <= chain.length; number += 1) {
      const keys = new Set(Array.from({ length: random.integer(0, 30) }, () => random.integer(0, 60) * 2 ** 20));
      const pages = [...keys].map((key) => ({ key, bytes: seededBytes(number + key, random.integer(0, 3) * 3_000) }));
      for (const { key, bytes } of pages) expected.set(key, bytes);
      await written(store, step(number, pages));
      if (random.chance(0.3)) {
        await store.close();
        store = await open(path);
      }
      const sorted = [...expected].sort(([left], [right]) => left - right);
      expect(namesOf(store.pages())).toEqual(namesOf(sorted.map(([key, bytes]) => ({ key, bytes }))));
      expect(store.load().checkpoint?.height).toBe(number);
    }
    await store.close();
    expect(await verifyStore(path)).toMatchObject({ ok: true, counts: { pages: expected.size } });
  });

  test("places of older pages are used again: the file holds two states at the most", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    for (let number = 1; number <= chain.length; number += 1)
      await written(store, step(number, pagesOf(number, 50, 5_000)));
    // Two units a page, and one for the directory.
    expect(statSync(join(path, "pages")).size).toBeLessThanOrEqual(2 * 101 * UNIT_BYTES);
  });

  test("what page gives is the reader's own", async () => {
    const store = await open(temporaryDirectory());
    await written(store, step(1, pagesOf(1, 1, 100)));
    store.page(0)?.fill(0);
    expect(store.page(0)).toEqual(pagesOf(1, 1, 100)[0]?.bytes);
  });
});

describe("while a checkpoint is being saved", () => {
  /** More than is written at once. */
  const LARGE = [60, 120_000] as const;

  test("votes are written and promised, and readers see the new pages", async () => {
    const store = await open(temporaryDirectory());
    await written(store, step(1, pagesOf(1, ...LARGE)));
    await write(store, step(2, pagesOf(2, ...LARGE)));
    let isSaved = false;
    const saved = store.checkpointsSaved().then(() => {
      isSaved = true;
    });
    await written(store, { durable: true, record });
    expect(isSaved).toBe(false);
    expect(store.savedHeight).toBe(1);
    expect(namesOf(store.pages())).toEqual(namesOf(pagesOf(2, ...LARGE)));
    await saved;
    expect(store.savedHeight).toBe(2);
    expect(namesOf(store.pages())).toEqual(namesOf(pagesOf(2, ...LARGE)));
  });

  test("those that come meanwhile are saved as one, the newest", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    await written(store, step(1, pagesOf(1, 10, 5_000)));
    const { fsyncs } = store.counters;
    await write(store, step(2, pagesOf(2, 10, 5_000)));
    for (const number of [3, 4, 5]) await write(store, step(number, pagesOf(number, 10 - number, 5_000)));
    await store.checkpointsSaved();
    // Pages, outcomes and LevelDB, twice, beside what the blocks' finality takes.
    expect(store.counters.fsyncs - fsyncs).toBeLessThanOrEqual(2 * 3 + 4);
    const reopened = await open(crashImage(path, join(temporaryDirectory(), "image")));
    expect(reopened.load().checkpoint?.height).toBe(5);
    const newest = [5, 5, 5, 5, 5, 4, 3, 2, 2, 2].map((number, key) => pagesOf(number, 10, 5_000)[key]);
    expect([...reopened.pages()]).toEqual(newest);
  });

  test("closing saves it", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    await write(store, step(1, pagesOf(1, ...LARGE)));
    await store.close();
    const reopened = await open(path);
    expect(reopened.load().checkpoint?.height).toBe(1);
    expect(namesOf(reopened.pages())).toEqual(namesOf(pagesOf(1, ...LARGE)));
  });

  test.each([1, 2, 3])(
    "attacks 50, 53: a crash at any moment leaves it or the one before, whole, seed %i",
    async (seed) => {
      const random = new Random(seed, "page file");
      const path = temporaryDirectory();
      const store = await open(path);
      await written(store, step(1, pagesOf(1, ...LARGE)));
      await written(store, step(2, pagesOf(2, ...LARGE)));
      const before = readFileSync(join(path, "pages"));
      let isSaved = false;
      await write(store, step(3, pagesOf(3, 40, LARGE[1])));
      const saved = store.checkpointsSaved().then(() => {
        isSaved = true;
      });
      const images: string[] = [];
      while (!isSaved) {
        if (images.length < 12) {
          images.push(crashImage(path, join(temporaryDirectory(), "image")));
          await written(store, { durable: true, record });
        }
        await nextTurn();
      }
      await saved;
      images.push(crashImage(path, join(temporaryDirectory(), "image")));
      const found = new Set<number>();
      for (const image of images) found.add(await checkImage(image, before, random));
      expect(found).toEqual(new Set([2, 3]));
    },
  );

  /** Of what was written since the checkpoint before, the power loss took any part, unless the new one counts already. */
  async function checkImage(image: string, before: Uint8Array, random: Random): Promise<number> {
    const file = join(image, "pages");
    let store = await openStore({ path: image, chainId: CHAIN_ID });
    const reached = store.load().checkpoint?.height ?? 0;
    if (reached === 2) {
      await store.close();
      writeFileSync(file, torn(readFileSync(file), before, random));
      store = await openStore({ path: image, chainId: CHAIN_ID });
      expect(store.load().checkpoint?.height).toBe(2);
    }
    const newer = reached === 2 ? [] : pagesOf(3, 40, LARGE[1]);
    expect(namesOf(store.pages())).toEqual(namesOf([...newer, ...pagesOf(2, ...LARGE).slice(newer.length)]));
    await store.close();
    expect((await verifyStore(image)).faults).toEqual([]);
    return reached;
  }

  /** Units that differ are the new ones, the old ones, or neither. */
  function torn(now: Uint8Array, before: Uint8Array, random: Random): Uint8Array {
    const bytes = now.slice();
    for (let at = 0; at < bytes.length; at += UNIT_BYTES) {
      const old = before.subarray(at, at + UNIT_BYTES);
      if (Buffer.compare(now.subarray(at, at + UNIT_BYTES), old) === 0) continue;
      const kind = random.pick(["new", "old", "neither"]);
      if (kind === "old") bytes.set(old, at);
      if (kind === "neither") bytes.fill(random.integer(0, 255), at, at + UNIT_BYTES);
    }
    return bytes;
  }
});

describe("attack 54: a page file that is not the checkpoint's", () => {
  const faultOf = async (attempt: () => unknown): Promise<string> => {
    try {
      await attempt();
      return "none";
    } catch (error) {
      return (error as StoreError).fault.code;
    }
  };

  test("an older one, or one that is cut, is refused or noticed when it is read", async () => {
    const path = temporaryDirectory();
    const file = join(path, "pages");
    const older = join(temporaryDirectory(), "older");
    const store = await open(path);
    await written(store, step(1, pagesOf(1, 4, 5_000)));
    await store.close();
    copyFileSync(file, older);
    const again = await open(path);
    await written(again, step(2, pagesOf(2, 4, 5_000)));
    await written(again, step(3, pagesOf(3, 4, 5_000)));
    await again.close();
    const newest = readFileSync(file);
    copyFileSync(older, file);
    expect(await faultOf(() => open(path))).toBe("STORE_CORRUPT");
    writeFileSync(file, newest.subarray(0, UNIT_BYTES));
    expect(await faultOf(() => open(path))).toBe("STORE_CORRUPT");
    writeFileSync(file, newest);
    expect([...(await open(path)).pages()]).toEqual(pagesOf(3, 4, 5_000));
  });

  test("two pages that changed places", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    await written(store, step(1, pagesOf(1, 2, UNIT_BYTES)));
    await store.close();
    const bytes = readFileSync(join(path, "pages"));
    const [first, second] = [bytes.subarray(0, UNIT_BYTES), bytes.subarray(UNIT_BYTES, 2 * UNIT_BYTES)];
    writeFileSync(join(path, "pages"), Buffer.concat([second, first, bytes.subarray(2 * UNIT_BYTES)]));
    const reopened = await open(path);
    for (const key of [0, 1]) expect(() => reopened.page(key)).toThrow(StoreError);
    await reopened.close();
    expect(await verifyStore(path)).toMatchObject({ ok: false });
  });
});

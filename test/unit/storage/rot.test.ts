import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Random } from "../../../src/simulator/random.js";
import { type NodeStore, openStore, StoreError, verifyStore } from "../../../src/storage/index.js";
import { crashImage, dataFiles } from "../../fixtures/crash-image.js";
import { randomTraffic } from "../../fixtures/store-traffic.js";
import { buildChain, CHAIN_ID } from "../../fixtures/stored-chain.js";
import { temporaryDirectory } from "../../fixtures/temporary-store.js";

const SEGMENT_BYTES = 8_192;
const chain = buildChain(40);

const open = (path: string): Promise<NodeStore> => openStore({ path, chainId: CHAIN_ID, segmentBytes: SEGMENT_BYTES });

/** Files as a power switch leaves them after one to three lives, and the same some writes earlier. */
async function makeImages(random: Random): Promise<{ readonly image: string; readonly earlier: string }> {
  const path = temporaryDirectory();
  let earlier = path;
  let image = path;
  for (let lives = random.integer(1, 3); lives > 0; lives -= 1) {
    const store = await open(path);
    earlier = crashImage(path, join(temporaryDirectory(), "earlier"));
    if (store.headHeight < chain.length) await randomTraffic(store, chain, random);
    image = crashImage(path, join(temporaryDirectory(), "image"));
    await store.close();
  }
  return { image, earlier };
}

type Sector = { readonly name: string; readonly at: number; readonly bytes: number };

/** One fault of a disk. @returns what was done, for the report of a failure */
function damage(path: string, earlier: string, random: Random): string {
  const files = dataFiles(path).map(({ file, bytes }) => ({ name: file.slice(path.length), bytes }));
  const { name, bytes } = random.pick(files);
  const content = readFileSync(join(path, name));
  const sector = ({ name: of, bytes: size }: { name: string; bytes: number }): Sector => {
    const sectorBytes = random.pick([512, 4_096]);
    const at = sectorBytes * random.integer(0, Math.floor((size - 1) / sectorBytes));
    return { name: of, at, bytes: Math.min(sectorBytes, size - at) };
  };
  const put = (where: Sector, what: Uint8Array): void => {
    const file = join(path, where.name);
    const changed = readFileSync(file);
    changed.set(what.subarray(0, where.bytes), where.at);
    writeFileSync(file, changed);
  };
  const taken = ({ name: of, at, bytes: size }: Sector, from = path): Uint8Array => {
    try {
      return new Uint8Array(readFileSync(join(from, of))).slice(at, at + size);
    } catch {
      return new Uint8Array(0);
    }
  };
  const first = sector({ name, bytes });
  const kind = random.pick(["flip", "swap", "misdirect", "lose", "zero", "cut", "grow", "remove"] as const);
  switch (kind) {
    case "flip":
      for (let flips = random.integer(1, 3); flips > 0; flips -= 1) {
        const at = random.integer(0, bytes - 1);
        content[at] = (content[at] as number) ^ (1 << random.integer(0, 7));
      }
      writeFileSync(join(path, name), content);
      break;
    case "swap": {
      const second = sector(random.pick(files));
      const [one, other] = [taken(first), taken(second)];
      put(first, other);
      put(second, one);
      break;
    }
    case "misdirect":
      put(first, taken(sector(random.pick(files))));
      break;
    case "lose":
      // The write never came: what was there before shows through.
      put(first, taken(first, earlier));
      break;
    case "zero":
      put(first, new Uint8Array(first.bytes));
      break;
    case "cut":
      writeFileSync(join(path, name), content.subarray(0, random.integer(0, bytes - 1)));
      break;
    case "grow":
      writeFileSync(join(path, name), Buffer.concat([content, random.bytes(random.integer(1, 5_000))]));
      break;
    case "remove":
      rmSync(join(path, name));
  }
  return `${kind} ${name} at ${first.at}`;
}

/** Every read that a store answers, by name. */
function readings(store: NodeStore): ReadonlyMap<string, () => unknown> {
  const all = new Map<string, () => unknown>([
    ["load", () => store.load()],
    ["pages", () => [...store.pages()]],
  ]);
  for (const { block, batches, executed } of chain) {
    const at = block.height;
    all.set(`block ${at}`, () => store.block(at));
    all.set(`height ${at}`, () => store.heightOf(block.hash));
    all.set(`leaf ${at}`, () => store.leaf(at));
    all.set(`outcomes ${at}`, () => store.outcomes(at));
    for (const { digest } of batches) all.set(`batch ${digest}`, () => store.batch(digest));
    for (const { level, index } of executed.nodes) {
      all.set(`node ${level}/${index}`, () => store.treeNode(level, index));
    }
  }
  return all;
}

/** What reads give, faults as their codes. @throws whatever is no `StoreError` */
async function readAll(path: string): Promise<ReadonlyMap<string, unknown> | string> {
  const outcome = (look: () => unknown): unknown => {
    try {
      return look();
    } catch (error) {
      if (error instanceof StoreError) return error.fault.code;
      throw error;
    }
  };
  let store: NodeStore;
  try {
    store = await open(path);
  } catch (error) {
    if (error instanceof StoreError) return error.fault.code;
    throw error;
  }
  try {
    return new Map([...readings(store)].map(([name, read]) => [name, outcome(read)]));
  } finally {
    await store.close();
  }
}

const SEEDS = 4;
const DAMAGES = 12;

describe("attacks 53 and 54: one fault of the disk anywhere, after traffic of all kinds", () => {
  test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
    "the same contents or a typed refusal, never anything else, seed %i",
    async (seed) => {
      const random = new Random(seed, "rot");
      const { image, earlier } = await makeImages(random);
      const expected = await readAll(crashImage(image, join(temporaryDirectory(), "whole")));
      expect(expected).toBeInstanceOf(Map);
      if (typeof expected === "string") return;
      let noticed = 0;
      for (let round = 0; round < DAMAGES; round += 1) {
        const path = crashImage(image, join(temporaryDirectory(), "image"));
        const what = damage(path, earlier, random);
        const copy = crashImage(path, join(temporaryDirectory(), "again"));
        const got = await readAll(path);
        const report = await verifyStore(copy).catch((error: unknown) => error);
        if (typeof got === "string") {
          expect(["STORE_CORRUPT", "STORE_IO"], what).toContain(got);
          noticed += 1;
          continue;
        }
        let differs = 0;
        for (const [name, value] of got) {
          if (value === "STORE_CORRUPT") differs += 1;
          // Where no other fact says that it must be there, a lost index entry looks like absence.
          else if (value === undefined && /^(?:batch|height)/u.test(name) && expected.get(name) !== undefined)
            differs += 1;
          else expect(value, `${what}: ${name}`).toEqual(expected.get(name));
        }
        if (differs > 0) {
          noticed += 1;
          expect(report, what).toMatchObject({ ok: false });
        }
        rmSync(path, { recursive: true });
        rmSync(copy, { recursive: true });
      }
      expect(noticed).toBeGreaterThan(DAMAGES / 4);
    },
    60_000,
  );
});

test("attack 54: a flipped bit anywhere in a table is noticed before LevelDB reads it", async () => {
  const path = temporaryDirectory();
  const random = new Random(1, "tables");
  for (let lives = 0; lives < 2; lives += 1) {
    const store = await open(path);
    if (store.headHeight < chain.length) await randomTraffic(store, chain, random);
    await store.close();
  }
  const tables = dataFiles(join(path, "level")).filter(({ file }) => /\.(?:ldb|sst)$/u.test(file));
  expect(tables.length).toBeGreaterThan(0);
  for (const { file, bytes } of tables) {
    const content = readFileSync(file);
    // Behind the two places in a table's end there are unused bytes.
    for (let flip = 0; flip < 25; flip += 1) {
      const at = random.integer(0, bytes - 49);
      const damaged = Buffer.from(content);
      damaged[at] = (damaged[at] as number) ^ (1 << random.integer(0, 7));
      writeFileSync(file, damaged);
      await expect(open(path), `${file} byte ${at}`).rejects.toMatchObject({ fault: { code: "STORE_CORRUPT" } });
    }
    writeFileSync(file, content);
  }
  const whole = await open(path);
  await whole.close();
});

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { describe, expect, onTestFinished, test } from "vitest";
import { epoch, height, view, ZERO_DIGEST } from "../../../src/primitives/index.js";
import type { StoreWrite } from "../../../src/replica/index.js";
import { type NodeStore, openStore, StoreError, verifyStore } from "../../../src/storage/index.js";
import { crashImage, dataFiles } from "../../fixtures/crash-image.js";
import {
  buildChain,
  CHAIN_ID,
  type ChainLink,
  seededBatch,
  seededBytes,
  wholeBlock,
} from "../../fixtures/stored-chain.js";
import { temporaryDirectory, write, written } from "../../fixtures/temporary-store.js";

const SEGMENT_BYTES = 8_192;
const chain = buildChain(24);
const link = (number: number): ChainLink => chain[number - 1] as ChainLink;

const open = (path: string): Promise<NodeStore> => openStore({ path, chainId: CHAIN_ID, segmentBytes: SEGMENT_BYTES });

/** The fault with which something ends. */
async function faultOf(attempt: () => unknown): Promise<string> {
  try {
    const value = await attempt();
    if (value instanceof Object && "close" in value) await (value as NodeStore).close();
    return "none";
  } catch (error) {
    if (error instanceof StoreError) return error.fault.code;
    throw error;
  }
}

const checkpointAt = (number: number): StoreWrite["checkpoint"] => ({
  height: height(number),
  stateRoot: ZERO_DIGEST,
  pages: [0, 1, 2 + (number % 3)].map((key) => ({ key, bytes: seededBytes(number + key, 900) })),
});

/** 24 blocks, a checkpoint at every eighth, a record and a certificate at every one; closed. */
async function fill(path: string): Promise<void> {
  const store = await open(path);
  for (const [index, entry] of chain.entries()) await written(store, blockWrite(index + 1, entry));
  await store.close();
}

function blockWrite(number: number, entry: ChainLink): StoreWrite {
  const checkpoint = number % 8 === 0 ? checkpointAt(number) : undefined;
  return {
    ...wholeBlock(entry),
    record: { epoch: epoch(0), view: view(number), hash: undefined, prepared: false, committed: false, timedOut: true },
    certificates: [
      {
        kind: "TIMEOUT",
        epoch: epoch(0),
        view: view(number + 1),
        hash: ZERO_DIGEST,
        signers: 7,
        signature: seededBytes(number, 96),
      },
    ],
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
}

/** Every read that the filled store answers, by name. */
function readings(store: NodeStore): ReadonlyMap<string, () => unknown> {
  const all = new Map<string, () => unknown>();
  all.set("load", () => store.load());
  all.set("pages", () => [...store.pages()]);
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

async function readAll(path: string): Promise<ReadonlyMap<string, unknown>> {
  const store = await open(path);
  try {
    return new Map([...readings(store)].map(([name, read]) => [name, read()]));
  } finally {
    await store.close();
  }
}

/** Deterministic integers below a bound. */
function* numbers(seed: number): Generator<(bound: number) => number> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const value = (Math.imul(state ^ (state >>> 15), 2_246_822_519) >>> 0) / 2 ** 32;
    yield (bound) => Math.floor(value * bound);
  }
}

describe("who may open", () => {
  test("attack 52: a second opening is refused and harms nothing", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    expect(await faultOf(() => open(path))).toBe("STORE_LOCKED");
    await written(store, wholeBlock(link(1)));
    await store.close();
    expect(await faultOf(() => open(path))).toBe("none");
  });

  test("a store of another chain, another layout, or none at all", async () => {
    const path = temporaryDirectory();
    expect(await faultOf(() => openStore({ path }))).toBe("STORE_MISSING");
    await (await open(path)).close();
    expect(await faultOf(() => openStore({ path }))).toBe("none");
    expect(await faultOf(() => openStore({ path, chainId: ZERO_DIGEST }))).toBe("STORE_FOREIGN");
    await tamper(path, async (level) => {
      await level.put(new Uint8Array([0]), sealed(new Uint8Array([0]), new Uint8Array([9, 0, 0, 0, 1, 2])));
    });
    expect(await faultOf(() => open(path))).toBe("STORE_VERSION");
  });

  test("attack 58: an interrupted creation is done again", async () => {
    const path = temporaryDirectory();
    await tamper(path, () => Promise.resolve());
    expect(await faultOf(() => open(path))).toBe("none");
  });
});

describe("attack 53: torn tails", () => {
  test("what lies behind the promised end of a log is cut, and writing goes on there", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    await written(store, wholeBlock(link(1)));
    await written(store, { durable: false, batches: [seededBatch(7, 9_000)] });
    const image = crashImage(path, join(temporaryDirectory(), "image"));
    await store.close();
    appendFileSync(join(image, "batches", "00000000.log"), seededBytes(1, 777));
    writeFileSync(join(image, "batches", "00000002.log"), seededBytes(2, 50));
    const reopened = await open(image);
    expect(existsSync(join(image, "batches", "00000002.log"))).toBe(false);
    expect(reopened.batch(seededBatch(7, 9_000).digest)).toBeUndefined();
    const finalized = { blocks: [link(2).block], head: link(2).head };
    await written(reopened, { durable: true, finalized, batches: [...link(2).batches, seededBatch(8, 9_000)] });
    await reopened.close();
    expect(await verifyStore(image)).toMatchObject({ ok: true, height: 2, counts: { batches: 5 } });
  });

  test("a log that lost promised bytes is refused", async () => {
    const path = temporaryDirectory();
    await fill(path);
    for (const log of ["batches", "outcomes"]) {
      const image = crashImage(path, join(temporaryDirectory(), "image"));
      const last = dataFiles(join(image, log)).at(-1);
      truncateSync(last?.file ?? "", (last?.bytes ?? 0) - 1);
      expect(await faultOf(() => open(image)), log).toBe("STORE_CORRUPT");
    }
  });

  test("LevelDB's log cut anywhere: all is there, or the store is refused, never an older state", async () => {
    const path = temporaryDirectory();
    await fill(path);
    const expected = await readAll(crashImage(path, join(temporaryDirectory(), "image")));
    const random = numbers(53);
    for (let round = 0; round < 25; round += 1) {
      const image = crashImage(path, join(temporaryDirectory(), "image"));
      const log = dataFiles(join(image, "level")).find(({ file }) => file.endsWith(".log"));
      const cut = 1 + (random.next().value as (bound: number) => number)(round < 12 ? 400 : (log?.bytes ?? 0) - 1);
      truncateSync(log?.file ?? "", (log?.bytes ?? 0) - cut);
      let got: unknown;
      try {
        got = await readAll(image);
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
        continue;
      }
      expect(got, `cut ${cut}`).toEqual(expected);
    }
  });
});

describe("attack 54: bit rot and misdirected writes", () => {
  test.each([1, 2])("a flipped bit anywhere is never served, round %i", async (round) => {
    const path = temporaryDirectory();
    await fill(path);
    // Once more, so that LevelDB has moved its log into tables.
    if (round === 2) await (await open(path)).close();
    const expected = await readAll(crashImage(path, join(temporaryDirectory(), "image")));
    const files = dataFiles(path);
    const random = numbers(54 * round);
    let noticed = 0;
    for (let flip = 0; flip < 40; flip += 1) {
      const draw = random.next().value as (bound: number) => number;
      const { file, bytes } = files[flip % files.length] as (typeof files)[0];
      const original = readFileSync(file);
      const image = crashImage(path, join(temporaryDirectory(), "image"));
      const damaged = Buffer.from(original);
      const at = draw(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << (flip % 8));
      writeFileSync(join(image, file.slice(path.length)), damaged);
      const where = `${file.slice(path.length)} byte ${at}`;
      const differing = await compare(image, expected, where);
      if (differing > 0) noticed += 1;
      const report = await verifyStore(crashImage(image, join(temporaryDirectory(), "again")));
      if (differing > 0) expect(report.ok, where).toBe(false);
    }
    expect(noticed).toBeGreaterThan(15);
  });

  test("values and frames that lie in each other's places", async () => {
    const path = temporaryDirectory();
    await fill(path);
    await tamper(path, async (level) => {
      const [one, two] = [3, 4].map((number) => heightKeyed("b", number)) as [Uint8Array, Uint8Array];
      const values = [await level.get(one), await level.get(two)] as [Uint8Array, Uint8Array];
      await level.batch([
        { type: "put", key: one, value: values[1] },
        { type: "put", key: two, value: values[0] },
      ]);
    });
    const file = join(path, "batches", "00000000.log");
    const bytes = readFileSync(file);
    const frame = 40 + 320;
    writeFileSync(
      file,
      Buffer.concat([bytes.subarray(frame, 2 * frame), bytes.subarray(0, frame), bytes.subarray(2 * frame)]),
    );
    const store = await open(path);
    expect(await faultOf(() => store.block(height(3)))).toBe("STORE_CORRUPT");
    for (const { digest } of link(1).batches) expect(await faultOf(() => store.batch(digest))).toBe("STORE_CORRUPT");
    expect(store.block(height(5))).toEqual(link(5).block);
    await store.close();
    const report = await verifyStore(path);
    expect(report.ok).toBe(false);
    expect(new Set(report.faults.map((fault) => fault.height))).toEqual(new Set([1, 3, 4, 5, undefined]));
  });

  test.each<[string, readonly (readonly [string, number | undefined])[]]>([
    ["a block", [["b", 9]]],
    ["a result", [["l", 9]]],
    ["one copy of the state", [["\u0001", undefined]]],
  ])("%s that LevelDB lost is missed", async (_, keys) => {
    const path = temporaryDirectory();
    await fill(path);
    await tamper(path, async (level) => {
      for (const [kind, number] of keys) await level.del(heightKeyed(kind, number));
    });
    expect(await faultOf(() => readAll(path))).toBe("STORE_CORRUPT");
    expect((await verifyStore(path)).ok).toBe(false);
  });

  test.each([
    ["the state", "\u0001"],
    ["the other copy of the state", "\u00ff"],
  ])("an older version of %s that shows through is refused", async (_, kind) => {
    const path = temporaryDirectory();
    const key = heightKeyed(kind, undefined);
    const store = await open(path);
    for (const [index, entry] of chain.slice(0, 8).entries()) await written(store, blockWrite(index + 1, entry));
    await store.close();
    let older: Uint8Array | undefined;
    await tamper(path, async (level) => {
      older = await level.get(key);
    });
    const again = await open(path);
    for (const [index, entry] of chain.slice(8, 16).entries()) await written(again, blockWrite(index + 9, entry));
    await again.close();
    await tamper(path, (level) => level.put(key, older as Uint8Array));
    expect(await faultOf(() => open(path))).toBe("STORE_CORRUPT");
  });

  test.each(["level/CURRENT", "witness", "journal", "pages", "batches/00000000.log", "outcomes/00000000.log"])(
    "%s is gone",
    async (name) => {
      const path = temporaryDirectory();
      await fill(path);
      rmSync(join(path, name));
      expect(await faultOf(() => open(path))).toBe("STORE_CORRUPT");
      expect(dataFiles(join(path, "level")).length).toBeGreaterThan(0);
    },
  );

  test.each(["gone", "empty"])(
    "LevelDB's first log is %s: the store is no new one, for its record is lost",
    async (how) => {
      const path = temporaryDirectory();
      await fill(path);
      const [log] = dataFiles(join(path, "level")).filter(({ file }) => file.endsWith(".log"));
      if (how === "gone") rmSync(log?.file ?? "");
      else truncateSync(log?.file ?? "", 0);
      expect(await faultOf(() => open(path))).toBe("STORE_CORRUPT");
      expect(await faultOf(() => open(path))).toBe("STORE_CORRUPT");
    },
  );

  test("a lost certificate is missed at opening", async () => {
    const path = temporaryDirectory();
    await fill(path);
    await tamper(path, async (level) => {
      for await (const key of level.keys({ gte: Buffer.from("c"), lt: Buffer.from("d"), limit: 1 }))
        await level.del(key);
    });
    expect(await faultOf(() => open(path))).toBe("STORE_CORRUPT");
  });
});

describe("attack 55: the disk fails", () => {
  test("after one failure nothing is tried again and everybody hears it, in order", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    onTestFinished(() => store.close());
    await written(store, wholeBlock(link(1)));
    mkdirSync(join(path, "batches", "00000001.log"));
    const big = seededBatch(1, SEGMENT_BYTES);
    const order: string[] = [];
    const note = (name: string) => (failure?: { code: string }) => order.push(`${name} ${failure?.code ?? "done"}`);
    store.write(
      { durable: true, batches: [big], finalized: { blocks: [link(2).block], head: link(2).head } },
      note("big"),
    );
    store.write({ durable: false, executed: link(2).executed }, note("next"));
    // A few turns of promises: the first two are under way now, and this one waits.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(store.counters.queued).toBe(0);
    expect((await write(store, { durable: true }))?.code).toBe("STORE_IO");
    rmSync(join(path, "batches", "00000001.log"), { recursive: true });
    expect((await write(store, { durable: true }))?.code).toBe("STORE_IO");
    expect(order).toEqual(["big STORE_IO", "next STORE_IO"]);
    expect(store.load().head?.height).toBe(1);
    expect(store.batch(big.digest)).toBeUndefined();
  });
});

describe("attack 57: a crash between finality, execution and checkpoint", () => {
  test("results above the newest checkpoint are forgotten and can be stored again, the same", async () => {
    const path = temporaryDirectory();
    const store = await open(path);
    const images = temporaryDirectory();
    for (const [index, entry] of chain.entries()) {
      const { executed, checkpoint, ...rest } = blockWrite(index + 1, entry);
      await written(store, rest);
      crashImage(path, join(images, `${index + 1}-final`));
      const results = { durable: false, ...(executed && { executed }), ...(checkpoint && { checkpoint }) };
      await written(store, results);
      crashImage(path, join(images, `${index + 1}-executed`));
    }
    await store.close();
    for (let number = 1; number <= chain.length; number += 1) {
      for (const step of ["final", "executed"]) {
        const isKept = step === "executed" && number % 8 === 0;
        const checkpointHeight = isKept ? number : number - 1 - ((number - 1) % 8);
        await expectResumes(join(images, `${number}-${step}`), number, checkpointHeight);
      }
    }
  });

  async function expectResumes(path: string, headHeight: number, checkpointHeight: number): Promise<void> {
    const store = await open(path);
    const state = store.load();
    expect(state.head?.height).toBe(headHeight);
    expect(state.checkpoint?.height ?? 0).toBe(checkpointHeight);
    expect(store.leaf(height(checkpointHeight + 1))).toBeUndefined();
    expect(store.outcomes(height(checkpointHeight + 1))).toBeUndefined();
    for (let number = checkpointHeight + 1; number <= headHeight; number += 1) {
      await written(store, { durable: false, executed: link(number).executed });
    }
    for (let number = 1; number <= headHeight; number += 1) {
      expect(store.outcomes(height(number))).toEqual(link(number).executed.outcomes);
    }
    await store.close();
    const report = await verifyStore(path);
    expect(report.faults).toEqual([]);
    expect(report).toMatchObject({ height: headHeight, executedHeight: checkpointHeight });
  }
});

/** Counts the readings that fail; those that do not fail must be right, or say that nothing is there. */
async function compare(path: string, expected: ReadonlyMap<string, unknown>, where: string): Promise<number> {
  let store: NodeStore;
  try {
    store = await open(path);
  } catch (error) {
    expect(error, where).toBeInstanceOf(StoreError);
    return expected.size;
  }
  let failed = 0;
  for (const [name, read] of readings(store)) {
    try {
      const got = read();
      // Where no other fact says that it must be there, a lost index entry looks like absence.
      if (got === undefined && /^(batch|height)/.test(name)) failed += 1;
      else expect(got, `${where}: ${name}`).toEqual(expected.get(name));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      failed += 1;
    }
  }
  await store.close();
  return failed;
}

/** Changes LevelDB behind the store's back. */
async function tamper(
  path: string,
  change: (level: ClassicLevel<Uint8Array, Uint8Array>) => Promise<void>,
): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(path, "level"), {
    keyEncoding: "view",
    valueEncoding: "view",
  });
  await level.open();
  await change(level);
  await level.close();
}

/** A key as docs/formats.md lays it down: kind, then eight big-endian bytes. */
function heightKeyed(kind: string, number: number | undefined): Uint8Array {
  const key = Buffer.alloc(number === undefined ? 1 : 9);
  key[0] = kind.charCodeAt(0);
  if (number !== undefined) key.writeBigUInt64BE(BigInt(number), 1);
  return key;
}

function sealed(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const value = Buffer.concat([Buffer.alloc(4), payload]);
  value.writeUInt32LE(crc(Buffer.concat([key, payload])));
  return value;
}

/** CRC-32 bit by bit, apart from the one under test. */
function crc(bytes: Uint8Array): number {
  let value = 0xffff_ffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  }
  return ~value >>> 0;
}

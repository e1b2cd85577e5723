import { describe, expect, onTestFinished, test } from "vitest";
import type { Certificate } from "../../../src/formats/index.js";
import {
  type Digest,
  epoch,
  height,
  InvariantError,
  validatorIndex,
  view,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";
import type { Divergence, Equivocation, StoreWrite } from "../../../src/replica/index.js";
import { type NodeStore, openStore } from "../../../src/storage/index.js";
import {
  buildChain,
  CHAIN_ID,
  type ChainLink,
  seededBatch,
  seededBytes,
  wholeBlock,
} from "../../fixtures/stored-chain.js";
import { temporaryDirectory, write, written } from "../../fixtures/temporary-store.js";

const chain = buildChain(12);
const link = (number: number): ChainLink => chain[number - 1] as ChainLink;

async function open(path = temporaryDirectory()): Promise<NodeStore> {
  const store = await openStore({ path, chainId: CHAIN_ID, segmentBytes: 4_096 });
  onTestFinished(() => store.close());
  return store;
}

async function reopen(store: NodeStore): Promise<NodeStore> {
  await store.close();
  return open(store.path);
}

const record = (number: number, hash?: Digest) => ({
  epoch: epoch(0),
  view: view(number),
  hash,
  prepared: hash !== undefined,
  committed: false,
  timedOut: hash === undefined,
});

const certificate = (kind: Certificate["kind"], number: number): Certificate => ({
  kind,
  epoch: epoch(0),
  view: view(number),
  hash: kind === "TIMEOUT" ? ZERO_DIGEST : link(number).block.hash,
  signers: 0b111,
  signature: seededBytes(number, 96),
});

describe("parts of a write come back after reopening", () => {
  test("a new store is empty", async () => {
    const store = await open();
    expect(store.load()).toEqual({
      record: undefined,
      certificates: [],
      proposals: [],
      head: undefined,
      checkpoint: undefined,
      admitted: [],
      divergence: undefined,
      evidence: [],
    });
    expect(store.block(height(0))).toBeUndefined();
    expect(store.leaf(height(1))).toBeUndefined();
    expect([...store.pages()]).toEqual([]);
  });

  test.each([record(7, link(1).block.hash), record(8)])("safety record %#", async (expected) => {
    const store = await open();
    await written(store, { durable: true, record: record(3) });
    await written(store, { durable: true, record: expected });
    expect(store.load().record).toEqual(expected);
    expect((await reopen(store)).load().record).toEqual(expected);
  });

  test("certificates and proposals, in the order of views and heights", async () => {
    const store = await open();
    const certificates = [certificate("TIMEOUT", 3), certificate("PREPARE", 2), certificate("COMMIT", 2)];
    const proposals = [link(3).block, link(2).block].map(({ hash, header, body }) => ({ hash, header, body }));
    await written(store, { durable: true, certificates, proposals });
    const state = (await reopen(store)).load();
    expect(state.certificates.map((found) => found.view)).toEqual([2, 2, 3]);
    expect(new Set(state.certificates)).toEqual(new Set(certificates));
    expect(state.proposals).toEqual([...proposals].reverse());
  });

  test("batches are found by digest and do not share memory with the caller", async () => {
    const store = await open();
    const batches = [1, 2, 3].map((seed) => seededBatch(seed, 2_000));
    await written(store, { durable: true, batches });
    store.batch(seededBatch(1, 2_000).digest)?.fill(0);
    for (const { digest, bytes } of batches) expect(store.batch(digest)).toEqual(bytes);
    const reopened = await reopen(store);
    for (const { digest, bytes } of batches) expect(reopened.batch(digest)).toEqual(bytes);
    expect(reopened.batch(ZERO_DIGEST)).toBeUndefined();
  });

  test("admissions last until a block orders them or they are dropped", async () => {
    const store = await open();
    const [ordered] = link(1).batches as [ChainLink["batches"][0]];
    const [expired, waiting] = [seededBatch(50), seededBatch(51)];
    const batches = [...link(1).batches, expired, waiting];
    await written(store, { durable: false, batches, admitted: [ordered.digest, expired.digest, waiting.digest] });
    const reopened = await reopen(store);
    expect(reopened.load().admitted).toHaveLength(3);
    await written(reopened, { durable: true, finalized: { blocks: [link(1).block], head: link(1).head } });
    await written(reopened, { durable: false, dropAdmitted: [expired.digest, ZERO_DIGEST] });
    expect((await reopen(reopened)).load().admitted).toEqual([waiting]);
  });

  test("finalised blocks by height and hash, with the proof where there is one", async () => {
    const store = await open();
    const proof = { prepare: certificate("PREPARE", 2), commit: certificate("COMMIT", 2) };
    const blocks = [link(1).block, { ...link(2).block, proof }];
    await written(store, { durable: true, finalized: { blocks, head: link(2).head } });
    const reopened = await reopen(store);
    expect([1, 2, 3].map((number) => reopened.block(height(number)))).toEqual([...blocks, undefined]);
    expect(blocks.map(({ hash }) => reopened.heightOf(hash))).toEqual([1, 2]);
    expect(reopened.heightOf(link(3).block.hash)).toBeUndefined();
    expect(reopened.load().head).toEqual(link(2).head);
  });

  test("finality forgets older certificates and proposals and keeps the head view's", async () => {
    const store = await open();
    const certificates = [certificate("TIMEOUT", 1), certificate("COMMIT", 2), certificate("PREPARE", 3)];
    const proposals = [1, 2, 3].map((number) => link(number).block);
    await written(store, { durable: true, certificates, proposals });
    const blocks = [link(1).block, link(2).block];
    await written(store, { durable: true, finalized: { blocks, head: link(2).head } });
    const state = (await reopen(store)).load();
    expect(state.certificates).toEqual(certificates.slice(1));
    expect(state.proposals.map(({ hash }) => hash)).toEqual([link(3).block.hash]);
  });

  test("results: leaf, outcomes and every node of the tree", async () => {
    const store = await open();
    for (const entry of chain) await written(store, wholeBlock(entry));
    for (const { executed } of chain) {
      expect(store.leaf(executed.leaf.height)).toEqual(executed.leaf);
      expect(store.outcomes(executed.leaf.height)).toEqual(executed.outcomes);
      for (const { level, index, hash } of executed.nodes) expect(store.treeNode(level, index)).toEqual(hash);
    }
    expect(store.treeNode(3, 1)).toBeUndefined();
    expect(store.treeNode(0, 12)).toBeUndefined();
    expect(store.treeNode(60, 2 ** 40)).toBeUndefined();
  });

  test("pages of a checkpoint replace the older ones and come in ascending order", async () => {
    const store = await open();
    const stateRoot = ZERO_DIGEST;
    const pages = [2 ** 47, 3, 1].map((key) => ({ key, bytes: seededBytes(key % 97, 500) }));
    await written(store, { durable: true, checkpoint: { height: height(0), stateRoot, pages } });
    const changed = { key: 3, bytes: seededBytes(9, 700) };
    await written(store, { ...wholeBlock(link(1)), checkpoint: { height: height(1), stateRoot, pages: [changed] } });
    const reopened = await reopen(store);
    expect([...reopened.pages()]).toEqual([pages[2], changed, pages[0]]);
    expect(reopened.page(3)).toEqual(changed.bytes);
    expect(reopened.page(4)).toBeUndefined();
    expect(reopened.load().checkpoint).toEqual({ height: 1, stateRoot });
  });

  test("a divergence", async () => {
    const store = await open();
    const roots = (byte: string) => ({ resultsRoot: byte.repeat(32) as Digest, stateRoot: ZERO_DIGEST });
    const divergence: Divergence = {
      agreedHeight: height(4),
      divergedHeight: height(9),
      certified: roots("aa"),
      own: roots("bb"),
    };
    await written(store, { durable: true, divergence });
    expect((await reopen(store)).load().divergence).toEqual(divergence);
  });

  test("evidence, once for each signer and view", async () => {
    const store = await open();
    const at = (number: number): Equivocation => ({
      signer: validatorIndex(3),
      epoch: epoch(0),
      view: view(number),
      votes: [
        { kind: "PREPARE", hash: "aa".repeat(32) as Digest, signature: new Uint8Array(96).fill(1) },
        { kind: "PREPARE", hash: "bb".repeat(32) as Digest, signature: new Uint8Array(64).fill(2) },
      ],
    });
    await written(store, { durable: true, evidence: [at(9), at(7)] });
    await written(store, { durable: true, evidence: [at(9)] });
    expect((await reopen(store)).load().evidence).toEqual([at(7), at(9)]);
  });
});

describe("order and merging", () => {
  test("done comes on a later turn, in the order of the calls, whatever was merged", async () => {
    const store = await open();
    const order: number[] = [];
    const all = Array.from(
      { length: 50 },
      (_, number) =>
        new Promise<void>((resolve) => {
          const step: StoreWrite = { durable: number % 3 === 0, record: record(number + 1) };
          store.write(step, (failure) => {
            expect(failure).toBeUndefined();
            order.push(number);
            resolve();
          });
          expect(order).toEqual([]);
        }),
    );
    await Promise.all(all);
    expect(order).toEqual(Array.from({ length: 50 }, (_, number) => number));
    expect(store.load().record?.view).toBe(50);
    expect(store.counters).toMatchObject({ writes: 50, groups: 1, queued: 0 });
  });

  test("a write asked for inside done is carried out after those that wait already", async () => {
    const store = await open();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      store.write({ durable: true, record: record(1) }, () => {
        order.push("first");
        store.write({ durable: true, record: record(3) }, () => {
          order.push("third");
          resolve();
        });
      });
      store.write({ durable: true, record: record(2) }, () => order.push("second"));
    });
    expect(order).toEqual(["first", "second", "third"]);
    expect(store.load().record?.view).toBe(3);
  });

  test("reads see a write when its done is called, and nothing of it in the order of heights before", async () => {
    const store = await open();
    const seen: unknown[] = [];
    const [first, second] = [link(1), link(2)];
    await new Promise<void>((resolve) => {
      store.write(wholeBlock(first), () => seen.push(store.block(height(1))?.hash, store.block(height(2))?.hash));
      store.write(wholeBlock(second), () => {
        seen.push(
          store.block(height(2))?.hash,
          store.outcomes(height(2)),
          store.batch(second.batches[0]?.digest as Digest),
        );
        resolve();
      });
      expect(store.block(height(1))).toBeUndefined();
      expect(store.batch(first.batches[0]?.digest as Digest)).toBeUndefined();
    });
    expect(seen).toEqual([
      first.block.hash,
      undefined,
      second.block.hash,
      second.executed.outcomes,
      second.batches[0]?.bytes,
    ]);
  });

  test("only a write that asks for it waits for the disk", async () => {
    const store = await open();
    await written(store, { durable: false, record: record(1), batches: [seededBatch(1)] });
    expect(store.counters.fsyncs).toBe(0);
    await written(store, { durable: true, record: record(2) });
    expect(store.counters.fsyncs).toBe(2);
    await written(store, { durable: true, record: record(3) });
    expect(store.counters.fsyncs).toBe(3);
  });

  test("a checkpoint also waits for the outcomes below it", async () => {
    const store = await open();
    for (const number of [1, 2, 3]) await written(store, { durable: false, executed: link(number).executed });
    expect(store.counters.fsyncs).toBe(0);
    await written(store, { durable: false, checkpoint: { height: height(3), stateRoot: ZERO_DIGEST, pages: [] } });
    // Outcomes, pages, and LevelDB with the state that names them.
    expect(store.counters.fsyncs).toBe(3);
  });

  test("results that nobody waits for are written once, when LevelDB is flushed", async () => {
    const store = await open();
    const finalized = { blocks: chain.map(({ block }) => block), head: link(12).head };
    const cost = async (step: StoreWrite): Promise<number> => {
      const before = store.counters.bytesWritten;
      await written(store, step);
      return store.counters.bytesWritten - before;
    };
    await written(store, { durable: true, finalized });
    const plain = await cost({ durable: true });
    for (const { executed } of chain) await written(store, { durable: false, executed });
    expect(await cost({ durable: false })).toBe(0);
    expect(await cost({ durable: true })).toBe(plain);
    const { bytesWritten } = store.counters;
    await store.settle();
    expect(store.counters.bytesWritten).toBeGreaterThan(bytesWritten + 12 * 150);
    await store.settle();
    expect(await cost({ durable: true })).toBe(plain);
  });

  test.each<[string, StoreWrite]>([
    ["certificates", { durable: false, certificates: [certificate("TIMEOUT", 3)] }],
    ["proposals", { durable: false, proposals: [link(2).block] }],
    ["admissions", { durable: false, admitted: [seededBatch(1).digest] }],
    ["dropped admissions", { durable: false, dropAdmitted: [seededBatch(1).digest] }],
    ["finality", { durable: false, finalized: { blocks: [link(1).block], head: link(1).head } }],
  ])("%s wait for the disk even if nobody asks, since the state of a later write counts them", async (_, step) => {
    const store = await open();
    await written(store, { durable: true, batches: [seededBatch(1)] });
    const { fsyncs } = store.counters;
    await written(store, step);
    expect(store.counters.fsyncs).toBeGreaterThan(fsyncs);
  });

  test("a batch is stored once, however often it is written", async () => {
    const store = await open();
    const batch = seededBatch(1, 1_500);
    for (const durable of [false, false, true, true]) await written(store, { durable, batches: [batch, batch] });
    expect(store.batch(batch.digest)).toEqual(batch.bytes);
    expect(store.counters.bytesWritten).toBeLessThan(2 * 1_500 + 4 * 800);
  });

  test("frames go on in further segments", async () => {
    const store = await open();
    const batches = Array.from({ length: 20 }, (_, seed) => seededBatch(seed, 1_500));
    await written(store, { durable: true, batches: batches.slice(0, 11) });
    const reopened = await reopen(store);
    await written(reopened, { durable: true, batches: [...batches.slice(11), seededBatch(99, 9_000)] });
    for (const { digest, bytes } of batches) expect(reopened.batch(digest)).toEqual(bytes);
    expect(reopened.batch(seededBatch(99, 9_000).digest)).toEqual(seededBytes(99, 9_000));
    expect(await reopened.size()).toBeGreaterThan(39_000);
  });
});

describe("what does not continue the store is our own mistake", () => {
  const { block, head, executed } = link(2);
  const page = { key: 1, bytes: new Uint8Array(1) };
  test.each<[string, StoreWrite]>([
    [
      "a block that skips a height",
      { durable: true, finalized: { blocks: [block, link(4).block], head: link(4).head } },
    ],
    ["a head that is not the last block", { durable: true, finalized: { blocks: [block], head: link(3).head } }],
    ["a result that skips a height", { durable: true, executed: link(3).executed }],
    ["a tree node too few", { durable: true, executed: { ...executed, nodes: executed.nodes.slice(0, 1) } }],
    [
      "a tree node too many",
      { durable: true, executed: { ...executed, nodes: [...executed.nodes, ...executed.nodes] } },
    ],
    [
      "a checkpoint elsewhere",
      { durable: true, checkpoint: { height: height(7), stateRoot: ZERO_DIGEST, pages: [page] } },
    ],
    ["an admission without its batch", { durable: true, admitted: [ZERO_DIGEST] }],
    ["a proposal that is none", { durable: true, proposals: [{ ...block, header: new Uint8Array(3) }] }],
  ])("%s", async (_, step) => {
    const store = await open();
    await written(store, wholeBlock(link(1)));
    expect(() => store.write(step, () => undefined)).toThrow(InvariantError);
    expect(head.height).toBe(2);
  });
});

describe("closing", () => {
  test("close carries out what was asked for, and then nothing goes", async () => {
    const store = await open();
    const pending = write(store, { durable: true, record: record(5) });
    await store.close();
    expect(await pending).toBeUndefined();
    expect((await write(store, { durable: true, record: record(6) }))?.code).toBe("STORE_CLOSED");
    expect(() => store.load()).toThrow("is closed");
    expect((await open(store.path)).load().record?.view).toBe(5);
  });

  test("writes that nobody waited for survive a clean close", async () => {
    const store = await open();
    const batch = seededBatch(1);
    await written(store, { durable: false, batches: [batch], record: record(1) });
    const reopened = await reopen(store);
    expect(reopened.batch(batch.digest)).toEqual(batch.bytes);
    expect(reopened.load().record?.view).toBe(1);
  });
});

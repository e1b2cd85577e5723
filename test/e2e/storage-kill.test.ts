import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { height } from "../../src/primitives/index.js";
import { openStore, StoreError, verifyOpened } from "../../src/storage/index.js";
import { buildChain, CHAIN_ID, seededBytes } from "../fixtures/stored-chain.js";
import { temporaryDirectory } from "../fixtures/temporary-store.js";

const KILLS = 20;
/** More than the rounds together write. */
const BLOCKS = 2_000;
const WRITER = new URL("../fixtures/store-writer.ts", import.meta.url).pathname;

type Writer = ChildProcessByStdio<null, Readable, null>;

const start = (path: string): Writer =>
  spawn(process.execPath, ["--import", "tsx", WRITER, path, String(BLOCKS)], { stdio: ["ignore", "pipe", "inherit"] });

/** Reads what the writer promises and kills it right after `lines` lines. */
async function promisesUntilKilled(writer: Writer, lines: number): Promise<{ durable: number; checkpoint: number }> {
  const promised = { durable: 0, checkpoint: 0 };
  let seen = 0;
  for await (const line of createInterface({ input: writer.stdout })) {
    seen += 1;
    const [kind, number] = line.split(" ");
    if (kind === "durable" || kind === "checkpoint") promised[kind] = Number(number);
    if (seen === lines) writer.kill("SIGKILL");
  }
  if (writer.exitCode === null && writer.signalCode === null) await once(writer, "exit");
  expect(writer.signalCode).toBe("SIGKILL");
  return promised;
}

test("attacks 50, 56, 57: killed at any moment, the store has all that it promised and nothing torn", async () => {
  const path = temporaryDirectory();
  const chain = buildChain(BLOCKS, { batchBytes: 2_112 });
  let before = 0;
  for (let round = 0; round < KILLS; round += 1) {
    // A prime stride over the lines lets the kill fall on every phase of the write path.
    const promised = await promisesUntilKilled(start(path), 2 + ((round * 37) % 61));
    const store = await openStore({ path, chainId: CHAIN_ID });
    const { head, checkpoint, record } = store.load();
    const reached = head?.height ?? 0;
    expect(reached).toBeGreaterThanOrEqual(Math.max(promised.durable, before));
    expect(record?.view ?? 0).toBeGreaterThanOrEqual(reached);
    expect(checkpoint?.height ?? 0).toBeGreaterThanOrEqual(promised.checkpoint);
    const report = await verifyOpened(store);
    expect(report.faults).toEqual([]);
    expect(report.counts.blocks).toBe(reached);
    expect(report.counts.results).toBe(checkpoint?.height ?? 0);
    for (const { block, batches } of chain.slice(before, reached)) {
      expect(store.block(block.height)).toEqual(block);
      for (const { digest, bytes } of batches) expect(store.batch(digest)).toEqual(bytes);
    }
    for (const { executed } of chain.slice(0, checkpoint?.height ?? 0)) {
      expect(store.outcomes(executed.leaf.height)).toEqual(executed.outcomes);
    }
    if (checkpoint !== undefined) expect(store.page(9)).toEqual(seededBytes(checkpoint.height, 3_000));
    expect(store.leaf(height((checkpoint?.height ?? 0) + 1))).toBeUndefined();
    await store.close();
    before = reached;
  }
  expect(before).toBeGreaterThan(KILLS);
});

test("attack 52: a second process is refused while the first lives, and let in once it is dead", async () => {
  const path = temporaryDirectory();
  const writer = start(path);
  await once(writer.stdout, "data");
  await expect(openStore({ path, chainId: CHAIN_ID })).rejects.toThrowError(StoreError);
  await expect(openStore({ path, chainId: CHAIN_ID })).rejects.toMatchObject({ fault: { code: "STORE_LOCKED", path } });
  writer.kill("SIGKILL");
  await once(writer, "exit");
  const store = await openStore({ path, chainId: CHAIN_ID });
  expect(store.path).toBe(path);
  await store.close();
});

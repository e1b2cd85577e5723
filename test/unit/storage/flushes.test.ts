import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, beforeAll, expect, test } from "vitest";
import { height, ZERO_DIGEST } from "../../../src/primitives/index.js";
import type { StoreWrite } from "../../../src/replica/index.js";
import { seededBatch } from "../../fixtures/stored-chain.js";
import { temporaryDirectory, written } from "../../fixtures/temporary-store.js";

/**
 * The store counts its flushes itself, and the benchmark believes it. Here they are counted where they leave the program:
 * at the system call for the journal and the logs, at LevelDB's option for the rest.
 */
const { fdatasync, fdatasyncSync } = fs;
const { batch } = ClassicLevel.prototype;
let flushes = 0;
const levelWrites: boolean[] = [];

beforeAll(() => {
  fs.fdatasync = ((descriptor: number, done: fs.NoParamCallback) => {
    flushes += 1;
    fdatasync(descriptor, done);
  }) as typeof fdatasync;
  fs.fdatasyncSync = (descriptor: number) => {
    flushes += 1;
    fdatasyncSync(descriptor);
  };
  syncBuiltinESMExports();
  ClassicLevel.prototype.batch = function counted(this: ClassicLevel, ...words: unknown[]) {
    const made = Reflect.apply(batch, this, words);
    const { write } = made;
    made.write = (options: { readonly sync?: boolean }) => {
      levelWrites.push(options.sync === true);
      return Reflect.apply(write, made, [options]);
    };
    return made;
  } as typeof batch;
});

afterAll(() => {
  fs.fdatasync = fdatasync;
  fs.fdatasyncSync = fdatasyncSync;
  syncBuiltinESMExports();
  ClassicLevel.prototype.batch = batch;
});

test("a durable write calls fdatasync or lets LevelDB sync, and the store counts just that", async () => {
  // After the system calls were wrapped: the store takes them when it is loaded.
  const { openStore } = await import("../../../src/storage/index.js");
  const store = await openStore({ path: join(temporaryDirectory(), "data"), chainId: seededBatch(0).digest });
  const costOf = async (step: StoreWrite): Promise<{ readonly system: number; readonly level: number }> => {
    const before = { system: flushes, level: levelWrites.filter(Boolean).length, own: store.counters.fsyncs };
    await written(store, step);
    const [system, level] = [flushes - before.system, levelWrites.filter(Boolean).length - before.level];
    expect(store.counters.fsyncs - before.own).toBe(system + level);
    return { system, level };
  };
  expect(await costOf({ durable: true, batches: [seededBatch(1)] })).toEqual({ system: 1, level: 0 });
  expect(await costOf({ durable: false, batches: [seededBatch(2)] })).toEqual({ system: 0, level: 0 });
  expect(await costOf({ durable: true, batches: [seededBatch(3)] })).toEqual({ system: 2, level: 0 });
  expect(await costOf({ durable: true, batches: [seededBatch(4, 100_000)] })).toEqual({ system: 2, level: 0 });
  const checkpoint = { height: height(0), stateRoot: ZERO_DIGEST, pages: [] };
  expect(await costOf({ durable: false, checkpoint })).toEqual({ system: 1, level: 1 });
  await store.close();
});

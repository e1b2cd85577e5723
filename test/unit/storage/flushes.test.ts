import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededBatch } from "../../fixtures/stored-chain.js";
import { temporaryDirectory, written } from "../../fixtures/temporary-store.js";

/**
 * The store counts its flushes itself, and the benchmark believes it. Here they are counted where they leave the program:
 * at the system call for the logs, at LevelDB's option for the rest.
 */
const { fdatasync } = fs;
const { batch } = ClassicLevel.prototype;
let logFlushes = 0;
const levelWrites: boolean[] = [];

beforeAll(() => {
  fs.fdatasync = ((descriptor: number, done: fs.NoParamCallback) => {
    logFlushes += 1;
    fdatasync(descriptor, done);
  }) as typeof fdatasync;
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
  syncBuiltinESMExports();
  ClassicLevel.prototype.batch = batch;
});

test("a durable write calls fdatasync for its batches and lets LevelDB sync, and the store counts just that", async () => {
  // After the system call was wrapped: the store takes it when it is loaded.
  const { openStore } = await import("../../../src/storage/index.js");
  const store = await openStore({ path: join(temporaryDirectory(), "data"), chainId: seededBatch(0).digest });
  const counted = () => ({ logs: logFlushes, level: levelWrites.filter(Boolean).length, own: store.counters.fsyncs });
  const before = counted();
  await written(store, { durable: false, batches: [seededBatch(1)] });
  expect(counted()).toEqual(before);
  await written(store, { durable: true, batches: [seededBatch(2)] });
  const after = counted();
  expect({ logs: after.logs - before.logs, level: after.level - before.level }).toEqual({ logs: 1, level: 1 });
  expect(after.own - before.own).toBe(2);
  await store.close();
});

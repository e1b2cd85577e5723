import { parseArgs } from "node:util";
import { type Interpose, runNode } from "../../src/node/index.js";
import type { StoreWrite } from "../../src/replica/index.js";
import type { Flushes } from "./history.js";

/*
 * The node of production over a disk that takes its time: every step of the store waits first. Steps keep their order,
 * as a queue at a slow device would. Tell it `{ delayMs, jitterMs }` over IPC; it begins with a quick disk, tells in turn
 * how long its steps waited (`Flushes`), and ends when the program that started it does.
 */

const { values } = parseArgs({ options: { home: { type: "string" } } });
const { home } = values;
if (home === undefined) throw new Error("--home is needed");

interface Slowness {
  readonly delayMs: number;
  readonly jitterMs: number;
}

/** How often it tells how long its disk took, milliseconds. */
const TELL_MS = 250;

let slowness: Slowness = { delayMs: 0, jitterMs: 0 };

const interpose: Interpose = ({ log, around }) => {
  process.on("message", (message: Slowness) => {
    slowness = message;
    log.info({ ...message }, "told how slow the disk is");
  });
  const { store } = around;
  const queue: { readonly write: StoreWrite; readonly done: Parameters<typeof store.write>[1] }[] = [];
  let isDraining = false;
  /** Whatever waits when a flush begins shares it, as the store's own groups do. */
  const drain = async (): Promise<void> => {
    isDraining = true;
    while (queue.length > 0) {
      const group = queue.splice(0);
      const { delayMs, jitterMs } = slowness;
      // Only a flush makes a program wait for the device.
      const waitMs = group.some(({ write }) => write.durable) ? delayMs + Math.random() * jitterMs : 0;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      for (const { write, done } of group) store.write(write, done);
    }
    isDraining = false;
  };
  let told = { count: 0, sumMs: 0, maxMs: 0 };
  setInterval(() => {
    if (told.count === 0) return;
    process.send?.(told satisfies Flushes);
    told = { count: 0, sumMs: 0, maxMs: 0 };
  }, TELL_MS).unref();
  /** From the request until the data are on the disk. */
  const measured = (write: StoreWrite, done: Parameters<typeof store.write>[1]): void => {
    const began = performance.now();
    later(write, (failure) => {
      const tookMs = performance.now() - began;
      if (write.durable) {
        told = { count: told.count + 1, sumMs: told.sumMs + tookMs, maxMs: Math.max(told.maxMs, tookMs) };
      }
      done(failure);
    });
  };
  const later = (write: StoreWrite, done: Parameters<typeof store.write>[1]): void => {
    if (!isDraining && slowness.delayMs + slowness.jitterMs === 0) store.write(write, done);
    else {
      queue.push({ write, done });
      if (!isDraining) void drain();
    }
  };
  return {
    ...around,
    store: {
      write: measured,
      load: () => store.load(),
      block: (height) => store.block(height),
      heightOf: (hash) => store.heightOf(hash),
      batch: (digest) => store.batch(digest),
      leaf: (height) => store.leaf(height),
      outcomes: (height) => store.outcomes(height),
      treeNode: (level, index) => store.treeNode(level, index),
      pages: () => store.pages(),
      page: (key) => store.page(key),
    },
  };
};

process.on("disconnect", () => process.exit(0));
await runNode(home, "slow-disk", interpose);
process.disconnect?.();

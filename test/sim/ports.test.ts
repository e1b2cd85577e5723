import { describe, expect, test } from "vitest";
import type { SafetyRecord } from "../../src/consensus/index.js";
import { type Digest, epoch, height, validatorIndex, view, ZERO_DIGEST } from "../../src/primitives/index.js";
import { SimulatedStoreError } from "../../src/simulator/damage.js";
import { EventQueue } from "../../src/simulator/event-queue.js";
import { type NetworkPlan, SimulatedNetwork } from "../../src/simulator/network.js";
import { Random } from "../../src/simulator/random.js";
import { SimulatedStore } from "../../src/simulator/store.js";

const recordOf = (at: number): SafetyRecord => ({
  epoch: epoch(0),
  view: view(at),
  hash: undefined,
  prepared: false,
  committed: false,
  timedOut: true,
});

const batchOf = (at: number) => ({ digest: `0${at}`.repeat(32) as Digest, bytes: Uint8Array.of(at) });

function makeStore(seed: number, acknowledgesEarly = false) {
  const queue = new EventQueue();
  let life = 0;
  const port = {
    now: () => queue.now,
    dies: () => false,
    at: (time: number, _what: string, run: () => void) => {
      const begunIn = life;
      queue.at(time, () => {
        if (life === begunIn) run();
      });
    },
  };
  const plan = { writeMs: [1, 5] as const, failureRatio: 0, acknowledgesEarly };
  const store = new SimulatedStore(port, new Random(seed, "store"), plan);
  const crash = () => {
    life += 1;
    store.crash();
  };
  const finish = () => {
    while (queue.nextAt < Number.POSITIVE_INFINITY) queue.step();
  };
  return { store, crash, finish, queue };
}

describe("the simulated disk keeps the contract of the Store port", () => {
  test("`done` comes on a later turn, and reads see the write only then", () => {
    const { store, finish } = makeStore(1);
    let isDone = false;
    store.write({ durable: true, record: recordOf(1) }, () => {
      isDone = true;
    });
    expect(isDone).toBe(false);
    expect(store.load().record).toBeUndefined();
    finish();
    expect(isDone).toBe(true);
    expect(store.load().record?.view).toBe(1);
  });

  test("attack 50: a durable write that is done survives every crash, whatever came after", () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const { store, crash, finish } = makeStore(seed);
      store.write({ durable: false, record: recordOf(1) }, () => {});
      store.write({ durable: true, record: recordOf(2) }, () => {});
      finish();
      store.write({ durable: false, record: recordOf(3) }, () => {});
      crash();
      expect(store.load().record?.view).toBeGreaterThanOrEqual(2);
    }
  });

  test("what was not durable is lost from some point on, or from the middle, and what was durable takes all before it along", () => {
    const kept = new Set<string>();
    for (let seed = 1; seed <= 200; seed += 1) {
      const { store, crash, finish } = makeStore(seed);
      store.write({ durable: false, batches: [batchOf(1)] }, () => {});
      store.write({ durable: true, batches: [batchOf(2)] }, () => {});
      for (const at of [3, 4, 5]) store.write({ durable: false, batches: [batchOf(at)] }, () => {});
      finish();
      crash();
      kept.add([1, 2, 3, 4, 5].filter((at) => store.batch(batchOf(at).digest) !== undefined).join(""));
    }
    expect([...kept].sort()).toEqual(["12", "123", "1234", "12345", "1235", "124", "1245", "125"]);
  });

  test("attack 50: a checkpoint is saved behind writes that were asked for later, or lost though they are durable", () => {
    const kept = new Set<number | undefined>();
    const checkpoint = (byte: number) => ({
      height: height(0),
      stateRoot: ZERO_DIGEST,
      pages: [{ key: 1, bytes: Uint8Array.of(byte) }],
    });
    for (let seed = 1; seed <= 60; seed += 1) {
      const { store, crash, finish, queue } = makeStore(seed);
      store.write({ durable: false, checkpoint: checkpoint(1) }, () => {});
      finish();
      let isDone = false;
      store.write({ durable: false, checkpoint: checkpoint(2) }, () => {});
      store.write({ durable: true, record: recordOf(1) }, () => {
        isDone = true;
      });
      while (!isDone) queue.step();
      expect(store.page(1)).toEqual(Uint8Array.of(2));
      crash();
      expect(store.load().record?.view).toBe(1);
      kept.add(store.page(1)?.[0]);
    }
    expect(kept).toEqual(new Set([1, 2]));
  });

  test("attack 55: of a write that failed all or nothing is there, and nothing of those behind it", () => {
    const kept = new Set<number | undefined>();
    for (let seed = 1; seed <= 60; seed += 1) {
      const { store, crash, finish } = makeStore(seed);
      store.write({ durable: true, record: recordOf(1) }, (failure) => expect(failure).toBeUndefined());
      finish();
      store.plan = { ...store.plan, failureRatio: 1 };
      const codes: (string | undefined)[] = [];
      store.write({ durable: true, record: recordOf(2) }, (failure) => codes.push(failure?.code));
      store.write({ durable: true, record: recordOf(3) }, (failure) => codes.push(failure?.code));
      finish();
      expect(codes).toEqual(["STORE_IO", "STORE_IO"]);
      expect(store.load().record?.view).toBe(1);
      crash();
      kept.add(store.load().record?.view);
    }
    expect(kept).toEqual(new Set([1, 2]));
  });

  test("attack 55: a full disk takes nothing and opens rarely, until there is room", () => {
    const { store, crash, finish } = makeStore(1);
    store.write({ durable: true, record: recordOf(1) }, () => {});
    finish();
    store.isFull = true;
    const codes: (string | undefined)[] = [];
    store.write({ durable: true, record: recordOf(2) }, (failure) => codes.push(failure?.code));
    finish();
    expect(codes).toEqual(["STORE_FULL"]);
    const refusals = Array.from({ length: 40 }, () => {
      crash();
      try {
        return store.load().record?.view;
      } catch (error) {
        return error instanceof SimulatedStoreError ? error.fault.code : "another error";
      }
    });
    expect(new Set(refusals)).toEqual(new Set(["STORE_FULL", 1]));
    store.isFull = false;
    expect(store.load().record?.view).toBe(1);
  });

  test("attack 54: what is damaged is refused or unknown, never served, until a backup or an empty disk replaces it", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed += 1) {
      const { store, finish } = makeStore(seed);
      const [first, second] = [batchOf(1), batchOf(2)];
      store.write({ durable: true, batches: [first], admitted: [first.digest], record: recordOf(1) }, () => {});
      store.write({ durable: true, batches: [second] }, () => {});
      finish();
      const backup = store.backup();
      const { kind } = store.damage(new Random(seed, "damage"));
      const outcomes = [() => store.load(), () => store.batch(first.digest), () => store.batch(second.digest)].map(
        (read) => {
          try {
            return read() === undefined ? "unknown" : "whole";
          } catch (error) {
            return error instanceof SimulatedStoreError ? error.fault.code : "another error";
          }
        },
      );
      seen.add(`${kind}: ${outcomes.join(", ")}`);
      store.restore(backup);
      expect(store.load().record?.view).toBe(1);
      store.wipe();
      expect(store.load().record).toBeUndefined();
    }
    expect([...seen].sort()).toEqual([
      "admission: STORE_CORRUPT, whole, whole",
      "batch index: STORE_CORRUPT, unknown, whole",
      "batch index: whole, whole, unknown",
      "batch: STORE_CORRUPT, STORE_CORRUPT, whole",
      "batch: whole, whole, STORE_CORRUPT",
      "state: STORE_CORRUPT, whole, whole",
    ]);
  });

  test("a write under way when the power goes may be there or not, and is never called done", () => {
    const kept = new Set<number | undefined>();
    for (let seed = 1; seed <= 50; seed += 1) {
      const { store, crash, finish } = makeStore(seed);
      store.write({ durable: true, record: recordOf(1) }, () => expect.unreachable());
      crash();
      finish();
      kept.add(store.load().record?.view);
    }
    expect(kept).toEqual(new Set([undefined, 1]));
  });

  test("bytes of the state that their owner changes later stay as they were written", () => {
    const { store, finish } = makeStore(1);
    const record = recordOf(1);
    const batch = { digest: "ab".repeat(32) as never, bytes: new Uint8Array(4) };
    store.write({ durable: true, record, batches: [batch] }, () => {});
    finish();
    expect(store.batch(batch.digest)).toEqual(new Uint8Array(4));
  });
});

describe("the simulated network keeps the contract of the Transport port", () => {
  const play = (lossRatio: number, more: Partial<NetworkPlan> = {}) => {
    const queue = new EventQueue();
    const network = new SimulatedNetwork(queue, new Random(7, "network"), {
      delayMs: [1, 100],
      lossRatio,
      replayRatio: 0,
      ...more,
    });
    const seen: { channel: string; content: number; at: number }[] = [];
    const end = (id: number) => ({
      id,
      index: validatorIndex(id),
      life: 1,
      deliver: (_from: unknown, channel: string, frame: Uint8Array) =>
        void seen.push({ channel, content: frame[0] as number, at: queue.now }),
    });
    const [from, to] = [end(0), end(1)];
    const finish = () => {
      while (queue.nextAt < Number.POSITIVE_INFINITY) queue.step();
    };
    return { queue, network, from, to, seen, finish };
  };

  test("a broken connection loses what is under way both ways, refuses, and comes back", () => {
    const { queue, network, from, to, seen, finish } = play(0, { delayMs: [10, 10] });
    network.send(from, to, "consensus", Uint8Array.of(1));
    network.send(to, from, "sync", Uint8Array.of(2));
    network.breakConnection(to, from);
    expect(network.send(from, to, "consensus", Uint8Array.of(3))).toBe(false);
    finish();
    expect(seen).toEqual([]);
    queue.skipTo(1_500);
    expect(network.send(from, to, "consensus", Uint8Array.of(4))).toBe(true);
    finish();
    expect(seen.map(({ content }) => content)).toEqual([4]);
  });

  test("a frame that is damaged on the wire never arrives, and takes its connection with it", () => {
    const { queue, network, from, to, seen, finish } = play(0, { breakRatio: 1 });
    expect(network.send(from, to, "batches", Uint8Array.of(1))).toBe(true);
    finish();
    expect(seen).toEqual([]);
    expect(network.send(to, from, "consensus", Uint8Array.of(2))).toBe(false);
    queue.skipTo(queue.now + 1_500);
    expect(network.send(to, from, "consensus", Uint8Array.of(2))).toBe(true);
  });

  test("on a narrow link a large frame holds up those behind it, of all channels, and too many are refused", () => {
    const { network, from, to, seen, finish } = play(0, { delayMs: [1, 1] });
    network.narrow(from, to, 10);
    network.send(from, to, "batches", new Uint8Array(10_000));
    network.send(from, to, "consensus", new Uint8Array(100));
    network.send(to, from, "consensus", new Uint8Array(100));
    finish();
    expect(seen.map(({ at, channel }) => [channel, Math.round(at)])).toEqual([
      ["consensus", 1],
      ["batches", 1_001],
      ["consensus", 1_011],
    ]);
    const taken = Array.from({ length: 20 }, () => network.send(from, to, "sync", new Uint8Array(10_000)));
    expect(taken.filter(Boolean).length).toBe(7);
  });

  test("frames come twice in order, and late or overtaken only where the plan says so", () => {
    const twice = play(0, { duplicateRatio: 1 });
    for (const content of [1, 2, 3]) twice.network.send(twice.from, twice.to, "consensus", Uint8Array.of(content));
    twice.finish();
    expect(twice.seen.map(({ content }) => content)).toEqual([1, 1, 2, 2, 3, 3]);
    const loose = play(0, { reorderRatio: 0.5 });
    const sent = Array.from({ length: 50 }, (_, at) => at);
    for (const content of sent) loose.network.send(loose.from, loose.to, "consensus", Uint8Array.of(content));
    loose.finish();
    const arrived = loose.seen.map(({ content }) => content);
    expect(arrived).not.toEqual(sent);
    expect([...arrived].sort((left, right) => left - right)).toEqual(sent);
  });

  test("frames of one channel keep their order, and channels overtake each other", () => {
    const { queue, network, from, to, seen } = play(0);
    for (let at = 0; at < 100; at += 1) {
      network.send(from, to, at % 2 === 0 ? "consensus" : "sync", Uint8Array.of(at));
    }
    while (queue.nextAt < Number.POSITIVE_INFINITY) queue.step();
    for (const channel of ["consensus", "sync"]) {
      const order = seen.filter((frame) => frame.channel === channel).map(({ content }) => content);
      expect(order).toEqual([...order].sort((left, right) => left - right));
      expect(order.length).toBe(50);
    }
    const all = seen.map(({ content }) => content);
    expect(all).not.toEqual([...all].sort((left, right) => left - right));
  });

  test("lost frames are lost whole, the others still arrive in order", () => {
    const { queue, network, from, to, seen } = play(0.5);
    for (let at = 0; at < 100; at += 1) network.send(from, to, "consensus", Uint8Array.of(at));
    while (queue.nextAt < Number.POSITIVE_INFINITY) queue.step();
    const order = seen.map(({ content }) => content);
    expect(order.length).toBeGreaterThan(20);
    expect(order.length).toBeLessThan(80);
    expect(order).toEqual([...order].sort((left, right) => left - right));
  });

  test("a stalled link delivers when it is up again, a refusing one says so, a swallowing one keeps silent", () => {
    const { queue, network, from, to, seen } = play(0);
    network.setLink(from, to, "stalled");
    expect(network.send(from, to, "consensus", Uint8Array.of(1))).toBe(true);
    network.setLink(from, to, "refusing");
    expect(network.send(from, to, "consensus", Uint8Array.of(2))).toBe(false);
    network.setLink(from, to, "swallowing");
    expect(network.send(from, to, "consensus", Uint8Array.of(3))).toBe(true);
    while (queue.nextAt < Number.POSITIVE_INFINITY) queue.step();
    expect(seen).toEqual([]);
    network.setLink(from, to, "up");
    while (queue.nextAt < Number.POSITIVE_INFINITY) queue.step();
    expect(seen.map(({ content }) => content)).toEqual([1]);
  });
});

test("events of one instant happen in the order in which they were asked for, others by time", () => {
  const queue = new EventQueue();
  const seen: string[] = [];
  queue.after(2, () => seen.push("c"));
  queue.after(1, () => {
    seen.push("a");
    queue.after(0, () => seen.push("b"));
  });
  queue.after(2, () => seen.push("d"));
  while (queue.nextAt < Number.POSITIVE_INFINITY) queue.step();
  expect(seen.join("")).toBe("abcd");
});

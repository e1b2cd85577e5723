import { describe, expect, test } from "vitest";
import type { SafetyRecord } from "../../src/consensus/index.js";
import { epoch, validatorIndex, view } from "../../src/primitives/index.js";
import { EventQueue } from "../../src/simulator/event-queue.js";
import { SimulatedNetwork } from "../../src/simulator/network.js";
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

  test("what was not durable is lost from some point on, never from the middle", () => {
    const kept = new Set<number>();
    for (let seed = 1; seed <= 50; seed += 1) {
      const { store, crash, finish } = makeStore(seed);
      for (let at = 1; at <= 4; at += 1) store.write({ durable: false, record: recordOf(at) }, () => {});
      finish();
      crash();
      kept.add(store.load().record?.view ?? 0);
    }
    expect([...kept].sort((left, right) => left - right)).toEqual([0, 1, 2, 3, 4]);
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
  const play = (lossRatio: number) => {
    const queue = new EventQueue();
    const network = new SimulatedNetwork(queue, new Random(7, "network"), {
      delayMs: [1, 100],
      lossRatio,
      replayRatio: 0,
    });
    const seen: { channel: string; content: number }[] = [];
    const end = (id: number) => ({
      id,
      index: validatorIndex(id),
      life: 1,
      deliver: (_from: unknown, channel: string, frame: Uint8Array) =>
        void seen.push({ channel, content: frame[0] as number }),
    });
    const [from, to] = [end(0), end(1)];
    return { queue, network, from, to, seen };
  };

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

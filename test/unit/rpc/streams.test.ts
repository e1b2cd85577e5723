import { describe, expect, test } from "vitest";
import type { ParticipantNumber } from "../../../src/primitives/index.js";
import { type StreamFilter, type StreamName, Streams } from "../../../src/rpc/streams.js";
import { FakeNode, idOf } from "../../fixtures/fake-node.js";

interface Message {
  readonly method: string;
  readonly params: {
    readonly subscription: string;
    readonly stream: string;
    readonly cursor: string;
    readonly items: readonly { readonly height: number; readonly index?: number; readonly type?: string }[];
  };
}

/** A node, a socket with a tap, and turns that the test takes one by one. */
function setUp(
  limits: Partial<Record<"subscriptionsPerConnectionMax" | "socketBufferBytesMax" | "slowConsumerMs", number>> = {},
) {
  const node = new FakeNode();
  const sent: Message[] = [];
  const unflushed: { readonly bytes: number; readonly flushed: () => void }[] = [];
  const turns: (() => void)[] = [];
  const timers = new Set<() => void>();
  const ended: string[] = [];
  let holds = false;
  const streams = new Streams({
    api: node,
    limits: { subscriptionsPerConnectionMax: 4, socketBufferBytesMax: 1_000_000, slowConsumerMs: 30_000, ...limits },
    timers: {
      soon: (callback) => turns.push(callback),
      after: (_delayMs, callback) => {
        timers.add(callback);
        return () => timers.delete(callback);
      },
    },
    socket: {
      send: (text, flushed) => {
        sent.push(JSON.parse(text) as Message);
        unflushed.push({ bytes: text.length, flushed });
      },
      bufferedBytes: () => (holds ? unflushed.reduce((sum, { bytes }) => sum + bytes, 0) : 0),
      end: (reason) => ended.push(reason),
    },
  });
  const settle = (): void => {
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
  };
  const flush = (): void => {
    for (const { flushed } of unflushed.splice(0)) flushed();
    settle();
  };
  return {
    ...{ node, sent, timers, ended, streams, settle, flush },
    hold: () => {
      holds = true;
    },
    add: (stream: StreamName, from?: string, filter: StreamFilter = {}) => streams.add(stream, from, filter),
    places: () => sent.flatMap(({ params }) => params.items.map(({ height, index }) => [height, index])),
  };
}

describe("streams", () => {
  test("a new subscription starts with what comes next", () => {
    const { node, add, settle, sent, places } = setUp();
    node.append(1);
    expect(add("blocks")).toEqual({ ok: true, id: "1" });
    settle();
    expect(sent).toEqual([]);
    node.append(0);
    node.append(0);
    settle();
    expect(places()).toEqual([
      [2, undefined],
      [3, undefined],
    ]);
    expect(sent[sent.length - 1]).toMatchObject({
      method: "chain_subscription",
      params: { subscription: "1", stream: "blocks", cursor: "3" },
    });
  });

  test("transfers resume inside a block without a gap or a repetition", () => {
    const { node, add, settle, places } = setUp();
    node.append(5, { opens: true });
    node.append(2);
    add("transfers", "1:2");
    settle();
    expect(places()).toEqual([
      [1, 3],
      [1, 4],
      [2, 0],
      [2, 1],
    ]);
  });

  test("whatever cursor a connection ended with, the next one completes the stream", () => {
    const whole = setUp();
    for (const count of [3, 0, 300, 1]) whole.node.append(count);
    whole.add("transfers", "0");
    whole.settle();
    const all = whole.places();
    expect(all.length).toBe(304);
    for (const { params } of whole.sent) {
      const rest = setUp();
      for (const count of [3, 0, 300, 1]) rest.node.append(count);
      rest.add("transfers", params.cursor);
      rest.settle();
      const last = params.items[params.items.length - 1];
      const index = last === undefined ? -1 : all.findIndex(([h, i]) => h === last.height && i === last.index);
      expect(rest.places()).toEqual(all.slice(index + 1));
    }
  });

  test("events are what the ledger did besides transfers", () => {
    const { node, add, settle, sent } = setUp();
    node.append(3, { opens: true });
    add("events", "0");
    settle();
    expect(sent.flatMap(({ params }) => params.items)).toMatchObject([{ type: "account-opened", height: 1, index: 3 }]);
  });

  test.each<[StreamFilter, number]>([
    [{ accountId: idOf(1, 1) }, 4],
    [{ accountId: idOf(3, 3) }, 0],
    [{ participant: 2 as ParticipantNumber }, 4],
    [{ participant: 3 as ParticipantNumber }, 0],
  ])("filter %j lets %i of 4 transfers through", (filter, count) => {
    const { node, add, settle, places } = setUp();
    node.append(4);
    add("transfers", "0", filter);
    settle();
    expect(places().length).toBe(count);
  });

  test("a filter that matches nothing still moves the cursor", () => {
    const { node, add, settle, sent } = setUp();
    for (let height = 0; height < 1_100; height += 1) node.append(1);
    add("transfers", "0", { accountId: idOf(3, 3) });
    settle();
    expect(sent).toMatchObject([{ params: { items: [] } }]);
    expect(Number(sent[0]?.params.cursor)).toBeGreaterThanOrEqual(1_024);
  });

  test("a cursor of a height that is not here yet waits for it", () => {
    const { node, add, settle, places } = setUp();
    add("blocks", "2");
    for (let height = 0; height < 3; height += 1) node.append(0);
    settle();
    expect(places()).toEqual([[3, undefined]]);
  });

  test.each(["", "x", "-1", "01", "1:", "1:x", "1:2:3", "9007199254740993"])("%j is no cursor", (cursor) => {
    expect(setUp().add("blocks", cursor)).toEqual({ ok: false, fault: "bad_cursor" });
  });

  test("subscriptions of one connection are counted", () => {
    const { add, streams } = setUp();
    for (let index = 0; index < 4; index += 1) add("blocks");
    expect(add("blocks")).toEqual({ ok: false, fault: "too_many" });
    expect(streams.remove("2")).toBe(true);
    expect(streams.remove("2")).toBe(false);
    expect(add("blocks")).toEqual({ ok: true, id: "5" });
  });

  test("a removed subscription and an ended connection send nothing more", () => {
    const { node, add, settle, streams, sent } = setUp();
    add("blocks");
    add("transfers");
    streams.remove("1");
    node.append(1);
    settle();
    expect(sent.map(({ params }) => params.stream)).toEqual(["transfers"]);
    streams.end();
    node.append(1);
    settle();
    expect(sent.length).toBe(1);
    expect(node.listeners).toBe(0);
  });
});

describe("slow consumers", () => {
  test("a full socket pauses the stream, which goes on where it was", () => {
    const { node, add, settle, flush, hold, places } = setUp({ socketBufferBytesMax: 1 });
    hold();
    node.append(1_000);
    add("transfers", "0");
    settle();
    expect(places().length).toBe(256);
    flush();
    expect(places().length).toBe(512);
    flush();
    flush();
    expect(places()).toEqual(Array.from({ length: 1_000 }, (_, index) => [1, index]));
  });

  test("one that takes nothing is disconnected with a reason, and may resume", () => {
    const { node, add, settle, hold, timers, ended, sent } = setUp({ socketBufferBytesMax: 1 });
    hold();
    node.append(1_000);
    add("transfers", "0");
    settle();
    expect(timers.size).toBe(1);
    for (const timer of timers) timer();
    expect(ended).toEqual(["slow consumer: resume from the last cursor"]);
    node.append(1);
    settle();
    expect(sent.length).toBe(1);
  });

  test("one that reads in time is kept", () => {
    const { node, add, settle, flush, hold, timers, ended } = setUp({ socketBufferBytesMax: 1 });
    hold();
    node.append(300);
    add("transfers", "0");
    settle();
    flush();
    flush();
    expect(timers.size).toBe(0);
    expect(ended).toEqual([]);
  });
});

import { beforeAll, describe, expect, test } from "vitest";
import type { Message } from "../../../src/consensus/index.js";
import type { Digest, Height, ParticipantNumber, View } from "../../../src/primitives/index.js";
import type { FinalBlock, Store } from "../../../src/replica/index.js";
import { Serving } from "../../../src/replica/serving.js";
import { type Simulation, simulate } from "../../../src/simulator/index.js";
import { core, digest } from "../consensus/core-cluster.js";

/** A consortium that has worked for a while; its first machine's disk answers here. */
let simulation: Simulation;
let lookups: number;

beforeAll(() => {
  simulation = simulate({ seed: 5, validators: 4 });
  simulation.load(30, 8_000);
  simulation.runFor(9_000);
  expect(simulation.settle(60_000), simulation.summary()).toBe(true);
  expect(simulation.height).toBeGreaterThan(40);
});

/** Serves from that disk, and counts what is looked up on it. */
function serving(): Serving {
  lookups = 0;
  const { store } = simulation.nodes[0] as Simulation["nodes"][0];
  const counting: Store = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== "function") return member;
      return (...words: unknown[]): unknown => {
        if (name === "heightOf" || name === "block" || name === "batch") lookups += 1;
        return Reflect.apply(member, target, words) as unknown;
      };
    },
  });
  const state = core(0);
  const { height, hash } = finalBlock(simulation.height);
  state.head = { ...state.head, height, hash };
  return new Serving(state, counting, () => undefined);
}

const finalBlock = (at: number): FinalBlock =>
  (simulation.nodes[0] as Simulation["nodes"][0]).store.block(at as Height) as FinalBlock;
const newestHash = (): Digest => finalBlock(simulation.height).hash;
const PEER = 1 as ParticipantNumber;
const REQUESTS = 10_000;
/** What one peer may make us look up between two ticks, and the last request that was let through; a hash takes two. */
const LOOKUPS_MAX = 2 * (2_048 + 256);

describe("attack 83: a peer that is catching up for ever", () => {
  test.each([
    ["ranges", () => ({ type: "get-range", from: 1 as Height, count: 256 }) as const],
    ["ancestors of the newest block", () => ({ type: "get-blocks", hash: newestHash(), count: 256 }) as const],
    ["blocks that nobody has", () => ({ type: "get-blocks", hash: digest("none"), count: 256 }) as const],
    [
      "batches that nobody has",
      () => ({ type: "get-batches", digests: Array.from({ length: 64 }, (_, at) => digest(`${at}`)) }) as const,
    ],
    ["certificates", () => ({ type: "get-certificates", first: 1 as View, last: 1_000 as View }) as const],
  ])("%s: what it costs us is bounded between two ticks, and free again after", (_what, makeRequest) => {
    const server = serving();
    const request = makeRequest();
    let last: readonly Message[] = [];
    for (let at = 0; at < REQUESTS; at += 1) last = server.answer(PEER, request);
    expect(lookups).toBeLessThanOrEqual(LOOKUPS_MAX);
    expect(last).toEqual([]);
    const before = lookups;
    server.tick();
    server.answer(PEER, request);
    if (request.type !== "get-certificates") expect(lookups).toBeGreaterThan(before);
  });

  test("its allowance is its own: another peer is served meanwhile", () => {
    const server = serving();
    const request = { type: "get-range", from: 1 as Height, count: 256 } as const;
    for (let at = 0; at < REQUESTS; at += 1) server.answer(PEER, request);
    const [answer] = server.answer(2 as ParticipantNumber, request);
    expect(answer).toMatchObject({ type: "range" });
    expect(answer?.type === "range" ? answer.blocks.length : 0).toBeGreaterThan(0);
  });
});

describe("attack 68: requests that make no sense", () => {
  test.each([0, 1, 256, 0xffff_ffff])("a count of %i gives at most a full range", (count) => {
    const server = serving();
    const [range] = server.answer(PEER, { type: "get-range", from: 1 as Height, count });
    expect(range?.type === "range" ? range.blocks.length : -1).toBeLessThanOrEqual(Math.min(count, 256));
    const [blocks] = server.answer(PEER, { type: "get-blocks", hash: newestHash(), count });
    expect(blocks?.type === "blocks" ? blocks.blocks.length : -1).toBeLessThanOrEqual(Math.min(count, 256));
  });

  test.each([0, 2 ** 40, Number.MAX_SAFE_INTEGER])("a range from height %d is answered, perhaps empty", (from) => {
    const [range] = serving().answer(PEER, { type: "get-range", from: from as Height, count: 256 });
    expect(range).toMatchObject({ type: "range" });
    expect(lookups).toBeLessThanOrEqual(256);
  });
});

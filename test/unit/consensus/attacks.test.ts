import { describe, expect, test } from "vitest";
import {
  type Admitted,
  type AgreementMessage,
  type AgreementState,
  type Effect,
  type Event,
  firstTimeoutMs,
  LAN_TIMING,
  step,
  viewTimeoutMs,
} from "../../../src/consensus/index.js";
import type { Certificate, VoteKind } from "../../../src/formats/index.js";
import {
  epoch,
  height,
  utf8,
  type ValidatorIndex,
  VIEWS_AHEAD_MAX,
  VIEWS_BEHIND_MAX,
  view,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";
import { makeChain } from "../sync/chain.js";
import { batch, CoreCluster, core, digest, GENESIS_TIME } from "./core-cluster.js";

const start = (cluster: CoreCluster): void => {
  cluster.cores.forEach((_, index) => {
    cluster.feed(index, { type: "started" });
  });
};
const feed = (state: AgreementState, event: Event, at = 10): Effect[] =>
  step(state, event, { at, wall: GENESIS_TIME + 1_000 + at });
const receive = (state: AgreementState, from: number, message: AgreementMessage): Effect[] =>
  feed(state, { type: "received", from: from as ValidatorIndex, message: message as Admitted<AgreementMessage> });
const certificate = (kind: VoteKind, at: number, hash = digest("block")): Certificate => ({
  kind,
  epoch: epoch(0),
  view: view(at),
  hash: kind === "TIMEOUT" ? ZERO_DIGEST : hash,
  signers: 0b1011,
  signature: utf8("aggregate"),
});
const signed = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) => (effect.type === "sign" ? [effect.subject.kind] : []));

describe("attack 29: a leader judges its own block like any other", () => {
  const withBadBatch = (spoil: (state: AgreementState) => void): Effect[] => {
    const state = core(0);
    const held = batch("paid already");
    state.held.set(held.digest, held);
    spoil(state);
    return feed(state, { type: "batch-held", batch: batch("another") });
  };

  test("a sound one it proposes", () => {
    expect(signed(withBadBatch(() => {}))).toEqual(["PREPARE"]);
  });

  test.each([
    [
      "orders what the ledger has",
      (state: AgreementState) =>
        state.ordered.set(digest("paid already"), { height: height(0), timestamp: GENESIS_TIME }),
      "a batch is ordered twice",
    ],
    [
      "claims a checkpoint that its results do not reach",
      (state: AgreementState) => {
        state.head = { ...state.head, executed: { ...state.head.executed, stateHeight: height(5) } };
      },
      "the claim's checkpoint is above its results",
    ],
  ])("one that %s it does not vote for, and gives its turn up", (_what, spoil, reason) => {
    const effects = withBadBatch(spoil);
    expect(signed(effects)).toEqual(["TIMEOUT"]);
    expect(effects).toContainEqual({
      type: "observe",
      fact: { type: "proposal-refused", proposer: 0, view: 1, reason },
    });
  });
});

describe("attack 30: what was certified before a change of view", () => {
  test("is built on and becomes final; nobody proposes it again", () => {
    const cluster = new CoreCluster();
    // View 1 is certified and not committed; the leader of view 2 is silent.
    cluster.passes = (from, _to, message) => {
      if (message.type === "vote" && message.vote.kind === "COMMIT" && message.vote.view === 1) return false;
      return !(from === 1 && message.type === "proposal");
    };
    start(cluster);
    cluster.submit(batch("carried"));
    cluster.run(15_000);
    const [first, second] = cluster.finalized[3] ?? [];
    expect(first?.header).toMatchObject({ view: 1, proposer: 0 });
    expect(second?.header).toMatchObject({ view: 3, proposer: 2, parentView: 1, parentHash: first?.hash });
    expect(second?.header.skips.map((skip) => skip.view)).toEqual([2]);
    expect(second?.body).toEqual([]);
    const proposed = cluster.sent.flatMap(({ message }) =>
      message.type === "proposal" && message.proposal.block.body.length > 0 ? [message.proposal.block.hash] : [],
    );
    expect(new Set(proposed).size).toBe(1);
  });
});

describe("attack 31: some of what a leader hears at a change of view is worth nothing", () => {
  test("without a certificate for each view it asks and proposes nothing; with it, it builds on the certified block", () => {
    const leader = core(2);
    feed(leader, { type: "batch-held", batch: batch("one") });
    // Validator 2 leads view 3; what view 1 certified it has not heard.
    const atEntry = receive(leader, 1, { type: "certificate", certificate: certificate("TIMEOUT", 2) });
    expect(leader.current).toBe(3);
    expect(atEntry).toContainEqual({ type: "fetch-certificates", first: 1, last: 1 });
    expect(signed(atEntry)).toEqual([]);

    const [hidden] = makeChain(1).blocks;
    const known = certificate("PREPARE", 1, hidden?.hash);
    const atCertificate = feed(leader, { type: "certificates-fetched", certificates: [known] });
    expect(signed(atCertificate)).toEqual([]);
    const atBlock = feed(leader, { type: "blocks-fetched", blocks: hidden ? [hidden] : [], proof: undefined });
    expect(signed(atBlock)).toEqual(["PREPARE"]);
    expect(atBlock.find(({ type }) => type === "persist")).toMatchObject({
      block: { header: { view: 3, parentView: 1, parentHash: hidden?.hash, skips: [{ kind: "TIMEOUT", view: 2 }] } },
    });
  });
});

describe("attack 45: a leader that is just quick enough", () => {
  test("costs its own turns, by no more than the longest first timeout, and is never the leader twice running", () => {
    const cluster = new CoreCluster();
    const slow = 0;
    // Its proposals arrive just before the receiver would give the view up for want of one.
    cluster.delayMs = (from, to, message) => {
      const receiver = cluster.cores[to] as AgreementState;
      if (from !== slow || message.type !== "proposal") return 1;
      const armedAt = receiver.pace.armedAt ?? cluster.now;
      return Math.max(1, Math.floor(armedAt + (viewTimeoutMs(receiver) * 2) / 3) - 2 - cluster.now);
    };
    start(cluster);
    const waitedMs: number[] = [];
    while (cluster.now < 60_000) {
      const name = `at ${cluster.now}`;
      const from = cluster.now;
      cluster.submit(batch(name));
      while (cluster.cores[1]?.ordered.has(digest(name)) !== true && cluster.now - from < 10_000) cluster.run(1);
      waitedMs.push(cluster.now - from);
      cluster.run(20);
    }
    const blocks = cluster.finalized[1] ?? [];
    const byLiar = blocks.filter(({ header }) => header.proposer === slow).length;
    const { maxMs } = LAN_TIMING;
    // It lives up to its name: no view was given up, and its turns are as long as can be.
    expect(byLiar).toBeGreaterThan(20);
    expect(blocks.every(({ header }) => header.skips.length === 0)).toBe(true);
    expect(Math.max(...waitedMs)).toBeGreaterThan(maxMs / 2);
    for (const state of cluster.cores) expect(firstTimeoutMs(state)).toBeLessThanOrEqual(maxMs);
    // The floor: four views for each of its turns, and nobody waits for more than one of them.
    expect(Math.max(...waitedMs)).toBeLessThan(maxMs);
    expect(blocks.length).toBeGreaterThan((60_000 / maxMs) * 4);
    for (const [at, { header }] of blocks.entries()) {
      if (header.proposer === slow) expect(blocks[at + 1]?.header.proposer).not.toBe(slow);
    }
  });
});

/** Entries of every map, set and list of a core, by name. */
function entriesOf(state: AgreementState): Record<string, number> {
  const sizes: Record<string, number> = {};
  const visit = (name: string, value: unknown): void => {
    if (value instanceof Map) {
      sizes[name] = (sizes[name] ?? 0) + value.size;
      for (const entry of value.values()) visit(`${name}.*`, entry);
    } else if (value instanceof Set) sizes[name] = (sizes[name] ?? 0) + value.size;
    else if (Array.isArray(value)) sizes[name] = (sizes[name] ?? 0) + value.length;
    else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      for (const [key, member] of Object.entries(value)) visit(`${name}.${key}`, member);
    }
  };
  for (const [name, value] of Object.entries(state)) visit(name, value);
  return sizes;
}

describe("attack 84: thousands of blocks in compressed time", () => {
  test("no collection of a core grows beyond what the windows of views and of block time hold", () => {
    const cluster = new CoreCluster();
    let counter = 0;
    cluster.passes = (_from, _to, message) => {
      counter += 1;
      return message.type !== "vote" || counter % 37 !== 0;
    };
    start(cluster);
    const GAP_MS = 700;
    const most: Record<string, number> = {};
    for (let at = 0; at < 2_000; at += 1) {
      cluster.submit(batch(`batch ${at}`, GENESIS_TIME + cluster.now));
      cluster.run(GAP_MS);
      cluster.sent.length = 0;
      cluster.effects.length = 0;
      for (const state of cluster.cores) {
        for (const [name, size] of Object.entries(entriesOf(state))) most[name] = Math.max(most[name] ?? 0, size);
      }
    }
    expect(Math.min(...cluster.heights())).toBeGreaterThan(3_000);
    const { ordered = 0, ...others } = most;
    // Ten minutes of block time may repeat a digest; everything else belongs to views that are open.
    expect(ordered).toBeGreaterThan(100);
    expect(ordered).toBeLessThanOrEqual(Math.ceil(600_000 / GAP_MS) + 10);
    for (const [name, size] of Object.entries(others)) {
      expect(size, name).toBeLessThanOrEqual(3 * 4 * (VIEWS_AHEAD_MAX + VIEWS_BEHIND_MAX + 1));
    }
  });
});

import { describe, expect, test } from "vitest";
import type { AgreementMessage } from "../../../src/consensus/index.js";
import { batch, CoreCluster } from "./core-cluster.js";

const start = (cluster: CoreCluster): void => {
  cluster.cores.forEach((_, index) => {
    cluster.feed(index, { type: "started" });
  });
};

const isVote = (message: AgreementMessage, kind: string): boolean =>
  message.type === "vote" && message.vote.kind === kind;

describe("agreement between cores", () => {
  test("PACE-4: without work nobody proposes, votes or enters a view", () => {
    const cluster = new CoreCluster();
    start(cluster);
    cluster.run(5_000);
    expect(cluster.cores.map((state) => state.current)).toEqual([1, 1, 1, 1]);
    expect(cluster.sent.every(({ message }) => message.type === "status")).toBe(true);
  });

  test("SAFE-1: a batch that all hold is final at all, in the same block", () => {
    const cluster = new CoreCluster();
    start(cluster);
    cluster.submit(batch("one"));
    cluster.run(1_000);
    const ordered = cluster.finalized.map((blocks) =>
      blocks.filter((block) => block.body.length > 0).map((block) => block.hash),
    );
    expect(ordered[0]).toHaveLength(1);
    expect(new Set(ordered.map(String)).size).toBe(1);
  });

  test("PACE-4: after the last batch its result is certified, then there is silence", () => {
    const cluster = new CoreCluster();
    start(cluster);
    cluster.submit(batch("one"));
    cluster.run(5_000);
    const views = cluster.cores.map((state) => state.current);
    const [first] = cluster.cores;
    expect(first?.head.executed.height).toBeGreaterThanOrEqual(1);
    expect(first?.head.height).toBe(2);
    cluster.run(20_000);
    expect(cluster.cores.map((state) => state.current)).toEqual(views);
  });

  test("attack 38, LIVE-1: a silent leader is skipped with a certificate", () => {
    const cluster = new CoreCluster();
    cluster.down.add(0);
    start(cluster);
    cluster.submit(batch("one"));
    cluster.run(10_000);
    expect(
      cluster
        .heights()
        .slice(1)
        .every((height) => height >= 1),
    ).toBe(true);
    const block = cluster.finalized[1]?.[0];
    expect(block?.header.view).toBe(2);
    expect(block?.header.skips.map((skip) => [skip.kind, skip.view])).toEqual([["TIMEOUT", 1]]);
  });

  test("PACE-5: a leader known to be away costs no timeout", () => {
    const cluster = new CoreCluster();
    cluster.down.add(0);
    start(cluster);
    cluster.run(3_000);
    cluster.submit(batch("one"));
    const before = cluster.now;
    while (cluster.heights()[1] === 0) cluster.run(1);
    expect(cluster.now - before).toBeLessThan(50);
  });

  test("LIVE-3: lost COMMITs are repeated until the block is final", () => {
    const cluster = new CoreCluster();
    start(cluster);
    cluster.passes = (_from, _to, message) => !isVote(message, "COMMIT");
    cluster.submit(batch("one"));
    cluster.run(3_000);
    expect(Math.max(...cluster.heights())).toBe(0);
    cluster.passes = () => true;
    cluster.run(3_000);
    expect(Math.min(...cluster.heights())).toBeGreaterThanOrEqual(1);
  });

  test("LIVE-3: a replica that was cut off learns of finality", () => {
    const cluster = new CoreCluster();
    start(cluster);
    cluster.passes = (from, to) => from !== 3 && to !== 3;
    cluster.submit(batch("one"));
    cluster.run(2_000);
    expect(cluster.heights()[3]).toBe(0);
    cluster.passes = () => true;
    cluster.run(3_000);
    const fetches = cluster.effects.filter(({ by, effect }) => by === 3 && effect.type === "fetch-blocks");
    expect(cluster.cores[3]?.pendingFinality ?? fetches.length).toBeTruthy();
  });

  test("SAFE-3: nobody ever sends COMMIT and TIMEOUT in one view, whatever is lost", () => {
    const cluster = new CoreCluster();
    let counter = 0;
    cluster.passes = (_from, _to, message) => {
      counter += 1;
      return message.type === "status" || counter % 3 !== 0;
    };
    start(cluster);
    for (let index = 0; index < 5; index += 1) {
      cluster.submit(batch(`batch ${index}`));
      cluster.run(4_000);
    }
    const votes = new Map<string, Set<string>>();
    for (const { by, effect } of cluster.effects) {
      if (effect.type !== "sign") continue;
      const key = `${by}:${effect.subject.view}`;
      votes.set(key, (votes.get(key) ?? new Set()).add(`${effect.subject.kind}:${effect.subject.hash}`));
    }
    for (const cast of votes.values()) {
      const kinds = [...cast].map((vote) => vote.split(":")[0]);
      expect(kinds.includes("COMMIT") && kinds.includes("TIMEOUT")).toBe(false);
      expect(new Set(kinds).size).toBe(kinds.length);
    }
    expect(votes.size).toBeGreaterThan(4);
  });
});

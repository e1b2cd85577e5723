import { describe, expect, test } from "vitest";
import type { Block } from "../../../src/consensus/index.js";
import { BATCH_STAGES, BatchStages } from "../../../src/node/batch-stages.js";
import type { Digest } from "../../../src/primitives/index.js";
import type { ReplicaEvent } from "../../../src/replica/index.js";

const digest = (letter: string): Digest => letter.repeat(64) as Digest;
const [OWN, OTHER, BLOCK] = ["a", "b", "c"].map(digest) as [Digest, Digest, Digest];

/** Only what timings look at. */
const block = (view: number, ...batches: readonly Digest[]): Block =>
  ({ hash: BLOCK, header: { view }, body: batches.map((each) => ({ digest: each, size: 1 })) }) as unknown as Block;

/** Stages under a clock that stands at what `at` was told. */
function recorder() {
  let now = 0;
  const heard: string[] = [];
  const stages = new BatchStages(() => now, {
    stage: (stage, ms) => heard.push(`${stage} ${ms}`),
    admitted: (ms) => heard.push(`admitted ${ms}`),
    whole: (ms) => heard.push(`whole ${ms}`),
  });
  const at = (ms: number, ...events: readonly ReplicaEvent[]): void => {
    now = ms;
    for (const event of events) stages.onReplica(event);
  };
  return { stages, heard, at };
}

const fact = (value: object): ReplicaEvent => ({ type: "agreement", fact: value }) as ReplicaEvent;
const prepared = (view: number) => fact({ type: "view-entered", view: view + 1, by: "PREPARE" });
const finalized = (...blocks: readonly Block[]) => fact({ type: "finalized", blocks });

describe("the way of a client's batch", () => {
  test("each stage has the time since the one before, and the whole is their sum", () => {
    const { stages, heard, at } = recorder();
    const ordering = block(5, OWN, OTHER);
    at(101, { type: "submitted", digest: OWN, receivedAt: 100 });
    at(104, { type: "admitted", digest: OWN });
    at(110, { type: "voting", block: ordering });
    at(113, fact({ type: "prepared", hash: BLOCK, height: 5 }));
    at(120, prepared(5));
    at(130, finalized(ordering));
    at(132, { type: "executed", block: ordering });
    at(133);
    stages.stored([OTHER, OWN]);
    at(140);
    stages.answered([OTHER, OWN]);
    expect(heard).toEqual([
      ...["sent 1", "admitted 4", "proposed 9", "voted 3", "prepared 7", "committed 10"],
      ...["executed 2", "stored 1", "answered 7", "whole 40"],
    ]);
    const [steps, whole] = [heard.filter((line) => BATCH_STAGES.some((stage) => line.startsWith(stage))), 40];
    expect(steps.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0)).toBe(whole);
  });

  test("a stage that was overtaken is left out, and its time counts for the later one", () => {
    const { heard, at } = recorder();
    at(0, { type: "submitted", digest: OWN, receivedAt: 0 }, { type: "voting", block: block(5, OWN) });
    at(8, prepared(5));
    at(9, fact({ type: "prepared", hash: BLOCK, height: 5 }));
    at(10, finalized(block(5, OWN)));
    expect(heard).toEqual(["sent 0", "proposed 0", "prepared 8", "committed 2"]);
  });

  test("a certificate of another view, and batches of other nodes' clients, say nothing", () => {
    const { stages, heard, at } = recorder();
    at(0, { type: "submitted", digest: OWN, receivedAt: 0 }, { type: "voting", block: block(5, OWN) });
    at(1, prepared(4), finalized(block(3, OTHER)));
    stages.stored([OTHER]);
    stages.answered([OTHER]);
    expect(heard).toEqual(["sent 0", "proposed 0"]);
  });

  test("a batch that was answered or dropped is forgotten", () => {
    const { stages, heard, at } = recorder();
    at(0, { type: "submitted", digest: OWN, receivedAt: 0 });
    stages.dropped(OWN);
    at(1, finalized(block(1, OWN)));
    expect(heard).toEqual(["sent 0"]);
  });

  test("no more than 4,096 batches are followed: the oldest makes room", () => {
    const { stages, heard, at } = recorder();
    const all = Array.from({ length: 4_097 }, (_, index) => index.toString(16).padStart(64, "0") as Digest);
    for (const each of all) at(0, { type: "submitted", digest: each, receivedAt: 0 });
    heard.length = 0;
    stages.answered([all[0] as Digest, all[1] as Digest]);
    expect(heard).toEqual(["answered 0", "whole 0"]);
  });
});

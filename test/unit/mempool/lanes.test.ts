import { describe, expect, test } from "vitest";
import { type BatchKind, TRANSFER_FIELDS, TRANSFER_FLAGS } from "../../../src/formats/index.js";
import { laneOf, type MempoolLimits } from "../../../src/mempool/index.js";
import { concatBytes, type Lane, participantNumber, RECORD_BYTES } from "../../../src/primitives/index.js";
import { batch, CLIENT, NOW, outcome, pushedBy, requestedFrom, testPool } from "./batches.js";

const SIZE = batch().bytes.length;
/** Eight batches: one for control, three for urgent ones, four for usual ones. */
const EIGHT = { bytes: 8_000 * SIZE, batches: 8 };
const MANY = { bytes: 8_000 * SIZE, batches: 8_000 };

function record({ priority = 0, flags = 0 }: { readonly priority?: number; readonly flags?: number }): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  bytes[TRANSFER_FIELDS.asset] = 1;
  bytes[TRANSFER_FIELDS.priority] = priority;
  bytes[TRANSFER_FIELDS.flags] = flags;
  return bytes;
}

const USUAL = record({});
const URGENT = record({ priority: 1 });
const POST = record({ flags: TRANSFER_FLAGS.post_pending });
const VOID = record({ flags: TRANSFER_FLAGS.void_pending | TRANSFER_FLAGS.linked });

describe("the lane that a batch asks for", () => {
  test.each<[BatchKind, Lane]>([
    ["create_accounts", "usual"],
    ["manage_accounts", "control"],
    ["govern", "control"],
    ["settle_set", "control"],
  ])("%s: %s", (kind, lane) => {
    expect(laneOf(kind, URGENT)).toBe(lane);
  });

  test.each<[string, readonly Uint8Array[], Lane]>([
    ["usual transfers", [USUAL, USUAL], "usual"],
    ["urgent ones", [URGENT, record({ priority: 255 })], "urgent"],
    ["one usual among urgent ones", [URGENT, USUAL, URGENT], "usual"],
    ["completions", [POST, VOID], "control"],
    ["completions and an urgent payment", [POST, URGENT], "urgent"],
    ["completions and a usual payment", [VOID, USUAL], "usual"],
    ["a new reservation, however linked", [record({ flags: TRANSFER_FLAGS.pending | TRANSFER_FLAGS.linked })], "usual"],
  ])("%s", (_name, records, lane) => {
    expect(laneOf("create_transfers", concatBytes(...records))).toBe(lane);
  });
});

describe("room by lane", () => {
  /** Admits `count` batches of a lane, and says in which lanes they stand, or why they do not. */
  function admitter(limits: Partial<MempoolLimits>) {
    const { pool } = testPool(limits);
    let salt = 0;
    return (wanted: Lane, options: { readonly count: number; readonly participant?: number; readonly peer?: number }) =>
      Array.from({ length: options.count }, () => {
        salt += 1;
        const { bytes, digest } = batch({
          salt,
          participant: options.participant ?? 1,
          ...(wanted === "urgent" ? { priority: 1 } : {}),
          ...(wanted === "control" ? { kind: "manage_accounts" } : {}),
        });
        const verdict = pool.admit(bytes, options.peer === undefined ? CLIENT : pushedBy(options.peer), NOW);
        return verdict.type === "admitted" ? (pool.describe(digest)?.lane as string) : outcome(verdict);
      });
  }

  const times = (count: number, word: string): string[] => Array.from({ length: count }, () => word);

  test("usual batches hear busy while urgent ones find room, and freezes when neither does", () => {
    const admit = admitter({ replica: EIGHT });
    expect(admit("usual", { count: 5 })).toEqual([...times(4, "usual"), "busy pool"]);
    expect(admit("urgent", { count: 4 })).toEqual([...times(3, "urgent"), "busy pool"]);
    expect(admit("control", { count: 2 })).toEqual(["control", "busy pool"]);
  });

  test("urgent batches beyond their lane's part are served with the usual ones, never the other way round", () => {
    const admit = admitter({ replica: EIGHT });
    expect(admit("urgent", { count: 8 })).toEqual([...times(3, "urgent"), ...times(4, "usual"), "busy pool"]);
    expect(admit("usual", { count: 1 })).toEqual(["busy pool"]);
    expect(admit("control", { count: 1 })).toEqual(["control"]);
  });

  test.each<[string, Partial<MempoolLimits>, number | undefined]>([
    ["this replica's clients", { replica: EIGHT }, undefined],
    ["one peer", { replica: EIGHT }, 1],
    ["all peers", { pool: { bytes: 16_000 * SIZE, batches: 16 }, replica: EIGHT }, 1],
    ["one participant", { participant: EIGHT }, 1],
  ])("every bound is divided alike: %s", (_name, limits, peer) => {
    const admit = admitter(limits);
    const from = peer === undefined ? {} : { peer };
    admit("usual", { count: 9, ...from });
    expect(admit("urgent", { count: 3, ...from })).toEqual(times(3, "urgent"));
    expect(admit("control", { count: 1, ...from })).toEqual(["control"]);
    expect(admit("control", { count: 1, ...from })[0]).toMatch(/^busy/);
  });

  test("attack 80: a bank that calls everything urgent keeps its part of the lane and takes nobody else's", () => {
    // One participant may have half of what one replica may, as in production.
    const admit = admitter({ replica: { ...MANY, batches: 32 }, participant: { ...MANY, batches: 16 } });
    const greedy = admit("urgent", { count: 1_000, participant: 2 });
    expect(greedy.filter((word) => word === "urgent")).toHaveLength(6);
    expect(greedy.filter((word) => word === "usual")).toHaveLength(8);
    expect(greedy.at(-1)).toBe("busy participant");
    expect(admit("urgent", { count: 6, participant: 1 })).toEqual(times(6, "urgent"));
    expect(admit("usual", { count: 8, participant: 1 })).toEqual(times(8, "usual"));
  });

  test("room that a lane gave back is the lane's again", () => {
    const { pool } = testPool({ replica: EIGHT });
    const urgent = [1, 2, 3].map((salt) => batch({ salt, priority: 1 }));
    for (const { bytes } of urgent) pool.admit(bytes, CLIENT, NOW);
    pool.remove(urgent.map(({ digest }) => digest));
    const next = batch({ salt: 9, priority: 1 });
    pool.admit(next.bytes, CLIENT, NOW);
    expect(pool.describe(next.digest)?.lane).toBe("urgent");
  });

  test("a batch that a client here brings too is placed anew", () => {
    const { pool } = testPool({ replica: EIGHT });
    const pushed = [1, 2, 3, 4].map((salt) => batch({ salt, priority: 1 }));
    for (const { bytes } of pushed) pool.admit(bytes, pushedBy(1), NOW);
    const last = pushed[3] as (typeof pushed)[number];
    expect(pool.describe(last.digest)?.lane).toBe("usual");
    expect(pool.admit(last.bytes, CLIENT, NOW)).toMatchObject({ type: "duplicate", adopted: true });
    expect(pool.describe(last.digest)?.lane).toBe("urgent");
    expect(pool.usedBy(participantNumber(1)).batches).toBe(4);
  });

  test("what a block names is let in whatever the lanes hold, in the lane that it asks for", () => {
    const none = { bytes: 0, batches: 0 };
    const { pool } = testPool({ pool: none, replica: none, participant: none });
    const { bytes, digest } = batch({ priority: 7 });
    expect(outcome(pool.admit(bytes, requestedFrom(1), NOW))).toBe("admitted");
    expect(pool.describe(digest)?.lane).toBe("urgent");
  });

  test("what was admitted before a restart is kept, also by a node whose bounds were lowered meanwhile", () => {
    const { pool } = testPool({ replica: { bytes: 8 * SIZE, batches: 1 } });
    const restored = [1, 2, 3].map((salt) => batch({ salt }));
    for (const { bytes } of restored) expect(outcome(pool.admit(bytes, { type: "restored" }, NOW))).toBe("admitted");
    expect([...pool.own()]).toHaveLength(3);
    expect(outcome(pool.admit(batch({ salt: 4 }).bytes, CLIENT, NOW))).toBe("busy pool");
    pool.remove(restored.map(({ digest }) => digest));
    expect(outcome(pool.admit(batch({ salt: 4 }).bytes, CLIENT, NOW))).toBe("admitted");
  });
});

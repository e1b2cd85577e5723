import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MempoolLimits } from "../../../src/mempool/index.js";
import { type Digest, participantNumber } from "../../../src/primitives/index.js";
import { batch, CLIENT, NOW, outcome, pushedBy, requestedFrom, testPool } from "./batches.js";

const SIZE = batch().bytes.length;
const room = (batches: number) => ({ bytes: batches * 1_000 * SIZE, batches });
const bytesFor = (batches: number) => ({ bytes: batches * SIZE, batches: batches * 1_000 });
/** Bounds of which the usual lane has room for so many batches: half of them, and what rounding leaves. */
const usualRoom = (batches: number) => room([0, 1, 2, 4, 6, 8][batches] as number);
const usualBytesFor = (batches: number) => bytesFor(2 * batches);

describe("attack 80: a flood of valid batches", () => {
  test.each([
    ["batches", usualRoom(3)],
    ["bytes", usualBytesFor(3)],
  ])("one participant gets its share in %s and no more, through whichever replica", (_unit, participant) => {
    const { pool, checks } = testPool({ participant });
    const sources = [CLIENT, pushedBy(0), pushedBy(1), pushedBy(2)];
    const outcomes = sources.map((source, salt) => outcome(pool.admit(batch({ salt }).bytes, source, NOW)));
    expect(outcomes).toEqual(["admitted", "admitted", "admitted", "busy participant"]);
    expect(checks()).toBe(3);
    expect(outcome(pool.admit(batch({ participant: 2 }).bytes, pushedBy(2), NOW))).toBe("admitted");
  });

  test.each([
    ["batches", usualRoom(2)],
    ["bytes", usualBytesFor(2)],
  ])("one peer gets its share in %s, and the next peer its own", (_unit, replica) => {
    const { pool } = testPool({ replica });
    const push = (peer: number, salt: number): string =>
      outcome(pool.admit(batch({ salt, participant: 1 + salt }).bytes, pushedBy(peer), NOW));
    expect([push(1, 0), push(1, 1), push(1, 2), push(2, 2)]).toEqual(["admitted", "admitted", "busy peer", "admitted"]);
  });

  test("peers together leave the room of this replica's own clients", () => {
    const { pool } = testPool({ pool: room(8), replica: room(4) });
    const give = (source: Parameters<typeof pool.admit>[1], salt: number): string =>
      outcome(pool.admit(batch({ salt }).bytes, source, NOW));
    const pushed = [1, 2, 3, 4].map((salt) => give(pushedBy(salt), salt));
    expect(pushed).toEqual(["admitted", "admitted", "admitted", "busy pool"]);
    const own = [5, 6, 7, 8].map((salt) => give(CLIENT, salt));
    expect(own).toEqual(["admitted", "admitted", "admitted", "busy pool"]);
    expect(pool.size).toBe(6);
  });

  test("busy says when to come back, and room returns with execution and expiry", () => {
    const { pool } = testPool({ participant: usualRoom(1) });
    const [first, second] = [batch({ salt: 1, notAfter: NOW.wall + 5 }), batch({ salt: 2 })];
    pool.admit(first.bytes, CLIENT, NOW);
    expect(pool.admit(second.bytes, CLIENT, NOW)).toEqual({ type: "busy", retryAfterMs: 250, scope: "participant" });
    pool.expire(NOW.wall + 5);
    expect(outcome(pool.admit(second.bytes, CLIENT, NOW))).toBe("admitted");
    pool.remove([second.digest]);
    expect(outcome(pool.admit(first.bytes, CLIENT, NOW))).toBe("admitted");
  });

  test("a batch that is held answers duplicate, not busy, in a full pool", () => {
    const { pool } = testPool({ participant: usualRoom(1) });
    const { bytes } = batch();
    pool.admit(bytes, CLIENT, NOW);
    expect(outcome(pool.admit(bytes, CLIENT, NOW))).toBe("duplicate");
  });
});

test("attack 81: a batch over a bound, of a stranger or out of time costs no signature check", () => {
  const { pool, checks } = testPool({ participant: room(0) });
  pool.admit(batch().bytes, pushedBy(1), NOW);
  pool.admit(batch({ signer: 2 }).bytes, pushedBy(1), NOW);
  pool.admit(batch({ notAfter: 1 }).bytes, pushedBy(1), NOW);
  expect(checks()).toBe(0);
});

describe("requested batches", () => {
  test("pass every quota, since a block waits for them", () => {
    const none = room(0);
    const { pool } = testPool({ pool: none, replica: none, participant: none });
    expect(outcome(pool.admit(batch().bytes, requestedFrom(1), NOW))).toBe("admitted");
  });

  test.each([
    ["batches", room(2)],
    ["bytes", bytesFor(2)],
  ])("make room among themselves, oldest first, when their reserve in %s is full", (_unit, requested) => {
    const { pool } = testPool({ requested });
    const [pushed, first, second, third] = [0, 1, 2, 3].map((salt) => batch({ salt })) as [
      ReturnType<typeof batch>,
      ReturnType<typeof batch>,
      ReturnType<typeof batch>,
      ReturnType<typeof batch>,
    ];
    pool.admit(pushed.bytes, pushedBy(1), NOW);
    pool.admit(first.bytes, requestedFrom(1), NOW);
    pool.admit(second.bytes, requestedFrom(1), NOW);
    expect(pool.admit(third.bytes, requestedFrom(1), NOW)).toMatchObject({ evicted: [first.digest] });
    expect([...pool.descriptions()].map(({ digest }) => digest)).toEqual([pushed.digest, second.digest, third.digest]);
  });
});

describe("own batches", () => {
  test("the oldest that are not final are pushed again, in order of admission", () => {
    const { pool, ordered } = testPool();
    const batches = [0, 1, 2, 3].map((salt) => batch({ salt }));
    for (const { bytes } of batches) pool.admit(bytes, CLIENT, NOW);
    pool.admit(batch({ salt: 9 }).bytes, pushedBy(1), NOW);
    ordered.add(batches[0]?.digest as Digest);
    expect([...pool.own()]).toEqual([batches[1], batches[2], batches[3]]);
    pool.remove([batches[1]?.digest as Digest]);
    expect([...pool.own()]).toEqual([batches[2], batches[3]]);
  });

  test("a pushed or requested batch that a client here brings too becomes our own, once", () => {
    const { pool } = testPool();
    for (const [salt, source] of [pushedBy(1), requestedFrom(1)].entries()) {
      const { bytes, digest } = batch({ salt });
      pool.admit(bytes, source, NOW);
      expect(pool.admit(bytes, CLIENT, NOW)).toEqual({ type: "duplicate", digest, adopted: true });
      expect(pool.admit(bytes, CLIENT, NOW)).toEqual({ type: "duplicate", digest, adopted: false });
    }
    expect([...pool.own()]).toHaveLength(2);
    expect(pool.usedBy(participantNumber(1)).batches).toBe(2);
  });

  test("adopting one is bounded like admitting it", () => {
    const { pool } = testPool({ replica: usualRoom(1) });
    const [mine, theirs] = [batch({ salt: 1 }), batch({ salt: 2 })];
    pool.admit(mine.bytes, CLIENT, NOW);
    pool.admit(theirs.bytes, pushedBy(1), NOW);
    expect(outcome(pool.admit(theirs.bytes, CLIENT, NOW))).toBe("busy pool");
    expect([pool.size, [...pool.own()].length]).toEqual([2, 1]);
  });
});

describe("any sequence of operations", () => {
  const limits: Partial<MempoolLimits> = {
    pool: room(8),
    replica: room(3),
    participant: room(4),
    requested: bytesFor(3),
  };
  const batches = Array.from({ length: 24 }, (_, salt) =>
    batch({
      salt,
      participant: 1 + (salt % 3),
      count: 1 + (salt % 2),
      priority: salt % 4 === 0 ? 1 : 0,
      notAfter: NOW.wall + 1 + (salt % 5),
    }),
  );
  const source = fc.constantFrom(CLIENT, pushedBy(1), pushedBy(2), requestedFrom(1), requestedFrom(2));
  const index = fc.nat(batches.length - 1);
  const operation = fc.oneof(
    { weight: 8, arbitrary: fc.record({ type: fc.constant("admit" as const), index, source }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("execute" as const), index }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("finalise" as const), index }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("expire" as const), at: fc.nat(6) }) },
  );

  test("attacks 79, 80: keeps every bound, loses nothing silently, and holds only what verified", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const { pool, ordered } = testPool(limits);
        const expected = new Set<Digest>();
        for (const each of operations) {
          if (each.type === "expire") for (const digest of pool.expire(NOW.wall + each.at)) expected.delete(digest);
          else {
            const { bytes, digest } = batches[each.index] ?? batch();
            if (each.type === "admit") {
              const verdict = pool.admit(bytes, each.source, NOW);
              if (verdict.type === "admitted") {
                for (const evicted of verdict.evicted) expect(expected.delete(evicted)).toBe(true);
                expected.add(digest);
              } else if (expected.has(digest)) expect(["duplicate", "busy"]).toContain(verdict.type);
            } else {
              ordered.add(digest);
              if (each.type === "execute" && expected.delete(digest)) pool.remove([digest]);
            }
          }
          expect([...pool.descriptions()].map(({ digest }) => digest)).toEqual([...expected]);
          expect(pool.bytes).toBe([...pool.descriptions()].reduce((sum, { size }) => sum + size, 0));
          expect(pool.size).toBeLessThanOrEqual(8 + 3);
          for (const participant of [1, 2, 3])
            expect(pool.usedBy(participantNumber(participant)).batches).toBeLessThanOrEqual(4);
          for (const { digest } of [...pool.own()]) expect(expected.has(digest) && !ordered.has(digest)).toBe(true);
          expect([...pool.own()].length).toBeLessThanOrEqual(3);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("the same operations give the same pool", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const run = (): string[] => {
          const { pool } = testPool(limits);
          const verdicts = operations.map((each) =>
            each.type === "admit"
              ? outcome(pool.admit(batches[each.index]?.bytes as Uint8Array, each.source, NOW))
              : "",
          );
          return [...verdicts, ...[...pool.descriptions()].map(({ digest }) => digest)];
        };
        expect(run()).toEqual(run());
      }),
      { numRuns: 50 },
    );
  });
});

import { describe, expect, test } from "vitest";
import { TRANSFER_FIELDS } from "../../../src/formats/index.js";
import { provesPeerFault } from "../../../src/mempool/index.js";
import {
  BATCH_BYTES_MAX,
  NOT_AFTER_WINDOW_MS,
  participantNumber,
  RECORD_BYTES,
  toHex,
} from "../../../src/primitives/index.js";
import {
  batch,
  CHAIN,
  CLIENT,
  keysOf,
  NOW,
  OTHER_CHAIN,
  outcome,
  pushedBy,
  requestedFrom,
  testPool,
} from "./batches.js";

/** Order of the base point, little-endian (RFC 8032 §5.1). */
const GROUP_ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

const flipped = (bytes: Uint8Array, offset: number): Uint8Array => {
  const copy = bytes.slice();
  copy[offset] = (copy[offset] as number) ^ 1;
  return copy;
};

describe("what is admitted", () => {
  test.each([
    ["a client", CLIENT],
    ["a push", pushedBy(2)],
    ["an answer", requestedFrom(2)],
  ])("a well-formed batch from %s, held under its digest", (_name, source) => {
    const { pool } = testPool();
    const { bytes, digest } = batch({ count: 3 });
    expect(pool.admit(bytes, source, NOW)).toMatchObject({ type: "admitted", digest, evicted: [] });
    expect(pool.get(digest)).toEqual(bytes);
    expect(pool.has(digest)).toBe(true);
    expect(pool.describe(digest)).toEqual({
      digest,
      size: bytes.length,
      notAfter: NOW.wall + 60_000,
      count: 3,
      lane: "usual",
      participant: 1,
    });
    expect([pool.size, pool.bytes]).toEqual([1, bytes.length]);
  });

  test("the header comes with the verdict", () => {
    const verdict = testPool().pool.admit(batch({ participant: 3 }).bytes, CLIENT, NOW);
    expect(verdict).toMatchObject({
      header: { kind: "create_transfers", count: 1, chainId: CHAIN, participant: 3, publicKey: keysOf(3).publicKey },
    });
  });

  test("the pool keeps a copy: a buffer that is used again changes nothing", () => {
    const { pool } = testPool();
    const { bytes, digest } = batch();
    const frame = new Uint8Array(bytes.length + 4_096);
    frame.set(bytes, 100);
    pool.admit(frame.subarray(100, 100 + bytes.length), pushedBy(1), NOW);
    frame.fill(0);
    expect(pool.get(digest)).toEqual(bytes);
    expect(pool.get(digest)?.buffer.byteLength).toBe(bytes.length);
  });
});

describe("what is refused", () => {
  test("every truncation and a trailing byte", () => {
    const { pool } = testPool();
    const { bytes } = batch();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(outcome(pool.admit(bytes.subarray(0, length), pushedBy(1), NOW))).toBe("malformed");
    }
    expect(outcome(pool.admit(new Uint8Array([...bytes, 0]), CLIENT, NOW))).toBe("malformed");
    expect(pool.size).toBe(0);
  });

  test("attack 77: a count of 2^31 records or a batch above one mebibyte, before anything is read", () => {
    const { pool, checks } = testPool();
    const bomb = batch().bytes.slice();
    new DataView(bomb.buffer).setUint32(4, 2 ** 31, true);
    expect(outcome(pool.admit(bomb, CLIENT, NOW))).toBe("malformed");
    const huge = new Uint8Array(BATCH_BYTES_MAX + 128);
    huge.set(batch().bytes.subarray(0, 128));
    expect(outcome(pool.admit(huge, CLIENT, NOW))).toBe("malformed");
    expect(checks()).toBe(0);
  });

  test("records that the ledger could not read", () => {
    const { pool, checks } = testPool();
    const records = new Uint8Array(3 * RECORD_BYTES);
    for (const start of [0, RECORD_BYTES, 2 * RECORD_BYTES]) records[start + TRANSFER_FIELDS.asset] = 1;
    records[2 * RECORD_BYTES + TRANSFER_FIELDS.reserved] = 1;
    expect(pool.admit(batch({ records }).bytes, requestedFrom(1), NOW)).toEqual({
      type: "rejected",
      code: "malformed",
      detail: "record 2: reserved_bytes_set",
    });
    expect(checks()).toBe(0);
  });

  test.each([CLIENT, pushedBy(1), requestedFrom(1)])(
    "attack 15: a batch signed for another chain, from %o",
    (source) => {
      expect(outcome(testPool().pool.admit(batch({ chainId: OTHER_CHAIN }).bytes, source, NOW))).toBe("wrong_chain");
    },
  );

  test.each([CLIENT, pushedBy(1), requestedFrom(1)])("attack 17: any one changed byte, from %o", (source) => {
    const { pool } = testPool();
    const { bytes } = batch();
    for (let offset = 0; offset < bytes.length; offset += 1) {
      expect(outcome(pool.admit(flipped(bytes, offset), source, NOW)), `byte ${offset}`).not.toBe("admitted");
    }
    expect(pool.size).toBe(0);
  });

  test("attack 12: a signature whose scalar is raised by the group order", () => {
    const { pool } = testPool();
    const bytes = batch().bytes.slice();
    const offset = bytes.length - 32;
    let scalar = GROUP_ORDER;
    for (let index = 0; index < 32; index += 1) scalar += BigInt(bytes[offset + index] as number) << BigInt(8 * index);
    for (let index = 0; index < 32; index += 1) bytes[offset + index] = Number((scalar >> BigInt(8 * index)) & 0xffn);
    expect(outcome(pool.admit(bytes, requestedFrom(1), NOW))).toBe("bad_signature");
  });

  test("attack 14: a key of small order, under which one signature would verify for every message", () => {
    const { pool } = testPool();
    const bytes = batch().bytes.slice();
    const identity = new Uint8Array(32);
    identity[0] = 1;
    bytes.set(identity, 48);
    bytes.set(identity, bytes.length - 64);
    bytes.fill(0, bytes.length - 32);
    expect(outcome(pool.admit(bytes, requestedFrom(1), NOW))).toBe("bad_signature");
  });

  test("a stranger's key, unless a block names the batch: then execution judges", () => {
    const { pool } = testPool();
    const { bytes } = batch({ participant: 1, signer: 2 });
    expect(outcome(pool.admit(bytes, CLIENT, NOW))).toBe("unknown_key");
    expect(outcome(pool.admit(bytes, pushedBy(1), NOW))).toBe("unknown_key");
    expect(pool.usedBy(participantNumber(1)).batches).toBe(0);
    expect(outcome(pool.admit(bytes, requestedFrom(1), NOW))).toBe("admitted");
    expect(pool.usedBy(participantNumber(1)).batches).toBe(0);
  });
});

describe("time", () => {
  const { wall, finalizedTimestamp } = NOW;

  test.each([
    ["client", CLIENT, wall, "expired"],
    ["client", CLIENT, wall + 1, "admitted"],
    ["client", CLIENT, wall + NOT_AFTER_WINDOW_MS, "admitted"],
    ["client", CLIENT, wall + NOT_AFTER_WINDOW_MS + 1, "not_after_too_far"],
    ["peer", pushedBy(1), finalizedTimestamp, "expired"],
    ["peer", pushedBy(1), finalizedTimestamp + 1, "admitted"],
    ["peer", pushedBy(1), wall + NOT_AFTER_WINDOW_MS + 1, "not_after_too_far"],
    ["request", requestedFrom(1), 0, "admitted"],
    ["request", requestedFrom(1), Number.MAX_SAFE_INTEGER, "admitted"],
  ])("%s %o with notAfter %d: %s", (_name, source, notAfter, expected) => {
    expect(outcome(testPool().pool.admit(batch({ notAfter }).bytes, source, NOW))).toBe(expected);
  });

  test("attack 42: a notAfter above 2^53 − 1 has no number to be", () => {
    const bytes = batch().bytes.slice();
    new DataView(bytes.buffer).setBigUint64(80, 2n ** 53n, true);
    expect(testPool().pool.admit(bytes, requestedFrom(1), NOW)).toMatchObject({ detail: "time_out_of_range" });
  });

  test("what no later block may order is dropped and named, in order of admission", () => {
    const { pool } = testPool();
    const [late, early, earlier] = [3, 1, 1].map((offset, salt) => batch({ notAfter: wall + offset, salt }));
    for (const each of [late, early, earlier]) pool.admit(each?.bytes as Uint8Array, pushedBy(1), NOW);
    expect(pool.expire(wall)).toEqual([]);
    expect(pool.expire(wall + 1)).toEqual([early?.digest, earlier?.digest]);
    expect(pool.size).toBe(1);
    expect(pool.usedBy(participantNumber(1)).batches).toBe(1);
  });

  test("a batch whose block is still to be executed outlives its notAfter, and so does a requested one", () => {
    const { pool, ordered } = testPool();
    const [final, requested] = [batch({ salt: 1 }), batch({ salt: 2 })];
    pool.admit(final.bytes, CLIENT, NOW);
    pool.admit(requested.bytes, requestedFrom(1), NOW);
    ordered.add(final.digest);
    expect(pool.expire(wall + 10 * NOT_AFTER_WINDOW_MS)).toEqual([]);
    pool.remove([final.digest, requested.digest]);
    expect([pool.size, pool.bytes]).toEqual([0, 0]);
  });
});

describe("repetition", () => {
  test("attack 79: the same batch a thousand times from everywhere is one entry and one signature check", () => {
    const { pool, checks } = testPool();
    const { bytes, digest } = batch();
    const sources = [CLIENT, pushedBy(0), pushedBy(1), requestedFrom(2)];
    expect(outcome(pool.admit(bytes, pushedBy(3), NOW))).toBe("admitted");
    for (let round = 0; round < 1_000; round += 1) {
      const source = sources[round % sources.length] ?? CLIENT;
      expect(pool.admit(bytes, source, NOW)).toMatchObject({ type: "duplicate", digest });
    }
    expect([pool.size, pool.bytes, checks()]).toEqual([1, bytes.length, 1]);
  });

  test("attack 79: gone after execution, and never added again", () => {
    const { pool, ordered, checks } = testPool();
    const { bytes, digest } = batch();
    pool.admit(bytes, CLIENT, NOW);
    ordered.add(digest);
    pool.remove([digest]);
    for (const source of [CLIENT, pushedBy(1)]) {
      expect(pool.admit(bytes, source, NOW)).toEqual({ type: "already_ordered", digest });
    }
    expect([pool.size, checks()]).toEqual([0, 1]);
  });

  test("a replica that finalised a block without its batches may still fetch them to execute it", () => {
    const { pool, ordered } = testPool();
    const { bytes, digest } = batch();
    ordered.add(digest);
    expect(outcome(pool.admit(bytes, requestedFrom(1), NOW))).toBe("admitted");
  });

  test("attack 16: signature bytes are no part of the digest, and a bad copy neither evicts nor poisons", () => {
    const { pool } = testPool();
    const { bytes, digest } = batch();
    const forged = flipped(bytes, bytes.length - 1);
    expect(outcome(pool.admit(forged, pushedBy(1), NOW))).toBe("bad_signature");
    expect(outcome(pool.admit(bytes, pushedBy(2), NOW))).toBe("admitted");
    expect(pool.admit(forged, pushedBy(1), NOW)).toMatchObject({ type: "duplicate", digest });
    expect(toHex(pool.get(digest) as Uint8Array)).toBe(toHex(bytes));
  });

  test("attack 49: only refusals that no clock or lag explains accuse the peer", () => {
    const codes = ["malformed", "wrong_chain", "bad_signature", "unknown_key", "expired", "not_after_too_far"] as const;
    expect(codes.map(provesPeerFault)).toEqual([true, true, true, false, false, false]);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countedPath, countedRoot, hashOutcomeLeaves, hashPairs, sha256 } from "../../../src/crypto/index.js";
import { countedRootOf, hashOutcomeLeaf, verifyCountedPath } from "../../../src/formats/index.js";
import { concatBytes } from "../../../src/primitives/index.js";

/** `count` different leaves of `length` bytes. */
const leavesOf = (count: number, length = 32): Uint8Array =>
  concatBytes(...Array.from({ length: count }, (_, index) => filled(index, length)));

function filled(index: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(index & 0xff);
  new DataView(bytes.buffer).setUint32(0, index + 1);
  return bytes;
}

/** The tree as its definition reads: pad with zero leaves, hash pairs, mix in the count. */
function naiveRoot(leaves: Uint8Array): Uint8Array {
  const count = leaves.length / 32;
  let nodes: Uint8Array[] = Array.from({ length: count }, (_, index) => leaves.slice(32 * index, 32 * index + 32));
  while (nodes.length === 0 || !Number.isInteger(Math.log2(nodes.length))) nodes.push(new Uint8Array(32));
  while (nodes.length > 1)
    nodes = nodes
      .filter((_, index) => index % 2 === 0)
      .map((left, pair) => sha256(concatBytes(left, nodes[2 * pair + 1] as Uint8Array)));
  const length = new Uint8Array(32);
  new DataView(length.buffer).setBigUint64(0, BigInt(count), true);
  return sha256(concatBytes(nodes[0] as Uint8Array, length));
}

describe("the tree over a counted list", () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 100, 255, 257])(
    "the root over %i leaves is the naive one",
    (count) => {
      expect(countedRoot(leavesOf(count))).toEqual(naiveRoot(leavesOf(count)));
    },
  );

  test("lists that differ only in zero leaves at the end have different roots", () => {
    const roots = [5, 6, 7, 8].map((count) => {
      const leaves = new Uint8Array(32 * count);
      leaves.set(leavesOf(5));
      return countedRoot(leaves).join();
    });
    expect(new Set(roots).size).toBe(4);
  });

  test("every leaf of every list up to 20 has a path that verifies at its index only", () => {
    for (let count = 1; count <= 20; count += 1) {
      const leaves = leavesOf(count);
      const root = countedRoot(leaves);
      for (let index = 0; index < count; index += 1) {
        const leaf = leaves.slice(32 * index, 32 * index + 32);
        const path = countedPath(leaves, index);
        expect(path).toHaveLength(Math.ceil(Math.log2(count)));
        for (let other = 0; other < count; other += 1)
          expect(verifyCountedPath(sha256, { leaf, index: other, count, path, root })).toBe(other === index);
      }
    }
  });

  test("attack 70: a changed bit, a missing or extra node, another count, an inner node as leaf", () => {
    const leaves = leavesOf(13);
    const root = countedRoot(leaves);
    fc.assert(
      fc.property(fc.nat(12), fc.nat(3), fc.nat(255), (index, level, bit) => {
        const leaf = leaves.slice(32 * index, 32 * index + 32);
        const path = countedPath(leaves, index);
        const good = { leaf, index, count: 13, path, root };
        const flip = (bytes: Uint8Array): Uint8Array =>
          bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(verifyCountedPath(sha256, good)).toBe(true);
        const bad = [
          { ...good, leaf: flip(leaf) },
          { ...good, root: flip(root) },
          { ...good, path: path.map((node, at) => (at === level ? flip(node) : node)) },
          { ...good, path: path.slice(1) },
          { ...good, path: path.slice(0, -1) },
          { ...good, path: [...path, new Uint8Array(32)] },
          { ...good, path: path.map((node) => node.slice(1)) },
          { ...good, count: 14 },
          { ...good, count: 12 },
          { ...good, count: 0 },
          { ...good, index: -1 },
          { ...good, index: index + 16 },
          { ...good, index: 0.5 },
          { ...good, count: Number.POSITIVE_INFINITY },
          { ...good, leaf: sha256(concatBytes(leaf, path[0] as Uint8Array)), index: index >> 1, path: path.slice(1) },
        ];
        for (const proof of bad) expect(verifyCountedPath(sha256, proof)).toBe(false);
      }),
    );
  });

  test("a list of one leaf has an empty path", () => {
    const leaf = filled(3, 32);
    expect(countedPath(leaf, 0)).toEqual([]);
    expect(countedRootOf(sha256, { leaf, index: 0, count: 1, path: [] })).toEqual(countedRoot(leaf));
  });

  test("views of shared memory and of a larger buffer give the same root", () => {
    const leaves = leavesOf(9);
    const shared = new Uint8Array(new SharedArrayBuffer(leaves.length));
    shared.set(leaves);
    const shifted = new Uint8Array(leaves.length + 5);
    shifted.set(leaves, 5);
    expect(countedRoot(shared)).toEqual(countedRoot(leaves));
    expect(countedRoot(shifted.subarray(5))).toEqual(countedRoot(leaves));
  });
});

describe("hashing in bulk", () => {
  test.each([0, 1, 2, 7, 64, 129])("%i blocks of 64 bytes hash as one by one", (count) => {
    const blocks = leavesOf(count, 64);
    const single = Array.from({ length: count }, (_, index) => sha256(blocks.subarray(64 * index, 64 * index + 64)));
    expect(hashPairs(blocks)).toEqual(concatBytes(...single));
  });

  test.each([0, 1, 2, 7, 65])("%i outcome leaves hash as the portable function does", (count) => {
    const leaves = leavesOf(count, 256);
    const single = Array.from({ length: count }, (_, index) => leaves.subarray(256 * index, 256 * index + 256)).map(
      (leaf) => hashOutcomeLeaf(sha256, leaf) as Uint8Array,
    );
    expect(hashOutcomeLeaves(leaves)).toEqual(concatBytes(...single));
  });

  test("an outcome leaf of another length has no hash", () => {
    for (const length of [0, 32, 128, 255, 257, 512])
      expect(hashOutcomeLeaf(sha256, new Uint8Array(length))).toBeUndefined();
  });
});

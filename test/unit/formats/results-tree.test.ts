import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import {
  appendLeaf,
  type CompactRange,
  completedNodes,
  consistencyPath,
  EMPTY_RANGE,
  inclusionPath,
  type NodeReader,
  treeHead,
  verifyConsistencyPath,
  verifyInclusionPath,
} from "../../../src/formats/index.js";
import { concatBytes, fromHex, toHex } from "../../../src/primitives/index.js";

const SIZE_MAX = 40;

/** The definitions of RFC 9162 §2.1, word for word and without any cleverness. */
const leafHash = (entry: Uint8Array): Uint8Array => sha256(concatBytes(new Uint8Array([0]), entry));
const inner = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  sha256(concatBytes(new Uint8Array([1]), left, right));
function naiveHead(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 0) return sha256(new Uint8Array(0));
  if (entries.length === 1) return leafHash(entries[0] as Uint8Array);
  const k = 2 ** Math.floor(Math.log2(entries.length - 1));
  return inner(naiveHead(entries.slice(0, k)), naiveHead(entries.slice(k)));
}
function naivePath(m: number, entries: readonly Uint8Array[]): Uint8Array[] {
  if (entries.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(entries.length - 1));
  return m < k
    ? [...naivePath(m, entries.slice(0, k)), naiveHead(entries.slice(k))]
    : [...naivePath(m - k, entries.slice(k)), naiveHead(entries.slice(0, k))];
}
function naiveConsistency(m: number, entries: readonly Uint8Array[], known = true): Uint8Array[] {
  if (m === entries.length) return known ? [] : [naiveHead(entries)];
  const k = 2 ** Math.floor(Math.log2(entries.length - 1));
  return m <= k
    ? [...naiveConsistency(m, entries.slice(0, k), known), naiveHead(entries.slice(k))]
    : [...naiveConsistency(m - k, entries.slice(k), false), naiveHead(entries.slice(0, k))];
}

const entries = Array.from({ length: SIZE_MAX }, (_, index) => new Uint8Array(index % 9).fill(index));

/** The product's tree over the entries: its range after each leaf, and all nodes that were completed. */
function grow(): { readonly ranges: readonly CompactRange[]; readonly nodeAt: NodeReader } {
  const nodes = new Map<string, Uint8Array>();
  const ranges = [EMPTY_RANGE];
  for (const [size, entry] of entries.entries()) {
    const range = ranges[size] as CompactRange;
    for (const { level, index, hash } of completedNodes(sha256, range, leafHash(entry))) {
      const key = `${level}/${index}`;
      expect(nodes.has(key)).toBe(false);
      nodes.set(key, hash);
    }
    ranges.push(appendLeaf(sha256, range, leafHash(entry)));
  }
  return { ranges, nodeAt: (level, index) => nodes.get(`${level}/${index}`) };
}
const { ranges, nodeAt } = grow();
const heads = ranges.map((range) => treeHead(sha256, range));

describe("the results tree (RFC 9162)", () => {
  test("heads are those of the definition, and those published for the RFC 6962 test entries", () => {
    for (let size = 0; size <= SIZE_MAX; size += 1) {
      expect(heads[size]).toEqual(naiveHead(entries.slice(0, size)));
      expect(ranges[size]?.size).toBe(size);
    }
    const published = [
      "",
      "00",
      "10",
      "2021",
      "3031",
      "40414243",
      "5051525354555657",
      "606162636465666768696a6b6c6d6e6f",
    ];
    const range = published
      .map((hex) => leafHash(fromHex(hex) as Uint8Array))
      .reduce((grown, leaf) => appendLeaf(sha256, grown, leaf), EMPTY_RANGE);
    expect(toHex(treeHead(sha256, range))).toBe("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    expect(toHex(treeHead(sha256, EMPTY_RANGE))).toBe(
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
  });

  test("inclusion paths are those of the definition and verify, for every leaf of every size", () => {
    for (let size = 1; size <= SIZE_MAX; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const path = inclusionPath(sha256, { size, nodeAt }, index) as readonly Uint8Array[];
        expect(path).toEqual(naivePath(index, entries.slice(0, size)));
        const proof = {
          leafHash: leafHash(entries[index] as Uint8Array),
          index,
          size,
          path,
          root: heads[size] as Uint8Array,
        };
        expect(verifyInclusionPath(sha256, proof)).toBe(true);
      }
    }
  });

  test("consistency paths are those of the definition and verify, for every pair of sizes", () => {
    for (let second = 1; second <= SIZE_MAX; second += 1) {
      for (let first = 0; first <= second; first += 1) {
        const path = consistencyPath(sha256, { size: second, nodeAt }, first) as readonly Uint8Array[];
        expect(path).toEqual(first === 0 ? [] : naiveConsistency(first, entries.slice(0, second)));
        const claim = {
          first: { size: first, root: heads[first] as Uint8Array },
          second: { size: second, root: heads[second] as Uint8Array },
          path,
        };
        expect(verifyConsistencyPath(sha256, claim)).toBe(true);
      }
    }
  });

  test("there is no path for a leaf or size outside the tree, or where a node is missing", () => {
    expect(inclusionPath(sha256, { size: 5, nodeAt }, 5)).toBeUndefined();
    expect(inclusionPath(sha256, { size: 5, nodeAt }, -1)).toBeUndefined();
    expect(inclusionPath(sha256, { size: 5, nodeAt: () => undefined }, 0)).toBeUndefined();
    expect(consistencyPath(sha256, { size: 5, nodeAt }, 6)).toBeUndefined();
    expect(consistencyPath(sha256, { size: 5, nodeAt: () => undefined }, 3)).toBeUndefined();
  });

  test("attack 70: an inclusion proof with anything changed is refused", () => {
    const sizes = fc.integer({ min: 2, max: SIZE_MAX });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), fc.nat(255), (size, indexSeed, levelSeed, bit) => {
        const index = indexSeed % size;
        const path = inclusionPath(sha256, { size, nodeAt }, index) as readonly Uint8Array[];
        const good = {
          leafHash: leafHash(entries[index] as Uint8Array),
          index,
          size,
          path,
          root: heads[size] as Uint8Array,
        };
        const level = levelSeed % path.length;
        const flip = flipper(bit);
        const bad = [
          { ...good, leafHash: flip(good.leafHash) },
          { ...good, root: flip(good.root) },
          { ...good, path: path.map((node, at) => (at === level ? flip(node) : node)) },
          { ...good, path: path.filter((_, at) => at !== level) },
          { ...good, path: [...path.slice(0, level), new Uint8Array(32), ...path.slice(level)] },
          { ...good, path: path.map((node) => node.slice(1)) },
          { ...good, index: (index + 1) % size },
          { ...good, index: index + size },
          { ...good, index: -1 },
          { ...good, index: 0.5 },
          { ...good, size: 0 },
          { ...good, size: Number.NaN },
        ];
        expect(verifyInclusionPath(sha256, good)).toBe(true);
        for (const proof of bad) expect(verifyInclusionPath(sha256, proof)).toBe(false);
      }),
    );
  });

  test("attack 70: an entry made of two hashes cannot pass as the inner node above them", () => {
    const [left, right] = [leafHash(entries[0] as Uint8Array), leafHash(entries[1] as Uint8Array)] as const;
    const claim = { index: 0, size: 1, path: [], root: heads[2] as Uint8Array };
    expect(verifyInclusionPath(sha256, { ...claim, leafHash: inner(left, right) })).toBe(true);
    expect(verifyInclusionPath(sha256, { ...claim, leafHash: leafHash(concatBytes(left, right)) })).toBe(false);
  });

  test("attack 70: a consistency proof with anything changed is refused", () => {
    const sizes = fc.integer({ min: 2, max: SIZE_MAX });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), fc.nat(255), (second, firstSeed, levelSeed, bit) => {
        const first = 1 + (firstSeed % (second - 1));
        const path = consistencyPath(sha256, { size: second, nodeAt }, first) as readonly Uint8Array[];
        const [older, newer] = [
          { size: first, root: heads[first] as Uint8Array },
          { size: second, root: heads[second] as Uint8Array },
        ];
        const good = { first: older, second: newer, path };
        const level = levelSeed % path.length;
        const flip = flipper(bit);
        const bad = [
          { ...good, first: { ...older, root: flip(older.root) } },
          { ...good, second: { ...newer, root: flip(newer.root) } },
          { ...good, path: path.map((node, at) => (at === level ? flip(node) : node)) },
          { ...good, path: path.filter((_, at) => at !== level) },
          { ...good, path: [...path, new Uint8Array(32)] },
          { ...good, path: path.map((node) => node.slice(1)) },
          { ...good, path: [] },
          { ...good, first: newer, second: older },
          { ...good, first: { ...older, size: 0 } },
          { ...good, first: { ...older, size: second } },
          { ...good, second: { ...newer, size: Number.NaN } },
        ];
        expect(verifyConsistencyPath(sha256, good)).toBe(true);
        for (const claim of bad) expect(verifyConsistencyPath(sha256, claim)).toBe(false);
      }),
    );
  });

  test("a rewritten leaf of the past has no consistency path", () => {
    const forged = entries.map((entry, index) => (index === 10 ? new Uint8Array([1, 2, 3]) : entry));
    const root = naiveHead(forged);
    for (let first = 11; first < SIZE_MAX; first += 1) {
      const claim = { first: { size: first, root: heads[first] as Uint8Array }, second: { size: SIZE_MAX, root } };
      expect(verifyConsistencyPath(sha256, { ...claim, path: naiveConsistency(first, forged) })).toBe(false);
    }
  });
});

const flipper =
  (bit: number) =>
  (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

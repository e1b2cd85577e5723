import { countedRoot, hashLevels, hashPairs } from "../crypto/index.js";
import { type Digest, toHex } from "../primitives/index.js";
import type { StatePage } from "./contract.js";
import type { EntryTable } from "./entry-table.js";

/**
 * The root over the whole state, and the pages that it is computed from.
 *
 * The state is sixteen tables in this order: accounts, consumed ids, pendings, limit counters,
 * participants, keys, rulebook; then queues, windows, positions, velocity counters, proposals, ballots, the next
 * validator set, rows of windows, contents of proposals. A table that is not in use is empty. The state root is the counted
 * root (crypto's `countedRoot`) over the sixteen table roots; a table's root is the counted root over its
 * entries' hashes; an entry's hash is the root of the plain SHA-256 tree over its 32-byte chunks. So a
 * proof of an entry is two paths, and formats verifies it without this file.
 *
 * A page is a fixed number of entries, a power of two: the root of a page is a node of the table's tree.
 * At a checkpoint only pages touched since the last one are hashed, then the nodes above them.
 */
export const TABLE_SLOTS = 16;

/** Names of the tables in the order of the state root, for people who compare two nodes. */
export const STATE_TABLES = [
  "accounts",
  "ids",
  "pendings",
  "limits",
  "participants",
  "keys",
  "rulebook",
  "queues",
  "windows",
  "positions",
  "velocities",
  "proposals",
  "ballots",
  "next-validators",
  "clocks",
  "proposal-contents",
] as const;
export type StateTable = (typeof STATE_TABLES)[number];

/** Pages that follow each other. */
interface PageRun {
  readonly first: number;
  readonly count: number;
}

/** Digests of one table's tree from its pages up. */
class PageTree {
  readonly table: EntryTable;
  /** Level 0 holds page roots. */
  readonly #levels: Uint8Array[] = [new Uint8Array(0)];
  /** Roots of pages that became full since then. */
  #fullPages: { readonly first: number; readonly roots: Uint8Array }[] = [];
  /** Root as of the last update. */
  root: Uint8Array = countedRoot(new Uint8Array(0));
  /** Entries as of the last update. */
  count = 0;

  constructor(table: EntryTable) {
    this.table = table;
  }

  /** Hashes pages that have become full; those that do not change again are not hashed at the checkpoint. */
  hashFull(): void {
    for (const run of runsOf(this.table.takeFull(), this.table.segmentPages)) {
      this.#fullPages.push({ first: run.first, roots: this.#rootsOf(run) });
    }
  }

  /** Takes in what changed and returns the numbers of the changed pages, ascending. */
  update(): readonly number[] {
    const { changed, unhashed } = this.table.takeChanged();
    this.count = this.table.count;
    for (const { first, roots } of this.#fullPages) this.#set(0, first, roots);
    this.#fullPages = [];
    for (const run of runsOf(unhashed, this.table.segmentPages)) this.#set(0, run.first, this.#rootsOf(run));
    if (changed.length > 0 && this.table.pageCount <= 1) {
      // A table within one page has a tree of its own height.
      this.root = countedRoot(entryHashes(this.table.pageView(0), this.#entryBytes()));
    }
    this.#climb(changed.filter((page) => page < this.table.pageCount));
    return changed;
  }

  /** Siblings of an entry, from its hash up to the table's tree root; `page` as of the last update. */
  path(index: number, pageBytes: Uint8Array): Uint8Array[] {
    const pageEntries = this.table.pageEntries;
    const hashes = entryHashes(pageBytes, this.#entryBytes());
    const within = index % pageEntries;
    const path: Uint8Array[] = [];
    if (this.count <= pageEntries) {
      climb(hashes, ceilLog2(this.count), 0, (nodes, level) => path.push(siblingIn(nodes, within, level, level)));
      return path;
    }
    climb(hashes, ceilLog2(pageEntries), 0, (nodes, level) => path.push(siblingIn(nodes, within, level, level)));
    const pageLevel = ceilLog2(pageEntries);
    const page = Math.floor(index / pageEntries);
    const height = ceilLog2(Math.ceil(this.count / pageEntries));
    for (let level = 0; level < height; level += 1) {
      const nodes = Math.ceil(Math.ceil(this.count / pageEntries) / 2 ** level);
      path.push(siblingIn((this.#levels[level] as Uint8Array).subarray(0, nodes * 32), page, level, pageLevel + level));
    }
    return path;
  }

  pageRoots(from: number, limit: number): Uint8Array[] {
    const end = Math.min(Math.ceil(this.count / this.table.pageEntries), from + limit);
    const roots: Uint8Array[] = [];
    for (let page = from; page < end; page += 1) {
      roots.push((this.#levels[0] as Uint8Array).slice(page * 32, page * 32 + 32));
    }
    return roots;
  }

  #entryBytes(): number {
    return this.table.entryWords * 4;
  }

  /** Roots of pages that lie next to each other in memory, hashed all together; of empty ones there are none. */
  #rootsOf({ first, count }: PageRun): Uint8Array {
    const bytes = this.table.pageView(first, count);
    const entryLevels = ceilLog2(this.#entryBytes() / 32);
    const pageLevels = ceilLog2(this.table.pageEntries);
    const fullBytes = this.table.pageEntries * this.#entryBytes();
    const fullEnd = bytes.length - (bytes.length % fullBytes);
    const roots = new Uint8Array(Math.ceil(bytes.length / fullBytes) * 32);
    roots.set(hashLevels(bytes.subarray(0, fullEnd), entryLevels + pageLevels));
    const rest = bytes.subarray(fullEnd);
    if (rest.length > 0)
      roots.set(climb(entryHashes(rest, this.#entryBytes()), pageLevels, 0), (fullEnd / fullBytes) * 32);
    return roots;
  }

  /** Recomputes the nodes above changed pages, one native call per level. */
  #climb(changed: readonly number[]): void {
    const pageCount = this.table.pageCount;
    const height = ceilLog2(pageCount);
    let places: readonly number[] = changed;
    let width = pageCount;
    const pageLevel = ceilLog2(this.table.pageEntries);
    for (let level = 0; level < height; level += 1) {
      const parents = distinctHalves(places);
      const pairs = new Uint8Array(parents.length * 64);
      const nodes = this.#levels[level] as Uint8Array;
      for (const [index, parent] of parents.entries()) {
        pairs.set(nodes.subarray(parent * 64, parent * 64 + 32), index * 64);
        const right =
          parent * 2 + 1 < width ? nodes.subarray(parent * 64 + 32, parent * 64 + 64) : zeros(pageLevel + level);
        pairs.set(right, index * 64 + 32);
      }
      const digests = hashPairs(pairs);
      for (const [index, parent] of parents.entries()) {
        this.#set(level + 1, parent, digests.subarray(index * 32, index * 32 + 32));
      }
      places = parents;
      width = Math.ceil(width / 2);
    }
    if (pageCount > 1) this.root = mixInCount((this.#levels[height] as Uint8Array).subarray(0, 32), this.count);
  }

  /** Puts nodes of a level from `place` on. */
  #set(level: number, place: number, digests: Uint8Array): void {
    const needed = place * 32 + digests.length;
    let nodes = this.#levels[level] ?? new Uint8Array(0);
    if (nodes.length < needed) {
      const grown = new Uint8Array(Math.max(needed, nodes.length * 2));
      grown.set(nodes);
      nodes = grown;
    }
    this.#levels[level] = nodes;
    nodes.set(digests, place * 32);
  }
}

/** Trees over all tables as of the newest checkpoint. */
export class StateRoots {
  readonly #trees: readonly (PageTree | undefined)[];
  #roots: Uint8Array;

  constructor(tables: readonly (EntryTable | undefined)[]) {
    this.#trees = tables.map((table) => (table === undefined ? undefined : new PageTree(table)));
    this.#roots = this.#tableRoots();
  }

  /** Takes in every change since the last call and returns the changed pages, ascending by key. */
  update(): readonly StatePage[] {
    const pages: StatePage[] = [];
    for (const [slot, tree] of this.#trees.entries()) {
      for (const page of tree?.update() ?? []) pages.push((tree as PageTree).table.lend(page, pageKey(slot, page)));
    }
    this.#roots = this.#tableRoots();
    return pages;
  }

  /** Takes in a state of which nobody waits for the pages. */
  begin(): void {
    for (const tree of this.#trees) tree?.update();
    this.#roots = this.#tableRoots();
  }

  /** After each block, so that a checkpoint has less to hash at once: does what can be done of it now. */
  hashFull(slot: number): void {
    this.#trees[slot]?.hashFull();
  }

  get stateRoot(): Digest {
    return toHex(countedRoot(this.#roots)) as Digest;
  }

  /** The sixteen table roots, 32 bytes each. */
  get tableRoots(): Uint8Array {
    return this.#roots.slice();
  }

  /** Entries of a table as of the newest checkpoint. */
  countOf(slot: number): number {
    return this.#trees[slot]?.count ?? 0;
  }

  /** Roots of a table's pages `from` … at most `limit` of them, as of the newest checkpoint. */
  pageRoots(slot: number, from: number, limit: number): readonly Uint8Array[] {
    return this.#trees[slot]?.pageRoots(from, limit) ?? [];
  }

  pathOf(slot: number, index: number, pageBytes: Uint8Array): readonly Uint8Array[] {
    return (this.#trees[slot] as PageTree).path(index, pageBytes);
  }

  #tableRoots(): Uint8Array {
    const roots = new Uint8Array(TABLE_SLOTS * 32);
    const empty = countedRoot(new Uint8Array(0));
    for (let slot = 0; slot < TABLE_SLOTS; slot += 1) roots.set(this.#trees[slot]?.root ?? empty, slot * 32);
    return roots;
  }
}

const KEY_BASE = 0x1_0000_0000;

/** Key of a page: the table's place in the state root's order, then the page's number. */
export const pageKey = (slot: number, page: number): number => slot * KEY_BASE + page;
export const slotOfKey = (key: number): number => Math.floor(key / KEY_BASE);
export const pageOfKey = (key: number): number => key % KEY_BASE;

const ceilLog2 = (value: number): number => (value <= 1 ? 0 : 32 - Math.clz32(value - 1));

/** Hashes of entries: the tree over each entry's chunks; an entry of 32 bytes is its own hash. */
const entryHashes = (entries: Uint8Array, entryBytes: number): Uint8Array =>
  hashLevels(entries, ceilLog2(entryBytes / 32)).slice();

/** Root of a subtree of a given height over nodes that may be fewer; what is missing is zero leaves. */
function climb(
  nodes: Uint8Array,
  height: number,
  fromLevel: number,
  visit?: (nodes: Uint8Array, level: number) => void,
): Uint8Array {
  let current = nodes;
  for (let level = 0; level < height; level += 1) {
    visit?.(current, level);
    if (current.length % 64 !== 0) {
      const padded = new Uint8Array(current.length + 32);
      padded.set(current);
      padded.set(zeros(fromLevel + level), current.length);
      current = padded;
    }
    current = hashPairs(current);
  }
  return current;
}

/** Sibling of the ancestor of leaf `place` at `level` among the nodes there. */
function siblingIn(nodes: Uint8Array, place: number, level: number, zeroLevel: number): Uint8Array {
  const at = (Math.floor(place / 2 ** level) ^ 1) * 32;
  return at < nodes.length ? nodes.slice(at, at + 32) : zeros(zeroLevel).slice();
}

/** @param pages ascending; a run does not go beyond a multiple of `limit` */
function runsOf(pages: readonly number[], limit: number): PageRun[] {
  const runs: { first: number; count: number }[] = [];
  for (const page of pages) {
    const last = runs[runs.length - 1];
    if (last !== undefined && page === last.first + last.count && page % limit !== 0) last.count += 1;
    else runs.push({ first: page, count: 1 });
  }
  return runs;
}

/** Parents of ascending places, ascending. */
function distinctHalves(places: readonly number[]): number[] {
  const parents: number[] = [];
  for (const place of places) {
    const parent = place >> 1;
    if (parents[parents.length - 1] !== parent) parents.push(parent);
  }
  return parents;
}

function mixInCount(top: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(top);
  new DataView(bytes.buffer).setBigUint64(32, BigInt(count), true);
  return hashPairs(bytes);
}

const ZEROS: Uint8Array[] = [new Uint8Array(32)];

/** Root of a complete subtree over 2^level zero leaves. */
function zeros(level: number): Uint8Array {
  while (ZEROS.length <= level) {
    const below = ZEROS[ZEROS.length - 1] as Uint8Array;
    const pair = new Uint8Array(64);
    pair.set(below);
    pair.set(below, 32);
    ZEROS.push(hashPairs(pair));
  }
  return ZEROS[level] as Uint8Array;
}

import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import { type TransferFields, verifyAccountProof } from "../../../src/formats/index.js";
import { Ledger, type StatePage, StatePagesError } from "../../../src/ledger/index.js";
import { concatBytes, type Height, toHex } from "../../../src/primitives/index.js";
import {
  ASHA,
  actions,
  BINA,
  CHAIN,
  HARI,
  id,
  makeGenesis,
  openings,
  PART,
  type Ran,
  RBI,
  Run,
  SBI,
  SBI_CLEARING,
  START,
  transfers,
  UPI,
} from "../../fixtures/consortium.js";

const rules = { checkpointBlocks: 3, participantCaps: { accounts: 1_000, pendings: 1_000 } };
const genesis = makeGenesis({ rules });

/** Blocks that touch every table and shrink the pendings again; long enough for several pages of each. */
function story(run: Run, from: number, to: number): void {
  for (let step = from; step < to; step += 1) {
    const list: TransferFields[] = [];
    for (let each = 0; each < 30; each += 1) {
      const base = { debitAccountId: ASHA, creditAccountId: each % 2 === 0 ? HARI : BINA, amount: String(1 + each) };
      const rest = step * 1_000 + each;
      const pending = { rail: PART, flags: ["pending"] as const, timeoutSeconds: 3 + (each % 5) };
      if (each % 3 === 0) list.push({ id: id(SBI, rest), ...base, ...pending });
      else if (each % 7 === 0) list.push({ id: id(SBI, rest), ...base, rail: UPI });
      else if (each % 3 === 1 && step > 0) {
        const of = id(SBI, (step - 1) * 1_000 + each - 1);
        const end = { debitAccountId: id(0, 0), creditAccountId: id(0, 0), amount: "1", rail: PART, pendingId: of };
        list.push({ id: id(SBI, rest), ...end, flags: [each % 2 === 0 ? "post_pending" : "void_pending"] });
      } else list.push({ id: id(SBI, rest), ...base, flags: each === 29 ? [] : ["linked"] });
    }
    const open = Array.from({ length: 9 }, (_, each) => ({
      id: id(SBI, 0xacc0000 + step * 16 + each),
      kind: "customer" as const,
    }));
    const freeze = {
      id: id(RBI, 0xf000 + step),
      accountId: BINA,
      action: step % 2 === 0 ? "freeze" : "unfreeze",
    } as const;
    run.block([transfers(SBI, list, { salt: step }), openings(SBI, open), actions(RBI, [freeze])]);
  }
}

/** What a store keeps: the newest bytes of each page of the newest checkpoint. */
class Pages {
  readonly #pages = new Map<number, StatePage>();

  static of(run: Run): Pages {
    const pages = new Pages();
    for (const { executed } of run.history) pages.take(executed.checkpoint?.pages ?? []);
    return pages;
  }

  take(pages: readonly StatePage[]): void {
    for (const page of pages) this.#pages.set(page.key, page);
  }

  page(key: number | undefined): Uint8Array {
    return this.#pages.get(key ?? -1)?.bytes ?? new Uint8Array(0);
  }

  /** In an order in which no ledger wrote them. */
  list(): StatePage[] {
    return [...this.#pages.values()].map(({ key, bytes }) => ({ key, bytes: bytes.slice() })).reverse();
  }
}

/** Applies again what another run was given. */
function replay(ledger: Ledger, blocks: readonly Ran[]): Run {
  const run = new Run(ledger);
  for (const { block } of blocks) run.block(block.batches, block.timestamp);
  return run;
}

const leaves = (run: Run): unknown[] => run.history.map(({ executed }) => executed.leaf);

describe("LEDG-20: the state root", () => {
  test("is computed at checkpoints only and named by every leaf until the next", () => {
    const run = Run.of(genesis);
    const initial = run.ledger.stateRoot;
    story(run, 0, 7);
    const heights = run.history.map(({ executed }) => executed.leaf.stateHeight);
    expect(heights).toEqual([0, 0, 3, 3, 3, 6, 6]);
    expect(run.history.map(({ executed }) => executed.checkpoint?.height)).toEqual([
      undefined,
      undefined,
      3,
      undefined,
      undefined,
      6,
      undefined,
    ]);
    expect(run.history[1]?.executed.leaf.stateRoot).toBe(initial);
    const roots = run.history.map(({ executed }) => executed.leaf.stateRoot);
    expect(new Set(roots).size).toBe(3);
    expect(run.ledger.stateRoot).toBe(roots.at(-1));
  });

  test("attack 102: does not depend on hash seeds, nor on where batches lie in memory", () => {
    const one = Run.of(genesis, 1);
    story(one, 0, 6);
    const two = new Run(Ledger.fromGenesis(genesis, CHAIN, { hashSeed: 0xdead_beef }));
    for (const { block } of one.history) {
      const batches = block.batches.map(({ digest, bytes }) => {
        const shifted = new Uint8Array(bytes.length + 3);
        shifted.set(bytes, 3);
        return { digest, bytes: shifted.subarray(3) };
      });
      two.block(batches, block.timestamp);
    }
    expect(leaves(two)).toEqual(leaves(one));
  });

  test("attack 102: a state restored from pages goes on with the same roots, whatever checkpoint it starts from", () => {
    const whole = Run.of(genesis);
    story(whole, 0, 12);
    for (const height of [3, 6, 9]) {
      const pages = new Pages();
      for (const { executed } of whole.history.slice(0, height)) pages.take(executed.checkpoint?.pages ?? []);
      const restored = Ledger.restore(genesis, CHAIN, height as Height, pages.list(), { hashSeed: height });
      expect(restored.stateRoot).toBe(whole.history[height - 1]?.executed.leaf.stateRoot);
      const rest = replay(restored, whole.history.slice(height));
      expect(leaves(rest)).toEqual(leaves(whole).slice(height));
      expect(rest.ledger.conservation()).toEqual(whole.ledger.conservation());
      expect(rest.ledger.nextDeadline()).toBe(whole.ledger.nextDeadline());
      expect(rest.ledger.accountsOf(SBI, 0, 1_000)).toEqual(whole.ledger.accountsOf(SBI, 0, 1_000));
      // The pages written after the restart continue the store of before.
      for (const { executed } of rest.history) pages.take(executed.checkpoint?.pages ?? []);
      const again = Ledger.restore(genesis, CHAIN, 12 as Height, pages.list());
      expect(again.stateRoot).toBe(whole.ledger.stateRoot);
    }
  });

  test("every page key is below 2^48 and in a checkpoint once", () => {
    const run = Run.of(genesis);
    story(run, 0, 9);
    for (const { executed } of run.history) {
      const keys = (executed.checkpoint?.pages ?? []).map(({ key }) => key);
      expect(keys).toEqual([...new Set(keys)].sort((left, right) => left - right));
      for (const key of keys) expect(key).toBeLessThan(2 ** 48);
    }
  });

  test("a checkpoint holds only pages that changed", () => {
    const run = Run.of(genesis);
    story(run, 0, 9);
    run.block([]);
    run.block([]);
    const last = run.transfer(SBI, {
      id: id(SBI, 0xabc),
      debitAccountId: ASHA,
      creditAccountId: SBI_CLEARING,
      amount: "1",
    });
    expect(last).toEqual(["posted"]);
    const touched = (run.history.at(-1)?.executed.checkpoint?.pages ?? []).map(({ key }) => Math.floor(key / 2 ** 32));
    // Expiries of the blocks before touched accounts, ids, pendings, limits and participants; keys and rulebook rest.
    expect(touched).not.toContain(5);
    expect(touched).not.toContain(6);
  });

  test("one changed byte in any page gives another root or is refused", () => {
    const run = Run.of(genesis);
    story(run, 0, 3);
    const pages = Pages.of(run).list();
    for (const [index, page] of pages.entries()) {
      for (let at = 5; at < page.bytes.length; at += 397) {
        const changed = pages.map(({ key, bytes }) => ({ key, bytes: bytes.slice() }));
        const bytes = changed[index]?.bytes as Uint8Array;
        bytes[at] = (bytes[at] as number) ^ 0x10;
        let root: string | undefined;
        try {
          root = Ledger.restore(genesis, CHAIN, 3 as Height, changed).stateRoot;
        } catch (error) {
          expect(error).toBeInstanceOf(StatePagesError);
        }
        expect(root).not.toBe(run.ledger.stateRoot);
      }
    }
  });

  test("missing, foreign and broken pages are refused", () => {
    const run = Run.of(genesis);
    story(run, 0, 6);
    const pages = Pages.of(run).list();
    const restore = (changed: readonly StatePage[]) => () => Ledger.restore(genesis, CHAIN, 6 as Height, changed);
    const full = pages.find(({ key, bytes }) => key === 2 ** 32 && bytes.length > 0);
    expect(restore(pages.filter((page) => page !== full))).toThrow(StatePagesError);
    expect(restore([])).toThrow(StatePagesError);
    for (const key of [16 * 2 ** 32, -1, 0.5, Number.NaN]) {
      expect(restore([...pages, { key, bytes: new Uint8Array(64) }])).toThrow(StatePagesError);
    }
    expect(restore(pages.map(({ key, bytes }) => ({ key, bytes: bytes.subarray(1) })))).toThrow(StatePagesError);
  });
});

/** Words and pages apart, what state-root.ts says, plainly: trees with zero leaves up to a power of two. */
function plainRoot(pages: readonly StatePage[]): string {
  const pair = (left: Uint8Array, right: Uint8Array) => sha256(concatBytes(left, right));
  const tree = (leaves: readonly Uint8Array[]): Uint8Array => {
    let nodes = [...leaves];
    while ((nodes.length & (nodes.length - 1)) !== 0 || nodes.length === 0) nodes.push(new Uint8Array(32));
    while (nodes.length > 1) {
      nodes = nodes.flatMap((node, at) => (at % 2 === 0 ? [pair(node, nodes[at + 1] as Uint8Array)] : []));
    }
    return nodes[0] as Uint8Array;
  };
  const counted = (leaves: readonly Uint8Array[]): Uint8Array => {
    const count = new Uint8Array(32);
    new DataView(count.buffer).setUint32(0, leaves.length, true);
    return pair(tree(leaves), count);
  };
  const chunks = (bytes: Uint8Array, width: number): Uint8Array[] =>
    Array.from({ length: bytes.length / width }, (_, at) => bytes.subarray(at * width, at * width + width));
  const widths = [128, 64, 256, 32, 64, 64, 64];
  const tables = Array.from({ length: 16 }, (_, slot) => {
    const own = pages
      .filter(({ key }) => Math.floor(key / 2 ** 32) === slot)
      .sort((left, right) => left.key - right.key);
    const entries = chunks(concatBytes(...own.map(({ bytes }) => bytes)), widths[slot] ?? 64);
    return counted(entries.map((entry) => tree(chunks(entry, 32))));
  });
  return toHex(counted(tables));
}

describe("LEDG-20: the root of the pages", () => {
  test("is what a plain computation over all entries gives, as tables grow past pages and shrink", () => {
    const run = Run.of(genesis);
    const pages = new Pages();
    for (let step = 0; step < 24; step += 1) {
      story(run, step, step + 1);
      const { checkpoint } = (run.history.at(-1) as Ran).executed;
      if (checkpoint === undefined) continue;
      pages.take(checkpoint.pages);
      expect(plainRoot(pages.list())).toBe(checkpoint.stateRoot);
    }
    // Everything pending expires: the table empties page by page.
    for (let step = 0; run.ledger.pendingCount > 0 || run.ledger.height % 3 !== 0; step += 1) {
      run.block([], START + 1_000_000 + step);
      const { checkpoint } = (run.history.at(-1) as Ran).executed;
      if (checkpoint === undefined) continue;
      pages.take(checkpoint.pages);
      expect(plainRoot(pages.list())).toBe(checkpoint.stateRoot);
    }
  });
});

describe("balance proofs", () => {
  test("prove every account under the newest checkpoint's root, and nothing else", () => {
    const run = Run.of(genesis);
    story(run, 0, 9);
    const pages = Pages.of(run);
    const ids = run.ledger.accountsOf(SBI, 0, 1_000).accounts.map((account) => account.id);
    expect(ids.length).toBeGreaterThan(64);
    for (const account of [...ids, HARI]) {
      const proof = run.ledger.accountProof(account, pages.page(run.ledger.accountPageKey(account)));
      if (proof === undefined) throw new Error(`no proof for ${account}`);
      expect(toHex(proof.entry.subarray(0, 16))).toBe(account);
      expect(verifyAccountProof(sha256, proof, run.ledger.stateRoot)).toBe(true);
      const entry = proof.entry.slice();
      entry[56] = (entry[56] as number) + 1;
      expect(verifyAccountProof(sha256, { ...proof, entry }, run.ledger.stateRoot)).toBe(false);
      expect(verifyAccountProof(sha256, { ...proof, index: proof.index ^ 1 }, run.ledger.stateRoot)).toBe(false);
      expect(verifyAccountProof(sha256, { ...proof, count: proof.count + 1 }, run.ledger.stateRoot)).toBe(false);
      const short = { ...proof, path: proof.path.slice(1) };
      expect(verifyAccountProof(sha256, short, run.ledger.stateRoot)).toBe(false);
    }
  });

  test("speak of the checkpoint, not of blocks after it; accounts opened since have none", () => {
    const run = Run.of(genesis);
    story(run, 0, 3);
    const pages = Pages.of(run);
    const root = run.ledger.stateRoot;
    story(run, 3, 5);
    const proof = run.ledger.accountProof(ASHA, pages.page(run.ledger.accountPageKey(ASHA)));
    expect(proof !== undefined && verifyAccountProof(sha256, proof, root)).toBe(true);
    const young = id(SBI, 0xacc0000 + 4 * 16);
    expect(run.ledger.account(young)).toBeDefined();
    expect(run.ledger.accountProof(young, pages.page(run.ledger.accountPageKey(young)))).toBeUndefined();
    expect(run.ledger.accountPageKey(id(SBI, 0xdead))).toBeUndefined();
    expect(run.ledger.accountProof(ASHA, new Uint8Array(128))).toBeUndefined();
  });

  test("a consortium of one page proves too", () => {
    const run = Run.of(makeGenesis({ rules: { checkpointBlocks: 1 } }));
    run.block([]);
    const proof = run.ledger.accountProof(HARI, Pages.of(run).page(0));
    expect(proof !== undefined && verifyAccountProof(sha256, proof, run.ledger.stateRoot)).toBe(true);
  });
});

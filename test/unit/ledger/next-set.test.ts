import { describe, expect, test } from "vitest";
import type { Successor } from "../../../src/formats/index.js";
import { NextSet } from "../../../src/ledger/next-set.js";
import type { Epoch, Height, ParticipantNumber } from "../../../src/primitives/index.js";

const successor = (participant: number, addresses: readonly string[] = ["/ip4/127.0.0.1/tcp/26600"]): Successor => ({
  participant: participant as ParticipantNumber,
  name: `BANK${participant}`,
  publicKey: new Uint8Array(48).fill(participant),
  networkKey: participant.toString(16).padStart(64, "0"),
  addresses,
});
const successors = (...participants: readonly number[]): Successor[] => participants.map((number) => successor(number));
const decision = (epoch: number, height: number, validators: readonly Successor[]) => ({
  epoch: epoch as Epoch,
  height: height as Height,
  validators,
});

/** The table of a decision, as a checkpoint keeps it, put into another one. */
function restored(pages: Uint8Array): { readonly next: NextSet; readonly ok: boolean } {
  const next = new NextSet();
  next.table.appendPage(pages);
  return { next, ok: next.restore() };
}

describe("next set of validators (EPOCH-1)", () => {
  test("EPOCH-1: an epoch's successors are decided once, the next epoch's own replace them", () => {
    const next = new NextSet();
    expect(next.view).toBeUndefined();
    expect(next.decide(decision(0, 7, successors(5, 1, 2, 3)))).toBe(true);
    expect(next.decide(decision(0, 9, successors(1, 2, 3, 4)))).toBe(false);
    expect(next.view).toMatchObject({ epoch: 1, decidedAt: 7 });
    expect(next.view?.validators.map(({ participant }) => participant)).toEqual([1, 2, 3, 5]);
    expect(next.isOpen(0 as Epoch)).toBe(false);
    expect(next.isOpen(1 as Epoch)).toBe(true);
    expect(next.decide(decision(1, 12, successors(1, 2, 3, 4)))).toBe(true);
    expect(next.view).toMatchObject({ epoch: 2, decidedAt: 12 });
  });

  test("EPOCH-1: a decision outlives a checkpoint, also one that replaced a longer one", () => {
    const next = new NextSet();
    next.decide(
      decision(
        0,
        7,
        [1, 2, 3, 4, 5, 6, 7].map((number) => successor(number, Array(8).fill("/dns4/x/tcp/1"))),
      ),
    );
    next.decide(decision(1, 12, successors(2, 3, 4, 5)));
    const again = restored(next.table.pageBytes(0));
    expect(again.ok).toBe(true);
    expect(again.next.view).toEqual(next.view);
  });

  test("a table that no ledger wrote is refused", () => {
    const next = new NextSet();
    next.decide(decision(0, 7, successors(1, 2, 3, 4)));
    const bytes = next.table.pageBytes(0);
    const changed = (change: (copy: Uint8Array) => void): boolean => {
      const copy = bytes.slice();
      change(copy);
      return restored(copy).ok;
    };
    expect(changed(() => undefined)).toBe(true);
    expect(changed((copy) => copy.set([0xff, 0xff, 0xff, 0x7f]))).toBe(false);
    expect(changed((copy) => copy.set([1], copy.length - 1))).toBe(false);
    expect(changed((copy) => copy.set([9], 4 + 16 + 4))).toBe(false);
    expect(changed((copy) => copy.set([3], 4 + 16))).toBe(false);
  });
});

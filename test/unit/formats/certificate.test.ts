import { expect, test } from "vitest";
import { bitmapOf, faultsTolerated, quorumOf, signersOf } from "../../../src/formats/index.js";

test.each(Array.from({ length: 37 }, (_, index) => index + 4))(
  "attack 32, SAFE-1: n = %i: two quorums share an honest validator, and the honest ones are a quorum",
  (n) => {
    const [faults, quorum] = [faultsTolerated(n), quorumOf(n)];
    expect(n).toBeGreaterThanOrEqual(3 * faults + 1);
    expect(n).toBeLessThan(3 * (faults + 1) + 1);
    expect(2 * quorum - n).toBeGreaterThanOrEqual(faults + 1);
    expect(quorum).toBeLessThanOrEqual(n - faults);
    expect(2 * (quorum - 1) - n).toBeLessThan(faults + 1);
  },
);

test("attack 32: 2f + 1 would be too few of 5 and of 6", () => {
  expect([4, 5, 6, 7].map(quorumOf)).toEqual([3, 4, 4, 5]);
});

test("bitmaps and lists of signers say the same, up to bit 31", () => {
  for (const signers of [[], [0], [31], [0, 5, 31], Array.from({ length: 32 }, (_, index) => index)]) {
    expect(signersOf(bitmapOf(signers))).toEqual(signers);
    expect(bitmapOf(signers)).toBeGreaterThanOrEqual(0);
  }
});

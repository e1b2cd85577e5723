import { expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import {
  bitmapOf,
  faultsTolerated,
  makeValidatorSet,
  quorumOf,
  readSuccessors,
  type Successor,
  signersOf,
  voteBytes,
  writeSuccessors,
} from "../../../src/formats/index.js";
import { type Digest, decode, epoch, participantNumber, toHex, view, Writer } from "../../../src/primitives/index.js";

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

const A = "aa".repeat(32) as Digest;
const B = "bb".repeat(32) as Digest;

test("attacks 4 and 24: what a vote signs differs by epoch and by set, each alone", () => {
  const subject = { kind: "COMMIT", epoch: epoch(0), view: view(7), hash: A } as const;
  const chain = { chainId: B, valsetHash: A };
  const bytes = toHex(voteBytes(subject, chain));
  expect(toHex(voteBytes({ ...subject, epoch: epoch(1) }, chain))).not.toBe(bytes);
  expect(toHex(voteBytes(subject, { ...chain, valsetHash: B }))).not.toBe(bytes);
  expect(toHex(voteBytes(subject, { ...chain, chainId: A }))).not.toBe(bytes);
});

test("EPOCH-4: one set of members has another hash in each epoch", () => {
  const members = [1, 2, 3, 4].map((number) => ({
    participant: participantNumber(number),
    name: `BANK${number}`,
    publicKey: new Uint8Array(48).fill(number),
  }));
  expect(makeValidatorSet(sha256, epoch(1), members).hash).not.toBe(makeValidatorSet(sha256, epoch(0), members).hash);
});

test("successors have one encoding: ascending, 4 to 31 of them", () => {
  const successor = (number: number): Successor => ({
    participant: participantNumber(number),
    name: `BANK${number}`,
    publicKey: new Uint8Array(48).fill(number),
    networkKey: A,
    addresses: ["/dns4/bank/tcp/1"],
  });
  const read = (numbers: readonly number[]): boolean => {
    const writer = new Writer();
    writeSuccessors(writer, numbers.map(successor));
    return decode(writer.finish(), readSuccessors).ok;
  };
  expect(read([1, 2, 3, 9])).toBe(true);
  expect(read([1, 2, 3])).toBe(false);
  expect(read([1, 3, 2, 9])).toBe(false);
  expect(read([1, 2, 2, 9])).toBe(false);
  expect(read(Array.from({ length: 31 }, (_, index) => index + 1))).toBe(true);
  expect(read(Array.from({ length: 32 }, (_, index) => index + 1))).toBe(false);
});

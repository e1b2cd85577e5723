import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import { blindingOf, commitmentOf, encodeBalances, readBalances } from "../../../src/formats/index.js";
import { concatBytes } from "../../../src/primitives/index.js";

const salt = new Uint8Array(32).fill(5);
const account = encodeBalances({
  debitsPending: 1n,
  debitsPosted: 2n,
  creditsPending: 3n,
  creditsPosted: 2n ** 64n - 1n,
});
const settlement = encodeBalances({ debitsPending: 0n, debitsPosted: 9n, creditsPending: 0n, creditsPosted: 10n });

describe("commitments to balances", () => {
  test("balances are four little-endian numbers", () => {
    expect(account.subarray(0, 9)).toEqual(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 2]));
    expect(readBalances(account)).toEqual({
      debitsPending: 1n,
      debitsPosted: 2n,
      creditsPending: 3n,
      creditsPosted: 2n ** 64n - 1n,
    });
    expect(readBalances(concatBytes(settlement, account), 32)).toEqual(readBalances(account));
  });

  test("the blinding is the hash of salt, record and side in 64 bytes", () => {
    const block = concatBytes(salt, new Uint8Array([4, 3, 2, 1, 1]), new Uint8Array(27));
    expect(blindingOf(sha256, { salt, recordIndex: 0x01_02_03_04, side: "credit" })).toEqual(sha256(block));
  });

  test("each record and side has a blinding of its own", () => {
    const all = [0, 1, 2].flatMap((recordIndex) =>
      (["debit", "credit"] as const).map((side) => blindingOf(sha256, { salt, recordIndex, side }).join()),
    );
    expect(new Set(all).size).toBe(6);
  });

  test("a commitment binds both balances and the blinding", () => {
    const blinding = blindingOf(sha256, { salt, recordIndex: 0, side: "debit" });
    const commitment = commitmentOf(sha256, { account, settlement, blinding });
    expect(commitment).toEqual(sha256(concatBytes(sha256(concatBytes(account, settlement)), blinding)));
    expect(commitmentOf(sha256, { account: settlement, settlement: account, blinding })).not.toEqual(commitment);
    expect(commitmentOf(sha256, { account, settlement, blinding: salt })).not.toEqual(commitment);
  });
});

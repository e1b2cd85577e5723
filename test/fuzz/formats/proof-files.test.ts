import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { verification } from "../../../src/crypto/index.js";
import {
  canonicalJson,
  encodeBalanceProof,
  encodeConsistencyProof,
  encodeReceipt,
  parseGenesis,
  trustGenesis,
  verifyBalanceProofOn,
  verifyConsistencyOn,
  verifyReceipt,
  verifyReceiptOn,
} from "../../../src/formats/index.js";
import { equalBytes, utf8 } from "../../../src/primitives/index.js";
import { provenChain } from "../../fixtures/proven-chain.js";

const chain = provenChain("keyed-hash");
const anchor = trustGenesis(chain.genesisBytes, verification);
if (!anchor.ok) throw new Error(anchor.detail);
const trusted = anchor.proven;

const FILES = [
  {
    name: "receipt",
    bytes: encodeReceipt(chain.receipt()),
    accepts: (bytes: Uint8Array) => verifyReceiptOn(trusted, bytes).ok,
  },
  {
    name: "balance proof",
    bytes: encodeBalanceProof(chain.balanceProof()),
    accepts: (bytes: Uint8Array) => verifyBalanceProofOn(trusted, bytes).ok,
  },
  {
    name: "consistency proof",
    bytes: encodeConsistencyProof({
      chainId: chain.chainId,
      first: chain.certified(3),
      second: chain.certified(7),
      path: chain.growthPath(3, 7),
    }),
    accepts: (bytes: Uint8Array) => verifyConsistencyOn(trusted, bytes).ok,
  },
  { name: "genesis file", bytes: chain.genesisBytes, accepts: (bytes: Uint8Array) => isSameChain(bytes) },
];

const receipt = encodeReceipt(chain.receipt());
/** A changed genesis file may be a genesis file, but never of the chain that the receipt is of. */
function isSameChain(bytes: Uint8Array): boolean {
  parseGenesis(bytes);
  return verifyReceipt(bytes, receipt, verification).ok;
}

/** Replaces the value at the `place`-th position of a walk through the whole document. */
function replaced(value: unknown, place: { left: number }, by: unknown): unknown {
  place.left -= 1;
  if (place.left === -1) return by;
  if (Array.isArray(value)) return value.map((item) => replaced(item, place, by));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, replaced(member, place, by)]));
}

/** Canonical bytes, or any JSON where a value has no canonical encoding. */
function encoded(value: unknown): Uint8Array {
  try {
    return utf8(canonicalJson(value as Parameters<typeof canonicalJson>[0]));
  } catch {
    return utf8(JSON.stringify(value) ?? "");
  }
}

describe.each(FILES)("$name", ({ bytes, accepts }) => {
  test("attack 37: any value in any place is refused, never an exception", () => {
    const document: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom("", "00", "0".repeat(64), "f".repeat(192), -1, 0, 2 ** 53, 1e300, [], {}, true),
    );
    fc.assert(
      fc.property(fc.nat(120), values, (place, value) => {
        const changed = encoded(replaced(document, { left: place }, value));
        if (!equalBytes(changed, bytes)) expect(accepts(changed)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test("attack 37: no bytes at all make it throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map(utf8)), (junk) => {
        expect(accepts(junk)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

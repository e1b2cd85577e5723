import { describe, expect, test } from "vitest";
import { certificateScheme, countedRoot, hashOutcomeLeaves, type SchemeName, sha256 } from "../../src/crypto/index.js";
import { chainIdOf, encodeBalanceProof, encodeConsistencyProof, encodeReceipt } from "../../src/formats/index.js";
import { toHex, utf8 } from "../../src/primitives/index.js";
import { genesisFile, provenChain } from "../fixtures/proven-chain.js";

/**
 * What signatures, roots and files are made of, pinned: a change here is a break of the network and of
 * every receipt in the world.
 */
const digest = (bytes: Uint8Array): string => toHex(sha256(bytes));

describe.each(["bls12381", "ed25519", "keyed-hash"] as const)("%s", (name: SchemeName) => {
  test("keys, votes, proofs of possession and certificates", () => {
    const scheme = certificateScheme(name);
    const keys = [1, 2, 3].map((fill) => scheme.keysFromSeed(new Uint8Array(32).fill(fill)));
    const message = utf8("sabha golden vote");
    const votes = keys.map(({ secretKey }, signer) => ({ signer, signature: scheme.sign(secretKey, message) }));
    expect({
      publicKey: toHex(keys[0]?.publicKey as Uint8Array),
      vote: digest(votes[0]?.signature as Uint8Array),
      possession: digest(scheme.provePossession(keys[0]?.secretKey as Uint8Array)),
      certificate: digest(scheme.verifiers(keys.map(({ publicKey }) => publicKey)).combine(votes) as Uint8Array),
    }).toMatchSnapshot();
  });

  test("genesis file, receipt and consistency proof", () => {
    const chain = provenChain(name);
    const { chainId } = chain;
    const consistency = {
      chainId,
      first: chain.certified(3),
      second: chain.certified(7),
      path: chain.growthPath(3, 7),
    };
    expect({
      chainId: chainIdOf(sha256, genesisFile(name)),
      valset: chain.set.hash,
      resultsRoot: chain.executed.roots[7],
      receipt: digest(encodeReceipt(chain.receipt())),
      balance: digest(encodeBalanceProof(chain.balanceProof())),
      consistency: digest(encodeConsistencyProof(consistency)),
    }).toMatchSnapshot();
  });
});

test("roots of counted lists and hashes of outcome leaves", () => {
  const leaves = (count: number, length: number): Uint8Array =>
    Uint8Array.from({ length: count * length }, (_, index) => (index * 7) & 0xff);
  expect({
    empty: toHex(countedRoot(leaves(0, 32))),
    one: toHex(countedRoot(leaves(1, 32))),
    five: toHex(countedRoot(leaves(5, 32))),
    outcomeLeaves: digest(hashOutcomeLeaves(leaves(3, 256))),
  }).toMatchSnapshot();
});

test("a receipt as people see it", () => {
  expect(new TextDecoder().decode(encodeReceipt(provenChain("keyed-hash").receipt()))).toMatchSnapshot();
});

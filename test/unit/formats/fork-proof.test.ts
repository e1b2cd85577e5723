import { describe, expect, test } from "vitest";
import { sha256, verification } from "../../../src/crypto/index.js";
import {
  blockHash,
  type Certificate,
  type CertifiedHeader,
  certifiedHeader,
  encodeForkProof,
  encodeHeader,
  type Header,
  type Proven,
  type ProvenFork,
  verifyForkProof,
} from "../../../src/formats/index.js";
import { type Digest, epoch, height, view, ZERO_DIGEST } from "../../../src/primitives/index.js";
import { provenChain } from "../../fixtures/proven-chain.js";

const chain = provenChain("ed25519");
const hashOf = (header: Header): Digest => blockHash(sha256, encodeHeader(header));
const PARENT = "ab".repeat(32) as Digest;

function finalBy(header: Header, prepareBy: readonly number[], commitBy: readonly number[]): CertifiedHeader {
  return certifiedHeader(encodeHeader(header), chain.proofOf(header, [...prepareBy], [...commitBy]));
}

const timeoutOf = (at: number, signers: readonly number[]): Certificate =>
  chain.signed({ kind: "TIMEOUT", epoch: epoch(0), view: view(at), hash: ZERO_DIGEST }, signers);

const preparedOf = (header: Header, signers: readonly number[]): Certificate =>
  chain.signed({ kind: "PREPARE", epoch: epoch(0), view: header.view, hash: hashOf(header) }, signers);

/** A block of view `at` on top of a parent of view `parentAt`. */
function blockAt(at: number, parentAt: number, changes: Partial<Header> = {}): Header {
  const place = { view: view(at), parentView: view(parentAt), height: height(9), parentHash: PARENT };
  return chain.headerAt(7, { ...place, ...changes });
}

function check(
  first: CertifiedHeader,
  second: CertifiedHeader,
  ancestors: readonly Uint8Array[] = [],
): Proven<ProvenFork> {
  const proof = encodeForkProof({ chainId: chain.chainId, first, second, ancestors });
  return verifyForkProof(chain.genesisBytes, proof, verification);
}

const names = (result: Proven<ProvenFork>): readonly string[] => (result.ok ? result.proven.culprits : [result.detail]);
const first = blockAt(10, 9);
const committed = finalBy(first, [0, 1, 2], [0, 1, 2]);

describe("attack 21: a fork names at least f + 1 validators, from certificates alone", () => {
  test("two blocks committed in one view: who signed both COMMITs", () => {
    const other = blockAt(10, 9, { timestamp: first.timestamp + 1 });
    expect(names(check(committed, finalBy(other, [1, 2, 3], [1, 2, 3])))).toEqual(["BANK2", "BANK3"]);
  });

  test("a later chain that skipped the view: who signed COMMIT and TIMEOUT", () => {
    const other = blockAt(11, 9, { skips: [timeoutOf(10, [0, 1, 3])] });
    const result = check(committed, finalBy(other, [0, 2, 3], [0, 2, 3]));
    expect(names(result)).toEqual(["BANK1", "BANK2"]);
    expect(result.ok && result.proven.contradiction).toEqual(["COMMIT", "TIMEOUT"]);
  });

  test("a later chain over another block of the view: who prepared both", () => {
    const rival = blockAt(10, 9, { timestamp: first.timestamp + 1 });
    const parentCertificate = preparedOf(rival, [1, 2, 3]);
    const other = blockAt(11, 10, { parentHash: hashOf(rival), parentCertificate });
    expect(names(check(committed, finalBy(other, [0, 2, 3], [0, 2, 3])))).toEqual(["BANK2", "BANK3"]);
  });

  test("the contradiction may lie deep below the later block", () => {
    const skipping = blockAt(11, 9, { skips: [timeoutOf(10, [0, 1, 3])] });
    const middle = blockAt(12, 11, {
      parentHash: hashOf(skipping),
      parentCertificate: preparedOf(skipping, [0, 1, 3]),
    });
    const top = blockAt(13, 12, { parentHash: hashOf(middle), parentCertificate: preparedOf(middle, [0, 1, 3]) });
    const final = finalBy(top, [0, 1, 3], [0, 1, 3]);
    const ancestors = [middle, skipping].map(encodeHeader);
    expect(names(check(committed, final, ancestors))).toEqual(["BANK1", "BANK2"]);
    expect(names(check(committed, final, ancestors.slice(0, 1)))).toEqual([
      expect.stringContaining("end above view 10"),
    ]);
    expect(names(check(committed, final, [...ancestors].reverse()))).toEqual([
      expect.stringContaining("not the parent of the header before it"),
    ]);
  });

  test("a block without the TC of the view that it skips: everybody who prepared it", () => {
    const other = blockAt(11, 9);
    expect(names(check(committed, finalBy(other, [1, 2, 3], [0, 2, 3])))).toEqual(["BANK2", "BANK3", "BANK4"]);
  });
});

describe("a fork proof accuses nobody", () => {
  test("where the second block descends from the first", () => {
    const child = blockAt(11, 10, { parentHash: hashOf(first), parentCertificate: preparedOf(first, [0, 1, 2]) });
    const result = check(committed, finalBy(child, [0, 1, 2], [0, 1, 2]));
    expect(result).toMatchObject({ ok: false, check: "fork" });
  });

  test("where both are the same block, or their order is turned round", () => {
    const other = blockAt(11, 9, { skips: [timeoutOf(10, [0, 1, 3])] });
    const later = finalBy(other, [0, 2, 3], [0, 2, 3]);
    expect(check(committed, committed)).toMatchObject({ ok: false, check: "fork" });
    expect(check(later, committed)).toMatchObject({ ok: false, check: "fork" });
  });

  test("where a certificate is no quorum's or its signature is another's", () => {
    const other = blockAt(10, 9, { timestamp: first.timestamp + 1 });
    expect(check(committed, finalBy(other, [1, 2], [1, 2, 3]))).toMatchObject({ ok: false, check: "signer-quorum" });
    const forged = { ...chain.proofOf(other, [1, 2, 3], [1, 2, 3]) };
    const commit = { ...forged.commit, signers: 0b1101 };
    const proof = certifiedHeader(encodeHeader(other), { ...forged, commit });
    expect(check(committed, proof)).toMatchObject({ ok: false, check: "certificate-signature" });
  });

  test("where the skipped view's TC is forged, for the forger's TC: only who prepared the block", () => {
    const forged = { ...timeoutOf(10, [0, 1, 3]), signers: 0b1110 };
    const result = check(committed, finalBy(blockAt(11, 9, { skips: [forged] }), [1, 2, 3], [1, 2, 3]));
    expect(names(result)).toEqual(["BANK2", "BANK3", "BANK4"]);
  });

  test("where a byte of the file is another", () => {
    const other = blockAt(10, 9, { timestamp: first.timestamp + 1 });
    const second = finalBy(other, [1, 2, 3], [1, 2, 3]);
    const bytes = encodeForkProof({ chainId: chain.chainId, first: committed, second, ancestors: [] });
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 1;
      const result = verifyForkProof(chain.genesisBytes, changed, verification);
      expect(result.ok).toBe(false);
    }
  });
});

import { describe, expect, test } from "vitest";
import { type SchemeName, sha256, verification } from "../../../src/crypto/index.js";
import {
  type BalanceProof,
  type CommitProof,
  certifiedHeader,
  encodeBalanceProof,
  encodeConsistencyProof,
  encodeHeader,
  encodeReceipt,
  encodeResultLeaf,
  type Header,
  OUTCOME_LEAF_BYTES,
  type ProofCheck,
  type Proven,
  type Receipt,
  type ResultLeaf,
  trustGenesis,
  verifyBalanceProof,
  verifyBalanceProofOn,
  verifyConsistency,
  verifyConsistencyOn,
  verifyReceipt,
  verifyReceiptOn,
} from "../../../src/formats/index.js";
import { type Digest, epoch, height, utf8, view } from "../../../src/primitives/index.js";
import { genesisFile, provenChain } from "../../fixtures/proven-chain.js";

const chain = provenChain("ed25519");
const { genesisBytes } = chain;
const receipt = chain.receipt();
const anchor = trustGenesis(genesisBytes, verification);
if (!anchor.ok) throw new Error(anchor.detail);
const trusted = anchor.proven;

const verdict = (changed: Receipt) => verifyReceipt(genesisBytes, encodeReceipt(changed), verification);

/** The check that failed; its detail has to be one sentence. */
function failure(result: Proven<unknown>): ProofCheck | "none" {
  if (result.ok) return "none";
  expect(result.detail).toMatch(/^The [^\n]+\.$/);
  return result.check;
}

function certifiedWith(changes: Partial<Header>, proof?: (header: Header) => CommitProof): Receipt {
  const header = chain.headerAt(7, changes);
  return { ...receipt, certified: certifiedHeader(encodeHeader(header), (proof ?? chain.proofOf)(header)) };
}

describe.each(["bls12381", "ed25519", "keyed-hash"] as const)("a receipt under %s", (scheme: SchemeName) => {
  test("attack 94: proves record, outcome and block with nothing but the genesis file", () => {
    const made = provenChain(scheme);
    const result = verifyReceipt(made.genesisBytes, encodeReceipt(made.receipt(3, 2)), verification);
    if (!result.ok) throw new Error(result.detail);
    const { proven } = result;
    expect(proven.chainId).toBe(made.chainId);
    expect(proven.outcome).toMatchObject({ code: 2, kind: "first", amount: 1_002n, height: 3, recordIndex: 2 });
    expect(proven.blockHash).toBe(made.executed.leaves[2]?.blockHash);
    expect(proven.record).toEqual(
      made.executed.outcomes[2]?.slice(2 * OUTCOME_LEAF_BYTES, 2 * OUTCOME_LEAF_BYTES + 128),
    );
    expect(proven.provenBy).toMatchObject({ epoch: 0, view: 10, height: 9, signers: ["BANK1", "BANK3", "BANK4"] });
    expect(proven.opening).toMatchObject({ side: "debit", account: { debitsPosted: 302n, creditsPosted: 10_000n } });
  });
});

describe("a receipt", () => {
  test("is proven by every later header, and for every outcome", () => {
    for (let at = 1; at <= 7; at += 1) {
      for (let claimed = at; claimed <= 7; claimed += 1) {
        for (let index = 0; index < 5; index += 1)
          expect(failure(verdict(chain.receipt(at, index, claimed)))).toBe("none");
      }
    }
  });

  test("needs no opening", () => {
    const result = verdict({ ...receipt, opening: undefined });
    expect(result.ok && result.proven.opening).toBe(undefined);
    expect(result.ok).toBe(true);
  });

  test("any one changed byte makes it fail with the check that noticed", () => {
    const bytes = encodeReceipt(receipt);
    const checks = new Set<string>();
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = bytes.slice();
      changed[index] = (changed[index] as number) ^ (1 << (index % 3));
      const check = failure(verifyReceiptOn(trusted, changed));
      expect(check, `byte ${index}`).not.toBe("none");
      checks.add(check);
    }
    for (const check of [
      "encoding",
      "chain-id",
      "header",
      "header-hash",
      "commit-pair",
      "signer-quorum",
      "certificate-signature",
      "result-leaf",
      "inclusion-path",
      "receipts-path",
      "commitment",
    ])
      expect([...checks]).toContain(check);
  });

  test("any one changed byte of the genesis file makes it fail", () => {
    const bytes = encodeReceipt(receipt);
    for (let index = 0; index < genesisBytes.length; index += 1) {
      const changed = genesisBytes.slice();
      changed[index] = (changed[index] as number) ^ (1 << (index % 8));
      expect(["genesis", "chain-id"]).toContain(failure(verifyReceipt(changed, bytes, verification)));
    }
  });

  test("bytes missing at the end, added at the end, or put elsewhere make it fail", () => {
    const bytes = encodeReceipt(receipt);
    for (let length = 0; length < bytes.length; length += 97)
      expect(failure(verifyReceipt(genesisBytes, bytes.slice(0, length), verification))).toBe("encoding");
    for (const tail of [" ", "\n", "{}", "\u0000"])
      expect(failure(verifyReceipt(genesisBytes, utf8(new TextDecoder().decode(bytes) + tail), verification))).toBe(
        "encoding",
      );
    for (const length of [0, 1, 100, genesisBytes.length - 1])
      expect(failure(verifyReceipt(genesisBytes.slice(0, length), bytes, verification))).toBe("genesis");
  });

  test("attack 16: other JSON forms of the same receipt are refused", () => {
    const text = new TextDecoder().decode(encodeReceipt(receipt));
    const forms = [
      JSON.stringify(JSON.parse(text)),
      text.replace('"index": 2', '"index": 2.0'),
      text.replace('"index": 2', '"index": 2e0'),
      text.replace('"index": 2', '"index": 1,\n    "index": 2'),
      text.replace("sabha/receipt/1", "sabha\\/receipt\\/1"),
      text.replace("sabha/receipt/1", "sabha/receipt/2"),
      text.replace('"chainId"', '"note": "",\n  "chainId"'),
      text.replaceAll("\n", "\r\n"),
      `\ufeff${text}`,
      text.toUpperCase(),
    ];
    for (const form of forms) {
      expect(form).not.toBe(text);
      expect(failure(verifyReceipt(genesisBytes, utf8(form), verification))).toBe("encoding");
    }
  });

  test("attack 15: a receipt of another chain is refused", () => {
    const other = provenChain("bls12381");
    expect(failure(verifyReceipt(other.genesisBytes, encodeReceipt(receipt), verification))).toBe("chain-id");
    expect(failure(verdict({ ...receipt, chainId: other.chainId }))).toBe("chain-id");
    expect(failure(verdict({ ...other.receipt(), chainId: chain.chainId }))).toBe("header");
  });

  test("attack 3: q − 1 signers prove nothing, on either certificate", () => {
    expect(failure(verdict(certifiedWith({}, (header) => chain.proofOf(header, [0, 1], [0, 1, 2]))))).toBe(
      "signer-quorum",
    );
    expect(failure(verdict(certifiedWith({}, (header) => chain.proofOf(header, [0, 1, 2], [0, 1]))))).toBe(
      "signer-quorum",
    );
    expect(failure(verdict(certifiedWith({}, (header) => chain.proofOf(header, [0, 1, 2], [0, 1, 2, 3]))))).toBe(
      "none",
    );
  });

  test("attack 4: certificates of another block, phase or view are refused", () => {
    const other = chain.proofOf(chain.headerAt(6));
    const own = chain.proofOf(chain.headerAt(7));
    const pairs: readonly (readonly [CommitProof, ProofCheck])[] = [
      [other, "header-hash"],
      [{ prepare: other.prepare, commit: own.commit }, "commit-pair"],
      [{ prepare: own.commit, commit: own.commit }, "commit-pair"],
      [{ prepare: own.prepare, commit: { ...own.prepare, kind: "COMMIT" } }, "certificate-signature"],
      [{ prepare: { ...own.commit, kind: "PREPARE" }, commit: own.commit }, "certificate-signature"],
    ];
    for (const [pair, check] of pairs) expect(failure(verdict(certifiedWith({}, () => pair)))).toBe(check);
  });

  test("attack 66: a header of another epoch or validator set is refused even if signed", () => {
    expect(failure(verdict(certifiedWith({ epoch: epoch(1) })))).toBe("header");
    expect(failure(verdict(certifiedWith({ valsetHash: "ab".repeat(32) as Digest })))).toBe("header");
    expect(failure(verdict(certifiedWith({ chainId: "ab".repeat(32) as Digest })))).toBe("header");
  });

  test("a result leaf above the claim, or of height 0, is refused", () => {
    expect(failure(verdict({ ...chain.receipt(7), certified: chain.certified(6) }))).toBe("result-leaf");
    const leaf = chain.executed.leaves[2] as ResultLeaf;
    const zero = encodeResultLeaf({ ...leaf, height: height(0) });
    expect(failure(verdict({ ...receipt, result: { ...receipt.result, leaf: zero } }))).toBe("result-leaf");
  });

  test("attack 70: an outcome of another block, place or path is refused", () => {
    const { leaf, path } = receipt.outcome;
    const other = chain.receipt(3, 3);
    expect(failure(verdict({ ...receipt, outcome: { ...receipt.outcome, index: 3 } }))).toBe("receipts-path");
    expect(failure(verdict({ ...receipt, outcome: { leaf, path: other.outcome.path, index: 3 } }))).toBe(
      "receipts-path",
    );
    expect(failure(verdict({ ...receipt, outcome: { leaf, path: path.slice(1), index: 2 } }))).toBe("receipts-path");
    expect(failure(verdict({ ...receipt, outcome: chain.receipt(4, 2).outcome }))).toBe("receipts-path");
    const swapped = { ...receipt.result, path: chain.receipt(4, 2).result.path };
    expect(failure(verdict({ ...receipt, result: swapped }))).toBe("inclusion-path");
  });

  test("an opening shows one side only", () => {
    const opening = receipt.opening as NonNullable<Receipt["opening"]>;
    expect(failure(verdict({ ...receipt, opening: { ...opening, side: "credit" } }))).toBe("commitment");
    expect(failure(verdict({ ...receipt, opening: { ...opening, blinding: sha256(utf8("guess")) } }))).toBe(
      "commitment",
    );
  });

  test("a genesis file whose keys are no keys is refused with a sentence", () => {
    const text = new TextDecoder().decode(genesisFile("ed25519"));
    const key = /"consensusKey": "([0-9a-f]{64})"/.exec(text)?.[1] as string;
    const small = utf8(text.replace(`"consensusKey": "${key}"`, `"consensusKey": "01${"0".repeat(62)}"`));
    expect(failure(verifyReceipt(small, encodeReceipt(receipt), verification))).toBe("genesis");
  });

  test("the other kinds of proof are no receipts", () => {
    const proof = encodeConsistencyProof({
      chainId: chain.chainId,
      first: chain.certified(3),
      second: chain.certified(7),
      path: chain.growthPath(3, 7),
    });
    expect(failure(verifyReceipt(genesisBytes, proof, verification))).toBe("encoding");
    expect(failure(verifyConsistency(genesisBytes, encodeReceipt(receipt), verification))).toBe("encoding");
    expect(failure(verifyBalanceProof(genesisBytes, encodeReceipt(receipt), verification))).toBe("encoding");
  });
});

describe("a balance proof", () => {
  const check = (proof: BalanceProof) => verifyBalanceProofOn(trusted, encodeBalanceProof(proof));

  test.each(["bls12381", "ed25519", "keyed-hash"] as const)("shows what an account stood at, under %s", (scheme) => {
    const made = provenChain(scheme, 11);
    for (let claimed = 8; claimed <= 11; claimed += 1) {
      const bytes = encodeBalanceProof(made.balanceProof(3, 8, claimed));
      const result = verifyBalanceProof(made.genesisBytes, bytes, verification);
      if (!result.ok) throw new Error(result.detail);
      expect(result.proven).toMatchObject({
        height: 8,
        account: { owner: 4, asset: 356, kind: "customer", balances: { debitsPosted: 0n, creditsPosted: 8_003n } },
        stateRoot: made.executed.leaves[7]?.stateRoot,
        provenBy: { height: claimed + 2 },
      });
    }
  });

  test("any one changed byte makes it fail", () => {
    const bytes = encodeBalanceProof(chain.balanceProof());
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = bytes.slice();
      changed[index] = (changed[index] as number) ^ 1;
      expect(failure(verifyBalanceProofOn(trusted, changed)), `byte ${index}`).not.toBe("none");
    }
  });

  test("attack 70: another place, count, entry or path is refused", () => {
    const good = chain.balanceProof();
    const { account } = good;
    const changes: readonly Partial<BalanceProof["account"]>[] = [
      { index: 3 },
      { count: 6 },
      { count: 4 },
      { path: account.path.slice(1) },
      { path: [...account.path, new Uint8Array(32)] },
      { tablePath: account.tablePath.slice(1) },
      { tablePath: [] },
      { entry: chain.balanceProof(1).account.entry },
      { path: chain.balanceProof(1).account.path },
    ];
    expect(failure(check(good))).toBe("none");
    for (const change of changes)
      expect(failure(check({ ...good, account: { ...account, ...change } }))).toBe("account-path");
  });

  test("hangs from the result leaf of the checkpoint itself, so that its height and time are the state's", () => {
    expect(failure(check(chain.balanceProof(2, 5)))).toBe("result-leaf");
    expect(
      failure(check({ ...chain.balanceProof(), account: provenChain("ed25519", 8).balanceProof(2, 8).account })),
    ).toBe("account-path");
  });
});

describe("a consistency proof", () => {
  const proofOf = (first: number, second: number) => ({
    chainId: chain.chainId,
    first: chain.certified(first),
    second: chain.certified(second),
    path: chain.growthPath(first, second),
  });

  test("shows for every pair of claims that the older log begins the newer", () => {
    for (let second = 1; second <= 7; second += 1) {
      for (let first = 1; first <= second; first += 1) {
        const result = verifyConsistency(genesisBytes, encodeConsistencyProof(proofOf(first, second)), verification);
        if (!result.ok) throw new Error(result.detail);
        expect(result.proven.first).toMatchObject({ height: first, resultsRoot: chain.executed.roots[first] });
        expect(result.proven.second).toMatchObject({ height: second, resultsRoot: chain.executed.roots[second] });
      }
    }
  });

  test("any one changed byte makes it fail", () => {
    const bytes = encodeConsistencyProof(proofOf(3, 7));
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = bytes.slice();
      changed[index] = (changed[index] as number) ^ 1;
      expect(failure(verifyConsistencyOn(trusted, changed)), `byte ${index}`).not.toBe("none");
    }
  });

  test("two certified logs of which none begins the other have no proof", () => {
    const forked = chain.headerAt(7, {
      executed: { ...chain.headerAt(7).executed, resultsRoot: "cd".repeat(32) as Digest },
      view: view(11),
    });
    const second = certifiedHeader(encodeHeader(forked), chain.proofOf(forked));
    const proof = encodeConsistencyProof({ ...proofOf(3, 7), second });
    expect(failure(verifyConsistency(genesisBytes, proof, verification))).toBe("consistency-path");
    const backwards = encodeConsistencyProof({
      ...proofOf(3, 7),
      first: chain.certified(7),
      second: chain.certified(3),
    });
    expect(failure(verifyConsistency(genesisBytes, backwards, verification))).toBe("consistency-path");
  });
});

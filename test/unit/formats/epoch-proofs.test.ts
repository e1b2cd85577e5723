import { describe, expect, test } from "vitest";
import { verifyReceipt as verifyInBrowser } from "../../../src/client/proofs.js";
import { certificateScheme, sha256, verification } from "../../../src/crypto/index.js";
import {
  bitmapOf,
  blockHash,
  type CertifiedHeader,
  type CommitProof,
  certifiedHeader,
  type EpochClose,
  encodeHeader,
  encodeReceipt,
  type Header,
  makeValidatorSet,
  quorumOf,
  type Successor,
  trustGenesis,
  type ValidatorSet,
  verifyReceiptOn,
  voteBytes,
} from "../../../src/formats/index.js";
import { epoch, height, participantNumber, toHex, utf8, view } from "../../../src/primitives/index.js";
import { provenChain } from "../../fixtures/proven-chain.js";

const chain = provenChain("bls12381");
const scheme = certificateScheme("bls12381");
const secretOf = (participant: number): Uint8Array =>
  scheme.keysFromSeed(new Uint8Array(32).fill(participant)).secretKey;

const successor = (participant: number): Successor => ({
  participant: participantNumber(participant),
  name: `BANK${participant}`,
  publicKey: scheme.keysFromSeed(new Uint8Array(32).fill(participant)).publicKey,
  networkKey: toHex(sha256(utf8(`network ${participant}`))),
  addresses: [`/ip4/127.0.0.1/tcp/${26_600 + participant}`],
});
const SECOND = [2, 3, 4, 5, 6].map(successor);
const THIRD = [3, 4, 5, 6, 7, 8, 9].map(successor);
const setOf = (number: number, members: readonly Successor[]): ValidatorSet =>
  makeValidatorSet(sha256, epoch(number), members);

/** A quorum of a set's votes on a header. */
function proofUnder(set: ValidatorSet, header: Header): CommitProof {
  const signers = set.members.slice(0, quorumOf(set.members.length)).map((_, index) => index);
  const verifier = scheme.verifiers(set.members.map(({ publicKey }) => publicKey));
  const certify = (kind: "PREPARE" | "COMMIT") => {
    const subject = { kind, epoch: header.epoch, view: header.view, hash: blockHash(sha256, encodeHeader(header)) };
    const message = voteBytes(subject, { chainId: chain.chainId, valsetHash: set.hash });
    const votes = signers.map((signer) => ({
      signer,
      signature: scheme.sign(secretOf(set.members[signer]?.participant ?? 0), message),
    }));
    return { ...subject, signers: bitmapOf(signers), signature: verifier.combine(votes) as Uint8Array };
  };
  return { prepare: certify("PREPARE"), commit: certify("COMMIT") };
}

function closeOf(set: ValidatorSet, nextSet: readonly Successor[], type: "CLOSING" | "DRAIN"): EpochClose {
  const reference = { hash: chain.chainId, height: height(3) };
  const header: Header = {
    ...chain.headerAt(4, { epoch: set.epoch, valsetHash: set.hash, type, view: view(9) }),
    nextSet,
    ...(type === "DRAIN" ? { closing: reference } : {}),
  };
  return { header, hash: blockHash(sha256, encodeHeader(header)), proof: proofUnder(set, header) };
}

const [first, second, third] = [chain.set, setOf(1, SECOND), setOf(2, THIRD)];
const closes = [closeOf(first, SECOND, "CLOSING"), closeOf(second, THIRD, "DRAIN")];

/** The receipt of the fixture under a header of epoch 2. */
function receiptUnder(certified: CertifiedHeader): Uint8Array {
  return encodeReceipt({ ...chain.receipt(), certified });
}
function newest(epochs: readonly EpochClose[], set = third): CertifiedHeader {
  const header = chain.headerAt(7, { epoch: set.epoch, valsetHash: set.hash });
  return certifiedHeader(encodeHeader(header), proofUnder(set, header), epochs);
}
const check = (certified: CertifiedHeader): string => {
  const result = verifyInBrowser(chain.genesisBytes, receiptUnder(certified));
  return result.ok ? "proven" : result.check;
};

describe("attack 67, EPOCH-6: proofs across epochs, from genesis alone", () => {
  test("each set vouches for the next, a DRAIN block as well as a CLOSING one", () => {
    const result = verifyInBrowser(chain.genesisBytes, receiptUnder(newest(closes)));
    expect(result.ok && result.proven.provenBy).toMatchObject({
      epoch: 2,
      signers: ["BANK3", "BANK4", "BANK5", "BANK6", "BANK7"],
    });
  });

  test("a receipt of the first epoch stays as it was", () => {
    expect(check(chain.receipt().certified)).toBe("proven");
    expect(new TextDecoder().decode(encodeReceipt(chain.receipt()))).not.toContain("epochs");
  });

  test("an epoch may not be left out, repeated, reversed or added", () => {
    const [one, two] = closes as [EpochClose, EpochClose];
    for (const epochs of [[], [one], [two], [one, one], [two, one], [one, two, two]]) {
      expect(check(newest(epochs)), `${epochs.length}`).toBe("header");
    }
  });

  test("a set that its predecessor did not name has no say", () => {
    const forged = setOf(2, [11, 12, 13, 14, 15].map(successor));
    expect(check(newest(closes, forged))).toBe("header");
    const close = closeOf(second, [11, 12, 13, 14, 15].map(successor), "CLOSING");
    const self: EpochClose = { ...close, proof: proofUnder({ ...forged, epoch: epoch(1) }, close.header) };
    expect(check(newest([closes[0] as EpochClose, self], forged))).toBe("certificate-signature");
  });

  test("a header that ends no epoch vouches for nobody", () => {
    const header = chain.headerAt(4);
    const normal = { header, hash: blockHash(sha256, encodeHeader(header)), proof: proofUnder(first, header) };
    expect(check(newest([normal, closes[1] as EpochClose]))).toBe("header");
  });

  test("another next set in a certified header breaks its hash", () => {
    const [one, two] = closes as [EpochClose, EpochClose];
    const changed = { ...one, header: { ...one.header, nextSet: THIRD } };
    expect(check(newest([changed, two]))).toBe("header-hash");
  });

  test("no byte of what leads through the epochs may differ", () => {
    const trusted = trustGenesis(chain.genesisBytes, verification);
    if (!trusted.ok) throw new Error(trusted.detail);
    const bytes = receiptUnder(newest(closes));
    const start = new TextDecoder().decode(bytes).indexOf('"epochs"');
    expect(verifyReceiptOn(trusted.proven, bytes).ok).toBe(true);
    for (let at = start; at < bytes.length - 4; at += 97) {
      const changed = bytes.slice();
      changed[at] = changed[at] === 0x30 ? 0x31 : 0x30;
      expect(verifyReceiptOn(trusted.proven, changed).ok, `byte ${at}`).toBe(false);
    }
  });

  test("many receipts cost each epoch once", () => {
    const trusted = trustGenesis(chain.genesisBytes, verification);
    if (!trusted.ok) throw new Error(trusted.detail);
    const bytes = receiptUnder(newest(closes));
    for (let repeat = 0; repeat < 3; repeat += 1) expect(verifyReceiptOn(trusted.proven, bytes).ok).toBe(true);
    expect(trusted.proven.followed.size).toBe(2);
  });
});

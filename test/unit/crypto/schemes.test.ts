import { describe, expect, test } from "vitest";
import type { CertificateScheme, SchemeName } from "../../../src/crypto/index.js";
import { certificateScheme, sha256 } from "../../../src/crypto/index.js";
import { certificateScheme as portableScheme } from "../../../src/crypto/portable.js";
import {
  type Certificate,
  makeValidatorSet,
  type Validator,
  verifyCertificate,
  voteBytes,
} from "../../../src/formats/index.js";
import { type Digest, epoch, participantNumber, utf8, view } from "../../../src/primitives/index.js";

const NAMES: readonly SchemeName[] = ["bls12381", "ed25519", "keyed-hash"];
const seed = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1);
const message = utf8("a block");

/** Both implementations of each scheme. */
const IMPLEMENTATIONS = NAMES.flatMap((name) => [
  { label: `${name}, native`, scheme: certificateScheme(name), name },
  { label: `${name}, portable`, scheme: portableScheme(name), name },
]);

function consortium(scheme: CertificateScheme, size = 4) {
  const keys = Array.from({ length: size }, (_, index) => scheme.keysFromSeed(seed(index)));
  const verifier = scheme.verifiers(keys.map((key) => key.publicKey));
  const vote = (signer: number, bytes = message) => ({
    signer,
    signature: scheme.sign(keys[signer]?.secretKey as Uint8Array, bytes),
  });
  return { keys, verifier, vote };
}

describe.each(IMPLEMENTATIONS)("$label", ({ scheme }) => {
  test("a quorum's votes make one certificate for exactly those signers and that message", () => {
    const { verifier, vote } = consortium(scheme);
    const combined = verifier.combine([vote(3), vote(0), vote(2)]) as Uint8Array;
    expect(verifier.verifyCertificate([0, 2, 3], message, combined)).toBe(true);
    expect(verifier.verifyCertificate([0, 1, 3], message, combined)).toBe(false);
    expect(verifier.verifyCertificate([0, 2], message, combined)).toBe(false);
    expect(verifier.verifyCertificate([0, 1, 2, 3], message, combined)).toBe(false);
    expect(verifier.verifyCertificate([0, 2, 3], utf8("another"), combined)).toBe(false);
  });

  test("attack 1: one signer counted three times is refused", () => {
    const { keys, verifier, vote } = consortium(scheme);
    expect(verifier.combine([vote(0), vote(0), vote(0)])).toBeUndefined();
    const single = vote(0).signature;
    expect(verifier.verifyCertificate([0, 0, 0], message, single)).toBe(false);
    expect(() => scheme.verifiers([keys[0]?.publicKey as Uint8Array, keys[0]?.publicKey as Uint8Array])).toThrow(
      RangeError,
    );
  });

  test("attack 2: signer lists that are empty, unordered or point outside the set are refused", () => {
    const { verifier, vote } = consortium(scheme);
    const combined = verifier.combine([vote(0), vote(1), vote(2)]) as Uint8Array;
    for (const signers of [[], [1, 0, 2], [0, 1, 4], [-1, 0, 1], [0, 1, 1.5], [Number.NaN]])
      expect(verifier.verifyCertificate(signers, message, combined)).toBe(false);
    expect(verifier.combine([])).toBeUndefined();
    expect(verifier.combine([vote(0), { signer: 4, signature: vote(1).signature }])).toBeUndefined();
  });

  test("attack 9: a vote under another validator's index is refused", () => {
    const { verifier, vote } = consortium(scheme);
    const { signature } = vote(0);
    expect(verifier.verifyVote(0, message, signature)).toBe(true);
    expect(verifier.verifyVote(1, message, signature)).toBe(false);
    expect(verifier.verifyVote(4, message, signature)).toBe(false);
    expect(verifier.verifyVote(-1, message, signature)).toBe(false);
  });

  test("attack 10: a bad vote spoils the certificate, is found by itself, and the others still combine", () => {
    const { verifier, vote } = consortium(scheme);
    const bad = vote(1, utf8("another"));
    const votes = [vote(0), bad, vote(2), vote(3)];
    const spoiled = verifier.combine(votes.slice(0, 3)) as Uint8Array;
    expect(verifier.verifyCertificate([0, 1, 2], message, spoiled)).toBe(false);
    const good = votes.filter(({ signer, signature }) => verifier.verifyVote(signer, message, signature));
    expect(good.map(({ signer }) => signer)).toEqual([0, 2, 3]);
    expect(verifier.verifyCertificate([0, 2, 3], message, verifier.combine(good) as Uint8Array)).toBe(true);
  });

  test("attack 8: votes, certificates, keys and proofs of another length are refused", () => {
    const { keys, verifier, vote } = consortium(scheme);
    const { publicKey, secretKey } = keys[0] as (typeof keys)[number];
    const combined = verifier.combine([vote(0), vote(1), vote(2)]) as Uint8Array;
    const proof = scheme.provePossession(secretKey);
    for (const change of [
      (bytes: Uint8Array) => bytes.slice(1),
      (bytes: Uint8Array) => new Uint8Array([...bytes, 0]),
    ]) {
      expect(verifier.verifyVote(0, message, change(vote(0).signature))).toBe(false);
      expect(verifier.combine([vote(1), { signer: 0, signature: change(vote(0).signature) }])).toBeUndefined();
      expect(verifier.verifyCertificate([0, 1, 2], message, change(combined))).toBe(false);
      expect(scheme.verifyPossession(change(publicKey), proof)).toBe(false);
      expect(scheme.verifyPossession(publicKey, change(proof))).toBe(false);
      expect(() => scheme.verifiers([change(publicKey)])).toThrow(RangeError);
    }
    expect(publicKey).toHaveLength(scheme.publicKeyBytes);
    expect(vote(0).signature).toHaveLength(scheme.voteSignatureBytes);
  });

  test("attack 5: possession is proven of the own key only, and no vote passes as a proof", () => {
    const { keys } = consortium(scheme, 2);
    const [mine, other] = keys as [(typeof keys)[number], (typeof keys)[number]];
    const proof = scheme.provePossession(mine.secretKey);
    expect(scheme.verifyPossession(mine.publicKey, proof)).toBe(true);
    expect(scheme.verifyPossession(other.publicKey, proof)).toBe(false);
    expect(scheme.verifyPossession(mine.publicKey, scheme.sign(mine.secretKey, mine.publicKey))).toBe(false);
  });
});

describe.each(NAMES)("%s, native against portable", (name) => {
  test("keys, votes, proofs and certificates of one are accepted by the other and equal byte for byte", () => {
    const native = certificateScheme(name);
    const portable = portableScheme(name);
    const one = consortium(native);
    const two = consortium(portable);
    expect(two.keys).toEqual(one.keys);
    const votes = [0, 1, 2].map((signer) => one.vote(signer));
    expect([0, 1, 2].map((signer) => two.vote(signer))).toEqual(votes);
    const combined = one.verifier.combine(votes) as Uint8Array;
    expect(two.verifier.combine(votes)).toEqual(combined);
    expect(two.verifier.verifyCertificate([0, 1, 2], message, combined)).toBe(true);
    const { publicKey, secretKey } = one.keys[0] as (typeof one.keys)[number];
    expect(portable.verifyPossession(publicKey, native.provePossession(secretKey))).toBe(true);
  });
});

describe.each(NAMES)("%s, certificates of a set", (name) => {
  const scheme = certificateScheme(name);
  const chainId = "11".repeat(32) as Digest;
  const hash = "22".repeat(32) as Digest;
  const keys = [0, 1, 2, 3].map((index) => scheme.keysFromSeed(seed(index)));
  const members: Validator[] = keys.map(({ publicKey }, index) => ({
    participant: participantNumber(index + 1),
    name: `BANK${index}`,
    publicKey,
  }));
  const set = makeValidatorSet(sha256, epoch(0), members);
  const verifier = scheme.verifiers(members.map(({ publicKey }) => publicKey));
  const chain = { chainId, set, verifier };

  function certify(
    signers: readonly number[],
    subject = { kind: "COMMIT", epoch: epoch(0), view: view(7), hash } as const,
  ): Certificate {
    const bytes = voteBytes(subject, { chainId, valsetHash: set.hash });
    const votes = signers.map((signer) => ({
      signer,
      signature: scheme.sign(keys[signer]?.secretKey as Uint8Array, bytes),
    }));
    const bitmap = signers.reduce((bits, signer) => bits | (1 << signer), 0);
    return { ...subject, signers: bitmap, signature: verifier.combine(votes) as Uint8Array };
  }

  test("SAFE-2, attack 3: q signers suffice, q − 1 do not", () => {
    expect(verifyCertificate(certify([0, 1, 3]), chain)).toBe(true);
    expect(verifyCertificate(certify([0, 1, 2, 3]), chain)).toBe(true);
    expect(verifyCertificate(certify([0, 1]), chain)).toBe(false);
  });

  test("attack 2: bits beyond the set are refused", () => {
    const certificate = certify([0, 1, 3]);
    for (const bit of [4, 5, 30, 31])
      expect(verifyCertificate({ ...certificate, signers: (certificate.signers | (1 << bit)) >>> 0 }, chain)).toBe(
        false,
      );
  });

  test("attack 4: kind, epoch, view, hash, chain and set are bound", () => {
    const certificate = certify([0, 1, 3]);
    expect(verifyCertificate({ ...certificate, kind: "PREPARE" }, chain)).toBe(false);
    expect(verifyCertificate({ ...certificate, epoch: epoch(1) }, chain)).toBe(false);
    expect(verifyCertificate({ ...certificate, view: view(8) }, chain)).toBe(false);
    expect(verifyCertificate({ ...certificate, hash: "23".repeat(32) as Digest }, chain)).toBe(false);
    expect(verifyCertificate(certificate, { ...chain, chainId: "12".repeat(32) as Digest })).toBe(false);
    const otherSet = makeValidatorSet(
      sha256,
      epoch(0),
      members.map((member) => ({ ...member, name: `${member.name}X` })),
    );
    expect(verifyCertificate(certificate, { ...chain, set: otherSet })).toBe(false);
    const laterEpoch = { ...chain, set: makeValidatorSet(sha256, epoch(1), members) };
    expect(verifyCertificate({ ...certificate, epoch: epoch(1) }, laterEpoch)).toBe(false);
  });
});

import { describe, expect, test } from "vitest";
import type { AgreementMessage, Block, Proposal, Vote } from "../../../src/consensus/index.js";
import { createAgreement, decodeMessage, encodeMessage, LAN_TIMING } from "../../../src/consensus/index.js";
import { certificateScheme, type SchemeName, sha256 } from "../../../src/crypto/index.js";
import {
  batchesRoot,
  bitmapOf,
  blockHash,
  type Certificate,
  encodeHeader,
  type Header,
  makeValidatorSet,
  signersOf,
  type VoteSubject,
  voteBytes,
} from "../../../src/formats/index.js";
import {
  type Digest,
  epoch,
  height,
  participantNumber,
  type ValidatorIndex,
  type View,
  view,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";
import { Verifier } from "../../../src/replica/verifier.js";
import { CHAIN, claimAt, digest, freshRecovery, GENESIS_TIME } from "../consensus/core-cluster.js";

const A = digest("block A");
const NOTHING_KNOWN = (): boolean => false;
const index = (at: number): ValidatorIndex => at as ValidatorIndex;

/** Seven validators, five of them a quorum, with real keys of a scheme. */
function consortium(name: SchemeName) {
  const scheme = certificateScheme(name);
  const keys = Array.from({ length: 7 }, (_, at) => scheme.keysFromSeed(new Uint8Array(32).fill(at + 1)));
  const set = makeValidatorSet(
    sha256,
    epoch(0),
    keys.map(({ publicKey }, at) => ({ participant: participantNumber(at + 1), name: `BANK${at}`, publicKey })),
  );
  const state = createAgreement({
    chainId: CHAIN,
    set,
    self: index(0),
    timing: LAN_TIMING,
    recovered: freshRecovery(),
    at: 0,
  });
  const setVerifier = scheme.verifiers(keys.map(({ publicKey }) => publicKey));
  const signature = (signer: number, subject: VoteSubject): Uint8Array =>
    scheme.sign(keys[signer]?.secretKey as Uint8Array, voteBytes(subject, { chainId: CHAIN, valsetHash: set.hash }));
  const subjectOf = (kind: VoteSubject["kind"], at: number, hash: Digest = A): VoteSubject => ({
    kind,
    epoch: epoch(0),
    view: view(at),
    hash: kind === "TIMEOUT" ? ZERO_DIGEST : hash,
  });
  /** A certificate in which each signer's share is what `share` makes of it. */
  const certify = (
    subject: VoteSubject,
    signers: readonly number[],
    share: (signer: number) => Uint8Array = (signer) => signature(signer, subject),
  ): Certificate => {
    const combined = setVerifier.combine(signers.map((signer) => ({ signer, signature: share(signer) })));
    return { ...subject, signers: bitmapOf(signers), signature: combined ?? new Uint8Array(0) };
  };
  const propose = (by: number, at: number, changes: Partial<Header> = {}): Proposal => {
    const header: Header = {
      version: 1,
      chainId: CHAIN,
      epoch: epoch(0),
      view: view(at),
      height: height(2),
      parentHash: A,
      parentView: view(at - 1),
      parentCertificate: certify(subjectOf("PREPARE", at - 1), [0, 1, 2, 3, 4]),
      skips: [],
      timestamp: GENESIS_TIME + 1,
      proposer: index(by),
      batchesRoot: batchesRoot(sha256, []),
      executed: claimAt(0),
      valsetHash: set.hash,
      type: "NORMAL",
      ...changes,
    };
    const block: Block = { hash: blockHash(sha256, encodeHeader(header)), header, body: [] };
    const subject = { kind: "PREPARE", epoch: header.epoch, view: header.view, hash: block.hash } as const;
    return { block, signature: signature(by, subject), commitProof: undefined };
  };
  return { verifier: new Verifier(state, scheme), signature, subjectOf, certify, propose };
}

const SCHEMES: readonly SchemeName[] = ["bls12381", "ed25519", "keyed-hash"];

describe.each(SCHEMES)("certificates of %s at every entry", (name) => {
  const { verifier, signature, subjectOf, certify, propose } = consortium(name);
  const QUORUM = [0, 1, 2, 3, 4];

  /** Whether a certificate passes each way into agreement. */
  function entries(prepare: Certificate): Readonly<Record<string, boolean>> {
    const enter = (from: number, message: AgreementMessage): boolean =>
      verifier.admit(index(from), message, NOTHING_KNOWN).type === "admitted";
    const at = prepare.view + 1;
    const leader = (at - 1) % 7;
    const commit = certify(subjectOf("COMMIT", prepare.view), QUORUM);
    const skip = certify(subjectOf("TIMEOUT", prepare.view + 1), QUORUM);
    const proposal = propose(leader, at, { parentCertificate: prepare });
    const vote: Vote = {
      ...subjectOf("COMMIT", prepare.view),
      signer: index(3),
      signature: signature(3, subjectOf("COMMIT", prepare.view)),
      certificate: prepare,
    };
    return {
      certificate: enter(1, { type: "certificate", certificate: prepare }),
      "proof of finality": enter(1, { type: "commit-proof", proof: { prepare, commit } }),
      vote: enter(3, { type: "vote", vote }),
      parent: enter(leader, { type: "proposal", proposal }),
      "proposal's finality": enter(leader, {
        type: "proposal",
        proposal: { ...propose(leader, at), commitProof: { prepare, commit } },
      }),
      fetched: verifier.valid([skip, prepare]).length === 2,
      range: verifier.isValidProof({ prepare, commit }),
    };
  }
  const everywhere = (is: boolean) =>
    Object.fromEntries(
      ["certificate", "proof of finality", "vote", "parent", "proposal's finality", "fetched", "range"].map((entry) => [
        entry,
        is,
      ]),
    );

  test("q good signatures pass everywhere", () => {
    expect(entries(certify(subjectOf("PREPARE", 3), QUORUM))).toEqual(everywhere(true));
  });

  test("attack 64: q good signatures and one bad pass nowhere", () => {
    const subject = subjectOf("PREPARE", 11);
    for (const bad of [5, 6]) {
      const elsewhere = subjectOf("PREPARE", 12);
      const extra = certify(subject, [...QUORUM, bad], (signer) =>
        signature(signer, signer === bad ? elsewhere : subject),
      );
      expect(signersOf(extra.signers)).toHaveLength(6);
      expect(entries(extra)).toEqual(everywhere(false));
    }
    const unsigned = { ...certify(subject, QUORUM), signers: bitmapOf([...QUORUM, 6]) };
    expect(entries(unsigned)).toEqual(everywhere(false));
  });

  test("attack 3: q − 1 signatures pass nowhere", () => {
    expect(entries(certify(subjectOf("PREPARE", 17), [0, 1, 2, 3]))).toEqual(everywhere(false));
  });

  test("attack 9: signatures of others than the signers it names pass nowhere", () => {
    const subject = subjectOf("PREPARE", 19);
    expect(entries(certify(subject, QUORUM, (signer) => signature((signer + 1) % 7, subject)))).toEqual(
      everywhere(false),
    );
  });

  test.each([
    ["view 0", (one: Certificate): Certificate => ({ ...one, view: 0 as View })],
    ["the largest view", (one: Certificate): Certificate => ({ ...one, view: Number.MAX_SAFE_INTEGER as View })],
    ["a null hash", (one: Certificate): Certificate => ({ ...one, hash: ZERO_DIGEST })],
    ["signer n", (one: Certificate): Certificate => ({ ...one, signers: one.signers | (1 << 7) })],
    ["signer 31", (one: Certificate): Certificate => ({ ...one, signers: (one.signers | (1 << 31)) >>> 0 })],
    ["all signers", (one: Certificate): Certificate => ({ ...one, signers: 0xffff_ffff })],
    ["no signer", (one: Certificate): Certificate => ({ ...one, signers: 0 })],
    ["no signature", (one: Certificate): Certificate => ({ ...one, signature: new Uint8Array(0) })],
    ["another epoch", (one: Certificate): Certificate => ({ ...one, epoch: epoch(1) })],
  ])("attack 35: a certificate with %s passes nowhere and throws nowhere", (_what, change) => {
    const changed = change(certify(subjectOf("PREPARE", 23), QUORUM));
    expect(verifier.valid([changed])).toEqual([]);
    expect(verifier.admit(index(1), { type: "certificate", certificate: changed }, NOTHING_KNOWN).type).toBe("refused");
    const proposal = propose(2, 24, { parentCertificate: changed });
    expect(verifier.admit(index(2), { type: "proposal", proposal }, NOTHING_KNOWN).type).toBe("refused");
  });
});

describe("attack 28: proposals by others than the view's leader", () => {
  const { verifier, propose } = consortium("keyed-hash");
  const admit = (from: number, proposal: Proposal): string =>
    verifier.admit(index(from), { type: "proposal", proposal }, NOTHING_KNOWN).type;

  test("only the leader of the view, in its own name and over its own connection", () => {
    // Validator 2 leads view 3.
    expect(admit(2, propose(2, 3))).toBe("admitted");
    for (const other of [0, 1, 3, 4, 5, 6]) {
      expect(admit(other, propose(other, 3))).toBe("refused");
      expect(admit(other, propose(2, 3))).toBe("refused");
      expect(admit(2, propose(other, 3))).toBe("refused");
    }
  });

  test("attack 35: a proposer outside the set, and views without a leader", () => {
    for (const proposer of [7, 31, 255]) expect(admit(2, propose(2, 3, { proposer: index(proposer) }))).toBe("refused");
    for (const at of [0, Number.MAX_SAFE_INTEGER]) {
      for (let from = 0; from < 7; from += 1) {
        const own = propose(from, 3, { view: at as View });
        const isLeader = at > 0 && (at - 1) % 7 === from;
        expect(admit(from, own)).toBe(isLeader ? "admitted" : "refused");
      }
    }
  });

  test("its leader's signature has to be on this very block", () => {
    const proposal = propose(2, 3);
    expect(admit(2, { ...proposal, signature: propose(2, 3, { timestamp: 5 }).signature })).toBe("refused");
    expect(admit(2, { ...proposal, signature: new Uint8Array(0) })).toBe("refused");
  });
});

describe("attack 35: votes out of bounds", () => {
  const { verifier, signature, subjectOf } = consortium("keyed-hash");

  test.each([-1, 7, 31, 255])("a vote of validator %i verifies for nobody", (signer) => {
    const subject = subjectOf("PREPARE", 1);
    expect(verifier.isValidVote({ ...subject, signer: index(signer), signature: signature(1, subject) })).toBe(false);
  });

  test("among those that are counted it is found, and the others make the certificate", () => {
    const subject = subjectOf("PREPARE", 1);
    const votes = [0, 1, 2, 3, 4].map((signer) => ({ signer: index(signer), signature: signature(signer, subject) }));
    const stranger = { signer: index(7), signature: signature(1, subject) };
    const checked = verifier.checkVotes(subject, [...votes, stranger]);
    expect(checked.bad).toEqual([7]);
    expect(checked.certificate?.signers).toBe(0b1_1111);
  });

  test("no vote decodes whose signer is not its connection's validator", () => {
    const subject = subjectOf("PREPARE", 1);
    for (const signer of [0, 1, 7, 255]) {
      const vote: Vote = {
        ...subject,
        signer: index(signer),
        signature: signature(1, subject),
        certificate: undefined,
      };
      const frame = encodeMessage({ type: "vote", vote });
      expect(decodeMessage(sha256, index(1), frame).ok).toBe(signer === 1);
    }
  });
});

describe("attack 31: a TIMEOUT with a forged certificate", () => {
  const { verifier, signature, subjectOf, certify } = consortium("keyed-hash");
  const timeout = (signer: number, entry: Certificate): Vote => {
    const subject = subjectOf("TIMEOUT", 4);
    return { ...subject, signer: index(signer), signature: signature(signer, subject), certificate: entry };
  };

  test("is refused whole, and takes nothing away from what the others show", () => {
    const entry = certify(subjectOf("PREPARE", 3), [0, 1, 2, 3, 4]);
    const forged = { ...entry, hash: digest("another block") };
    const admit = (vote: Vote) => verifier.admit(vote.signer, { type: "vote", vote }, NOTHING_KNOWN);
    expect(admit(timeout(6, forged)).type).toBe("refused");
    expect(admit(timeout(6, { ...entry, kind: "COMMIT" })).type).toBe("refused");
    for (const honest of [0, 1, 2]) {
      expect(admit(timeout(honest, entry))).toMatchObject({
        type: "admitted",
        message: { vote: { certificate: entry } },
      });
    }
  });
});

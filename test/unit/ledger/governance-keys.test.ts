import { describe, expect, test } from "vitest";
import { certificateScheme, sha256 } from "../../../src/crypto/index.js";
import { type EvidenceVote, makeValidatorSet, type ProposalContent, voteBytes } from "../../../src/formats/index.js";
import { StatePagesError } from "../../../src/ledger/index.js";
import {
  type Digest,
  type Epoch,
  fromHex,
  type Height,
  toHex,
  type View,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";
import { ASHA, BINA, CHAIN, publicKey, START, transfers } from "../../fixtures/consortium.js";
import {
  AXIS,
  ballot,
  consensusKeys,
  FIU,
  GovernedRun,
  governedGenesis,
  HDFC,
  ICICI,
  id,
  keyChange,
  operationKey,
  PNB,
  proposal,
  RBI,
  SBI,
  VALIDATORS,
  validatorOf,
  YES,
} from "../../fixtures/governance.js";

const pay = (rest: number, key: Uint8Array) =>
  transfers(SBI, [{ id: id(SBI, rest), debitAccountId: ASHA, creditAccountId: BINA, amount: "1" }], { publicKey: key });
const old = publicKey(SBI);
const fresh = operationKey(SBI, 7);

describe("LEDG-45: a participant's own keys", () => {
  test("attack 101: a rotation overlaps, then the old key's batches are refused from its height on", () => {
    const run = GovernedRun.of();
    const results = run.block([
      keyChange(SBI, 1, { change: "add", publicKey: toHex(fresh) }),
      keyChange(SBI, 2, { change: "revoke", publicKey: toHex(old), effectiveHeight: 3 as Height }),
      pay(10, fresh),
    ]).results;
    expect(results.flat()).toEqual(["applied", "applied", "posted"]);
    expect(run.block([pay(11, old), pay(12, fresh)]).results.flat()).toEqual(["posted", "posted"]);
    expect(run.block([pay(13, old), pay(14, fresh)]).results.flat()).toEqual(["key_not_registered", "posted"]);
    expect(run.ledger.mayUseKey(SBI, old, "submit")).toBe(false);
  });

  test("a revocation counts at once, for later batches of its own block too", () => {
    const run = GovernedRun.of();
    const revoke = keyChange(SBI, 1, { change: "revoke", publicKey: toHex(old) });
    expect(run.block([pay(10, old), revoke, pay(11, old)]).results.flat()).toEqual([
      "posted",
      "applied",
      "key_not_registered",
    ]);
  });

  test("nobody adds keys to another participant or revokes its keys, and a revoked key never comes back", () => {
    const run = GovernedRun.of();
    const results = run.block([
      keyChange(SBI, 1, { change: "revoke", publicKey: toHex(publicKey(HDFC)) }),
      keyChange(SBI, 2, { id: id(HDFC, 2), change: "add", publicKey: toHex(fresh) }),
      keyChange(SBI, 3, { change: "add", publicKey: toHex(publicKey(HDFC)) }),
      keyChange(SBI, 4, { change: "add", publicKey: toHex(fresh) }),
      keyChange(SBI, 5, { change: "revoke", publicKey: toHex(fresh) }),
      keyChange(SBI, 6, { change: "add", publicKey: toHex(fresh) }),
      keyChange(SBI, 7, { change: "revoke", publicKey: toHex(fresh) }),
    ]).results;
    expect(results.flat()).toEqual([
      "key_not_found",
      "id_not_of_participant",
      "key_exists",
      "applied",
      "applied",
      "key_exists",
      "key_not_found",
    ]);
  });

  test("attack 14: a key of small order is refused, and one above the cap, and a height that has passed", () => {
    const run = GovernedRun.of();
    const weak = `01${"00".repeat(31)}`;
    const more = Array.from({ length: 15 }, (_, key) =>
      keyChange(FIU, 10 + key, { change: "add", publicKey: toHex(operationKey(FIU, key)) }),
    );
    const results = run
      .block([
        keyChange(SBI, 1, { change: "add", publicKey: weak }),
        keyChange(SBI, 2, { change: "add", publicKey: toHex(fresh), effectiveHeight: 1 as Height }),
        ...more,
      ])
      .results.flat();
    expect(results).toEqual([
      "change_not_allowed",
      "effective_height_out_of_range",
      ...Array(14).fill("applied"),
      "keys_cap_exceeded",
    ]);
  });
});

test("LEDG-45: a participant changes at most 64 keys in a block, and no other's are fewer for it", () => {
  const run = GovernedRun.of();
  const unknown = (rest: number) => keyChange(SBI, 100 + rest, { change: "revoke", publicKey: toHex(fresh) });
  const others = keyChange(HDFC, 1, { change: "add", publicKey: toHex(operationKey(HDFC, 1)) });
  const results = run.block([...Array.from({ length: 65 }, (_, rest) => unknown(rest)), others]).results.flat();
  expect(results.slice(0, 64)).toEqual(Array(64).fill("key_not_found"));
  expect(results.slice(64)).toEqual(["keys_cap_exceeded", "applied"]);
  expect(run.block([unknown(99)]).results.flat()).toEqual(["key_not_found"]);
});

describe("LEDG-45: keys of another participant", () => {
  const lost = (add: readonly string[], revoke: readonly string[] = []): ProposalContent => ({
    kind: "keys",
    content: { participant: SBI, add: add.map((key) => ({ publicKey: key, scopes: ["submit"] as const })), revoke },
  });

  test("only the authority proposes them, and a key counts a day of block time after the vote", () => {
    const run = GovernedRun.of();
    const change = lost([toHex(fresh)]);
    expect(run.block([proposal(1, change), proposal(1, change, { by: RBI })]).results.flat()).toEqual([
      "not_authorised",
      "proposed",
    ]);
    const voted = START + 2_000;
    run.block(
      [SBI, HDFC, ICICI].map((voter) => ballot(voter, id(RBI, 1))),
      voted,
    );
    expect(run.ledger.nextDeadline()).toBe(voted + 86_400_000);
    run.block([], voted + 86_399_999);
    expect(run.ledger.mayUseKey(SBI, fresh, "submit")).toBe(false);
    expect(run.block([pay(10, fresh)], voted + 86_400_000).results.flat()).toEqual(["posted"]);
    expect(run.ledger.mayUseKey(SBI, fresh, "govern")).toBe(false);
  });

  test("a revocation alone waits for nothing", () => {
    const run = GovernedRun.of();
    run.pass(1, lost([], [toHex(old)]), { by: RBI });
    expect(run.block([pay(10, old)]).results.flat()).toEqual(["key_not_registered"]);
  });

  test("the rulebook sets the delay; keys that are known, or not the participant's, are refused", () => {
    const governance = { votingSecondsMax: 600, keyDelaySeconds: 5 };
    const run = GovernedRun.of(governedGenesis({ governance }));
    const results = run.block([
      proposal(1, lost([toHex(publicKey(HDFC))]), { by: RBI }),
      proposal(2, lost([], [toHex(publicKey(HDFC))]), { by: RBI }),
      proposal(3, lost([]), { by: RBI }),
    ]).results;
    expect(results.flat()).toEqual(["key_exists", "key_not_found", "change_not_allowed"]);
    run.pass(4, lost([toHex(fresh)]), { by: RBI });
    run.block([], START + 3_000 + 5_000);
    expect(run.ledger.mayUseKey(SBI, fresh, "submit")).toBe(true);
  });
});

describe("LEDG-46: participants", () => {
  const bob = {
    name: "BOB",
    role: "bank",
    keys: [{ publicKey: toHex(operationKey(9, 1)), scopes: ["submit"] }],
  } as const;

  test("a newcomer gets the next number, and its key counts from its block on", () => {
    const run = GovernedRun.of();
    run.pass(1, { kind: "participant", content: bob });
    const number = 9 as typeof SBI;
    expect(run.ledger.participant(number)).toBeUndefined();
    run.block([]);
    expect(run.ledger.participant(number)).toMatchObject({ name: "BOB", role: "bank", accounts: 0 });
    expect(run.ledger.mayUseKey(number, operationKey(9, 1), "submit")).toBe(true);
    expect(run.proposal(id(SBI, 1)).state).toBe("activated");
  });

  test("names and keys are nobody's twice, and roles change only where nothing hangs on them", () => {
    const run = GovernedRun.of();
    const role = (participant: typeof SBI, to: "bank" | "observer"): ProposalContent => ({
      kind: "participant",
      content: { participant, role: to },
    });
    const results = run.block([
      proposal(1, { kind: "participant", content: { ...bob, name: "SBI" } }),
      proposal(2, { kind: "participant", content: { ...bob, keys: [{ publicKey: toHex(old), scopes: ["submit"] }] } }),
      proposal(3, role(RBI, "observer")),
      proposal(4, role(SBI, "observer")),
      proposal(5, role(AXIS, "observer")),
      proposal(6, role(YES, "bank")),
      proposal(7, role(99 as typeof SBI, "bank")),
      proposal(8, role(YES, "observer")),
    ]).results;
    expect(results.flat()).toEqual([
      "change_not_allowed",
      "key_exists",
      ...Array(5).fill("change_not_allowed"),
      "proposed",
    ]);
  });
});

describe("LEDG-44: evidence", () => {
  const scheme = certificateScheme("keyed-hash");
  const members = VALIDATORS.map((participant) => ({
    participant,
    name: { [SBI]: "SBI", [HDFC]: "HDFC", [ICICI]: "ICICI", [AXIS]: "AXIS" }[participant] as string,
    publicKey: fromHex(validatorOf(participant).consensusKey) as Uint8Array,
  }));
  const epoch = 0 as Epoch;
  const view = 4 as View;
  const valsetHash = makeValidatorSet(sha256, epoch, members).hash;
  const signed = (kind: EvidenceVote["kind"], hash: string, signer: number = AXIS): EvidenceVote => {
    const message = voteBytes({ kind, epoch, view, hash: hash as Digest }, { chainId: CHAIN, valsetHash });
    return { kind, hash, signature: toHex(scheme.sign(consensusKeys(signer).secretKey, message)) };
  };
  const accuse = (...votes: readonly EvidenceVote[]): ProposalContent => ({
    kind: "evidence",
    content: { participant: AXIS, epoch, view, votes },
  });
  const [A, B] = ["a".repeat(64), "b".repeat(64)] as const;
  const five = (): GovernedRun =>
    GovernedRun.of({ ...governedGenesis(), validators: [...VALIDATORS, YES].map(validatorOf) });

  test("two votes that exclude each other are verified, voted on, and take their signer out of the set", () => {
    const run = five();
    const names = [...members, { participant: YES, name: "YES", publicKey: consensusKeys(YES).publicKey }];
    const set = makeValidatorSet(sha256, epoch, names).hash;
    const vote = (hash: string): EvidenceVote => {
      const message = voteBytes(
        { kind: "PREPARE", epoch, view, hash: hash as Digest },
        { chainId: CHAIN, valsetHash: set },
      );
      return { kind: "PREPARE", hash, signature: toHex(scheme.sign(consensusKeys(AXIS).secretKey, message)) };
    };
    expect(run.block([proposal(1, accuse(vote(A), vote(B)))]).results.flat()).toEqual(["proposed"]);
    run.block([SBI, HDFC, ICICI, YES].map((voter) => ballot(voter, id(SBI, 1))));
    run.block([]);
    expect(run.ledger.nextSet?.validators.map(({ name }) => name)).toEqual(["SBI", "HDFC", "ICICI", "YES"]);
    expect(run.ledger.validatorsAt(1 as Epoch)?.length).toBe(4);
    expect(
      GovernedRun.restoredFrom(run, {
        ...governedGenesis(),
        validators: [...VALIDATORS, YES].map(validatorOf),
      }).ledger.validatorsAt(1 as Epoch),
    ).toEqual(run.ledger.validatorsAt(1 as Epoch));
  });

  test("votes that agree, are forged, of another's key or in the wrong order accuse nobody (attack 36)", () => {
    const run = GovernedRun.of();
    const forged = { ...signed("PREPARE", B), signature: "00".repeat(32) };
    const results = run.block([
      proposal(1, accuse(signed("PREPARE", A), signed("COMMIT", A))),
      proposal(2, accuse(signed("PREPARE", A), forged)),
      proposal(3, accuse(signed("PREPARE", A), signed("PREPARE", B, SBI))),
      proposal(4, accuse(signed("PREPARE", B), signed("PREPARE", A))),
      proposal(5, accuse(signed("COMMIT", A), signed("TIMEOUT", B))),
      proposal(6, accuse(signed("PREPARE", A), signed("TIMEOUT", ZERO_DIGEST))),
      proposal(7, accuse(signed("COMMIT", A), signed("TIMEOUT", ZERO_DIGEST))),
    ]).results;
    // The last proves it; but three validators are fewer than a set may have.
    expect(results.flat()).toEqual([...Array(6).fill("evidence_not_valid"), "validators_out_of_range"]);
  });

  test("regression: COMMIT for one block and PREPARE for another prove it, as the node that kept them holds (SAFE-10)", () => {
    const run = GovernedRun.of();
    const results = run.block([
      proposal(1, accuse(signed("COMMIT", A), signed("PREPARE", B))),
      proposal(2, accuse(signed("COMMIT", B), signed("PREPARE", A))),
      proposal(3, accuse(signed("COMMIT", A), signed("COMMIT", B))),
    ]).results;
    // Proven: only that three validators would be too few speaks against it.
    expect(results.flat()).toEqual(Array(3).fill("validators_out_of_range"));
  });
});

test("LEDG-44: a set that survives fewer faults has to say so", () => {
  const run = GovernedRun.of({
    ...governedGenesis(),
    validators: [...VALIDATORS, YES, PNB]
      .map(validatorOf)
      .concat({ ...validatorOf(FIU), participant: 9 as typeof SBI }),
    participants: [...governedGenesis().participants, { number: 9 as typeof SBI, name: "BOB", role: "bank", keys: [] }],
  });
  const content = { validators: [...VALIDATORS, YES].map(validatorOf) };
  const change: ProposalContent = { kind: "validators", content };
  expect(run.block([proposal(1, change), proposal(2, change, { acceptFaults: true })]).results.flat()).toEqual([
    "faults_not_accepted",
    "proposed",
  ]);
});

test("LEDG-43: a rail with pending transfers can neither go nor settle in another way, an asset with accounts not go", () => {
  const run = GovernedRun.of();
  const { rulebook } = run.ledger;
  run.block([
    transfers(SBI, [
      {
        id: id(SBI, 50),
        debitAccountId: ASHA,
        creditAccountId: BINA,
        amount: "1",
        rail: 2,
        flags: ["pending"],
        timeoutSeconds: 60,
      },
    ]),
  ]);
  const rails = rulebook.rails.filter(({ number }) => number !== 2);
  const net = rulebook.rails.map((rail) => (rail.number === 2 ? { ...rail, settlement: "net" as const } : rail));
  const assets = rulebook.assets.filter(({ number }) => number !== 356);
  const results = run.block([
    proposal(1, { kind: "rulebook", content: { ...rulebook, rails } }),
    proposal(2, { kind: "rulebook", content: { ...rulebook, rails: net } }),
    proposal(3, { kind: "rulebook", content: { ...rulebook, assets, defaultAsset: 840 } }),
    proposal(4, { kind: "rulebook", content: { ...rulebook, defaultRail: 77 } }),
    proposal(5, {
      kind: "rulebook",
      content: { ...rulebook, assets: rulebook.assets.filter(({ number }) => number === 356) },
    }),
  ]).results;
  expect(results.flat()).toEqual([...Array(4).fill("change_not_allowed"), "proposed"]);
});

describe("pages that no ledger wrote", () => {
  const slots = { proposals: 11, ballots: 12, contents: 15 } as const;
  test.each(Object.entries(slots))("a broken table of %s is refused", (_, slot) => {
    const run = GovernedRun.of();
    run.block([proposal(1, { kind: "version", content: { version: 2 } }), ballot(HDFC, id(SBI, 1), "no")]);
    const genesis = governedGenesis();
    for (const word of [0, 40, 41, 42, 55]) {
      const broken = new GovernedRun(run.ledger);
      broken.history.push(...run.history);
      const spoil = (page: { readonly key: number; readonly bytes: Uint8Array }) => {
        if (Math.floor(page.key / 2 ** 32) !== slot || page.bytes.length < word * 4 + 4) return page;
        const bytes = page.bytes.slice();
        new DataView(bytes.buffer).setUint32(word * 4, 0xffff_fff0, true);
        return { ...page, bytes };
      };
      const isTouched = run.history[0]?.executed.checkpoint?.pages.some((page) => spoil(page) !== page);
      if (isTouched !== true) continue;
      expect(() => GovernedRun.restoredFrom(broken, genesis, spoil), `word ${word}`).toThrow(StatePagesError);
    }
  });
});

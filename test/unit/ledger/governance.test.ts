import { describe, expect, test } from "vitest";
import { RESULT } from "../../../src/formats/index.js";
import { outcomeAt, outcomeCount, ProtocolVersionError } from "../../../src/ledger/index.js";
import type { Epoch, Height } from "../../../src/primitives/index.js";
import { ASHA, BINA, BOOK, RULEBOOK, START, transfers } from "../../fixtures/consortium.js";
import {
  AXIS,
  ballot,
  consensusProof,
  FIU,
  GovernedRun,
  governedGenesis,
  HDFC,
  ICICI,
  id,
  PNB,
  proposal,
  RBI,
  readiness,
  SBI,
  VALIDATORS,
  validatorOf,
  YES,
} from "../../fixtures/governance.js";

const SMALLER = {
  ...RULEBOOK,
  rails: RULEBOOK.rails.map((rail) => (rail.number === BOOK ? { ...rail, maximum: "500" } : rail)),
};
const smaller = { kind: "rulebook", content: SMALLER } as const;
const P1 = id(SBI, 1);

describe("LEDG-41: proposals", () => {
  test("validators and the authority propose, nobody else; the refused consumes no id", () => {
    const run = GovernedRun.of();
    const results = run.block([
      proposal(1, smaller),
      proposal(1, smaller, { by: RBI }),
      proposal(1, smaller, { by: YES }),
      proposal(1, smaller, { by: FIU }),
    ]).results;
    expect(results).toEqual([["proposed"], ["proposed"], ["not_authorised"], ["not_authorised"]]);
    expect(run.ledger.transferPosition(id(YES, 1))).toBeUndefined();
    expect(run.ledger.proposals(0, 10).count).toBe(2);
    expect(run.proposal(P1)).toMatchObject({
      kind: "rulebook",
      state: "open",
      proposer: SBI,
      deadline: START + 1_000 + 604_800_000,
    });
  });

  test("LEDG-6: the same proposal again is exists, other content under its id is told apart", () => {
    const run = GovernedRun.of();
    const other = { kind: "rulebook", content: { ...SMALLER, checkpointBlocks: 9 } } as const;
    expect(run.block([proposal(1, smaller), proposal(1, smaller), proposal(1, other)]).results).toEqual([
      ["proposed"],
      ["exists"],
      ["exists_with_different_content"],
    ]);
  });

  test("a key without scope govern proposes and votes nothing", () => {
    const run = GovernedRun.of();
    expect(run.block([proposal(1, smaller, { key: 1 }), ballot(SBI, P1, "yes", 1, { key: 1 })]).results).toEqual([
      ["key_out_of_scope"],
      ["key_out_of_scope"],
    ]);
  });

  test("bounds: the cap of open proposals, a height that is over, a voting time that is too long or short", () => {
    const run = GovernedRun.of(governedGenesis({ participantCaps: { accounts: 8, pendings: 4, proposals: 2 } }));
    const refused = [proposal(1, smaller, { effectiveHeight: 1 }), proposal(2, smaller, { votingSeconds: 59 })];
    // Those refused count in their block: looking into them is work too.
    expect(run.block([...refused, proposal(3, smaller)]).results.flat()).toEqual([
      "effective_height_out_of_range",
      "voting_time_out_of_range",
      "proposals_cap_exceeded",
    ]);
    const rest = [
      proposal(5, smaller, { effectiveHeight: 3, votingSeconds: 60 }),
      proposal(6, smaller),
      proposal(7, smaller),
    ];
    expect(run.block([proposal(4, smaller, { by: HDFC, votingSeconds: 604_801 }), ...rest]).results.flat()).toEqual([
      "voting_time_out_of_range",
      "proposed",
      "proposed",
      "proposals_cap_exceeded",
    ]);
  });

  test("content of another kind, or that does not hash to what the head says, is no content", () => {
    const run = GovernedRun.of();
    const foreign = { kind: "version", content: SMALLER } as never;
    const broken = proposal(2, smaller);
    broken.bytes[128 + 32] = (broken.bytes[128 + 32] as number) ^ 1;
    expect(run.block([proposal(1, foreign), broken]).results.flat()).toEqual([
      "content_not_valid",
      "content_not_valid",
    ]);
  });
});

describe("LEDG-42: ballots", () => {
  test("a quorum of validators passes it; one ballot each, which may change until then", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, smaller)]);
    run.block([ballot(SBI, P1), ballot(HDFC, P1, "no"), ballot(ICICI, P1), ballot(SBI, P1)]);
    expect(run.proposal(P1)).toMatchObject({ state: "open" });
    expect(run.proposal(P1).ballots.map(({ participant, choice }) => [participant, choice])).toEqual([
      [SBI, "yes"],
      [HDFC, "no"],
      [ICICI, "yes"],
    ]);
    expect(run.block([ballot(HDFC, P1), ballot(AXIS, P1)]).results.flat()).toEqual(["applied", "proposal_not_open"]);
    expect(run.proposal(P1)).toMatchObject({ state: "passed", passedHeight: 3 });
  });

  test("banks without a validator and observers do not vote, and nobody votes on what is not there", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, smaller)]);
    const results = run.block([ballot(YES, P1), ballot(FIU, P1), ballot(RBI, P1), ballot(SBI, id(SBI, 9))]).results;
    expect(results.flat()).toEqual(["not_authorised", "not_authorised", "not_authorised", "proposal_not_found"]);
  });

  test("the rulebook sets thresholds by kind", () => {
    const governance = { votingSecondsMax: 600, keyDelaySeconds: 0, thresholds: { rulebook: "all" } } as const;
    const run = GovernedRun.of(governedGenesis({ governance }));
    run.pass(1, smaller);
    expect(run.proposal(P1).state).toBe("open");
    run.block([ballot(AXIS, P1)]);
    expect(run.proposal(P1).state).toBe("passed");
  });

  test("ballots end at the deadline, by block time, even before the proposal lapses", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, smaller, { votingSeconds: 60 })], START);
    expect(run.ledger.nextDeadline()).toBe(START + 60_000);
    const { results, executed, block } = run.block([ballot(SBI, P1)], START + 60_000);
    expect(results.flat()).toEqual(["proposal_not_open"]);
    expect(run.proposal(P1)).toMatchObject({ state: "lapsed", resolution: { height: 2, index: 0 } });
    const outcome = outcomeAt(executed.outcomes, 0, (index) => block.batches[index]?.bytes as Uint8Array);
    expect(outcome).toMatchObject({ subject: "proposal", code: RESULT.lapsed, kind: "resolution", participant: SBI });
    expect(run.ledger.nextDeadline()).toBeUndefined();
    expect(run.ledger.transferPosition(P1)).toMatchObject({ kind: "governance", resolution: { height: 2, index: 0 } });
  });
});

describe("LEDG-43: activation", () => {
  test("it is the first thing in the block after the vote: payments of that block meet the new rules", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, smaller)]);
    const pay = (rest: number) =>
      transfers(SBI, [{ id: id(SBI, rest), debitAccountId: ASHA, creditAccountId: BINA, amount: "600" }]);
    const votes = [SBI, HDFC, ICICI].map((voter) => ballot(voter, P1));
    expect(run.block([...votes, pay(50)]).results[3]).toEqual(["posted"]);
    expect(run.block([pay(51)]).results).toEqual([["amount_above_rail_maximum"]]);
    expect(run.ledger.rulebook).toEqual(SMALLER);
    expect(run.proposal(P1)).toMatchObject({ state: "activated", resolution: { height: 3, index: 0 } });
  });

  test("an effective height is kept, and a vote that comes too late for it changes nothing", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, smaller, { effectiveHeight: 5 }), proposal(2, smaller, { effectiveHeight: 4 })]);
    run.block([SBI, HDFC, ICICI].map((voter) => ballot(voter, P1)));
    run.block([]);
    run.block([]);
    expect(run.ledger.rulebook).toEqual(RULEBOOK);
    expect([run.proposal(P1).state, run.proposal(id(SBI, 2)).state]).toEqual(["passed", "lapsed"]);
    run.block([]);
    expect(run.ledger.rulebook).toEqual(SMALLER);
  });

  test("what no longer fits when its time comes is not activated, and says so", () => {
    const run = GovernedRun.of();
    const newcomer = { kind: "participant", content: { name: "BOB", role: "bank", keys: [] } } as const;
    run.block([proposal(1, newcomer), proposal(2, newcomer)]);
    run.block([1, 2].flatMap((rest) => [SBI, HDFC, ICICI].map((voter) => ballot(voter, id(SBI, rest)))));
    const { executed } = run.block([]);
    expect([run.proposal(P1).state, run.proposal(id(SBI, 2)).state]).toEqual(["activated", "not_activated"]);
    expect(outcomeCount(executed.outcomes)).toBe(2);
    expect(run.ledger.participant(9 as never)).toMatchObject({ name: "BOB", role: "bank" });
  });

  test("LEDG-47: a protocol version that this program does not know stops it before it executes anything", () => {
    const run = GovernedRun.of();
    const version = { kind: "version", content: { version: 2 } } as const;
    run.block([proposal(1, version)]);
    const results = run.block([
      ballot(SBI, P1, "yes", 1),
      ballot(SBI, P1, "yes", 2),
      ballot(HDFC, P1, "yes", 3),
    ]).results;
    expect(results.flat()).toEqual(["version_not_run", "applied", "applied"]);
    expect(run.proposal(P1).state).toBe("open");
    run.block([ballot(ICICI, P1, "yes", 2)]);
    expect(() => run.block([])).toThrow(ProtocolVersionError);
    expect(run.ledger.height).toBe(3);
  });
});

describe("LEDG-44: validators", () => {
  const next = (...participants: readonly (typeof SBI)[]) =>
    ({
      kind: "validators",
      content: { validators: [...participants].sort((a, b) => a - b).map(validatorOf) },
    }) as const;

  test("a passed set follows the present one, at its height", () => {
    const run = GovernedRun.of();
    run.pass(1, next(SBI, HDFC, ICICI, AXIS, YES));
    run.block([]);
    expect(run.ledger.nextSet).toMatchObject({ epoch: 1, decidedAt: 3 });
    expect(run.ledger.nextSet?.validators.map(({ name }) => name)).toEqual(["SBI", "HDFC", "ICICI", "AXIS", "YES"]);
    expect(run.ledger.validatorsAt(1 as never)?.length).toBe(5);
  });

  test("fewer than four are refused, and a second change in one epoch is not activated", () => {
    const run = GovernedRun.of();
    expect(run.block([proposal(1, next(SBI, HDFC, ICICI))]).results.flat()).toEqual(["validators_out_of_range"]);
    run.pass(2, next(SBI, HDFC, ICICI, AXIS, YES));
    run.pass(3, next(SBI, HDFC, ICICI, AXIS, PNB));
    run.block([]);
    expect(run.proposal(id(SBI, 3)).state).toBe("not_activated");
  });

  test("keys that prove no possession, strangers and keys listed twice are refused", () => {
    const run = GovernedRun.of();
    const forged = { ...validatorOf(YES), proofOfPossession: validatorOf(PNB).proofOfPossession };
    const twice = { ...validatorOf(PNB), participant: YES };
    const set = (...more: readonly ReturnType<typeof validatorOf>[]) =>
      ({
        kind: "validators",
        content: { validators: [SBI, HDFC, ICICI, AXIS].map(validatorOf).concat(more) },
      }) as const;
    const results = run.block([
      proposal(1, set(forged)),
      proposal(2, set(twice, validatorOf(PNB))),
      proposal(3, set({ ...validatorOf(YES), participant: 99 as never })),
      proposal(4, set()),
    ]).results;
    expect(results.flat()).toEqual([
      "possession_not_proven",
      "change_not_allowed",
      "change_not_allowed",
      "change_not_allowed",
    ]);
  });
});

describe("LEDG-48: newcomers", () => {
  const five = { kind: "validators", content: { validators: [...VALIDATORS, YES].map(validatorOf) } } as const;
  const votes = [SBI, HDFC, ICICI].map((voter) => ballot(voter, P1));

  test("what passed waits until the newcomer has stated what everybody computed", () => {
    const run = GovernedRun.of();
    run.block([]);
    run.block([proposal(1, five)]);
    run.block([SBI, HDFC, ICICI].map((voter) => ballot(voter, P1)));
    run.block([]);
    expect(run.proposal(P1)).toMatchObject({ state: "passed", ready: [] });
    expect(run.ledger.nextSet).toBeUndefined();
    // Work for a proposer is its end, not the waiting.
    expect(run.ledger.nextDeadline()).toBe(run.proposal(P1).deadline);
    expect(run.block([run.ready(YES, P1)]).results.flat()).toEqual(["applied"]);
    expect(run.proposal(P1).ready).toEqual([{ participant: YES, height: 5 }]);
    run.block([]);
    expect(run.proposal(P1).state).toBe("activated");
    expect(run.ledger.nextSet).toMatchObject({ epoch: 1, decidedAt: 6 });
  });

  test("another root, a height that is over or to come, and a height of long ago prove nothing", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, five)]);
    for (let height = 2; height <= 300; height += 1) run.block([]);
    const results = run.block([
      run.ready(YES, P1, { stateRoot: "ab".repeat(32) as never }),
      run.ready(YES, P1, { executedHeight: 301 as Height }),
      run.ready(YES, P1, { executedHeight: (301 - 257) as Height }),
    ]).results;
    expect(results.flat()).toEqual(Array(3).fill("readiness_not_proven"));
    expect(run.proposal(P1).ready).toEqual([]);
    expect(run.block([run.ready(YES, P1, { executedHeight: (302 - 256) as Height })]).results.flat()).toEqual([
      "applied",
    ]);
  });

  test("the root is that of the newest checkpoint before the proposal", () => {
    const run = GovernedRun.of();
    const { checkpointBlocks } = run.ledger.rulebook;
    for (let height = 1; height <= checkpointBlocks; height += 1) run.block([]);
    const { stateRoot } = run.ledger;
    run.block([proposal(1, five)]);
    expect(run.proposal(P1).stateRoot).toBe(stateRoot);
    for (let height = 0; height < checkpointBlocks; height += 1) run.block([]);
    expect(run.ledger.stateRoot).not.toBe(stateRoot);
    expect(run.proposal(P1).stateRoot).toBe(stateRoot);
  });

  test("only whom a change of validators brings in says so, of a proposal that is not over", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, five), proposal(2, smaller)]);
    const statements = [run.ready(PNB, P1), run.ready(SBI, P1), run.ready(YES, id(SBI, 2)), run.ready(YES, P1)];
    const unknown = readiness(YES, id(SBI, 9));
    expect(run.block([...statements, unknown, ...votes]).results.flat()).toEqual([
      ...["not_authorised", "not_authorised", "not_authorised", "applied", "proposal_not_found"],
      ...["applied", "applied", "applied"],
    ]);
    expect(run.block([run.ready(YES, P1)]).results.flat()).toEqual(["proposal_not_open"]);
  });

  test("a change whose newcomer never speaks ends with its time for ballots, and then another may pass", () => {
    const run = GovernedRun.of();
    run.block([proposal(1, five, { votingSeconds: 60 })], START);
    run.block([SBI, HDFC, ICICI].map((voter) => ballot(voter, P1)));
    run.block([], START + 59_999);
    expect(run.proposal(P1).state).toBe("passed");
    run.block([], START + 60_000);
    expect(run.proposal(P1)).toMatchObject({ state: "not_activated", resolution: { height: 4, index: 0 } });
    expect(run.ledger.nextSet).toBeUndefined();
    run.pass(2, five);
    run.block([]);
    expect(run.ledger.nextSet).toMatchObject({ epoch: 1 });
  });

  test("of two newcomers both have to speak; who validates already and gets a new key does not", () => {
    const run = GovernedRun.of();
    const renewed = { ...validatorOf(AXIS), ...consensusProof(30) };
    const validators = [...[SBI, HDFC, ICICI].map(validatorOf), renewed, ...[YES, PNB].map(validatorOf)];
    run.block([proposal(1, { kind: "validators", content: { validators } })]);
    run.block([...[SBI, HDFC, ICICI].map((voter) => ballot(voter, P1)), run.ready(PNB, P1)]);
    run.block([run.ready(YES, P1)]);
    expect(run.ledger.nextSet).toBeUndefined();
    run.block([]);
    expect(run.ledger.nextSet?.decidedAt).toBe(4);
  });

  test("LEDG-20: who has spoken survives a restart, and nothing else counts as having spoken", () => {
    const run = GovernedRun.of(governedGenesis({ checkpointBlocks: 2 }));
    run.block([proposal(1, five)]);
    run.block([...[SBI, HDFC].map((voter) => ballot(voter, P1)), run.ready(YES, P1)]);
    const restored = GovernedRun.restoredFrom(run, governedGenesis({ checkpointBlocks: 2 }));
    expect(restored.proposal(P1)).toEqual(run.proposal(P1));
    for (const batches of [[ballot(ICICI, P1)], [], []])
      expect(restored.block(batches).executed.leaf).toEqual(run.block(batches).executed.leaf);
    expect(restored.ledger.nextSet).toEqual(run.ledger.nextSet);
    expect(run.ledger.nextSet?.decidedAt).toBe(4);
  });
});

test("LEDG-20: a ledger restored from pages goes on exactly as the one that wrote them", () => {
  const run = GovernedRun.of();
  run.pass(1, { kind: "participant", content: { name: "BOB", role: "observer", keys: [] } });
  run.block([proposal(2, smaller), ballot(HDFC, id(SBI, 2))]);
  const restored = GovernedRun.restoredFrom(run);
  const rest = [[ballot(SBI, id(SBI, 2)), ballot(ICICI, id(SBI, 2))], []];
  for (const batches of rest) {
    expect(restored.block(batches).executed.leaf).toEqual(run.block(batches).executed.leaf);
  }
  expect(restored.ledger.rulebook).toEqual(SMALLER);
  expect(restored.ledger.participants()).toEqual(run.ledger.participants());
  expect(restored.ledger.height).toBe(5 as Height);
});

test("LEDG-20: sets that came into force in another order than they were proposed in survive a restart", () => {
  const genesis = governedGenesis({ checkpointBlocks: 1 });
  const run = GovernedRun.of(genesis);
  const [first, ...others] = VALIDATORS.map(validatorOf);
  const joined = { kind: "validators", content: { validators: [...VALIDATORS, YES].map(validatorOf) } } as const;
  const renewed = { ...first, ...consensusProof(30) } as ReturnType<typeof validatorOf>;
  run.block([proposal(1, joined)]);
  run.block([SBI, HDFC, ICICI].map((voter) => ballot(voter, P1)));
  run.pass(2, { kind: "validators", content: { validators: [renewed, ...others] } });
  run.block([]);
  expect(run.ledger.nextSet?.epoch).toBe(1);
  run.block([run.ready(YES, P1)], undefined, 1);
  run.block([], undefined, 1);
  expect(run.ledger.nextSet?.epoch).toBe(2);
  run.block([proposal(3, { kind: "validators", content: { validators: VALIDATORS.map(validatorOf) } })], undefined, 2);
  run.block(
    [SBI, HDFC, ICICI, YES].map((voter) => ballot(voter, id(SBI, 3))),
    undefined,
    2,
  );
  run.block([], undefined, 2);
  const restored = GovernedRun.restoredFrom(run, genesis);
  for (const [epoch, size] of [4, 4, 5, 4].entries()) {
    expect(run.ledger.validatorsAt(epoch as Epoch)?.length).toBe(size);
    expect(restored.ledger.validatorsAt(epoch as Epoch)).toEqual(run.ledger.validatorsAt(epoch as Epoch));
  }
});

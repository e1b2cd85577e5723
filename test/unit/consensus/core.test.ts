import { describe, expect, test } from "vitest";
import {
  type Admitted,
  type AgreementMessage,
  type AgreementState,
  certificatesFor,
  contradicted,
  type Effect,
  type Event,
  firstTimeoutMs,
  step,
  type Vote,
  viewTimeoutMs,
} from "../../../src/consensus/index.js";
import type { Certificate, VoteKind } from "../../../src/formats/index.js";
import {
  epoch,
  height,
  utf8,
  type ValidatorIndex,
  VIEWS_AHEAD_MAX,
  view,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";
import { batch, claimAt, core, digest, GENESIS_TIME } from "./core-cluster.js";

const A = digest("block A");
const B = digest("block B");
const C = digest("block C");
const feed = (state: AgreementState, event: Event, at = 10): Effect[] =>
  step(state, event, { at, wall: GENESIS_TIME + 1_000 + at });
const receive = (state: AgreementState, from: number, message: AgreementMessage): Effect[] =>
  feed(state, { type: "received", from: from as ValidatorIndex, message: message as Admitted<AgreementMessage> });
/** Of validators that no test here plays: a certificate with our own bit would tell of votes that we did not cast. */
const certificate = (kind: VoteKind, at: number, hash = A): Certificate => ({
  kind,
  epoch: epoch(0),
  view: view(at),
  hash: kind === "TIMEOUT" ? ZERO_DIGEST : hash,
  signers: 0b0101,
  signature: utf8("aggregate"),
});
const vote = (signer: number, kind: VoteKind, at: number, hash = A): Vote => ({
  kind,
  epoch: epoch(0),
  view: view(at),
  hash: kind === "TIMEOUT" ? ZERO_DIGEST : hash,
  signer: signer as ValidatorIndex,
  signature: utf8(`vote of ${signer}`),
  certificate: undefined,
});
const cast = (state: AgreementState, signer: number, kind: VoteKind, at: number, hash = A): Effect[] =>
  receive(state, signer, { type: "vote", vote: vote(signer, kind, at, hash) });
const kinds = (effects: readonly Effect[]): string[] =>
  effects.map((effect) => (effect.type === "sign" ? `sign ${effect.subject.kind}` : effect.type));

describe("the order of effects", () => {
  test("SAFE-4, attack 50: the record is durable before COMMIT is signed, with the PrepareQC that it shows", () => {
    const state = core(1);
    const effects = receive(state, 0, { type: "certificate", certificate: certificate("PREPARE", 1) });
    const persist = effects.findIndex(({ type }) => type === "persist");
    const sign = effects.findIndex(({ type }) => type === "sign");
    expect(persist).toBeGreaterThanOrEqual(0);
    expect(sign).toBeGreaterThan(persist);
    expect(effects[persist]).toMatchObject({
      record: { view: 1, hash: A, committed: true, timedOut: false },
      certificates: [{ kind: "PREPARE", view: 1 }],
    });
    expect(kinds(effects)).not.toContain("send");
    expect(state.current).toBe(2);
  });

  test("the vote leaves when its signature comes back, with its certificate", () => {
    const state = core(1);
    receive(state, 0, { type: "certificate", certificate: certificate("PREPARE", 1) });
    const { kind, epoch: inEpoch, view: at, hash } = certificate("COMMIT", 1);
    const effects = feed(state, {
      type: "signed",
      subject: { kind, epoch: inEpoch, view: at, hash },
      signature: utf8("own"),
    });
    const sent = effects.find((effect) => effect.type === "send" && effect.message.type === "vote");
    expect(sent).toMatchObject({
      to: "all",
      message: { vote: { kind: "COMMIT", signer: 1, certificate: { kind: "PREPARE" } } },
    });
  });
});

describe("votes", () => {
  test("SAFE-2: q equal votes are checked together, once", () => {
    const state = core(3);
    expect(kinds(cast(state, 0, "PREPARE", 1))).not.toContain("check-votes");
    expect(kinds(cast(state, 1, "PREPARE", 1))).not.toContain("check-votes");
    const third = cast(state, 2, "PREPARE", 1);
    expect(third.find(({ type }) => type === "check-votes")).toMatchObject({
      votes: [{ signer: 0 }, { signer: 1 }, { signer: 2 }],
    });
  });

  test("attack 1: a signer counts once however often it votes", () => {
    const state = core(3);
    for (let repeat = 0; repeat < 5; repeat += 1)
      expect(kinds(cast(state, 0, "PREPARE", 1))).not.toContain("check-votes");
    expect(state.tallies.get(view(1))?.votes.PREPARE.size).toBe(1);
  });

  test("attack 10: votes that do not verify are dropped, and the next one completes the quorum", () => {
    const state = core(3);
    for (const signer of [0, 1, 2]) cast(state, signer, "PREPARE", 1);
    const subject = { kind: "PREPARE", epoch: epoch(0), view: view(1), hash: A } as const;
    const after = feed(state, { type: "votes-checked", subject, certificate: undefined, bad: [1 as ValidatorIndex] });
    expect(after).toContainEqual({ type: "observe", fact: { type: "bad-votes", signers: [1], view: 1 } });
    expect(kinds(cast(state, 3, "PREPARE", 1))).toContain("check-votes");
  });

  test("attack 19, SAFE-10: a second vote for another block is evidence and not counted", () => {
    const state = core(3);
    cast(state, 0, "PREPARE", 1, A);
    const effects = cast(state, 0, "PREPARE", 1, B);
    expect(effects.find(({ type }) => type === "accuse")).toMatchObject({ first: { hash: A }, second: { hash: B } });
    expect(state.tallies.get(view(1))?.votes.PREPARE.get(0 as ValidatorIndex)?.hash).toBe(A);
    expect(kinds(cast(state, 0, "PREPARE", 1, B))).not.toContain("accuse");
  });

  test("attack 22, SAFE-10: COMMIT beside TIMEOUT is evidence; PREPARE beside TIMEOUT is not", () => {
    const state = core(3);
    cast(state, 0, "PREPARE", 1);
    expect(kinds(cast(state, 0, "TIMEOUT", 1))).not.toContain("accuse");
    expect(kinds(cast(state, 0, "COMMIT", 1))).toContain("accuse");
  });

  test("SAFE-10: PREPARE of one block and COMMIT of another in one view are evidence", () => {
    const state = core(3);
    cast(state, 0, "PREPARE", 1, A);
    expect(kinds(cast(state, 0, "COMMIT", 1, A))).not.toContain("accuse");
    const other = core(3);
    cast(other, 0, "PREPARE", 1, A);
    const effects = cast(other, 0, "COMMIT", 1, B);
    expect(effects.find(({ type }) => type === "accuse")).toMatchObject({ first: { hash: A }, second: { hash: B } });
  });

  test("SAFE-10: a held vote that turns out badly signed makes room, and what comes after it still convicts", () => {
    const state = core(3);
    const bad = { kind: "PREPARE", epoch: epoch(0), view: view(1), hash: C } as const;
    cast(state, 0, "PREPARE", 1, C);
    const next = { ...bad, hash: A, signer: 0 as ValidatorIndex };
    expect(contradicted(state, next)).toMatchObject([{ hash: C, signer: 0 }]);
    // The verifier found the held one bad before it lets the next one in.
    feed(state, { type: "votes-checked", subject: bad, certificate: undefined, bad: [0 as ValidatorIndex] });
    expect(contradicted(state, next)).toEqual([]);
    expect(kinds(cast(state, 0, "PREPARE", 1, A))).not.toContain("accuse");
    const effects = cast(state, 0, "PREPARE", 1, B);
    expect(effects.find(({ type }) => type === "accuse")).toMatchObject({ first: { hash: A }, second: { hash: B } });
    // Once convicted there is nothing more to check, whatever its signer sends.
    expect(contradicted(state, { ...next, hash: C })).toEqual([]);
  });

  test("attacks 41 and 71, SAFE-9: votes far ahead are not kept, and the sender is told where we are", () => {
    const state = core(3);
    for (let at = 1; at < 1_000; at += 1) cast(state, 0, "TIMEOUT", at);
    expect(state.tallies.size).toBeLessThanOrEqual(VIEWS_AHEAD_MAX + 1);
    expect(state.current).toBe(1);
    const effects = feed(state, {
      type: "received",
      from: 1 as ValidatorIndex,
      message: { type: "vote", vote: vote(1, "TIMEOUT", 500) } as Admitted<AgreementMessage>,
    });
    expect(effects).toMatchObject([{ type: "send", to: 1, message: { type: "status" } }]);
  });
});

describe("leaving a view", () => {
  test("LIVE-2: f TIMEOUTs of others move nobody, f+1 do", () => {
    const state = core(3);
    expect(kinds(cast(state, 1, "TIMEOUT", 1))).not.toContain("sign TIMEOUT");
    expect(kinds(cast(state, 2, "TIMEOUT", 1))).toContain("sign TIMEOUT");
  });

  test("LIVE-2: the leader's own TIMEOUT is enough", () => {
    expect(kinds(cast(core(3), 0, "TIMEOUT", 1))).toContain("sign TIMEOUT");
  });

  test("attack 40: a certificate far ahead moves a replica at once", () => {
    const state = core(3);
    const effects = receive(state, 1, { type: "certificate", certificate: certificate("TIMEOUT", 1_000) });
    expect(state.current).toBe(1_001);
    expect(effects).toContainEqual({
      type: "send",
      to: "all",
      message: { type: "certificate", certificate: certificate("TIMEOUT", 1_000) },
    });
  });

  test("PACE-1: the timeout grows by half per failed view, up to the cap", () => {
    const state = core(3);
    expect(viewTimeoutMs(state)).toBe(firstTimeoutMs(state));
    receive(state, 1, { type: "certificate", certificate: certificate("TIMEOUT", 3) });
    expect(viewTimeoutMs(state)).toBeCloseTo(firstTimeoutMs(state) * 1.5 ** 2);
    receive(state, 1, { type: "certificate", certificate: certificate("TIMEOUT", 1_000) });
    expect(viewTimeoutMs(state)).toBe(state.setting.timing.capMs);
  });

  test("a timer of a view that is over does nothing", () => {
    const state = core(3);
    const armed = feed(state, { type: "batch-held", batch: batch("one") });
    const timers = armed.filter((effect) => effect.type === "arm-timer");
    expect(timers).toHaveLength(2);
    receive(state, 1, { type: "certificate", certificate: certificate("TIMEOUT", 1) });
    for (const { timer } of timers) expect(feed(state, { type: "timer-fired", timer }, 60_000)).toEqual([]);
  });
});

describe("claims", () => {
  test("SAFE-8: roots that contradict a certified claim stop this replica, and it says from where", () => {
    const state = core(3);
    feed(state, {
      type: "executed",
      claim: { ...claimAt(1), stateRoot: digest("mine") },
      eventful: true,
      nextDeadline: undefined,
    });
    state.certifiedClaims.set(claimAt(2).height, claimAt(2));
    const effects = feed(state, {
      type: "executed",
      claim: { ...claimAt(2), stateRoot: digest("mine") },
      eventful: true,
      nextDeadline: undefined,
    });
    expect(effects).toContainEqual({
      type: "persist-divergence",
      divergence: { agreedHeight: 0, certified: claimAt(2), own: { ...claimAt(2), stateRoot: digest("mine") } },
    });
    expect(state.diverged).toBe(true);
    expect(kinds(cast(state, 0, "TIMEOUT", 1))).not.toContain("sign TIMEOUT");
  });
});

describe("restart", () => {
  test("LIVE-4: recorded votes are cast again with the same words", () => {
    const record = { epoch: epoch(0), view: view(4), hash: A, prepared: true, committed: true, timedOut: false };
    const state = core(1, 4, { record, certificates: [certificate("PREPARE", 4)] });
    expect(state.current).toBe(5);
    expect(kinds(feed(state, { type: "started" })).filter((kind) => kind.startsWith("sign"))).toEqual([
      "sign PREPARE",
      "sign COMMIT",
    ]);
  });

  test("SAFE-11: nothing new is signed before a quorum was heard, what was signed is repeated at once", () => {
    const record = { epoch: epoch(0), view: view(4), hash: A, prepared: true, committed: false, timedOut: false };
    const state = core(1, 4, { record });
    expect(kinds(feed(state, { type: "started" }))).toContain("sign PREPARE");
    expect(kinds(receive(state, 0, { type: "certificate", certificate: certificate("PREPARE", 4) }))).not.toContain(
      "sign COMMIT",
    );
    expect(state.current).toBe(5);
    const status = { epoch: epoch(0), view: view(5), finalizedView: view(0), finalizedHeight: height(0) };
    receive(state, 0, { type: "status", status });
    expect(kinds(cast(state, 0, "TIMEOUT", 5))).not.toContain("sign TIMEOUT");
    expect(kinds(cast(state, 2, "TIMEOUT", 5))).toContain("sign TIMEOUT");
  });

  test("attack 51, SAFE-11: a certificate with our own vote above our record ends voting, a forged bit elsewhere does not", () => {
    const record = { epoch: epoch(0), view: view(4), hash: A, prepared: true, committed: true, timedOut: false };
    const bearing = (at: number): Certificate => ({ ...certificate("TIMEOUT", at), signers: 0b0111 });
    const restored = core(1, 4, { record });
    receive(restored, 0, { type: "certificate", certificate: certificate("TIMEOUT", 6) });
    expect(restored.outdated).toBe(false);
    const effects = receive(restored, 0, { type: "certificate", certificate: bearing(7) });
    expect(effects).toContainEqual({ type: "observe", fact: { type: "record-outdated", view: 7 } });
    for (const other of [0, 2]) expect(kinds(cast(restored, other, "TIMEOUT", 8))).not.toContain("sign TIMEOUT");

    const known = core(1, 4, { record, certificates: [certificate("TIMEOUT", 7)] });
    receive(known, 0, { type: "certificate", certificate: bearing(7) });
    expect(known.outdated).toBe(false);
  });

  test("a replica that may not vote follows without a word", () => {
    const state = core(1);
    const silent = { ...state, setting: { ...state.setting, self: undefined } };
    expect(kinds(receive(silent, 0, { type: "certificate", certificate: certificate("PREPARE", 1) }))).not.toContain(
      "sign COMMIT",
    );
    expect(silent.current).toBe(2);
  });

  test("a hostile range of views costs nothing", () => {
    const state = core(1);
    receive(state, 0, { type: "certificate", certificate: certificate("TIMEOUT", 3) });
    expect(certificatesFor(state, view(0), view(Number.MAX_SAFE_INTEGER)).map(({ view: at }) => at)).toEqual([3]);
  });
});

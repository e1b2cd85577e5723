import { describe, expect, test } from "vitest";
import { countedRoot } from "../../../src/crypto/index.js";
import {
  decodeSettlement,
  encodeRows,
  type Rulebook,
  type RulebookRail,
  type TransferFields,
} from "../../../src/formats/index.js";
import { Ledger, outcomeAt, outcomeCount, type StatePage, settlementRows } from "../../../src/ledger/index.js";
import type { Height, Id128, ParticipantNumber } from "../../../src/primitives/index.js";
import {
  ACCOUNTS,
  ASHA,
  actions,
  BINA,
  CHAIN,
  FIU,
  FUNDING,
  HARI,
  HDFC,
  HDFC_SETTLEMENT,
  INR,
  ISSUANCE,
  id,
  makeGenesis,
  openings,
  RBI,
  RULEBOOK,
  Run,
  SBI,
  SBI_SETTLEMENT,
  START,
  transfers,
  USD,
} from "../../fixtures/consortium.js";

const NEFT = 10;
const SBI_RESERVE = id(RBI, 0x22);
const HDFC_RESERVE = id(RBI, 0x23);
const HOUR = 3_600_000;
/** 22:13:20 UTC is 03:43:20 of the scheme day: the next cut is at 04:00. */
const NEXT_CUT = Math.ceil((START + 19_800_000) / HOUR) * HOUR - 19_800_000;

const neft: RulebookRail = {
  number: NEFT,
  name: "NEFT",
  minimum: "1",
  maximum: "18446744073709551615",
  timeoutSecondsMax: 86_400,
  partialPost: true,
  settlement: "net",
};

interface Setting {
  readonly rail?: Partial<RulebookRail>;
  readonly rules?: Partial<Rulebook>;
  readonly reserves?: readonly [sbi: string, hdfc: string];
}

function runWith({ rail, rules, reserves = ["1000", "1000"] }: Setting = {}): Run {
  const genesis = makeGenesis({
    accounts: [
      ...ACCOUNTS,
      { id: SBI_RESERVE, owner: SBI, asset: INR, kind: "reserve" },
      { id: HDFC_RESERVE, owner: HDFC, asset: INR, kind: "reserve" },
    ],
    funding: [
      ...FUNDING,
      { debit: ISSUANCE, credit: SBI_RESERVE, amount: reserves[0] },
      { debit: ISSUANCE, credit: HDFC_RESERVE, amount: reserves[1] },
    ],
    rules: {
      rails: [...RULEBOOK.rails, { ...neft, ...rail }],
      windowTimes: Array.from({ length: 24 }, (_, hour) => hour * 3_600),
      participantCaps: { accounts: 20, pendings: 10 },
      ...rules,
    },
  });
  return Run.of(genesis);
}

const pay = (rest: number, amount: string, changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: ASHA,
  creditAccountId: HARI,
  amount,
  rail: NEFT,
  ...changes,
});
const back = (rest: number, amount: string, changes: Partial<TransferFields> = {}): TransferFields =>
  pay(rest, amount, { id: id(HDFC, rest), debitAccountId: HARI, creditAccountId: ASHA, ...changes });

const cut = (rest: number) => actions(RBI, [{ id: id(RBI, rest), accountId: ISSUANCE, action: "cut_window" }]);
const exposureOf = (run: Run, bank: ParticipantNumber): bigint =>
  run.ledger.positions().find(({ participant }) => participant === bank)?.exposure ?? 0n;

/** Every leaf of the newest block that tells of a settlement. */
function settled(run: Run): readonly ReturnType<typeof decodeSettlement>[] {
  const { block, executed } = run.history[run.history.length - 1] as Run["history"][number];
  return Array.from({ length: outcomeCount(executed.outcomes) }, (_, index) =>
    outcomeAt(executed.outcomes, index, (at) => block.batches[at]?.bytes as Uint8Array),
  )
    .filter((outcome) => outcome?.subject === "settlement")
    .map((outcome) => decodeSettlement(outcome?.record as Uint8Array));
}

function checkMoney(run: Run): void {
  for (const totals of run.ledger.conservation()) {
    expect(totals.debitsPosted).toBe(totals.creditsPosted);
    expect(totals.debitsPending).toBe(totals.creditsPending);
    expect(totals.settlement).toBe(totals.issued);
    expect(totals.owed).toBe(totals.due);
  }
}

describe("net rails", () => {
  test("LEDG-21: customers' money moves at once, the banks' counts into the window and no bank money moves", () => {
    const run = runWith();
    expect(run.transfer(SBI, pay(1, "300"))).toEqual(["posted"]);
    expect(run.balances(ASHA)).toEqual([0, 300, 0, 100_000]);
    expect(run.balances(HARI)).toEqual([0, 0, 0, 100_300]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 0, 0, 50_000]);
    expect(run.balances(SBI_RESERVE)).toEqual([0, 0, 0, 1_000]);
    expect(run.ledger.windows({ skip: 0, limit: 9 }).windows).toMatchObject([
      { number: 1, state: "open", payments: 1 },
    ]);
    expect(run.ledger.windowRows(INR, 1)).toEqual([{ payer: SBI, payee: HDFC, payments: 1, sum: 300n }]);
    checkMoney(run);
  });

  test("LEDG-21: within a bank a net rail counts nothing", () => {
    const run = runWith();
    expect(run.transfer(SBI, pay(1, "300", { creditAccountId: BINA }))).toEqual(["posted"]);
    expect(run.ledger.windows({ skip: 0, limit: 9 }).windows).toEqual([]);
    expect(run.ledger.nextDeadline()).toBeUndefined();
  });

  test("LEDG-22: a bank owes at most its reserve; what it got in the same window offsets", () => {
    const run = runWith();
    expect(run.transfer(SBI, pay(1, "1000"), pay(2, "1"))).toEqual(["posted", "insufficient_reserve"]);
    expect(run.transfer(HDFC, back(1, "400"))).toEqual(["posted"]);
    expect(run.transfer(SBI, pay(3, "401"), pay(4, "400"))).toEqual(["insufficient_reserve", "posted"]);
    expect(exposureOf(run, SBI)).toBe(1_000n);
    expect(exposureOf(run, HDFC)).toBe(0n);
  });

  test("LEDG-22: the cap of the rulebook bounds it too, of a bank by name or of all", () => {
    const named = runWith({
      rules: { netDebitCaps: [{ participant: SBI, asset: INR, cap: "250" }], netDebitCapDefault: "100" },
    });
    expect(named.transfer(SBI, pay(1, "251"), pay(2, "250"))).toEqual(["net_debit_cap_exceeded", "posted"]);
    expect(named.transfer(HDFC, back(1, "351"), back(2, "350"))).toEqual(["net_debit_cap_exceeded", "posted"]);
  });

  test("LEDG-22: a window's credits do not offset another's debits", () => {
    const run = runWith();
    expect(run.transfer(SBI, pay(1, "600"))).toEqual(["posted"]);
    run.block([cut(1), transfers(HDFC, [back(1, "900")])]);
    expect(run.ledger.windows({ skip: 0, limit: 9 }).windows.map(({ state }) => state)).toEqual(["open", "closed"]);
    expect(exposureOf(run, SBI)).toBe(600n);
    expect(exposureOf(run, HDFC)).toBe(900n);
  });

  test("LEDG-22: pending debits count in full, and posting never makes the exposure larger", () => {
    const run = runWith();
    expect(run.transfer(SBI, pay(1, "700", { flags: ["pending"], timeoutSeconds: 60 }), pay(2, "301"))).toEqual([
      "reserved",
      "insufficient_reserve",
    ]);
    expect(run.transfer(HDFC, back(1, "500"))).toEqual(["posted"]);
    expect(exposureOf(run, SBI)).toBe(700n);
    const post: TransferFields = { ...pay(3, "600"), flags: ["post_pending"], pendingId: id(SBI, 1) };
    expect(run.transfer(SBI, { ...post, debitAccountId: ASHA })).toEqual(["posted"]);
    expect(exposureOf(run, SBI)).toBe(100n);
    expect(run.ledger.windowRows(INR, 1)).toMatchObject([{ sum: 600n }, { sum: 500n }]);
    checkMoney(run);
  });

  test("LEDG-22: reserve money leaves only down to the exposure, by its bank, the issuer or balancing", () => {
    const run = runWith();
    run.transfer(SBI, pay(1, "600"));
    const move = (rest: number, amount: string, changes: Partial<TransferFields> = {}): TransferFields =>
      pay(rest, amount, { debitAccountId: SBI_RESERVE, creditAccountId: SBI_SETTLEMENT, rail: 0, ...changes });
    expect(run.transfer(SBI, move(2, "401"), move(3, "100"))).toEqual(["insufficient_reserve", "posted"]);
    const redeem = move(4, "301", { id: id(RBI, 4), creditAccountId: ISSUANCE });
    expect(run.transfer(RBI, redeem, { ...redeem, id: id(RBI, 5), amount: "100" })).toEqual([
      "insufficient_reserve",
      "posted",
    ]);
    expect(run.transfer(SBI, move(6, "900", { flags: ["balancing_debit"] }))).toEqual(["posted"]);
    expect(run.balances(SBI_RESERVE)).toEqual([0, 400, 0, 1_000]);
    expect(run.transfer(SBI, move(7, "1"))).toEqual(["insufficient_reserve"]);
    expect(run.transfer(SBI, move(8, "1001"))).toEqual(["insufficient_funds"]);
    checkMoney(run);
  });

  test("LEDG-9: reserve money goes to and from the bank's own settlement account and the issuer only", () => {
    const run = runWith();
    const route = (rest: number, debit: Id128, credit: Id128): TransferFields =>
      pay(rest, "1", { debitAccountId: debit, creditAccountId: credit, rail: 0 });
    const list = [
      route(1, SBI_SETTLEMENT, SBI_RESERVE),
      route(2, SBI_RESERVE, SBI_SETTLEMENT),
      route(3, SBI_RESERVE, HDFC_SETTLEMENT),
      route(4, SBI_RESERVE, HDFC_RESERVE),
      route(5, SBI_SETTLEMENT, HDFC_RESERVE),
      route(6, SBI_RESERVE, ASHA),
      route(7, ASHA, SBI_RESERVE),
    ];
    const refused = ["kinds_not_allowed", "kinds_not_allowed", "kinds_not_allowed", "kinds_not_allowed"];
    expect(run.transfer(SBI, ...list)).toEqual(["posted", "posted", ...refused, "kinds_not_allowed"]);
  });

  test("LEDG-21: the payer's bank needs a reserve account, the other a settlement account; frozen ones pay nothing", () => {
    const run = runWith();
    run.block([actions(SBI, [{ id: id(SBI, 90), accountId: SBI_RESERVE, action: "close" }])]);
    run.block([actions(RBI, [{ id: id(RBI, 90), accountId: SBI_RESERVE, action: "freeze" }])]);
    expect(run.transfer(SBI, pay(1, "1"))).toEqual(["reserve_account_frozen"]);
    const poor = runWith({ reserves: ["1", "1"] });
    poor.transfer(SBI, pay(1, "1", { debitAccountId: SBI_RESERVE, creditAccountId: SBI_SETTLEMENT, rail: 0 }));
    const closing = actions(SBI, [{ id: id(SBI, 91), accountId: SBI_RESERVE, action: "close" }]);
    expect(poor.block([closing]).results).toEqual([["applied"]]);
    expect(poor.transfer(SBI, pay(2, "1"))).toEqual(["reserve_account_not_found"]);
    const again = { id: id(RBI, 0x33), owner: SBI, kind: "reserve" } as const;
    expect(poor.block([openings(RBI, [again, { ...again, id: id(RBI, 0x34) }])]).results).toEqual([
      ["applied", "reserve_account_exists"],
    ]);
    expect(poor.transfer(SBI, pay(3, "1"))).toEqual(["insufficient_reserve"]);
  });

  test("attack 98: positions of 2^63 and more are an overflow, never a wrap", () => {
    const run = runWith({ reserves: ["9223372036854775807", "1000"] });
    run.transfer(SBI, pay(1, "10", { debitAccountId: id(SBI, 0xc0), creditAccountId: ASHA, rail: 0 }));
    const big = pay(2, "9223372036854775808", { flags: [] });
    run.transfer(SBI, pay(3, "9223372036854775900", { debitAccountId: id(SBI, 0xc0), creditAccountId: ASHA, rail: 0 }));
    expect(run.transfer(SBI, big)).toEqual(["balance_overflow"]);
  });
});

describe("windows", () => {
  test("LEDG-23: a block cuts when the rulebook's time has come, settles at once, and net positions sum to zero", () => {
    const run = runWith();
    run.transfer(SBI, pay(1, "300"), pay(2, "50"));
    run.transfer(HDFC, back(1, "120"));
    expect(run.ledger.nextDeadline()).toBe(NEXT_CUT);
    run.block([], NEXT_CUT - 1);
    expect(settled(run)).toEqual([]);
    run.block([], NEXT_CUT);
    expect(run.balances(SBI_RESERVE)).toEqual([0, 230, 0, 1_000]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 0, 0, 50_230]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 0, 0, 50_000]);
    const leaves = settled(run);
    expect(leaves).toMatchObject([
      { type: "position", position: { bank: SBI, debits: 350n, credits: 120n, payments: 3 } },
      { type: "position", position: { bank: HDFC, debits: 120n, credits: 350n, payments: 3 } },
      { type: "summary", summary: { asset: INR, window: 1, rows: 2, banks: 2, payments: 3, closedAt: NEXT_CUT } },
    ]);
    expect(run.ledger.nextDeadline()).toBeUndefined();
    expect(exposureOf(run, SBI)).toBe(0n);
    checkMoney(run);
  });

  test("LEDG-23: the report is in the window's outcome, and its root over all rows is what two banks compare", () => {
    const run = runWith();
    run.transfer(SBI, pay(1, "300"));
    run.transfer(HDFC, back(1, "120"));
    run.block([], NEXT_CUT);
    const window = run.ledger.window(INR, 1);
    expect(window).toMatchObject({ state: "settled", cutBy: "time", settlement: { index: 2 } });
    const rows = settlementRows((run.history[2] as Run["history"][number]).executed.outcomes, 2);
    expect(rows).toEqual([
      { payer: SBI, payee: HDFC, payments: 1, sum: 300n },
      { payer: HDFC, payee: SBI, payments: 1, sum: 120n },
    ]);
    const summary = settled(run)[2] as Extract<ReturnType<typeof decodeSettlement>, { type: "summary" }>;
    expect(summary.summary.reportRoot).toEqual(countedRoot(encodeRows(rows ?? [])));
  });

  test("LEDG-23: a payment in the very block of the cut counts into the next window", () => {
    const run = runWith();
    run.transfer(SBI, pay(1, "300"));
    run.block([transfers(SBI, [pay(2, "7")])], NEXT_CUT);
    expect(run.ledger.windowRows(INR, 2)).toMatchObject([{ sum: 7n }]);
    expect(run.ledger.nextDeadline()).toBe(NEXT_CUT + HOUR);
  });

  test("LEDG-23: windows without payments leave nothing behind, however many times have passed", () => {
    const run = runWith();
    run.transfer(SBI, pay(1, "9", { flags: ["pending"], timeoutSeconds: 30 }));
    run.block([], NEXT_CUT + 5 * HOUR);
    expect(settled(run)).toEqual([]);
    expect(run.ledger.windows({ skip: 0, limit: 9 }).windows).toEqual([]);
  });

  test("LEDG-23: the authority cuts before the time, nobody else, and not what is empty; the next block settles", () => {
    const run = runWith();
    expect(run.block([cut(1)]).results).toEqual([["window_not_open"]]);
    run.transfer(SBI, pay(1, "300"));
    const action = "cut_window" as const;
    const wrong = actions(SBI, [{ id: id(SBI, 9), accountId: ISSUANCE, action }]);
    const other = actions(RBI, [{ id: id(RBI, 9), accountId: SBI_RESERVE, action }]);
    expect(run.block([wrong, other]).results).toEqual([["not_authorised"], ["not_authorised"]]);
    const at = START + 60_000;
    expect(run.block([cut(2)], at).results).toEqual([["applied"]]);
    expect(run.ledger.window(INR, 1)).toMatchObject({ state: "closed", cutBy: "authority", closedAt: at });
    expect(run.ledger.nextDeadline()).toBe(at);
    run.block([], at + 1_000);
    expect(run.ledger.window(INR, 1)?.state).toBe("settled");
    expect(run.balances(SBI_RESERVE)).toEqual([0, 300, 0, 1_000]);
  });

  test("LEDG-24: accounts that a window is to be settled with stay open, and a freeze does not stop settlement", () => {
    const run = runWith();
    run.transfer(SBI, pay(1, "1000"));
    const empty = pay(2, "50000", {
      id: id(HDFC, 2),
      debitAccountId: HDFC_SETTLEMENT,
      creditAccountId: SBI_SETTLEMENT,
      rail: 0,
    });
    run.transfer(HDFC, empty);
    const close = actions(HDFC, [{ id: id(HDFC, 9), accountId: HDFC_SETTLEMENT, action: "close" }]);
    expect(run.block([close]).results).toEqual([["account_not_empty"]]);
    run.block([actions(RBI, [{ id: id(RBI, 9), accountId: SBI_RESERVE, action: "freeze" }])]);
    run.block([], NEXT_CUT);
    expect(run.balances(SBI_RESERVE)).toEqual([0, 1_000, 0, 1_000]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 50_000, 0, 51_000]);
  });

  test("LEDG-14: a failed chain takes its payments out of the window, and the first one's window with it", () => {
    const run = runWith();
    const linked = pay(1, "300", { flags: ["linked"] });
    expect(run.transfer(SBI, linked, pay(2, "701"))).toEqual(["linked_event_failed", "insufficient_reserve"]);
    expect(run.ledger.windows({ skip: 0, limit: 9 }).windows).toEqual([]);
    expect(exposureOf(run, SBI)).toBe(0n);
    expect(run.transfer(SBI, { ...linked, id: id(SBI, 3) }, pay(4, "700"))).toEqual(["posted", "posted"]);
    expect(run.ledger.windowRows(INR, 1)).toEqual([{ payer: SBI, payee: HDFC, payments: 2, sum: 1_000n }]);
    checkMoney(run);
  });

  test("LEDG-13: what a bank may send on the rail in a window; voids give back, and the next window begins anew", () => {
    const run = runWith({ rail: { bankWindowMaximum: "500" } });
    const held = pay(1, "300", { flags: ["pending"], timeoutSeconds: 60 });
    expect(run.transfer(SBI, held, pay(2, "201"), pay(3, "200"))).toEqual([
      "reserved",
      "bank_window_limit_exceeded",
      "posted",
    ]);
    run.transfer(SBI, { ...pay(4, "0"), flags: ["void_pending"], pendingId: id(SBI, 1) });
    expect(run.transfer(SBI, pay(5, "301"), pay(6, "300"))).toEqual(["bank_window_limit_exceeded", "posted"]);
    run.block([transfers(SBI, [pay(7, "500")])], NEXT_CUT);
    expect(run.history.at(-1)?.results).toEqual([["posted"]]);
  });

  test("LEDG-20: restored between cut and settlement the ledger goes on to the same roots", () => {
    const run = runWith();
    run.transfer(SBI, pay(1, "300"), pay(2, "40", { flags: ["pending"], timeoutSeconds: 600 }));
    run.block([cut(1), transfers(HDFC, [back(1, "120")])]);
    const pages = new Map<number, StatePage>();
    for (const { executed } of run.history)
      for (const page of executed.checkpoint?.pages ?? []) pages.set(page.key, page);
    const genesis = { ...makeGenesis(), rulebook: run.ledger.rulebook };
    const restored = new Run(Ledger.restore(genesis, CHAIN, 2 as Height, pages.values(), { hashSeed: 5 }));
    for (const each of [run, restored]) {
      each.block([transfers(SBI, [{ ...pay(3, "0"), flags: ["post_pending"], pendingId: id(SBI, 2) }])]);
      each.block([], NEXT_CUT);
    }
    expect(restored.history.map(({ executed }) => executed.leaf)).toEqual(
      run.history.slice(2).map(({ executed }) => executed.leaf),
    );
    const windows = restored.ledger.windows({ skip: 0, limit: 9 }).windows;
    expect(windows.map(({ state }) => state)).toEqual(["settled", "settled"]);
  });
});

describe("acceptance rails", () => {
  const accepting = (settlement: "gross" | "net" = "gross"): Run =>
    runWith({ rail: { settlement, acceptance: true, partialPost: false, turnaroundSeconds: 60 } });
  const offer = (rest: number, changes: Partial<TransferFields> = {}): TransferFields =>
    pay(rest, "300", { flags: ["pending"], ...changes });
  const answer = (rest: number, from: ParticipantNumber, flag: "post_pending" | "void_pending", amount = "0") =>
    ({
      ...pay(rest, amount),
      id: id(from, rest),
      flags: [flag],
      pendingId: id(SBI, 1),
    }) as TransferFields;

  test.each(["gross", "net"] as const)("LEDG-25: the beneficiary's bank posts the exact amount, %s", (settlement) => {
    const run = accepting(settlement);
    expect(run.transfer(SBI, offer(1))).toEqual(["reserved"]);
    expect(run.balances(ASHA)[0]).toBe(300);
    expect(run.balances(HARI)[2]).toBe(300);
    expect(run.transfer(SBI, answer(2, SBI, "post_pending"), answer(3, SBI, "void_pending"))).toEqual([
      "not_authorised",
      "not_authorised",
    ]);
    expect(run.transfer(HDFC, answer(2, HDFC, "post_pending", "299"))).toEqual(["partial_amount_not_allowed"]);
    expect(run.transfer(HDFC, answer(3, HDFC, "post_pending", "300"))).toEqual(["posted"]);
    expect(run.balances(HARI)).toEqual([0, 0, 0, 100_300]);
    expect(run.transfer(SBI, answer(4, SBI, "void_pending"))).toEqual(["pending_transfer_already_posted"]);
    checkMoney(run);
  });

  test("LEDG-25: the beneficiary's bank refuses, and the money is free again", () => {
    const run = accepting();
    run.transfer(SBI, offer(1));
    expect(run.transfer(HDFC, answer(2, HDFC, "void_pending"))).toEqual(["voided"]);
    expect(run.balances(ASHA)).toEqual([0, 0, 0, 100_000]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 0, 0, 50_000]);
  });

  test("LEDG-26: no timeout means the turnaround time, a longer one is refused, and the ledger reverses at its end", () => {
    const run = accepting();
    expect(run.transfer(SBI, offer(1), offer(2, { timeoutSeconds: 61 }), offer(3, { timeoutSeconds: 60 }))).toEqual([
      "reserved",
      "timeout_out_of_range",
      "reserved",
    ]);
    const deadline = START + 61_000;
    expect(run.ledger.nextDeadline()).toBe(deadline);
    const late = run.block([transfers(HDFC, [answer(2, HDFC, "post_pending")])], deadline);
    expect(late.results).toEqual([["pending_transfer_expired"]]);
    expect(run.ledger.transferPosition(id(SBI, 1))?.pending).toBe("expired");
    expect(run.balances(ASHA)).toEqual([0, 0, 0, 100_000]);
  });

  test("LEDG-25: a transfer that nobody has to accept is refused on the rail", () => {
    expect(accepting().transfer(SBI, pay(1, "300"))).toEqual(["acceptance_required"]);
  });
});

describe("fees", () => {
  test("LEDG-27: the payer's bank pays the other bank the fee, as the rail settles; customers pay none", () => {
    const gross = runWith({ rail: { settlement: "gross", fee: "5" } });
    expect(gross.transfer(SBI, pay(1, "300"))).toEqual(["posted"]);
    expect(gross.balances(ASHA)[1]).toBe(300);
    expect(gross.balances(SBI_SETTLEMENT)).toEqual([0, 305, 0, 50_000]);
    expect(gross.transfer(SBI, pay(2, "49695"), pay(3, "49690"))).toEqual(["insufficient_liquidity", "posted"]);
    const net = runWith({ rail: { fee: "5" } });
    expect(net.transfer(SBI, pay(1, "996"), pay(2, "995"))).toEqual(["insufficient_reserve", "posted"]);
    expect(net.ledger.windowRows(INR, 1)).toMatchObject([{ sum: 1_000n }]);
    checkMoney(gross);
  });

  test("LEDG-27: a reservation holds the fee; a part costs the whole fee, a void nothing; within a bank there is none", () => {
    const run = runWith({ rail: { settlement: "gross", fee: "5" } });
    run.transfer(SBI, pay(1, "300", { flags: ["pending"], timeoutSeconds: 60 }));
    run.transfer(SBI, pay(2, "300", { flags: ["pending"], timeoutSeconds: 60 }));
    expect(run.balances(SBI_SETTLEMENT)).toEqual([610, 0, 0, 50_000]);
    run.transfer(SBI, { ...pay(3, "100"), flags: ["post_pending"], pendingId: id(SBI, 1) });
    run.transfer(SBI, { ...pay(4, "0"), flags: ["void_pending"], pendingId: id(SBI, 2) });
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 105, 0, 50_000]);
    run.transfer(SBI, pay(5, "10", { creditAccountId: BINA }));
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 105, 0, 50_000]);
    checkMoney(run);
  });
});

describe("issuance", () => {
  test("LEDG-8, LEDG-20: a closed issuance account stays its asset's first one for a ledger restored from pages", () => {
    const genesis = makeGenesis();
    const participants = genesis.participants.map((each) => ({
      ...each,
      role: each.number === FIU ? ("authority" as const) : each.role,
    }));
    const run = Run.of({ ...genesis, participants });
    run.block([openings(RBI, [{ id: id(RBI, 0x51), kind: "issuance", asset: USD }])]);
    run.block([actions(RBI, [{ id: id(RBI, 1), accountId: id(RBI, 0x51), action: "close" }])]);
    const pages = new Map<number, StatePage>();
    for (const { executed } of run.history) {
      for (const page of executed.checkpoint?.pages ?? []) pages.set(page.key, page);
    }
    const restored = new Run(Ledger.restore({ ...genesis, participants }, CHAIN, 2 as Height, pages.values()));
    const other = [openings(FIU, [{ id: id(FIU, 0x52), kind: "issuance", asset: USD }])];
    expect(run.block(other).results).toEqual([["not_authorised"]]);
    expect(restored.block(other).results).toEqual([["not_authorised"]]);
  });
});

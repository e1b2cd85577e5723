import { describe, expect, test } from "vitest";
import type { ActionFields, RulebookRail, ScreeningRule, TransferFields } from "../../../src/formats/index.js";
import { Ledger } from "../../../src/ledger/index.js";
import type { Height } from "../../../src/primitives/index.js";
import {
  ACCOUNTS,
  ASHA,
  actions,
  BINA,
  CHAIN,
  FUNDING,
  HARI,
  HDFC,
  HDFC_SETTLEMENT,
  INR,
  ISSUANCE,
  id,
  makeGenesis,
  RBI,
  RULEBOOK,
  Run,
  SBI,
  SBI_SETTLEMENT,
  START,
  transfers,
  UPI,
} from "../../fixtures/consortium.js";

const held = (screening: readonly ScreeningRule[]) => Run.of(makeGenesis({ rules: { screening } }));
const LARGE: ScreeningRule = { number: 1, holdSeconds: 600, kind: "amount", minimum: "500" };

const pay = (rest: number, amount: number, changes: Partial<TransferFields> = {}): TransferFields => ({
  id: id(SBI, rest),
  debitAccountId: ASHA,
  creditAccountId: HARI,
  amount: String(amount),
  ...changes,
});
const decide = (rest: number, action: "release_hold" | "return_hold", of: number): ActionFields => ({
  id: id(SBI, rest),
  accountId: id(SBI, of),
  action,
});
/** The fixture's second key of each bank may approve and nothing else. */
const APPROVER = { key: 1 };

describe("LEDG-30: a screening rule puts a transfer on hold", () => {
  test("the customers' money is reserved, the banks' is not", () => {
    const run = held([LARGE]);
    expect(run.transfer(SBI, pay(1, 499), pay(2, 500))).toEqual(["posted", "held"]);
    expect(run.balances(ASHA)).toEqual([500, 499, 0, 100_000]);
    expect(run.balances(HARI)).toEqual([0, 0, 500, 100_499]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 499, 0, 50_000]);
    expect(run.ledger.heldTransfers(SBI)).toMatchObject([{ id: id(SBI, 2), rule: 1, amount: 500n, approvalsLeft: 1 }]);
    expect(run.ledger.heldTransfers(HDFC)).toEqual([]);
  });

  test.each([
    ["a listed debit account", { kind: "accounts", accounts: [ASHA] }, pay(1, 1)],
    ["a listed credit account", { kind: "accounts", accounts: [HARI] }, pay(1, 1)],
    ["a purpose code", { kind: "purpose", codes: [7, 9] }, pay(1, 1, { code: 9 })],
    ["an amount on its rail", { kind: "amount", minimum: "10", rails: [UPI] }, pay(1, 10, { rail: UPI })],
  ] as const)("%s", (_, rule, transfer) => {
    const run = held([{ number: 1, holdSeconds: 60, ...rule } as ScreeningRule]);
    expect(run.transfer(SBI, transfer)).toEqual(["held"]);
  });

  test.each([
    ["another account", { kind: "accounts", accounts: [BINA] }, pay(1, 1)],
    ["another purpose code", { kind: "purpose", codes: [7] }, pay(1, 1, { code: 9 })],
    ["another rail", { kind: "amount", minimum: "10", rails: [UPI] }, pay(1, 10)],
  ] as const)("not %s", (_, rule, transfer) => {
    const run = held([{ number: 1, holdSeconds: 60, ...rule } as ScreeningRule]);
    expect(run.transfer(SBI, transfer)).toEqual(["posted"]);
  });

  test("velocity: by count and by sum, in windows of block time", () => {
    const window = { number: 3, holdSeconds: 60, kind: "velocity", windowSeconds: 1_000 } as const;
    const byCount = held([{ ...window, count: 2 }]);
    expect(byCount.transfer(SBI, pay(1, 1), pay(2, 1), pay(3, 1), pay(4, 1, { debitAccountId: HARI }))).toEqual([
      ...["posted", "posted", "held"],
      "not_authorised",
    ]);
    const next = byCount.block([transfers(SBI, [pay(5, 1), pay(6, 1), pay(7, 1)])], START + 1_001_000);
    expect(next.results).toEqual([["posted", "posted", "held"]]);
    const bySum = held([{ ...window, sum: "100" }]);
    expect(bySum.transfer(SBI, pay(1, 60), pay(2, 41), pay(3, 40))).toEqual(["posted", "held", "held"]);
  });

  test("velocity: what failed does not count, what is held does", () => {
    const run = held([{ number: 3, holdSeconds: 60, kind: "velocity", windowSeconds: 86_400, count: 1 }]);
    expect(run.transfer(SBI, pay(1, 200_000), pay(2, 1), pay(3, 1), pay(4, 1))).toEqual([
      "insufficient_funds",
      ...["posted", "held", "held"],
    ]);
  });

  test("a chain cannot wait, and neither can more than the rulebook allows to be pending", () => {
    const run = held([LARGE]);
    expect(run.transfer(SBI, pay(1, 1, { flags: ["linked"] }), pay(2, 500))).toEqual([
      "linked_event_failed",
      "screened",
    ]);
    expect(run.transfer(SBI, ...[3, 4, 5, 6, 7].map((rest) => pay(rest, 500)))).toEqual([
      ...["held", "held", "held", "held"],
      "pendings_cap_exceeded",
    ]);
  });
});

describe("LEDG-22, LEDG-30: holds and what banks owe in windows", () => {
  const RESERVES = [id(RBI, 0x22), id(RBI, 0x23)] as const;
  const NEFT = 10;
  const owing = (screening: readonly ScreeningRule[]) =>
    Run.of(
      makeGenesis({
        rules: {
          screening,
          windowTimes: [0],
          rails: [
            ...RULEBOOK.rails,
            { ...(RULEBOOK.rails[0] as RulebookRail), number: NEFT, name: "NEFT", settlement: "net" },
          ],
        },
        accounts: [
          ...ACCOUNTS,
          { id: RESERVES[0], owner: SBI, asset: INR, kind: "reserve" },
          { id: RESERVES[1], owner: HDFC, asset: INR, kind: "reserve" },
        ],
        funding: [
          ...FUNDING.filter(({ credit }) => credit !== HDFC_SETTLEMENT),
          { debit: ISSUANCE, credit: RESERVES[0], amount: "1000" },
        ],
      }),
    );
  const LISTED: ScreeningRule = { number: 1, holdSeconds: 600, kind: "accounts", accounts: [RESERVES[0]] };
  const take = (rest: number, amount: number): TransferFields =>
    pay(rest, amount, { debitAccountId: RESERVES[0], creditAccountId: SBI_SETTLEMENT });

  test("a reserve account holds nothing back that its bank owes", () => {
    const run = owing([LISTED]);
    expect(run.transfer(SBI, pay(1, 800, { rail: NEFT }), take(2, 201), take(3, 200))).toEqual([
      ...["posted", "insufficient_reserve", "held"],
    ]);
    expect(run.transfer(SBI, pay(4, 1, { rail: NEFT }))).toEqual(["insufficient_reserve"]);
  });

  test("and pays what it holds back once it is released, counted once", () => {
    const run = owing([LISTED]);
    expect(run.transfer(SBI, take(1, 1_000))).toEqual(["held"]);
    expect(run.block([actions(SBI, [decide(2, "release_hold", 1)], APPROVER)]).results).toEqual([["applied"]]);
    expect(run.balances(RESERVES[0])).toEqual([0, 1_000, 0, 1_000]);
  });

  test("LEDG-7, LEDG-22: where there is no cap, an exposure of more than 64 bits is an overflow", () => {
    const run = Run.of(
      makeGenesis({
        rules: {
          rails: [
            ...RULEBOOK.rails,
            { ...(RULEBOOK.rails[0] as RulebookRail), number: NEFT, name: "NEFT", settlement: "net", fee: "2" },
          ],
        },
        accounts: [...ACCOUNTS, { id: RESERVES[0], owner: SBI, asset: INR, kind: "reserve" }],
        funding: [{ debit: id(SBI, 0xc0), credit: ASHA, amount: "18446744073709551615" }],
      }),
    );
    expect(run.transfer(SBI, pay(1, 0, { rail: NEFT, amount: "18446744073709551615" }))).toEqual(["balance_overflow"]);
  });

  test("a held payment to a bank that has closed its settlement account stays on hold: its window could not settle", () => {
    const run = owing([LARGE]);
    expect(run.transfer(SBI, pay(1, 500, { rail: NEFT }))).toEqual(["held"]);
    expect(
      run.block([actions(HDFC, [{ id: id(HDFC, 8), accountId: HDFC_SETTLEMENT, action: "close" }])]).results,
    ).toEqual([["applied"]]);
    expect(run.block([actions(SBI, [decide(2, "release_hold", 1)], APPROVER)]).results).toEqual([
      ["settlement_account_not_found"],
    ]);
    run.block([], START + 86_400_000);
    expect(run.ledger.transferPosition(id(SBI, 1))).toMatchObject({ pending: "expired" });
  });
});

describe("LEDG-31: an approve key decides about what is on hold", () => {
  test("release pays, with the leg between the banks", () => {
    const run = held([LARGE]);
    run.transfer(SBI, pay(1, 500));
    const { results, executed } = run.block([actions(SBI, [decide(2, "release_hold", 1)], APPROVER)]);
    expect(results).toEqual([["applied"]]);
    expect(executed.leaf.leafCount).toBe(2);
    expect(run.balances(ASHA)).toEqual([0, 500, 0, 100_000]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 500, 0, 50_000]);
    expect(run.balances(HDFC_SETTLEMENT)).toEqual([0, 0, 0, 50_500]);
    expect(run.ledger.transferPosition(id(SBI, 1))).toMatchObject({ pending: "posted" });
  });

  test("return frees the money, and so does the end of its time", () => {
    const run = held([LARGE]);
    run.transfer(SBI, pay(1, 500), pay(2, 600));
    expect(run.block([actions(SBI, [decide(3, "return_hold", 1)], APPROVER)]).results).toEqual([["applied"]]);
    expect(run.ledger.transferPosition(id(SBI, 1))).toMatchObject({ pending: "voided" });
    run.block([], START + 601_000);
    expect(run.ledger.transferPosition(id(SBI, 2))).toMatchObject({ pending: "expired" });
    expect(run.balances(ASHA)).toEqual([0, 0, 0, 100_000]);
    expect(run.block([actions(SBI, [decide(4, "release_hold", 2)], APPROVER)]).results).toEqual([
      ["transfer_not_held"],
    ]);
  });

  test("nobody else: not another bank, not an approve key for other actions, not a post or a void", () => {
    const run = held([LARGE]);
    run.transfer(SBI, pay(1, 500));
    const foreign = { ...decide(2, "release_hold", 1), id: id(HDFC, 2) };
    expect(run.block([actions(HDFC, [foreign], APPROVER)]).results).toEqual([["not_authorised"]]);
    const freeze = { id: id(RBI, 1), accountId: ASHA, action: "freeze" } as const;
    expect(run.block([actions(RBI, [freeze], APPROVER)]).results).toEqual([["not_authorised"]]);
    const end = (rest: number, flag: "post_pending" | "void_pending"): TransferFields =>
      pay(rest, 0, { debitAccountId: id(0, 0), creditAccountId: id(0, 0), pendingId: id(SBI, 1), flags: [flag] });
    expect(run.transfer(SBI, end(3, "post_pending"), end(4, "void_pending"))).toEqual([
      "pending_transfer_held",
      "pending_transfer_held",
    ]);
  });

  test("four eyes: two keys, the same one once only", () => {
    const run = held([{ ...LARGE, fourEyes: true }]);
    run.transfer(SBI, pay(1, 500));
    expect(run.ledger.heldTransfers(SBI)).toMatchObject([{ approvalsLeft: 2 }]);
    const release = (rest: number, key: number) => actions(SBI, [decide(rest, "release_hold", 1)], { key });
    expect(run.block([release(2, 1)]).results).toEqual([["applied"]]);
    expect(run.balances(ASHA)).toEqual([500, 0, 0, 100_000]);
    expect(run.ledger.heldTransfers(SBI)).toMatchObject([{ approvalsLeft: 1 }]);
    expect(run.block([release(3, 1)]).results).toEqual([["approved_already"]]);
    expect(run.block([release(4, 0)]).results).toEqual([["applied"]]);
    expect(run.balances(ASHA)).toEqual([0, 500, 0, 100_000]);
  });

  test("what lacks liquidity or is frozen meanwhile stays on hold", () => {
    const run = held([LARGE]);
    run.transfer(SBI, pay(1, 60_000));
    const release = (rest: number) => run.block([actions(SBI, [decide(rest, "release_hold", 1)], APPROVER)]).results;
    expect(release(2)).toEqual([["insufficient_liquidity"]]);
    run.block([actions(RBI, [{ id: id(RBI, 1), accountId: ASHA, action: "freeze" }])]);
    expect(release(3)).toEqual([["debit_account_frozen"]]);
    expect(run.ledger.heldTransfers(SBI)).toHaveLength(1);
    expect(run.balances(ASHA)).toEqual([60_000, 0, 0, 100_000]);
  });

  test("a two-phase transfer that is released waits for its post, for its own time", () => {
    const run = held([LARGE]);
    run.transfer(SBI, pay(1, 500, { rail: UPI, flags: ["pending"], timeoutSeconds: 50 }));
    run.block([actions(SBI, [decide(2, "release_hold", 1)], APPROVER)], START + 500_000);
    expect(run.ledger.transferPosition(id(SBI, 1))).toMatchObject({ pending: "pending" });
    expect(run.balances(SBI_SETTLEMENT)).toEqual([500, 0, 0, 50_000]);
    expect(run.ledger.nextDeadline()).toBe(START + 550_000);
    const post = pay(3, 0, {
      debitAccountId: id(0, 0),
      creditAccountId: id(0, 0),
      pendingId: id(SBI, 1),
      flags: ["post_pending"],
      rail: UPI,
    });
    expect(run.block([transfers(SBI, [post])], START + 549_999).results).toEqual([["posted"]]);
    expect(run.balances(SBI_SETTLEMENT)).toEqual([0, 500, 0, 50_000]);
  });

  test("the state restored from its pages decides the same", () => {
    const genesis = makeGenesis({ rules: { screening: [{ ...LARGE, fourEyes: true }] } });
    const run = Run.of(genesis);
    run.transfer(SBI, pay(1, 500));
    run.block([actions(SBI, [decide(2, "release_hold", 1)], APPROVER)]);
    const pages = new Map(
      run.history.flatMap(({ executed }) => executed.checkpoint?.pages ?? []).map((page) => [page.key, page]),
    );
    const restored = new Run(Ledger.restore(genesis, CHAIN, 2 as Height, pages.values()));
    const batch = actions(SBI, [decide(3, "release_hold", 1)], { key: 0 });
    expect(restored.block([batch]).executed.leaf).toEqual(run.block([batch]).executed.leaf);
    expect(restored.balances(ASHA)).toEqual([0, 500, 0, 100_000]);
  });
});

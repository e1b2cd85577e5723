import { describe, expect, test } from "vitest";
import type { AccountFields } from "../../../src/formats/index.js";
import {
  ASHA,
  actions,
  BINA,
  FIU,
  HARI,
  HDFC,
  HDFC_SETTLEMENT,
  INR,
  id,
  openings,
  RBI,
  Run,
  SBI,
  SBI_SETTLEMENT,
  transfers,
  USD,
} from "../../fixtures/consortium.js";

const open = (run: Run, from: typeof SBI, ...list: readonly AccountFields[]) =>
  run.block([openings(from, list)]).results[0];

describe("LEDG-8: opening accounts", () => {
  test("a bank opens customer and clearing accounts for itself, and they work at once", () => {
    const run = Run.of();
    const batch = openings(SBI, [
      { id: id(SBI, 0x101), kind: "customer", reference: id(9, 9) },
      { id: id(SBI, 0x102), kind: "clearing" },
    ]);
    const deposit = { id: id(SBI, 1), debitAccountId: id(SBI, 0x102), creditAccountId: id(SBI, 0x101), amount: "5" };
    expect(run.block([batch, transfers(SBI, [deposit])]).results).toEqual([["applied", "applied"], ["posted"]]);
    expect(run.ledger.account(id(SBI, 0x101))).toMatchObject({
      owner: SBI,
      asset: INR,
      kind: "customer",
      debitsMustNotExceedCredits: true,
      creditsMustNotExceedDebits: false,
      frozen: false,
      closed: false,
      reference: id(9, 9),
      creditsPosted: 5n,
      newest: { height: 1, index: 2 },
    });
    expect(run.ledger.participant(SBI)?.accounts).toBe(6);
  });

  test("LEDG-5: no bank opens an account for another, nor settlement money", () => {
    const run = Run.of();
    expect(
      open(
        run,
        SBI,
        { id: id(HDFC, 1), kind: "customer" },
        { id: id(SBI, 1), kind: "customer", owner: HDFC },
        { id: id(SBI, 2), kind: "settlement", asset: USD },
        { id: id(SBI, 3), kind: "issuance", asset: USD },
      ),
    ).toEqual(["id_not_of_participant", "not_authorised", "not_authorised", "not_authorised"]);
    expect(open(run, FIU, { id: id(FIU, 1), kind: "customer" })).toEqual(["not_authorised"]);
    expect(open(run, RBI, { id: id(RBI, 1), kind: "customer" })).toEqual(["not_authorised"]);
    expect(open(run, RBI, { id: id(RBI, 1), kind: "issuance", owner: SBI })).toEqual(["not_authorised"]);
  });

  test("the authority opens a new asset's issuance and settlement accounts, one per bank", () => {
    const run = Run.of();
    const issuance = { id: id(RBI, 0x201), kind: "issuance", asset: USD } as const;
    const settlement = { id: id(RBI, 0x202), kind: "settlement", asset: USD, owner: SBI } as const;
    expect(
      open(
        run,
        RBI,
        issuance,
        settlement,
        { ...settlement, id: id(RBI, 0x203) },
        { ...settlement, id: id(RBI, 0x204), owner: FIU },
        { ...settlement, id: id(RBI, 0x205), owner: 77 as typeof SBI },
        { ...settlement, id: id(RBI, 0x206), owner: HDFC, flags: [] },
        { ...issuance, id: id(RBI, 0x207), flags: ["debits_must_not_exceed_credits"] },
        { ...settlement, id: id(RBI, 0x208), asset: 999 },
      ),
    ).toEqual([
      "applied",
      "applied",
      "settlement_account_exists",
      "owner_not_found",
      "owner_not_found",
      "flags_not_allowed",
      "flags_not_allowed",
      "asset_not_found",
    ]);
    const issue = {
      id: id(RBI, 1),
      debitAccountId: issuance.id,
      creditAccountId: settlement.id,
      amount: "9",
      asset: USD,
    };
    expect(run.transfer(RBI, issue)).toEqual(["posted"]);
    expect(run.ledger.conservation().find(({ asset }) => asset === USD)).toMatchObject({ issued: 9n, settlement: 9n });
  });

  test("LEDG-6: an account id in use says what differs; a refused account leaves its id free and no leaf", () => {
    const run = Run.of();
    const account: AccountFields = { id: id(SBI, 0x101), kind: "customer" };
    expect(
      open(
        run,
        SBI,
        { ...account, asset: 999 },
        account,
        account,
        { ...account, reference: id(1, 1), asset: USD },
        { ...account, asset: USD, flags: [] },
        { ...account, flags: [] },
        { ...account, kind: "clearing", flags: ["debits_must_not_exceed_credits"] },
      ),
    ).toEqual([
      "asset_not_found",
      "applied",
      "exists",
      "exists_with_different_reference",
      "exists_with_different_asset",
      "exists_with_different_flags",
      "exists_with_different_kind",
    ]);
    expect(run.history[0]?.executed.leaf.leafCount).toBe(1);
    const frozen = { id: id(RBI, 7), accountId: account.id, action: "freeze" } as const;
    run.block([actions(RBI, [frozen])]);
    expect(open(run, SBI, account)).toEqual(["exists"]);
  });

  test("LEDG-17: a participant has at most the rulebook's number of accounts", () => {
    const run = Run.of();
    const list = Array.from({ length: 6 }, (_, rest) => ({ id: id(SBI, 0x300 + rest), kind: "customer" }) as const);
    expect(open(run, SBI, ...list)).toEqual([...Array(4).fill("applied"), ...Array(2).fill("accounts_cap_exceeded")]);
  });
});

describe("LEDG-12: freezing and closing", () => {
  const act = (
    run: Run,
    from: typeof SBI,
    rest: number,
    accountId: typeof ASHA,
    action: "freeze" | "unfreeze" | "close",
  ) => run.block([actions(from, [{ id: id(from, rest), accountId, action }])]).results[0]?.[0];

  test("only an authority freezes, only the owner closes, and trying consumes no id", () => {
    const run = Run.of();
    expect(act(run, SBI, 1, ASHA, "freeze")).toBe("not_authorised");
    expect(act(run, HDFC, 1, BINA, "close")).toBe("not_authorised");
    expect(act(run, RBI, 1, BINA, "close")).toBe("not_authorised");
    expect(run.ledger.transferPosition(id(SBI, 1))).toBeUndefined();
    expect(run.block([actions(SBI, [{ id: id(HDFC, 1), accountId: BINA, action: "close" }])]).results).toEqual([
      ["id_not_of_participant"],
    ]);
  });

  test("each state of an account allows what it allows", () => {
    const run = Run.of();
    expect(act(run, RBI, 1, BINA, "unfreeze")).toBe("account_not_frozen");
    expect(act(run, RBI, 2, BINA, "freeze")).toBe("applied");
    expect(act(run, RBI, 3, BINA, "freeze")).toBe("account_frozen");
    expect(act(run, SBI, 4, BINA, "close")).toBe("account_frozen");
    expect(act(run, RBI, 5, BINA, "unfreeze")).toBe("applied");
    expect(act(run, SBI, 6, ASHA, "close")).toBe("account_not_empty");
    expect(act(run, SBI, 7, BINA, "close")).toBe("applied");
    expect(act(run, SBI, 8, BINA, "close")).toBe("account_closed");
    expect(act(run, RBI, 9, BINA, "freeze")).toBe("account_closed");
    expect(act(run, SBI, 10, id(SBI, 0xdead), "close")).toBe("account_not_found");
    expect(act(run, SBI, 7, BINA, "close")).toBe("exists");
    expect(act(run, SBI, 8, BINA, "close")).toBe("id_already_failed");
    expect(act(run, SBI, 8, ASHA, "close")).toBe("exists_with_different_content");
  });

  test("attack 99: a closed account neither pays nor receives; one with reservations is not empty", () => {
    const run = Run.of();
    const pay = (rest: number, debit: typeof ASHA, credit: typeof ASHA) =>
      run.transfer(SBI, { id: id(SBI, rest), debitAccountId: debit, creditAccountId: credit, amount: "1" })[0];
    const reserve = {
      id: id(SBI, 1),
      debitAccountId: ASHA,
      creditAccountId: BINA,
      amount: "1",
      rail: 2,
      flags: ["pending"],
      timeoutSeconds: 60,
    } as const;
    run.transfer(SBI, reserve);
    expect(act(run, SBI, 2, BINA, "close")).toBe("account_not_empty");
    run.block([], 1_900_000_000_000);
    expect(act(run, SBI, 3, BINA, "close")).toBe("applied");
    expect(pay(4, ASHA, BINA)).toBe("credit_account_closed");
    expect(pay(5, BINA, ASHA)).toBe("debit_account_closed");
  });

  test("a bank that closes its settlement account may get another one", () => {
    const run = Run.of();
    const empty = { id: id(SBI, 1), debitAccountId: SBI_SETTLEMENT, creditAccountId: HDFC_SETTLEMENT, amount: "50000" };
    expect(run.transfer(SBI, empty)).toEqual(["posted"]);
    expect(act(run, SBI, 2, SBI_SETTLEMENT, "close")).toBe("applied");
    const across = { debitAccountId: ASHA, creditAccountId: HARI, amount: "1" };
    expect(run.transfer(SBI, { id: id(SBI, 3), ...across })).toEqual(["settlement_account_not_found"]);
    const next = id(RBI, 0x22);
    expect(open(run, RBI, { id: next, kind: "settlement", owner: SBI })).toEqual(["applied"]);
    const issue = { id: id(RBI, 4), debitAccountId: id(RBI, 0xf0), creditAccountId: next, amount: "1" };
    expect(run.transfer(RBI, issue)).toEqual(["posted"]);
    expect(run.transfer(SBI, { id: id(SBI, 5), ...across })).toEqual(["posted"]);
    expect(run.balances(next)).toEqual([0, 1, 0, 1]);
  });
});

describe("reads", () => {
  test("accounts of a participant in pages, in the order of opening", () => {
    const run = Run.of();
    const first = run.ledger.accountsOf(SBI, 0, 3);
    expect(first.accounts.map(({ id }) => id)).toEqual([SBI_SETTLEMENT, id(SBI, 0xc0), ASHA]);
    const rest = run.ledger.accountsOf(SBI, first.next ?? -1, 3);
    expect(rest.accounts.map(({ id }) => id)).toEqual([BINA]);
    expect(rest.next).toBeUndefined();
    expect(run.ledger.accountsOf(FIU, 0, 3)).toEqual({ accounts: [], next: undefined });
  });

  test("participants, keys and what they may", () => {
    const { ledger } = Run.of();
    expect(ledger.participants().map(({ role }) => role)).toEqual(["authority", "bank", "bank", "observer"]);
    expect(ledger.participant(9 as typeof SBI)).toBeUndefined();
    const [full, approve] = ledger.keys().filter(({ participant }) => participant === HDFC);
    expect(approve?.scopes).toEqual(["approve"]);
    expect(ledger.mayUseKey(HDFC, full?.publicKey as Uint8Array, "submit")).toBe(true);
    expect(ledger.mayUseKey(HDFC, approve?.publicKey as Uint8Array, "submit")).toBe(false);
    expect(ledger.mayUseKey(SBI, full?.publicKey as Uint8Array, "submit")).toBe(false);
    expect(ledger.account("nonsense" as typeof HARI)).toBeUndefined();
  });
});

import { describe, expect, test } from "vitest";
import { accountId, assembleGenesis, infrastructureName, verifyGenesis } from "../../../src/genesis/index.js";
import { participantNumber } from "../../../src/primitives/index.js";
import { assembly, bankCard, plainCard } from "./consortium.js";

const problemsOf = (changes: Parameters<typeof assembly>[0]): string => {
  const made = assembleGenesis(assembly(changes));
  return made.ok ? "" : made.problems.join("; ");
};

const cards = (
  ...changed: readonly ReturnType<typeof bankCard>[]
): { readonly cards: ReturnType<typeof assembly>["cards"] } => {
  const names = new Set(changed.map(({ participant }) => participant));
  return { cards: [...assembly().cards.filter(({ participant }) => !names.has(participant)), ...changed] };
};

describe("assembling a genesis", () => {
  test("attack 105: two operators get the same bytes and chain id, whatever the order of cards and rows", () => {
    const one = assembly();
    const made = assembleGenesis(one);
    const other = assembleGenesis({
      ...one,
      cards: [...one.cards].reverse(),
      customers: [...one.customers].reverse(),
    });
    expect(made.ok && other.ok && made.chainId === other.chainId).toBe(true);
    expect(other).toEqual(made);
  });

  test("more accounts are assembled than a call takes arguments", () => {
    const count = 140_000;
    const customers = Array.from({ length: count }, (_, index) => ({
      ...{ line: index + 2, participant: "SBI", account: `customer-${index}`, funding: "", asset: "" },
    }));
    const { rulebook } = assembly();
    const participantCaps = { ...rulebook.participantCaps, accounts: count + 8 };
    const made = assembleGenesis(assembly({ customers, rulebook: { ...rulebook, participantCaps } }));
    expect(made.ok ? made.genesis.accounts.length : made.problems.slice(0, 2)).toBeGreaterThan(count);
  });

  test("participants are numbered in the byte order of their names; the newest card gives the time", () => {
    const made = assembleGenesis(assembly());
    expect(made.ok && made.genesis.participants.map(({ number, name }) => `${number} ${name}`)).toEqual([
      "1 AXIS",
      "2 HDFC",
      "3 ICICI",
      "4 RBI",
      "5 SBI",
    ]);
    expect(made.ok && made.genesis.timestamp).toBe(Math.max(...assembly().cards.map(({ created }) => created)));
    expect(made.ok && made.genesis.validators.map(({ participant }) => participant)).toEqual([1, 2, 3, 5]);
  });

  test("every bank has settlement and clearing accounts, funded by issuance and clearing alone", () => {
    const made = assembleGenesis(assembly());
    const genesis = made.ok ? made.genesis : undefined;
    const kinds = genesis?.accounts.map(({ owner, kind }) => `${owner} ${kind}`) ?? [];
    expect(kinds.sort()).toEqual(
      [1, 2, 3, 5]
        .flatMap((owner) => [`${owner} clearing`, `${owner} settlement`])
        .concat("4 issuance", "5 customer", "2 customer")
        .sort(),
    );
    const sbi = participantNumber(5);
    expect(genesis?.funding).toContainEqual({
      debit: accountId(sbi, infrastructureName("clearing", "INR")),
      credit: accountId(sbi, "one"),
      amount: "10000",
    });
    expect(genesis?.funding).toHaveLength(5);
  });

  test("each bank gets a reserve where that is asked for, with its funding or empty", () => {
    const made = (reserveFunding: string) => assembleGenesis(assembly({ reserveFunding }));
    for (const [asked, amounts] of [
      ["250.00", ["25000", "25000", "25000", "25000"]],
      ["0", []],
    ] as const) {
      const result = made(asked);
      if (!result.ok) throw new Error(result.problems.join());
      const reserves = result.genesis.accounts.filter(({ kind }) => kind === "reserve").map(({ id }) => id);
      expect(reserves).toHaveLength(4);
      const funded = result.genesis.funding.filter(({ credit }) => reserves.includes(credit));
      expect(funded.map(({ amount }) => amount)).toEqual(amounts);
    }
    expect(problemsOf({ reserveFunding: "1.005" })).toMatch(/reserve funding 1\.005 is not an amount of INR/);
  });

  test("what was assembled verifies", () => {
    const made = assembleGenesis(
      assembly({
        scheme: "bls12381",
        ...cards(...["SBI", "HDFC", "ICICI", "AXIS"].map((name) => bankCard(name, { scheme: "bls12381" }))),
      }),
    );
    expect(made.ok && verifyGenesis(made.bytes)).toMatchObject({ ok: true, chainId: made.ok && made.chainId });
  });

  test("attack 105: one bank's keys under another's name are refused", () => {
    expect(problemsOf(cards(bankCard("HDFC", { keysOf: "SBI" })))).toMatch(
      /key of SBI is also the .*key of HDFC|is also/,
    );
  });

  test("attack 105: fewer than 4 validators are refused", () => {
    expect(problemsOf(cards(plainCard("SBI", "bank")))).toMatch(/3 validators where 4 to 31 are needed/);
  });

  test.each(["184467440737095516", "60000000000000000"])(
    "attack 105: issuing more than 2^64 is refused: %s for each",
    (settlementFunding) => {
      expect(problemsOf({ settlementFunding })).not.toBe("");
    },
  );

  test("attack 105: a customer of an unknown bank is refused at its line", () => {
    const row = { line: 7, participant: "KOTAK", account: "a", funding: "", asset: "" };
    expect(problemsOf({ customers: [row] })).toBe("line 7: unknown bank KOTAK");
  });

  test.each([
    [{ participant: "RBI" }, /RBI is no bank/],
    [{ asset: "USD" }, /unknown asset USD/],
    [{ funding: "1.005" }, /1\.005 is not an amount of INR/],
    [{ account: "settlement:INR" }, /genesis opens by itself/],
  ])("a row with %j is refused", (change, problem) => {
    const row = { line: 2, participant: "SBI", account: "a", funding: "1", asset: "", ...change };
    expect(problemsOf({ customers: [row] })).toMatch(problem);
  });

  test("an account named twice is refused", () => {
    const row = { line: 2, participant: "SBI", account: "a", funding: "1", asset: "" };
    expect(problemsOf({ customers: [row, { ...row, line: 3 }] })).toMatch(/line 3: account a of SBI is there already/);
  });

  test("two cards of one bank, none or two authorities, and cards of another scheme are refused", () => {
    expect(problemsOf({ cards: [...assembly().cards, bankCard("SBI")] })).toMatch(/two cards of SBI/);
    expect(problemsOf(cards(plainCard("RBI", "observer")))).toMatch(/found none/);
    expect(problemsOf({ cards: [...assembly().cards, plainCard("FED", "authority")] })).toMatch(/found FED and RBI/);
    expect(problemsOf(cards(bankCard("SBI", { scheme: "bls12381" })))).toMatch(
      /is for bls12381, this genesis for ed25519/,
    );
  });

  test("attack 105: the simulator's scheme is refused", () => {
    expect(problemsOf({ scheme: "keyed-hash" })).toMatch(/keyed-hash/);
  });
});

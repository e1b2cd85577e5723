import { describe, expect, test } from "vitest";
import type { Genesis, GenesisAccount, GenesisFunding } from "../../../src/formats/index.js";
import { checkGenesisLedger, GenesisLedgerError, Ledger } from "../../../src/ledger/index.js";
import {
  ACCOUNTS,
  ASHA,
  CHAIN,
  FIU,
  FUNDING,
  HARI,
  HDFC,
  HDFC_CLEARING,
  INR,
  ISSUANCE,
  id,
  makeGenesis,
  RBI,
  RULEBOOK,
  SBI,
  SBI_CLEARING,
  SBI_SETTLEMENT,
  USD,
} from "../../fixtures/consortium.js";

const account = (changes: Partial<GenesisAccount>): GenesisAccount => ({
  id: id(SBI, 0x999),
  owner: SBI,
  asset: INR,
  kind: "customer",
  ...changes,
});
const withAccount = (changes: Partial<GenesisAccount>) => makeGenesis({ accounts: [...ACCOUNTS, account(changes)] });
const withFunding = (funding: GenesisFunding) => makeGenesis({ funding: [...FUNDING, funding] });
const withRail = (changes: object) =>
  makeGenesis({ rules: { rails: [{ ...RULEBOOK.rails[0], ...changes } as never, ...RULEBOOK.rails.slice(1)] } });

describe("genesis", () => {
  test("LEDG-1: accounts and funding are double entry and conserve money", () => {
    expect(checkGenesisLedger(makeGenesis())).toEqual([]);
    const ledger = Ledger.fromGenesis(makeGenesis(), CHAIN);
    expect(ledger.height).toBe(0);
    expect(ledger.conservation()[0]).toEqual({
      asset: INR,
      owed: 0n,
      due: 0n,
      debitsPending: 0n,
      creditsPending: 0n,
      debitsPosted: 300_000n,
      creditsPosted: 300_000n,
      issued: 100_000n,
      settlement: 100_000n,
    });
    expect(ledger.account(ISSUANCE)).toMatchObject({
      creditsMustNotExceedDebits: true,
      debitsMustNotExceedCredits: false,
    });
    expect(ledger.account(SBI_SETTLEMENT)).toMatchObject({ debitsMustNotExceedCredits: true, newest: undefined });
    expect(ledger.account(SBI_CLEARING)).toMatchObject({ debitsMustNotExceedCredits: false, debitsPosted: 100_000n });
  });

  const duplicateKey = makeGenesis().participants.map((participant) => ({
    ...participant,
    keys: makeGenesis().participants[0]?.keys ?? [],
  }));
  test.each<[string, string, Genesis]>([
    ["PARTICIPANTS", "not numbered", makeGenesis({ participants: makeGenesis().participants.slice(1) })],
    ["KEYS", "listed twice", makeGenesis({ participants: duplicateKey })],
    ["RULEBOOK", "default asset", makeGenesis({ rules: { defaultAsset: 1 } })],
    ["RULEBOOK", "default rail", makeGenesis({ rules: { defaultRail: 99 } })],
    ["RULEBOOK", "two rails", makeGenesis({ rules: { rails: [...RULEBOOK.rails, ...RULEBOOK.rails] } })],
    ["RULEBOOK", "two assets", makeGenesis({ rules: { assets: [...RULEBOOK.assets, ...RULEBOOK.assets] } })],
    ["RULEBOOK", "minimum above its maximum", withRail({ minimum: "2", maximum: "1" })],
    ["RULEBOOK", "64 bits", withRail({ maximum: "18446744073709551616" })],
    ["RULEBOOK", "checkpointBlocks", makeGenesis({ rules: { checkpointBlocks: 0 } })],
    ["RULEBOOK", "nothing would ever expire", makeGenesis({ rules: { expiriesPerBlockMax: 0 } })],
    ["ACCOUNT", "listed twice", withAccount({ id: ASHA })],
    ["ACCOUNT", "unknown asset", withAccount({ asset: 1 })],
    ["ACCOUNT", "role bank", withAccount({ owner: FIU, id: id(FIU, 1) })],
    ["ACCOUNT", "role bank", withAccount({ owner: 9 as typeof SBI })],
    ["ACCOUNT", "role authority", withAccount({ kind: "issuance" })],
    ["ACCOUNT", "neither with its owner's number", withAccount({ id: id(HDFC, 0x999) })],
    ["ACCOUNT", "second settlement account", withAccount({ kind: "settlement" })],
    [
      "ACCOUNT",
      "one more than its owner may have",
      makeGenesis({ rules: { participantCaps: { accounts: 3, pendings: 1 } } }),
    ],
    ["FUNDING", "genesis does not open", withFunding({ debit: SBI_CLEARING, credit: id(SBI, 0xdead), amount: "1" })],
    ["FUNDING", "neither issuance", withFunding({ debit: SBI_CLEARING, credit: HARI, amount: "1" })],
    ["FUNDING", "neither issuance", withFunding({ debit: ASHA, credit: HARI, amount: "1" })],
    ["FUNDING", "neither issuance", withFunding({ debit: ISSUANCE, credit: HDFC_CLEARING, amount: "1" })],
    ["FUNDING", "moves nothing", withFunding({ debit: SBI_CLEARING, credit: ASHA, amount: "0" })],
    ["FUNDING", "64 bits", withFunding({ debit: SBI_CLEARING, credit: ASHA, amount: "18446744073709551615" })],
    [
      "FUNDING",
      "two assets",
      makeGenesis({
        accounts: [...ACCOUNTS, account({ asset: USD })],
        funding: [{ debit: SBI_CLEARING, credit: id(SBI, 0x999), amount: "1" }],
      }),
    ],
  ])("attack 105: refuses %s: %s", (code, detail, genesis) => {
    const faults = checkGenesisLedger(genesis);
    expect(faults.map((fault) => fault.code)).toContain(code);
    expect(faults.map((fault) => fault.detail).join("\n")).toContain(detail);
    expect(() => Ledger.fromGenesis(genesis, CHAIN)).toThrow(GenesisLedgerError);
  });

  test("tells at most a hundred faults", () => {
    const accounts = Array.from({ length: 300 }, () => account({ id: id(RBI, 0x77) }));
    expect(checkGenesisLedger(makeGenesis({ accounts })).length).toBe(100);
  });
});

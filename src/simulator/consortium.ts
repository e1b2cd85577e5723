import {
  certificateScheme,
  ed25519,
  type KeyPair,
  type SchemeName,
  type SetVerifier,
  sha256,
} from "../crypto/index.js";
import {
  accountIdFromName,
  type CanonicalJson,
  canonicalJson,
  chainIdOf,
  type Genesis,
  type GenesisAccount,
  type GenesisFunding,
  genesisValidatorSet,
  type Rulebook,
  type RulebookRail,
  type ScreeningRule,
  type TrustedChain,
  type ValidatorSet,
} from "../formats/index.js";
import {
  type Digest,
  type Id128,
  type ParticipantNumber,
  participantNumber,
  toHex,
  utf8,
} from "../primitives/index.js";
import { START_WALL } from "./node.js";

/** What a simulated consortium is made of. */
export interface ConsortiumOptions {
  readonly validators: number;
  /** Banks beyond the first validators that have a node and keys of a validator too. */
  readonly joiners?: number;
  readonly scheme: SchemeName;
  readonly checkpointBlocks: number;
}

export interface SimulatedBank {
  readonly number: ParticipantNumber;
  /** May do everything. */
  readonly keys: KeyPair;
  /** Of a second person, who may decide about holds and nothing else. */
  readonly approver: KeyPair;
  readonly settlement: Id128;
  readonly reserve: Id128;
  readonly clearing: Id128;
  readonly customers: readonly Id128[];
  /** A customer of which payments on the rail with queues are looked at by two people. */
  readonly listed: Id128;
  /** Its customer in the other asset; few banks can pay each other in it. */
  readonly dollars: Id128;
}

export interface Consortium {
  readonly genesis: Genesis;
  readonly chainId: Digest;
  readonly set: ValidatorSet;
  /** Secret keys of the certificate scheme, by bank. */
  readonly secretKeys: readonly Uint8Array[];
  /** What each bank would be listed with as a validator; those of genesis come first. */
  readonly candidates: Genesis["validators"];
  readonly banks: readonly SimulatedBank[];
  readonly authority: { readonly number: ParticipantNumber; readonly keys: KeyPair };
}

export const ASSET = 356;
export const OTHER_ASSET = 840;
/** Gross rail with two-phase transfers, posted in part if the bank likes. */
export const RAIL = 1;
/** Net rail, cut every few seconds. */
export const NET_RAIL = 2;
/** Net rail on which the beneficiary's bank accepts within some seconds. */
export const ACCEPTANCE_RAIL = 3;
/** Gross rail without two phases, on which payments wait for their bank's liquidity. */
export const QUEUE_RAIL = 4;
/** Gross rail on which the beneficiary's bank accepts, with a daily limit for each account. */
export const CARD_RAIL = 5;
/** A purpose that is looked at by one person. */
export const SCREENED_PURPOSE = 666;
/** Amount on the gross rail from which on one person looks at it. */
export const SCREENED_AMOUNT = 45_000;
const WINDOW_SECONDS = 3;
const SHORT_WINDOWS = 200;
/** Behind the short windows a history is over; what is still played is cut now and then. */
const LATER_WINDOW_SECONDS = 1_200;
const DAY_SECONDS = 86_400;
const SCHEME_OFFSET_SECONDS = 19_800;
const CUSTOMERS = 3;
/** So little that accounts run dry and liquidity runs out now and then. */
const SETTLEMENT_FUNDING = 60_000n;
const RESERVE_FUNDING = 40_000n;
const CUSTOMER_FUNDING = 40_000n;
/** Each bank's first customer stands just below the carry between two words; one, just below the largest balance. */
const BELOW_A_CARRY = 2n ** 32n - 30_000n;
const BELOW_THE_LARGEST = 2n ** 64n - 150_000n;

function customerFunding(bank: number, customer: number): bigint {
  if (customer > 0) return CUSTOMER_FUNDING;
  return bank === 2 ? BELOW_THE_LARGEST : BELOW_A_CARRY;
}

const made = new Map<string, Consortium>();

/** Banks that are validators each, an authority, funded accounts. The same options give the same one. */
export function makeConsortium(options: ConsortiumOptions): Consortium {
  const key = JSON.stringify([options.validators, options.joiners ?? 0, options.scheme, options.checkpointBlocks]);
  const known = made.get(key) ?? build(options);
  made.set(key, known);
  return known;
}

function build(options: ConsortiumOptions): Consortium {
  const scheme = certificateScheme(options.scheme);
  const count = options.validators + (options.joiners ?? 0);
  const banks = Array.from({ length: count }, (_, index) => makeBank(participantNumber(index + 1)));
  const authority = {
    number: participantNumber(count + 1),
    keys: ed25519.keysFromSeed(seedOf("authority", 0)),
  };
  const consensusKeys = banks.map(({ number }) => scheme.keysFromSeed(seedOf("consensus", number)));
  const issuance = accountIdFromName(sha256, authority.number, "issuance");
  const accounts: GenesisAccount[] = [{ id: issuance, owner: authority.number, asset: ASSET, kind: "issuance" }];
  const funding: GenesisFunding[] = [];
  for (const { number, settlement, reserve, clearing, customers } of banks) {
    accounts.push({ id: settlement, owner: number, asset: ASSET, kind: "settlement" });
    accounts.push({ id: reserve, owner: number, asset: ASSET, kind: "reserve" });
    funding.push({ debit: issuance, credit: reserve, amount: String(RESERVE_FUNDING) });
    accounts.push({ id: clearing, owner: number, asset: ASSET, kind: "clearing" });
    funding.push({ debit: issuance, credit: settlement, amount: String(SETTLEMENT_FUNDING) });
    for (const [index, id] of customers.entries()) {
      accounts.push({ id, owner: number, asset: ASSET, kind: "customer" });
      funding.push({ debit: clearing, credit: id, amount: String(customerFunding(number, index)) });
    }
  }
  fundOtherAsset({ banks, authority: authority.number, accounts, funding });
  const candidates = consensusKeys.map(({ publicKey, secretKey }, index) => ({
    participant: participantNumber(index + 1),
    consensusKey: toHex(publicKey),
    proofOfPossession: toHex(scheme.provePossession(secretKey)),
    networkKey: toHex(ed25519.keysFromSeed(seedOf("network", index)).publicKey),
    addresses: [`/ip4/127.0.0.1/tcp/${26_600 + index}`],
  }));
  const genesis: Genesis = {
    format: "sabha/genesis/1",
    name: "simulated",
    timestamp: START_WALL - 1_000,
    scheme: options.scheme,
    participants: [
      ...banks.map(({ number, keys, approver }) => {
        const bank = participant(number, `bank-${number}`, "bank" as const, keys);
        return {
          ...bank,
          keys: [...bank.keys, { publicKey: toHex(approver.publicKey), scopes: ["approve" as const] }],
        };
      }),
      participant(authority.number, "authority", "authority" as const, authority.keys),
    ],
    validators: candidates.slice(0, options.validators),
    rulebook: rulebook(options.checkpointBlocks, banks),
    accounts,
    funding,
  };
  return {
    genesis,
    chainId: chainIdOf(sha256, utf8(canonicalJson(genesis as unknown as CanonicalJson))),
    set: genesisValidatorSet(sha256, genesis),
    secretKeys: consensusKeys.map(({ secretKey }) => secretKey),
    candidates,
    banks,
    authority,
  };
}

/** What an auditor makes of the genesis file. */
export function trustedChain({ chainId, genesis, set }: Consortium): TrustedChain {
  const verifierOf = ({ members }: ValidatorSet): SetVerifier =>
    certificateScheme(genesis.scheme).verifiers(members.map(({ publicKey }) => publicKey));
  return { chainId, name: genesis.name, set, verifier: verifierOf(set), sha256, verifierOf, followed: new Map() };
}

function makeBank(number: ParticipantNumber): SimulatedBank {
  const account = (name: string): Id128 => accountIdFromName(sha256, number, name);
  return {
    number,
    keys: ed25519.keysFromSeed(seedOf("bank", number)),
    approver: ed25519.keysFromSeed(seedOf("approver", number)),
    settlement: account("settlement"),
    reserve: account("reserve"),
    clearing: account("clearing"),
    customers: Array.from({ length: CUSTOMERS }, (_, index) => account(`customer-${index}`)),
    listed: account(`customer-${CUSTOMERS - 1}`),
    dollars: account("dollars"),
  };
}

/** All banks have a customer in it, two can be paid in it, and one can pay on net rails. */
function fundOtherAsset({
  banks,
  authority,
  accounts,
  funding,
}: {
  readonly banks: readonly SimulatedBank[];
  readonly authority: ParticipantNumber;
  readonly accounts: GenesisAccount[];
  readonly funding: GenesisFunding[];
}): void {
  const asset = OTHER_ASSET;
  const issuance = accountIdFromName(sha256, authority, "issuance-dollars");
  accounts.push({ id: issuance, owner: authority, asset, kind: "issuance" });
  for (const { number, dollars } of banks) {
    const clearing = accountIdFromName(sha256, number, "clearing-dollars");
    accounts.push({ id: clearing, owner: number, asset, kind: "clearing" });
    accounts.push({ id: dollars, owner: number, asset, kind: "customer" });
    funding.push({ debit: clearing, credit: dollars, amount: String(CUSTOMER_FUNDING) });
    for (const [index, kind] of (["settlement", "reserve"] as const).entries()) {
      if (number > 2 - index) continue;
      const id = accountIdFromName(sha256, number, `${kind}-dollars`);
      accounts.push({ id, owner: number, asset, kind });
      funding.push({ debit: issuance, credit: id, amount: String(RESERVE_FUNDING) });
    }
  }
}

const participant = (
  number: ParticipantNumber,
  name: string,
  role: "bank" | "authority",
  keys: KeyPair,
): Genesis["participants"][number] => ({
  number,
  name,
  role,
  keys: [{ publicKey: toHex(keys.publicKey), scopes: ["submit", "approve", "govern"] }],
});

const RAIL_COMMON = { minimum: "1", maximum: "50000", timeoutSecondsMax: DAY_SECONDS } as const;

const rails: readonly RulebookRail[] = [
  { number: RAIL, name: "IMPS", ...RAIL_COMMON, partialPost: true },
  {
    ...{ number: NET_RAIL, name: "NEFT", ...RAIL_COMMON, partialPost: true, settlement: "net", fee: "3" },
    bankWindowMaximum: "30000",
  },
  {
    ...{ number: ACCEPTANCE_RAIL, name: "UPI", ...RAIL_COMMON, partialPost: false, settlement: "net" },
    ...{ acceptance: true, turnaroundSeconds: 5 },
  },
  {
    ...{
      number: QUEUE_RAIL,
      name: "RTGS",
      minimum: "200",
      maximum: "200000",
      timeoutSecondsMax: 0,
      partialPost: false,
    },
    ...{ onShortage: "queue", queueSecondsMax: 8, fee: "5" },
  },
  {
    ...{ number: CARD_RAIL, name: "CARD", ...RAIL_COMMON, partialPost: false, acceptance: true, turnaroundSeconds: 4 },
    ...{ accountDailyMaximum: "15000", fee: "1" },
  },
];

/** Two decisions on a rail without two phases only: what one decision does elsewhere, result codes tell. */
const screening = (banks: readonly SimulatedBank[]): readonly ScreeningRule[] => [
  { number: 1, kind: "purpose", codes: [SCREENED_PURPOSE], holdSeconds: 6 },
  {
    ...{ number: 2, kind: "accounts", accounts: banks.map(({ listed }) => listed) },
    ...{ rails: [QUEUE_RAIL], fourEyes: true, holdSeconds: 8 },
  },
  { number: 3, kind: "amount", minimum: String(SCREENED_AMOUNT), rails: [RAIL], holdSeconds: 5 },
  { number: 4, kind: "velocity", windowSeconds: 2, count: 6, sum: "20000", rails: [NET_RAIL], holdSeconds: 3 },
];

/** Short windows around the time at which histories begin. */
function windowTimes(): readonly number[] {
  const begin = Math.floor(START_WALL / 1_000 + SCHEME_OFFSET_SECONDS) - WINDOW_SECONDS;
  const times = new Set<number>();
  for (let window = 0; window < SHORT_WINDOWS; window += 1) times.add((begin + window * WINDOW_SECONDS) % DAY_SECONDS);
  for (let time = 0; time < DAY_SECONDS; time += LATER_WINDOW_SECONDS) times.add(time);
  return [...times].sort((left, right) => left - right);
}

const rulebook = (checkpointBlocks: number, banks: readonly SimulatedBank[]): Rulebook => ({
  assets: [
    { number: ASSET, code: "INR", exponent: 2 },
    { number: OTHER_ASSET, code: "USD", exponent: 2 },
  ],
  rails,
  windowTimes: windowTimes(),
  netDebitCaps: [{ participant: participantNumber(1), asset: ASSET, cap: "20000" }],
  netDebitCapDefault: "35000",
  screening: screening(banks),
  governance: { thresholds: { rulebook: "majority" }, votingSecondsMax: 600, keyDelaySeconds: 3 },
  defaultAsset: ASSET,
  defaultRail: RAIL,
  schemeDayOffsetSeconds: SCHEME_OFFSET_SECONDS,
  checkpointBlocks,
  expiriesPerBlockMax: 2,
  participantCaps: { accounts: 11, pendings: 9, queued: 4, proposals: 2 },
});

const seedOf = (purpose: string, number: number): Uint8Array => sha256(utf8(`simulator ${purpose} ${number}`));

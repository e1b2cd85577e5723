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
  readonly keys: KeyPair;
  readonly settlement: Id128;
  readonly reserve: Id128;
  readonly clearing: Id128;
  readonly customers: readonly Id128[];
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
/** Gross rail with two-phase transfers, posted in part if the bank likes. */
export const RAIL = 1;
/** Net rail, cut every few minutes. */
export const NET_RAIL = 2;
/** Net rail on which the beneficiary's bank accepts within some seconds. */
export const ACCEPTANCE_RAIL = 3;
const WINDOW_SECONDS = 300;
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
      ...banks.map(({ number, keys }) => participant(number, `bank-${number}`, "bank" as const, keys)),
      participant(authority.number, "authority", "authority" as const, authority.keys),
    ],
    validators: candidates.slice(0, options.validators),
    rulebook: rulebook(options.checkpointBlocks),
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
    settlement: account("settlement"),
    reserve: account("reserve"),
    clearing: account("clearing"),
    customers: Array.from({ length: CUSTOMERS }, (_, index) => account(`customer-${index}`)),
  };
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

const RAIL_COMMON = { minimum: "1", maximum: "50000", timeoutSecondsMax: 86_400 } as const;

const rulebook = (checkpointBlocks: number): Rulebook => ({
  assets: [{ number: ASSET, code: "INR", exponent: 2 }],
  rails: [
    { number: RAIL, name: "IMPS", ...RAIL_COMMON, partialPost: true },
    { number: NET_RAIL, name: "NEFT", ...RAIL_COMMON, partialPost: true, settlement: "net", fee: "3" },
    {
      ...{ number: ACCEPTANCE_RAIL, name: "UPI", ...RAIL_COMMON, partialPost: false, settlement: "net" },
      ...{ acceptance: true, turnaroundSeconds: 5 },
    },
  ],
  windowTimes: Array.from({ length: 86_400 / WINDOW_SECONDS }, (_, index) => index * WINDOW_SECONDS),
  defaultAsset: ASSET,
  defaultRail: RAIL,
  schemeDayOffsetSeconds: 19_800,
  checkpointBlocks,
  expiriesPerBlockMax: 1,
  participantCaps: { accounts: 100, pendings: 50 },
});

const seedOf = (purpose: string, number: number): Uint8Array => sha256(utf8(`simulator ${purpose} ${number}`));

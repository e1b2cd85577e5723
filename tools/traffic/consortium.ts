import { sha256 } from "../../src/crypto/index.js";
import {
  type CanonicalJson,
  canonicalJson,
  chainIdOf,
  type Genesis,
  type GenesisAccount,
  type GenesisFunding,
  type GenesisParticipant,
} from "../../src/formats/index.js";
import { type Digest, type Id128, type ParticipantNumber, toHex, utf8 } from "../../src/primitives/index.js";
import type { BankFigures } from "./generator.js";

/** The Reserve Bank issues; the banks follow it in the order of the figures. */
export const RBI = 1 as ParticipantNumber;
export const INR = 356;
/** Rails: the central bank's and the banks' own bookings, gross with a queue or without, net. */
export const BOOK = 0;
export const RTGS = 1;
export const NEFT = 2;

/** Midnight of 1 December 2012 in India. */
export const MONTH_START = Date.UTC(2012, 10, 30, 18, 30);
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const INDIA_OFFSET_SECONDS = 19_800;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour * 3_600);
const AMOUNT_MAX = "18446744073709551615";

/** What each bank begins with, paise, in the order of the figures. */
export interface Treasury {
  /** On its settlement account. */
  readonly liquidity: readonly bigint[];
  readonly reserves: readonly bigint[];
  readonly caps: readonly bigint[];
  /** Of all its customers together. */
  readonly deposits: readonly bigint[];
}

export interface ConsortiumOptions {
  readonly banks: readonly string[];
  readonly customersPerBank: number;
  readonly treasury: Treasury;
  readonly onShortage: "reject" | "queue";
  readonly queueSecondsMax: number;
}

export interface Consortium {
  readonly genesis: Genesis;
  readonly genesisBytes: Uint8Array;
  readonly chainId: Digest;
}

export const bankNumber = (bank: number): ParticipantNumber => (bank + 2) as ParticipantNumber;

const KINDS = { transfer: 0, customer: 1, clearing: 2, settlement: 3, issuance: 4, reserve: 5 } as const;

/** An id that tells what it is: owner or creator, kind, number. */
export const idOf = (participant: number, kind: keyof typeof KINDS, number: number): Id128 =>
  (participant.toString(16).padStart(8, "0") +
    KINDS[kind].toString(16).padStart(8, "0") +
    number.toString(16).padStart(16, "0")) as Id128;

export const ISSUANCE = idOf(RBI, "issuance", 0);
export const settlementOf = (bank: number): Id128 => idOf(RBI, "settlement", bank);
export const reserveOf = (bank: number): Id128 => idOf(RBI, "reserve", bank);
export const customerOf = (bank: number, customer: number): Id128 => idOf(bankNumber(bank), "customer", customer);
const clearingOf = (bank: number): Id128 => idOf(bankNumber(bank), "clearing", 0);

/** A participant's key: execution reads only whose it is. */
export const publicKeyOf = (participant: number): Uint8Array => sha256(utf8(`sabha/traffic/key/${participant}`));

/** A treasury with which most of the month's payments go through and some of every kind do not. */
export function monthTreasury(figures: readonly BankFigures[], month: { count: number; days: number }): Treasury {
  const total = figures.reduce((sum, { neft, rtgs }) => sum + neft.out + rtgs.out, 0);
  const scaled = (rupees: number): bigint => (BigInt(rupees) * 100n * BigInt(month.count)) / BigInt(total) + 1n;
  const daily = (rupees: number): bigint => scaled(rupees) / BigInt(month.days) + 1n;
  const caps = figures.map(({ neft }) => daily(neft.outRupees) / 3n + 1n);
  return {
    liquidity: figures.map(({ rtgs }) => daily(rtgs.outRupees) / 3n + 1n),
    caps,
    // What windows take is filled up each morning; every other bank keeps so little that it reaches its reserve first.
    reserves: caps.map((cap, bank) => (bank % 2 === 0 ? 4n * cap : cap)),
    deposits: figures.map(({ neft, rtgs }) => scaled(neft.outRupees) + scaled(rtgs.outRupees)),
  };
}

/** The Reserve Bank and its banks, all of them validators, with accounts, money and caps. */
export function makeConsortium(options: ConsortiumOptions): Consortium {
  const { banks, treasury } = options;
  const accounts: GenesisAccount[] = [{ id: ISSUANCE, owner: RBI, asset: INR, kind: "issuance" }];
  const funding: GenesisFunding[] = [];
  const fund = (debit: Id128, credit: Id128, amount: bigint): void => {
    if (amount > 0n) funding.push({ debit, credit, amount: amount.toString() });
  };
  for (const bank of banks.keys()) {
    const owner = bankNumber(bank);
    accounts.push({ id: settlementOf(bank), owner, asset: INR, kind: "settlement" });
    accounts.push({ id: reserveOf(bank), owner, asset: INR, kind: "reserve" });
    accounts.push({ id: clearingOf(bank), owner, asset: INR, kind: "clearing" });
    fund(ISSUANCE, settlementOf(bank), treasury.liquidity[bank] as bigint);
    fund(ISSUANCE, reserveOf(bank), treasury.reserves[bank] as bigint);
    const deposit = (treasury.deposits[bank] as bigint) / BigInt(options.customersPerBank);
    for (let customer = 0; customer < options.customersPerBank; customer += 1) {
      accounts.push({ id: customerOf(bank, customer), owner, asset: INR, kind: "customer" });
      fund(clearingOf(bank), customerOf(bank, customer), deposit);
    }
  }
  const participants = [participant(RBI, "RBI", "authority")];
  for (const [bank, name] of banks.entries()) participants.push(participant(bankNumber(bank), name, "bank"));
  const genesis: Genesis = {
    format: "sabha/genesis/1",
    name: "Interbank traffic of December 2012",
    timestamp: MONTH_START,
    scheme: "keyed-hash",
    participants,
    validators: participants.map(({ number }) => ({
      participant: number,
      consensusKey: toHex(sha256(utf8(`sabha/traffic/consensus/${number}`))),
      proofOfPossession: toHex(sha256(utf8(`sabha/traffic/possession/${number}`))),
      networkKey: toHex(sha256(utf8(`sabha/traffic/network/${number}`))),
      addresses: ["/ip4/127.0.0.1/tcp/26600"],
    })),
    rulebook: rulebookOf(options),
    accounts,
    funding,
  };
  const genesisBytes = utf8(canonicalJson(genesis as unknown as CanonicalJson));
  return { genesis, genesisBytes, chainId: chainIdOf(sha256, genesisBytes) };
}

function rulebookOf({ treasury, onShortage, queueSecondsMax }: ConsortiumOptions): Genesis["rulebook"] {
  const rail = { minimum: "1", maximum: AMOUNT_MAX, timeoutSecondsMax: 0, partialPost: false };
  const queue = onShortage === "queue" ? { onShortage, queueSecondsMax } : {};
  return {
    assets: [{ number: INR, code: "INR", exponent: 2 }],
    rails: [
      { ...rail, number: BOOK, name: "BOOK" },
      { ...rail, number: RTGS, name: "RTGS", minimum: "20000000", ...queue },
      { ...rail, number: NEFT, name: "NEFT", settlement: "net" },
    ],
    defaultAsset: INR,
    defaultRail: BOOK,
    schemeDayOffsetSeconds: INDIA_OFFSET_SECONDS,
    checkpointBlocks: 64,
    expiriesPerBlockMax: 100_000,
    participantCaps: { accounts: 100_000, pendings: 1_000_000 },
    windowTimes: HOURS,
    netDebitCaps: treasury.caps.map((cap, bank) => ({ participant: bankNumber(bank), asset: INR, cap: `${cap}` })),
  };
}

const participant = (
  number: ParticipantNumber,
  name: string,
  role: GenesisParticipant["role"],
): GenesisParticipant => ({
  number,
  name,
  role,
  keys: [{ publicKey: toHex(publicKeyOf(number)), scopes: ["submit", "approve", "govern"] }],
});

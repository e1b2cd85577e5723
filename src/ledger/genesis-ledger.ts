import {
  ACCOUNT_KINDS,
  type AccountKind,
  type Genesis,
  type GenesisAccount,
  type GenesisParticipant,
  participantOfId,
  usualAccountFlags,
} from "../formats/index.js";
import { fromHex, isId128 } from "../primitives/index.js";
import { openAccount } from "./account-batches.js";
import { CREDITS_POSTED, DEBITS_POSTED } from "./accounts.js";
import { addTo, highOf, lowOf } from "./limbs.js";
import { rulebookFaults } from "./rulebook-faults.js";
import { State } from "./state.js";
import { alignedWords } from "./words.js";

/** Why a genesis file gives no ledger; `detail` is one sentence for the people who wrote the file. */
export interface GenesisLedgerFault {
  readonly code: "PARTICIPANTS" | "KEYS" | "RULEBOOK" | "ACCOUNT" | "FUNDING";
  readonly detail: string;
}

/** Thrown by `Ledger.fromGenesis` only. */
export class GenesisLedgerError extends Error {
  override readonly name = "GenesisLedgerError";
  readonly code = "GENESIS_LEDGER";
  readonly faults: readonly GenesisLedgerFault[];

  constructor(faults: readonly GenesisLedgerFault[]) {
    super(faults[0]?.detail ?? "genesis gives no ledger");
    this.faults = faults;
  }
}

const AMOUNT_MAX = 0xffff_ffff_ffff_ffffn;
const FAULTS_MAX = 100;

/**
 * Everything wrong with the participants, rulebook, accounts and funding of a genesis; empty if sound.
 * At most a hundred faults are told.
 */
export function checkGenesisLedger(genesis: Genesis): readonly GenesisLedgerFault[] {
  const ofRules = [
    ...participantFaults(genesis.participants),
    ...rulebookFaults(genesis.rulebook).map((detail) => ({ code: "RULEBOOK" as const, detail })),
  ];
  // Accounts and money are judged against sound participants and assets only.
  const ofAccounts = ofRules.length > 0 ? ofRules : accountFaults(genesis);
  const faults = ofAccounts.length > 0 ? ofAccounts : fundingFaults(genesis);
  return faults.slice(0, FAULTS_MAX);
}

function participantFaults(participants: readonly GenesisParticipant[]): GenesisLedgerFault[] {
  const faults: GenesisLedgerFault[] = [];
  const names = new Set<string>();
  const keys = new Set<string>();
  for (const [index, participant] of participants.entries()) {
    const who = `participant ${participant.number} (${participant.name})`;
    const fault = (detail: string): number => faults.push({ code: "PARTICIPANTS", detail });
    if (participant.number !== index + 1) fault(`${who} is not numbered ${index + 1}, its place in the list`);
    if (names.has(participant.name)) fault(`two participants are named ${participant.name}`);
    names.add(participant.name);
    for (const { publicKey, scopes } of participant.keys) {
      if (fromHex(publicKey)?.length !== 32) faults.push({ code: "KEYS", detail: `${who} has a malformed key` });
      if (keys.has(publicKey)) faults.push({ code: "KEYS", detail: `key ${publicKey} is listed twice` });
      if (scopes.length === 0) faults.push({ code: "KEYS", detail: `a key of ${who} has no scope` });
      keys.add(publicKey);
    }
  }
  return faults;
}

function accountFaults(genesis: Genesis): GenesisLedgerFault[] {
  const faults: GenesisLedgerFault[] = [];
  const ids = new Set<string>();
  const issuers = new Map<number, number>();
  const places = new Set<string>();
  const owned = new Map<number, number>();
  for (const account of genesis.accounts) {
    const fault = (detail: string): number =>
      faults.push({ code: "ACCOUNT", detail: `account ${account.id} ${detail}` });
    if (!isId128(account.id)) fault("has a malformed id");
    if (ids.has(account.id)) fault("is listed twice");
    ids.add(account.id);
    if (!genesis.rulebook.assets.some(({ number }) => number === account.asset))
      fault(`is in unknown asset ${account.asset}`);
    const owner = genesis.participants[account.owner - 1];
    const wanted = account.kind === "issuance" ? "authority" : "bank";
    if (owner?.role !== wanted)
      fault(`is of kind ${account.kind}, so its owner must be a participant of role ${wanted}`);
    const creator = genesis.participants[participantOfId(account.id) - 1];
    if (creator?.number !== account.owner && creator?.role !== "authority") {
      fault("has an id that begins neither with its owner's number nor with an authority's");
    }
    if (account.kind === "issuance" && (issuers.get(account.asset) ?? account.owner) !== account.owner) {
      fault(`is a second authority's issuance account in asset ${account.asset}`);
    }
    if (account.kind === "issuance") issuers.set(account.asset, account.owner);
    if (account.kind === "settlement" || account.kind === "reserve") {
      const place = `${account.kind}/${account.owner}/${account.asset}`;
      if (places.has(place)) fault(`is its owner's second ${account.kind} account in the asset`);
      places.add(place);
    }
    const count = (owned.get(account.owner) ?? 0) + 1;
    owned.set(account.owner, count);
    if (count === genesis.rulebook.participantCaps.accounts + 1) fault("is one more than its owner may have");
  }
  return faults;
}

/** Pairs that genesis may fund; customers only from their own bank's clearing account. */
const FUNDING_PAIRS: Readonly<Partial<Record<AccountKind, readonly AccountKind[]>>> = {
  issuance: ["settlement", "reserve"],
  clearing: ["customer"],
};

function fundingFaults(genesis: Genesis): GenesisLedgerFault[] {
  const faults: GenesisLedgerFault[] = [];
  const accounts = new Map(genesis.accounts.map((account) => [account.id, account]));
  const debited = new Map<string, bigint>();
  const credited = new Map<string, bigint>();
  for (const [index, { debit: debitId, credit: creditId, amount: text }] of genesis.funding.entries()) {
    const fault = (detail: string): number =>
      faults.push({ code: "FUNDING", detail: `funding ${index + 1} ${detail}` });
    const debit = accounts.get(debitId);
    const credit = accounts.get(creditId);
    if (debit === undefined || credit === undefined) {
      fault(`names account ${debit === undefined ? debitId : creditId}, which genesis does not open`);
      continue;
    }
    if (
      FUNDING_PAIRS[debit.kind]?.includes(credit.kind) !== true ||
      (debit.kind === "clearing" && debit.owner !== credit.owner)
    ) {
      fault("is neither issuance → settlement or reserve nor clearing → customer within a bank");
    }
    if (debit.asset !== credit.asset) fault("moves money between two assets");
    const amount = BigInt(text);
    if (amount === 0n) fault("moves nothing");
    const debits = (debited.get(debitId) ?? 0n) + amount;
    const credits = (credited.get(creditId) ?? 0n) + amount;
    if (debits > AMOUNT_MAX || credits > AMOUNT_MAX) fault("makes a balance of more than 64 bits");
    debited.set(debitId, debits);
    credited.set(creditId, credits);
  }
  return faults;
}

/**
 * The state at height 0: participants, keys, rulebook, accounts, then the funding as double entry.
 *
 * @throws {GenesisLedgerError}
 */
export function genesisState(genesis: Genesis, hashSeed: number): State {
  const faults = checkGenesisLedger(genesis);
  if (faults.length > 0) throw new GenesisLedgerError(faults);
  const state = new State(hashSeed);
  for (const { number, name, role, keys } of genesis.participants) {
    state.participants.add(number, role, name);
    for (const { publicKey, scopes } of keys) state.keys.add(fromHex(publicKey) as Uint8Array, number, scopes);
  }
  state.writeRules(genesis.rulebook);
  const indices = new Map(genesis.accounts.map((account) => [account.id, open(state, account)]));
  for (const { debit, credit, amount: text } of genesis.funding) {
    const amount = BigInt(text);
    post(state, indices.get(debit) as number, DEBITS_POSTED, amount);
    post(state, indices.get(credit) as number, CREDITS_POSTED, amount);
  }
  return state;
}

const open = (state: State, { id, owner, asset, kind }: GenesisAccount): number =>
  openAccount(state, {
    id: alignedWords(fromHex(id) as Uint8Array),
    owner,
    asset,
    kindAndFlags: ACCOUNT_KINDS[kind] | (usualAccountFlags(kind) << 16),
    reference: new Uint32Array(4),
  });

function post(state: State, account: number, balance: number, amount: bigint): void {
  const { table } = state.accounts;
  table.touch(account);
  addTo(table.wordsOf(account), table.baseOf(account) + balance, lowOf(amount), highOf(amount));
}

import { sha256 } from "../crypto/index.js";
import {
  accountIdFromName,
  type GenesisAccount,
  type GenesisFunding,
  parseMoney,
  type RulebookAsset,
} from "../formats/index.js";
import type { Id128, ParticipantNumber } from "../primitives/index.js";
import { parseCsv } from "./csv.js";

/** A customer account that genesis opens and may fund; one row of an accounts file. */
export interface CustomerAccount {
  /** Line of the file, from 1; 0 where there is none. */
  readonly line: number;
  readonly participant: string;
  /** The bank's own name for the account; its id is made from it. */
  readonly account: string;
  /** Decimal text, from the bank's clearing account; empty: none. */
  readonly funding: string;
  /** ISO 4217 code; empty: the rulebook's default asset. */
  readonly asset: string;
}

export type ParsedAccounts =
  | { readonly ok: true; readonly accounts: readonly CustomerAccount[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A name that a bank chooses, of an account or a transfer: printable, and short enough for every form. */
export const isPlainName = (name: string): boolean => /^[^\p{Cc}\p{Cs}]{1,64}$/u.test(name);

/** Reads an accounts file: CSV with the header `participant,account,funding` and, if wanted, `asset`. */
export function parseAccountsFile(text: string): ParsedAccounts {
  const parsed = parseCsv(text, { required: ["participant", "account", "funding"], optional: ["asset"] });
  if (!parsed.ok)
    return { ok: false, problems: parsed.problems.map(({ line, problem }) => `line ${line}: ${problem}`) };
  const problems: string[] = [];
  const accounts = parsed.rows.map(({ line, fields }) => {
    const account = fields["account"] as string;
    if (!isPlainName(account)) problems.push(`line ${line}: an account's name has 1 to 64 printable characters`);
    return {
      line,
      participant: fields["participant"] as string,
      account,
      funding: fields["funding"] as string,
      asset: fields["asset"] ?? "",
    };
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, accounts };
}

/** Kinds of the accounts that are a bank's or the authority's own, one for each asset. */
export type InfrastructureKind = "settlement" | "clearing" | "issuance" | "reserve";

/** Names of such accounts: `settlement:INR`, `clearing:INR`, `issuance:INR`, `reserve:INR`. */
export const infrastructureName = (kind: InfrastructureKind, assetCode: string): string => `${kind}:${assetCode}`;

/** The id of an account that a participant calls by this name. */
export const accountId = (owner: ParticipantNumber, name: string): Id128 => accountIdFromName(sha256, owner, name);

/** A participant as far as its accounts are concerned. */
export interface AccountOwner {
  readonly number: ParticipantNumber;
  readonly name: string;
  readonly role: "authority" | "bank" | "observer";
}

export interface LedgerPlan {
  readonly owners: readonly AccountOwner[];
  readonly assets: readonly RulebookAsset[];
  readonly defaultAsset: number;
  readonly customers: readonly CustomerAccount[];
  /** Decimal text: what each bank's settlement account receives of each asset. */
  readonly settlementFunding: string;
  /** Decimal text: what each bank's reserve receives of each asset; absent: no reserves are opened. */
  readonly reserveFunding?: string;
}

export type PlannedLedger =
  | { readonly ok: true; readonly accounts: readonly GenesisAccount[]; readonly funding: readonly GenesisFunding[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Accounts and funding of a genesis: per asset the authority's issuance account and every bank's
 * settlement and clearing accounts, and reserve where these are wanted, then the customers', in an order that does not depend on the order
 * of the rows.
 */
export function planLedger(plan: LedgerPlan): PlannedLedger {
  const problems: string[] = [];
  const accounts: GenesisAccount[] = [];
  const funding: GenesisFunding[] = [];
  for (const asset of plan.assets) openInfrastructure(plan, asset, { accounts, funding, problems });
  openCustomers(plan, { accounts, funding, problems });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, accounts, funding };
}

interface Draft {
  readonly accounts: GenesisAccount[];
  readonly funding: GenesisFunding[];
  readonly problems: string[];
}

function openInfrastructure(plan: LedgerPlan, asset: RulebookAsset, draft: Draft): void {
  const amount = fundingOf("settlement", plan.settlementFunding, asset, draft);
  const reserve = plan.reserveFunding === undefined ? 0n : fundingOf("reserve", plan.reserveFunding, asset, draft);
  if (amount === undefined || reserve === undefined) return;
  const open = (owner: AccountOwner, kind: InfrastructureKind): Id128 => {
    const id = accountId(owner.number, infrastructureName(kind, asset.code));
    draft.accounts.push({ id, owner: owner.number, asset: asset.number, kind });
    return id;
  };
  const authority = plan.owners.find(({ role }) => role === "authority");
  const issuance = authority === undefined ? undefined : open(authority, "issuance");
  const fund = (credit: Id128, sum: bigint): void => {
    if (issuance !== undefined && sum > 0n) draft.funding.push({ debit: issuance, credit, amount: String(sum) });
  };
  for (const owner of plan.owners) {
    if (owner.role !== "bank") continue;
    fund(open(owner, "settlement"), amount);
    open(owner, "clearing");
    if (plan.reserveFunding !== undefined) fund(open(owner, "reserve"), reserve);
  }
}

function fundingOf(kind: InfrastructureKind, text: string, asset: RulebookAsset, draft: Draft): bigint | undefined {
  const amount = parseMoney(text, asset.exponent);
  if (amount === undefined) draft.problems.push(`${kind} funding ${text} is not an amount of ${asset.code}`);
  return amount;
}

function openCustomers(plan: LedgerPlan, draft: Draft): void {
  const owners = new Map(plan.owners.map((owner) => [owner.name, owner]));
  const assets = new Map(plan.assets.map((asset) => [asset.code, asset]));
  const standard = plan.assets.find(({ number }) => number === plan.defaultAsset);
  const opened = new Map<Id128, CustomerAccount>(draft.accounts.map(({ id }) => [id, RESERVED]));
  const customers: { readonly account: GenesisAccount; readonly funded: GenesisFunding | undefined }[] = [];
  for (const row of plan.customers) {
    const refuse = (problem: string): void => {
      draft.problems.push(row.line === 0 ? problem : `line ${row.line}: ${problem}`);
    };
    const owner = owners.get(row.participant);
    const asset = row.asset === "" ? standard : assets.get(row.asset);
    if (owner === undefined) refuse(`unknown bank ${row.participant}`);
    else if (owner.role !== "bank") refuse(`${row.participant} is no bank and has no customers`);
    else if (asset === undefined) refuse(`unknown asset ${row.asset}`);
    else {
      const id = accountId(owner.number, row.account);
      const amount = row.funding === "" ? 0n : parseMoney(row.funding, asset.exponent);
      const earlier = opened.get(id);
      if (earlier === RESERVED) refuse(`${row.account} is the name of an account that genesis opens by itself`);
      else if (earlier !== undefined) refuse(`account ${row.account} of ${row.participant} is there already`);
      else if (amount === undefined) refuse(`funding ${row.funding} is not an amount of ${asset.code}`);
      else customers.push(customer(id, owner, asset, amount));
      opened.set(id, earlier ?? row);
    }
  }
  customers.sort(
    (left, right) => left.account.owner - right.account.owner || (left.account.id < right.account.id ? -1 : 1),
  );
  // One by one: there may be more than a call takes arguments.
  for (const { account, funded } of customers) {
    draft.accounts.push(account);
    if (funded !== undefined) draft.funding.push(funded);
  }
}

const RESERVED: CustomerAccount = { line: 0, participant: "", account: "", funding: "", asset: "" };

function customer(
  id: Id128,
  owner: AccountOwner,
  asset: RulebookAsset,
  amount: bigint,
): { readonly account: GenesisAccount; readonly funded: GenesisFunding | undefined } {
  const clearing = accountId(owner.number, infrastructureName("clearing", asset.code));
  return {
    account: { id, owner: owner.number, asset: asset.number, kind: "customer" },
    funded: amount === 0n ? undefined : { debit: clearing, credit: id, amount: String(amount) },
  };
}

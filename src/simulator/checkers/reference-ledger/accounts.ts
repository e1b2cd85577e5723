import { participantOfId, type ResultName } from "../../../formats/index.js";
import type { Batch, FullAccount, FullAction } from "./batches.js";
import { type Account, type Books, consumes, first, type Place } from "./books.js";
import type { Windows } from "./windows.js";

const LIMITED = "debits_must_not_exceed_credits";
/** Flags of the kinds that have fixed ones. */
const FIXED: Readonly<Record<string, string>> = {
  settlement: LIMITED,
  reserve: LIMITED,
  issuance: "credits_must_not_exceed_debits",
};

/** Opening, freezing, closing, and cuts by the authority (LEDG-8, LEDG-12, LEDG-23). */
export class Accounts {
  readonly #books: Books;
  readonly #windows: Windows;

  constructor(books: Books, windows: Windows) {
    this.#books = books;
    this.#windows = windows;
  }

  open(fields: FullAccount, place: Place): ResultName {
    const found = this.#openingFaults(fields, place.from);
    if (found.length > 0) return first(found);
    this.#books.openAccount(fields);
    this.#books.leave("applied", place);
    return "applied";
  }

  #openingFaults(fields: FullAccount, from: number): ResultName[] {
    const found: ResultName[] = [];
    const { accounts, roles, rulebook } = this.#books;
    const isCustomers = fields.kind === "customer" || fields.kind === "clearing";
    if (participantOfId(fields.id) !== from) found.push("id_not_of_participant");
    const issuer =
      [...accounts.values()].find(({ kind, asset }) => kind === "issuance" && asset === fields.asset)?.owner ?? from;
    const may = isCustomers
      ? roles.get(from) === "bank" && fields.owner === from
      : roles.get(from) === "authority" && issuer === from && (fields.kind !== "issuance" || fields.owner === from);
    if (!may) found.push("not_authorised");
    const old = accounts.get(fields.id);
    if (old !== undefined) {
      if (old.reference !== fields.reference) found.push("exists_with_different_reference");
      if (old.asset !== fields.asset) found.push("exists_with_different_asset");
      if ([...old.flags].sort().join() !== [...fields.flags].sort().join()) found.push("exists_with_different_flags");
      if (old.owner !== fields.owner) found.push("exists_with_different_owner");
      if (old.kind !== fields.kind) found.push("exists_with_different_kind");
      found.push("exists");
    }
    if (!rulebook.assets.some(({ number }) => number === fields.asset)) found.push("asset_not_found");
    if (roles.get(fields.owner) !== (fields.kind === "issuance" ? "authority" : "bank")) found.push("owner_not_found");
    if (!isCustomers && fields.flags.join() !== FIXED[fields.kind]) found.push("flags_not_allowed");
    const { owner, asset, kind } = fields;
    if (kind === "reserve" && this.#books.own(owner, asset, kind) !== undefined) found.push("reserve_account_exists");
    if (kind === "settlement" && this.#books.own(owner, asset, kind) !== undefined)
      found.push("settlement_account_exists");
    const owned = [...accounts.values()].filter((account) => account.owner === owner).length;
    if (owned >= rulebook.participantCaps.accounts) found.push("accounts_cap_exceeded");
    return found;
  }

  /** An action on an account. */
  act(
    { from, scopes = ["submit"] }: Extract<Batch, { readonly kind: "actions" }>,
    fields: FullAction,
    place: Place,
  ): ResultName {
    const books = this.#books;
    const account = books.accounts.get(fields.accountId);
    const content = JSON.stringify(fields);
    const found: ResultName[] = [];
    if (participantOfId(fields.id) !== from) found.push("id_not_of_participant");
    if (!scopes.includes("submit") || !this.#mayAct(from, fields, account)) found.push("not_authorised");
    const repetition = books.repetition(fields.id, content);
    if (repetition !== undefined) found.push(repetition);
    found.push(...(account === undefined ? (["account_not_found"] as const) : this.#actionFaults(fields, account)));
    const result = found.length > 0 ? first(found) : "applied";
    if (result !== "applied" && !consumes(result)) return result;
    books.leave(result, place);
    books.seen.set(fields.id, { content, success: result === "applied", state: "none" });
    if (result !== "applied" || account === undefined) return result;
    if (fields.action === "close") account.closed = true;
    else if (fields.action === "cut_window") this.#windows.cut(account.asset);
    else account.frozen = fields.action === "freeze";
    return result;
  }

  #mayAct(from: number, { action }: FullAction, account: Account | undefined): boolean {
    if (action === "close") return account === undefined || account.owner === from;
    if (this.#books.roles.get(from) !== "authority") return false;
    const isIssuers = account?.kind === "issuance" && account.owner === from;
    return action !== "cut_window" || account === undefined || isIssuers;
  }

  #actionFaults({ action }: FullAction, account: Account): ResultName[] {
    const found: ResultName[] = [];
    const { owner, asset, kind } = account;
    if (account.closed) found.push("account_closed");
    if (account.frozen && action !== "unfreeze" && action !== "cut_window") found.push("account_frozen");
    if (!account.frozen && action === "unfreeze") found.push("account_not_frozen");
    if (action === "cut_window" && !this.#windows.hasPayments(asset)) found.push("window_not_open");
    if (action !== "close") return found;
    const isBanks = kind === "settlement" || kind === "reserve";
    const isOwing = (["payer", "payee"] as const).some((side) => this.#windows.unsettled(owner, asset, side) > 0n);
    const isEmpty =
      account.debitsPending === 0n && account.creditsPending === 0n && account.debitsPosted === account.creditsPosted;
    if (!isEmpty || (isBanks && isOwing)) found.push("account_not_empty");
    return found;
  }
}

import { type KeyPair, sha256 } from "../../crypto/index.js";
import {
  type AccountAction,
  type AccountFields,
  type AccountFlag,
  accountIdFromName,
  encodeAccount,
  encodeAction,
} from "../../formats/index.js";
import { type Id128, participantNumber, toHex } from "../../primitives/index.js";
import { ASSET, NET_RAIL, OTHER_ASSET, RAIL, type SimulatedBank } from "../consortium.js";
import type { Random } from "../random.js";
import { type Desk, type Draw, recordOf, type Signer, type Waiting, type WorkItem } from "./desk.js";

/** Nobody bears it. */
const STRANGER = participantNumber(200);

/** A bank opens an account for a customer or for its own side; some names come twice. */
export function openAccount(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const bank = random.pick(desk.banks);
  const id = accountIdFromName(sha256, bank.number, `opened-${random.integer(0, 12)}`);
  const by = random.chance(0.1) ? random.pick(desk.banks) : bank;
  const flags: readonly AccountFlag[][] = [["credits_must_not_exceed_debits"], [], ["debits_must_not_exceed_credits"]];
  const some: Partial<AccountFields> = random.chance(0.5)
    ? {}
    : random.pick<Partial<AccountFields>>([
        { kind: "clearing" },
        { kind: "reserve" },
        { asset: OTHER_ASSET },
        { asset: 5 },
        { flags: random.pick(flags) },
        { flags: random.pick(flags) },
        { reference: desk.newId(bank, random) },
        { owner: random.pick(desk.banks).number },
      ]);
  desk.opened.add({ id, owner: bank.number });
  if (random.chance(0.3)) desk.follow((next) => pay(desk, bank, { from: bank.clearing, to: id, rail: RAIL }, next));
  return opening(desk, by, { id, kind: "customer", ...some }, draw);
}

/** The authority opens a bank's own accounts, mostly such as there are already. */
export function openForBank(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const { authority } = desk.consortium;
  const kind = random.pick(["settlement", "settlement", "reserve", "reserve", "issuance"] as const);
  const owner =
    kind === "issuance" ? authority.number : random.chance(0.85) ? random.pick(desk.banks).number : STRANGER;
  const asset = random.chance(0.6) ? OTHER_ASSET : ASSET;
  const id = accountIdFromName(sha256, authority.number, `own-${random.integer(0, 4)}`);
  const flags = random.chance(0.15) ? { flags: [] } : {};
  desk.opened.add({ id, owner });
  return opening(desk, authority, { id, kind, owner, asset, ...flags }, draw);
}

function opening(desk: Desk, by: Signer, fields: AccountFields, draw: Draw): WorkItem {
  const records = [recordOf(encodeAccount(fields, { asset: ASSET, rail: RAIL, participant: by.number }))];
  return desk.sign("create_accounts", { by, records, draw });
}

/** The authority freezes and releases customers' and banks' accounts, and cuts windows before their time. */
export function supervise(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const { authority } = desk.consortium;
  const issuance = accountIdFromName(sha256, authority.number, random.chance(0.9) ? "issuance" : "issuance-dollars");
  if (random.chance(0.3)) return act(desk, authority, { accountId: issuance, action: "cut_window" }, draw);
  const [bank, other] = random.sample(desk.banks, 2) as [SimulatedBank, SimulatedBank];
  const { customers, settlement, reserve } = bank;
  const accountId = random.chance(0.05)
    ? desk.newId(bank, random)
    : random.pick([...customers, settlement, settlement, reserve, reserve]);
  const by = random.chance(0.04) ? bank : authority;
  if (random.chance(0.3)) return act(desk, by, { accountId, action: "unfreeze" }, draw);
  // What is frozen is tried, and freed again: all payments would come to a halt in the end.
  const from = customers.includes(accountId) ? accountId : (customers[0] as Id128);
  const rail = accountId === reserve ? NET_RAIL : RAIL;
  desk.follow((next) => pay(desk, bank, { from, to: other.customers[1] as Id128, rail }, next));
  if (random.chance(0.3)) desk.follow((next) => act(desk, authority, { accountId, action: "freeze" }, next));
  desk.follow((next) => act(desk, authority, { accountId, action: "unfreeze" }, next));
  return act(desk, by, { accountId, action: "freeze" }, draw);
}

/** A bank opens an account, closes it and is not told by everybody; or it closes one that is not empty. */
export function close(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const bank = random.pick(desk.banks);
  const { authority } = desk.consortium;
  const opened = desk.opened.pick(random, ({ owner }) => owner === bank.number)?.id;
  const some = [...bank.customers, bank.settlement, bank.reserve, ...(opened === undefined ? [] : [opened])];
  if (random.chance(0.4)) return act(desk, bank, { accountId: random.pick(some), action: "close" }, draw);
  const id = desk.newId(bank, random);
  desk.follow(
    (next) => act(desk, bank, { accountId: id, action: "close" }, next),
    (next) => pay(desk, bank, { from: bank.clearing, to: id, rail: RAIL }, next),
    (next) => pay(desk, bank, { from: id, to: bank.customers[1] as Id128, rail: RAIL }, next),
    (next) => act(desk, authority, { accountId: id, action: "freeze" }, next),
  );
  return opening(desk, bank, { id, kind: "customer" }, draw);
}

/** One small payment. */
function pay(
  desk: Desk,
  bank: SimulatedBank,
  { from, to, rail }: { readonly from: Id128; readonly to: Id128; readonly rail: number },
  draw: Draw,
): WorkItem {
  const amount = String(draw.random.integer(1, 900));
  const fields = { id: desk.newId(bank, draw.random), debitAccountId: from, creditAccountId: to, amount, rail };
  return desk.sign("create_transfers", { by: bank, records: [desk.encode(bank, fields)], draw });
}

/** The central bank issues money, and takes some back. */
export function issue(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const { authority } = desk.consortium;
  const bank = random.pick(desk.banks);
  const issuance = accountIdFromName(sha256, authority.number, "issuance");
  const own = random.pick([bank.settlement, bank.reserve]);
  const [debitAccountId, creditAccountId] = random.chance(0.6) ? [issuance, own] : [own, issuance];
  const amount = String(random.integer(1_000, 30_000));
  const fields = { id: desk.newId(authority, random), debitAccountId, creditAccountId, amount };
  const records = [desk.encode({ ...bank, ...authority }, fields)];
  return desk.sign("create_transfers", { by: authority, records, draw });
}

/** A person decides about what is on hold; mostly the right one. A second one does where that is needed. */
export function decide(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const lists = random.chance(0.9) ? desk.held : desk.queued;
  const found = lists.pick(random) ?? unknown(desk, random);
  const action: AccountAction = random.chance(0.6) ? "release_hold" : "return_hold";
  const { id, bank } = found;
  const persons: readonly KeyPair[] = random.sample([bank.keys, bank.approver], 2);
  const first = act(desk, { ...bank, keys: persons[0] as KeyPair }, { accountId: id, action }, draw);
  const second = persons[random.chance(0.75) ? 1 : 0] as KeyPair;
  desk.follow((next) => act(desk, { ...bank, keys: second }, { accountId: id, action }, next));
  return first;
}

/** A bank puts one of its payments before others; now and then one that does not wait, or another bank's. */
export function reprioritise(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const lists = random.chance(0.85) ? desk.queued : desk.held;
  const { id, bank } = lists.pick(random) ?? unknown(desk, random);
  const by = random.chance(0.05) ? random.pick(desk.banks) : bank;
  const keys = random.chance(0.05) ? by.approver : by.keys;
  const fields = { accountId: id, action: "queue_reprioritise" as const, priority: random.integer(1, 9) };
  return act(desk, { ...by, keys }, fields, draw);
}

/** Something signed by a key that may only decide about holds. */
export function outOfScope(desk: Desk, draw: Draw): WorkItem {
  const bank = draw.random.pick(desk.banks);
  const id = accountIdFromName(sha256, bank.number, "out-of-scope");
  return opening(desk, { ...bank, keys: bank.approver }, { id, kind: "customer" }, draw);
}

const unknown = (desk: Desk, random: Random): Waiting => {
  const bank: SimulatedBank = random.pick(desk.banks);
  return { id: desk.newId(bank, random), bank };
};

function act(
  desk: Desk,
  by: Signer,
  fields: { readonly accountId: Id128; readonly action: AccountAction; readonly priority?: number },
  draw: Draw,
): WorkItem {
  const { random } = draw;
  const stranger = random.chance(0.02) ? random.pick(desk.banks) : by;
  const record = recordOf(encodeAction({ id: desk.newId(stranger, random), ...fields }));
  const records = [record];
  // The same once more, in one batch or in another.
  if (random.chance(0.05)) records.push(record);
  if (random.chance(0.05)) {
    const other = fields.action === "freeze" ? "unfreeze" : "freeze";
    const id = idOf(record);
    records.push(recordOf(encodeAction({ id, accountId: fields.accountId, action: other })));
  }
  return desk.sign("manage_accounts", { by, records, draw });
}

const idOf = (record: Uint8Array): Id128 => toHex(record.subarray(0, 16)) as Id128;

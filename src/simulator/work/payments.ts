import { type TransferFields, type TransferFlag, ZERO_ID } from "../../formats/index.js";
import { fromHex, type Id128, RECORD_BYTES } from "../../primitives/index.js";
import {
  ACCEPTANCE_RAIL,
  ASSET,
  CARD_RAIL,
  NET_RAIL,
  OTHER_ASSET,
  QUEUE_RAIL,
  RAIL,
  SCREENED_AMOUNT,
  SCREENED_PURPOSE,
  type SimulatedBank,
} from "../consortium.js";
import type { Random } from "../random.js";
import type { Desk, Draw, WorkItem } from "./desk.js";

type Fields = TransferFields & { readonly rail: number };
/** Makes the records of one transfer, or of one chain. */
type Records = (desk: Desk, bank: SimulatedBank, random: Random) => readonly Uint8Array[];

/** One to three transfers of one bank: payments, chains, two phases, repetitions, mistakes. */
export function transfers(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const bank = random.pick(desk.banks);
  const records: Uint8Array[] = [];
  for (let parts = random.integer(1, 3); parts > 0; parts -= 1)
    records.push(...random.pick(MIXTURE)(desk, bank, random));
  return desk.sign("create_transfers", { by: bank, records, draw });
}

/** Two banks owe each other more than either has, and settle it in one step. */
export function gridlock(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const [left, right] = random.sample(desk.banks, 2) as [SimulatedBank, SimulatedBank];
  const amount = random.integer(70_000, 120_000);
  const priority = random.integer(200, 255);
  const ids: Id128[] = [];
  const pay = (from: SimulatedBank, to: SimulatedBank, own: Draw): WorkItem => {
    const customers = [from.customers[0], to.customers[0]] as [Id128, Id128];
    const more = own.random.integer(0, 3_000);
    const fields = queueing(desk, { bank: from, customers, amount: amount + more, priority }, own.random);
    ids.push(fields.id);
    desk.queued.add({ id: fields.id, bank: from });
    return desk.sign("create_transfers", { by: from, records: [desk.encode(from, fields)], draw: own });
  };
  const first = pay(left, right, draw);
  desk.follow(
    (next) => pay(right, left, next),
    (next) => settleSet(desk, ids, next),
  );
  return first;
}

/** Transfers that probably wait, at once: most of these sets pass over others, or are not covered. */
export function someSettleSet(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const ids = Array.from({ length: random.integer(1, 3) }, () => desk.queued.pick(random)?.id);
  const found = ids.filter((id) => id !== undefined);
  const first = found[0] ?? desk.newId(random.pick(desk.banks), random);
  return settleSet(desk, random.chance(0.1) ? [first, first] : [first, ...found.slice(1)], draw);
}

function settleSet(desk: Desk, ids: readonly Id128[], draw: Draw): WorkItem {
  const { random } = draw;
  const by = random.chance(0.05) ? desk.consortium.authority : random.pick(desk.banks);
  const records = ids.map((id) => {
    const record = new Uint8Array(RECORD_BYTES);
    record.set(fromHex(id) as Uint8Array);
    return record;
  });
  return desk.sign("settle_set", { by, records, draw });
}

function payment(desk: Desk, bank: SimulatedBank, random: Random): Fields {
  const other = random.chance(0.6) ? random.pick(desk.banks) : bank;
  const amount = random.chance(0.1) ? random.integer(30_000, 60_000) : random.integer(0, 4_000);
  const debitAccountId = random.chance(0.04)
    ? random.pick(random.pick(desk.banks).customers)
    : random.pick([...bank.customers, ...(other === bank ? [bank.clearing] : [])]);
  const creditAccountId = random.chance(0.04) ? desk.newId(other, random) : random.pick(other.customers);
  const id = desk.newId(bank, random);
  const rail = random.chance(0.3) ? NET_RAIL : random.chance(0.03) ? CARD_RAIL : RAIL;
  const isScreened = random.chance(0.04) || (rail === RAIL && amount >= SCREENED_AMOUNT);
  if (isScreened) desk.held.add({ id, bank });
  const code = random.chance(0.04) ? { code: SCREENED_PURPOSE } : {};
  return { id, debitAccountId, creditAccountId, amount: String(amount), rail, ...code };
}

/** A payment that waits where its bank is short, or where its payer is listed. */
function queueing(
  desk: Desk,
  of: {
    readonly bank: SimulatedBank;
    readonly customers: readonly [Id128, Id128];
    readonly amount: number;
    readonly priority: number;
  },
  random: Random,
): Fields {
  const { bank, customers, amount, priority } = of;
  const [debitAccountId, creditAccountId] = customers;
  const id = desk.newId(bank, random);
  return { id, debitAccountId, creditAccountId, amount: String(amount), rail: QUEUE_RAIL, priority };
}

/** On the rail with queues: small ones, and some that take all the liquidity there is. */
const urgent: Records = (desk, bank, random) => {
  const other = random.pick(desk.banks);
  const isListed = random.chance(0.15);
  const debit = isListed ? bank.listed : (random.pick(bank.customers.slice(0, -1)) as Id128);
  const amount = random.chance(0.4) ? random.integer(20_000, 90_000) : random.integer(150, 8_000);
  const customers = [debit, random.pick(other.customers.slice(0, -1))] as [Id128, Id128];
  const fields = queueing(desk, { bank, customers, amount, priority: random.integer(0, 3) }, random);
  (isListed ? desk.held : desk.queued).add({ id: fields.id, bank });
  return [desk.encode(bank, fields)];
};

const plain: Records = (desk, bank, random) => [desk.encode(bank, payment(desk, bank, random))];

const chain: Records = (desk, bank, random) => {
  const length = random.integer(2, 4);
  return Array.from({ length }, (_, index) => {
    const isLast = index === length - 1 && !random.chance(0.03);
    return desk.encode(bank, { ...payment(desk, bank, random), flags: isLast ? [] : ["linked"] });
  });
};

const reserve: Records = (desk, bank, random) => {
  const seconds = random.chance(0.5) ? random.integer(1, 4) : 86_400;
  const { id, ...drawn } = payment(desk, bank, random);
  const rail = random.chance(0.35) ? random.pick([ACCEPTANCE_RAIL, CARD_RAIL]) : drawn.rail;
  const isOffer = rail === ACCEPTANCE_RAIL || rail === CARD_RAIL;
  const timeoutSeconds = isOffer ? random.integer(0, 4) : seconds;
  const fields = { id, ...drawn, rail, timeoutSeconds, flags: ["pending" as const] };
  // Whoever may answer it: where the beneficiary's bank must accept, that one.
  const beneficiary = desk.banks.find(({ customers }) => customers.includes(fields.creditAccountId)) ?? bank;
  const answerer = isOffer ? beneficiary : bank;
  desk.reserved.add({ id, bank: answerer, amount: Number(fields.amount), rail });
  return [desk.encode(bank, fields)];
};

/** Posts or voids something reserved, perhaps not for the first time, not yet ordered, by the wrong bank or with mistakes. */
const resolve: Records = (desk, bank, random) => {
  const mayBeOthers = random.chance(0.05);
  const found = desk.reserved.pick(random, (reserved) => mayBeOthers || reserved.bank === bank);
  if (found === undefined) return reserve(desk, bank, random);
  const flags: readonly TransferFlag[] = random.chance(0.7) ? ["post_pending"] : ["void_pending"];
  const posted = random.chance(0.2) ? found.amount + 1 : random.chance(0.3) ? random.integer(0, found.amount) : 0;
  const fields = {
    ...{ id: desk.newId(bank, random), debitAccountId: ZERO_ID, creditAccountId: ZERO_ID, amount: String(posted) },
    ...{ pendingId: found.id, rail: found.rail, flags },
  };
  const wrong: Partial<TransferFields> = random.chance(0.2)
    ? random.pick([
        { debitAccountId: bank.clearing },
        { creditAccountId: bank.clearing },
        { asset: OTHER_ASSET },
        { rail: found.rail === RAIL ? NET_RAIL : RAIL },
        { timeoutSeconds: 3 },
      ])
    : {};
  return [desk.encode(bank, { ...fields, ...wrong })];
};

/** An id that was used before, with the same content or with one field changed. */
const repeat: Records = (desk, bank, random) => {
  const found = desk.sent.pick(random, (sent) => sent.bank === bank);
  if (found === undefined) return plain(desk, bank, random);
  if (random.chance(0.5)) return [desk.encode(bank, found.fields)];
  const { flags = [] } = found.fields;
  const other: readonly TransferFlag[] = flags.length > 0 ? [] : ["balancing_debit"];
  const changed: Partial<TransferFields> = random.pick([
    { amount: String(random.integer(1, 5_000)) },
    { debitAccountId: bank.clearing },
    { creditAccountId: bank.clearing },
    { pendingId: desk.newId(bank, random) },
    { reference: desk.newId(bank, random) },
    { remittance: desk.newId(bank, random) },
    { timeoutSeconds: random.integer(5, 9) },
    { asset: OTHER_ASSET },
    { code: 7 },
    { rail: random.pick([RAIL, NET_RAIL, QUEUE_RAIL]) },
    { priority: random.integer(4, 9) },
    { flags: other },
  ]);
  return [desk.encode(bank, { ...found.fields, ...changed })];
};

/** What clerks get wrong: each breaks one rule, mostly that alone. */
const slip: Records = (desk, bank, random) => {
  const other = random.pick(desk.banks.filter((each) => each !== bank));
  const found = desk.sent.pick(random, (sent) => sent.bank === bank);
  const sound = {
    ...{ id: desk.newId(bank, random), debitAccountId: bank.customers[1] as Id128, rail: RAIL },
    ...{ creditAccountId: other.customers[1] as Id128, amount: "300" },
  };
  const none = { debitAccountId: ZERO_ID, creditAccountId: ZERO_ID, amount: "0" };
  const wrong: Partial<TransferFields> = random.pick<Partial<TransferFields>>([
    { pendingId: desk.newId(bank, random) },
    { timeoutSeconds: 4 },
    { creditAccountId: sound.debitAccountId },
    { asset: 5 },
    { asset: OTHER_ASSET },
    { rail: 9 },
    { rail: QUEUE_RAIL, flags: ["pending"], timeoutSeconds: 2 },
    { rail: random.pick([ACCEPTANCE_RAIL, CARD_RAIL]) },
    { flags: ["pending"], timeoutSeconds: 0 },
    { rail: ACCEPTANCE_RAIL, flags: ["pending"], timeoutSeconds: 60 },
    { amount: "0" },
    { rail: QUEUE_RAIL, amount: "199" },
    { amount: "50001" },
    { creditAccountId: other.clearing },
    { debitAccountId: desk.newId(bank, random) },
    { creditAccountId: desk.newId(other, random) },
    { id: desk.newId(other, random) },
    { debitAccountId: other.clearing },
    { ...none, flags: ["post_pending", "void_pending"], pendingId: desk.newId(bank, random) },
    { ...none, flags: ["post_pending", "pending"], pendingId: desk.newId(bank, random) },
    { ...none, flags: ["post_pending"] },
    { ...none, flags: ["void_pending"], pendingId: desk.newId(bank, random) },
    { ...none, flags: ["post_pending"], pendingId: found?.fields.id ?? ZERO_ID },
    { debitAccountId: bank.reserve, creditAccountId: bank.settlement, amount: String(random.integer(1, 50_000)) },
    { debitAccountId: bank.dollars, creditAccountId: other.dollars, asset: OTHER_ASSET },
    { debitAccountId: bank.dollars, creditAccountId: other.dollars, asset: OTHER_ASSET, rail: NET_RAIL },
    { debitAccountId: bank.customers[0] as Id128, creditAccountId: (desk.banks[1] ?? other).customers[0] as Id128 },
    { amount: "50000", flags: ["balancing_debit"] },
    { debitAccountId: bank.reserve, creditAccountId: bank.settlement, amount: "50000", flags: ["balancing_debit"] },
    { flags: ["linked"] },
    { debitAccountId: bank.clearing, creditAccountId: desk.opened.pick(random)?.id ?? ZERO_ID },
  ]);
  return [desk.encode(bank, { ...sound, ...wrong })];
};

/** A bank's own money, between its settlement and its reserve. */
const liquidity: Records = (desk, bank, random) => {
  const accounts = [bank.settlement, bank.reserve] as const;
  const [debitAccountId, creditAccountId] = random.sample(accounts, 2) as [Id128, Id128];
  const amount = String(random.integer(1_000, 25_000));
  return [
    desk.encode(bank, {
      id: desk.newId(bank, random),
      debitAccountId,
      creditAccountId,
      amount,
      asset: ASSET,
      rail: RAIL,
    }),
  ];
};

/** Takes something back that waits in a queue, or would. */
const withdraw: Records = (desk, bank, random) => {
  const lists = random.chance(0.8) ? desk.queued : desk.held;
  const found = lists.pick(random, (waiting) => waiting.bank === bank);
  if (found === undefined) return urgent(desk, bank, random);
  const flags: readonly TransferFlag[] = random.chance(0.75) ? ["void_pending"] : ["post_pending"];
  const none = { debitAccountId: ZERO_ID, creditAccountId: ZERO_ID, amount: "0", rail: QUEUE_RAIL };
  return [desk.encode(bank, { id: desk.newId(bank, random), ...none, pendingId: found.id, flags })];
};

const times = (count: number, records: Records): Records[] => new Array<Records>(count).fill(records);

const MIXTURE: readonly Records[] = [
  ...times(12, plain),
  ...times(4, chain),
  ...times(7, reserve),
  ...times(6, resolve),
  ...times(4, repeat),
  ...times(6, slip),
  ...times(8, urgent),
  ...times(2, withdraw),
  ...times(2, liquidity),
];

import type { TransferRequest } from "../client/index.js";
import { type CsvRow, type Directory, parseCsv } from "../genesis/index.js";
import type { ParticipantNumber } from "../primitives/index.js";

/** One row of a file of payment orders, ready to be sent. */
export interface Order {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly endToEndId: string;
  readonly transfer: TransferRequest & { readonly amount: bigint; readonly asset: number };
}

/** Who signs, and what the rows do not say. */
export interface OrderContext {
  readonly directory: Directory;
  readonly signer: ParticipantNumber;
  readonly rail: number;
}

export type ParsedOrders =
  | { readonly ok: true; readonly orders: readonly Order[] }
  | { readonly ok: false; readonly problems: readonly string[] };

const COLUMNS = [
  "end_to_end_id",
  "debtor_bank",
  "debtor_account",
  "creditor_bank",
  "creditor_account",
  "amount",
  "currency",
  "purpose",
] as const;

/**
 * Numbers that the purposes of a file stand for in the 16-bit field of a transfer: a number is itself,
 * these words are listed, every other text is 65535. A bank that needs more writes numbers.
 */
const PURPOSES: Readonly<Record<string, number>> = {
  "": 0,
  household: 1,
  insurance: 2,
  leasing: 3,
  loan: 4,
  rent: 5,
  salary: 6,
  tax: 7,
  utilities: 8,
  supplier: 9,
};
const OTHER_PURPOSE = 65_535;

/** Problems shown for one file: enough to mend it, few enough to read. */
const PROBLEMS_MAX = 20;

/** Reads and checks a whole file of orders: nothing of it is sent where a single row is wrong. */
export function parseOrders(text: string, context: OrderContext): ParsedOrders {
  const parsed = parseCsv(text, { required: COLUMNS });
  if (!parsed.ok)
    return { ok: false, problems: parsed.problems.map(({ line, problem }) => `line ${line}: ${problem}`) };
  const orders: Order[] = [];
  const problems: string[] = [];
  const lines = new Map<string, number>();
  for (const row of parsed.rows) {
    const order = orderOf(row, context);
    const endToEndId = row.fields["end_to_end_id"] as string;
    const earlier = lines.get(endToEndId);
    if (typeof order === "string") problems.push(`line ${row.line}: ${order}`);
    else if (earlier !== undefined) {
      problems.push(`line ${row.line}: end_to_end_id ${endToEndId} is on line ${earlier} already`);
    } else orders.push(order);
    lines.set(endToEndId, earlier ?? row.line);
    if (problems.length === PROBLEMS_MAX) break;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, orders };
}

/** One row as an order, or what is wrong with it. */
function orderOf({ line, fields }: CsvRow, { directory, signer, rail }: OrderContext): Order | string {
  const field = (name: (typeof COLUMNS)[number]): string => fields[name] as string;
  const debtor = directory.participant(field("debtor_bank"));
  if (debtor === undefined) return `unknown debtor_bank ${field("debtor_bank")}`;
  if (debtor.number !== signer) return `${debtor.name} pays here, but ${directory.nameOf(signer)} signs`;
  const creditor = directory.participant(field("creditor_bank"));
  if (creditor === undefined) return `unknown creditor_bank ${field("creditor_bank")}`;
  const id = directory.transferOf(signer, field("end_to_end_id"));
  if (id === undefined) return "end_to_end_id must have 1 to 64 printable characters";
  const debitAccountId = directory.accountOf(debtor.number, field("debtor_account"));
  if (debitAccountId === undefined) return "debtor_account must have 1 to 64 printable characters";
  const creditAccountId = directory.accountOf(creditor.number, field("creditor_account"));
  if (creditAccountId === undefined) return "creditor_account must have 1 to 64 printable characters";
  const asset = directory.asset(field("currency"));
  if (asset === undefined) return `the rulebook has no asset ${field("currency")}`;
  const amount = directory.amount(field("amount"), asset);
  if (amount === undefined) return `${field("amount")} is not an amount of ${asset.code}`;
  const transfer = { id, debitAccountId, creditAccountId, amount, asset: asset.number, rail };
  return { line, endToEndId: field("end_to_end_id"), transfer: { ...transfer, code: purposeOf(field("purpose")) } };
}

function purposeOf(text: string): number {
  if (/^(?:0|[1-9][0-9]{0,4})$/u.test(text) && Number(text) <= OTHER_PURPOSE) return Number(text);
  return Object.hasOwn(PURPOSES, text) ? (PURPOSES[text] as number) : OTHER_PURPOSE;
}

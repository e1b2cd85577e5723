import { TRANSFER_FIELDS, TRANSFER_FLAGS, type TransferFlag } from "../formats/index.js";
import { BATCH_RECORDS_MAX, RECORD_BYTES } from "../primitives/index.js";
import { invalidParams } from "./errors.js";
import type { CheckedParams } from "./params.js";

/**
 * The one hot loop of the server: a list of transfers in JSON becomes 128-byte records without an object or schema
 * in between. `encodeTransfer` of formats is its slow twin; a test holds the two together.
 */
export interface TransferDefaults {
  readonly asset: number;
  readonly rail: number;
}

/**
 * @param list what the client sent as `transfers`
 * @returns count × 128 bytes, or the path of the first wrong field
 */
export function readTransferList(list: unknown, defaults: TransferDefaults): CheckedParams<Uint8Array> {
  if (!Array.isArray(list)) return refuse("transfers", "not a list");
  if (list.length === 0) return refuse("transfers", "empty");
  if (list.length > BATCH_RECORDS_MAX) return refuse("transfers", `more than ${BATCH_RECORDS_MAX} transfers`);
  const records = new Uint8Array(list.length * RECORD_BYTES);
  const data = new DataView(records.buffer);
  for (let index = 0; index < list.length; index += 1) {
    const fault = writeTransfer(records, data, index * RECORD_BYTES, list[index], defaults);
    if (fault !== undefined) return refuse(`transfers[${index}]${fault.field}`, fault.reason);
  }
  const last = (list.length - 1) * RECORD_BYTES + TRANSFER_FIELDS.flags;
  if ((data.getUint16(last, true) & TRANSFER_FLAGS.linked) !== 0) {
    return refuse(
      `transfers[${list.length - 1}].flags`,
      "a chain of linked transfers ends in the call where it begins",
    );
  }
  return { ok: true, params: records };
}

const refuse = (
  path: string,
  reason: string,
): { readonly ok: false; readonly fault: ReturnType<typeof invalidParams> } => ({
  ok: false,
  fault: invalidParams(path, reason),
});

interface FieldFault {
  /** As it is appended to the path of the transfer. */
  readonly field: string;
  readonly reason: string;
}

const NOT_ID = "not 32 lower-case hexadecimal digits";
const NOT_AMOUNT = "not a decimal string of minor units below 2^64";

function writeTransfer(
  records: Uint8Array,
  data: DataView,
  at: number,
  transfer: unknown,
  defaults: TransferDefaults,
): FieldFault | undefined {
  if (typeof transfer !== "object" || transfer === null || Array.isArray(transfer)) {
    return { field: "", reason: "not an object" };
  }
  data.setUint32(at + TRANSFER_FIELDS.asset, defaults.asset, true);
  data.setUint8(at + TRANSFER_FIELDS.rail, defaults.rail);
  const fields = transfer as Readonly<Record<string, unknown>>;
  let required = 0;
  for (const key in fields) {
    const value = fields[key];
    switch (key) {
      case "id":
        required |= 1;
        if (!writeId(records, at + TRANSFER_FIELDS.id, value)) return { field: ".id", reason: NOT_ID };
        break;
      case "debitAccountId":
        required |= 2;
        if (!writeId(records, at + TRANSFER_FIELDS.debitAccount, value)) return { field: `.${key}`, reason: NOT_ID };
        break;
      case "creditAccountId":
        required |= 4;
        if (!writeId(records, at + TRANSFER_FIELDS.creditAccount, value)) return { field: `.${key}`, reason: NOT_ID };
        break;
      case "amount":
        required |= 8;
        if (!writeAmount(data, at + TRANSFER_FIELDS.amount, value)) return { field: ".amount", reason: NOT_AMOUNT };
        break;
      default: {
        const fault = writeOptional(records, data, at, key, value);
        if (fault !== undefined) return fault;
      }
    }
  }
  if (required === 15) return undefined;
  const missing = REQUIRED.find((_, bit) => (required & (1 << bit)) === 0);
  return { field: `.${missing}`, reason: "missing" };
}

const REQUIRED = ["id", "debitAccountId", "creditAccountId", "amount"] as const;

function writeOptional(
  records: Uint8Array,
  data: DataView,
  at: number,
  key: string,
  value: unknown,
): FieldFault | undefined {
  const field = `.${key.slice(0, 64)}`;
  switch (key) {
    case "pendingId":
      return writeId(records, at + TRANSFER_FIELDS.pendingId, value) ? undefined : { field, reason: NOT_ID };
    case "reference":
      return writeId(records, at + TRANSFER_FIELDS.reference, value) ? undefined : { field, reason: NOT_ID };
    case "remittance":
      return writeId(records, at + TRANSFER_FIELDS.remittance, value) ? undefined : { field, reason: NOT_ID };
    case "asset":
      if (!isInteger(value, 1, 0xffff_ffff)) return { field, reason: "not an integer from 1 to 4294967295" };
      data.setUint32(at + TRANSFER_FIELDS.asset, value, true);
      return undefined;
    case "timeoutSeconds":
      if (!isInteger(value, 0, 0xffff_ffff)) return { field, reason: "not an integer from 0 to 4294967295" };
      data.setUint32(at + TRANSFER_FIELDS.timeoutSeconds, value, true);
      return undefined;
    case "code":
      if (!isInteger(value, 0, 0xffff)) return { field, reason: "not an integer from 0 to 65535" };
      data.setUint16(at + TRANSFER_FIELDS.purposeCode, value, true);
      return undefined;
    case "rail":
      if (!isInteger(value, 0, 0xff)) return { field, reason: "not an integer from 0 to 255" };
      data.setUint8(at + TRANSFER_FIELDS.rail, value);
      return undefined;
    case "priority":
      if (!isInteger(value, 0, 0xff)) return { field, reason: "not an integer from 0 to 255" };
      data.setUint8(at + TRANSFER_FIELDS.priority, value);
      return undefined;
    case "flags": {
      const bits = flagBits(value);
      if (bits === undefined) return { field, reason: `not a list of ${FLAG_NAMES.join(", ")}, each at most once` };
      data.setUint16(at + TRANSFER_FIELDS.flags, bits, true);
      return undefined;
    }
    default:
      return { field, reason: "unknown parameter" };
  }
}

const FLAG_NAMES = Object.keys(TRANSFER_FLAGS);

function flagBits(value: unknown): number | undefined {
  if (!Array.isArray(value) || value.length > FLAG_NAMES.length) return undefined;
  let bits = 0;
  for (const name of value) {
    if (typeof name !== "string" || !Object.hasOwn(TRANSFER_FLAGS, name)) return undefined;
    const bit = TRANSFER_FLAGS[name as TransferFlag];
    if ((bits & bit) !== 0) return undefined;
    bits |= bit;
  }
  return bits;
}

const isInteger = (value: unknown, min: number, max: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

/** Value of a hexadecimal digit by its character code; 255 for everything else. */
const NIBBLES = new Uint8Array(128).fill(255);
for (let value = 0; value < 16; value += 1) NIBBLES[value.toString(16).charCodeAt(0)] = value;

function writeId(records: Uint8Array, at: number, value: unknown): boolean {
  if (typeof value !== "string" || value.length !== 32) return false;
  let bad = 0;
  for (let index = 0; index < 16; index += 1) {
    const high = value.charCodeAt(2 * index);
    const low = value.charCodeAt(2 * index + 1);
    bad |= (high | low) & ~127;
    const highNibble = NIBBLES[high & 127] as number;
    const lowNibble = NIBBLES[low & 127] as number;
    bad |= (highNibble | lowNibble) & 0xf0;
    records[at + index] = (highNibble << 4) | lowNibble;
  }
  return bad === 0;
}

const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Canonical decimal text only: no sign, fraction, exponent, white space or leading zero. */
function writeAmount(data: DataView, at: number, value: unknown): boolean {
  if (typeof value !== "string" || value.length === 0 || value.length > 20) return false;
  if (value.charCodeAt(0) === 48 && value.length > 1) return false;
  let number = 0;
  for (let index = 0; index < value.length; index += 1) {
    const digit = value.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return false;
    number = number * 10 + digit;
  }
  if (value.length <= 15) {
    data.setUint32(at, number >>> 0, true);
    data.setUint32(at + 4, Math.floor(number / 0x1_0000_0000), true);
    return true;
  }
  const exact = BigInt(value);
  if (exact > U64_MAX) return false;
  data.setBigUint64(at, exact, true);
  return true;
}

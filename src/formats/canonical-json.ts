/** Values that the canonical encoding can hold: no fractions, no null, no absent members. */
export type CanonicalJson =
  | string
  | number
  | boolean
  | readonly CanonicalJson[]
  | { readonly [key: string]: CanonicalJson };

/**
 * The one JSON encoding of a portable file (genesis, card, receipt): members sorted by code unit, two
 * spaces of indentation, safe integers only, a final newline. A file whose bytes differ from the
 * encoding of what it says is refused, so a hash of the file is a hash of its meaning.
 *
 * @throws {TypeError} for a value outside `CanonicalJson`
 */
export function canonicalJson(value: CanonicalJson): string {
  return `${encode(value, "")}\n`;
}

function encode(value: CanonicalJson, indent: string): string {
  if (typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new TypeError(`${value} is not a safe integer`);
    return String(value);
  }
  if (typeof value !== "object" || value === null) throw new TypeError(`${typeof value} has no canonical encoding`);
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const items = isList ? encodeItems(value, inner) : encodeMembers(value as Record<string, CanonicalJson>, inner);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  return items.length === 0 ? `${open}${close}` : `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
}

const encodeItems = (items: readonly CanonicalJson[], indent: string): string[] =>
  items.map((item) => encode(item, indent));

function encodeMembers(members: Readonly<Record<string, CanonicalJson>>, indent: string): string[] {
  const keys = Object.keys(members).sort((left, right) => (left < right ? -1 : 1));
  return keys.map((key) => `${JSON.stringify(key)}: ${encode(members[key] as CanonicalJson, indent)}`);
}

import { type Rulebook, rulebookShape, shape } from "../formats/index.js";
import { parseYaml } from "./yaml.js";

export type ParsedRulebook =
  | { readonly ok: true; readonly rulebook: Rulebook }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Members that hold money; in genesis an amount is a decimal string, in YAML an integer of minor units. */
const AMOUNTS = [
  ...["minimum", "maximum", "accountDailyMaximum", "bankWindowMaximum", "fee"],
  ...["cap", "netDebitCapDefault", "sum"],
];

/**
 * Reads a rulebook from YAML. It has the members of `Rulebook` and no others; see
 * config/rulebook.default.yaml.
 */
export function parseRulebook(text: string): ParsedRulebook {
  const parsed = parseYaml(text);
  if (!parsed.ok) return parsed;
  try {
    return { ok: true, rulebook: rulebookShape(toJson(parsed.value, ""), "") };
  } catch (error) {
    if (error instanceof shape.ShapeError) return { ok: false, problems: [error.message] };
    throw error;
  }
}

function toJson(value: unknown, name: string): unknown {
  if (typeof value === "bigint") return AMOUNTS.includes(name) ? String(value) : Number(value);
  if (Array.isArray(value)) return value.map((item) => toJson(item, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([member, inner]) => [member, toJson(inner, member)]));
}

import { type Rulebook, rulebookShape, shape } from "../formats/index.js";
import { parseYaml } from "./yaml.js";

export type ParsedRulebook =
  | { readonly ok: true; readonly rulebook: Rulebook }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Members that hold money; in genesis an amount is a decimal string, in YAML an integer of minor units. */
const AMOUNTS = ["minimum", "maximum", "accountDailyMaximum"];

/**
 * Reads a rulebook from YAML. It has the members of `Rulebook`, all of them, and no others; see
 * config/rulebook.default.yaml.
 */
export function parseRulebook(text: string): ParsedRulebook {
  const parsed = parseYaml(text);
  if (!parsed.ok) return parsed;
  try {
    const rulebook = rulebookShape(toJson(parsed.value, ""), "");
    const problems = relations(rulebook);
    return problems.length > 0 ? { ok: false, problems } : { ok: true, rulebook };
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

/** What must hold between the members of a rulebook. */
export function relations(rulebook: Rulebook): string[] {
  const problems = [
    ...repeated(
      "asset number",
      rulebook.assets.map(({ number }) => number),
    ),
    ...repeated(
      "asset code",
      rulebook.assets.map(({ code }) => code),
    ),
    ...repeated(
      "rail number",
      rulebook.rails.map(({ number }) => number),
    ),
    ...repeated(
      "rail name",
      rulebook.rails.map(({ name }) => name),
    ),
  ];
  if (!rulebook.assets.some(({ number }) => number === rulebook.defaultAsset)) {
    problems.push(`defaultAsset ${rulebook.defaultAsset} is no asset of the rulebook`);
  }
  if (!rulebook.rails.some(({ number }) => number === rulebook.defaultRail)) {
    problems.push(`defaultRail ${rulebook.defaultRail} is no rail of the rulebook`);
  }
  for (const rail of rulebook.rails) {
    if (BigInt(rail.minimum) > BigInt(rail.maximum)) problems.push(`rail ${rail.name}: minimum is above maximum`);
  }
  return problems;
}

const repeated = (what: string, values: readonly (string | number)[]): string[] =>
  values.filter((value, index) => values.indexOf(value) !== index).map((value) => `${what} ${value} occurs twice`);

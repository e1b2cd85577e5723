import { isMap, parseDocument } from "yaml";

export type ParsedYaml =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads a YAML file of named settings. Integers become `bigint`, so that none is rounded; repeated keys,
 * aliases and anything but a mapping at the top are refused. An empty file has no settings.
 */
export function parseYaml(text: string): ParsedYaml {
  const document = parseDocument(text, { intAsBigInt: true, uniqueKeys: true });
  if (document.errors.length > 0) return { ok: false, problems: document.errors.map(firstLine) };
  if (document.contents === null) return { ok: true, value: {} };
  if (!isMap(document.contents)) return { ok: false, problems: ["the file is not a list of names with values"] };
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: 0 }) as Readonly<Record<string, unknown>> };
  } catch {
    return { ok: false, problems: ["aliases are not allowed"] };
  }
}

/** The parser's first line says what and where; the lines below it only draw. */
const firstLine = (error: Error): string => (error.message.split("\n")[0] as string).replace(/:$/u, "");

/** One row of a table: its line in the file, from 1, and its fields by column name. */
export interface CsvRow {
  readonly line: number;
  readonly fields: Readonly<Record<string, string>>;
}

/** What is wrong with one line of a file. */
export interface LineProblem {
  readonly line: number;
  readonly problem: string;
}

export type ParsedCsv =
  | { readonly ok: true; readonly rows: readonly CsvRow[] }
  | { readonly ok: false; readonly problems: readonly LineProblem[] };

/** Which columns a table must and may have; any other is refused, so that a misspelt one cannot be lost. */
export interface CsvColumns {
  readonly required: readonly string[];
  readonly optional?: readonly string[];
}

/** Problems kept for one file: enough to mend it, few enough to read. */
const PROBLEMS_MAX = 20;

/**
 * Reads comma-separated values with a header line (RFC 4180 on one line: quoted fields may hold commas
 * and doubled quotes, but no line break). Empty lines are skipped; lines end in LF or CRLF.
 */
export function parseCsv(text: string, columns: CsvColumns): ParsedCsv {
  const lines = text.replace(/^\uFEFF/u, "").split(/\r?\n/u);
  const header = splitLine(lines[0] ?? "");
  const problem = header === undefined ? "the header has an unclosed quote" : headerProblem(header, columns);
  if (header === undefined || problem !== undefined) {
    return { ok: false, problems: [{ line: 1, problem: problem ?? "unreadable header" }] };
  }
  const rows: CsvRow[] = [];
  const problems: LineProblem[] = [];
  for (let index = 1; index < lines.length && problems.length < PROBLEMS_MAX; index += 1) {
    const line = lines[index] as string;
    if (line === "") continue;
    const values = splitLine(line);
    if (values === undefined) problems.push({ line: index + 1, problem: "a quote is not closed or not alone" });
    else if (values.length !== header.length) {
      problems.push({ line: index + 1, problem: `${values.length} fields where the header has ${header.length}` });
    } else rows.push({ line: index + 1, fields: fieldsOf(header, values) });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, rows };
}

function headerProblem(header: readonly string[], columns: CsvColumns): string | undefined {
  const known = [...columns.required, ...(columns.optional ?? [])];
  for (const name of columns.required) {
    if (!header.includes(name)) return `column ${name} is missing; the header must be ${columns.required.join(",")}`;
  }
  for (const [index, name] of header.entries()) {
    if (!known.includes(name)) return `unknown column ${JSON.stringify(name)}; known are ${known.join(",")}`;
    if (header.indexOf(name) !== index) return `column ${name} occurs twice`;
  }
  return undefined;
}

function fieldsOf(header: readonly string[], values: readonly string[]): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const [index, name] of header.entries()) fields[name] = values[index] as string;
  return fields;
}

/** Fields of one line; `undefined` where quotes do not match. */
function splitLine(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(",");
  const values: string[] = [];
  let at = 0;
  for (;;) {
    let value: string;
    if (line[at] === '"') {
      const end = closingQuote(line, at + 1);
      if (end < 0) return undefined;
      value = line.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      const comma = line.indexOf(",", at);
      value = line.slice(at, comma < 0 ? line.length : comma);
      if (value.includes('"')) return undefined;
      at += value.length;
    }
    values.push(value);
    if (at === line.length) return values;
    if (line[at] !== ",") return undefined;
    at += 1;
  }
}

function closingQuote(line: string, from: number): number {
  for (let at = line.indexOf('"', from); at >= 0; at = line.indexOf('"', at + 2)) {
    if (line[at + 1] !== '"') return at;
  }
  return -1;
}

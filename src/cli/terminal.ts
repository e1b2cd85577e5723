import { stripVTControlCharacters, styleText } from "node:util";

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether standard output, or standard error, is read by a person. */
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
}

/** The process's own streams. */
export const processTerminal = (): Terminal => ({
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  outIsTty: process.stdout.isTTY === true && !("NO_COLOR" in process.env),
  errIsTty: process.stderr.isTTY === true,
});

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Rows under their titles, for people. Columns are as wide as their widest cell. */
export function printTable(terminal: Terminal, columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  const cells = rows.map((row) => row.map(printable));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = row[index] ?? "";
        const width = widths[index] ?? 0;
        return align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  const head = line(columns.map(({ title }) => title));
  terminal.out(`${terminal.outIsTty ? styleText("bold", head) : head}\n`);
  for (const row of cells) terminal.out(`${line(row)}\n`);
}

/** Names with their values, one a line. */
export function printFields(terminal: Terminal, fields: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...fields.map(([name]) => name.length));
  for (const [name, value] of fields) terminal.out(`${name.padEnd(width)}  ${printable(value)}\n`);
}

/** A value as JSON for programs; amounts become decimal strings. */
export function printJson(terminal: Terminal, value: unknown): void {
  const text = JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? String(member) : member), 2);
  terminal.out(`${text}\n`);
}

/** Text from files and peers can neither move the cursor nor break a line. */
export const printable = (text: string): string => stripVTControlCharacters(text).replace(/\p{Cc}/gu, "\uFFFD");

/** Digits in groups of three, for counts. */
export const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/gu, ",");

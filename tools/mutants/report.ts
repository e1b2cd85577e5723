import type { EquivalentMutation, Mutation } from "./mutation.js";
import { lookName } from "./mutation.js";
import type { Trial } from "./trial.js";

export interface Result {
  readonly mutation: Mutation;
  readonly trial: Trial;
}

export const isCaught = ({ trial }: Result): boolean => trial.caught !== undefined && trial.broken === undefined;

const playedIn = ({ played }: Trial): number => [...played.values()].reduce((sum, count) => sum + count, 0);

/** One line as a result comes in. */
export function lineOf({ mutation: { name, rule }, trial }: Result): string {
  const { caught, broken } = trial;
  const time = `${trial.seconds.toFixed(0)} s`;
  if (broken !== undefined) return `${name} (${rule}): DOES NOT LOAD: ${broken.split("\n").at(-1)}`;
  if (caught === undefined) return `${name} (${rule}): SURVIVED ${playedIn(trial)} histories, ${time}`;
  return `${name} (${rule}): ${caught.rule} [${lookName(caught.look)}, seed ${caught.seed}] ${time}`;
}

function rowOf({ mutation: { name, rule }, trial: { caught } }: Result): string {
  if (caught === undefined) return `| ${name} | ${rule} | **nothing** | |`;
  return `| ${name} | ${rule} | ${escaped(caught.rule)} | ${lookName(caught.look)}: ${caught.seed} of ${caught.look.seeds} |`;
}

/** The rows of a table that `markdown` made, by the mutation's name. */
export function rowsIn(table: string): ReadonlyMap<string, string> {
  const lines = table.split("\n").filter((line) => line.startsWith("| "));
  return new Map(lines.map((line) => [line.split(" | ")[0]?.slice(2) ?? "", line]));
}

/**
 * The table of docs/testing.md.
 *
 * @param older rows of an earlier table, kept for mutations that were not tried this time
 */
export function markdown(
  catalogue: readonly Pick<Mutation, "name">[],
  results: readonly Result[],
  options: { readonly equivalents: readonly EquivalentMutation[]; readonly older?: ReadonlyMap<string, string> },
): string {
  const { equivalents, older } = options;
  const newer = new Map(results.map((result) => [result.mutation.name, rowOf(result)]));
  const rows = catalogue.flatMap(({ name }) => newer.get(name) ?? older?.get(name) ?? []);
  return [
    "| mutation | rule | caught by | seeds needed |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    "Not demanded: argued to be covered by something else, or to cost time alone. Nothing proves these arguments.",
    "",
    "| mutation | rule | why |",
    "| --- | --- | --- |",
    ...equivalents.map(({ name, rule, because }) => `| ${name} | ${rule} | ${escaped(because)} |`),
  ].join("\n");
}

const escaped = (text: string): string => text.replaceAll("|", "\\|");

const BEGIN = "<!-- mutants: begin -->";
const END = "<!-- mutants: end -->";

/** The document with another table between the marks. @throws {Error} if it has no marks */
export function withTable(document: string, table: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the document has no ${BEGIN} … ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n${table}\n${document.slice(end)}`;
}

export function json(results: readonly Result[], control: Trial | undefined): string {
  const mutations = results.map((result) => {
    const { mutation, trial } = result;
    const { caught } = trial;
    return {
      name: mutation.name,
      rule: mutation.rule,
      caught: isCaught(result),
      by: caught?.rule,
      detail: caught?.detail,
      where: caught === undefined ? undefined : lookName(caught.look),
      seed: caught?.seed,
      of: caught?.look.seeds,
      broken: trial.broken,
      seconds: Math.round(trial.seconds),
    };
  });
  const histories = control === undefined ? 0 : playedIn(control);
  return JSON.stringify({ mutations, control: { histories, broken: control?.caught?.rule } }, undefined, 2);
}

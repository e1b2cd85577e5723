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

/** The table of docs/testing.md. */
export function markdown(results: readonly Result[], equivalents: readonly EquivalentMutation[]): string {
  const rows = results.map((result) => {
    const { name, rule } = result.mutation;
    const { caught } = result.trial;
    if (caught === undefined) return `| ${name} | ${rule} | **nothing** | |`;
    return `| ${name} | ${rule} | ${escaped(caught.rule)} | ${lookName(caught.look)}: ${caught.seed} of ${caught.look.seeds} |`;
  });
  return [
    "| mutation | rule | caught by | seeds needed |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    "Not looked for, since nobody could see a difference:",
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

import type { Figures } from "./report-figures.js";
import { escape } from "./report-plots.js";
import type { Waiting } from "./report-summaries.js";

type Cell = string | number | undefined;

const PHASES = {
  before: "before the first fault",
  during: "under faults",
  after: "after the last healing",
  all: "whole run",
} as const;

/** Rates and waiting times before, during and after what was injected. */
export function phaseTable({ phases }: Figures): string {
  const rows = phases.map(({ name, from, to, finalPerSecond, usual, urgent, busy, neverFinal }) => [
    ...[PHASES[name], `${from.toFixed(0)} – ${to.toFixed(0)} s`, Math.round(finalPerSecond)],
    ...[waiting(usual), waiting(urgent), busy, neverFinal],
  ]);
  return table(
    [
      ...["Calls that began", "Seconds", "Payments final /s", "Usual, ms: p50 / p99 / max (calls)"],
      ...["Urgent, ms: p50 / p99 / max (calls)", "Answers busy", "Never final"],
    ],
    rows,
    1,
  );
}

/** How soon payments went on after each healing, and when all nodes were level. */
export function recoveryTable({ recoveries }: Figures): string {
  if (recoveries.length === 0) return "";
  const rows = recoveries.map(({ at, text, firstFinalMs, levelMs }) => [
    ...[text, `${at.toFixed(1)} s`, ms(firstFinalMs), ms(levelMs)],
  ]);
  return `<h2>Recovery</h2>${table(["Taken back", "At", "First new payment final after", "All nodes level after"], rows, 1)}`;
}

/** Who waited how long, and what each machine had to do. */
export function bankTable({ banks }: Figures): string {
  const measured = banks.some(({ flushMs }) => flushMs !== undefined);
  const rows = banks.map(
    ({ name, final, waiting: own, busy, unanswered, behindMax, viewTimeouts, fsyncs, flushMs }) => [
      ...[name, final, waiting(own), busy, unanswered, viewTimeouts, behindMax, fsyncs],
      ...(measured ? [flushMs?.count, ms(flushMs?.mean), ms(flushMs?.max)] : []),
    ],
  );
  return table(
    [
      ...["Bank", "Payments final", "Its customers waited, ms: p50 / p99 / max (calls)", "Answers busy", "No answer"],
      ...["Views voted out", "Blocks behind, most", "Fsyncs since its start"],
      ...(measured ? ["Store steps that waited for the disk", "Mean wait", "Longest wait"] : []),
    ],
    rows,
    1,
  );
}

/** @param texts columns of words; the rest are figures */
function table(heads: readonly string[], rows: readonly (readonly Cell[])[], texts: number): string {
  const kind = (index: number): string => (index < texts ? "" : ' class="figure"');
  const head = heads.map((text, index) => `<th${kind(index)}>${escape(text)}</th>`).join("");
  const body = rows
    .map((row) => `<tr>${row.map((cell, index) => `<td${kind(index)}>${escape(shown(cell))}</td>`).join("")}</tr>`)
    .join("");
  return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

const shown = (cell: Cell): string => (cell === undefined ? "–" : typeof cell === "number" ? count(cell) : cell);
const count = (value: number): string => value.toLocaleString("en");
const ms = (value: number | undefined): string => (value === undefined ? "–" : `${count(value)} ms`);

/** Waiting times in one cell; a dash where nobody waited. */
export const waiting = ({ count: calls, p50, p99, max }: Waiting): string =>
  calls === 0 ? "–" : `${count(p50)} / ${count(p99)} / ${count(max)} (${count(calls)})`;

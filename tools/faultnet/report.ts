import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { History, Verdict } from "./history.js";
import { figuresOf } from "./report-figures.js";
import { type ReportedScenario, renderHtml } from "./report-html.js";
import { renderTerminal } from "./report-terminal.js";

export interface ReportOptions {
  readonly scenario: ReportedScenario;
  readonly history: History;
  /** When the load began, on the history's clock, ms. */
  readonly loadAt?: number;
  /** Of the whole run, from genesis to verdicts. */
  readonly wallSeconds?: number;
  /** Of the history checker, and whatever conditions the scenario has besides. */
  readonly verdicts: readonly Verdict[];
  /** Made if it is not there; the files are named after the scenario. */
  readonly directory: string;
}

export interface WrittenReport {
  readonly terminalText: string;
  readonly jsonPath: string;
  readonly htmlPath: string;
  /** The whole history, one JSON entry a line; only where a verdict is broken, because it is large. */
  readonly historyPath: string | undefined;
}

/** Writes a run's report: figures, faults and verdicts as JSON, the same as a page, and as text for the terminal. */
export async function writeReport(options: ReportOptions): Promise<WrittenReport> {
  const { scenario, history, verdicts, directory, loadAt = 0, wallSeconds } = options;
  const figures = figuresOf(history, loadAt);
  const file = (extension: string): string => join(directory, `${scenario.name}.${extension}`);
  mkdirSync(directory, { recursive: true });
  const jsonPath = file("json");
  const passed = verdicts.every(({ ok }) => ok);
  const { startedAt, nodes } = history;
  const written = { scenario, passed, wallSeconds, startedAt, nodes, verdicts, figures };
  writeFileSync(jsonPath, `${JSON.stringify(written, null, 1)}\n`);
  const htmlPath = file("html");
  writeFileSync(htmlPath, renderHtml(scenario, figures, verdicts));
  const historyPath = passed ? undefined : file("history.jsonl");
  if (historyPath !== undefined) await pipeline(linesOf(history), createWriteStream(historyPath));
  return { terminalText: renderTerminal(scenario, figures, verdicts), jsonPath, htmlPath, historyPath };
}

function* linesOf({ startedAt, nodes, entries, dropped }: History): Generator<string> {
  yield `${JSON.stringify({ startedAt, nodes, dropped })}\n`;
  for (const entry of entries) yield `${JSON.stringify(entry)}\n`;
}

import type { Verdict } from "./history.js";
import type { Figures } from "./report-figures.js";
import type { ReportedScenario } from "./report-html.js";
import { waiting } from "./report-tables.js";

/** More faults than this are for the page. */
const FAULTS_SHOWN = 24;
const WIDTH = 110;

/** The same report for a terminal: figures, faults, verdicts, plain text. */
export function renderTerminal(scenario: ReportedScenario, figures: Figures, verdicts: readonly Verdict[]): string {
  const failed = verdicts.filter(({ ok }) => !ok).length;
  const lines = [
    `${scenario.name}: ${failed === 0 ? "PASSED" : `FAILED, ${failed} of ${verdicts.length} verdicts broken`}`,
    "",
    ...figureLines(figures),
    "",
    "ms from first attempt to final: p50 / p99 / max (calls)",
    ...phaseLines(figures),
    ...diskLines(figures),
    "",
    "faults",
    ...faultLines(figures),
    "",
    "verdicts",
    ...verdicts.flatMap(verdictLines),
  ];
  return `${lines.join("\n")}\n`;
}

function figureLines(figures: Figures): readonly string[] {
  const count = (value: number): string => value.toLocaleString("en");
  const times = ({ p50, p99, max }: Figures["latencyMs"]): string =>
    `p50 ${count(p50)}, p99 ${count(p99)}, max ${count(max)}`;
  const rows: readonly (readonly [string, string])[] = [
    ["length", `${figures.seconds.toFixed(1)} s`],
    ["payments sent / final / declined", [figures.payments, figures.final, figures.declined].map(count).join(" / ")],
    ["payments final per second", count(figures.transfersPerSecond)],
    ["first attempt to final, ms", times(figures.latencyMs)],
    ["urgent payments, ms", times(figures.urgentLatencyMs)],
    ["calls, with repetitions", count(figures.attempts)],
    [
      "busy / timeouts / connections lost / refused",
      [figures.busyAnswers, figures.timeouts, figures.lostConnections, figures.refusals].map(count).join(" / "),
    ],
    ["blocks, views voted out", `${count(figures.blocks)}, ${count(figures.viewChanges)}`],
  ];
  return rows.map(([label, value]) => `  ${label.padEnd(46)}${value}`);
}

function phaseLines({ phases }: Figures): readonly string[] {
  return phases.map(
    ({ name, usual, urgent }) => `  ${name.padEnd(10)}usual ${waiting(usual).padEnd(38)}urgent ${waiting(urgent)}`,
  );
}

/** Where disks were measured: how long each bank's store waited for its own, and its customers for their payments. */
function diskLines({ banks }: Figures): readonly string[] {
  const lines = banks.flatMap(({ name, flushMs, waiting: own }) =>
    flushMs === undefined
      ? []
      : [`  ${name.padEnd(10)}disk ${flushMs.mean} / ${flushMs.max} ms  `.padEnd(40) + `customers ${waiting(own)}`],
  );
  return lines.length === 0
    ? []
    : ["", "waiting for the disk per flush, mean / longest, and what customers saw", ...lines];
}

function faultLines({ episodes }: Figures): readonly string[] {
  if (episodes.length === 0) return ["  none"];
  const shown = episodes.slice(0, FAULTS_SHOWN).map(({ from, to, text }) => {
    const time = `${from.toFixed(1)}${to === undefined ? "" : ` – ${to.toFixed(1)}`} s`;
    return `  ${time.padStart(17)}  ${text}`;
  });
  const more = episodes.length - shown.length;
  return more > 0 ? [...shown, `  … and ${more} more`] : shown;
}

function verdictLines({ name, ok, sentence }: Verdict): readonly string[] {
  const head = `  ${ok ? "ok    " : "BROKEN"}  ${name.padEnd(30)}`;
  const [first = "", ...rest] = wrap(sentence, WIDTH - head.length);
  return [`${head}${first}`, ...rest.map((line) => `${" ".repeat(head.length)}${line}`)];
}

/** Breaks at blanks; a word that is too long stands alone. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

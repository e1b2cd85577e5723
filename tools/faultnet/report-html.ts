import type { Verdict } from "./history.js";
import type { Figures, Series } from "./report-figures.js";
import { drawPlot, drawTimeline, escape, PLOT_WIDTH, type Plot } from "./report-plots.js";
import { bankTable, phaseTable, recoveryTable } from "./report-tables.js";

/** Nodes that are a block apart are level: only more is worth a picture. */
const BEHIND_SHOWN = 4;

/** What a report is about. */
export interface ReportedScenario {
  readonly name: string;
  /** What happens in it and why, one paragraph. */
  readonly story?: string;
}

/** One page that needs nothing else: no script, no style sheet, no font from elsewhere. */
export function renderHtml(scenario: ReportedScenario, figures: Figures, verdicts: readonly Verdict[]): string {
  const { from, to, episodes } = figures;
  const axis = { from, to, episodes };
  const failed = verdicts.filter(({ ok }) => !ok).length;
  const outcome =
    failed === 0
      ? `<span class="badge ok">passed: all ${verdicts.length} verdicts hold</span>`
      : `<span class="badge bad">failed: ${failed} of ${verdicts.length} verdicts do not hold</span>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=1400">
<title>Fault run: ${escape(scenario.name)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escape(scenario.name)} ${outcome}</h1>
${scenario.story === undefined ? "" : `<p class="story">${escape(scenario.story)}</p>`}
${cards(figures)}
${phaseTable(figures)}
${drawTimeline(axis)}
${plotsOf(figures)
  .map((plot) => drawPlot(plot, axis))
  .join("\n")}
<h2>Verdicts</h2>
${verdictTable(verdicts)}
${recoveryTable(figures)}
<h2>By bank</h2>
${bankTable(figures)}
<h2>Injected faults</h2>
${faultTable(figures)}
</main>
</body>
</html>
`;
}

function plotsOf({ series, nodes }: Figures): readonly Plot[] {
  const lines = { scale: "linear", shape: "lines" } as const;
  return [
    {
      ...lines,
      title: "Throughput",
      unit: "payments per second, as clients saw it",
      series: series.throughput,
      height: 220,
    },
    {
      ...lines,
      scale: "log",
      title: "Latency",
      unit: "ms from the first attempt to the final answer, by the second of the answer",
      series: series.latency,
      height: 220,
    },
    {
      ...lines,
      shape: "bars",
      title: "View changes",
      unit: "views voted out, at the node that voted most",
      series: [series.viewChanges],
      height: 150,
    },
    {
      ...lines,
      title: "Executed height",
      unit: "blocks",
      series: series.heights,
      height: nodes.length > 7 ? 240 : 210,
    },
    ...(mostOf(series.behind) < BEHIND_SHOWN
      ? []
      : [
          {
            ...lines,
            title: "Behind",
            unit: "blocks that others had executed already",
            series: series.behind,
            height: 170,
          },
        ]),
    ...(series.flushes.length === 0
      ? []
      : [
          {
            ...lines,
            scale: "log" as const,
            title: "Waiting for the disk",
            unit: "ms per flush, mean",
            series: series.flushes,
            height: 200,
          },
        ]),
    { ...lines, title: "Processor time", unit: "cores", series: series.cpu, height: 180 },
    { ...lines, title: "Resident memory", unit: "MiB", series: series.memory, height: 180 },
  ];
}

const mostOf = (series: readonly Series[]): number =>
  series.reduce((most, { points }) => points.reduce((high, [, y]) => Math.max(high, y ?? 0), most), 0);

function cards(figures: Figures): string {
  const count = (value: number): string => value.toLocaleString("en");
  const times = ({ p50, p99, max }: Figures["latencyMs"]): string => `${count(p50)} / ${count(p99)} / ${count(max)} ms`;
  const all: readonly (readonly [string, string])[] = [
    ["length", `${figures.seconds.toFixed(0)} s`],
    ["payments final / sent", `${count(figures.final)} / ${count(figures.payments)}`],
    ["mean rate", `${count(figures.transfersPerSecond)} /s`],
    ["usual: p50 / p99 / max", times(figures.latencyMs)],
    ["urgent: p50 / p99 / max", times(figures.urgentLatencyMs)],
    ["blocks", count(figures.blocks)],
    ["views voted out", count(figures.viewChanges)],
    ["answered busy", count(figures.busyAnswers)],
    ["timeouts", count(figures.timeouts)],
    ["connections lost", count(figures.lostConnections)],
  ];
  return `<div class="cards">${all
    .map(([label, value]) => `<div class="card"><b>${escape(value)}</b><span>${escape(label)}</span></div>`)
    .join("")}</div>`;
}

function verdictTable(verdicts: readonly Verdict[]): string {
  const brokenFirst = [...verdicts].sort((left, right) => Number(left.ok) - Number(right.ok));
  const rows = brokenFirst.map(
    ({ name, ok, sentence, counts }) =>
      `<tr class="${ok ? "ok" : "bad"}"><td class="state">${ok ? "✔ holds" : "✘ broken"}</td><td class="name">${escape(name)}</td><td>${escape(sentence)}</td><td class="counts">${Object.entries(
        counts,
      )
        .map(([key, value]) => `${escape(key)}&nbsp;${value.toLocaleString("en")}`)
        .join(", ")}</td></tr>`,
  );
  return `<table><thead><tr><th>Verdict</th><th>Promise</th><th>What was found</th><th>Counts</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function faultTable({ episodes }: Figures): string {
  if (episodes.length === 0) return "<p>None.</p>";
  const rows = episodes.map(
    ({ number, from, to, kind, target, text }) =>
      `<tr><td class="number">${number}</td><td class="number">${from.toFixed(1)} s</td><td class="number">${to === undefined ? "–" : `${to.toFixed(1)} s`}</td><td class="name">${escape(kind)}</td><td>${escape(target)}</td><td>${escape(text)}</td></tr>`,
  );
  return `<table><thead><tr><th>No.</th><th>From</th><th>To</th><th>Kind</th><th>Target</th><th>What was done</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

const STYLE = `
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1c1c1c; font: 14px/1.45 system-ui, "DejaVu Sans", Arial, sans-serif; }
main { width: ${PLOT_WIDTH}px; margin: 24px auto 60px; }
h1 { font-size: 24px; margin: 0 0 8px; display: flex; align-items: center; gap: 16px; }
h2 { font-size: 17px; margin: 26px 0 8px; }
.story { max-width: 150ch; margin: 0 0 14px; color: #444; }
.badge { font-size: 14px; font-weight: 600; padding: 4px 12px; border-radius: 14px; }
.badge.ok { background: #e3f3e4; color: #1b5e20; }
.badge.bad { background: #fde3e3; color: #b71c1c; }
.cards { display: grid; grid-template-columns: repeat(5, 1fr); gap: 8px; margin: 12px 0 18px; }
.card { border: 1px solid #dcdcdc; border-radius: 6px; padding: 8px 12px; background: #fafafa; }
.card b { display: block; font-size: 15px; white-space: nowrap; font-variant-numeric: tabular-nums; }
.card span { color: #5a5a5a; font-size: 12px; }
svg { display: block; margin: 4px 0 10px; font-family: inherit; }
svg text { fill: #1c1c1c; }
svg .title { font-size: 15px; font-weight: 600; }
svg .unit { font-size: 12px; font-weight: 400; fill: #5a5a5a; }
svg .tick, svg .label { font-size: 12px; }
svg .tick { fill: #444; font-variant-numeric: tabular-nums; }
svg .mark { font-size: 11px; fill: #b71c1c; }
svg .start { text-anchor: start; } svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .field { fill: #fcfcfc; stroke: #e2e2e2; }
svg .grid { stroke: #e6e6e6; } svg .axis { stroke: #555; }
table { border-collapse: collapse; width: 100%; margin-bottom: 14px; }
th { text-align: left; font-size: 12px; color: #5a5a5a; border-bottom: 2px solid #ccc; padding: 4px 10px; }
td { border-bottom: 1px solid #e6e6e6; padding: 6px 10px; vertical-align: top; }
td.name { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px; white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; width: 60px; }
td.figure, th.figure { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.counts { color: #5a5a5a; font-size: 12px; max-width: 320px; }
td.state { font-weight: 600; white-space: nowrap; }
tr.ok td.state { color: #1b5e20; background: #e3f3e4; }
tr.bad td.state { color: #b71c1c; background: #fde3e3; }
tr.bad td { background: #fff6f6; }
`;

import type { Figures } from "./measurement.js";

/** Rows with columns of equal width: text to the left, figures to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] as number;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `  ${line}\n`)
    .join("");
}

export const count = (value: number): string => value.toLocaleString("en");
export const mebibytes = (bytes: number): string => count(Math.round(bytes / 1_048_576));

/** All figures of one window, for a person. */
export function renderFigures(title: string, figures: Figures): string {
  const { latencyMs, cpuMicrosPerTransfer: cpu, nodes, stages } = figures;
  const lines: (readonly [string, string])[] = [
    ["transfers/s, durable and executed", count(figures.transfersPerSecond)],
    [
      "submit to final, ms",
      `p50 ${latencyMs.p50}, p90 ${latencyMs.p90}, p99 ${latencyMs.p99}, p99.9 ${latencyMs.p999}, max ${latencyMs.max}`,
    ],
    ["CPU per transfer, µs", `nodes ${cpu.nodes}, clients ${cpu.clients}, together ${cpu.total}`],
    ["transfers; failed", `${count(figures.transfers)}; ${count(figures.failed)}`],
    ["blocks; views voted out", `${count(figures.blocks)}; ${count(figures.viewTimeouts)}`],
    ["answered busy; calls not made in time", `${count(figures.busyAnswers)}; ${count(figures.missedCalls)}`],
    ["bytes per transfer, network of all nodes", count(figures.networkBytesPerTransfer)],
    [
      "bytes per transfer, disk of one node",
      `${count(figures.diskBytesPerTransfer)} kept, ${count(figures.writtenBytesPerTransfer)} written`,
    ],
    ["flushes of all nodes' disks", count(figures.fsyncs)],
  ];
  const width = Math.max(...lines.map(([label]) => label.length));
  const head = lines.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`).join("");
  const stageTable = table(
    ["stage of a batch, ms", "p50", "p99", "batches"],
    stages.map(({ stage, p50, p99, count: times }) => [STAGE_WORDS[stage] ?? stage, ...[p50, p99, times].map(count)]),
  );
  const nodeTable = table(
    ["node", "% of a core", "MiB", "loop late, ms: p50", "p99", "max"],
    nodes.map(({ name, cpuShare, memoryBytes, loopLagMs: { p50, p99, max } }) => [
      name,
      ...[Math.round(100 * cpuShare), Math.round(memoryBytes / 1_048_576), p50, p99, max].map(count),
    ]),
  );
  return `${title}\n${head}\n${stageTable}\n${nodeTable}`;
}

/** A stage is the time since the one above it. */
const STAGE_WORDS: Readonly<Record<string, string>> = {
  sent: "sent: verified, queued for all",
  proposed: "proposed: its block is known",
  voted: "voted: PREPARE durable",
  prepared: "prepared: PrepareQC",
  committed: "committed: final, durable",
  executed: "executed",
  stored: "stored: results written",
  answered: "answered",
  whole: "from arrival to answer",
  admitted: "admitted: durable here (beside)",
};

import { escape, linearTicks, logTicks } from "../faultnet/report-plots.js";
import type { Figures } from "./measurement.js";
import type { Point } from "./single-run.js";

/** One point of a sweep with what it came to. */
export type SweptPoint = Point & Figures;

const WIDTH = 900;
const HEIGHT = 300;
const [LEFT, RIGHT, TOP, BOTTOM] = [80, 20, 50, 50];
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#e0a100", "#56b4e9", "#6b6b6b", "#8c4a2f"];

type Axis = "batch" | "validators" | "delay";
const AXES: readonly (readonly [Axis, string])[] = [
  ["batch", "transfers per signed batch"],
  ["validators", "validators"],
  ["delay", "added one-way delay, ms"],
];

const LATENCIES = ["p50", "p99"] as const;

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly isDashed: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A page that needs nothing else: for each axis with more than one value, latency and throughput over it. */
export function renderSweep(title: string, points: readonly SweptPoint[]): string {
  const plots = AXES.filter(([axis]) => new Set(points.map((point) => point[axis])).size > 1).flatMap(
    ([axis, label]) => [
      drawPlot(`Submit to final, ms, over ${label}`, label, axis, curvesOf(points, axis, LATENCIES, latencyOf)),
      drawPlot(`Transfers per second over ${label}`, label, axis, curvesOf(points, axis, [""], rateOf)),
    ],
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Sweep</title>
<style>
body { margin: 24px auto; width: ${WIDTH}px; font: 14px/1.45 system-ui, "DejaVu Sans", Arial, sans-serif; color: #1c1c1c; }
svg { display: block; margin: 12px 0 22px; font-size: 12px; }
svg .title { font-size: 15px; font-weight: 600; } svg .grid { stroke: #e6e6e6; } svg .axis { stroke: #555; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } td, th { padding: 3px 12px; text-align: right; border-bottom: 1px solid #e6e6e6; }
</style>
</head>
<body>
<h1>Sweep</h1>
<p>${escape(title)}</p>
${plots.join("\n")}
${pointTable(points)}
</body>
</html>
`;
}

const latencyOf = (point: SweptPoint, name: string): number => point.latencyMs[name as "p50" | "p99"];
const rateOf = (point: SweptPoint): number => point.transfersPerSecond;

/** One curve for each combination of the other axes, and each of the names. */
function curvesOf(
  points: readonly SweptPoint[],
  axis: Axis,
  names: readonly string[],
  valueOf: (point: SweptPoint, name: string) => number,
): readonly Curve[] {
  const others = AXES.map(([name]) => name).filter((name) => name !== axis);
  const varied = others.filter((other) => new Set(points.map((point) => point[other])).size > 1);
  const groups = new Map<string, SweptPoint[]>();
  for (const point of points) {
    const key = varied.map((other) => `${other} ${point[other]}`).join(", ");
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  return [...groups].flatMap(([key, group], index) =>
    names.map((name, place) => ({
      name: [name, key].filter((part) => part !== "").join(", ") || "all",
      colour: COLOURS[index % COLOURS.length] as string,
      isDashed: place > 0,
      points: group
        .map((point) => [point[axis], valueOf(point, name)] as const)
        .sort(([left], [right]) => left - right),
    })),
  );
}

function drawPlot(title: string, label: string, axis: Axis, curves: readonly Curve[]): string {
  const xs = [...new Set(curves.flatMap(({ points }) => points.map(([x]) => x)))].sort((left, right) => left - right);
  const ys = curves.flatMap(({ points }) => points.map(([, y]) => y));
  // Batch sizes and waiting times span decades.
  const isLogX = axis === "batch";
  const isLogY = isLogX || title.startsWith("Submit");
  const yTicks = isLogY ? logTicks(ys) : linearTicks(ys);
  const x = scale(isLogX, [xs[0] ?? 0, xs.at(-1) ?? 1], [LEFT, WIDTH - RIGHT]);
  const y = scale(isLogY, [yTicks[0] ?? 0, yTicks.at(-1) ?? 1], [HEIGHT - BOTTOM, TOP]);
  const grid = yTicks.map(
    (tick) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}" class="grid"/><text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${tick.toLocaleString("en")}</text>`,
  );
  const marks = xs.map(
    (value) =>
      `<text x="${x(value)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${value.toLocaleString("en")}</text>`,
  );
  const drawn = curves.map(({ points, colour, isDashed }) => {
    const places = points.map(([px, py]) => `${x(px)} ${y(py)}`);
    const dots = points.map(([px, py]) => `<circle cx="${x(px)}" cy="${y(py)}" r="3" fill="${colour}"/>`).join("");
    return `<path d="M${places.join("L")}" fill="none" stroke="${colour}" stroke-width="1.8"${isDashed ? ' stroke-dasharray="5 3"' : ""}/>${dots}`;
  });
  return `<svg width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">
<text x="${LEFT}" y="16" class="title">${escape(title)}</text>
${legend(curves)}
${grid.join("")}
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}" class="axis"/>${marks.join("")}
<text x="${(LEFT + WIDTH) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escape(label)}</text>
${drawn.join("\n")}
</svg>`;
}

function legend(curves: readonly Curve[]): string {
  let x = LEFT;
  return curves
    .map(({ name, colour, isDashed }) => {
      const item = `<line x1="${x}" x2="${x + 20}" y1="34" y2="34" stroke="${colour}" stroke-width="2"${isDashed ? ' stroke-dasharray="5 3"' : ""}/><text x="${x + 25}" y="38">${escape(name)}</text>`;
      x += 45 + 6.6 * name.length;
      return item;
    })
    .join("");
}

/** To a tenth of a pixel; a single value lies in the middle. */
function scale(
  isLog: boolean,
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): (value: number) => number {
  const map = (value: number): number => (isLog ? Math.log10(Math.max(value, 0.001)) : value);
  const span = map(high) - map(low);
  return (value) =>
    Math.round(10 * (span === 0 ? (from + to) / 2 : from + ((map(value) - map(low)) / span) * (to - from))) / 10;
}

function pointTable(points: readonly SweptPoint[]): string {
  const head = [
    "validators",
    "delay, ms",
    "batch",
    "transfers/s",
    "p50, ms",
    "p99, ms",
    "CPU nodes, µs",
    "CPU clients, µs",
  ];
  const rows = points.map(({ validators, delay, batch, transfersPerSecond, latencyMs, cpuMicrosPerTransfer: cpu }) =>
    [validators, delay, batch, transfersPerSecond, latencyMs.p50, latencyMs.p99, cpu.nodes, cpu.clients]
      .map((value) => `<td>${value.toLocaleString("en")}</td>`)
      .join(""),
  );
  return `<table><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join("")}</tr>${rows.map((row) => `<tr>${row}</tr>`).join("")}</table>`;
}

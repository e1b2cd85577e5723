import type { Episode } from "./report-episodes.js";
import type { Series } from "./report-figures.js";

/** A picture over the time of the run. */
export interface Plot {
  readonly title: string;
  /** Of the vertical axis. */
  readonly unit: string;
  readonly series: readonly Series[];
  /** `log` for waiting times, which span decades. */
  readonly scale: "linear" | "log";
  readonly shape: "lines" | "bars";
  /** Pixels. */
  readonly height: number;
}

/** The stretch of the run that is shown, seconds since the load began, and what happened in it. */
export interface TimeAxis {
  readonly from: number;
  readonly to: number;
  readonly episodes: readonly Episode[];
}

/** All pictures are equally wide, so that a moment stands at the same place in each. */
export const PLOT_WIDTH = 1_320;
const LEFT = 74;
const RIGHT = 18;
const TOP = 42;
const BOTTOM = 34;
const INNER = PLOT_WIDTH - LEFT - RIGHT;
/** Distinct on white and for colour-blind readers. */
const COLOURS = [
  ...["#0072b2", "#d55e00", "#009e73", "#aa4499", "#e0a100"],
  ...["#56b4e9", "#6b6b6b", "#8c4a2f", "#8a9a00", "#5e3c99"],
];
const FAULT = "#c62828";
const HEALING = "#2e7d32";
const COLOUR_OF = { fault: FAULT, healing: HEALING, remark: "#5a5a5a" } as const;
/** Width of a character of the labels, pixels, a little generous. */
const CHARACTER = 6.6;
const LANES_MAX = 16;
const LANE = 20;
const LABEL_MAX = 60;
const BAR_MAX = 16;
const DASHES = ' stroke-dasharray="4 3"';

/** Draws curves or bars with axes, a legend, and the faults behind them. */
export function drawPlot(plot: Plot, axis: TimeAxis): string {
  const { title, unit, series, height } = plot;
  const bottom = height - BOTTOM;
  const values = series.flatMap(({ points }) => points.flatMap(([, y]) => (y === null ? [] : [y])));
  const ticks = plot.scale === "log" ? logTicks(values) : linearTicks(values, plot.shape === "bars");
  const y = yScale(plot.scale, ticks, { top: TOP, bottom });
  const grid = ticks
    .map((tick) => {
      const at = round(y(tick));
      return `<line x1="${LEFT}" x2="${LEFT + INNER}" y1="${at}" y2="${at}" class="grid"/><text x="${LEFT - 8}" y="${at + 4}" class="tick end">${format(tick)}</text>`;
    })
    .join("");
  const colours = coloursOf(series);
  const drawn = series.map((one, index) => {
    const colour = colours[index] ?? "";
    return plot.shape === "bars" ? bars(one, y, { axis, bottom, colour }) : line(one, y, { axis, colour });
  });
  return `<svg width="${PLOT_WIDTH}" height="${height}" viewBox="0 0 ${PLOT_WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<text x="${LEFT}" y="20" class="title">${escape(title)}<tspan class="unit" dx="8">${escape(unit)}</tspan></text>
${series.length > 1 ? legend(series) : ""}
${backdrop(axis, bottom)}${grid}
${timeTicks(axis, bottom)}
${drawn.join("\n")}
</svg>`;
}

/** Draws every fault as a bar with its label, in as many lanes as it takes for no label to touch another. */
export function drawTimeline(axis: TimeAxis): string {
  const ends: number[] = [];
  const placed = axis.episodes.map((episode) => {
    const label = labelOf(episode, axis);
    const free = ends.findIndex((end) => end + 10 < label.left);
    const lane = free >= 0 ? free : Math.min(ends.length, LANES_MAX - 1);
    const hasRoom = free >= 0 || ends.length < LANES_MAX;
    ends[lane] = Math.max(ends[lane] ?? 0, hasRoom ? label.right : 0);
    return { ...label, episode, lane, hasRoom };
  });
  const height = TOP + Math.max(1, ends.length) * LANE + BOTTOM;
  const bottom = height - BOTTOM;
  const drawn = placed.map(({ episode, lane, hasRoom, barLeft, barWidth, textAt, anchor, text }) => {
    const top = TOP + lane * LANE + 3;
    const colour = COLOUR_OF[episode.nature];
    const bar = `<rect x="${round(barLeft)}" y="${top}" width="${round(barWidth)}" height="14" rx="2" fill="${colour}" opacity="0.32"/><rect x="${round(barLeft)}" y="${top}" width="3" height="14" fill="${colour}"/>`;
    return hasRoom
      ? `${bar}<text x="${round(textAt)}" y="${top + 11}" class="label ${anchor}">${escape(text)}</text>`
      : bar;
  });
  return `<svg width="${PLOT_WIDTH}" height="${height}" viewBox="0 0 ${PLOT_WIDTH} ${height}" role="img" aria-label="injected faults">
<text x="${LEFT}" y="20" class="title">Injected faults<tspan class="unit" dx="8">${axis.episodes.length === 0 ? "none" : "seconds since the load began; numbers as in the list below; a bar ends where the fault was taken back, or with the run"}</tspan></text>
<rect x="${LEFT}" y="${TOP}" width="${INNER}" height="${bottom - TOP}" class="field"/>
${timeTicks(axis, bottom)}
${drawn.join("\n")}
</svg>`;
}

function labelOf(episode: Episode, axis: TimeAxis) {
  const barLeft = xOf(axis, episode.from);
  const end = episode.to ?? (episode.isLasting ? axis.to : episode.from);
  const barRight = Math.max(barLeft + 3, xOf(axis, end));
  const whole = `${episode.number} ${episode.text}`;
  const text = whole.length > LABEL_MAX ? `${whole.slice(0, LABEL_MAX - 1)}…` : whole;
  const width = text.length * CHARACTER + 8;
  const bar = { barLeft, barWidth: barRight - barLeft, text };
  // Upon the bar where the picture has room to its right, else before it.
  if (barLeft + width <= LEFT + INNER) {
    return { ...bar, textAt: barLeft + 7, anchor: "start", left: barLeft, right: Math.max(barRight, barLeft + width) };
  }
  return { ...bar, textAt: barLeft - 5, anchor: "end", left: barLeft - width, right: barRight };
}

/** Stretches under a fault in light red, its beginning and end as lines with its number. */
function backdrop(axis: TimeAxis, bottom: number): string {
  let lastNumberAt = Number.NEGATIVE_INFINITY;
  const marks = axis.episodes.map((episode) => {
    const from = xOf(axis, episode.from);
    const vertical = (x: number, colour: string): string =>
      `<line x1="${round(x)}" x2="${round(x)}" y1="${TOP}" y2="${bottom}" stroke="${colour}" stroke-dasharray="3 3" opacity="0.65"/>`;
    const to = episode.to === undefined ? undefined : xOf(axis, episode.to);
    const band =
      to === undefined
        ? ""
        : `<rect x="${round(from)}" y="${TOP}" width="${round(to - from)}" height="${bottom - TOP}" fill="${FAULT}" opacity="0.06"/>${vertical(to, HEALING)}`;
    const hasRoom = from - lastNumberAt >= 16;
    if (hasRoom) lastNumberAt = from;
    const number = hasRoom
      ? `<text x="${round(from)}" y="${TOP - 4}" class="mark middle">${episode.number}</text>`
      : "";
    return `${band}${vertical(from, COLOUR_OF[episode.nature])}${number}`;
  });
  return `<rect x="${LEFT}" y="${TOP}" width="${INNER}" height="${bottom - TOP}" class="field"/>${marks.join("")}`;
}

/** At the right end of the title's line. */
function legend(series: readonly Series[]): string {
  const colours = coloursOf(series);
  const widthOf = (name: string): number => 24 + name.length * CHARACTER + 18;
  let x = LEFT + INNER - 8 - series.reduce((sum, { name }) => sum + widthOf(name), -18);
  return series
    .map(({ name, isDashed }, index) => {
      const item = `<line x1="${round(x)}" x2="${round(x + 18)}" y1="16" y2="16" stroke="${colours[index]}" stroke-width="2.4"${isDashed === true ? DASHES : ""}/><text x="${round(x + 24)}" y="20" class="label start">${escape(name)}</text>`;
      x += widthOf(name);
      return item;
    })
    .join("");
}

function line(
  { points, isDashed }: Series,
  y: (value: number) => number,
  { axis, colour }: { axis: TimeAxis; colour: string },
): string {
  let path = "";
  let isDown = false;
  const lonely: string[] = [];
  points.forEach(([seconds, value], at) => {
    if (value === null || seconds < axis.from) {
      isDown = false;
      return;
    }
    const place = `${round(xOf(axis, seconds))} ${round(y(value))}`;
    path += `${isDown ? "L" : "M"}${place}`;
    const isLonely = !isDown && (points[at + 1]?.[1] ?? null) === null;
    if (isLonely) lonely.push(place);
    isDown = true;
  });
  const dots = lonely.map((place) => {
    const [cx, cy] = place.split(" ");
    return `<circle cx="${cx}" cy="${cy}" r="2" fill="${colour}"/>`;
  });
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round"${isDashed === true ? DASHES : ""}/>${dots.join("")}`;
}

function bars(
  { points }: Series,
  y: (value: number) => number,
  { axis, bottom, colour }: { axis: TimeAxis; bottom: number; colour: string },
): string {
  const width = Math.min(BAR_MAX, Math.max(2, (INNER / Math.max(1, points.length)) * 0.7));
  return points
    .filter(([seconds, value]) => value !== null && value > 0 && seconds >= axis.from)
    .map(([seconds, value]) => {
      const top = y(value ?? 0);
      return `<rect x="${round(xOf(axis, seconds) - width / 2)}" y="${round(top)}" width="${round(width)}" height="${round(bottom - top)}" fill="${colour}"/>`;
    })
    .join("");
}

function timeTicks(axis: TimeAxis, bottom: number): string {
  const step = niceStep((axis.to - axis.from) / 12);
  const ticks: string[] = [];
  for (let seconds = Math.ceil(axis.from / step) * step; seconds <= axis.to; seconds += step) {
    const x = round(xOf(axis, seconds));
    // The last one makes room for the unit.
    const isLast = seconds + step > axis.to;
    ticks.push(
      `<line x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 5}" class="axis"/><text x="${x}" y="${bottom + 19}" class="tick middle">${format(seconds)}${isLast ? " s" : ""}</text>`,
    );
  }
  return `<line x1="${LEFT}" x2="${LEFT + INNER}" y1="${bottom}" y2="${bottom}" class="axis"/>${ticks.join("")}`;
}

function xOf({ from, to }: TimeAxis, seconds: number): number {
  return LEFT + ((Math.min(Math.max(seconds, from), to) - from) / (to - from)) * INNER;
}

/** One colour per curve; a dashed one shares that of the curve before it. */
function coloursOf(series: readonly Series[]): readonly string[] {
  let own = -1;
  return series.map(({ isDashed }) => {
    if (isDashed !== true) own += 1;
    return COLOURS[Math.max(0, own) % COLOURS.length] as string;
  });
}

function yScale(
  scale: Plot["scale"],
  ticks: readonly number[],
  { top, bottom }: { readonly top: number; readonly bottom: number },
): (value: number) => number {
  const map = scale === "log" ? (value: number) => Math.log10(Math.max(value, 0.001)) : (value: number) => value;
  const low = map(ticks[0] ?? 0);
  const high = map(ticks.at(-1) ?? 1);
  return (value) => bottom - ((Math.max(map(value), low) - low) / (high - low || 1)) * (bottom - top);
}

/** From 0 to above the greatest value in up to five steps; of whole numbers where only these can be. */
export function linearTicks(values: readonly number[], isCount = false): readonly number[] {
  const greatest = values.reduce((most, value) => Math.max(most, value), 0) || 1;
  const step = Math.max(isCount ? 1 : 0, niceStep(greatest / 4));
  const count = Math.ceil(greatest / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Powers of ten around all values, with 2 and 5 between where there are few. */
export function logTicks(values: readonly number[]): readonly number[] {
  const positive = values.filter((value) => value > 0);
  const least = positive.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
  const greatest = positive.reduce((high, value) => Math.max(high, value), 0);
  if (greatest === 0) return [1, 10, 100];
  const decades = [1, 2, 5];
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(greatest)); power += 1) {
    for (const factor of decades) all.push(Number((factor * 10 ** power).toPrecision(6)));
  }
  const first = all.findLastIndex((tick) => tick <= least);
  const last = all.findIndex((tick) => tick >= greatest);
  const ticks = all.slice(Math.max(0, first), Math.max(first + 2, last + 1));
  const isDecade = (tick: number): boolean => Number.isInteger(Number(Math.log10(tick).toFixed(9)));
  return ticks.length <= 7
    ? ticks
    : ticks.filter((tick, index) => isDecade(tick) || index === 0 || index === ticks.length - 1);
}

/** 1, 2 or 5 times a power of ten, at least the given value. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= least * 0.999_999) return factor * power;
  return 10 * power;
}

const round = (value: number): number => Math.round(value * 10) / 10;
const format = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 3 });

/** Text of a page. */
export const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

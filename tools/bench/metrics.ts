import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Values of one scrape, by name with labels as the exposition has them. */
export type Metrics = ReadonlyMap<string, number>;

/** Reads Prometheus text exposition. */
export function parseMetrics(text: string): Metrics {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const gap = line.lastIndexOf(" ");
    if (gap > 0 && line[0] !== "#") values.set(line.slice(0, gap), Number(line.slice(gap + 1)));
  }
  return values;
}

export async function scrape(url: string): Promise<Metrics> {
  return parseMetrics(await (await fetch(`${url}/metrics`)).text());
}

/** A histogram's observations up to each bound, seconds; ascending, the last bound is infinite. */
export type Histogram = readonly { readonly bound: number; readonly count: number }[];

/**
 * What nodes observed between two scrapes, together.
 *
 * @param labels of the wanted row, such as `stage="sent"`
 */
export function grownHistogram(
  scrapes: readonly { readonly before: Metrics; readonly after: Metrics }[],
  name: string,
  labels = "",
): Histogram {
  const counts = new Map<number, number>();
  for (const { before, after } of scrapes) {
    for (const [key, count] of after) {
      if (!key.startsWith(`${name}_bucket{`) || !key.includes(labels)) continue;
      const [, text] = /le="([^"]+)"/.exec(key) ?? [];
      const bound = text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text);
      counts.set(bound, (counts.get(bound) ?? 0) + count - (before.get(key) ?? 0));
    }
  }
  return [...counts].sort(([left], [right]) => left - right).map(([bound, count]) => ({ bound, count }));
}

export const observations = (histogram: Histogram): number => histogram.at(-1)?.count ?? 0;

/** Milliseconds, linear inside a bucket; 0 without observations. */
export function quantileMs(histogram: Histogram, share: number): number {
  const wanted = share * observations(histogram);
  let below = { bound: 0, count: 0 };
  for (const here of histogram) {
    if (here.count >= wanted && here.count > below.count) {
      if (here.bound === Number.POSITIVE_INFINITY) return below.bound * 1_000;
      const part = (wanted - below.count) / (here.count - below.count);
      return (below.bound + part * (here.bound - below.bound)) * 1_000;
    }
    below = here;
  }
  return 0;
}

/** User and system time of a process from /proc, whose ticks are 10 ms on Linux. */
export function cpuMicrosOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Bytes of all files under a directory. */
export function bytesUnder(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    // LevelDB replaces files meanwhile.
    const found = statSync(join(directory, entry), { throwIfNoEntry: false });
    if (found?.isFile() === true) bytes += found.size;
  }
  return bytes;
}

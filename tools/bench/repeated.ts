import { count, table } from "./report.js";

/** Of one figure over several runs. */
interface Spread {
  readonly least: number;
  readonly median: number;
  readonly greatest: number;
}

/**
 * Measures several times, each time with a new consortium, since a machine that others share drifts.
 *
 * @param runs an odd number has a median that was measured
 */
export async function runRepeated(
  runs: number,
  run: () => Promise<object>,
): Promise<{ readonly runs: readonly object[]; readonly spreads: Readonly<Record<string, Spread>> }> {
  const results: object[] = [];
  for (let number = 1; number <= runs; number += 1) {
    process.stderr.write(`run ${number} of ${runs}\n`);
    results.push(await run());
  }
  const spreads = spreadsOf(results);
  const rows = Object.entries(spreads).map(([name, { least, median, greatest }]) => [
    name,
    ...[least, median, greatest].map(count),
  ]);
  process.stdout.write(`\n${runs} runs\n${table(["figure", "least", "median", "greatest"], rows)}`);
  return { runs: results, spreads };
}

/** Every figure that all results have; those of single nodes and stages stay in the runs. */
export function spreadsOf(results: readonly object[]): Record<string, Spread> {
  const [first = {}] = results;
  const spreads: Record<string, Spread> = {};
  for (const name of Object.keys(figuresIn(first))) {
    const values = results.map((result) => figuresIn(result)[name]).filter((value) => value !== undefined);
    if (values.length < results.length) continue;
    values.sort((left, right) => left - right);
    const [least, median, greatest] = [0, Math.floor((values.length - 1) / 2), values.length - 1].map(
      (at) => values[at] as number,
    ) as [number, number, number];
    spreads[name] = { least, median, greatest };
  }
  return spreads;
}

/** Numbers by the names that lead to them. */
function figuresIn(value: object, prefix = ""): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, each] of Object.entries(value)) {
    if (typeof each === "number") found[prefix + name] = each;
    else if (typeof each === "object" && each !== null && !Array.isArray(each))
      Object.assign(found, figuresIn(each, `${prefix}${name}.`));
  }
  return found;
}

/** Words of the table; more than the first caches hold, less than the last. */
const WORDS = 1 << 18;
const STEPS = 1 << 20;
const words = new Uint32Array(WORDS);

/**
 * The same arithmetic and the same reads and writes each time. Hosts run at different and changing speeds: how often this
 * loop would have run in the meantime says more about a piece of code than microseconds do.
 *
 * @returns milliseconds that it took
 */
export function calibrationLoop(): number {
  const startedAt = performance.now();
  let state = 0x9e37_79b9;
  for (let step = 0; step < STEPS; step += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const place = (state >>> 0) % WORDS;
    words[place] = (words[place] as number) + state;
  }
  return performance.now() - startedAt;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;

import { describe, expect, test } from "vitest";
import { runSeed } from "../../src/simulator/index.js";

const seeds = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Faults drawn by the seed, then a healed network: no rule may break, and everything has to become final. */
describe("attacks 39, 46, 50, 57 and 59: faults in any mixture", () => {
  test.each(seeds(40))("four validators, seed %i", (seed) => {
    const { violations, summary } = runSeed(seed, 4);
    expect(violations, `replay: npm run sim -- --validators 4 --seed ${seed}\n${summary}`).toEqual([]);
  });

  test.each(seeds(10))("seven validators, seed %i", (seed) => {
    const { violations, summary } = runSeed(seed, 7);
    expect(violations, `replay: npm run sim -- --validators 7 --seed ${seed}\n${summary}`).toEqual([]);
  });

  test.each([5, 6])("%i validators, where 2f + 1 would be no quorum (attack 32)", (validators) => {
    for (const seed of seeds(3)) {
      const { violations, summary } = runSeed(seed, validators);
      expect(violations, `replay: npm run sim -- --validators ${validators} --seed ${seed}\n${summary}`).toEqual([]);
    }
  });
});

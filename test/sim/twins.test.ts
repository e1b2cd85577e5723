import { describe, expect, test } from "vitest";
import { playTwinsCase, type Simulation, TwinsEnumeration } from "../../src/simulator/index.js";

function expectSound(simulation: Simulation, told: string): void {
  const detail = `${told}: ${simulation.summary()}`;
  expect(simulation.violations, detail).toEqual([]);
  expect(simulation.isSettled(), detail).toBe(true);
  expect(simulation.height, detail).toBeGreaterThan(1);
}

/** Every `stride`-th history from the first on. */
function playEvery(enumeration: TwinsEnumeration, stride: number, first = 0): number {
  let played = 0;
  for (let number = first; number < enumeration.size; number += stride) {
    const history = enumeration.at(number);
    expectSound(playTwinsCase(history), JSON.stringify(history));
    played += 1;
  }
  return played;
}

describe("attack 20: every history of validators that live twice", () => {
  test("the enumeration names each history once", () => {
    const enumeration = new TwinsEnumeration(4, 3);
    const all = Array.from({ length: enumeration.size }, (_, number) => JSON.stringify(enumeration.at(number)));
    expect(new Set(all).size).toBe(enumeration.size);
    // Four twins, four splits of the first view and eight of each later one.
    expect(enumeration.size).toBe(4 * 4 * 8 * 8);
    const seven = new TwinsEnumeration(7, 1);
    const pairs = new Set(Array.from({ length: seven.size }, (_, number) => seven.at(number).twins.join()));
    expect(pairs.size).toBe(21);
  });

  test("n = 4, two views: all of them", () => {
    expect(playEvery(new TwinsEnumeration(4, 2), 1)).toBe(128);
  });

  // All are `npm run sim -- --scenario twins-enumerated --seeds 8192`, with a fourth view. No factor is common to the stride
  // and to what may happen in a view, so that every twin meets every split of every view.
  test("n = 4, three views: every third", () => {
    expect(playEvery(new TwinsEnumeration(4, 3), 3)).toBe(342);
  });

  test("n = 7, three views: a sample", () => {
    expect(playEvery(new TwinsEnumeration(7, 3), 11_467, 3)).toBeGreaterThan(29);
  });

  test("attack 21: the same histories with two twins of four fork, and certificates name both", () => {
    const simulation = playTwinsCase({ validators: 4, twins: [0, 1], splits: [1, 1, 2, 1] });
    expect(simulation.violations[0]?.rule).toMatch(/^SAFE-1/u);
    expect(simulation.forks().length).toBeGreaterThan(0);
    expect(simulation.convictions().map(({ culprits }) => culprits)).toContainEqual([0, 1]);
  });
});

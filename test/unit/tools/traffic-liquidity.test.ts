import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readFigures } from "../../../tools/traffic/generator.js";
import { dayOfPayments, needsOf, POLICIES, playDay } from "../../../tools/traffic/liquidity.js";

const figures = readFigures(readFileSync(new URL("../../../config/examples/rbi-2012-12.csv", import.meta.url), "utf8"));
const plan = { figures, count: 6_000, seed: 1, customersPerBank: 2 };

describe("a day of RTGS with little settlement money", () => {
  const payments = dayOfPayments(plan);
  const needs = needsOf(figures.length, payments);
  const played = (share: number) => POLICIES.map((policy) => playDay(plan, payments, { policy, share, needs }));

  test("with what plain gross needs nobody waits", () => {
    for (const { settled, asked, meanDelaySeconds } of played(100)) {
      expect([settled, meanDelaySeconds]).toEqual([asked, 0]);
    }
  });

  test.each([50, 20, 0])(
    "LEDG-28, LEDG-29: queues settle no less than rejecting, settle-sets no less than queues, %i of 100",
    (share) => {
      const [reject, queue, sets] = played(share);
      expect(reject?.settled).toBeLessThan(reject?.asked ?? 0n);
      expect(queue?.settled).toBeGreaterThanOrEqual(reject?.settled ?? 0n);
      expect(sets?.settled).toBeGreaterThanOrEqual(queue?.settled ?? 0n);
    },
  );

  test("LEDG-29: with what banks owe in the end, settle-sets pay everything, and queues alone do not", () => {
    const [, queue, sets] = played(0);
    expect(queue?.settled).toBeLessThan(queue?.asked ?? 0n);
    expect(sets).toMatchObject({ settled: sets?.asked, settledPayments: payments.length });
    expect(sets?.settleSets).toBeGreaterThan(0);
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Id128 } from "../../../src/primitives/index.js";
import { Chain } from "../../../tools/traffic/chain.js";
import { readFigures } from "../../../tools/traffic/generator.js";
import { monthConsortium, runMonth } from "../../../tools/traffic/month.js";
import { PlainBooks } from "../../../tools/traffic/plain-books.js";

const figures = readFigures(readFileSync(new URL("../../../config/examples/rbi-2012-12.csv", import.meta.url), "utf8"));
const plan = { figures, count: 40_000, seed: 20_121_201, days: 31, customersPerBank: 10 };

describe("a month of interbank traffic drawn from the Reserve Bank's figures", () => {
  const { consortium, treasury } = monthConsortium(plan);
  const chain = new Chain(consortium);
  const books = new PlainBooks(consortium.genesis);
  const windows = new Map<number, { net: bigint; debits: bigint; credits: bigint }>();
  let differing = 0;
  let overdrawn = 0;
  const report = runMonth(plan, chain, treasury, ({ timestamp, orders, results, system }) => {
    const expected = books.block(timestamp, orders);
    if (JSON.stringify(results) !== JSON.stringify(expected)) differing += 1;
    for (const { exposure, cap, reserve } of chain.ledger.positions()) {
      if (exposure > reserve || exposure > (cap ?? 0n)) overdrawn += 1;
    }
    for (const { position } of system) {
      if (position === undefined) continue;
      const { window, debits, credits } = position;
      const sums = windows.get(window) ?? { net: 0n, debits: 0n, credits: 0n };
      const net = sums.net + debits - credits;
      windows.set(window, { net, debits: sums.debits + debits, credits: sums.credits + credits });
    }
  });
  const countOf = (key: string): number => report.results.get(key)?.count ?? 0;

  test("every payment gets a result, and everything that can happen to one happens", () => {
    const first = ["posted", "queued", "insufficient_funds", "net_debit_cap_exceeded", "insufficient_reserve"];
    const made = first.reduce((sum, name) => sum + countOf(`NEFT ${name}`) + countOf(`RTGS ${name}`), 0);
    expect(made).toBe(plan.count);
    for (const key of ["RTGS released", "RTGS expired", "NEFT net_debit_cap_exceeded", "NEFT insufficient_reserve"]) {
      expect(countOf(key), key).toBeGreaterThan(0);
    }
    expect(countOf("RTGS released") + countOf("RTGS expired")).toBe(countOf("RTGS queued"));
    expect(countOf("NEFT posted") / plan.count).toBeGreaterThan(0.6);
  });

  test("LEDG-23: every hourly window sums to zero", () => {
    expect(windows.size).toBeGreaterThan(300);
    expect(windows.size).toBe(books.windows);
    for (const [window, { net, debits, credits }] of windows) {
      expect(net, `window ${window}`).toBe(0n);
      expect(debits, `window ${window}`).toBe(credits);
    }
  });

  test("LEDG-22: no exposure is ever above its cap or its reserve", () => expect(overdrawn).toBe(0));

  test("results and end balances are those of an independent computation", () => {
    expect(differing).toBe(0);
    expect(books.accounts.size).toBe(consortium.genesis.accounts.length);
    for (const [id, { debitsPending, debitsPosted, creditsPending, creditsPosted }] of books.accounts) {
      const expected = { debitsPending, debitsPosted, creditsPending, creditsPosted };
      expect(chain.ledger.account(id as Id128), id).toMatchObject(expected);
      expect([debitsPending, creditsPending]).toEqual([0n, 0n]);
    }
    for (const { openDebits, openCredits, closedDebits, closedCredits, exposure } of chain.ledger.positions()) {
      expect([openDebits, openCredits, closedDebits, closedCredits, exposure]).toEqual([0n, 0n, 0n, 0n, 0n]);
    }
    expect([chain.ledger.queuedTransfers(), chain.ledger.pendingCount]).toEqual([[], 0]);
  });

  test("LEDG-1: money is conserved", () => {
    for (const totals of chain.ledger.conservation()) {
      expect(totals.debitsPosted).toBe(totals.creditsPosted);
      expect(totals.settlement).toBe(totals.issued);
      expect([totals.owed, totals.due]).toEqual([0n, 0n]);
    }
  });
});

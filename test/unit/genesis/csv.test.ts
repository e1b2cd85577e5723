import { describe, expect, test } from "vitest";
import { parseCsv } from "../../../src/genesis/index.js";

const COLUMNS = { required: ["name", "amount"], optional: ["asset"] };

describe("tables in CSV", () => {
  test("rows keep the number of their line, whatever the line ends in", () => {
    const parsed = parseCsv("amount,name\r\n1,SBI\r\n\r\n2,HDFC\n", COLUMNS);
    expect(parsed).toEqual({
      ok: true,
      rows: [
        { line: 2, fields: { amount: "1", name: "SBI" } },
        { line: 4, fields: { amount: "2", name: "HDFC" } },
      ],
    });
  });

  test("a quoted field may hold commas and doubled quotes", () => {
    const parsed = parseCsv('name,amount\n"Rao, ""R"" & Sons",5\n', COLUMNS);
    expect(parsed.ok && parsed.rows[0]?.fields["name"]).toBe('Rao, "R" & Sons');
  });

  test.each([
    ["name\nSBI\n", 1, /amount is missing/],
    ["name,amount,colour\n", 1, /unknown column "colour"/],
    ["name,amount,name\n", 1, /name occurs twice/],
    ["name,amount\nSBI\n", 2, /1 fields where the header has 2/],
    ['name,amount\n"SBI,1\n', 2, /quote/],
    ['name,amount\nS"B"I,1\n', 2, /quote/],
    ['name,amount\n"SBI"x,1\n', 2, /quote/],
    ["", 1, /name is missing/],
  ])("%j is refused at its line", (text, line, problem) => {
    const parsed = parseCsv(text, COLUMNS);
    expect(parsed.ok ? [] : parsed.problems).toEqual([{ line, problem: expect.stringMatching(problem) }]);
  });

  test("a file of nonsense gives a bounded list of problems", () => {
    const parsed = parseCsv(`name,amount\n${"x\n".repeat(10_000)}`, COLUMNS);
    expect(parsed.ok ? 0 : parsed.problems.length).toBe(20);
  });
});

import { describe, expect, test } from "vitest";
import { count, printable, printFields, printJson, printTable } from "../../../src/cli/terminal.js";
import { recorder } from "./terminal-recorder.js";

describe("terminal output", () => {
  test("columns are as wide as their widest cell and numbers stand to the right", () => {
    const terminal = recorder();
    printTable(
      terminal,
      [{ title: "bank" }, { title: "rows", align: "right" }],
      [
        ["SBI", "6,471"],
        ["HDFC BANK", "9"],
      ],
    );
    expect(terminal.written.out).toBe("bank        rows\nSBI        6,471\nHDFC BANK      9\n");
  });

  test("text from files and peers can neither move the cursor nor break a line", () => {
    const terminal = recorder();
    printFields(terminal, [["name", "a\u001b[2Jb\nc\u0000"]]);
    expect(terminal.written.out).toBe("name  ab\uFFFDc\uFFFD\n");
    expect(printable("\u009b31mred")).not.toContain("\u009b");
  });

  test("amounts in JSON are decimal strings", () => {
    const terminal = recorder();
    printJson(terminal, { amount: 9_007_199_254_740_993n });
    expect(JSON.parse(terminal.written.out)).toEqual({ amount: "9007199254740993" });
  });

  test("counts are grouped", () => {
    expect([0, 999, 1_000, 1_234_567].map(count)).toEqual(["0", "999", "1,000", "1,234,567"]);
  });
});

import { describe, expect, test } from "vitest";
import { parseOrders } from "../../../src/cli/order-file.js";
import { assembleGenesis, type Directory, readDirectory } from "../../../src/genesis/index.js";
import { participantNumber } from "../../../src/primitives/index.js";
import { assembly } from "../genesis/consortium.js";

const HEADER = "end_to_end_id,debtor_bank,debtor_account,creditor_bank,creditor_account,amount,currency,purpose";
const SIGNER = participantNumber(5);

function directory(): Directory {
  const made = assembleGenesis(assembly());
  const read = made.ok ? readDirectory(made.bytes) : undefined;
  if (read?.ok !== true) throw new Error("no directory");
  return read.directory;
}

const parse = (...rows: readonly string[]): ReturnType<typeof parseOrders> =>
  parseOrders([HEADER, ...rows, ""].join("\n"), { directory: directory(), signer: SIGNER, rail: 1 });

const problems = (...rows: readonly string[]): string => {
  const parsed = parse(...rows);
  return parsed.ok ? "" : parsed.problems.join("; ");
};

describe("files of payment orders", () => {
  test("attack 96: ids come from the end-to-end ids, so the same file is the same transfers", () => {
    const row = "E-1,SBI,a,HDFC,b,2452.00,INR,household";
    const [one, two] = [parse(row), parse(row)];
    expect(one).toEqual(two);
    const order = one.ok ? one.orders[0] : undefined;
    expect(order).toMatchObject({ line: 2, endToEndId: "E-1", transfer: { amount: 245_200n, asset: 356, code: 1 } });
    expect(order?.transfer.id.startsWith("00000005")).toBe(true);
  });

  test.each([
    ["E-1,SBI,a,KOTAK,b,1,INR,", "line 2: unknown creditor_bank KOTAK"],
    ["E-1,KOTAK,a,HDFC,b,1,INR,", "line 2: unknown debtor_bank KOTAK"],
    ["E-1,HDFC,a,SBI,b,1,INR,", "line 2: HDFC pays here, but SBI signs"],
    ["E-1,SBI,a,HDFC,b,1.005,INR,", "line 2: 1.005 is not an amount of INR"],
    ["E-1,SBI,a,HDFC,b,-1,INR,", "line 2: -1 is not an amount of INR"],
    ["E-1,SBI,a,HDFC,b,1,USD,", "line 2: the rulebook has no asset USD"],
    [",SBI,a,HDFC,b,1,INR,", "line 2: end_to_end_id must have 1 to 64 printable characters"],
    ["E-1,SBI,,HDFC,b,1,INR,", "line 2: debtor_account must have 1 to 64 printable characters"],
  ])("%j is refused at its line", (row, problem) => {
    expect(problems(row)).toBe(problem);
  });

  test("an end-to-end id on two lines is refused with both", () => {
    const row = "E-1,SBI,a,HDFC,b,1,INR,";
    expect(problems(row, "E-2,SBI,a,HDFC,b,1,INR,", row)).toBe("line 4: end_to_end_id E-1 is on line 2 already");
  });

  test.each([
    ["", 0],
    ["loan", 4],
    ["4711", 4711],
    ["65536", 65_535],
    ["gift", 65_535],
  ])("purpose %j is number %i", (purpose, code) => {
    const parsed = parse(`E-1,SBI,a,HDFC,b,1,INR,${purpose}`);
    expect(parsed.ok && parsed.orders[0]?.transfer.code).toBe(code);
  });
});

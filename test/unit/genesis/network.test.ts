import { describe, expect, test } from "vitest";
import { planNetwork } from "../../../src/genesis/index.js";

const BANKS = ["SBI", "HDFC", "ICICI", "AXIS", "YES"];

describe("the plan of a network", () => {
  test("the i-th validator has ports base + 2i and base + 2i + 1; others run no node", () => {
    const plan = planNetwork({
      banks: BANKS,
      validators: ["YES", "SBI", "AXIS", "HDFC"],
      authority: "RBI",
      basePort: 7000,
    });
    expect(plan.ok && plan.members).toEqual([
      { name: "SBI", role: "bank", ports: { p2p: 7002, rpc: 7003 } },
      { name: "HDFC", role: "bank", ports: { p2p: 7006, rpc: 7007 } },
      { name: "ICICI", role: "bank" },
      { name: "AXIS", role: "bank", ports: { p2p: 7004, rpc: 7005 } },
      { name: "YES", role: "bank", ports: { p2p: 7000, rpc: 7001 } },
      { name: "RBI", role: "authority" },
    ]);
  });

  test.each([
    [{ banks: ["SBI", "HDFC", "AXIS"] }, /3 validators where 4 to 31/],
    [{ banks: [...BANKS, "SBI"] }, /bank SBI is named twice/],
    [{ validators: ["SBI", "HDFC", "ICICI", "KOTAK"] }, /validator KOTAK is not one of the banks/],
    [{ authority: "SBI" }, /SBI is the authority/],
    [{ banks: [...BANKS, "../etc"] }, /"\.\.\/etc" is not a name/],
    [{ basePort: 65_530 }, /not all within 1 to 65535/],
  ])("%j is refused", (change, problem) => {
    const plan = planNetwork({ banks: BANKS, authority: "RBI", basePort: 7000, ...change });
    expect(plan.ok ? "" : plan.problems.join("; ")).toMatch(problem);
  });
});

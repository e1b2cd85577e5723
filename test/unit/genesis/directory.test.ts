import { describe, expect, test } from "vitest";
import { accountId, assembleGenesis, Directory, describeResult, readDirectory } from "../../../src/genesis/index.js";
import { participantNumber } from "../../../src/primitives/index.js";
import { assembly } from "./consortium.js";

function directory(): Directory {
  const made = assembleGenesis(assembly());
  if (!made.ok) throw new Error(made.problems.join("; "));
  const read = readDirectory(made.bytes);
  if (!read.ok) throw new Error(read.problem);
  return read.directory;
}

describe("names of a consortium", () => {
  test("BANK/NAME and an id are accounts, anything else is not", () => {
    const id = accountId(participantNumber(5), "a/b");
    expect(directory().account("SBI/a/b")).toBe(id);
    expect(directory().account(id)).toBe(id);
    for (const text of ["SBI", "KOTAK/a", "SBI/", `SBI/${"x".repeat(65)}`, id.toUpperCase(), "SBI/\ud800"]) {
      expect(directory().account(text)).toBeUndefined();
    }
  });

  test("the default asset and rail are the rulebook's", () => {
    expect(directory().asset(undefined)?.code).toBe("INR");
    expect(directory().rail(undefined)?.name).toBe("IMPS");
    expect(directory().asset("USD")).toBeUndefined();
  });

  test("a rail is chosen that carries the amount and has no daily limit", () => {
    expect(directory().railFor(1n)?.name).toBe("IMPS");
    expect(directory().railFor(500_000_000n)?.name).toBe("RTGS");
    expect(directory().railFor(10n ** 18n)).toBeUndefined();
  });

  test("results have a meaning, unknown ones their own name", () => {
    expect(describeResult("insufficient_funds").meaning).toMatch(/does not hold the amount/);
    expect(describeResult("brand_new")).toEqual({ name: "brand_new", meaning: "brand_new" });
  });

  test("a file that is no genesis has no directory", () => {
    expect(readDirectory(new Uint8Array([123]))).toEqual({ ok: false, problem: "the file is not complete JSON" });
  });
});

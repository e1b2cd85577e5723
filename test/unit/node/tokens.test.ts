import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addToken, loadTokens } from "../../../src/node/index.js";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sabha-tokens-"));
  path = join(directory, "tokens.json");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("bearer tokens", () => {
  test("a token has its scope, and the file holds its hash only", () => {
    const first = addToken(path, "submit", 1);
    const second = addToken(path, "submit", 2);
    const book = loadTokens(path);
    expect(book.scopesOf(first)).toEqual(["submit"]);
    expect(book.scopesOf(second)).toEqual(["submit"]);
    expect(readFileSync(path, "utf8")).not.toContain(first);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("what nobody made has no scope", () => {
    const token = addToken(path, "submit", 1);
    const book = loadTokens(path);
    for (const wrong of ["", token.slice(0, -1), `${token} `, token.toUpperCase()]) {
      expect(book.scopesOf(wrong)).toBeUndefined();
    }
  });

  test("a home without tokens lets nobody submit", () => {
    expect(loadTokens(path).scopesOf("sabha_submit_x")).toBeUndefined();
  });

  test("a damaged or exposed list is refused, not replaced", () => {
    addToken(path, "submit", 1);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.slice(0, -10));
    expect(() => loadTokens(path)).toThrow(/is not a list of tokens/u);
    expect(() => addToken(path, "submit", 2)).toThrow(/is not a list of tokens/u);
    writeFileSync(path, text);
    chmodSync(path, 0o644);
    expect(() => loadTokens(path)).toThrow(/chmod 600/u);
  });
});

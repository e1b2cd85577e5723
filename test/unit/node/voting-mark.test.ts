import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { mayVote } from "../../../src/node/voting-mark.js";

let home: string;
const data = (): string => join(home, "data");
const loseDisk = (): void => {
  rmSync(data(), { recursive: true });
  mkdirSync(data());
};
const [OLD, NEW] = ["aa".repeat(48), "bb".repeat(48)];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sabha-mark-"));
  mkdirSync(join(home, "keys"));
  mkdirSync(data());
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("SAFE-11: a key votes with the data that hold its record", () => {
  test("a key votes, after restarts too, and no more once its data are gone", () => {
    expect(mayVote(home, data(), OLD)).toBe(true);
    expect(mayVote(home, data(), OLD)).toBe(true);
    loseDisk();
    expect(mayVote(home, data(), OLD)).toBe(false);
  });

  test("a new key may vote with new data, and the old one may not come back", () => {
    mayVote(home, data(), OLD);
    loseDisk();
    expect(mayVote(home, data(), NEW)).toBe(true);
    expect(mayVote(home, data(), NEW)).toBe(true);
    expect(mayVote(home, data(), OLD)).toBe(false);
    loseDisk();
    expect(mayVote(home, data(), NEW)).toBe(false);
  });

  test("a key that is changed while the data stay votes with them, as the old one still would", () => {
    mayVote(home, data(), OLD);
    expect(mayVote(home, data(), NEW)).toBe(true);
    expect(mayVote(home, data(), OLD)).toBe(true);
  });
});

import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import {
  type CanonicalJson,
  canonicalJson,
  chainIdOf,
  genesisValidatorSet,
  parseGenesis,
} from "../../../src/formats/index.js";
import { toHex, utf8 } from "../../../src/primitives/index.js";
import { genesisFile } from "../../fixtures/proven-chain.js";

const bytes = genesisFile("bls12381");
const text = new TextDecoder().decode(bytes);

type Json = { [key: string]: Json } & Json[] & (string | number | boolean);

/** The path at which a changed genesis file is refused; undefined if it is accepted. */
function refusedAt(change: (genesis: Json) => void): string | undefined {
  const genesis = JSON.parse(text) as Json;
  change(genesis);
  const parsed = parseGenesis(utf8(canonicalJson(genesis as CanonicalJson)));
  if (!parsed.ok) expect(parsed.fault.detail).not.toBe("");
  return parsed.ok ? undefined : parsed.fault.path;
}

/** Sets the value at a path of member names and indices. */
const set = (path: readonly (string | number)[], value: unknown) => (genesis: Json) => {
  const parent = path.slice(0, -1).reduce<Json>((at, key) => at[key as string] as Json, genesis);
  (parent as Record<string, unknown>)[path[path.length - 1] as string] = value;
};

describe("parseGenesis", () => {
  test("reads a canonical file", () => {
    const parsed = parseGenesis(bytes);
    if (!parsed.ok) throw new Error(parsed.fault.detail);
    expect(parsed.genesis.validators.map(({ participant }) => participant)).toEqual([1, 2, 3, 4]);
    expect(chainIdOf(sha256, bytes)).toBe(toHex(sha256(bytes)));
    const validators = genesisValidatorSet(sha256, parsed.genesis);
    expect(validators.epoch).toBe(0);
    expect(validators.members.map(({ name, publicKey }) => [name, publicKey.length])).toEqual(
      [1, 2, 3, 4].map((number) => [`BANK${number}`, 48]),
    );
    const renamed = parseGenesis(utf8(text.replace('"BANK2"', '"BANK9"')));
    expect(renamed.ok && genesisValidatorSet(sha256, renamed.genesis).hash).not.toBe(validators.hash);
  });

  test("attack 16: any other encoding of the same content is refused", () => {
    const forms = [
      JSON.stringify(JSON.parse(text)),
      text.trimEnd(),
      `${text}\n`,
      ` ${text}`,
      text.replace('"exponent": 2', '"exponent": 2.0'),
      text.replace('"exponent": 2', '"exponent": 3,\n        "exponent": 2'),
      text.replace('"INR"', '"\\u0049NR"'),
      text.replaceAll("  ", "\t"),
      `\ufeff${text}`,
    ];
    for (const form of forms) {
      expect(form).not.toBe(text);
      const parsed = parseGenesis(utf8(form));
      expect(!parsed.ok && parsed.fault.detail).toMatch(/canonical|complete JSON/);
    }
  });

  test("a truncated file and bytes that are no text are refused with a sentence", () => {
    expect(parseGenesis(bytes.slice(0, 1_000))).toEqual({
      ok: false,
      fault: { path: "", detail: "the file is not complete JSON" },
    });
    expect(parseGenesis(new Uint8Array(0))).toMatchObject({ ok: false });
    expect(parseGenesis(new Uint8Array([0xff, 0xfe]))).toEqual({
      ok: false,
      fault: { path: "", detail: "the file is not UTF-8 text" },
    });
    for (const value of ["1\n", '"x"\n', "[]\n", "true\n", "null\n", "{}\n"])
      expect(parseGenesis(utf8(value)).ok).toBe(false);
    expect(parseGenesis(utf8("[".repeat(200_000))).ok).toBe(false);
  });

  test.each([
    ["format", ["format"], "sabha/genesis/2"],
    ["name", ["name"], ""],
    ["name", ["name"], "a\nb"],
    ["name", ["name"], "x".repeat(65)],
    ["timestamp", ["timestamp"], -1],
    ["timestamp", ["timestamp"], "1"],
    ["scheme", ["scheme"], "rsa"],
    ["participants", ["participants"], []],
    ["participants[1].number", ["participants", 1, "number"], 7],
    ["participants[0].number", ["participants", 0, "number"], 0],
    ["participants[0].name", ["participants", 0, "name"], "../etc"],
    ["participants[0].role", ["participants", 0, "role"], "king"],
    ["participants[0].keys[0].publicKey", ["participants", 0, "keys"], [{ publicKey: "00", scopes: ["submit"] }]],
    ["participants[0].keys[0].scopes", ["participants", 0, "keys"], [{ publicKey: "00".repeat(32), scopes: [] }]],
    [
      "participants[0].keys[0].scopes[0]",
      ["participants", 0, "keys"],
      [{ publicKey: "00".repeat(32), scopes: ["root"] }],
    ],
    ["validators", ["validators"], []],
    ["validators[0].participant", ["validators", 0, "participant"], 9],
    ["validators[3].participant", ["validators", 3, "participant"], 9],
    ["validators[0].consensusKey", ["validators", 0, "consensusKey"], "AB".repeat(48)],
    ["validators[0].consensusKey", ["validators", 0, "consensusKey"], "ab".repeat(32)],
    ["validators[0].proofOfPossession", ["validators", 0, "proofOfPossession"], "ab".repeat(64)],
    ["validators[0].networkKey", ["validators", 0, "networkKey"], `0x${"ab".repeat(31)}`],
    ["validators[0].addresses", ["validators", 0, "addresses"], []],
    ["validators[0].addresses[0]", ["validators", 0, "addresses"], ["127.0.0.1:26600"]],
    ["rulebook.assets", ["rulebook", "assets"], []],
    ["rulebook.assets[0].code", ["rulebook", "assets", 0, "code"], "inr"],
    ["rulebook.rails[0].minimum", ["rulebook", "rails", 0, "minimum"], "01"],
    ["rulebook.rails[0].minimum", ["rulebook", "rails", 0, "minimum"], 1],
    ["rulebook.rails[0].maximum", ["rulebook", "rails", 0, "maximum"], "18446744073709551616"],
    ["rulebook.rails[0].partialPost", ["rulebook", "rails", 0, "partialPost"], 1],
    ["rulebook.rails[0].accountDailyMaximum", ["rulebook", "rails", 0, "accountDailyMaximum"], "-1"],
    ["rulebook.rails[0].number", ["rulebook", "rails", 0, "number"], 256],
    ["rulebook.checkpointBlocks", ["rulebook", "checkpointBlocks"], 0],
    ["rulebook.participantCaps.accounts", ["rulebook", "participantCaps", "accounts"], 2 ** 32],
    ["accounts[0].kind", ["accounts"], [{ id: "00".repeat(16), owner: 1, asset: 356, kind: "savings" }]],
    ["accounts[0].id", ["accounts"], [{ id: "00", owner: 1, asset: 356, kind: "customer" }]],
    ["funding[0].amount", ["funding"], [{ debit: "00".repeat(16), credit: "11".repeat(16), amount: "1.5" }]],
    ["rulebook.surprise", ["rulebook", "surprise"], 1],
    ["surprise", ["surprise"], 1],
  ] as const)("refuses a wrong %s", (path, at, value) => {
    expect(refusedAt(set(at, value))).toBe(path);
  });

  test("refuses every missing member, and none of the optional ones", () => {
    for (const member of Object.keys(JSON.parse(text) as object)) {
      expect(refusedAt((genesis) => delete genesis[member])).toBe(member);
    }
    expect(refusedAt((genesis) => delete genesis["rulebook"]?.["defaultRail"])).toBe("rulebook.defaultRail");
    expect(refusedAt(set(["rulebook", "rails", 0, "accountDailyMaximum"], "500"))).toBeUndefined();
  });

  test("attack 89: members named like those of every object are unknown ones", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      const parsed = parseGenesis(utf8(text.replace('"accounts"', `"${name}": 1,\n  "accounts"`)));
      expect(parsed).toEqual({ ok: false, fault: { path: name, detail: "unknown member" } });
    }
  });
});

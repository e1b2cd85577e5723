import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sabha } from "./terminal-recorder.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sabha-cli-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (...parts: readonly string[]): string => join(directory, ...parts);

describe("sabha genesis network", () => {
  test("makes a genesis that verifies, homes and a token each", async () => {
    const made = await sabha(
      "genesis",
      "network",
      "--banks",
      "SBI,HDFC,ICICI,AXIS",
      "--out",
      path("demo"),
      "--scheme",
      "ed25519",
    );
    expect(made).toMatchObject({ exitCode: 0, err: "" });
    expect(made.out).toContain("http://127.0.0.1:26601");
    const verified = await sabha("genesis", "verify", path("demo", "genesis.json"), "--json");
    expect(verified).toMatchObject({ exitCode: 0, err: "" });
    const report = JSON.parse(verified.out) as {
      ok: boolean;
      validators: unknown[];
      accounts: number;
      chainId: string;
    };
    expect(report).toMatchObject({ ok: true, accounts: 1 + 4 * 2 + 4 * 4 });
    expect(made.out).toContain(report.chainId);
    expect(statSync(path("demo", "SBI", "keys", "submit.token")).mode & 0o777).toBe(0o600);
  });

  test("the accounts example fits the default rulebook", async () => {
    const words = [
      "genesis",
      "network",
      "--banks",
      "SBI,HDFC,ICICI,AXIS",
      "--out",
      path("demo"),
      "--scheme",
      "ed25519",
    ];
    const made = await sabha(...words, "--accounts", "config/examples/accounts.csv", "--json");
    expect(made).toMatchObject({ exitCode: 0, err: "" });
  });

  test("a directory in use is left as it is, and a failed attempt leaves nothing behind", async () => {
    writeFileSync(path("file"), "");
    const used = await sabha("genesis", "network", "--banks", "SBI,HDFC,ICICI,AXIS", "--out", directory);
    expect(used).toMatchObject({ exitCode: 2, err: expect.stringContaining("is not empty") });
    writeFileSync(path("accounts.csv"), "participant,account,funding\nKOTAK,a,1\n");
    const words = [
      "genesis",
      "network",
      "--banks",
      "SBI,HDFC,ICICI,AXIS",
      "--scheme",
      "ed25519",
      "--out",
      path("demo"),
    ];
    const bad = await sabha(...words, "--accounts", path("accounts.csv"));
    expect(bad).toMatchObject({ exitCode: 1, err: `sabha: ${path("accounts.csv")}: line 2: unknown bank KOTAK\n` });
    expect(existsSync(path("demo"))).toBe(false);
  });
});

describe("the ceremony of several operators", () => {
  test("attack 105: keys, cards and assemble give every operator the same genesis", async () => {
    const banks = ["SBI", "HDFC", "ICICI", "AXIS"];
    for (const name of banks) {
      const made = await sabha("genesis", "keys", "--home", path(name), "--participant", name, "--scheme", "ed25519");
      expect(made).toMatchObject({ exitCode: 0, err: "" });
      const card = await sabha(
        "genesis",
        "card",
        "--home",
        path(name),
        "--address",
        "/dns4/x.example/tcp/26600",
        "--out",
        path(`${name}.card`),
      );
      expect(card).toMatchObject({ exitCode: 0, err: "" });
    }
    await sabha("genesis", "keys", "--home", path("RBI"), "--participant", "RBI", "--no-validator");
    const authority = await sabha("genesis", "card", "--home", path("RBI"), "--role", "authority");
    writeFileSync(path("RBI.card"), authority.out);

    const cards = [...banks, "RBI"].map((name) => path(`${name}.card`));
    const options = ["--name", "india", "--scheme", "ed25519", "--rulebook", "config/rulebook.default.yaml"];
    const one = await sabha("genesis", "assemble", ...cards, ...options, "--out", path("one.json"));
    const two = await sabha("genesis", "assemble", ...cards.reverse(), ...options, "--out", path("two.json"));
    expect([one, two]).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
    expect(readFileSync(path("one.json")).equals(readFileSync(path("two.json")))).toBe(true);

    writeFileSync(path("SBI.card"), readFileSync(path("SBI.card"), "utf8").replace('"SBI"', '"SBJ"'));
    const forged = await sabha("genesis", "assemble", ...cards, ...options, "--out", path("three.json"));
    expect(forged).toMatchObject({ exitCode: 1, err: expect.stringContaining("is not signed with its operation key") });
    expect(existsSync(path("three.json"))).toBe(false);
  });

  test("keys are never made over existing ones", async () => {
    const words = ["genesis", "keys", "--home", path("SBI"), "--participant", "SBI", "--scheme", "ed25519"];
    expect(await sabha(...words)).toMatchObject({ exitCode: 0 });
    expect(await sabha(...words)).toMatchObject({ exitCode: 2, err: expect.stringContaining("never overwritten") });
  });
});

describe("sabha genesis verify", () => {
  test("a truncated file fails with one sentence and exit code 1", async () => {
    writeFileSync(path("genesis.json"), '{\n  "accounts": [');
    const verified = await sabha("genesis", "verify", path("genesis.json"));
    expect(verified.exitCode).toBe(1);
    expect(verified.err).toBe(`sabha: ${path("genesis.json")}: the file is not complete JSON\n`);
  });
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sabha } from "./terminal-recorder.js";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sabha-run-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("the command line", () => {
  test("--version prints the package's version", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(await sabha("--version")).toEqual({ exitCode: 0, out: `${version}\n`, err: "" });
  });

  test.each([
    ["--help"],
    ["genesis", "network", "--help"],
    ["node", "--help"],
    ["node", "token", "--help"],
    ["devnet", "up", "--help"],
    ["submit", "--help"],
    ["account", "create", "--help"],
    ["receipt", "verify", "--help"],
    ["store", "verify", "--help"],
  ])("%s %s %s explains itself with an example", async (...words) => {
    const shown = await sabha(...words.filter((word) => word !== undefined));
    expect(shown).toMatchObject({ exitCode: 0, err: "" });
    expect(shown.out).toMatch(/Example|A first network/u);
  });

  test.each([
    [["frobnicate"], /unknown command/u],
    [["status", "--colour"], /unknown option '--colour'/u],
    [["genesis", "network", "--out", "x"], /required option '--banks/u],
    [["genesis", "network", "--banks", "A,B,C,D", "--out", "x", "--scheme", "rsa"], /bls12381 or ed25519/u],
    [["genesis", "network", "--banks", "A,B,C,D", "--out", "x", "--base-port", "0"], /whole number from 1 to 65535/u],
    [["genesis", "network", "--banks", "A,B,C", "--out", "x"], /3 validators where 4 to 31 are needed/u],
    [["genesis", "verify", "/nowhere/genesis.json"], /is not there/u],
    [["status"], /say which node to ask: --rpc URL or --home DIR/u],
    [["status", "--rpc", "localhost"], /is not an http or https URL/u],
    [["devnet", "status", "--dir", "/nowhere"], /holds no network/u],
  ])("wrong use gives exit code 2 and one sentence: %j", async (words, sentence) => {
    const ran = await sabha(...words);
    expect(ran.exitCode).toBe(2);
    expect(ran.err).toMatch(sentence);
    expect(ran.err).not.toMatch(/\n\s+at /u);
  });

  test.each([
    [["node", "--home", "/nowhere"], /is not a node's home/u],
    [["node", "token", "--home", "/nowhere"], /is not a node's home/u],
    [["store", "verify", "--home", "/nowhere"], /is not a node's home/u],
    [["status", "--rpc", "http://127.0.0.1:1"], /cannot be reached/u],
  ])("what cannot go on gives exit code 3 and one sentence: %j", async (words, sentence) => {
    const ran = await sabha(...words);
    expect(ran.exitCode).toBe(3);
    expect(ran.err).toMatch(sentence);
    expect(ran.err).not.toMatch(/\n\s+at /u);
  });

  test("an unknown option in config.yaml is named and the node does not start", async () => {
    const home = join(directory, "home");
    mkdirSync(home);
    writeFileSync(join(home, "config.yaml"), "participant: SBI\nrpc: {prot: 1}\n");
    const ran = await sabha("node", "--home", home);
    expect(ran).toMatchObject({ exitCode: 3, err: expect.stringContaining("unknown option rpc.prot") });
  });

  test("a receipt that proves nothing gives exit code 1 and names the check", async () => {
    writeFileSync(join(directory, "receipt.json"), "{}\n");
    writeFileSync(join(directory, "genesis.json"), "{}\n");
    const words = ["receipt", "verify", join(directory, "receipt.json"), "--genesis", join(directory, "genesis.json")];
    const ran = await sabha(...words);
    expect(ran.exitCode).toBe(1);
    expect(ran.err).toMatch(/proves nothing: .+ \(check genesis\)/u);
  });
});

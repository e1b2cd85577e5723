import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNetwork } from "../../../src/cli/genesis-network.js";
import {
  createHome,
  HomeError,
  readHome,
  readNodeKeys,
  readOperationKey,
  readSettings,
} from "../../../src/node/index.js";
import { toHex } from "../../../src/primitives/index.js";

let directory: string;
let network: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sabha-home-"));
  network = join(directory, "network");
  createNetwork({
    banks: ["SBI", "HDFC", "ICICI", "AXIS", "YES"],
    validators: ["SBI", "HDFC", "ICICI", "AXIS"],
    authority: "RBI",
    basePort: 7000,
    out: network,
    name: "test",
    scheme: "ed25519",
    settlementFunding: "1000000",
  });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof HomeError) return error.fault.code;
    throw error;
  }
  return "none";
}

describe("a node's home", () => {
  test("a validator's home gives its place in the set and the keys that genesis names", () => {
    const home = readHome(join(network, "HDFC"), true);
    const keys = readNodeKeys(home);
    const member = home.genesis.validators[home.validator ?? -1];
    expect(home.participant.name).toBe("HDFC");
    expect(toHex(keys.consensus.publicKey)).toBe(member?.consensusKey);
    expect(toHex(keys.network.publicKey)).toBe(member?.networkKey);
    expect(home.config).toMatchObject({ p2p: { listen: "/ip4/127.0.0.1/tcp/7002" }, rpc: { port: 7003 } });
  });

  test("a bank without a node has an operation key, and sends to the first validator", () => {
    const home = readHome(join(network, "YES"));
    expect(home.validator).toBeUndefined();
    expect(toHex(readOperationKey(home).publicKey)).toBe(home.participant.keys[0]?.publicKey);
    expect(home.config.client.rpcUrl).toBe("http://127.0.0.1:7001");
    expect(faultOf(() => readNodeKeys(home))).toBe("HOME_MISFIT");
    expect(existsSync(join(network, "YES", "keys", "consensus.key"))).toBe(false);
  });

  test("all homes hold the same genesis, byte for byte", () => {
    const bytes = readFileSync(join(network, "genesis.json"));
    for (const name of ["SBI", "HDFC", "ICICI", "AXIS", "YES", "RBI"]) {
      expect(readFileSync(join(network, name, "genesis.json")).equals(bytes)).toBe(true);
    }
  });

  test("another bank's key in a home is refused before it signs anything", () => {
    const path = join(network, "ICICI", "keys", "consensus.key");
    const own = readFileSync(path);
    copyFileSync(join(network, "AXIS", "keys", "consensus.key"), path);
    expect(faultOf(() => readNodeKeys(readHome(join(network, "ICICI"))))).toBe("KEY_MISMATCH");
    writeFileSync(path, own);
    expect(faultOf(() => readNodeKeys(readHome(join(network, "ICICI"))))).toBe("none");
  });

  test("a truncated genesis and a home without settings are refused", () => {
    const path = join(network, "AXIS", "genesis.json");
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    expect(() => readHome(join(network, "AXIS"))).toThrow(
      /genesis\.json is not a valid genesis file: the file is not complete JSON/u,
    );
    writeFileSync(path, whole);
    expect(faultOf(() => readSettings(join(network, "nowhere")))).toBe("HOME_MISSING");
  });

  test("a home is never made over another", () => {
    const home = { path: join(directory, "one"), config: { participant: "SBI" } };
    createHome(home);
    expect(faultOf(() => createHome(home))).toBe("FILE_EXISTS");
  });
});

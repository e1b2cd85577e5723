import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ed25519 } from "../../../src/crypto/index.js";
import { HomeError, readKey, readPassphrase } from "../../../src/node/index.js";
import { createKey, type KeyPurpose, keyPath } from "../../../src/node/keystore.js";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sabha-keystore-"));
  mkdirSync(join(home, "keys"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const create = (purpose: KeyPurpose, passphrase?: string): ReturnType<typeof createKey> =>
  createKey(
    home,
    { purpose, participant: "SBI", algorithm: purpose === "consensus" ? "bls12381" : "ed25519" },
    passphrase,
  );

/** Code of the fault with which an action fails. */
function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof HomeError) return error.fault.code;
    throw error;
  }
  return "none";
}

describe("the keystore", () => {
  test.each(["consensus", "network", "operation"] as const)("a %s key is read back, for its owner alone", (purpose) => {
    const key = create(purpose);
    expect(readKey(home, purpose, undefined)).toEqual(key);
    expect(statSync(keyPath(home, purpose)).mode & 0o777).toBe(0o600);
  });

  test("an existing key is never overwritten", () => {
    create("operation");
    const before = readFileSync(keyPath(home, "operation"));
    expect(faultOf(() => create("operation"))).toBe("FILE_EXISTS");
    expect(readFileSync(keyPath(home, "operation"))).toEqual(before);
  });

  test("a key that the group can read is refused", () => {
    create("operation");
    chmodSync(keyPath(home, "operation"), 0o640);
    expect(faultOf(() => readKey(home, "operation", undefined))).toBe("FILE_EXPOSED");
  });

  test("an encrypted key needs its passphrase and holds no secret without it", () => {
    const key = create("operation", "correct horse");
    const text = readFileSync(keyPath(home, "operation"), "utf8");
    expect(text).not.toContain(Buffer.from(key.seed).toString("hex"));
    expect(readKey(home, "operation", "correct horse")).toEqual(key);
    expect(faultOf(() => readKey(home, "operation", undefined))).toBe("KEY_ENCRYPTED");
    expect(faultOf(() => readKey(home, "operation", "correct house"))).toBe("KEY_PASSPHRASE_WRONG");
  });

  test("an encrypted key under another participant's name does not open", () => {
    create("operation", "correct horse");
    const path = keyPath(home, "operation");
    writeFileSync(path, readFileSync(path, "utf8").replace('"SBI"', '"HDFC"'));
    expect(faultOf(() => readKey(home, "operation", "correct horse"))).toBe("KEY_PASSPHRASE_WRONG");
  });

  test("a key for another purpose is refused", () => {
    create("network");
    copyFileSync(keyPath(home, "network"), keyPath(home, "operation"));
    expect(faultOf(() => readKey(home, "operation", undefined))).toBe("KEY_MISMATCH");
  });

  test("a key whose public half was exchanged is refused", () => {
    create("operation");
    const path = keyPath(home, "operation");
    const other = Buffer.from(ed25519.keysFromSeed(new Uint8Array(32).fill(9)).publicKey).toString("hex");
    writeFileSync(path, readFileSync(path, "utf8").replace(/("publicKey": ")[0-9a-f]+/u, `$1${other}`));
    expect(faultOf(() => readKey(home, "operation", undefined))).toBe("KEY_BAD");
  });

  test("a key file cut short anywhere, or padded, is refused", () => {
    create("operation");
    const path = keyPath(home, "operation");
    const text = readFileSync(path, "utf8");
    for (const wrong of [
      ...Array.from({ length: 20 }, (_, part) => text.slice(0, (text.length * part) / 20)),
      `${text}\n`,
    ]) {
      writeFileSync(path, wrong);
      expect(faultOf(() => readKey(home, "operation", undefined))).toBe("KEY_BAD");
    }
  });

  test("a missing key is named", () => {
    expect(faultOf(() => readKey(home, "network", undefined))).toBe("FILE_MISSING");
    expect(() => readKey(home, "network", undefined)).toThrow(/network\.key, the network key, is missing/u);
  });

  test("a passphrase is the first line of a file for its owner alone, and not a trivial one", () => {
    const path = join(home, "passphrase");
    writeFileSync(path, "correct horse\nsecond line\n", { mode: 0o600 });
    expect(readPassphrase(path)).toBe("correct horse");
    chmodSync(path, 0o644);
    expect(faultOf(() => readPassphrase(path))).toBe("FILE_EXPOSED");
    chmodSync(path, 0o600);
    writeFileSync(path, "short\n");
    expect(faultOf(() => readPassphrase(path))).toBe("FILE_UNREADABLE");
  });
});

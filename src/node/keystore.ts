import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { join } from "node:path";
import { certificateScheme, ed25519, type KeyPair, type SchemeName } from "../crypto/index.js";
import { type CanonicalJson, canonicalJson, shape } from "../formats/index.js";
import { equalBytes, fromHex, toHex } from "../primitives/index.js";
import { createFile, readBounded, readSecret } from "./files.js";
import { HomeError } from "./home-error.js";

/** What a key is for; also the name of its file, `keys/PURPOSE.key`. */
export type KeyPurpose = "consensus" | "network" | "operation";
/** `keyed-hash` keys exist in the simulator only. */
export type KeyAlgorithm = Exclude<SchemeName, "keyed-hash">;

/** A secret key in memory. */
export interface StoredKey extends KeyPair {
  readonly purpose: KeyPurpose;
  readonly participant: string;
  readonly algorithm: KeyAlgorithm;
  /** 32 secret bytes from which the pair is made. */
  readonly seed: Uint8Array;
}

/** What a key file says without its secret; authenticated together with it where it is encrypted. */
interface KeyHeader {
  readonly format: "sabha/key/1";
  readonly purpose: KeyPurpose;
  readonly participant: string;
  readonly algorithm: KeyAlgorithm;
  readonly publicKey: string;
}

/** scrypt (RFC 7914) with N = 2^17, r = 8, p = 1: 128 MiB and about half a second for each guess. */
const SCRYPT = { N: 131_072, r: 8, p: 1, maxmem: 256 * 1_048_576 } as const;
const KEY_FILE_BYTES_MAX = 4_096;
const PASSPHRASE_BYTES_MIN = 8;

const keyFile = shape.object(
  {
    format: shape.oneOf("sabha/key/1"),
    purpose: shape.oneOf("consensus", "network", "operation"),
    participant: shape.text(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, "a participant's name"),
    algorithm: shape.oneOf("bls12381", "ed25519"),
    publicKey: shape.hex(32, 96),
  },
  {
    seed: shape.hex(32),
    encrypted: shape.object({
      method: shape.oneOf("scrypt-131072-8-1+aes-256-gcm"),
      salt: shape.hex(16),
      nonce: shape.hex(12),
      ciphertext: shape.hex(32),
      tag: shape.hex(16),
    }),
  },
);

/** Where a home keeps the key for a purpose. */
export const keyPath = (home: string, purpose: KeyPurpose): string => join(home, "keys", `${purpose}.key`);

const what = (purpose: KeyPurpose): string => `the ${purpose} key`;

/** Makes the pair of a seed. */
function keyPairOf(algorithm: KeyAlgorithm, purpose: KeyPurpose, seed: Uint8Array): KeyPair {
  return purpose === "consensus" ? certificateScheme(algorithm).keysFromSeed(seed) : ed25519.keysFromSeed(seed);
}

/**
 * Makes a new key and keeps it in `home`: created for the owner alone, never over an older one, and on
 * the disk before this returns.
 *
 * @throws {HomeError} FILE_EXISTS, FILE_UNWRITABLE
 */
export function createKey(
  home: string,
  key: Omit<KeyHeader, "format" | "publicKey">,
  passphrase: string | undefined,
  path: string = keyPath(home, key.purpose),
): StoredKey {
  const seed = new Uint8Array(randomBytes(32));
  const pair = keyPairOf(key.algorithm, key.purpose, seed);
  const header: KeyHeader = { format: "sabha/key/1", ...key, publicKey: toHex(pair.publicKey) };
  const secret = passphrase === undefined ? { seed: toHex(seed) } : { encrypted: encrypt(header, seed, passphrase) };
  const file = { path, what: what(key.purpose) };
  createFile(file, canonicalJson({ ...header, ...secret } as unknown as CanonicalJson));
  return { ...key, ...pair, seed };
}

/**
 * Reads a home's key and checks that it is the one that its name promises.
 *
 * @throws {HomeError} FILE_MISSING, FILE_EXPOSED, KEY_BAD, KEY_ENCRYPTED, KEY_PASSPHRASE_WRONG, KEY_MISMATCH
 */
export function readKey(
  home: string,
  purpose: KeyPurpose,
  passphrase: string | undefined,
  path: string = keyPath(home, purpose),
): StoredKey {
  const parsed = shape.parseCanonical(
    readSecret({ path, what: what(purpose) }, KEY_FILE_BYTES_MAX),
    KEY_FILE_BYTES_MAX,
    keyFile,
  );
  if (!parsed.ok) throw new HomeError({ code: "KEY_BAD", path, detail: faultText(parsed.fault) });
  const { seed: plain, encrypted, ...header } = parsed.value;
  if ((plain === undefined) === (encrypted === undefined)) {
    throw new HomeError({ code: "KEY_BAD", path, detail: "it must hold either a seed or an encrypted one" });
  }
  if (header.purpose !== purpose) {
    throw new HomeError({ code: "KEY_MISMATCH", path, detail: `it is a ${header.purpose} key` });
  }
  const seed =
    encrypted === undefined ? (fromHex(plain as string) as Uint8Array) : decrypt(path, header, encrypted, passphrase);
  const pair = keyPairOf(header.algorithm, purpose, seed);
  if (!equalBytes(pair.publicKey, fromHex(header.publicKey) as Uint8Array)) {
    throw new HomeError({ code: "KEY_BAD", path, detail: "its secret and its public key do not belong together" });
  }
  const { participant, algorithm } = header;
  return { purpose, participant, algorithm, ...pair, seed };
}

/** The first line of a passphrase file, which must be readable by its owner alone. */
export function readPassphrase(path: string): string {
  const file = { path, what: "the passphrase file" };
  const passphrase = Buffer.from(readSecret(file, KEY_FILE_BYTES_MAX)).toString("utf8").split(/\r?\n/u)[0] ?? "";
  if (Buffer.byteLength(passphrase) < PASSPHRASE_BYTES_MIN) {
    const detail = `its first line has less than ${PASSPHRASE_BYTES_MIN} bytes`;
    throw new HomeError({ code: "FILE_UNREADABLE", ...file, detail });
  }
  return passphrase;
}

interface Encrypted {
  readonly method: "scrypt-131072-8-1+aes-256-gcm";
  readonly salt: string;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
}

const derive = (passphrase: string, salt: Uint8Array): Uint8Array =>
  scryptSync(passphrase.normalize("NFC"), salt, 32, SCRYPT);

const authenticated = (header: KeyHeader): Uint8Array => Buffer.from(canonicalJson({ ...header }), "utf8");

function encrypt(header: KeyHeader, seed: Uint8Array, passphrase: string): Encrypted {
  const salt = randomBytes(16);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", derive(passphrase, salt), nonce).setAAD(authenticated(header));
  const ciphertext = Buffer.concat([cipher.update(seed), cipher.final()]);
  return {
    method: "scrypt-131072-8-1+aes-256-gcm",
    salt: toHex(salt),
    nonce: toHex(nonce),
    ciphertext: toHex(ciphertext),
    tag: toHex(cipher.getAuthTag()),
  };
}

function decrypt(path: string, header: KeyHeader, box: Encrypted, passphrase: string | undefined): Uint8Array {
  if (passphrase === undefined) throw new HomeError({ code: "KEY_ENCRYPTED", path });
  const bytes = (text: string): Uint8Array => fromHex(text) as Uint8Array;
  const decipher = createDecipheriv("aes-256-gcm", derive(passphrase, bytes(box.salt)), bytes(box.nonce));
  decipher.setAAD(authenticated(header)).setAuthTag(bytes(box.tag));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(bytes(box.ciphertext)), decipher.final()]));
  } catch (error) {
    throw new HomeError({ code: "KEY_PASSPHRASE_WRONG", path }, { cause: error });
  }
}

const faultText = (fault: { readonly path: string; readonly detail: string }): string =>
  fault.path === "" ? fault.detail : `${fault.path}: ${fault.detail}`;

/** True where a home has a key for this purpose. */
export function hasKey(home: string, purpose: KeyPurpose): boolean {
  try {
    readBounded({ path: keyPath(home, purpose), what: what(purpose) }, KEY_FILE_BYTES_MAX);
    return true;
  } catch (error) {
    if (error instanceof HomeError && error.fault.code === "FILE_MISSING") return false;
    throw error;
  }
}

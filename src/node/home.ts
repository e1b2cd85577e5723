import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { sha256 } from "../crypto/index.js";
import { chainIdOf, type Founding, type Genesis, type GenesisParticipant, parseGenesis } from "../formats/index.js";
import { verifyGenesis } from "../genesis/index.js";
import { type Digest, participantNumber, type ValidatorIndex, validatorIndex } from "../primitives/index.js";
import { CONFIG_BYTES_MAX, parseConfig, renderConfig } from "./config.js";
import type { Config, ConfigChanges } from "./config-options.js";
import { createFile, makeDirectory, readBounded } from "./files.js";
import { HomeError } from "./home-error.js";
import {
  createKey,
  type KeyAlgorithm,
  type KeyPurpose,
  keyPath,
  readKey,
  readPassphrase,
  type StoredKey,
} from "./keystore.js";

/** Longest genesis file that is read, in bytes; the format's own bound. */
const GENESIS_BYTES_MAX = 256 * 1_048_576;

/** A home's directory and settings, before anything else of it was read. */
export interface HomeSettings {
  readonly path: string;
  readonly config: Config;
}

/** A home whose participant is part of a consortium. */
export interface Home extends HomeSettings {
  readonly genesisBytes: Uint8Array;
  readonly genesis: Genesis;
  readonly chainId: Digest;
  readonly participant: GenesisParticipant;
  /** Absent for a participant without a validator. */
  readonly validator: ValidatorIndex | undefined;
}

/** What a running node keeps of its home. */
export type FoundedHome = Omit<Home, "genesis"> & { readonly genesis: Founding };

/** The secret keys with which a validator's node works. */
export interface NodeKeys {
  readonly consensus: StoredKey;
  readonly network: StoredKey;
  readonly operation: StoredKey;
}

const configPath = (home: string): string => join(home, "config.yaml");
const genesisPath = (home: string): string => join(home, "genesis.json");

/** A path of the settings: absolute, or within the home. */
export const homePath = (home: HomeSettings, path: string): string => (isAbsolute(path) ? path : join(home.path, path));

/**
 * Reads the settings of a home.
 *
 * @throws {HomeError} HOME_MISSING, CONFIG_BAD, FILE_UNREADABLE
 */
export function readSettings(path: string): HomeSettings {
  const file = { path: configPath(path), what: "the settings" };
  if (!existsSync(file.path)) throw new HomeError({ code: "HOME_MISSING", path });
  const parsed = parseConfig(new TextDecoder().decode(readBounded(file, CONFIG_BYTES_MAX)));
  if (!parsed.ok) throw new HomeError({ code: "CONFIG_BAD", path: file.path, problems: parsed.problems });
  return { path, config: parsed.config };
}

/**
 * Reads a home with its genesis file.
 *
 * @param thorough also check the genesis file's keys, proofs and money, as a node does before it starts
 * @throws {HomeError} those of `readSettings`; FILE_MISSING, GENESIS_BAD, HOME_MISFIT
 */
export function readHome(path: string, thorough = false): Home {
  const settings = readSettings(path);
  const file = { path: genesisPath(path), what: "the genesis file" };
  const genesisBytes = readBounded(file, GENESIS_BYTES_MAX);
  const genesis = readGenesis(file.path, genesisBytes, thorough);
  const { participant: name, participantNumber: added } = settings.config;
  const listed = genesis.participants.find((founder) => founder.name === name);
  const participant = added === 0 ? listed : addedParticipant(genesis, name, added);
  if (participant === undefined) {
    const detail = `its genesis.json does not know ${settings.config.participant}, the participant of its config.yaml`;
    throw new HomeError({ code: "HOME_MISFIT", path, detail });
  }
  const index = genesis.validators.findIndex((member) => member.participant === participant.number);
  const validator = index < 0 ? undefined : validatorIndex(index);
  return { ...settings, genesisBytes, genesis, chainId: chainIdOf(sha256, genesisBytes), participant, validator };
}

/** A participant that genesis does not know; the ledger knows its role and its keys. */
const addedParticipant = (genesis: Genesis, name: string, number: number): GenesisParticipant | undefined =>
  number > genesis.participants.length
    ? { number: participantNumber(number), name, role: "bank", keys: [] }
    : undefined;

function readGenesis(path: string, bytes: Uint8Array, thorough: boolean): Genesis {
  if (thorough) {
    const report = verifyGenesis(bytes);
    if (report.ok && report.genesis !== undefined) return report.genesis;
    const detail = report.checks.flatMap(({ problems }) => problems).join("; ");
    throw new HomeError({ code: "GENESIS_BAD", path, detail });
  }
  const parsed = parseGenesis(bytes);
  if (parsed.ok) return parsed.genesis;
  const { path: member, detail } = parsed.fault;
  throw new HomeError({ code: "GENESIS_BAD", path, detail: member === "" ? detail : `${member}: ${detail}` });
}

/**
 * The operation key of a home. Genesis need not list it: keys are changed by governance, and the ledger refuses what
 * is signed with one that it does not know.
 *
 * @throws {HomeError} those of `readKey`; KEY_MISMATCH for another participant's
 */
export function readOperationKey(home: Home, passphrase: string | undefined = passphraseOf(home)): StoredKey {
  const key = readKey(home.path, "operation", passphrase);
  return key.participant === home.participant.name
    ? key
    : mismatch(home, key, `it is ${key.participant}'s and cannot serve`);
}

/**
 * The keys of a home with a node. They need not be those of genesis: a participant may come to be a validator later,
 * or have put new keys in the place of old ones; with keys that no set names, a node follows and votes for nothing.
 *
 * @throws {HomeError} those of `readKey`; HOME_MISFIT where the home has no keys of a validator; KEY_MISMATCH for
 *   another participant's
 */
export function readNodeKeys(home: Home): NodeKeys {
  const passphrase = passphraseOf(home);
  if (home.validator === undefined && !existsSync(keyPath(home.path, "consensus"))) {
    const detail = `${home.participant.name} has no keys of a validator, so there is no node to run`;
    throw new HomeError({ code: "HOME_MISFIT", path: home.path, detail });
  }
  const read = (purpose: KeyPurpose): StoredKey => {
    const key = readKey(home.path, purpose, passphrase);
    return key.participant === home.participant.name
      ? key
      : mismatch(home, key, `it is ${key.participant}'s and cannot serve`);
  };
  return {
    consensus: read("consensus"),
    network: read("network"),
    operation: readOperationKey(home, passphrase),
  };
}

function mismatch(home: Home, key: StoredKey, why: string): never {
  const detail = `${why} as ${key.purpose} key of ${home.participant.name}`;
  throw new HomeError({ code: "KEY_MISMATCH", path: join(home.path, "keys", `${key.purpose}.key`), detail });
}

/** The passphrase that the settings name; `undefined` where keys are not encrypted. */
export function passphraseOf(home: HomeSettings): string | undefined {
  const file = home.config.keys.passphraseFile;
  return file === "" ? undefined : readPassphrase(homePath(home, file));
}

/** A home to create. */
export interface NewHome {
  readonly path: string;
  readonly config: ConfigChanges & { readonly participant: string };
  /** Scheme of the consensus key; absent for a participant without a validator. */
  readonly consensus?: KeyAlgorithm;
  readonly passphrase?: string;
}

/** What was created, with the secret keys from which a card is made. */
export interface CreatedHome {
  readonly operation: StoredKey;
  readonly validator?: { readonly consensus: StoredKey; readonly network: StoredKey };
}

/**
 * Creates a home with settings and keys; the genesis file follows with `installGenesis`.
 *
 * @throws {HomeError} FILE_EXISTS where a key or the settings are there already: nothing is overwritten
 */
export function createHome(home: NewHome): CreatedHome {
  const { participant } = home.config;
  makeDirectory(join(home.path, "keys"));
  createFile({ path: configPath(home.path), what: "the settings" }, renderConfig(home.config));
  const create = (purpose: KeyPurpose, algorithm: KeyAlgorithm): StoredKey =>
    createKey(home.path, { purpose, participant, algorithm }, home.passphrase);
  const operation = create("operation", "ed25519");
  if (home.consensus === undefined) return { operation };
  return {
    operation,
    validator: { consensus: create("consensus", home.consensus), network: create("network", "ed25519") },
  };
}

/** Puts the genesis file into a home. */
export function installGenesis(home: string, bytes: Uint8Array): void {
  createFile({ path: genesisPath(home), what: "the genesis file" }, bytes);
}

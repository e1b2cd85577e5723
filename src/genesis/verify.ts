import { certificateScheme, ed25519, sha256 } from "../crypto/index.js";
import { chainIdOf, type Genesis, type GenesisParticipant, parseGenesis } from "../formats/index.js";
import { checkGenesisLedger } from "../ledger/index.js";
import { type Digest, fromHex, VALIDATORS_MAX, VALIDATORS_MIN } from "../primitives/index.js";
import { ambiguousNames } from "./rulebook-check.js";

/** One thing that a genesis file must fulfil. */
export interface GenesisCheck {
  readonly name: string;
  /** Empty where it holds; otherwise one sentence each. */
  readonly problems: readonly string[];
}

/** What `sabha genesis verify` says about a file. */
export interface GenesisReport {
  readonly ok: boolean;
  readonly chainId: Digest;
  /** Absent where the file could not be read at all. */
  readonly genesis?: Genesis;
  readonly checks: readonly GenesisCheck[];
}

/** Checks everything about a genesis file that can be checked without asking its banks. */
export function verifyGenesis(bytes: Uint8Array): GenesisReport {
  const chainId = chainIdOf(sha256, bytes);
  const parsed = parseGenesis(bytes);
  if (!parsed.ok) {
    const { path, detail } = parsed.fault;
    const problem = path === "" ? detail : `${path}: ${detail}`;
    return { ok: false, chainId, checks: [{ name: "canonical file", problems: [problem] }] };
  }
  const checks = [{ name: "canonical file", problems: [] }, ...checkGenesis(parsed.genesis)];
  return { ok: checks.every(({ problems }) => problems.length === 0), chainId, genesis: parsed.genesis, checks };
}

/** The checks on what a genesis says, in the order in which people read them. */
function checkGenesis(genesis: Genesis): readonly GenesisCheck[] {
  const faults = checkGenesisLedger(genesis);
  const ledger = (...codes: readonly string[]): readonly string[] =>
    faults.filter(({ code }) => codes.includes(code)).map(({ detail }) => detail);
  return [
    { name: "certificate scheme", problems: schemeProblems(genesis) },
    { name: "participants", problems: ledger("PARTICIPANTS") },
    { name: "validators", problems: validatorProblems(genesis) },
    { name: "distinct keys", problems: keyProblems(genesis, ledger("KEYS")) },
    { name: "proofs of possession", problems: possessionProblems(genesis) },
    { name: "rulebook", problems: [...ledger("RULEBOOK"), ...ambiguousNames(genesis.rulebook)] },
    { name: "accounts", problems: ledger("ACCOUNT") },
    { name: "funding and supply", problems: ledger("FUNDING") },
  ];
}

/** Faults that n validators survive, and the votes that decide (docs/protocol.md). */
export function thresholds(validators: number): { readonly faults: number; readonly quorum: number } {
  const faults = Math.floor((validators - 1) / 3);
  return { faults, quorum: Math.ceil((validators + faults + 1) / 2) };
}

const schemeProblems = (genesis: Genesis): readonly string[] =>
  genesis.scheme === "keyed-hash" ? ["keyed-hash protects nothing: it is for the simulator only"] : [];

function validatorProblems(genesis: Genesis): readonly string[] {
  const count = genesis.validators.length;
  if (count < VALIDATORS_MIN) {
    return [`${count} validators survive no fault: there must be at least ${VALIDATORS_MIN}`];
  }
  return count > VALIDATORS_MAX ? [`${count} validators are more than the ${VALIDATORS_MAX} that a set can have`] : [];
}

const nameOf = (genesis: Genesis, number: number): string =>
  (genesis.participants[number - 1] as GenesisParticipant).name;

/** A key stands for one bank and one purpose: no key may occur twice, in whatever place. */
function keyProblems(genesis: Genesis, fromLedger: readonly string[]): readonly string[] {
  const problems: string[] = [];
  const owners = new Map<string, string>();
  const claim = (key: string, what: string): void => {
    const earlier = owners.get(key);
    if (earlier !== undefined) problems.push(`the ${what} is also the ${earlier}`);
    else owners.set(key, what);
  };
  const claimEd25519 = (key: string, what: string): void => {
    claim(key, what);
    if (!ed25519.isSafePublicKey(fromHex(key) as Uint8Array)) {
      problems.push(`the ${what} is a weak key: one signature could hold for many messages`);
    }
  };
  for (const { name, keys } of genesis.participants) {
    for (const { publicKey } of keys) claimEd25519(publicKey, `operation key of ${name}`);
  }
  for (const { participant, consensusKey, networkKey } of genesis.validators) {
    const name = nameOf(genesis, participant);
    claim(consensusKey, `consensus key of ${name}`);
    claimEd25519(networkKey, `network key of ${name}`);
  }
  // The ledger tells of repeated operation keys too, without the banks' names.
  return problems.length > 0 ? problems : fromLedger;
}

function possessionProblems(genesis: Genesis): readonly string[] {
  if (genesis.scheme === "keyed-hash") return [];
  const scheme = certificateScheme(genesis.scheme);
  const problems: string[] = [];
  for (const { participant, consensusKey, proofOfPossession } of genesis.validators) {
    const key = fromHex(consensusKey) as Uint8Array;
    if (scheme.verifyPossession(key, fromHex(proofOfPossession) as Uint8Array)) continue;
    problems.push(`${nameOf(genesis, participant)} does not prove that it holds its consensus key`);
  }
  return problems;
}

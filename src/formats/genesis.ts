import type { SchemeName, Sha256 } from "../crypto/index.js";
import {
  type Digest,
  type Epoch,
  fromHex,
  type Id128,
  type ParticipantNumber,
  toHex,
  VALIDATORS_MAX,
  VALIDATORS_MIN,
} from "../primitives/index.js";
import { makeValidatorSet, type ValidatorSet } from "./certificate.js";
import {
  amount,
  hex,
  integer,
  list,
  object,
  oneOf,
  parseCanonical,
  type Shape,
  ShapeError,
  text,
} from "./json-shape.js";
import { type Rulebook, rulebookShape } from "./rulebook.js";

/**
 * The genesis file: everything that the banks agreed on before the first block. It is JSON in its one
 * canonical encoding (`canonical-json.ts`); the chain id is the SHA-256 of the file's bytes.
 */
export interface Genesis {
  readonly format: "sabha/genesis/1";
  readonly name: string;
  /** UTC, milliseconds: the timestamp of height 0. */
  readonly timestamp: number;
  readonly scheme: SchemeName;
  /** Ascending by number, numbers 1 … n. */
  readonly participants: readonly GenesisParticipant[];
  /** Ascending by participant number. */
  readonly validators: readonly GenesisValidator[];
  readonly rulebook: Rulebook;
  /** In the order in which they are opened. */
  readonly accounts: readonly GenesisAccount[];
  /** Applied in order at height 0: issuance → settlement or reserve, clearing → customer. */
  readonly funding: readonly GenesisFunding[];
}

/** Genesis without its accounts, of which there may be a million: what a node keeps once its ledger has them. */
export type Founding = Omit<Genesis, "accounts" | "funding">;

export function foundingOf(genesis: Genesis): Founding {
  const { accounts: _accounts, funding: _funding, ...founding } = genesis;
  return founding;
}

export type ParticipantRole = "authority" | "bank" | "observer";
export type KeyScope = "submit" | "approve" | "govern";

export interface GenesisParticipant {
  readonly number: ParticipantNumber;
  readonly name: string;
  readonly role: ParticipantRole;
  /** Ed25519 operation keys. */
  readonly keys: readonly { readonly publicKey: string; readonly scopes: readonly KeyScope[] }[];
}

export interface GenesisValidator {
  readonly participant: ParticipantNumber;
  /** Public key of the certificate scheme, hex. */
  readonly consensusKey: string;
  readonly proofOfPossession: string;
  /** Ed25519 public key of the libp2p identity, hex. */
  readonly networkKey: string;
  /** Multiaddrs, for example /ip4/127.0.0.1/tcp/26600. */
  readonly addresses: readonly string[];
}

export type AccountKind = "customer" | "clearing" | "settlement" | "issuance" | "reserve";

export interface GenesisAccount {
  readonly id: Id128;
  readonly owner: ParticipantNumber;
  readonly asset: number;
  readonly kind: AccountKind;
}

export interface GenesisFunding {
  readonly debit: Id128;
  readonly credit: Id128;
  /** Minor units, a decimal string. */
  readonly amount: string;
}

/** Participants of a consortium, those that governance adds included. */
export const PARTICIPANTS_MAX = 1_024;

/** Bounds of the file; what a real consortium needs is far below. */
const GENESIS_BYTES_MAX = 256 * 1_048_576;
export const KEYS_MAX = 16;
const ADDRESSES_MAX = 8;
const ACCOUNTS_MAX = 1_048_576;

const U32_MAX = 0xffff_ffff;

/** Sizes of a scheme's public key and proof of possession, in bytes. */
export const SCHEME_SIZES = {
  bls12381: { key: 48, proof: 96 },
  ed25519: { key: 32, proof: 64 },
  "keyed-hash": { key: 32, proof: 32 },
} as const;

const title = text(/^[^\p{Cc}\p{Cs}]{1,64}$/u, "a text of 1 to 64 characters without control characters");
export const participantName = text(
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/,
  "a name of 1 to 32 letters, digits, hyphens or underscores",
);
export const participantId = integer(1, U32_MAX) as Shape<ParticipantNumber>;
const id128 = hex(16) as Shape<Id128>;

/** The operation keys of a participant. */
export const operationKeys: Shape<GenesisParticipant["keys"]> = list(
  0,
  KEYS_MAX,
  object<GenesisParticipant["keys"][number]>({
    publicKey: hex(32),
    scopes: list(1, 3, oneOf("submit", "approve", "govern")),
  }),
);

const participant: Shape<GenesisParticipant> = object<GenesisParticipant>({
  number: participantId,
  name: participantName,
  role: oneOf("authority", "bank", "observer"),
  keys: operationKeys,
});

/** A validator's keys and addresses, whatever the certificate scheme. */
export const validatorShape: Shape<GenesisValidator> = object<GenesisValidator>({
  participant: participantId,
  consensusKey: hex(32, 48),
  proofOfPossession: hex(32, 96),
  networkKey: hex(32),
  addresses: list(1, ADDRESSES_MAX, text(/^\/[\x21-\x7e]{1,255}$/, "a multiaddr of at most 256 characters")),
});

const genesis: Shape<Genesis> = object<Genesis>({
  format: oneOf("sabha/genesis/1"),
  name: title,
  timestamp: integer(0, 253_402_300_799_999),
  scheme: oneOf("bls12381", "ed25519", "keyed-hash"),
  participants: list(1, PARTICIPANTS_MAX, participant),
  validators: list(VALIDATORS_MIN, VALIDATORS_MAX, validatorShape),
  rulebook: rulebookShape,
  accounts: list(
    0,
    ACCOUNTS_MAX,
    object<GenesisAccount>({
      id: id128,
      owner: participantId,
      asset: integer(0, U32_MAX),
      kind: oneOf("customer", "clearing", "settlement", "issuance", "reserve"),
    }),
  ),
  funding: list(0, ACCOUNTS_MAX, object<GenesisFunding>({ debit: id128, credit: id128, amount })),
});

/** The numbering that the rest of the system indexes by, and key sizes that depend on the scheme. */
const orderedGenesis: Shape<Genesis> = (value, path) => {
  const parsed = genesis(value, path);
  for (const [index, { number }] of parsed.participants.entries()) {
    if (number !== index + 1)
      throw new ShapeError(`participants[${index}].number`, `${number} where ${index + 1} follows`);
  }
  const sizes = SCHEME_SIZES[parsed.scheme];
  let previous = 0;
  for (const [index, member] of parsed.validators.entries()) {
    const at = `validators[${index}]`;
    if (member.participant <= previous) throw new ShapeError(`${at}.participant`, "not in ascending order");
    if (member.participant > parsed.participants.length)
      throw new ShapeError(`${at}.participant`, "no such participant");
    hex(sizes.key)(member.consensusKey, `${at}.consensusKey`);
    hex(sizes.proof)(member.proofOfPossession, `${at}.proofOfPossession`);
    previous = member.participant;
  }
  return parsed;
};

/**
 * Reads a genesis file: canonical encoding, known members only, types, ranges and numbering. Whether
 * keys, proofs of possession and funding hold is judged by whoever runs a node, not here.
 */
export function parseGenesis(
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly genesis: Genesis }
  | { readonly ok: false; readonly fault: { readonly path: string; readonly detail: string } } {
  const parsed = parseCanonical(bytes, GENESIS_BYTES_MAX, orderedGenesis);
  return parsed.ok ? { ok: true, genesis: parsed.value } : parsed;
}

/** SHA-256 of the genesis file: every signature in the system is bound to it. */
export const chainIdOf = (sha256: Sha256, genesisBytes: Uint8Array): Digest => toHex(sha256(genesisBytes)) as Digest;

/** The validators of epoch 0. */
export function genesisValidatorSet(sha256: Sha256, genesis: Founding): ValidatorSet {
  const members = genesis.validators.map((member) => ({
    participant: member.participant,
    name: (genesis.participants[member.participant - 1] as GenesisParticipant).name,
    publicKey: fromHex(member.consensusKey) as Uint8Array,
  }));
  return makeValidatorSet(sha256, 0 as Epoch, members);
}

import type { SchemeName } from "../crypto/index.js";
import type { Id128, ParticipantNumber } from "../primitives/index.js";

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
  /** Applied in order at height 0: issuance → settlement, clearing → customer. */
  readonly funding: readonly GenesisFunding[];
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

export type AccountKind = "customer" | "clearing" | "settlement" | "issuance";

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

/** What a scheme changes over time; amounts are decimal strings of minor units. */
export interface Rulebook {
  readonly assets: readonly RulebookAsset[];
  readonly rails: readonly RulebookRail[];
  readonly defaultAsset: number;
  readonly defaultRail: number;
  /** A scheme day is floor((UTC seconds + this) / 86,400). */
  readonly schemeDayOffsetSeconds: number;
  /** Heights between two state roots. */
  readonly checkpointBlocks: number;
  /** Pending transfers that one block may expire. */
  readonly expiriesPerBlockMax: number;
  readonly participantCaps: ParticipantCaps;
}

export interface RulebookAsset {
  /** ISO 4217 numeric code. */
  readonly number: number;
  /** ISO 4217 alphabetic code. */
  readonly code: string;
  /** Decimal digits of the minor unit. */
  readonly exponent: number;
}

export interface RulebookRail {
  readonly number: number;
  readonly name: string;
  readonly minimum: string;
  readonly maximum: string;
  /** Longest pending time; 0 where the rail has no two-phase transfers. */
  readonly timeoutSecondsMax: number;
  readonly partialPost: boolean;
  /** Sum of initiations per debit account and scheme day; absent: unlimited. */
  readonly accountDailyMaximum?: string;
}

export interface ParticipantCaps {
  readonly accounts: number;
  readonly pendings: number;
}

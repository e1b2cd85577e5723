import { sha256 } from "../crypto/index.js";
import {
  chainIdOf,
  displayMoney,
  formatMoney,
  type Genesis,
  type GenesisParticipant,
  parseGenesis,
  parseMoney,
  RESULT_CODES,
  type RulebookAsset,
  type RulebookRail,
  resultCode,
  transferIdFromEndToEndId,
} from "../formats/index.js";
import { type Digest, type Id128, isId128, type ParticipantNumber } from "../primitives/index.js";
import { accountId, isPlainName } from "./accounts.js";

/**
 * What names mean in one consortium: participants, assets, rails, accounts and amounts as people write
 * them, from its genesis file.
 */
export class Directory {
  readonly genesis: Genesis;
  readonly chainId: Digest;

  constructor(genesis: Genesis, chainId: Digest) {
    this.genesis = genesis;
    this.chainId = chainId;
  }

  participant(name: string): GenesisParticipant | undefined {
    return this.genesis.participants.find((participant) => participant.name === name);
  }

  /** The name of a participant; its number where genesis does not know it. */
  nameOf(number: number): string {
    return this.genesis.participants[number - 1]?.name ?? `#${number}`;
  }

  /** An asset by its code; the rulebook's default where there is none. */
  asset(code: string | undefined): RulebookAsset | undefined {
    const { assets, defaultAsset } = this.genesis.rulebook;
    return assets.find((asset) => (code === undefined ? asset.number === defaultAsset : asset.code === code));
  }

  assetOf(number: number): RulebookAsset | undefined {
    return this.genesis.rulebook.assets.find((asset) => asset.number === number);
  }

  /** A rail by its name; the rulebook's default where there is none. */
  rail(name: string | undefined): RulebookRail | undefined {
    const { rails, defaultRail } = this.genesis.rulebook;
    return rails.find((rail) => (name === undefined ? rail.number === defaultRail : rail.name === name));
  }

  /** A rail that carries an amount without a daily limit: the default one where it does. */
  railFor(minorUnits: bigint): RulebookRail | undefined {
    const standard = this.rail(undefined);
    const { rails } = this.genesis.rulebook;
    return [...(standard === undefined ? [] : [standard]), ...rails].find(
      ({ minimum, maximum, accountDailyMaximum }) =>
        accountDailyMaximum === undefined && BigInt(minimum) <= minorUnits && minorUnits <= BigInt(maximum),
    );
  }

  /**
   * An account as people name it: `BANK/NAME`, or its id in 32 hexadecimal digits.
   *
   * @returns `undefined` where it is neither, or the bank is unknown
   */
  account(text: string): Id128 | undefined {
    if (isId128(text)) return text;
    const slash = text.indexOf("/");
    const owner = slash < 0 ? undefined : this.participant(text.slice(0, slash));
    return owner === undefined ? undefined : this.accountOf(owner.number, text.slice(slash + 1));
  }

  /** Id of the account that a participant calls by this name; `undefined` where it cannot be a name. */
  accountOf(owner: ParticipantNumber, name: string): Id128 | undefined {
    return isPlainName(name) ? accountId(owner, name) : undefined;
  }

  /** Id of the transfer that a participant calls by this end-to-end id; `undefined` where it cannot be one. */
  transferOf(creator: ParticipantNumber, endToEndId: string): Id128 | undefined {
    return isPlainName(endToEndId) ? transferIdFromEndToEndId(sha256, creator, endToEndId) : undefined;
  }

  /** Decimal text as minor units of an asset. */
  amount(text: string, asset: RulebookAsset): bigint | undefined {
    return parseMoney(text, asset.exponent);
  }

  /** Minor units for people. */
  display(minorUnits: bigint, asset: number): string {
    const found = this.assetOf(asset);
    return found === undefined ? String(minorUnits) : displayMoney(minorUnits, found);
  }

  /** The name of a validator of epoch 0 by its index. */
  genesisValidatorName(index: number): string {
    const validator = this.genesis.validators[index];
    return validator === undefined ? `#${index}` : this.nameOf(validator.participant);
  }

  /** Minor units as plain decimal text, for programs and files. */
  plain(minorUnits: bigint, asset: number): string {
    const found = this.assetOf(asset);
    return found === undefined ? String(minorUnits) : formatMoney(minorUnits, found.exponent);
  }
}

/** A result for people, with its ISO 20022 status and reason where this version knows the code. */
export interface ResultDescription {
  readonly name: string;
  readonly meaning: string;
  readonly status?: string;
  readonly reason?: string | undefined;
}

/** What a result code says, by its number or its name. */
export function describeResult(code: number | string): ResultDescription {
  const found = typeof code === "number" ? resultCode(code) : RESULT_CODES.find(({ name }) => name === code);
  return found ?? { name: String(code), meaning: String(code) };
}

export type ReadDirectory =
  | { readonly ok: true; readonly directory: Directory }
  | { readonly ok: false; readonly problem: string };

/** The directory of a genesis file's bytes. */
export function readDirectory(bytes: Uint8Array): ReadDirectory {
  const parsed = parseGenesis(bytes);
  if (parsed.ok) return { ok: true, directory: new Directory(parsed.genesis, chainIdOf(sha256, bytes)) };
  const { path, detail } = parsed.fault;
  return { ok: false, problem: path === "" ? detail : `${path}: ${detail}` };
}

import type { SchemeName } from "../crypto/index.js";
import {
  type CanonicalJson,
  canonicalJson,
  type Genesis,
  type GenesisParticipant,
  type GenesisValidator,
  type Rulebook,
} from "../formats/index.js";
import {
  assert,
  compareBytes,
  type Digest,
  participantNumber,
  utf8,
  VALIDATORS_MAX,
  VALIDATORS_MIN,
} from "../primitives/index.js";
import { type CustomerAccount, planLedger } from "./accounts.js";
import type { Card, CardValidator } from "./card.js";
import { verifyGenesis } from "./verify.js";

/** Everything that the banks agree on; the same agreement gives the same bytes on every machine. */
export interface Assembly {
  /** Of the consortium. */
  readonly name: string;
  readonly scheme: SchemeName;
  /** In any order. */
  readonly cards: readonly Card[];
  readonly rulebook: Rulebook;
  /** In any order. */
  readonly customers: readonly CustomerAccount[];
  /** Decimal text: what each bank's settlement account receives of each asset. */
  readonly settlementFunding: string;
  /** Decimal text: what each bank's reserve receives of each asset; absent: no reserves are opened. */
  readonly reserveFunding?: string;
}

export type Assembled =
  | { readonly ok: true; readonly genesis: Genesis; readonly bytes: Uint8Array; readonly chainId: Digest }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Makes the genesis of a consortium. Participants are numbered from 1 in the byte order of their names,
 * and its time is the newest card's, so that nothing depends on who assembles, or when.
 */
export function assembleGenesis(assembly: Assembly): Assembled {
  const cards = [...assembly.cards].sort((left, right) =>
    compareBytes(utf8(left.participant), utf8(right.participant)),
  );
  const problems = cardProblems(cards, assembly);
  if (problems.length > 0) return { ok: false, problems };
  const participants = cards.map(participantOf);
  const { rulebook, customers, settlementFunding, reserveFunding } = assembly;
  const { assets, defaultAsset } = rulebook;
  const funding = { settlementFunding, ...(reserveFunding === undefined ? {} : { reserveFunding }) };
  const ledger = planLedger({ owners: participants, assets, defaultAsset, customers, ...funding });
  if (!ledger.ok) return ledger;
  const genesis: Genesis = {
    format: "sabha/genesis/1",
    name: assembly.name,
    timestamp: Math.max(...cards.map(({ created }) => created)),
    scheme: assembly.scheme,
    participants,
    validators: cards.flatMap(validatorOf),
    rulebook,
    accounts: ledger.accounts,
    funding: ledger.funding,
  };
  return finished(genesis);
}

function finished(genesis: Genesis): Assembled {
  const bytes = utf8(canonicalJson(genesis as unknown as CanonicalJson));
  const report = verifyGenesis(bytes);
  if (!report.ok) return { ok: false, problems: report.checks.flatMap(({ problems }) => problems) };
  assert(report.genesis !== undefined, "a verified genesis was read");
  return { ok: true, genesis: report.genesis, bytes, chainId: report.chainId };
}

/** What the cards as a set must fulfil; each by itself was checked when it was read. */
function cardProblems(cards: readonly Card[], assembly: Assembly): string[] {
  const problems: string[] = [];
  if (assembly.scheme === "keyed-hash") problems.push("keyed-hash protects nothing: it is for the simulator only");
  for (const [index, { participant }] of cards.entries()) {
    if (cards[index + 1]?.participant === participant) problems.push(`there are two cards of ${participant}`);
  }
  const authorities = cards.filter(({ role }) => role === "authority").map(({ participant }) => participant);
  if (authorities.length !== 1) {
    const found = authorities.length === 0 ? "none" : authorities.join(" and ");
    problems.push(`one participant must be the authority that issues settlement money, found ${found}`);
  }
  const validators = cards.flatMap(({ validator }) => (validator === undefined ? [] : [validator]));
  if (validators.length < VALIDATORS_MIN || validators.length > VALIDATORS_MAX) {
    problems.push(`${validators.length} validators where ${VALIDATORS_MIN} to ${VALIDATORS_MAX} are needed`);
  }
  for (const { participant, validator } of cards) {
    if (validator !== undefined && validator.scheme !== assembly.scheme) {
      problems.push(`the card of ${participant} is for ${validator.scheme}, this genesis for ${assembly.scheme}`);
    }
  }
  return problems;
}

const participantOf = (card: Card, index: number): GenesisParticipant => ({
  number: participantNumber(index + 1),
  name: card.participant,
  role: card.role,
  keys: card.keys,
});

function validatorOf(card: Card, index: number): GenesisValidator[] {
  if (card.validator === undefined) return [];
  const { scheme: _, ...validator }: CardValidator = card.validator;
  return [{ participant: participantNumber(index + 1), ...validator }];
}

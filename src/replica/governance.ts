import {
  faultsTolerated,
  type ProposalContent,
  quorumOf,
  type Rulebook,
  resultCode,
  rulebookDifferences,
  type Successor,
} from "../formats/index.js";
import {
  type KeyView,
  type Ledger,
  type ParticipantView,
  PROTOCOL_VERSION,
  type Preflight,
  type ProposalDraft,
  type ProposalView,
} from "../ledger/index.js";
import type { Epoch, Height, Id128 } from "../primitives/index.js";

/** A participant with its keys, the newest revoked ones included. */
export interface ParticipantKeysView extends ParticipantView {
  readonly isValidator: boolean;
  readonly keys: readonly KeyView[];
}

export interface RulesView {
  readonly rulebook: Rulebook;
  /** Executed height whose successor it is for. */
  readonly height: Height;
  /** Protocol version in force, and the newest that this node executes. */
  readonly protocolVersion: number;
  readonly protocolVersionMax: number;
  readonly epoch: Epoch;
  readonly validators: readonly Successor[];
}

/** What a proposal would do, for people: the arithmetic of quorums, what changes, who must be up. */
export interface PreflightView {
  /** Name of the result code that it would get now. */
  readonly result: string;
  readonly problems: readonly string[];
  /** Ballots that it needs, of so many validators. */
  readonly threshold: number;
  readonly voters: number;
  readonly effects: readonly string[];
  /** Present where the set of validators changes. */
  readonly validators: { readonly before: SetArithmetic; readonly after: SetArithmetic } | undefined;
}

/** n validators survive f faults; q of them must be up and agree. */
export interface SetArithmetic {
  readonly members: readonly string[];
  readonly faults: number;
  readonly quorum: number;
}

/** Everything that clients ask about governance, over a ledger; changes nothing. */
export class GovernanceQueries {
  readonly #ledger: Ledger;
  readonly #now: () => { readonly epoch: Epoch; readonly timestamp: number };

  /** @param now epoch and timestamp of the newest final block */
  constructor(ledger: Ledger, now: () => { readonly epoch: Epoch; readonly timestamp: number }) {
    this.#ledger = ledger;
    this.#now = now;
  }

  /** In the order in which they were made. */
  proposals(from: number, limit: number): { readonly proposals: readonly ProposalView[]; readonly count: number } {
    return this.#ledger.proposals(from, limit);
  }

  /** In the order of the ids; those that are no proposal's are left out. */
  proposalsById(ids: readonly Id128[]): readonly ProposalView[] {
    return ids.flatMap((id) => this.#ledger.proposal(id) ?? []);
  }

  participants(): readonly ParticipantKeysView[] {
    const keys = this.#ledger.keys();
    const validators = this.#validators();
    return this.#ledger.participants().map((participant) => ({
      ...participant,
      isValidator: validators.some((member) => member.participant === participant.number),
      keys: recentKeys(keys.filter((key) => key.participant === participant.number)),
    }));
  }

  rules(): RulesView {
    return {
      rulebook: this.#ledger.rulebook,
      height: this.#ledger.height,
      protocolVersion: this.#ledger.protocolVersion,
      protocolVersionMax: PROTOCOL_VERSION,
      epoch: this.#now().epoch,
      validators: this.#validators(),
    };
  }

  preflight(draft: ProposalDraft): PreflightView {
    const { epoch, timestamp } = this.#now();
    const preflight = this.#ledger.preflight(draft, timestamp, epoch);
    const { next, validators } = preflight;
    return {
      result: resultCode(preflight.code)?.name ?? `code_${preflight.code}`,
      problems: preflight.faults.map(({ detail }) => detail),
      threshold: preflight.threshold,
      voters: validators.length,
      effects: preflight.content === undefined ? [] : effectsOf(preflight, preflight.content, this.#ledger.rulebook),
      validators: next === undefined ? undefined : { before: arithmeticOf(validators), after: arithmeticOf(next) },
    };
  }

  #validators(): readonly Successor[] {
    // Execution may lag an epoch behind the newest final block: then the newest set that it knows answers.
    for (let epoch = this.#now().epoch; epoch >= 0; epoch = (epoch - 1) as Epoch) {
      const found = this.#ledger.validatorsAt(epoch);
      if (found !== undefined) return found;
    }
    return [];
  }
}

/** Ended keys that are still shown of each participant. */
const ENDED_KEYS_SHOWN = 16;

/** Every key that may still count, and the newest of the others. */
function recentKeys(keys: readonly KeyView[]): readonly KeyView[] {
  const revoked = keys.filter((key) => key.revokedFrom !== undefined);
  const hidden = new Set(revoked.slice(0, Math.max(0, revoked.length - ENDED_KEYS_SHOWN)));
  return keys.filter((key) => !hidden.has(key));
}

const arithmeticOf = (set: readonly Successor[]): SetArithmetic => ({
  members: set.map(({ name }) => name),
  faults: faultsTolerated(set.length),
  quorum: quorumOf(set.length),
});

function effectsOf({ next, validators }: Preflight, change: ProposalContent, rulebook: Rulebook): readonly string[] {
  switch (change.kind) {
    case "rulebook":
      return rulebookDifferences(rulebook, change.content).map(
        ({ member, before, after }) => `${member}: ${before ?? "absent"} → ${after ?? "absent"}`,
      );
    case "participant":
      return "name" in change.content
        ? [`${change.content.name} joins as ${change.content.role} with ${change.content.keys.length} keys`]
        : [`participant ${change.content.participant} becomes ${change.content.role}`];
    case "keys": {
      const { participant, add, revoke } = change.content;
      const lines = add.map(
        ({ publicKey, scopes }) => `participant ${participant} gets ${publicKey} (${scopes.join()})`,
      );
      return [...lines, ...revoke.map((publicKey) => `${publicKey} counts no longer`)];
    }
    case "version":
      return [`nodes that do not execute protocol version ${change.content.version} stop at its activation`];
    case "validators":
    case "evidence":
      return setEffects(validators, next ?? validators);
  }
}

/** Who comes and goes, and what the set survives then. */
function setEffects(before: readonly Successor[], after: readonly Successor[]): readonly string[] {
  const namesOf = (set: readonly Successor[], other: readonly Successor[]): string =>
    set
      .filter(({ participant }) => !other.some((member) => member.participant === participant))
      .map(nameOf)
      .join(", ");
  const [joining, leaving] = [namesOf(after, before), namesOf(before, after)];
  const [now, then] = [arithmeticOf(before), arithmeticOf(after)];
  const faults = (count: number): string => `${count} ${count === 1 ? "fault" : "faults"}`;
  const mayBeDown = after.length - then.quorum;
  return [
    `n ${before.length} → ${after.length}`,
    ...(joining === "" ? [] : [`joining: ${joining}`, "not before each that joins has stated that its node is ready"]),
    ...(leaving === "" ? [] : [`leaving: ${leaving}`]),
    `survives ${faults(then.faults)} instead of ${now.faults}`,
    `${then.quorum} of ${after.length} must be up and agree, instead of ${now.quorum} of ${before.length}`,
    mayBeDown <= 0
      ? `every one of ${after.map(nameOf).join(", ")} must be up`
      : `at most ${mayBeDown} of ${after.map(nameOf).join(", ")} may be down`,
  ];
}

const nameOf = ({ name }: Successor): string => name;

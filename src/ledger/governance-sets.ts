import { type Founding, type GenesisValidator, parseProposalContent, type Successor } from "../formats/index.js";
import { assert, type Epoch, fromHex } from "../primitives/index.js";
import type { Participants } from "./participants.js";
import type { Proposals } from "./proposals.js";

/**
 * Validators by epoch, from genesis and the activated proposals: who may vote, and whose keys signed what
 * an accusation shows. Derived, so nothing of it lies in the state.
 */
export class ValidatorHistory {
  readonly #proposals: Proposals;
  readonly #participants: Participants;
  readonly #sets: (readonly Successor[])[];

  constructor(founding: Founding, proposals: Proposals, participants: Participants) {
    this.#proposals = proposals;
    this.#participants = participants;
    this.#sets = [founding.validators.map((validator) => successorOf(validator, participants))];
    const activated = Array.from({ length: proposals.count }, (_, proposal) => proposal).filter(
      (proposal) => changesSet(proposals.kindOf(proposal)) && proposals.stateOf(proposal) === "activated",
    );
    // The one made first may be the last in force, and each set is made out of the one before.
    activated.sort((left, right) => proposals.valueOf(left) - proposals.valueOf(right));
    for (const proposal of activated) this.add(proposal);
  }

  /** The set of an epoch; undefined for one that nobody decided. */
  at(epoch: Epoch): readonly Successor[] | undefined {
    return this.#sets[epoch];
  }

  /** The set that a proposal makes out of the one before. */
  setOf(proposal: number, before: readonly Successor[]): readonly Successor[] {
    const kind = this.#proposals.kindOf(proposal);
    const parsed = parseProposalContent(kind, this.#proposals.contentOf(proposal));
    assert(parsed.ok, "the content of a proposal was read before");
    return nextSetOf(parsed.value, before, this.#participants) ?? before;
  }

  /** Takes up an activated proposal, whose value is the epoch that its set runs. */
  add(proposal: number): void {
    const epoch = this.#proposals.valueOf(proposal);
    const before = this.#sets[epoch - 1];
    if (before !== undefined) this.#sets[epoch] = this.setOf(proposal, before);
  }
}

/** Whether proposals of a kind decide who validates. */
export const changesSet = (kind: string): boolean => kind === "validators" || kind === "evidence";

/** The set that a content asks for; undefined for contents that change none. */
export function nextSetOf(
  change: { readonly kind: string; readonly content: object },
  before: readonly Successor[],
  participants: Participants,
): readonly Successor[] | undefined {
  if (change.kind === "validators") {
    const { validators } = change.content as { readonly validators: readonly GenesisValidator[] };
    return validators.map((validator) => successorOf(validator, participants));
  }
  if (change.kind !== "evidence") return undefined;
  const { participant } = change.content as { readonly participant: number };
  return before.filter((member) => member.participant !== participant);
}

const successorOf = (validator: GenesisValidator, participants: Participants): Successor => ({
  participant: validator.participant,
  name: participants.has(validator.participant) ? participants.nameOf(validator.participant) : "",
  publicKey: fromHex(validator.consensusKey) as Uint8Array,
  networkKey: validator.networkKey,
  addresses: validator.addresses,
});

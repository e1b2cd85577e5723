import { type Epoch, fromHex, type ParticipantNumber, VALIDATORS_MAX, type View } from "../primitives/index.js";
import type { VoteKind } from "./certificate.js";
import {
  type GenesisParticipant,
  type GenesisValidator,
  KEYS_MAX,
  operationKeys,
  type ParticipantRole,
  participantId,
  participantName,
  validatorShape,
} from "./genesis.js";
import { PROPOSAL_CONTENT_BYTES_MAX } from "./governance.js";
import {
  hex,
  integer,
  list,
  object,
  oneOf,
  parseCanonical,
  type Shape,
  type Shaped,
  ShapeError,
} from "./json-shape.js";
import { type ProposalKind, type Rulebook, rulebookShape } from "./rulebook.js";

/** What a proposal puts to the vote; on the ledger as canonical JSON. */
export type ProposalContent =
  | { readonly kind: "rulebook"; readonly content: Rulebook }
  | { readonly kind: "participant"; readonly content: ParticipantChange }
  | { readonly kind: "keys"; readonly content: KeysChange }
  | { readonly kind: "validators"; readonly content: ValidatorsChange }
  | { readonly kind: "version"; readonly content: VersionChange }
  | { readonly kind: "evidence"; readonly content: EvidenceChange };

/** A new participant, or another role for one that is there. */
export type ParticipantChange =
  | {
      readonly name: string;
      readonly role: Exclude<ParticipantRole, "authority">;
      readonly keys: GenesisParticipant["keys"];
    }
  | { readonly participant: ParticipantNumber; readonly role: Exclude<ParticipantRole, "authority"> };

/** Keys of another participant: what itself can no longer do, for example because it lost its own. */
export interface KeysChange {
  readonly participant: ParticipantNumber;
  readonly add: GenesisParticipant["keys"];
  /** Public keys in lower-case hexadecimal. */
  readonly revoke: readonly string[];
}

/** The whole next set; ascending by participant. */
export interface ValidatorsChange {
  readonly validators: readonly GenesisValidator[];
}

export interface VersionChange {
  readonly version: number;
}

/** Two votes of one validator that exclude each other; the set goes on without it. */
export interface EvidenceChange {
  readonly participant: ParticipantNumber;
  readonly epoch: Epoch;
  readonly view: View;
  /** In ascending order of kind and hash, so that one offence has one content. */
  readonly votes: readonly EvidenceVote[];
}

export interface EvidenceVote {
  readonly kind: VoteKind;
  readonly hash: string;
  readonly signature: string;
}

const memberRole = oneOf("bank", "observer");

const newcomer = object<Extract<ParticipantChange, { readonly name: string }>>({
  name: participantName,
  role: memberRole,
  keys: operationKeys,
});
const roleChange = object<Extract<ParticipantChange, { readonly participant: number }>>({
  participant: participantId,
  role: memberRole,
});

/** A newcomer has a name, a participant that is there already a number. */
const participantChange: Shape<ParticipantChange> = (value, path) =>
  typeof value === "object" && value !== null && Object.hasOwn(value, "participant")
    ? roleChange(value, path)
    : newcomer(value, path);

const keysChange: Shape<KeysChange> = object<KeysChange>({
  participant: participantId,
  add: operationKeys,
  revoke: list(0, KEYS_MAX, hex(32)),
});

const validatorsChange: Shape<ValidatorsChange> = (value, path) => {
  const parsed = object<ValidatorsChange>({ validators: list(0, 2 * VALIDATORS_MAX, validatorShape) })(value, path);
  let previous = 0;
  for (const [index, { participant }] of parsed.validators.entries()) {
    if (participant <= previous) throw new ShapeError(`validators[${index}].participant`, "not in ascending order");
    previous = participant;
  }
  return parsed;
};

const evidenceChange: Shape<EvidenceChange> = object<EvidenceChange>({
  participant: participantId,
  epoch: integer(0, Number.MAX_SAFE_INTEGER) as Shape<Epoch>,
  view: integer(1, Number.MAX_SAFE_INTEGER) as Shape<View>,
  votes: list(
    2,
    2,
    object<EvidenceVote>({ kind: oneOf("PREPARE", "COMMIT", "TIMEOUT"), hash: hex(32), signature: hex(1, 96) }),
  ),
});

const SHAPES: { readonly [Kind in ProposalKind]: Shape<Extract<ProposalContent, { kind: Kind }>["content"]> } = {
  rulebook: rulebookShape,
  participant: participantChange,
  keys: keysChange,
  validators: validatorsChange,
  version: object<VersionChange>({ version: integer(1, 0xffff_ffff) }),
  evidence: evidenceChange,
};

/** Reads a proposal's content: canonical encoding, known members only, types and ranges. Never throws. */
export function parseProposalContent(kind: ProposalKind, bytes: Uint8Array): Shaped<ProposalContent> {
  const parsed = parseCanonical<unknown>(bytes, PROPOSAL_CONTENT_BYTES_MAX, SHAPES[kind] as Shape<unknown>);
  return parsed.ok ? { ok: true, value: { kind, content: parsed.value } as ProposalContent } : parsed;
}

/**
 * Whether two votes of one signer, epoch and view exclude each other (SAFE-10): PREPAREs and COMMITs on two blocks,
 * whichever of them, or a COMMIT beside a TIMEOUT.
 */
export function votesContradict(left: EvidenceVote, right: EvidenceVote): boolean {
  const kinds = [left.kind, right.kind];
  return kinds.includes("TIMEOUT") ? kinds.includes("COMMIT") : left.hash !== right.hash;
}

/** Bytes of hexadecimal that a shape has checked. */
export const bytesOfHex = (text: string): Uint8Array => fromHex(text) as Uint8Array;

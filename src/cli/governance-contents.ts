import type { ProposalRequest } from "../client/index.js";
import { type Card, type GenesisValidator, type KeyScope, parseCard, parseRulebook } from "../genesis/index.js";
import { readInput, readTextInput } from "./arguments.js";
import { CommandFailure, failWith } from "./failure.js";
import { type GovernanceTarget, nameIn, participantIn } from "./governance-target.js";

/** A proposal without the circumstances of its vote. */
export type Change = Pick<ProposalRequest, "kind" | "content">;

/** A whole new rulebook, from YAML. */
export function rulebookChange(file: string): Change {
  const parsed = parseRulebook(readTextInput(file, "the rulebook"));
  return parsed.ok ? { kind: "rulebook", content: parsed.rulebook } : failWith(1, file, parsed.problems);
}

/** A card whose signatures hold. */
function readCard(file: string): Card {
  const parsed = parseCard(readInput(file, "the card"));
  return parsed.ok ? parsed.card : failWith(1, file, [parsed.problem]);
}

/** A newcomer with the name, role and keys of its card. */
export function newcomerChange(file: string): Change {
  const { participant: name, role, keys } = readCard(file);
  if (role === "authority") throw new CommandFailure(2, "an authority is named in genesis only");
  return { kind: "participant", content: { name, role, keys } };
}

const SCOPES: readonly KeyScope[] = ["submit", "approve", "govern"];

/** `HEX` or `HEX:scope+scope`; all scopes where none are named. */
export function keyWithScopes(text: string): { readonly publicKey: string; readonly scopes: readonly KeyScope[] } {
  const [publicKey = "", scopeText] = text.split(":");
  const scopes = scopeText === undefined ? SCOPES : scopeText.split("+");
  const known = scopes.filter((scope): scope is KeyScope => SCOPES.includes(scope as KeyScope));
  if (!/^[0-9a-f]{64}$/u.test(publicKey) || known.length !== scopes.length)
    throw new CommandFailure(2, `${text} is no key: write 64 hexadecimal digits, then perhaps :submit+approve+govern`);
  return { publicKey, scopes: known };
}

/** The present set with the validators of cards added, or put in the place of their own, and others taken out. */
export async function validatorsChange(
  target: GovernanceTarget,
  changes: { readonly add: readonly string[]; readonly remove: readonly string[] },
): Promise<Change> {
  const { validators: present } = await target.governor.rules();
  const leaving = changes.remove.map((name) => participantIn(target, name).number);
  for (const number of leaving)
    if (!present.some(({ participant }) => participant === number))
      throw new CommandFailure(2, `${nameIn(target, number)} is no validator`);
  const added = changes.add.map((file): GenesisValidator => {
    const card = readCard(file);
    if (card.validator === undefined)
      throw new CommandFailure(2, `${file} is the card of a participant without a node`);
    const { scheme: _, ...validator } = card.validator;
    return {
      participant: participantIn(target, card.participant).number as GenesisValidator["participant"],
      ...validator,
    };
  });
  const staying = await provenValidators(
    target,
    present.map(({ participant }) => participant),
  );
  const isReplaced = (number: number): boolean => added.some(({ participant }) => participant === number);
  const validators = [
    ...staying.filter(({ participant }) => !leaving.includes(participant) && !isReplaced(participant)),
    ...added,
  ].sort((left, right) => left.participant - right.participant);
  return { kind: "validators", content: { validators } };
}

/** Present validators with their proofs of possession, from the newest content that named them. */
async function provenValidators(
  { governor, directory }: GovernanceTarget,
  numbers: readonly number[],
): Promise<readonly GenesisValidator[]> {
  const known = new Map<number, GenesisValidator>();
  for (const validator of directory.genesis.validators) known.set(validator.participant, validator);
  let from = 0;
  for (let count = 1; from < count; from += PAGE) {
    const page = await governor.proposals({ from, limit: PAGE });
    count = page.count;
    for (const { id, kind, state } of page.proposals) {
      if (kind !== "validators" || state !== "activated") continue;
      const content = (await governor.proposals({ ids: [id] })).proposals[0]?.content;
      for (const validator of (content as { readonly validators: readonly GenesisValidator[] }).validators)
        known.set(validator.participant, validator);
    }
  }
  return numbers.map((number) => {
    const found = known.get(number);
    if (found === undefined) throw new CommandFailure(3, `no proposal names the keys of validator ${number}`);
    return found;
  });
}

const PAGE = 100;

/** Two contradicting votes that the node has seen, as a proposal that goes on without their signer. */
export async function accusation(target: GovernanceTarget, name: string | undefined): Promise<Change> {
  const evidence = (await target.client.getEvidence()).filter((one) => name === undefined || one.name === name);
  const [first] = evidence;
  if (first === undefined) {
    const whose = name === undefined ? "any validator" : name;
    throw new CommandFailure(1, `this node has no evidence against ${whose}`);
  }
  const names = [...new Set(evidence.map((one) => one.name))];
  if (names.length > 1) throw new CommandFailure(2, `there is evidence against ${names.join(", ")}: name one of them`);
  const { epoch, view, votes } = first;
  return { kind: "evidence", content: { participant: participantIn(target, first.name).number, epoch, view, votes } };
}

const KINDS: readonly ProposalRequest["kind"][] = [
  ...(["rulebook", "participant", "keys", "validators", "version", "evidence"] as const),
];

/** A proposal from a file: JSON with kind and content, as `propose --out` writes it, or a rulebook in YAML. */
export function proposalFile(file: string): ProposalRequest {
  const text = readTextInput(file, "the proposal");
  if (!text.trimStart().startsWith("{")) return rulebookChange(file);
  const value = parseJson(text) as Partial<ProposalRequest> | undefined;
  const { kind, content } = value ?? {};
  if (kind === undefined || !KINDS.includes(kind) || typeof content !== "object")
    throw new CommandFailure(2, `${file} has no kind and content of a proposal`);
  return value as ProposalRequest;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

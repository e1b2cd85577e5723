import { certificateScheme, ed25519, sha256 } from "../crypto/index.js";
import {
  bytesOfHex,
  type EvidenceChange,
  type Founding,
  faultsTolerated,
  KEYS_MAX,
  type KeysChange,
  makeValidatorSet,
  PARTICIPANTS_MAX,
  type ParticipantChange,
  type ProposalContent,
  RESULT,
  type Rulebook,
  SCHEME_SIZES,
  type Successor,
  type ValidatorsChange,
  voteBytes,
  votesContradict,
} from "../formats/index.js";
import { type Digest, type Epoch, VALIDATORS_MAX, VALIDATORS_MIN, ZERO_DIGEST } from "../primitives/index.js";
import { ASSET } from "./accounts.js";
import { nextSetOf } from "./governance-sets.js";
import { ROLE_AUTHORITY, ROLE_BANK } from "./participants.js";
import { rulebookFaults } from "./rulebook-faults.js";
import type { State } from "./state.js";
import { railAt } from "./transfer-words.js";

/** Why a proposal may not be made or put in force; `detail` is one sentence for people. */
export interface GovernanceFault {
  readonly code: number;
  readonly detail: string;
}

/** What judging a content looks at besides the state. */
export interface JudgeContext {
  readonly state: State;
  readonly chainId: Digest;
  readonly founding: Founding;
  /** Of the block in execution. */
  readonly height: number;
  readonly epoch: Epoch;
  /** Validators of that epoch. */
  readonly members: readonly Successor[];
  readonly membersAt: (epoch: Epoch) => readonly Successor[] | undefined;
  /** Protocol version in force. */
  readonly version: number;
  readonly acceptFaults: boolean;
}

/** Everything that speaks against a content now; the smallest code is the result (LEDG-7). */
export function judgeContent(context: JudgeContext, change: ProposalContent): readonly GovernanceFault[] {
  switch (change.kind) {
    case "rulebook":
      return rulebookChangeFaults(context.state, change.content).map(notAllowed);
    case "participant":
      return participantFaults(context, change.content);
    case "keys":
      return keysFaults(context, change.content);
    case "validators":
      return validatorsFaults(context, change.content);
    case "version":
      return change.content.version > context.version
        ? []
        : [notAllowed(`protocol version ${context.version} is in force already`)];
    case "evidence":
      return evidenceFaults(context, change.content);
  }
}

const notAllowed = (detail: string): GovernanceFault => ({ code: RESULT.change_not_allowed, detail });

/**
 * What speaks against a rulebook after genesis, a sentence each: its own faults, and accounts and pending
 * transfers that it would leave without their asset or rail.
 */
function rulebookChangeFaults(state: State, rulebook: Rulebook): readonly string[] {
  const faults = [...rulebookFaults(rulebook)];
  const { participants } = state;
  for (const { participant } of rulebook.netDebitCaps ?? []) {
    const isBank = participants.has(participant) && participants.roleOf(participant) === ROLE_BANK;
    if (!isBank) faults.push(`a net debit cap names participant ${participant}, which is no bank`);
  }
  const now = state.rules.rulebook;
  for (const asset of now.assets) {
    const next = rulebook.assets.find(({ number }) => number === asset.number);
    const isKept = next?.code === asset.code && next.exponent === asset.exponent;
    if (!isKept && hasAccountsIn(state, asset.number))
      faults.push(`accounts are kept in ${asset.code}, so it can neither go nor change`);
  }
  for (const rail of now.rails) {
    const next = rulebook.rails.find(({ number }) => number === rail.number);
    const isKept =
      next !== undefined &&
      (next.settlement ?? "gross") === (rail.settlement ?? "gross") &&
      (next.acceptance ?? false) === (rail.acceptance ?? false);
    if (!isKept && hasPendingOn(state, rail.number))
      faults.push(`transfers are pending on rail ${rail.name}, so it can neither go nor settle in another way`);
  }
  return faults;
}

function hasAccountsIn(state: State, asset: number): boolean {
  const { table } = state.accounts;
  for (let index = 0; index < table.count; index += 1)
    if (table.wordsOf(index)[table.baseOf(index) + ASSET] === asset) return true;
  return false;
}

function hasPendingOn(state: State, rail: number): boolean {
  const { table } = state.pendings;
  for (let place = 0; place < table.count; place += 1)
    if (railAt(table.wordsOf(place), table.baseOf(place)) === rail) return true;
  return false;
}

function participantFaults(context: JudgeContext, change: ParticipantChange): GovernanceFault[] {
  const { participants } = context.state;
  const faults: GovernanceFault[] = [];
  if ("name" in change) {
    if (participants.isNameTaken(change.name)) faults.push(notAllowed(`there is a participant ${change.name} already`));
    if (participants.count >= PARTICIPANTS_MAX)
      faults.push(notAllowed(`${PARTICIPANTS_MAX} participants are the most`));
    return [...faults, ...newKeyFaults(context, change.keys)];
  }
  const { participant, role } = change;
  if (!participants.has(participant)) return [notAllowed(`there is no participant ${participant}`)];
  const name = participants.nameOf(participant);
  const now = participants.roleOf(participant);
  if (now === ROLE_AUTHORITY) faults.push(notAllowed(`${name} is an authority, whose role is fixed in genesis`));
  if (participants.view(participant).role === role) faults.push(notAllowed(`${name} has the role ${role} already`));
  if (role === "observer" && participants.accountsOf(participant) > 0)
    faults.push(notAllowed(`${name} has accounts, so it stays a bank`));
  if (role === "observer" && context.members.some((member) => member.participant === participant))
    faults.push(notAllowed(`${name} is a validator, so it stays a bank`));
  return faults;
}

function keysFaults(context: JudgeContext, { participant, add, revoke }: KeysChange): GovernanceFault[] {
  const { participants, keys } = context.state;
  if (!participants.has(participant)) return [notAllowed(`there is no participant ${participant}`)];
  const faults = newKeyFaults(context, add);
  if (add.length + revoke.length === 0) faults.push(notAllowed("no key is added and none revoked"));
  for (const [index, publicKey] of revoke.entries()) {
    const isRevocable = keys.mayRevoke(bytesOfHex(publicKey), participant, context.height);
    if (!isRevocable || revoke.indexOf(publicKey) !== index) {
      const name = participants.nameOf(participant);
      faults.push({ code: RESULT.key_not_found, detail: `${publicKey} is no key in force of ${name}` });
    }
  }
  const count = keys.countOf(participant, context.height) + add.length - revoke.length;
  if (count > KEYS_MAX) faults.push({ code: RESULT.keys_cap_exceeded, detail: `${KEYS_MAX} keys are the most` });
  return faults;
}

function newKeyFaults(context: JudgeContext, added: KeysChange["add"]): GovernanceFault[] {
  const faults: GovernanceFault[] = [];
  const seen = new Set<string>();
  for (const { publicKey } of added) {
    const bytes = bytesOfHex(publicKey);
    if (seen.has(publicKey) || context.state.keys.isKnown(bytes))
      faults.push({ code: RESULT.key_exists, detail: `${publicKey} is or was somebody's key already` });
    if (!ed25519.isSafePublicKey(bytes)) faults.push(notAllowed(`${publicKey} is a weak key`));
    seen.add(publicKey);
  }
  return faults;
}

function validatorsFaults(context: JudgeContext, change: ValidatorsChange): GovernanceFault[] {
  const { state, founding, members } = context;
  const { participants } = state;
  const faults: GovernanceFault[] = sizeFaults(context, change.validators.length);
  // Proofs of possession cost milliseconds each: none is looked at for a set that cannot be.
  if (change.validators.length > VALIDATORS_MAX) return faults;
  const seen = new Set<string>();
  const sizes = SCHEME_SIZES[founding.scheme];
  const scheme = certificateScheme(founding.scheme);
  for (const { participant, consensusKey, proofOfPossession, networkKey } of change.validators) {
    const isBank = participants.has(participant) && participants.roleOf(participant) === ROLE_BANK;
    const who = participants.has(participant) ? participants.nameOf(participant) : `participant ${participant}`;
    if (!isBank) faults.push(notAllowed(`${who} is no bank of this consortium`));
    for (const key of [consensusKey, networkKey]) {
      if (seen.has(key)) faults.push(notAllowed(`the key ${key} is listed twice`));
      seen.add(key);
    }
    if (!ed25519.isSafePublicKey(bytesOfHex(networkKey))) faults.push(notAllowed(`the network key of ${who} is weak`));
    const [key, proof] = [bytesOfHex(consensusKey), bytesOfHex(proofOfPossession)];
    const hasSizes = key.length === sizes.key && proof.length === sizes.proof;
    if (!hasSizes || !scheme.verifyPossession(key, proof)) {
      const detail = `${who} does not prove that it holds its consensus key`;
      faults.push({ code: RESULT.possession_not_proven, detail });
    }
  }
  const next = nextSetOf({ kind: "validators", content: change }, members, participants) ?? members;
  if (isSameSet(next, members)) faults.push(notAllowed("these are the validators already"));
  return faults;
}

/** Too few, too many, or fewer faults survived than said (the arithmetic of docs/protocol.md). */
function sizeFaults({ members, acceptFaults }: JudgeContext, size: number): GovernanceFault[] {
  if (size < VALIDATORS_MIN || size > VALIDATORS_MAX) {
    const detail = `${size} validators where ${VALIDATORS_MIN} to ${VALIDATORS_MAX} are allowed`;
    return [{ code: RESULT.validators_out_of_range, detail }];
  }
  const [before, after] = [faultsTolerated(members.length), faultsTolerated(size)];
  if (after >= before || acceptFaults) return [];
  const detail = `${size} validators survive ${after} faults, where ${members.length} survived ${before}`;
  return [{ code: RESULT.faults_not_accepted, detail: `${detail}: say that this is meant` }];
}

const isSameSet = (left: readonly Successor[], right: readonly Successor[]): boolean =>
  left.length === right.length && left.every((member, index) => sameText(member) === sameText(right[index]));

const sameText = (member: Successor | undefined): string =>
  member === undefined
    ? ""
    : JSON.stringify([member.participant, [...member.publicKey], member.networkKey, member.addresses]);

function evidenceFaults(context: JudgeContext, change: EvidenceChange): GovernanceFault[] {
  const faults: GovernanceFault[] = [];
  const problem = evidenceProblem(context, change);
  if (problem !== undefined) faults.push({ code: RESULT.evidence_not_valid, detail: problem });
  if (!context.members.some(({ participant }) => participant === change.participant)) {
    return [...faults, notAllowed(`participant ${change.participant} is no validator now`)];
  }
  return [...faults, ...sizeFaults(context, context.members.length - 1)];
}

/** Why two votes prove nothing against a validator. */
function evidenceProblem(context: JudgeContext, change: EvidenceChange): string | undefined {
  const { founding, chainId } = context;
  const [left, right] = change.votes;
  if (left === undefined || right === undefined) return "two votes are needed";
  if (`${left.kind}${left.hash}` >= `${right.kind}${right.hash}`) return "the votes are not in ascending order";
  if (!votesContradict(left, right)) return "the votes do not exclude each other";
  const members = context.membersAt(change.epoch);
  const signer = members?.find(({ participant }) => participant === change.participant);
  if (members === undefined || signer === undefined)
    return `participant ${change.participant} was no validator of epoch ${change.epoch}`;
  const valsetHash = makeValidatorSet(sha256, change.epoch, members).hash;
  const verifier = certificateScheme(founding.scheme).verifiers([signer.publicKey]);
  for (const { kind, hash, signature } of change.votes) {
    if ((kind === "TIMEOUT") !== (hash === ZERO_DIGEST)) return "only a TIMEOUT names no block, and always";
    const subject = { kind, epoch: change.epoch, view: change.view, hash: hash as Digest };
    if (!verifier.verifyVote(0, voteBytes(subject, { chainId, valsetHash }), bytesOfHex(signature)))
      return `the ${kind} vote is not signed by ${signer.name}`;
  }
  return undefined;
}

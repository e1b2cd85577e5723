import { certificateScheme, ed25519, sha256 } from "../../../crypto/index.js";
import {
  type Genesis,
  type GenesisValidator,
  type GovernRecord,
  type KeysChange,
  type ParticipantChange,
  type ProposalContent,
  type ProposalKind,
  parseProposalContent,
  participantOfId,
  type ResultName,
  type Rulebook,
} from "../../../formats/index.js";
import { equalBytes, fromHex } from "../../../primitives/index.js";
import type { Batch } from "./batches.js";
import { type Books, consumes, first, type Place } from "./books.js";
import { isUnfit } from "./rulebook-faults.js";

const USUAL_RULES = { votingSecondsMax: 604_800, keyDelaySeconds: 86_400 };
const USUAL_PROPOSALS_CAP = 8;
const VOTING_SECONDS_MIN = 60;
const KEYS_MAX = 16;
const KEY_CHANGES_MAX = 64;
const VALIDATORS_MIN = 4;
const VALIDATORS_MAX = 31;

interface Key {
  readonly participant: number;
  readonly scopes: readonly string[];
  /** First block in which it counts, and first one in which it does not any more. */
  readonly from: number;
  readonly until?: number;
}

interface Proposal {
  readonly proposer: number;
  readonly acceptFaults: boolean;
  readonly effectiveHeight: number;
  readonly content: ProposalContent;
  readonly deadline: number;
  readonly ballots: Map<number, "yes" | "no">;
  state: "open" | "passed" | "over";
  /** Block time before which it does not come into force, once it has passed. */
  earliest: number;
}

/** Proposals, ballots, keys, participants and sets of validators (LEDG-41 to LEDG-47). */
export class Governance {
  readonly #books: Books;
  readonly #scheme: ReturnType<typeof certificateScheme>;
  readonly #names: Map<number, string>;
  readonly #keys = new Map<string, Key>();
  /** Validators by epoch. */
  readonly #sets: (readonly GenesisValidator[])[];
  readonly #proposals = new Map<string, Proposal>();
  /** Of the block in execution: what each participant was refused, and how many keys it changed. */
  readonly #refused = new Map<number, number>();
  readonly #keyChanges = new Map<number, number>();
  #version = 1;
  #height = 0;
  #epoch = 0;

  constructor(books: Books, genesis: Genesis) {
    this.#books = books;
    this.#scheme = certificateScheme(genesis.scheme);
    this.#names = new Map(genesis.participants.map(({ number, name }) => [number, name]));
    this.#sets = [genesis.validators];
    for (const { number, keys } of genesis.participants)
      for (const { publicKey, scopes } of keys) this.#keys.set(publicKey, { participant: number, scopes, from: 0 });
  }

  isValidator(participant: number): boolean {
    return this.#members.some((member) => member.participant === participant);
  }

  /** What a key may do for a participant in this block; undefined for one that is not its own now. */
  scopesOf(publicKey: string, participant: number): readonly string[] | undefined {
    const key = this.#keys.get(publicKey);
    const isInForce = key?.participant === participant && this.#height >= key.from && !this.#hasEnded(key);
    return isInForce ? key.scopes : undefined;
  }

  #hasEnded({ until }: Key): boolean {
    return until !== undefined && until <= this.#height;
  }

  get #members(): readonly GenesisValidator[] {
    return this.#sets[this.#epoch] ?? [];
  }

  get #rules(): { readonly votingSecondsMax: number; readonly keyDelaySeconds: number } {
    return this.#books.rulebook.governance ?? USUAL_RULES;
  }

  /** First thing in a block: what passed and is due, then what is over. */
  open(height: number, epoch: number): void {
    this.#height = height;
    this.#epoch = epoch;
    this.#refused.clear();
    this.#keyChanges.clear();
    const { timestamp } = this.#books;
    for (const proposal of this.#proposals.values()) {
      if (proposal.state !== "passed" || height < proposal.effectiveHeight || timestamp < proposal.earliest) continue;
      const isDone = this.#contentFaults(proposal).length === 0 && this.#putInForce(proposal.content);
      this.#end(proposal, isDone ? "activated" : "not_activated");
    }
    for (const proposal of this.#proposals.values()) {
      const { state, deadline, effectiveHeight } = proposal;
      const isOver = timestamp >= deadline || (effectiveHeight !== 0 && height >= effectiveHeight);
      if (state === "open" && isOver) this.#end(proposal, "lapsed");
    }
  }

  /** Block time at which the next block has something to do here. */
  get nextDeadline(): number | undefined {
    const times: number[] = [];
    for (const { state, deadline, earliest, effectiveHeight } of this.#proposals.values()) {
      if (state === "open") times.push(deadline);
      if (state === "passed" && effectiveHeight <= this.#height + 1) times.push(earliest);
    }
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #end(proposal: Proposal, result: "activated" | "not_activated" | "lapsed"): void {
    proposal.state = "over";
    this.#books.leaveByItself(result, proposal.proposer);
  }

  #putInForce({ kind, content }: ProposalContent): boolean {
    const height = this.#height;
    switch (kind) {
      case "rulebook":
        this.#books.rulebook = content;
        return true;
      case "participant":
        this.#changeParticipant(content);
        return true;
      case "keys":
        for (const publicKey of content.revoke) this.#revoke(publicKey, height);
        for (const { publicKey, scopes } of content.add)
          this.#keys.set(publicKey, { participant: content.participant, scopes, from: height });
        return true;
      case "version":
        this.#version = content.version;
        return true;
      case "validators":
        if (this.#sets[this.#epoch + 1] !== undefined) return false;
        this.#sets[this.#epoch + 1] = content.validators;
        return true;
      case "evidence":
        return false;
    }
  }

  #changeParticipant(change: ParticipantChange): void {
    if (!("name" in change)) {
      this.#books.roles.set(change.participant, change.role);
      return;
    }
    const number = this.#books.roles.size + 1;
    this.#books.roles.set(number, change.role);
    this.#names.set(number, change.name);
    for (const { publicKey, scopes } of change.keys)
      this.#keys.set(publicKey, { participant: number, scopes, from: this.#height });
  }

  propose({ from, head, content }: Extract<Batch, { readonly kind: "proposal" }>, place: Place): ResultName {
    const right = this.#rightFaults(head.id, from, this.#mayPropose(from, head.kind), head);
    if (right.length > 0) return first(right);
    const found = this.#proposalFaults(head, from, content);
    if (!equalBytes(sha256(content), fromHex(head.contentHash) as Uint8Array)) found.push("content_not_valid");
    const result = found.length === 0 ? "proposed" : first(found);
    if (result !== "proposed") this.#refused.set(from, (this.#refused.get(from) ?? 0) + 1);
    this.#consume(head, result, place);
    const parsed = parseProposalContent(head.kind, content);
    if (result !== "proposed" || !parsed.ok) return result;
    const seconds = head.votingSeconds === 0 ? this.#rules.votingSecondsMax : head.votingSeconds;
    const { acceptFaults, effectiveHeight } = head;
    const deadline = this.#books.timestamp + seconds * 1_000;
    const of = { proposer: from, acceptFaults, effectiveHeight, content: parsed.value, deadline };
    this.#proposals.set(head.id, { ...of, ballots: new Map(), state: "open", earliest: 0 });
    return result;
  }

  #mayPropose(from: number, kind: ProposalKind): boolean {
    return this.#books.roles.get(from) === "authority" || (kind !== "keys" && this.isValidator(from));
  }

  #rightFaults(id: GovernRecord["id"], from: number, may: boolean, record: GovernRecord): ResultName[] {
    const found: ResultName[] = [];
    if (participantOfId(id) !== from) found.push("id_not_of_participant");
    if (!may) found.push("not_authorised");
    const repetition = this.#books.repetition(id, JSON.stringify(record));
    return repetition === undefined ? found : [...found, repetition];
  }

  #consume(record: GovernRecord, result: ResultName, place: Place): void {
    const success = !consumes(result);
    this.#books.leave(result, place);
    this.#books.seen.set(record.id, { content: JSON.stringify(record), success, state: "none" });
  }

  #proposalFaults(
    { kind, effectiveHeight, votingSeconds, acceptFaults }: Extract<GovernRecord, { readonly type: "proposal" }>,
    from: number,
    content: Uint8Array,
  ): ResultName[] {
    const found: ResultName[] = [];
    const live = [...this.#proposals.values()].filter(({ proposer, state }) => proposer === from && state !== "over");
    const cap = this.#books.rulebook.participantCaps.proposals ?? USUAL_PROPOSALS_CAP;
    if (live.length + (this.#refused.get(from) ?? 0) >= cap) found.push("proposals_cap_exceeded");
    if (effectiveHeight !== 0 && effectiveHeight <= this.#height) found.push("effective_height_out_of_range");
    const isTimely = votingSeconds >= VOTING_SECONDS_MIN && votingSeconds <= this.#rules.votingSecondsMax;
    if (votingSeconds !== 0 && !isTimely) found.push("voting_time_out_of_range");
    if (found.length > 0) return found;
    const parsed = parseProposalContent(kind, content);
    if (!parsed.ok) return ["content_not_valid"];
    return this.#contentFaults({ acceptFaults, content: parsed.value });
  }

  /** What speaks against a content now, when it is proposed and again when its time comes. */
  #contentFaults({ acceptFaults, content: change }: Pick<Proposal, "acceptFaults" | "content">): ResultName[] {
    switch (change.kind) {
      case "rulebook":
        return isUnfit(change.content as Rulebook, this.#books) ? ["change_not_allowed"] : [];
      case "participant":
        return this.#participantFaults(change.content);
      case "keys":
        return this.#keysFaults(change.content);
      case "validators":
        return this.#validatorsFaults(change.content.validators, acceptFaults);
      case "version":
        return change.content.version > this.#version ? [] : ["change_not_allowed"];
      case "evidence":
        // Drawn work accuses with votes that nobody signed.
        return ["evidence_not_valid"];
    }
  }

  #participantFaults(change: ParticipantChange): ResultName[] {
    const { roles, accounts } = this.#books;
    if ("name" in change) {
      const isTaken = [...this.#names.values()].includes(change.name);
      return [...(isTaken ? (["change_not_allowed"] as const) : []), ...this.#newKeyFaults(change.keys)];
    }
    const { participant, role } = change;
    const now = roles.get(participant);
    const isOwner = [...accounts.values()].some(({ owner }) => owner === participant);
    const isBound = role === "observer" && (isOwner || this.isValidator(participant));
    return now === undefined || now === "authority" || now === role || isBound ? ["change_not_allowed"] : [];
  }

  #keysFaults({ participant, add, revoke }: KeysChange): ResultName[] {
    if (!this.#books.roles.has(participant)) return ["change_not_allowed"];
    const found = this.#newKeyFaults(add);
    if (add.length + revoke.length === 0) found.push("change_not_allowed");
    const isOwn = (publicKey: string): boolean => this.#mayRevoke(publicKey, participant);
    if (!revoke.every(isOwn) || new Set(revoke).size < revoke.length) found.push("key_not_found");
    if (this.#keysOf(participant) + add.length - revoke.length > KEYS_MAX) found.push("keys_cap_exceeded");
    return found;
  }

  #newKeyFaults(added: KeysChange["add"]): ResultName[] {
    const found: ResultName[] = [];
    const keys = added.map(({ publicKey }) => publicKey);
    if (keys.some((key) => this.#keys.has(key)) || new Set(keys).size < keys.length) found.push("key_exists");
    if (!keys.every(isSafe)) found.push("change_not_allowed");
    return found;
  }

  #validatorsFaults(validators: readonly GenesisValidator[], acceptFaults: boolean): ResultName[] {
    const size = validators.length;
    const found: ResultName[] = [];
    if (size < VALIDATORS_MIN || size > VALIDATORS_MAX) found.push("validators_out_of_range");
    else if (survives(size) < survives(this.#members.length) && !acceptFaults) found.push("faults_not_accepted");
    const keys = validators.flatMap(({ consensusKey, networkKey }) => [consensusKey, networkKey]);
    const areBanks = validators.every(({ participant }) => this.#books.roles.get(participant) === "bank");
    const isSame = JSON.stringify(validators.map(saidOf)) === JSON.stringify(this.#members.map(saidOf));
    const areSafe = validators.every(({ networkKey }) => isSafe(networkKey));
    if (!areBanks || new Set(keys).size < keys.length || !areSafe || isSame) found.push("change_not_allowed");
    const isProven = ({ consensusKey, proofOfPossession }: GenesisValidator): boolean =>
      this.#scheme.verifyPossession(fromHex(consensusKey) as Uint8Array, fromHex(proofOfPossession) as Uint8Array);
    if (!validators.every(isProven)) found.push("possession_not_proven");
    return found;
  }

  /** A ballot, or a change of the sender's own keys. */
  govern(record: Exclude<GovernRecord, { readonly type: "proposal" }>, place: Place): ResultName {
    const { from } = place;
    const right = this.#rightFaults(record.id, from, record.type === "key" || this.isValidator(from), record);
    if (right.length > 0) return first(right);
    const result = record.type === "ballot" ? this.#vote(record, from) : this.#changeKey(record, from);
    this.#consume(record, result, place);
    return result;
  }

  #vote({ proposalId, choice, runs }: GovernRecord & { type: "ballot" }, from: number): ResultName {
    const proposal = this.#proposals.get(proposalId);
    if (proposal === undefined) return "proposal_not_found";
    if (proposal.state !== "open") return "proposal_not_open";
    const { content, ballots } = proposal;
    const asked = content.kind === "version" ? content.content.version : 0;
    if (choice === "yes" && runs < asked) return "version_not_run";
    ballots.set(from, choice);
    const votes = this.#members.filter(({ participant }) => ballots.get(participant) === "yes").length;
    if (votes < this.#votesNeeded(content.kind)) return "applied";
    const isOfOthers = content.kind === "keys" && content.content.add.length > 0;
    proposal.state = "passed";
    proposal.earliest = this.#books.timestamp + (isOfOthers ? this.#rules.keyDelaySeconds * 1_000 : 0);
    return "applied";
  }

  #votesNeeded(kind: ProposalKind): number {
    const count = this.#members.length;
    const threshold = this.#books.rulebook.governance?.thresholds?.[kind] ?? "quorum";
    const quorum = Math.floor((count + survives(count)) / 2) + 1;
    return threshold === "all" ? count : threshold === "majority" ? Math.floor(count / 2) + 1 : quorum;
  }

  #changeKey(record: GovernRecord & { type: "key" }, from: number): ResultName {
    const { change, publicKey, effectiveHeight, scopes } = record;
    const changes = (this.#keyChanges.get(from) ?? 0) + 1;
    this.#keyChanges.set(from, changes);
    const isFull = change === "add" && this.#keysOf(from) >= KEYS_MAX;
    if (changes > KEY_CHANGES_MAX || isFull) return "keys_cap_exceeded";
    if (effectiveHeight !== 0 && effectiveHeight <= this.#height) return "effective_height_out_of_range";
    const height = effectiveHeight === 0 ? this.#height : effectiveHeight;
    if (change === "revoke") {
      if (!this.#mayRevoke(publicKey, from)) return "key_not_found";
      const { until } = this.#keys.get(publicKey) as Key;
      if (until !== undefined && until <= height) return "key_not_found";
      this.#revoke(publicKey, height);
      return "applied";
    }
    if (this.#keys.has(publicKey)) return "key_exists";
    if (!isSafe(publicKey)) return "change_not_allowed";
    this.#keys.set(publicKey, { participant: from, scopes, from: height });
    return "applied";
  }

  #mayRevoke(publicKey: string, participant: number): boolean {
    const key = this.#keys.get(publicKey);
    return key?.participant === participant && !this.#hasEnded(key);
  }

  #revoke(publicKey: string, height: number): void {
    this.#keys.set(publicKey, { ...(this.#keys.get(publicKey) as Key), until: height });
  }

  /** Keys of a participant that have not ended, those included that count only later. */
  #keysOf(of: number): number {
    return [...this.#keys.values()].filter((key) => key.participant === of && !this.#hasEnded(key)).length;
  }
}

const isSafe = (publicKey: string): boolean => ed25519.isSafePublicKey(fromHex(publicKey) as Uint8Array);

/** Faults that so many validators survive. */
const survives = (validators: number): number => Math.floor((validators - 1) / 3);

/** What makes a validator the same one. */
const saidOf = ({ participant, consensusKey, networkKey, addresses }: GenesisValidator): unknown => [
  participant,
  consensusKey,
  networkKey,
  addresses,
];

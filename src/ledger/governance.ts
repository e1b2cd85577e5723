import { ed25519, sha256 } from "../crypto/index.js";
import {
  BALLOT_CHOICES,
  BATCH_HEADER_BYTES,
  decodeGovernRecord,
  type Founding,
  type GovernRecord,
  isProposalBatch,
  KEYS_MAX,
  type ParticipantChange,
  type ProposalContent,
  type ProposalKind,
  parseProposalContent,
  proposalContent,
  quorumOf,
  RESULT,
  type Successor,
} from "../formats/index.js";
import {
  assert,
  type Digest,
  type Epoch,
  equalBytes,
  fromHex,
  type Height,
  type ParticipantNumber,
  RECORD_BYTES,
  VALIDATORS_MAX,
  ZERO_DIGEST,
} from "../primitives/index.js";
import { PROTOCOL_VERSION, ProtocolVersionError } from "./contract.js";
import { type GovernanceFault, type JudgeContext, judgeContent } from "./governance-judge.js";
import { changesSet, nextSetOf, ValidatorHistory } from "./governance-sets.js";
import { NO_BATCH } from "./outcome-log.js";
import { ROLE_AUTHORITY } from "./participants.js";
import type { Resolution } from "./proposals.js";
import { KIND_GOVERNANCE, STATE_EXPIRED, STATE_POSTED, STATE_VOIDED, swapBytes } from "./seen-ids.js";
import type { State } from "./state.js";
import { COUNT_WORD, HEADER_WORDS, RECORD_WORDS, SALT_WORD } from "./transfer-words.js";
import { resolutionSalt } from "./transfers.js";
import { alignedWords } from "./words.js";

/** What a rulebook that says nothing of governance means. */
const DEFAULT_RULES = { votingSecondsMax: 604_800, keyDelaySeconds: 86_400 } as const;
const DEFAULT_PROPOSALS_CAP = 8;
const VOTING_SECONDS_MIN = 60;
/** Of one participant; a rotation is two. */
const KEY_CHANGES_PER_BLOCK_MAX = 64;
/** A newcomer is ready within so many blocks of the one that orders its statement: one range of SYNC-1. */
const READY_BLOCKS_MAX = 256;
/** Proposed validators that may follow before they are decided. */
const CANDIDATES_MAX = 2 * VALIDATORS_MAX;

/** The block in execution, as far as governance looks at it. */
export interface GovernedBlock {
  readonly height: Height;
  readonly timestamp: number;
  readonly epoch: Epoch;
}

/** A proposal before anybody has signed it. */
export interface ProposalDraft {
  readonly proposer: ParticipantNumber;
  readonly kind: ProposalKind;
  readonly acceptFaults: boolean;
  readonly content: Uint8Array;
  readonly effectiveHeight: number;
  readonly votingSeconds: number;
}

/** What a proposal would get as its result now, and the sets of validators before and after it. */
export interface Preflight {
  /** A number of the result code table. */
  readonly code: number;
  readonly faults: readonly GovernanceFault[];
  readonly content: ProposalContent | undefined;
  readonly validators: readonly Successor[];
  /** Present where the set changes. */
  readonly next: readonly Successor[] | undefined;
  /** Ballots that it needs. */
  readonly threshold: number;
}

/**
 * Proposals, ballots and keys (LEDG-41 to LEDG-47): what a batch of kind `govern` does, and what becomes of
 * proposals when their time comes.
 */
export class GovernanceExecution {
  readonly #state: State;
  readonly #chainId: Digest;
  readonly #founding: Founding;
  readonly #history: ValidatorHistory;
  #block: GovernedBlock = { height: 0 as Height, timestamp: 0, epoch: 0 as Epoch };
  /** At the newest checkpoint before the block in execution. */
  #stateRoot: Digest = ZERO_DIGEST;
  /** Participants that a live proposal lists as validators: what would be read from long contents again and again. */
  readonly #listed = new Map<number, readonly number[]>();
  #version: number;
  /** What each participant has asked for in this block: what costs more to judge than a payment is bounded. */
  readonly #refusedProposals = new Map<number, number>();
  readonly #keyChanges = new Map<number, number>();
  #candidates: { readonly live: string; readonly validators: readonly Successor[] } = { live: "", validators: [] };

  constructor(state: State, chainId: Digest, founding: Founding) {
    this.#state = state;
    this.#chainId = chainId;
    this.#founding = founding;
    this.#history = new ValidatorHistory(founding, state.proposals, state.participants);
    this.#version = versionIn(state);
    // A state that a newer program wrote.
    if (this.#version > PROTOCOL_VERSION) throw new ProtocolVersionError(this.#version, 0);
  }

  /** Protocol version in force. */
  get version(): number {
    return this.#version;
  }

  /**
   * First thing in a block: what passed and is due comes into force in the order in which it was proposed, then
   * proposals whose time is over lapse.
   *
   * @param stateRoot root of the whole state at the newest checkpoint before the block
   * @throws {ProtocolVersionError} before anything changes, if a version is due that this program does not execute
   */
  openBlock(block: GovernedBlock, stateRoot: Digest): void {
    this.#block = block;
    this.#stateRoot = stateRoot;
    this.#refusedProposals.clear();
    this.#keyChanges.clear();
    const { proposals } = this.#state;
    if (proposals.live.length === 0) return;
    const due = proposals.live.filter((proposal) => this.#isDue(proposal, block.height, block.timestamp));
    for (const proposal of due) this.#refuseUnknownVersion(proposal);
    for (const proposal of due) this.#activate(proposal);
    for (const proposal of proposals.live) {
      if (!this.#isOver(proposal)) continue;
      if (proposals.stateOf(proposal) === "open") this.#end(proposal, "lapsed", RESULT.lapsed, 0);
      else this.#end(proposal, "not_activated", RESULT.not_activated, 0);
    }
  }

  /**
   * Block time (ms) at which the block at height `next` would have something to do here; undefined while nothing
   * waits for time.
   */
  nextDeadline(next: number): number | undefined {
    const { proposals } = this.#state;
    let earliest: number | undefined;
    for (const proposal of proposals.live) {
      const waits = proposals.stateOf(proposal) === "open" || this.#lacking(proposal).length > 0;
      if (!waits && proposals.effectiveHeightOf(proposal) > next) continue;
      const time = waits ? proposals.deadlineOf(proposal) : proposals.earliestOf(proposal);
      if (earliest === undefined || time < earliest) earliest = time;
    }
    return earliest;
  }

  /** Whether a participant is one of the validators of the block's epoch. */
  isValidator(participant: number): boolean {
    return this.#members().some((member) => member.participant === participant);
  }

  /** @param bytes a whole signed batch, well formed and signed by a key of scope govern */
  execute(bytes: Uint8Array, participant: ParticipantNumber, batch: number): Uint16Array {
    const words = alignedWords(bytes);
    if (isProposalBatch(bytes)) return Uint16Array.of(this.#propose(bytes, words, participant, batch));
    const codes = new Uint16Array(words[COUNT_WORD] as number);
    for (let index = 0; index < codes.length; index += 1) {
      const record = decodeGovernRecord(bytes, BATCH_HEADER_BYTES + index * RECORD_BYTES);
      assert(record !== undefined, "a batch whose records were checked");
      codes[index] = this.#executeRecord(record, words, { participant, batch, index });
    }
    return codes;
  }

  /** The result that a proposal would get in the next block, and what it would change. */
  preflight(draft: ProposalDraft, height: Height, timestamp: number, epoch: Epoch): Preflight {
    const saved = this.#block;
    this.#block = { height, timestamp, epoch };
    const validators = this.#members();
    const { content, faults } = this.#judge(draft);
    this.#block = saved;
    const codes = faults.map(({ code }) => code);
    if (!this.#mayPropose(draft.proposer, draft.kind)) codes.push(RESULT.not_authorised);
    return {
      code: codes.length === 0 ? RESULT.proposed : Math.min(...codes),
      faults,
      content,
      validators,
      next: content === undefined ? undefined : nextSetOf(content, validators, this.#state.participants),
      threshold: this.#votesNeeded(draft.kind, validators.length),
    };
  }

  /**
   * Validators that proposals name which are open, or passed and not in force yet: they may follow meanwhile. The newest
   * proposals first, within a bound; the same array as long as nothing has changed.
   */
  get candidates(): readonly Successor[] {
    const { proposals, participants } = this.#state;
    const live = proposals.live.join();
    if (live === this.#candidates.live) return this.#candidates.validators;
    const validators: Successor[] = [];
    for (const proposal of [...proposals.live].reverse()) {
      if (proposals.kindOf(proposal) !== "validators" || validators.length >= CANDIDATES_MAX) continue;
      validators.push(...(nextSetOf(this.#contentOf(proposal), [], participants) ?? []));
    }
    this.#candidates = { live, validators: validators.slice(0, CANDIDATES_MAX) };
    return this.#candidates.validators;
  }

  /** Validators of an epoch. */
  membersAt(epoch: Epoch): readonly Successor[] | undefined {
    const decided = this.#state.nextSet.view;
    return decided?.epoch === epoch ? decided.validators : this.#history.at(epoch);
  }

  #members(): readonly Successor[] {
    return this.membersAt(this.#block.epoch) ?? [];
  }

  /** Validators and the authority propose; keys of another participant the authority alone (LEDG-45). */
  #mayPropose(participant: number, kind: ProposalKind): boolean {
    if (this.#state.participants.has(participant) && this.#state.participants.roleOf(participant) === ROLE_AUTHORITY)
      return true;
    return kind !== "keys" && this.isValidator(participant);
  }

  #propose(bytes: Uint8Array, words: Uint32Array, proposer: ParticipantNumber, batch: number): number {
    const head = decodeGovernRecord(bytes, BATCH_HEADER_BYTES);
    assert(head?.type === "proposal", "a batch whose head was checked");
    const right = this.#rightFault(words, HEADER_WORDS, proposer, () => this.#mayPropose(proposer, head.kind));
    if (right !== 0) return right;
    const content = proposalContent(bytes);
    const isIntact = equalBytes(sha256(content), fromHex(head.contentHash) as Uint8Array);
    const { faults } = this.#judge({ ...head, proposer, content }, this.#refusedProposals.get(proposer));
    const codes = faults.map(({ code }) => code);
    if (!isIntact) codes.push(RESULT.content_not_valid);
    const code = codes.length === 0 ? RESULT.proposed : Math.min(...codes);
    if (code !== RESULT.proposed) countOne(this.#refusedProposals, proposer);
    const idIndex = this.#consume(words, HEADER_WORDS, code, { participant: proposer, batch, index: 0 });
    if (code !== RESULT.proposed) return code;
    const { votingSecondsMax } = this.#rules();
    const seconds = head.votingSeconds === 0 ? votingSecondsMax : head.votingSeconds;
    const { height, timestamp } = this.#block;
    const deadline = timestamp + seconds * 1_000;
    const place = { words, head: HEADER_WORDS, salt: SALT_WORD };
    const root = head.kind === "validators" ? { stateRoot: this.#stateRoot } : {};
    this.#state.proposals.add({ ...place, proposer, content, height, deadline, idIndex, ...root });
    return code;
  }

  /**
   * Cheap checks first: what is refused by a bound is not looked into.
   *
   * @param refused proposals of the same participant that this block has refused
   */
  #judge(
    draft: ProposalDraft,
    refused = 0,
  ): { readonly content: ProposalContent | undefined; readonly faults: GovernanceFault[] } {
    const { proposals, rules } = this.#state;
    const cap = rules.rulebook.participantCaps.proposals ?? DEFAULT_PROPOSALS_CAP;
    const faults: GovernanceFault[] = [];
    const fault = (code: number, detail: string): number => faults.push({ code, detail });
    if (proposals.liveOf(draft.proposer) + refused >= cap)
      fault(RESULT.proposals_cap_exceeded, `${cap} proposals of one participant may be open`);
    if (draft.effectiveHeight !== 0 && draft.effectiveHeight <= this.#block.height)
      fault(RESULT.effective_height_out_of_range, `height ${draft.effectiveHeight} has passed already`);
    const { votingSecondsMax } = this.#rules();
    const { votingSeconds } = draft;
    if (votingSeconds !== 0 && (votingSeconds < VOTING_SECONDS_MIN || votingSeconds > votingSecondsMax))
      fault(RESULT.voting_time_out_of_range, `ballots take ${VOTING_SECONDS_MIN} to ${votingSecondsMax} seconds`);
    if (faults.length > 0) return { content: undefined, faults };
    const parsed = parseProposalContent(draft.kind, draft.content);
    if (!parsed.ok) {
      const { path, detail } = parsed.fault;
      fault(RESULT.content_not_valid, path === "" ? detail : `${path}: ${detail}`);
      return { content: undefined, faults };
    }
    return { content: parsed.value, faults: [...judgeContent(this.#context(draft.acceptFaults), parsed.value)] };
  }

  #context(acceptFaults: boolean): JudgeContext {
    return {
      state: this.#state,
      chainId: this.#chainId,
      founding: this.#founding,
      height: this.#block.height,
      epoch: this.#block.epoch,
      members: this.#members(),
      membersAt: (epoch) => (epoch <= this.#block.epoch ? this.membersAt(epoch) : undefined),
      version: this.#version,
      acceptFaults,
    };
  }

  #executeRecord(record: GovernRecord, words: Uint32Array, place: RecordPlace): number {
    const at = HEADER_WORDS + place.index * RECORD_WORDS;
    const { participant } = place;
    const right = this.#rightFault(words, at, participant, () => this.#maySay(record, words, at, participant));
    if (right !== 0) return right;
    const code = this.#effectOfRecord(record, words, at, participant);
    this.#consume(words, at, code, place);
    return code;
  }

  /** Validators vote; that it is ready says a bank which a live proposal would make one (LEDG-48). */
  #maySay(record: GovernRecord, words: Uint32Array, at: number, participant: number): boolean {
    if (record.type === "key") return true;
    if (record.type !== "ready") return this.isValidator(participant);
    const proposal = this.#findProposal(words, at + PROPOSAL_WORD);
    return proposal === undefined || !this.#isLive(proposal) || this.#newcomers(proposal).includes(participant);
  }

  #effectOfRecord(record: GovernRecord, words: Uint32Array, at: number, participant: number): number {
    switch (record.type) {
      case "ballot":
        return this.#vote(record, words, at, participant);
      case "ready":
        return this.#sayReady(record, words, at, participant);
      default:
        return this.#changeKey(record, participant);
    }
  }

  /** LEDG-48: a newcomer has executed nearly all there is, and what it computed is what everybody did. */
  #sayReady(record: GovernRecord & { type: "ready" }, words: Uint32Array, at: number, participant: number): number {
    const { proposals } = this.#state;
    const proposal = this.#findProposal(words, at + PROPOSAL_WORD);
    if (proposal === undefined) return RESULT.proposal_not_found;
    if (!this.#isLive(proposal)) return RESULT.proposal_not_open;
    const { height } = this.#block;
    const lag = height - record.executedHeight;
    const isProven = lag > 0 && lag <= READY_BLOCKS_MAX && record.stateRoot === proposals.stateRootOf(proposal);
    if (!isProven) return RESULT.readiness_not_proven;
    proposals.setReady(proposal, participant, height);
    return RESULT.applied;
  }

  #isLive(proposal: number): boolean {
    return this.#state.proposals.live.includes(proposal);
  }

  /** Whom a live proposal would make a validator, of those that are none in the block's epoch. */
  #newcomers(proposal: number): readonly number[] {
    if (this.#state.proposals.kindOf(proposal) !== "validators") return [];
    let listed = this.#listed.get(proposal);
    if (listed === undefined) {
      const next = nextSetOf(this.#contentOf(proposal), [], this.#state.participants) ?? [];
      listed = next.map(({ participant }) => participant);
      this.#listed.set(proposal, listed);
    }
    return listed.filter((participant) => !this.isValidator(participant));
  }

  /** Newcomers that have not stated that they are ready. */
  #lacking(proposal: number): readonly number[] {
    const newcomers = this.#newcomers(proposal);
    if (newcomers.length === 0) return newcomers;
    const ready = this.#state.proposals.ready(proposal);
    return newcomers.filter((participant) => !ready.includes(participant));
  }

  /** Right comes before the id is looked up, and a fault of it consumes none (LEDG-5, LEDG-6). */
  #rightFault(words: Uint32Array, at: number, participant: number, mayDo: () => boolean): number {
    const { ids } = this.#state;
    if (words[at] !== swapBytes(participant)) return RESULT.id_not_of_participant;
    if (!mayDo()) return RESULT.not_authorised;
    const seen = ids.index.findAt(words, at);
    return seen >= 0 ? ids.compare(seen, words, at) : 0;
  }

  #vote(ballot: GovernRecord & { type: "ballot" }, words: Uint32Array, at: number, participant: number): number {
    const { proposals } = this.#state;
    const proposal = this.#findProposal(words, at + PROPOSAL_WORD);
    if (proposal === undefined) return RESULT.proposal_not_found;
    if (proposals.stateOf(proposal) !== "open") return RESULT.proposal_not_open;
    const { choice, runs } = ballot;
    if (choice === "yes" && runs < this.#versionAsked(proposal)) return RESULT.version_not_run;
    const { height, timestamp } = this.#block;
    proposals.vote({ proposal, participant, choice: BALLOT_CHOICES[choice], runs, height });
    const members = this.#members();
    const inFavour = proposals.inFavour(proposal);
    const votes = members.filter((member) => inFavour.includes(member.participant)).length;
    const kind = proposals.kindOf(proposal);
    if (votes < this.#votesNeeded(kind, members.length)) return RESULT.applied;
    proposals.pass(proposal, height, timestamp + this.#delayOf(proposal));
    return RESULT.applied;
  }

  #findProposal(words: Uint32Array, at: number): number | undefined {
    const seen = this.#state.ids.index.findAt(words, at);
    return seen < 0 ? undefined : this.#state.proposals.findById(seen);
  }

  /** The protocol version that a proposal asks for; 0 for all other kinds. */
  #versionAsked(proposal: number): number {
    // The content of another kind may be long, and ballots come in thousands.
    if (this.#state.proposals.kindOf(proposal) !== "version") return 0;
    const content = this.#contentOf(proposal);
    return content.kind === "version" ? content.content.version : 0;
  }

  /** Milliseconds between the vote and the activation: for keys that their owner did not add itself (LEDG-45). */
  #delayOf(proposal: number): number {
    const content = this.#contentOf(proposal);
    return content.kind === "keys" && content.content.add.length > 0 ? this.#rules().keyDelaySeconds * 1_000 : 0;
  }

  #contentOf(proposal: number): ProposalContent {
    const { proposals } = this.#state;
    const parsed = parseProposalContent(proposals.kindOf(proposal), proposals.contentOf(proposal));
    assert(parsed.ok, "the content of a proposal was read before");
    return parsed.value;
  }

  #changeKey(record: GovernRecord, participant: number): number {
    assert(record.type === "key", "a ballot was dealt with before");
    const { keys } = this.#state;
    const { height } = this.#block;
    const publicKey = fromHex(record.publicKey) as Uint8Array;
    if (countOne(this.#keyChanges, participant) > KEY_CHANGES_PER_BLOCK_MAX) return RESULT.keys_cap_exceeded;
    if (record.change === "add" && keys.countOf(participant, height) >= KEYS_MAX) return RESULT.keys_cap_exceeded;
    if (record.effectiveHeight !== 0 && record.effectiveHeight <= height) return RESULT.effective_height_out_of_range;
    const from = record.effectiveHeight === 0 ? height : record.effectiveHeight;
    if (record.change === "revoke")
      return keys.revoke(publicKey, participant, from) ? RESULT.applied : RESULT.key_not_found;
    if (keys.isKnown(publicKey)) return RESULT.key_exists;
    if (!ed25519.isSafePublicKey(publicKey)) return RESULT.change_not_allowed;
    keys.add(publicKey, participant, record.scopes, from);
    return RESULT.applied;
  }

  #isDue(proposal: number, height: number, timestamp: number): boolean {
    const { proposals } = this.#state;
    return (
      proposals.stateOf(proposal) === "passed" &&
      height >= proposals.effectiveHeightOf(proposal) &&
      timestamp >= proposals.earliestOf(proposal) &&
      this.#lacking(proposal).length === 0
    );
  }

  /** A proposal that has not passed, or whose newcomers are not ready, when its time is over. */
  #isOver(proposal: number): boolean {
    const { proposals } = this.#state;
    const { height, timestamp } = this.#block;
    const isLate = timestamp >= proposals.deadlineOf(proposal);
    if (proposals.stateOf(proposal) !== "open") return isLate && this.#lacking(proposal).length > 0;
    const effective = proposals.effectiveHeightOf(proposal);
    return isLate || (effective !== 0 && height >= effective);
  }

  #refuseUnknownVersion(proposal: number): void {
    const version = this.#versionAsked(proposal);
    if (version > PROTOCOL_VERSION) throw new ProtocolVersionError(version, this.#block.height);
  }

  /** What was fit to be proposed may fit no longer: then nothing of it happens (LEDG-43). */
  #activate(proposal: number): void {
    const { proposals } = this.#state;
    const change = this.#contentOf(proposal);
    const context = this.#context(proposals.acceptsFaults(proposal));
    const isFit = judgeContent(context, change).length === 0;
    const value = isFit ? this.#effect(change, context) : undefined;
    if (value === undefined) this.#end(proposal, "not_activated", RESULT.not_activated, 0);
    else this.#end(proposal, "activated", RESULT.activated, value);
    if (value !== undefined && changesSet(change.kind)) this.#history.add(proposal);
  }

  /** Puts a change in force. @returns what it decided, 0 for nothing to remember; undefined if it cannot be */
  #effect(change: ProposalContent, context: JudgeContext): number | undefined {
    const { keys, nextSet, participants } = this.#state;
    const { height, epoch } = this.#block;
    switch (change.kind) {
      case "rulebook":
        this.#state.replaceRules(change.content);
        return 0;
      case "participant":
        return this.#changeParticipant(change.content);
      case "keys": {
        const { participant, add, revoke } = change.content;
        for (const publicKey of revoke) keys.revoke(fromHex(publicKey) as Uint8Array, participant, height);
        for (const { publicKey, scopes } of add)
          keys.add(fromHex(publicKey) as Uint8Array, participant, scopes, height);
        return participant;
      }
      case "version":
        this.#version = change.content.version;
        return change.content.version;
      case "validators":
      case "evidence": {
        const validators = nextSetOf(change, context.members, participants) ?? [];
        return nextSet.decide({ epoch, height, validators }) ? epoch + 1 : undefined;
      }
    }
  }

  #changeParticipant(change: ParticipantChange): number {
    const { keys, participants } = this.#state;
    if (!("name" in change)) {
      participants.setRole(change.participant, change.role);
      return change.participant;
    }
    const number = participants.count + 1;
    participants.add(number, change.role, change.name);
    for (const { publicKey, scopes } of change.keys)
      keys.add(fromHex(publicKey) as Uint8Array, number, scopes, this.#block.height);
    return number;
  }

  #end(proposal: number, resolution: Resolution, code: number, value: number): void {
    const { ids, log, proposals } = this.#state;
    const { height } = this.#block;
    const outcome = log.count;
    const { head, words, salt } = proposals.source(proposal);
    log.add(code, proposals.proposerOf(proposal), NO_BATCH, 0);
    log.system(head, resolutionSalt(words, salt));
    ids.resolve(proposals.idIndexOf(proposal), ID_STATES[resolution], height, outcome);
    proposals.resolve(proposal, { resolution, height, outcome, value });
    this.#listed.delete(proposal);
  }

  /** The outcome of a record, and its id for ever (LEDG-6, LEDG-19). */
  #consume(words: Uint32Array, at: number, code: number, { participant, batch, index }: RecordPlace): number {
    const { ids, log } = this.#state;
    const outcome = log.count;
    log.add(code, participant, batch, index);
    return ids.consume(words, at, code, KIND_GOVERNANCE, outcome);
  }

  #votesNeeded(kind: ProposalKind, validators: number): number {
    switch (this.#state.rules.rulebook.governance?.thresholds?.[kind] ?? "quorum") {
      case "majority":
        return Math.floor(validators / 2) + 1;
      case "quorum":
        return quorumOf(validators);
      case "all":
        return validators;
    }
  }

  #rules(): { readonly votingSecondsMax: number; readonly keyDelaySeconds: number } {
    return this.#state.rules.rulebook.governance ?? DEFAULT_RULES;
  }
}

interface RecordPlace {
  readonly participant: ParticipantNumber;
  /** Place of the batch in its block and of the record in its batch. */
  readonly batch: number;
  readonly index: number;
}

/** Counts one more, and returns how many there are then. */
function countOne(counts: Map<number, number>, of: number): number {
  const count = (counts.get(of) ?? 0) + 1;
  counts.set(of, count);
  return count;
}

/** Word of a ballot or statement in which the proposal's id begins. */
const PROPOSAL_WORD = 8;

/** How the id of a proposal remembers its end; the names are those of a reserved transfer's. */
const ID_STATES: { readonly [R in Resolution]: number } = {
  activated: STATE_POSTED,
  lapsed: STATE_EXPIRED,
  not_activated: STATE_VOIDED,
};

/** The newest version that was put in force; genesis has 1. */
function versionIn({ proposals }: State): number {
  let version = 1;
  for (let proposal = 0; proposal < proposals.count; proposal += 1) {
    const isInForce = proposals.kindOf(proposal) === "version" && proposals.stateOf(proposal) === "activated";
    if (isInForce) version = Math.max(version, proposals.valueOf(proposal));
  }
  return version;
}

import {
  type AgreementMessage,
  type AgreementState,
  awayValidators,
  type Block,
  contradicted,
  createAgreement,
  decodeMessage,
  type Effect,
  type Event,
  encodeMessage,
  type Fact,
  type FetchMessage,
  firstTimeoutMs,
  hasWork,
  indexAmong,
  isKnown,
  leaderOf,
  type Message,
  type Proposal,
  statusOf,
  step,
  type Timing,
  type Vote,
} from "../consensus/index.js";
import { type CertificateScheme, ed25519, sha256 } from "../crypto/index.js";
import {
  type Body,
  batchDigest,
  blockHash,
  type Claim,
  type CommitProof,
  closedBlock,
  type EpochClose,
  encodeBody,
  encodeHeader,
  type Genesis,
  parseBatch,
  type Successor,
} from "../formats/index.js";
import type { Ledger, LedgerOptions } from "../ledger/index.js";
import { Mempool, type MempoolLimits, provesPeerFault, type Verdict } from "../mempool/index.js";
import {
  type Digest,
  type Epoch,
  EVIDENCE_MAX,
  EXECUTION_LAG_MAX,
  equalBytes,
  type ParticipantNumber,
  epoch as toEpoch,
  toHex,
  view as toView,
  unreachable,
  type ValidatorIndex,
  type View,
} from "../primitives/index.js";
import { RangeSync, type SyncHead } from "../sync/index.js";
import type { EpochBook, EpochMembers } from "./epochs.js";
import { type Execution, Executor } from "./executor.js";
import { Fetcher } from "./fetcher.js";
import { Outbox } from "./outbox.js";
import { PeerBook } from "./peer-book.js";
import type {
  Channel,
  Divergence,
  Equivocation,
  FinalHead,
  Ports,
  SignedVote,
  StoreFailure,
  StoreWrite,
} from "./ports.js";
import { recover } from "./recovery.js";
import { Serving } from "./serving.js";
import { Verifier } from "./verifier.js";
import type {
  ReplicaConsensus,
  ReplicaFact,
  ReplicaReadiness,
  ReplicaView,
  SubmitVerdict,
  UnwrittenBlock,
  VoteSeen,
} from "./view.js";

/** Own batches pushed again at each tick, their bytes, and how long one has had by then to become final, milliseconds. */
const REPUSHED_MAX = 64;
const REPUSHED_BYTES_MAX = 1_048_576;
const REPUSH_AFTER_MS = 2_000;
/** The longer a batch is, the longer it waits for a block under load, and the more it costs to send again: 12 s for 1 MiB. */
const REPUSH_BYTES_PER_MS = 100;
/** A disk write or two. */
const STORING_RETRY_MS = 100;
/** Without finality for less than this, nobody is told that the network stands still. */
const STALLED_MIN_MS = 2_000;
/** Without a word of f+1 validators for so long, who only follows does not know what is the latest, milliseconds. */
const FOLLOWER_SILENCE_MS = 10_000;
/** Final blocks that may wait for execution while reads still count as the latest. */
const UNEXECUTED_READY_MAX = 2 * EXECUTION_LAG_MAX;

export interface ReplicaOptions {
  readonly genesis: Genesis;
  readonly chainId: Digest;
  readonly scheme: CertificateScheme;
  /** Whose node this is. */
  readonly participant: ParticipantNumber;
  /** It votes in epochs whose set names one of these; none for a node that only follows. */
  readonly keys: readonly ConsensusKey[];
  /** Votes on with a record that certificates show to be outdated; for liars that live twice. */
  readonly trustsRecord?: boolean;
  readonly timing: Timing;
  readonly mempoolLimits: MempoolLimits;
  readonly ledgerOptions: LedgerOptions;
}

export interface ConsensusKey {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
  /** False while the record of what this key has signed is lost: its validator follows, and votes for nothing (SAFE-11). */
  readonly mayVote: boolean;
}

/** For logs and metrics beside the facts that clients see. */
export type ReplicaEvent =
  | { readonly type: "agreement"; readonly fact: Fact }
  | { readonly type: "peer-fault"; readonly peer: ParticipantNumber; readonly reason: string }
  /** Whom to be connected with from now on. */
  | { readonly type: "peers-changed"; readonly contacts: readonly Successor[] }
  | { readonly type: "catching-up"; readonly height: number; readonly target: number }
  | { readonly type: "evidence"; readonly equivocation: Equivocation }
  | { readonly type: "store-failed"; readonly failure: StoreFailure }
  /** The way of a client's batch through this replica, for timings; agreement tells the rest of it. */
  | BatchEvent;

export type BatchEvent =
  /** Verified, and queued for all peers. @see Clock.now for `receivedAt`, when `submit` was called */
  | { readonly type: "submitted"; readonly digest: Digest; readonly receivedAt: number }
  /** Durable here. */
  | { readonly type: "admitted"; readonly digest: Digest }
  /** Our PREPARE for the block is on its way to the disk. */
  | { readonly type: "voting"; readonly block: Block }
  /** Executed in memory; nothing is written yet. */
  | { readonly type: "executed"; readonly block: Block };

/**
 * One validator: drives agreement, pool, ledger and catch-up over its ports. Everything happens on the
 * turn on which a port calls in; the same code runs in production and in the simulator.
 */
export class Replica implements ReplicaView {
  readonly ledger: Ledger;
  readonly #options: Omit<ReplicaOptions, "genesis">;
  readonly #ports: Ports;
  readonly #state: AgreementState;
  readonly #verifier: Verifier;
  readonly #mempool: Mempool;
  readonly #executor: Executor;
  readonly #fetcher: Fetcher;
  readonly #serving: Serving;
  readonly #sync: RangeSync;
  readonly #outbox: Outbox;
  readonly #epochs: EpochBook;
  readonly #peers: PeerBook;
  /** Validators of the epoch before, and the height that a certified claim has to cover before they are let go. */
  #leavers: { readonly members: readonly Successor[]; readonly until: number } | undefined;
  /** Decision about the next set, and who is proposed for it, as of the last look. */
  #decision: Ledger["nextSet"];
  #candidates: Ledger["candidates"] = [];
  /** When peers that are no validators of our epoch were last answered. */
  readonly #answered = new Map<ParticipantNumber, number>();
  readonly #listeners = new Set<(fact: ReplicaFact) => void>();
  readonly #observe: (event: ReplicaEvent) => void;
  /** Batches whose bytes are in the store or on their way there, and not executed yet. */
  readonly #stored = new Set<Digest>();
  /** When own batches were last sent to all. */
  readonly #pushedAt = new Map<Digest, number>();
  /** Callers that wait for an admission to be durable. */
  readonly #admissions = new Map<Digest, ((verdict: SubmitVerdict) => void)[]>();
  readonly #evidence = new Map<string, Equivocation>();
  readonly #lastVotes: (Omit<VoteSeen, "agoMs"> & { at: number })[] = [];
  readonly #restored: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[];
  readonly #inbox: Event[] = [];
  #isStepping = false;
  #head: FinalHead;
  #claim: Claim;
  #divergence: Divergence | undefined;
  #replayTarget: number;
  #isStopped = false;
  #lastReadiness = "";

  /** Reads the store; nothing runs before `start`. */
  constructor(options: ReplicaOptions, ports: Ports, observe: (event: ReplicaEvent) => void) {
    const { genesis, ...kept } = options;
    this.#options = kept;
    this.#ports = ports;
    this.#observe = observe;
    const { chainId, timing, participant } = kept;
    const recovery = recover({ store: ports.store, genesis, chainId, ledgerOptions: options.ledgerOptions });
    const { recovered, set } = recovery;
    this.ledger = recovery.ledger;
    this.#epochs = recovery.epochs;
    const ownKeys = options.keys.filter(({ mayVote }) => mayVote).map(({ publicKey }) => toHex(publicKey));
    this.#state = createAgreement({
      chainId,
      set,
      timing,
      self: indexAmong(set, ownKeys),
      ownKeys,
      trustsRecord: options.trustsRecord ?? false,
      recovered,
      at: ports.clock.now(),
    });
    this.#head = recovery.head;
    this.#claim = recovered.ownClaims[recovered.ownClaims.length - 1] as Claim;
    this.#divergence = recovery.divergence;
    this.#replayTarget = recovery.head.height;
    this.#restored = recovery.admitted;
    for (const equivocation of recovery.evidence) this.#evidence.set(evidenceKey(equivocation), equivocation);
    this.#peers = new PeerBook(participant);
    this.#verifier = new Verifier(this.#state, options.scheme);
    this.#mempool = new Mempool({
      chainId,
      sha256,
      ed25519,
      limits: options.mempoolLimits,
      isOrdered: (digest) => this.#state.ordered.has(digest),
      isRegistered: (participant, publicKey) =>
        (["submit", "approve", "govern"] as const).some((scope) =>
          this.ledger.mayUseKey(participant, publicKey, scope),
        ),
    });
    this.#fetcher = new Fetcher([], (to, message) => this.#send(to, message));
    this.#serving = new Serving(this.#state, ports.store, (digest) => this.#mempool.get(digest));
    this.#sync = new RangeSync(this.#syncMembers());
    this.#outbox = new Outbox({
      persist: (effects, done) => this.#persist(effects, done),
      perform: (effect) => this.#perform(effect),
    });
    this.#executor = new Executor(
      {
        clock: ports.clock,
        store: ports.store,
        pooled: (digest) => this.#mempool.get(digest),
        isStored: (digest) => this.#stored.has(digest),
        want: (batches) => this.#fetcher.wantBatches(batches, [], ports.clock.now()),
        executed: (execution) => this.#onExecuted(execution),
        written: (execution) => this.#onWritten(execution),
        failed: (failure) => this.#fail(failure),
      },
      { ledger: recovery.ledger, range: recovery.range, target: recovery.head.height },
    );
    this.#noteLeavers();
    this.#refreshPeers();
  }

  /** Starts voting, executing and ticking. */
  start(): void {
    this.#observe({ type: "peers-changed", contacts: this.#peers.contacts });
    for (const { digest, bytes } of this.#restored) {
      this.#stored.add(digest);
      this.#pool(bytes);
    }
    this.#feed({ type: "started" });
    this.#executor.run();
    this.#scheduleTick();
  }

  /** Stops proposing; what is under way may end. The caller stops the ports afterwards. */
  stop(): void {
    if (this.#isStopped) return;
    this.#feed({ type: "stopping" });
    this.#isStopped = true;
    this.#executor.stop();
    this.#noteReadiness();
  }

  /** A frame from an authenticated peer. */
  receive(from: ParticipantNumber, _channel: Channel, frame: Uint8Array): void {
    if (this.#isStopped) return;
    const decoded = decodeMessage(sha256, undefined, frame);
    if (!decoded.ok) {
      this.#accuse(from, `a frame that does not decode: ${decoded.fault.code}`);
      return;
    }
    const message = decoded.value;
    switch (message.type) {
      case "proposal":
      case "vote":
      case "certificate":
      case "commit-proof":
      case "status":
      case "epoch-close":
        this.#onAgreement(from, message);
        return;
      default:
        this.#onFetch(from, message);
    }
  }

  submit(bytes: Uint8Array, done: (verdict: SubmitVerdict) => void): void {
    const answer = (verdict: SubmitVerdict): void => this.#ports.clock.soon(() => done(verdict));
    const readiness = this.readiness();
    if (readiness.state !== "ready") {
      answer({ type: "unavailable", reason: readiness.state === "starting" ? "syncing" : readiness.state });
      return;
    }
    const receivedAt = this.#ports.clock.now();
    const verdict = this.#mempool.admit(bytes, { type: "client" }, this.#poolTime());
    switch (verdict.type) {
      case "admitted":
        this.#admit(verdict.digest, receivedAt, done);
        return;
      case "duplicate":
        if (verdict.adopted) this.#admit(verdict.digest, receivedAt, done);
        else this.#awaitAdmission(verdict.digest, done, answer);
        return;
      case "already_ordered": {
        const height = this.#state.ordered.get(verdict.digest)?.height ?? this.#head.height;
        // Before the block is stored nobody here promises its place.
        if (height > this.#head.height) answer({ type: "busy", retryAfterMs: STORING_RETRY_MS });
        else answer({ type: "ordered", digest: verdict.digest, height });
        return;
      }
      case "busy":
        answer({ type: "busy", retryAfterMs: verdict.retryAfterMs });
        return;
      case "rejected":
        answer({ type: "refused", fault: SUBMIT_FAULTS[verdict.code], detail: verdict.detail });
        return;
      default:
        unreachable(verdict);
    }
  }

  subscribe(listener: (fact: ReplicaFact) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  head(): FinalHead {
    return this.#head;
  }

  executedHeight(): FinalHead["height"] {
    return this.#claim.height;
  }

  claim(): Claim {
    return this.#claim;
  }

  divergence(): Divergence | undefined {
    return this.#divergence;
  }

  unwritten(at: FinalHead["height"]): UnwrittenBlock | undefined {
    return this.#executor.unwritten(at);
  }

  /** Whom this replica talks to: validators of this epoch and the one before, and newcomers. */
  contacts(): readonly Successor[] {
    return this.#peers.contacts;
  }

  membersOf(epoch: Epoch): EpochMembers | undefined {
    return this.#epochs.members(epoch, this.#head);
  }

  closeOf(epoch: Epoch): EpochClose | undefined {
    return this.#epochs.close(epoch, this.#head);
  }

  evidence(): readonly Equivocation[] {
    return [...this.#evidence.values()];
  }

  readiness(): ReplicaReadiness {
    if (this.#isStopped) return { state: "stopping" };
    if (this.#divergence !== undefined) return { state: "diverged" };
    if (!this.#sync.isInformed(this.#heardSince())) return { state: "starting" };
    if (this.#sync.isBehind(this.#syncHead())) return { state: "syncing", targetHeight: this.#sync.target() };
    if (this.#claim.height < this.#replayTarget || this.#head.height - this.#claim.height > UNEXECUTED_READY_MAX) {
      return { state: "syncing", targetHeight: this.#head.height };
    }
    return { state: "ready" };
  }

  /**
   * A validator that hears nobody makes nothing final, and shows it. Who only follows, for example because it was
   * voted out and the others let it in no more, is silent rather than stale (SYNC-4).
   */
  #heardSince(): number | undefined {
    return this.#ownIndex() === undefined ? this.#ports.clock.now() - FOLLOWER_SILENCE_MS : undefined;
  }

  consensus(): ReplicaConsensus {
    const at = this.#ports.clock.now();
    const { setting, current, head, pace } = this.#state;
    const away = awayValidators({ state: this.#state, at });
    // Not of the timeouts as they have grown meanwhile: those would outrun the time that has passed.
    const patienceMs = Math.max(STALLED_MIN_MS, 4 * firstTimeoutMs(this.#state));
    const stalled = at - pace.lastBlockAt > patienceMs && hasWork(this.#step());
    const self = this.#ownIndex();
    return {
      epoch: setting.set.epoch,
      set: setting.set,
      view: current,
      leader: leaderOf(setting, current),
      finalizedView: head.view,
      finalizedHeight: head.height,
      self,
      stalled,
      forked: this.#state.forked,
      validators: setting.set.members.map((_, index) => {
        const vote = this.#lastVotes[index];
        return {
          connected: index === self || !away.includes(index as ValidatorIndex),
          lastVote: vote === undefined ? undefined : { kind: vote.kind, view: vote.view, agoMs: at - vote.at },
        };
      }),
    };
  }

  /** What the pool holds, for metrics. */
  pool(): { readonly batches: number; readonly bytes: number } {
    return { batches: this.#mempool.size, bytes: this.#mempool.bytes };
  }

  /** Whether this node votes: not outside the set, nor with a lost or an outdated record (SAFE-11). */
  mayVote(): boolean {
    return this.#state.setting.self !== undefined && !this.#state.outdated;
  }

  /** Our place among the validators of this epoch, whether or not we may vote. */
  #ownIndex(): ValidatorIndex | undefined {
    return indexAmong(
      this.#state.setting.set,
      this.#options.keys.map(({ publicKey }) => toHex(publicKey)),
    );
  }

  /** Sizes of what peers can make a replica keep, for metrics and for whoever checks that they are bounded (SAFE-9). */
  footprint(): {
    readonly votes: number;
    readonly candidates: number;
    readonly blocks: number;
    readonly certificates: number;
    readonly wantedBatches: number;
    readonly wantedBlocks: number;
    readonly verified: number;
    readonly evidence: number;
    /** Between two turns there are none. */
    readonly waitingEvents: number;
  } {
    const { tallies, candidates, blocks, certificates } = this.#state;
    let votes = 0;
    for (const tally of tallies.values()) for (const kind of Object.values(tally.votes)) votes += kind.size;
    return {
      ...{ votes, candidates: candidates.size, blocks: blocks.size, certificates: certificates.size },
      ...this.#fetcher.wanted(),
      verified: this.#verifier.remembered,
      evidence: this.#evidence.size,
      waitingEvents: this.#inbox.length,
    };
  }

  // Events into the core, effects out of it.

  #feed(event: Event): void {
    this.#inbox.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      const { clock } = this.#ports;
      this.#outbox.add(step(this.#state, next, { at: clock.now(), wall: clock.wall() }));
    }
    this.#isStepping = false;
  }

  #step(): Parameters<typeof hasWork>[0] {
    const { clock } = this.#ports;
    return { state: this.#state, out: [], at: clock.now(), wall: clock.wall() };
  }

  #persist(effects: readonly Extract<Effect, { type: `persist${string}` }>[], done: () => void): void {
    this.#ports.store.write(this.#mergeWrites(effects), (failure) => {
      if (failure !== undefined) this.#fail(failure);
      else if (!this.#isStopped) done();
    });
  }

  #mergeWrites(effects: readonly Extract<Effect, { type: `persist${string}` }>[]): StoreWrite {
    const proposals: Block[] = [];
    const finalBlocks: FinalEntry[] = [];
    let write: StoreWrite = { durable: true };
    for (const effect of effects) {
      if (effect.type === "persist") {
        const certificates = [...(write.certificates ?? []), ...effect.certificates];
        write = { ...write, record: effect.record, certificates };
        if (effect.block !== undefined) {
          proposals.push(effect.block);
          this.#observe({ type: "voting", block: effect.block });
        }
      } else if (effect.type === "persist-final") {
        const last = effect.blocks.length - 1;
        effect.blocks.forEach((block, index) => finalBlocks.push(index === last ? lastEntry(effect) : { block }));
      } else {
        const { agreedHeight, certified, own } = effect.divergence;
        write = { ...write, divergence: { agreedHeight, divergedHeight: own.height, certified, own } };
      }
    }
    const batches = this.#unstoredBatches(proposals);
    if (batches.length > 0) write = { ...write, batches };
    if (proposals.length > 0) write = { ...write, proposals: proposals.map(storedBlock) };
    return finalBlocks.length === 0 ? write : { ...write, finalized: finalizedPart(finalBlocks) };
  }

  /** A PREPARE makes its block's batches durable with it. */
  #unstoredBatches(blocks: readonly Block[]): { readonly digest: Digest; readonly bytes: Uint8Array }[] {
    const batches: { digest: Digest; bytes: Uint8Array }[] = [];
    for (const block of blocks) {
      for (const { digest } of block.body) {
        const bytes = this.#stored.has(digest) ? undefined : this.#mempool.get(digest);
        if (bytes === undefined) continue;
        this.#stored.add(digest);
        batches.push({ digest, bytes });
      }
    }
    return batches;
  }

  #perform(effect: Exclude<Effect, { type: `persist${string}` }>): void {
    const at = this.#ports.clock.now();
    switch (effect.type) {
      case "sign":
        this.#sign(effect);
        return;
      case "send":
        if (effect.to === "all") this.#broadcast(effect.message);
        else this.#sendTo(effect.to, effect.message);
        return;
      case "send-close":
        this.#sendClose(this.#participantAt(effect.to), effect.epoch);
        return;
      case "check-votes":
        this.#feed({
          type: "votes-checked",
          subject: effect.subject,
          ...this.#verifier.checkVotes(effect.subject, effect.votes),
        });
        return;
      case "fetch-batches":
        this.#fetcher.wantBatches(this.#unpooled(effect.batches), this.#participantsAt(effect.from), at);
        return;
      case "fetch-blocks":
        if (!this.#sync.isBehind(this.#syncHead()))
          this.#fetcher.wantBlock(effect.hash, this.#participantsAt(effect.from), at);
        return;
      case "fetch-certificates":
        this.#fetcher.wantCertificates(effect.first, effect.last, at);
        return;
      case "arm-timer": {
        const { timer } = effect;
        this.#ports.clock.after(timer.afterMs, () => {
          if (!this.#isStopped) this.#feed({ type: "timer-fired", timer });
        });
        return;
      }
      case "accuse":
        this.#onAccusation(effect.first, effect.second);
        return;
      case "observe":
        this.#onFact(effect.fact);
        return;
      default:
        unreachable(effect);
    }
  }

  #sign(effect: Extract<Effect, { type: "sign" }>): void {
    const { set, self } = this.#state.setting;
    // The epoch may have ended while its record was on its way to the disk: nothing of it is signed any more (EPOCH-4).
    if (this.#isStopped || self === undefined || effect.subject.epoch !== set.epoch) return;
    const publicKey = set.members[self]?.publicKey as Uint8Array;
    const key = this.#options.keys.find((own) => equalBytes(own.publicKey, publicKey)) as ConsensusKey;
    const signature = this.#verifier.sign(key.secretKey, effect.subject);
    this.#noteVote(self, effect.subject);
    this.#feed({ type: "signed", subject: effect.subject, signature });
  }

  #send(to: ParticipantNumber, message: Message): void {
    this.#ports.transport.send(to, channelOf(message), encodeMessage(message));
  }

  #sendTo(to: ValidatorIndex, message: Message): void {
    const participant = this.#participantAt(to);
    if (participant !== undefined) this.#send(participant, message);
  }

  /** Where we are, and what ends an epoch, concerns all peers; the rest those who validate in our epoch. */
  #broadcast(message: Message): void {
    const frame = encodeMessage(message);
    const channel = channelOf(message);
    const isForAll = message.type === "status" || message.type === "epoch-close";
    const receivers = isForAll ? this.#peers.participants : this.#syncMembers().members;
    for (const peer of receivers) this.#ports.transport.send(peer, channel, frame);
  }

  #sendClose(to: ParticipantNumber | undefined, epoch: Epoch): void {
    const close = to === undefined ? undefined : this.closeOf(epoch);
    if (to !== undefined && close !== undefined) this.#send(to, { type: "epoch-close", close });
  }

  #participantAt(index: ValidatorIndex): ParticipantNumber | undefined {
    return this.#state.setting.set.members[index]?.participant;
  }

  #participantsAt(indices: readonly ValidatorIndex[]): ParticipantNumber[] {
    return indices.map((index) => this.#participantAt(index)).filter((number) => number !== undefined);
  }

  /** The other validators of our epoch. */
  #syncMembers(): { readonly members: readonly ParticipantNumber[]; readonly faults: number } {
    const { set, faults } = this.#state.setting;
    const members = set.members.map(({ participant }) => participant);
    return { members: members.filter((participant) => participant !== this.#options.participant), faults };
  }

  // What peers say.

  #onAgreement(from: ParticipantNumber, message: AgreementMessage): void {
    if (message.type === "status") this.#sync.noteStatus(from, message.status.finalizedHeight, this.#ports.clock.now());
    const { set } = this.#state.setting;
    const index = set.members.findIndex(({ participant }) => participant === from);
    if (index < 0) {
      this.#onOutsider(from, message);
      return;
    }
    const validator = index as ValidatorIndex;
    const admission = this.#verifier.admit(validator, message, (subject) => isKnown(this.#state, subject));
    if (admission.type === "refused") {
      this.#accuse(from, admission.reason);
      return;
    }
    if (!this.#isCountable(validator, admission.message)) {
      this.#accuse(from, "a vote that does not verify");
      return;
    }
    if (message.type === "vote" && message.vote.epoch === set.epoch) this.#noteVote(validator, message.vote);
    if (message.type === "epoch-close") this.#noteClose(message.close);
    this.#feed({ type: "received", from: validator, message: admission.message });
    if (message.type === "status") this.#catchUp();
  }

  /**
   * Signatures of votes are otherwise checked in sums. One that contradicts a held one is checked now, and so is what it
   * contradicts: evidence needs both, and a badly signed vote must not hide what its signer says next (SAFE-10).
   */
  #isCountable(from: ValidatorIndex, message: AgreementMessage): boolean {
    const vote =
      message.type === "vote"
        ? message.vote
        : message.type === "proposal"
          ? prepareOf(from, message.proposal)
          : undefined;
    const held = vote === undefined ? [] : contradicted(this.#state, vote);
    if (vote === undefined || held.length === 0) return true;
    const bad = this.#verifier.badIn(vote, held);
    if (bad.includes(vote)) return false;
    for (const { kind, epoch, view, hash, signer } of bad) {
      const subject = { kind, epoch, view, hash };
      this.#feed({ type: "votes-checked", subject, certificate: undefined, bad: [signer] });
    }
    return true;
  }

  /**
   * A peer that is no validator of our epoch: one who follows, has left or is to come; or we are behind, and it
   * validates in a later epoch. Proofs hold whoever sends them; of votes and proposals only their epoch matters.
   */
  #onOutsider(from: ParticipantNumber, message: AgreementMessage): void {
    switch (message.type) {
      case "certificate":
      case "commit-proof":
      case "epoch-close": {
        const admission = this.#verifier.admitProof(message, (subject) => isKnown(this.#state, subject));
        if (admission.type === "refused") {
          this.#accuse(from, admission.reason);
          return;
        }
        if (message.type === "epoch-close") this.#noteClose(message.close);
        this.#feed({ type: "learned", message: admission.message });
        return;
      }
      case "proposal":
        this.#answerOutsider(from, message.proposal.block.header.epoch, undefined);
        return;
      case "vote":
        this.#answerOutsider(from, message.vote.epoch, undefined);
        return;
      case "status":
        this.#answerOutsider(from, message.status.epoch, message.status.finalizedView);
        this.#catchUp();
        return;
      default:
        unreachable(message);
    }
  }

  /** Twice a tick at the most: what ends an older epoch, our newest finality, or where we are. */
  #answerOutsider(to: ParticipantNumber, epoch: Epoch, finalizedView: View | undefined): void {
    const at = this.#ports.clock.now();
    const last = this.#answered.get(to) ?? Number.NEGATIVE_INFINITY;
    if (at - last < this.#options.timing.tickMs / 2) return;
    const { setting, head, headProof } = this.#state;
    const status: Message = { type: "status", status: statusOf(this.#state) };
    if (epoch < setting.set.epoch) {
      // With the height, which tells it whom it can ask for the blocks up to there.
      this.#send(to, status);
      this.#sendClose(to, epoch);
    } else if (epoch > setting.set.epoch) this.#send(to, status);
    else if (finalizedView !== undefined && this.#ownIndex() !== undefined) {
      // Whoever only follows learns from a validator how far the others are, and why that is final.
      this.#send(to, status);
      if (finalizedView < head.view && headProof !== undefined)
        this.#send(to, { type: "commit-proof", proof: headProof });
    } else return;
    this.#answered.set(to, at);
    for (const [peer, answeredAt] of this.#answered) if (at - answeredAt > 60_000) this.#answered.delete(peer);
  }

  /** A verified end of our epoch is a height that is final, whoever states it (SYNC-5). */
  #noteClose(close: EpochClose): void {
    const last = closedBlock(close);
    if (close.header.epoch === this.#state.setting.set.epoch && last !== undefined) this.#sync.noteProven(last.height);
  }

  #onFetch(from: ParticipantNumber, message: FetchMessage): void {
    const at = this.#ports.clock.now();
    switch (message.type) {
      case "push-batch":
        this.#onBatch(from, message.bytes, false);
        return;
      case "batches":
        for (const bytes of message.batches) this.#onBatch(from, bytes, true);
        this.#executor.run();
        this.#fetcher.retry(at);
        return;
      case "certificates":
        this.#feed({ type: "certificates-fetched", certificates: this.#verifier.valid(message.certificates) });
        return;
      case "blocks":
        this.#onBlocks(message.blocks);
        return;
      case "range":
        this.#onRange(from, message);
        return;
      case "get-batches":
      case "get-blocks":
      case "get-certificates":
      case "get-range":
        for (const answer of this.#serving.answer(from, message)) this.#send(from, answer);
        return;
      default:
        unreachable(message);
    }
  }

  #onBatch(from: ParticipantNumber, bytes: Uint8Array, isAnswer: boolean): void {
    const digest = isAnswer && parseBatch(bytes).ok ? batchDigest(sha256, bytes) : undefined;
    const requested = digest !== undefined && this.#fetcher.isBatchWanted(digest);
    if (isAnswer && !requested) return;
    const verdict = this.#mempool.admit(bytes, { type: "peer", peer: from, requested }, this.#poolTime());
    if (verdict.type === "rejected" && provesPeerFault(verdict.code))
      this.#accuse(from, `a batch that is ${verdict.code}`);
    if (requested && verdict.type !== "rejected") this.#fetcher.gotBatch(digest);
    this.#onPooled(verdict);
  }

  /** Batches that are not on our disk either; those that are (since before a restart) go back to the pool. */
  #unpooled(batches: Body): Body {
    return batches.filter(({ digest }) => {
      const bytes = this.#ports.store.batch(digest);
      if (bytes === undefined) return true;
      this.#stored.add(digest);
      const source = { type: "peer", peer: this.#options.participant, requested: true } as const;
      this.#onPooled(this.#mempool.admit(bytes, source, this.#poolTime()));
      return false;
    });
  }

  /** Tells agreement of a batch that the pool took, and of those that had to make room. */
  #onPooled(verdict: Verdict): void {
    if (verdict.type !== "admitted") return;
    for (const digest of verdict.evicted) this.#feed({ type: "batch-dropped", digest });
    const batch = this.#mempool.describe(verdict.digest);
    if (batch !== undefined) this.#feed({ type: "batch-held", batch });
  }

  /** The wanted block, then ancestors linked to it by hash. */
  #onBlocks(blocks: readonly Block[]): void {
    const [first] = blocks;
    if (first === undefined || !this.#fetcher.takeBlock(first.hash)) return;
    const linked: Block[] = [first];
    for (const block of blocks.slice(1)) {
      if (block.hash !== linked[linked.length - 1]?.header.parentHash) break;
      linked.push(block);
    }
    this.#feed({ type: "blocks-fetched", blocks: linked, proof: undefined });
  }

  #onRange(from: ParticipantNumber, message: Extract<FetchMessage, { type: "range" }>): void {
    const at = this.#ports.clock.now();
    const { blocks, proof } = message;
    const drain = message.drain === undefined ? undefined : drainBlock(message.drain);
    const verdict = this.#sync.accept({ from, blocks, proof, drain }, this.#syncHead(), at);
    if (verdict.type === "refused") this.#accuse(from, `a range that cannot be: ${verdict.reason}`);
    if (verdict.type === "linked") {
      if (this.#verifier.isValidProof(verdict.proof)) {
        this.#feed({ type: "blocks-fetched", blocks: verdict.blocks, proof: verdict.proof });
        this.#observe({ type: "catching-up", height: this.#state.head.height, target: this.#sync.target() });
      } else {
        this.#sync.penalize(from, at);
        this.#accuse(from, "a range whose finality proof does not verify");
      }
    }
    this.#catchUp();
  }

  #catchUp(): void {
    const request = this.#sync.next(this.#syncHead(), this.#ports.clock.now());
    if (request !== undefined) {
      this.#fetcher.forgetBlocks();
      this.#send(request.to, { type: "get-range", from: request.from, count: request.count });
    }
    this.#noteReadiness();
  }

  #syncHead(): SyncHead {
    const { height, hash } = this.#state.head;
    return { height, hash, executedHeight: this.#claim.height };
  }

  #onAccusation(first: Vote, second: Vote): void {
    const { signer, epoch, view } = second;
    const key = evidenceKey(second);
    if (this.#evidence.has(key) || this.#evidence.size >= EVIDENCE_MAX) return;
    const [left, right] = [first, second].map(({ kind, hash, signature }): SignedVote => ({ kind, hash, signature }));
    if (left === undefined || right === undefined) return;
    // In one order, so that the same offence gives the same bytes everywhere (attack 36).
    const inOrder = `${left.kind}${left.hash}` < `${right.kind}${right.hash}`;
    const equivocation: Equivocation = { signer, epoch, view, votes: inOrder ? [left, right] : [right, left] };
    this.#evidence.set(key, equivocation);
    this.#ports.store.write({ durable: true, evidence: [equivocation] }, (failure) => {
      if (failure !== undefined) this.#fail(failure);
    });
    this.#observe({ type: "evidence", equivocation });
  }

  #accuse(peer: ParticipantNumber, reason: string): void {
    this.#observe({ type: "peer-fault", peer, reason });
  }

  #noteVote(signer: ValidatorIndex, vote: Pick<VoteSeen, "kind" | "view">): void {
    this.#lastVotes[signer] = { kind: vote.kind, view: vote.view, at: this.#ports.clock.now() };
  }

  // Batches of our own clients.

  #admit(digest: Digest, receivedAt: number, done: (verdict: SubmitVerdict) => void): void {
    const bytes = this.#mempool.get(digest) as Uint8Array;
    const isNew = !this.#stored.has(digest);
    this.#stored.add(digest);
    this.#admissions.set(digest, [done]);
    const write: StoreWrite = { durable: true, admitted: [digest], ...(isNew ? { batches: [{ digest, bytes }] } : {}) };
    this.#ports.store.write(write, (failure) => {
      if (failure !== undefined) {
        this.#fail(failure);
        return;
      }
      const waiting = this.#admissions.get(digest) ?? [];
      this.#admissions.delete(digest);
      this.#observe({ type: "admitted", digest });
      for (const callback of waiting) callback({ type: "admitted", digest });
    });
    this.#push(digest, bytes);
    this.#observe({ type: "submitted", digest, receivedAt });
    const batch = this.#mempool.describe(digest);
    if (batch !== undefined) this.#feed({ type: "batch-held", batch });
  }

  #awaitAdmission(
    digest: Digest,
    done: (verdict: SubmitVerdict) => void,
    answer: (verdict: SubmitVerdict) => void,
  ): void {
    const waiting = this.#admissions.get(digest);
    // What is ordered by a block that is not stored yet is promised by nobody here: it is asked for again soon.
    const orderedAt = this.#state.ordered.get(digest)?.height ?? 0;
    if (waiting !== undefined) waiting.push(done);
    else if (orderedAt > this.#head.height) answer({ type: "busy", retryAfterMs: STORING_RETRY_MS });
    else answer({ type: "admitted", digest });
  }

  #pool(bytes: Uint8Array): void {
    // A clock that is slow after a restart must not drop what was admitted by a good one.
    const time = this.#poolTime();
    const wall = Math.max(time.wall, time.finalizedTimestamp);
    this.#onPooled(this.#mempool.admit(bytes, { type: "restored" }, { ...time, wall }));
  }

  #push(digest: Digest, bytes: Uint8Array): void {
    this.#pushedAt.set(digest, this.#ports.clock.now());
    this.#broadcast({ type: "push-batch", bytes });
  }

  /** The oldest own batches that are still not final: whoever lost them gets them again. */
  #pushAgain(): void {
    const at = this.#ports.clock.now();
    let count = 0;
    let sum = 0;
    for (const { digest, bytes } of this.#mempool.own()) {
      const waitMs = REPUSH_AFTER_MS + bytes.length / REPUSH_BYTES_PER_MS;
      if (at - (this.#pushedAt.get(digest) ?? Number.NEGATIVE_INFINITY) < waitMs) continue;
      count += 1;
      sum += bytes.length;
      if (count > REPUSHED_MAX || (count > 1 && sum > REPUSHED_BYTES_MAX)) break;
      this.#push(digest, bytes);
    }
    for (const digest of this.#pushedAt.keys()) if (!this.#mempool.has(digest)) this.#pushedAt.delete(digest);
  }

  #poolTime(): { readonly wall: number; readonly finalizedTimestamp: number } {
    return { wall: this.#ports.clock.wall(), finalizedTimestamp: this.#head.timestamp };
  }

  // Finality and execution.

  #onFact(fact: Fact): void {
    this.#observe({ type: "agreement", fact });
    if (fact.type === "diverged") {
      const { agreedHeight, certified, own } = fact.conflict;
      this.#divergence = { agreedHeight, divergedHeight: own.height, certified, own };
      this.#noteReadiness();
    }
    if (fact.type === "epoch-changed") this.#onEpochChanged();
    if (fact.type !== "finalized") return;
    const last = fact.blocks[fact.blocks.length - 1] as Block;
    this.#head = headAfter(last);
    if (this.#leavers !== undefined && last.header.executed.height >= this.#leavers.until) {
      this.#leavers = undefined;
      this.#refreshPeers();
    }
    this.#announce({ type: "finalized", height: last.header.height });
    this.#executor.finalized(fact.blocks);
    this.#expire();
    if (this.#sync.isBehind(this.#syncHead())) this.#catchUp();
    this.#noteReadiness();
  }

  /** The core has followed already; what stands around it does now. */
  #onEpochChanged(): void {
    this.#lastVotes.length = 0;
    this.#sync.setMembers(this.#syncMembers());
    this.#noteLeavers();
    this.#refreshPeers();
    this.#noteReadiness();
  }

  /** Those who validated until the epoch began serve its last blocks until a certified claim covers them (EPOCH-8). */
  #noteLeavers(): void {
    const { epoch } = this.#head;
    const anchor = this.#epochs.anchor(this.#head);
    const before = anchor === undefined ? undefined : this.membersOf(toEpoch(epoch - 1));
    const isCovered = anchor === undefined || this.#state.head.executed.height >= anchor.height;
    this.#leavers = isCovered || before === undefined ? undefined : { members: before.members, until: anchor.height };
  }

  #refreshPeers(): void {
    const { epoch } = this.#head;
    this.#decision = this.ledger.nextSet;
    this.#candidates = this.ledger.candidates;
    const isAhead = this.#decision !== undefined && this.#decision.epoch > epoch;
    const isChanged = this.#peers.update({
      members: this.membersOf(epoch)?.members ?? [],
      leavers: this.#leavers?.members ?? [],
      newcomers: [...(isAhead ? (this.#decision?.validators ?? []) : []), ...this.#candidates],
    });
    if (!isChanged) return;
    this.#fetcher.setPeers(this.#peers.participants);
    this.#sync.keepPeers(this.#peers.participants);
    this.#observe({ type: "peers-changed", contacts: this.#peers.contacts });
  }

  #onExecuted(execution: Execution): void {
    const { block, executed, claim } = execution;
    this.#observe({ type: "executed", block });
    this.#claim = claim;
    const digests = block.body.map((reference) => reference.digest);
    this.#mempool.remove(digests);
    const eventful = executed.leaf.leafCount > 0;
    const { nextSet } = this.ledger;
    this.#feed({
      type: "executed",
      claim,
      eventful,
      nextDeadline: this.ledger.nextDeadline(),
      succession: nextSet,
    });
    if (nextSet !== this.#decision || this.ledger.candidates !== this.#candidates) this.#refreshPeers();
  }

  #onWritten({ block, executed }: Execution): void {
    for (const { digest } of block.body) this.#stored.delete(digest);
    const batches = block.body.map(({ digest }, index) => ({ digest, codes: executed.codes[index] as Uint16Array }));
    this.#announce({ type: "executed", height: block.header.height, batches });
    this.#noteReadiness();
  }

  #expire(): void {
    const dropped = this.#mempool.expire(this.#head.timestamp);
    if (dropped.length === 0) return;
    this.#ports.store.write({ durable: false, dropAdmitted: dropped }, (failure) => {
      if (failure !== undefined) this.#fail(failure);
    });
    for (const digest of dropped) {
      this.#stored.delete(digest);
      this.#feed({ type: "batch-dropped", digest });
      this.#announce({ type: "batch-dropped", digest });
    }
  }

  #scheduleTick(): void {
    this.#ports.clock.after(this.#options.timing.tickMs, () => {
      if (this.#isStopped) return;
      this.#serving.tick();
      this.#feed({ type: "tick" });
      this.#pushAgain();
      this.#fetcher.retry(this.#ports.clock.now());
      this.#executor.run();
      this.#catchUp();
      this.#scheduleTick();
    });
  }

  #noteReadiness(): void {
    const { state } = this.readiness();
    if (state === this.#lastReadiness) return;
    this.#lastReadiness = state;
    this.#announce({ type: "readiness-changed" });
  }

  #announce(fact: ReplicaFact): void {
    for (const listener of this.#listeners) listener(fact);
  }

  /** The disk failed: nothing more is voted, answered or sent (attack 55). */
  #fail(failure: StoreFailure): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#observe({ type: "store-failed", failure });
  }
}

/** The leader's vote for its own block, as its proposal carries it. */
const prepareOf = (signer: ValidatorIndex, { block, signature }: Proposal): Vote => {
  const { epoch, view } = block.header;
  return { kind: "PREPARE", epoch, view, hash: block.hash, signer, signature, certificate: undefined };
};

const evidenceKey = ({ epoch, view, signer }: Pick<Equivocation, "epoch" | "view" | "signer">): string =>
  `${epoch}:${view}:${signer}`;

interface FinalEntry {
  readonly block: Block;
  /** Of the last block of one finality. */
  readonly proof?: CommitProof;
  readonly close?: EpochClose | undefined;
}

/** The last block of a finality; one that ends its epoch may be final by a DRAIN block's proof only. */
function lastEntry({ blocks, proof, close }: Extract<Effect, { type: "persist-final" }>): FinalEntry {
  const block = blocks[blocks.length - 1] as Block;
  return proof.commit.hash === block.hash ? { block, proof } : { block, close };
}

/** The head that a finalised block makes: the last block of an epoch is the next one's view 0. */
function headAfter({ header, hash }: Block): FinalHead {
  const { epoch, view, height, timestamp, type } = header;
  const isLast = type === "CLOSING";
  return { epoch: toEpoch(isLast ? epoch + 1 : epoch), view: toView(isLast ? 0 : view), height, hash, timestamp };
}

/** The header of a DRAIN block is all of it. */
const drainBlock = (header: Block["header"]): Block => ({
  hash: blockHash(sha256, encodeHeader(header)),
  header,
  body: [],
});

const SUBMIT_FAULTS = {
  malformed: "malformed_batch",
  wrong_chain: "wrong_chain",
  unknown_key: "unknown_participant",
  expired: "expired",
  not_after_too_far: "not_after_too_far",
  bad_signature: "bad_signature",
} as const;

function channelOf(message: Message): Channel {
  switch (message.type) {
    case "proposal":
    case "vote":
    case "certificate":
    case "commit-proof":
    case "status":
    case "epoch-close":
      return "consensus";
    case "push-batch":
      return "batches";
    default:
      return "sync";
  }
}

const storedBlock = (block: Block): { hash: Digest; header: Uint8Array; body: Uint8Array } => ({
  hash: block.hash,
  header: encodeHeader(block.header),
  body: encodeBody(block.body as Body),
});

function finalizedPart(entries: readonly FinalEntry[]): NonNullable<StoreWrite["finalized"]> {
  const last = (entries[entries.length - 1] as FinalEntry).block;
  return {
    blocks: entries.map(({ block, proof, close }) => ({
      ...storedBlock(block),
      height: block.header.height,
      proof,
      ...(close === undefined ? {} : { close: { header: encodeHeader(close.header), proof: close.proof } }),
    })),
    head: headAfter(last),
  };
}

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
  isKnown,
  leaderOf,
  type Message,
  type Proposal,
  step,
  type Timing,
  type Vote,
} from "../consensus/index.js";
import { type CertificateScheme, ed25519, sha256 } from "../crypto/index.js";
import {
  type Body,
  batchDigest,
  type Claim,
  encodeBody,
  encodeHeader,
  type Genesis,
  parseBatch,
  type ValidatorSet,
} from "../formats/index.js";
import type { Ledger, LedgerOptions } from "../ledger/index.js";
import { Mempool, type MempoolLimits, provesPeerFault, type Verdict } from "../mempool/index.js";
import { type Digest, EVIDENCE_MAX, EXECUTION_LAG_MAX, unreachable, type ValidatorIndex } from "../primitives/index.js";
import { RangeSync, type SyncHead } from "../sync/index.js";
import { type Execution, Executor } from "./executor.js";
import { Fetcher } from "./fetcher.js";
import { Outbox } from "./outbox.js";
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

/** Own batches pushed again at each tick, and how long one has had by then to become final, milliseconds. */
const REPUSHED_MAX = 4;
const REPUSH_AFTER_MS = 2_000;
/** A disk write or two. */
const STORING_RETRY_MS = 100;
/** Without finality for less than this, nobody is told that the network stands still. */
const STALLED_MIN_MS = 2_000;
/** Final blocks that may wait for execution while reads still count as the latest. */
const UNEXECUTED_READY_MAX = 2 * EXECUTION_LAG_MAX;

export interface ReplicaOptions {
  readonly genesis: Genesis;
  readonly chainId: Digest;
  readonly set: ValidatorSet;
  readonly scheme: CertificateScheme;
  readonly self: ValidatorIndex;
  readonly secretKey: Uint8Array;
  /** False while this validator's own record is lost: it follows, and votes for nothing (SAFE-11). */
  readonly mayVote: boolean;
  /** Votes on with a record that certificates show to be outdated; for liars that live twice. */
  readonly trustsRecord?: boolean;
  readonly timing: Timing;
  readonly mempoolLimits: MempoolLimits;
  readonly ledgerOptions: LedgerOptions;
}

/** For logs and metrics beside the facts that clients see. */
export type ReplicaEvent =
  | { readonly type: "agreement"; readonly fact: Fact }
  | { readonly type: "peer-fault"; readonly peer: ValidatorIndex; readonly reason: string }
  | { readonly type: "catching-up"; readonly height: number; readonly target: number }
  | { readonly type: "evidence"; readonly equivocation: Equivocation }
  | { readonly type: "store-failed"; readonly failure: StoreFailure };

/**
 * One validator: drives agreement, pool, ledger and catch-up over its ports. Everything happens on the
 * turn on which a port calls in; the same code runs in production and in the simulator.
 */
export class Replica implements ReplicaView {
  readonly ledger: Ledger;
  readonly #options: ReplicaOptions;
  readonly #ports: Ports;
  readonly #state: AgreementState;
  readonly #verifier: Verifier;
  readonly #mempool: Mempool;
  readonly #executor: Executor;
  readonly #fetcher: Fetcher;
  readonly #serving: Serving;
  readonly #sync: RangeSync;
  readonly #outbox: Outbox;
  readonly #peers: readonly ValidatorIndex[];
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
    this.#options = options;
    this.#ports = ports;
    this.#observe = observe;
    const { genesis, chainId, set, timing, self } = options;
    const recovery = recover({ store: ports.store, genesis, chainId, ledgerOptions: options.ledgerOptions });
    const { recovered } = recovery;
    this.ledger = recovery.ledger;
    this.#state = createAgreement({
      chainId,
      set,
      timing,
      self: options.mayVote ? self : undefined,
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
    this.#peers = set.members.map((_, index) => index as ValidatorIndex).filter((index) => index !== self);
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
    this.#fetcher = new Fetcher(this.#peers, (to, message) => this.#send(to, message));
    this.#serving = new Serving(this.#state, ports.store, (digest) => this.#mempool.get(digest));
    this.#sync = new RangeSync({ validators: set.members.length, faults: this.#state.setting.faults });
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
  }

  /** Starts voting, executing and ticking. */
  start(): void {
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
  receive(from: ValidatorIndex, _channel: Channel, frame: Uint8Array): void {
    if (this.#isStopped) return;
    const decoded = decodeMessage(sha256, from, frame);
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
    const verdict = this.#mempool.admit(bytes, { type: "client" }, this.#poolTime());
    switch (verdict.type) {
      case "admitted":
        this.#admit(verdict.digest, done);
        return;
      case "duplicate":
        if (verdict.adopted) this.#admit(verdict.digest, done);
        else this.#awaitAdmission(verdict.digest, done, answer);
        return;
      case "already_ordered": {
        const height = this.#state.ordered.get(verdict.digest)?.height ?? this.#head.height;
        answer({ type: "ordered", digest: verdict.digest, height });
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

  evidence(): readonly Equivocation[] {
    return [...this.#evidence.values()];
  }

  readiness(): ReplicaReadiness {
    if (this.#isStopped) return { state: "stopping" };
    if (this.#divergence !== undefined) return { state: "diverged" };
    if (!this.#sync.isInformed()) return { state: "starting" };
    if (this.#sync.isBehind(this.#syncHead())) return { state: "syncing", targetHeight: this.#sync.target() };
    if (this.#claim.height < this.#replayTarget || this.#head.height - this.#claim.height > UNEXECUTED_READY_MAX) {
      return { state: "syncing", targetHeight: this.#head.height };
    }
    return { state: "ready" };
  }

  consensus(): ReplicaConsensus {
    const at = this.#ports.clock.now();
    const { setting, current, head, pace } = this.#state;
    const away = awayValidators({ state: this.#state, at });
    // Not of the timeouts as they have grown meanwhile: those would outrun the time that has passed.
    const patienceMs = Math.max(STALLED_MIN_MS, 4 * firstTimeoutMs(this.#state));
    const stalled = at - pace.lastBlockAt > patienceMs && hasWork(this.#step());
    return {
      epoch: setting.set.epoch,
      view: current,
      leader: leaderOf(setting, current),
      finalizedView: head.view,
      finalizedHeight: head.height,
      self: this.#options.self,
      stalled,
      forked: this.#state.forked,
      validators: setting.set.members.map((_, index) => {
        const vote = this.#lastVotes[index];
        return {
          connected: index === this.#options.self || !away.includes(index as ValidatorIndex),
          lastVote: vote === undefined ? undefined : { kind: vote.kind, view: vote.view, agoMs: at - vote.at },
        };
      }),
    };
  }

  /** What the pool holds, for metrics. */
  pool(): { readonly batches: number; readonly bytes: number } {
    return { batches: this.#mempool.size, bytes: this.#mempool.bytes };
  }

  /** Whether this validator votes at all: not with a lost or an outdated record (SAFE-11). */
  mayVote(): boolean {
    return this.#options.mayVote && !this.#state.outdated;
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
    const finalBlocks: { readonly block: Block; readonly proof: StoreProof }[] = [];
    let write: StoreWrite = { durable: true };
    for (const effect of effects) {
      if (effect.type === "persist") {
        const certificates = [...(write.certificates ?? []), ...effect.certificates];
        write = { ...write, record: effect.record, certificates };
        if (effect.block !== undefined) proposals.push(effect.block);
      } else if (effect.type === "persist-final") {
        const last = effect.blocks.length - 1;
        effect.blocks.forEach((block, index) =>
          finalBlocks.push({ block, proof: index === last ? effect.proof : undefined }),
        );
      } else {
        const { agreedHeight, certified, own } = effect.divergence;
        write = { ...write, divergence: { agreedHeight, divergedHeight: own.height, certified, own } };
      }
    }
    const batches = this.#unstoredBatches(proposals);
    if (batches.length > 0) write = { ...write, batches };
    if (proposals.length > 0) write = { ...write, proposals: proposals.map(storedBlock) };
    return finalBlocks.length === 0
      ? write
      : { ...write, finalized: finalizedPart(finalBlocks, this.#state.setting.set.epoch) };
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
        this.#send(effect.to, effect.message);
        return;
      case "check-votes":
        this.#feed({
          type: "votes-checked",
          subject: effect.subject,
          ...this.#verifier.checkVotes(effect.subject, effect.votes),
        });
        return;
      case "fetch-batches":
        this.#fetcher.wantBatches(this.#unpooled(effect.batches), effect.from, at);
        return;
      case "fetch-blocks":
        if (!this.#sync.isBehind(this.#syncHead())) this.#fetcher.wantBlock(effect.hash, effect.from, at);
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
    if (this.#isStopped) return;
    const signature = this.#verifier.sign(this.#options.secretKey, effect.subject);
    this.#noteVote(this.#options.self, effect.subject);
    this.#feed({ type: "signed", subject: effect.subject, signature });
  }

  #send(to: ValidatorIndex | "all", message: Message): void {
    const frame = encodeMessage(message);
    const channel = channelOf(message);
    for (const peer of to === "all" ? this.#peers : [to]) this.#ports.transport.send(peer, channel, frame);
  }

  // What peers say.

  #onAgreement(from: ValidatorIndex, message: AgreementMessage): void {
    if (message.type === "status") this.#sync.noteStatus(from, message.status.finalizedHeight);
    const admission = this.#verifier.admit(from, message, (subject) => isKnown(this.#state, subject));
    if (admission.type === "refused") {
      this.#accuse(from, admission.reason);
      return;
    }
    if (!this.#isCountable(from, admission.message)) {
      this.#accuse(from, "a vote that does not verify");
      return;
    }
    if (message.type === "vote") this.#noteVote(from, message.vote);
    this.#feed({ type: "received", from, message: admission.message });
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

  #onFetch(from: ValidatorIndex, message: FetchMessage): void {
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

  #onBatch(from: ValidatorIndex, bytes: Uint8Array, isAnswer: boolean): void {
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
      const source = { type: "peer", peer: this.#options.self, requested: true } as const;
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

  #onRange(from: ValidatorIndex, message: Extract<FetchMessage, { type: "range" }>): void {
    const at = this.#ports.clock.now();
    const { blocks, proof } = message;
    const verdict = this.#sync.accept({ from, blocks, proof }, this.#syncHead(), at);
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

  #accuse(peer: ValidatorIndex, reason: string): void {
    this.#observe({ type: "peer-fault", peer, reason });
  }

  #noteVote(signer: ValidatorIndex, vote: Pick<VoteSeen, "kind" | "view">): void {
    this.#lastVotes[signer] = { kind: vote.kind, view: vote.view, at: this.#ports.clock.now() };
  }

  // Batches of our own clients.

  #admit(digest: Digest, done: (verdict: SubmitVerdict) => void): void {
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
      for (const callback of waiting) callback({ type: "admitted", digest });
    });
    this.#push(digest, bytes);
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
    this.#send("all", { type: "push-batch", bytes });
  }

  /** The oldest own batches that are still not final: whoever lost them gets them again. */
  #pushAgain(): void {
    const at = this.#ports.clock.now();
    for (const { digest, bytes } of this.#mempool.own(REPUSHED_MAX)) {
      if (at - (this.#pushedAt.get(digest) ?? Number.NEGATIVE_INFINITY) < REPUSH_AFTER_MS) continue;
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
    if (fact.type !== "finalized") return;
    const last = fact.blocks[fact.blocks.length - 1] as Block;
    const { epoch, view, height, timestamp } = last.header;
    this.#head = { epoch, view, height, hash: last.hash, timestamp };
    this.#announce({ type: "finalized", height });
    this.#executor.finalized(fact.blocks);
    this.#expire();
    if (this.#sync.isBehind(this.#syncHead())) this.#catchUp();
    this.#noteReadiness();
  }

  #onExecuted(execution: Execution): void {
    const { block, executed, claim } = execution;
    this.#claim = claim;
    const digests = block.body.map((reference) => reference.digest);
    this.#mempool.remove(digests);
    const eventful = executed.leaf.leafCount > 0;
    this.#feed({ type: "executed", claim, eventful, nextDeadline: this.ledger.nextDeadline() });
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

type StoreProof = NonNullable<StoreWrite["finalized"]>["blocks"][number]["proof"];

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

function finalizedPart(
  entries: readonly { readonly block: Block; readonly proof: StoreProof }[],
  epoch: FinalHead["epoch"],
): NonNullable<StoreWrite["finalized"]> {
  const { header, hash } = (entries[entries.length - 1] as (typeof entries)[number]).block;
  return {
    blocks: entries.map(({ block, proof }) => ({ ...storedBlock(block), height: block.header.height, proof })),
    head: { epoch, view: header.view, height: header.height, hash, timestamp: header.timestamp },
  };
}

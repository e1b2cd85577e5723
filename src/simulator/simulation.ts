import type { Timing, Vote } from "../consensus/index.js";
import { type Block, blockFromBytes, LAN_TIMING } from "../consensus/index.js";
import { certificateScheme, type SchemeName, sha256 } from "../crypto/index.js";
import { makeValidatorSet, RESULT_CODES, type ValidatorSet, voteBytes } from "../formats/index.js";
import { outcomeAt, outcomeCount } from "../ledger/index.js";
import { MEMPOOL_LIMITS } from "../mempool/index.js";
import {
  type Digest,
  equalBytes,
  fromHex,
  type Height,
  participantNumber,
  epoch as toEpoch,
  toHex,
  utf8,
  type ValidatorIndex,
  validatorIndex,
} from "../primitives/index.js";
import type { Channel, ReplicaEvent, ReplicaFact, StoreWrite, SubmitVerdict } from "../replica/index.js";
import { BEHAVIOURS, type BehaviourName, Puppet, Ring } from "./adversaries/index.js";
import {
  type Conviction,
  convict,
  EpochVoteRules,
  LedgerRules,
  MemoryRules,
  type Promiser,
  Promises,
  ProofRules,
  type Violation,
  Violations,
} from "./checkers/index.js";
import { Chronicle } from "./chronicle.js";
import { type Consortium, makeConsortium } from "./consortium.js";
import type { Coverage } from "./coverage.js";
import type { SimulatedStoreFault } from "./damage.js";
import { EventQueue } from "./event-queue.js";
import { Governing } from "./governing.js";
import { CALM_NETWORK, type LinkState, type NetworkPlan, SimulatedNetwork } from "./network.js";
import { type NodeWorld, SimulatedNode, START_WALL } from "./node.js";
import { Random } from "./random.js";
import type { DiskPlan } from "./store.js";
import type { Contents } from "./store-contents.js";
import { type WorkItem, Workload } from "./work/index.js";

export interface SimulationOptions {
  readonly seed: number;
  /** Other delays and losses than the seed's own, with all else the same; for shrinking. */
  readonly salt?: number;
  readonly validators: number;
  /** Banks beyond the first validators that have a machine: they follow until they are voted in. */
  readonly joiners?: number;
  readonly scheme?: SchemeName;
  readonly checkpointBlocks?: number;
  readonly timing?: Partial<Timing>;
  readonly network?: Partial<NetworkPlan>;
  readonly disk?: Partial<DiskPlan>;
  /** Byzantine validators and what each does wrong. */
  readonly adversaries?: Readonly<Record<number, readonly BehaviourName[]>>;
  /** Byzantine validators that run twice with one key. */
  readonly twins?: readonly number[];
  /** By validator: difference of its UTC clock from true time, ms. */
  readonly skewMs?: Readonly<Record<number, number>>;
  /** By validator: by what part its clock runs fast or slow; timers of all, UTC clocks of the unset ones only. */
  readonly driftRatio?: Readonly<Record<number, number>>;
  /** Validators whose UTC clock nobody sets. */
  readonly unsetClocks?: readonly number[];
  /**
   * Honest validators whose disk may be put back to an older state. What such a one votes counts as a liar's, for it
   * may have forgotten what it said (SAFE-11); all else about it is checked.
   */
  readonly restored?: readonly number[];
  /** By validator: time that executing one block takes, ms. */
  readonly executionMs?: Readonly<Record<number, number>>;
}

/** The heartbeat is off: idle networks have to fall silent by themselves. */
const SIMULATED_TIMING: Timing = { ...LAN_TIMING, capMs: 8_000, maxIdleMs: Number.POSITIVE_INFINITY };
const FAST_DISK: DiskPlan = { writeMs: [0.1, 1], failureRatio: 0 };
/** Clocks further off count as broken and vouch for no timestamp. */
const GOOD_SKEW_MS = 250;
/** How often a Byzantine validator speaks up unasked. */
const VOLUNTEER_MS = 150;
/** Ballots may be lost with the machine that they were handed to. */
const VOTING_AGAIN_MS = 4_000;
/** A deadline of the ledger nearer than this keeps an idle network busy soon. */
const NEAR_DEADLINE_MS = 30_000;

interface Submission {
  readonly item: WorkItem;
  /** Honest machines that promised to keep it. */
  readonly admittedBy: Set<SimulatedNode>;
}

/**
 * A consortium of real replicas over a faked world, and the checkers that watch it. Nothing here is
 * asynchronous and every choice comes from the seed, so one seed is one history.
 */
export class Simulation {
  readonly options: SimulationOptions;
  readonly consortium: Consortium;
  readonly queue = new EventQueue();
  readonly network: SimulatedNetwork;
  /** Instances: the validators in order, then second lives of twins. */
  readonly nodes: readonly SimulatedNode[];
  readonly ledger: LedgerRules;
  readonly #chronicle = new Chronicle(() => this.queue.now);
  readonly #violations = new Violations(
    () => this.queue.now,
    (rule) => this.coverage.hit("checks", rule),
  );
  readonly #votes: EpochVoteRules;
  readonly #governing: Governing;
  /** What banks with new keys are to be listed with. */
  readonly #renewed = new Map<number, Consortium["candidates"][number]>();
  /** Validators of the epochs after the first, as their last final blocks name them. */
  readonly #sets = new Map<number, ValidatorSet>();
  readonly #promises: Promises;
  readonly #proofs: ProofRules;
  readonly #memory: MemoryRules;
  readonly #puppets = new Map<number, Puppet>();
  readonly #ring: Ring;
  readonly #random: Random;
  readonly #workload: Workload;
  readonly #submissions = new Map<Digest, Submission>();
  #honest: readonly SimulatedNode[] | undefined;
  readonly #lives = new Map<number, readonly SimulatedNode[]>();
  readonly #twinSides = new Map<string, number>();
  readonly #verdicts = new Map<SubmitVerdict["type"], number>();
  /** Steps of catching up through ranges. */
  rangesFetched = 0;
  /** Lives that found their record outdated. */
  readonly #outdated = new Map<SimulatedNode, number>();
  #viewEntries = 0;
  /** What all clocks are off by together, and the newest time that was shown before they jumped. */
  #clockStepMs = 0;
  #wallBefore = 0;
  #submitted = 0;
  #resultsCounted = 0;
  #codesCounted = 0;
  #loads = 0;

  constructor(options: SimulationOptions) {
    this.options = options;
    const { seed, validators, joiners = 0 } = options;
    this.#random = new Random(seed, "simulation");
    const scheme = options.scheme ?? "keyed-hash";
    this.consortium = makeConsortium({
      ...{ validators, joiners, scheme },
      checkpointBlocks: options.checkpointBlocks ?? 8,
    });
    this.#governing = new Governing(this.consortium);
    this.#ring = new Ring(this.consortium, certificateScheme(scheme), (epoch) => this.#sets.get(epoch));
    const salted = options.salt === undefined ? "network" : `network ${options.salt}`;
    this.network = new SimulatedNetwork(this.queue, new Random(seed, salted), {
      ...CALM_NETWORK,
      ...options.network,
    });
    this.#workload = new Workload(this.consortium, seed);
    const twins = options.twins ?? [];
    const instances = [...Array.from({ length: validators + joiners }, (_, index) => index), ...twins];
    this.nodes = instances.map((index, id) => this.#makeNode(validatorIndex(index), id));
    this.#chronicle.begin(this.nodes);
    for (const [index, names] of Object.entries(options.adversaries ?? {})) this.#addPuppet(Number(index), names);
    this.#votes = new EpochVoteRules({
      first: this.consortium.set.members.map(({ participant }) => participant),
      isHonest: (participant) => this.keepsItsWord(participant - 1),
      mayVote: (participant) => this.nodes[participant - 1]?.mayVote === true,
      verifies: (vote) => this.#verifies(vote),
      violations: this.#violations,
    });
    this.ledger = new LedgerRules({
      genesis: this.consortium.genesis,
      chainId: this.consortium.chainId,
      violations: this.#violations,
      latestWall: () => this.#latestWall(),
      batch: (digest) => this.#batch(digest),
    });
    this.#promises = new Promises(this.#violations, this.ledger);
    this.#proofs = new ProofRules(this.consortium, this.ledger, this.#violations, (epoch) => this.#sets.get(epoch));
    this.#memory = new MemoryRules(validators + joiners, this.#violations);
    for (const node of this.nodes) node.start();
  }

  isHonest(index: number): boolean {
    return this.options.adversaries?.[index] === undefined && this.options.twins?.includes(index) !== true;
  }

  /** Honest, and certain to know what it voted for. */
  keepsItsWord(index: number): boolean {
    return this.isHonest(index) && this.options.restored?.includes(index) !== true;
  }

  /** Honest machines, up or not. */
  get honest(): readonly SimulatedNode[] {
    this.#honest ??= this.nodes.filter((node) => node.isHonest);
    return this.#honest;
  }

  get violations(): readonly Violation[] {
    return this.#violations.all;
  }

  /** What this history touched so far. */
  get coverage(): Coverage {
    return this.#chronicle.coverage;
  }

  /** SHA-256 of the history so far. */
  get digest(): string {
    return this.#chronicle.digest;
  }

  get events(): number {
    return this.#chronicle.events;
  }

  /** Height of the ledger: the highest that an honest machine finalised. */
  get height(): number {
    return this.ledger.height;
  }

  /** Heights at which honest machines finalised different blocks. */
  forks(): readonly number[] {
    return this.ledger.forks;
  }

  // Time.

  runFor(ms: number): void {
    const end = this.queue.now + ms;
    while (this.queue.nextAt <= end) this.queue.step();
    this.queue.skipTo(end);
  }

  /** Until the ledger is so high; false if the limit of virtual time passes first. */
  runUntil(goal: { readonly height: number; readonly limitMs: number }): boolean {
    return this.#runWhile(() => this.height < goal.height, goal.limitMs);
  }

  #runWhile(isUnmet: () => boolean, limitMs: number): boolean {
    const end = this.queue.now + limitMs;
    while (isUnmet()) {
      if (this.queue.nextAt > end || this.violations.length > 0) return false;
      this.queue.step();
    }
    return true;
  }

  // Work.

  /** One batch of the workload to a machine, or to a random one that is up. */
  submit(to?: SimulatedNode): void {
    this.#submitted += 1;
    this.#submit(
      this.#workload.next(this.#trueWall()),
      new Random(this.options.seed, `submission ${this.#submitted}`),
      to,
    );
  }

  #submit(item: WorkItem, random: Random, to?: SimulatedNode): void {
    this.#submissions.set(item.digest, { item, admittedBy: new Set() });
    const up = this.nodes.filter((node) => node.isUp);
    const first = to ?? (up.length > 0 ? random.pick(up) : undefined);
    if (first === undefined) return;
    this.#handIn(item, first);
    // Some clients do not trust one bank's machine.
    if (random.chance(0.15)) this.#handIn(item, random.pick(up));
  }

  /** Hands in something that was handed in before, as a client without an answer would. */
  #resubmit(random: Random): void {
    const up = this.nodes.filter((node) => node.isUp);
    if (this.#submissions.size === 0 || up.length === 0) return;
    const { item } = random.pick([...this.#submissions.values()]);
    this.#handIn(item, random.pick(up));
  }

  /**
   * Keeps submitting at a mean rate until some time. Each submission has a number and a random stream of its
   * own: one that is left out changes no other.
   *
   * @param untilMs virtual time
   * @param only numbers of the submissions that are made, counted from 1; all where it is absent
   */
  load(perSecond: number, untilMs: number, only?: ReadonlySet<number>): void {
    this.#loads += 1;
    const times = new Random(this.options.seed, `load ${this.#loads}`);
    const next = (): void => {
      const at = this.queue.now - Math.log(1 - times.fraction()) * (1_000 / perSecond);
      if (at > untilMs) return;
      this.queue.at(at, () => {
        this.#submitted += 1;
        const random = new Random(this.options.seed, `submission ${this.#submitted}`);
        const item = random.chance(0.06) ? undefined : this.#workload.next(this.#trueWall());
        if (only?.has(this.#submitted) !== false) {
          if (item === undefined) this.#resubmit(random);
          else this.#submit(item, random);
        }
        next();
      });
    };
    next();
  }

  /** How many submissions there were so far, those left out among them. */
  get submissions(): number {
    return this.#submitted;
  }

  /**
   * Banks propose that these machines, by index, validate from the next epoch on, and vote for it until it is decided.
   *
   * @param options.untilMs virtual time after which they vote no more
   */
  changeValidators(
    members: readonly number[],
    { untilMs = this.queue.now + 60_000, random = this.#random }: { untilMs?: number; random?: Random } = {},
  ): void {
    const before = this.epoch;
    const voters = this.membersOf(before);
    const proposer = random.pick(voters);
    const { item, id } = this.#governing.propose(...([proposer, members, this.#trueWall(), this.#renewed] as const));
    this.#handInAnywhere(item, random);
    const vote = (): void => {
      if (this.epoch !== before || this.queue.now > untilMs) return;
      for (const voter of voters) this.#handInAnywhere(this.#governing.vote(voter, id, this.#trueWall()), random);
      this.queue.after(VOTING_AGAIN_MS, vote);
    };
    this.queue.after(1_000, vote);
  }

  /** The owner of a machine without a disk makes a new key; the next change of validators names it. */
  renewKey(index: number): void {
    const scheme = certificateScheme(this.options.scheme ?? "keyed-hash");
    const { publicKey, secretKey } = scheme.keysFromSeed(sha256(utf8(`renewed ${index}`)));
    this.nodes[index]?.renewKey({ publicKey, secretKey, mayVote: true });
    this.#renewed.set(index, {
      ...(this.consortium.candidates[index] as Consortium["candidates"][number]),
      consensusKey: toHex(publicKey),
      proofOfPossession: toHex(scheme.provePossession(secretKey)),
    });
  }

  /** Newest epoch of which a block is final, or that one is final that begins it. */
  get epoch(): number {
    const last = this.ledger.chain[this.height - 1]?.header;
    return last === undefined ? 0 : last.epoch + (last.type === "CLOSING" ? 1 : 0);
  }

  /** Indices of the machines that validate in an epoch. */
  membersOf(epoch: number): readonly number[] {
    const members: number[] = [];
    for (let place = 0; ; place += 1) {
      const participant = this.#votes.participantAt(epoch, place);
      if (participant === undefined) return members;
      members.push(participant - 1);
    }
  }

  #handInAnywhere(item: WorkItem, random: Random): void {
    this.#submissions.set(item.digest, { item, admittedBy: new Set() });
    const up = this.nodes.filter((node) => node.isHonest && node.replica?.readiness().state === "ready");
    if (up.length > 0) this.#handIn(item, random.pick(up));
  }

  #handIn(item: WorkItem, node: SimulatedNode): void {
    node.submit(item.bytes, (verdict) => {
      this.#verdicts.set(verdict.type, (this.#verdicts.get(verdict.type) ?? 0) + 1);
      if (node.isHonest) this.coverage.hit("facts", `submission ${verdict.type}`);
      if (node.isHonest) {
        const isOver = item.notAfter <= (this.ledger.chain[this.height - 1]?.header.timestamp ?? 0);
        this.#promises.answered(promiserOf(node), item.digest, verdict, isOver);
      }
      if (verdict.type === "admitted" && node.isHonest) this.#submissions.get(item.digest)?.admittedBy.add(node);
      const isTimely =
        verdict.type === "refused" && (verdict.fault === "expired" || verdict.fault === "not_after_too_far");
      const isStranger =
        item.isKeyInDoubt === true && verdict.type === "refused" && verdict.fault === "unknown_participant";
      this.#violations.check(
        verdict.type !== "refused" || isTimely || isStranger,
        "a well-formed batch is not refused",
        () => `${node.name}: ${JSON.stringify(verdict)}`,
      );
    });
  }

  // Faults.

  /** Writes down that something befell the machines. */
  note(what: string): void {
    this.#chronicle.note(what);
  }

  /** Machines in different groups do not reach each other; one that is in no group reaches nobody. */
  partition(groups: readonly (readonly SimulatedNode[])[], state: LinkState = "refusing"): void {
    for (const from of this.nodes) {
      for (const to of this.nodes) {
        const isTogether = groups.some((group) => group.includes(from) && group.includes(to));
        this.network.setLink(from, to, isTogether ? "up" : state);
      }
    }
  }

  /** Which of a validator's two lives a machine talks to. */
  setTwinSide(peer: SimulatedNode, twin: number, side: 0 | 1): void {
    this.#twinSides.set(`${peer.id}:${twin}`, side);
  }

  /** UTC jumps on all machines and clients at once, as when a time server errs. */
  stepAllClocks(ms: number): void {
    this.#wallBefore = this.#latestWall();
    this.#clockStepMs += ms;
  }

  /** An operator puts a backup onto a machine's disk: what was admitted since is lost, and so is what was voted. */
  restore(node: SimulatedNode, backup: Contents): void {
    node.crash();
    node.store.restore(backup);
    for (const { admittedBy } of this.#submissions.values()) admittedBy.delete(node);
  }

  /** Calm network, all disks quick, every honest machine up but those excepted. */
  heal(options: { readonly except?: readonly SimulatedNode[]; readonly behave?: boolean } = {}): void {
    this.network.heal();
    this.network.plan = CALM_NETWORK;
    for (const node of this.nodes) {
      node.store.plan = FAST_DISK;
      node.store.isFull = false;
      node.executionMs = 0;
      node.crashAfterSends(Number.POSITIVE_INFINITY);
      if (options.except?.includes(node)) node.crash();
      else node.start();
    }
    for (const puppet of this.#puppets.values()) if (options.behave === true) puppet.isActive = false;
  }

  // Demands.

  /** Everything admitted is final and executed at each honest machine that is up, within some virtual time. */
  settle(limitMs: number): boolean {
    const isSettled = this.#runWhile(() => !this.isSettled(), limitMs);
    if (isSettled) this.review();
    return isSettled;
  }

  /** Looks back: what clients were told is there, and what they may ask for can be proven. */
  review(): void {
    this.#promises.review(this.honest.map(promiserOf));
    for (const node of this.honest) {
      const isAsked = node.replica?.readiness().state === "ready" && !node.store.isDamaged;
      if (isAsked) this.#proofs.review(node, this.isResultFinal());
    }
  }

  /** Who must have lied, where machines hold different blocks final: from their certificates alone. */
  convictions(): readonly Conviction[] {
    const { chainId, set, genesis } = this.consortium;
    const verifier = certificateScheme(genesis.scheme).verifiers(set.members.map(({ publicKey }) => publicKey));
    const witnesses = this.honest.map(({ name, store }) => ({ name, final: store.visible.final }));
    return convict(witnesses, { chainId, set, verifier });
  }

  isSettled(): boolean {
    const up = this.honest.filter((node) => node.isUp);
    const wall = this.#trueWall();
    for (const { replica } of up) {
      if (replica === undefined) continue;
      if (replica.head().height !== this.height || replica.executedHeight() !== this.height) return false;
      const deadline = replica.ledger.nextDeadline();
      if (deadline !== undefined && deadline < wall + NEAR_DEADLINE_MS) return false;
    }
    return this.isResultFinal() && this.unfinished().length === 0;
  }

  /** Admitted by an honest machine that is up and may vote, still valid, and in no block. */
  unfinished(): readonly Digest[] {
    const last = this.ledger.chain[this.height - 1]?.header.timestamp ?? 0;
    const missing: Digest[] = [];
    for (const [digest, { item, admittedBy }] of this.#submissions) {
      // Whoever restarts after a key has ended forgets what it signed.
      if (item.isKeyInDoubt === true) continue;
      // A machine whose own clock has passed the end of a batch drops it, rightly or not.
      const isPromised = [...admittedBy].some((node) => node.isUp && node.mayVote && node.wall() <= item.notAfter);
      if (isPromised && item.notAfter > last && !this.ledger.ordered.has(digest)) missing.push(digest);
    }
    return missing;
  }

  /** New work becomes that many new heights. */
  progress(demand: { readonly heights: number; readonly limitMs: number }): boolean {
    const goal = this.height + demand.heights;
    const end = this.queue.now + demand.limitMs;
    while (this.height < goal && this.queue.now < end && this.violations.length === 0) {
      this.submit();
      this.runUntil({ height: this.height + 1, limitMs: Math.min(2_000, end - this.queue.now) });
    }
    return this.height >= goal;
  }

  /** Whether no honest machine enters a view for that long; asked of a settled network without heartbeat. */
  isSilent(ms: number): boolean {
    const before = this.#viewEntries;
    this.runFor(ms);
    return this.#viewEntries === before;
  }

  /** Whether the newest final header claims the last results that anybody waits for (invariant 14). */
  isResultFinal(): boolean {
    const claimed = this.ledger.chain[this.height - 1]?.header.executed.height ?? 0;
    return claimed >= this.ledger.lastEventfulHeight;
  }

  /** The highest view that an honest machine is in. */
  get view(): number {
    return Math.max(0, ...this.honest.map(({ replica }) => replica?.consensus().view ?? 0));
  }

  /**
   * Demands that everything submitted becomes final within so many views: time alone would also be kept by a network that
   * only waits for its timers.
   */
  demandFinalWithin(views: number, limitMs: number): void {
    const first = this.view;
    const end = this.queue.now + limitMs;
    const backlog = this.unfinished().length;
    while (this.unfinished().length > 0 && this.view <= first + views && this.queue.now < end) this.runFor(10);
    this.demand(
      this.unfinished().length === 0,
      "LIVE-1: after healing everything submitted is final within a bound of views",
      () => `${this.unfinished().length} of ${backlog} are not after ${this.view - first} views; ${this.summary()}`,
    );
  }

  /** States a demand of the scenario as a rule. */
  demand(holds: boolean, rule: string, detail: () => string): void {
    this.#violations.check(holds, rule, detail);
  }

  /** What happened, in numbers. */
  summary(): string {
    const verdicts = [...this.#verdicts].map(([type, count]) => `${type} ${count}`).join(", ");
    const heads = this.nodes.map(({ name, replica }) =>
      replica === undefined ? `${name} down` : `${name} ${replica.head().height}/${replica.executedHeight()}`,
    );
    return `height ${this.height}, ${this.events} events, ${this.queue.now} ms; ${verdicts}; ${heads.join(" ")}`;
  }

  // The world of the machines.

  #makeNode(index: ValidatorIndex, id: number): SimulatedNode {
    const { seed, validators, joiners = 0, scheme = "keyed-hash", timing, disk } = this.options;
    const { skewMs, executionMs, driftRatio } = this.options;
    const { genesis, chainId, candidates, secretKeys } = this.consortium;
    const { participant, consensusKey } = candidates[index] as (typeof candidates)[number];
    return new SimulatedNode(this.#world(), {
      id,
      name: id < validators + joiners ? `${index}` : `${index}'`,
      isHonest: this.isHonest(index),
      disk: { ...FAST_DISK, ...disk },
      random: new Random(seed, `node ${id}`),
      skewMs: skewMs?.[index] ?? 0,
      driftRatio: driftRatio?.[index] ?? 0,
      isClockUnset: this.options.unsetClocks?.includes(index) === true,
      executionMs: executionMs?.[index] ?? 0,
      index,
      replica: {
        genesis,
        chainId,
        scheme: certificateScheme(scheme),
        participant,
        keys: [
          { publicKey: fromHex(consensusKey) as Uint8Array, secretKey: secretKeys[index] as Uint8Array, mayVote: true },
        ],
        // A liar goes on lying, whatever its record says.
        trustsRecord: !this.isHonest(index) && this.options.adversaries?.[index]?.length !== 0,
        timing: { ...SIMULATED_TIMING, ...timing },
        mempoolLimits: MEMPOOL_LIMITS,
        ledgerOptions: { hashSeed: seed >>> 0 },
      },
    });
  }

  #addPuppet(index: number, names: readonly BehaviourName[]): void {
    const puppet = new Puppet({
      index: validatorIndex(index),
      consortium: this.consortium,
      scheme: certificateScheme(this.options.scheme ?? "keyed-hash"),
      behaviours: names.map((name) => BEHAVIOURS[name]),
      acted: (behaviour) => this.coverage.hit("liars", behaviour),
      random: new Random(this.options.seed, `puppet ${index}`),
      ring: this.#ring,
    });
    this.#puppets.set(index, puppet);
    this.#volunteer(puppet);
  }

  #volunteer(puppet: Puppet): void {
    this.queue.after(VOLUNTEER_MS, () => {
      const from = this.nodes[puppet.index] as SimulatedNode;
      for (const to of this.nodes) {
        if (to.index === puppet.index || !from.isUp) continue;
        for (const frame of puppet.volunteered(to.index)) this.#carry(from, to.index, "consensus", frame);
      }
      for (const { name, replica } of this.honest) if (replica !== undefined) this.#memory.check(name, replica);
      this.#volunteer(puppet);
    });
  }

  #world(): NodeWorld {
    return {
      queue: this.queue,
      wall: () => this.#trueWall(),
      record: (what, content) => this.#chronicle.record(what, content),
      send: (node, to, channel, frame) => this.#send(node, to, channel, frame),
      observed: (node, event) => {
        if (node.isHonest) this.#observed(node, event);
      },
      starting: (node) => this.#starting(node),
      started: (node, replica) => {
        if (!node.isHonest) return;
        replica.subscribe((fact) => {
          this.#promises.announced(promiserOf(node), fact);
          if (fact.type === "executed") this.#countCodes(fact);
        });
      },
      writing: (node, write) => this.#writing(node, write),
      dying: (_node, where) => this.coverage.hit("facts", `power gone ${where}`),
      stopped: (node, fault) => this.#stopped(node, fault),
      threw: (node, error) => {
        if (!node.isHonest) return;
        const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#violations.add("an honest machine does not fail", `${node.name}: ${detail}`);
      },
    };
  }

  #send(node: SimulatedNode, to: ValidatorIndex, channel: Channel, frame: Uint8Array): boolean {
    const puppet = this.#puppets.get(node.index);
    if (puppet === undefined) return this.#carry(node, to, channel, frame);
    for (const [on, changed, delayMs] of puppet.outgoing(to, channel, frame)) {
      if (delayMs > 0) this.queue.after(delayMs, () => this.#carry(node, to, on, changed));
      else this.#carry(node, to, on, changed);
    }
    return true;
  }

  /** A frame leaves a liar's machine that its replica did not send; the checkers see it leave. */
  inject(liar: SimulatedNode, to: ValidatorIndex, channel: Channel, frame: Uint8Array): void {
    this.#carry(liar, to, channel, frame);
  }

  #carry(node: SimulatedNode, to: ValidatorIndex, channel: Channel, frame: Uint8Array): boolean {
    // A vote may leave inside a certificate that answers a question, before its own frame does.
    if (channel !== "batches") this.#votes.frameLeft(participantNumber(node.index + 1), frame, node.store.durable);
    if (node.isHonest) this.#chronicle.countFrame(frame);
    const target = this.#instance(node, to);
    if (target === undefined) return false;
    for (const reaction of this.#puppets.get(to)?.heard(node.index, frame) ?? []) {
      this.queue.after(0, () => this.#carry(target, reaction.to, "consensus", reaction.frame));
    }
    const isTaken = this.network.send(node, target, channel, frame);
    this.#chronicle.sent(node, target, frame, isTaken);
    return isTaken;
  }

  /** The life of validator `to` that a machine is connected to, if that life agrees. */
  #instance(from: SimulatedNode, to: ValidatorIndex): SimulatedNode | undefined {
    const lives = this.#livesOf(to);
    const target = lives[lives.length === 1 ? 0 : this.#sideOf(from, to)] as SimulatedNode;
    const ownLives = this.#livesOf(from.index);
    if (ownLives.length > 1 && ownLives[this.#sideOf(target, from.index)] !== from) return undefined;
    return target;
  }

  #livesOf(validator: number): readonly SimulatedNode[] {
    let lives = this.#lives.get(validator);
    if (lives === undefined) {
      lives = this.nodes.filter((node) => node.index === validator);
      this.#lives.set(validator, lives);
    }
    return lives;
  }

  #sideOf(peer: SimulatedNode, twin: number): number {
    return this.#twinSides.get(`${peer.id}:${twin}`) ?? peer.id % 2;
  }

  /** What reached the disk in a crash became final there without anybody being told. */
  #starting(node: SimulatedNode): void {
    if (!node.isHonest) return;
    const { record, head } = node.store.load();
    if (record !== undefined) this.coverage.hit("facts", "restarted over a record");
    const last = head?.height ?? 0;
    for (let at = Math.min(last, this.height + 1); at <= last; at += 1) {
      const stored = node.store.block(at as Height);
      const decoded = stored && blockFromBytes(sha256, stored.header, stored.body);
      if (decoded?.ok === true) this.#finalized(node, [decoded.value]);
    }
  }

  /** With real schemes, of which checks cost a hundred times more, the replicas' own checks have to do. */
  #verifies(vote: Vote): boolean {
    const set = vote.epoch === 0 ? this.consortium.set : this.#sets.get(vote.epoch);
    if (set === undefined || (this.options.scheme ?? "keyed-hash") !== "keyed-hash") return true;
    const { chainId } = this.consortium;
    const keys = set.members.map(({ publicKey }) => publicKey);
    const verifier = certificateScheme("keyed-hash").verifiers(keys);
    return verifier.verifyVote(vote.signer, voteBytes(vote, { chainId, valsetHash: set.hash }), vote.signature);
  }

  #finalized(node: SimulatedNode, blocks: readonly Block[]): void {
    this.ledger.finalized(node.name, blocks);
    for (const block of blocks) {
      this.#votes.finalized(block);
      const { epoch, nextSet } = block.header;
      if (nextSet !== undefined && !this.#sets.has(epoch + 1))
        this.#sets.set(epoch + 1, makeValidatorSet(sha256, toEpoch(epoch + 1), nextSet));
    }
  }

  /** The digest leaves the signature out: what is kept for others has to be what the bank signed. */
  #checkStoredBatches(node: SimulatedNode, { batches = [] }: StoreWrite): void {
    for (const { digest, bytes } of batches) {
      const signed = this.#submissions.get(digest)?.item.bytes;
      const isSame = signed === undefined || equalBytes(signed, bytes);
      const rule = "SAFE-7: a batch that is kept is the one that its bank signed";
      this.#violations.check(isSame, rule, () => `${node.name}: ${digest}`);
    }
  }

  #writing(node: SimulatedNode, write: StoreWrite): void {
    if (node.isHonest) this.#checkStoredBatches(node, write);
    this.#violations.check(
      write.record === undefined || this.#outdated.get(node) !== node.life,
      "SAFE-11: an outdated record is signed over no more",
      () => `${node.name}, view ${write.record?.view}`,
    );
    if (!node.isHonest || write.executed === undefined || node.replica === undefined) return;
    this.#countResults(write.executed);
    this.ledger.executed(node.name, write.executed, node.replica.ledger);
  }

  /** What the ledger did by itself at each height, once. */
  #countResults({ leaf, outcomes }: NonNullable<StoreWrite["executed"]>): void {
    if (leaf.height <= this.#resultsCounted) return;
    this.#resultsCounted = leaf.height;
    const block = this.ledger.chain[leaf.height - 1];
    const batchAt = (index: number): Uint8Array =>
      this.#batch(block?.body[index]?.digest as Digest) ?? new Uint8Array(0);
    const count = block === undefined ? 0 : outcomeCount(outcomes);
    for (let index = 0; index < count; index += 1) {
      const { code = -1, kind } = outcomeAt(outcomes, index, batchAt) ?? {};
      if (kind === "resolution") this.coverage.hit("results", RESULT_CODES[code]?.name ?? "none");
    }
  }

  /** The codes of all records at each height, once: those too that leave no outcome. */
  #countCodes({ height, batches }: Extract<ReplicaFact, { type: "executed" }>): void {
    if (height <= this.#codesCounted) return;
    this.#codesCounted = height;
    for (const { codes } of batches)
      for (const code of codes) this.coverage.hit("results", RESULT_CODES[code]?.name ?? "none");
  }

  #observed(node: SimulatedNode, event: ReplicaEvent): void {
    this.#chronicle.observed(node, event);
    const violations = this.#violations;
    const accuse = (signer: number, rule: string, detail: string): void =>
      violations.check(!this.keepsItsWord(signer), rule, () => `${node.name} about ${signer}: ${detail}`);
    switch (event.type) {
      case "peer-fault":
        accuse(event.peer - 1, "no honest validator is refused as a liar", event.reason);
        return;
      case "evidence": {
        const { signer, epoch, view, votes } = event.equivocation;
        const detail = `epoch ${epoch}, view ${view}, ${JSON.stringify(votes)}`;
        accuse((this.#votes.participantAt(epoch, signer) ?? 0) - 1, "SAFE-10: evidence names liars only", detail);
        return;
      }
      case "store-failed":
        this.queue.after(0, () => node.crash());
        this.queue.after(this.#random.between(200, 2_000), () => node.start());
        return;
      case "catching-up":
        this.rangesFetched += 1;
        return;
      case "peers-changed":
        // Every machine reaches every other one here: who talks to whom is the replicas' own affair.
        return;
      case "submitted":
      case "admitted":
      case "voting":
      case "executed":
        return;
      case "agreement":
        this.#fact(node, event.fact, accuse);
    }
  }

  /** The store of a machine refused to go on; whoever looks after the machine does what docs/operations.md says. */
  #stopped(node: SimulatedNode, { code }: SimulatedStoreFault): void {
    this.coverage.hit("facts", code === "STORE_FULL" ? "store is full" : "store is damaged");
    this.queue.after(this.#random.between(200, 2_000), () => {
      if (node.isUp) return;
      // Full: another try. Damaged: the newest backup, against the advice, or an empty disk.
      if (code === "STORE_CORRUPT") {
        const backup = this.keepsItsWord(node.index) ? undefined : node.backup;
        if (backup === undefined) node.wipe();
        else this.restore(node, backup);
      }
      node.start();
    });
  }

  #fact(
    node: SimulatedNode,
    fact: AgreementFact,
    accuse: (signer: number, rule: string, detail: string) => void,
  ): void {
    const violations = this.#violations;
    switch (fact.type) {
      case "finalized":
        this.#votes.calledFinal(node.index + 1, fact.blocks[fact.blocks.length - 1] as Block);
        this.#finalized(node, fact.blocks);
        return;
      case "view-entered":
        this.#viewEntries += 1;
        return;
      case "bad-votes":
        for (const signer of fact.signers) {
          const participant = this.#votes.participantAt(node.replica?.head().epoch ?? 0, signer) ?? 0;
          accuse(participant - 1, "no honest vote is found bad", `view ${fact.view}`);
        }
        return;
      case "diverged":
        violations.add("no honest replica is quarantined", `${node.name}: ${JSON.stringify(fact.conflict)}`);
        return;
      case "record-outdated":
        this.#outdated.set(node, node.life);
        violations.check(
          !this.keepsItsWord(node.index),
          "SAFE-11: no honest record is older than what was signed",
          () => `${node.name}, view ${fact.view}`,
        );
        return;
      case "split-execution":
        violations.add("executions do not split", `${node.name}: ${JSON.stringify(fact)}`);
        return;
      case "forked":
        violations.add("SAFE-1: no honest replica sees a fork", node.name);
        return;
      default:
        return;
    }
  }

  #trueWall(): number {
    return START_WALL + this.queue.now + this.#clockStepMs;
  }

  /** Bytes of a batch: as a client handed it in, or as a liar made it and an honest machine has it. */
  #batch(digest: Digest): Uint8Array | undefined {
    const submitted = this.#submissions.get(digest)?.item.bytes;
    if (submitted !== undefined) return submitted;
    for (const node of this.honest) {
      const stored = node.store.visible.batches.get(digest);
      if (stored !== undefined) return stored;
    }
    return undefined;
  }

  #latestWall(): number {
    const good = this.honest.filter((node) => Math.abs(node.skewMs) <= GOOD_SKEW_MS);
    return Math.max(this.#wallBefore, ...good.map((node) => node.wall()));
  }
}

const promiserOf = (node: SimulatedNode): Promiser => ({ name: node.name, durable: node.store.durable });

type AgreementFact = Extract<ReplicaEvent, { type: "agreement" }>["fact"];

/** A running simulation with everything on its way. */
export const simulate = (options: SimulationOptions): Simulation => new Simulation(options);

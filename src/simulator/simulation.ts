import type { Block, Timing, Vote } from "../consensus/index.js";
import { blockFromBytes, LAN_TIMING } from "../consensus/index.js";
import { certificateScheme, type SchemeName, sha256 } from "../crypto/index.js";
import { makeValidatorSet, type ValidatorSet, voteBytes } from "../formats/index.js";
import { MEMPOOL_LIMITS } from "../mempool/index.js";
import {
  type Digest,
  fromHex,
  type Height,
  participantNumber,
  epoch as toEpoch,
  toHex,
  utf8,
  type ValidatorIndex,
  validatorIndex,
} from "../primitives/index.js";
import type { Channel, ReplicaEvent, StoreWrite, SubmitVerdict } from "../replica/index.js";
import { BEHAVIOURS, type BehaviourName, Puppet } from "./adversaries/index.js";
import { EpochVoteRules, LedgerRules, type Violation, Violations } from "./checkers/index.js";
import { type Consortium, makeConsortium } from "./consortium.js";
import { EventQueue } from "./event-queue.js";
import { Governing } from "./governing.js";
import { CALM_NETWORK, type LinkState, type NetworkPlan, SimulatedNetwork } from "./network.js";
import { type NodeWorld, SimulatedNode, START_WALL } from "./node.js";
import { Random } from "./random.js";
import type { DiskPlan } from "./store.js";
import { Trace } from "./trace.js";
import { type WorkItem, Workload } from "./workload.js";

export interface SimulationOptions {
  readonly seed: number;
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
/** Views for which votes and proposals are kept: 8 ahead, 32 behind and the current one. */
const WINDOW_VIEWS = 41;
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
  readonly #violations = new Violations(() => this.queue.now);
  readonly #trace = new Trace();
  readonly #votes: EpochVoteRules;
  readonly #governing: Governing;
  /** What banks with new keys are to be listed with. */
  readonly #renewed = new Map<number, Consortium["candidates"][number]>();
  /** Validators of the epochs after the first, for liars. */
  readonly #sets = new Map<number, ValidatorSet>();
  readonly #puppets = new Map<number, Puppet>();
  readonly #random: Random;
  readonly #workload: Workload;
  readonly #submissions = new Map<Digest, Submission>();
  readonly #twinSides = new Map<string, number>();
  readonly #verdicts = new Map<SubmitVerdict["type"], number>();
  /** Steps of catching up through ranges. */
  rangesFetched = 0;
  #viewEntries = 0;

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
    this.network = new SimulatedNetwork(this.queue, new Random(seed, "network"), {
      ...CALM_NETWORK,
      ...options.network,
    });
    this.#workload = new Workload(this.consortium, new Random(seed, "workload"));
    const twins = options.twins ?? [];
    const instances = [...Array.from({ length: validators + joiners }, (_, index) => index), ...twins];
    this.nodes = instances.map((index, id) => this.#makeNode(validatorIndex(index), id));
    for (const [index, names] of Object.entries(options.adversaries ?? {})) this.#addPuppet(Number(index), names);
    this.#votes = new EpochVoteRules({
      first: this.consortium.set.members.map(({ participant }) => participant),
      isHonest: (participant) => this.isHonest(participant - 1),
      mayVote: (participant) => this.nodes[participant - 1]?.mayVote === true,
      verifies: (vote) => this.#verifies(vote),
      violations: this.#violations,
    });
    this.ledger = new LedgerRules({
      genesis: this.consortium.genesis,
      chainId: this.consortium.chainId,
      violations: this.#violations,
      latestWall: () => this.#latestWall(),
      batch: (digest) => this.#submissions.get(digest)?.item.bytes,
    });
    for (const node of this.nodes) node.start();
  }

  isHonest(index: number): boolean {
    return this.options.adversaries?.[index] === undefined && this.options.twins?.includes(index) !== true;
  }

  /** Honest machines, up or not. */
  get honest(): readonly SimulatedNode[] {
    return this.nodes.filter((node) => node.isHonest);
  }

  get violations(): readonly Violation[] {
    return this.#violations.all;
  }

  /** SHA-256 of the history so far. */
  get digest(): string {
    return this.#trace.digest();
  }

  get events(): number {
    return this.#trace.events;
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
    const item = this.#workload.next(START_WALL + this.queue.now);
    this.#submissions.set(item.digest, { item, admittedBy: new Set() });
    const up = this.nodes.filter((node) => node.isUp);
    const first = to ?? (up.length > 0 ? this.#random.pick(up) : undefined);
    if (first === undefined) return;
    this.#handIn(item, first);
    // Some clients do not trust one bank's machine.
    if (this.#random.chance(0.15)) this.#handIn(item, this.#random.pick(up));
  }

  /** Hands in something that was handed in before, as a client without an answer would. */
  resubmit(): void {
    const up = this.nodes.filter((node) => node.isUp);
    if (this.#submissions.size === 0 || up.length === 0) return;
    const { item } = this.#random.pick([...this.#submissions.values()]);
    this.#handIn(item, this.#random.pick(up));
  }

  /**
   * Banks propose that these machines, by index, validate from the next epoch on, and vote for it until it is decided.
   */
  changeValidators(members: readonly number[], untilMs = this.queue.now + 60_000): void {
    const before = this.epoch;
    const voters = this.membersOf(before);
    const proposer = this.#random.pick(voters);
    const { item, id } = this.#governing.propose(
      ...([proposer, members, START_WALL + this.queue.now, this.#renewed] as const),
    );
    this.#handInAnywhere(item);
    const vote = (): void => {
      if (this.epoch !== before || this.queue.now > untilMs) return;
      for (const voter of voters) this.#handInAnywhere(this.#governing.vote(voter, id, START_WALL + this.queue.now));
      this.queue.after(4_000, vote);
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

  #handInAnywhere(item: WorkItem): void {
    this.#submissions.set(item.digest, { item, admittedBy: new Set() });
    const up = this.nodes.filter((node) => node.isHonest && node.replica?.readiness().state === "ready");
    if (up.length > 0) this.#handIn(item, this.#random.pick(up));
  }

  /** Keeps submitting at a mean rate until some time. */
  load(perSecond: number, untilMs: number): void {
    const gapMs = -Math.log(1 - this.#random.fraction()) * (1_000 / perSecond);
    const at = this.queue.now + gapMs;
    if (at > untilMs) return;
    this.queue.at(at, () => {
      if (this.#random.chance(0.06)) this.resubmit();
      else this.submit();
      this.load(perSecond, untilMs);
    });
  }

  #handIn(item: WorkItem, node: SimulatedNode): void {
    node.submit(item.bytes, (verdict) => {
      this.#verdicts.set(verdict.type, (this.#verdicts.get(verdict.type) ?? 0) + 1);
      if (verdict.type === "admitted" && node.isHonest) this.#submissions.get(item.digest)?.admittedBy.add(node);
      const isTimely =
        verdict.type === "refused" && (verdict.fault === "expired" || verdict.fault === "not_after_too_far");
      this.#violations.check(
        verdict.type !== "refused" || isTimely,
        "a well-formed batch is not refused",
        () => `${node.name}: ${JSON.stringify(verdict)}`,
      );
    });
  }

  // Faults.

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

  /** Calm network, all disks quick, every honest machine up but those excepted. */
  heal(options: { readonly except?: readonly SimulatedNode[]; readonly behave?: boolean } = {}): void {
    this.network.heal();
    this.network.plan = CALM_NETWORK;
    for (const node of this.nodes) {
      node.store.plan = FAST_DISK;
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
    return this.#runWhile(() => !this.isSettled(), limitMs);
  }

  isSettled(): boolean {
    const up = this.honest.filter((node) => node.isUp);
    const wall = START_WALL + this.queue.now;
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
      const isPromised = [...admittedBy].some((node) => node.isUp && node.mayVote);
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
    const { seed, validators, joiners = 0, scheme = "keyed-hash", timing, disk, skewMs, executionMs } = this.options;
    const { genesis, chainId, candidates, secretKeys } = this.consortium;
    const { participant, consensusKey } = candidates[index] as (typeof candidates)[number];
    return new SimulatedNode(this.#world(), {
      id,
      name: id < validators + joiners ? `${index}` : `${index}'`,
      isHonest: this.isHonest(index),
      disk: { ...FAST_DISK, ...disk },
      random: new Random(seed, `node ${id}`),
      skewMs: skewMs?.[index] ?? 0,
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
      random: new Random(this.options.seed, `puppet ${index}`),
      setOf: (epoch) => this.#sets.get(epoch),
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
      for (const node of this.honest) this.#checkMemory(node);
      this.#volunteer(puppet);
    });
  }

  /** Invariant 10: what a flood leaves in memory is bounded by the windows of views. */
  #checkMemory(node: SimulatedNode): void {
    const size = node.replica?.footprint();
    const views = node.replica?.consensus();
    if (size === undefined || views === undefined) return;
    const open = views.view - views.finalizedView;
    const isBounded =
      size.votes <= 3 * this.nodes.length * WINDOW_VIEWS &&
      size.candidates <= WINDOW_VIEWS &&
      size.certificates <= open + WINDOW_VIEWS &&
      size.blocks <= 2 * (open + WINDOW_VIEWS);
    const detail = (): string => `${node.name}: ${JSON.stringify({ ...size, open })}`;
    this.#violations.check(isBounded, "SAFE-9: memory is bounded under a flood", detail);
  }

  #world(): NodeWorld {
    return {
      queue: this.queue,
      record: (what, content) => this.#trace.record(this.queue.now, what, content),
      send: (node, to, channel, frame) => this.#send(node, to, channel, frame),
      observed: (node, event) => {
        if (node.isHonest) this.#observed(node, event);
      },
      starting: (node) => this.#starting(node),
      writing: (node, write) => this.#writing(node, write),
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
    for (const [on, changed] of puppet.outgoing(to, channel, frame)) this.#carry(node, to, on, changed);
    return true;
  }

  #carry(node: SimulatedNode, to: ValidatorIndex, channel: Channel, frame: Uint8Array): boolean {
    if (channel === "consensus") this.#votes.frameLeft(participantNumber(node.index + 1), frame, node.store.durable);
    const target = this.#instance(node, to);
    if (target === undefined) return false;
    this.#puppets.get(to)?.heard(node.index, frame);
    return this.network.send(node, target, channel, frame);
  }

  /** The life of validator `to` that a machine is connected to, if that life agrees. */
  #instance(from: SimulatedNode, to: ValidatorIndex): SimulatedNode | undefined {
    const lives = this.nodes.filter((node) => node.index === to);
    const target = lives[lives.length === 1 ? 0 : this.#sideOf(from, to)] as SimulatedNode;
    const ownLives = this.nodes.filter((node) => node.index === from.index);
    if (ownLives.length > 1 && ownLives[this.#sideOf(target, from.index)] !== from) return undefined;
    return target;
  }

  #sideOf(peer: SimulatedNode, twin: number): number {
    return this.#twinSides.get(`${peer.id}:${twin}`) ?? peer.id % 2;
  }

  /** What reached the disk in a crash became final there without anybody being told. */
  #starting(node: SimulatedNode): void {
    if (!node.isHonest) return;
    const last = node.store.load().head?.height ?? 0;
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

  #writing(node: SimulatedNode, write: StoreWrite): void {
    if (!node.isHonest || write.executed === undefined || node.replica === undefined) return;
    this.ledger.executed(node.name, write.executed, node.replica.ledger);
  }

  #observed(node: SimulatedNode, event: ReplicaEvent): void {
    const violations = this.#violations;
    const accuse = (signer: number, rule: string, detail: string): void =>
      violations.check(!this.isHonest(signer), rule, () => `${node.name} about ${signer}: ${detail}`);
    switch (event.type) {
      case "peer-fault":
        accuse(event.peer - 1, "no honest validator is refused as a liar", event.reason);
        return;
      case "evidence": {
        const { signer, epoch, view, votes } = event.equivocation;
        accuse(
          (this.#votes.participantAt(epoch, signer) ?? 0) - 1,
          "SAFE-10: evidence names liars only",
          `view ${view}, ${JSON.stringify(votes)}`,
        );
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
      case "agreement":
        this.#fact(node, event.fact, accuse);
    }
  }

  #fact(
    node: SimulatedNode,
    fact: Extract<ReplicaEvent, { type: "agreement" }>["fact"],
    accuse: (signer: number, rule: string, detail: string) => void,
  ): void {
    const violations = this.#violations;
    switch (fact.type) {
      case "finalized":
        this.#finalized(node, fact.blocks);
        return;
      case "view-entered":
        this.#viewEntries += 1;
        return;
      case "bad-votes":
        for (const signer of fact.signers)
          accuse(
            (this.#votes.participantAt(node.replica?.head().epoch ?? 0, signer) ?? 0) - 1,
            "no honest vote is found bad",
            `view ${fact.view}`,
          );
        return;
      case "diverged":
        violations.add("no honest replica is quarantined", `${node.name}: ${JSON.stringify(fact.conflict)}`);
        return;
      case "record-outdated":
        violations.add("SAFE-11: no honest record is older than what was signed", `${node.name}, view ${fact.view}`);
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

  #latestWall(): number {
    const good = this.honest.filter((node) => Math.abs(node.skewMs) <= GOOD_SKEW_MS);
    return Math.max(...good.map((node) => node.wall()));
  }
}

/** A running simulation with everything on its way. */
export const simulate = (options: SimulationOptions): Simulation => new Simulation(options);

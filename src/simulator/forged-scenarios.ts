import { type Block, blockFromBytes, encodeMessage, type Message } from "../consensus/index.js";
import { certificateScheme, type SetVerifier, sha256 } from "../crypto/index.js";
import {
  type Body,
  batchesRoot,
  bitmapOf,
  blockHash,
  type Certificate,
  type Claim,
  type CommitProof,
  encodeHeader,
  type Header,
  quorumOf,
  type VoteSubject,
  voteBytes,
} from "../formats/index.js";
import {
  type Digest,
  type Epoch,
  type Height,
  toHex,
  type ValidatorIndex,
  type View,
  ZERO_DIGEST,
} from "../primitives/index.js";
import type { Channel } from "../replica/index.js";
import type { SimulatedNode } from "./node.js";
import { Random } from "./random.js";
import { Simulation } from "./simulation.js";

/**
 * Histories in which one validator's machine says, at its leisure and through every door, what no honest
 * machine may believe. They are written for single checks, which drawn liars reach now and then only.
 */

const ROUNDS = 60;
const ROUND_MS = 40;
/** When what a machine writes is written, and has left it. */
const HEARD_AFTER_MS = 8;

/** Writes frames in the name of one validator, with the keys of all: what it forges is what others could have signed elsewhere. */
class Forger {
  readonly simulation: Simulation;
  readonly index: ValidatorIndex;
  readonly random: Random;
  /** Certificates and blocks that any machine wrote down. */
  readonly seen: Certificate[] = [];
  readonly blocks = new Map<Digest, Block>();
  /** Called with each certificate that a machine told of. */
  heard: (certificate: Certificate) => void = () => {};
  readonly #verifier: SetVerifier;

  constructor(simulation: Simulation, index: number, random: Random) {
    this.simulation = simulation;
    this.index = index as ValidatorIndex;
    this.random = random;
    const { members } = simulation.consortium.set;
    this.#verifier = certificateScheme("keyed-hash").verifiers(members.map(({ publicKey }) => publicKey));
    for (const node of simulation.nodes) {
      const { observe } = node.store;
      node.store.observe = (write) => {
        const { certificates = [] } = write;
        simulation.queue.after(HEARD_AFTER_MS, () => {
          const known = this.seen.length;
          this.seen.push(...certificates);
          for (const certificate of this.seen.slice(known)) this.heard(certificate);
        });
        for (const { header, body } of write.proposals ?? []) {
          const block = blockFromBytes(sha256, header, body);
          if (block.ok) this.blocks.set(block.value.hash, block.value);
        }
        observe(write);
      };
    }
  }

  /** The highest view in which an honest machine is. */
  get view(): View {
    return Math.max(1, ...this.simulation.honest.map((node) => node.replica?.consensus().view ?? 0)) as View;
  }

  get epoch(): Epoch {
    return this.simulation.consortium.set.epoch;
  }

  tell(to: SimulatedNode, message: Message, channel: Channel = "consensus"): void {
    const { simulation } = this;
    simulation.inject(simulation.nodes[this.index] as SimulatedNode, to.index, channel, encodeMessage(message));
  }

  tellAll(message: Message, channel: Channel = "consensus"): void {
    for (const node of this.simulation.honest) this.tell(node, message, channel);
  }

  sign(signer: number, subject: VoteSubject, chain: Partial<Parameters<typeof voteBytes>[1]> = {}): Uint8Array {
    const { chainId, set, secretKeys } = this.simulation.consortium;
    const bytes = voteBytes(subject, { chainId, valsetHash: set.hash, ...chain });
    return certificateScheme("keyed-hash").sign(secretKeys[signer] as Uint8Array, bytes);
  }

  /** A certificate that says `subject` and whose signatures are over `signed`. */
  certificate(
    subject: VoteSubject,
    signed: VoteSubject = subject,
    options: { readonly signers?: number; readonly chain?: Partial<Parameters<typeof voteBytes>[1]> } = {},
  ): Certificate {
    const n = this.simulation.options.validators;
    const count = options.signers ?? quorumOf(n);
    const signers = Array.from({ length: count }, (_, index) => (this.index + index) % n);
    const votes = signers.map((signer) => ({ signer, signature: this.sign(signer, signed, options.chain) }));
    const signature = this.#verifier.combine(votes) as Uint8Array;
    return { ...subject, signers: bitmapOf(signers), signature };
  }

  /** A block of its own making for a view that it leads, on a claim that everybody knows. */
  block(changes: Partial<Header>, body: Body = []): Block {
    const { chainId, set, genesis } = this.simulation.consortium;
    const { replica } = this.simulation.honest[0] as SimulatedNode;
    const header: Header = {
      version: 1,
      chainId,
      epoch: set.epoch,
      view: this.view,
      height: 1 as Height,
      parentHash: chainId,
      parentView: 0 as View,
      parentCertificate: undefined,
      skips: [],
      timestamp: genesis.timestamp + 1,
      proposer: this.index,
      batchesRoot: batchesRoot(sha256, body),
      executed: replica?.claim() as Claim,
      valsetHash: set.hash,
      type: "NORMAL",
      ...changes,
    };
    return { hash: blockHash(sha256, encodeHeader(header)), header, body };
  }

  propose(block: Block, signature?: Uint8Array, to: readonly SimulatedNode[] = this.simulation.honest): void {
    const subject = { kind: "PREPARE", epoch: this.epoch, view: block.header.view, hash: block.hash } as const;
    const signed = signature ?? this.sign(this.index, subject);
    const message = { type: "proposal", proposal: { block, signature: signed, commitProof: undefined } } as const;
    for (const node of to) this.tell(node, message);
  }

  /** The next view from one on that it leads. */
  ownView(from: number): View {
    const n = this.simulation.options.validators;
    let view = from;
    while ((view - 1 + this.epoch) % n !== this.index) view += 1;
    return view as View;
  }
}

function makeForger(seed: number, validators: number): Forger {
  const random = new Random(seed, "forger");
  const liar = random.integer(0, validators - 1);
  const simulation = new Simulation({
    seed,
    validators,
    adversaries: { [liar]: [] },
    network: { delayMs: [0.5, 8] },
  });
  return new Forger(simulation, liar, random);
}

function demandSettled(simulation: Simulation): Simulation {
  simulation.heal();
  simulation.demand(
    simulation.settle(90_000),
    "LIVE-1: after healing everything admitted becomes final and is executed",
    () => simulation.summary(),
  );
  return simulation;
}

/** Plays a load while something is forged again and again. */
function playRounds(forger: Forger, round: (at: number) => void): Simulation {
  const { simulation } = forger;
  simulation.load(8, ROUNDS * ROUND_MS);
  for (let at = 0; at < ROUNDS && simulation.violations.length === 0; at += 1) {
    simulation.runFor(ROUND_MS);
    round(at);
  }
  return simulation.violations.length > 0 ? simulation : demandSettled(simulation);
}

const OTHER = "5a".repeat(32) as Digest;

/** Skips of the current view that too few signed, that were signed elsewhere, or by nobody (attacks 2, 3, 4, 15). */
function forgeSkip(forger: Forger): Certificate {
  const { random, epoch, view } = forger;
  const skip: VoteSubject = { kind: "TIMEOUT", epoch, view, hash: ZERO_DIGEST };
  const lie = random.integer(0, 5);
  if (lie === 0) return forger.certificate(skip, skip, { signers: quorumOf(forger.simulation.options.validators) - 1 });
  if (lie === 1) return forger.certificate(skip, skip, { chain: { chainId: OTHER } });
  if (lie === 2) return forger.certificate(skip, skip, { chain: { valsetHash: OTHER } });
  if (lie === 3) return forger.certificate(skip, { ...skip, epoch: (epoch + 1) as Epoch });
  if (lie === 4) return forger.certificate(skip, { ...skip, view: (view + 1) as View });
  return { ...forger.certificate(skip), signature: random.bytes(32) };
}

/** A forged skip comes through each door: by itself, with a vote, in a header, as the answer to a question. */
function forgedCertificates(seed: number, validators: number): Simulation {
  const forger = makeForger(seed, validators);
  return playRounds(forger, (at) => {
    const certificate = forgeSkip(forger);
    const { epoch, view, index } = forger;
    switch (at % 4) {
      case 0:
        forger.tellAll({ type: "certificate", certificate });
        return;
      case 1: {
        const next = { kind: "TIMEOUT", epoch, view: (view + 1) as View, hash: ZERO_DIGEST } as const;
        const vote = { ...next, signer: index, signature: forger.sign(index, next), certificate };
        forger.tellAll({ type: "vote", vote });
        return;
      }
      case 2: {
        const own = forger.ownView(view + 1);
        forger.propose(forger.block({ view: own, skips: [certificate] }));
        return;
      }
      default:
        forger.tellAll({ type: "certificates", certificates: [certificate] }, "sync");
    }
  });
}

/** Finality of a block that is certified and not committed: made of its PrepareQC's signatures, of few or of none. */
function forgedCommits(seed: number, validators: number): Simulation {
  const forger = makeForger(seed, validators);
  const { simulation } = forger;
  const few = quorumOf(validators) - 1;
  let lied = 0;
  // The liar hears of everything first.
  for (const from of simulation.honest) for (const to of simulation.honest) simulation.network.slowDown(from, to, 40);
  forger.heard = (prepare) => {
    // At once, before the votes are here that make it true.
    if (prepare.kind !== "PREPARE" || prepare.view <= lied) return;
    lied = prepare.view;
    const commit = { ...prepare, kind: "COMMIT" as const };
    // Of another block in the same view: whoever believes it sees a fork.
    const hash = toHex(forger.random.bytes(32)) as Digest;
    const pairs: readonly CommitProof[] = [
      { prepare, commit },
      { prepare, commit: forger.certificate(commit, commit, { signers: few }) },
      { prepare, commit: { ...commit, signature: forger.random.bytes(32) } },
      { prepare: { ...prepare, hash }, commit: { ...forger.certificate(commit), hash } },
    ];
    forger.tellAll({ type: "commit-proof", proof: forger.random.pick(pairs) });
  };
  return playRounds(forger, () => {});
}

/** Turns out whether anybody voted for a block that nobody may vote for. */
function demandUnvoted(forger: Forger, block: Block, rule: string): void {
  const voters = forger.simulation.honest.filter(({ store }) => {
    const { record } = store.load();
    return record?.view === block.header.view && record.hash === block.hash;
  });
  forger.simulation.demand(voters.length === 0, rule, () => voters.map(({ name }) => name).join(", "));
}

/** The first validators as those of the next epoch. */
function sameAgain({ consortium: { set, candidates } }: Simulation): NonNullable<Header["nextSet"]> {
  return set.members.map((member, index) => {
    const { networkKey, addresses } = candidates[index] as (typeof candidates)[number];
    return { ...member, networkKey, addresses };
  });
}

/** Somebody forges in the first leader's name, on genesis: everything about its block is known beforehand. */
function silentFirstLeader(
  seed: number,
  validators: number,
): { readonly simulation: Simulation; readonly forger: Forger; readonly random: Random } {
  const random = new Random(seed, "forger");
  const simulation = new Simulation({
    seed,
    validators,
    adversaries: { 0: ["silent-leader"] },
    network: { delayMs: [0.5, 3] },
  });
  return { simulation, forger: new Forger(simulation, 0, random), random };
}

/** Blocks of an honest shape, in a quiet network, each with one thing wrong; all else is as it has to be. */
function wrongBlocks(seed: number, validators: number): Simulation {
  const { simulation, forger, random } = silentFirstLeader(seed, validators);
  simulation.runFor(600);
  const wall = Math.floor((simulation.honest[0] as SimulatedNode).wall());
  const own = { view: 1 as View, timestamp: wall };
  const other = toHex(random.bytes(32)) as Digest;
  const { executed } = forger.block({}).header;
  const cases: readonly (readonly [string, Partial<Header>, Uint8Array?])[] = [
    ["SAFE-2: a leader signs its block", {}, random.bytes(32)],
    ["SAFE-6: the height follows the parent's", { height: 2 as Height }],
    ["SAFE-6: a block names the validator set", { valsetHash: other }],
    ["SAFE-6: a block is of a type in force", { type: "CLOSING", nextSet: sameAgain(simulation) }],
    ["SAFE-6: a claim is about ancestors", { executed: { ...executed, height: 1 as Height } }],
    ["SAFE-6: time ascends", { timestamp: simulation.consortium.genesis.timestamp }],
    ["SAFE-6: a block names its chain and its parent", { parentHash: other }],
    ["SAFE-6: an inherited claim is the parent's", { executed: { ...executed, stateRoot: other } }],
    ["SAFE-7: a block is not dated back", { timestamp: wall - 11_000 }],
    ["SAFE-7: a block is not dated ahead", { timestamp: wall + 60_000 }],
  ];
  const [rule, changes, signature] = cases[(seed - 1) % cases.length] as (typeof cases)[number];
  if (rule.startsWith("SAFE-7: a block is not dated back")) simulation.runFor(12_000);
  const now = Math.floor((simulation.honest[0] as SimulatedNode).wall());
  const shift = changes.timestamp === undefined ? now : changes.timestamp + (now - wall);
  const timestamp = rule === "SAFE-6: time ascends" ? simulation.consortium.genesis.timestamp : shift;
  const block = forger.block({ ...own, ...changes, timestamp });
  forger.propose(block, signature);
  simulation.runFor(100);
  demandUnvoted(forger, block, rule);
  simulation.load(8, simulation.queue.now + 2_000);
  simulation.runFor(2_000);
  return demandSettled(simulation);
}

/**
 * Whenever it leads, a block that hangs wrongly from those before it: below the newest certified one with that one's
 * certificate or view, with no certificate, with the skip of another view, with an older claim or at no later time.
 */
function wrongLinks(seed: number, validators: number): Simulation {
  const forger = makeForger(seed, validators);
  const { simulation, random } = forger;
  // Its machine is down: its views pass by, and leave skips that are real.
  (simulation.nodes[forger.index] as SimulatedNode).crash();
  simulation.load(10, 4_000);
  let lied = 0;
  for (let at = 0; at < 2_000 && simulation.violations.length === 0; at += 1) {
    simulation.runFor(2);
    const { view } = forger;
    const certificate = forger.seen.findLast((one) => one.kind === "PREPARE" && one.view === view - 1);
    const parent = certificate && forger.blocks.get(certificate.hash);
    const before = parent && forger.blocks.get(parent.header.parentHash);
    if (view === lied || forger.ownView(view) !== view || parent === undefined || before === undefined) continue;
    lied = view;
    const wall = Math.floor((simulation.honest[0] as SimulatedNode).wall());
    const timestamp = Math.max(wall, parent.header.timestamp + 1);
    const next = { view, timestamp, height: (parent.header.height + 1) as Height, executed: parent.header.executed };
    const onParent = {
      ...next,
      parentHash: parent.hash,
      parentView: parent.header.view,
      parentCertificate: certificate,
    };
    const onBefore = {
      ...onParent,
      parentHash: before.hash,
      height: parent.header.height,
      executed: before.header.executed,
    };
    const ofBefore = parent.header.parentCertificate;
    const skip = forger.seen.findLast((one) => one.kind === "TIMEOUT" && one.view !== view - 1);
    const lies: readonly Partial<Header>[] = [
      onBefore,
      { ...onBefore, parentCertificate: ofBefore },
      { ...onParent, parentCertificate: undefined },
      { ...onBefore, parentView: before.header.view, parentCertificate: ofBefore, skips: skip ? [skip] : [] },
      { ...onParent, timestamp: parent.header.timestamp },
    ];
    const fallen = { ...onParent, executed: before.header.executed };
    const isFallen = fallen.executed.height < parent.header.executed.height;
    const changes = random.pick(isFallen ? [...lies, fallen, fallen] : lies);
    // Or what the parent orders, once more.
    const isRepeated = parent.body.length > 0 && parent.header.height > simulation.height && random.chance(0.3);
    const block = isRepeated ? forger.block(onParent, parent.body) : forger.block(changes);
    forger.propose(block);
    simulation.runFor(30);
    demandUnvoted(forger, block, "SAFE-5, SAFE-6: nobody votes for a block that hangs wrongly");
  }
  return simulation.violations.length > 0 ? simulation : demandSettled(simulation);
}

/** A machine that has voted for one block of a leader comes back, and is shown another one of the same view (SAFE-3). */
function secondBlock(seed: number, validators: number): Simulation {
  const { simulation, forger, random } = silentFirstLeader(seed, validators);
  simulation.runFor(700);
  const victim = random.pick(simulation.honest);
  const timestamp = Math.floor(victim.wall());
  const [one, other] = [timestamp, timestamp + 1].map((at) => forger.block({ view: 1 as View, timestamp: at }));
  if (one === undefined || other === undefined) return simulation;
  forger.propose(one, undefined, [victim]);
  simulation.runFor(40);
  victim.crash();
  victim.start();
  simulation.runFor(1_200);
  forger.propose(other);
  simulation.runFor(200);
  simulation.load(8, simulation.queue.now + 2_000);
  simulation.runFor(2_000);
  return simulation.violations.length > 0 ? simulation : demandSettled(simulation);
}

/** The leader of a view says twice what it decided, or says it together with the opposite: somebody keeps both (attack 19). */
function accused(seed: number, validators: number): Simulation {
  const forger = makeForger(seed, validators);
  const { simulation, random, index, epoch } = forger;
  simulation.load(8, 2_000);
  simulation.runFor(500);
  const view = (forger.view + 2) as View;
  const [one, other] = [random.bytes(32), random.bytes(32)].map((bytes) => toHex(bytes) as Digest) as [Digest, Digest];
  const subjects: readonly (readonly [VoteSubject, VoteSubject])[] = [
    [
      { kind: "PREPARE", epoch, view, hash: one },
      { kind: "PREPARE", epoch, view, hash: other },
    ],
    [
      { kind: "COMMIT", epoch, view, hash: one },
      { kind: "TIMEOUT", epoch, view, hash: ZERO_DIGEST },
    ],
    [
      { kind: "PREPARE", epoch, view, hash: one },
      { kind: "COMMIT", epoch, view, hash: other },
    ],
  ];
  const pair = subjects[seed % subjects.length] as (typeof subjects)[number];
  const isForged = seed % 4 === 0;
  for (const subject of pair) {
    const signature = isForged && subject === pair[1] ? random.bytes(32) : forger.sign(index, subject);
    forger.tellAll({ type: "vote", vote: { ...subject, signer: index, signature, certificate: undefined } });
  }
  simulation.runFor(60);
  for (const node of simulation.honest) {
    const kept = (node.replica?.evidence() ?? []).some(
      (evidence) => evidence.view === view && evidence.signer === index,
    );
    const rule = isForged
      ? "SAFE-10: a vote that its signer did not sign accuses nobody"
      : "SAFE-10: two votes that exclude each other are kept";
    simulation.demand(kept !== isForged, rule, () => `${node.name}: ${JSON.stringify(pair)}`);
  }
  simulation.runFor(1_500);
  return demandSettled(simulation);
}

/** One validator that asks to leave every view: as long as it is not the leader, nobody follows it (LIVE-2, attack 41). */
function falseAlarm(seed: number, validators: number): Simulation {
  const forger = makeForger(seed, validators);
  const { simulation, index, epoch } = forger;
  simulation.load(12, 4_000);
  for (let at = 0; at < 800 && simulation.violations.length === 0; at += 1) {
    simulation.runFor(5);
    const subject = { kind: "TIMEOUT", epoch, view: forger.view, hash: ZERO_DIGEST } as const;
    if (forger.ownView(subject.view) === subject.view) continue;
    const vote = { ...subject, signer: index, signature: forger.sign(index, subject), certificate: undefined };
    forger.tellAll({ type: "vote", vote });
  }
  const skipped = simulation.ledger.chain.flatMap(({ header }) => header.skips.map(({ view }) => view));
  const honest = skipped.filter((view) => forger.ownView(view) !== view);
  simulation.demand(
    5 * honest.length <= forger.view,
    "LIVE-2: one validator alone does not end the views of others",
    () => `${honest.length} of ${forger.view} views were skipped`,
  );
  return demandSettled(simulation);
}

/** Sizes of what a machine keeps, of votes for any view and of what is over (SAFE-9, attacks 41 and 71). */
function boundedMemory(seed: number, validators: number): Simulation {
  const forger = makeForger(seed, validators);
  const { simulation, index, epoch } = forger;
  const views = 41;
  const check = (): void => {
    for (const { replica, name } of simulation.honest) {
      const size = replica?.footprint();
      const at = replica?.consensus();
      if (size === undefined || at === undefined) continue;
      const open = at.view - at.finalizedView + views;
      const isBounded =
        size.votes <= 3 * validators * views &&
        size.candidates <= views &&
        size.certificates <= open &&
        size.blocks <= open;
      const detail = (): string => `${name}: ${JSON.stringify({ ...size, open })}`;
      simulation.demand(isBounded, "SAFE-9: what is kept is bounded by the window of views", detail);
    }
  };
  simulation.load(25, 3_000);
  simulation.runFor(3_000);
  check();
  simulation.runFor(2_000);
  const { view } = forger;
  for (let by = 1; by <= 600; by += 1) {
    const subject = { kind: "TIMEOUT", epoch, view: (view + by) as View, hash: ZERO_DIGEST } as const;
    const vote = { ...subject, signer: index, signature: forger.sign(index, subject), certificate: undefined };
    forger.tellAll({ type: "vote", vote });
  }
  simulation.runFor(100);
  check();
  return demandSettled(simulation);
}

export const FORGED_SCENARIOS = [
  { name: "forged-certificates", what: "skips that nobody made, through every door", run: forgedCertificates },
  { name: "forged-commits", what: "finality made of other signatures", run: forgedCommits },
  { name: "wrong-blocks", what: "the first block with one thing wrong", run: wrongBlocks },
  { name: "wrong-links", what: "blocks that hang wrongly from those before", run: wrongLinks },
  { name: "second-block", what: "a leader's other block after a restart", run: secondBlock },
  { name: "bounded-memory", what: "votes for any view, and views that are over", run: boundedMemory },
  { name: "accused", what: "contradictory votes become evidence, forged ones do not", run: accused },
  { name: "false-alarm", what: "one validator asks to leave every view", run: falseAlarm },
];

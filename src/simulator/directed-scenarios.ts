import { encodeMessage } from "../consensus/index.js";
import { ed25519, sha256 } from "../crypto/index.js";
import {
  type CanonicalJson,
  canonicalJson,
  encodeTransfer,
  parseBatch,
  quorumOf,
  signBatch,
  verifyReceiptOn,
} from "../formats/index.js";
import { Ledger } from "../ledger/index.js";
import {
  type Digest,
  type Height,
  type Id128,
  type ParticipantNumber,
  toHex,
  utf8,
  type ValidatorIndex,
} from "../primitives/index.js";
import { Queries, type StoreWrite } from "../replica/index.js";
import { ASSET, RAIL, trustedChain } from "./consortium.js";
import type { SimulatedNode } from "./node.js";
import { Random } from "./random.js";
import { Simulation, type SimulationOptions } from "./simulation.js";

/** Histories of honest machines, each for one promise that drawn faults seldom put to the test. */

const LIVE = "LIVE-1: after healing everything admitted becomes final and is executed";
const SETTLE_MS = 90_000;

function start(seed: number, validators: number, options: Partial<SimulationOptions> = {}): Simulation {
  return new Simulation({ seed, validators, network: { delayMs: [0.5, 8] }, ...options });
}

function demandSettled(simulation: Simulation, except: readonly SimulatedNode[] = []): Simulation {
  simulation.heal({ except });
  simulation.demand(simulation.settle(SETTLE_MS), LIVE, () => simulation.summary());
  return simulation;
}

const nodeAt = (simulation: Simulation, index: number): SimulatedNode =>
  simulation.nodes[index % simulation.options.validators] as SimulatedNode;

/** A batch that a bank signed for another consortium is taken by nobody, from clients or peers (attack 15). */
function foreignBatches(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators, { adversaries: { 0: [] } });
  simulation.load(8, 1_500);
  simulation.runFor(500);
  const bank = simulation.consortium.banks[0] as (typeof simulation.consortium.banks)[number];
  const [debitAccountId, creditAccountId] = bank.customers as readonly [Id128, Id128];
  const id = `${bank.number.toString(16).padStart(8, "0")}${"ab".repeat(12)}` as Id128;
  const encoded = encodeTransfer(
    { id, debitAccountId, creditAccountId, amount: "5" },
    { asset: ASSET, rail: RAIL, participant: bank.number },
  );
  const node = nodeAt(simulation, 1);
  const { bytes } = signBatch(
    { sha256, ed25519 },
    {
      kind: "create_transfers",
      chainId: "0f".repeat(32) as Digest,
      participant: bank.number,
      publicKey: bank.keys.publicKey,
      secretKey: bank.keys.secretKey,
      notAfter: Math.floor(node.wall()) + 60_000,
      salt: new Uint8Array(32),
      records: encoded.ok ? encoded.record : new Uint8Array(0),
    },
  );
  let verdict = "none";
  node.submit(bytes, ({ type }) => {
    verdict = type;
  });
  const before = nodeAt(simulation, 2).replica?.pool().batches ?? 0;
  nodeAt(simulation, 2).deliver(0 as ValidatorIndex, "batches", encodeMessage({ type: "push-batch", bytes }));
  const after = nodeAt(simulation, 2).replica?.pool().batches ?? 0;
  simulation.runFor(1_500);
  const rule = "SAFE-7: a batch of another chain is not taken";
  simulation.demand(verdict === "refused", rule, () => `from a client: ${verdict}`);
  simulation.demand(after === before, rule, () => `from a peer: ${after - before} more in the pool`);
  return demandSettled(simulation);
}

/** Makes the results of one machine wrong from now on, as a broken memory would. */
function breakExecution(node: SimulatedNode): void {
  const ledger = node.replica?.ledger;
  if (ledger === undefined) return;
  const apply = ledger.apply.bind(ledger);
  const wrong: typeof ledger.apply = (block) => {
    const executed = apply(block);
    return { ...executed, leaf: { ...executed.leaf, receiptsRoot: "e0".repeat(32) as Digest } };
  };
  Object.defineProperty(ledger, "apply", { value: wrong });
}

/** One machine computes something else: it notices by itself, says no more, and remembers in its next life (SAFE-8). */
function wrongExecutor(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const broken = random.integer(0, validators - 1);
  const simulation = start(seed, validators, { adversaries: { [broken]: [] }, checkpointBlocks: 16 });
  const node = nodeAt(simulation, broken);
  let votes = 0;
  const { observe } = node.store;
  node.store.observe = (write: StoreWrite) => {
    if (write.record !== undefined) votes += 1;
    observe(write);
  };
  simulation.load(8, 6_000);
  simulation.runFor(1_500);
  const isInRestart = seed % 2 === 0;
  if (isInRestart) {
    // Blocks above its checkpoint are executed again, and this time wrongly, while nothing new happens.
    simulation.runFor(6_000);
    while (simulation.height % 16 < 3 || (node.replica?.executedHeight() ?? 0) % 16 < 3) {
      simulation.submit(nodeAt(simulation, broken + 1));
      simulation.runFor(400);
    }
    node.crash();
    node.start();
    breakExecution(node);
    simulation.runFor(60);
    const claimed = simulation.ledger.chain[(node.replica?.head().height ?? 1) - 1]?.header.executed.height ?? 0;
    const last = Math.floor((node.replica?.executedHeight() ?? 0) / 16) * 16;
    if (claimed <= last + 1) return demandSettled(simulation);
  } else {
    breakExecution(node);
    simulation.runFor(3_000);
  }
  const diverged = (): boolean => node.replica?.divergence() !== undefined;
  simulation.demand(diverged(), "SAFE-8: a machine with other results notices", () => node.name);
  votes = 0;
  simulation.runFor(1_000);
  node.crash();
  node.start();
  simulation.load(8, simulation.queue.now + 1_500);
  simulation.runFor(2_000);
  simulation.demand(diverged(), "SAFE-8: it remembers that it was wrong", () => node.name);
  simulation.demand(votes === 0, "SAFE-8: a machine with other results votes no more", () => `${votes} writes`);
  return demandSettled(simulation);
}

/**
 * A disk is put back by seconds, and the machine comes back among others that are no further: it signs nothing before it
 * has heard a quorum, and nothing more once it has seen that it signed since (SAFE-11, attack 51).
 */
function oldBackup(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const faults = Math.floor((validators - 1) / 3);
  const [victim, ...cutOff] = random.sample(
    Array.from({ length: validators }, (_, index) => index),
    1 + faults,
  ) as [number, ...number[]];
  const simulation = start(seed, validators, { adversaries: { [victim]: [] } });
  const node = nodeAt(simulation, victim);
  const behind = cutOff.map((index) => nodeAt(simulation, index));
  const ahead = simulation.nodes.filter((one) => one !== node && !behind.includes(one));
  let voted: number[] = [];
  const { observe } = node.store;
  node.store.observe = (write: StoreWrite) => {
    if (write.record !== undefined) voted.push(write.record.view);
    observe(write);
  };
  simulation.load(12, 16_000);
  simulation.runFor(random.between(1_500, 2_500));
  const backup = node.store.backup();
  simulation.partition([[node, ...ahead], behind]);
  voted = [];
  simulation.runFor(random.between(500, 3_000));
  const signed = new Set(voted);
  node.crash();
  node.store.restore(backup);
  voted = [];
  simulation.partition([ahead, [node, ...behind]]);
  node.start();
  simulation.runFor(3_000);
  const again = voted.filter((view) => signed.has(view));
  const rule = "SAFE-11: nothing is signed that may have been signed before";
  simulation.demand(again.length === 0, rule, () => `views ${again.slice(0, 8).join(", ")}`);
  simulation.partition([simulation.nodes]);
  simulation.runFor(3_000);
  voted = [];
  simulation.runFor(2_000);
  const isDone = signed.size === 0 || voted.length === 0;
  const silence = "SAFE-11: a record older than what was signed ends voting";
  simulation.demand(isDone, silence, () => `${voted.length} votes after ${signed.size} that were forgotten`);
  return demandSettled(simulation);
}

/** A disk that holds the finality of a block and not yet the block's place in the ledger: the restart alone completes it. */
function lastCommit(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators);
  simulation.load(12, 8_000);
  simulation.runFor(random.between(500, 1_500));
  const node = random.pick(simulation.nodes);
  for (let step = 0; step < 4_000; step += 1) {
    simulation.runFor(0.5);
    const next = ((node.store.durable.head?.height ?? 0) + 1) as Height;
    const held = [...node.store.durable.proposals.values()].find(({ height }) => height === next);
    const proof = simulation.nodes.map(({ store }) => store.block(next)?.proof).find((known) => known !== undefined);
    if (held === undefined || proof === undefined || proof.commit.hash !== held.block.hash) continue;
    node.crash();
    const contents = node.store.backup();
    if (contents.proposals.get(held.block.hash) === undefined || (contents.head?.height ?? 0) >= next) {
      node.start();
      continue;
    }
    for (const certificate of [proof.prepare, proof.commit]) {
      contents.certificates.set(`${certificate.kind}:${certificate.view}:${certificate.hash}`, certificate);
    }
    node.store.restore(contents);
    simulation.partition([simulation.nodes.filter((other) => other !== node), [node]]);
    node.start();
    simulation.runFor(300);
    const reached = node.replica?.head().height ?? 0;
    const rule = "LIVE-4: a restart completes the finality that the disk holds";
    simulation.demand(reached >= next, rule, () => `${node.name} is at ${reached}, its disk knows of ${next}`);
    break;
  }
  return demandSettled(simulation);
}

/**
 * A machine is down and its successor does not hear one of the others: of the three votes that a quorum takes it never
 * sees more than two, so that every certificate reaches it from those that made it (LIVE-1).
 */
function oneWayLink(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators, { network: { delayMs: [0.5, 2] } });
  const down = random.integer(0, validators - 1);
  const deaf = nodeAt(simulation, down + 1);
  nodeAt(simulation, down).crash();
  simulation.network.setLink(nodeAt(simulation, down + 2), deaf, "swallowing");
  simulation.load(20, 8_000);
  simulation.runFor(3_000);
  const { height } = simulation;
  simulation.runFor(5_000);
  const grown = simulation.height - height;
  simulation.demand(
    grown >= 20,
    "LIVE-1: a certificate is passed on by whoever enters a view with it",
    () => `${grown} blocks in five seconds`,
  );
  return demandSettled(simulation, [nodeAt(simulation, down)]);
}

/** n − q + 1 machines know of a payment, the others do not: the first timeouts of these take all along (LIVE-2). */
function halfHeardPayment(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators, { network: { delayMs: [0.5, 2] } });
  simulation.runFor(700);
  // The leader of the first view hears nothing at all, so that the view has to end.
  const informed = simulation.nodes.slice(1, validators - quorumOf(validators) + 2);
  simulation.partition([informed], "swallowing");
  simulation.submit(informed[0]);
  simulation.runFor(50);
  simulation.partition([simulation.nodes.slice(1)]);
  nodeAt(simulation, 0).crash();
  const isDone = simulation.runUntil({ height: 1, limitMs: 1_600 });
  simulation.demand(isDone, "LIVE-2: timeouts of n − q + 1 are joined", () => simulation.summary());
  return demandSettled(simulation, [nodeAt(simulation, 0)]);
}

/**
 * One machine hears nothing while a payment becomes final, and then there is nothing more to do: what the others say in answer to
 * its status brings it level, without a range and without a new block (LIVE-3).
 */
function missedFinality(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators, { network: { delayMs: [0.5, 2] } });
  simulation.runFor(700);
  const deaf = nodeAt(simulation, seed);
  simulation.partition([simulation.nodes.filter((other) => other !== deaf), [deaf]], "swallowing");
  simulation.submit(nodeAt(simulation, seed + 1));
  simulation.runUntil({ height: 1, limitMs: 8_000 });
  simulation.runFor(100);
  const { height } = simulation;
  simulation.partition([simulation.nodes]);
  simulation.runFor(1_600);
  const reached = deaf.replica?.head().height ?? 0;
  const rule = "LIVE-3: a machine that missed finality is told of it";
  simulation.demand(height > 0 && reached >= height, rule, () => `${deaf.name} is at ${reached} of ${height}`);
  return demandSettled(simulation);
}

/** A payment of which only the machine knows that took it in, and nothing else to do: it is told again (LIVE-5). */
function unheardPayment(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators);
  simulation.runFor(700);
  const node = nodeAt(simulation, 1 + (seed % (validators - 1)));
  simulation.partition([simulation.nodes.filter((other) => other !== node), [node]], "swallowing");
  simulation.submit(node);
  simulation.runFor(100);
  return demandSettled(simulation);
}

/** Everything stops when a payment is executed and its result not yet claimed: somebody claims it afterwards (PACE-4). */
function unclaimedResult(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators, { checkpointBlocks: 1, network: { delayMs: [1, 3] } });
  simulation.runFor(700);
  simulation.submit();
  simulation.runUntil({ height: 1, limitMs: 20_000 });
  simulation.runFor(random.between(2, 9));
  for (const node of simulation.nodes) node.crash();
  for (const node of simulation.nodes) node.start();
  return demandSettled(simulation);
}

/** A machine misses dozens of blocks, again and again, and the first whom it may ask lies about them (attacks 62, 63 and 68). */
function poisonedCatchUp(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const adversaries: SimulationOptions["adversaries"] = {
    0: seed % 2 === 0 ? ["sync-poisoner"] : ["sync-poisoner", "withholder"],
  };
  const simulation = start(seed, validators, { adversaries, network: { delayMs: [0.2, 1] } });
  const late = nodeAt(simulation, 1 + (seed % (validators - 1)));
  for (let round = 0; round < 4 && simulation.violations.length === 0; round += 1) {
    late.crash();
    simulation.load(40, simulation.queue.now + 900);
    simulation.runFor(1_000 + random.between(0, 200));
    for (const node of simulation.nodes) {
      simulation.network.slowDown(late, node, 40);
      simulation.network.slowDown(node, late, 40);
    }
    late.start();
    const { height } = simulation;
    simulation.runFor(4_500);
    const reached = late.replica?.head().height ?? 0;
    const rule = "SYNC-1: a liar holds up nobody who catches up";
    simulation.demand(reached >= height, rule, () => `at ${reached} of ${height}`);
  }
  demandSettled(simulation);
  simulation.runFor(1_500);
  const waiting = simulation.honest.filter(({ replica }) => replica?.readiness().state !== "ready");
  const ready = "SYNC-1: a height that one validator states is a hint only";
  simulation.demand(waiting.length === 0, ready, () => waiting.map(({ name }) => name).join(", "));
  return simulation;
}

/** Every link is slower than the largest first timeout allows for: views have to grow until they are long enough (PACE-1). */
function slowLinks(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators, { network: { delayMs: [1_500, 1_600] } });
  simulation.load(4, 2_000);
  const isDone = simulation.runUntil({ height: 2, limitMs: 90_000 });
  simulation.demand(isDone, "PACE-1: timeouts grow until a view is long enough", () => simulation.summary());
  return demandSettled(simulation);
}

/** Payments one by one, each with time to be final: few blocks besides theirs (PACE-6). */
function fewEmptyBlocks(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators, { network: { delayMs: [1, 3] } });
  simulation.runFor(1_000);
  const payments = 20;
  for (let at = 0; at < payments; at += 1) {
    for (let more = 0; more < 3; more += 1) {
      simulation.submit(nodeAt(simulation, at));
      simulation.runFor(4);
    }
    simulation.runFor(600);
  }
  const empty = simulation.ledger.chain.filter(({ body }) => body.length === 0).length;
  simulation.demand(
    empty <= 2.5 * payments,
    "PACE-6: an empty block waits for something to carry",
    () => `${empty} of ${simulation.height} blocks are empty`,
  );
  return demandSettled(simulation);
}

/** A peer that asks for whole ranges without end gets a bounded share of the disk (attack 83). */
function greedyReader(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators, { adversaries: { 0: [] }, network: { delayMs: [0.2, 1] } });
  const asked = nodeAt(simulation, 1);
  simulation.load(20, 1_000);
  simulation.runFor(2_500);
  let reads = 0;
  const { store } = asked;
  const block = store.block.bind(store);
  Object.defineProperty(store, "block", {
    value: (height: Height) => {
      reads += 1;
      return block(height);
    },
  });
  const isRange = seed % 2 === 0;
  const hash = simulation.ledger.chain[0]?.hash as Digest;
  for (let round = 0; round < 2; round += 1) {
    reads = 0;
    for (let at = 0; at < 1_500; at += 1) {
      const frame = isRange
        ? encodeMessage({ type: "get-range", from: 1 as Height, count: 256 })
        : encodeMessage({ type: "get-blocks", hash, count: 1 });
      asked.deliver(0 as ValidatorIndex, "sync", frame);
    }
    const rule = "SAFE-9: a peer is served a bounded share";
    simulation.demand(reads <= 2_600, rule, () => `${reads} blocks read between two ticks`);
    simulation.runFor(600);
  }
  return demandSettled(simulation);
}

/** What clients are told: every record's own code, and a receipt that a stranger can check against genesis alone. */
function receipts(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators);
  const { consortium } = simulation;
  simulation.load(10, 5_000);
  simulation.runFor(5_000);
  demandSettled(simulation);
  const { genesis, chainId } = consortium;
  const node = nodeAt(simulation, seed);
  if (node.replica === undefined) return simulation;
  const genesisBytes = utf8(canonicalJson(genesis as unknown as CanonicalJson));
  const participant = 1 as ParticipantNumber;
  const { replica, store } = node;
  const queries = new Queries({ replica, store, genesis, chainId, genesisBytes, participant, version: "1" });
  const trusted = trustedChain(consortium);
  let proven = 0;
  for (const { body } of simulation.ledger.chain) {
    for (const { digest } of body) {
      const bytes = store.batch(digest);
      const header = bytes === undefined ? undefined : parseBatch(bytes);
      if (bytes === undefined || header?.ok !== true || header.header.kind !== "create_transfers") continue;
      for (let index = 0; index < header.header.count; index += 1) {
        const id = idAt(bytes, index);
        const answer = queries.receipt(id);
        if (answer.type !== "proven") continue;
        proven += 1;
        const verdict = verifyReceiptOn(trusted, utf8(canonicalJson(answer.proof as CanonicalJson)));
        const rule = "LEDG-19: a receipt proves its outcome";
        simulation.demand(verdict.ok && verdict.proven.id === id, rule, () => JSON.stringify(verdict));
      }
    }
  }
  simulation.demand(proven > 20, "LEDG-19: results are proven to clients", () => `${proven} receipts`);
  return simulation;
}

const idAt = (bytes: Uint8Array, index: number): Id128 =>
  toHex(bytes.subarray(128 + index * 128, 144 + index * 128)) as Id128;

/** Every bit of the state that execution reads stands under the root: a disk that changed one is found out (LEDG-20). */
function damagedState(seed: number, validators: number): Simulation {
  const random = new Random(seed, "scenario");
  const simulation = start(seed, validators, { checkpointBlocks: 1 });
  simulation.load(10, 3_000);
  simulation.runFor(3_000);
  demandSettled(simulation);
  const { genesis, chainId } = simulation.consortium;
  const { store } = nodeAt(simulation, seed);
  const { checkpoint } = store.load();
  // A page whose entries are all gone stays behind as an empty one.
  const pages = [...store.pages()].filter(({ bytes }) => bytes.length > 0);
  if (checkpoint === undefined) return simulation;
  const tables = new Set(pages.map(({ key }) => Math.floor(key / 2 ** 32)));
  for (const table of tables) {
    const victim = random.pick(pages.filter(({ key }) => Math.floor(key / 2 ** 32) === table));
    const bytes = victim.bytes.slice();
    const at = random.integer(0, bytes.length - 1);
    bytes[at] = (bytes[at] as number) ^ (1 << random.integer(0, 7));
    const changed = pages.map((page) => (page === victim ? { ...page, bytes } : page));
    let root = "none";
    try {
      root = Ledger.restore(genesis, chainId, checkpoint.height, changed).stateRoot;
    } catch {
      // Refused outright.
    }
    const rule = "LEDG-20: the state root covers every table";
    simulation.demand(root !== checkpoint.stateRoot, rule, () => `table ${table}, byte ${at} of page ${victim.key}`);
  }
  return simulation;
}

/** Blocks come faster than results, on every machine: payments wait until results are near again (SAFE-6, K). */
function lateResults(seed: number, validators: number): Simulation {
  const simulation = start(seed, validators, { network: { delayMs: [0.5, 1.5] } });
  for (const node of simulation.nodes) node.soonMs = 80;
  simulation.load(50, 1_500);
  simulation.runFor(1_800);
  // After a restart there are blocks to execute again, and until then nothing that is read or taken in is up to date.
  const node = nodeAt(simulation, seed);
  node.crash();
  const last = node.store.load().head?.height ?? 0;
  node.soonMs = 300;
  node.start();
  for (let at = 0; at < 30; at += 1) {
    simulation.runFor(30);
    const isReady = node.replica?.readiness().state === "ready";
    const reached = node.replica?.executedHeight() ?? 0;
    const rule = "SYNC-3: a machine that is behind says so";
    simulation.demand(!isReady || reached >= last, rule, () => `ready at ${reached} of ${last}`);
  }
  for (const one of simulation.nodes) one.soonMs = 0;
  return demandSettled(simulation);
}

export const DIRECTED_SCENARIOS = [
  { name: "foreign-batches", what: "batches that were signed for another consortium", run: foreignBatches },
  { name: "wrong-executor", what: "one machine computes other results", run: wrongExecutor },
  { name: "old-backup", what: "one disk is put back by seconds", run: oldBackup },
  { name: "last-commit", what: "a restart between finality and its delivery", run: lastCommit },
  { name: "one-way-link", what: "one machine is down, one link dead in one direction", run: oneWayLink },
  { name: "half-heard-payment", what: "two machines know of a payment, the leader is down", run: halfHeardPayment },
  { name: "unheard-payment", what: "one machine alone knows of a payment", run: unheardPayment },
  { name: "missed-finality", what: "one machine hears nothing of the last payment", run: missedFinality },
  { name: "unclaimed-result", what: "all stop between a payment's execution and its claim", run: unclaimedResult },
  { name: "poisoned-catch-up", what: "a machine is behind, and a liar is asked first", run: poisonedCatchUp },
  { name: "slow-links", what: "links slower than any first timeout", run: slowLinks },
  { name: "few-empty-blocks", what: "single payments with pauses", run: fewEmptyBlocks },
  { name: "greedy-reader", what: "requests without end", run: greedyReader },
  { name: "receipts", what: "every client's answers and receipts", run: receipts },
  { name: "damaged-state", what: "bits of stored state that changed", run: damagedState },
  { name: "late-results", what: "agreement is faster than execution", run: lateResults },
];

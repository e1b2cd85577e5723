import { describe, expect, test } from "vitest";
import { type Block, encodeMessage, type Proposal } from "../../src/consensus/index.js";
import { certificateScheme, sha256 } from "../../src/crypto/index.js";
import {
  batchesRoot,
  blockHash,
  type CanonicalJson,
  canonicalJson,
  encodeHeader,
  type Header,
  type VoteSubject,
  verifyReceiptOn,
  voteBytes,
} from "../../src/formats/index.js";
import {
  type Digest,
  type Height,
  type ParticipantNumber,
  toHex,
  utf8,
  type ValidatorIndex,
  type View,
  view,
  ZERO_DIGEST,
} from "../../src/primitives/index.js";
import { Queries } from "../../src/replica/index.js";
import {
  forgeReceipts,
  Puppet,
  Random,
  Ring,
  type Simulation,
  simulate,
  trustedChain,
} from "../../src/simulator/index.js";
import type { SimulatedNode } from "../../src/simulator/node.js";

const LIAR = 3;
const A = "aa".repeat(32) as Digest;
const B = "bb".repeat(32) as Digest;

const nodeAt = (simulation: Simulation, index: number): SimulatedNode => simulation.nodes[index] as SimulatedNode;

/** Signs with the liar's own key. */
function signature(simulation: Simulation, signer: number, subject: VoteSubject): Uint8Array {
  const { chainId, set, secretKeys } = simulation.consortium;
  const bytes = voteBytes(subject, { chainId, valsetHash: set.hash });
  return certificateScheme("keyed-hash").sign(secretKeys[signer] as Uint8Array, bytes);
}

function voteFrame(simulation: Simulation, kind: VoteSubject["kind"], at: View, hash: Digest): Uint8Array {
  const subject = { kind, epoch: simulation.consortium.set.epoch, view: at, hash };
  const signer = LIAR as ValidatorIndex;
  return encodeMessage({
    type: "vote",
    vote: { ...subject, signer, signature: signature(simulation, LIAR, subject), certificate: undefined },
  });
}

/** A block of view 1 on the anchor in the name of validator 0. */
function firstProposal(simulation: Simulation, timestamp: number): Proposal {
  const { chainId, set } = simulation.consortium;
  const claim = nodeAt(simulation, 1).replica?.claim();
  const header: Header = {
    version: 1,
    chainId,
    epoch: set.epoch,
    view: view(1),
    height: 1 as Header["height"],
    parentHash: chainId,
    parentView: 0 as View,
    parentCertificate: undefined,
    skips: [],
    timestamp,
    proposer: 0 as ValidatorIndex,
    batchesRoot: batchesRoot(sha256, []),
    executed: claim as Header["executed"],
    valsetHash: set.hash,
    type: "NORMAL",
  };
  const block: Block = { hash: blockHash(sha256, encodeHeader(header)), header, body: [] };
  const subject = { kind: "PREPARE", epoch: set.epoch, view: view(1), hash: block.hash } as const;
  return { block, signature: signature(simulation, 0, subject), commitProof: undefined };
}

const readable = (node: SimulatedNode): string[] =>
  (node.replica?.evidence() ?? []).map((evidence) =>
    JSON.stringify(evidence, (_key, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value)),
  );

describe("attack 18: a leader of two blocks", () => {
  test.each([1, 2, 3])(
    "one block to one victim, another to the rest: one ledger, and the victim has it, seed %i",
    (seed) => {
      const simulation = simulate({ seed, validators: 4, adversaries: { [LIAR]: ["equivocator"] } });
      simulation.load(8, 5_000);
      simulation.runFor(5_000);
      expect(simulation.settle(60_000), simulation.summary()).toBe(true);
      expect(simulation.forks()).toEqual([]);
      expect(simulation.violations).toEqual([]);
      const heads = simulation.honest.map(({ replica }) => replica?.head().hash);
      expect(new Set(heads).size).toBe(1);
      expect(simulation.height).toBeGreaterThan(8);
    },
  );

  test("whoever hears both proposals keeps both signatures as evidence, and votes for one at most", () => {
    const simulation = simulate({ seed: 1, validators: 4, adversaries: { 0: ["silent-leader"] } });
    const victim = nodeAt(simulation, 1);
    const wall = victim.wall();
    const [first, second] = [firstProposal(simulation, wall), firstProposal(simulation, wall + 1)];
    for (const proposal of [first, second]) {
      victim.deliver(0 as ValidatorIndex, "consensus", encodeMessage({ type: "proposal", proposal }));
    }
    simulation.runFor(50);
    const [evidence] = victim.replica?.evidence() ?? [];
    expect(evidence).toMatchObject({ signer: 0, view: 1 });
    expect(evidence?.votes.map(({ hash }) => hash).sort()).toEqual([first.block.hash, second.block.hash].sort());
    expect(victim.store.load().record).toMatchObject({ view: 1, hash: first.block.hash, prepared: true });
  });
});

describe("attack 36: evidence is the same bytes everywhere", () => {
  test.each([
    ["two blocks", ["PREPARE", A], ["PREPARE", B]],
    ["two blocks to commit", ["COMMIT", B], ["COMMIT", A]],
    ["COMMIT and TIMEOUT", ["COMMIT", A], ["TIMEOUT", ZERO_DIGEST]],
  ] as const)("%s, heard in either order and at other times", (_what, one, other) => {
    const simulation = simulate({ seed: 1, validators: 4, adversaries: { [LIAR]: [] } });
    const at = view(3);
    const frames = [one, other].map(([kind, hash]) => voteFrame(simulation, kind, at, hash));
    const hear = (index: number, order: readonly number[]): void => {
      for (const which of order) {
        nodeAt(simulation, index).deliver(LIAR as ValidatorIndex, "consensus", frames[which] as Uint8Array);
        simulation.runFor(40);
      }
    };
    hear(0, [0, 1]);
    simulation.runFor(700);
    hear(1, [1, 0]);
    hear(2, [1, 1, 0, 1, 0]);
    const kept = [0, 1, 2].map((index) => readable(nodeAt(simulation, index)));
    expect(kept[0]).toHaveLength(1);
    expect(kept[1]).toEqual(kept[0]);
    expect(kept[2]).toEqual(kept[0]);
    expect(simulation.violations).toEqual([]);
  });

  test("a vote whose signature does not verify accuses nobody", () => {
    const simulation = simulate({ seed: 1, validators: 4, adversaries: { [LIAR]: [] } });
    const good = voteFrame(simulation, "PREPARE", view(3), A);
    const bad = voteFrame(simulation, "PREPARE", view(3), B);
    bad[bad.length - 2] = (bad[bad.length - 2] as number) ^ 1;
    for (const frame of [good, bad]) nodeAt(simulation, 0).deliver(LIAR as ValidatorIndex, "consensus", frame);
    simulation.runFor(50);
    expect(nodeAt(simulation, 0).replica?.evidence()).toEqual([]);
  });
});

describe("SAFE-10: a badly signed vote does not hide what its signer says next", () => {
  const C = "cc".repeat(32) as Digest;
  const badly = (frame: Uint8Array): Uint8Array => {
    const bad = frame.slice();
    bad[bad.length - 2] = (bad[bad.length - 2] as number) ^ 1;
    return bad;
  };

  test.each([
    ["in the place of the first vote", ["bad C", "A", "B"]],
    ["between the two", ["A", "bad C", "B"]],
    ["several, and again", ["bad C", "bad B", "A", "bad C", "B"]],
  ])("%s", (_where, words) => {
    const simulation = simulate({ seed: 1, validators: 4, adversaries: { [LIAR]: [] } });
    const victim = nodeAt(simulation, 0);
    for (const word of words) {
      const hash = { A, B, C }[word.slice(-1)] as Digest;
      const frame = voteFrame(simulation, "PREPARE", view(3), hash);
      victim.deliver(LIAR as ValidatorIndex, "consensus", word.startsWith("bad") ? badly(frame) : frame);
    }
    simulation.runFor(50);
    expect(victim.replica?.evidence()).toMatchObject([{ signer: LIAR, view: 3, votes: [{ hash: A }, { hash: B }] }]);
    expect(simulation.violations).toEqual([]);
  });
});

describe("attack 43: a leader of bad headers only", () => {
  test.each(["mutator", "claim-liar"] as const)(
    "%s: its views are left, and reads are served all along",
    (behaviour) => {
      const simulation = simulate({ seed: 4, validators: 4, adversaries: { [LIAR]: [behaviour] } });
      const { genesis, chainId, set } = simulation.consortium;
      const { replica, store } = nodeAt(simulation, 0);
      if (replica === undefined) throw new Error("it is up");
      const queries = new Queries({
        ...{ replica, store, genesis, chainId, set },
        genesisBytes: utf8(canonicalJson(genesis as unknown as CanonicalJson)),
        participant: 1 as ParticipantNumber,
        version: "1",
      });
      const settlement = simulation.consortium.banks[0]?.settlement;
      if (settlement === undefined) throw new Error("the bank has an account");
      simulation.load(8, 10_000);
      let skipped = 0;
      for (let at = 0; at < 100; at += 1) {
        simulation.runFor(100);
        expect(queries.accounts([settlement])[0]).toBeDefined();
        expect(replica.readiness().state).toBe("ready");
      }
      for (const { header } of simulation.ledger.chain) skipped += header.skips.length;
      expect(skipped).toBeGreaterThan(2);
      expect(simulation.settle(60_000), simulation.summary()).toBe(true);
      expect(simulation.violations).toEqual([]);
    },
  );
});

describe("attack 44: a leader that leaves out what it does not like", () => {
  test.each([1, 2, 3])(
    "the next honest leader includes it: no batch waits for more than f + 1 turns, seed %i",
    (seed) => {
      const simulation = simulate({ seed, validators: 4, adversaries: { [LIAR]: ["censor"] } });
      simulation.runFor(1_000);
      let censored = 0;
      for (let at = 0; at < 40; at += 1) {
        const { height } = simulation;
        simulation.submit(nodeAt(simulation, at % 3));
        // Until its own machine has it on disk, and no leader in a block yet.
        simulation.runFor(2);
        const [digest] = simulation.unfinished();
        simulation.runFor(300);
        if (digest === undefined) continue;
        const ordered = simulation.ledger.ordered.get(digest);
        expect(ordered, `batch ${at}`).toBeDefined();
        // What was under way when it came, one turn of the censor, and the next leader's.
        expect((ordered ?? 0) - height).toBeLessThanOrEqual(4);
        if (digest >= "8") censored += 1;
      }
      const byLiar = simulation.ledger.chain.filter(({ header }) => header.proposer === LIAR);
      expect(byLiar.flatMap(({ body }) => body).filter(({ digest }) => digest >= "8")).toEqual([]);
      expect(censored).toBeGreaterThan(0);
      expect(simulation.violations).toEqual([]);
    },
  );
});

/** A validator votes, is stopped, gets the disk of a backup, and comes back; all that it records is written down. */
function restoreFromBackup(seed: number, sinceBackupMs: number) {
  const simulation = simulate({ seed, validators: 4, adversaries: { [LIAR]: [] } });
  const node = nodeAt(simulation, LIAR);
  const voted = new Set<number>();
  const watch = node.store.observe;
  node.store.observe = (write) => {
    if (write.record !== undefined) voted.add(write.record.view);
    watch(write);
  };
  simulation.load(10, 30_000);
  simulation.runFor(3_000);
  const backup = node.store.backup();
  voted.clear();
  simulation.runFor(sinceBackupMs);
  const signed = new Set(voted);
  node.crash();
  node.store.restore(backup);
  voted.clear();
  node.start();
  simulation.runFor(5_000);
  return { simulation, node, signed, again: voted };
}

describe("attack 51: a validator comes back with an older backup of its data", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    "it finds its own later votes in certificates and votes no more, while it follows, seed %i",
    (seed) => {
      const { simulation, node, signed, again } = restoreFromBackup(seed, 3_000);
      expect(signed.size).toBeGreaterThan(5);
      expect([...again].filter((at) => signed.has(at))).toEqual([]);
      const { height } = simulation;
      const before = again.size;
      simulation.runFor(3_000);
      expect(again.size).toBe(before);
      expect(simulation.height).toBeGreaterThan(height);
      expect(simulation.settle(60_000), simulation.summary()).toBe(true);
      simulation.runFor(1_000);
      // Clients go on meanwhile: at one moment or another the heights are equal.
      for (let tries = 0; tries < 100 && node.replica?.head().height !== simulation.height; tries += 1) {
        simulation.runFor(7);
      }
      expect(node.replica?.head().height).toBe(simulation.height);
      expect(simulation.violations).toEqual([]);
    },
  );

  test("with the data that it stopped with it votes on", () => {
    const { again, signed } = restoreFromBackup(1, 0);
    expect(signed.size).toBe(0);
    expect(again.size).toBeGreaterThan(5);
  });
});

describe("attacks 37 and 81: a peer at full speed with what is worth nothing", () => {
  test("forged batches and broken frames: nothing throws, nothing is kept, and everybody goes on", () => {
    const simulation = simulate({ seed: 2, validators: 4, adversaries: { [LIAR]: [] } });
    const victim = nodeAt(simulation, 0);
    simulation.runFor(1_000);
    simulation.submit(nodeAt(simulation, 1));
    simulation.runFor(1_000);
    const ordered = simulation.ledger.chain.find(({ body }) => body.length > 0)?.body[0];
    const bytes = victim.store.batch(ordered?.digest as Digest) as Uint8Array;
    const good = encodeMessage({ type: "push-batch", bytes });
    const { height } = simulation;
    for (let round = 0; round < 60; round += 1) {
      for (let at = 0; at < 50; at += 1) {
        const frame = good.slice(0, at % 7 === 0 ? 2 + ((at * round) % (good.length - 2)) : good.length);
        const place = (round * 50 + at) % frame.length;
        frame[place] = (frame[place] as number) ^ (1 + (at % 255));
        victim.deliver(LIAR as ValidatorIndex, at % 2 === 0 ? "batches" : "sync", frame);
      }
      expect(victim.isUp).toBe(true);
      expect(victim.replica?.pool().batches ?? -1).toBeLessThan(8);
      simulation.submit(nodeAt(simulation, 1 + (round % 2)));
      simulation.runFor(100);
    }
    expect(simulation.height - height).toBeGreaterThan(40);
    expect(simulation.settle(30_000), simulation.summary()).toBe(true);
    expect(simulation.violations).toEqual([]);
  });
});

describe("attack 94: receipts that f colluders forge with all their keys", () => {
  test("none verifies, while a quorum with its keys could make one: the signatures are what is checked", () => {
    const simulation = simulate({ seed: 2, validators: 7 });
    simulation.load(10, 3_000);
    simulation.runFor(3_000);
    expect(simulation.settle(30_000), simulation.summary()).toBe(true);
    const { consortium } = simulation;
    const { genesis, chainId, set } = consortium;
    const { replica, store } = nodeAt(simulation, 0);
    if (replica === undefined) throw new Error("it is up");
    const genesisBytes = utf8(canonicalJson(genesis as unknown as CanonicalJson));
    const queries = new Queries({
      ...{ replica, store, genesis, chainId, genesisBytes },
      participant: 1 as ParticipantNumber,
      version: "1",
    });
    const scheme = certificateScheme("keyed-hash");
    const trusted = trustedChain(consortium);
    const height = simulation.ledger.chain.find(({ body }) => body.length > 0)?.header.height;
    const [item] = queries.outcomes(height ?? (0 as Height), { from: 0, limit: 1 })?.items ?? [];
    if (item?.type !== "transfer") throw new Error("the first block with batches orders a transfer");
    const answer = queries.receipt(item.transfer.id);
    if (answer.type !== "proven") throw new Error("it is final");
    const genuine = utf8(canonicalJson(answer.proof));
    expect(verifyReceiptOn(trusted, genuine).ok).toBe(true);
    const forgedBy = (colluders: number): readonly (readonly [string, Uint8Array])[] => {
      const ring = new Ring(consortium, scheme);
      const puppets = Array.from({ length: colluders }, (_, index) => {
        const options = { consortium, scheme, ring, behaviours: [], random: new Random(1, `forger ${index}`) };
        return new Puppet({ ...options, index: (set.members.length - 1 - index) as ValidatorIndex });
      });
      return forgeReceipts(puppets[0] as Puppet, genuine);
    };
    const forged = forgedBy(2);
    expect(forged.length).toBeGreaterThan(8);
    expect(forged.filter(([, bytes]) => verifyReceiptOn(trusted, bytes).ok).map(([name]) => name)).toEqual([]);
    // Whoever has the keys of a quorum has the ledger: the forger's own certificate is a certificate then.
    const own = forgedBy(5).filter(([name]) => name.includes("certified"));
    expect(own.map(([, bytes]) => verifyReceiptOn(trusted, bytes).ok)).toEqual([true]);
  });
});

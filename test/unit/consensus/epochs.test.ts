import { describe, expect, test } from "vitest";
import { type Admitted, type AgreementMessage, type Succession, step } from "../../../src/consensus/index.js";
import type { Certificate, VoteSubject } from "../../../src/formats/index.js";
import { type Digest, epoch, height, utf8, type ValidatorIndex, type View } from "../../../src/primitives/index.js";
import { bank, batch, CoreCluster, core, GENESIS_TIME } from "./core-cluster.js";

const decided = (at: number, members: readonly number[], inEpoch = 1): Succession => ({
  epoch: epoch(inEpoch),
  decidedAt: height(at),
  validators: members.map(bank),
});

/** The block at `at` decides who follows: every core finds that when it executes it. */
function clusterThatChanges(at: number, members: readonly number[], followers = 0): CoreCluster {
  const cluster = new CoreCluster(4, followers);
  cluster.succession = (_by, executed) => (executed >= at ? decided(at, members) : undefined);
  return cluster;
}

const certificateOf = (kind: "PREPARE" | "COMMIT", at: View, hash: Digest): Certificate => ({
  ...{ kind, epoch: epoch(0), view: at, hash, signers: 0b0111 },
  signature: utf8("forged"),
});

const epochs = (cluster: CoreCluster): number[] => cluster.cores.map((state) => state.setting.set.epoch);
const isSigning = ({ effect }: CoreCluster["effects"][number]): VoteSubject | undefined =>
  effect.type === "sign" ? { ...effect.subject, hash: effect.subject.hash } : undefined;

describe("the switch of an epoch", () => {
  test("EPOCH-2, EPOCH-4: the first block whose claim covers the decision closes the epoch, its finality switches", () => {
    const cluster = clusterThatChanges(2, [1, 2, 3, 4, 5], 2);
    for (let index = 0; index < 6; index += 1) {
      cluster.submit(batch(`payment ${index}`, GENESIS_TIME + cluster.now));
      cluster.run(60);
    }
    cluster.run(4_000);
    expect(epochs(cluster)).toEqual([1, 1, 1, 1, 1, 1]);
    const chain = cluster.finalized[1] ?? [];
    const closing = chain.filter(({ header }) => header.type === "CLOSING");
    expect(closing).toHaveLength(1);
    const [last] = closing;
    expect(last?.header.executed.height).toBeGreaterThanOrEqual(2);
    expect(last?.header.nextSet?.map(({ participant }) => participant)).toEqual([2, 3, 4, 5, 6]);
    for (const { header } of chain) {
      if (header.epoch !== 0 || header.type !== "NORMAL") continue;
      expect(header.executed.height).toBeLessThan(2);
    }
    expect(chain.every(({ header }) => header.type !== "DRAIN")).toBe(true);
    for (const other of cluster.finalized.slice(1)) {
      expect(other.map(({ hash }) => hash)).toEqual(chain.slice(0, other.length).map(({ hash }) => hash));
    }
  });

  test("EPOCH-4: who is no member of the new set signs nothing there, newcomers vote from its first view on", () => {
    const cluster = clusterThatChanges(1, [1, 2, 3, 4], 1);
    cluster.submit(batch("payment"));
    cluster.run(3_000);
    cluster.submit(batch("later", GENESIS_TIME + cluster.now));
    cluster.run(3_000);
    expect(epochs(cluster)).toEqual([1, 1, 1, 1, 1]);
    const signed = cluster.effects.map((entry) => ({ by: entry.by, subject: isSigning(entry) }));
    const inNew = new Set(signed.filter(({ subject }) => subject?.epoch === 1).map(({ by }) => by));
    expect(inNew).toEqual(new Set([1, 2, 3, 4]));
    expect(cluster.cores[0]?.setting.self).toBeUndefined();
    expect(cluster.cores[4]?.setting.self).toBe(3);
    const ordered = cluster.finalized[4]?.flatMap(({ body }) => body.map(({ digest }) => digest));
    expect(ordered).toHaveLength(2);
    const anchor = cluster.finalized[4]?.find(({ header }) => header.type === "CLOSING");
    const first = cluster.finalized[4]?.find(({ header }) => header.epoch === 1);
    expect(first?.header).toMatchObject({
      parentHash: anchor?.hash,
      parentView: 0,
      parentCertificate: undefined,
      height: (anchor?.header.height ?? 0) + 1,
      type: "NORMAL",
    });
  });

  test("PACE-3: the schedule of leaders is shifted by the epoch", () => {
    const cluster = clusterThatChanges(1, [0, 1, 2, 3]);
    cluster.submit(batch("payment"));
    cluster.run(3_000);
    cluster.submit(batch("later", GENESIS_TIME + cluster.now));
    cluster.run(3_000);
    for (const { header } of cluster.finalized[0] ?? [])
      expect(header.proposer).toBe((header.view - 1 + header.epoch) % 4);
    expect(cluster.finalized[0]?.some(({ header }) => header.epoch === 1)).toBe(true);
  });

  test("EPOCH-4: nothing switches on own execution of the decision alone", () => {
    const cluster = clusterThatChanges(1, [0, 1, 2, 3]);
    // COMMITs of CLOSING and DRAIN blocks are lost: the epoch cannot end.
    const ending = new Set<string>();
    cluster.passes = (_from, _to, message) => {
      if (message.type === "proposal" && message.proposal.block.header.type !== "NORMAL")
        ending.add(message.proposal.block.hash);
      return !(message.type === "vote" && message.vote.kind === "COMMIT" && ending.has(message.vote.hash));
    };
    cluster.submit(batch("payment"));
    cluster.run(400);
    expect(ending.size).toBeGreaterThan(1);
    expect(epochs(cluster)).toEqual([0, 0, 0, 0]);
    expect(cluster.cores.every(({ executedHeight }) => executedHeight >= 1)).toBe(true);
  });

  test("EPOCH-3, EPOCH-4: a CommitQC of a DRAIN block makes the CLOSING block the anchor, and no DRAIN is delivered", () => {
    const cluster = clusterThatChanges(1, [0, 1, 2, 3]);
    const closing = new Set<string>();
    cluster.passes = (_from, _to, message) => {
      if (message.type === "proposal" && message.proposal.block.header.type === "CLOSING")
        closing.add(message.proposal.block.hash);
      return !(message.type === "vote" && message.vote.kind === "COMMIT" && closing.has(message.vote.hash));
    };
    cluster.submit(batch("payment"));
    cluster.run(4_000);
    cluster.submit(batch("later", GENESIS_TIME + cluster.now));
    cluster.run(3_000);
    expect(epochs(cluster)).toEqual([1, 1, 1, 1]);
    expect(cluster.closes.get(0)?.header.type).toBe("DRAIN");
    for (const chain of cluster.finalized) {
      expect(chain.every(({ header }) => header.type !== "DRAIN")).toBe(true);
      expect(chain.map(({ header }) => header.height)).toEqual(chain.map((_, index) => index + 1));
      const anchor = chain.find(({ header }) => header.type === "CLOSING");
      expect(cluster.closes.get(0)?.header.closing).toEqual({ hash: anchor?.hash, height: anchor?.header.height });
    }
  });

  test("EPOCH-5: one that missed the end learns it from whoever it talks to, and follows", () => {
    const cluster = clusterThatChanges(1, [0, 1, 2, 3]);
    cluster.submit(batch("payment"));
    cluster.run(1);
    cluster.down.add(3);
    cluster.run(6_000);
    expect(epochs(cluster).slice(0, 3)).toEqual([1, 1, 1]);
    cluster.down.delete(3);
    cluster.run(2_000);
    expect(epochs(cluster)).toEqual([1, 1, 1, 1]);
    expect(cluster.cores[3]?.head.hash).toBe(cluster.cores[0]?.head.hash);
  });

  test("EPOCH-4, SAFE-8: one whose own execution lags follows the certified set, and notices if it computes another", () => {
    const cluster = clusterThatChanges(1, [0, 1, 2, 3]);
    const put: [number, Parameters<CoreCluster["execute"]>[1]][] = [];
    const { execute } = cluster;
    cluster.execute = (by, block) => {
      if (by === 3) put.push([by, block]);
      else execute(by, block);
    };
    cluster.submit(batch("payment"));
    cluster.run(4_000);
    expect(epochs(cluster)).toEqual([1, 1, 1, 1]);
    expect(cluster.cores[3]?.executedHeight).toBe(0);
    expect(cluster.cores[3]?.diverged).toBe(false);
    cluster.succession = () => decided(1, [0, 1, 2, 4]);
    for (const [by, block] of put) execute(by, block);
    expect(cluster.cores[3]?.diverged).toBe(true);
  });

  test("EPOCH-7: a decision alone is work enough: an idle network closes its epoch and falls silent", () => {
    const cluster = clusterThatChanges(1, [0, 1, 2, 3]);
    cluster.submit(batch("payment"));
    cluster.run(5_000);
    expect(epochs(cluster)).toEqual([1, 1, 1, 1]);
    const heights = cluster.heights();
    cluster.run(5_000);
    expect(cluster.heights()).toEqual(heights);
  });

  test("attack 24: what comes of another epoch is answered, and believed in nothing", () => {
    const cluster = new CoreCluster(4);
    cluster.submit(batch("payment"));
    cluster.run(1_000);
    const [proposal] = cluster.sent.flatMap(({ message }) => (message.type === "proposal" ? [message.proposal] : []));
    const state = core(3);
    if (proposal === undefined) throw new Error("a proposal");
    const { header } = proposal.block;
    const forged = { ...certificateOf("PREPARE", header.view, proposal.block.hash) };
    const effects = step(
      state,
      {
        type: "received",
        from: 0 as ValidatorIndex,
        message: {
          type: "proposal",
          proposal: {
            ...proposal,
            block: { ...proposal.block, header: { ...header, epoch: epoch(7) } },
            commitProof: { prepare: forged, commit: { ...forged, kind: "COMMIT" } },
          },
        } as Admitted<AgreementMessage>,
      },
      { at: 1_000, wall: GENESIS_TIME + 2_000 },
    );
    expect(effects).toEqual([expect.objectContaining({ type: "send", to: 0 })]);
    expect(effects[0]).toMatchObject({ message: { type: "status" } });
    expect(state.certificates.size + state.candidates.size + state.tallies.size).toBe(0);
    expect(state.pendingFinality).toBeUndefined();
  });
});

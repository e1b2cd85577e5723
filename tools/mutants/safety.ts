import { SWARM, scenario } from "./looks.js";
import type { Mutation } from "./mutation.js";

const CERTIFICATE = "src/formats/certificate.ts";
const SIGNER = "src/consensus/signer.ts";
const STEP = "src/consensus/step.ts";
const PROGRESS = "src/consensus/progress.ts";
const PROPOSALS = "src/consensus/proposals.ts";
const SUCCESSION = "src/consensus/succession.ts";
const VALIDITY = "src/consensus/validity.ts";
const VERIFIER = "src/replica/verifier.ts";
const REPLICA = "src/replica/replica.ts";
const OUTBOX = "src/replica/outbox.ts";
const CLAIMS = "src/consensus/claims.ts";
const TALLIES = "src/consensus/tallies.ts";
const MEMPOOL = "src/mempool/mempool.ts";

/** The core says so itself when COMMIT meets TIMEOUT; the simulator has to notice without that. */
const WITHOUT_ASSERTION = {
  file: STEP,
  search: 'assert(!(state.record.committed && state.record.timedOut), "SAFE-3: COMMIT xor TIMEOUT");',
  replace: "void state.record.committed;",
} as const;

const QUORUMS: readonly Mutation[] = [
  {
    name: "quorum-one-less",
    rule: "SAFE-1",
    edits: [
      {
        file: CERTIFICATE,
        search: "Math.ceil((n + faultsTolerated(n) + 1) / 2)",
        replace: "Math.ceil((n + faultsTolerated(n) - 1) / 2)",
      },
    ],
    looks: SWARM,
  },
  {
    name: "quorum-one-more",
    rule: "SAFE-1",
    edits: [
      {
        file: CERTIFICATE,
        search: "Math.ceil((n + faultsTolerated(n) + 1) / 2)",
        replace: "Math.ceil((n + faultsTolerated(n) + 3) / 2)",
      },
    ],
    looks: SWARM,
  },
  {
    name: "quorum-2f+1-of-six",
    rule: "SAFE-1",
    edits: [
      {
        file: CERTIFICATE,
        search: "Math.ceil((n + faultsTolerated(n) + 1) / 2)",
        replace: "2 * faultsTolerated(n) + 1",
      },
    ],
    looks: [{ swarm: 6, seeds: 50 }],
  },
  {
    name: "votes-counted-one-short",
    rule: "SAFE-2",
    edits: [
      {
        file: TALLIES,
        search: "if (equal.length < state.setting.quorum) return;",
        replace: "if (equal.length < state.setting.quorum - 1) return;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "duplicate-signers-counted",
    rule: "SAFE-2",
    edits: [
      {
        file: TALLIES,
        search: "if (equal.length < state.setting.quorum) return;",
        replace: "if (2 * equal.length < state.setting.quorum) return;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "sub-quorum-certificates-accepted",
    rule: "SAFE-2",
    edits: [
      {
        file: CERTIFICATE,
        search: "if (signers.length < quorumOf(n)) return undefined;",
        replace: "if (signers.length < quorumOf(n) - 1) return undefined;",
      },
    ],
    looks: scenario("forged-certificates"),
  },
  {
    name: "certificate-signatures-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: CERTIFICATE,
        search:
          "return claim !== undefined && context.verifier.verifyCertificate(claim.signers, claim.message, claim.signature);",
        replace: "return claim !== undefined;",
      },
    ],
    looks: [...scenario("forger"), ...SWARM],
  },
  {
    name: "commit-certificate-of-a-proof-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: VERIFIER,
        search: "return this.#isValid(proof.prepare) && this.#isValid(proof.commit);",
        replace: "return this.#isValid(proof.prepare);",
      },
    ],
    looks: scenario("forged-commits"),
  },
  {
    name: "certificates-in-proposals-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: VERIFIER,
        search: "if (!this.#verifier.verifyAll(claims)) return false;",
        replace: "if (!this.#verifier.verifyAll([beside])) return false;",
      },
    ],
    looks: scenario("forged-certificates"),
  },
  {
    name: "certificates-of-votes-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: VERIFIER,
        search: 'if (!this.#isValid(certificate)) return refused("a vote with a certificate that does not verify");',
        replace: "",
      },
    ],
    looks: scenario("forged-certificates"),
  },
  {
    name: "fetched-certificates-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: VERIFIER,
        search: 'certificate.kind !== "COMMIT" && this.#isValid(certificate)',
        replace: 'certificate.kind !== "COMMIT"',
      },
    ],
    looks: scenario("forged-certificates"),
  },
  {
    name: "proposal-signature-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: VERIFIER,
        search: "const claims: SignedByAll[] = [beside];",
        replace: "const claims: SignedByAll[] = [];",
      },
    ],
    looks: scenario("wrong-blocks"),
  },
  {
    name: "sums-of-votes-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: VERIFIER,
        search: "return this.#verifier.verifyCertificate(signers, message, combined) ? combined : undefined;",
        replace: "return signers.length > 0 ? combined : undefined;",
      },
    ],
    looks: [...scenario("poisoner"), ...SWARM],
  },
  {
    name: "signed-bytes-without-kind",
    rule: "SAFE-2",
    edits: [
      {
        file: CERTIFICATE,
        search: ".u8(KIND_CODES[subject.kind])\n    .hex(chain.chainId)",
        replace: ".u8(1)\n    .hex(chain.chainId)",
      },
    ],
    looks: scenario("forged-commits"),
  },
  {
    name: "signed-bytes-without-view",
    rule: "SAFE-2",
    edits: [
      {
        file: CERTIFICATE,
        search: ".u64(subject.view)\n    .hex(subject.hash)",
        replace: ".u64(0)\n    .hex(subject.hash)",
      },
    ],
    looks: scenario("forged-certificates"),
  },
  {
    name: "signed-bytes-without-hash",
    rule: "SAFE-2",
    edits: [{ file: CERTIFICATE, search: ".u64(subject.view)\n    .hex(subject.hash)", replace: ".u64(subject.view)" }],
    looks: scenario("forged-commits"),
  },
  {
    name: "signed-bytes-without-chain",
    rule: "SAFE-2",
    edits: [
      { file: CERTIFICATE, search: ".hex(chain.chainId)\n    .u64(subject.epoch)", replace: ".u64(subject.epoch)" },
    ],
    looks: scenario("forged-certificates"),
  },
  {
    name: "signed-bytes-without-epoch",
    rule: "SAFE-2",
    edits: [
      {
        file: CERTIFICATE,
        search: ".u64(subject.epoch)\n    .hex(chain.valsetHash)",
        replace: ".hex(chain.valsetHash)",
      },
    ],
    looks: scenario("forged-certificates"),
  },
  {
    name: "signed-bytes-without-validator-set",
    rule: "SAFE-2",
    edits: [
      { file: CERTIFICATE, search: ".u64(subject.epoch)\n    .hex(chain.valsetHash)", replace: ".u64(subject.epoch)" },
    ],
    looks: scenario("forged-certificates"),
  },
];

const VOTES: readonly Mutation[] = [
  {
    name: "two-blocks-in-one-view",
    rule: "SAFE-3",
    edits: [
      {
        file: SIGNER,
        search: "return !record.prepared && (record.hash === undefined || record.hash === subject.hash);",
        replace: "return true;",
      },
      {
        file: STEP,
        search:
          "if (block !== undefined) state.candidates.set(record.view, { block, arrivedWall: context.wall, refused: false });",
        replace: "void block;",
      },
    ],
    looks: scenario("second-block"),
  },
  {
    name: "commit-another-block-than-prepared",
    rule: "SAFE-3",
    edits: [
      {
        file: SIGNER,
        search:
          "return !record.committed && !record.timedOut && (record.hash === undefined || record.hash === subject.hash);",
        replace: "return !record.committed && !record.timedOut;",
      },
    ],
    looks: [...scenario("equivocator"), ...SWARM],
  },
  {
    name: "commit-after-timeout",
    rule: "SAFE-3",
    edits: [
      {
        file: SIGNER,
        search:
          "return !record.committed && !record.timedOut && (record.hash === undefined || record.hash === subject.hash);",
        replace: "return !record.committed && (record.hash === undefined || record.hash === subject.hash);",
      },
      WITHOUT_ASSERTION,
    ],
    looks: [...scenario("lone-certificate-holder"), ...SWARM],
  },
  {
    name: "record-keeps-no-hash",
    rule: "SAFE-3",
    edits: [
      {
        file: SIGNER,
        search: "return { ...base, hash: subject.hash, prepared: true };",
        replace: "return { ...base, prepared: true };",
      },
    ],
    looks: SWARM,
  },
  {
    name: "record-of-the-view-before-forgotten",
    rule: "SAFE-3",
    edits: [
      {
        file: SIGNER,
        search: "record !== undefined && !isAfter(subject, record)",
        replace: "record !== undefined && record.prepared && !isAfter(subject, record)",
      },
      WITHOUT_ASSERTION,
    ],
    looks: [...scenario("lone-certificate-holder"), ...SWARM],
  },
  {
    name: "vote-before-it-is-durable",
    rule: "SAFE-4",
    edits: [
      {
        file: OUTBOX,
        search: 'effect.type === "check-votes" ||',
        replace: 'effect.type === "check-votes" ||\n  effect.type === "sign" ||\n  effect.type === "send" ||',
      },
    ],
    looks: SWARM,
  },
  {
    name: "acts-before-the-write-is-done",
    rule: "SAFE-4",
    edits: [
      {
        file: OUTBOX,
        search: "    this.#port.persist(persists, () => {\n      for (const act of acts) this.#port.perform(act);",
        replace: "    for (const act of acts) this.#port.perform(act);\n    this.#port.persist(persists, () => {",
      },
    ],
    looks: SWARM,
  },
  {
    name: "record-not-persisted",
    rule: "SAFE-4",
    edits: [
      {
        file: REPLICA,
        search: "write = { ...write, record: effect.record, certificates };",
        replace: "write = { ...write, certificates };",
      },
    ],
    looks: SWARM,
  },
  {
    name: "votes-not-written-synced",
    rule: "SAFE-4",
    edits: [
      {
        file: REPLICA,
        search: "let write: StoreWrite = { durable: true };",
        replace: "let write: StoreWrite = { durable: false };",
      },
    ],
    looks: SWARM,
  },
  {
    name: "entry-certificate-not-persisted",
    rule: "SAFE-4",
    edits: [
      {
        file: PROGRESS,
        search: "slot.timeout = certificate;\n    state.unsynced.push(certificate);",
        replace: "slot.timeout = certificate;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "prepare-certificate-not-persisted",
    rule: "SAFE-4",
    edits: [
      {
        file: PROGRESS,
        search: "slot.prepare = certificate;\n    state.unsynced.push(certificate);",
        replace: "slot.prepare = certificate;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "block-not-persisted",
    rule: "SAFE-4",
    edits: [
      {
        file: REPLICA,
        search: "if (proposals.length > 0) write = { ...write, proposals: proposals.map(storedBlock) };",
        replace: "",
      },
    ],
    looks: SWARM,
  },
  {
    name: "batches-not-persisted-with-prepare",
    rule: "SAFE-7",
    edits: [{ file: REPLICA, search: "if (batches.length > 0) write = { ...write, batches };", replace: "" }],
    looks: SWARM,
  },
];

const BLOCKS: readonly Mutation[] = [
  {
    name: "skips-unchecked",
    rule: "SAFE-5",
    edits: [
      {
        file: VALIDITY,
        search: "if (skips.length !== header.view - header.parentView - 1) return",
        replace: "if (skips.length < 0) return",
      },
      {
        file: VALIDITY,
        search: 'return wrong ? "a skip certificate is about another view" : undefined;',
        replace: "void wrong;\n  return undefined;",
      },
    ],
    looks: scenario("wrong-links"),
  },
  {
    name: "skips-of-other-views",
    rule: "SAFE-5",
    edits: [
      {
        file: VALIDITY,
        search: " || skip.view !== header.parentView + 1 + index,",
        replace: " || skip.view - index > 2 ** 52,",
      },
    ],
    looks: scenario("wrong-links"),
  },
  {
    name: "parent-certificate-about-another-block",
    rule: "SAFE-5",
    edits: [{ file: VALIDITY, search: " ||\n    parentCertificate.hash !== header.parentHash\n", replace: "\n" }],
    looks: scenario("wrong-links"),
  },
  {
    name: "parent-certificate-of-another-view",
    rule: "SAFE-5",
    edits: [{ file: VALIDITY, search: "    parentCertificate.view !== header.parentView ||\n", replace: "" }],
    looks: scenario("wrong-links"),
  },
  {
    name: "parent-without-certificate",
    rule: "SAFE-5",
    edits: [
      {
        file: VALIDITY,
        search: "if (header.parentView !== 0 || header.parentHash !== anchor)",
        replace: "if (anchor.length === 0)",
      },
    ],
    looks: scenario("wrong-links"),
  },
  {
    name: "leader-unchecked",
    rule: "SAFE-2",
    edits: [
      {
        file: VERIFIER,
        search: "if (header.proposer !== from || leaderOf(setting, header.view) !== from)",
        replace: "if (header.proposer !== from || leaderOf(setting, header.view) < 0)",
      },
    ],
    looks: [...scenario("usurper"), ...SWARM],
  },
  {
    name: "height-unchecked",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (header.height !== parent.height + 1) return",
        replace: "if (header.height < 0) return",
      },
    ],
    looks: scenario("wrong-blocks"),
  },
  {
    name: "time-may-stand-still",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (header.timestamp <= parent.timestamp) return",
        replace: "if (header.timestamp < 0) return",
      },
    ],
    looks: scenario("wrong-links"),
  },
  {
    name: "validator-set-of-a-header-unchecked",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (header.valsetHash !== state.setting.set.hash) return",
        replace: "if (header.valsetHash.length === 0) return",
      },
    ],
    looks: scenario("wrong-blocks"),
  },
  {
    name: "closing-blocks-accepted",
    rule: "SAFE-6",
    edits: [
      {
        file: SUCCESSION,
        search: 'return header.type === "CLOSING" && isInherited ?',
        replace: 'return header.type === "CLOSING" && isInherited === undefined ?',
      },
      {
        file: SUCCESSION,
        search: 'return header.type === "NORMAL" ? "vote" : "refuse"',
        replace: 'return header.type.length > 0 ? "vote" : "refuse"',
      },
    ],
    looks: scenario("wrong-blocks"),
  },
  {
    name: "inherited-roots-swapped",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (claim.height === parent.executed.height && !sameRoots(claim, parent.executed)) {",
        replace: "if (claim.height < 0) {",
      },
    ],
    looks: scenario("wrong-blocks"),
  },
  {
    name: "claims-may-fall",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (claim.height < parent.executed.height) return",
        replace: "if (claim.height < 0) return",
      },
    ],
    looks: scenario("wrong-links"),
  },
  {
    name: "batch-twice-on-a-branch",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "const seen = orderedOn(branch);",
        replace: "const seen = orderedOn(branch.slice(0, 0));",
      },
    ],
    looks: scenario("wrong-links"),
  },
  {
    name: "batch-twice-in-the-ledger",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (seen.has(digest) || state.ordered.has(digest)) return",
        replace: "if (seen.has(digest)) return",
      },
      { file: STEP, search: "if (state.ordered.has(event.batch.digest)) return;", replace: "" },
    ],
    looks: [...scenario("repeater"), ...SWARM],
  },
  {
    name: "batch-twice-in-a-block",
    rule: "SAFE-6",
    edits: [{ file: VALIDITY, search: "    seen.add(digest);\n", replace: "" }],
    looks: [...scenario("repeater"), ...SWARM],
  },
  {
    name: "batches-outrun-results",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "batches > 0 && height - claim.height > EXECUTION_LAG_MAX ?",
        replace: "batches > 0 && height - claim.height > 10 * EXECUTION_LAG_MAX ?",
      },
      {
        file: PROPOSALS,
        search: "parent.height + 1 - claim.height > EXECUTION_LAG_MAX",
        replace: "parent.height + 1 - claim.height > 10 * EXECUTION_LAG_MAX",
      },
      {
        file: "src/consensus/pacemaker.ts",
        search: "if (lag <= EXECUTION_LAG_MAX && hasNewBatch(state, parent))",
        replace: "if (lag <= 10 * EXECUTION_LAG_MAX && hasNewBatch(state, parent))",
      },
    ],
    looks: scenario("late-results"),
  },
  {
    name: "prepare-without-the-batches",
    rule: "SAFE-7",
    edits: [
      {
        file: PROPOSALS,
        search: 'return missing.length > 0 ? { type: "missing", missing } : { type: "held", batches };',
        replace: 'return missing.length > 99_999 ? { type: "missing", missing } : { type: "held", batches };',
      },
      {
        file: VALIDITY,
        search: "if (block.body[index]?.size !== batch.size) return",
        replace: "if (block.body[index] === undefined) return",
      },
    ],
    looks: SWARM,
  },
  {
    name: "batch-sizes-unchecked",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (block.body[index]?.size !== batch.size) return",
        replace: "if (block.body[index] === undefined) return",
      },
    ],
    looks: [...scenario("repeater"), ...SWARM],
  },
  {
    name: "expired-batches-ordered",
    rule: "SAFE-6",
    edits: [
      {
        file: VALIDITY,
        search: "if (batch.notAfter < block.header.timestamp) return",
        replace: "if (batch.notAfter < 0) return",
      },
      {
        file: PROPOSALS,
        search: "notAfter >= timestamp && notAfter <= timestamp",
        replace: "notAfter <= timestamp",
      },
    ],
    looks: SWARM,
  },
  {
    name: "times-ahead-of-the-clock",
    rule: "SAFE-7",
    edits: [{ file: PROPOSALS, search: "if (timestamp > step.wall + CLOCK_AHEAD_MS) return WAIT;", replace: "" }],
    looks: [...scenario("time-liar"), ...SWARM],
  },
  {
    name: "times-far-behind-the-clock",
    rule: "SAFE-7",
    edits: [
      {
        file: PROPOSALS,
        search: "if (timestamp < arrivedWall - behindMs) return",
        replace: "if (timestamp < arrivedWall - behindMs - 1e9) return",
      },
    ],
    looks: scenario("wrong-blocks"),
  },
  {
    name: "batch-signatures-unchecked",
    rule: "SAFE-7",
    edits: [
      {
        file: MEMPOOL,
        search: "if (!verifyBatchSignature(this.#options.ed25519, bytes, digest)) {",
        replace: "if (bytes.length === 0 && verifyBatchSignature(this.#options.ed25519, bytes, digest)) {",
      },
    ],
    looks: [...scenario("corruptor"), ...SWARM],
  },
  {
    name: "batches-of-another-chain-admitted",
    rule: "SAFE-7",
    edits: [
      {
        file: MEMPOOL,
        search: "if (header.chainId !== this.#options.chainId) return",
        replace: "if (header.chainId.length === 0) return",
      },
    ],
    looks: scenario("foreign-batches"),
  },
  {
    name: "fresh-claim-without-own-execution",
    rule: "SAFE-8",
    edits: [
      {
        file: CLAIMS,
        search: 'if (claim.height > state.executedHeight) return "wait";',
        replace: 'if (claim.height > state.executedHeight) return "vote";',
      },
    ],
    looks: [...scenario("claim-liar"), ...SWARM],
  },
  {
    name: "fresh-roots-not-compared",
    rule: "SAFE-8",
    edits: [
      {
        file: CLAIMS,
        search: 'return own !== undefined && sameRoots(own, claim) ? "vote" : "refuse";',
        replace: 'return own === undefined ? "refuse" : "vote";',
      },
    ],
    looks: [...scenario("claim-liar"), ...SWARM],
  },
  {
    name: "own-divergence-unnoticed",
    rule: "SAFE-8",
    edits: [{ file: CLAIMS, search: "if (sameRoots(own, claim)) {", replace: "if (own.height === claim.height) {" }],
    looks: scenario("wrong-executor"),
  },
  {
    name: "diverged-replica-votes",
    rule: "SAFE-8",
    edits: [
      {
        file: SIGNER,
        search: "state.setting.self !== undefined && !state.diverged &&",
        replace: "state.setting.self !== undefined &&",
      },
    ],
    looks: scenario("wrong-executor"),
  },
  {
    name: "divergence-forgotten-in-a-restart",
    rule: "SAFE-8",
    edits: [
      {
        file: "src/replica/recovery.ts",
        search: "diverged: stored.divergence !== undefined,",
        replace: "diverged: false,",
      },
    ],
    looks: scenario("wrong-executor"),
  },
  {
    name: "evidence-not-kept",
    rule: "SAFE-10",
    edits: [
      {
        file: TALLIES,
        search: "const [first] = contradicted(state, vote);",
        replace: "const [first] = contradicted(state, vote).slice(9);",
      },
    ],
    looks: scenario("accused"),
  },
  {
    name: "commit-beside-timeout-is-no-evidence",
    rule: "SAFE-10",
    edits: [
      {
        file: TALLIES,
        search: 'return held.kind === "COMMIT" || vote.kind === "COMMIT";',
        replace: "return false;",
      },
    ],
    looks: scenario("accused"),
  },
  {
    name: "evidence-without-a-contradiction",
    rule: "SAFE-10",
    edits: [
      {
        file: TALLIES,
        search: "return held.hash !== vote.hash;",
        replace: "return held.kind === vote.kind || held.hash !== vote.hash;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "evidence-unverified",
    rule: "SAFE-10",
    edits: [
      {
        file: REPLICA,
        search: "if (bad.includes(vote)) return false;",
        replace: "if (bad.includes(vote)) return true;",
      },
    ],
    looks: scenario("accused"),
  },
];

export const SAFETY: readonly Mutation[] = [...QUORUMS, ...VOTES, ...BLOCKS];

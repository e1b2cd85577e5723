import { SWARM, scenario } from "./looks.js";
import type { Mutation } from "./mutation.js";

const SIGNER = "src/consensus/signer.ts";
const STATE = "src/consensus/state.ts";
const STEP = "src/consensus/step.ts";
const PROGRESS = "src/consensus/progress.ts";
const PROPOSALS = "src/consensus/proposals.ts";
const PACEMAKER = "src/consensus/pacemaker.ts";
const TALLIES = "src/consensus/tallies.ts";
const REPLICA = "src/replica/replica.ts";
const RECOVERY = "src/replica/recovery.ts";
const FETCHER = "src/replica/fetcher.ts";
const SERVING = "src/replica/serving.ts";
const SYNC = "src/sync/range-sync.ts";
const EXECUTOR = "src/replica/executor.ts";

const RESTARTS: readonly Mutation[] = [
  {
    name: "record-not-restored",
    rule: "SAFE-11",
    edits: [
      { file: STATE, search: "record: recovered.record,\n    anchor", replace: "record: undefined,\n    anchor" },
    ],
    looks: SWARM,
  },
  {
    name: "lost-record-votes",
    rule: "SAFE-11",
    edits: [
      {
        file: REPLICA,
        search: "options.keys.filter(({ mayVote }) => mayVote).map(",
        replace: "options.keys.map(",
      },
    ],
    looks: [...scenario("wiped"), ...SWARM],
  },
  {
    name: "no-silence-after-a-restart",
    rule: "SAFE-11",
    edits: [
      {
        file: STATE,
        search: "firstHeard: recovered.record === undefined ? undefined : new Set(),",
        replace: "firstHeard: undefined,",
      },
    ],
    looks: scenario("old-backup"),
  },
  {
    name: "silence-ends-too-early",
    rule: "SAFE-11",
    edits: [
      {
        file: SIGNER,
        search: "if (state.firstHeard.add(from).size < state.setting.quorum - 1) return false;",
        replace: "state.firstHeard.add(from);",
      },
    ],
    looks: scenario("old-backup"),
  },
  {
    name: "outdated-record-unnoticed",
    rule: "SAFE-11",
    edits: [
      {
        file: SIGNER,
        search: "if (!isAbove && !isBetweenLives) return;",
        replace: "if (isAbove || isBetweenLives || self >= 0) return;",
      },
    ],
    looks: scenario("old-backup"),
  },
  {
    name: "own-blocks-not-restored",
    rule: "LIVE-4",
    edits: [
      {
        file: STATE,
        search: "blocks: new Map(recovered.blocks.map((block) => [block.hash, block])),",
        replace: "blocks: new Map(),",
      },
    ],
    looks: [...scenario("total-blackout"), ...SWARM],
  },
  {
    name: "certificates-not-restored",
    rule: "LIVE-4",
    edits: [
      {
        file: STATE,
        search: "restoreCertificates(state, recovered);",
        replace: "restoreCertificates(state, { ...recovered, certificates: [] });",
      },
    ],
    looks: [...scenario("total-blackout"), ...SWARM],
  },
  {
    name: "own-votes-not-counted-again",
    rule: "LIVE-4",
    edits: [
      {
        file: STEP,
        search: "  recastRecord(context);\n  for (const slot",
        replace: "  for (const slot",
      },
      {
        file: STEP,
        search: "if (stuck) recastRecord(context);",
        replace: "if (stuck) recast(context, []);",
      },
    ],
    looks: [...scenario("total-blackout"), ...SWARM],
  },
  {
    name: "pending-finality-not-restored",
    rule: "LIVE-4",
    edits: [
      {
        file: STEP,
        search:
          "for (const slot of [...state.certificates.values()]) if (slot.commit !== undefined) finalize(context, slot.commit);",
        replace: "",
      },
    ],
    looks: scenario("last-commit"),
  },
  {
    name: "digests-not-restored",
    rule: "SAFE-6",
    edits: [
      {
        file: RECOVERY,
        search: "for (const { digest } of block.body) ordered.set(digest, { height: at, timestamp });",
        replace: "void timestamp;",
      },
    ],
    looks: [...scenario("total-blackout", 40), ...SWARM],
  },
  {
    name: "certified-claims-not-restored",
    rule: "SAFE-8",
    edits: [
      {
        file: RECOVERY,
        search: "certifiedClaims: certifiedClaims(store, ledger.height, head),",
        replace: "certifiedClaims: certifiedClaims(store, head.height, head),",
      },
    ],
    looks: [...scenario("wrong-executor"), ...SWARM],
  },
  {
    name: "last-payment-forgotten-in-a-restart",
    rule: "PACE-4",
    edits: [
      {
        file: RECOVERY,
        search: "if (block.body.length > 0 && lastEventfulHeight === 0) lastEventfulHeight = at;",
        replace: "",
      },
    ],
    looks: scenario("unclaimed-result"),
  },
  {
    name: "admissions-not-durable",
    rule: "LIVE-5",
    edits: [
      { file: REPLICA, search: "durable: true, admitted: [digest]", replace: "durable: false, admitted: [digest]" },
    ],
    looks: SWARM,
  },
  {
    name: "admissions-not-restored",
    rule: "LIVE-5",
    edits: [
      {
        file: REPLICA,
        search: "      this.#stored.add(digest);\n      this.#pool(bytes);",
        replace: "      this.#stored.add(digest);\n      void bytes;",
      },
    ],
    looks: [...scenario("total-blackout"), ...SWARM],
  },
  {
    name: "final-blocks-not-synced",
    rule: "SAFE-4",
    edits: [
      {
        file: REPLICA,
        search: ": { ...write, finalized: finalizedPart(finalBlocks) };",
        replace: ": { ...write, durable: false, finalized: finalizedPart(finalBlocks) };",
      },
    ],
    looks: [...scenario("total-blackout"), ...SWARM],
  },
];

const LIVENESS: readonly Mutation[] = [
  {
    name: "prepare-certificates-not-forwarded",
    rule: "LIVE-1",
    edits: [
      {
        file: STEP,
        search: 'if (subject.kind === "COMMIT") return state.certificates.get(subject.view)?.prepare;',
        replace: 'if (subject.kind === "COMMIT") return undefined;',
      },
    ],
    looks: scenario("one-way-link"),
  },
  {
    name: "skip-certificates-not-forwarded",
    rule: "LIVE-1",
    edits: [
      {
        file: PROGRESS,
        search:
          '    out.push({ type: "send", to: "all", message: { type: "certificate", certificate } });\n    enter(step, { epoch: certificate.epoch, view: (certificate.view + 1) as View }, "TIMEOUT");',
        replace: '    enter(step, { epoch: certificate.epoch, view: (certificate.view + 1) as View }, "TIMEOUT");',
      },
    ],
    looks: scenario("one-way-link"),
  },
  {
    name: "no-view-change",
    rule: "LIVE-1",
    edits: [
      {
        file: STEP,
        search: 'if (hasWork(context)) leaveView(context, "timer");',
        replace: "if (hasWork(context)) return;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "timeouts-not-joined",
    rule: "LIVE-2",
    edits: [
      {
        file: PROGRESS,
        search: "if (senders.size >= n - quorum + 1 || senders.has(leaderOf(state.setting, state.current)))",
        replace: "if (senders.size > n + quorum && senders.has(leaderOf(state.setting, state.current)))",
      },
    ],
    looks: scenario("half-heard-payment"),
  },
  {
    name: "one-timeout-is-joined",
    rule: "LIVE-2",
    edits: [
      {
        file: PROGRESS,
        search: "if (senders.size >= n - quorum + 1 ||",
        replace: "if (senders.size >= n - n + 1 || quorum < 0 ||",
      },
    ],
    looks: scenario("false-alarm"),
  },
  {
    name: "votes-not-repeated",
    rule: "LIVE-3",
    edits: [
      {
        file: STEP,
        search: "if (stuck) recastRecord(context);",
        replace: "if (stuck) recast(context, []);",
      },
    ],
    looks: SWARM,
  },
  {
    name: "laggards-not-helped",
    rule: "LIVE-3",
    edits: [
      {
        file: STEP,
        search: "if (!mayAnswer(context, from)) return;\n  if (status.finalizedView",
        replace: "if (status.view >= 0) return;\n  if (status.finalizedView",
      },
    ],
    looks: scenario("missed-finality"),
  },
  {
    name: "missing-blocks-not-fetched",
    rule: "LIVE-5",
    edits: [
      {
        file: FETCHER,
        search: "want(this.#blocks, hash, { size: 0, from });",
        replace: "if (from.length > 99) want(this.#blocks, hash, { size: 0, from });",
      },
    ],
    looks: SWARM,
  },
  {
    name: "missing-batches-not-fetched",
    rule: "LIVE-5",
    edits: [
      {
        file: FETCHER,
        search: "want(this.#batches, digest, { size, from });",
        replace: "if (from.length > 99) want(this.#batches, digest, { size, from });",
      },
    ],
    looks: SWARM,
  },
  {
    name: "only-the-first-holder-is-asked",
    rule: "LIVE-5",
    edits: [
      {
        file: FETCHER,
        search: "return this.#peers[wanted.attempts % Math.max(1, this.#peers.length)];",
        replace: "return likely[0] ?? this.#peers[0];",
      },
    ],
    looks: [...scenario("withholder"), ...SWARM],
  },
  {
    name: "batches-not-pushed-again",
    rule: "LIVE-5",
    edits: [
      {
        file: REPLICA,
        search: "      this.#push(digest, bytes);\n    }\n    for (const digest of this.#pushedAt.keys())",
        replace: "      void bytes;\n    }\n    for (const digest of this.#pushedAt.keys())",
      },
    ],
    looks: scenario("unheard-payment"),
  },
  {
    name: "timeouts-do-not-grow",
    rule: "PACE-1",
    edits: [
      {
        file: PACEMAKER,
        search: "firstTimeoutMs(state) * 1.5 ** Math.min(failed, 64)",
        replace: "firstTimeoutMs(state) * 1 ** failed",
      },
    ],
    looks: scenario("slow-links"),
  },
  {
    name: "leader-does-not-rotate",
    rule: "PACE-3",
    edits: [
      {
        file: STATE,
        search: "((view - 1 + setting.set.epoch) % setting.n)",
        replace: "((0 * view + setting.set.epoch) % setting.n)",
      },
    ],
    looks: SWARM,
  },
  {
    name: "no-trailing-block",
    rule: "PACE-4",
    edits: [
      {
        file: PACEMAKER,
        search: "if (isClosingDue(state) || resultsDue(state, parent))",
        replace: "if (isClosingDue(state))",
      },
    ],
    looks: SWARM,
  },
  {
    name: "unfinished-blocks-are-no-work",
    rule: "PACE-4",
    edits: [
      {
        file: PACEMAKER,
        search:
          "if (parent.branch.some((block) => block.body.length > 0 || endsEpoch(block) || meetsDeadline(state, block)))",
        replace:
          "if (parent.branch.some((block) => endsEpoch(block) || block.hash.length + meetsDeadline.length === 0))",
      },
    ],
    looks: SWARM,
  },
  {
    name: "never-silent",
    rule: "PACE-4",
    edits: [
      {
        file: PACEMAKER,
        search: "  return heartbeatDue(step);\n}\n\n/** Results",
        replace: "  return true;\n}\n\n/** Results",
      },
    ],
    looks: scenario("baseline"),
  },
  {
    name: "absent-leaders-waited-for",
    rule: "PACE-5",
    edits: [
      {
        file: PACEMAKER,
        search: 'if (isInactive(step, leaderOf(state.setting, state.current))) leaveView(step, "leader-inactive");',
        replace: "if (isInactive(step, leaderOf(state.setting, state.current))) state.pace.fillAt = undefined;",
      },
    ],
    looks: scenario("leader-down"),
  },
  {
    name: "empty-blocks-at-once",
    rule: "PACE-6",
    edits: [{ file: PROPOSALS, search: "if (at >= endsAt) return false;", replace: "if (at >= 0) return false;" }],
    looks: scenario("few-empty-blocks"),
  },
];

const LIMITS: readonly Mutation[] = [
  {
    name: "votes-of-any-view-kept",
    rule: "SAFE-9",
    edits: [
      {
        file: TALLIES,
        search: "  if (!isWithinWindow(state, vote.view)) return;\n",
        replace: "  if (vote.view <= state.head.view) return;\n",
      },
      {
        file: STEP,
        search: "if (vote.view > state.current && !isWithinWindow(state, vote.view)) {",
        replace: "if (vote.view < 0) {",
      },
    ],
    looks: scenario("bounded-memory"),
  },
  {
    name: "old-votes-not-forgotten",
    rule: "SAFE-9",
    edits: [
      {
        file: TALLIES,
        search: "if (!isWithinWindow(state, view)) state.tallies.delete(view);",
        replace: "if (view < 0) state.tallies.delete(view);",
      },
    ],
    looks: scenario("bounded-memory"),
  },
  {
    name: "old-certificates-not-forgotten",
    rule: "SAFE-9",
    edits: [
      {
        file: PROGRESS,
        search: "for (const view of state.certificates.keys()) if (view < head.view) state.certificates.delete(view);",
        replace: "",
      },
    ],
    looks: scenario("bounded-memory"),
  },
  {
    name: "old-blocks-not-forgotten",
    rule: "SAFE-9",
    edits: [
      {
        file: PROGRESS,
        search: "if (block.header.height <= head.height) state.blocks.delete(hash);",
        replace: "if (block.header.height < 0) state.blocks.delete(hash);",
      },
    ],
    looks: scenario("bounded-memory"),
  },
  {
    name: "peers-served-without-limit",
    rule: "SAFE-9",
    edits: [
      {
        file: SERVING,
        search: "if (used.requests >= REQUESTS_PER_TICK_MAX || used.bytes >= SERVED_PER_TICK_BYTES_MAX) return [];",
        replace: "",
      },
    ],
    looks: scenario("greedy-reader"),
  },
  {
    name: "lookups-cost-nothing",
    rule: "SAFE-9",
    edits: [{ file: SERVING, search: "used.bytes += LOOKUP_BYTES * (1 + read);", replace: "void read;" }],
    looks: scenario("greedy-reader"),
  },
];

const CATCHING_UP: readonly Mutation[] = [
  {
    name: "no-ranges",
    rule: "SYNC-1",
    edits: [
      {
        file: SYNC,
        search: "return this.target() > head.height + BEHIND_BLOCKS;",
        replace: "return this.target() > head.height + 1e6 * BEHIND_BLOCKS;",
      },
    ],
    looks: scenario("long-catch-up"),
  },
  {
    name: "range-proofs-unverified",
    rule: "SYNC-1",
    edits: [
      {
        file: REPLICA,
        search: "if (this.#verifier.isValidProof(verdict.proof)) {",
        replace: "if (verdict.proof !== undefined) {",
      },
    ],
    looks: scenario("poisoned-catch-up"),
  },
  {
    name: "one-stated-height-is-believed",
    rule: "SYNC-1",
    edits: [
      {
        file: SYNC,
        search: "descending[this.#members.faults] ?? 0",
        replace: "descending[0] ?? 0",
      },
    ],
    looks: scenario("poisoned-catch-up"),
  },
  {
    name: "one-peer-is-asked-for-ranges-again-and-again",
    rule: "SYNC-1",
    edits: [
      { file: SYNC, search: "if (chosen !== undefined) this.#lastAsked = chosen;", replace: "" },
      {
        file: SYNC,
        search: "this.#avoidedUntil.set(peer, at + PENALTY_MS);",
        replace: "this.#avoidedUntil.set(peer, at);",
      },
    ],
    looks: scenario("poisoned-catch-up"),
  },
  {
    name: "late-answers-hold-up-catching-up",
    rule: "SYNC-1",
    edits: [
      {
        file: SYNC,
        search: "if (at < this.#inFlight.deadline) return undefined;",
        replace: "if (at < this.#inFlight.deadline + 1e9) return undefined;",
      },
    ],
    looks: scenario("poisoned-catch-up"),
  },
  {
    name: "ready-while-behind",
    rule: "SYNC-3",
    edits: [
      {
        file: REPLICA,
        search:
          "if (this.#claim.height < this.#replayTarget || this.#head.height - this.#claim.height > UNEXECUTED_READY_MAX) {",
        replace: "if (this.#claim.height < 0) {",
      },
    ],
    looks: scenario("late-results"),
  },
  {
    name: "executes-out-of-order",
    rule: "LEDG-2",
    edits: [
      {
        file: EXECUTOR,
        search: "const { height: at, timestamp, epoch } = block.header;",
        replace:
          "const { height: at, epoch } = block.header;\n    const timestamp = Math.floor(this.#port.clock.now());",
      },
    ],
    looks: SWARM,
  },
];

export const PROGRESS_MUTATIONS: readonly Mutation[] = [...RESTARTS, ...LIVENESS, ...LIMITS, ...CATCHING_UP];

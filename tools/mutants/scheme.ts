import type { Mutation } from "./mutation.js";

const JUDGE = "src/ledger/transfer-judge.ts";
const TRANSFERS = "src/ledger/transfers.ts";
const WAITING = "src/ledger/waiting.ts";
const QUEUES = "src/ledger/queues.ts";
const SCREENING = "src/ledger/screening.ts";
const NET = "src/ledger/net-settlement.ts";
const POSITIONS = "src/ledger/positions.ts";
const RULES = "src/ledger/rules.ts";

const QUEUES_TEST = "test/unit/ledger/queues.test.ts";
const HOLDS_TEST = "test/unit/ledger/holds.test.ts";
const NET_TEST = "test/unit/ledger/net-settlement.test.ts";
const GOVERNANCE = "src/ledger/governance.ts";
const GOVERNANCE_TEST = "test/unit/ledger/governance.test.ts";
const MONTH_TEST = "test/unit/tools/traffic-month.test.ts";

const one = (
  name: string,
  rule: string,
  caughtBy: string,
  file: string,
  search: string,
  replace: string,
): Mutation => ({
  name,
  rule,
  edits: [{ file, search, replace }],
  looks: [
    { swarm: 4, seeds: 40 },
    { test: caughtBy, seeds: 1 },
  ],
});

/** Rules of queues, holds, windows, caps and newcomers: drawn work meets most of them, and tests each. */
export const SCHEME_MUTATIONS: readonly Mutation[] = [
  one(
    "new-payment-overtakes-the-queue",
    "LEDG-28",
    QUEUES_TEST,
    JUDGE,
    "const mustWait = shortage !== 0 || queues.blocks(this.asset, this.payer, record.priorityAt(this.#words, at));",
    "const mustWait = shortage !== 0;",
  ),
  one(
    "queue-forgets-priority",
    "LEDG-28",
    QUEUES_TEST,
    QUEUES,
    "const isBefore = otherPriority > priority || (otherPriority === priority && other < idIndex);",
    "const isBefore = other < idIndex;",
  ),
  one(
    "queue-paid-after-its-time",
    "LEDG-28",
    QUEUES_TEST,
    WAITING,
    "return deadline <= this.#timestamp ? RESULT.pending_transfer_expired : this.#transfers.judgeWaiting(place, false);",
    "return deadline < 0 ? RESULT.pending_transfer_expired : this.#transfers.judgeWaiting(place, false);",
  ),
  one(
    "closed-settlement-account-paid",
    "LEDG-28",
    QUEUES_TEST,
    JUDGE,
    "if (this.creditSettlement >= 0 && this.#has(this.creditSettlement, CLOSED)) {",
    "if (this.creditSettlement < -1) {",
  ),
  one(
    "queue-stops-at-a-frozen-account",
    "LEDG-28",
    QUEUES_TEST,
    WAITING,
    "  code === RESULT.debit_account_frozen ||\n",
    "",
  ),
  one(
    "queue-keeps-what-was-withdrawn",
    "LEDG-28",
    QUEUES_TEST,
    TRANSFERS,
    "if (((entry[base + pending.LEG] as number) & pending.QUEUED) !== 0) state.queues.remove(idIndex);",
    "",
  ),
  one(
    "settle-set-not-covered",
    "LEDG-29",
    QUEUES_TEST,
    WAITING,
    "if (!this.#covers(account, flow)) return RESULT.settle_set_not_covered;",
    "void this.#covers(account, flow);",
  ),
  one(
    "settle-set-passes-over-the-head",
    "LEDG-29",
    QUEUES_TEST,
    WAITING,
    "else if (!isPassedOver(this.#judgeQueued(idIndex))) return true;",
    "",
  ),
  one(
    "settle-set-of-anybody",
    "LEDG-29",
    QUEUES_TEST,
    "src/ledger/ledger.ts",
    "if (this.#governance.isValidator(participant)) return this.#waiting.settleSet(words);",
    "if (participant > 0) return this.#waiting.settleSet(words);",
  ),
  one(
    "hold-released-by-one-of-two",
    "LEDG-31",
    HOLDS_TEST,
    WAITING,
    "if (((entry[base + pending.LEG] as number) & pending.NEEDS_TWO) !== 0) {\n      const first",
    "if (((entry[base + pending.LEG] as number) & pending.NEEDS_TWO) === 1) {\n      const first",
  ),
  one(
    "hold-approved-twice-by-one-key",
    "LEDG-31",
    HOLDS_TEST,
    WAITING,
    "if (first === key + 1) return RESULT.approved_already;",
    "",
  ),
  one(
    "hold-posted-by-hand",
    "LEDG-30",
    HOLDS_TEST,
    JUDGE,
    "if (waiting === pending.HELD && (refusal === 0 || refusal > HELD_PENDING)) return HELD_PENDING;",
    "",
  ),
  one(
    "velocity-counts-one-too-many",
    "LEDG-30",
    HOLDS_TEST,
    SCREENING,
    "if (count !== undefined && seen.count + 1 > count) return true;",
    "if (count !== undefined && seen.count > count) return true;",
  ),
  one(
    "reserve-held-below-what-is-owed",
    "LEDG-22",
    HOLDS_TEST,
    JUDGE,
    "if (uncovered !== 0) return uncovered;",
    "if (uncovered < 0) return uncovered;",
  ),
  one(
    "no-cap-is-64-bits",
    "LEDG-22",
    HOLDS_TEST,
    RULES,
    "{ low: 0, high: Number.MAX_SAFE_INTEGER }",
    "{ low: 0xffff_ffff, high: 0xffff_ffff }",
  ),
  one(
    "net-debit-cap-unchecked",
    "LEDG-22",
    NET_TEST,
    JUDGE,
    "return compareAmounts(positions.low, positions.high, cap.low, cap.high) > 0 ? RESULT.net_debit_cap_exceeded : 0;",
    "return compareAmounts(positions.low, positions.high, cap.low, cap.high) > 1 ? RESULT.net_debit_cap_exceeded : 0;",
  ),
  one("exposure-offset-below-zero", "LEDG-22", NET_TEST, POSITIONS, "if (high * BASE + low < 0) low = high = 0;", ""),
  one(
    "net-creditors-unpaid",
    "LEDG-23",
    MONTH_TEST,
    NET,
    "if (net < 0n) this.#move(settlement, CREDITS_POSTED, -net);",
    "",
  ),
  one(
    "windows-never-cut-by-time",
    "LEDG-23",
    MONTH_TEST,
    NET,
    "if (time !== undefined && time <= this.#timestamp) due.push({ index, time });",
    "if (time !== undefined && time < 0) due.push({ index, time });",
  ),
  one(
    "newcomers-are-not-waited-for",
    "LEDG-48",
    GOVERNANCE_TEST,
    GOVERNANCE,
    "timestamp >= proposals.earliestOf(proposal) &&\n      this.#lacking(proposal).length === 0",
    "timestamp >= proposals.earliestOf(proposal)",
  ),
  one(
    "ready-with-any-root",
    "LEDG-48",
    GOVERNANCE_TEST,
    GOVERNANCE,
    "record.stateRoot === proposals.stateRootOf(proposal)",
    "record.stateRoot.length > 0",
  ),
  one(
    "ready-however-far-behind",
    "LEDG-48",
    GOVERNANCE_TEST,
    GOVERNANCE,
    "lag > 0 && lag <= READY_BLOCKS_MAX",
    "lag > 0 && READY_BLOCKS_MAX > 0",
  ),
];

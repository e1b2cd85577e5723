import { SWARM, scenario } from "./looks.js";
import type { Mutation } from "./mutation.js";

const JUDGE = "src/ledger/transfer-judge.ts";
const TRANSFERS = "src/ledger/transfers.ts";
const IDS = "src/ledger/seen-ids.ts";
const LEDGER = "src/ledger/ledger.ts";
const ROOT = "src/ledger/state-root.ts";
const LIMBS = "src/ledger/limbs.ts";
const STATE = "src/ledger/state.ts";
const OUTCOMES = "src/ledger/outcomes.ts";
const PENDINGS = "src/ledger/pendings.ts";

export const LEDGER_MUTATIONS: readonly Mutation[] = [
  {
    name: "credit-leg-forgotten",
    rule: "LEDG-1",
    edits: [{ file: TRANSFERS, search: "    this.#add(this.#judge.credit, credits);\n", replace: "" }],
    looks: SWARM,
  },
  {
    name: "settlement-leg-forgotten",
    rule: "LEDG-10",
    edits: [
      {
        file: "src/ledger/settlement-legs.ts",
        search:
          "      this.#add(judge.debitSettlement, DEBITS_POSTED, low, high);\n      this.#add(judge.creditSettlement, CREDITS_POSTED, low, high);\n",
        replace: "",
      },
    ],
    looks: SWARM,
  },
  {
    name: "reservation-not-released",
    rule: "LEDG-15",
    edits: [
      {
        file: TRANSFERS,
        search: "if (isResolution) this.#release(this.#judge.place);",
        replace: "if (isResolution) void this.#judge.place;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "carry-forgotten",
    rule: "LEDG-1",
    edits: [
      {
        file: LIMBS,
        search: "(words[at + 1] as number) + high + (sum >= BASE ? 1 : 0);",
        replace: "(words[at + 1] as number) + high;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "overflow-unchecked",
    rule: "LEDG-11",
    edits: [
      {
        file: JUDGE,
        search: "if (!fitsDebits(debit, debitBase, low, high)) return RESULT.balance_overflow;",
        replace: "",
      },
    ],
    looks: [...SWARM, { test: "test/unit/ledger/transfers.test.ts", seeds: 1 }],
  },
  {
    name: "funds-unchecked",
    rule: "LEDG-11",
    edits: [
      {
        file: JUDGE,
        search: "if (!holds(debit, debitBase, low, high)) return RESULT.insufficient_funds;",
        replace: "",
      },
    ],
    looks: SWARM,
  },
  {
    name: "liquidity-unchecked",
    rule: "LEDG-10",
    edits: [
      {
        file: JUDGE,
        search: "return holds(words, base, this.legLow, this.legHigh) ? 0 : RESULT.insufficient_liquidity;",
        replace: "return base >= 0 ? 0 : RESULT.insufficient_liquidity;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "pending-debits-count-for-nothing",
    rule: "LEDG-11",
    edits: [
      {
        file: JUDGE,
        search: "sumWithin(words, base + DEBITS_PENDING, base + DEBITS_POSTED, base + CREDITS_POSTED, low, high);",
        replace: "sumWithin(words, base + DEBITS_POSTED, words.length, base + CREDITS_POSTED, low, high);",
      },
    ],
    looks: SWARM,
  },
  {
    name: "other-banks-accounts-debited",
    rule: "LEDG-5",
    edits: [
      { file: JUDGE, search: "if (this.debit >= 0 && !this.#mayDebit()) return RESULT.not_authorised;", replace: "" },
    ],
    looks: SWARM,
  },
  {
    name: "other-banks-reservations-resolved",
    rule: "LEDG-5",
    edits: [
      {
        file: JUDGE,
        search: "if (!this.#mayResolve(at)) return RESULT.not_authorised;",
        replace: "void this.#mayResolve;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "an-id-twice",
    rule: "LEDG-6",
    edits: [
      {
        file: JUDGE,
        search: "return this.seen < 0 ? 0 : this.#state.ids.compare(this.seen, words, at);",
        replace: "return 0;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "same-id-with-another-amount-exists",
    rule: "LEDG-6",
    edits: [
      {
        file: IDS,
        search: "if (scratch[0] === words[base + FINGERPRINT] && scratch[1] === words[base + FINGERPRINT + 1]) {",
        replace: "if (scratch[0] !== undefined) {",
      },
    ],
    looks: scenario("receipts"),
  },
  {
    name: "failed-ids-may-try-again",
    rule: "LEDG-6",
    edits: [
      {
        file: TRANSFERS,
        search: "else if (code > ID_ALREADY_FAILED) this.#consume(at, record, code);\n    return code;",
        replace: "return code;",
      },
    ],
    looks: SWARM,
  },
  {
    name: "frozen-account-debited",
    rule: "LEDG-12",
    edits: [
      { file: JUDGE, search: "if (this.#has(this.debit, FROZEN)) return RESULT.debit_account_frozen;", replace: "" },
    ],
    looks: SWARM,
  },
  {
    name: "freezes-come-after-payments",
    rule: "LEDG-4",
    edits: [
      { file: LEDGER, search: "    run(true);\n    run(false);\n", replace: "    run(false);\n    run(true);\n" },
    ],
    looks: SWARM,
  },
  {
    name: "chains-not-taken-back",
    rule: "LEDG-14",
    edits: [
      { file: STATE, search: "    this.accounts.table.rollback();\n", replace: "    this.accounts.table.commit();\n" },
    ],
    looks: SWARM,
  },
  {
    name: "chains-not-linked",
    rule: "LEDG-14",
    edits: [
      {
        file: TRANSFERS,
        search: "if ((flags & LINKED) !== 0) record = this.#executeChain(codes, record, count);",
        replace: "if ((flags & LINKED) < 0) record = this.#executeChain(codes, record, count);",
      },
    ],
    looks: SWARM,
  },
  {
    name: "posted-after-the-deadline",
    rule: "LEDG-15",
    edits: [
      {
        file: JUDGE,
        search:
          "if (countAt(entry, base + pending.DEADLINE) <= this.#timestamp) return RESULT.pending_transfer_expired;",
        replace: "void this.#timestamp;",
      },
    ],
    looks: [...SWARM, { test: "test/unit/ledger/pendings.test.ts", seeds: 1 }],
  },
  {
    name: "posted-twice",
    rule: "LEDG-15",
    edits: [
      {
        file: JUDGE,
        search: "      case STATE_POSTED:\n        return RESULT.pending_transfer_already_posted;\n",
        replace: "",
      },
    ],
    looks: SWARM,
  },
  {
    name: "more-posted-than-reserved",
    rule: "LEDG-15",
    edits: [{ file: JUDGE, search: "if (order > 0) return RESULT.exceeds_pending_amount;", replace: "" }],
    looks: SWARM,
  },
  {
    name: "nothing-expires",
    rule: "LEDG-16",
    edits: [
      { file: LEDGER, search: "    this.#transfers.expireDue(rules.rulebook.expiriesPerBlockMax);\n", replace: "" },
    ],
    looks: SWARM,
  },
  {
    name: "expiry-order-lost-in-a-restart",
    rule: "LEDG-16",
    edits: [
      {
        file: PENDINGS,
        search: "this.#heapIds.length <= this.table.count * 2 + STALE_MAX && this.#heapIds.length >= this.table.count",
        replace: "this.#heapIds.length <= this.table.count * 2 + STALE_MAX",
      },
    ],
    looks: SWARM,
  },
  {
    name: "rail-maximum-unchecked",
    rule: "LEDG-13",
    edits: [
      {
        file: JUDGE,
        search: "if (compareAmounts(this.low, this.high, rail.maximumLow, rail.maximumHigh) > 0) {",
        replace: "if (this.high < 0) {",
      },
    ],
    looks: SWARM,
  },
  {
    name: "outcomes-out-of-order",
    rule: "LEDG-19",
    edits: [
      {
        file: OUTCOMES,
        search: "hashes.set(hashLevels(bytesOf(leaves), 3), from * 32);",
        replace:
          "hashes.set(hashLevels(bytesOf(leaves), 3), (blob.count - to) * 32);\n    if (to - from === 2) hashes.set([...hashes.slice(32, 64), ...hashes.slice(0, 32)]);",
      },
    ],
    looks: scenario("receipts"),
  },
  {
    name: "state-root-without-a-table",
    rule: "LEDG-20",
    edits: [
      {
        file: ROOT,
        search: "roots.set(this.#trees[slot]?.root ?? empty, slot * 32);",
        replace: "roots.set(slot === 1 ? empty : (this.#trees[slot]?.root ?? empty), slot * 32);",
      },
    ],
    looks: scenario("damaged-state"),
  },
];

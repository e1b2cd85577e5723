import { RESULT_CODES } from "../formats/index.js";
import { BEHAVIOUR_NAMES } from "./adversaries/index.js";
import { COVERAGE_GROUPS, type CoverageCounts, type CoverageGroup } from "./coverage.js";
import { FAULTS, ROLES } from "./faults.js";
import { CONDITIONS } from "./plan.js";

/** What honest machines may do and say, and the rule of docs/protocol.md that it shows at work. */
const FACTS: Readonly<Record<string, string | undefined>> = {
  "view entered by PREPARE": "LIVE-1",
  "view entered by COMMIT": "LIVE-1",
  "view entered by TIMEOUT": "LIVE-1",
  "timed out: timer": "PACE-1",
  "timed out: joined": "LIVE-2",
  "timed out: leader-inactive": "PACE-5",
  "timed out: cannot-propose": undefined,
  "proposed batches": undefined,
  "proposed an empty block": "PACE-6",
  prepared: "PACE-2",
  finalized: undefined,
  "proposal refused": "SAFE-6",
  "bad votes": "SAFE-2",
  evidence: "SAFE-10",
  "peer at fault": undefined,
  "catching up": "SYNC-1",
  "peers changed": "EPOCH-8",
  "store failed": undefined,
  "store is full": undefined,
  "store is damaged": undefined,
  "power gone before a write": undefined,
  "power gone before a done": "SAFE-4",
  "power gone before a send": "SAFE-4",
  "power gone after a send": "SAFE-4",
  "record-outdated": "SAFE-11",
  "restarted over a record": "LIVE-4",
  "submission admitted": undefined,
  "submission ordered": undefined,
  "submission busy": undefined,
  "submission refused": undefined,
  "submission unavailable": "SYNC-3",
  "sent proposal": undefined,
  "sent vote": undefined,
  "sent certificate": undefined,
  "sent commit-proof": undefined,
  "sent status": "LIVE-3",
  "sent push-batch": undefined,
  "sent get-batches": "LIVE-5",
  "sent batches": "SYNC-2",
  "sent get-certificates": "LIVE-5",
  "sent certificates": undefined,
  "sent get-blocks": "LIVE-5",
  "sent blocks": undefined,
  "sent get-range": "SYNC-1",
  "sent range": undefined,
  "sent epoch-close": "EPOCH-5",
  "epoch-changed": "EPOCH-7",
};

const numbered = (family: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${family}-${index + 1}`);

/** The rules of agreement, as docs/protocol.md numbers them; the ledger's are covered by its results. */
export const RULES: readonly string[] = [
  ...numbered("SAFE", 11),
  ...numbered("LIVE", 5),
  ...numbered("PACE", 6),
  ...numbered("SYNC", 5),
  ...numbered("EPOCH", 8),
];

/** All that is known to be possible; what a campaign leaves out of it was not tried. */
const KNOWN = {
  facts: Object.keys(FACTS),
  results: RESULT_CODES.map(({ name }) => name as string),
  faults: [...ROLES, ...FAULTS, ...CONDITIONS].map(({ name }) => name as string),
  liars: BEHAVIOUR_NAMES as readonly string[],
} as const;

/** In how many histories something happened, and how often in all. */
export interface Tally {
  readonly histories: number;
  readonly times: number;
}

/** The coverage of a campaign. */
export class CampaignCoverage {
  readonly #tallies: Readonly<Record<CoverageGroup, Map<string, Tally>>> = {
    checks: new Map(),
    facts: new Map(),
    results: new Map(),
    faults: new Map(),
    liars: new Map(),
  };

  add(counts: CoverageCounts): void {
    for (const group of COVERAGE_GROUPS) {
      const tallies = this.#tallies[group];
      for (const [name, times] of Object.entries(counts[group])) {
        const before = tallies.get(name) ?? { histories: 0, times: 0 };
        tallies.set(name, { histories: before.histories + 1, times: before.times + times });
      }
    }
  }

  /** Tallies by name, the known ones first, those that never happened with zeros. */
  group(group: CoverageGroup): ReadonlyMap<string, Tally> {
    const all = new Map<string, Tally>();
    for (const name of group === "checks" ? [] : KNOWN[group]) all.set(name, { histories: 0, times: 0 });
    for (const [name, tally] of this.#tallies[group]) all.set(name, tally);
    return all;
  }

  /** Every rule of the protocol with what was asked of it by a checker, or seen of it at work. */
  rules(): ReadonlyMap<string, Tally> {
    const facts = this.#tallies.facts;
    return new Map(
      RULES.map((rule) => {
        const checked = [...this.#tallies.checks].filter(([name]) => name.startsWith(`${rule}:`));
        const seen = [...facts].filter(([name]) => FACTS[name] === rule);
        const tallies = [...checked, ...seen].map(([, tally]) => tally);
        const histories = Math.max(0, ...tallies.map((tally) => tally.histories));
        return [rule, { histories, times: tallies.reduce((sum, { times }) => sum + times, 0) }];
      }),
    );
  }

  /** For a line of progress. */
  get line(): string {
    const part = (name: string, tallies: ReadonlyMap<string, Tally>): string =>
      `${name} ${[...tallies.values()].filter(({ times }) => times > 0).length}/${tallies.size}`;
    return [
      part("rules", this.rules()),
      part("faults", this.group("faults")),
      part("liars", this.group("liars")),
      part("results", this.group("results")),
    ].join(", ");
  }
}

import type { Violation } from "./checkers/index.js";
import type { CoverageCounts } from "./coverage.js";
import { Nemesis } from "./nemesis.js";
import type { SimulatedNode } from "./node.js";
import { drawPlan, type Plan } from "./plan.js";
import { Simulation } from "./simulation.js";

/** What came of one history. */
export interface SeedReport {
  readonly seed: number;
  readonly digest: string;
  readonly violations: readonly Violation[];
  readonly height: number;
  readonly events: number;
  readonly summary: string;
  /** Acts of faults, as "crash 3"; a plan may leave them out. */
  readonly acts: readonly string[];
  /** How many submissions there were; a plan may leave them out by number. */
  readonly submissions: number;
  readonly coverage: CoverageCounts;
}

/** After healing, virtual time for everything to become final, and for a settled network to show silence. */
const SETTLE_MS = 90_000;
/**
 * Views in which all must be final that was submitted before the healing: two turns of everybody, since f leaders may lie
 * and those that come back need a view or two to find the others; the most seen in campaigns is a quarter of it.
 */
const FINAL_VIEWS = (machines: number): number => 20 + 2 * machines;
const LAST_BLOCK_MS = 4_000;
const SILENCE_MS = 8_000;

/** Runs one seed: faults drawn by it for some seconds, then a healed network of which progress is demanded. */
export const runSeed = (seed: number, validators: number): SeedReport => runPlan(drawPlan(seed, validators));

/** Plays one history to its end, or until a rule is broken. */
export function runPlan(plan: Plan): SeedReport {
  const { options, faults } = plan;
  const simulation = new Simulation(options);
  for (const condition of faults.conditions) simulation.coverage.hit("faults", condition);
  const nemesis = new Nemesis(simulation, faults);
  simulation.load(faults.batchesPerSecond, faults.fireMs, faults.onlySubmissions && new Set(faults.onlySubmissions));
  nemesis.begin();
  runGuarded(simulation, faults.fireMs);
  nemesis.end();
  if (simulation.violations.length === 0) demandProgress(simulation, plan);
  return {
    seed: options.seed,
    digest: simulation.digest,
    violations: simulation.violations,
    height: simulation.height,
    events: simulation.events,
    summary: `${describe(plan)}\n${simulation.summary()}`,
    acts: nemesis.acts,
    submissions: simulation.submissions,
    coverage: simulation.coverage.counts,
  };
}

/** Stops early once a rule is broken: what follows a fork says nothing. */
function runGuarded(simulation: Simulation, ms: number): void {
  const end = simulation.queue.now + ms;
  while (simulation.queue.now < end && simulation.violations.length === 0) {
    simulation.runFor(Math.min(500, end - simulation.queue.now));
  }
}

function demandProgress(simulation: Simulation, { options, faults }: Plan): void {
  const lost = (faults.roles.lost ?? []).map((index) => simulation.nodes[index] as SimulatedNode);
  simulation.heal({ except: lost, behave: !faults.lieOn });
  simulation.demandFinalWithin(FINAL_VIEWS(options.validators + (options.joiners ?? 0)), SETTLE_MS);
  const isSettled = simulation.violations.length === 0 && simulation.settle(SETTLE_MS);
  simulation.demand(
    isSettled,
    "LIVE-1: after healing everything admitted becomes final and is executed",
    () => `${simulation.unfinished().length} batches are not; ${simulation.summary()}`,
  );
  const hasLied = Object.keys(options.adversaries ?? {}).length > 0;
  if (!isSettled || (hasLied && faults.lieOn) || (options.twins ?? []).length > 0) return;
  if (options.timing?.maxIdleMs !== undefined) return;
  // What is under way may end first, and what a liar admitted may still be ordered.
  simulation.runFor(LAST_BLOCK_MS);
  while (!simulation.isSettled() && simulation.settle(SETTLE_MS)) simulation.runFor(LAST_BLOCK_MS);
  // A block that nobody has to order is not waited for above: after many failed views its proposer takes its time (PACE-6),
  // and one that a liar dated ahead may become votable only now.
  const isSilent = simulation.isSilent(SILENCE_MS) || simulation.isSilent(SILENCE_MS);
  simulation.demand(isSilent, "PACE-4: an idle network is silent", () => simulation.summary());
}

const describe = (plan: Plan): string =>
  JSON.stringify({ ...plan.options, ...plan.faults }, (_key, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toFixed(2)) : value,
  );

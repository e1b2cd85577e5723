import { type CoverageCounts, runSeed, type Violation } from "../../src/simulator/index.js";
import { scenarioNamed } from "./options.js";

/** A history for a process to play. */
export interface Order {
  readonly seed: number;
  readonly validators: number;
  readonly scenario: string | undefined;
}

/** What came of it. */
export interface Outcome extends Order {
  readonly height: number;
  readonly digest: string;
  readonly violations: readonly Violation[];
  readonly summary: string;
  readonly coverage: CoverageCounts;
}

/** Plays one history from its seed. */
export function play(order: Order): Outcome {
  const { seed, validators, scenario } = order;
  if (scenario === undefined) {
    const { height, digest, violations, summary, coverage } = runSeed(seed, validators);
    return { ...order, height, digest, violations, summary, coverage };
  }
  const simulation = scenarioNamed(scenario)?.run(seed, validators);
  if (simulation === undefined) throw new RangeError(`no scenario ${scenario}`);
  const { height, digest, violations, coverage } = simulation;
  return { ...order, height, digest, violations, summary: simulation.summary(), coverage: coverage.counts };
}

/** A child process of a campaign: plays what it is sent, one at a time, until the parent lets go. */
export function serve(): void {
  process.on("message", (order: Order) => process.send?.(play(order)));
  // The parent ends in its own time; an interrupt from the terminal reaches both.
  process.on("SIGINT", () => {});
}

/** The command that plays one history again. */
export function replayCommand({ seed, validators, scenario }: Order): string {
  const named = scenario === undefined ? "" : ` --scenario ${scenario}`;
  return `npm run sim -- --validators ${validators}${named} --seed ${seed}`;
}

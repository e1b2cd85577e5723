/** Child of `main.ts`, inside a scratch copy: plays histories and tells its parent of each. */
import { runSeed, SCENARIOS, type Violation } from "../../src/simulator/index.js";
import { type HistoryLook, lookName } from "./mutation.js";

/** What the parent asks for, as JSON in the first argument. */
export interface PlayPlan {
  readonly looks: readonly HistoryLook[];
  /** False for the control, which plays everything. */
  readonly stopsAtFirst: boolean;
}

export type PlayReport =
  | { readonly type: "ready" }
  | { readonly type: "played"; readonly look: number; readonly seed: number; readonly violation: Violation | undefined }
  | { readonly type: "done" };

function play(look: HistoryLook, seed: number): Violation | undefined {
  try {
    if ("swarm" in look) return runSeed(seed, look.swarm).violations[0];
    const scenario = SCENARIOS.find(({ name }) => name === look.scenario);
    if (scenario === undefined) throw new Error(`no scenario ${lookName(look)}`);
    return scenario.run(seed, look.validators ?? 4).violations[0];
  } catch (error) {
    // Outside of any machine's turn: a checker that cannot go on has seen something as well.
    return { rule: "the simulation itself goes on", detail: String(error), atMs: 0 };
  }
}

const tell = (report: PlayReport): void => void process.send?.(report);

function run({ looks, stopsAtFirst }: PlayPlan): void {
  for (const look of looks) {
    if ("scenario" in look && !SCENARIOS.some(({ name }) => name === look.scenario))
      throw new Error(`no scenario is called ${look.scenario}`);
  }
  tell({ type: "ready" });
  for (const [index, look] of looks.entries()) {
    for (let seed = 1; seed <= look.seeds; seed += 1) {
      const violation = play(look, seed);
      tell({ type: "played", look: index, seed, violation });
      if (violation !== undefined && stopsAtFirst) return;
    }
  }
}

run(JSON.parse(process.argv[2] ?? "") as PlayPlan);
tell({ type: "done" });
process.disconnect();

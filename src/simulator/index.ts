/** Test composition root: real replicas over a faked world that one seed decides, and independent checkers. */
export {
  type BehaviourName,
  PROCESS_BEHAVIOURS,
  type ProcessBehaviourName,
  Puppet,
} from "./adversaries/index.js";
export type { Violation } from "./checkers/index.js";
export { runEpochSeed } from "./epoch-swarm.js";
export { Random } from "./random.js";
export { NEGATIVE_CONTROL, SCENARIOS, type Scenario } from "./scenarios.js";
export * from "./simulation.js";
export { runSeed, type SeedReport } from "./swarm.js";

/** Test composition root: real replicas over a faked world that one seed decides, and independent checkers. */
export {
  BEHAVIOURS as PROCESS_BEHAVIOURS,
  type BehaviourName,
  type BehaviourName as ProcessBehaviourName,
  forgeReceipts,
  Puppet,
  Ring,
} from "./adversaries/index.js";
export { CampaignCoverage, RULES, type Tally } from "./campaign-coverage.js";
export type { Violation } from "./checkers/index.js";
export { trustedChain } from "./consortium.js";
export type { CoverageCounts } from "./coverage.js";
export { drawPlan, type Plan, parsePlan } from "./plan.js";
export { Random } from "./random.js";
export { type History, type RecordedFrame, type RecordedMark, recording } from "./recorder.js";
export { COLLUDING_CONTROL, NEGATIVE_CONTROL, SCENARIOS, type Scenario } from "./scenarios.js";
export { shrinkPlan } from "./shrink.js";
export * from "./simulation.js";
export { runPlan, runSeed, type SeedReport } from "./swarm.js";
export { playTwinsCase, TwinsEnumeration } from "./twins.js";

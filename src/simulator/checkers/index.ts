export { type Conviction, convict } from "./culprits.js";
export { EpochVoteRules } from "./epoch-rules.js";
export { LedgerRules } from "./ledger-rules.js";
export { MemoryRules } from "./memory-rules.js";
export { type Promiser, Promises } from "./promises.js";
export { ProofRules } from "./proof-rules.js";
export { type Violation, Violations } from "./violations.js";

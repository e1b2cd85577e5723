export { EpochVoteRules } from "./epoch-rules.js";
export { LedgerRules } from "./ledger-rules.js";
export { type Violation, Violations } from "./violations.js";

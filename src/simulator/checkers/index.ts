export { LedgerRules } from "./ledger-rules.js";
export { type Violation, Violations } from "./violations.js";
export { VoteRules } from "./vote-rules.js";

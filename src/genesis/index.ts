/** Making, checking and reading the genesis of a consortium. */
export {
  type CanonicalJson,
  canonicalJson,
  decodeGovernRecord,
  decodeTransfer,
  type GenesisValidator,
  type KeyScope,
  type ProposalKind,
  type Rulebook,
  rulebookDifferences,
} from "../formats/index.js";
export {
  accountId,
  type CustomerAccount,
  type InfrastructureKind,
  infrastructureName,
  parseAccountsFile,
} from "./accounts.js";
export { type Assembled, type Assembly, assembleGenesis } from "./assemble.js";
export { type Card, encodeCard, makeCard, parseCard } from "./card.js";
export { type CsvRow, type LineProblem, parseCsv } from "./csv.js";
export { Directory, describeResult, readDirectory } from "./directory.js";
export {
  BASE_PORT,
  type NetworkMember,
  type NetworkRequest,
  planNetwork,
  SETTLEMENT_FUNDING,
  sampleCustomers,
} from "./network.js";
export { parseRulebook } from "./rulebook.js";
export { rulebookProblems } from "./rulebook-check.js";
export { type GenesisCheck, type GenesisReport, thresholds, verifyGenesis } from "./verify.js";
export { parseYaml } from "./yaml.js";

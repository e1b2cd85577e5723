/** A node in production: its home, its keys, its life. */

export { AuditFault, type AuditReport } from "./audit.js";
export type { Config, ConfigChanges } from "./config-options.js";
export { createFile, type FileName, makeDirectory, replaceFile } from "./files.js";
export { auditHistory } from "./history.js";
export {
  createHome,
  type Home,
  type HomeSettings,
  homePath,
  installGenesis,
  passphraseOf,
  readHome,
  readNodeKeys,
  readOperationKey,
  readSettings,
} from "./home.js";
export { HomeError } from "./home-error.js";
export { createKey, hasKey, type KeyAlgorithm, keyPath, readKey, readPassphrase, type StoredKey } from "./keystore.js";
export type { Interpose } from "./node.js";
export {
  backUpStore,
  checkStore,
  exportStore,
  restoreStore,
  runNode,
  simulateRulebook,
} from "./programs.js";
export { RulebookSimulation, type SimulationReport } from "./rulebook-simulation.js";
export { addToken, loadTokens, TOKEN_SCOPES, type TokenBook, type TokenScope } from "./tokens.js";

/** Pure money: accounts, transfers, the rulebook, and the roots that prove them. */
export * from "./contract.js";
export * from "./genesis-ledger.js";
export { Ledger, type LedgerOptions } from "./ledger.js";
export * from "./outcomes.js";
export { StatePagesError } from "./state-pages.js";
export * from "./views.js";

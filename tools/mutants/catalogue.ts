import { LEDGER_MUTATIONS } from "./ledger.js";
import type { Mutation } from "./mutation.js";
import { PROGRESS_MUTATIONS } from "./progress.js";
import { SAFETY } from "./safety.js";
import { SCHEME_MUTATIONS } from "./scheme.js";

export { EQUIVALENTS } from "./equivalents.js";

/** Every mutation that has to be caught. */
export const MUTATIONS: readonly Mutation[] = [
  ...SAFETY,
  ...PROGRESS_MUTATIONS,
  ...LEDGER_MUTATIONS,
  ...SCHEME_MUTATIONS,
];

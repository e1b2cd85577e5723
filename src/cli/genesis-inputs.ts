import { join } from "node:path";
import { type Assembly, type CustomerAccount, parseAccountsFile, parseRulebook } from "../genesis/index.js";
import { readTextInput } from "./arguments.js";
import { failWith } from "./failure.js";
import { packageRoot } from "./package.js";

/** The rulebook of a file, or the one that comes with sabha. */
export function readRulebook(path: string | undefined): Assembly["rulebook"] {
  const file = path ?? join(packageRoot(), "config", "rulebook.default.yaml");
  const parsed = parseRulebook(readTextInput(file, "the rulebook"));
  return parsed.ok ? parsed.rulebook : failWith(1, file, parsed.problems);
}

/** The customer accounts of an accounts file. */
export function readAccounts(path: string): readonly CustomerAccount[] {
  const parsed = parseAccountsFile(readTextInput(path, "the accounts file"));
  return parsed.ok ? parsed.accounts : failWith(1, path, parsed.problems);
}

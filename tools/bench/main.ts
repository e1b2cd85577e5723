import { writeFileSync } from "node:fs";
import { runCatchUp } from "./catch-up.js";
import { type Options, readOptions } from "./options.js";
import { runRepeated } from "./repeated.js";
import { runRestart } from "./restart.js";
import { pointOf, runSingle } from "./single-run.js";
import { runSustain } from "./sustain.js";
import { runSweep } from "./sweep.js";

/** Runs what was asked for and prints it; returns the figures for programs. */
function run(options: Options): Promise<object> {
  if (options.sweep === true) return runSweep(options);
  if (options.sustain !== undefined) return runSustain(options, options.sustain);
  if (options.catchUp !== undefined) return runCatchUp(options, options.catchUp);
  if (options.restart !== undefined) return runRestart(options, options.restart);
  return runSingle(options);
}

const options = readOptions(process.argv.slice(2));
// Each consortium of a sweep wants to know when this process goes.
process.setMaxListeners(0);
// Nodes are ended before this process goes, whatever ends it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
try {
  const { runs } = options;
  const figures = runs === undefined ? await run(options) : await runRepeated(runs, () => run(options));
  if (options.json !== undefined) {
    const { scheme, accounts, rate, single } = options;
    const asked = { ...pointOf(options), scheme, accounts, rate, single };
    writeFileSync(options.json, `${JSON.stringify({ asked, ...figures }, null, 2)}\n`);
  }
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

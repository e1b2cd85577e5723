#!/usr/bin/env node
import { run } from "./run.js";
import { processTerminal } from "./terminal.js";

// Keys, tokens and data are their owner's alone.
process.umask(0o077);
// Whoever reads the output may stop reading it, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});
process.exitCode = await run(process.argv.slice(2), processTerminal());
// What a stopped part left behind, such as a dial under way, must not hold the process.
setTimeout(() => process.exit(), 1_000).unref();

#!/usr/bin/env node
import { run } from "./run.js";
import { processTerminal } from "./terminal.js";

process.umask(0o077);
process.exitCode = await run(process.argv.slice(2), processTerminal());

import { run } from "../../../src/cli/run.js";
import type { Terminal } from "../../../src/cli/terminal.js";

/** What one command line did. */
export interface Recorded {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** A terminal that keeps what is written. */
export function recorder(): Terminal & { readonly written: { out: string; err: string } } {
  const written = { out: "", err: "" };
  return {
    written,
    outIsTty: false,
    errIsTty: false,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
  };
}

/** Runs a command line in this process. */
export async function sabha(...words: readonly string[]): Promise<Recorded> {
  const terminal = recorder();
  const exitCode = await run(words, terminal);
  return { exitCode, ...terminal.written };
}

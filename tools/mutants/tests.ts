import { type ChildProcess, spawn } from "node:child_process";

/** A file of tests takes seconds. */
const TESTS_LIMIT_MS = 240_000;
const OUTPUT_MAX = 4 * 1_048_576;

export type TestVerdict =
  | { readonly type: "passed" }
  /** The first test that failed. */
  | { readonly type: "failed"; readonly test: string; readonly detail: string }
  /** No test ran: says nothing about the tests. */
  | { readonly type: "broken"; readonly detail: string };

/** What vitest's JSON reporter says, as far as it is read here. */
interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Runs one file of tests in a copy of the code. @param started is told of the process, which the caller may end */
export function runTests(
  directory: string,
  file: string,
  started: (child: ChildProcess) => void,
): Promise<TestVerdict> {
  const child = spawn(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", file, "--reporter=json", "--maxWorkers=1"],
    { cwd: directory, stdio: ["ignore", "pipe", "pipe"] },
  );
  started(child);
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_MAX);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-OUTPUT_MAX);
  });
  return new Promise((resolve, reject) => {
    let isHung = false;
    const clock = setTimeout(() => {
      isHung = true;
      child.kill("SIGKILL");
    }, TESTS_LIMIT_MS);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(clock);
      if (isHung)
        resolve({
          type: "failed",
          test: `${file} ends within ${TESTS_LIMIT_MS / 1_000} seconds`,
          detail: "it was killed",
        });
      else resolve(code === 0 ? { type: "passed" } : failureIn(output, errors));
    });
  });
}

function failureIn(output: string, errors: string): TestVerdict {
  let report: Report;
  try {
    report = JSON.parse(output.slice(output.indexOf("{"))) as Report;
  } catch {
    return { type: "broken", detail: errors.trim() };
  }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.find(({ status }) => status === "failed");
  if (failed === undefined)
    return { type: "broken", detail: report.testResults.map(({ message }) => message).join("\n") };
  return { type: "failed", test: failed.fullName, detail: failed.failureMessages.join("\n") };
}

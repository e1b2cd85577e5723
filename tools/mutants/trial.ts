import { type ChildProcess, fork } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HistoryLook, isHistory, isTest, type Look, type Mutation, mutate, type TestLook } from "./mutation.js";
import type { PlayPlan, PlayReport } from "./play.js";
import { runTests } from "./tests.js";

/** One history without a report for so long is a hang; honest ones take a second or two. */
const HISTORY_LIMIT_MS = 60_000;
const MEMORY_MB = 1_024;
const COPIED = ["src", "tools", "test", "config", "tsconfig.json", "vitest.config.ts", "package.json"];
const ERROR_OUTPUT_MAX = 8_192;

/** A seed that broke a rule, or that did not come to an end. */
export interface Catch {
  readonly look: Look;
  readonly seed: number;
  readonly rule: string;
  readonly detail: string;
}

export interface Trial {
  /** Histories that were played, and tests that were run, to the end or to the violation. */
  readonly played: ReadonlyMap<Look, number>;
  readonly caught: Catch | undefined;
  /** Set when the code did not even load: says nothing about the checkers. */
  readonly broken: string | undefined;
  readonly seconds: number;
}

/** A copy of the code in a directory of its own, in which mutations are made one after the other. */
export class Scratch {
  readonly directory: string;
  #child: ChildProcess | undefined;

  /** @param root of the checkout, or of another scratch copy, which is only read */
  constructor(root: string, nodeModules: string) {
    this.directory = mkdtempSync(join(tmpdir(), "sabha-mutants-"));
    mkdirSync(this.directory, { recursive: true });
    for (const name of COPIED) cpSync(join(root, name), join(this.directory, name), { recursive: true });
    symlinkSync(nodeModules, join(this.directory, "node_modules"), "dir");
  }

  /** Plays a mutation's histories until one is caught. @throws {MutationError} if it no longer applies */
  async try(mutation: Pick<Mutation, "name" | "edits" | "looks">): Promise<Trial> {
    const restore = mutate(this.directory, mutation);
    try {
      return await this.#look(mutation.looks);
    } finally {
      restore();
    }
  }

  /** Plays all histories of the code as it is, and stops at the first that breaks a rule, which none should. */
  control(looks: readonly Look[]): Promise<Trial> {
    return this.#look(looks);
  }

  /** Ends what runs here and removes the copy. */
  remove(): void {
    this.#child?.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #look(looks: readonly Look[]): Promise<Trial> {
    const histories = looks.filter(isHistory);
    const tests = looks.filter(isTest);
    let trial = histories.length === 0 ? NOTHING : await this.#play({ looks: histories, stopsAtFirst: true });
    for (const look of tests) {
      if (trial.caught !== undefined || trial.broken !== undefined) break;
      trial = joined(trial, await this.#test(look));
    }
    return trial;
  }

  async #test(look: TestLook): Promise<Trial> {
    const startedAt = performance.now();
    const verdict = await runTests(this.directory, look.test, (child) => {
      this.#child = child;
    });
    this.#child = undefined;
    const played = new Map<Look, number>([[look, 1]]);
    const seconds = (performance.now() - startedAt) / 1_000;
    if (verdict.type === "broken") return { played, caught: undefined, broken: verdict.detail, seconds };
    if (verdict.type === "passed") return { played, caught: undefined, broken: undefined, seconds };
    return {
      played,
      caught: { look, seed: 1, rule: verdict.test, detail: verdict.detail },
      broken: undefined,
      seconds,
    };
  }

  #play(plan: PlayPlan): Promise<Trial> {
    const startedAt = performance.now();
    const child = fork(join(this.directory, "tools/mutants/play.ts"), [JSON.stringify(plan)], {
      cwd: this.directory,
      execArgv: ["--import", "tsx", `--max-old-space-size=${MEMORY_MB}`],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    const played = new Map<Look, number>();
    let isReady = false;
    let isDone = false;
    let isHung = false;
    let caught: Catch | undefined;
    let output = "";
    const [first] = plan.looks;
    // Where a child is that dies without another word.
    let at = { look: first as HistoryLook, seed: 1 };
    let clock = setTimeout(hang, HISTORY_LIMIT_MS);
    function hang(): void {
      isHung = true;
      child.kill("SIGKILL");
    }
    child.stderr?.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-ERROR_OUTPUT_MAX);
    });
    child.on("message", (report: PlayReport) => {
      clearTimeout(clock);
      clock = setTimeout(hang, HISTORY_LIMIT_MS);
      if (report.type === "ready") isReady = true;
      if (report.type === "done") isDone = true;
      if (report.type !== "played") return;
      const look = plan.looks[report.look] as HistoryLook;
      played.set(look, report.seed);
      if (report.violation !== undefined) caught ??= { look, seed: report.seed, ...report.violation };
      at = nextOf(plan.looks, report.look, report.seed);
    });
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", () => {
        clearTimeout(clock);
        this.#child = undefined;
        if (!isDone && caught === undefined && (isReady || isHung)) {
          played.set(at.look, at.seed);
          caught = { ...at, ...endOf(output, isHung) };
        }
        const broken = isReady || isHung ? undefined : output.trim();
        resolve({ played, caught, broken, seconds: (performance.now() - startedAt) / 1_000 });
      });
    });
  }
}

const NOTHING: Trial = { played: new Map(), caught: undefined, broken: undefined, seconds: 0 };

const joined = (first: Trial, second: Trial): Trial => ({
  ...second,
  played: new Map([...first.played, ...second.played]),
  seconds: first.seconds + second.seconds,
});

function nextOf(looks: readonly HistoryLook[], index: number, seed: number): { look: HistoryLook; seed: number } {
  const look = looks[index] as HistoryLook;
  if (seed < look.seeds) return { look, seed: seed + 1 };
  return { look: looks[index + 1] ?? look, seed: 1 };
}

/** What the end of a child that did not finish counts as. */
function endOf(output: string, isHung: boolean): Pick<Catch, "rule" | "detail"> {
  if (isHung) return { rule: `a history ends within ${HISTORY_LIMIT_MS / 1_000} seconds`, detail: "it was killed" };
  if (output.includes("heap out of memory"))
    return { rule: `a history needs less than ${MEMORY_MB} MB`, detail: "it was killed" };
  return { rule: "the simulator does not die", detail: output.trim().split("\n").at(-1) ?? "" };
}

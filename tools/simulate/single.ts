import { readFileSync, writeFileSync } from "node:fs";
import { drawPlan, type Plan, parsePlan, recording, runPlan, type Violation } from "../../src/simulator/index.js";
import type { Single, Subject } from "./options.js";
import { tracePage } from "./trace-page.js";
import { play, replayCommand } from "./worker.js";

/** Violations shown; the first is what matters. */
const SHOWN_MAX = 8;

/** What one history says of itself. */
interface Told {
  readonly digest: string;
  readonly summary: string;
  readonly violations: readonly Violation[];
}

/** The plan of a subject that has one; ends the process with 2 where its file holds none. */
export function planOf(subject: Subject): Plan {
  if (!("planFile" in subject)) return drawPlan(subject.seed, subject.validators);
  try {
    return parsePlan(readFileSync(subject.planFile, "utf8"));
  } catch (error) {
    process.stderr.write(`error: ${subject.planFile} holds no plan: ${(error as Error).message}\n`);
    process.exit(2);
  }
}

/** Plays one history and tells all about it. */
export function runSingle({ subject, traceFile, writePlanFile, json }: Single): void {
  const isScenario = "scenario" in subject && subject.scenario !== undefined;
  const plan = isScenario ? undefined : planOf(subject);
  const run = (): Told => (plan === undefined && "seed" in subject ? play(subject) : runPlan(plan as Plan));
  if (plan !== undefined && writePlanFile !== undefined) writeFileSync(writePlanFile, planText(plan));
  let told: Told;
  if (traceFile === undefined) told = run();
  else {
    const { result, history } = recording(run);
    told = result;
    writeFileSync(traceFile, tracePage({ title: titleOf(subject), history, ...result }));
  }
  tell(told, json);
  process.exitCode = told.violations.length > 0 ? 1 : 0;
}

/** A plan as a file holds it. */
export const planText = (plan: Plan): string => `${JSON.stringify(plan, undefined, 2)}\n`;

const titleOf = (subject: Subject): string =>
  "planFile" in subject ? `npm run sim -- --plan ${subject.planFile}` : replayCommand(subject);

function tell(told: Told, json: boolean): void {
  const { digest, summary, violations } = told;
  if (json) {
    process.stdout.write(`${JSON.stringify({ digest, summary, violations })}\n`);
    return;
  }
  process.stdout.write(`${summary}\ndigest ${digest}\n`);
  for (const { rule, detail, atMs } of violations.slice(0, SHOWN_MAX)) {
    process.stdout.write(`at ${atMs} ms: ${rule}: ${detail}\n`);
  }
  const more = violations.length - SHOWN_MAX;
  if (more > 0) process.stdout.write(`and ${more} more, which follow from these\n`);
}

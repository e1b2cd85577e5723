import { writeFileSync } from "node:fs";
import { shrinkPlan } from "../../src/simulator/index.js";
import type { Shrink } from "./options.js";
import { planOf, planText } from "./single.js";

/** Shrinks one history and writes the plan that is left. */
export function runShrink({ subject, outFile, limitMs }: Shrink): void {
  const startedAt = performance.now();
  const seconds = (): string => ((performance.now() - startedAt) / 1_000).toFixed(1);
  const shrunk = shrinkPlan(planOf(subject), {
    isTimeUp: () => performance.now() - startedAt > limitMs,
    progress: ({ tried, without }) => process.stdout.write(`${seconds()} s, ${tried} histories: without ${without}\n`),
  });
  if (shrunk === undefined) {
    process.stdout.write("this history breaks no rule; there is nothing to shrink\n");
    return;
  }
  const { plan, report, tried } = shrunk;
  writeFileSync(outFile, planText(plan));
  const [first] = report.violations;
  process.stdout.write(`${planText(plan)}${tried} histories in ${seconds()} s; what is left breaks the same rule:\n`);
  process.stdout.write(`at ${first?.atMs} ms: ${first?.rule}: ${first?.detail}\n`);
  process.stdout.write(
    `  replay: npm run sim -- --plan ${outFile}\n  look:   npm run sim -- --plan ${outFile} --trace trace.html\n`,
  );
  process.exitCode = 1;
}

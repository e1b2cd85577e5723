import { writeFileSync } from "node:fs";
import { measure } from "./measurement.js";
import type { Options } from "./options.js";
import { count, table } from "./report.js";
import { inConsortium, startLoad } from "./single-run.js";
import { renderSweep, type SweptPoint } from "./sweep-page.js";

/** Measures every combination of the lists; a consortium serves all batch sizes, smallest first. */
export async function runSweep(options: Options): Promise<{ readonly points: readonly SweptPoint[] }> {
  const points: SweptPoint[] = [];
  const batches = [...options.batch].sort((left, right) => left - right);
  for (const validators of options.validators) {
    for (const delay of options.delay) {
      await inConsortium(options, { validators, delay }, async (consortium) => {
        for (const batch of batches) {
          process.stderr.write(`${validators} validators, ${delay} ms apart, batches of ${batch}\n`);
          const load = startLoad(consortium, options, batch);
          const { figures } = await measure(consortium, load, options);
          await load.stop();
          points.push({ validators, delay, batch, ...figures });
        }
      });
    }
  }
  process.stdout.write(renderPoints(points));
  const { scheme, rate, seconds } = options;
  const pace = rate === undefined ? "as many as they take" : `${rate} transfers/s asked for`;
  writeFileSync(options.html, renderSweep(`${scheme}, ${pace}, ${seconds} s each, all on one machine`, points));
  process.stdout.write(`  page: ${options.html}\n`);
  return { points };
}

function renderPoints(points: readonly SweptPoint[]): string {
  return table(
    [
      ...["validators", "delay, ms", "batch", "transfers/s", "p50, ms", "p99, ms"],
      ...["CPU nodes, µs", "CPU clients, µs", "disk, bytes", "failed"],
    ],
    points.map((point) => [
      ...[point.validators, point.delay, point.batch, point.transfersPerSecond].map(count),
      ...[point.latencyMs.p50, point.latencyMs.p99].map(count),
      ...[point.cpuMicrosPerTransfer.nodes, point.cpuMicrosPerTransfer.clients].map(count),
      ...[point.diskBytesPerTransfer, point.failed].map(count),
    ]),
  );
}

import { fileURLToPath } from "node:url";
import { runCampaign } from "./simulate/campaign.js";
import { readTask } from "./simulate/options.js";
import { runShrink } from "./simulate/shrink.js";
import { runSingle } from "./simulate/single.js";
import { serve } from "./simulate/worker.js";

// Whoever reads the output may have seen enough.
process.stdout.on("error", () => process.exit());

/** `npm run sim`: the command line of the simulator. */
if (process.argv[2] === "worker") serve();
else {
  const task = readTask(process.argv.slice(2));
  switch (task.kind) {
    case "campaign":
      await runCampaign(task, fileURLToPath(import.meta.url));
      break;
    case "single":
      runSingle(task);
      break;
    case "shrink":
      runShrink(task);
      break;
  }
}

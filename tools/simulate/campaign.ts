import { type ChildProcess, fork } from "node:child_process";
import { CampaignReport } from "./campaign-report.js";
import type { Campaign } from "./options.js";
import type { Order, Outcome } from "./worker.js";

/** Room for what a history throws away: fewer collections, a twentieth less time. */
const WORKER_FLAGS = [...process.execArgv, "--max-semi-space-size=64"];

/** Plays a campaign in child processes; each gets its next history when it is done with the one before. */
export async function runCampaign(campaign: Campaign, program: string): Promise<void> {
  const report = new CampaignReport(campaign);
  const source = new Orders(campaign);
  const children = Array.from({ length: campaign.jobs }, () => fork(program, ["worker"], { execArgv: WORKER_FLAGS }));
  // Whole seeds are played, so that the next campaign begins with the one behind them.
  const stop = (): void => source.stop();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const timer = Number.isFinite(campaign.limitMs) ? setTimeout(stop, campaign.limitMs) : undefined;
  report.begin();
  await Promise.all(children.map((child) => feed(child, source, report)));
  clearTimeout(timer);
  process.removeListener("SIGINT", stop);
  process.removeListener("SIGTERM", stop);
  report.finish(source.next);
  process.exitCode = report.isClean ? 0 : 1;
}

/** The histories of a campaign in the order in which they are handed out. */
class Orders {
  readonly #campaign: Campaign;
  readonly #ofOneSeed: readonly Omit<Order, "seed">[];
  #handedOut = 0;
  #isStopped = false;

  constructor(campaign: Campaign) {
    this.#campaign = campaign;
    this.#ofOneSeed = campaign.scenarios.flatMap((scenario) =>
      campaign.validators.map((validators) => ({ validators, scenario })),
    );
  }

  /** No new seed any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** First seed of which nothing was handed out. */
  get next(): number {
    return this.#campaign.from + Math.ceil(this.#handedOut / this.#ofOneSeed.length);
  }

  take(): Order | undefined {
    const within = this.#handedOut % this.#ofOneSeed.length;
    const seed = Math.floor(this.#handedOut / this.#ofOneSeed.length);
    const order = this.#ofOneSeed[within];
    const isOver = seed >= this.#campaign.seeds || (this.#isStopped && within === 0);
    if (isOver || order === undefined) return undefined;
    this.#handedOut += 1;
    return { seed: this.#campaign.from + seed, ...order };
  }
}

/** Ends when nothing is left for this child, or when it died. */
function feed(child: ChildProcess, source: Orders, report: CampaignReport): Promise<void> {
  return new Promise((resolve) => {
    let current: Order | undefined;
    const give = (): void => {
      current = source.take();
      if (current === undefined) child.disconnect();
      else child.send(current);
    };
    child.on("message", (outcome: Outcome) => {
      report.add(outcome);
      give();
    });
    child.on("exit", (code, signal) => {
      if (current !== undefined) report.addCrash(current, signal ?? `code ${code}`);
      resolve();
    });
    give();
  });
}

import { CampaignCoverage } from "../../src/simulator/index.js";
import { coverageTable } from "./coverage-table.js";
import type { Campaign } from "./options.js";
import { type Order, type Outcome, replayCommand } from "./worker.js";

/** How often progress is shown, ms: redrawn on a terminal, a line of its own elsewhere. */
const TERMINAL_MS = 250;
const LINE_MS = 5_000;
/** Failures shown in full; a bug that breaks every history needs no thousand lines. */
const SHOWN_MAX = 20;

/** Counts the outcomes of a campaign and tells of them as they come. */
export class CampaignReport {
  readonly #campaign: Campaign;
  readonly #coverage = new CampaignCoverage();
  readonly #failed: { readonly replay: string; readonly outcome: Order; readonly rule: string }[] = [];
  /** Beside JSON nothing else is written to standard output. */
  readonly #out: NodeJS.WriteStream;
  #startedAt = 0;
  #shownAt = 0;
  #done = 0;
  #blocks = 0;
  #ticker: NodeJS.Timeout | undefined;

  constructor(campaign: Campaign) {
    this.#campaign = campaign;
    this.#out = campaign.json ? process.stderr : process.stdout;
  }

  get isClean(): boolean {
    return this.#failed.length === 0;
  }

  begin(): void {
    this.#startedAt = performance.now();
    this.#shownAt = this.#startedAt;
    const { from, validators, jobs } = this.#campaign;
    this.#out.write(`from seed ${from}, validators ${validators.join(", ")}, processes ${jobs}\n`);
    this.#ticker = setInterval(() => this.#show(), TERMINAL_MS);
  }

  add(outcome: Outcome): void {
    this.#done += 1;
    this.#blocks += outcome.height;
    this.#coverage.add(outcome.coverage);
    const [first] = outcome.violations;
    if (first === undefined) return;
    const more = outcome.violations.length > 1 ? ` (and ${outcome.violations.length - 1} more)` : "";
    this.#fail(outcome, first.rule, `${first.rule} at ${first.atMs} ms: ${first.detail}${more}`);
  }

  /** The process that played this history died of it. */
  addCrash(order: Order, reason: string): void {
    this.#done += 1;
    this.#fail(order, "the simulator itself ends in order", `the simulator's process ended with ${reason}`);
  }

  /** @param next the seed to go on with */
  finish(next: number): void {
    clearInterval(this.#ticker);
    this.#out.write(`${this.#return()}${this.#line()}\n\n`);
    this.#out.write(coverageTable(this.#coverage));
    this.#out.write(`\nto go on: --from ${next}\n`);
    if (this.#campaign.json) process.stdout.write(`${JSON.stringify(this.#json(next))}\n`);
  }

  #fail(order: Order, rule: string, what: string): void {
    const replay = replayCommand(order);
    this.#failed.push({ replay, outcome: order, rule });
    if (this.#failed.length <= SHOWN_MAX) {
      const shrink = order.scenario === undefined ? `\n  shrink: ${replay} --shrink` : "";
      const { seed, validators } = order;
      this.#out.write(
        `${this.#return()}seed ${seed}, ${validators} validators: ${what}\n  replay: ${replay}${shrink}\n`,
      );
    }
  }

  #show(): void {
    const now = performance.now();
    if (!this.#out.isTTY && now - this.#shownAt < LINE_MS) return;
    this.#shownAt = now;
    this.#out.write(this.#out.isTTY ? `${this.#return()}${this.#line()}` : `${this.#line()}\n`);
  }

  /** To the beginning of an emptied line of the terminal. */
  #return(): string {
    return this.#out.isTTY ? "\r\u001b[2K" : "";
  }

  get #seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  #line(): string {
    const { seeds, validators, scenarios } = this.#campaign;
    const all = seeds * validators.length * scenarios.length;
    const of = Number.isFinite(all) ? `/${all}` : "";
    const rate = (this.#done / this.#seconds).toFixed(1);
    const broken = this.#failed.length === 0 ? "no rule broken" : `${this.#failed.length} BROKE A RULE`;
    return `${this.#done}${of} histories, ${rate}/s, ${this.#blocks} blocks, ${this.#coverage.line}, ${broken}`;
  }

  #json(next: number): object {
    const { from, validators } = this.#campaign;
    const group = (name: "checks" | "facts" | "results" | "faults" | "liars"): object =>
      Object.fromEntries(this.#coverage.group(name));
    return {
      from,
      next,
      validators,
      histories: this.#done,
      blocks: this.#blocks,
      seconds: Number(this.#seconds.toFixed(1)),
      failures: this.#failed.map(({ outcome, rule, replay }) => ({ ...pick(outcome), rule, replay })),
      coverage: {
        rules: Object.fromEntries(this.#coverage.rules()),
        checks: group("checks"),
        facts: group("facts"),
        results: group("results"),
        faults: group("faults"),
        liars: group("liars"),
      },
    };
  }
}

const pick = ({ seed, validators, scenario }: Order): Order => ({ seed, validators, scenario });

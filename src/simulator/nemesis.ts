import { FAULTS, type Fault, type FaultTools, ROLES } from "./faults.js";
import type { SimulatedNode } from "./node.js";
import type { FaultPlan } from "./plan.js";
import { Random } from "./random.js";
import type { Simulation } from "./simulation.js";

/**
 * Brings the faults of a plan upon a simulation while it is under fire. Each act has a number within its
 * kind and a random stream of its own, so that an act left out of the plan changes no other.
 */
export class Nemesis {
  readonly #simulation: Simulation;
  readonly #plan: FaultPlan;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #acts: string[] = [];
  #isOver = false;

  constructor(simulation: Simulation, plan: FaultPlan) {
    this.#simulation = simulation;
    this.#plan = plan;
    this.#only = plan.onlyActs && new Set(plan.onlyActs);
  }

  /** What it did so far, as "crash 3": the third of its kind. */
  get acts(): readonly string[] {
    return this.#acts;
  }

  begin(): void {
    for (const { name, begin } of ROLES.map((role) => ({ begin: undefined, ...role }))) {
      for (const index of this.#plan.roles[name] ?? []) {
        this.#simulation.coverage.hit("faults", name);
        begin?.(this.#tools(`${name} ${index}`), this.#simulation.nodes[index] as SimulatedNode);
      }
    }
    for (const fault of FAULTS) {
      const meanMs = this.#plan.meanMs[fault.name];
      if (meanMs !== undefined) this.#repeat(fault, { meanMs, times: this.#random(`times of ${fault.name}`) }, 1);
    }
  }

  /** Nothing new happens; what is down comes up with the healing. */
  end(): void {
    this.#isOver = true;
    if (this.#plan.endsInBlackout) for (const node of this.#simulation.nodes) node.crash();
  }

  #repeat(fault: Fault, pace: { readonly meanMs: number; readonly times: Random }, number: number): void {
    this.#later(-Math.log(1 - pace.times.fraction()) * pace.meanMs, () => {
      const act = `${fault.name} ${number}`;
      if (this.#only?.has(act) !== false) {
        this.#acts.push(act);
        this.#simulation.note(act);
        this.#simulation.coverage.hit("faults", fault.name);
        fault.act(this.#tools(act));
      }
      this.#repeat(fault, pace, number + 1);
    });
  }

  #tools(act: string): FaultTools {
    return {
      simulation: this.#simulation,
      random: this.#random(act),
      roles: this.#plan.roles,
      fireMs: this.#plan.fireMs,
      later: (delayMs, run) => this.#later(delayMs, run),
      restart: (node, downMs) => {
        if (this.#plan.roles.lost?.includes(node.id) !== true) this.#later(downMs, () => node.start());
      },
    };
  }

  #later(delayMs: number, run: () => void): void {
    this.#simulation.queue.after(delayMs, () => {
      if (!this.#isOver) run();
    });
  }

  #random(stream: string): Random {
    return new Random(this.#simulation.options.seed, stream);
  }
}

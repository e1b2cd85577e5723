import type { FaultPlan, Plan } from "./plan.js";
import type { SimulationOptions } from "./simulation.js";
import { runPlan, type SeedReport } from "./swarm.js";

/** What shrinking tells on its way. */
export interface ShrinkProgress {
  /** Histories played so far. */
  readonly tried: number;
  /** What could be left out just now. */
  readonly without: string;
}

export interface ShrinkOptions {
  readonly progress: (progress: ShrinkProgress) => void;
  /** Asked before each history: shrinking ends with what it has. */
  readonly isTimeUp: () => boolean;
}

export interface Shrunk {
  readonly plan: Plan;
  readonly report: SeedReport;
  readonly tried: number;
}

/** What comes on the wire at other times decides again; so many other sets of delays are tried for each smaller plan. */
const SALTS = 2;
const SHORTER = [0.25, 0.5, 0.75, 0.9];

/**
 * Looks for a smaller plan that breaks the same rule first (delta debugging, Zeller and Hildebrandt 2002): sound
 * validators in place of faulty ones, calm conditions, no more kinds of faults, a shorter time, then single acts and
 * single submissions. Repeated until nothing more can go.
 *
 * @returns undefined where the plan breaks no rule
 */
export function shrinkPlan(plan: Plan, options: ShrinkOptions): Shrunk | undefined {
  const report = runPlan(plan);
  return report.violations.length === 0 ? undefined : new Shrinker(plan, report, options).run();
}

class Shrinker {
  #plan: Plan;
  #report: SeedReport;
  #tried = 1;
  readonly #rule: string;
  readonly #options: ShrinkOptions;
  readonly #failed = new Set<string>();

  constructor(plan: Plan, report: SeedReport, options: ShrinkOptions) {
    this.#plan = plan;
    this.#report = report;
    this.#rule = report.violations[0]?.rule ?? "";
    this.#options = options;
  }

  run(): Shrunk {
    let before: Plan;
    do {
      before = this.#plan;
      this.#shorten();
      this.#makeSound();
      this.#calmDown();
      this.#dropKinds();
      this.#dropActs();
      this.#dropSubmissions();
    } while (this.#plan !== before && !this.#options.isTimeUp());
    return { plan: this.#plan, report: this.#report, tried: this.#tried };
  }

  /** Whether a smaller plan breaks the same rule; it is the plan from then on. */
  #accepts(candidate: Plan, without: string): boolean {
    const salt = this.#plan.options.salt ?? 0;
    for (let more = 0; more < SALTS; more += 1) {
      const salted = salt + more === 0 ? candidate : withOptions(candidate, { salt: salt + more });
      const key = JSON.stringify(salted);
      if (this.#failed.has(key)) continue;
      if (this.#options.isTimeUp()) return false;
      this.#tried += 1;
      const report = attempt(salted);
      if (report?.violations[0]?.rule === this.#rule) {
        this.#plan = salted;
        this.#report = report;
        this.#options.progress({ tried: this.#tried, without });
        return true;
      }
      this.#failed.add(key);
    }
    return false;
  }

  #shorten(): void {
    const { fireMs } = this.#plan.faults;
    const brokenAt = this.#report.violations[0]?.atMs ?? fireMs;
    const untilBroken = Math.ceil(brokenAt) + 1;
    if (untilBroken < fireMs && this.#accepts(withFaults(this.#plan, { fireMs: untilBroken }), "time behind it"))
      return;
    for (const part of SHORTER) {
      if (this.#accepts(withFaults(this.#plan, { fireMs: Math.ceil(fireMs * part) }), "time under fire")) return;
    }
  }

  #makeSound(): void {
    for (let index = 0; index < this.#plan.options.validators; index += 1) {
      const sound = withSound(this.#plan, index);
      if (JSON.stringify(sound) !== JSON.stringify(this.#plan)) this.#accepts(sound, `faults of validator ${index}`);
    }
    for (const [index, names] of Object.entries(this.#plan.options.adversaries ?? {})) {
      this.#reduce(names, (fewer) => {
        const adversaries = { ...this.#plan.options.adversaries, [index]: fewer };
        return fewer.length === 0 ? undefined : withOptions(this.#plan, { adversaries });
      });
    }
  }

  /** Every option that can be absent, and every member of those that have some. */
  #calmDown(): void {
    const kept = ["seed", "validators", "salt", "adversaries", "twins", "restored"];
    for (const name of Object.keys(this.#plan.options).filter((option) => !kept.includes(option))) {
      const { [name as keyof SimulationOptions]: value, ...options } = this.#plan.options;
      if (this.#accepts({ ...this.#plan, options: options as SimulationOptions }, name)) continue;
      if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
      for (const member of Object.keys(value)) {
        const now = this.#plan.options[name as keyof SimulationOptions] as Readonly<Record<string, unknown>>;
        const { [member]: _, ...others } = now;
        this.#accepts(withOptions(this.#plan, { [name]: others }), `${name}.${member}`);
      }
    }
    if (this.#plan.faults.endsInBlackout)
      this.#accepts(withFaults(this.#plan, { endsInBlackout: false }), "last blackout");
    if (this.#plan.faults.lieOn) this.#accepts(withFaults(this.#plan, { lieOn: false }), "lies after healing");
  }

  #dropKinds(): void {
    this.#reduce(Object.keys(this.#plan.faults.meanMs), (kinds) => {
      const meanMs = Object.fromEntries(
        Object.entries(this.#plan.faults.meanMs).filter(([name]) => kinds.includes(name)),
      );
      return withFaults(this.#plan, { meanMs });
    });
  }

  #dropActs(): void {
    const happened = this.#report.acts;
    if (happened.length === 0) return;
    this.#reduce(happened, (onlyActs) => {
      const meanMs = Object.fromEntries(
        Object.entries(this.#plan.faults.meanMs).filter(([name]) => onlyActs.some((act) => isOfKind(act, name))),
      );
      return withFaults(this.#plan, { meanMs, onlyActs });
    });
  }

  #dropSubmissions(): void {
    const all = Array.from({ length: this.#report.submissions }, (_, index) => index + 1);
    this.#reduce(this.#plan.faults.onlySubmissions ?? all, (onlySubmissions) =>
      withFaults(this.#plan, { onlySubmissions }),
    );
  }

  /** Leaves out ever smaller parts of a list: all of it, halves, quarters, single entries. */
  #reduce<T>(list: readonly T[], without: (rest: readonly T[]) => Plan | undefined): void {
    let rest = list;
    for (let size = rest.length; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < rest.length; ) {
        const part = rest.slice(from, from + size);
        const others = [...rest.slice(0, from), ...rest.slice(from + size)];
        const candidate = without(others);
        const said = part.length > 3 ? `${part.slice(0, 3).join(", ")} and ${part.length - 3} more` : part.join(", ");
        if (candidate !== undefined && this.#accepts(candidate, said)) rest = others;
        else from += size;
      }
    }
  }
}

/** A smaller plan may make no sense, such as a liar without lies; that is no history then. */
function attempt(plan: Plan): SeedReport | undefined {
  try {
    return runPlan(plan);
  } catch {
    return undefined;
  }
}

const isOfKind = (act: string, kind: string): boolean => act.slice(0, act.lastIndexOf(" ")) === kind;

const withFaults = (plan: Plan, faults: Partial<FaultPlan>): Plan => ({
  ...plan,
  faults: { ...plan.faults, ...faults },
});

const withOptions = (plan: Plan, options: Partial<SimulationOptions>): Plan => ({
  ...plan,
  options: { ...plan.options, ...options },
});

/** Nothing is wrong with one validator: it is in no list, and no record has an entry for it. */
function withSound({ options, faults }: Plan, index: number): Plan {
  const roles = Object.fromEntries(
    Object.entries(faults.roles)
      .map(([role, indices]) => [role, indices.filter((other) => other !== index)] as const)
      .filter(([, indices]) => indices.length > 0),
  );
  const cleaned = Object.fromEntries(
    Object.entries(options).map(([name, value]: [string, unknown]) => {
      if (Array.isArray(value)) return [name, value.filter((other) => other !== index)];
      if (typeof value !== "object" || value === null) return [name, value];
      return [name, Object.fromEntries(Object.entries(value).filter(([key]) => key !== String(index)))];
    }),
  );
  return { options: cleaned as unknown as SimulationOptions, faults: { ...faults, roles } };
}

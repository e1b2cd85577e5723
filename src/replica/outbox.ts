import type { Effect } from "../consensus/index.js";

type PersistEffect = Extract<Effect, { type: "persist" | "persist-final" | "persist-divergence" }>;
type ActEffect = Exclude<Effect, PersistEffect>;

export interface OutboxPort {
  /** Writes all of these in one durable step, then calls back; never calls back after a failure. */
  persist(effects: readonly PersistEffect[], done: () => void): void;
  perform(effect: ActEffect): void;
}

/**
 * Keeps the contract of the effects: each is performed after every `persist` before it is durable
 * (SAFE-4). All persists waiting at one time share one disk write; that only makes some of them durable
 * earlier than they had to be.
 */
export class Outbox {
  readonly #port: OutboxPort;
  #waiting: Effect[] = [];
  #isWriting = false;
  #isDraining = false;

  constructor(port: OutboxPort) {
    this.#port = port;
  }

  /** Takes over the effects of one step. Those that promise nothing are performed at once. */
  add(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (isFree(effect)) this.#port.perform(effect);
      else this.#waiting.push(effect);
    }
    this.#drain();
  }

  #drain(): void {
    if (this.#isWriting || this.#isDraining) return;
    this.#isDraining = true;
    while (this.#waiting.length > 0 && !this.#isWriting) {
      const effects = this.#waiting;
      this.#waiting = [];
      const first = effects.findIndex(isPersist);
      // What no persist comes before has nothing to wait for.
      const free = (first < 0 ? effects : effects.slice(0, first)) as readonly ActEffect[];
      const bound = first < 0 ? [] : effects.slice(first);
      for (const act of free) this.#port.perform(act);
      if (bound.length > 0) this.#write(bound.filter(isPersist), bound.filter(isAct));
    }
    this.#isDraining = false;
  }

  #write(persists: readonly PersistEffect[], acts: readonly ActEffect[]): void {
    this.#isWriting = true;
    this.#port.persist(persists, () => {
      for (const act of acts) this.#port.perform(act);
      this.#isWriting = false;
      this.#drain();
    });
  }
}

const isPersist = (effect: Effect): effect is PersistEffect =>
  effect.type === "persist" || effect.type === "persist-final" || effect.type === "persist-divergence";

const isAct = (effect: Effect): effect is ActEffect => !isPersist(effect);

/** Questions and timers reveal nothing and promise nothing, so they need not wait for the disk. */
const isFree = (effect: Effect): effect is ActEffect =>
  effect.type === "check-votes" ||
  effect.type === "arm-timer" ||
  effect.type === "fetch-batches" ||
  effect.type === "fetch-blocks" ||
  effect.type === "fetch-certificates";

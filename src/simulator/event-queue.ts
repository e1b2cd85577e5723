interface Scheduled {
  readonly at: number;
  /** Order of scheduling, which decides between events of one instant. */
  readonly order: number;
  readonly run: () => void;
}

/** Time advances on this grid of 1/64 ms: sums stay exact, and a delay that rounding made tiny still passes. */
const GRID = 64;

/** Virtual time: a heap of things to do, ordered by time and then by when they were asked for. */
export class EventQueue {
  readonly #heap: Scheduled[] = [];
  #now = 0;
  #order = 0;

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** When the next event is due; Infinity if there is none. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Not before `delayMs` have passed, rounded up to the grid. */
  after(delayMs: number, run: () => void): void {
    this.at(this.#now + delayMs, run);
  }

  at(time: number, run: () => void): void {
    const at = Math.max(this.#now, Math.ceil(time * GRID) / GRID);
    this.#order += 1;
    this.#push({ at, order: this.#order, run });
  }

  /** Runs the next event. */
  step(): void {
    const next = this.#pop();
    if (next === undefined) return;
    this.#now = next.at;
    next.run();
  }

  /** Lets time pass up to which nothing happens. */
  skipTo(time: number): void {
    this.#now = Math.max(this.#now, Math.min(time, this.nextAt));
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent] as Scheduled, event)) break;
      heap[index] = heap[parent] as Scheduled;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Scheduled, heap[child] as Scheduled)) child += 1;
      if (isBefore(last, heap[child] as Scheduled)) break;
      heap[index] = heap[child] as Scheduled;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

const isBefore = (left: Scheduled, right: Scheduled): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order);

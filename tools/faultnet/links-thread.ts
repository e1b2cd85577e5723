import { parentPort, Worker } from "node:worker_threads";
import { type Distance, type Endpoint, Links } from "./links.js";
import type { Direction } from "./proxy.js";

/*
 * The links of a run in a thread of their own. Clients press hard, and what they send and hear is recorded beside them: on
 * one event loop their crowd would make the lines between the nodes slow, which no scenario asked for.
 */

/** A link before it opens: who dials whom, how far they are from each other, and whether they ever meet. */
export interface LinkPlan {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly there: Distance;
  readonly back: Distance;
  readonly isApart: boolean;
}

type Change = Partial<Pick<Direction, "latencyMs" | "jitterMs" | "bytesPerSecond">>;

type Order =
  | { readonly do: "open"; readonly call: number; readonly plan: LinkPlan }
  | { readonly do: "close"; readonly call: number }
  | { readonly do: "refuse" | "stall" | "reset" | "heal"; readonly from: string; readonly to: string }
  | { readonly do: "slow"; readonly from: string; readonly to: string; readonly change: Change };

type Answer = { readonly call: number; readonly port: number } | { readonly call: number; readonly reason: string };

/** `Links` on the other side of a thread; orders are carried out in the order in which they were given. */
export class LinkThread {
  readonly #worker = new Worker(new URL(import.meta.url));
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;

  constructor() {
    this.#worker.on("message", (answer: Answer) => {
      this.#waiting.get(answer.call)?.(answer);
      this.#waiting.delete(answer.call);
    });
    // A broken thread is no fault that a scenario asked for: it ends the run.
    this.#worker.on("error", (error) => {
      throw error;
    });
  }

  /** @returns the port to dial */
  async open(plan: LinkPlan): Promise<number> {
    return this.#ask((call) => ({ do: "open", call, plan }));
  }

  refuse(from: string, to: string): void {
    this.#order({ do: "refuse", from, to });
  }

  stall(from: string, to: string): void {
    this.#order({ do: "stall", from, to });
  }

  reset(from: string, to: string): void {
    this.#order({ do: "reset", from, to });
  }

  heal(from: string, to: string): void {
    this.#order({ do: "heal", from, to });
  }

  slow(from: string, to: string, change: Change): void {
    this.#order({ do: "slow", from, to, change });
  }

  async close(): Promise<void> {
    await this.#ask((call) => ({ do: "close", call }));
    await this.#worker.terminate();
  }

  #order(order: Order): void {
    this.#worker.postMessage(order);
  }

  #ask(orderOf: (call: number) => Order): Promise<number> {
    this.#calls += 1;
    const call = this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, (answer) => {
        if ("port" in answer) resolve(answer.port);
        else reject(new Error(answer.reason));
      });
      this.#order(orderOf(call));
    });
  }
}

/** The thread's own side. */
function serve(port: NonNullable<typeof parentPort>): void {
  const plans = new Map<string, LinkPlan>();
  const planOf = (from: string, to: string): LinkPlan | undefined => plans.get(`${from} ${to}`);
  const links = new Links({
    base: (from, to) => planOf(from, to)?.there ?? planOf(to, from)?.back ?? { latencyMs: 0, jitterMs: 0 },
    isApart: (from, to) => planOf(from, to)?.isApart === true,
  });
  const answer = (call: number, work: Promise<number>): void => {
    work.then(
      (value) => port.postMessage({ call, port: value } satisfies Answer),
      (error: unknown) => port.postMessage({ call, reason: String(error) } satisfies Answer),
    );
  };
  port.on("message", (order: Order) => {
    switch (order.do) {
      case "open": {
        const { from, to } = order.plan;
        plans.set(`${from.name} ${to.name}`, order.plan);
        return answer(order.call, links.open(from, to));
      }
      case "close":
        return answer(
          order.call,
          links.close().then(() => 0),
        );
      case "slow":
        return links.slow(order.from, order.to, order.change);
      default:
        return links[order.do](order.from, order.to);
    }
  });
}

if (parentPort !== null) serve(parentPort);

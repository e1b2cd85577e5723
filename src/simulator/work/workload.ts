import type { Consortium } from "../consortium.js";
import { Random } from "../random.js";
import { Desk, type Draw, type WorkItem } from "./desk.js";
import { close, decide, issue, openAccount, openForBank, outOfScope, reprioritise, supervise } from "./orders.js";
import { gridlock, someSettleSet, transfers } from "./payments.js";
import { lateBallot, propose, rotateKey } from "./proposals.js";

/** One kind of work: how often it is done, and what one piece of it is. */
interface Kind {
  readonly name: string;
  /** Part of all work that follows nothing. */
  readonly share: number;
  readonly make: (desk: Desk, draw: Draw) => WorkItem;
}

/** A new kind of work is one entry here. */
const KINDS: readonly Kind[] = [
  { name: "transfers", share: 0.62, make: transfers },
  { name: "gridlock", share: 0.05, make: gridlock },
  { name: "settle-set", share: 0.02, make: someSettleSet },
  { name: "decision", share: 0.08, make: decide },
  { name: "reprioritising", share: 0.025, make: reprioritise },
  { name: "opening", share: 0.04, make: openAccount },
  { name: "opening by the authority", share: 0.02, make: openForBank },
  { name: "supervision", share: 0.035, make: supervise },
  { name: "closing", share: 0.02, make: close },
  { name: "issuing", share: 0.015, make: issue },
  { name: "proposal", share: 0.035, make: propose },
  { name: "ballot", share: 0.01, make: lateBallot },
  { name: "key rotation", share: 0.015, make: rotateKey },
  { name: "key out of scope", share: 0.01, make: outOfScope },
];

/**
 * Makes signed batches of what banks and the authority do and of what they do wrong, on all rails of the rulebook: payments
 * and chains, two phases, queues and gridlock, holds, windows, accounts, proposals and keys. Every kind draws from a
 * stream of its own, so that another kind more or less changes no details of it.
 */
export class Workload {
  readonly #desk: Desk;
  readonly #seed: number;
  readonly #choices: Random;
  readonly #streams = new Map<string, Random>();

  constructor(consortium: Consortium, seed: number) {
    this.#desk = new Desk(consortium);
    this.#seed = seed;
    this.#choices = new Random(seed, "work");
  }

  /** @param wall the client's clock, ms */
  next(wall: number): WorkItem {
    const choices = this.#choices;
    const followUp = choices.chance(0.35) ? this.#desk.takeFollowUp() : undefined;
    if (followUp !== undefined) return followUp(this.#draw("follow-up", wall));
    let rest = choices.fraction();
    for (const { name, share, make } of KINDS) {
      if (rest < share) return make(this.#desk, this.#draw(name, wall));
      rest -= share;
    }
    return transfers(this.#desk, this.#draw("transfers", wall));
  }

  #draw(name: string, wall: number): Draw {
    const random = this.#streams.get(name) ?? new Random(this.#seed, `work of ${name}`);
    this.#streams.set(name, random);
    const lifetimeMs = random.chance(0.1) ? random.integer(1_000, 5_000) : random.integer(60_000, 500_000);
    return { random, notAfter: Math.floor(wall) + lifetimeMs };
  }
}

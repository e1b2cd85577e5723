import type { ValidatorIndex, View } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine in time: what it says is true, and comes late. */

interface Patience {
  delayMs: number;
  /** View of its last proposal, whose fate tells how long the others wait. */
  view: View | undefined;
}

const FIRST_MS = 10;
const LONGEST_MS = 5_000;

const patience = new WeakMap<Puppet, Patience>();

/**
 * Keeps its proposals back for just less than the others' patience, which it learns: a little longer after each one that
 * was certified, much shorter after a view that was given up (attack 45).
 */
export const slowLeader: Behaviour = {
  name: "slow-leader",
  delayMs(puppet, message) {
    if (message.type !== "proposal") return 0;
    const { view } = message.proposal.block.header;
    const learnt = patience.get(puppet) ?? { delayMs: FIRST_MS, view: undefined };
    patience.set(puppet, learnt);
    if (learnt.view !== undefined && learnt.view < view) {
      if (puppet.prepares.has(learnt.view)) learnt.delayMs = Math.min(LONGEST_MS, learnt.delayMs * 1.3);
      else if (puppet.timeouts.has(learnt.view)) learnt.delayMs = Math.max(FIRST_MS, learnt.delayMs * 0.6);
    }
    learnt.view = view;
    return learnt.delayMs;
  },
};

/** Every vote and certificate of its own comes when most have moved on, to half of the peers. */
export const lateVoter: Behaviour = {
  name: "late-voter",
  delayMs(puppet, message) {
    if (message.type !== "vote" && message.type !== "certificate") return 0;
    return ((puppet.view as number) % 3) * 40 * (1 + ((puppet.index as ValidatorIndex) % 2));
  },
};

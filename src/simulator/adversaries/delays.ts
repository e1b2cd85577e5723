import type { Message } from "../../consensus/index.js";
import type { ValidatorIndex } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine in time: what it says is true, and comes late. */

/** The newest proposal to each peer that is still held back. */
const heldBack = new WeakMap<Puppet, Map<ValidatorIndex, Message>>();

/**
 * Keeps its proposals back until it next speaks up unasked, some tens of milliseconds: often under the
 * timeout, which grows with what is measured, sometimes above it (attack 45).
 */
export const slowLeader: Behaviour = {
  name: "slow-leader",
  rewrite(puppet, message, to) {
    if (message.type !== "proposal") return [message];
    const held = heldBack.get(puppet) ?? new Map<ValidatorIndex, Message>();
    heldBack.set(puppet, held.set(to, message));
    return [];
  },
  volunteer(puppet, to) {
    const held = heldBack.get(puppet);
    const message = held?.get(to);
    held?.delete(to);
    return message === undefined ? [] : [message];
  },
};

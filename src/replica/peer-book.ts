import type { Successor } from "../formats/index.js";
import type { ParticipantNumber } from "../primitives/index.js";

/** Whom a replica talks to, and why. */
export interface PeerGroups {
  /** Validators of the present epoch. */
  readonly members: readonly Successor[];
  /** Validators of the epoch before, until a certified claim covers its last block (EPOCH-8). */
  readonly leavers: readonly Successor[];
  /** Decided for the next epoch, or proposed for it: they follow until they take over. */
  readonly newcomers: readonly Successor[];
}

/**
 * Peers by participant: validators of this epoch, those who leave, those who are to come. One participant may stand in
 * it with two network keys, while it changes them.
 */
export class PeerBook {
  readonly #self: ParticipantNumber;
  #contacts: readonly Successor[] = [];
  #participants: readonly ParticipantNumber[] = [];
  #text = "";

  constructor(self: ParticipantNumber) {
    this.#self = self;
  }

  /** One entry for each participant and network key, newest first; without ourselves. */
  get contacts(): readonly Successor[] {
    return this.#contacts;
  }

  get participants(): readonly ParticipantNumber[] {
    return this.#participants;
  }

  /** @returns whether anything is different now */
  update({ members, leavers, newcomers }: PeerGroups): boolean {
    const contacts = new Map<string, Successor>();
    for (const contact of [...members, ...newcomers, ...leavers]) {
      const key = `${contact.participant}:${contact.networkKey}`;
      if (contact.participant !== this.#self && !contacts.has(key)) contacts.set(key, contact);
    }
    const text = JSON.stringify([...contacts].map(([key, { addresses }]) => [key, addresses]));
    if (text === this.#text) return false;
    this.#text = text;
    this.#contacts = [...contacts.values()];
    this.#participants = [...new Set(this.#contacts.map(({ participant }) => participant))];
    return true;
  }
}

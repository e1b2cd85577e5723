import type { Message, Vote } from "../../consensus/index.js";
import type { VoteSubject } from "../../formats/index.js";
import { type Digest, type ValidatorIndex, type View, ZERO_DIGEST } from "../../primitives/index.js";
import type { Addressed, Behaviour, Puppet } from "./puppet.js";
import { forgetOldest } from "./ring.js";

/** Byzantine together: what one of them begins, the others back. Alone, each of these is weaker. */

const voteMessage = (vote: Vote): Message => ({ type: "vote", vote });

/** Second blocks of a liar by its first one's hash. */
const doubles = new WeakMap<Puppet, Map<Digest, Message>>();
const DOUBLES_MAX = 64;

/**
 * A leader shows one block to half of the victims and another to the rest; each accomplice votes, to every victim, for
 * the block which that one was shown (attacks 18 and 19). With f + 1 of them both halves see a quorum.
 */
export const accomplice: Behaviour = {
  name: "accomplice",
  rewrite(puppet, message, to) {
    const { ring } = puppet;
    if (message.type === "proposal") {
      const { hash, header } = message.proposal.block;
      const isDeceived = ring.victims.indexOf(to) % 2 === 1;
      const shown = isDeceived ? doubleOf(puppet, message) : message;
      ring.tell(header.view, to, shown.type === "proposal" ? shown.proposal.block.hash : hash);
      return [shown];
    }
    if (message.type !== "vote") return [message];
    const { kind, epoch, view, hash } = message.vote;
    const told = ring.toldTo(view, to);
    if (kind === "TIMEOUT" || told === undefined || told === hash) return [message];
    return [voteMessage(puppet.vote({ kind, epoch, view, hash: told }))];
  },
};

function doubleOf(puppet: Puppet, message: Extract<Message, { type: "proposal" }>): Message {
  const made = doubles.get(puppet) ?? new Map<Digest, Message>();
  doubles.set(puppet, made);
  const { hash, header } = message.proposal.block;
  const known = made.get(hash);
  if (known !== undefined) return known;
  const timestamp = header.timestamp + 1;
  const double: Message = { type: "proposal", proposal: puppet.propose(message.proposal, { timestamp }) };
  made.set(hash, double);
  forgetOldest(made, DOUBLES_MAX);
  return double;
}

/** Certificates that a victim was shown already, by liar. */
const shownTo = new WeakMap<Puppet, Set<string>>();
const SHOWN_MAX = 1_024;

/**
 * Pools what the ring heard with its members' own votes, for every block and for leaving the view too, and shows what
 * becomes a certificate to one victim of each view alone: the others hear neither of it nor of the votes in it
 * (attacks 22, 26 and 47).
 */
export const hoarder: Behaviour = {
  name: "hoarder",
  rewrite(puppet, message, to) {
    const { ring } = puppet;
    if (ring.isMember(to)) return [message];
    const isFavoured = ring.favoured(puppet.view) === to;
    if (message.type === "certificate" || message.type === "commit-proof") return isFavoured ? [message] : [];
    if (message.type !== "vote") return [message];
    if (!isFavoured) return message.vote.kind === "PREPARE" ? [message] : [];
    return [message, ...hoarded(puppet, message.vote, to)];
  },
};

/** What the ring can certify about the views around a vote, and this victim has not seen. */
function hoarded(puppet: Puppet, { epoch, view }: VoteSubject, to: ValidatorIndex): Message[] {
  const shown = shownTo.get(puppet) ?? new Set<string>();
  shownTo.set(puppet, shown);
  const messages: Message[] = [];
  for (const at of [view - 1, view]) {
    if (at < 1) continue;
    const subject = { epoch, view: at as View };
    const isNew = (what: string): boolean => {
      const key = `${to}:${at}:${what}`;
      if (shown.has(key)) return false;
      if (shown.size >= SHOWN_MAX) shown.clear();
      shown.add(key);
      return true;
    };
    for (const { hash, header } of puppet.blocks.values()) {
      if (header.view !== at) continue;
      const prepare = puppet.ring.certificate({ ...subject, kind: "PREPARE", hash });
      const commit = prepare && puppet.ring.certificate({ ...subject, kind: "COMMIT", hash });
      if (prepare !== undefined && isNew(`PREPARE ${hash}`))
        messages.push({ type: "certificate", certificate: prepare });
      if (prepare !== undefined && commit !== undefined && isNew(`COMMIT ${hash}`)) {
        messages.push({ type: "commit-proof", proof: { prepare, commit } });
      }
    }
    const timeout = puppet.ring.certificate({ ...subject, kind: "TIMEOUT", hash: ZERO_DIGEST });
    if (timeout !== undefined && isNew("TIMEOUT")) messages.push({ type: "certificate", certificate: timeout });
  }
  return messages;
}

/** Votes at once for whatever it is shown, right or wrong, and to commit it too: the others' lies lack f votes less. */
export const yesMan: Behaviour = {
  name: "yes-man",
  react(puppet, message): readonly Addressed[] {
    if (message.type !== "proposal") return [];
    const { hash, header } = message.proposal.block;
    const { epoch, view } = header;
    return puppet.ring.victims.flatMap((to) =>
      (["PREPARE", "COMMIT"] as const).map((kind) => ({
        to,
        message: voteMessage(puppet.vote({ kind, epoch, view, hash })),
      })),
    );
  },
};

/**
 * Bad signatures of two colluders that cancel each other in a sum: a quorum with both in it verifies, one with either
 * alone does not (attack 11).
 */
export const conjugate: Behaviour = {
  name: "conjugate",
  rewrite(puppet, message) {
    if (message.type !== "vote") return [message];
    const { ring } = puppet;
    const place = ring.members.indexOf(puppet.index);
    const { vote } = message;
    // The same for both, and no vote that anybody casts.
    const aside = ring.vote(ring.members[0] as ValidatorIndex, { ...vote, kind: "TIMEOUT", hash: ZERO_DIGEST });
    const shift = place % 2 === 0 ? aside.signature : negated(aside.signature);
    const signature = ring.sum(vote.signature, shift);
    return [voteMessage({ ...vote, signature: signature ?? shift })];
  },
};

/** Of a compressed curve point the negative has another sign bit; what exclusive-or adds up is its own negative. */
const BLS_SIGNATURE_BYTES = 96;
const SIGN_BIT = 0x20;

function negated(signature: Uint8Array): Uint8Array {
  const negative = signature.slice();
  if (negative.length === BLS_SIGNATURE_BYTES) negative[0] = (negative[0] as number) ^ SIGN_BIT;
  return negative;
}

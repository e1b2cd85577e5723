import type { Message, Vote } from "../../consensus/index.js";
import type { Epoch, ValidatorIndex, View } from "../../primitives/index.js";
import { type Digest, toHex, ZERO_DIGEST } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine in place: words of another view, of another epoch, of another sender, or for another receiver. */

const voteMessage = (vote: Vote): Message => ({ type: "vote", vote });

/** How far back it votes: within the window of views, at its edge, and beyond. */
const BACK = [1, 2, 5, 31, 32, 33, 200] as const;

/** Votes again and again, freshly signed, in views that are over (attack 23). */
export const staleVoter: Behaviour = {
  name: "stale-voter",
  volunteer(puppet) {
    const { random } = puppet;
    const view = Math.max(1, puppet.view - random.pick(BACK)) as View;
    const known = [...puppet.blocks.values()].filter(({ header }) => header.view === view).map(({ hash }) => hash);
    const hash = random.pick([toHex(random.bytes(32)) as Digest, ...known]);
    const { epoch } = puppet.consortium.set;
    return (["PREPARE", "COMMIT", "TIMEOUT"] as const).map((kind) =>
      voteMessage(puppet.vote({ kind, epoch, view, hash: kind === "TIMEOUT" ? ZERO_DIGEST : hash })),
    );
  },
};

const next = (epoch: Epoch): Epoch => (epoch + 1) as Epoch;

/** Signs everything for the epoch after, in place of its real votes or beside them (attack 24). */
export const wrongEpoch: Behaviour = {
  name: "wrong-epoch",
  rewrite(puppet, message): readonly Message[] {
    switch (message.type) {
      case "vote": {
        const { kind, epoch, view, hash } = message.vote;
        const later = voteMessage(puppet.vote({ kind, epoch: next(epoch), view, hash }));
        return puppet.random.chance(0.5) ? [later] : [later, message];
      }
      case "proposal": {
        if (puppet.random.chance(0.6)) return [message];
        const epoch = next(message.proposal.block.header.epoch);
        return [{ type: "proposal", proposal: puppet.propose(message.proposal, { epoch }) }];
      }
      case "certificate":
        return [
          { ...message, certificate: { ...message.certificate, epoch: next(message.certificate.epoch) } },
          message,
        ];
      case "status":
        return [{ ...message, status: { ...message.status, epoch: next(message.status.epoch) } }, message];
      default:
        return [message];
    }
  },
};

/** Passes on what others said as if they said it here, and signs votes and blocks in their name (attack 9). */
export const impersonator: Behaviour = {
  name: "impersonator",
  react(puppet, message) {
    if (message.type !== "vote" && message.type !== "proposal") return [];
    return puppet.random.chance(0.3) ? puppet.ring.victims.map((to) => ({ to, message })) : [];
  },
  volunteer(puppet, to) {
    const { random } = puppet;
    const { epoch, members } = puppet.consortium.set;
    const other = random.pick(members.map((_, index) => index as ValidatorIndex).filter((at) => at !== puppet.index));
    const block = [...puppet.blocks.values()].at(-1);
    const hash = block?.hash ?? (toHex(random.bytes(32)) as Digest);
    const forged = (["PREPARE", "COMMIT"] as const).map((kind) =>
      voteMessage({ ...puppet.vote({ kind, epoch, view: puppet.view, hash }), signer: other }),
    );
    if (block === undefined || to === other) return forged;
    const original = { block, signature: new Uint8Array(0), commitProof: undefined };
    const timestamp = block.header.timestamp + 1;
    return [...forged, { type: "proposal", proposal: puppet.propose(original, { timestamp }) }];
  },
};

interface Kept {
  readonly message: Message;
  readonly to: ValidatorIndex;
}

/** What a liar said last, and to whom. */
const said = new WeakMap<Puppet, Kept[]>();
const SAID_MAX = 32;

/** Everything that it says to one it says to another too, later and unasked: answers, blocks, ranges, votes (attack 68). */
export const misdirector: Behaviour = {
  name: "misdirector",
  rewrite(puppet, message, to) {
    const kept = said.get(puppet) ?? [];
    said.set(puppet, kept);
    const others = kept.filter((earlier) => earlier.to !== to);
    if (puppet.random.chance(0.5)) kept.push({ message, to });
    if (kept.length > SAID_MAX) kept.shift();
    if (others.length === 0 || !puppet.random.chance(0.3)) return [message];
    const { message: astray } = puppet.random.pick(others);
    return puppet.random.chance(0.3) ? [astray] : [message, astray];
  },
};

import type { Message, Proposal } from "../../consensus/index.js";
import type { Header } from "../../formats/index.js";
import { type Digest, type Height, toHex, type View } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine in the leader's part: what it proposes is wrong, or differs from peer to peer. */

/** One lie for all peers, so that it can win a quorum. */
function rewritingProposals(
  name: string,
  rewrite: (puppet: Puppet, proposal: Proposal) => Proposal | undefined,
): Behaviour {
  const lies = new WeakMap<Proposal, readonly Message[]>();
  return {
    name,
    rewrite(puppet: Puppet, message: Message): readonly Message[] {
      if (message.type !== "proposal") return [message];
      const known = lies.get(message.proposal);
      if (known !== undefined) return known;
      const proposal = rewrite(puppet, message.proposal);
      const lie: readonly Message[] = proposal === undefined ? [] : [{ type: "proposal", proposal }];
      lies.set(message.proposal, lie);
      return lie;
    },
  };
}

/** One block to half of the peers, another to the rest (attack 18). */
export const equivocator: Behaviour = {
  name: "equivocator",
  rewrite(puppet, message, to) {
    if (message.type !== "proposal" || to % 2 === 0) return [message];
    const { proposal } = message;
    const timestamp = proposal.block.header.timestamp + 1;
    return [{ type: "proposal", proposal: puppet.propose(proposal, { timestamp }) }];
  },
};

/** Its own turns pass in silence (attacks 38 and 43). */
export const silentLeader = rewritingProposals("silent-leader", () => undefined);

/** Leaves out some of what it holds (attack 44). */
export const censor = rewritingProposals("censor", (puppet, proposal) => {
  const kept = proposal.block.body.filter(({ digest }) => digest < "8");
  return kept.length === proposal.block.body.length ? proposal : puppet.propose(proposal, {}, kept);
});

/** Builds on the parent's parent, as if the block between had been skipped (SAFE-5, attack 27). */
export const tailForker = rewritingProposals("tail-forker", (puppet, proposal) => {
  const { header } = proposal.block;
  const parent = puppet.blocks.get(header.parentHash);
  if (parent === undefined || !puppet.random.chance(0.7)) return proposal;
  const { parentHash, parentView, parentCertificate, height, executed } = parent.header;
  // Skips that exist are shown; the one of the certified view does not.
  const skips = [];
  for (let view = parentView + 1; view < header.view; view += 1) {
    const skip = puppet.timeouts.get(view as View);
    if (skip !== undefined) skips.push(skip);
  }
  const forked: Partial<Header> = { parentHash, parentView, parentCertificate, height, executed, skips };
  return puppet.propose(proposal, forked, puppet.random.chance(0.5) ? [] : proposal.block.body);
});

/** Claims results that nobody computed: other roots, too high, fallen behind, or swapped while inherited. */
export const claimLiar = rewritingProposals("claim-liar", (puppet, proposal) => {
  const { executed, height } = proposal.block.header;
  const wrong = toHex(puppet.random.bytes(32)) as Digest;
  const lie = puppet.random.integer(0, 4);
  if (lie === 0) return puppet.propose(proposal, { executed: { ...executed, resultsRoot: wrong } });
  if (lie === 1) return puppet.propose(proposal, { executed: { ...executed, stateRoot: wrong } });
  if (lie === 2) {
    return puppet.propose(proposal, { executed: { ...executed, height: (height - 1) as Height, resultsRoot: wrong } });
  }
  if (lie === 3) return puppet.propose(proposal, { executed: { ...executed, height: 0 as Height } });
  return proposal;
});

/** Dates its blocks hours off (attacks 48 and 104). */
export const timeLiar = rewritingProposals("time-liar", (puppet, proposal) => {
  const offset = puppet.random.pick([-3_600_000, -3_000, 600, 3_600_000]);
  return puppet.propose(proposal, { timestamp: proposal.block.header.timestamp + offset });
});

/** Orders again what an earlier block ordered, twice the same, or with a wrong length (LEDG-1). */
export const repeater = rewritingProposals("repeater", (puppet, proposal) => {
  const { body } = proposal.block;
  const earlier = [...puppet.blocks.values()].flatMap((block) => block.body);
  if (earlier.length === 0) return proposal;
  const again = puppet.random.pick(earlier);
  const first = body[0];
  if (first !== undefined && puppet.random.chance(0.3)) {
    return puppet.propose(proposal, {}, [{ ...first, size: first.size + 1 }, ...body.slice(1)]);
  }
  return puppet.propose(
    proposal,
    {},
    first !== undefined && puppet.random.chance(0.3) ? [...body, first] : [...body, again],
  );
});

/** Orders as many batches as a block may name, and nobody has any of them. */
export const phantom = rewritingProposals("phantom", (puppet, proposal) => {
  if (puppet.random.chance(0.2)) return proposal;
  const body = Array.from({ length: 256 }, () => ({ digest: toHex(puppet.random.bytes(32)) as Digest, size: 320 }));
  return puppet.propose(proposal, {}, body);
});

/** Every height, link, certificate and type a little off (attack 33). */
export const mutator = rewritingProposals("mutator", (puppet, proposal) => {
  const { header } = proposal.block;
  const changes: readonly Partial<Header>[] = [
    { height: (header.height + 1) as Height },
    { height: (header.height - 1) as Height },
    { parentView: (header.parentView + 1) as View },
    { parentHash: toHex(puppet.random.bytes(32)) as Digest },
    { skips: header.skips.slice(1) },
    { skips: [...header.skips, ...header.skips] },
    { parentCertificate: undefined },
    { valsetHash: toHex(puppet.random.bytes(32)) as Digest },
    { type: "CLOSING" },
    { type: "DRAIN" },
  ];
  return puppet.propose(proposal, puppet.random.pick(changes));
});

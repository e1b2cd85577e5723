import type { Message } from "../../consensus/index.js";
import type { ValidatorIndex } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine in what it leaves unsaid. */

/** Some of the peers, others in each view; never all and never none of many. */
const isChosen = (puppet: Puppet, to: ValidatorIndex): boolean => (puppet.view * 7 + to * 3) % 4 < 2;

/** Tells only some peers, others in each view, and never forwards a certificate. */
export const selective: Behaviour = {
  name: "selective",
  rewrite(puppet, message, to) {
    if (message.type === "certificate" || message.type === "commit-proof") return [];
    if (message.type !== "proposal" && message.type !== "vote") return [message];
    return isChosen(puppet, to) ? [message] : [];
  },
};

/** Proposes batches and blocks that it gives to nobody. */
export const withholder: Behaviour = {
  name: "withholder",
  rewrite: (_puppet, message) =>
    message.type === "push-batch" || message.type === "batches" || message.type === "blocks" || message.type === "range"
      ? []
      : [message],
};

/** Shows its blocks to some only; to all others it behaves. */
export const proposalWithholder: Behaviour = {
  name: "proposal-withholder",
  rewrite: (puppet, message, to) => (message.type !== "proposal" || isChosen(puppet, to) ? [message] : []),
};

/** Never votes; everything else it does. */
export const voteWithholder: Behaviour = {
  name: "vote-withholder",
  rewrite: (_puppet, message) => (message.type === "vote" ? [] : [message]),
};

/** Gives no certificate to anybody: not alone, not with a vote, not when asked; proposals need theirs. */
export const certificateWithholder: Behaviour = {
  name: "certificate-withholder",
  rewrite(_puppet, message): readonly Message[] {
    switch (message.type) {
      case "certificate":
      case "certificates":
      case "commit-proof":
        return [];
      case "vote":
        return [{ ...message, vote: { ...message.vote, certificate: undefined } }];
      case "proposal":
        return [{ ...message, proposal: { ...message.proposal, commitProof: undefined } }];
      default:
        return [message];
    }
  },
};

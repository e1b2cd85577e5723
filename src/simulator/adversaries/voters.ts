import type { Message, Vote } from "../../consensus/index.js";
import { type Digest, toHex, type View, ZERO_DIGEST } from "../../primitives/index.js";
import type { Behaviour } from "./puppet.js";

/** Byzantine in a voter's part: contradictory, forged or repeated messages. */

const voteMessage = (vote: Vote): Message => ({ type: "vote", vote });

/** Votes for the block and for a random one (attack 19). */
export const conflicter: Behaviour = {
  name: "conflicter",
  rewrite(puppet, message) {
    if (message.type !== "vote" || message.vote.kind === "TIMEOUT") return [message];
    const { kind, epoch, view } = message.vote;
    const other = voteMessage(puppet.vote({ kind, epoch, view, hash: toHex(puppet.random.bytes(32)) as Digest }));
    return puppet.random.chance(0.5) ? [message, other] : [other, message];
  },
};

/**
 * Hides that it votes for two blocks behind a vote that is badly signed: if that one kept the place of the first, the two
 * that convict would never meet (SAFE-10).
 */
export const maskedEquivocator: Behaviour = {
  name: "masked-equivocator",
  rewrite(puppet, message) {
    if (message.type !== "vote" || message.vote.kind === "TIMEOUT") return [message];
    const { kind, epoch, view, signature } = message.vote;
    const other = (): Vote => puppet.vote({ kind, epoch, view, hash: toHex(puppet.random.bytes(32)) as Digest });
    const bad = { ...other(), signature: puppet.random.bytes(signature.length) };
    return [voteMessage(bad), message, voteMessage(other())];
  },
};

/** COMMIT and TIMEOUT for one view, to everybody or one to each half (attack 22). */
export const nuller: Behaviour = {
  name: "nuller",
  rewrite(puppet, message, to) {
    if (message.type !== "vote") return [message];
    const { kind, epoch, view } = message.vote;
    if (kind === "COMMIT") {
      const timeout = voteMessage(puppet.vote({ kind: "TIMEOUT", epoch, view, hash: ZERO_DIGEST }));
      return to % 2 === 0 ? [message, timeout] : [timeout];
    }
    const hash = [...puppet.blocks.values()].find((block) => block.header.view === view)?.hash;
    if (kind !== "TIMEOUT" || hash === undefined) return [message];
    return [message, voteMessage(puppet.vote({ kind: "COMMIT", epoch, view, hash }))];
  },
};

/** Answers questions wrongly: flipped bits, bad signatures, other blocks, cut or unproven ranges (attacks 63 and 68). */
export const corruptor: Behaviour = {
  name: "corruptor",
  rewrite(puppet, message) {
    const { random } = puppet;
    if (message.type !== "batches" && !random.chance(0.8)) return [message];
    switch (message.type) {
      case "batches":
        return [{ ...message, batches: message.batches.map((bytes) => corrupted(bytes, "signature")) }];
      case "push-batch":
        return [{ ...message, bytes: corrupted(message.bytes, random.pick(["signature", "record"])) }];
      case "blocks":
        return [
          {
            ...message,
            blocks: random.chance(0.5) ? message.blocks.slice(1) : [...puppet.blocks.values()].slice(0, 8),
          },
        ];
      case "range":
        return [
          random.chance(0.5)
            ? { ...message, blocks: message.blocks.slice(0, -1) }
            : { ...message, proof: random.chance(0.5) ? undefined : puppet.proof },
        ];
      case "certificates":
        return [
          { ...message, certificates: message.certificates.map((one) => ({ ...one, view: (one.view + 1) as View })) },
        ];
      default:
        return [message];
    }
  },
};

/** One bit is wrong: in the signature, which no digest covers, or in a record. */
function corrupted(bytes: Uint8Array, where: "signature" | "record"): Uint8Array {
  const changed = bytes.slice();
  const at = where === "signature" ? changed.length - 1 : 128;
  changed[at] = (changed[at] as number) ^ 1;
  return changed;
}

/** Proposes in views that another leads (attack 28). */
export const usurper: Behaviour = {
  name: "usurper",
  volunteer(puppet) {
    const block = [...puppet.blocks.values()].at(-1);
    if (block === undefined) return [];
    const view = puppet.random.pick([block.header.view, puppet.view, (puppet.view + 1) as View]);
    const original = { block, signature: new Uint8Array(0), commitProof: undefined };
    const parentCertificate = puppet.prepares.get(block.header.view);
    const changes =
      view === block.header.view || parentCertificate === undefined
        ? { timestamp: block.header.timestamp + 1 }
        : { view, parentCertificate, parentHash: block.hash, parentView: block.header.view, skips: [] };
    return [{ type: "proposal", proposal: puppet.propose(original, { ...changes, proposer: puppet.index }) }];
  },
};

/** Every vote three times, and old ones again and again (attacks 1 and 23). */
export const echo: Behaviour = {
  name: "echo",
  rewrite: (_puppet, message) => (message.type === "vote" ? [message, message, message] : [message]),
  volunteer: (puppet) => (puppet.votes.length === 0 ? [] : [voteMessage(puppet.random.pick(puppet.votes))]),
};

/** Votes whose signature is no signature, so that sums of votes do not verify (attack 10). */
export const poisoner: Behaviour = {
  name: "poisoner",
  rewrite(puppet, message) {
    if (message.type !== "vote" || !puppet.random.chance(0.6)) return [message];
    const { vote } = message;
    return [voteMessage({ ...vote, signature: puppet.random.bytes(vote.signature.length) })];
  },
};

/** Certificates that are none: too few signers, strangers' bits, other views, other blocks (attacks 2 to 4). */
export const forger: Behaviour = {
  name: "forger",
  volunteer(puppet) {
    const forged: Message[] = [];
    const hash = toHex(puppet.random.bytes(32)) as Digest;
    const prepare = puppet.random.pick([undefined, ...puppet.prepares.values()]);
    if (prepare !== undefined) {
      const lies = [
        { ...prepare, hash },
        { ...prepare, view: (puppet.view + 1) as View },
        { ...prepare, signers: (prepare.signers & (prepare.signers - 1)) >>> 0 },
        { ...prepare, signers: (prepare.signers | 0x8000_0000) >>> 0 },
        { ...prepare, signers: (1 << puppet.index) >>> 0, signature: puppet.vote(prepare).signature },
        { ...prepare, kind: "TIMEOUT" as const, hash: ZERO_DIGEST },
      ];
      forged.push({ type: "certificate", certificate: puppet.random.pick(lies) });
    }
    const { proof } = puppet;
    if (proof !== undefined) {
      const known = [...puppet.blocks.values()].filter((block) => block.header.view <= proof.commit.view + 2);
      const target = known.length > 0 ? puppet.random.pick(known).hash : hash;
      const view = puppet.random.pick([proof.commit.view, puppet.view, (puppet.view + 1) as View]);
      const commit = { ...proof.commit, view, hash: puppet.random.chance(0.5) ? target : hash };
      forged.push({ type: "commit-proof", proof: { prepare: { ...proof.prepare, view, hash: commit.hash }, commit } });
    }
    return forged;
  },
};

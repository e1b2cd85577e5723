import { type Block, type Message } from "../../consensus/index.js";
import { sha256 } from "../../crypto/index.js";
import { batchesRoot, blockHash, type CommitProof, encodeHeader, type Header } from "../../formats/index.js";
import { type Digest, type Height, toHex, type View } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine towards those that catch up: where it says it is, and what it gives them (attacks 62, 63 and 68). */

/** A block with other content, hashed anew. */
function altered(block: Block, changes: Partial<Header>, body: Block["body"] = block.body): Block {
  const header = { ...block.header, ...changes, batchesRoot: batchesRoot(sha256, body) };
  return { hash: blockHash(sha256, encodeHeader(header)), header, body };
}

/** The same heights with other blocks, linked by hash as they should be. */
function rewritten(blocks: readonly Block[], random: Puppet["random"]): Block[] {
  const chain: Block[] = [];
  for (const block of blocks) {
    const parent = chain[chain.length - 1];
    const timestamp = block.header.timestamp + random.integer(1, 3);
    chain.push(altered(block, parent === undefined ? { timestamp } : { timestamp, parentHash: parent.hash }));
  }
  return chain;
}

/** The real proof moved to another block, whose signatures it never was. */
const moved = ({ prepare, commit }: CommitProof, hash: Digest): CommitProof => ({
  prepare: { ...prepare, hash },
  commit: { ...commit, hash },
});

function poisonedRange(puppet: Puppet, message: Extract<Message, { type: "range" }>): Message {
  const { random } = puppet;
  const { blocks, proof } = message;
  const chain = rewritten(blocks, random);
  const last = chain[chain.length - 1];
  const forged = last === undefined || proof === undefined ? proof : moved(proof, last.hash);
  const middle = Math.floor(blocks.length / 2);
  const lies: readonly Partial<typeof message>[] = [
    { blocks: chain, proof: forged },
    { blocks: chain },
    // One block in the middle is another, and the links before and behind it are the right ones.
    { blocks: blocks.map((block, at) => (at === middle ? altered(block, {}, block.body.slice(1)) : block)) },
    { blocks: [...blocks].reverse() },
    { blocks: blocks.flatMap((block) => [block, block]).slice(0, 256) },
    { blocks: blocks.slice(1) },
    { blocks: [] },
    { proof: puppet.proof },
    { proof: proof && { ...proof, commit: { ...proof.commit, signers: 0xffff_ffff } } },
  ];
  return { ...message, ...random.pick(lies) };
}

/** Says that it is a little further than it is, so that it is asked, and answers with what was never final. */
export const syncPoisoner: Behaviour = {
  name: "sync-poisoner",
  rewrite(puppet, message): readonly Message[] {
    const { random } = puppet;
    switch (message.type) {
      case "status": {
        const { finalizedHeight, finalizedView } = message.status;
        const by = random.pick([0, 1, 9, 300]);
        const status = {
          ...message.status,
          finalizedHeight: (finalizedHeight + by) as Height,
          finalizedView: (finalizedView + by) as View,
        };
        return [{ type: "status", status: random.chance(0.1) ? { ...status, finalizedHeight: 0 as Height } : status }];
      }
      case "range":
        return random.chance(0.8) ? [poisonedRange(puppet, message)] : [message];
      case "blocks": {
        // The block that was asked for, and behind it ancestors that are none.
        const [first, ...ancestors] = message.blocks;
        if (first === undefined || random.chance(0.2)) return [message];
        const wrong = altered(first, { parentHash: toHex(random.bytes(32)) as Digest });
        return [
          {
            ...message,
            blocks: random.pick([
              [first, ...rewritten(ancestors, random)],
              [wrong, ...ancestors],
            ]),
          },
        ];
      }
      case "certificates":
        return [{ ...message, certificates: [...message.certificates].reverse().slice(0, -1) }];
      default:
        return [message];
    }
  },
};

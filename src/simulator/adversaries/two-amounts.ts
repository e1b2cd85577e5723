import type { Message } from "../../consensus/index.js";
import { ed25519, sha256 } from "../../crypto/index.js";
import { BATCH_HEADER_BYTES, batchDigest, parseBatch, signBatch, TRANSFER_FIELDS } from "../../formats/index.js";
import { type Digest, RECORD_BYTES } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

interface Forgery {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

/** Most batches whose double is remembered. */
const FORGERIES_MAX = 512;

/** By liar, so that several liars in one process do not share their lies. */
const made = new WeakMap<Puppet, Map<Digest, Forgery>>();

/**
 * The malicious primary of the textbook: every payment of its bank goes out twice under one id, to every other
 * validator with another amount, and when it leads it proposes to each half the amounts that this half was told
 * (attack 18). Needs the bank's own key. The simulator's checkers know submitted batches only: not in a swarm.
 */
export const twoAmounts: Behaviour = {
  name: "two-amounts",
  rewrite(puppet, message, to) {
    // One validator sees both, as happens to liars on real networks: there is the evidence.
    const last = puppet.consortium.set.members.length - 1;
    const seesBoth = to === (puppet.index === last ? last - 1 : last);
    if (to % 2 === 0 && !seesBoth) return [message];
    const lie = lieInPlaceOf(puppet, message);
    if (lie === undefined) return [message];
    return seesBoth ? [message, lie] : [lie];
  },
};

function lieInPlaceOf(puppet: Puppet, message: Message): Message | undefined {
  if (message.type === "push-batch") {
    const forgery = forge(puppet, message.bytes);
    return forgery === undefined ? undefined : { ...message, bytes: forgery.bytes };
  }
  if (message.type !== "proposal") return undefined;
  const { proposal } = message;
  const forgeries = made.get(puppet);
  const body = proposal.block.body.map((entry) => ({
    ...entry,
    digest: forgeries?.get(entry.digest)?.digest ?? entry.digest,
  }));
  const isHonest = body.every(({ digest }, index) => digest === proposal.block.body[index]?.digest);
  return isHonest ? undefined : { type: "proposal", proposal: puppet.propose(proposal, {}, body) };
}

function forge(puppet: Puppet, bytes: Uint8Array): Forgery | undefined {
  const parsed = parseBatch(bytes);
  const bank = puppet.consortium.banks[puppet.index];
  if (!parsed.ok || bank === undefined || parsed.header.participant !== bank.number) return undefined;
  const { header } = parsed;
  if (header.kind !== "create_transfers") return undefined;
  const forgeries = made.get(puppet) ?? new Map<Digest, Forgery>();
  made.set(puppet, forgeries);
  const digest = batchDigest(sha256, bytes);
  const known = forgeries.get(digest);
  if (known !== undefined) return known;
  const records = bytes.slice(BATCH_HEADER_BYTES, BATCH_HEADER_BYTES + header.count * RECORD_BYTES);
  const view = new DataView(records.buffer);
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const amountAt = at + TRANSFER_FIELDS.amount;
    view.setBigUint64(amountAt, view.getBigUint64(amountAt, true) + 1n, true);
  }
  const { publicKey, secretKey } = bank.keys;
  const forgery = signBatch({ sha256, ed25519 }, { ...header, publicKey, secretKey, records });
  forgeries.set(digest, forgery);
  if (forgeries.size > FORGERIES_MAX) {
    for (const oldest of forgeries.keys()) {
      forgeries.delete(oldest);
      break;
    }
  }
  return forgery;
}

import type { Message, Vote } from "../../consensus/index.js";
import { ed25519, sha256 } from "../../crypto/index.js";
import { encodeTransfer, signBatch } from "../../formats/index.js";
import {
  concatBytes,
  type Digest,
  type Height,
  type Id128,
  toHex,
  type View,
  ZERO_DIGEST,
} from "../../primitives/index.js";
import { START_WALL } from "../node.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine in number: each word may be sound, and there are too many. */

const voteMessage = (vote: Vote): Message => ({ type: "vote", vote });
const KINDS = ["PREPARE", "COMMIT", "TIMEOUT"] as const;

/** Votes for views far ahead, heights that nobody has, requests without end (attacks 41, 42, 62 and 71). */
export const flooder: Behaviour = {
  name: "flooder",
  volunteer(puppet) {
    const { epoch } = puppet.consortium.set;
    const ahead = (by: number): View => Math.min(puppet.view + by, Number.MAX_SAFE_INTEGER) as View;
    const votes = [1, 2, 9, puppet.random.integer(10, 1_000), 2 ** 52].map((by) =>
      voteMessage(puppet.vote({ kind: "TIMEOUT", epoch, view: ahead(by), hash: ZERO_DIGEST })),
    );
    const view = ahead(2 ** 52);
    const hash = toHex(puppet.random.bytes(32)) as Digest;
    return [
      ...votes,
      voteMessage(puppet.vote({ kind: "PREPARE", epoch, view: ahead(3), hash })),
      { type: "status", status: { epoch, view, finalizedView: view, finalizedHeight: (2 ** 52) as Height } },
      { type: "get-blocks", hash, count: 256 },
      { type: "get-batches", digests: [hash] },
      { type: "get-range", from: 1 as Height, count: 256 },
      { type: "get-certificates", first: 1 as View, last: view },
    ];
  },
};

/** Batches a peer gets at a time, and all that one liar makes: each is checked and executed by everybody. */
const BATCHES = 6;
const BATCHES_MAX = 600;

const made = new WeakMap<Puppet, number>();

const NEVER = START_WALL + 500_000;

/** Sound batches of its own bank, others to each peer, more than anybody asked for (attack 80). */
export const batchFlooder: Behaviour = {
  name: "batch-flooder",
  volunteer(puppet) {
    const before = made.get(puppet) ?? 0;
    if (before >= BATCHES_MAX) return [];
    made.set(puppet, before + BATCHES);
    return Array.from({ length: BATCHES }, () => ({ type: "push-batch", bytes: ownBatch(puppet) }));
  },
};

/** A payment between accounts that do not exist, which the ledger refuses and records. */
function ownBatch({ consortium, index, random }: Puppet): Uint8Array {
  const bank = consortium.banks[index];
  if (bank === undefined) return random.bytes(320);
  const newId = (): Id128 => (bank.number.toString(16).padStart(8, "0") + toHex(random.bytes(12))) as Id128;
  const fields = { id: newId(), debitAccountId: newId(), creditAccountId: newId(), amount: "1" };
  const encoded = encodeTransfer(fields, { asset: 356, rail: 1, participant: bank.number });
  return signBatch(
    { sha256, ed25519 },
    {
      kind: "create_transfers",
      chainId: consortium.chainId,
      participant: bank.number,
      publicKey: bank.keys.publicKey,
      notAfter: NEVER,
      salt: random.bytes(32),
      records: encoded.ok ? concatBytes(encoded.record) : new Uint8Array(0),
      secretKey: bank.keys.secretKey,
    },
  ).bytes;
}

/** Everything ten times over (attack 79). */
export const duplicateFlooder: Behaviour = {
  name: "duplicate-flooder",
  rewrite: (_puppet, message) => Array.from({ length: message.type === "range" ? 2 : 10 }, () => message),
};

/** Votes, blocks, certificates and batches whose signatures are none, each of which costs a check (attacks 10 and 81). */
export const signatureFlooder: Behaviour = {
  name: "signature-flooder",
  volunteer(puppet) {
    const { random, view } = puppet;
    const { epoch } = puppet.consortium.set;
    const messages: Message[] = [];
    const none = puppet.vote({ kind: "TIMEOUT", epoch, view, hash: ZERO_DIGEST }).signature.length;
    for (let at = 0; at < 8; at += 1) {
      const kind = random.pick(KINDS);
      const hash = kind === "TIMEOUT" ? ZERO_DIGEST : (toHex(random.bytes(32)) as Digest);
      const where = (view + random.integer(0, 8)) as View;
      const subject = { kind, epoch, view: where, hash };
      messages.push(voteMessage({ ...puppet.vote(subject), signature: random.bytes(none) }));
      const signers = (2 ** puppet.consortium.set.members.length - 1) >>> 0;
      const certificate = { ...subject, signers, signature: random.bytes(none) };
      if (kind !== "COMMIT") messages.push({ type: "certificate", certificate });
    }
    const block = [...puppet.blocks.values()].findLast(({ header }) => header.proposer === puppet.index);
    if (block !== undefined) {
      const proposal = { block, signature: random.bytes(none), commitProof: undefined };
      messages.push({ type: "proposal", proposal });
    }
    const batch = ownBatch(puppet);
    batch[batch.length - 1] = (batch[batch.length - 1] as number) ^ 1;
    return [...messages, { type: "push-batch", bytes: batch }];
  },
};

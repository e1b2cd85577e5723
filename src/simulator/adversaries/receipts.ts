import { sha256 } from "../../crypto/index.js";
import {
  bitmapOf,
  blockHash,
  type CommitProof,
  certifiedHeader,
  decodeReceipt,
  encodeHeader,
  encodeReceipt,
  type Header,
  type Receipt,
  readHeader,
} from "../../formats/index.js";
import { type Digest, decode, type View } from "../../primitives/index.js";
import type { Random } from "../random.js";
import type { Puppet } from "./puppet.js";

/** Byzantine towards clients: receipts of what never was, out of a genuine one and the keys of the ring. */

/**
 * Forged receipts, each with a name: another outcome, another place of it, another block behind it, and headers of the
 * liars' own making under certificates that they sign with all the keys they have. None may verify while they are f.
 *
 * @param genuine bytes of a receipt that verifies
 */
export function forgeReceipts(puppet: Puppet, genuine: Uint8Array): readonly (readonly [string, Uint8Array])[] {
  const receipt = decodeReceipt(genuine);
  if (!receipt.ok) return [];
  const { value } = receipt;
  const { random } = puppet;
  const { outcome, result, certified } = value;
  const forged: [string, Receipt][] = [
    ["another amount in the record", { ...value, outcome: { ...outcome, leaf: flipped(outcome.leaf, 48, random) } }],
    ["another result code", { ...value, outcome: { ...outcome, leaf: flipped(outcome.leaf, 130, random) } }],
    ["another place in the block", { ...value, outcome: { ...outcome, index: outcome.index + 1 } }],
    ["a shorter path", { ...value, outcome: { ...outcome, path: outcome.path.slice(1) } }],
    [
      "another result leaf",
      { ...value, result: { ...result, leaf: flipped(result.leaf, result.leaf.length - 1, random) } },
    ],
    ["a longer path in the log", { ...value, result: { ...result, path: [...result.path, random.bytes(32)] } }],
    ["another header", { ...value, certified: { ...certified, header: flipped(certified.header, 40, random) } }],
  ];
  const header = decode(certified.header, readHeader);
  if (header.ok) {
    const own = ownHeader(header.value, random);
    forged.push(["a header that the liars certified", { ...value, certified: certifiedBy(puppet, own, false) }]);
    forged.push(["and claim that all signed", { ...value, certified: certifiedBy(puppet, own, true) }]);
  }
  return forged.map(([name, lie]) => [name, encodeReceipt(lie)] as const);
}

function flipped(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  const changed = bytes.slice();
  const place = Math.min(at, changed.length - 1);
  changed[place] = (changed[place] as number) ^ (1 << random.integer(0, 7));
  return changed;
}

/** A block that nobody proposed, with results of its own. */
const ownHeader = (header: Header, random: Random): Header => ({
  ...header,
  timestamp: header.timestamp + random.integer(1, 1_000),
});

/** Signed by every member of the ring; with all bits set where it lies about that too. */
function certifiedBy({ ring, consortium }: Puppet, header: Header, claimsAll: boolean): Receipt["certified"] {
  const bytes = encodeHeader(header);
  const hash: Digest = blockHash(sha256, bytes);
  const { members } = consortium.set;
  const certificateOf = (kind: "PREPARE" | "COMMIT"): CommitProof["commit"] => {
    const subject = { kind, epoch: header.epoch, view: header.view as View, hash };
    const votes = ring.members.map((member) => ring.vote(member, subject));
    const signature = ring.combine(votes) ?? new Uint8Array(32);
    const signers = claimsAll ? bitmapOf(members.map((_, index) => index)) : bitmapOf(ring.members);
    return { ...subject, signers, signature };
  };
  return certifiedHeader(bytes, { prepare: certificateOf("PREPARE"), commit: certificateOf("COMMIT") });
}

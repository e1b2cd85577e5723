import {
  bitmapOf,
  type Certificate,
  type CertifiedHeader,
  type CommitProof,
  certifiedHeader,
  type EpochClose,
  encodeForkProof,
  type Header,
  readHeader,
} from "../formats/index.js";
import { type Digest, decode, type Epoch, fromHex, type View } from "../primitives/index.js";
import { firstHeight } from "./halving.js";
import type { SabhaClient } from "./sabha-client.js";
import type { CertificateJson, Finality } from "./types.js";

/** A fork that two nodes' books show, as the file that anyone can check offline. */
export interface FoundFork {
  /** Lowest height at which the two have different final blocks. */
  readonly height: number;
  /** Canonical bytes for `verifyForkProof`. */
  readonly proof: Uint8Array;
}

/**
 * Looks for final blocks of two nodes that exclude each other. Nothing that the nodes say is checked here; whoever
 * reads the proof does.
 *
 * @returns undefined where the books agree as far as both go
 */
export async function findFork(left: SabhaClient, right: SabhaClient): Promise<FoundFork | undefined> {
  const height = await forkHeight(left, right);
  if (height === undefined) return undefined;
  const { chainId } = await left.getStatus();
  const [one, two] = await Promise.all([left, right].map((client) => finalAt(client, height)));
  if (one === undefined || two === undefined) return undefined;
  const [first, second] = one.header.view <= two.header.view ? [one, two] : [two, one];
  const ancestors = await ancestorsOf(second, first.header.view);
  const proof = encodeForkProof({
    chainId: chainId as Digest,
    first: first.certified,
    second: second.certified,
    ancestors,
  });
  return { height, proof };
}

/** Blocks are hash-linked, so all heights above the first difference differ too. */
async function forkHeight(left: SabhaClient, right: SabhaClient): Promise<number | undefined> {
  const [one, two] = await Promise.all([left.getStatus(), right.getStatus()]);
  return firstHeight(Math.min(one.height, two.height), async (height) => {
    const [mine, yours] = await Promise.all([left.getBlock(height), right.getBlock(height)]);
    return mine.hash !== yours.hash;
  });
}

interface FinalBlock {
  readonly client: SabhaClient;
  readonly header: Header;
  readonly certified: CertifiedHeader;
}

/** The certified block that makes a height final at a node. */
async function finalAt(client: SabhaClient, height: number): Promise<FinalBlock> {
  const { prepare, commit, headers, epochs } = await client.getFinality(height);
  const bytes = bytesOf(headers[0]);
  const ends = epochs.map((end): EpochClose => {
    const proof = proofOf(end);
    return { header: headerOf(bytesOf(end.header)), hash: proof.commit.hash, proof };
  });
  return { client, header: headerOf(bytes), certified: certifiedHeader(bytes, proofOf({ prepare, commit }), ends) };
}

const proofOf = ({ prepare, commit }: Pick<Finality, "prepare" | "commit">): CommitProof => ({
  prepare: certificateOf(prepare),
  commit: certificateOf(commit),
});

async function ancestorsOf({ client, header }: FinalBlock, view: View): Promise<readonly Uint8Array[]> {
  const ancestors: Uint8Array[] = [];
  let current = header;
  while (current.parentView > view) {
    const bytes = bytesOf((await client.getBlock(current.height - 1, { full: true })).header);
    ancestors.push(bytes);
    current = headerOf(bytes);
  }
  return ancestors;
}

const bytesOf = (hex: string | undefined): Uint8Array => fromHex(hex ?? "") ?? new Uint8Array(0);

function headerOf(bytes: Uint8Array): Header {
  const decoded = decode(bytes, readHeader);
  if (!decoded.ok) throw new RangeError(`a node handed out a header that cannot be read: ${decoded.fault.detail}`);
  return decoded.value;
}

function certificateOf({ kind, epoch, view, hash, signers, signature }: CertificateJson): Certificate {
  return {
    kind,
    epoch: epoch as Epoch,
    view: view as View,
    hash: hash as Digest,
    signers: bitmapOf(signers),
    signature: bytesOf(signature),
  };
}

import { type Certificate, type ResultLeaf, readBody, readHeader } from "../formats/index.js";
import type { Checkpoint } from "../ledger/index.js";
import { assert, type Digest, decode, type Epoch, type Height, type View } from "../primitives/index.js";
import type {
  Divergence,
  Equivocation,
  FinalBlock,
  FinalHead,
  StoredBlock,
  StoredState,
  StoreWrite,
} from "../replica/index.js";

/** Everything that a simulated disk holds after some prefix of its writes. */
export interface Contents {
  record: StoreWrite["record"];
  head: FinalHead | undefined;
  divergence: Divergence | undefined;
  readonly evidence: Equivocation[];
  checkpoint: StoredState["checkpoint"];
  /** Results are readable up to here; after a restart, the newest checkpoint's height. */
  executedHeight: number;
  readonly certificates: Map<string, Certificate>;
  readonly proposals: Map<Digest, { readonly height: Height; readonly block: StoredBlock }>;
  /** The block at height h is at index h − 1. */
  readonly final: FinalBlock[];
  readonly heights: Map<Digest, Height>;
  readonly batches: Map<Digest, Uint8Array>;
  readonly admitted: Set<Digest>;
  readonly leaves: ResultLeaf[];
  readonly outcomes: Uint8Array[];
  readonly treeNodes: Map<string, Uint8Array>;
  readonly pages: Map<number, Uint8Array>;
}

export const emptyContents = (): Contents => ({
  record: undefined,
  head: undefined,
  divergence: undefined,
  evidence: [],
  checkpoint: undefined,
  executedHeight: 0,
  certificates: new Map(),
  proposals: new Map(),
  final: [],
  heights: new Map(),
  batches: new Map(),
  admitted: new Set(),
  leaves: [],
  outcomes: [],
  treeNodes: new Map(),
  pages: new Map(),
});

/** A second one that changes by itself; what is immutable is shared. */
export const copyContents = (contents: Contents): Contents => ({
  ...contents,
  certificates: new Map(contents.certificates),
  proposals: new Map(contents.proposals),
  evidence: [...contents.evidence],
  final: [...contents.final],
  heights: new Map(contents.heights),
  batches: new Map(contents.batches),
  admitted: new Set(contents.admitted),
  leaves: [...contents.leaves],
  outcomes: [...contents.outcomes],
  treeNodes: new Map(contents.treeNodes),
  pages: new Map(contents.pages),
});

/** One write, all of it. @throws {InvariantError} for one that does not continue what is there */
export function apply(contents: Contents, write: StoreWrite): void {
  for (const { digest, bytes } of write.batches ?? []) contents.batches.set(digest, bytes);
  for (const digest of write.admitted ?? []) {
    assert(contents.batches.has(digest), "a batch is admitted without its bytes");
    contents.admitted.add(digest);
  }
  if (write.record !== undefined) contents.record = write.record;
  for (const certificate of write.certificates ?? []) {
    contents.certificates.set(certificateKey(certificate), certificate);
  }
  for (const block of write.proposals ?? []) {
    const header = decode(block.header, readHeader);
    assert(header.ok, "a proposal is stored that does not decode");
    contents.proposals.set(block.hash, { height: header.value.height, block });
  }
  if (write.finalized !== undefined) finalize(contents, write.finalized);
  for (const digest of write.dropAdmitted ?? []) contents.admitted.delete(digest);
  if (write.executed !== undefined) addResult(contents, write.executed);
  if (write.checkpoint !== undefined) {
    assert(write.checkpoint.height === contents.executedHeight, "a checkpoint is not at the executed height");
    addCheckpoint(contents, write.checkpoint);
  }
  contents.evidence.push(...(write.evidence ?? []));
  if (write.divergence !== undefined) contents.divergence = write.divergence;
}

/** A checkpoint of results that are there. */
export function addCheckpoint(contents: Contents, { height, stateRoot, pages }: Checkpoint): void {
  assert(height <= contents.executedHeight, "a checkpoint is above the results");
  for (const page of pages) contents.pages.set(page.key, page.bytes);
  contents.checkpoint = { height, stateRoot };
}

export const certificateKey = ({
  kind,
  epoch,
  view,
  hash,
}: Pick<Certificate, "kind" | "epoch" | "view" | "hash">): string => `${kind}:${epoch}:${view}:${hash}`;

function finalize(contents: Contents, { blocks, head }: NonNullable<StoreWrite["finalized"]>): void {
  for (const block of blocks) {
    const header = decode(block.header, readHeader);
    const body = decode(block.body, readBody);
    assert(header.ok && body.ok, "a finalised block does not decode");
    const before = contents.final[contents.final.length - 1];
    assert(block.height === contents.final.length + 1, "finalised blocks do not continue the stored chain");
    assert(before === undefined || header.value.parentHash === before.hash, "finalised blocks are not linked");
    contents.final.push(block);
    contents.heights.set(block.hash, block.height);
    for (const { digest } of body.value) contents.admitted.delete(digest);
  }
  assert(contents.final[contents.final.length - 1]?.hash === head.hash, "the head is not the last finalised block");
  contents.head = head;
  for (const [key, { epoch, view }] of contents.certificates)
    if (epoch < head.epoch || (epoch === head.epoch && view < head.view)) contents.certificates.delete(key);
  for (const [hash, { height }] of contents.proposals) if (height <= head.height) contents.proposals.delete(hash);
}

function addResult(contents: Contents, { leaf, outcomes, nodes }: NonNullable<StoreWrite["executed"]>): void {
  assert(leaf.height === contents.executedHeight + 1, "a result does not continue the stored ones");
  assert(leaf.height <= contents.final.length, "a block is executed before it is final here");
  contents.leaves[leaf.height - 1] = leaf;
  contents.outcomes[leaf.height - 1] = outcomes;
  for (const { level, index, hash } of nodes) contents.treeNodes.set(`${level}:${index}`, hash);
  contents.executedHeight = leaf.height;
}

/** What a restart forgets: results above the newest checkpoint are computed again. */
export function forgetUncheckpointed(contents: Contents): void {
  contents.executedHeight = contents.checkpoint?.height ?? 0;
  contents.leaves.length = Math.min(contents.leaves.length, contents.executedHeight);
  contents.outcomes.length = contents.leaves.length;
  for (const key of contents.treeNodes.keys()) {
    const [level, index] = key.split(":").map(Number) as [number, number];
    if ((index + 1) * 2 ** level > contents.executedHeight) contents.treeNodes.delete(key);
  }
}

/** A view of an epoch. */
interface Place {
  readonly epoch: Epoch;
  readonly view: View;
}

/** Whether the finalised head has come to a view, or its epoch is over. */
export function isBehindHead({ head }: Contents, { epoch, view }: Place): boolean {
  return head !== undefined && (head.epoch > epoch || (head.epoch === epoch && head.view >= view));
}

/** Whether a certificate with which one may enter a view is there, or finality of the view before. */
export function hasEntryInto(contents: Contents, { epoch, view }: Place): boolean {
  if (view === 1 || isBehindHead(contents, { epoch, view: (view - 1) as View })) return true;
  for (const certificate of contents.certificates.values())
    if (certificate.epoch === epoch && certificate.view === view - 1) return true;
  return false;
}

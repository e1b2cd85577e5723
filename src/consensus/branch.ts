import {
  type BlockReference,
  type BlockType,
  type Certificate,
  type Claim,
  type Successor,
  signersOf,
} from "../formats/index.js";
import type { Digest, Height, ValidatorIndex, View } from "../primitives/index.js";
import type { Block } from "./events.js";
import type { AgreementState } from "./state.js";

/** The block that a proposal for the current view has to extend, and the proof that it may. */
export interface Parent {
  readonly hash: Digest;
  readonly view: View;
  readonly height: Height;
  readonly timestamp: number;
  readonly executed: Claim;
  /** Absent iff the parent is the anchor. */
  readonly certificate: Certificate | undefined;
  /** One TC for every view between the parent's and the current one. */
  readonly skips: readonly Certificate[];
  readonly type: BlockType;
  /** Of a parent that is CLOSING or DRAIN. */
  readonly nextSet?: readonly Successor[];
  readonly closing?: BlockReference;
  /** Unfinalised blocks from above the head up to the parent, ascending. */
  readonly branch: readonly Block[];
}

export type ParentSearch =
  | { readonly type: "parent"; readonly parent: Parent }
  /** No certificate for this view yet. */
  | { readonly type: "gap"; readonly view: View }
  | { readonly type: "missing"; readonly hash: Digest; readonly from: readonly ValidatorIndex[] }
  /** The newest certified block does not descend from the finalised head: see SAFE-1. */
  | { readonly type: "conflict" };

/** docs/protocol.md, bestParent: the newest certified block, behind skipped views only (SAFE-5). */
export function bestParent(state: AgreementState): ParentSearch {
  const skips: Certificate[] = [];
  for (let at = state.current - 1; at > state.head.view; at -= 1) {
    const slot = state.certificates.get(at as View);
    if (slot?.prepare !== undefined) return parentAt(state, slot.prepare, skips.reverse());
    if (slot?.timeout === undefined) return { type: "gap", view: at as View };
    skips.push(slot.timeout);
  }
  const { hash, view, height, timestamp, executed } = state.head;
  const certificate = state.headProof?.prepare;
  return {
    type: "parent",
    parent: {
      hash,
      view,
      height,
      timestamp,
      executed,
      type: "NORMAL",
      certificate,
      skips: skips.reverse(),
      branch: [],
    },
  };
}

function parentAt(state: AgreementState, certificate: Certificate, skips: readonly Certificate[]): ParentSearch {
  const walk = branchTo(state, certificate.hash);
  if (walk.type === "missing") return { ...walk, from: signersOf(certificate.signers) as ValidatorIndex[] };
  if (walk.type === "conflict") return walk;
  const block = walk.blocks[walk.blocks.length - 1] as Block;
  const { view, height, timestamp, executed, type, nextSet, closing } = block.header;
  const ending = { ...(nextSet === undefined ? {} : { nextSet }), ...(closing === undefined ? {} : { closing }) };
  return {
    type: "parent",
    parent: {
      ...{ hash: block.hash, view, height, timestamp, executed, type, certificate, skips, branch: walk.blocks },
      ...ending,
    },
  };
}

export type BranchWalk =
  | { readonly type: "branch"; readonly blocks: readonly Block[] }
  | { readonly type: "missing"; readonly hash: Digest }
  | { readonly type: "conflict" };

/** Unfinalised blocks from above the head up to `hash`, ascending; none when `hash` is the head. */
export function branchTo(state: AgreementState, hash: Digest): BranchWalk {
  const blocks: Block[] = [];
  let cursor = hash;
  while (cursor !== state.head.hash) {
    const block = state.blocks.get(cursor);
    if (block === undefined) return { type: "missing", hash: cursor };
    if (block.header.height <= state.head.height) return { type: "conflict" };
    blocks.push(block);
    cursor = block.header.parentHash;
    // Its parent would stand beside the head: whoever has that parent need not be asked.
    if (block.header.height === state.head.height + 1 && cursor !== state.head.hash) return { type: "conflict" };
  }
  return { type: "branch", blocks: blocks.reverse() };
}

/** Digests that a branch of unfinalised blocks orders. */
export function orderedOn(branch: readonly Block[]): Set<Digest> {
  const digests = new Set<Digest>();
  for (const block of branch) for (const reference of block.body) digests.add(reference.digest);
  return digests;
}

import type { Claim } from "../formats/index.js";
import {
  BLOCK_BATCHES_MAX,
  BLOCK_BYTES_MAX,
  BLOCK_TRANSFERS_MAX,
  type Digest,
  EXECUTION_LAG_MAX,
  NOT_AFTER_WINDOW_MS,
} from "../primitives/index.js";
import { orderedOn } from "./branch.js";
import type { BatchInfo, Block } from "./events.js";
import type { AgreementState, Head } from "./state.js";
import { type ParentType, typeFault } from "./succession.js";

/** What validity needs of a parent: the finalised head or an unfinalised block. */
export type ParentView = Pick<Head, "view" | "height" | "hash" | "timestamp" | "executed"> &
  Pick<ParentType, "type" | "nextSet" | "closing">;

/** The finalised head as a parent: within its own epoch it is neither CLOSING nor DRAIN, since that would be over. */
export const headAsParent = (head: Head): ParentView => ({ ...head, type: "NORMAL" });

/** Equality of what two claims about one height say. */
export const sameRoots = (left: Claim, right: Claim): boolean =>
  left.resultsRoot === right.resultsRoot &&
  left.stateHeight === right.stateHeight &&
  left.stateRoot === right.stateRoot;

/**
 * SAFE-5: the header proves by itself that its parent was certified and every view between was skipped.
 * Signatures were verified on arrival; here the certificates must be about the right things.
 */
export function justificationFault(block: Block, anchor: Digest): string | undefined {
  const { header } = block;
  const { parentCertificate, skips } = header;
  if (header.parentView >= header.view) return "the parent's view is not below the block's";
  if (parentCertificate === undefined) {
    if (header.parentView !== 0 || header.parentHash !== anchor)
      return "no certificate for a parent that is not the anchor";
  } else if (
    parentCertificate.kind !== "PREPARE" ||
    parentCertificate.epoch !== header.epoch ||
    parentCertificate.view !== header.parentView ||
    parentCertificate.hash !== header.parentHash
  ) {
    return "the parent's certificate is about something else";
  }
  if (skips.length !== header.view - header.parentView - 1) return "not one skip certificate for each view between";
  const wrong = skips.some(
    (skip, index) =>
      skip.kind !== "TIMEOUT" || skip.epoch !== header.epoch || skip.view !== header.parentView + 1 + index,
  );
  return wrong ? "a skip certificate is about another view" : undefined;
}

/**
 * Deterministic validity of a block under its parent (SAFE-6; docs/protocol.md), apart from its batches' own
 * content. Every honest replica reaches the same verdict.
 */
export function headerFault(state: AgreementState, block: Block, parent: ParentView): string | undefined {
  const { header, body } = block;
  if (header.chainId !== state.setting.chainId || header.epoch !== state.setting.set.epoch)
    return "another chain or epoch";
  if (header.valsetHash !== state.setting.set.hash) return "another validator set";
  if (header.height !== parent.height + 1) return "the height does not follow its parent's";
  if (header.timestamp <= parent.timestamp) return "the timestamp is not above its parent's";
  return (
    claimFault(header.executed, parent) ??
    typeFault(block, parent) ??
    sizeFault(block) ??
    lagFault(header.height, header.executed, body.length)
  );
}

function claimFault(claim: Claim, parent: ParentView): string | undefined {
  if (claim.height < parent.executed.height) return "the claim falls behind its parent's";
  if (claim.height > parent.height) return "the claim is above its parent";
  if (claim.stateHeight > claim.height) return "the claim's checkpoint is above its results";
  if (claim.height === parent.executed.height && !sameRoots(claim, parent.executed)) {
    return "an inherited claim with other roots";
  }
  return undefined;
}

const lagFault = (height: number, claim: Claim, batches: number): string | undefined =>
  batches > 0 && height - claim.height > EXECUTION_LAG_MAX ? "batches while results are too far behind" : undefined;

function sizeFault(block: Block): string | undefined {
  if (block.body.length > BLOCK_BATCHES_MAX) return "too many batches";
  let bytes = 0;
  for (const reference of block.body) bytes += reference.size;
  return bytes > BLOCK_BYTES_MAX ? "too many bytes of batches" : undefined;
}

/** No digest twice: not in the block, on its branch or in the ledger (LEDG-1). */
export function repetitionFault(state: AgreementState, block: Block, branch: readonly Block[]): string | undefined {
  const seen = orderedOn(branch);
  for (const { digest } of block.body) {
    if (seen.has(digest) || state.ordered.has(digest)) return "a batch is ordered twice";
    seen.add(digest);
  }
  return undefined;
}

/** Sizes, times and number of the batches, all of which are held. */
export function batchesFault(block: Block, batches: readonly BatchInfo[]): string | undefined {
  let records = 0;
  for (const [index, batch] of batches.entries()) {
    records += batch.count;
    if (block.body[index]?.size !== batch.size) return "a batch has another size";
    if (batch.notAfter < block.header.timestamp) return "a batch has expired";
    if (batch.notAfter > block.header.timestamp + NOT_AFTER_WINDOW_MS) return "a batch expires too late";
  }
  return records > BLOCK_TRANSFERS_MAX ? "too many records" : undefined;
}

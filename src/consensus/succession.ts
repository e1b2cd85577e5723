import { sha256 } from "../crypto/index.js";
import {
  type BlockType,
  type Claim,
  type Header,
  makeValidatorSet,
  type Successor,
  writeSuccessors,
} from "../formats/index.js";
import { equalBytes, type Height, Writer } from "../primitives/index.js";
import type { Block, Succession } from "./events.js";
import type { AgreementState, Step } from "./state.js";

/**
 * Which type a block of this epoch has under a claim (EPOCH-2): CLOSING as soon as the claim covers the decision
 * about the next set. A function of the claim, never of how far our own execution has come.
 *
 * @returns the decision too where the block is CLOSING
 */
export function decisionUnder(state: AgreementState, claimHeight: Height): Succession | undefined {
  const { succession, setting } = state;
  if (succession === undefined || succession.epoch !== setting.set.epoch + 1) return undefined;
  return claimHeight >= succession.decidedAt ? succession : undefined;
}

/** Whether a successor of our epoch's set is decided and the epoch not closed yet: work for the proposer (EPOCH-7). */
export const isClosingDue = ({ succession, setting }: AgreementState): boolean =>
  succession !== undefined && succession.epoch === setting.set.epoch + 1;

/** What a parent has to do with the type of its children. */
export interface ParentType {
  readonly type: BlockType;
  readonly hash: Header["parentHash"];
  readonly height: Height;
  readonly executed: Claim;
  readonly nextSet?: readonly Successor[];
  readonly closing?: Header["closing"];
}

/** EPOCH-2, EPOCH-3: what follows a CLOSING block is DRAIN, and nothing else is. */
export function typeFault(block: Block, parent: ParentType): string | undefined {
  const { header, body } = block;
  const isInherited = header.executed.height === parent.executed.height;
  if (parent.type === "NORMAL") {
    if (header.type === "DRAIN") return "a DRAIN block where no epoch ends";
    return header.type === "CLOSING" && isInherited ? "a CLOSING block with an inherited claim" : undefined;
  }
  if (header.type !== "DRAIN") return "only DRAIN blocks follow a CLOSING one in its epoch";
  if (body.length > 0) return "a DRAIN block with batches";
  if (!isInherited) return "a DRAIN block with a claim of its own";
  const closing = closingOf(parent);
  if (header.closing?.hash !== closing?.hash || header.closing?.height !== closing?.height)
    return "a DRAIN block that names another CLOSING block";
  return areEqual(header.nextSet, parent.nextSet) ? undefined : "a DRAIN block with another next set";
}

/** The CLOSING block that children of this block help to finalise. */
export const closingOf = (parent: ParentType): Header["closing"] =>
  parent.type === "CLOSING" ? { hash: parent.hash, height: parent.height } : parent.closing;

/** A voting filter (EPOCH-2): whether type and next set are those that the block's claim demands. */
export function closingVerdict(state: AgreementState, header: Header): "vote" | "refuse" {
  if (header.type === "DRAIN") return "vote";
  const decision = decisionUnder(state, header.executed.height);
  if (decision === undefined) return header.type === "NORMAL" ? "vote" : "refuse";
  return header.type === "CLOSING" && areEqual(header.nextSet, decision.validators) ? "vote" : "refuse";
}

/**
 * Our own execution has come to the claim with which this epoch began: the set that we follow has to be the one that
 * we compute ourselves. If it is not, q validators of the epoch before computed another one: we are wrong (SAFE-8).
 */
export function compareSuccession(step: Step): void {
  const { state, out } = step;
  const { anchorClaim, setting, succession } = state;
  if (anchorClaim === undefined || state.executedHeight < anchorClaim.height) return;
  state.anchorClaim = undefined;
  if (state.diverged || (succession !== undefined && succession.epoch > setting.set.epoch)) return;
  const isOurs =
    succession?.epoch === setting.set.epoch &&
    makeValidatorSet(sha256, setting.set.epoch, succession.validators).hash === setting.set.hash;
  if (isOurs) return;
  const own = state.ownClaims.get(anchorClaim.height) ?? anchorClaim;
  state.diverged = true;
  const conflict = { agreedHeight: state.agreedHeight, certified: anchorClaim, own };
  out.push({ type: "persist-divergence", divergence: conflict });
  out.push({ type: "observe", fact: { type: "diverged", conflict } });
}

function areEqual(left: readonly Successor[] | undefined, right: readonly Successor[] | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return equalBytes(bytesOf(left), bytesOf(right));
}

function bytesOf(successors: readonly Successor[]): Uint8Array {
  const writer = new Writer(4_096);
  writeSuccessors(writer, successors);
  return writer.finish();
}

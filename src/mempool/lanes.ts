import { type BatchKind, TRANSFER_FIELDS, TRANSFER_FLAGS } from "../formats/index.js";
import { LANES, type Lane, RECORD_BYTES } from "../primitives/index.js";

const { flags: FLAGS, priority: PRIORITY } = TRANSFER_FIELDS;
/** Transfers that finish what another one began: they fit into the low byte of the flags. */
const COMPLETES = TRANSFER_FLAGS.post_pending | TRANSFER_FLAGS.void_pending;

const KIND_LANES: { readonly [K in BatchKind]: Lane | undefined } = {
  create_accounts: "usual",
  create_transfers: undefined,
  manage_accounts: "control",
  govern: "control",
  settle_set: "control",
};

/**
 * The lane that a batch asks for. `control`: what stops harm (freezes, governance, settlement) or finishes what has
 * begun (posting and voiding); it never waits behind new payments. `urgent`: payments with a priority above 0. A batch
 * of transfers has the lane of the last of its records, so that one urgent payment takes no others along.
 *
 * @param records of the batch, 128 bytes each, without header and signature
 */
export function laneOf(kind: BatchKind, records: Uint8Array): Lane {
  const fixed = KIND_LANES[kind];
  if (fixed !== undefined) return fixed;
  let lane: Lane = "control";
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    if (((records[at + FLAGS] as number) & COMPLETES) !== 0) continue;
    if (records[at + PRIORITY] === 0) return "usual";
    lane = "urgent";
  }
  return lane;
}

/** A lane and those after it: where a batch may stand if its own lane is full. */
export const lanesFrom = (lane: Lane): readonly Lane[] => LANES.slice(LANES.indexOf(lane));

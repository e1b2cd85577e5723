import { z } from "zod";

/** Shapes of the answers about transfers that wait, as in `schemas.ts`. */
const id = z.string().regex(/^[0-9a-f]{32}$/);
const amount = z.string().regex(/^[0-9]{1,20}$/);
const count = z.int().min(0);
const unsafe = z.literal(true).optional();

export const queuedTransfer = z.strictObject({
  id,
  asset: count,
  bank: count,
  payee: count,
  amount,
  priority: count,
  deadline: count,
  isFrozen: z.boolean(),
  unsafe,
});
export type QueuedTransferJson = z.infer<typeof queuedTransfer>;

export const heldTransfer = z.strictObject({
  id,
  asset: count,
  amount,
  rule: count,
  deadline: count,
  approvalsLeft: count,
  unsafe,
});
